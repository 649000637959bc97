"""Environments of Gymnasium: a model of econc as an ``Env``, and as a ``VectorEnv`` whose worlds are stepped side by side in Rust.

Registered ids are ``econc/NAME-v0`` for the models that come with econc (importing this module registers them)::

    import gymnasium, econc.envs
    env = gymnasium.make("econc/growth-v0")
    many = gymnasium.make_vec("econc/growth-v0", num_envs=64)

Observations hold what the file's ``observe`` names: numbers with two ends are scaled to [-1, 1], chains and labels are one-hot, everything
else stands in the units of the file (``env.unwrapped.seat`` says what each number is). Numbers that are chosen lie in [-1, 1], from the
lower end of what may be chosen at the present state to the upper one; choices are counted from 0, with masks in ``info["action_mask"]``.
An action outside of its space is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional, Union

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from ._commands import PathLike
from ._model import Model, load
from ._policies import drawn_seed, game_of
from ._spaces import Seat

_F32 = npt.NDArray[np.float32]
_F64 = npt.NDArray[np.float64]
_Bool = npt.NDArray[np.bool_]

#: Models that come with econc and have one agent of one member that decides: each has an id.
IDS = (
    "acrobot", "brock_mirman", "bus", "cake", "capital_goods_planner", "cartpole", "durable_goods", "finite_life", "growth",
    "growth_deterministic", "growth_market", "growth_markov", "irreversible", "language_benchmark", "mccall", "monopolist",
    "mountain_car", "mountain_car_discrete", "optimal_stopping", "pendulum", "portfolio", "producers", "producers_reduced",
    "rbc", "rbc_labour", "retirement", "two_sectors_labour",
)


def model_of(model: Union[Model, PathLike], params: Optional[Mapping[str, Any]] = None) -> Model:
    """A model, by itself, by its file, its text or its name."""
    if isinstance(model, Model):
        return model.with_params(**params) if params else model
    return load(model, set=params)


def picture(seen: _F32) -> npt.NDArray[np.uint8]:
    """Numbers as bars from -1 (below) to 1 (above): ``64 x 8 n x 3``, from 0 to 255."""
    height = np.clip(np.rint(32 * (np.nan_to_num(seen, nan=0.0, posinf=1.0, neginf=-1.0) + 1)), 1, 64).astype(int)
    filled = np.arange(64, 0, -1)[:, None] <= height
    columns = np.repeat(filled, 8, axis=1) & (np.arange(8 * len(seen)) % 8 > 0)
    return np.where(columns[:, :, None], np.array([47, 110, 165], np.uint8), np.uint8(255))


class _Played:
    """Worlds in which the seat of one agent is played."""

    #: Whether episodes were begun at all, and whether they have not moved since.
    _begun = False
    _fresh = True

    def _sit(self, model: Union[Model, PathLike], params: Optional[Mapping[str, Any]], render_mode: Optional[str], agent: Optional[str], **game: Any) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode is \"rgb_array\" or left out, not {render_mode!r}")
        #: How worlds are drawn.
        self.render_mode = render_mode
        #: The model.
        self.econ = model_of(model, params)
        self._made = {"agents": None if agent is None else [agent], **game}
        # That of the first reset, if that names none; None draws one.
        self._first: Optional[int] = game["seed"]
        self.game = game_of(self.econ, **self._made)
        #: What is seen and chosen.
        self.seat = Seat(self.game.seats()[0])

    def _begin(self, seed: Optional[int], which: _Bool) -> None:
        """Begins episodes in all worlds: of a seed, or with draws that no episode has met; the first time of a seed that nobody has met."""
        if seed is None and not self._begun:
            seed = drawn_seed() if self._first is None else self._first
        if seed is not None:
            self.game.reset(int(seed))
        elif not self._fresh:
            self.game.begin_anew(which)
        self._begun = True

    def __getstate__(self) -> dict[str, Any]:
        return {**{k: v for k, v in self.__dict__.items() if k != "game"}, "_worlds_now": self.game.save()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        now = state.pop("_worlds_now")
        self.__dict__.update(state)
        self.game = game_of(self.econ, **self._made)
        self.game.load(now)


class EconEnv(_Played, gymnasium.Env[_F32, Any]):
    """One world in which one agent is played; all others follow their rules, or ``others``.

    ``agent`` names who is played where several could be; ``periods`` is after how many the record stops (truncated); ``others`` is how all others
    choose: ``"random"``, ``"rule"``, a run, .., also by agent, ``"firm=random"``; ``grids`` has numbers chosen among the nodes of grids in the file;
    ``params`` replace parameters. It can be pickled, and goes on where it stood.

    Raises ``EconError`` for models without such an agent, ``ValueError`` for agents of several members.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4}

    def __init__(
        self,
        model: Union[Model, PathLike],
        *,
        agent: Optional[str] = None,
        scenario: Optional[str] = None,
        periods: Optional[int] = None,
        others: Union[None, str, Sequence[str]] = None,
        grids: bool = False,
        params: Optional[Mapping[str, Any]] = None,
        seed: Optional[int] = None,
        render_mode: Optional[str] = None,
    ):
        self._sit(model, params, render_mode, agent, grids=grids, scenario=scenario, periods=periods, others=others, seed=seed)
        if self.seat.members != 1:
            raise ValueError(
                f"`{self.seat.agent}` has {self.seat.members} members: take econc.envs.EconVectorEnv (one row a member) "
                "or econc.zoo.parallel_env (one agent a member)"
            )
        self.observation_space = self.seat.observation_space
        self.action_space = self.seat.action_space
        self._over = True
        self._every = np.ones(1, dtype=np.bool_)

    def reset(self, *, seed: Optional[int] = None, options: Optional[dict[str, Any]] = None) -> tuple[_F32, dict[str, Any]]:
        """Begins an episode; with a seed, everything anew. The observation has ``seat.width`` numbers."""
        super().reset(seed=seed)
        self._begin(seed, self._every)
        self._fresh = self._over = False
        seen, mask = self.game.seen(0)
        return seen, self._info(mask)

    def step(self, action: Any) -> tuple[_F32, float, bool, bool, dict[str, Any]]:
        """Plays a period; the reward is in the units of the file.

        Raises ``ValueError`` for an action outside of its space, ``ResetNeeded`` before the first episode and after the end of one, ``EconError``
        where the economy cannot go on.
        """
        if self._over:
            raise ResetNeeded("the episode has ended, or none was begun: call reset()")
        numbers, choices = self.seat.flat(action, 1)
        if self.seat.masked:
            self.seat.refuse(choices, self.game.seen(0)[1])
        seen, reward, terminated, truncated, last, mask = self.game.step(numbers, choices)
        if last is not None:
            # The world has begun anew by itself; it waits for `reset`.
            self._fresh = self._over = True
            seen = last
        return seen, float(reward[0]), bool(terminated[0]), bool(truncated[0]), self._info(mask)

    def _info(self, mask: Optional[_F32]) -> dict[str, Any]:
        found = self.seat.masks(mask, 1)
        # Spaces of Gymnasium sample by it.
        return {} if found is None else {"action_mask": found[0]}

    def render(self) -> Any:
        """With ``render_mode="rgb_array"`` what is seen now as a picture (``height x width x 3``, from 0 to 255): a bar a number, from -1 to 1."""
        return None if self.render_mode is None else picture(self.game.seen(0)[0])

    def action_masks(self) -> _Bool:
        """What may be chosen now, for maskable learners: one entry per choice."""
        row: _Bool = self.seat.allowed(self.game.seen(0)[1], 1)[0]
        return row

    def values(self) -> dict[str, float]:
        """States and shocks in the units of the file: a number, or an array of the elements, by name."""
        return {name: float(x[0]) if x.size == 1 else x for name, x in self.game.values().items()}  # type: ignore[misc]


class EconVectorEnv(_Played, VectorEnv[_F32, Any, Any]):
    """``num_envs`` worlds of a model, stepped together in Rust, in which one agent is played; options as of :class:`EconEnv`, and ``members`` for a
    continuum. An agent with members has a row a member: the attribute ``num_envs`` then is worlds times members, and the mode of autoreset is that
    of the same step; ``info["left"]`` marks rows of members that have left for good, which earn nothing. Observations are ``row x width`` (float32), rewards ``row`` (float64, in the units of the file).

    ``autoreset_mode`` is one of Gymnasium's three. In the mode of the same step ``info["final_obs"]`` holds what was seen last where
    ``info["_final_obs"]``; with it disabled, ``reset(options={"reset_mask": mask})`` begins the marked worlds.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4, "autoreset_mode": AutoresetMode.NEXT_STEP}

    def __init__(
        self,
        model: Union[Model, PathLike],
        num_envs: int = 1,
        *,
        agent: Optional[str] = None,
        scenario: Optional[str] = None,
        periods: Optional[int] = None,
        members: Optional[int] = None,
        others: Union[None, str, Sequence[str]] = None,
        grids: bool = False,
        params: Optional[Mapping[str, Any]] = None,
        seed: Optional[int] = None,
        autoreset_mode: Union[str, AutoresetMode, None] = None,
        render_mode: Optional[str] = None,
    ):
        #: Number of worlds.
        self.worlds = num_envs
        self._sit(
            model, params, render_mode, agent, grids=grids, scenario=scenario, worlds=num_envs, periods=periods, members=members,
            others=others, seed=seed,
        )
        many = self.seat.members > 1
        default = AutoresetMode.SAME_STEP if many else AutoresetMode.NEXT_STEP
        self.autoreset_mode = default if autoreset_mode is None else AutoresetMode(autoreset_mode)
        if many and self.autoreset_mode != AutoresetMode.SAME_STEP:
            raise ValueError("members of one world end apart from each other: autoreset_mode is SAME_STEP for them")
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.num_envs = num_envs * self.seat.members
        self.single_observation_space = self.seat.observation_space
        self.single_action_space = self.seat.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._shape = (self.num_envs, self.seat.width)
        self._numbers_only = not self.seat.discrete
        self._step_mode = (AutoresetMode.SAME_STEP, AutoresetMode.NEXT_STEP, AutoresetMode.DISABLED).index(self.autoreset_mode)
        # Worlds that wait: for the next step, or for a reset. None: no world does.
        self._waits: Optional[_Bool] = None
        self._last: Optional[_F32] = None
        #: Rows of members that have left for good; None where none can.
        self._left = self.game.left(0)

    def reset(
        self, *, seed: Union[None, int, Sequence[Optional[int]]] = None, options: Optional[dict[str, Any]] = None
    ) -> tuple[_F32, dict[str, Any]]:
        """Begins episodes: everywhere, or where ``options["reset_mask"]`` (``row``, truth values) says. One seed serves all worlds, whose draws
        differ.

        Raises ``TypeError`` for a seed for each world, ``ValueError`` for a mask of another shape.
        """
        mask = (options or {}).get("reset_mask")
        if seed is not None and not isinstance(seed, (int, np.integer)):
            raise TypeError("one whole number is the seed of all worlds: their draws differ from world to world")
        if mask is not None:
            return self._reset_some(np.asarray(mask), seed)
        super().reset(seed=None if seed is None else int(seed))
        self._begin(None if seed is None else int(seed), np.ones(self.worlds, dtype=np.bool_))
        self._fresh, self._waits, self._last = False, None, None
        seen, masks = self.game.seen(0)
        return seen.reshape(self._shape), self._info(masks)

    def _reset_some(self, mask: npt.NDArray[Any], seed: Optional[Any]) -> tuple[_F32, dict[str, Any]]:
        if seed is not None:
            raise ValueError("a seed is one of all worlds: reset them all, or leave out the seed")
        if mask.shape != (self.num_envs,) or mask.dtype != np.bool_ or not mask.any():
            raise ValueError(f"options['reset_mask'] is an array of {self.num_envs} truth values, one of which is true")
        if self.seat.members > 1:
            raise ValueError("worlds with several members begin by themselves")
        waits = np.zeros(self.num_envs, dtype=np.bool_) if self._waits is None else self._waits
        begin = mask & ~waits
        if begin.any():
            self.game.begin_anew(begin)
        waits = waits & ~mask
        self._waits = waits if waits.any() else None
        seen, masks = self.game.seen(0)
        out = seen.reshape(self._shape)
        if self._waits is not None and self._last is not None:
            out[self._waits] = self._last[self._waits]
        return out, self._info(masks)

    def step(self, actions: Any) -> tuple[_F32, _F64, _Bool, _Bool, dict[str, Any]]:
        """Plays a period in every world: observations, rewards, terminated, truncated, info.

        Raises ``ValueError`` for actions outside of their space (nothing is moved into it), and for worlds that wait for a reset.
        """
        if self._numbers_only and type(actions) is np.ndarray:
            given = np.ascontiguousarray(actions, dtype=np.float32).reshape(-1)
            choices = None
        else:
            given, choices = self.seat.flat(actions, self.num_envs)
        mode, waits = self._step_mode, self._waits
        if self._fresh:
            raise ResetNeeded("no episode was begun: call reset()")
        if mode == 2 and waits is not None:
            raise ValueError(f"worlds {np.flatnonzero(waits).tolist()} have ended: reset them by options['reset_mask']")
        if self.seat.masked and choices is not None:
            self.seat.refuse(choices, self.game.seen(0)[1], waits)
        seen, reward, terminated, truncated, last, mask = self.game.step(given, choices, waits)
        seen = seen.reshape(self._shape)
        info = {} if mask is None else self._info(mask)
        self._waits = None
        if last is not None:
            ended = terminated | truncated
            rows = last.reshape(self._shape)
            if mode == 0:
                if self.seat.members > 1:
                    # A member that is replaced while its world goes on has no last look.
                    ended = ended & np.repeat(np.array(self.game.periods()) == 0, self.seat.members)
                info["final_obs"], info["_final_obs"] = rows, ended
                info["final_info"], info["_final_info"] = {}, ended
            else:
                seen[ended] = rows[ended]
                self._waits, self._last = ended, seen
        if self._left is not None:
            # Who left before earns nothing, and ends no second time.
            gone, self._left = self._left, self.game.left(0)
            reward[gone], terminated[gone] = 0.0, False
            info["left"] = self._left
        return seen, reward, terminated, truncated, info

    def _info(self, mask: Optional[_F32]) -> dict[str, Any]:
        found = self.seat.masks(mask, self.num_envs)
        return {} if found is None else {"action_mask": found}

    def action_masks(self) -> _Bool:
        """What may be chosen now: ``row x choice``."""
        return self.seat.allowed(self.game.seen(0)[1], self.num_envs)

    def values(self) -> dict[str, _F64]:
        """States and shocks in the units of the file: by name one number a world, or ``element x world``."""
        return {n: x if x.size == self.worlds else x.reshape(-1, self.worlds) for n, x in self.game.values().items()}

    def close_extras(self, **kwargs: Any) -> None:
        """Nothing is held open."""


def register(names: Iterable[str] = IDS) -> None:
    """Registers ids ``econc/NAME-v0``; importing the module does."""
    for name in names:
        id_ = f"econc/{name}-v0"
        if id_ not in gymnasium.registry:
            gymnasium.register(
                id=id_,
                entry_point="econc.envs:EconEnv",
                vector_entry_point="econc.envs:EconVectorEnv",
                kwargs={"model": name},
            )


register()
