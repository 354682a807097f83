#!/bin/sh
# SPDX-License-Identifier: MIT
# Machines of many shapes: processors, packages, memory, topologies. All checks hold on every one.

. "$(dirname "$0")/lib.sh"

passes() { # passes REGEX ARGUMENT...: exit 0, nothing failed, a line matches
    pattern=$1
    shift
    launch "$@"
    [ "$status" -eq 0 ] && ! has "$out" '^not ok' && has "$out" "$pattern"
    point $? "all checks ok: ${*:-default}"
}

passes 'summary: ready, 8 LPs in 2 packages' --smp 8,packages=2 --mem 8G
expect_out '^ok [0-9]+ bringup\.key_config\.one_package$' "two packages: the key is configured on each"
passes 'summary: ready, 1 LPs in 1 packages' --smp 1 --mem 512M
passes 'summary: ready, 2 LPs in 1 packages' --smp 2 --mem 1G
passes 'summary: ready, 64 LPs in 1 packages' --smp 64 --run 'bringup.*' --timeout 600
passes 'summary: ready, 4 LPs' --profile dpamt --timeout 300
passes 'summary: ready, 4 LPs in 2 packages' --topology two-packages
passes 'summary: ready, 6 LPs in 3 packages' --smp 6,packages=3 --mem 6G
passes 'tdx: CMR 4: 0x3080000000-0x407c000000' --topology emerald-rapids
passes 'summary: ready, 4 LPs' --profile 1.5.01 --mem 128M
refuse_out '12800 pages' "profile 1.5.01 has no extension pool"
expect_out '^ok [0-9]+ bringup\.pool\.step # SKIP .*EXT' "profile 1.5.01 skips the extension checks with a reason"
passes 'summary: ready, 4 LPs' --profile 1.5.01 --boot bios

finish
