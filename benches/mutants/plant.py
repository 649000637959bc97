"""plant.py ALL.json COPY COUNT SEED: draws mutants by SEED and writes the first COUNT that compile into the sources in COPY.

Every function that has one begins with `if crate::mutant::on(17) { return { its body, mutated } }`, so that one compilation serves all of them
and the environment variable MUTANT chooses which is alive. COPY/mutants.json lists them; those that cannot be written so (constant
functions, functions in functions, types that do not fit) are left out and counted.
"""
import json, pathlib, random, re, subprocess, sys

drawn, copy, count, seed = json.load(open(sys.argv[1])), pathlib.Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
drawn = sorted(drawn, key=lambda m: m["name"])
random.Random(seed).shuffle(drawn)

SWITCH = """//! Which mutant is alive.
use std::io::Write;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static ALIVE: LazyLock<usize> = LazyLock::new(|| std::env::var("MUTANT").ok().and_then(|v| v.parse().ok()).unwrap_or(usize::MAX));
static REACH: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("MUTANT_REACH").ok());
static SEEN: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];

/// Whether mutant `id` is alive; with MUTANT_REACH=FILE also writes there that its function was reached.
#[inline]
pub fn on(id: usize) -> bool {
    if let Some(file) = &*REACH
        && !SEEN[id].swap(true, Relaxed)
        && let Ok(mut f) = std::fs::OpenOptions::new().append(true).create(true).open(file)
    {
        let _ = f.write_all(format!("{id}\\n").as_bytes());
    }
    *ALIVE == id
}
"""


def offset(text, place):
    """Offset of a line and column (both from one)."""
    at = -1
    for _ in range(place["line"] - 1):
        at = text.index("\n", at + 1)
    return at + place["column"]


def body(text, start, end, name):
    """Offsets of the inside of the braces of a function's body; None for constant functions."""
    head = re.compile(r"\bfn\s+" + re.escape(name.split("::")[-1]) + r"\b").search(text, start, end)
    if not head or re.search(r"\bconst\s+(unsafe\s+)?$", text[start : head.start()]):
        return None
    depth = 0
    for i in range(head.end(), end):
        depth += (text[i] in "([") - (text[i] in ")]")
        if text[i] == "{" and depth == 0:
            return i + 1, text.rindex("}", i, end)
    return None


def plant(file, mutants):
    """The text of a file with mutants; where each was written, as lines; those that do not fit."""
    text = (copy / "before" / file).read_text()
    functions, unfit = {}, []
    for m in mutants:
        f = m["function"]
        inside = f and body(text, offset(text, f["span"]["start"]), offset(text, f["span"]["end"]), f["function_name"])
        if inside:
            functions.setdefault(inside, []).append(m)
        else:
            unfit.append(m)
    spans, last = [], -1
    for a, b in sorted(functions):
        if a > last:
            spans.append((a, b))
            last = b
        else:
            unfit += functions[(a, b)]
    out, at = [], 0
    for a, b in spans:
        out.append(text[at:a])
        for m in functions[(a, b)]:
            x, y = offset(text, m["span"]["start"]), offset(text, m["span"]["end"])
            if m["genre"] == "FnValue":
                mutated = m["replacement"]
            else:
                mutated = text[a:x] + m["replacement"] + text[y:b]
            out.append(f"\n/*MUTANT {m['id']}*/ if crate::mutant::on({m['id']}) {{ return {{\n{mutated}\n}}; }}\n/*END*/\n")
        at = a
    out.append(text[at:])
    text = "".join(out)
    where, now = {}, None
    for n, line in enumerate(text.split("\n"), 1):
        if line.startswith("/*MUTANT "):
            now = int(line[9 : line.index("*/")])
        elif line.startswith("/*END*/"):
            now = None
        where[n] = now
    (copy / file).write_text(text)
    return where, unfit


if not (copy / "before").exists():
    for f in {m["file"] for m in drawn}:
        (copy / "before" / f).parent.mkdir(parents=True, exist_ok=True)
        (copy / "before" / f).write_text((copy / f).read_text())
    lib = copy / "src/lib.rs"
    lib.write_text(lib.read_text().replace("pub mod check;", "pub mod mutant;\npub mod check;", 1))

pool, unfit, upto = [], [], 0
for k, m in enumerate(drawn):
    m["id"] = k
while True:
    # A quarter more than are missing: some will not compile.
    more = max(0, (count - len(pool)) * 5 // 4)
    pool += drawn[upto : upto + more]
    upto += more
    (copy / "src/mutant.rs").write_text(SWITCH.replace("COUNT", str(upto)))
    where, bad = {}, set()
    for file in sorted({m["file"] for m in drawn}):
        where[file], misfits = plant(file, [m for m in pool if m["file"] == file])
        bad |= {m["id"] for m in misfits}
    compiles = False
    if not bad:
        cargo = ["cargo", "check", "--profile", "quick", "--lib", "--message-format", "json"]
        run = subprocess.run(["nice", *cargo], cwd=copy, stdout=subprocess.PIPE, text=True)
        compiles = run.returncode == 0
        messages = [json.loads(line).get("message") for line in run.stdout.splitlines() if line.startswith("{")]
        errors = [m for m in messages if isinstance(m, dict) and m.get("level") == "error"]
        spans = [s for e in errors for s in e["spans"]]
        for chosen in ([s for s in spans if s["is_primary"]], spans):
            bad = bad or {where.get(s["file_name"], {}).get(s["line_start"]) for s in chosen} - {None}
        if errors and not bad:
            sys.exit("errors outside of mutants:\n" + "\n".join(e["rendered"] for e in errors))
    unfit += [m for m in pool if m["id"] in bad]
    pool = [m for m in pool if m["id"] not in bad]
    print(len(pool), "mutants stand,", len(unfit), "do not fit", flush=True)
    if compiles and len(pool) >= count:
        break
sample = sorted(pool, key=lambda m: m["id"])[:count]
last = sample[-1]["id"]
left_out = [m["name"] for m in unfit if m["id"] < last]
json.dump({"seed": seed, "mutants": sample, "left_out": left_out}, open(copy / "mutants.json", "w"), indent=1)
print(len(sample), "mutants,", len(left_out), "left out")
