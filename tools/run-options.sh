# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034,SC2154 # it reads and sets variables of run-qemu.sh
#
# What the options of run-qemu.sh may be: sourced by it. Each check ends the run with one line of cause and remedy,
# before anything is built or started (bad); some complete their option.

is_number() { # decimal, without leading zeros, at most nine digits: what shell arithmetic takes at face value
    case $1 in
    '' | *[!0-9]* | ??????????*) return 1 ;;
    0 | [1-9]*) return 0 ;;
    esac
    return 1
}

. tools/fault-options.sh

# ---- the subject ----

module_name=tdx-module # under which the monitor finds it

check_seed() {
    remedy="write as in --seed 1234 or --seed 0x4d2"
    case $seed in
    '' | 0) ;;
    0x | 0x*[!0-9a-fA-F]*) bad "--seed $seed: not a number; $remedy" ;;
    0x?????????????????*) bad "--seed $seed: more than 64 bits; $remedy" ;;
    0x*) ;;
    0* | *[!0-9]*) bad "--seed $seed: not a number; $remedy" ;;
    ????????????????????*) bad "--seed $seed: more than 19 digits; $remedy" ;;
    esac
}

check_subject() { # what belongs to one subject isn't there for another
    case $subject in
    genuine)
        [ -n "$module" ] || bad "--subject genuine: no module; name its file with --module FILE"
        [ -r "$module" ] || bad "--module $module_given: can't be read; change its permissions"
        [ -z "$profile" ] || bad "--profile $profile belongs to the model: a genuine module says itself what it is; leave it out"
        [ -z "$knobs" ] || bad "--knob belongs to the model; leave it out with --subject genuine"
        case $overlay in '' | ext) ;; *) bad "--overlay $overlay: no such overlay; use ext" ;; esac
        case $traps in '' | inring | exits) ;; *) bad "--traps $traps: no such way; use inring or exits" ;; esac
        case $keys in '' | report | scramble | stop) ;; *) bad "--keys $keys: no such answer; use report, scramble or stop" ;; esac
        case $snapshots in '' | on | off) ;; *) bad "--snapshots $snapshots: neither on nor off; use one of them" ;; esac
        check_seed
        return
        ;;
    hardware)
        [ -z "$profile$topology$faults$knobs" ] ||
            bad "--profile, --topology, --knob and --fault belong to the model; leave them out with --subject hardware"
        ;;
    esac
    [ -z "$module$overlay$traps$keys$snapshots$seed" ] ||
        bad "--module, --overlay, --traps, --keys, --snapshots and --seed belong to a genuine module; give --subject genuine, too"
}

check_knob() { # check_knob SPEC: NAME=VALUE, of seam/soft/knobs.def
    remedy="write NAME=NUMBER with a name of seam/soft/knobs.def, as --knob build_num=7"
    case ${1#*=} in
    "$1" | '' | *[!0-9a-fA-Fx]*) bad "--knob $1: malformed; $remedy" ;;
    esac
    grep -qF "SOFT_KNOB(${1%%=*}," seam/soft/knobs.def || bad "--knob $1: no knob '${1%%=*}'; $remedy"
}

check_seamrr() { # for comparisons of subjects, which have different defaults; becomes a number of MiB
    [ -n "$seamrr" ] || return 0
    [ "$subject" != hardware ] || bad "--seamrr belongs to the monitor's machine; leave it out with --subject hardware"
    case ${seamrr%[Mm]} in
    32 | 64 | 128 | 256 | 512 | 1024) ;;
    *) bad "--seamrr $seamrr: no size of SEAMRR; use 32M, 64M, 128M, 256M, 512M or 1024M" ;;
    esac
    seamrr=${seamrr%[Mm]}
}

# The file is read as the monitor would, before anything is booted, and stands in $scratch under its name there.
take_module() {
    make_targets -s build/host/moduleck
    status=0
    why=$(build/host/moduleck "$module") || status=$?
    [ $status -eq 0 ] || bad "--module $module_given: ${why:-the check itself failed}; give a TDX module, an ELF shared object"
    ln -s "$module" "$scratch/$module_name" || bad "no link in $scratch; set TMPDIR to a directory that can have one"
}

# ---- scripts ----

newline='
'

script_count=0
script_names=$newline # bare names so far, each between newlines

add_script() { # add_script OPTION FILE: appended to $scripts and $given
    option=$1
    file=$2
    path=$(absolute "$file")
    name=${file##*/}
    [ -f "$path" ] || bad "$option $file: no such file; check the path"
    [ -r "$path" ] || bad "$option $file: can't be read; change its permissions"
    case $name in
    *[!A-Za-z0-9_.-]*) bad "$option $file: no name for a script; use letters, digits, '_', '-' and '.'" ;;
    ?*.tdxt) ;;
    *) bad "$option $file: not a script; its name must end in .tdxt" ;;
    esac
    case $path in
    *"$newline"*) bad "$option $file: a line break in a path; rename the directory" ;;
    esac
    [ ${#name} -le 63 ] || bad "$option $file: a name of ${#name} characters; 63 fit, shorten it"
    case $script_names in
    *"$newline$name$newline"*) bad "$option $file: a second script called $name; the log couldn't tell them apart, rename one" ;;
    esac
    script_count=$((script_count + 1))
    [ $script_count -le 60 ] || bad "$option given for more than 60 scripts; give fewer, or join some"
    script_names=$script_names$name$newline
    scripts=$scripts${scripts:+$newline}$path
    given=$given${given:+$newline}$file
}

# ---- the options again ----

# The kernel prints the command that runs one case again, and has to know our options for that: one word of its command
# line, '+' for a blank, "~p" for '+', "~t" for '~' (tests/runner/again.h). What wouldn't come out as it went in stays out.
again=

again_add() { # again_add WORD...
    for word in "$@"; do
        case $word in *[!A-Za-z0-9_./+~@:,=-]*) return ;; esac
    done
    for word in "$@"; do
        again=$again${again:++}$(printf '%s' "$word" | sed 's/~/~t/g; s/+/~p/g')
    done
}

# ---- the machine ----

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
    check_fault_lps
}

emerald_rapids_mib=262080 # its last CMR ends at 0x407c000000; QEMU puts 2 GiB below 4 GiB, the rest from there
smallest_mib=32           # below that the images don't fit, and QEMU would lose what it loads without a word
smallest_hardware_mib=16  # the kernel alone
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
    [ "$subject" != hardware ] || smallest_mib=$smallest_hardware_mib
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
        [ "$subject" != genuine ] || timeout=900 # each call goes through the emulated processor
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

again_of_machine() { # what makes another machine of it than the default; --script is already there
    [ "$subject" = soft ] || again_add --subject "$subject"
    [ -z "$module_given" ] || again_add --module "$module_given"
    [ -z "$overlay" ] || again_add --overlay "$overlay"
    [ -z "$traps" ] || again_add --traps "$traps"
    [ -z "$keys" ] || again_add --keys "$keys"
    [ -z "$snapshots" ] || again_add --snapshots "$snapshots"
    [ -z "$seed" ] || again_add --seed "$seed"
    [ -z "$profile" ] || again_add --profile "$profile"
    [ -z "$topology" ] || again_add --topology "$topology"
    [ "$boot" = direct ] || again_add --boot "$boot"
    for word in $faults; do
        again_add --fault "${word#fault=}"
    done
    case $topology:$smp,$packages in
    two-packages:4,2 | *:4,1) ;;
    two-packages:* | *,1) again_add --smp "$smp" ;;
    *) again_add --smp "$smp,packages=$packages" ;;
    esac
    [ -z "$mem" ] || again_add --mem "$mem"
    [ -z "$seamrr" ] || again_add --seamrr "$seamrr"
    for word in $knobs; do
        again_add --knob "${word#knob=}"
    done
    for word in $append; do
        again_add --append "$word"
    done
    [ -z "$list" ] || again=
}
