"""Worlds of a model as a ``VecEnv`` of Stable-Baselines3, stepped together in Rust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt
from stable_baselines3.common.vec_env import VecEnv

from ._commands import PathLike
from ._model import Model
from .envs import EconVectorEnv


class EconVecEnv(VecEnv):  # type: ignore[misc]
    """``worlds`` worlds of a model, with options as of :class:`econc.envs.EconVectorEnv`. Episodes begin anew in the step in which they end, as
    Stable-Baselines3 has it; ``periods`` says after how many a record stops."""

    def __init__(self, model: Union[Model, PathLike], worlds: int = 1, **options: Any):
        self.inner = EconVectorEnv(model, worlds, **{"autoreset_mode": "SameStep", **options})
        #: The model.
        self.econ = self.inner.econ
        self.render_mode = None
        super().__init__(self.inner.num_envs, self.inner.single_observation_space, self.inner.single_action_space)
        self._nothing: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        self._actions: Any = None

    def reset(self) -> npt.NDArray[np.float32]:
        """Begins episodes everywhere; with the seed of ``seed(..)``, everything anew."""
        seed = self._seeds[0]
        self._reset_seeds()
        return self.inner.reset(seed=seed)[0]

    def step_async(self, actions: Any) -> None:
        """Takes the actions."""
        self._actions = actions

    def step_wait(self) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.bool_], list[dict[str, Any]]]:
        """Plays a period."""
        seen, reward, terminated, truncated, info = self.inner.step(self._actions)
        if "final_obs" not in info:
            return seen, reward, terminated, list(self._nothing)
        ended = terminated | truncated
        infos: list[dict[str, Any]] = list(self._nothing)
        for k in np.flatnonzero(ended):
            infos[k] = {"TimeLimit.truncated": bool(truncated[k] and not terminated[k])}
            if info["_final_obs"][k]:
                infos[k]["terminal_observation"] = info["final_obs"][k]
        return seen, reward, ended, infos

    def close(self) -> None:
        """Nothing is held open."""

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the worlds, which are one object."""
        return [getattr(self.inner if hasattr(self.inner, attr_name) else self, attr_name)] * len(self._rows(indices))

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Worlds are made by their options."""
        raise AttributeError(f"`{attr_name}` cannot be set: make an EconVecEnv with other options")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """A method of the worlds: ``action_masks`` gives each its row."""
        found = getattr(self.inner, method_name)(*args, **kwargs)
        return [found[k] for k in self._rows(indices)] if method_name == "action_masks" else [found] * len(self._rows(indices))

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        """No world is wrapped."""
        return [False] * len(self._rows(indices))

    def has_attr(self, attr_name: str) -> bool:
        """Whether worlds have an attribute."""
        return hasattr(self.inner, attr_name)

    def _rows(self, indices: Union[None, int, Sequence[int]]) -> list[int]:
        return list(self._get_indices(indices))

