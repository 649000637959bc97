"""Spaces of actions that are sampled by the flat masks of econc: the choices of all finite dimensions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Optional

import numpy as np
from gymnasium import spaces


class Choices(spaces.MultiDiscrete):
    """Several choices; ``sample`` takes a flat mask, too."""

    def sample(self, mask: Any = None, probability: Any = None) -> Any:
        """Choices at random among those that ``mask`` allows."""
        if isinstance(mask, np.ndarray):
            mask = tuple(np.split(mask.astype(np.int8), np.cumsum(self.nvec)[:-1]))
        return super().sample(mask, probability)


class Mixed(spaces.Dict):
    """Numbers and choices; ``sample`` takes a flat mask of the choices, too."""

    def sample(self, mask: Any = None, probability: Optional[dict[str, Any]] = None) -> dict[str, Any]:
        """Numbers and choices at random, choices among those that ``mask`` allows."""
        if isinstance(mask, np.ndarray):
            mask = {"continuous": None, "discrete": mask.astype(np.int8)}
        return dict(super().sample(mask, probability))


def action_space(continuous: int, discrete: Sequence[int]) -> spaces.Space[Any]:
    """The space of ``continuous`` numbers in [-1, 1] and of choices among ``discrete``."""
    box = spaces.Box(-1.0, 1.0, (continuous,), np.float32)
    if not discrete:
        return box
    finite: spaces.Space[Any] = spaces.Discrete(discrete[0]) if len(discrete) == 1 else Choices(list(discrete))
    return Mixed({"continuous": box, "discrete": finite}) if continuous else finite
