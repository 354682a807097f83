#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Installs what is missing of the Debian or Ubuntu packages that a job needs, and says what and why.
#
#   tools/install-deps.sh SET...      sets: build run iso junit check lint fuzz coverage
#
# DEPS=0 installs nothing: it names what is missing, with the command to type. Exit status: 0 all there, 2 not; what a
# job only profits from is installed as well, but not missed.

set -u

present() { # present COMMAND-OR-FILE
    case $1 in
    /*) [ -e "$1" ] ;;
    *) command -v "$1" >/dev/null 2>&1 ;;
    esac
}

reason() { # reason PACKAGE WHY
    reasons="$reasons$(printf '  %-27s %s' "$1" "$2")
"
}

# need COMMAND-OR-FILE PACKAGE WHY
need() {
    present "$1" && return
    case " $missing " in *" $2 "*) return ;; esac
    missing="${missing:+$missing }$2"
    reason "$2" "$3"
}

# want COMMAND-OR-FILE PACKAGE WHY: the job does less without it
want() {
    present "$1" && return
    case " $useful " in *" $2 "*) return ;; esac
    useful="${useful:+$useful }$2"
    reason "$2" "$3"
}

needs_of() {
    case $1 in
    build)
        need gcc gcc "compiles kernel and monitor"
        need ld binutils "links them"
        need make make "builds what is stale"
        need nasm nasm "assembles boot code, traps and SEAMCALL"
        ;;
    run)
        needs_of build
        need qemu-system-x86_64 qemu-system-x86 "the machine everything runs in"
        ;;
    iso)
        need grub-mkrescue grub-common "makes the bootable ISO"
        need /usr/lib/grub/i386-pc/boot.img grub-pc-bin "GRUB for BIOS machines"
        need xorriso xorriso "writes the ISO's file system"
        need mformat mtools "grub-mkrescue calls it"
        ;;
    junit)
        need /usr/lib/python3/dist-packages/junitparser python3-junitparser "writes JUnit XML"
        ;;
    check)
        needs_of run
        needs_of iso
        needs_of junit
        need /usr/include/stdio.h libc6-dev "unit tests run on the host"
        need /usr/include/cmocka.h libcmocka-dev "the unit test library"
        need prove perl "runs the tests and counts results"
        need ps procps "finds processes that a test should not leave behind"
        want /usr/share/perl5/TAP/Formatter/JUnit.pm libtap-formatter-junit-perl "reads our logs, as a stranger"
        ;;
    lint)
        need clang-format clang-format "checks the formatting of C"
        need cppcheck cppcheck "static analysis"
        need shellcheck shellcheck "checks the shell scripts"
        need pyflakes3 pyflakes3 "checks the Python scripts"
        ;;
    fuzz)
        need clang clang "has libFuzzer"
        need /usr/include/stdio.h libc6-dev "fuzzers run on the host"
        ;;
    coverage)
        needs_of check
        need gcovr gcovr "prints what the unit tests reach"
        ;;
    *)
        echo "install-deps.sh: no set '$1': name one or more of build run iso junit check lint fuzz coverage" >&2
        exit 2
        ;;
    esac
}

# apt ARGUMENT...: apt-get as root, on stderr, waiting for another apt to finish
apt() {
    if [ "$(id -u)" -eq 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >&2
    else
        sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" >&2
    fi
}

give_up() {
    if [ -z "$missing" ]; then
        echo "install-deps.sh: $1; going on without $useful; type: $command_line" >&2
        exit 0
    fi
    echo "install-deps.sh: $1; needed: $missing; type: $command_line" >&2
    exit 2
}

find_missing() { # find_missing SET...
    missing=
    useful=
    reasons=
    for set_name in "$@"; do
        needs_of "$set_name"
    done
}

[ $# -gt 0 ] || set -- run
find_missing "$@"
[ -n "$missing$useful" ] || exit 0

root=
[ "$(id -u)" -eq 0 ] || root="sudo "
packages=$missing${missing:+${useful:+ }}$useful
command_line="${root}apt-get update && ${root}apt-get install -y --no-install-recommends $packages"

[ "${DEPS-1}" != 0 ] || give_up "packages are missing and DEPS=0 forbids to install them"
command -v apt-get >/dev/null 2>&1 || give_up "this machine has no apt-get, install the like of these yourself"
[ -z "$root" ] || command -v sudo >/dev/null 2>&1 || give_up "not root and no sudo here, become root first"

printf 'Seamstress needs packages that are missing here (DEPS=0 would only name them):\n%s' "$reasons" >&2
printf '%s\n' "$command_line" >&2
apt update || give_up "apt-get update failed"
# shellcheck disable=SC2086 # lists of words
{
    [ -z "$missing" ] || apt install -y --no-install-recommends $missing || give_up "apt-get install failed"
    [ -z "$useful" ] || apt install -y --no-install-recommends $useful
}

wanted=$missing
find_missing "$@"
[ -z "$missing" ] || give_up "still missing after installing $wanted"
[ -z "$useful" ] || give_up "apt-get could not install everything"
