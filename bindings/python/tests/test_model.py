"""Models, runs, messages: what the command line says and writes, in Python."""

import pathlib
import subprocess
import sys
import time

import numpy as np
import pytest

import econc

TEXT = """model saver
param a = 0.3 in (0, 1)
agent planner {
  state k in [0.05, 0.6], start 0.2
  action s in [0.1, 0.9]
  let y = k^a
  k' = s * y
  observe k
  reward log((1 - s) * y)
  discount 0.9
}
solve { grid.k = uniform(40) }
"""


def test_four_lines_to_a_frame_of_the_policy(solved):
    frame = solved.frame
    assert list(frame.columns) == ["z", "planner.k", "planner.s", "value"]
    assert solved.passed and solved.status == "complete"
    arrays = solved.numpy()
    assert arrays["planner.s"].shape == (len(arrays["z"]), len(arrays["planner.k"]))
    # A frame has the numbers of the arrays, to the bit.
    assert np.array_equal(frame["planner.s"].to_numpy(), arrays["planner.s"].ravel())
    grid = solved.xarray()
    assert grid["planner.s"].dims == ("z", "planner.k")
    assert float(grid["planner.s"].sel(z=grid.z[3]).isel({"planner.k": 5})) == arrays["planner.s"][3, 5]


def test_import_is_quick_and_brings_no_frames():
    code = (
        "import sys, time; t = time.perf_counter(); import econc; d = time.perf_counter() - t; "
        "assert not {'pandas', 'xarray', 'gymnasium', 'numpy'} & set(sys.modules), 'imported too early'; print(d)"
    )
    times = [float(subprocess.check_output([sys.executable, "-c", code])) for _ in range(3)]
    assert min(times) < 0.3


def test_parameters_and_settings_change_results(growth):
    base = growth.solve().facts
    other = econc.load("growth", beta=0.9).solve()
    exact = econc.load("growth", beta=0.9).steady_state().frame.set_index("name")["value"]
    middle = other.table("moments").set_index("name")["mean"]["planner.k"]
    assert middle == pytest.approx(exact["planner.k"], rel=0.05)
    coarse = growth.solve(grid={"k": "log(60)"})
    assert len(coarse.numpy()["planner.k"]) == 60
    assert coarse.facts["grid"] != base["grid"]
    assert growth.with_params(beta=0.9).params == {"beta": "0.9"}


def test_texts_files_and_names(tmp_path):
    file = tmp_path / "saver.econ"
    file.write_text(TEXT)
    runs = [econc.load(source).solve().numpy()["planner.s"] for source in (TEXT, file, str(file))]
    assert np.array_equal(runs[0], runs[1]) and np.array_equal(runs[0], runs[2])
    assert econc.load("cournot").name == "cournot.econ" and "cournot" in econc.templates()


@pytest.mark.parametrize(
    "wrong, code, hint",
    [
        (lambda m: econc.load("growth", bta=1), "E0802", "did you mean `beta`?"),
        (lambda m: m.solve(tolerence=1e-9), "E0802", "did you mean `tolerance`?"),
        (lambda m: m.train(stps=10), "E0801", "did you mean `steps`?"),
        (lambda m: m.solve(method="egn"), "E0804", None),
        (lambda m: econc.load("no/such/file.econ"), "E0960", None),
        (lambda m: m.simulate("fixed:t=0.2"), "E0816", None),
        (lambda m: m.simulate(periods=0), "E0980", None),
        (lambda m: m.steady_state(tolerance=1), "E0989", "leave it out"),
    ],
)
def test_mistakes_are_exceptions_with_code_and_hint(growth, wrong, code, hint):
    with pytest.raises(econc.EconError) as caught:
        wrong(growth)
    assert caught.value.code == code
    assert str(caught.value)
    if hint is not None:
        assert caught.value.hint == hint
    assert code in econc.explain(code)


def test_a_mistake_has_its_place():
    with pytest.raises(econc.EconError) as caught:
        econc.load("model x\nagent a {\n  state k in [0, 1], start 0\n  action b in [0, 1]\n  k' = kk\n  reward b\n  discount 0.9\n}\n")
    error = caught.value
    assert error.span["line"] == 5 and error.span["column"] == 8
    assert "<text>:5:8" in str(error) and "k' = kk" in str(error) and "/tmp" not in str(error)


def test_warnings_are_warnings():
    with pytest.warns(econc.EconWarning, match="W"):
        econc.load("param unused = 1\n" + TEXT.replace("model saver\n", ""))


def test_a_certificate_that_fails_is_raised_with_its_run(growth):
    with pytest.raises(econc.CertificateError) as caught:
        growth.verify(policy=lambda seen: np.ones((len(seen), 1)))
    assert caught.value.run.status == "failed"
    assert "welfare loss" in set(caught.value.run.certificate["check"])
    assert "welfare loss" in str(caught.value)


def test_simulations_responses_and_drawings(growth, solved, tmp_path):
    series = growth.simulate(solved, periods=30, worlds=2).frame
    assert len(series) == 30 and series["planner.k"].iloc[0] > 0
    fixed = growth.simulate("fixed:s=0.2", periods=5).frame
    assert (fixed["planner.s"] == 0.2).all()
    assert not np.array_equal(
        growth.simulate("fixed:s=0.2", periods=5, seed=2).frame["z"], fixed["z"]
    )
    responses = growth.irf(solved, periods=4)
    assert set(responses.frame["shock"]) == {"z"}
    assert growth.graph().startswith("<svg") and growth.graph()._repr_svg_().startswith("<svg")
    assert "planner_s" in solved.plots and solved.plot("planner_s").startswith("<svg")
    page = solved._repr_html_()
    assert "svg" in page and page.startswith("<iframe")
    kept = growth.simulate(solved, periods=3, out=tmp_path / "kept")
    assert econc.read(tmp_path / "kept").frame.equals(kept.frame)
    with pytest.raises(econc.EconError) as caught:
        growth.simulate(solved, periods=3, out=tmp_path / "kept")
    assert caught.value.code == "E0952"
    assert "method" in growth.why()


def test_runs_go_with_their_last_user(growth):
    run = growth.simulate("fixed:s=0.2", periods=3)
    place = pathlib.Path(run.directory)
    assert place.exists()
    del run
    import gc

    gc.collect()
    assert not place.exists()


def test_progress_is_reported_and_may_end_the_work(growth):
    seen = []
    growth.train(steps=40_000, worlds=8, horizon=64, progress=lambda *at: seen.append(at))
    assert seen and seen[-1][1] == 40_000 and seen[-1][2] == "steps"

    class Enough(Exception):
        pass

    def stop(*_):
        raise Enough

    begun = time.perf_counter()
    with pytest.raises(Enough):
        growth.train(steps=50_000_000, worlds=8, horizon=64, progress=stop)
    assert time.perf_counter() - begun < 10
    # What was stopped does not stop what comes after.
    assert growth.steady_state().passed


def test_progress_bars_of_tqdm(growth):
    tqdm = pytest.importorskip("tqdm")
    bar = tqdm.tqdm(total=0, disable=False, file=open("/dev/null", "w"))
    growth.train(steps=40_000, worlds=8, horizon=64, progress=bar)
    assert bar.total == 40_000 and bar.n >= 40_000


def test_ctrl_c_ends_a_long_solve():
    code = """
import os, signal, sys, threading, time
import econc
model = econc.load("krusell_smith")
sent = []
def press():
    time.sleep(1.5)
    sent.append(time.perf_counter())
    os.kill(os.getpid(), signal.SIGINT)
threading.Thread(target=press, daemon=True).start()
try:
    model.solve()
except KeyboardInterrupt:
    print(time.perf_counter() - sent[0])
    econc.load("growth").steady_state()
    sys.exit(0)
sys.exit("was not stopped")
"""
    took = float(subprocess.check_output([sys.executable, "-c", code], timeout=120))
    # Beside other work on this machine; a fifth of a second without.
    assert took < 1.0


def test_other_threads_run_while_econc_works(growth):
    import threading

    ticks, stop = [], threading.Event()

    def tick():
        while not stop.is_set():
            ticks.append(time.perf_counter())
            time.sleep(0.001)

    thread = threading.Thread(target=tick)
    thread.start()
    begun = time.perf_counter()
    growth.solve()
    took = time.perf_counter() - begun
    stop.set()
    thread.join()
    assert max(b - a for a, b in zip(ticks, ticks[1:])) < 0.2 + took / 4


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_a_forked_process_is_told(growth):
    growth.steady_state()
    code = """
import os, econc
model = econc.load("growth")
model.solve()
if os.fork() == 0:
    try:
        model.solve()
    except econc.EconError as e:
        os._exit(0 if e.code == "E0850" else 1)
    os._exit(2)
assert os.wait()[1] == 0
"""
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True, timeout=60)


def test_models_travel(growth):
    import pickle

    again = pickle.loads(pickle.dumps(growth.with_params(beta=0.9)))
    assert again.params == {"beta": "0.9"} and again.steady_state().passed


def files(run):
    found = [p for p in sorted(run.directory.rglob("*")) if p.is_file() and p.stem != "manifest"]
    return {p.relative_to(run.directory).as_posix(): p.read_bytes() for p in found}


def test_copies_and_pickles_of_runs_have_their_files(growth, solved, tmp_path):
    import copy
    import pickle

    bytes_ = pickle.dumps(solved)
    again = pickle.loads(bytes_)
    assert again.directory != solved.directory and files(again) == files(solved) and again.facts == solved.facts
    # Also where the first is not seen: another process.
    code = "import pickle, sys; r = pickle.load(sys.stdin.buffer); print(r.policy(k=5, z=0)['planner.s'], r.certificate.shape)"
    said = subprocess.run([sys.executable, "-c", code], input=bytes_, capture_output=True, check=True).stdout.decode()
    assert float(said.split()[0]) == solved.policy(k=5, z=0)["planner.s"]
    assert copy.copy(solved).directory == copy.deepcopy(solved).directory == solved.directory
    error = pickle.loads(pickle.dumps(failure(growth)))
    assert error.code == "E0802" and error.hint == "did you mean `beta`?"
    kept = solved.save(tmp_path / "kept")
    assert kept.directory == tmp_path / "kept" and files(kept) == files(solved)


def failure(model):
    with pytest.raises(econc.EconError) as caught:
        model.with_params(bta=1)
    return caught.value


def test_runs_are_read_with_what_they_were_asked_and_not_if_they_were_changed(tmp_path):
    run = econc.load("growth").solve(set={"beta": 0.95}, seed=3, out=tmp_path / "run")
    again = econc.read(tmp_path / "run")
    assert again.passed and again.status == "complete" and again.frame.equals(run.frame)
    assert again.facts["command"] == "solve" and again.facts["seed"] == "3" and again.facts["beta"] == "0.95"
    assert again.manifest["status"] == "Complete"
    # Broken on purpose: a digit of the policy.
    table = tmp_path / "run" / "solution.csv"
    table.write_text(table.read_text().replace("1", "2", 1))
    with pytest.raises(econc.EconError) as caught:
        econc.read(tmp_path / "run")
    assert caught.value.code == "E0955"
    with pytest.raises(econc.EconError) as caught:
        econc.read(tmp_path)
    assert caught.value.code == "E0954"


def test_the_policy_between_nodes_is_what_is_played(growth, solved):
    series = growth.simulate(solved, periods=60, seed=4).frame
    read = solved.policy(k=series["planner.k"].to_numpy(), z=series["z"].to_numpy())
    assert np.array_equal(read["planner.s"], series["planner.s"])
    node = solved.frame.iloc[700]
    assert solved.policy({"planner.k": node["planner.k"]}, z=node["z"]) == {"planner.s": node["planner.s"]}
    assert solved.policy(k=np.full((2, 3), 5.0), z=0)["planner.s"].shape == (2, 3)
    # Broken on purpose: the policy of another model is another one.
    other = econc.load("growth", beta=0.9).solve()
    assert other.policy(k=5, z=0)["planner.s"] < solved.policy(k=5, z=0)["planner.s"] - 0.02
    learned = growth.train(steps=20_000, worlds=8, horizon=64)
    played = growth.simulate(learned, periods=5).frame
    assert learned.policy(k=played["planner.k"][3], z=played["z"][3])["planner.s"] == played["planner.s"][3]
    assert econc.load("cournot").solve().policy() == pytest.approx({f"firm.q[{i}]": 2.25 for i in (1, 2, 3)})


@pytest.mark.parametrize(
    "place, code, said",
    [
        ({"k": 5}, "E0851", "z=.."),
        ({"k": 5, "z": 0, "x": 1}, "E0995", "states and shocks"),
        ({"k": 500, "z": 0}, "E0995", "[0.5, 20]"),
        ({"k": float("nan"), "z": 0}, "E0995", "number"),
        ({"k": 5, "z": 0, "period": 2}, "E0851", "period"),
    ],
)
def test_places_that_say_too_little_or_too_much_are_refused(solved, place, code, said):
    with pytest.raises(econc.EconError) as caught:
        solved.policy(**place)
    assert caught.value.code == code and said in str(caught.value)


def test_policies_over_a_horizon_with_labels_and_beyond_the_grid(solved):
    run = econc.load("optimal_stopping").solve()
    assert set(run.policy(x=[-50.0, 10.0])["holder.d"]) <= {"hold", "exercise"}
    cake = econc.load("finite_life").solve()
    first, last = (cake.policy(dict.fromkeys(econc.load("finite_life").states, 1.0), period=t) for t in (0, 1))
    assert first != last
    with pytest.warns(econc.EconWarning, match="shocks beyond the nodes"):
        solved.policy(k=5, z=0.2)


def test_two_runs_side_by_side(growth, solved, tmp_path):
    other = econc.load("growth", beta=0.95).solve()
    both = econc.compare(solved, other, out=tmp_path / "both.csv")
    assert both.asked.to_dict("list") == {"first": ["0.96"], "second": ["0.95"], "what": ["beta"]}
    rows = both.frame.set_index(["table", "name", "of it"])
    a, b = (r.table("moments").set_index("name")["mean"]["planner.k"] for r in (solved, other))
    row = rows.loc[("moments", "planner.k", "mean")]
    assert (row["first"], row["second"]) == (a, b) and row["change"] == pytest.approx(b - a)
    assert (tmp_path / "both.csv").read_text().startswith("table,name,of it") and "<table" in both._repr_html_()
    with pytest.raises(FileExistsError):
        econc.compare(solved, other, out=tmp_path / "both.csv")
    assert not econc.compare(solved, solved).frame["change"].dropna().abs().any()
    with pytest.raises(econc.EconError) as caught:
        econc.compare(solved, tmp_path)
    assert caught.value.code == "E0954"


def test_what_was_stopped_goes_on_to_the_same_bytes(growth, tmp_path):
    short = {"steps": 200_000, "worlds": 8, "horizon": 64, "checkpoint": 0.05}
    whole = growth.train(out=tmp_path / "whole", **short)

    def stop(done, *_):
        if done > 50_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        growth.train(out=tmp_path / "stopped", progress=stop, **short)
    assert not (tmp_path / "stopped").exists()
    run = econc.resume(tmp_path / "stopped")
    assert run.directory == tmp_path / "stopped" and files(run) == files(whole)
    with pytest.raises(econc.EconError) as caught:
        econc.resume(tmp_path / "stopped")
    assert caught.value.code in ("E0953", "E0954")


def test_an_exercise_is_reproduced_and_the_command_is_in_the_package(tmp_path):
    run = econc.reproduce("language_benchmark", out=tmp_path / "exercise")
    assert run.passed and len(run.frame) > 0 and (tmp_path / "exercise" / "published").is_dir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "language_benchmark.econ").write_text("mine")
    with pytest.raises(FileExistsError):
        econc.reproduce("language_benchmark", out=tmp_path / "mine")
    assert econc.reproduce("language_benchmark", out=tmp_path / "exercise").passed
    with pytest.raises(econc.EconError) as caught:
        econc.reproduce("no_such_exercise")
    assert caught.value.code == "E0962"
    program = [sys.executable, "-m", "econc"]
    said = subprocess.run([*program, "solve", "-", "--out", str(tmp_path / "run")], input=TEXT, text=True, capture_output=True)
    assert said.returncode == 0 and "saver" in said.stdout
    assert econc.read(tmp_path / "run").manifest["command"][:2] == ["econc", "solve"]
    assert subprocess.run([*program, "solve", "none.econ"], capture_output=True).returncode == 2


def test_names_and_parameters_of_a_model():
    model = econc.load("growth", beta=0.9)
    assert model.parameters == {"alpha": 0.36, "beta": 0.9, "delta": 0.1}
    assert model.with_params({"beta": 0.8}).parameters["beta"] == 0.8 and model.parameters["beta"] == 0.9
    assert (model.agents, model.states, model.shocks, model.actions) == (["planner"], ["planner.k"], ["z"], ["planner.s"])
    with pytest.raises(econc.EconError, match='did you mean the model "growth"'):
        econc.load("growht")


def test_a_model_is_its_text_when_it_was_read(tmp_path):
    file = tmp_path / "saver.econ"
    file.write_text(TEXT)
    model = econc.load(file)
    file.write_text(TEXT.replace("discount 0.9", "discount 0.5"))
    assert model.text == TEXT and np.array_equal(model.solve().numpy()["planner.s"], econc.load(TEXT).solve().numpy()["planner.s"])
    model.save(tmp_path / "copy.econ")
    assert (tmp_path / "copy.econ").read_text() == TEXT
    file.write_bytes(b"model x\n\xff")
    with pytest.raises(econc.EconError) as caught:
        econc.load(file)
    assert caught.value.code == "E0961"


def test_several_threads_solve_at_once(growth, solved):
    import threading

    other = econc.load(TEXT)
    expected = {growth: files(solved), other: files(other.solve())}
    found = []

    def work(model):
        found.append(files(model.solve()) == expected[model])

    threads = [threading.Thread(target=work, args=(m,)) for m in (growth, other, growth, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 4


@pytest.mark.skipif(not pathlib.Path("/proc/self/statm").exists(), reason="Linux says how much memory is held")
def test_memory_does_not_grow():
    code = """
import gc, econc
def held():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * 4096
model = econc.load("cournot")
for k in range(150):
    if k == 50:
        before = held()
    model.solve()
grown = held() - before
assert grown < 3e6, grown
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_plots_and_arrays_by_short_names(growth, solved):
    assert solved.plot() == solved.plot("planner.s") == solved.plot("s") and solved.plot().startswith("<svg")
    with pytest.raises(KeyError, match="planner_s"):
        solved.plot("consumption")
    responses = growth.irf(solved, periods=4).xarray()
    assert set(responses.dims) == {"shock", "variable", "period"} and responses.sizes["period"] == 4
    assert growth.simulate(solved, periods=5).xarray()["planner.k"].dims == ("t",)


def test_every_public_name_is_described():
    import inspect

    bare = []
    for name in econc.__all__:
        if name in ("envs", "zoo", "sb3", "rllib", "__version__"):
            continue
        thing = getattr(econc, name)
        members = [(f"{name}.{n}", x) for n, x in vars(thing).items() if not n.startswith("_")] if inspect.isclass(thing) else []
        for called, one in [(name, thing), *members]:
            what = one.fget if isinstance(one, property) else getattr(one, "__func__", one)
            if (callable(what) or inspect.isclass(what)) and not inspect.getdoc(what):
                bare.append(called)
    assert not bare


def test_no_way_to_read_a_run_shows_what_was_not_written(growth, tmp_path):
    run = growth.solve(out=tmp_path / "run")
    ways = {
        "solution.csv": [lambda: run.frame, lambda: run.table("solution"), lambda: econc.read(tmp_path / "run")],
        "certificate.csv": [lambda: run.certificate],
        "solution.npz": [lambda: run.numpy(), lambda: run.xarray()],
        "report.html": [lambda: run.report],
        "plots/planner_s.svg": [lambda: run.plot()],
    }
    for name, reads in ways.items():
        file = tmp_path / "run" / name
        whole = file.read_bytes()
        for data in (whole[: len(whole) // 2], whole[:-2] + bytes([whole[-2] ^ 1]) + whole[-1:], None):
            file.unlink() if data is None else file.write_bytes(data)
            for read in reads:
                with pytest.raises(econc.EconError) as caught:
                    read()
                assert caught.value.code == "E0955" and name in str(caught.value)
        file.write_bytes(whole)
    assert econc.read(tmp_path / "run").frame.equals(run.frame)
    manifest = tmp_path / "run" / "manifest.ron"
    for data in (b"", manifest.read_bytes()[:400]):
        manifest.write_bytes(data)
        for read in (lambda: econc.read(tmp_path / "run"), lambda: run.frame):
            with pytest.raises(econc.EconError) as caught:
                read()
            assert caught.value.code in ("E0954", "E0955")
    with pytest.raises(KeyError, match="zzz"):
        growth.solve().xarray("zzz")
    with pytest.raises(KeyError):
        growth.solve().table("../run/moments")


def test_responses_are_those_of_the_model_that_is_asked(growth, solved):
    with pytest.raises(econc.EconError) as caught:
        econc.load("growth", beta=0.9).irf(solved, periods=3)
    assert caught.value.code == "E0819" and "beta" in str(caught.value)
    with pytest.raises(econc.EconError) as caught:
        econc.load("rbc").irf(solved, periods=3)
    assert caught.value.code in ("E0818", "E0819")


def test_runs_stay_for_as_long_as_somebody_holds_them_wherever_the_process_goes(growth, tmp_path, monkeypatch):
    import copy
    import gc

    run = growth.simulate("fixed:s=0.2", periods=3)
    kept = copy.deepcopy(run)
    first = econc.sweep(growth, {"beta": [0.95]}, "steady_state")[0]
    del run
    gc.collect()
    assert len(kept.frame) == 3 and len(first.frame) == 5
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own.econ").write_text(TEXT)
    model = econc.load("own.econ")
    here = model.simulate("fixed:s=0.2", periods=3, out="here")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert len(here.frame) == 3 and model.steady_state().passed


def test_nothing_warns_of_directories_that_go():
    code = "import gc, warnings; warnings.simplefilter('error'); import econc; econc.load('growth').simulate('fixed:s=0.2', periods=2); gc.collect()"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert "Warning" not in done.stderr


def test_what_was_stopped_says_where_it_stands(growth, tmp_path):
    def stop(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="econc.resume"):
        growth.train(steps=5_000_000, worlds=8, horizon=64, progress=stop, out=tmp_path / "stopped")
    with pytest.raises(KeyboardInterrupt, match="with out="):
        growth.train(steps=5_000_000, worlds=8, horizon=64, progress=stop)


@pytest.mark.parametrize(
    "wrong, error, said",
    [
        (lambda m: econc.load("growth", beta=None), TypeError, "beta: None"),
        (lambda m: econc.load("growth", beta=float("nan")), ValueError, "beta"),
        (lambda m: econc.load(""), TypeError, "path"),
        (lambda m: m.train(seeds=1.5), ValueError, "seeds"),
        (lambda m: m.solve(out=3), TypeError, "out"),
        (lambda m: m.solve(out=""), ValueError, "out"),
        (lambda m: m.verify(policy="ppo.zip"), ValueError, "PPO.load"),
        (lambda m: econc.sweep(m, {"beta": "0.9"}), ValueError, "lists of values"),
        (lambda m: econc.sweep(m, {"beta": 0.9}), ValueError, "lists of values"),
        (lambda m: econc.train(m, "a"), ValueError, "names no seeds"),
        (lambda m: econc.tune(m, [1]), TypeError, "trials"),
        (lambda m: m.solve(world=3), econc.EconError, None),
        (lambda m: m.simulate("fixed:s=0.2", world=3), econc.EconError, "did you mean the option `worlds`"),
        (lambda m: econc.train(m, 1, stpes=300), econc.EconError, "did you mean `steps`"),
        (lambda m: econc.explain("E9999"), econc.EconError, "E0966"),
    ],
)
def test_mistakes_of_the_caller_are_named(growth, wrong, error, said):
    with pytest.raises(error, match=said) as caught:
        wrong(growth)
    if error is econc.EconError:
        assert caught.value.code


def test_numbers_of_any_kind_are_numbers(growth):
    from decimal import Decimal
    from fractions import Fraction

    for value in (np.float64(0.95), np.float32(0.5), Decimal("0.95"), Fraction(19, 20)):
        assert econc.load("growth", beta=value).parameters["beta"] == float(value)
    assert growth.steady_state().frame.equals(growth.with_params(beta=np.float64(0.96)).steady_state().frame)
    given = growth.train(seeds=np.int64(2), steps=12_000, worlds=8, horizon=64, network=np.array([4]))
    assert list(given.frame["seed"]) == [2]


def test_labels_stand_in_frames_and_numbers_in_tables():
    model = econc.load("optimal_stopping")
    run = model.solve()
    assert set(run.frame["holder.d"]) == {"hold", "exercise"} and run.labels["holder.d"] == ["hold", "exercise"]
    numbers = run.table("solution")["holder.d"]
    assert [run.labels["holder.d"][int(x)] for x in numbers] == list(run.frame["holder.d"])
    assert run.numpy()["holder.d"].dtype.kind == "f"
    place = run.frame.iloc[5]
    assert run.policy({"holder.x": place["holder.x"]})["holder.d"] == place["holder.d"]


def test_a_certificate_that_does_not_hold_is_told_from_a_mistake(growth, solved):
    with pytest.raises(econc.CertificateError) as caught:
        growth.solve(grid={"k": "log(8)"})
    assert caught.value.run.status == "failed" and not caught.value.run.passed
    with pytest.raises(econc.CertificateError) as caught:
        growth.verify(lambda seen: np.zeros((len(seen), 1)), solution=solved, policy_error=0.001)
    assert "distance in policy" in str(caught.value) and caught.value.run.manifest["overrides"] == [["verify.policy_error", "0.001"]]
