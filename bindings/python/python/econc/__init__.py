"""econc: a language for economies, and the program that solves them and proves the solution.

>>> import econc
>>> run = econc.load("growth").solve()
>>> run.passed
True
>>> run.frame                      # the policy as a DataFrame
>>> econc.load("growth", beta=0.98).solve(tolerance=1e-9)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._commands import compare, explain, reproduce, templates
from ._engine import Sweep, sweep, train, tune, verify
from ._errors import CertificateError, EconError, EconWarning
from ._model import Model, load
from ._native import version as __version__
from ._run import Run, Svg, read

if TYPE_CHECKING:
    from . import envs, rllib, sb3, zoo

__all__ = [
    "CertificateError",
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

        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'econc' has no attribute {name!r}")
