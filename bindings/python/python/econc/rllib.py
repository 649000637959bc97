"""A model as a ``MultiAgentEnv`` of RLlib: ``config.environment(econc.rllib.EconMultiAgentEnv, env_config={"model": text})``."""

from __future__ import annotations

from typing import Any, Optional

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
