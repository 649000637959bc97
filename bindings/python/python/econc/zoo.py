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
from gymnasium.error import ResetNeeded
from pettingzoo import AECEnv, ParallelEnv

from ._commands import PathLike
from ._errors import EconError
from ._model import Model
from ._native import Game
from ._policies import batched, drawn_seed, game_of
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
        # The seed of the first reset, if that names none; None draws one.
        self.first: Optional[int] = game["seed"]
        self.begun, self.fresh = False, True

    def __getstate__(self) -> dict[str, Any]:
        return {**{k: v for k, v in self.__dict__.items() if k != "game"}, "now": self.game.save()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        now = state.pop("now")
        self.__dict__.update(state)
        self.game = game_of(self.econ, **self.made)
        self.game.load(now)

    def reset(self, seed: Optional[int]) -> None:
        if seed is None and not self.begun:
            seed = drawn_seed() if self.first is None else self.first
        if seed is not None:
            self.game.reset(seed)
        elif not self.fresh:
            self.game.begin_anew(np.ones(1, dtype=np.bool_))
        self.begun, self.fresh = True, False

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

    def left(self, seat: int) -> list[str]:
        """The members of a seat that have left for good."""
        gone = self.game.left(seat)
        return [] if gone is None else [name for name, out in zip(self.names[seat], gone) if out]

    def act(self, seat: int, actions: Mapping[str, Any]) -> None:
        """The choices of the members of a seat; of those that left, which are not asked, any will do."""
        s = self.seats[seat]
        nothing = (np.zeros(s.continuous, np.float32), np.zeros(len(s.discrete), np.uint32))
        given = [self.flat(name, actions[name]) if name in actions else nothing for name in self.names[seat]]
        if s.masked:
            s.refuse(np.concatenate([g[1] for g in given]), self.game.seen(seat)[1], [name not in actions for name in self.names[seat]])
        self.game.act(seat, *(np.concatenate([g[k] for g in given]) for k in (0, 1)))


    def flat(self, name: str, action: Any) -> tuple[Any, Any]:
        """The action of one as flat arrays.

        Raises ``ValueError`` that names the agent.
        """
        try:
            return self.seat_of[name].flat(action, 1)
        except ValueError as why:
            raise ValueError(f"{name}: {why}") from None


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
        seed: Optional[int] = None,
        masks: str = "observation",
    ):
        super().__init__()
        self.table = _Table(
            model, params, masks, agents=[agents] if isinstance(agents, str) else list(agents or []), grids=grids, scenario=scenario, periods=periods, members=members,
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
    on, ``infos[agent]["life_ended"]`` says so; who leaves for good is terminated, and no agent any more. Observations have ``width`` numbers (float32), rewards are in the units of the file.

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

        Raises ``ResetNeeded`` before the first episode and after the end of one, ``ValueError`` for agents without an action, and for actions outside of their space.
        """
        table, game = self.table, self.table.game
        if not self.agents:
            raise ResetNeeded("the episode has ended, or none was begun: call reset()")
        missing = [a for a in self.agents if a not in actions]
        if missing:
            raise ValueError(f"no action is given for {', '.join(missing)}")
        unknown = [a for a in actions if a not in self.agents]
        if unknown:
            raise ValueError(f"{', '.join(map(str, unknown))}: not among those who play, {', '.join(self.agents)}")
        for seat in game.turn():
            table.act(seat, actions)
        game.proceed()
        playing = set(self.agents)
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
            # Who leaves for good ends here; who left before is not there.
            if not began:
                for name in table.left(seat):
                    ends[name] = True
        of_all: tuple[dict[str, Any], ...] = (observations, rewards, ends, cuts, infos)
        for one in of_all:
            for name in [n for n in one if n not in playing]:
                del one[name]
        self.agents = [a for a in self.agents if not ends[a]]
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
            self.infos.update({name: mask for name, mask in masks.items() if name in self.agents})
        plays = [n for n in self.agents if not self.terminations[n]]
        self._queue = [n for seat in self._on_turn for n in self.table.names[seat] if n in plays]
        if self._queue:
            self.agent_selection = self._queue[0]
        if len(plays) < len(self.agents):
            self._deads_step_first()

    def observe(self, agent: str) -> Any:
        """What an agent saw when it was last its turn."""
        return self._seen[agent]

    def step(self, action: Any) -> None:
        """The choice of the agent whose turn it is.

        Raises ``ValueError`` for an action outside of its space.
        """
        if not self.table.begun:
            raise ResetNeeded("no episode was begun: call reset()")
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        # A choice outside of the space is refused when it is made.
        self.table.flat(agent, action)
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
            left = self.table.left(seat)
            for m, name in enumerate(names):
                # Who left before is not there.
                if name in self.agents:
                    self.rewards[name] = float(reward[m])
                    self.terminations[name] = (bool(terminated[m]) and ended) or (name in left and not ended)
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

    All play ``periods`` periods in ``worlds`` worlds, and earn what is discounted to the first, in the units of rewards. Then one member of an agent
    deviates (each in turn, of more than eight the first eight), while all others go on as they were: to constant numbers on a mesh of ``points``
    values and on finer ones around the best, or to constant choices. The best of these is a lower bound of what a deviation gains; at an equilibrium
    nothing gains. By agent, of the member that gains most: ``member`` (from 0), ``value`` (its own, mean over worlds), ``best`` (of the deviations),
    ``gain`` (of the best over the value, 0 at least), ``share`` (of the value's size), ``action`` (the first number or choice of the best deviation),
    ``played`` (the mean of that number or choice as the agent played it). Where choices can be forbidden no constant one is tried, and ``best``,
    ``gain`` and ``share`` are NaN. The same draws are met by all, so differences are not luck.

    Raises ``ValueError`` for agents without a policy and policies without an agent, and what the policies themselves raise.
    """
    econ = model_of(model, params)
    game = game_of(
        econ, agents=[], grids=grids, scenario=scenario, worlds=worlds, periods=periods, members=members, seed=seed
    )
    seats = [Seat(s) for s in game.seats()]
    known = [s.agent for s in seats]
    missing, unknown = [a for a in known if a not in policies], [a for a in policies if a not in known]
    if missing or unknown:
        said = [f"no policy is given for {', '.join(missing)}"] if missing else []
        said += [f"{', '.join(unknown)} is none of {', '.join(known)}"] if unknown else []
        raise ValueError("; ".join(said))
    acts = [batched(policies[s.agent]) for s in seats]

    def played(deviant: Optional[int], constant: tuple[Any, Any] = (None, None), member: int = 0) -> tuple[list[Any], list[float]]:
        """Discounted sums of each seat, ``world x member``, where a member of the seat ``deviant`` does ``constant``."""
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
                if seat == deviant:
                    numbers, choices = numbers.copy(), choices.copy()
                    if constant[0] is not None:
                        numbers.reshape(worlds, s.members, -1)[:, member, :] = constant[0]
                    if constant[1] is not None:
                        choices.reshape(worlds, s.members, -1)[:, member, :] = constant[1]
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

    def reached(seat: int, member: int, constant: tuple[Any, Any]) -> float:
        """What the member earns by a constant; minus infinity where that leads to where nothing is worth anything."""
        try:
            return float(played(seat, constant, member)[0][seat][:, member].mean())
        except EconError:
            return -np.inf

    base, means = played(None)
    out: dict[str, dict[str, float]] = {}
    for k, s in enumerate(seats):
        for member in range(min(s.members, 8)):
            value = float(base[k][:, member].mean())
            best, action = -np.inf, float("nan")
            # Numbers on a mesh, then on finer ones around the best.
            low, high = -1.0, 1.0
            for _ in range(4 if s.continuous else 0):
                for x in np.linspace(low, high, points):
                    earned = reached(k, member, (x, None))
                    if earned > best:
                        best, action = earned, float(x)
                step = (high - low) / (points - 1)
                centre = action if action == action else 0.0
                low, high = max(centre - step, -1.0), min(centre + step, 1.0)
            if s.discrete and not s.masked and not s.continuous:
                for choice in range(min(s.discrete)):
                    earned = reached(k, member, (None, choice))
                    if earned > best:
                        best, action = earned, float(choice)
            tried = bool(s.continuous) or not s.masked
            gain = max(best - value, 0.0) if tried else float("nan")
            found = {
                "member": float(member), "value": value, "best": best if tried else float("nan"), "gain": gain,
                "share": gain / max(abs(value), 1e-300), "action": action, "played": means[k],
            }
            if s.agent not in out or gain > out[s.agent]["gain"]:
                out[s.agent] = found
    return out
