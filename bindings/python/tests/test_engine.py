"""Sweeps, seeds and trials, here and on Ray."""

import hashlib
import os
import subprocess
import sys

import pytest

import econc


def digests(done):
    def of(run):
        files = [p for p in sorted(run.directory.rglob("*")) if p.is_file() and p.name != "manifest.ron"]
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
    trials = econc.tune(growth, [{"learning_rate": 1e-3}, {"learning_rate": 1e-2}], seeds=1, **short)
    assert (trials[0].directory / "policy_last_seed_1.ron").read_bytes() != (trials[1].directory / "policy_last_seed_1.ron").read_bytes()


def test_an_outcome_that_fails_is_kept_with_its_reason(growth):
    done = econc.verify(growth, [1], steps=20_000, worlds=8, horizon=64, network=[4])
    assert done.runs[0].status == "failed" and done.errors[0].code == "E0985"
    with pytest.raises(econc.EconError):
        done.raise_if_failed()


# A head and one more node, of one core each; the second is killed in the middle.
CLUSTER = """
import os, signal, sys, threading, time
os.environ["RAY_AUTH_MODE"] = "disabled"
import ray
from ray.cluster_utils import Cluster
import econc

cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
second = cluster.add_node(num_cpus=1)
ray.init(address=cluster.address, log_to_driver=False)
model = econc.load("growth")
work = eval(sys.argv[1])
if sys.argv[2] == "kill":
    pid = second.all_processes["raylet"][0].process.pid
    def kill():
        time.sleep(float(sys.argv[3]))
        print("killed", pid, flush=True)
        os.kill(pid, signal.SIGKILL)
    threading.Thread(target=kill, daemon=True).start()
begun = time.perf_counter()
done = work(model, "ray", sys.argv[4])
print("took", time.perf_counter() - begun)
ray.shutdown()
cluster.shutdown()
"""


@pytest.mark.heavy
@pytest.mark.parametrize("end", ["stay", "kill"])
@pytest.mark.parametrize("what", ["sweep", "seeds"])
def test_ray_has_the_bytes_of_one_machine(growth, tmp_path, what, end):
    pytest.importorskip("ray")
    work = {
        "sweep": "lambda m, e, out: econc.sweep(m, {'beta': [0.92 + 0.005 * i for i in range(8)], "
        "'alpha': [0.3 + 0.01 * i for i in range(8)]}, engine=e, out=out)",
        "seeds": "lambda m, e, out: econc.train(m, range(1, 9), engine=e, out=out, steps=400_000, worlds=8, horizon=64)",
    }[what]
    here = eval(work)(growth, None, str(tmp_path / "here"))
    said = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", CLUSTER, work, end, "20", str(tmp_path / "there")],
        capture_output=True, text=True, timeout=900, check=False,
    )
    assert said.returncode == 0, said.stderr[-3000:]
    print(said.stdout)
    assert ("killed" in said.stdout) == (end == "kill")

    def files(place):
        found = [p for p in sorted((tmp_path / place).rglob("*")) if p.is_file() and p.name != "manifest.ron"]
        return {str(p.relative_to(tmp_path / place)): p.read_bytes() for p in found}

    assert files("here") == files("there") and len(here) in (8, 64)


@pytest.mark.heavy
def test_rllib_learns_and_is_told_how_far_from_nash():
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
    algorithm.stop()
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

