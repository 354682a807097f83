#!/bin/sh
# SPDX-License-Identifier: MIT
#
# `make compare MODULE=FILE`: the conformance suite and a stream of generated calls on a genuine module and on the
# model, compared call by call (docs/fidelity.md). MODULE=soft holds the model against itself, which shows what isn't
# decided by the module: of interest is a difference that isn't known.
#
#   SEED=1 CALLS=10000   the stream: tools/generate-calls.py
#   PARTS="suite calls"  what is run
#   TIMEOUT=3600         seconds for each run
#
# Exit status: 0 none but known differences, 1 others, 2 a run without a verdict or bad usage.

set -u
cd "$(dirname "$0")/.." || exit 2
module=${1:-}
seed=${SEED:-1}
calls=${CALLS:-10000}
parts=${PARTS:-suite calls}
timeout=${TIMEOUT:-3600}
out=${OUT:-build/compare}
machine='--smp 4,packages=2 --mem 2G --seamrr 128M'

bad() {
    echo "compare: $*" >&2
    exit 2
}

[ -n "$module" ] || bad "no module; name one, as in make compare MODULE=/path/libtdx.so, or MODULE=soft for the model itself"
[ "$module" = soft ] || [ -f "$module" ] || bad "$module: no such file; check the path"
for part in $parts; do
    case $part in suite | calls) ;; *) bad "PARTS=$parts: no part called '$part'; use suite, calls or both" ;; esac
done
mkdir -p "$out" || bad "$out can't be made; set OUT to a directory that can be written"
tools/generate-calls.py --seed "$seed" --calls "$calls" --out "$out/scripts" || exit 2

# ---- runs ----

add_scripts() { # add_scripts FILE...: the options of run-qemu.sh for them in $options
    options=
    for script; do
        options="$options --script $script"
    done
}

run() { # run NAME PART OPTION...: leaves $out/PART-NAME.log; what the tests say is for the comparison to judge
    name=$1
    part=$2
    shift 2
    options='--append suite=scripts'
    [ "$part" = suite ] || add_scripts "$out"/scripts/*.tdxt
    started=$(date +%s)
    # shellcheck disable=SC2086 # lists of words
    ./run-qemu.sh "$@" $machine $options -v --timeout "$timeout" --log "$out/$part-$name.log" >/dev/null 2>"$out/stderr"
    status=$?
    echo "compare: $part on $name: status $status after $(($(date +%s) - started)) s" >&2
    verdict=
    case $status in 0 | 1 | 2 | 77) verdict=$(grep -c '^# end of seamstress log' "$out/$part-$name.log") ;; esac
    [ "$verdict" = 1 ] || {
        cat "$out/stderr" >&2
        bad "the run ended without a verdict (status $status); its log is $out/$part-$name.log"
    }
}

# What a build says of itself isn't the model's to know: it is given the genuine module's date and numbers.
identity() { # identity LOG: options of run-qemu.sh
    tr -d '\r' <"$1" | sed -nE 's/^# tdx: module [0-9]+\.[0-9]+\.([0-9]+) build ([0-9]+) \(([0-9]+)\).*/'\
'--knob update_version=\1 --knob build_num=\2 --knob build_date=\3/p' | head -n 1
}

rm -f "$out"/suite-*.log "$out"/calls-*.log
logs=
knobs=
for part in $parts; do
    if [ "$module" = soft ]; then
        names=first,second
        run first "$part" --profile 1.5.01
        run second "$part" --profile 1.5.01
    else
        names=soft,genuine
        run genuine "$part" --subject genuine --module "$module"
        knobs=$(identity "$out/$part-genuine.log")
        # shellcheck disable=SC2086 # a list of words
        run soft "$part" --profile 1.5.01 $knobs
    fi
    logs="$logs $out/$part-${names%,*}.log $out/$part-${names#*,}.log"
done

# shellcheck disable=SC2086 # lists of words
tools/compare-runs.py --names "$names" --out "$out/differences" --scripts "$out"/scripts/*.tdxt tests/conformance/*.tdxt -- $logs
