"""hunt.py COPY OUTCOMES.csv: which test notices each mutant of COPY/mutants.json.

First every test runs alone without mutants: how long it takes, and which mutants' functions it reaches. Then for each mutant those that reach it run,
of its own module first, then the quickest, until one fails or takes twenty times as long as before. Outcomes are written as they come (the last of a
mutant counts: longer tests come later); a run that was stopped goes on behind them. JOBS tests run at once (2); tests that take longer than LONGEST seconds (60)
are left out.
"""
import concurrent.futures, csv, json, os, pathlib, subprocess, sys, time

copy, outcomes = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2])
jobs, longest = int(os.environ.get("JOBS", "2")), float(os.environ.get("LONGEST", "60"))
mutants = json.load(open(copy / "mutants.json"))["mutants"]
cargo = ["cargo", "test", "--profile", "quick", "--no-run", "--message-format", "json"]
built = subprocess.run(["nice", *cargo], cwd=copy, stdout=subprocess.PIPE, text=True, check=True).stdout
artifacts = [json.loads(line) for line in built.splitlines() if line.startswith("{")]
artifacts = [a for a in artifacts if a.get("executable")]
binaries = {a["target"]["name"] + ("" if "lib" in a["target"]["kind"] else " test"): a["executable"] for a in artifacts if a["profile"]["test"] and "bin" not in a["target"]["kind"]}
program = next(a["executable"] for a in artifacts if not a["profile"]["test"] and "bin" in a["target"]["kind"])


def run(test, limit, **env):
    """Whether a test passes within `limit` seconds, and how long it took."""
    env = {**os.environ, "CARGO_BIN_EXE_econc": program, "ECONC_CASES": "200", **env}
    start = time.monotonic()
    command = ["nice", "-n", "12", "timeout", "-k", "1", str(limit), binaries[test[0]], "--exact", test[1]]
    done = subprocess.run(command, cwd=copy, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return done.returncode == 0, time.monotonic() - start


def survey():
    """Seconds of each test that passes and the mutants that it reaches; kept in COPY/reach.json, so that only new tests are measured."""
    kept = copy / "reach.json"
    known = {tuple(k): v for k, v in json.load(open(kept))} if kept.exists() else {}
    every = []
    for name, path in binaries.items():
        listed = subprocess.run([path, "--list", "--format", "terse"], cwd=copy, capture_output=True, text=True).stdout
        every += [(name, line[: -len(": test")]) for line in listed.splitlines() if line.endswith(": test")]

    def one(k):
        log = copy / f"reach-{k}"
        passed, seconds = run(every[k], longest, MUTANT_REACH=str(log))
        reached = sorted({int(x) for x in log.read_text().split()}) if log.exists() else []
        log.unlink(missing_ok=True)
        return seconds, reached, passed

    new = [k for k, t in enumerate(every) if t not in known]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        known |= {every[k]: found for k, found in zip(new, pool.map(one, new))}
    json.dump(list(known.items()), open(kept, "w"))
    left_out = [t for t in every if not known[t][2]]
    print(len(every), "tests;", len(left_out), "left out (they fail or are too long):", left_out, flush=True)
    return {t: known[t][:2] for t in every if known[t][2]}


tests = survey()


def hunt(m, above, upto):
    """What becomes of a mutant when the tests run that reach it and take more than `above` and at most `upto` seconds."""
    module = m["file"].removeprefix("src/").removesuffix(".rs").removesuffix("/mod").replace("/", "::")
    reaching = [t for t, (seconds, reached) in tests.items() if m["id"] in reached and above < seconds <= upto]
    reaching.sort(key=lambda t: (not t[1].startswith(module), tests[t][0]))
    for t in reaching:
        limit = 20 + 20 * tests[t][0]
        passed, took = run(t, limit, MUTANT=str(m["id"]))
        # On a busy machine the test itself may be what fails.
        if not passed and run(t, limit)[0]:
            return m, "endless" if took >= limit else "caught", " ".join(t)
    return m, "survived", f"{sum(m['id'] in reached and s <= upto for s, reached in tests.values())} tests"


known = {row[0]: row for row in csv.reader(open(outcomes))} if outcomes.exists() else {}
with open(outcomes, "a", newline="") as file:
    # Quick tests first, for all mutants; the others only for those that are left.
    above = 0
    for upto in (2, 10, longest):
        left = [m for m in mutants if known.get(m["name"], [0, "survived", 0, 0])[1] == "survived"]
        left = [m for m in left if float(known.get(m["name"], [0, 0, 0, 0])[3]) < upto]
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for job in concurrent.futures.as_completed([pool.submit(hunt, m, above, upto) for m in left]):
                m, what, by = job.result()
                known[m["name"]] = [m["name"], what, by, upto]
                csv.writer(file).writerow(known[m["name"]])
                file.flush()
                print(what, m["name"], "|", by, flush=True)
        above = upto
