#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Builds what is stale, boots it in QEMU, prints the serial log and exits with the verdict. See --help.
#
# Nothing is believed that QEMU's exit status alone says: a triple fault gives 0, a failed start gives 1. The kernel
# leaves through isa-debug-exit with values of its own, and its log must be complete (tools/ktap-check.awk).

set -u
called_from=$PWD
cd "$(dirname "$0")" || exit 2

usage() {
    cat <<'TEXT'
usage: ./run-qemu.sh [options]     builds what is stale, boots, prints the serial log, exits with the verdict

  --boot direct|bios     direct: QEMU loads monitor and kernel; bios: the ISO through GRUB  (default direct)
  --subject soft|hardware  who answers SEAMCALL: our model of the module, or this bare (virtual) machine
  --profile NAME         which module the model is: ext (with extension memory, default), dpamt (ext with
                         dynamic PAMT) or 1.5.01
  --topology NAME        the machine it stands in: default, emerald-rapids, two-packages
  --fault LEAF:N[xCOUNT]=STATUS   the Nth call of a leaf (and COUNT - 1 more) isn't executed and returns STATUS,
                         a number or a name, as ext.mem_add:17=0xC000010000000001; up to 8 of these
  --smp N[,packages=P]   processors, in P packages                                     (default 4)
  --mem SIZE             as 512M or 8G                                                 (default 2G)
  --run PATTERN          only tests whose name matches, as 'bringup.*'; --list prints the names
  --append "key=value …" more kernel command line
  --timeout SECONDS      no verdict by then: exit 124                                  (default 120)
  --log FILE             keep the serial log in FILE, the monitor's in FILE.monitor
  --gdb                  wait for a debugger on port 1234
  --list                 print the names of the tests instead of running them
  -v                     the kernel says more
  --dry-run              print the QEMU command instead
  --help

environment: DEPS=0 never installs packages; DEBUG=1 builds with run-time checks
exit status: 0 all passed · 1 a test failed · 2 a test or its environment is in error, or bad usage
             77 everything was skipped · 124 no verdict in time · 3 crash, panic, or no verdict
TEXT
}

say() {
    echo "run-qemu.sh: $*" >&2
}

bad() { # bad CAUSE-AND-REMEDY: refused before anything is built or started
    say "$*"
    exit 2
}

# ---- options ----

boot=direct
subject=soft
profile=
topology=
faults=
fault_count=0
smp=4
packages=
mem=
timeout=
run=
append=
log=
verbose=
list=
gdb=
dry_run=

absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$called_from/$1" ;;
    esac
}

need_file() { # need_file OPTION FILE
    [ -f "$(absolute "$2")" ] || bad "$1 $2: no such file; check the path"
}

is_number() { # decimal, without leading zeros, at most nine digits: what shell arithmetic takes at face value
    case $1 in
    '' | *[!0-9]* | ??????????*) return 1 ;;
    0 | [1-9]*) return 0 ;;
    esac
    return 1
}

check_fault() { # check_fault SPEC: LEAF:N[xCOUNT]=STATUS, leaf and status as the ABI table has them
    remedy="write LEAF:N=STATUS as in --fault ext.mem_add:17=0xC000010000000001"
    leaf=${1%%:*}
    rest=${1#*:}
    nth=${rest%%=*}
    status=${rest#*=}
    [ "$1" = "$leaf:$nth=$status" ] || bad "--fault $1: malformed; $remedy"
    for number in "${nth%%x*}" "${nth#*x}"; do
        { is_number "$number" && [ "$number" -ge 1 ]; } || bad "--fault $1: '$number' is not a number of calls, from 1; $remedy"
    done
    grep -qF "TDX_LEAF($(echo "$leaf" | tr 'a-z.' 'A-Z_')," drivers/tdx/abi/leaves.def ||
        bad "--fault $1: no leaf '$leaf'; take a name from drivers/tdx/abi/leaves.def, as ext.mem_add"
    case ${status#0x} in
    "$status") # no hexadecimal number: a name
        grep -qF "TDX_STATUS($status, " drivers/tdx/abi/status.def || [ "$status" = SW_VMFAIL_INVALID ] ||
            bad "--fault $1: '$status' is neither 0x and hexadecimal digits nor a name in drivers/tdx/abi/status.def; $remedy"
        ;;
    '' | *[!0-9a-fA-F]* | ?????????????????*) bad "--fault $1: '$status' is not a 64-bit status; $remedy" ;;
    esac
}

while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
    --boot | --subject | --profile | --topology | --fault | --smp | --mem | --timeout | --run | --append | --log | \
        --script | --module | --kernel | --initrd)
        [ $# -gt 0 ] || bad "$option needs a value; --help shows which"
        value=$1
        shift
        [ -n "$value" ] || [ "$option" = --append ] || bad "$option got an empty value; --help shows what it takes"
        ;;
    esac
    case $option in
    --boot)
        case $value in
        direct | bios) boot=$value ;;
        uefi | loader) bad "--boot $value: not yet; use --boot direct or --boot bios" ;;
        *) bad "--boot $value: no such way to boot; use direct or bios" ;;
        esac
        ;;
    --subject)
        case $value in
        soft | hardware) subject=$value ;;
        genuine) bad "--subject genuine: not yet; use --subject soft or --subject hardware" ;;
        *) bad "--subject $value: no such subject; use soft or hardware" ;;
        esac
        ;;
    --profile)
        case $value in
        1.5.01 | ext | dpamt) profile=$value ;;
        *) bad "--profile $value: no such profile; use ext, dpamt or 1.5.01" ;;
        esac
        ;;
    --topology)
        case $value in
        default | emerald-rapids | two-packages) topology=$value ;;
        *) bad "--topology $value: no such topology; use default, emerald-rapids or two-packages" ;;
        esac
        ;;
    --fault)
        faults="${faults:+$faults }fault=$value"
        fault_count=$((fault_count + 1))
        check_fault "$value"
        ;;
    --smp) smp=$value ;;
    --mem) mem=$value ;;
    --timeout) timeout=$value ;;
    --run) run=$value ;;
    --append) append="${append:+$append }$value" ;;
    --log) log=$(absolute "$value") ;;
    --script | --module | --kernel | --initrd)
        need_file "$option" "$value"
        bad "$option: not yet; leave it out"
        ;;
    --list) list=1 ;;
    -v) verbose=1 ;;
    --gdb) gdb=1 ;;
    --dry-run) dry_run=1 ;;
    --help | -h)
        usage
        exit 0
        ;;
    *) bad "$option: no such option; --help lists them" ;;
    esac
done

# ---- validation: everything, before anything is built ----

check_smp() {
    case $smp in
    *,packages=*)
        packages=${smp#*,packages=}
        smp=${smp%%,*}
        is_number "$packages" || bad "--smp $smp,packages=$packages: packages is no number; write as in --smp 8,packages=2"
        ;;
    esac
    is_number "$smp" || bad "--smp $smp: not a number of processors; write as in --smp 4 or --smp 8,packages=2"
    { [ "$smp" -ge 1 ] && [ "$smp" -le 255 ]; } || bad "--smp $smp: impossible; use 1 to 255 processors"
    if [ "$topology" = two-packages ]; then
        [ "${packages:-2}" = 2 ] || bad "--smp $smp,packages=$packages contradicts --topology two-packages; leave packages out"
        packages=2
    fi
    packages=${packages:-1}
    { [ "$packages" -ge 1 ] && [ "$packages" -le 8 ]; } || bad "--smp packages=$packages: impossible; use 1 to 8 packages"
    [ $((smp % packages)) -eq 0 ] ||
        bad "--smp $smp: $packages packages can't share $smp processors evenly; use a multiple of $packages"
    { [ "$packages" -eq 1 ] || [ "$smp" -gt "$packages" ]; } ||
        bad "--smp $smp,packages=$packages: a package has at least two processors; use --smp $((2 * packages)),packages=$packages"
}

emerald_rapids_mib=262080 # its last CMR ends at 0x407c000000; QEMU puts 2 GiB below 4 GiB, the rest from there
smallest_mib=16           # below that the images don't fit, and QEMU would lose what it loads without a word
largest_mib=33554432      # 32 TiB

check_mem() {
    if [ -z "$mem" ]; then
        mem_mib=2048
        [ "$topology" != emerald-rapids ] || mem_mib=$emerald_rapids_mib
        return
    fi
    case $mem in
    *[Mm]) factor=1 ;;
    *[Gg]) factor=1024 ;;
    *[Tt]) factor=1048576 ;;
    *[0-9]) factor=1 ;; # MiB, as in QEMU
    *) factor=0 ;;
    esac
    number=${mem%[MmGgTt]}
    { [ $factor -ne 0 ] && is_number "$number"; } || bad "--mem $mem: not a size; write as in --mem 512M or --mem 8G"
    mem_mib=$((number * factor))
    [ $mem_mib -ge $smallest_mib ] || bad "--mem $mem: too little to load anything; use 128M or more"
    [ $mem_mib -le $largest_mib ] || bad "--mem $mem: more than can be addressed; use 32T or less"
    [ "$topology" != emerald-rapids ] || [ $mem_mib -ge $emerald_rapids_mib ] ||
        bad "--mem $mem: --topology emerald-rapids needs ${emerald_rapids_mib}M (it stays sparse); leave --mem out"
}

check_timeout() {
    [ -n "$timeout" ] || {
        timeout=120
        [ -z "$gdb" ] || timeout=0 # a person at a debugger takes as long as it takes
        return
    }
    { is_number "$timeout" && [ "$timeout" -ge 1 ]; } || bad "--timeout $timeout: not a number of seconds; write as in --timeout 300"
}

check_words() { # what goes on a command line must come out as it went in
    case $run in *[!a-z0-9_.\*\?]*) bad "--run $run: not a pattern of test names; write as in --run 'bringup.*'" ;; esac
    case $append in *[![:print:]]*) bad "--append: control characters don't pass a command line; leave them out" ;; esac
    case " $append " in *" -- "*) bad "--append: ' -- ' separates monitor and kernel; leave it out" ;; esac
}

check_log() {
    [ -z "$log" ] || [ -n "$dry_run" ] || touch "$log" "$log.monitor" 2>/dev/null ||
        bad "--log $log: can't be written; name a file in a directory that exists and is yours"
}

check_smp
check_mem
check_timeout
[ $fault_count -le 8 ] || bad "--fault given $fault_count times; use at most 8"
check_words
if [ "$subject" = hardware ] && [ -n "$profile$topology$faults" ]; then
    bad "--profile, --topology and --fault belong to the model; leave them out with --subject hardware"
fi
check_log

# ---- the QEMU command ----

build=build
[ -z "${DEBUG:-}" ] || build=build/debug

join() { # join WORD...: with single blanks, empty words left out
    joined=
    for word in "$@"; do
        [ -z "$word" ] || joined="${joined:+$joined }$word"
    done
    echo "$joined"
}

option_text() { # commas end a QEMU option unless doubled
    printf '%s\n' "$1" | sed 's/,/,,/g'
}

kernel_options=$(join "${run:+run=$run}" "${verbose:+verbose=1}" "${list:+list=1}" "$append")
monitor_options=$(join "profile=${profile:-ext}" "topology=${topology:-default}" "$faults")
if [ "$subject" = soft ]; then
    command_line="$monitor_options -- $kernel_options"
else
    command_line=$kernel_options
fi
[ ${#command_line} -lt 1024 ] || bad "--append: command line of ${#command_line} characters; 1023 fit, shorten it"

needs=run
set -- qemu-system-x86_64 -accel tcg,thread=multi -machine q35,memory-backend=ram \
    -cpu max,vendor=GenuineIntel,phys-bits=52 -smp "$smp,sockets=$packages,cores=$((smp / packages)),threads=1" \
    -m "${mem_mib}M" -object "memory-backend-ram,id=ram,size=${mem_mib}M,reserve=off" \
    -nodefaults -display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4
case $boot:$subject in
direct:soft)
    make_targets="$build/seam.elf $build/seamstress.cpio"
    set -- "$@" -kernel $build/seam.elf -initrd $build/seamstress.cpio -append "$command_line"
    ;;
direct:hardware)
    make_targets=$build/seamstress.elf
    set -- "$@" -kernel $build/seamstress.elf -append "$command_line"
    ;;
bios:*)
    entry=monitor
    [ "$subject" = soft ] || entry=machine
    # GRUB finds its menu entry and its arguments in the SMBIOS serial number: one ISO for every run
    set -- "$@" -cdrom $build/seamstress.iso -smbios "type=1,serial=$(option_text "$entry $command_line")"
    make_targets=$build/seamstress.iso
    needs="run iso"
    ;;
esac
[ -z "$gdb" ] || set -- "$@" -gdb tcp::1234 -S

# ---- dry run ----

quoted() { # as a shell would take it back
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./,=:+-]* | '') printf "'%s' " "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")" ;;
        *) printf '%s ' "$word" ;;
        esac
    done
    echo
}

if [ -n "$dry_run" ]; then
    com1=stdio
    com2=null
    [ -z "$log" ] || {
        com1="file:$log"
        com2="file:$log.monitor"
    }
    quoted "$@" -serial "$com1" -serial "$com2"
    exit 0
fi

# ---- build ----

# shellcheck disable=SC2086 # a list of sets
tools/install-deps.sh $needs || exit 2
mkdir -p "$build"
jobs=$(nproc 2>/dev/null || echo 2)
lock=
! command -v flock >/dev/null 2>&1 || lock="flock build/lock" # two runs at once build one after the other
unset MAKEFLAGS MFLAGS MAKELEVEL # we may be called by a make, but build for ourselves
# shellcheck disable=SC2086 # lists of words
$lock make --no-print-directory -j"$jobs" $make_targets >&2 || bad "the build failed, its messages stand above; mend them first"

# ---- run ----

scratch=$(mktemp -d) || bad "no temporary directory; set TMPDIR to one that can be written"
qemu=
viewer=

# shellcheck disable=SC2317 # reached through the trap
clean_up() {
    if [ -n "$qemu" ]; then # still there: we were interrupted
        kill "$qemu" 2>/dev/null
        wait "$qemu" 2>/dev/null
    fi
    [ -z "$viewer" ] || kill "$viewer" 2>/dev/null
    rm -rf "$scratch"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 141' PIPE
trap 'exit 143' TERM HUP

com1=${log:-$scratch/com1}
com2=${log:+$log.monitor}
com2=${com2:-$scratch/com2}
: >"$com1"
: >"$com2"
[ -z "$gdb" ] || say "waiting for: gdb $build/seamstress.elf -ex 'target remote :1234'"

started=$(date +%s)
timeout -k 5 "$timeout" "$@" \
    -chardev "file,id=com1,path=$(option_text "$com1")" -serial chardev:com1 \
    -chardev "file,id=com2,path=$(option_text "$com2")" -serial chardev:com2 \
    </dev/null >"$scratch/stderr" 2>&1 &
qemu=$!
# QEMU writes to a file, so that a reader who pauses can't stall the guest; the reader follows the file
tail -n +1 -s 0.05 --pid=$qemu -f "$com1" 2>/dev/null &
viewer=$!
wait $qemu
status=$?
qemu=
wait $viewer
viewer=
elapsed=$(($(date +%s) - started))

# ---- verdict ----

check() { # check WHAT-QEMU-SAID: sets problem and running from the log
    {
        read -r problem
        read -r running
    } <<TEXT
$(awk -v verdict="$1" -f tools/ktap-check.awk "$com1")
TEXT
}

finish() { # finish STATUS [WHY]: the monitor's last words if there is something to explain
    if [ "$1" -ne 0 ] && [ "$1" -ne 77 ]; then
        grep -v -e 'warning: TCG doesn.t support' -e 'terminating on signal 15' "$scratch/stderr" | sed 's/^/qemu: /' >&2
        # what it already said on COM1, when the guest was dead, isn't repeated
        tr -d '\r' <"$com1" >"$scratch/said"
        tail -n 20 "$com2" | tr -d '\r' | grep -vxF -f "$scratch/said" | sed 's/^/monitor: /' >&2
    fi
    [ -z "${2:-}" ] || say "$2"
    exit "$1"
}

judge() { # judge STATUS VERDICT: the status, if the log bears it out
    check "$2"
    [ -z "$problem" ] || finish 3 "no verdict: $problem${running:+; $running was running}"
    finish "$1"
}

success=pass
[ -z "$list" ] || success=list
check ''
[ $status -ne 137 ] || [ "$timeout" -eq 0 ] || [ $elapsed -lt "$timeout" ] || status=124 # QEMU had to be killed
case $status in
33) judge 0 "$success" ;;
35) judge 1 fail ;;
39) judge 77 skip ;;
37) finish 2 ;;
41) finish 3 "the kernel panicked${running:+ in $running}" ;;
124) finish 124 "no verdict within $timeout s${running:+; $running was running}; more time: --timeout" ;;
125 | 126 | 127) finish 2 "QEMU can't be run; tools/install-deps.sh run may mend it" ;;
0) finish 3 "no verdict: the machine reset or switched itself off${running:+ in $running} (a triple fault does that)" ;;
1)
    [ -s "$com1" ] || [ -s "$com2" ] || [ ! -s "$scratch/stderr" ] || finish 2 "QEMU did not start; its message stands above"
    finish 3 "no verdict: QEMU ended with status 1${running:+ in $running}"
    ;;
*)
    [ $status -le 128 ] || finish 3 "no verdict: QEMU died of signal $((status - 128))${running:+ in $running}"
    finish 3 "no verdict: QEMU ended with status $status${running:+ in $running}"
    ;;
esac
