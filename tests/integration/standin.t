#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A module of our own behind the monitor, loaded and run as a vendor's would be: every emulated instruction, every way
# to end, on 1 and 4 CPUs, with both ways to execute what TCG lacks.

. "$(dirname "$0")/lib.sh"
module=build/standin.so
log=$work/log
scripts= # those that need no option of their own
for script in tests/standin/*.tdxt; do
    case $script in
    */endless.tdxt | */keys_scramble.tdxt | */keys_stop.tdxt) ;;
    *) scripts="$scripts --script $script" ;;
    esac
done

expect "the module is built" make --no-print-directory -s "$module"

behind() { # behind OPTION...: a run of the stand-in; $log is COM1's, $log.monitor COM2's
    rm -f "$log" "$log.monitor"
    launch --subject genuine --module "$module" --log "$log" "$@"
}

said() { # said REGEX NAME: a line of the monitor's log matches
    has "$log.monitor" "$1"
    point $? "$2"
}

verdicts() {
    tr -d '\r' <"$log" | grep -E '^(not )?ok '
}

# ---- the file ----

relocations() {
    readelf -rW "$1" | awk '$3 ~ /^R_/ { print $3 }' | sort -u
}
expect "relocations are relative, and there are some" test "$(relocations "$module")" = R_X86_64_RELATIVE
expect "it wants no library" test -z "$(readelf -dW "$module" | grep NEEDED)"

# ---- stops, as the log tells them ----

# stops: "LEAF PLACE TEXT" of each in the monitor's log
stops() {
    tr -d '\r' <"$log.monitor" | awk '
        /module stopped on LP/ {
            leaf = $0; sub(/.*SEAMCALL leaf /, "", leaf); sub(/:.*/, "", leaf)
            text = $0; sub(/.*SEAMCALL leaf [0-9]+: it /, "", text)
        }
        / at .* rip / && leaf != "" {
            place = $0; sub(/.* at /, "", place); sub(/,.*/, "", place)
            print leaf, place, text
            leaf = ""
        }'
}

place_of() { # place_of LABEL: as the log names it
    nm "$module" | awk -v label="$1" '$3 == label { sub(/^0+/, "", $1); print "code+0x" $1 }'
}

# LEAF LABEL-OR-REGEX TEXT
known_stops() {
    cat <<'TEXT'
224 leaf_ud2.at executed UD2
225 0x8000000000000000 met exception 13
226 leaf_not_canonical.at met exception 13
227 leaf_not_mapped.at met a page fault at 0x100000
228 leaf_write_code.at met a page fault at 0x
229 leaf_divide.at met exception 0
230 leaf_bad_stack.at met a page fault at 0xffff8
231 leaf_halt.at executed HLT
232 leaf_bad_tables.at
233 data\+0x[0-9a-f]+ met a page fault at 0x
235 leaf_vmlaunch.at executed VMLAUNCH
236 leaf_tdcall.at executed TDCALL
237 leaf_overflow.at met a page fault at 0x
238 leaf_write_sysinfo.at met a page fault at 0x
239 leaf_user_page.at met a page fault at 0x
240 leaf_odd_movdir.at executed MOVDIR64B
241 leaf_odd_pconfig.at executed PCONFIG
242 leaf_vmread_nowhere.at executed VMREAD
243 leaf_vmread_code.at executed VMREAD
244 leaf_vmxoff.at executed VMXOFF
245 leaf_seamcall.at executed SEAMCALL
246 leaf_undefined.at executed the instruction 0f ff
247 code\+0x[0-9a-f]+ met exception
248 leaf_vmcall.at executed VMCALL
249 leaf_movdir_nowhere.at executed MOVDIR64B
251 leaf_vmmcall.at
252 leaf_vmrun.at
220 code\+0x[0-9a-f]+
223 code\+0x[0-9a-f]+ executed SEAMOPS leaf 119
211 code\+0x[0-9a-f]+ executed PCONFIG
221 code\+0x[0-9a-f]+ executed XSAVES
200 code\+0x[0-9a-f]+
203 code\+0x[0-9a-f]+ executed VMPTRLD of 0x
209 code\+0x[0-9a-f]+ touched the monitor's memory: 0x
210 code\+0x[0-9a-f]+ touched the monitor's memory: 0x
209 code\+0x[0-9a-f]+ touched physical address 0xfe00000000
205 standin_entry.leave executed SEAMRET
TEXT
}

check_stops() { # check_stops HOW: each of them is told, with its place
    stops >"$work/stops"
    known_stops >"$work/known"
    missing=
    while read -r leaf label text; do
        place=$label
        case $label in *.at | *.leave) place=$(place_of "$label" | sed 's/+/\\+/') ;; esac
        [ -n "$place" ] && grep -Eq "^$leaf $place $text" "$work/stops" ||
            missing="$missing $leaf:${place:-no $label}"
    done <"$work/known"
    expect "$1: the log tells each stop with its place${missing:+, but not$missing}" test -z "$missing"
}

executed_inring() { # how many instructions counters.tdxt saw executed in the module's own ring
    tr -d '\r' <"$log" | sed -n 's/^# says: executed inring [^ ]* (\([0-9]*\)).*/\1/p' | sort -n | head -n 1
}

# ---- everything, four times ----

for smp in 4 1; do
    for traps in exits inring; do
        how="$smp CPUs, $traps"
        # shellcheck disable=SC2086 # words
        behind $scripts --smp $smp --traps $traps
        expect_status 0 "$how: exit 0"
        verdicts >"$work/verdicts.$smp.$traps"
        check_stops "$how"
        if [ $traps = exits ]; then
            expect "$how: nothing is executed in the module's ring" test "$(executed_inring)" = 0
        else
            expect "$how: loops are executed in the module's ring" test "$(executed_inring)" -ge 1000
        fi
        said '^seam: +rax [0-9a-f]{16} rbx [0-9a-f]{16} rcx [0-9a-f]{16} rdx' "$how: registers of a stopped module"
        said '^seam: +rsp\+0x[0-9a-f]+: [0-9a-f]{16} code\+0x' "$how: return addresses on its stack are named"
    done
    expect "$smp CPUs: the same verdicts either way" cmp "$work/verdicts.$smp.exits" "$work/verdicts.$smp.inring"
done
expect "with 4 CPUs nothing is skipped" test -z "$(grep SKIP "$work/verdicts.4.exits")"
expect "with 1 CPU only what takes several" test -z "$(grep SKIP "$work/verdicts.1.exits" | grep -v -e CPUs -e 'only LP')"

# ---- reset or snapshot ----

# shellcheck disable=SC2086 # words
behind $scripts --snapshots off
expect_status 0 "without snapshots: exit 0"
verdicts >"$work/verdicts.reset"
expect "without snapshots: the same verdicts" cmp "$work/verdicts.4.exits" "$work/verdicts.reset"

# ---- wrong KeyIDs ----

said 'violation on LP [0-9]+: the module, at code\+0x[0-9a-f]+, reads 0x[0-9a-f]+ under KeyID 41, ' \
    "a read under another KeyID is told"
said 'violation on LP [0-9]+: the module, at code\+0x[0-9a-f]+, [a-z]+ 0x[0-9a-f]+ under KeyID 45, ' \
    "the use of a KeyID without a key is told"

for keys in scramble stop; do
    for traps in exits inring; do
        behind --script tests/standin/keys_$keys.tdxt --keys $keys --smp 4 --traps $traps
        expect_status 0 "--keys $keys, $traps: exit 0"
        verdicts >"$work/verdicts.$keys.$traps"
    done
    expect "--keys $keys: the same verdicts either way" cmp "$work/verdicts.$keys.exits" "$work/verdicts.$keys.inring"
done
stops >"$work/stops"
expect "--keys stop: where it stopped" grep -Eq '^209 code\+0x[0-9a-f]+ met a machine check' "$work/stops"

# ---- addresses ----

where() { # where OPTION...: linear address of the image in that run
    behind --script tests/standin/calls.tdxt --run standin.calls.addresses --smp 1 "$@"
    tr -d '\r' <"$log" | sed -n 's/^# says: image at \([^ ]*\).*/\1/p'
}
first=$(where --seed 1)
expect "a seed gives an address" test -n "$first"
expect "the same seed the same address" test "$first" = "$(where --seed 1)"
expect "another seed another" test "$first" != "$(where --seed 2)"
any=$(where)
seed=$(tr -d '\r' <"$log.monitor" | sed -n 's/^seam: genuine module .* seed \([0-9a-fx]*\)$/\1/p')
expect "without a seed, the log says which it was" test -n "$seed"
expect "and the run can be had again with it" test "$any" = "$(where --seed "$seed")"

# ---- a call that doesn't return ----

for traps in exits inring; do
    behind --script tests/standin/endless.tdxt --smp 2 --traps $traps
    expect_status 0 "endless, 2 CPUs, $traps: the run goes on to its verdict"
    expect_out '^ok 3 standin\.endless\.after$' "endless, 2 CPUs, $traps: and a reset heals it"
    stops >"$work/stops"
    expect "endless, 2 CPUs, $traps: where it hung" \
        grep -Eq "^234 $(place_of leaf_endless.at | sed 's/+/\\+/') didn't return" "$work/stops"
    behind --script tests/standin/endless.tdxt --smp 1 --timeout 8 --traps $traps
    expect_status 124 "endless, 1 CPU, $traps: the deadline"
    expect_err 'standin\.endless\.endless was running' "endless, 1 CPU, $traps: in which case"
done

# ---- more hand-off pages than there is memory for ----

cat >"$work/handoff.tdxt" <<'TEXT'
suite handoff
source project
test grown
  from reset
  platform handoff_pages = 40000
  install
test after
  from reset
  call 0xC0 expect SUCCESS
TEXT
behind --script "$work/handoff.tdxt" --smp 1
expect_status 2 "a hand-off area that grew: exit 2"
expect_out '^not ok 1 handoff\.grown # ERROR .*a hand-off area of 40001 pages' "a hand-off area that grew: isn't installed"
expect_out '^ok 2 handoff\.after$' "a hand-off area that grew: nothing was overwritten"

# ---- another compiler ----

if command -v clang >/dev/null 2>&1; then
    expect "clang builds it" make --no-print-directory -s CC=clang BUILD="$work/clang" "$work/clang/standin.so"
    module=$work/clang/standin.so
    expect "clang: relocations are relative" test "$(relocations "$module")" = R_X86_64_RELATIVE
    # shellcheck disable=SC2086 # words
    behind $scripts --smp 2
    expect_status 0 "clang: exit 0"
    check_stops clang
else
    skip "no clang here" "clang builds it"
fi

finish
