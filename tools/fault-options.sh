# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2154 # smp is a variable of run-qemu.sh
#
# What --fault may ask for: sourced by tools/run-options.sh. The monitor reads the same again (seam/monitor/fault_spec.c);
# here a mistake shows before anything is built.

fault_lp=0    # the highest LP that a fault is for
fault_for_it= # and that fault

is_value() { # is_value TEXT BITS: 0x and hexadecimal digits, or decimal
    case $1 in
    0x) return 1 ;;
    0x*[!0-9a-fA-F]*) return 1 ;;
    0x*) [ ${#1} -le $(($2 / 4 + 2)) ] ;;
    *) is_number "$1" ;;
    esac
}

is_change() { # is_change TEXT BITS: a value, or a bit to set or clear
    case $1 in
    [+-]*) is_number "${1#?}" && [ "${1#?}" -lt "$2" ] ;;
    *) is_value "$1" "$2" ;;
    esac
}

check_fault_of_calls() { # check_fault_of_calls LEAF:N[xCOUNT]=STATUS, leaf and status as the ABI table has them
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

check_fault_of_msr() { # check_fault_of_msr SPEC NUMBER:VALUE
    remedy="write msr=NUMBER:VALUE as in --fault msr=0x10a:0 or --fault msr=0x982:-0@lp1"
    is_value "${2%%:*}" 32 || bad "--fault $1: '${2%%:*}' is not the number of an MSR; $remedy"
    [ "$2" != "${2#*:}" ] || bad "--fault $1: no value; $remedy"
    is_change "${2#*:}" 64 || bad "--fault $1: '${2#*:}' is no 64-bit number, nor +BIT or -BIT; $remedy"
}

check_fault_of_cpuid() { # check_fault_of_cpuid SPEC LEAF.SUB.REG:VALUE
    remedy="write cpuid=LEAF.SUB.REG:VALUE as in --fault cpuid=0x7.0.edx:-31"
    leaf=${2%%.*}
    rest=${2#*.}
    register=${rest#*.}
    is_value "$leaf" 32 || bad "--fault $1: '$leaf' is not the number of a CPUID leaf; $remedy"
    is_value "${rest%%.*}" 32 || bad "--fault $1: '${rest%%.*}' is not the number of a sub-leaf; $remedy"
    case $register in
    eax:* | ebx:* | ecx:* | edx:*) ;;
    *) bad "--fault $1: '${register%%:*}' is none of eax, ebx, ecx, edx with a value; $remedy" ;;
    esac
    is_change "${register#*:}" 32 || bad "--fault $1: '${register#*:}' is no 32-bit number, nor +BIT or -BIT; $remedy"
}

check_fault_by_name() { # check_fault_by_name SPEC NAME
    case $2 in
    '' | *[!a-z0-9_=]*) row= ;;
    *) row=$(grep -F "PLATFORM_FAULT(\"$2\"," seam/monitor/platform_faults.def) ;;
    esac
    [ -n "$row" ] || bad "--fault $1: no fault '$2'; take a name from docs/monitor.md, as smrr=unlocked, or write LEAF:N=STATUS"
    case $row in
    *'", ONE_LP, '*) lp=${lp:-1} ;;
    *'", MACHINE, '*) [ -z "$lp" ] || bad "--fault $1: a fault of the whole machine; leave @lp$lp out" ;;
    esac
}

check_fault() { # check_fault SPEC
    case ${1%%=*} in
    *:*)
        check_fault_of_calls "$1"
        return
        ;;
    esac
    lp=
    case $1 in
    *@*)
        lp=${1#*@lp}
        is_number "$lp" || bad "--fault $1: '@${1#*@}' names no LP; write it as in @lp1"
        ;;
    esac
    spec=${1%%@*}
    case $spec in
    msr=*) check_fault_of_msr "$1" "${spec#msr=}" ;;
    cpuid=*) check_fault_of_cpuid "$1" "${spec#cpuid=}" ;;
    seamcaps=*)
        is_change "${spec#seamcaps=}" 64 ||
            bad "--fault $1: '${spec#seamcaps=}' is no 64-bit number, nor +BIT or -BIT; write as in --fault seamcaps=0x4f"
        ;;
    *) check_fault_by_name "$1" "$spec" ;;
    esac
    [ "${lp:-0}" -le "$fault_lp" ] || {
        fault_lp=$lp
        fault_for_it=$1
    }
}

check_fault_lps() { # once the number of processors is known
    [ "$fault_lp" -lt "$smp" ] ||
        bad "--fault $fault_for_it: there is no LP $fault_lp among $smp processors; name another, or use --smp $((fault_lp + 1))"
}
