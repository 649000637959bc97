#!/usr/bin/env bash
# run.sh [COUNT [SEED]]: draws COUNT mutants by SEED, compiles them together, and says which test notices each.
# WORK=FOLDER holds the copy of the sources (target/mutants), so that nobody else's sources change.
set -euo pipefail
count=${1:-200}
seed=${2:-1}
root=$(cd "$(dirname "$0")/../.." && pwd)
work=${WORK:-$root/target/mutants}
copy="$work/copy-$seed"
mkdir -p "$copy"
cd "$root"
cargo mutants --list --json --no-config \
  -f 'src/solve/**' -f 'src/num/**' -f 'src/env/**' -f 'src/kernel/**' -f 'src/verify/**' \
  -e 'src/**/*tests.rs' -e 'src/verify/faults_*.rs' > "$work/all.json"
if [ ! -e "$copy/mutants.json" ]; then
  git ls-files -z | tar -c --null -T - | tar -x -C "$copy"
  python3 benches/mutants/plant.py "$work/all.json" "$copy" "$count" "$seed"
fi
python3 benches/mutants/hunt.py "$copy" "$work/outcomes-$seed.csv"
