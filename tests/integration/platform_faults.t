#!/bin/sh
# SPDX-License-Identifier: MIT
#
# A machine with a fault: the module refuses it with a status of its own, the kernel decodes it and says which setting
# may be behind it, exit 1. The table is the oracle: statuses that a genuine module 1.5.01 was seen to give, before ours
# was asked. With MODULE=FILE in the environment that module is asked the same.

. "$(dirname "$0")/lib.sh"
label='platform faults'

# FAULT LEAF STATUS WORDS-OF-THE-HINT
cat >"$work/table" <<'TEXT'
arch_cap          SYS.INIT        c00009210000010a  update the microcode
xapic             SYS.INIT        c0000921000000bd  choose x2APIC mode
energy_filter     SYS.INIT        c0000921000000bc  Energy filtering is off
perf_cap          SYS.INIT        c000092100000345  enable the PMU
boot_nt4          SYS.INIT        c000090100000000  turn off 'Limit CPUID Maximum'
aesni=off         SYS.INIT        c000090000000000  enable AES-NI
microcode=old     SYS.INIT        c000090000000000  CPUID leaf 7: the microcode is too old
address_bits=46   SYS.INIT        c000090000000000  turn off 'Limit CPU PA to 46 bits'
topology          SYS.INIT        c000090400000000  levels of CPUID leaf 0x1f
l3=split          SYS.INIT        c000090500000000  turn off Sub-NUMA Clustering
vmx_basic         SYS.INIT        c000092100000480  enable VT-x
vmx_procbased2    SYS.INIT        c00009210000048b  enable VT-x
tme=unlocked      SYS.INIT        c000092100000982  enable TME and TME-MT
tme=off           SYS.INIT        c000092100000982  enable TME and TME-MT
keyids=toomany    SYS.INIT        c000082500000800  lower the number of TME-MT KeyID bits
keyids=none       SYS.CONFIG      c000010000000008  'TDX Key Split' too small
wbnoinvd          SYS.INIT        c000092100000099  update microcode and BIOS
pconfig=busy      SYS.KEY.CONFIG  80000200000000bb  another user of TME-MT keys
pconfig=entropy   SYS.KEY.CONFIG  8000080000000000  PCONFIG ran out of entropy
no_entropy        SYS.INIT        8000020300000000  RDRAND had no entropy
smrr=unlocked     SYS.INIT        c000091000000000  left an SMRR register .* unlocked
smrr=absent       SYS.INIT        c000091400000000  the CPU has no SMRR
smrr=no_lock      SYS.INIT        c000091300000000  the CPU cannot lock SMRR
smrr=misaligned   SYS.INIT        c000091100000000  whose base is not aligned
smrr=overlap      SYS.INIT        c000091200000000  SMM memory inside a region .* convertible
tsc_adjust        SYS.LP.INIT     c00009200000003b  IA32_TSC_ADJUST differs between LPs
other_cpuid       SYS.LP.INIT     c000090200000000  microcode not loaded on all
mcheck=lps        SYS.CONFIG      c000050c00000000  maxcpus=, offline or unstarted
mcheck=packages   SYS.TDMR.INIT   c000050500000000  bring a CPU of each package online
mcheck=cmr        SYS.INIT        c0000a2200000000  a BIOS bug; update the BIOS
seamldr=handoff   SYS.INIT        c000050a00000000  the P-SEAMLDR is too old for the module
arch_cap@lp1      SYS.LP.INIT     c00009200000010a  load microcode early
xapic@lp3         SYS.LP.INIT     c0000920000000bd  did not set up all LPs alike
microcode=old@lp1 SYS.LP.INIT     c000090200000000  microcode not loaded on all
msr=0x10a:0       SYS.INIT        c00009210000010a  update the microcode
msr=0xfe:-11@lp2  SYS.LP.INIT     c0000920000000fe  did not set up all LPs alike
cpuid=0x7.0.eax:3 SYS.INIT        c000090000000000  CPUID leaf 7
cpuid=0.0.eax:0x1e SYS.INIT       c00009080000001f  'Limit CPUID Maximum' is on
seamcaps=-4       SYS.INIT        c000050d00000000  SEAM capabilities
seamcaps=+9@lp1   SYS.LP.INIT     c000050d00000000  SEAM capabilities
TEXT

refuses() { # refuses FAULT LEAF STATUS HINT OPTION...: one run, one point
    fault=$1
    leaf=$2
    wanted=$3
    hint=$4
    shift 4
    launch "$@" --run bringup.tdmr_init.step --fault "$fault"
    [ "$status" -eq 1 ] && has "$out" "^# tdx: SEAMCALL $leaf \\(.*: 0x$wanted [A-Z]" && has "$out" "^# end: status 0x$wanted " &&
        has "$out" "^# tdx:   hint: .*$hint" && has "$out" '^# 0 passed, 1 failed, 0 skipped'
    point $? "${subject:+$subject: }$fault: $leaf 0x$wanted, $hint"
}

each() { # each OPTION...: the whole table
    while read -r fault leaf wanted hint; do
        refuses "$fault" "$leaf" "$wanted" "$hint" "$@"
    done <"$work/table"
}

# ---- table and documentation have all names, with the same words ----

names=$(sed -n 's/^PLATFORM_FAULT("\([^"]*\)", .*/\1/p' seam/monitor/platform_faults.def)
expect "there are named faults" test -n "$names"
for name in $names; do
    expect "$name is tried here" grep -q "^$name " "$work/table"
done

documented() { # documented FAULT LEAF STATUS MEANING: a row of docs/monitor.md says so
    grep -qiF "| \`$1\` | $4 | $2: 0x$3 " docs/monitor.md
}
while read -r fault leaf wanted hint; do
    meaning=$(sed -n "s/^PLATFORM_FAULT(\"$fault\", [A-Z_]*, [A-Z]*, \"\\(.*\\)\",\$/\\1/p" seam/monitor/platform_faults.def)
    [ -z "$meaning" ] || expect "$fault is documented with its meaning and its status" documented "$fault" "$leaf" "$wanted" "$meaning"
done <"$work/table"
rows() {
    # shellcheck disable=SC2016 # backquotes of Markdown
    sed -n 's/^| `\([a-z0-9_=]*\)` | .* | SYS\.[A-Z.]*: 0x.*/\1/p' docs/monitor.md | sort
}
expect "no other fault is documented" test "$(rows)" = "$(echo "$names" | sort)"

awk '/^## / { here = /^## Faults of the machine/ } /^```/ { block = here && /^```text/; next } block && !/^\[/' \
    docs/monitor.md >"$work/shown"
said() { # each line that the documentation shows, in what the run said
    [ -s "$work/shown" ] && ! tr -d '\r' <"$out" | cat - "$err" | grep -vxF -f - "$work/shown"
}
# shellcheck disable=SC2046 # words
launch $(sed -n '/^## Faults of the machine/,/^## Finding/s/^\.\/run-qemu.sh \(.*\)  #.*/\1/p' docs/monitor.md)
expect_status 1 "the documented run: exit 1"
expect "and says what the documentation shows" said

# ---- the soft module ----

subject=
each

launch --fault microcode=old --run bringup.tdmr_init.step
expect_out '^# tdx:   CPUID 0x7\.0: edx & 0xfc082600 must be 0xfc080400' "what a CPUID leaf must say is told"
launch --fault tsc_adjust@lp2 --fault energy_filter --run bringup.tdmr_init.step
expect_out '^# end: status 0xc0000921000000bc' "of two faults the one that the module sees first"
launch --fault tsc_adjust@lp2 --run bringup.tdmr_init.step
expect_out 'SYS.LP.INIT on cpu 2: 0xc00009200000003b' "the LP that was named"
launch --fault msr=0x3b:0x1000 --run bringup.tdmr_init.step
expect_status 0 "all LPs alike: nothing to refuse"

# ---- a whole run ----

whole() { # whole FAULT CASE: this case fails, whatever can't hold is skipped
    launch --fault "$1"
    [ "$status" -eq 1 ] && [ "$(tr -d '\r' <"$out" | grep -c '^not ok')" -eq 1 ] && has "$out" "^not ok [0-9]+ $2\$"
    point $? "$1: $2 fails and nothing else"
}
whole tme=off bringup.sys_init.step
expect_out '^# tdx: memory encryption +MISSING MSR 0x982 = 0x1' "detection says what is missing"
expect_out '^# tdx: going on all the same' "but the module is asked"
expect_out '^# seamstress: faults of the machine itself: 1;' "the run says what it is for"
expect_out '^ok [0-9]+ bringup\.detect\.keyid_split # SKIP this run is for a machine that' "a case about the machine is skipped"
expect_out '^ok [0-9]+ sys\..* # SKIP the fault that this run is for might hit its calls' "scripts are skipped"
whole keyids=none bringup.configured.step
whole pconfig=busy bringup.key_config.step
launch --fault no_entropy
expect_err 'monitor: seam: this machine is faulty: no_entropy: the CPU.s random number generator' "the monitor names the fault"

# ---- from power-on, across resets and snapshots ----

cat >"$work/across.tdxt" <<'TEXT'
suite across
source project
test climb
  # fails, and leaves no snapshot: the next case resets the module
  from started
test reset
  from reset
  call SYS.INIT rcx=0 expect INCORRECT_MSR_VALUE | 0xbc
  platform msr 0xbc = 1
  call SYS.INIT rcx=0 expect SUCCESS
test restore
  from reset
  call SYS.INIT rcx=0 expect INCORRECT_MSR_VALUE | 0xbc
TEXT
across() { # across OPTION...
    launch --script "$work/across.tdxt" --fault energy_filter "$@"
    expect_out '^not ok 1 across\.climb' "${subject:+$subject: }the fault is there from power-on"
    expect_out '^ok 2 across\.reset$' "${subject:+$subject: }it is there after a reset, and a script may mend it"
    expect_out '^ok 3 across\.restore$' "${subject:+$subject: }what was mended is faulty again after a restore"
}
across

# ---- a genuine one ----

if [ -n "${MODULE:-}" ]; then
    subject=genuine
    each --subject genuine --module "$MODULE"
    across --subject genuine --module "$MODULE"
else
    skip "no MODULE=FILE in the environment" "the same with a genuine module"
fi

finish
