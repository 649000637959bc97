"""Notebooks are documentation: they are executed, and an error in a cell fails."""

import pathlib

import pytest

FOLDER = pathlib.Path(__file__).parent.parent / "notebooks"
HEAVY = {"ray", "stable_baselines"}


def test_every_notebook_is_executed_by_some_test():
    found = {p.stem for p in FOLDER.glob("*.ipynb")}
    assert found == HEAVY | {"growth", "calvano"}


@pytest.mark.parametrize(
    "name", [pytest.param(p.stem, marks=pytest.mark.heavy if p.stem in HEAVY else ()) for p in sorted(FOLDER.glob("*.ipynb"))]
)
def test_notebook(name):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    book = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    nbclient.NotebookClient(book, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()
    shown = [o for c in book.cells if c.cell_type == "code" for o in c.outputs]
    assert shown and not any(o.output_type == "error" for o in shown)
    if name == "growth":
        kinds = {k for o in shown for k in getattr(o, "data", {})}
        assert {"image/svg+xml", "text/html"} <= kinds
