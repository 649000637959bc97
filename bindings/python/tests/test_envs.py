"""Environments: the rules of Gymnasium and PettingZoo, and the numbers of `econc simulate`."""

import time
import warnings

import numpy as np
import pytest

import econc

gymnasium = pytest.importorskip("gymnasium")
pytest.importorskip("pettingzoo")
import econc.envs  # noqa: E402
import econc.zoo  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode  # noqa: E402
from pettingzoo.test import api_test, parallel_api_test  # noqa: E402

# Why a model has no environment of its kind.
NO_GAME = {"hopenhayn": "E0835", "huggett": "E0810", "huggett_risk": "E0810"}
# Their prices look ahead: a solution knows them.
NO_GAME |= dict.fromkeys(["discretion", "lucas_tree", "sovereign_default"], "E0868")
STAGES = {"stackelberg"}
# So many members, so that the check of all of them does not take minutes.
FEW = {"aiyagari": 4, "krusell_smith": 4, "life_cycle": 4, "matching": 4, "menu_costs": 4}

ENDS = """model ends
agent a {
  state n in 0..20, start 0
  action x in [0, 1]
  n' = n + 1
  observe n
  reward x + n
  discount 0.9
  end when n >= 2
}
"""


class Allowed(econc.envs.EconEnv):
    """What is forbidden becomes the first that is not: the check knows nothing of masks."""

    def step(self, action):
        mask = self.action_masks()
        choice = action["discrete"] if isinstance(action, dict) else action
        if not mask[int(choice)]:
            choice = np.int64(np.flatnonzero(mask)[0])
        return super().step({**action, "discrete": choice} if isinstance(action, dict) else choice)


def sampled(space, mask):
    return space.sample() if mask is None else space.sample(mask=mask)


def test_ids_are_the_models_with_one_who_decides():
    able = []
    for name in econc.templates():
        try:
            econc.envs.EconEnv(name)
            able.append(name)
        except (ValueError, econc.EconError):
            pass
    assert sorted(able) == sorted(econc.envs.IDS)


@pytest.mark.parametrize("name", econc.envs.IDS)
def test_check_env(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        env = gymnasium.make(f"econc/{name}-v0")
        check_env(Allowed(name) if env.unwrapped.seat.masked else env.unwrapped, skip_render_check=True)
    vector = gymnasium.make_vec(f"econc/{name}-v0", num_envs=3)
    seen, info = vector.reset(seed=1)
    assert seen.shape == (3, env.unwrapped.seat.width) and vector.single_observation_space.contains(seen[0])
    for k in range(20):
        masks = info.get("action_mask", [None] * 3)
        actions = [sampled(vector.single_action_space, mask) for mask in masks]
        if isinstance(actions[0], dict):
            actions = {key: np.stack([a[key] for a in actions]) for key in actions[0]}
        seen, reward, terminated, truncated, info = vector.step(actions if isinstance(actions, dict) else np.stack(actions))
        assert reward.shape == terminated.shape == truncated.shape == (3,) and np.isfinite(reward).all()


@pytest.mark.parametrize("name", sorted(econc.templates()))
def test_games_of_several(name):
    options = {"members": FEW[name]} if name in FEW else {}
    if name in NO_GAME:
        with pytest.raises(econc.EconError) as caught:
            econc.zoo.parallel_env(name)
        assert caught.value.code == NO_GAME[name]
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if name in STAGES:
            with pytest.raises(ValueError, match="aec_env"):
                econc.zoo.parallel_env(name)
            api_test(econc.zoo.aec_env(name), num_cycles=40)
            return
        env = econc.zoo.parallel_env(name, **options)
        if len(env.possible_agents) > 1:
            parallel_api_test(env, num_cycles=40)


@pytest.mark.parametrize("name", ["cournot", "entry_exit", "exchange"])
def test_turns_of_those_who_choose_at_once(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        api_test(econc.zoo.aec_env(name), num_cycles=40)


@pytest.mark.parametrize("worlds", [1, 5])
def test_trajectories_are_those_of_simulate_to_the_bit(growth, worlds):
    series = growth.simulate("fixed:s=0.5", periods=60, worlds=worlds, seed=7).frame
    env = econc.envs.EconVectorEnv(growth, worlds)
    env.reset(seed=7)
    half = np.zeros((worlds, 1), np.float32)
    for t in range(60):
        values = env.values()
        assert values["planner.k"][0] == series["planner.k"][t], t
        assert values["z"][0] == series["z"][t], t
        _, reward, *_ = env.step(half)
        assert reward[0] == np.float32(series["planner.reward"][t]), t
    # Broken on purpose: another seed, another action.
    env.reset(seed=8)
    env.step(half)
    assert env.values()["planner.k"][0] != series["planner.k"][1]
    env.reset(seed=7)
    env.step(half + np.float32(1e-3))
    assert env.values()["planner.k"][0] != series["planner.k"][1]


def test_trajectories_with_ends_and_finite_choices_too():
    model = econc.load("cartpole")
    series = model.simulate("fixed:push=right", periods=40, seed=3).frame
    env = econc.envs.EconVectorEnv(model, 1, autoreset_mode="SameStep")
    names = [n for n in env.values() if n in series]
    right = next(m for m in env.seat.meanings)["labels"].index("right")
    ends = 0
    env.reset(seed=3)
    for t in range(40):
        for name in names:
            assert env.values()[name][0] == series[name][t], (name, t)
        ends += env.step(np.array([right]))[2][0]
    assert names and ends > 0
    model = econc.load(ENDS)
    series = model.simulate("fixed:x=0.5", periods=12, seed=3).frame
    env = econc.envs.EconVectorEnv(model, 2, autoreset_mode="SameStep")
    env.reset(seed=3)
    for t in range(12):
        assert env.values()["a.n"][0] == series["a.n"][t]
        _, reward, terminated, _, _ = env.step(np.zeros((2, 1), np.float32))
        assert reward[0] == np.float32(series["a.reward"][t]) if "a.reward" in series else True
        assert terminated[0] == (t % 3 == 2)


def test_modes_of_autoreset_follow_gymnasium():
    """Each mode beside Gymnasium's own vector of the same worlds, one by one."""
    model = econc.load(ENDS)
    action = np.zeros((3, 1), np.float32)
    for mode in AutoresetMode:
        mine = econc.envs.EconVectorEnv(model, 3, autoreset_mode=mode)
        theirs = gymnasium.vector.SyncVectorEnv(
            [lambda: econc.envs.EconEnv(model)] * 3, autoreset_mode=mode
        )
        seen, there = mine.reset(seed=1)[0], theirs.reset(seed=1)[0]
        assert np.array_equal(seen, there), mode
        for t in range(9):
            got, other = mine.step(action), theirs.step(action)
            for a, b in zip(got[:4], other[:4]):
                assert np.array_equal(a, b), (mode, t)
            if mode == AutoresetMode.SAME_STEP:
                assert ("final_obs" in got[4]) == ("final_obs" in other[4])
                if "final_obs" in got[4]:
                    assert np.array_equal(got[4]["_final_obs"], other[4]["_final_obs"])
                    assert np.array_equal(got[4]["final_obs"], np.stack(list(other[4]["final_obs"])))
            if mode == AutoresetMode.DISABLED and got[2].any():
                with pytest.raises(ValueError, match="have ended"):
                    mine.step(action)
                mask = {"reset_mask": np.ones(3, dtype=bool)}
                assert np.array_equal(mine.reset(options=mask)[0], theirs.reset(options=dict(mask))[0])


def test_worlds_that_wait_stand_still():
    model = econc.load(ENDS.replace("n' = n + 1", "n' = n + (if x > 0.7 then 4 else 1)"))
    env = econc.envs.EconVectorEnv(model, 2)
    env.reset(seed=1)
    fast = np.array([[1.0], [-1.0]], np.float32)
    ends = [env.step(fast)[2].tolist() for _ in range(2)]
    assert ends == [[False, False], [True, False]]
    # The first world waits while the second goes on; what is chosen in it does nothing.
    _, reward, terminated, _, _ = env.step(fast)
    assert reward.tolist() == [0.0, 2.0] and terminated.tolist() == [False, True]
    assert env.values()["a.n"].tolist() == [0, 0]
    _, reward, terminated, _, _ = env.step(fast)
    assert reward.tolist() == [1.0, 0.0] and not terminated.any()
    assert env.values()["a.n"].tolist() == [4, 0]


def test_truncation_is_apart_from_termination():
    model = econc.load(ENDS)
    env = econc.envs.EconEnv(model, periods=2)
    env.reset(seed=1)
    assert env.step(np.zeros(1, np.float32))[2:4] == (False, False)
    seen, _, terminated, truncated, _ = env.step(np.zeros(1, np.float32))
    assert (terminated, truncated) == (False, True)
    assert env.seat.in_units(seen)["n"] == pytest.approx(2, rel=1e-6)
    again, _ = env.reset()
    assert env.seat.in_units(again)["n"] == 0


def test_seeds_and_resets(growth):
    env = econc.envs.EconEnv(growth)
    first, _ = env.reset(seed=5)
    follow = [env.step(np.zeros(1, np.float32))[0] for _ in range(5)]
    other, _ = env.reset()
    assert not np.array_equal(first, other)
    third, _ = env.reset()
    assert not np.array_equal(other, third)
    again, _ = env.reset(seed=5)
    assert np.array_equal(first, again)
    assert all(np.array_equal(a, env.step(np.zeros(1, np.float32))[0]) for a in follow)


@pytest.mark.parametrize("action", [[2.0], [np.nan], [0.0, 0.0]])
def test_actions_outside_of_the_space_are_refused(growth, action):
    env = econc.envs.EconEnv(growth)
    env.reset(seed=1)
    with pytest.raises(ValueError):
        env.step(np.array(action, np.float32))
    many = econc.envs.EconVectorEnv(growth, 2)
    many.reset(seed=1)
    with pytest.raises(ValueError):
        many.step(np.array([action, action], np.float32))


def test_choices_outside_are_refused():
    env = econc.envs.EconEnv("cartpole")
    env.reset(seed=1)
    for wrong in (5, -1, 0.5):
        with pytest.raises(ValueError):
            env.step(wrong)


def test_masks_say_what_may_be_chosen():
    env = econc.zoo.parallel_env("entry_exit")
    seen, infos = env.reset(seed=1)
    for _ in range(30):
        actions = {}
        for agent in env.agents:
            mask = seen[agent]["action_mask"]
            assert mask.any() and np.array_equal(mask, infos[agent]["action_mask"])
            actions[agent] = env.action_space(agent).sample(mask=mask)
        seen, rewards, *_, infos = env.step(actions)
        assert all(np.isfinite(r) for r in rewards.values())


def test_spaces_are_exact(growth):
    env = econc.envs.EconEnv(growth)
    k = env.seat.columns.index("k")
    assert env.seat.ends[k] == (0.5, 20.0)
    assert env.observation_space.low[k] == -1 and env.observation_space.high[k] == 1
    z = env.seat.columns.index("z")
    assert np.isinf(env.observation_space.low[z])
    assert env.action_space == gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    assert env.seat.discount == pytest.approx(0.96)
    seen, _ = env.reset(seed=1)
    assert env.seat.in_units(seen)["k"] == pytest.approx(env.values()["planner.k"], rel=1e-6)
    cart = econc.envs.EconEnv("cartpole").action_space
    assert isinstance(cart, gymnasium.spaces.Discrete)


def test_worlds_can_be_kept(growth):
    env = econc.envs.EconVectorEnv(growth, 4)
    env.reset(seed=1)
    env.step(np.zeros((4, 1), np.float32))
    kept = env.game.save()
    first = [env.step(np.zeros((4, 1), np.float32))[0] for _ in range(3)]
    env.game.load(kept)
    assert all(np.array_equal(a, env.step(np.zeros((4, 1), np.float32))[0]) for a in first)


def test_an_agent_of_several_members_is_a_row_each():
    env = econc.envs.EconVectorEnv("cournot", 2)
    assert env.num_envs == 6
    seen, _ = env.reset(seed=1)
    _, reward, *_ = env.step(np.full((6, 1), -0.955, np.float32))
    # Three firms with q = 2.25 each: the price is 3.25, marginal cost 1.
    assert reward == pytest.approx(2.25 * 2.25, rel=1e-4)
    with pytest.raises(ValueError, match="members"):
        econc.envs.EconEnv("cournot")


def test_speed(growth):
    """Far below what is measured without other work, so that it is no matter of luck."""
    env = econc.envs.EconVectorEnv(growth, 64)
    env.reset(seed=1)
    action = np.zeros((64, 1), np.float32)
    begun = time.perf_counter()
    for _ in range(2000):
        env.step(action)
    assert 2000 * 64 / (time.perf_counter() - begun) > 300_000


def test_environments_are_pickled_where_they_stand(growth):
    import copy
    import pickle

    env = econc.envs.EconVectorEnv(growth, 3)
    env.reset(seed=1)
    env.step(np.zeros((3, 1), np.float32))
    for again in (pickle.loads(pickle.dumps(env)), copy.deepcopy(env)):
        assert np.array_equal(again.step(np.zeros((3, 1), np.float32))[0], copy.deepcopy(env).step(np.zeros((3, 1), np.float32))[0])
    env.step(np.ones((3, 1), np.float32))
    assert again.values()["planner.k"][0] != env.values()["planner.k"][0]
    table = econc.zoo.parallel_env("cournot", periods=5)
    table.reset(seed=1)
    other = pickle.loads(pickle.dumps(table))
    actions = {a: np.zeros(1, np.float32) for a in table.agents}
    assert other.agents == table.agents and str(other.step(actions)) == str(table.step(actions))


LEAVES = """model leaves
agent m[i in 1..3] {
  state a in 0..40, start i
  action x in [0, 1]
  a' = a + 1
  observe a
  reward 1 + 0 * x
  discount 0.9
  end when a >= 4, then leave
}
"""


def test_who_leaves_for_good_is_no_agent_any_more():
    env = econc.zoo.parallel_env(LEAVES, periods=6)
    env.reset(seed=1)
    there, earned = [], {a: 0.0 for a in env.possible_agents}
    while env.agents:
        there.append(list(env.agents))
        _, rewards, ends, cuts, _ = env.step({a: np.zeros(1, np.float32) for a in env.agents})
        assert set(rewards) == set(there[-1])
        for a, r in rewards.items():
            earned[a] += r
        if not any(cuts.values()):
            assert [a for a in there[-1] if ends[a]] == [a for a in there[-1] if a not in env.agents]
    # Members 1, 2, 3 begin at 1, 2, 3, and the end comes when 4 is reached.
    lived = [sum(a in now for now in there) for a in env.possible_agents]
    assert lived[0] > lived[1] > lived[2] and [earned[a] for a in env.possible_agents] == lived
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parallel_api_test(econc.zoo.parallel_env(LEAVES, periods=20), num_cycles=60)
        api_test(econc.zoo.aec_env(LEAVES, periods=20), num_cycles=60)
    rows = econc.envs.EconVectorEnv(LEAVES, 1, periods=6)
    rows.reset(seed=1)
    sums = sum(rows.step(np.zeros((3, 1), np.float32))[1] for _ in range(5))
    assert list(sums) == [min(n, 5) for n in lived]


def test_nothing_is_played_before_a_reset_or_after_an_end():
    from gymnasium.error import ResetNeeded

    env = econc.envs.EconEnv(ENDS)
    action = np.zeros(1, np.float32)
    with pytest.raises(ResetNeeded):
        env.step(action)
    env.reset(seed=1)
    while not env.step(action)[2]:
        pass
    with pytest.raises(ResetNeeded):
        env.step(action)
    with pytest.raises(ResetNeeded):
        econc.envs.EconVectorEnv(ENDS, 2).step(np.zeros((2, 1), np.float32))
    table = econc.zoo.parallel_env("cournot", periods=1)
    with pytest.raises(ResetNeeded):
        table.step({})
    table.reset(seed=1)
    table.step({a: action for a in table.agents})
    with pytest.raises(ResetNeeded):
        table.step({})
    with pytest.raises(ResetNeeded):
        econc.zoo.aec_env("cournot").step(action)


def test_episodes_without_a_seed_are_drawn(growth):
    firsts = {float(econc.envs.EconEnv(growth).reset()[0][0]) for _ in range(3)}
    assert len(firsts) == 3
    assert len({float(econc.envs.EconVectorEnv(growth, 1).reset()[0][0, 0]) for _ in range(3)}) == 3
    same = [econc.envs.EconEnv(growth, seed=5).reset()[0] for _ in range(2)]
    assert np.array_equal(same[0], same[1]) and np.array_equal(same[0], econc.envs.EconEnv(growth).reset(seed=5)[0])


@pytest.mark.parametrize("wrong", [{"num_envs": 0}, {"num_envs": -1}, {"periods": 0}, {"periods": -1}, {"periods": 2.0}, {"seed": -1}, {"members": -3}])
def test_numbers_that_are_none_are_named(growth, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        econc.envs.EconVectorEnv(growth, **{"num_envs": 2, **wrong})


def test_worlds_that_do_not_fit_are_refused(growth):
    with pytest.raises(econc.EconError) as caught:
        econc.envs.EconVectorEnv(growth, 10**9)
    assert caught.value.code == "E0981"


def test_what_is_no_action_is_answered_by_what_one_is():
    env = econc.envs.EconEnv("growth")
    env.reset(seed=1)
    for wrong in (None, {"s": 0.0}, (0.0,) * 3, "half"):
        with pytest.raises(ValueError, match="numbers"):
            env.step(wrong)
    table = econc.zoo.parallel_env("cournot", agents="firm")
    table.reset(seed=1)
    with pytest.raises(ValueError, match="firm_0"):
        table.step({a: None for a in table.agents})
    with pytest.raises(ValueError, match="bank"):
        table.step({**{a: np.zeros(1) for a in table.agents}, "bank": np.zeros(1)})


def test_a_member_that_is_replaced_has_no_last_look():
    rows = econc.envs.EconVectorEnv(LEAVES.replace("then leave", "then restart"), 1, periods=20)
    rows.reset(seed=1)
    for t in range(5):
        seen, _, terminated, _, info = rows.step(np.zeros((3, 1), np.float32))
        assert not info.get("_final_obs", np.zeros(3, bool)).any(), t
    assert rows.seat.in_units(seen)["a"][2] < 5


def test_pictures_and_choices_that_are_forbidden():
    env = gymnasium.make("econc/growth-v0", render_mode="rgb_array")
    env.reset(seed=1)
    assert env.render().shape == (64, 16, 3) and env.render().dtype == np.uint8
    with pytest.raises(ValueError, match="rgb_array"):
        econc.envs.EconEnv("growth", render_mode="human")
    forbids = """model forbids
agent p {
  state k in 0..3, start 1
  action d in {take when k >= 2, wait}
  k' = k
  observe k
  reward k + (if d == take then 1 else 0)
  discount 0.5
}
"""
    env = econc.envs.EconEnv(forbids)
    _, info = env.reset(seed=1)
    assert list(info["action_mask"]) == [0, 1]
    with pytest.raises(ValueError, match="action_mask"):
        env.step(0)
    assert env.step(1)[1] == 1
    many = econc.envs.EconVectorEnv(forbids, 2)
    many.reset(seed=1)
    with pytest.raises(ValueError, match="row 1"):
        many.step(np.array([1, 0]))
    table = econc.zoo.parallel_env(forbids)
    table.reset(seed=1)
    with pytest.raises(ValueError, match="action_mask"):
        table.step({"p": 0})
