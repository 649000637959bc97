"""Runs: what a command of econc found, as files of a directory and as arrays, frames and plots."""

from __future__ import annotations

import html
import json
import pathlib
import re
import shutil
import tempfile
from typing import TYPE_CHECKING, Any, Optional, Union

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd
    import xarray as xr


class Place:
    """Where a run is written: where the caller says, or a directory that goes with the run."""

    def __init__(self, out: Union[str, pathlib.Path, None]):
        self._own = tempfile.TemporaryDirectory(prefix="econc-") if out is None else None
        self.path = pathlib.Path(out) if out is not None else pathlib.Path(self._own.name if self._own else ".") / "run"


class Run:
    """The results of a solve, a simulation, a training or a verdict: a directory of econc, with its tables, arrays and plots."""

    def __init__(self, directory: Union[str, pathlib.Path], result: Optional[dict[str, Any]] = None, place: Optional[Place] = None):
        #: Where its files are.
        self.directory = pathlib.Path(directory)
        #: What ``--json`` prints: certificate, facts, tables, messages.
        self.result: dict[str, Any] = result or {}
        self._place = place

    @property
    def status(self) -> str:
        """``complete``, ``failed`` or ``interrupted``."""
        return str(self.result.get("status", "complete"))

    @property
    def facts(self) -> dict[str, str]:
        """Facts by name, as text: method, concept, iterations, time."""
        return dict(self.result.get("facts", {}))

    @property
    def passed(self) -> bool:
        """Whether nothing failed: no line of the certificate, no error."""
        return bool(self.result.get("passes", self.status == "complete"))

    @property
    def tables(self) -> list[str]:
        """Names of the tables of the run, for :meth:`table`."""
        return sorted(p.stem for p in self.directory.glob("*.csv"))

    @property
    def plots(self) -> list[str]:
        """Names of the plots, for :meth:`plot`."""
        return sorted(p.stem for p in (self.directory / "plots").glob("*.svg"))

    def _file(self, name: str, suffix: str, known: list[str]) -> pathlib.Path:
        path = self.directory / f"{name}{suffix}"
        if not path.exists():
            import difflib

            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}"
            raise KeyError(f"the run has no {name!r}: {hint}")
        return path

    def table(self, name: str) -> pd.DataFrame:
        """A table as a pandas DataFrame: ``moments``, ``certificate``, ``series``, .."""
        import pandas as pd

        # Newer versions read numbers exactly by default.
        exact: dict[str, Any] = {"float_precision": "round_trip"} if int(pd.__version__.split(".")[0]) < 3 else {}
        return pd.read_csv(self._file(name, ".csv", self.tables), **exact)

    @property
    def certificate(self) -> pd.DataFrame:
        """The certificate, a line a check."""
        return self.table("certificate")

    @property
    def frame(self) -> pd.DataFrame:
        """What the run is about as a DataFrame: the policy of a solution, the series of a simulation, the responses to impulses."""
        for name in ("solution", "series", "irf", "steady_state", "seeds", "measured"):
            if (self.directory / f"{name}.csv").exists():
                return self.table(name)
        if not self.tables:
            raise KeyError("the run has no table")
        return self.table(self.tables[0])

    def numpy(self, name: Optional[str] = None) -> dict[str, npt.NDArray[Any]]:
        """Arrays by name: axes and functions on their grid (``solution``), responses (``irf``)."""
        import numpy as np

        known = sorted(p.stem for p in self.directory.glob("*.npz"))
        if name is None and not known:
            return {c: self.frame[c].to_numpy() for c in self.frame.columns}
        with np.load(self._file(name or known[0], ".npz", known), allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    def xarray(self, name: str = "solution") -> xr.Dataset:
        """Functions on their grid, with axes as coordinates; tables as variables over rows."""
        import xarray as xr

        path = self.directory / f"{name}.npz"
        if not path.exists():
            table = self.table(name if name in self.tables else self.frame.columns.name or self._main())
            index = [c for c in ("t", "period") if c in table.columns][:1]
            return xr.Dataset.from_dataframe(table.set_index(index) if index and table[index[0]].is_unique else table)
        arrays = self.numpy(name)
        axes = {k: v for k, v in arrays.items() if v.ndim == 1}
        dims = self._axes(arrays)
        data = {k: (dims, v) for k, v in arrays.items() if k not in dims and v.shape == tuple(len(axes[d]) for d in dims)}
        return xr.Dataset(data, coords={d: axes[d] for d in dims})

    def _main(self) -> str:
        return next((n for n in ("solution", "series", "irf", "steady_state") if n in self.tables), self.tables[0])

    @staticmethod
    def _axes(arrays: dict[str, npt.NDArray[Any]]) -> list[str]:
        """Names of the axes: the first one-dimensional arrays, whose lengths are the shape of what has most dimensions."""
        full = max(arrays.values(), key=lambda a: a.ndim).shape
        names = list(arrays)
        if all(arrays[n].shape == (size,) for n, size in zip(names, full)):
            return names[: len(full)]
        raise ValueError(f"the axes of {names} are not known")

    def plot(self, name: str) -> Svg:
        """A plot of the report; notebooks show it."""
        path = self._file(name, ".svg", self.plots) if "/" in name else self._file(f"plots/{name}", ".svg", [f"plots/{p}" for p in self.plots])
        return Svg(path.read_text(encoding="utf-8"))

    @property
    def report(self) -> str:
        """The page ``report.html``."""
        return (self.directory / "report.html").read_text(encoding="utf-8")

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
        """Copies the run to ``path``, where it stays."""
        target = pathlib.Path(path)
        shutil.copytree(self.directory, target)
        return Run(target, self.result)

    def __fspath__(self) -> str:
        return str(self.directory)


class Svg(str):
    """A drawing; notebooks show it."""

    def _repr_svg_(self) -> str:
        return str(self)


def read(directory: Union[str, pathlib.Path]) -> Run:
    """A run that was written before, by this package or by the command ``econc``."""
    path = pathlib.Path(directory)
    manifest = path / "manifest.ron"
    if not manifest.exists():
        raise FileNotFoundError(f"{path} is no run directory: it has no manifest.ron")
    found = re.search(r"\n\s*status: (\w+)", manifest.read_text(encoding="utf-8"))
    status = found.group(1).lower() if found else "complete"
    return Run(path, {"status": status, "model": path.name, "passes": status == "complete"})


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
