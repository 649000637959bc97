#!/usr/bin/env bash
# Shows that econc stops within two seconds and never aborts for want of memory. Prints counts. Takes some minutes.
#   benches/program.sh [path of econc] [moments of a signal]
# Kills and flipped bits: ECONC_LONG=1 cargo test --release --test program
set -u
E=$(realpath "${1:-target/release/econc}"); N=${2:-20}; M=$(realpath models); cd "$(mktemp -d)"
stops() {
  local late=0 worst=0 i t0 took
  for i in $(seq 1 "$N"); do
    "$E" "$@" --out r -q >/dev/null 2>&1 & p=$!
    sleep "$(awk -v i="$i" 'BEGIN{print 0.05+0.25*i}')"
    t0=$(date +%s%N); case $((i % 3)) in 0) s=INT;; 1) s=TERM;; *) s=HUP;; esac
    kill -$s $p 2>/dev/null || { wait $p; rm -rf r r.*; continue; }
    wait $p; took=$((($(date +%s%N)-t0)/1000000)); [ $took -gt $worst ] && worst=$took; [ $took -gt 2000 ] && late=$((late+1)); rm -rf r r.*
  done
  echo "stops: $N signals, $late after more than 2 s, slowest $worst ms: $*"
}
stops solve "$M/cartpole.econ"
stops solve "$M/growth.econ" --set "grid.k=log(2000000)"
stops simulate "$M/krusell_smith.econ" --members 10000000
stops train "$M/aiyagari.econ"
stops train "$M/menu_costs.econ"
stops tune "$M/growth.econ"
stops verify "$M/growth.econ"
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
