#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints the kernel's table of function names as NASM source (kernel/symbols.c reads it), from `nm -n` output on
# standard input. Empty input gives an empty table, for the first of the two links. The table lies behind all code in
# the image, so that its size moves no function: the addresses of the first link are those of the second.
set -eu

awk '
    BEGIN { count = place = 0 }

    # Functions; the local labels of NASM (function.label) are none, the clones that GCC makes are. text_end closes.
    ($2 ~ /^[tT]$/ && ($3 !~ /\./ || $3 ~ /\.(cold|part|isra|constprop)/)) || $3 == "text_end" {
        if (substr($1, 1, 8) != "ffffffff") {
            print "make-symbols.sh: " $3 " at 0x" $1 " is not in the top 4 GiB" > "/dev/stderr"
            exit 1
        }
        if ($1 != last) { # two names for one place: the first is enough
            address[count] = substr($1, 9)
            name[count++] = $3
        }
        last = $1
        if ($3 == "text_end")
            exit
    }

    END {
        print "global symbol_count, symbol_table, symbol_names"
        print "section .symbols progbits alloc noexec nowrite align=8"
        print "symbol_count: dd " count
        print "symbol_table:"
        for (i = 0; i < count; i++) {
            print "    dd 0x" address[i] " - 0x80000000, " place
            place += length(name[i]) + 1
        }
        print "symbol_names:"
        for (i = 0; i < count; i++)
            print "    db \"" name[i] "\", 0"
        print "    db 0"
    }'
