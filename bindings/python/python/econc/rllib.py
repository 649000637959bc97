"""A model as a ``MultiAgentEnv`` of RLlib: ``config.environment(econc.rllib.EconMultiAgentEnv, env_config={"model": text})``."""

from __future__ import annotations

import pathlib
from typing import Any, Optional, Union

from ray.rllib.env.multi_agent_env import MultiAgentEnv

from .zoo import EconParallelEnv


class EconMultiAgentEnv(MultiAgentEnv):  # type: ignore[misc]
    """All agents of a model choose at once. ``env_config`` holds ``model`` (its text, file or name) and options of
    :class:`econc.zoo.EconParallelEnv`: ``params``, ``periods``, ``scenario``, ``others``, ``seed``."""

    def __init__(self, config: Optional[dict[str, Any]] = None):
        super().__init__()
        options = dict(config or {})
        if "model" not in options:
            raise ValueError("env_config names no model: give its text, file or name under \"model\"")
        self.inner = EconParallelEnv(options.pop("model"), **{"masks": "info", **options})
        self.possible_agents = list(self.inner.possible_agents)
        self.agents = list(self.possible_agents)
        self.observation_spaces = dict(self.inner.observation_spaces)
        self.action_spaces = dict(self.inner.action_spaces)

    def reset(self, *, seed: Optional[int] = None, options: Optional[dict[str, Any]] = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begins an episode."""
        out = self.inner.reset(seed=seed, options=options)
        self.agents = list(self.inner.agents)
        return out

    def step(self, action_dict: dict[str, Any]) -> tuple[Any, ...]:
        """Plays a period."""
        observations, rewards, ends, cuts, infos = self.inner.step(action_dict)
        self.agents = list(self.inner.agents)
        ends["__all__"] = bool(ends) and all(ends.values())
        cuts["__all__"] = bool(cuts) and all(cuts.values())
        return observations, rewards, ends, cuts, infos


def module(checkpoint: Union[str, pathlib.Path], name: Optional[str] = None) -> Any:
    """The module of a policy in a checkpoint of RLlib (of an algorithm, ``algorithm.save_to_path()``, or of a module), to be judged:
    ``model.verify(policy=econc.rllib.module(path, "firm"))``. ``name`` is that of the module, where there are several.

    Raises ``FileNotFoundError`` where there is none; ``ValueError`` where one of several has to be named, and where observations pass connectors
    before a module sees them.
    """
    from ray.rllib.core.rl_module.rl_module import RLModule

    path = pathlib.Path(checkpoint).absolute()
    connectors = path / "env_runner" / "env_to_module_connector"
    own = sorted(p.name for p in connectors.iterdir() if p.is_dir()) if connectors.is_dir() else []
    if own:
        raise ValueError(f"observations pass {', '.join(own)} before the module sees them: give a function that applies them")
    inside = path / "learner_group" / "learner" / "rl_module"
    folder = inside if inside.is_dir() else path
    names = sorted(p.name for p in folder.iterdir() if (p / "module_state.pkl").is_file()) if folder.is_dir() else []
    if name is not None and name not in names:
        raise FileNotFoundError(f"{path} has no module {name!r}: there are {', '.join(names) or 'none'}")
    if name is None and len(names) > 1:
        raise ValueError(f"{path} has the modules {', '.join(names)}: name one, econc.rllib.module(path, {names[0]!r})")
    found = folder / (name or names[0]) if names else folder
    if not (found / "module_state.pkl").is_file():
        raise FileNotFoundError(f"{path} is no checkpoint of RLlib with a module")
    return RLModule.from_checkpoint(found)
