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
root=$PWD

usage() {
    cat <<'TEXT'
usage: ./run-qemu.sh [options]     builds what is stale, boots, prints the serial log, exits with the verdict

  --boot direct|bios     direct: QEMU loads monitor and kernel; bios: the ISO through GRUB  (default direct)
  --subject soft|genuine|hardware  who answers SEAMCALL: our model of the module, a module as vendors ship it, or
                         this bare (virtual) machine                                   (default soft)
  --module FILE          the genuine module, an ELF shared object
  --overlay ext          the model's extension memory on top of a genuine module that has none
  --traps inring|exits   instructions of the module that TCG lacks: the frequent ones are handled inside its address
                         space, or each is an exit to the monitor                      (default inring)
  --keys report|scramble|stop  when the module reads memory under a wrong KeyID it sees the memory, noise, or its end
                                                                                       (default report)
  --snapshots on|off     off: a genuine module is reset and initialised again where it would go back to a snapshot
                                                                                       (default on)
  --seed N               what the addresses of a genuine module are made from          (default: always another one)
  --profile NAME         which module the model is: ext (with extension memory, default), dpamt (ext with
                         dynamic PAMT) or 1.5.01
  --knob NAME=VALUE      an open question of the model answered otherwise; seam/soft/knobs.def has them (repeatable)
  --topology NAME        the machine it stands in: default, emerald-rapids, two-packages
  --seamrr SIZE          the module's own memory, 32M to 1024M             (default 32M; 128M with a genuine module)
  --fault LEAF:N[xCOUNT]=STATUS   the Nth call of a leaf (and COUNT - 1 more) isn't executed and returns STATUS,
                         a number or a name, as ext.mem_add:17=0xC000010000000001; up to 8 of these
  --fault NAME[@lpN]     a machine that isn't as it should be: tme=off, tsc_adjust@lp1; docs/monitor.md lists the names
  --fault msr=NUMBER:VALUE[@lpN], cpuid=LEAF.SUB.REG:VALUE[@lpN], seamcaps=VALUE[@lpN]   the same by register; +BIT or
                         -BIT as VALUE: that bit set or cleared
  --smp N[,packages=P]   processors, in P packages                                     (default 4)
  --mem SIZE             as 512M or 8G                                                 (default 2G)
  --run PATTERN          only tests whose name matches, as 'ext.*'; --list prints the names
  --script FILE          only the tests of this script, FILE.tdxt (repeatable); docs/scripting.md has the language
  --lint [FILE…]         only look for mistakes in scripts, those of the suite by default; nothing is booted
  --append "key=value …" more kernel command line
  --timeout SECONDS      no verdict by then: exit 124                                  (default 120; genuine: 900)
  --log FILE             keep the serial log in FILE, the monitor's in FILE.monitor
  --gdb                  wait for a debugger on port 1234
  --list                 print the names of the tests instead of running them
  -v                     also print what holds, and each step of a script as a line that a script could have
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
module=       # absolute path
module_given= # the same as it was given
overlay=
traps=
keys=
snapshots=
seed=
seamrr=
knobs=
profile=
topology=
faults=
fault_count=0
smp=4
packages=
mem=
timeout=
run=
scripts= # absolute paths, one a line
given=   # the same as they were given
lint=
append=
log=
verbose=
list=
gdb=
dry_run=

. tools/run-options.sh

absolute() {
    case $1 in
    /*) echo "$1" ;;
    *) echo "$called_from/$1" ;;
    esac
}

need_file() { # need_file OPTION FILE
    [ -f "$(absolute "$2")" ] || bad "$1 $2: no such file; check the path"
}

while [ $# -gt 0 ]; do
    option=$1
    shift
    case $option in
    --boot | --subject | --profile | --topology | --fault | --smp | --mem | --timeout | --run | --append | --log | \
        --script | --module | --overlay | --traps | --keys | --snapshots | --seed | --seamrr | --knob | --kernel | --initrd)
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
        soft | genuine | hardware) subject=$value ;;
        *) bad "--subject $value: no such subject; use soft, genuine or hardware" ;;
        esac
        ;;
    --module)
        need_file --module "$value"
        module=$(absolute "$value")
        module_given=$value
        ;;
    --overlay) overlay=$value ;;
    --traps) traps=$value ;;
    --keys) keys=$value ;;
    --snapshots) snapshots=$value ;;
    --seed) seed=$value ;;
    --seamrr) seamrr=$value ;;
    --knob)
        knobs="${knobs:+$knobs }knob=$value"
        check_knob "$value"
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
    --script)
        add_script --script "$value"
        again_add --script "$value"
        ;;
    --lint)
        lint=1
        while [ $# -gt 0 ] && [ "${1#-}" = "$1" ]; do
            add_script --lint "$1"
            shift
        done
        ;;
    --kernel | --initrd)
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

check_smp
check_mem
check_timeout
[ $fault_count -le 8 ] || bad "--fault given $fault_count times; use at most 8"
check_words
check_subject
check_seamrr
check_log
again_of_machine

# ---- mistakes in scripts ----

build=build
[ -z "${DEBUG:-}" ] || build=build/debug

jobs=$(nproc 2>/dev/null || echo 2)
lock=
! command -v flock >/dev/null 2>&1 || lock="flock build/lock" # two runs at once build one after the other
unset MAKEFLAGS MFLAGS MAKELEVEL # we may be called by a make, but build for ourselves

make_targets() { # make_targets FILE...
    mkdir -p "$build" build
    # shellcheck disable=SC2086 # a list of words
    $lock make --no-print-directory -j"$jobs" "$@" >&2 || bad "the build failed, its messages stand above; mend them first"
}

with_lines() { # with_lines LINES COMMAND...: with the lines as further arguments
    lines=$1
    shift
    IFS=$newline
    # shellcheck disable=SC2086 # one word a line
    set -f -- "$@" $lines
    set +f
    unset IFS
    "$@"
}

lint_scripts() { # mistakes go to stderr, by the names under which the scripts were given
    tools/install-deps.sh build || exit 2
    make_targets build/host/tdxt
    (cd "$called_from" && with_lines "$given" "$root/build/host/tdxt" lint)
}

if [ -n "$lint" ]; then
    if [ -z "$given" ]; then
        given=$(ls tests/conformance/*.tdxt 2>/dev/null) || bad "--lint: the suite has no scripts; name a file"
        called_from=$root
    fi
    lint_scripts || exit 2
    exit 0
fi

# ---- the QEMU command ----

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

kernel_options=$(join "${run:+run=$run}" "${scripts:+suite=scripts}" "${verbose:+verbose=1}" "${list:+list=1}" "$append")
case $subject in
soft) monitor_options="profile=${profile:-ext}" ;;
genuine)
    monitor_options=$(join subject=genuine "module=$module_name" "${overlay:+overlay=$overlay}" "traps=${traps:-inring}" \
        "${keys:+keys=$keys}" "${snapshots:+snapshots=$snapshots}" "${seed:+seed=$seed}")
    ;;
esac
monitor_options=$(join "$monitor_options" "topology=${topology:-default}" "${seamrr:+seamrr=$seamrr}" "$knobs" "$faults")
set_command_line() { # set_command_line KERNEL-OPTIONS
    command_line=$1
    [ "$subject" = hardware ] || command_line="$monitor_options -- $1"
}
set_command_line "$(join "$kernel_options" "${again:+again=$again}")"
[ ${#command_line} -lt 1024 ] || set_command_line "$kernel_options" # better a shorter hint than no run
[ ${#command_line} -lt 1024 ] || bad "--append: command line of ${#command_line} characters; 1023 fit, shorten it"

if [ -n "$dry_run" ]; then
    scratch=${TMPDIR:-/tmp}/seamstress
else
    scratch=$(mktemp -d) || bad "no temporary directory; set TMPDIR to one that can be written"
fi

# What is booted: of the build if it is the suite alone, made for this run if scripts or a module were given
made=$build
[ -z "$scripts$module" ] || made=$scratch

cpu=max,vendor=GenuineIntel,phys-bits=52
[ "$subject" != genuine ] || cpu=$cpu,-rdrand,-rdseed # random numbers are the monitor's to give or refuse

needs=run
set -- qemu-system-x86_64 -accel tcg,thread=multi -machine q35,memory-backend=ram \
    -cpu "$cpu" -smp "$smp,sockets=$packages,cores=$((smp / packages)),threads=1" \
    -m "${mem_mib}M" -object "memory-backend-ram,id=ram,size=${mem_mib}M,reserve=off" \
    -nodefaults -display none -no-reboot -device isa-debug-exit,iobase=0xf4,iosize=4
case $boot:$subject in
direct:soft | direct:genuine)
    programs="$build/seam.elf $build/seamstress.elf"
    archive=seamstress.cpio
    set -- "$@" -kernel $build/seam.elf -initrd "$made/$archive" -append "$command_line"
    ;;
direct:hardware)
    programs=$build/seamstress.elf
    archive=suite.cpio
    set -- "$@" -kernel $build/seamstress.elf -initrd "$made/$archive" -append "$command_line"
    ;;
bios:*)
    entry=monitor
    [ "$subject" != hardware ] || entry=machine
    programs="$build/seam.elf $build/seamstress.elf"
    archive=seamstress.iso
    # GRUB finds its menu entry and its arguments in the SMBIOS serial number: one ISO for every run of the suite
    set -- "$@" -cdrom "$made/$archive" -smbios "type=1,serial=$(option_text "$entry $command_line")"
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

pack() { # pack ARCHIVE [KERNEL]: the scripts, or else the suite, behind kernel and module
    with_lines "${scripts:-$(ls tests/conformance/*.tdxt)}" tools/pack-cpio.sh "$scratch/$1" ${2:+"$2"} \
        ${module:+"$scratch/$module_name"} || bad "the archive can't be packed; is there room in $scratch?"
}

# shellcheck disable=SC2086 # lists of words
tools/install-deps.sh $needs || exit 2
[ -z "$module" ] || take_module
[ -z "$scripts" ] || lint_scripts >/dev/null || bad "mistakes in scripts, listed above; mend them first"
# shellcheck disable=SC2086 # lists of words
if [ "$made" = "$build" ]; then
    make_targets $programs "$build/$archive"
else
    make_targets $programs
    case $archive in
    seamstress.cpio) pack seamstress.cpio $build/seamstress.elf ;;
    suite.cpio) pack suite.cpio ;;
    seamstress.iso)
        pack suite.cpio
        tools/make-iso.sh "$scratch/seamstress.iso" boot/grub.cfg $programs "$scratch/suite.cpio" || exit 2
        ;;
    esac
fi

# ---- run ----

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
