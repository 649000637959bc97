"""Sweeps, seeds and trials, here and on Ray."""

import hashlib
import os
import subprocess
import sys

import pytest

import econc


def digests(done):
    def of(run):
        files = [p for p in sorted(run.directory.rglob("*")) if p.is_file() and p.stem != "manifest"]
        return {str(p.relative_to(run.directory)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}

    return [of(run) for run in done.runs]


def test_a_sweep_is_the_runs_one_by_one(growth, tmp_path):
    over = {"beta": [0.94, 0.95], "delta": [0.09, 0.1]}
    done = econc.sweep(growth, over, out=tmp_path / "sweep")
    assert len(done) == 4 and [p["delta"] for p in done.points] == [0.09, 0.1, 0.09, 0.1]
    alone = growth.solve(set={"beta": 0.95, "delta": 0.09}).frame
    assert done[2].frame.equals(alone)
    assert (tmp_path / "sweep" / "run-003" / "report.html").exists()
    assert list(done.frame["beta"]) == [0.94, 0.94, 0.95, 0.95] and (done.frame["status"] == "complete").all()
    # Broken on purpose: another point is another run.
    assert digests(done)[2] != digests(done)[3]


def test_a_value_that_is_refused_stops_a_sweep_at_once(growth):
    with pytest.raises(econc.EconError) as caught:
        econc.sweep(growth, {"beta": [0.9, 1.5]})
    assert caught.value.code
    with pytest.raises(ValueError, match="values"):
        econc.sweep(growth, {"beta": []})
    with pytest.raises(ValueError, match="engine"):
        econc.sweep(growth, {"beta": [0.9]}, engine="spark")


def test_seeds_and_trials(growth):
    short = {"steps": 20_000, "worlds": 8, "horizon": 64, "network": [4]}
    seeds = econc.train(growth, "1..2", **short)
    one = growth.train(seeds=2, **short)
    assert (seeds[1].directory / "policy_last_seed_2.ron").read_bytes() == (one.directory / "policy_last_seed_2.ron").read_bytes()
    with pytest.raises(ValueError, match="no seed"):
        econc.train(growth, "5..1", **short)
    trials = econc.tune(growth, [{"learning_rate": 1e-3}, {"learning_rate": 1e-2}], seeds=1, **short)
    assert (trials[0].directory / "policy_last_seed_1.ron").read_bytes() != (trials[1].directory / "policy_last_seed_1.ron").read_bytes()


def test_an_outcome_that_fails_is_kept_with_its_reason(growth):
    done = econc.verify(growth, [1], steps=20_000, worlds=8, horizon=64, network=[4])
    assert done.runs[0].status == "failed" and done.errors[0].code == "E0985"
    with pytest.raises(econc.EconError):
        done.raise_if_failed()


def test_a_search_by_its_own_halving(growth):
    short = {"learner": "ppo", "search": {"learning_rate": "1e-4..1e-2:log"}, "steps": 12_000, "worlds": 8, "horizon": 64}
    run = econc.tune(growth, 3, **short)
    assert len(run.table("trials")) == 3 and files_of(run) == files_of(growth.tune(trials=3, **short))
    with pytest.raises(ValueError, match="engine"):
        growth.tune(engine="spark", **short)
    with pytest.raises(ValueError, match="no trial"):
        econc.tune(growth, [], **short)


def test_tables_of_a_sweep_stand_below_one_another(growth):
    done = econc.sweep(growth, {"beta": [0.94, 0.95]}, "steady_state")
    table = done.table("steady_state")
    assert list(table["beta"]) == [0.94] * 5 + [0.95] * 5 and table["value"].nunique() == 10
    with pytest.raises(KeyError, match="steady_state"):
        done.table("moments")


def test_a_sweep_goes_on_where_it_stopped(growth, tmp_path):
    over = {"beta": [0.94, 0.95, 0.96]}
    whole = econc.sweep(growth, over, "steady_state", out=tmp_path / "whole")

    def stop(done, *_):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        econc.sweep(growth, over, "steady_state", out=tmp_path / "stopped", progress=stop)
    with pytest.raises(FileExistsError, match="resume=True"):
        econc.sweep(growth, over, "steady_state", out=tmp_path / "stopped")
    with pytest.raises(FileExistsError, match="asked otherwise"):
        econc.sweep(growth, {"beta": [0.9]}, "steady_state", out=tmp_path / "stopped", resume=True)
    when = (tmp_path / "stopped" / "run-001" / "manifest.ron").read_bytes()
    done = []
    rest = econc.sweep(growth, over, "steady_state", out=tmp_path / "stopped", resume=True, progress=lambda *at: done.append(at[:2]))
    assert done == [(1, 1)] and digests(rest) == digests(whole)
    assert (tmp_path / "stopped" / "run-001" / "manifest.ron").read_bytes() == when


SAVER = """model saver
param share = 0.5
agent planner {
  state k in [0.01, 2], start 0.2
  action s in [0, 1]
  policy s = share
  k' = s * k^0.3
  observe k
  reward log((1 - s) * k^0.3)
  discount 0.9
}
"""


def test_points_that_fail_are_warned_of_and_columns_are_checks(growth):
    with pytest.warns(econc.EconWarning, match="1 of 2 runs failed"):
        # All of output is saved, of which nothing is left to consume, or half of it.
        done = econc.sweep(econc.load(SAVER), {"share": [0.5, 1.0]}, "simulate", policy="rule", periods=5)
    assert done.errors.count(None) == 1
    solved = econc.sweep(growth, {"beta": [0.94, 0.95]}).frame
    assert solved["best constant share"].notna().all() and not [c for c in solved.columns if c.endswith(")")]


def files_of(run):
    found = [p for p in sorted(run.directory.rglob("*")) if p.is_file() and p.stem != "manifest"]
    return {p.relative_to(run.directory).as_posix(): p.read_bytes() for p in found}


# A head and one more node, of one core each; the second is killed once something has come back.
CLUSTER = """
import os, signal, sys, time
os.environ["RAY_AUTH_MODE"] = "disabled"
import ray
from ray.cluster_utils import Cluster
import econc

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
model = econc.load("growth")
work = eval(sys.argv[1])
pid = second.all_processes["raylet"][0].process.pid
killed = []
def progress(done, of, *_):
    if sys.argv[2] == "kill" and 0 < done < of and not killed:
        killed.append(pid)
        print("killed at", done, "of", of, flush=True)
        os.kill(pid, signal.SIGKILL)
begun = time.perf_counter()
done = work(model, "ray", sys.argv[3], progress)
print("took", time.perf_counter() - begun)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.heavy
@pytest.mark.parametrize("end", ["stay", "kill"])
@pytest.mark.parametrize("what", ["sweep", "seeds", "search"])
def test_ray_has_the_bytes_of_one_machine(growth, tmp_path, what, end):
    pytest.importorskip("ray")
    work = {
        "sweep": "lambda m, e, out, p=None: econc.sweep(m, {'beta': [0.92 + 0.005 * i for i in range(8)], "
        "'alpha': [0.3 + 0.01 * i for i in range(8)]}, engine=e, out=out, progress=p)",
        "seeds": "lambda m, e, out, p=None: econc.train(m, range(1, 9), engine=e, out=out, progress=p, steps=1_600_000, worlds=8, horizon=64)",
        "search": "lambda m, e, out, p=None: econc.tune(m, 9, engine=e, out=out, progress=p, learner='ppo', "
        "search={'learning_rate': '1e-4..1e-2:log'}, seeds='1..2', steps=600_000, worlds=8, horizon=64)",
    }[what]
    here = eval(work)(growth, None, str(tmp_path / "here"))
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLUSTER, work, end, str(tmp_path / "there")],
        capture_output=True, text=True, timeout=900, check=False,
    )
    assert said.returncode == 0, said.stderr[-3000:]
    print(said.stdout)
    assert ("killed" in said.stdout) == (end == "kill")

    def files(place):
        found = [p for p in sorted((tmp_path / place).rglob("*")) if p.is_file() and p.stem != "manifest"]
        return {str(p.relative_to(tmp_path / place)): p.read_bytes() for p in found}

    assert files("here") == files("there") and files("here")
    assert what == "search" or len(here) == {"seeds": 8, "sweep": 64}[what]


@pytest.mark.heavy
def test_rllib_learns_and_is_told_how_far_from_nash(tmp_path):
    pytest.importorskip("ray.rllib")
    pytest.importorskip("torch")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig

    import econc.rllib
    import econc.zoo

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    text = econc.templates()["cournot"]
    config = (
        PPOConfig()
        .environment(econc.rllib.EconMultiAgentEnv, env_config={"model": text, "periods": 20})
        .env_runners(num_env_runners=0)
        .multi_agent(policies={"firm"}, policy_mapping_fn=lambda agent, *_, **__: "firm")
        .training(train_batch_size_per_learner=1000, minibatch_size=250, num_epochs=5)
    )
    algorithm = config.build_algo()
    module = algorithm.get_module("firm")
    before = econc.zoo.gains(text, {"firm": module}, worlds=4, periods=5)["firm"]
    for _ in range(3):
        algorithm.train()
    after = econc.zoo.gains(text, {"firm": module}, worlds=4, periods=5)["firm"]
    print("gain from deviating", before, after)
    assert after["gain"] >= 0 and before["gain"] >= 0
    # From its checkpoint on disk it is the same.
    saved = algorithm.save_to_path(str(tmp_path / "checkpoint"))
    loaded = econc.zoo.gains(text, {"firm": econc.rllib.module(saved, "firm")}, worlds=4, periods=5)["firm"]
    assert loaded == after
    with pytest.raises(FileNotFoundError, match="firm"):
        econc.rllib.module(saved, "bank")
    algorithm.stop()
    ray.shutdown()


@pytest.mark.heavy
def test_a_checkpoint_of_rllib_is_judged_from_disk(growth, solved, tmp_path):
    pytest.importorskip("ray.rllib")
    pytest.importorskip("torch")
    os.environ["RAY_AUTH_MODE"] = "disabled"
    import ray
    from ray.rllib.algorithms.ppo import PPOConfig
    from ray.rllib.connectors.env_to_module import MeanStdFilter
    from ray.tune.registry import register_env

    import econc.envs

    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    register_env("growth", lambda _: econc.envs.EconEnv("growth", periods=100))

    def trained(rounds, **runners):
        config = PPOConfig().environment("growth").env_runners(num_env_runners=0, **runners)
        return_ = config.training(train_batch_size_per_learner=2000, minibatch_size=500, num_epochs=5, lr=1e-3, gamma=0.96).build_algo()
        for _ in range(rounds):
            return_.train()
        return return_

    def judged(policy):
        try:
            run = growth.verify(policy, solution=solved)
        except econc.CertificateError as error:
            run = error.run
        return run.certificate.set_index("check")["measured"].to_dict()

    algorithm = trained(3)
    saved = algorithm.save_to_path(str(tmp_path / "learned"))
    now = judged(algorithm)
    algorithm.stop()
    assert judged(saved) == now
    # Broken on purpose: what has learned nothing is another policy.
    other = trained(0)
    assert judged(other) != now
    other.stop()
    # What the module does not know is refused, not left out.
    filtered = trained(1, env_to_module_connector=lambda *_, **__: MeanStdFilter())
    with pytest.raises(ValueError, match="connector"):
        growth.verify(filtered, solution=solved)
    with pytest.raises(ValueError, match="MeanStdFilter"):
        growth.verify(filtered.save_to_path(str(tmp_path / "filtered")), solution=solved)
    filtered.stop()
    ray.shutdown()


@pytest.mark.heavy
def test_stable_baselines_learns_and_is_judged(growth):
    pytest.importorskip("stable_baselines3")
    import numpy as np
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_checker import check_env

    import econc.envs
    from econc.sb3 import EconVecEnv

    check_env(econc.envs.EconEnv(growth))
    worlds = EconVecEnv(growth, 16, periods=200)
    learner = PPO("MlpPolicy", worlds, n_steps=64, batch_size=256, gamma=0.96, seed=1, device="cpu")
    learner.learn(20_000)
    try:
        run = growth.verify(learner)
    except econc.CertificateError as error:
        run = error.run
    loss = run.certificate.set_index("check")["measured"]["welfare loss"]
    assert np.isfinite(loss) and loss > 0
    # A model that learned to choose something else.
    with pytest.raises(ValueError, match="actions"):
        econc.load("cartpole").simulate(learner, periods=3)

