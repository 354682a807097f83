#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs that must not pass: injected faults, a machine without TDX, too little memory, a monitor that can't begin.

. "$(dirname "$0")/lib.sh"

# ---- faults of the module ----

launch --fault ext.mem_add:17=0xC000010000000001
expect_status 1 "a refused page: exit 1"
expect_out '0xc000010000000001 OPERAND_INVALID operand=RCX' "the status is decoded"
expect_out 'hint: ' "with a hint"
expect_out 'extension pool: batch [0-9]+ of 25 failed at entry 0; .* [1-9][0-9]* stranded \([0-9]+ KiB lost\)' \
    "batch, entry and stranded pages are counted"
expect_out '^not ok [0-9]+ bringup\.pool\.step' "the check of that step fails"
expect_out '# SKIP needs ext_memory, which failed' "what needs it is skipped, not failed"
expect_out '^# end: to go on: ' "a stated end, and how to go on"
expect_out '^# summary: NOT READY' "the summary says so"

# Lists that an interrupt cut in two take two calls, so the 17th call may be of an earlier list than the 17th.
adds_up() { # of a failed batch: every page of the lists so far is either the module's or stranded
    grep '^# end: .*batch [0-9]* of 25 failed at entry' "$out" | grep -Eo '[0-9]+' | tr '\n' ' ' |
        awk '$1 > 8 && $1 <= 17 && $3 < 512 && $5 > 0 && $4 + $5 == $1 * 512 { good++ } END { exit good != 1 }'
}
launch --run 'bringup.pool.*' --fault ext.mem_add:17=0xC000010000000001
expect_status 1 "the 17th list refused: exit 1"
expect "pages added and pages stranded add up to the lists handed over" adds_up

launch --run 'bringup.ready.*' --fault sys.init:1x9=RND_NO_ENTROPY
expect_status 0 "nine times no entropy in SYS.INIT is retried"
launch --run 'bringup.ready.*' --fault sys.init:1x10=RND_NO_ENTROPY
expect_status 1 "ten times is too often: exit 1"
expect_out 'SYS\.INIT.*RND_NO_ENTROPY' "and the status is named"
launch --run 'bringup.ready.*' --fault sys.init:1=SYS_BUSY
expect_status 1 "SYS_BUSY where nobody else calls: exit 1"
launch --run 'bringup.ready.*' --fault sys.key.config:1x9=RND_NO_ENTROPY
expect_status 0 "nine times no entropy is retried"
launch --run 'bringup.ready.*' --fault sys.key.config:1x1000=RND_NO_ENTROPY
expect_status 1 "no entropy at all: exit 1"
launch --run 'bringup.ready.*' --fault sys.lp.init:2=0xC000050500000000
expect_status 1 "one LP that fails: exit 1"
launch --run 'bringup.ready.*' --fault ext.init:1=SW_VMFAIL_INVALID
expect_status 1 "VMfailInvalid in the last step: exit 1"

# ---- machines that aren't enough ----

launch --subject hardware
expect_status 77 "no TDX in this machine: exit 77"
expect_out 'subject: hardware' "the subject is named"
expect_out 'VMX +MISSING' "what is missing"
expect_out 'remedy: enable' "and what to do"
expect_out '^# 0 passed, 0 failed, [1-9][0-9]* skipped' "everything is skipped"
launch --subject hardware --boot bios
expect_status 77 "the same through GRUB"
expect_out 'loaded by multiboot2' "as a Multiboot2 kernel"

launch --mem 64M
expect_status 2 "64 MiB: exit 2"
expect_out 'too little memory: found [0-9]+ MiB .* need at least [0-9]+ MiB' "with numbers"
launch --subject hardware --mem 16M
expect_status 2 "16 MiB for the kernel alone: exit 2"
expect_out 'Too little memory: [0-9]+ KiB .* [0-9]+ KiB needed' "with numbers"

# ---- a monitor that can't begin (run-qemu.sh wouldn't ask for these) ----

refuses() { # refuses REGEX NAME: after bare(): QEMU left with "error" and COM1 says why
    [ "$status" -eq 37 ] && has "$out" "^seam: error: .*$1"
    point $? "$2"
}

kernel=$root/build/seamstress.elf
archive=$work/archive
altered=$work/seamstress.elf

packed() {
    tools/pack-cpio.sh "$archive" "$@"
    bare "$(with_archive "$archive")"
}

head -c 100000 "$kernel" >"$altered"
packed "$altered"
refuses 'cut short' "a kernel that is cut short"
head -c 40 "$kernel" >"$altered"
packed "$altered"
refuses "isn't an ELF file" "a kernel shorter than its header"
{
    printf '\177ELF\001'
    tail -c +6 "$kernel"
} >"$altered"
packed "$altered"
refuses "isn't an ELF64 file" "a 32-bit kernel"
objcopy -R .note.Xen "$kernel" "$altered"
packed "$altered"
refuses 'no PVH note' "a kernel without PVH note"
packed LICENSE
refuses 'no kernel to start: .*LICENSE' "an archive without kernel"
head -c 200000 build/seamstress.cpio >"$archive"
bare "$(with_archive "$archive")"
refuses 'archive .* is damaged' "an archive that is cut short"
sed 's/TRAILER!!!/TRAILER!!?/' build/seamstress.cpio >"$archive"
bare "$(with_archive "$archive")"
refuses 'archive .* is damaged .*without a trailer' "an archive without end"
bare 's,-initrd [^ ]*,,'
refuses 'no kernel to start' "no archive"
bare 's/phys-bits=52/phys-bits=52,svm=off/'
refuses 'no SVM' "a CPU without SVM"
bare 's/phys-bits=52/phys-bits=52,npt=off/'
refuses 'no nested paging' "a CPU without nested paging"
bare 's/profile=ext/nonsense=1/'
refuses "unknown monitor option 'nonsense'; there are: " "an unknown option"
bare 's/profile=ext/profile=nope/'
refuses "no profile is called 'nope'; there are: " "an unknown profile"
bare 's/topology=default/topology=nope/'
refuses "no topology is called 'nope'; there are: " "an unknown topology"
bare 's/profile=ext/fault=ext.mem_add/'
refuses 'fault=ext.mem_add: ' "a malformed fault"
bare 's/profile=ext/fault=smrr=unlockd/'
refuses "fault=smrr=unlockd: no fault is called 'smrr=unlockd'; did you mean smrr=unlocked" "a misspelt fault"
bare 's/profile=ext/fault=xapic@lp4/'
refuses 'LP 4, this machine has only LPs 0 to 3: .*--smp 5' "a fault of an LP that isn't there"
bare 's/profile=ext/fault=msr=0xc0000100:1/'
refuses 'fault=msr=0xc0000100:1: 0xc0000100 is an MSR of the guest' "a fault that the monitor wouldn't see"
bare 's/profile=ext/fault=msr=0x40000100:1/'
refuses 'fault=msr=0x40000100:1: 0x40000100 is a control MSR' "a fault of the monitor itself"
bare 's/profile=ext/fault=cpuid=0x40000000.0.eax:1/'
refuses '0x40000000 is a CPUID leaf that says how to find the monitor' "a fault that would hide the monitor"
bare "s/profile=ext/$(printf ' fault=xapic%.0s' 1 2 3 4 5 6 7 8 9)/"
refuses 'at most 8 faults can be given' "more faults than there is room for"

finish
