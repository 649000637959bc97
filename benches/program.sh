#!/usr/bin/env bash
# Shows that econc stops within two seconds, loses nothing to kills, foresees its end and never aborts for want of memory. Prints
# counts. Takes half an hour.
#   benches/program.sh [path of econc] [moments of a signal]
# Kills, flipped bits: ECONC_LONG=1 cargo test --release --test suite program::
# Mutants of models: ECONC_CHECKS=1000000 ECONC_RUNS=1000 ECONC_SECONDS=36000 cargo test --release --test suite fuzz:: -- --nocapture
set -u
E=$(realpath "${1:-target/release/econc}"); N=${2:-20}; M=$(realpath models); cd "$(mktemp -d)"
stops() {
  local late=0 worst=0 odd=0 orderly=0 n=0 i t0 took rc want s d
  for i in $(seq 1 "$N"); do
    "$E" "$@" --out r -q >/dev/null 2>err & p=$!
    sleep "$(awk -v i="$i" 'BEGIN{srand(i*7919); print 0.02+4*rand()}')"
    case $((i % 3)) in 0) s=INT want=130;; 1) s=TERM want=143;; *) s=HUP want=129;; esac
    t0=$(date +%s%N)
    kill -$s $p 2>/dev/null || { wait $p; rm -rf r r.*; continue; }
    wait $p; rc=$?; took=$((($(date +%s%N)-t0)/1000000)); n=$((n+1))
    [ $took -gt $worst ] && worst=$took; [ $took -gt 2000 ] && late=$((late+1))
    d=$(ls -d r r.* 2>/dev/null | head -1)
    # Before the run has begun there is nothing to mark and nothing to go on with.
    if [ -n "$d" ]; then
      grep -q 'reason: Some("stopped by' "$d/manifest.ron" 2>/dev/null && orderly=$((orderly+1))
      grep -q -- "--resume" err || { odd=$((odd+1)); echo "  no command to go on: $(tail -1 err)"; }
    fi
    [ $rc -eq $want ] || { odd=$((odd+1)); echo "  status $rc, not $want: $(tail -1 err)"; }
    rm -rf r r.*
  done
  printf 'stops: %d signals, %d after more than 2 s, slowest %d ms, %d ended by the work itself, %d otherwise wrong: %s\n' \
    "$n" "$late" "$worst" "$orderly" "$odd" "${*/#"$M"\//}"
}
stops solve "$M/cartpole.econ"
stops solve "$M/growth.econ" --set "grid.k=log(2000000)"
stops simulate "$M/krusell_smith.econ" --members 10000000
stops train "$M/aiyagari.econ"
stops train "$M/menu_costs.econ"
stops tune "$M/growth.econ"
stops verify "$M/growth.econ"
# One training at its default steps, killed twice by each signal at moments of its first minute and resumed each time, against one
# that was left alone: every file but the manifest, which holds times.
killed() {
  local n=0 s p t
  "$E" train "$M/menu_costs.econ" --threads 1 --out left -q >/dev/null 2>&1
  set -- train "$M/menu_costs.econ" --out k
  for s in KILL TERM KILL TERM; do
    "$E" "$@" --threads 1 -q >/dev/null 2>&1 & p=$!
    t=$(awk -v i="$n" 'BEGIN{srand(i*104729+3); print 1+59*rand()}')
    sleep "$t"
    if kill -$s $p 2>/dev/null; then n=$((n+1)); fi
    wait $p 2>/dev/null
    [ -d k ] && break
    set -- train --resume k
  done
  [ -d k ] || "$E" train --resume k --threads 1 -q >/dev/null 2>&1
  if diff -rq -x manifest.ron left k >/dev/null; then p=equal; else p=DIFFERENT; fi
  printf 'kills: %d of train menu_costs.econ at its default steps, then files are %s\n' "$n" "$p"
  rm -rf left k k.*
}
killed
# Estimates of the time left from the fifth second on, as a terminal shows them, against what was left.
foresees() {
  local end
  script -qfec "$E $* --out r" /dev/null 2>/dev/null | stdbuf -o0 tr '\r' '\n' \
    | while IFS= read -r line; do case $line in *" left"*) echo "$(date +%s.%N) $line";; esac; done >seen
  end=$(date +%s.%N); rm -rf r r.*
  awk -v end="$end" -v what="$*" '
    NR == 1 { first = $1 - 1 }
    { for (i = 3; i <= NF; i++) if ($i ~ /^left/) {
        x = $(i-2); if ($(i-1) == "ms") x /= 1000; if ($(i-3) == "min") x += 60 * $(i-4)
        rest = end - $1
        if ($1 - first >= 5 && rest >= 1) { n++; r = x / rest; if (r < 0.5 || r > 2) bad++; if (!lo || r < lo) lo = r; if (r > hi) hi = r } } }
    END { printf "foresees: %d estimates, %d off by more than two, said/true %.2f to %.2f: %s\n", n, bad, lo, hi, what }' seen
}
foresees train "$M/growth.econ" --with steps=2000000
foresees train "$M/growth.econ" --learner sac --with steps=60000
foresees simulate "$M/growth.econ" --policy fixed:s=0.25 --worlds 2000 --periods 40000
starved() {
  local n=0 aborts=0 codes=0 rc
  while read -r line; do
    [ -z "$line" ] && continue
    n=$((n+1)); (ulimit -v "$1"; cd "$M" || exit; eval "timeout -s INT 10 \"$E\" $line --json --out /tmp/econc_starved_$$ --force" >/dev/null 2>&1); rc=$?
    rm -rf /tmp/econc_starved_$$*
    case $rc in 0|1|2|124|130) codes=$((codes+1));; *) aborts=$((aborts+1)); echo "  $rc: $line";; esac
  done <<'LINES'
solve growth.econ --set grid.k='log(20000000)'
solve growth.econ --set chain.z='rouwenhorst(199)' --set grid.k='log(100000)'
solve rbc.econ --set grid.k='log(100000)'
simulate growth.econ --worlds 4000000000
simulate growth.econ --worlds 100000000
simulate growth.econ --periods 4000000000
simulate growth.econ --worlds 1000000 --periods 100
simulate aiyagari.econ --members 10000000
simulate aiyagari.econ --members 10000000 --worlds 1000
simulate krusell_smith.econ --members 1000000 --worlds 4000
simulate menu_costs.econ --members 10000000
train menu_costs.econ
train aiyagari.econ
train krusell_smith.econ
train bank_run.econ
train growth.econ --with worlds=1000000
train growth.econ --with worlds=1000000 --with steps=1e15
train growth.econ --with horizon=100000000
train growth.econ --with horizon=100000000 --with steps=1e15
train growth.econ --with network='[100000,100000]'
train growth.econ --learner recurrent_ppo --with worlds=100000
train growth.econ --learner sac --with worlds=1000000
train growth.econ --with evaluation_episodes=1000000
train growth.econ --seeds 1..1000 --threads 60000
tune growth.econ --trials 10000
tune growth.econ --search network='[999]|[1999]'
verify growth.econ --set grid.k='log(9000000)'
solve growth.econ --threads 60000
train aiyagari.econ --learner sac
verify growth.econ --memory 16M
LINES
  echo "memory: $n greedy commands under ulimit -v $1: $codes completed, refused or stopped after 10 s, $aborts aborted"
}
starved 2000000
starved 4000000
