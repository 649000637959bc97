"""Policies from outside, played and judged."""

import numpy as np
import pytest

import econc

pytest.importorskip("gymnasium")
import econc.envs  # noqa: E402


def numbers(run):
    table = run.certificate.set_index("check")["measured"]
    return {name: float(x) for name, x in table.items()}


def judged(model, policy, **options):
    try:
        return model.verify(policy=policy, **options)
    except econc.CertificateError as error:
        return error.run


def bilinear(solved, seat):
    grid = solved.numpy()
    zs, ks, s = grid["z"], grid["planner.k"], grid["planner.s"]

    def policy(seen):
        units = seat.in_units(seen)
        z, k = np.clip(units["z"], zs[0], zs[-1]), np.clip(units["k"], ks[0], ks[-1])
        i = np.clip(np.searchsorted(zs, z) - 1, 0, len(zs) - 2)
        j = np.clip(np.searchsorted(ks, k) - 1, 0, len(ks) - 2)
        u, v = (z - zs[i]) / (zs[i + 1] - zs[i]), (k - ks[j]) / (ks[j + 1] - ks[j])
        value = (1 - u) * ((1 - v) * s[i, j] + v * s[i, j + 1]) + u * ((1 - v) * s[i + 1, j] + v * s[i + 1, j + 1])
        return (2 * value - 1)[:, None]

    return policy


def test_the_exact_policy_is_found_right_and_others_are_not(growth, solved):
    seat = econc.envs.EconEnv(growth).seat
    exact = bilinear(solved, seat)
    right = growth.verify(policy=exact, solution=solved)
    assert right.passed
    assert numbers(right)["distance in policy"] < 1e-3
    assert abs(numbers(right)["welfare loss"]) < 1e-6
    # Broken on purpose: saving too much, by more and more.
    losses = []
    for more in (0.02, 0.1, 0.4):
        wrong = judged(growth, lambda seen: np.clip(exact(seen) + more, -1, 1), solution=solved)
        losses.append(numbers(wrong)["welfare loss"])
    assert 0 < losses[0] < losses[1] < losses[2]
    assert not wrong.passed


def test_simulations_play_policies_of_python(growth):
    played = growth.simulate(lambda seen: np.zeros((len(seen), 1)), periods=20)
    fixed = growth.simulate("fixed:s=0.5", periods=20)
    assert played.frame.equals(fixed.frame)
    by_agent = growth.simulate({"planner": lambda seen: np.zeros((len(seen), 1))}, periods=20)
    assert by_agent.frame.equals(fixed.frame)


@pytest.mark.parametrize(
    "policy, error, said",
    [
        (lambda seen: np.full((len(seen), 1), 7.0), ValueError, "is 7"),
        (lambda seen: np.full((len(seen), 1), np.nan), ValueError, "NaN"),
        (lambda seen: np.zeros((len(seen), 2)), ValueError, "shape"),
        (lambda seen: 1 / 0, ZeroDivisionError, "division"),
        (lambda seen: None, ValueError, "nothing was chosen"),
        (lambda seen: {"s": 1}, ValueError, "numbers in"),
        (3, TypeError, "no policy"),
    ],
)
def test_policies_that_are_none_are_refused(growth, solved, policy, error, said):
    with pytest.raises(error, match=said):
        growth.verify(policy=policy, solution=solved)
    with pytest.raises(error, match=said):
        growth.simulate(policy, periods=3)


def test_masks_are_handed_on():
    model = econc.load("optimal_stopping")
    asked = []

    def policy(seen, mask=None):
        asked.append(None if mask is None else mask.shape)
        return np.zeros(len(seen), dtype=int)

    model.simulate(policy, periods=3)
    assert asked


def test_onnx(growth, solved, tmp_path):
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    width = econc.envs.EconEnv(growth).seat.width
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    weights = helper.make_tensor("w", kind, [width, 1], np.zeros(width, np.float32))
    shift = helper.make_tensor("b", kind, [1], np.array([-0.5], np.float32))
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["seen", "w", "b"], ["action"])], "policy",
        [helper.make_tensor_value_info("seen", kind, [None, width])],
        [helper.make_tensor_value_info("action", kind, [None, 1])], [weights, shift],
    )
    path = tmp_path / "policy.onnx"
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
    made.ir_version = 8
    onnx.save(made, str(path))
    by_file = judged(growth, str(path), solution=solved)
    by_hand = judged(growth, lambda seen: np.full((len(seen), 1), -0.5), solution=solved)
    assert numbers(by_file) == numbers(by_hand)


def test_what_deviating_gains_is_nothing_at_an_equilibrium_and_known_elsewhere():
    pytest.importorskip("pettingzoo")
    from econc.zoo import gains

    def all_at(q):
        return {"firm": lambda seen: np.full((len(seen), 1), q / 50 - 1)}

    nash = gains("cournot", all_at(2.25), worlds=1, periods=1)["firm"]
    assert nash["value"] == pytest.approx(2.25**2, rel=1e-5) and nash["gain"] < 1e-4
    # Two others at 3: the best reply is 1.5, which earns 1.5^2; staying at 3 earns nothing.
    wrong = gains("cournot", all_at(3.0), worlds=1, periods=1)["firm"]
    assert wrong["value"] == pytest.approx(0, abs=1e-4) and wrong["gain"] == pytest.approx(2.25, rel=1e-3)
    assert 50 * (wrong["action"] + 1) == pytest.approx(1.5, abs=0.05)
    with pytest.raises(ValueError, match="firm"):
        gains("cournot", {})
    with pytest.raises(ValueError, match="frm"):
        gains("cournot", {"firm": all_at(2)["firm"], "frm": None})


def test_gains_are_those_of_the_member_that_gains_most_and_none_where_none_is_known():
    pytest.importorskip("pettingzoo")
    from econc.zoo import gains

    # Members with a share of their own: the third gains most by taking all.
    text = """model shares
agent m[i in 1..3] {
  state k in [0, 9], start i
  action x in [0, 1]
  k' = k
  observe k
  reward k * x
  discount 0.5
}
"""
    half = gains(text, {"m": lambda seen: np.zeros((len(seen), 1))}, worlds=1, periods=1)["m"]
    assert half["member"] == 2 and half["gain"] == pytest.approx(1.5, rel=1e-4)
    # A deviation that leads to minus infinity is a bad one, not an error.
    cake = gains("cake", {econc.load("cake").agents[0]: lambda seen: np.full((len(seen), 1), -0.8)}, worlds=1, periods=200, points=5)
    assert np.isfinite(next(iter(cake.values()))["best"])
    text = """model forbids
agent p {
  state k in 0..3, start 1
  action d in {take when k >= 2, wait}
  k' = k
  observe k
  reward k + (if d == take then 1 else 0)
  discount 0.5
}
"""
    masked = gains(text, {"p": lambda seen, mask: mask.argmax(-1)}, worlds=1, periods=2)["p"]
    assert np.isnan(masked["gain"]) and np.isnan(masked["best"]) and masked["value"] > 0
