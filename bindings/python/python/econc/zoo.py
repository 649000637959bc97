"""Environments of PettingZoo: every agent of a model is played, a member of a population by itself.

``parallel_env`` is for models in which all choose at once, ``aec_env`` also for those with stages. Where choices can be forbidden an
observation is a dictionary of ``observation`` and ``action_mask``; with ``masks="info"`` the mask stands in the information alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from pettingzoo import AECEnv, ParallelEnv

from ._commands import PathLike
from ._model import Model
from ._native import Game
from ._policies import batched, game_of
from ._spaces import Seat
from .envs import model_of


def _nothing(space: Any) -> Any:
    """What is seen before anything was."""
    if isinstance(space, spaces.Dict):
        return {"observation": np.zeros(space["observation"].shape, np.float32), "action_mask": np.ones(space["action_mask"].shape or (), np.int8)}
    return np.zeros(space.shape, np.float32)


class _Table:
    """Seats of a game of one world, and the names of those who sit there."""

    def __init__(self, model: Union[Model, PathLike], params: Optional[Mapping[str, Any]], masks: str, **game: Any):
        if masks not in ("observation", "info"):
            raise ValueError(f"masks stand in \"observation\" or in \"info\", not in {masks!r}")
        self.in_observation = masks == "observation"
        self.econ = model_of(model, params)
        self.made = game
        self.game: Game = game_of(self.econ, **game)
        self.seats = [Seat(s) for s in self.game.seats()]
        #: Names of the members of each seat.
        self.names = [
            [s.agent] if s.members == 1 else [f"{s.agent}_{m}" for m in range(s.members)] for s in self.seats
        ]
        self.all = [name for names in self.names for name in names]
        self.seat_of = {name: s for s, names in zip(self.seats, self.names) for name in names}
        self.observation_spaces = {n: self._space(s) for n, s in self.seat_of.items()}
        self.action_spaces = {n: s.action_space for n, s in self.seat_of.items()}
        self.stages = sorted({s.stage for s in self.seats})
        self.fresh = True

    def __getstate__(self) -> dict[str, Any]:
        return {**{k: v for k, v in self.__dict__.items() if k != "game"}, "now": self.game.save()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        now = state.pop("now")
        self.__dict__.update(state)
        self.game = game_of(self.econ, **self.made)
        self.game.load(now)

    def reset(self, seed: Optional[int]) -> None:
        if seed is not None:
            self.game.reset(seed)
        elif not self.fresh:
            self.game.begin_anew(np.ones(1, dtype=np.bool_))
        self.fresh = False

    def seen(self, seat: int) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """What the members of a seat see, and their masks."""
        values, mask = self.game.seen(seat)
        return self.rows(seat, values, mask), self.masks(seat, mask)

    def _space(self, seat: Seat) -> Any:
        if not (seat.masked and self.in_observation):
            return seat.observation_space
        mask = spaces.Box(0, 1, (sum(seat.discrete),), np.int8)
        return spaces.Dict({"observation": seat.observation_space, "action_mask": mask})

    def rows(
        self, seat: int, values: npt.NDArray[np.float32], mask: Optional[npt.NDArray[np.float32]]
    ) -> dict[str, Any]:
        """What was seen, by the names of the members of a seat."""
        s, names = self.seats[seat], self.names[seat]
        rows, masks = values.reshape(s.members, -1), s.masks(mask, s.members)
        if masks is None or not self.in_observation:
            return dict(zip(names, rows))
        return dict(zip(names, ({"observation": row, "action_mask": m} for row, m in zip(rows, masks))))

    def masks(self, seat: int, mask: Optional[npt.NDArray[np.float32]]) -> dict[str, dict[str, Any]]:
        """What may be chosen, by the names of the members of a seat."""
        s, names = self.seats[seat], self.names[seat]
        masks = s.masks(mask, s.members)
        return {name: {} for name in names} if masks is None else dict(zip(names, ({"action_mask": m} for m in masks)))

    def act(self, seat: int, actions: Mapping[str, Any]) -> None:
        """The choices of the members of a seat."""
        s = self.seats[seat]
        given = [s.flat(actions[name], 1) for name in self.names[seat]]
        self.game.act(seat, *(np.concatenate([g[k] for g in given]) for k in (0, 1)))


class _Several:
    """A world in which the seats of several are played; options of both kinds of environments.

    ``agents`` names who is played (all that can decide); ``periods`` is after how many the record stops (truncated); ``members`` how many stand for
    a continuum; ``others`` is how all others choose: ``"random"``, ``"rule"``, a run, .., also by agent, ``"firm=random"``; ``grids`` has numbers chosen
    among the nodes of grids in the file; ``params`` replace parameters; ``masks`` stand in the ``"observation"`` or in ``"info"``.

    Raises ``EconError`` for models without such agents.
    """

    def __init__(
        self,
        model: Union[Model, PathLike],
        *,
        agents: Optional[Sequence[str]] = None,
        scenario: Optional[str] = None,
        periods: Optional[int] = None,
        members: Optional[int] = None,
        others: Union[None, str, Sequence[str]] = None,
        grids: bool = False,
        params: Optional[Mapping[str, Any]] = None,
        seed: int = 1,
        masks: str = "observation",
    ):
        super().__init__()
        self.table = _Table(
            model, params, masks, agents=list(agents or []), grids=grids, scenario=scenario, periods=periods, members=members,
            others=others, seed=seed,
        )
        #: The model.
        self.econ = self.table.econ
        self.render_mode = None
        self.possible_agents = list(self.table.all)
        self.agents: list[str] = []
        self.observation_spaces = dict(self.table.observation_spaces)
        self.action_spaces = dict(self.table.action_spaces)

    def observation_space(self, agent: str) -> Any:
        """The space of an agent's observations."""
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Any:
        """The space of an agent's actions."""
        return self.action_spaces[agent]

    def render(self) -> None:
        """Nothing is drawn."""

    def close(self) -> None:
        """Nothing is held open."""


class EconParallelEnv(_Several, ParallelEnv[str, Any, Any]):  # type: ignore[misc]
    """A world in which all agents that can decide, or those in ``agents``, choose at once. Where a member is replaced while the world goes
    on, ``infos[agent]["life_ended"]`` says so. Observations have ``width`` numbers (float32), rewards are in the units of the file.

    Raises ``ValueError`` where agents choose one stage after another (take :func:`aec_env`).
    """

    metadata: dict[str, Any] = {"render_modes": [], "name": "econc_v0", "is_parallelizable": True}

    def __init__(self, model: Union[Model, PathLike], **options: Any):
        super().__init__(model, **options)
        if len(self.table.stages) > 1:
            raise ValueError("agents choose one stage after another here: take econc.zoo.aec_env")
    def reset(self, seed: Optional[int] = None, options: Optional[dict[str, Any]] = None) -> tuple[dict[str, Any], dict[str, Any]]:
        """Begins an episode."""
        self.table.reset(seed)
        self.agents = list(self.possible_agents)
        observations: dict[str, Any] = {}
        infos: dict[str, Any] = {}
        for seat in range(len(self.table.seats)):
            seen, masks = self.table.seen(seat)
            observations.update(seen)
            infos.update(masks)
        return observations, infos

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Plays a period: observations, rewards, terminated, truncated and infos by agent.

        Raises ``ValueError`` for agents without an action, and for actions outside of their space.
        """
        table, game = self.table, self.table.game
        if not self.agents:
            return {}, {}, {}, {}, {}
        missing = [a for a in self.agents if a not in actions]
        if missing:
            raise ValueError(f"no action is given for {', '.join(missing)}")
        for seat in game.turn():
            table.act(seat, actions)
        game.proceed()
        began = game.periods()[0] == 0
        observations: dict[str, Any] = {}
        rewards: dict[str, float] = {}
        ends: dict[str, bool] = {}
        cuts: dict[str, bool] = {}
        infos: dict[str, dict[str, Any]] = {}
        for seat, names in enumerate(table.names):
            told = game.told(seat)
            assert told is not None
            seen, reward, terminated, truncated, last, mask = told
            observations.update(table.rows(seat, last if began and last is not None else seen, mask))
            infos.update(table.masks(seat, mask))
            for m, name in enumerate(names):
                rewards[name] = float(reward[m])
                ends[name] = bool(terminated[m]) and began
                cuts[name] = bool(truncated[m])
                if terminated[m] and not began:
                    infos[name]["life_ended"] = True
        if began:
            table.fresh = True
            self.agents = []
        return observations, rewards, ends, cuts, infos


class EconAECEnv(_Several, AECEnv[str, Any, Any]):  # type: ignore[misc]
    """A world in which agents choose one after the other, stage by stage; who chooses late sees what was chosen before, if the file says so."""

    metadata: dict[str, Any] = {"render_modes": [], "name": "econc_aec_v0", "is_parallelizable": False}

    def reset(self, seed: Optional[int] = None, options: Optional[dict[str, Any]] = None) -> None:
        """Begins an episode."""
        self.table.reset(seed)
        self.agents = list(self.possible_agents)
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self.infos: dict[str, dict[str, Any]] = {a: {} for a in self.agents}
        self._seen: dict[str, Any] = {}
        self._chosen: dict[str, Any] = {}
        # What those see who choose later: the first look of the period.
        for name, space in self.observation_spaces.items():
            self._seen[name] = _nothing(space)
        self._turn()

    def _turn(self) -> None:
        """Whose turn it is, and what they see."""
        self._on_turn = self.table.game.turn()
        for seat in self._on_turn:
            seen, masks = self.table.seen(seat)
            self._seen.update(seen)
            for name, mask in masks.items():
                self.infos[name] = mask
        self._queue = [n for seat in self._on_turn for n in self.table.names[seat]]
        self.agent_selection = self._queue[0]

    def observe(self, agent: str) -> Any:
        """What an agent saw when it was last its turn."""
        return self._seen[agent]

    def step(self, action: Any) -> None:
        """The choice of the agent whose turn it is.

        Raises ``ValueError`` for an action outside of its space.
        """
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        # A choice outside of the space is refused when it is made.
        self.table.seat_of[agent].flat(action, 1)
        self._chosen[agent] = action
        self._queue.pop(0)
        if self._queue:
            self.agent_selection = self._queue[0]
            return
        game = self.table.game
        stage = max(self.table.seats[s].stage for s in self._on_turn)
        for seat in self._on_turn:
            self.table.act(seat, self._chosen)
        self._chosen = {}
        game.proceed()
        passed = min(self.table.seats[s].stage for s in game.turn()) <= stage
        if not passed:
            self._turn()
            return
        ended = game.periods()[0] == 0
        for seat, names in enumerate(self.table.names):
            told = game.told(seat)
            assert told is not None
            _, reward, terminated, truncated, last, mask = told
            for m, name in enumerate(names):
                self.rewards[name] = float(reward[m])
                self.terminations[name] = bool(terminated[m]) and ended
                self.truncations[name] = bool(truncated[m])
            if ended and last is not None:
                self._seen.update(self.table.rows(seat, last, mask))
        self._accumulate_rewards()
        if ended:
            self.table.fresh = True
            self.agent_selection = self.agents[0]
        else:
            self._turn()


def parallel_env(model: Union[Model, PathLike], **options: Any) -> EconParallelEnv:
    """A ``ParallelEnv`` of a model; ``options`` are ``agents``, ``scenario``, ``periods``, ``members``, ``others``, ``grids``, ``params``, ``seed`` and
    ``masks``, as of :class:`EconParallelEnv`."""
    return EconParallelEnv(model, **options)


def aec_env(model: Union[Model, PathLike], **options: Any) -> EconAECEnv:
    """An ``AECEnv`` of a model; ``options`` as of :func:`parallel_env`."""
    return EconAECEnv(model, **options)


def gains(
    model: Union[Model, PathLike],
    policies: Mapping[str, Any],
    *,
    worlds: int = 64,
    periods: int = 200,
    points: int = 21,
    seed: int = 1,
    members: Optional[int] = None,
    params: Optional[Mapping[str, Any]] = None,
    scenario: Optional[str] = None,
    grids: bool = False,
) -> dict[str, dict[str, float]]:
    """What each player would gain by deviating alone from ``policies`` (by agent, as of ``Model.verify``; members of an agent share one).

    All play ``periods`` periods in ``worlds`` worlds, and earn what is discounted to the first. Then one member of each agent deviates, while all
    others go on as they were: to constant numbers on a mesh of ``points`` values and on finer ones around the best, or to constant choices (none where
    choices can be forbidden). The best of these is a lower bound of what a
    deviation gains; at an equilibrium nothing gains. By agent: ``value`` (a member's, mean over worlds), ``best`` (of the deviations), ``gain`` (of
    the best over the value, 0 at least), ``share`` (of the value's size), ``action`` (the first number or choice of the best deviation), ``played``
    (the mean of that number or choice as it was played). The same draws are met by all, so differences are not luck.
    """
    econ = model_of(model, params)
    game = game_of(
        econ, agents=[], grids=grids, scenario=scenario, worlds=worlds, periods=periods, members=members, seed=seed
    )
    seats = [Seat(s) for s in game.seats()]
    missing = [s.agent for s in seats if s.agent not in policies]
    if missing:
        raise ValueError(f"no policy is given for {', '.join(missing)}")
    acts = [batched(policies[s.agent]) for s in seats]

    def played(deviant: Optional[int], constant: Optional[tuple[Any, Any]]) -> tuple[list[Any], list[float]]:
        """Discounted sums of each seat, ``world x member``, where the first member of ``deviant`` does ``constant``."""
        game.reset(seed)
        sums = [np.zeros((worlds, s.members)) for s in seats]
        alive = [np.ones((worlds, s.members), dtype=bool) for s in seats]
        first = [0.0 for _ in seats]
        done, stage = 0, -1
        while done < periods:
            turn = game.turn()
            for seat in turn:
                s = seats[seat]
                values, mask = game.seen(seat)
                rows = values.reshape(-1, s.width)
                numbers, choices = s.flat(acts[seat](rows, None if mask is None else mask.reshape(len(rows), -1)), len(rows))
                own = numbers.reshape(len(rows), -1) if s.continuous else choices.reshape(len(rows), -1)
                first[seat] += float(own[:, 0].mean())
                if seat == deviant and constant is not None:
                    numbers, choices = numbers.copy(), choices.copy()
                    if constant[0] is not None:
                        numbers.reshape(worlds, s.members, -1)[:, 0, :] = constant[0]
                    if constant[1] is not None:
                        choices.reshape(worlds, s.members, -1)[:, 0, :] = constant[1]
                game.act(seat, numbers, choices)
            stage = max(seats[k].stage for k in turn)
            game.proceed()
            if min(seats[k].stage for k in game.turn()) > stage:
                continue
            for k, s in enumerate(seats):
                told = game.told(k)
                assert told is not None
                _, reward, terminated, truncated, _, _ = told
                sums[k] += s.discount**done * alive[k] * reward.reshape(worlds, -1)
                alive[k] &= ~(terminated | truncated).reshape(worlds, -1)
            done += 1
        return sums, [x / done for x in first]

    base, means = played(None, None)
    out: dict[str, dict[str, float]] = {}
    for k, s in enumerate(seats):
        value = float(base[k][:, 0].mean())
        best, action = -np.inf, float("nan")
        # Numbers on a mesh, then on finer ones around the best.
        low, high = -1.0, 1.0
        for _ in range(4 if s.continuous else 0):
            for x in np.linspace(low, high, points):
                reached = float(played(k, (x, None))[0][k][:, 0].mean())
                if reached > best:
                    best, action = reached, float(x)
            step = (high - low) / (points - 1)
            low, high = max(action - step, -1.0), min(action + step, 1.0)
        if s.discrete and not s.masked and not s.continuous:
            for choice in range(min(s.discrete)):
                reached = float(played(k, (None, choice))[0][k][:, 0].mean())
                if reached > best:
                    best, action = reached, float(choice)
        gain = max(best - value, 0.0)
        out[s.agent] = {
            "value": value, "best": best, "gain": gain, "share": gain / max(abs(value), 1e-300), "action": action, "played": means[k],
        }
    return out
