#!/bin/sh
# SPDX-License-Identifier: MIT
# `make bench`: what things cost, as ratios of medians taken in turns within this one run. Wall times are only ever
# compared with the do-nothing guest beside them; counts are exact. Nothing here is a test: a slow machine fails nothing.
#
#   ROUNDS=15   rounds of the power-on comparison
set -eu

ROUNDS=${ROUNDS:-15}
BUILD=${BUILD:-build}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

say() { printf '%s\n' "$*"; }

# The QEMU command that run-qemu.sh would use, with these options.
command_for() { ./run-qemu.sh --dry-run "$@"; }

# Runs a command line, COM1 into a file; prints the milliseconds it took. QEMU's status 33 is "pass".
timed() {
    start=$(date +%s%N)
    status=0
    sh -c "timeout 120 $1" > "$work/com1" 2> "$work/err" < /dev/null || status=$?
    end=$(date +%s%N)
    if [ "$status" -ne 33 ]; then
        say "bench: a measured run ended with QEMU status $status instead of 33; its log:" >&2
        tail -n 20 "$work/com1" "$work/err" >&2
        exit 1
    fi
    echo $(((end - start) / 1000))
}

median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
figure() { sed -n "s/^# bench: $1 //p" "$work/com1"; }

power_on() { # smp mem
    ready=$(command_for --smp "$1" --mem "$2" --append bench=ready)
    # The same machine and firmware; another kernel and nothing to load with it.
    nothing=$(printf '%s' "$ready" | sed "s|-kernel [^ ]*|-kernel $BUILD/bench/nothing.elf|; s|-initrd [^ ]*||; s|-append '[^']*'||")
    : > "$work/ready"
    : > "$work/nothing"
    round=0
    while [ "$round" -lt "$ROUNDS" ]; do
        timed "$nothing" >> "$work/nothing"
        timed "$ready" >> "$work/ready"
        round=$((round + 1))
    done
    r=$(median < "$work/ready")
    n=$(median < "$work/nothing")
    say "power-on to READY, --smp $1 --mem $2: $(ratio "$r" "$n") x the do-nothing guest" \
        "($((r / 1000)) ms against $((n / 1000)) ms, $ROUNDS rounds in turns)"
}

say "== time"
power_on 4 2G
power_on 1 512M

timed "$(command_for --append bench=calls)" > /dev/null
bare=$(figure bare_exit_cycles)
call=$(figure seamcall_cycles)
model=$(figure model_cycles)
say "soft SEAMCALL (SYS.RD): $(ratio "$call" "$bare") x a bare world switch ($call against $bare cycles; the model's own work is $model)"

timed "$(command_for --smp 2 --append bench=tdmr)" > /dev/null
one=$(figure tdmr_init_one_lp_cycles)
two=$(figure tdmr_init_two_lps_cycles)
say "SYS.TDMR.INIT with two LPs: $(ratio "$(figure tdmr_init_speedup_percent)" 100) x as fast as with one" \
    "($one against $two cycles), $(figure tdmr_init_busy) busy returns"

say "== counts, --smp 4 --mem 2G, from power-on to READY"
timed "$(command_for --append bench=counts)" > /dev/null
sed -n 's/^# bench: //p' "$work/com1"

say "== size"
for file in seamstress.elf seam.elf seamstress.iso; do
    [ -f "$BUILD/$file" ] || continue
    stripped=""
    case $file in
    *.elf)
        strip -o "$work/stripped" "$BUILD/$file"
        stripped=" ($(wc -c < "$work/stripped") stripped; $(size "$BUILD/$file" | awk 'NR == 2 { print $4 }') in memory)"
        ;;
    esac
    say "$file: $(wc -c < "$BUILD/$file") bytes$stripped"
done

# The smallest memory, in steps of 8 MiB, with which the whole default suite passes.
smallest() {
    low=32 high=1024
    while [ $((high - low)) -gt 8 ]; do
        middle=$(((low + high) / 2 / 8 * 8))
        if ./run-qemu.sh --profile "$1" --mem "${middle}M" > /dev/null 2>&1; then
            high=$middle
        else
            low=$middle
        fi
    done
    say "smallest --mem that passes, profile $1: ${high}M"
}
smallest 1.5.01
smallest ext
