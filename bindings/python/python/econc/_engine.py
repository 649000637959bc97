"""The same work on many points, seeds, trials or exercises: in this process, or as tasks of a Ray cluster.

A task is one parameter point, one seed, one trial or one exercise; of a search it is one seed of one trial in one rung. It gets the text of
the model and the runs that it reads, works in a directory of its own and hands back the files of its run, which are written where the caller
is: the bytes are those of one machine (but for the manifest, which says when the run was made and how long it took). Ray does the rest: where
tasks run, and that those of a node that is lost are done again.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import pathlib
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union, overload

from . import _commands as commands
from . import _native
from ._commands import PathLike, Seeds, Watch, common_of, flat, line_of, numbers_of
from ._errors import CertificateError, EconError, EconWarning, needed
from ._model import Model, load
from ._run import Folder, Run, absolute, files_of, read, result_of, write_files

if TYPE_CHECKING:
    import pandas as pd

#: What is handed back of a task: files by name, result, message of an error and its diagnostics.
Done = tuple[dict[str, bytes], dict[str, Any], Optional[str], list[dict[str, Any]]]
#: Keys of `.options(...)` of a Ray task that keep a task going where its node is lost.
RETRY = {"max_retries": -1, "num_cpus": 1}
#: What a sweep can do at each of its points.
ACTIONS = ("solve", "simulate", "steady_state", "irf", "train", "verify")


class Sweep:
    """Runs over points, seeds, trials or exercises: ``sweep[0]`` is the first, ``len(sweep)`` how many there are."""

    def __init__(self, points: list[dict[str, Any]], runs: list[Run], errors: list[Optional[EconError]], place: Any):
        #: What was set in each run: a dictionary a run.
        self.points = points
        #: The runs, in the order of the points; a failed one says so by its ``status``.
        self.runs = runs
        #: Why a run failed, or None: an entry a run.
        self.errors = errors
        self._place = place

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, number: int) -> Run:
        return self.runs[number]

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    def __repr__(self) -> str:
        failed = sum(e is not None for e in self.errors)
        return f"<econc.Sweep of {len(self)} runs{f', {failed} failed' if failed else ''}>"

    @property
    def frame(self) -> pd.DataFrame:
        """A row a run: what was set, how it ended, what its certificate measured, the code of its error."""
        rows = []
        for point, run, error in zip(self.points, self.runs, self.errors):
            row: dict[str, Any] = {**point, "status": run.status}
            # Titles may carry a number of their own, "best constant share (0.17)".
            row.update({re.sub(r" \([-+.\de ]+\)$", "", c["name"]): c["measured"] for c in run.result.get("certificate", [])})
            row["error"] = None if error is None else error.code
            rows.append(row)
        found: pd.DataFrame = needed("pandas", "frames").DataFrame(rows)
        return found

    def table(self, name: str) -> pd.DataFrame:
        """A table of all runs that have it (``moments``, ``steady_state``, ..), one below the other, with what was set in front.

        Raises ``KeyError`` where no run has it.
        """
        frames = [run.table(name).assign(**point) for point, run in zip(self.points, self.runs) if name in run.tables]
        if not frames:
            raise KeyError(f"no run has a table {name!r}: there are {', '.join(sorted({t for r in self.runs for t in r.tables}))}")
        found: pd.DataFrame = needed("pandas", "frames").concat(frames, ignore_index=True)
        set_ = [c for c in self.points[0] if c in found.columns]
        return found[set_ + [c for c in found.columns if c not in set_]]

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False))

    def raise_if_failed(self) -> Sweep:
        """Raises the first error, if there is one; else the sweep itself."""
        for error in self.errors:
            if error is not None:
                raise error
        return self


def _same_version(version: str) -> None:
    if version != _native.version:
        raise RuntimeError(f"econc {_native.version} is installed where a task runs, and econc {version} where it was asked for")


def _model_of(state: Any) -> Model:
    model = Model.__new__(Model)
    model.__setstate__(state)
    return model


def _task(version: str, action: str, state: Any, words: Mapping[str, Any]) -> Done:
    """One task: ``state`` is that of a model (or the name of an exercise)."""
    _same_version(version)
    folder = Folder("econc-task-")
    out = folder.path / "run"
    try:
        if action == "reproduce":
            run = commands.reproduce(str(state), out=out, **words)
        else:
            run = getattr(_model_of(state), action)(out=out, **words)
        error = None
    except EconError as why:
        error, found = why, why.run
        if found is None:
            return {}, {"status": "failed", "passes": False}, error.message, error.diagnostics
        run = found
    result = {k: v for k, v in run.result.items() if k != "directory"}
    said = None if error is None else error.message
    return files_of(run.directory), result, said, [] if error is None else error.diagnostics


def _written(done: Done, place: pathlib.Path, keep: Any) -> tuple[Run, Optional[EconError]]:
    """The run of a task, where the caller is; ``keep`` is what holds its directory."""
    files, result, said, diagnostics = done
    failed = result.get("status") == "failed"
    target = place.with_name(place.name + ".failed") if failed and files else place
    write_files(files, target)
    run = Run(target, {**result, "directory": str(target)}, keep)
    if said is None:
        return run, None
    return run, commands.failure(said, {**result, "diagnostics": diagnostics}, run if files else None)


def _shipped(value: Any) -> Any:
    """What a task is told, where directories of runs may not be seen from its machine: runs travel as their files."""
    if isinstance(value, Mapping):
        return {k: _shipped(v) for k, v in value.items()}
    if isinstance(value, (str, pathlib.Path)) and (pathlib.Path(value) / "manifest.ron").is_file():
        return read(value)
    return value


def _ray() -> Any:
    """Ray, on the cluster that the caller chose, or else on this machine."""
    ray = needed("ray", "ray")
    if not ray.is_initialized():
        ray.init()
    return ray


def _got(ray: Any, task: Any) -> Any:
    """What a task gave; raises what it raised."""
    try:
        return ray.get(task)
    except ray.exceptions.RayTaskError as why:
        raise (why.cause if isinstance(why.cause, Exception) else why) from None


def _on(engine: Optional[str]) -> bool:
    """Whether the engine is another than this process.

    Raises ``ValueError`` for one that there is not.
    """
    if engine not in (None, "local", "ray"):
        raise ValueError(f"engine is \"local\" or \"ray\", not {engine!r}")
    return engine == "ray"


def _map(
    action: str, jobs: Sequence[tuple[Any, Mapping[str, Any]]], engine: Optional[str], progress: Watch
) -> Iterable[tuple[int, Done]]:
    """Numbers and outcomes of tasks, in the order in which they end."""
    show = commands.told(progress)
    done = 0

    def told() -> None:
        if show is not None:
            show(done, len(jobs), "runs", "")

    if not _on(engine):
        for number, (state, words) in enumerate(jobs):
            yield number, _task(_native.version, action, state, words)
            done += 1
            told()
        return
    ray = _ray()
    task = ray.remote(_task).options(**RETRY)
    # A task has one core, and results do not depend on how many there are.
    waiting = {
        task.remote(_native.version, action, state, {**_shipped(words), "threads": words.get("threads") or 1}): number
        for number, (state, words) in enumerate(jobs)
    }
    try:
        while waiting:
            ready, _ = ray.wait(list(waiting), num_returns=1)
            for one in ready:
                yield waiting.pop(one), _got(ray, one)
                done += 1
                told()
    finally:
        for one in waiting:
            ray.cancel(one, force=True)


def _all(
    action: str,
    points: list[dict[str, Any]],
    jobs: Sequence[tuple[Any, Mapping[str, Any]]],
    engine: Optional[str],
    out: Optional[PathLike],
    progress: Watch,
    resume: bool = False,
) -> Sweep:
    _on(engine)
    if not isinstance(resume, bool) or (resume and out is None):
        raise ValueError("resume goes on with what stands in out: name the directory")
    keep = Folder() if out is None else None
    place = keep.path if keep is not None else absolute(out)
    asked = {"action": action, "points": [commands.flat(p) for p in points], "of": [_said(state, words) for state, words in jobs]}
    note = place / "asked.json"
    if keep is None and place.exists() and any(place.iterdir()):
        if not resume:
            raise FileExistsError(f"{place} is not empty: name another directory, or go on with what is there by resume=True")
        if not note.exists() or json.loads(note.read_text()) != asked:
            raise FileExistsError(f"what stands in {place} was asked otherwise: name another directory")
    place.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(asked))
    width = max(len(str(len(jobs))), 3)
    runs: list[Optional[Run]] = [None] * len(jobs)
    errors: list[Optional[EconError]] = [None] * len(jobs)
    there = [place / f"run-{number + 1:0{width}}" for number in range(len(jobs))]
    for number, target in enumerate(there):
        if resume and (target / "manifest.ron").exists():
            taken = read(target)
            runs[number] = taken if taken.passed else None
    open_ = [number for number in range(len(jobs)) if runs[number] is None]
    for position, done in _map(action, [jobs[n] for n in open_], engine, progress):
        number = open_[position]
        runs[number], errors[number] = _written(done, there[number], keep)
    failed = [e for e in errors if e is not None]
    found = [r for r in runs if r is not None]
    if failed and len(failed) == len(jobs) and all(e.run is None for e in failed):
        # Nothing was begun anywhere: it was asked for wrongly.
        raise failed[0]
    broken = [e for e in failed if not isinstance(e, CertificateError)]
    if broken:
        warnings.warn(f"{len(broken)} of {len(jobs)} runs failed, the first with {broken[0].code}: see .frame and .errors", EconWarning, stacklevel=3)
    return Sweep(points, found, errors, keep)


def _said(state: Any, words: Mapping[str, Any]) -> str:
    """A digest of what a task is asked."""
    told = repr((state, sorted((k, repr(v)) for k, v in words.items() if k not in ("threads", "memory"))))
    return hashlib.sha256(told.encode()).hexdigest()


def sweep(
    model: Model,
    over: Mapping[str, Iterable[Any]],
    action: str = "solve",
    *,
    engine: Optional[str] = None,
    out: Optional[PathLike] = None,
    progress: Watch = None,
    resume: bool = False,
    **options: Any,
) -> Sweep:
    """``action`` (``solve``, ``simulate``, ``steady_state``, ``irf``, ``train``, ``verify``) for every combination of the values in ``over``,
    the last fastest: parameters in the units of the file. ``options`` are those of the action. With ``engine="ray"`` each point is a task of the
    cluster. ``resume=True`` goes on with the sweep in ``out``: points that are complete there are not computed again.

    Raises ``EconError`` for a value that the model refuses, before anything is computed, and for options that no point can have; ``ValueError`` without
    values, ``FileExistsError`` where ``out`` is not empty, or holds another sweep. A point that fails is kept with its error, and warned of.
    """
    model = _of(model)
    if action not in ACTIONS:
        raise ValueError(f"a sweep is over {', '.join(ACTIONS[:-1])} or {ACTIONS[-1]}, not {action!r}")
    if not isinstance(over, Mapping) or any(isinstance(given, str) or not isinstance(given, Iterable) for given in over.values()):
        raise ValueError("a sweep is over lists of values by name: sweep(model, {\"beta\": [0.95, 0.96]})")
    values = {name: list(given) for name, given in over.items()}
    if not values or not all(values.values()):
        raise ValueError("a sweep needs values: sweep(model, {\"beta\": [0.95, 0.96]})")
    points = [dict(zip(values, combination)) for combination in itertools.product(*values.values())]
    text, name, params = model.__getstate__()
    jobs = [((text, name, {**params, **flat(point)}), options) for point in points]
    # A value that the model does not allow stops the sweep before anything is computed.
    for point in points:
        model.with_params(point)
    return _all(action, points, jobs, engine, out, progress, resume)


def _of(model: Union[Model, PathLike]) -> Model:
    return model if isinstance(model, Model) else load(model)


def _by_seeds(
    action: str, model: Union[Model, PathLike], seeds: Seeds, engine: Optional[str], out: Optional[PathLike], progress: Watch, resume: bool,
    options: Mapping[str, Any],
) -> Sweep:
    model = _of(model)
    numbers = numbers_of(seeds)
    jobs = [(model.__getstate__(), {**options, "seeds": s}) for s in numbers]
    return _all(action, [{"seed": s} for s in numbers], jobs, engine, out, progress, resume)


def train(
    model: Union[Model, PathLike], seeds: Seeds, *, engine: Optional[str] = None, out: Optional[PathLike] = None, progress: Watch = None,
    resume: bool = False, **options: Any,
) -> Sweep:
    """A training a seed, each a task; ``options`` as of ``Model.train``. ``resume=True`` goes on with what stands in ``out``.

    Raises ``ValueError`` without seeds, ``EconError`` for options that no training can have. A seed that fails is kept with its error.
    """
    return _by_seeds("train", model, seeds, engine, out, progress, resume, options)


def verify(
    model: Union[Model, PathLike], seeds: Seeds, *, engine: Optional[str] = None, out: Optional[PathLike] = None, progress: Watch = None,
    resume: bool = False, **options: Any,
) -> Sweep:
    """A training and its verdict a seed, each a task; ``options`` as of ``Model.verify``. ``resume=True`` goes on with what stands in ``out``.

    Raises ``ValueError`` without seeds, ``EconError`` for options that no training can have. A verdict that does not hold is kept with its error.
    """
    return _by_seeds("verify", model, seeds, engine, out, progress, resume, options)


@overload
def tune(model: Union[Model, PathLike], trials: Optional[int] = None, *, engine: Optional[str] = None, **options: Any) -> Run: ...
@overload
def tune(
    model: Union[Model, PathLike], trials: Sequence[Mapping[str, Any]], *, engine: Optional[str] = None, out: Optional[PathLike] = None, progress: Watch = None,
    **options: Any,
) -> Sweep: ...
def tune(
    model: Union[Model, PathLike], trials: Union[None, int, Sequence[Mapping[str, Any]]] = None, *, engine: Optional[str] = None,
    out: Optional[PathLike] = None, progress: Watch = None, **options: Any,
) -> Union[Run, Sweep]:
    """econc's search over the options of a learner, as ``Model.tune``: its run. With a list of ``trials``, options of the learner each,
    ``[{"learning_rate": 1e-3}, ..]``, these are trained to the end: a sweep, ``options`` as of ``Model.train``.

    With ``engine="ray"`` each seed of each trial of a rung is a task of the cluster, or each trial of the list. Raises as ``Model.tune``.
    """
    model = _of(model)
    if isinstance(trials, (str, Mapping)) or (isinstance(trials, Sequence) and not all(isinstance(t, Mapping) for t in trials)):
        raise TypeError("trials are their number, or a list of options, [{\"learning_rate\": 1e-3}, ..]")
    if trials is None or isinstance(trials, int):
        return model.tune(trials=trials, engine=engine, out=out, progress=progress, **options)
    listed = [dict(t) for t in trials]
    if not listed:
        raise ValueError("no trial is given: [{\"learning_rate\": 1e-3}, ..], or their number")
    jobs = [(model.__getstate__(), {**options, **t}) for t in listed]
    return _all("train", listed, jobs, engine, out, progress)


def reproduced_on(exercise: str, long: bool, engine: Optional[str], out: Optional[PathLike], progress: Watch) -> Run:
    """An exercise as a task of an engine."""
    jobs = [(exercise, {"long": long})]
    done = _all("reproduce", [{"exercise": exercise}], jobs, engine, out, progress).raise_if_failed()
    run = done[0]
    run._place = done._place
    return run


class _Search:
    """Pieces of a search as tasks of Ray: what the native half asks of whoever does them elsewhere."""

    def __init__(self, model: Model, given: Mapping[str, Any]):
        self.ray = _ray()
        self.task = self.ray.remote(_piece).options(**RETRY)
        # The same for all: stored once in the cluster.
        unshared = ("progress", "out", "force", "engine", "checkpoint")
        told = {k: v for k, v in given.items() if k not in unshared}
        self.told = self.ray.put((model.__getstate__(), {**_shipped(told), "threads": given["threads"] or 1}))
        self.waiting: dict[Any, int] = {}

    def begin(self, number: int, trial: int, seed: int, rung: int, checkpoint: Optional[bytes]) -> None:
        """Hands out a piece."""
        self.waiting[self.task.remote(_native.version, self.told, trial, seed, rung, checkpoint)] = number

    def ended(self) -> list[tuple[int, bytes, Optional[bytes]]]:
        """The pieces that came back since the last call."""
        if not self.waiting:
            return []
        ready, _ = self.ray.wait(list(self.waiting), num_returns=len(self.waiting), timeout=0)
        return [(self.waiting.pop(one), *_got(self.ray, one)) for one in ready]

    def __enter__(self) -> _Search:
        return self

    def __exit__(self, *_: object) -> None:
        for one in self.waiting:
            self.ray.cancel(one, force=True)


def _piece(
    version: str, told: tuple[Any, Mapping[str, Any]], trial: int, seed: int, rung: int, checkpoint: Optional[bytes]
) -> tuple[bytes, Optional[bytes]]:
    """One seed of one trial of a search in one rung: its score, and where its training stands."""
    _same_version(version)
    state, given = told
    model = _model_of(state)
    words, lent = model._search(given)
    line = line_of(model._line("tune", words, given["set"]), **common_of(given))
    status, printed, said, done = _native.piece(line, trial, seed, rung, checkpoint)
    for one in lent:
        one.check()
    if status != 0 or done is None:
        raise commands.failure(said, result_of(printed), None)
    return done


def searched_on(model: Model, given: Mapping[str, Any], engine: Optional[str]) -> Run:
    """A search whose pieces are tasks of an engine."""
    _on(engine)
    words, lent = model._search(given)
    with _Search(model, given) as others:
        return commands.asked(model._line("tune", words, given["set"]), lent=lent, elsewhere=others, **common_of(given))
