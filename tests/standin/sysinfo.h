/* SPDX-License-Identifier: MIT */
/* The system-information page that a P-SEAMLDR gives a module, as far as this one reads it. */
#ifndef TESTS_STANDIN_SYSINFO_H
#define TESTS_STANDIN_SYSINFO_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

struct sysinfo_region {
    u64 base, size;
};

struct sysinfo {
    u64 version;
    u32 lps, packages;
    u32 fms[TDX_MAX_PACKAGES];
    u8 unused1[128 - 48];
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u8 unused2[2056 - 640];
    struct sysinfo_region code, data, stack, keyhole, keyhole_edit;
    u64 last_stack_page; /* of an LP, its shadow stack not counted: the number minus one */
    u64 last_local_page; /* the same for local data */
    u16 module_hv, min_update_hv;
    u8 no_downgrade, unused3;
    u16 last_handoff_page;
};
_Static_assert(offsetof(struct sysinfo, fms) == 16, "system information");
_Static_assert(offsetof(struct sysinfo, cmrs) == 128, "system information");
_Static_assert(offsetof(struct sysinfo, code) == 2056, "system information");
_Static_assert(offsetof(struct sysinfo, last_stack_page) == 2136, "system information");
_Static_assert(offsetof(struct sysinfo, last_handoff_page) == 2158, "system information");

#endif
