#!/usr/bin/env bash
# run.sh [COUNT [SEED]]: draws COUNT mutants by SEED and runs the unit tests on each. LIST=1 only lists them.
# LOCK=FILE waits for that lock before each compilation; FILTER="-- solve:: num::" chooses tests.
set -euo pipefail
count=${1:-200}
seed=${2:-1}
root=$(cd "$(dirname "$0")/../.." && pwd)
out="$root/target/mutants"
work="$out/copy"
mkdir -p "$out"
cd "$root"
cargo mutants --list --json --no-config \
  -f 'src/solve/**' -f 'src/num/**' -f 'src/env/**' -f 'src/kernel/**' -f 'src/verify/**' \
  -e 'src/**/*_tests.rs' -e 'src/verify/faults_*.rs' > "$out/all.json"
python3 "$root/benches/mutants/draw.py" "$out/all.json" "$count" "$seed" > "$out/drawn-$seed.json"
if [ -n "${LIST:-}" ]; then
  python3 -c "import json,sys; [print(m['name']) for m in json.load(open(sys.argv[1]))]" "$out/drawn-$seed.json"
  exit
fi
# A copy of its own, so that nobody else's sources change; its target directory is kept between mutants.
mkdir -p "$work"
git ls-files -z | rsync -a --delete --from0 --files-from=- "$root/" "$work/" 2>/dev/null || cp -r --parents $(git ls-files) "$work/"
python3 "$root/benches/mutants/try.py" "$work" "$out/drawn-$seed.json" "$out/outcomes-$seed.csv"
