#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Are the tests worth anything? Applies the one-line faults of list.txt to a copy of the tree, one at a time, and
# asks the tests to notice each: the conformance suite against the soft module in a host process, then the unit tests,
# then the stand-in module in QEMU, then the suite there. The first that fails has killed the mutant; one that nobody
# notices survives.
#
#   tests/mutants/run.sh [NUMBER...]     all, or only these (line numbers of list.txt)
#
# A line of list.txt: FILE | SED EXPRESSION | WHAT IT BREAKS [| survives: WHY]. Ends with 'N killed, N survived'; exit
# status 1 if one survived that isn't listed as a survivor, or one that is listed was killed, or a line doesn't apply.

set -u
cd "$(dirname "$0")/../.." || exit 2
list=$PWD/tests/mutants/list.txt
tree=$PWD/build/mutants/tree
log=$PWD/build/mutants/log
jobs=$(nproc 2>/dev/null || echo 2)
unset MAKEFLAGS MFLAGS MAKELEVEL

by=
broken=
killed=0
survived=0
wrong=0

fresh_copy() {
    mkdir -p "$tree" "$log"
    tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$tree"
}

in_tree() { # in_tree STAGE COMMAND...: quietly, with what it said kept; a fault may well make it hang
    stage=$1
    shift
    (cd "$tree" && DEPS=0 timeout 600 "$@") >"$log/$number.$stage" 2>&1
}

make_in_tree() { # make_in_tree STAGE TARGET...; false: a fault that the compiler sees
    stage=$1
    shift
    in_tree "$stage" make -j"$jobs" --no-print-directory "$@" || broken=1
    [ -z "$broken" ]
}

suite_on_host() { # each profile has cases that the others skip
    for profile in ext 1.5.01 dpamt overlay; do
        in_tree "host-$profile" build/host/tdxt run --profile $profile tests/conformance/*.tdxt || return 1
    done
}

suite_in_qemu() {
    for profile in ext 1.5.01 dpamt; do
        in_tree "qemu-$profile" ./run-qemu.sh --profile $profile --timeout 300 || return 1
    done
}

standin_in_qemu() { # but for the script that hangs a CPU for many seconds, and those that want options
    with=
    for script in tests/standin/*.tdxt; do
        case $script in */endless.tdxt | */keys_*.tdxt) ;; *) with="$with --script $script" ;; esac
    done
    for traps in exits inring; do
        # shellcheck disable=SC2086 # words
        in_tree "standin-$traps" ./run-qemu.sh --subject genuine --module build/standin.so --traps $traps --timeout 300 \
            $with || return 1
    done
}

notices() { # the quickest first; sets by, or broken
    broken=
    make_in_tree build-suite build/host/tdxt || return 1
    by=suite
    suite_on_host || return 0
    make_in_tree build-unit unit-built || return 1
    by=unit
    in_tree unit make --no-print-directory unit || return 0
    make_in_tree build-boot boot build/standin.so || return 1
    by=standin
    standin_in_qemu || return 0
    by=qemu
    suite_in_qemu || return 0
    by=
    return 1
}

judge() { # judge EXPECTED-TO-SURVIVE
    if notices; then
        killed=$((killed + 1))
        printf 'killed by %-7s %3d  %s: %s\n' "$by" "$number" "$file" "$what"
        [ -z "$1" ] || {
            wrong=$((wrong + 1))
            echo "  listed as a survivor; strike that out"
        }
    elif [ -n "$broken" ]; then
        wrong=$((wrong + 1))
        echo "does not build    $number  $file: a fault must be one that only a test can see, see $log/$number.build-*"
    else
        survived=$((survived + 1))
        printf 'SURVIVED          %3d  %s: %s%s\n' "$number" "$file" "$what" "${1:+ ($1)}"
        [ -n "$1" ] || wrong=$((wrong + 1))
    fi
}

apply() { # exactly one line of the file changes
    sed "$expression" "$file" >"$tree/$file"
    [ "$(diff "$file" "$tree/$file" | grep -c '^>')" -eq 1 ] && [ "$(diff "$file" "$tree/$file" | grep -c '^<')" -eq 1 ]
}

trim() {
    printf '%s' "$1" | sed 's/^[[:space:]]*//; s/[[:space:]]*$//'
}

wanted() {
    [ -z "$only" ] || case " $only " in *" $number "*) ;; *) return 1 ;; esac
}

only=$*
fresh_copy
number=0
echo "building and testing the unchanged tree first"
if notices || [ -n "$broken" ]; then
    echo "the unchanged tree fails${by:+ in $by}: mend it first, see $log/0.*" >&2
    exit 2
fi
while IFS= read -r line; do
    number=$((number + 1))
    case $line in '' | '#'*) continue ;; esac
    wanted || continue
    file=$(trim "${line%% | *}")
    rest=${line#* | }
    expression=${rest%% | *}
    rest=${rest#* | }
    what=$(trim "${rest%% | *}")
    why=
    case $rest in *' | survives: '*) why=${rest#* | survives: } ;; esac
    if apply; then
        judge "$why"
    else
        wrong=$((wrong + 1))
        echo "does not apply    $number  $file: '$expression' must change exactly one line"
    fi
    cp "$file" "$tree/$file"
done <"$list"
echo "$killed killed, $survived survived"
[ "$wrong" -eq 0 ]
