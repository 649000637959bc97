"""The commands of econc, carried out in this process."""

from __future__ import annotations

import json
import math
import numbers
import pathlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

from . import _native
from ._errors import CertificateError, EconError, EconWarning, needed, of_text
from ._run import Folder, Place, Run, absolute, read, result_of

if TYPE_CHECKING:
    import pandas as pd

#: A value of a parameter or a setting: a number, a word or expression of the language, a truth value, or for settings a list.
Value = Union[bool, int, float, str, Sequence[Any]]
#: Called with steps done, steps in all (0: not known), what a step is called, and what else there is to say.
Progress = Callable[[int, int, str, str], object]
PathLike = Union[str, pathlib.Path]
#: What reports progress: a function (:data:`Progress`), a bar or the class of bars of tqdm, or True for tqdm's own bar.
Watch = Union[None, bool, Progress, Any]
#: Seeds: a number, ``"1..5"``, ``"1,3"``, or numbers.
Seeds = Union[int, str, Iterable[int]]
#: Options that every command understands, by the names that methods give them.
COMMON = ("seed", "threads", "memory", "checkpoint", "out", "force", "progress")


def text_of(value: Any) -> str:
    """A value as it is typed behind ``NAME=``.

    Raises ``TypeError`` and ``ValueError`` for what cannot be typed.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(text_of(v) for v in value) + "]"
    if isinstance(value, numbers.Integral):
        return str(int(value))
    if isinstance(value, numbers.Real) or hasattr(value, "as_tuple"):
        if math.isnan(value):
            raise ValueError("a value that is not a number (nan) was given")
        # The shortest text that gives the same number again.
        return repr(float(value))
    raise TypeError(f"{value!r} is no value: give a number, a text, a truth value or a list of these")


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Names and values as typed; ``{"grid": {"k": "log(800)"}}`` is ``grid.k=log(800)``."""
    out: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            out.update(flat(value, f"{prefix}{name}."))
        else:
            try:
                out[prefix + name] = text_of(value)
            except (TypeError, ValueError) as why:
                raise type(why)(f"{prefix}{name}: {why}") from None
    return out


def words_of(option: str, settings: Mapping[str, str]) -> list[str]:
    """``option NAME=VALUE`` for each."""
    return [w for name, value in settings.items() for w in (option, f"{name}={value}")]


def common_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that every command understands, among the arguments of a method."""
    return {name: given[name] for name in COMMON if name in given}


def options_of(given: Mapping[str, Any], *names: str) -> list[str]:
    """``--name VALUE`` for each of ``names`` that was given; runs stand by their directories."""
    words = [(name, given.get(name)) for name in names]
    return [w for name, value in words if value is not None for w in (f"--{name.replace('_', '-')}", typed(value))]


def flags_of(given: Mapping[str, Any], *names: str) -> list[str]:
    """``--name`` for each of ``names`` that is true."""
    return [f"--{name.replace('_', '-')}" for name in names if given.get(name)]


def typed(value: Any) -> str:
    """A word of a command line: a run stands by its directory."""
    return str(pathlib.Path(value)) if isinstance(value, (Run, pathlib.Path)) else str(value)


def seeds_of(seeds: Optional[Seeds]) -> list[str]:
    """The option ``--seeds``."""
    if seeds is None:
        return []
    return ["--seeds", seeds if isinstance(seeds, str) else ",".join(str(s) for s in numbers_of(seeds))]


def numbers_of(seeds: Seeds) -> list[int]:
    """Seeds one by one.

    Raises ``ValueError`` where they are none.
    """
    try:
        if isinstance(seeds, str):
            lo, dots, hi = seeds.partition("..")
            out = list(range(int(lo), int(hi) + 1)) if dots else [int(s) for s in seeds.split(",")]
        else:
            listed = [seeds] if isinstance(seeds, numbers.Integral) else list(seeds)  # type: ignore[arg-type]
            out = [int(s) for s in listed if isinstance(s, numbers.Integral) or fails(s)]
    except (TypeError, ValueError):
        raise ValueError(f"{seeds!r} names no seeds: write \"1..5\", [1, 2, 3] or 7") from None
    if not out or min(out) < 0:
        raise ValueError(f"{seeds!r} names no seed: write \"1..5\", [1, 2, 3] or 7")
    return out


def fails(seed: Any) -> bool:
    """Raises ``TypeError``: it is no whole number."""
    raise TypeError(seed)


def told(progress: Watch) -> Optional[Progress]:
    """What reports progress: a function of (done, of, unit, message), a tqdm class or bar, or ``True`` for tqdm's own bar."""
    if progress is None or progress is False:
        return None
    if progress is True:
        progress = needed("tqdm.auto", "notebooks").tqdm
    if isinstance(progress, type) and hasattr(progress, "update"):
        progress = progress(total=0)
    if hasattr(progress, "update") and hasattr(progress, "n"):
        bar: Any = progress

        def show(done: int, of: int, unit: str, message: str) -> None:
            bar.total = of or None
            bar.n = done
            bar.unit = unit
            bar.set_postfix_str(message, refresh=False)
            bar.refresh()

        return show
    if callable(progress):
        function: Progress = progress
        return function
    raise TypeError("progress is a function of (done, of, unit, message), a tqdm bar, or True")


def command(
    words: Sequence[str], progress: Watch = None, elsewhere: Any = None
) -> tuple[int, str, str]:
    """Exit status, standard output and messages of a command line, without the program's name."""
    return _native.command([str(w) for w in words], told(progress), elsewhere)


def line_of(
    words: Iterable[str],
    *,
    out: Optional[PathLike] = None,
    force: bool = False,
    seed: Optional[int] = None,
    threads: Optional[int] = None,
    memory: Union[None, int, str] = None,
    checkpoint: Optional[float] = None,
) -> list[str]:
    """A command line whose result is read by programs."""
    line = [*words, "--json", *(["--force"] if force else [])]
    return line + options_of(locals(), "out", "seed", "threads", "memory", "checkpoint")


def asked(
    words: Iterable[str],
    *,
    out: Optional[PathLike] = None,
    progress: Watch = None,
    lent: Sequence[_native.Lent] = (),
    elsewhere: Any = None,
    resumed: bool = False,
    **common: Any,
) -> Run:
    """A command that leaves a run: in ``out``, or in a directory that goes with the run; ``resumed`` where it stands already. ``lent`` are
    policies of Python that are played, ``elsewhere`` does the pieces of a search.

    Raises what a policy raised; ``EconError`` where the command fails.
    """
    place = None if resumed else Place(out)
    line = line_of(words, out=None if place is None else place.path, **common)
    try:
        status, printed, said = command(line, progress, elsewhere)
    except BaseException as why:
        left_at(why, place, out)
        raise
    for one in lent:
        one.check()
    result = result_of(printed)
    directory = result.get("directory")
    run = Run(directory, result, place) if directory and pathlib.Path(directory).exists() else None
    if place is not None and out is None and status != 0 and run is None and str(place.path) in said:
        said += "\n = note: that directory was temporary, and is gone: with out=.. it stays"
    if status != 0 or run is None:
        raise failure(said, result, run)
    warn(result.get("diagnostics", []), said)
    return run


def left_at(why: BaseException, place: Optional[Place], out: Optional[PathLike]) -> None:
    """Says of work that was stopped where it stands."""
    if place is None:
        return
    left = sorted(place.path.parent.glob(f"{place.path.name}.partial*"))
    if not left:
        return
    said = (
        "what was done is gone: with out=.. it stays, and econc.resume goes on with it" if out is None
        else f"what was done stands in {left[-1]}: econc.resume({str(place.path)!r}) goes on with it"
    )
    if hasattr(why, "add_note"):
        why.add_note(said)
    if isinstance(why, KeyboardInterrupt) and not why.args:
        why.args = (said,)


def failure(said: str, result: Mapping[str, Any], run: Optional[Run]) -> EconError:
    """The exception of a command that failed."""
    messages = list(result.get("diagnostics", [])) or of_text(said)
    errors = [d for d in messages if str(d.get("severity", "")).lower() == "error"]
    # A solution or policy was found, and is handed over as one that does not hold.
    judged = [c for c in result.get("certificate", []) if c.get("pass") is False]
    held = run is not None and (bool(judged) or (bool(errors) and all(d.get("code") == "E0985" for d in errors)))
    text = said.strip()
    unsaid = [d for d in errors if str(d.get("code")) not in text]
    text = "\n".join([text, *(in_words(d) for d in unsaid)]).strip() or "the command failed"
    return (CertificateError if held else EconError)(text, messages, run)


def warn(messages: Iterable[Mapping[str, Any]], said: str) -> None:
    """Warnings of econc as warnings of Python."""
    for d in messages:
        if str(d.get("severity", "")).lower() == "warning":
            warnings.warn(in_words(d), EconWarning, stacklevel=5)


def in_words(d: Mapping[str, Any]) -> str:
    """A message that points at no line of the file."""
    notes = "".join(f"\n = {n}" for n in d.get("notes", []))
    hint = f"\n = hint: {d['hint']}" if d.get("hint") else ""
    return f"{d.get('code')}: {d.get('headline')}{notes}{hint}"


def explain(code: str) -> str:
    """What the code of a message means: ``explain("E0201")``."""
    status, printed, said = command(["explain", code])
    if status != 0:
        raise failure(said or printed, {}, None)
    return printed


def templates() -> dict[str, str]:
    """The models that come with econc: texts by name. ``load(name)`` reads one."""
    return _native.templates()


class Comparison:
    """Two runs side by side: what was asked differently, every number of both, how far policies and values lie apart."""

    def __init__(self, result: Mapping[str, Any], frame: pd.DataFrame):
        #: What ``econc compare --json`` prints.
        self.result = dict(result)
        #: A row a number: ``table``, ``name``, ``of it``, ``first``, ``second``, ``change``, ``in %``, in the units of the file.
        self.frame = frame

    @property
    def asked(self) -> pd.DataFrame:
        """What was asked differently: ``what``, ``first``, ``second``, as text."""
        found: pd.DataFrame = needed("pandas", "frames").DataFrame(self.result.get("tables", {}).get("asked", {}))
        return found

    def __repr__(self) -> str:
        return f"{self.asked.to_string(index=False)}\n\n{self.frame.to_string(index=False)}"

    def _repr_html_(self) -> str:
        return str(self.asked.to_html(index=False) + self.frame.to_html(index=False))


def compare(first: Union[Run, PathLike], second: Union[Run, PathLike], *, out: Optional[PathLike] = None) -> Comparison:
    """Two runs, or directories of runs, side by side; ``out`` also writes the numbers as CSV.

    Raises ``EconError`` (E0954) where one is no run, ``FileExistsError`` where ``out`` is there already. Needs pandas.
    """
    pandas = needed("pandas", "frames")
    if out is not None and absolute(out).exists():
        raise FileExistsError(f"{out} is there already: name another file")
    folder = Folder()
    file = folder.path / "compared.csv"
    line = ["compare", typed(read(first).directory), typed(read(second).directory)]
    status, printed, said = command(line_of(line, out=file))
    result = result_of(printed)
    if status != 0:
        raise failure(said, result, None)
    if out is not None:
        absolute(out).write_bytes(file.read_bytes())
    return Comparison(result, pandas.read_csv(file))


def resume(
    directory: PathLike, *, threads: Optional[int] = None, memory: Union[None, int, str] = None,
    checkpoint: Optional[float] = None, progress: Watch = None,
) -> Run:
    """Goes on with a run that was stopped (Ctrl-C, a kill, a full disk), to the same bytes as if it had not been. ``directory`` is what was
    given as ``out``, or the directory that stands beside it.

    Raises ``EconError`` (E0953, E0954) where there is nothing to go on with.
    """
    path = absolute(directory)
    if not (path / "manifest.ron").exists():
        left = [p for p in path.parent.glob(f"{path.name}.*") if (p / "manifest.ron").exists()]
        found = max(left, key=lambda p: (p / "manifest.ron").stat().st_mtime, default=path)
    else:
        found = path
    action = json.loads(_native.manifest(str(found)))["action"]
    return asked(
        [action, "--resume", str(found)], resumed=True, progress=progress, threads=threads, memory=memory, checkpoint=checkpoint
    )


def reproduce(
    exercise: str, *, long: bool = False, out: Optional[PathLike] = None, threads: Optional[int] = None,
    progress: Watch = None, engine: Optional[str] = None,
) -> Run:
    """An exercise beside published and exact numbers, ``long`` at the size of the published ones; ``engine="ray"`` runs it on another machine
    of a Ray cluster.

    Raises ``EconError`` where a number does not agree (``error.run`` then has the table) or there is no such exercise (E0962).
    """
    if out is not None and (place := absolute(out)).exists():
        earlier = place.is_dir() and (any(place.glob("*/manifest.ron")) or not any(place.iterdir()))
        if not earlier:
            raise FileExistsError(f"{out} holds other things than runs of an exercise: name another directory")
    if engine in (None, "local"):
        words = ["reproduce", exercise, *(["--long"] if long else [])]
        return asked(words, out=out, threads=threads, progress=progress)
    from ._engine import reproduced_on

    return reproduced_on(exercise, long, engine, out, progress)
