#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Some QEMU versions lose instructions of the module, which are replaced in memory there. That must make no difference;
# it can be had on every QEMU with the monitor's option patch=on.

. "$(dirname "$0")/lib.sh"
module=build/standin.so
scripts="tests/standin/processor.tdxt tests/standin/stops.tdxt tests/standin/vmcs.tdxt"

# shellcheck disable=SC2086 # words
pack() {
    make --no-print-directory -s "$module" boot && cp "$module" "$work/tdx-module" &&
        tools/pack-cpio.sh "$work/archive" build/seamstress.elf "$work/tdx-module" $scripts
}
expect "stand-in and scripts are packed" pack
before=$(sha256sum <"$module")

patched() { # patched WORD [TRAPS]: a run with patch=WORD; COM1 in $out, COM2 in $err
    bare "s/ topology=default / topology=default patch=$1 /;$(with_archive "$work/archive")" \
        --subject genuine --module "$module" --traps "${2:-exits}" --seed 1 --smp 2 --append suite=scripts
}

verdicts() {
    tr -d '\r' <"$out" | grep -E '^(not )?ok '
}

patched auto
expect "patch=auto: QEMU leaves with 33" test "$status" -eq 33
verdicts >"$work/auto"
loses=$(tr -d '\r' <"$err" | sed -n 's/^seam: quirk: this QEMU takes \(.*\) for no-ops.*/\1/p')
replaced='^seam: quirk: [0-9]+ instructions of the module.s copy in memory are replaced by UD2'
if [ -n "$loses" ]; then
    expect_err "$replaced \(this QEMU loses them\), its file is as it was" "this QEMU loses $loses: they are replaced"
else
    ! has "$err" "$replaced"
    point $? "this QEMU loses nothing: nothing is replaced"
fi

patched on
expect "patch=on: QEMU leaves with 33" test "$status" -eq 33
verdicts >"$work/on"
expect_err "$replaced" "patch=on: they are replaced"
said=$(tr -d '\r' <"$err" | sed -n 's/^seam: quirk: \([0-9]*\) instructions of.*/\1/p')
there=$(objdump -D -j .text "$module" | grep -cE '	(xrstors|xsavec|xsaves|vmptrld|vmclear|vmxon|vmptrst)')
expect "as many as objdump finds" test "$said" -eq "$there"
expect "the verdicts are the same" cmp "$work/auto" "$work/on"
for name in processor.xstate.sse vmcs.page vmcs.bad_pointer.unaligned stops.stop.xsaves; do
    expect "$name was among them" grep -Eq "^ok [0-9]+ standin\.$name\$" "$work/on"
done
patched on inring
expect "patch=on, inring: QEMU leaves with 33" test "$status" -eq 33
verdicts >"$work/inring"
expect "patch=on, inring: the verdicts are the same" cmp "$work/auto" "$work/inring"

expect "the file is as it was" test "$(sha256sum <"$module")" = "$before"

patched off
if [ -n "$loses" ]; then
    expect "patch=off: refused" test "$status" -eq 37
    expect_out "seam: error: this QEMU takes .* patch=off .*: use QEMU 7\.2" "patch=off: why, and what to do"
else
    expect "patch=off: QEMU leaves with 33" test "$status" -eq 33
    verdicts >"$work/off"
    expect "patch=off: the verdicts are the same" cmp "$work/auto" "$work/off"
fi

patched maybe
expect "patch=maybe: refused" test "$status" -eq 37
expect_out 'seam: error: option patch=maybe: there are: auto, on, off' "patch=maybe: what there is"

finish
