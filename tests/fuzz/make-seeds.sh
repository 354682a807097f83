#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make-seeds.sh DIRECTORY: well-formed inputs to start from. By the directory's name: for fuzz_script.c scripts, for
# fuzz_module.c a shared object, for fuzz_inring.c instructions, else one input for each parser of fuzz_boot.c: the first
# byte chooses the parser; what follows stands at physical address 0x100000.

set -eu
directory=$1
mkdir -p "$directory"

case $directory in
*fuzz_script*)
    cp tests/fuzz/everything.tdxt tests/conformance/*.tdxt "$directory"
    exit
    ;;
esac

case $directory in
*fuzz_inring*)
    printf '\017\170\104\044\010' >"$directory/vmread"
    printf '\111\017\171\205\000\001\000\000' >"$directory/vmwrite"
    printf '\146\017\070\370\065\000\001\000\000' >"$directory/movdir64b"
    exit
    ;;
esac

byte() { # byte NUMBER
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\$(printf '%03o' "$1")"
}

le32() {
    for number in "$@"; do
        for shift in 0 8 16 24; do
            byte $((number >> shift & 255))
        done
    done
}

le64() {
    for wide in "$@"; do
        le32 $((wide & 0xFFFFFFFF)) $((wide >> 32))
    done
}

# One segment that is all of the file, at 0: ELF header, program headers of the segment and of the dynamic section,
# dynamic section at 0xB0, a relocation at 0x100, which changes the last 8 bytes, at 0x130.
case $directory in
*fuzz_module*)
    {
        printf '\177ELF\002\001\001\0\0\0\0\0\0\0\0\0'
        le32 0x003E0003 1
        le64 0x120 0x40 0
        le32 0 0x00380040 0x00400002 0
        le32 1 7
        le64 0 0 0 0x138 0x1000 0x1000
        le32 2 6
        le64 0xB0 0xB0 0xB0 0x50 0x50 8
        le64 7 0x100 8 24 9 24 0x6FFFFFF9 1 0 0
        le64 0x130 8 0x120 0
        le64 0xCCCCCCCC 0 0
    } >"$directory/module"
    exit
    ;;
esac

# hvm_start_info, then a module list, a memory map and a command line
{
    byte 0
    le32 0x336EC578 1 0 1
    le64 0x100038 0x100088 0 0x100058
    le32 2 0
    le64 0x100000 16 0x100088 0
    le64 0 0x9F000 1 0x100000 0x40000000 1
    printf 'run=all -- verbose=1\0'
} >"$directory/pvh"

# Multiboot2: command line, module, memory map, end
{
    byte 1
    le32 104 0
    le32 1 20
    printf 'run=bringup\0\0\0\0\0'
    le32 3 24 0x100000 0x100010
    printf 'kernel\0\0'
    le32 6 40 24 0
    le64 0x100000 0x40000000 1
    le32 0 8
} >"$directory/multiboot2"

{
    byte 2
    tools/pack-cpio.sh "$directory/archive" LICENSE tests/fuzz/make-seeds.sh
    cat "$directory/archive"
    rm "$directory/archive"
} >"$directory/cpio"

# 100 bytes that fuzz_boot.c overwrites with RSDP, RSDT and a MADT's header; then a MADT's body: local APICs 0 and 1,
# a disabled one, an x2APIC, an address override
{
    byte 3
    head -c 100 /dev/zero
    le32 0xFEE00000 1
    for processor in 0x00000800 0x01010800 0x02020800; do
        le32 $processor $((processor >> 24 < 2))
    done
    le32 0x00001009 0x1FF 1 3
    le32 0x00000C05
    le64 0xFEE00000
} >"$directory/acpi"
