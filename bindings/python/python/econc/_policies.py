"""Policies of Python that econc plays and judges."""

from __future__ import annotations

import inspect
import numbers
import pathlib
import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Callable, Optional, Union

import numpy as np
import numpy.typing as npt

from . import _commands as commands
from . import _native
from ._errors import needed
from ._run import Folder, result_of
from ._spaces import Seat

if TYPE_CHECKING:
    from ._model import Model

_F32 = npt.NDArray[np.float32]
#: From so many worlds on it is asked whether they fit into memory.
MANY = 1_000_000
#: From a batch of observations (and masks, or None) to a batch of actions.
Batched = Callable[[_F32, Optional[_F32]], Any]


def game_of(
    model: Model,
    *,
    agents: Optional[Sequence[str]],
    grids: bool = False,
    scenario: Optional[str] = None,
    worlds: int = 1,
    periods: Optional[int] = None,
    members: Optional[int] = None,
    others: Union[None, str, pathlib.Path, Sequence[Any]] = None,
    seed: Optional[int] = None,
) -> _native.Game:
    """Worlds of a model with seats for ``agents`` (None: the only one that decides; none: all that can learn). ``others`` is how all others
    choose: ``"random"``, ``"rule"``, a run, .., also by agent, ``"firm=random"``.

    Raises ``ValueError`` for numbers that are none, ``EconError`` for what the model does not have and where memory does not suffice (E0981).
    """
    whole(1, num_envs=worlds, periods=periods, members=members)
    whole(0, seed=seed)
    played = [others] if isinstance(others, (str, pathlib.Path)) else list(others or [])
    agents = [agents] if isinstance(agents, str) else agents
    if worlds * (members or 1) >= MANY:
        _fits(model, worlds, members)
    return _native.Game(
        str(model.path), set=list(model.params.items()), agents=agents, grids=grids, scenario=scenario, worlds=worlds,
        periods=periods, members=members, others=[str(pathlib.Path(o)) if hasattr(o, "__fspath__") else str(o) for o in played],
        seed=1 if seed is None else int(seed),
    )


def _fits(model: Model, worlds: int, members: Optional[int]) -> None:
    """Errs where so many worlds do not fit into memory, as the command does before it plays them.

    Raises ``EconError`` (E0981).
    """
    folder = Folder()
    words = ["--policy", "random", "--periods", "1", "--worlds", str(worlds), "--out", str(folder.path / "run"), "--json"]
    words += [] if members is None else ["--members", str(members)]
    status, printed, said = commands.command(model._line("simulate", words))
    found = commands.failure(said, result_of(printed), None)
    if status != 0 and found.code in ("E0980", "E0981"):
        raise found


def whole(least: int, **given: Any) -> None:
    """Errs for numbers that are not whole or less than ``least``.

    Raises ``ValueError`` that names them.
    """
    for name, value in given.items():
        if value is not None and (not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least):
            raise ValueError(f"{name} is a whole number of {least} or more, not {value!r}")


def drawn_seed() -> int:
    """A seed that nobody has met."""
    return secrets.randbits(63)


def lend(model: Model, policy: Any, agent: Optional[str], grids: bool, name: Optional[str]) -> _native.Lent:
    """A policy that commands can name as long as the answer is held."""
    game = game_of(model, agents=None if agent is None else [agent], grids=grids)
    seat = Seat(game.seats()[0])
    if is_checkpoint(policy):
        policy = _module_of(policy)
    _of_this_agent(policy, seat)
    act = batched(policy)

    def answer(observation: _F32, mask: Optional[_F32]) -> tuple[_F32, npt.NDArray[np.uint32]]:
        rows = observation.reshape(-1, seat.width)
        masks = None if mask is None else mask.reshape(len(rows), -1)
        return seat.flat(act(rows, masks), len(rows))

    called = name or getattr(policy, "__name__", type(policy).__name__)
    return _native.Lent(answer, str(called), grids, seat.width, seat.continuous, seat.discrete)


def is_checkpoint(policy: Any) -> bool:
    """Whether a policy is named by the directory of a checkpoint of RLlib."""
    return isinstance(policy, (str, pathlib.Path)) and (pathlib.Path(policy) / "class_and_ctor_args.pkl").is_file()


def _module_of(checkpoint: Any) -> Any:
    from .rllib import module

    return module(checkpoint)


def _of_this_agent(policy: Any, seat: Seat) -> None:
    """Errs where a policy was learned for other observations or actions than those of a seat.

    Raises ``ValueError``.
    """
    actions, seen = getattr(policy, "action_space", None), getattr(policy, "observation_space", None)
    if actions is not None and actions != seat.action_space:
        raise ValueError(f"the policy was learned for actions {actions}, and `{seat.agent}` has {seat.action_space}")
    if seen is not None and getattr(seen, "shape", None) != (seat.width,):
        raise ValueError(f"the policy was learned for observations {seen}, and `{seat.agent}` sees {seat.width} numbers")


def batched(policy: Any) -> Batched:
    """A function from a batch of observations (``row x width``, float32) and masks (``row x choice``, or None) to a batch of actions, of whatever
    stands for a policy.

    Raises ``TypeError`` for what is none.
    """
    if isinstance(policy, (str, pathlib.Path)):
        return _rllib(_module_of(policy)) if is_checkpoint(policy) else _onnx(pathlib.Path(policy))
    if hasattr(policy, "predict") and hasattr(policy, "policy"):
        return _stable_baselines(policy)
    if hasattr(policy, "forward_inference") or hasattr(policy, "get_module"):
        return _rllib(policy)
    if not callable(policy):
        raise TypeError(f"{type(policy).__name__} is no policy: give a function of observations, a model or the path of an ONNX file")
    function: Callable[..., Any] = policy
    try:
        takes_mask = "mask" in inspect.signature(policy).parameters
    except (TypeError, ValueError):
        takes_mask = False
    if takes_mask:
        return lambda rows, mask: function(rows, mask=mask)
    return lambda rows, _: function(rows)


def _stable_baselines(model: Any) -> Batched:
    try:
        takes_mask = "action_masks" in inspect.signature(model.predict).parameters
    except (TypeError, ValueError):
        takes_mask = False
    if hasattr(model.policy, "lstm_actor"):
        raise ValueError("a recurrent policy keeps a memory, which is not handed from period to period here: give a function that does")
    # What the model was trained on may standardise observations.
    normal = model.get_vec_normalize_env() if hasattr(model, "get_vec_normalize_env") else None

    def act(rows: _F32, mask: Optional[_F32]) -> Any:
        seen = rows if normal is None else normal.normalize_obs(rows)
        if takes_mask and mask is not None:
            return model.predict(seen, deterministic=True, action_masks=mask.astype(bool))[0]
        return model.predict(seen, deterministic=True)[0]

    return act


def _rllib(algorithm: Any) -> Batched:
    import torch

    if getattr(getattr(algorithm, "config", None), "_env_to_module_connector", None) is not None:
        raise ValueError("observations pass a connector of the algorithm, which its module does not know: give a function that applies it")
    module = algorithm if hasattr(algorithm, "forward_inference") else algorithm.get_module()
    if module is None:
        raise ValueError("the algorithm has several modules: name one, algorithm.get_module(\"firm\")")
    if module.is_stateful():
        raise ValueError("a recurrent policy keeps a memory, which is not handed from period to period here: give a function that does")
    law = module.get_inference_action_dist_cls()

    def act(rows: _F32, mask: Optional[_F32]) -> Any:
        with torch.no_grad():
            out = module.forward_inference({"obs": torch.from_numpy(np.ascontiguousarray(rows))})
            if "actions" in out:
                chosen = out["actions"]
            else:
                chosen = law.from_logits(out["action_dist_inputs"]).to_deterministic().sample()
        values = chosen.cpu().numpy()
        # RLlib plays numbers within the bounds, which are -1 and 1 here.
        return np.clip(values, -1.0, 1.0) if values.dtype.kind == "f" else values

    return act


def _onnx(path: pathlib.Path) -> Batched:
    onnxruntime = needed("onnxruntime", "onnx")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    inputs = [i.name for i in session.get_inputs()]

    def act(rows: _F32, mask: Optional[_F32]) -> Any:
        given = {inputs[0]: rows}
        if len(inputs) > 1 and mask is not None:
            given[inputs[1]] = mask
        return session.run(None, given)[0]

    return act
