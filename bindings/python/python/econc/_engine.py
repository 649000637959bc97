"""The same work on many points, seeds, trials or exercises: in this process, or as tasks of a Ray cluster.

A task is one parameter point, one seed, one trial or one exercise. It gets the text of the model, works in a directory of its own and
hands back the files of its run, which are written where the caller is: the bytes are those of one machine (but for the manifest, which
says when the run was made and how long it took). Ray does the rest: where tasks run, and that those of a node that is lost are done again.
"""

from __future__ import annotations

import itertools
import pathlib
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _commands as commands
from ._commands import PathLike, flat
from ._errors import EconError
from ._model import Model
from ._run import Run

if TYPE_CHECKING:
    import pandas as pd

#: What is handed back of a task: files by name, result, message of an error and its diagnostics.
Done = tuple[dict[str, bytes], dict[str, Any], Optional[str], list[dict[str, Any]]]
#: Keys of `.options(...)` of a Ray task that keep a task going where its node is lost.
RETRY = {"max_retries": -1, "num_cpus": 1}


class Sweep:
    """Runs over points, seeds, trials or exercises."""

    def __init__(self, points: list[dict[str, Any]], runs: list[Run], errors: list[Optional[EconError]], place: Any):
        #: What was set in each run: a dictionary a run.
        self.points = points
        #: The runs, in the order of the points; a failed one says so by its ``status``.
        self.runs = runs
        #: Why a run failed, or None.
        self.errors = errors
        self._place = place

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, number: int) -> Run:
        return self.runs[number]

    @property
    def frame(self) -> pd.DataFrame:
        """A row a run: what was set, how it ended, what its certificate measured."""
        import pandas as pd

        rows = []
        for point, run, error in zip(self.points, self.runs, self.errors):
            row: dict[str, Any] = {**point, "status": run.status}
            row.update({c["name"]: c["measured"] for c in run.result.get("certificate", [])})
            row["error"] = None if error is None else error.code
            rows.append(row)
        return pd.DataFrame(rows)

    def _repr_html_(self) -> str:
        return str(self.frame.to_html(index=False))

    def raise_if_failed(self) -> Sweep:
        """Raises the first error, if there is one."""
        for error in self.errors:
            if error is not None:
                raise error
        return self


def _task(action: str, state: Any, words: Mapping[str, Any]) -> Done:
    """One task: ``state`` is that of a model (or the name of an exercise)."""
    with tempfile.TemporaryDirectory(prefix="econc-task-") as folder:
        out = pathlib.Path(folder) / "run"
        try:
            if action == "reproduce":
                run = commands.asked(["reproduce", str(state)], out=out, **words)
            else:
                model = Model.__new__(Model)
                model.__setstate__(state)
                run = getattr(model, action)(out=out, **words)
            error = None
        except EconError as why:
            error, found = why, why.run
            if found is None:
                return {}, {"status": "failed", "passes": False}, error.message, error.diagnostics
            run = found
        files = {
            str(p.relative_to(run.directory)): p.read_bytes() for p in sorted(run.directory.rglob("*")) if p.is_file()
        }
        result = {k: v for k, v in run.result.items() if k != "directory"}
        said = None if error is None else error.message
        return files, result, said, [] if error is None else error.diagnostics


def _written(done: Done, place: pathlib.Path) -> tuple[Run, Optional[EconError]]:
    """The run of a task, where the caller is."""
    files, result, said, diagnostics = done
    failed = result.get("status") == "failed"
    target = place.with_name(place.name + ".failed") if failed and files else place
    for name, data in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    run = Run(target, {**result, "directory": str(target)})
    return run, None if said is None else EconError(said, diagnostics, run)


def _map(
    action: str, jobs: Sequence[tuple[Any, Mapping[str, Any]]], engine: Optional[str], progress: Any
) -> Iterable[tuple[int, Done]]:
    """Numbers and outcomes of tasks, in the order in which they end."""
    show = commands.told(progress)
    if engine in (None, "local"):
        for number, (state, words) in enumerate(jobs):
            yield number, _task(action, state, words)
            if show is not None:
                show(number + 1, len(jobs), "runs", "")
        return
    if engine != "ray":
        raise ValueError(f"engine is \"local\" or \"ray\", not {engine!r}")
    import ray

    if not ray.is_initialized():
        ray.init()
    task = ray.remote(_task).options(**RETRY)
    # A task has one core, and results do not depend on how many there are.
    waiting = {
        task.remote(action, state, {**words, "threads": words.get("threads") or 1}): number
        for number, (state, words) in enumerate(jobs)
    }
    done = 0
    while waiting:
        ready, _ = ray.wait(list(waiting), num_returns=1)
        for one in ready:
            number = waiting.pop(one)
            yield number, ray.get(one)
            done += 1
            if show is not None:
                show(done, len(jobs), "runs", "")


def _all(
    action: str,
    points: list[dict[str, Any]],
    jobs: Sequence[tuple[Any, Mapping[str, Any]]],
    engine: Optional[str],
    out: Optional[PathLike],
    progress: Any,
) -> Sweep:
    keep = tempfile.TemporaryDirectory(prefix="econc-") if out is None else None
    place = pathlib.Path(keep.name if keep is not None else str(out))
    if keep is None and place.exists() and any(place.iterdir()):
        raise FileExistsError(f"{place} is not empty: name another directory")
    width = len(str(len(jobs)))
    runs: list[Optional[Run]] = [None] * len(jobs)
    errors: list[Optional[EconError]] = [None] * len(jobs)
    for number, done in _map(action, jobs, engine, progress):
        runs[number], errors[number] = _written(done, place / f"run-{number + 1:0{max(width, 3)}}")
    return Sweep(points, [r for r in runs if r is not None], errors, keep)


def sweep(
    model: Model,
    over: Mapping[str, Iterable[Any]],
    action: str = "solve",
    *,
    engine: Optional[str] = None,
    out: Optional[PathLike] = None,
    progress: Any = None,
    **options: Any,
) -> Sweep:
    """``action`` (``solve``, ``simulate``, ``steady_state``, ``irf``, ``train``, ``verify``) for every combination of the values in ``over``,
    the last fastest. ``options`` are those of the action. With ``engine="ray"`` each point is a task of the cluster."""
    if action not in ("solve", "simulate", "steady_state", "irf", "train", "verify"):
        raise ValueError(f"a sweep is over solve, simulate, steady_state, irf, train or verify, not {action!r}")
    values = {name: list(given) for name, given in over.items()}
    if not values or not all(values.values()):
        raise ValueError("a sweep needs values: sweep(model, {\"beta\": [0.95, 0.96]})")
    points = [dict(zip(values, combination)) for combination in itertools.product(*values.values())]
    text, name, params = model.__getstate__()
    jobs = [((text, name, {**params, **flat(point)}), options) for point in points]
    # A value that the model does not allow stops the sweep before anything is computed.
    for point in points:
        model.with_params(**point)
    return _all(action, points, jobs, engine, out, progress)


def _seeds(seeds: Union[int, str, Iterable[int]]) -> list[int]:
    if isinstance(seeds, int):
        return [seeds]
    if isinstance(seeds, str):
        lo, dots, hi = seeds.partition("..")
        return list(range(int(lo), int(hi) + 1)) if dots else [int(s) for s in seeds.split(",")]
    return [int(s) for s in seeds]


def train(
    model: Model, seeds: Union[int, str, Iterable[int]], *, engine: Optional[str] = None, out: Optional[PathLike] = None,
    progress: Any = None, **options: Any,
) -> Sweep:
    """A training a seed, each a task; ``options`` as of ``Model.train``."""
    numbers = _seeds(seeds)
    state = model.__getstate__()
    jobs = [(state, {**options, "seeds": s}) for s in numbers]
    return _all("train", [{"seed": s} for s in numbers], jobs, engine, out, progress)


def verify(
    model: Model, seeds: Union[int, str, Iterable[int]], *, engine: Optional[str] = None, out: Optional[PathLike] = None,
    progress: Any = None, **options: Any,
) -> Sweep:
    """A training and its verdict a seed, each a task; ``options`` as of ``Model.verify``."""
    numbers = _seeds(seeds)
    state = model.__getstate__()
    jobs = [(state, {**options, "seeds": s}) for s in numbers]
    return _all("verify", [{"seed": s} for s in numbers], jobs, engine, out, progress)


def tune(
    model: Model, trials: Sequence[Mapping[str, Any]], *, engine: Optional[str] = None, out: Optional[PathLike] = None,
    progress: Any = None, **options: Any,
) -> Sweep:
    """A training a trial, each a task: ``trials`` holds options of the learner, ``[{"learning_rate": 1e-3}, ..]``; ``options`` are shared.
    ``Model.tune`` chooses trials itself, and drops the worse ones on the way, on this machine."""
    listed = [dict(t) for t in trials]
    state = model.__getstate__()
    jobs = [(state, {**options, **t}) for t in listed]
    return _all("train", listed, jobs, engine, out, progress)


def reproduced_on(exercise: str, engine: str, out: Optional[PathLike]) -> Run:
    """An exercise as a task of an engine."""
    done = _all("reproduce", [{"exercise": exercise}], [(exercise, {})], engine, out, None).raise_if_failed()
    run = done[0]
    run._place = done._place
    return run


