"""What a seat sees and chooses, as arrays and as spaces of Gymnasium."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import gymnasium

_F32 = npt.NDArray[np.float32]
_U32 = npt.NDArray[np.uint32]


class Seat:
    """The place of one agent in a game."""

    def __init__(self, seat: dict[str, Any]):
        self.agent: str = seat["agent"]
        #: Members of the agent in one world.
        self.members: int = seat["members"]
        #: Numbers in an observation.
        self.width: int = seat["width"]
        #: Name of each number of an observation.
        self.columns: list[str] = seat["columns"]
        #: Ends in the units of the file between which a number of an observation is scaled to [-1, 1]; (-1, 1) where it is as it is.
        self.ends: list[tuple[float, float]] = seat["ends"]
        #: Ends between which each number of an observation lies, as it is seen.
        self.limits: list[tuple[float, float]] = seat["limits"]
        #: Numbers in [-1, 1] that are chosen.
        self.continuous: int = seat["continuous"]
        #: Number of choices of each finite dimension.
        self.discrete: list[int] = seat["discrete"]
        #: Whether choices can be forbidden.
        self.masked: bool = seat["masked"]
        #: Discount factor of the model.
        self.discount: float = seat["discount"]
        #: Stage in which it chooses, from 0.
        self.stage: int = seat["stage"]
        #: What each number and choice of an action means: for numbers the ends in the units of the file (None where they move or there are none), for
        #: choices their values or labels. Where an end is missing a number ``a`` stands for ``lo + (1 + a) / (1 - a)``, ``hi - (1 - a) / (1 + a)``, or,
        #: without both, ``a / (1 - |a|)``, up to a thousand units; an open end is missed by a thousandth of the range.
        self.meanings: list[dict[str, Any]] = json.loads(seat["meanings"])

    @property
    def observation_space(self) -> gymnasium.Space[Any]:
        """The space of observations: a ``Box`` of ``width`` numbers (float32), with the ends of the file."""
        from gymnasium import spaces

        low, high = (np.array([x[k] for x in self.limits], dtype=np.float32) for k in (0, 1))
        return spaces.Box(low, high, dtype=np.float32)

    @property
    def action_space(self) -> gymnasium.Space[Any]:
        """The space of actions: numbers in [-1, 1] between the ends of what may be chosen, and choices counted from 0. A ``Box``, a ``Discrete``
        or ``MultiDiscrete``, or a ``Dict`` of ``continuous`` and ``discrete``."""
        from ._masked import action_space

        return action_space(self.continuous, self.discrete)

    def masks(self, mask: Optional[_F32], rows: int) -> Optional[npt.NDArray[np.int8]]:
        """What may be chosen, ``row x choice`` of all finite dimensions side by side, 1 where it may; None where nothing can be forbidden."""
        return None if mask is None else mask.astype(np.int8).reshape(rows, -1)

    def allowed(self, mask: Optional[_F32], rows: int) -> npt.NDArray[np.bool_]:
        """The same as truth values, all true where nothing can be forbidden."""
        found = self.masks(mask, rows)
        return np.ones((rows, sum(self.discrete)), dtype=np.bool_) if found is None else found.astype(np.bool_)

    def refuse(self, choices: _U32, mask: Optional[_F32], waits: Any = None) -> None:
        """Errs for choices (flat, ``row x discrete``) that may not be made now; rows of ``waits`` are not asked.

        Raises ``ValueError``.
        """
        if mask is None:
            return
        made = choices.reshape(-1, len(self.discrete)).astype(np.int64)
        sizes = np.array(self.discrete)
        places = np.cumsum([0, *self.discrete[:-1]]) + np.minimum(made, sizes - 1)
        wrong = ~np.take_along_axis(self.allowed(mask, len(made)), places, 1) & (made < sizes)
        if waits is not None:
            wrong &= ~np.asarray(waits)[:, None]
        if wrong.any():
            row, dimension = np.argwhere(wrong)[0]
            raise ValueError(
                f"choice {made[row, dimension]} of row {row} may not be made now: info[\"action_mask\"] says what may (`action_masks()` for maskable learners)"
            )

    def flat(self, action: Any, rows: int) -> tuple[_F32, _U32]:
        """A batch of actions of ``rows`` rows as flat arrays of numbers (``row x continuous``) and of choices (``row x discrete``).

        Raises ``ValueError`` for other shapes, and for choices that are no whole numbers from 0.
        """
        wanted = self._in_words()
        if action is None:
            raise ValueError(f"nothing was chosen for {rows} rows: `{self.agent}` chooses {wanted}")
        if isinstance(action, tuple) and len(action) == 2 and self.continuous and self.discrete:
            action = {"continuous": action[0], "discrete": action[1]}
        if isinstance(action, dict):
            if set(action) != {"continuous", "discrete"} or not (self.continuous and self.discrete):
                raise ValueError(f"actions are {wanted} here, not a dictionary of {', '.join(map(str, action)) or 'nothing'}")
            numbers, choices = action["continuous"], action["discrete"]
        else:
            if self.continuous and self.discrete:
                raise ValueError(f"actions are {wanted} here, not {type(action).__name__}")
            numbers, choices = (None, action) if self.discrete else (action, None)
        return self._numbers(numbers, rows), self._choices(choices, rows)

    def _in_words(self) -> str:
        parts = [f"{self.continuous} numbers in [-1, 1] a row"] if self.continuous else []
        parts += [f"choices among {', '.join(map(str, self.discrete))}, counted from 0, a row"] if self.discrete else []
        if len(parts) == 2:
            return f'{{"continuous": {parts[0]}, "discrete": {parts[1]}}}'
        return parts[0] if parts else "nothing"

    def _numbers(self, numbers: Any, rows: int) -> _F32:
        if numbers is None:
            return np.empty(0, np.float32)
        try:
            out = np.ascontiguousarray(numbers, dtype=np.float32).reshape(-1)
        except (TypeError, ValueError):
            raise ValueError(f"`{self.agent}` chooses {self._in_words()}, not {numbers!r}") from None
        if out.size != rows * self.continuous:
            raise ValueError(f"actions of shape {np.shape(numbers)} for {rows} rows of {self.continuous} numbers")
        return out

    def _choices(self, choices: Any, rows: int) -> _U32:
        if choices is None:
            return np.empty(0, np.uint32)
        given = np.asarray(choices)
        if given.dtype.kind not in "iub":
            raise ValueError(f"choices are whole numbers counted from 0, not {given.dtype}")
        if given.size != rows * len(self.discrete):
            raise ValueError(f"choices of shape {given.shape} for {rows} rows of {len(self.discrete)}")
        if given.size and given.min() < 0:
            raise ValueError("choices are counted from 0")
        return np.ascontiguousarray(given.reshape(-1), dtype=np.uint32)

    def in_units(self, observation: npt.ArrayLike) -> dict[str, npt.NDArray[np.float64]]:
        """What was seen (``.. x width``) in the units of the file, by name (``..``)."""
        seen = np.asarray(observation, dtype=np.float64)
        low, high = (np.array([e[k] for e in self.ends]) for k in (0, 1))
        values = low + 0.5 * (seen + 1.0) * (high - low)
        return {name: values[..., k] for k, name in enumerate(self.columns)}
