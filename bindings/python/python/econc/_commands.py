"""The commands of econc, carried out in this process."""

from __future__ import annotations

import pathlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable, Optional, Union

from . import _native
from ._errors import CertificateError, EconError, EconWarning
from ._run import Place, Run, result_of

#: A value of a parameter or a setting: a number, a word or expression of the language, a truth value, or for settings a list.
Value = Union[bool, int, float, str, Sequence[Any]]
#: Called with steps done, steps in all (0: not known), what a step is called, and what else there is to say.
Progress = Callable[[int, int, str, str], object]
PathLike = Union[str, pathlib.Path]


def text_of(value: Value) -> str:
    """A value as it is typed behind ``NAME=``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(text_of(v) for v in value) + "]"
    if hasattr(value, "item"):
        value = value.item()
    # The shortest text that gives the same number again.
    return repr(value)


def flat(settings: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Names and values as typed; ``{"grid": {"k": "log(800)"}}`` is ``grid.k=log(800)``."""
    out: dict[str, str] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping):
            out.update(flat(value, f"{prefix}{name}."))
        else:
            out[prefix + name] = text_of(value)
    return out


def words_of(option: str, settings: Mapping[str, str]) -> list[str]:
    """``option NAME=VALUE`` for each."""
    return [w for name, value in settings.items() for w in (option, f"{name}={value}")]


def told(progress: Union[None, bool, Progress, Any]) -> Optional[Progress]:
    """What reports progress: a function of (done, of, unit, message), a tqdm class or bar, or ``True`` for tqdm's own bar."""
    if progress is None or progress is False:
        return None
    if progress is True:
        from tqdm.auto import tqdm

        progress = tqdm
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


def command(words: Sequence[str], progress: Union[None, bool, Progress, Any] = None) -> tuple[int, str, str]:
    """Exit status, standard output and messages of a command line, without the program's name."""
    return _native.command([str(w) for w in words], told(progress))


def asked(
    words: Iterable[str],
    *,
    out: Optional[PathLike] = None,
    force: bool = False,
    seed: Optional[int] = None,
    threads: Optional[int] = None,
    memory: Union[None, int, str] = None,
    checkpoint: Optional[float] = None,
    progress: Union[None, bool, Progress, Any] = None,
    lent: Optional[_native.Lent] = None,
) -> Run:
    """A command that leaves a run."""
    place = Place(out)
    line = [*words, "--json", "--out", str(place.path)]
    for option, value in (("--seed", seed), ("--threads", threads), ("--memory", memory), ("--checkpoint", checkpoint)):
        if value is not None:
            line += [option, str(value)]
    if force:
        line.append("--force")
    status, printed, said = command(line, progress)
    if lent is not None:
        lent.check()
    result = result_of(printed)
    directory = result.get("directory")
    run = Run(directory, result, place) if directory and pathlib.Path(directory).exists() else None
    if status != 0 or run is None:
        raise failure(said, result, run)
    warn(result.get("diagnostics", []), said)
    return run


def failure(said: str, result: Mapping[str, Any], run: Optional[Run]) -> EconError:
    """The exception of a command that failed."""
    messages = list(result.get("diagnostics", []))
    errors = [d for d in messages if str(d.get("severity", "")).lower() == "error"]
    held = bool(errors) and all(d.get("code") == "E0985" for d in errors)
    text = said.strip() or "\n".join(in_words(d) for d in messages) or "the command failed"
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
        raise EconError(said or printed)
    return printed


def templates() -> dict[str, str]:
    """The models that come with econc: texts by name. ``load(name)`` reads one."""
    return _native.templates()


def compare(first: Union[Run, PathLike], second: Union[Run, PathLike], *, out: Optional[PathLike] = None) -> Run:
    """Two runs side by side."""
    return asked(["compare", str(pathlib.Path(first)), str(pathlib.Path(second))], out=out)


def reproduce(
    exercise: str, *, out: Optional[PathLike] = None, threads: Optional[int] = None,
    progress: Union[None, bool, Progress, Any] = None, engine: Optional[str] = None,
) -> Run:
    """An exercise beside published and exact numbers; ``engine="ray"`` runs it on another machine of a Ray cluster."""
    if engine in (None, "local"):
        return asked(["reproduce", exercise], out=out, threads=threads, progress=progress)
    from ._engine import reproduced_on

    return reproduced_on(exercise, engine, out)


