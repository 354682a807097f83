/* SPDX-License-Identifier: MIT */
/*
 * An independent judge of TDMR lists: the rules of TDH.SYS.CONFIG in the order in which module 1.5.01 applies
 * them, with the status it answers. Written from the description of the module alone; it shares no code with
 * the driver or with the soft module.
 */
#ifndef TESTS_UNIT_ORACLE_H
#define TESTS_UNIT_ORACLE_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

struct oracle_platform {
    const struct tdx_cmr *cmrs;
    u32 cmr_count;
    u32 keyid_bits; /* uppermost bits of the 52 physical address bits */
    u32 max_tdmrs, max_reserved;
    u32 entry_size[TDX_PAMT_LEVELS];
};

u64 oracle_sys_config(const struct oracle_platform *platform, const struct tdx_tdmr_info *tdmrs, u64 count);

#endif
