"""try.py COPY DRAWN.json OUTCOMES.csv: puts each mutant into the copy in turn, builds and runs the unit tests.

An outcome is `caught` (a test fails), `survived`, `unbuildable` or `endless` (tests take longer than LIMIT seconds).
"""
import csv, json, os, pathlib, subprocess, sys

LIMIT = int(os.environ.get("LIMIT", "900"))
copy, drawn, outcomes = pathlib.Path(sys.argv[1]), json.load(open(sys.argv[2])), pathlib.Path(sys.argv[3])
lock = ["flock", os.environ["LOCK"]] if os.environ.get("LOCK") else []
filters = os.environ.get("FILTER", "-- --skip learn::").split()
done = {row[0] for row in csv.reader(open(outcomes))} if outcomes.exists() else set()


def place(text, position):
    """Offset of a line and column (both from one) in a text."""
    lines = text.split("\n")
    return sum(len(l) + 1 for l in lines[: position["line"] - 1]) + position["column"] - 1


def outcome(build, run):
    if subprocess.run(build, cwd=copy, capture_output=True).returncode != 0:
        return "unbuildable"
    try:
        return "survived" if subprocess.run(run, cwd=copy, capture_output=True, timeout=LIMIT).returncode == 0 else "caught"
    except subprocess.TimeoutExpired:
        return "endless"


cargo = ["nice", "-n", "15", "cargo", "test", "--profile", "quick", "--lib"]
with open(outcomes, "a", newline="") as file:
    for m in drawn:
        if m["name"] in done:
            continue
        source = copy / m["file"]
        before = source.read_text()
        a, b = place(before, m["span"]["start"]), place(before, m["span"]["end"])
        source.write_text(before[:a] + m["replacement"] + before[b:])
        try:
            what = outcome([*lock, *cargo, "--no-run"], [*cargo, *filters])
        finally:
            source.write_text(before)
        csv.writer(file).writerow([m["name"], what])
        file.flush()
        print(what, m["name"], flush=True)
