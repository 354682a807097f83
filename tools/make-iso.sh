#!/bin/sh
# SPDX-License-Identifier: MIT
#
# make-iso.sh ISO GRUB.CFG FILE...: an ISO that BIOS machines boot through GRUB, from CD, disk or stick. GRUB gets
# the modules grub.cfg uses and no locales, fonts or themes: 20 MB would become most of it otherwise.

set -eu

modules="normal multiboot2 boot serial terminal smbios test echo sleep reboot halt iso9660 biosdisk part_msdos part_gpt"

iso=$1
config=$2
shift 2
work=$(mktemp -d)
tree=$work/tree
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$tree/boot/grub"
cp "$config" "$tree/boot/grub/grub.cfg"
cp "$@" "$tree/boot/"
if ! grub-mkrescue -d /usr/lib/grub/i386-pc --install-modules="$modules" --locales= --fonts= --themes= \
    -o "$iso" "$tree" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "make-iso.sh: grub-mkrescue failed, its messages stand above" >&2
    exit 1
fi
