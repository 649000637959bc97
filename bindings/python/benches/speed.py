"""How fast environments are: Rust's worlds through Gymnasium beside the same in a loop of Rust, and PPO of Stable-Baselines3 on them beside
a VecEnv written in numpy.

Run without other work on the machine: ``python bindings/python/benches/speed.py [steps]``. Needs ``econc[sb3,frames]``, and cargo for the loop
of Rust. Steps a second are of seconds on a core. Measured beside other work (wheel and bench on release): 4096 worlds 7.8 M steps/s through
VectorEnv, 8.1 M in a loop of Rust, 4 % less.
"""

import pathlib
import shutil
import subprocess
import sys
import time
import warnings

import numpy as np

import econc
import econc.envs


class NumpyGrowth:
    """The worlds of growth by hand, for Stable-Baselines3."""

    def __new__(cls, worlds, periods):
        from gymnasium import spaces
        from stable_baselines3.common.vec_env import VecEnv

        class Worlds(VecEnv):
            def __init__(self):
                low = np.array([-1, -np.inf], np.float32)
                super().__init__(worlds, spaces.Box(low, -low), spaces.Box(-1, 1, (1,), np.float32))
                self.rng = np.random.default_rng(1)
                self.render_mode = None

            def begin(self, which):
                n = int(which.sum())
                self.k[which] = self.rng.uniform(2, 8, n)
                self.z[which] = self.rng.normal(0, 0.007 / np.sqrt(1 - 0.95**2), n)
                self.t[which] = 0

            def seen(self):
                return np.stack([(self.k - 10.25) / 9.75, self.z], 1).astype(np.float32)

            def reset(self):
                self.k, self.z, self.t = np.zeros(worlds), np.zeros(worlds), np.zeros(worlds, int)
                self.begin(np.ones(worlds, bool))
                return self.seen()

            def step_async(self, actions):
                self.actions = actions

            def step_wait(self):
                s = np.clip(0.5 * (self.actions[:, 0] + 1), 0, 0.999)
                y = np.exp(self.z) * self.k**0.36
                reward = np.log((1 - s) * y)
                self.k = 0.9 * self.k + s * y
                self.z = 0.95 * self.z + self.rng.normal(0, 0.007, worlds)
                self.t += 1
                done = self.t >= periods
                infos = [{} for _ in range(worlds)]
                if done.any():
                    last = self.seen()
                    for i in np.flatnonzero(done):
                        infos[i] = {"terminal_observation": last[i], "TimeLimit.truncated": True}
                    self.begin(done)
                return self.seen(), reward, done, infos

            def close(self):
                pass

            def get_attr(self, name, indices=None):
                return [getattr(self, name)] * worlds

            def set_attr(self, name, value, indices=None):
                setattr(self, name, value)

            def env_method(self, name, *args, indices=None, **kwargs):
                return [getattr(self, name)(*args, **kwargs)] * worlds

            def env_is_wrapped(self, wrapper, indices=None):
                return [False] * worlds

        return Worlds()


def best_of(rounds, worlds, step):
    best = 0.0
    for _ in range(5):
        begun = time.process_time()
        for _ in range(rounds):
            step()
        best = max(best, rounds * worlds / (time.process_time() - begun))
    return best / 1e6


def stepping():
    for worlds in (64, 4096):
        env = econc.envs.EconVectorEnv("growth", worlds)
        env.reset(seed=1)
        action = np.zeros((worlds, 1), np.float32)
        rounds = 4_000_000 // worlds
        given = action.reshape(-1)
        whole = best_of(rounds, worlds, lambda: env.step(action))
        bare = best_of(rounds, worlds, lambda: env.game.step(given))
        print(f"{worlds} worlds: {whole:.2f} M steps/s through VectorEnv, {bare:.2f} M steps/s of its native half")
        if shutil.which("cargo"):
            root = pathlib.Path(__file__).resolve().parents[3]
            subprocess.run(["cargo", "bench", "--quiet", "--bench", "worlds", "--", f"worlds={worlds}"], cwd=root, check=True)


def learning(steps):
    import torch
    from stable_baselines3 import PPO

    from econc.sb3 import EconVecEnv

    torch.set_num_threads(1)
    model = econc.load("growth")
    made = {"econc": lambda: EconVecEnv(model, 64, periods=400), "numpy": lambda: NumpyGrowth(64, 400)}
    seconds = {name: [] for name in made}
    for turn in range(2):
        for name, make in made.items():
            learner = PPO(
                "MlpPolicy", make(), n_steps=64, batch_size=1024, n_epochs=4, gamma=0.96, learning_rate=1e-3,
                policy_kwargs={"net_arch": [32, 32]}, seed=1, device="cpu",
            )
            begun = time.perf_counter()
            learner.learn(steps)
            seconds[name].append(time.perf_counter() - begun)
            if name == "econc":
                theirs = learner
    for name, took in seconds.items():
        print(f"PPO of Stable-Baselines3, {steps} steps in 64 worlds of {name}: {min(took):.1f} s ({steps / min(took):.0f} steps/s)")

    def verdict(policy, **options):
        try:
            return model.verify(policy, **options)
        except econc.CertificateError as error:
            return error.run

    for name, run in (("Stable-Baselines3", verdict(theirs)), ("econc", verdict(None, learner="ppo", seeds=1, steps=steps))):
        found = run.certificate.set_index("check")["measured"]
        print(f"{name}: distance {found['distance in policy']:.2%}, welfare loss {found['welfare loss']:.3%}")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    stepping()
    learning(int(sys.argv[1]) if len(sys.argv) > 1 else 400_000)
