#!/bin/sh
# SPDX-License-Identifier: MIT
# `make bench MODULE=FILE`: what a genuine module costs, its missing instructions executed in its own ring against each
# by a VM exit, and a snapshot against a module brought up again. Both ways in turns, in this one run. Without a module
# there is nothing to measure.
#
#   ROUNDS=3
set -eu

[ $# -eq 1 ] || {
    echo "usage: genuine.sh MODULE" >&2
    exit 2
}
module=$1
ROUNDS=${ROUNDS:-3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

run() { # run ARGUMENT...: one CPU, the log in $work/log
    ./run-qemu.sh --subject genuine --module "$module" --smp 1 --timeout 600 --log "$work/log" "$@" \
        >"$work/out" 2>"$work/err" || {
        echo "bench: a measured run ended with status $?: $*" >&2
        tail -n 20 "$work/out" "$work/err" >&2
        exit 1
    }
}
figure() { sed -n "s/^# bench: $1 \([0-9]*\).*/\1/p" "$work/log" | tr -d '\r'; }
median() { sort -n "$1" | awk '{ v[NR] = $1 } END { printf "%d", v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.1f", a / b }'; }

round=0
while [ "$round" -lt "$ROUNDS" ]; do
    for traps in exits inring; do
        run --traps $traps --append bench=calls
        figure seamcall_cycles >>"$work/call.$traps"
        run --traps $traps --append bench=ready
        figure "step tdmr_init us" >>"$work/tdmr.$traps"
    done
    for snapshots in on off; do
        run --snapshots $snapshots --script tests/bench/back.tdxt
        # the first case is where the state is reached for the first time
        sed -n 's/^# result: bench\.back\.ready\.[b-i] pass \([0-9]*\) cycles.*/\1/p' "$work/log" >>"$work/back.$snapshots"
    done
    round=$((round + 1))
done

compare() { # compare WHAT SLOWER FASTER UNIT GOAL
    slow=$(median "$work/$2")
    fast=$(median "$work/$3")
    echo "| $1 | $(ratio "$slow" "$fast") × ($fast against $slow $4) | $5 |"
}
echo "== genuine module, $ROUNDS rounds in turns, medians"
compare "a simple SEAMCALL (SYS.RD), in-ring against exits" call.exits call.inring cycles "≥ 4 ×"
compare "SYS.TDMR.INIT of all memory (--mem 2G), in-ring against exits" tdmr.exits tdmr.inring us "≥ 10 ×"
compare "READY from a snapshot, against brought up again" back.off back.on cycles "> 1 ×"
