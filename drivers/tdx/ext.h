/* SPDX-License-Identifier: MIT */
/*
 * Extension memory and extension start.
 *
 * Most SEAMCALLs run to completion. Some add-on features (quoting, TDX Connect, migration) are served inside
 * the module by resumable calls, which need working memory: a pool, given once at initialisation, of which no
 * page ever comes back. The host learns how many pages from the module, after the features were configured,
 * and hands them over in lists of at most 512; then EXT.INIT starts the extensions.
 *
 * Source: Linux patch "Add extra memory to TDX Module for Extensions" v2 and its review.
 */
#ifndef DRIVERS_TDX_EXT_H
#define DRIVERS_TDX_EXT_H

#include "drivers/tdx/sysinfo.h"
#include "lib/types.h"

/* No known feature set needs more than 105 MiB; a module that asks for more than this is asked to explain
 * itself. */
#define EXT_POOL_MAX_PAGES 262144u /* 1 GiB, inferred: a sanity cap, not part of the ABI */

struct ext_pool {
    u64 required; /* pages the module asked for */
    u64 added;    /* pages it has taken */
    u64 stranded; /* pages offered in a call that failed: neither the host's nor known to be the module's */
    u32 batches;  /* EXT.MEM.ADD lists completed */
    u64 calls;    /* EXT.MEM.ADD SEAMCALLs, resumed ones included */
    u64 resumes;
    pa_t base; /* the block, if it is contiguous */
    bool contiguous;
};

struct tdx_host;

/* Step functions of init.c; each returns false after it has recorded and printed why. */
bool ext_query(struct tdx_host *host); /* EXT bit, EXT_REQUIRED, pages */
bool ext_add_memory(struct tdx_host *host);
bool ext_start(struct tdx_host *host);

#endif
