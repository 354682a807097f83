#!/bin/sh
# SPDX-License-Identifier: MIT
# Bad usage of run-qemu.sh: one line that names cause and remedy, exit 2, nothing built, nothing started.

. "$(dirname "$0")/lib.sh"
fake_tools

refused() { # refused REGEX ARGUMENT...: one point for everything that has to hold
    pattern=$1
    shift
    launch "$@"
    [ "$status" -eq 2 ] && [ ! -s "$out" ] && [ "$(wc -l <"$err")" -eq 1 ] && has "$err" "$pattern" &&
        has "$err" '^run-qemu.sh: .*; ' && [ ! -e "$work/make-called" ] && [ ! -e "$work/qemu-called" ]
    point $? "refused: $*"
}

refused '^run-qemu.sh: --frobnicate: no such option' --frobnicate
refused 'soft: no such option' soft
refused '^run-qemu.sh: --smp needs a value' --smp
refused 'empty value' --mem ''

refused '--smp 0: .*1 to 255' --smp 0
refused '--smp 256: .*1 to 255' --smp 256
refused '--smp four: not a number' --smp four
refused '--smp -1: not a number' --smp -1
refused '--smp 08: not a number' --smp 08
refused '--smp 4,sockets=2: not a number' --smp 4,sockets=2
refused '--smp 99999999999999999999: not a number' --smp 99999999999999999999
refused "3 packages can't share 8 processors" --smp 8,packages=3
refused 'packages=0: .*1 to 8' --smp 8,packages=0
refused 'packages=16: .*1 to 8' --smp 16,packages=16
refused 'at least two processors; use --smp 6,packages=3' --smp 3,packages=3
refused 'packages is no number' --smp 8,packages=two
refused 'contradicts --topology two-packages' --topology two-packages --smp 8,packages=4
refused "2 packages can't share 5 processors" --smp 5 --topology two-packages

refused '--mem lots: not a size' --mem lots
refused '--mem 2X: not a size' --mem 2X
refused '--mem G: not a size' --mem G
refused '--mem 1.5G: not a size' --mem 1.5G
refused '--mem 0: too little' --mem 0
refused '--mem 1M: too little' --mem 1M
refused '--mem 16M: too little' --mem 16M
refused '--mem 64T: more than' --mem 64T
refused '--mem 8G: --topology emerald-rapids needs 262080M' --topology emerald-rapids --mem 8G

refused "--knob build_nom=7: no knob 'build_nom'" --knob build_nom=7
refused '--knob build_num: malformed' --knob build_num
refused '--knob build_num=seven: malformed' --knob build_num=seven
refused '--knob belongs to the model' --subject genuine --module README.md --knob build_num=7
refused 'leave them out with --subject hardware' --subject hardware --knob build_num=7
refused '--seamrr 33M: no size of SEAMRR; use 32M' --seamrr 33M
refused '--seamrr 2048: no size' --seamrr 2048
refused 'leave it out with --subject hardware' --subject hardware --seamrr 128M

refused '--timeout soon: not a number' --timeout soon
refused '--timeout 0: not a number' --timeout 0
refused '--timeout -5: not a number' --timeout -5

refused '--profile nope: no such profile; use ext, dpamt or 1.5.01' --profile nope
refused '--topology nope: .*default, emerald-rapids or two-packages' --topology nope
refused '--boot floppy: .*direct or bios' --boot floppy
refused '--boot uefi: not yet' --boot uefi
refused '--boot loader: not yet' --boot loader
refused '--subject td: .*soft, genuine or hardware' --subject td
refused 'leave them out with --subject hardware' --subject hardware --profile ext
refused 'leave them out with --subject hardware' --subject hardware --fault ext.mem_add:1=0x1

refused "no fault 'ext.mem_add'" --fault ext.mem_add
refused 'malformed' --fault ext.mem_add:17
refused "no fault 'ext.mem_add=0x1'" --fault ext.mem_add=0x1
refused "'0' is not a number of calls" --fault ext.mem_add:0=0xC000010000000001
refused "'y' is not a number of calls" --fault ext.mem_add:y=0xC000010000000001
refused "'0' is not a number of calls" --fault ext.mem_add:1x0=0xC000010000000001
refused "'' is not a number of calls" --fault ext.mem_add:1x=0xC000010000000001
refused "'busy' is neither" --fault ext.mem_add:17=busy
refused "'' is neither" --fault ext.mem_add:17=
refused "'OPERAND_' is neither" --fault ext.mem_add:17=OPERAND_
refused 'is not a 64-bit status' --fault ext.mem_add:17=0x1C000010000000001
refused 'is not a 64-bit status' --fault ext.mem_add:17=0x
refused "no leaf 'ext.mem_ad'" --fault ext.mem_ad:17=0x1
refused "no leaf ''" --fault :17=0x1
refused "no fault 'smrr=unlockd'; take a name from docs/monitor.md" --fault smrr=unlockd
refused "no fault 'smrr='" --fault smrr=
refused "no fault 'x.\*'" --fault 'x.*'
refused "'10a' is not the number of an MSR" --fault msr=10a:0
refused "'0x100000000' is not the number of an MSR" --fault msr=0x100000000:0
refused 'no value; write msr=NUMBER:VALUE' --fault msr=0x10a
refused "'' is no 64-bit number" --fault msr=0x10a:
refused "'\+64' is no 64-bit number" --fault msr=0x10a:+64
refused "'0x10000000000000000' is no 64-bit number" --fault msr=0x10a:0x10000000000000000
refused "'0 fault=xapic' is no 64-bit number" --fault 'msr=0x10a:0 fault=xapic'
refused "'' is not the number of a CPUID leaf" --fault cpuid=
refused "'eax:0' is not the number of a sub-leaf" --fault cpuid=1.eax:0
refused "'efx' is none of eax" --fault cpuid=1.0.efx:0
refused "'eax' is none of eax, ebx, ecx, edx with a value" --fault cpuid=1.0.eax
refused "'0x100000000' is no 32-bit number" --fault cpuid=1.0.eax:0x100000000
refused "'-32' is no 32-bit number" --fault cpuid=1.0.eax:-32
refused "'' is no 64-bit number" --fault seamcaps=
refused "'@cpu1' names no LP" --fault xapic@cpu1
refused "'@lp' names no LP" --fault xapic@lp
refused "'@lp1@lp2' names no LP" --fault msr=0x3b:1@lp1@lp2
refused 'a fault of the whole machine; leave @lp1 out' --fault pconfig=busy@lp1
refused 'there is no LP 4 among 4 processors; .* --smp 5' --fault xapic@lp4
refused 'there is no LP 1 among 1 processors; .* --smp 2' --fault tsc_adjust --smp 1
refused 'leave them out with --subject hardware' --subject hardware --fault xapic
fault='--fault sys.init:1=0x1'
# shellcheck disable=SC2086 # words
refused 'given 9 times' $fault $fault $fault $fault $fault $fault $fault $fault $fault

refused '--script /no/such: no such file' --script /no/such
refused '--script README-not-there: no such file' --script README-not-there --list
refused '--script tests: no such file' --script tests
refused '--script LICENSE: not a script; its name must end in .tdxt' --script LICENSE
refused '--lint LICENSE: not a script' --lint LICENSE
refused '--lint /no/such.tdxt: no such file' --lint /no/such.tdxt
mkdir "$work/other"
long=$(head -c 60 /dev/zero | tr '\0' x).tdxt
touch "$work/a.tdxt" "$work/other/a.tdxt" "$work/a b.tdxt" "$work/.tdxt" "$work/$long"
refused 'a second script called a.tdxt' --script "$work/a.tdxt" --script "$work/other/a.tdxt"
refused 'a second script called a.tdxt' --lint "$work/a.tdxt" "$work/other/a.tdxt"
refused 'no name for a script' --script "$work/a b.tdxt"
refused '.tdxt: not a script' --script "$work/.tdxt"
refused 'a name of 65 characters; 63 fit' --script "$work/$long"
many=
for i in $(seq 61); do
    touch "$work/other/$i.tdxt"
    many="$many --script $work/other/$i.tdxt"
done
# shellcheck disable=SC2086 # words
refused 'more than 60 scripts' $many
if [ "$(id -u)" -ne 0 ]; then
    chmod 0 "$work/a.tdxt"
    refused "can't be read" --script "$work/a.tdxt"
fi

# A genuine module; what only its contents tell is refused below, by the real tool
refused '--subject genuine: no module; .*--module FILE' --subject genuine
refused '--subject genuine: no module; .*--module FILE' --subject genuine --overlay ext --seed 1
refused '--module /no/such: no such file' --subject genuine --module /no/such
refused '--module tests: no such file' --subject genuine --module tests
refused '--module needs a value' --subject genuine --module
refused 'belong to a genuine module; give --subject genuine' --module LICENSE
refused 'belong to a genuine module; give --subject genuine' --subject soft --overlay ext
refused 'belong to a genuine module; give --subject genuine' --traps exits
refused 'belong to a genuine module; give --subject genuine' --seed 1
refused 'belong to a genuine module; give --subject genuine' --keys stop
refused 'belong to a genuine module; give --subject genuine' --snapshots off
refused 'belong to a genuine module; give --subject genuine' --subject hardware --module LICENSE
genuine() { # genuine REGEX ARGUMENT...
    pattern=$1
    shift
    refused "$pattern" --subject genuine --module LICENSE "$@"
}
genuine '--profile ext belongs to the model' --profile ext
genuine '--overlay dpamt: no such overlay; use ext' --overlay dpamt
genuine '--traps none: no such way; use inring or exits' --traps none
genuine '--keys none: no such answer; use report, scramble or stop' --keys none
genuine '--snapshots no: neither on nor off; use one of them' --snapshots no
for seed in one -1 08 1x 0x 0x12g 1.5; do
    genuine "--seed $seed: not a number" --seed $seed
done
genuine '--seed 18446744073709551615: more than 19 digits' --seed 18446744073709551615
genuine '--seed 0x10000000000000000: more than 64 bits' --seed 0x10000000000000000
if [ "$(id -u)" -ne 0 ]; then
    touch "$work/module"
    chmod 0 "$work/module"
    refused "can't be read" --subject genuine --module "$work/module"
fi

refused '--kernel /no/such: no such file' --kernel /no/such
refused '--kernel: not yet' --kernel LICENSE
refused '--initrd: not yet' --initrd LICENSE
refused "--run a b: not a pattern" --run 'a b'
refused "separates monitor and kernel" --append 'a -- b'
refused "control characters" --append 'a
b'
refused "command line of .* characters" --append "$(head -c 2000 /dev/zero | tr '\0' x)"
refused "--log /no/such/log: can't be written" --log /no/such/log

# The real make and what it builds look into a file. QEMU still pretends.
launch --subject genuine --module README.md
expect "what looks into a file is built silently" has "$work/make-called" ' -s build/host/moduleck$'
rm "$work/bin/make" "$work/make-called"
make --no-print-directory -s build/host/moduleck
no_module() { # no_module WHY FILE
    genuine_file=$2
    refused "^run-qemu.sh: --module $genuine_file: $1; give a TDX module" --subject genuine --module "$genuine_file"
}
no_module "it isn't an ELF file" README.md
touch "$work/empty"
no_module "it isn't an ELF file" "$work/empty"
no_module 'it needs an interpreter or libraries: a program for an operating system, not a TDX module' /bin/ls
tests/fuzz/make-seeds.sh "$work/fuzz_module.seeds"
good=$work/fuzz_module.seeds/module
head -c 311 "$good" >"$work/short"
no_module 'a segment lies outside the file: it is cut short' "$work/short"
head -c 63 "$good" >"$work/short"
no_module 'its header lies outside the file: it is cut short' "$work/short"
damaged() { # damaged WHY OFFSET BYTES: in the format of printf
    { head -c "$2" "$good" && printf '%b' "$3" && tail -c +$(($2 + 1 + $(printf '%b' "$3" | wc -c))) "$good"; } >"$work/damaged"
    no_module "$1" "$work/damaged"
}
damaged 'it is a 32-bit file' 4 '\0001'
damaged 'it is for another machine than x86-64' 18 '\0267'
damaged "it isn't a shared object" 16 '\0002'
damaged 'it has no entry point' 24 '\0000\0000'
damaged 'its entry point lies in no executable segment' 25 '\0177'

cat >"$work/bin/qemu-system-x86_64" <<TEXT
#!/bin/sh
# keeps what it would have booted
while [ "\$1" != -initrd ]; do
    shift
done
cp "\$2" "$work/archive"
TEXT
cp "$good" "$work/it's, a \$name"
launch --subject genuine --module "$work/it's, a \$name"
grep -aoE '0{8}([a-z]+\.elf|tdx-module|sys_init\.tdxt)' "$work/archive" | tr -d 0 >"$work/members"
in_order() {
    [ "$(tr '\n' ' ' <"$work/members")" = 'seamstress.elf tdx-module sys_init.tdxt ' ]
}
expect "a good file goes behind the kernel, whatever its name" in_order
rm "$work/archive"
launch --subject genuine --module "$good" --script tests/conformance/sys_init.tdxt
grep -aoE '0{8}([a-z]+\.elf|tdx-module|[a-z_]+\.tdxt)' "$work/archive" | tr -d 0 >"$work/members"
expect "and before scripts" in_order

option_fits() {
    echo "$shown" | grep -qx -e "$1" && echo "$known" | grep -qx -e "$1" && return
    ./run-qemu.sh "$1" LICENSE 2>&1 | grep -q 'not yet'
}

launch --help
expect_status 0 "--help leaves with 0"
expect_out '^usage: ./run-qemu.sh' "--help prints the usage"
known=$(grep -o '^    --[a-z-]*' run-qemu.sh | tr -d ' ' | grep -vx -e --list -e --dry-run -e --help | sort -u)
shown=$(grep -o '^  --[a-z-]*' "$out" | tr -d ' ' | grep -vx -e --list -e --dry-run -e --help | sort -u)
for option in $(printf '%s\n' "$known" "$shown" | sort -u); do
    expect "$option is known and shown by --help, or answers 'not yet'" option_fits "$option"
done
expect "--help builds nothing" test ! -e "$work/make-called"

finish
