"""Runs: what a command of econc found, as files of a directory and as arrays, frames and plots."""

from __future__ import annotations

import csv
import difflib
import hashlib
import html
import io
import json
import pathlib
import re
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Optional, Union

from . import _native
from ._errors import EconError, EconWarning, needed

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import xarray as xr


class Folder:
    """A directory of its own, which goes with whoever holds this."""

    def __init__(self, prefix: str = "econc-"):
        #: Where it is.
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        self._end = weakref.finalize(self, shutil.rmtree, str(self.path), ignore_errors=True)


class Place:
    """Where a run is written: where the caller says, or a directory that goes with the run."""

    def __init__(self, out: Union[str, pathlib.Path, None]):
        self._own = Folder() if out is None else None
        self.path = absolute(out) if self._own is None else self._own.path / "run"


def absolute(path: Any) -> pathlib.Path:
    """A place as it is now, whatever directory the process goes to later.

    Raises ``TypeError`` and ``ValueError`` for what is no place.
    """
    if not isinstance(path, (str, pathlib.Path)):
        raise TypeError(f"out is the name of a directory, not {path!r}")
    if not str(path):
        raise ValueError("out names no directory")
    return pathlib.Path(path).expanduser().absolute()


#: Tables that say what a run is about, the first that there is, with what tells rows apart.
MAIN = {
    "solution": [], "series": ["t"], "irf": ["shock", "variable", "period"], "steady_state": ["name"], "seeds": ["seed"], "measured": [],
}
#: Plots of how a solution was found, not of what it is.
BESIDE = ("convergence", "euler", "irf", "law", "life", "value", "visited")


class Run:
    """The results of a solve, a simulation, a training or a verdict: a directory of econc, with its tables, arrays and plots.

    Numbers are in the units of the file. A run can be pickled (its files travel with it) and is the directory to :func:`os.fspath`; copies are
    the same run.
    """

    def __init__(self, directory: Union[str, pathlib.Path], result: Optional[dict[str, Any]] = None, place: Union[None, Place, Folder] = None):
        #: Where its files are.
        self.directory = pathlib.Path(directory).absolute()
        #: What ``--json`` prints: certificate, facts, tables, messages.
        self.result: dict[str, Any] = result or {}
        self._place = place
        self._played: Optional[_native.Played] = None
        # An exercise is a folder of runs, without a manifest of its own.
        self._bare = not (self.directory / "manifest.ron").exists()

    def __getstate__(self) -> dict[str, Any]:
        return {"files": files_of(self.directory), "result": self.result, "name": self.directory.name}

    def __setstate__(self, state: dict[str, Any]) -> None:
        place = Place(None)
        directory = place.path.with_name(state["name"])
        write_files(state["files"], directory)
        self.__init__(directory, {**state["result"], "directory": str(directory)}, place)  # type: ignore[misc]

    def __copy__(self) -> Run:
        return self

    def __deepcopy__(self, _: Any) -> Run:
        return self

    @property
    def manifest(self) -> dict[str, Any]:
        """What the run is and consists of: command, model, settings, overrides, seed, status, files with their SHA-256.

        Raises ``EconError`` (E0954, E0955) where a file is missing or not as it was written.
        """
        return dict(json.loads(_native.manifest(str(self.directory))))

    @property
    def status(self) -> str:
        """``complete``, ``failed`` or ``interrupted``."""
        return str(self.result.get("status", "complete"))

    @property
    def facts(self) -> dict[str, str]:
        """Facts by name, as text: method, concept, iterations, time; of a run that was read from its directory what it was asked."""
        return dict(self.result.get("facts", {}))

    @property
    def passed(self) -> bool:
        """Whether nothing failed: no line of the certificate, no error."""
        return bool(self.result.get("passes", self.status == "complete"))

    @property
    def tables(self) -> list[str]:
        """Names of the tables of the run, for :meth:`table`."""
        return sorted(self.result.get("tables", {})) if self._bare else self._named(".csv")

    @property
    def plots(self) -> list[str]:
        """Names of the plots, for :meth:`plot`."""
        return self._named(".svg", "plots/")

    def _written(self) -> dict[str, str]:
        """SHA-256 of each file of the run, by name."""
        if self._bare:
            return {}
        return {f["name"]: f["sha256"] for f in json.loads(_native.manifest(str(self.directory), False))["files"]}

    def _named(self, suffix: str, folder: str = "") -> list[str]:
        """Names of files in a folder of the run, without their suffix."""
        names = (n[len(folder):-len(suffix)] for n in self._written() if n.startswith(folder) and n.endswith(suffix))
        return sorted(n for n in names if "/" not in n)

    def _found(self, name: str, known: list[str]) -> str:
        """The one of ``known`` that is meant; plots of ``planner.s`` are called ``planner_s``, and the last part of a name does where it is the
        only one."""
        wanted = re.sub(r"[^\w-]", "_", str(name))
        ends = [k for k in known if k.endswith(f"_{wanted}")]
        found = next((k for k in (name, wanted) if k in known), ends[0] if len(ends) == 1 else None)
        if found is None:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
            raise KeyError(f"the run has no {name!r}: {hint}")
        return found

    def _bytes(self, name: str) -> bytes:
        """A file of the run as it was written.

        Raises ``EconError`` (E0955) where it is not.
        """
        try:
            data = (self.directory / name).read_bytes()
        except OSError as why:
            raise refused("E0955", f"{name} of the run in {self.directory} cannot be read: {why.strerror}", "make the run again") from None
        if hashlib.sha256(data).hexdigest() != self._written().get(name):
            raise refused("E0955", f"{name} of the run in {self.directory} is not as it was written", "make the run again")
        return data

    def table(self, name: str) -> pd.DataFrame:
        """A table as a pandas DataFrame, a row a line of its CSV file: ``moments``, ``certificate``, ``series``, .. (see :attr:`tables`).

        Raises ``KeyError`` where there is none of that name. Needs pandas.
        """
        pandas = needed("pandas", "frames")
        found = self._found(name, self.tables)
        if self._bare:
            shown: pd.DataFrame = pandas.DataFrame(self.result["tables"][found])
            return shown
        # Newer versions read numbers exactly by default.
        exact: dict[str, Any] = {"float_precision": "round_trip"} if int(pandas.__version__.split(".")[0]) < 3 else {}
        frame: pd.DataFrame = pandas.read_csv(io.BytesIO(self._bytes(f"{found}.csv")), **exact)
        return frame

    @property
    def certificate(self) -> pd.DataFrame:
        """The certificate, a row a check: what was measured, the bound, whether it holds."""
        return self.table("certificate")

    @property
    def frame(self) -> pd.DataFrame:
        """What the run is about as a DataFrame: the policy of a solution (a row a node of its grid, shocks first, the last state fastest), the
        series of a simulation (a row a period of the first world), the responses to impulses, steady states, a training by seeds. States and
        choices that have labels stand by them (in tables and arrays by their number, from 0)."""
        name = self._main()
        table = self.table(name)
        if name not in ("solution", "series"):
            return table
        for column, words in self.labels.items():
            for c in table.columns:
                if c == column or c.startswith(f"{column}["):
                    table[c] = [words[int(x)] if x == x and x == int(x) and 0 <= x < len(words) else x for x in table[c]]
        return table

    @property
    def labels(self) -> dict[str, list[str]]:
        """Labels of states and choices of the model, by name: the first belongs to the number 0."""
        model = self.manifest
        return dict(_native.labels(str(self.directory / "model.econ"), [(n, v) for n, v in model["overrides"]]))

    def _main(self) -> str:
        tables = self.tables
        if not tables:
            raise KeyError("the run has no table")
        return next((n for n in MAIN if n in tables), tables[0])

    def numpy(self, name: Optional[str] = None) -> dict[str, npt.NDArray[Any]]:
        """Arrays by name: axes (``n``) and functions on their grid (``n x m x ..``, shocks first) of a solution, responses (``shock x t``) of
        ``irf``; where a run has no such file, the columns of :attr:`frame`.

        Raises ``KeyError`` where there is none of that name.
        """
        import numpy as np

        known = self._named(".npz")
        if name is None and not known:
            table = self.table(self._main())
            return {c: table[c].to_numpy() for c in table.columns}
        data = io.BytesIO(self._bytes(f"{self._found(name or known[0], known)}.npz"))
        with np.load(data, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def xarray(self, name: Optional[str] = None) -> xr.Dataset:
        """What the run is about as a Dataset: functions on their grid with axes as coordinates, series over ``t``, responses over ``shock``,
        ``variable`` and ``period``; with a name that table.

        Raises ``KeyError`` where there is none of that name. Needs pandas and xarray.
        """
        xarray = needed("xarray", "frames")
        name = self._main() if name is None else name
        if name != "solution" or name not in self._named(".npz"):
            table = self.table(name)
            keys = [c for c in MAIN.get(name, []) if c in table.columns]
            found: xr.Dataset = xarray.Dataset.from_dataframe(table.set_index(keys) if keys else table)
            return found
        arrays = self.numpy(name)
        axes = {k: v for k, v in arrays.items() if v.ndim == 1}
        dims = self._axes(arrays)
        data = {k: (dims, v) for k, v in arrays.items() if k not in dims and v.shape == tuple(len(axes[d]) for d in dims)}
        grid: xr.Dataset = xarray.Dataset(data, coords={d: axes[d] for d in dims})
        return grid

    @staticmethod
    def _axes(arrays: dict[str, npt.NDArray[Any]]) -> list[str]:
        """Names of the axes: the first one-dimensional arrays, whose lengths are the shape of what has most dimensions."""
        full = max(arrays.values(), key=lambda a: a.ndim).shape
        names = list(arrays)
        if all(arrays[n].shape == (size,) for n, size in zip(names, full)):
            return names[: len(full)]
        raise ValueError(f"the axes of {names} are not known")

    def policy(
        self, places: Optional[Mapping[str, Any]] = None, *, period: int = 0, **values: Any
    ) -> dict[str, Union[float, str, npt.NDArray[Any]]]:
        """What the policies of the run choose where states and shocks have these values: ``run.policy(k=5.0, z=0.0)``, or arrays of one shape,
        ``run.policy(k=np.linspace(2, 8, 50), z=0)``; names with dots or indices go into ``places``. All states and shocks are named, in the
        units of the file, states of chains by number or label; ``period`` (from 0) where choices go with it.

        Returns by the name of each action a number, or an array of the shape of what was given; of labelled choices the label. It is what
        ``simulate`` plays there, between the nodes of the grid, too, with the likeliest choice where a policy mixes. Beyond the grid of states the
        policy is that of the edge, beyond the nodes of shocks it is continued, and ``EconWarning`` says so.

        Raises ``EconError``: E0851 for what is not named, E0995 for names and values outside of their domains, E0954 for runs without a policy.
        """
        import numpy as np

        given = {**(places or {}), **values}
        arrays = np.broadcast_arrays(*(np.asarray(x) for x in given.values())) if given else []
        shape = arrays[0].shape if arrays else ()
        columns = [[str(x) if isinstance(x, str) else repr(float(x)) for x in a.ravel().tolist()] for a in arrays]
        rows = [list(zip(given, row)) for row in zip(*columns)] if columns else [[]]
        if not rows:
            raise ValueError("no place is given: the arrays are empty")
        if self._played is None:
            self._played = _native.Played(str(self.directory))
        actions, (states, shocks, read_) = self._played.at(rows, period)
        for count, what in ((states, "states beyond the grid that was solved, where it is that of the edge"),
                            (shocks, "shocks beyond the nodes that were solved, where it is continued")):
            if count:
                warnings.warn(f"the policy is read {count} of {read_} times at {what}", EconWarning, stacklevel=2)
        out: dict[str, Union[float, str, npt.NDArray[Any]]] = {}
        for name, chosen, labels in actions:
            all_: npt.NDArray[Any] = np.array([labels[int(i)] for i in chosen]) if labels else chosen
            out[name] = all_.reshape(shape) if shape else all_[0].item()
        return out

    def plot(self, name: Optional[str] = None) -> Svg:
        """A plot of the report, which notebooks show: ``run.plot("planner.s")``, or the first of what was found.

        Raises ``KeyError`` where there is none of that name.
        """
        known = self.plots
        if name is None:
            if not known:
                raise KeyError("the run has no plots")
            name = next((p for p in known if p.split("-")[0] not in BESIDE), known[0])
        name = name[len("plots/"):] if name.startswith("plots/") else name
        return Svg(self._bytes(f"plots/{self._found(name, known)}.svg").decode())

    @property
    def report(self) -> str:
        """The page ``report.html``, as text."""
        return self._bytes("report.html").decode()

    def _repr_html_(self) -> str:
        page = self.directory / "report.html"
        if not page.exists():
            return f"<pre>{html.escape(repr(self))}</pre>"
        text = self.report
        style = re.search(r"<style>.*?</style>", text, re.S)
        body = re.search(r"<body>(.*)</body>", text, re.S)
        inside = html.escape(f"{style.group(0) if style else ''}{body.group(1) if body else text}", quote=True)
        return f'<iframe srcdoc="{inside}" style="width:100%;height:640px;border:0" title="econc report"></iframe>'

    def __repr__(self) -> str:
        head = self.result.get("headline", "")
        return f"<econc.Run {self.result.get('model', '')} {head!s} ({self.status}): {self.directory}>"

    def save(self, path: Union[str, pathlib.Path]) -> Run:
        """Copies the run to ``path``, where it stays, and returns it there.

        Raises ``FileExistsError`` where there is something already.
        """
        target = absolute(path)
        shutil.copytree(self.directory, target)
        return Run(target, {**self.result, "directory": str(target)})

    def __fspath__(self) -> str:
        return str(self.directory)


class Svg(str):
    """A drawing, the text of an SVG file; notebooks show it."""

    def _repr_svg_(self) -> str:
        return str(self)


def read(directory: Union[Run, str, pathlib.Path]) -> Run:
    """A run that was written before, by this package or by the command ``econc``.

    Raises ``EconError``: E0954 where the directory is no run, E0955 where files are missing or not as they were written.
    """
    path = pathlib.Path(directory).expanduser().absolute()
    manifest = json.loads(_native.manifest(str(path)))
    asked = {"command": manifest["action"], "seed": str(manifest["seed"]), **manifest["settings"], **dict(manifest["overrides"])}
    complete = manifest["status"] == "Complete"
    run = Run(path, {
        "status": manifest["status"].lower(), "model": pathlib.Path(manifest["model"]).stem, "passes": complete,
        "headline": manifest["action"], "facts": asked, "directory": str(path),
    })
    if "certificate" in run.tables:
        rows = csv.DictReader(io.StringIO(run._bytes("certificate.csv").decode()))
        run.result["certificate"] = [
            {"name": r["check"], "measured": float(r["measured"] or "nan"), "bound": r["bound"], "pass": {"yes": True, "no": False}.get(r["holds"])}
            for r in rows
        ]
    return run


def refused(code: str, headline: str, hint: str) -> EconError:
    """The exception for what the package refuses by itself."""
    message = {"code": code, "severity": "Error", "headline": headline, "notes": [], "hint": hint}
    return EconError(f"error[{code}]: {headline}\n = hint: {hint}", [message])


def files_of(directory: pathlib.Path) -> dict[str, bytes]:
    """Files below a directory, by their names in it."""
    return {p.relative_to(directory).as_posix(): p.read_bytes() for p in sorted(directory.rglob("*")) if p.is_file()}


def write_files(files: Mapping[str, bytes], directory: pathlib.Path) -> None:
    """Writes what :func:`files_of` read."""
    for name, data in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def result_of(printed: str) -> dict[str, Any]:
    """The last JSON value that was printed."""
    try:
        value = json.loads(printed)
    except json.JSONDecodeError:
        # A sweep prints a value for each run.
        decoder, at, value = json.JSONDecoder(), 0, {}
        text = printed.strip()
        while at < len(text):
            value, end = decoder.raw_decode(text, at)
            at = end
            while at < len(text) and text[at].isspace():
                at += 1
    return value if isinstance(value, dict) else {}
