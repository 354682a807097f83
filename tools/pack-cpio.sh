#!/bin/sh
# SPDX-License-Identifier: MIT
#
# pack-cpio.sh ARCHIVE [FILE...]: packs files, under their bare names, into a newc cpio archive. The format is a
# 110-character ASCII header and padding to 4 bytes (Linux, Documentation/driver-api/early-userspace/buffer-format),
# so no cpio program is needed. Everything but names, sizes and contents is fixed: same files, same archive.

set -eu

pad() { # pad LENGTH: NULs up to the next multiple of 4
    head -c $(((4 - $1 % 4) % 4)) /dev/zero
}

header() { # header NAME SIZE INODE MODE
    length=$((${#1} + 1))
    printf '070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%s\0' \
        "$3" "$4" 0 0 1 0 "$2" 0 0 0 0 "$length" 0 "$1"
    pad $((110 + length))
}

[ $# -ge 1 ] || {
    echo "usage: pack-cpio.sh ARCHIVE [FILE...]" >&2
    exit 2
}
archive=$1
shift
inode=0
{
    for file in "$@"; do
        size=$(wc -c <"$file")
        inode=$((inode + 1))
        header "$(basename "$file")" "$size" $inode 33188 # regular, rw-r--r--
        cat "$file"
        pad "$size"
    done
    header 'TRAILER!!!' 0 0 0
} >"$archive.new"
mv "$archive.new" "$archive"
