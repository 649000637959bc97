"""econc: a language for economies, and the program that solves them and proves the solution.

>>> import econc
>>> run = econc.load("growth").solve()
>>> run.passed
True
>>> run.frame                      # the policy as a DataFrame
>>> run.policy(k=5.0, z=0.0)       # between the nodes of its grid
>>> run                            # in a notebook: the report with its plots
>>> econc.load("growth", beta=0.98).solve(tolerance=1e-9)

``load`` reads a model (a file, a text, or one of ``templates()``); its methods solve, simulate, train and judge it and give a ``Run``. ``read``
takes up runs of the command ``econc``, ``resume`` goes on with one that was stopped, ``compare`` sets two side by side. ``sweep``, ``train``, ``tune``,
``verify`` and ``reproduce`` do many at once, on Ray if asked. ``envs``, ``zoo``, ``sb3`` and ``rllib`` are environments for learners of other libraries.
Errors are ``EconError``, with code and hint; ``explain(code)`` says more.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._commands import Comparison, compare, explain, reproduce, resume, templates
from ._engine import Sweep, sweep, train, tune, verify
from ._errors import CertificateError, EconError, EconWarning
from ._model import Model, load
from ._native import version as __version__
from ._run import Run, Svg, read

if TYPE_CHECKING:
    from . import envs, rllib, sb3, zoo

__all__ = [
    "CertificateError",
    "Comparison",
    "EconError",
    "EconWarning",
    "Model",
    "Run",
    "Svg",
    "Sweep",
    "__version__",
    "compare",
    "envs",
    "explain",
    "load",
    "read",
    "reproduce",
    "resume",
    "rllib",
    "sb3",
    "sweep",
    "templates",
    "train",
    "tune",
    "verify",
    "zoo",
]


def __getattr__(name: str) -> object:
    # Gymnasium, PettingZoo, RLlib and Stable-Baselines3 are imported on first use.
    if name in ("envs", "zoo", "rllib", "sb3"):
        import importlib

        extra = {"envs": "envs", "zoo": "envs", "rllib": "rllib", "sb3": "sb3"}[name]
        try:
            return importlib.import_module(f".{name}", __name__)
        except ModuleNotFoundError as why:
            raise ModuleNotFoundError(f"econc.{name} needs {why.name}: pip install 'econc[{extra}]'", name=why.name) from why
    raise AttributeError(f"module 'econc' has no attribute {name!r}")
