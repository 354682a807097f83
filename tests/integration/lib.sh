# SPDX-License-Identifier: MIT
# shellcheck shell=sh disable=SC2034 # used by the scripts that source it
#
# For the TAP scripts of this directory. Every check prints one point; what a failed one saw follows as diagnostics.
#
#   launch ARGUMENT...        runs ./run-qemu.sh; sets status, fills $out (serial log) and $err
#   expect_status N NAME      point: that was the exit status
#   expect_out REGEX NAME     point: a line of $out matches;  refuse_out: none does
#   expect_err REGEX NAME     point: the same for $err
#   expect NAME COMMAND...    point: the command succeeds
#   finish                    the plan; last line of every script

set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
out=$work/out
err=$work/err
points=0
status=
label=
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cd "$root" || exit 1

launch() {
    label="./run-qemu.sh $*"
    ./run-qemu.sh "$@" >"$out" 2>"$err" </dev/null
    status=$?
}

explain() {
    echo "# $label: exit status $status"
    tail -n 15 "$out" 2>/dev/null | tr -d '\r' | sed 's/^/#   out: /'
    tail -n 25 "$err" 2>/dev/null | tr -d '\r' | sed 's/^/#   err: /'
}

point() { # point TRUTH NAME, TRUTH 0 = yes
    points=$((points + 1))
    set -- "$1" "$(printf '%.120s' "$2" | tr -d '#' | tr '\n' ' ')"
    if [ "$1" -eq 0 ]; then
        echo "ok $points - $2"
    else
        echo "not ok $points - $2"
        explain
    fi
}

skip() { # skip WHY NAME
    points=$((points + 1))
    echo "ok $points - $2 # SKIP $1"
}

has() { # has FILE REGEX
    tr -d '\r' <"$1" | grep -Eq -- "$2"
}

expect_status() {
    [ "$status" -eq "$1" ]
    point $? "$2"
}

expect_out() {
    has "$out" "$1"
    point $? "$2"
}

refuse_out() {
    ! has "$out" "$1"
    point $? "$2"
}

expect_err() {
    has "$err" "$1"
    point $? "$2"
}

expect() {
    expect_name=$1
    shift
    "$@" >"$work/said" 2>&1
    expect_truth=$?
    point $expect_truth "$expect_name"
    [ $expect_truth -eq 0 ] || sed 's/^/#   /' "$work/said"
}

finish() {
    echo "1..$points"
}

# ---- a QEMU and a make that only pretend ----

# fake_tools: puts them first on PATH. The pretended QEMU copies $work/com1 and $work/com2 to where its serial ports
# go, prints $work/qemu-stderr, sleeps $work/sleep seconds and leaves with the status in $work/status.
fake_tools() {
    mkdir -p "$work/bin"
    cat >"$work/bin/qemu-system-x86_64" <<TEXT
#!/bin/sh
echo "\$*" >>"$work/qemu-called"
for word in "\$@"; do
    file=\$(printf '%s' "\${word#*path=}" | sed 's/,,/,/g')
    case \$word in
    file,id=com1,path=*) cat "$work/com1" >"\$file" ;;
    file,id=com2,path=*) cat "$work/com2" >"\$file" ;;
    esac
done
cat "$work/qemu-stderr" >&2
sleep "\$(cat "$work/sleep")"
status=\$(cat "$work/status")
[ "\$status" -le 128 ] || kill -\$((status - 128)) \$\$
exit "\$status"
TEXT
    cat >"$work/bin/make" <<TEXT
#!/bin/sh
echo "\$*" >>"$work/make-called"
[ ! -e "$work/make-fails" ] || { echo "make: something broke"; exit 2; }
TEXT
    chmod +x "$work/bin/qemu-system-x86_64" "$work/bin/make"
    PATH=$work/bin:$PATH
    : >"$work/com1"
    : >"$work/com2"
    : >"$work/qemu-stderr"
    echo 0 >"$work/sleep"
    echo 0 >"$work/status"
}

# ---- QEMU without run-qemu.sh's care ----

# bare SED-EXPRESSION [ARGUMENT...]: the command of run-qemu.sh with these arguments, changed by sed; status is QEMU's
# own, COM1 goes to $out, COM2 and QEMU's messages to $err. Everything must be built.
bare() {
    change=$1
    shift
    label="QEMU as by ./run-qemu.sh $* | sed '$change'"
    ./run-qemu.sh --dry-run --log "$work/com" "$@" | sed "$change" >"$work/command"
    timeout -k 5 60 sh "$work/command" >"$err" 2>&1 </dev/null
    status=$?
    mv "$work/com" "$out"
    tr -d '\r' <"$work/com.monitor" >>"$err"
}

# with_archive FILE: the sed expression that replaces the archive
with_archive() {
    echo "s,-initrd [^ ]*,-initrd $1,"
}
