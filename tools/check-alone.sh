#!/bin/sh
# SPDX-License-Identifier: MIT
#
# check-alone.sh OBJECT: refuses a piece of code that can't be copied and run elsewhere by itself: one that needs symbols
# from outside, has data of its own, or addresses that would have to be relocated. NM and OBJDUMP name the tools.

set -eu

[ $# -eq 1 ] || {
    echo "usage: check-alone.sh OBJECT" >&2
    exit 2
}
found=$(
    "${NM:-nm}" "$1" | awk '$(NF - 1) !~ /^[tTr]$/ { print "  symbol " $NF " (" $(NF - 1) " in nm)" }'
    "${OBJDUMP:-objdump}" -h "$1" | awk '$1 ~ /^[0-9]+$/ { name = $2; empty = $3 ~ /^0+$/ }
        / ALLOC/ && !empty && ++count > 1 { print "  section " name ", a second one" }'
    "${OBJDUMP:-objdump}" -r "$1" | awk '/^RELOCATION/ { debug = /\[\.debug/ }
        !debug && /R_X86_64/ && $2 !~ /_P(C|LT)32$/ { print "  relocation " $2 " " $3 }'
    "${OBJDUMP:-objdump}" -d -M intel "$1" | awk '/[^a-z][fg]s:|[xyz]mm[0-9]/ { print "  instruction " $0 }'
)
[ -z "$found" ] || {
    printf "%s must stand alone, but it has:\n%s\n" "$1" "$found" >&2
    exit 1
}
