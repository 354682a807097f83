/* SPDX-License-Identifier: MIT */
/*
 * Memory for scripts, laid out once: TDMRs over the first GiBs of RAM, several sets of PAMTs for them (a life
 * of the module each, so that a snapshot of one survives the next), one block that scripts allocate from, and
 * one for the extension memory pool.
 *
 * What isn't here stays the kernel's: a script reaches its own memory and free memory, nothing else.
 */
#ifndef TESTS_RUNNER_SCRIPT_SPACE_H
#define TESTS_RUNNER_SCRIPT_SPACE_H

#include "drivers/tdx/sysinfo.h"
#include "drivers/tdx/tdmr.h"
#include "tests/runner/script/port.h"

struct script_space {
    const struct tdmr_plan *plan; /* each level of its PAMTs has room for all lives */
    u32 lives;
    u16 pamt_entry_size[TDX_PAMT_LEVELS];
    u64 arena, arena_size;
    u64 pool, pool_size; /* 0: there was no room for it */
};

/* False: *why. The plan is kept in *plan, which must stay. */
bool script_space_create(struct script_space *space, struct tdmr_plan *plan,
                         const struct tdx_sysinfo *sysinfo, char *why, size_t size);
/* The memory of a module that is there to stay (hardware): one life, the driver's own plan. */
bool script_space_share(struct script_space *space, const struct tdmr_plan *plan,
                        const struct tdx_sysinfo *sysinfo, char *why, size_t size);

bool script_space_layout(const struct script_space *space, u32 life, bool dynamic,
                         struct script_layout *layout);
/* The direct-map address of [pa, pa+size) if a script may touch it, else NULL. */
void *script_space_at(const struct script_space *space, u64 pa, u64 size);
/* Is any RAM in [pa, pa+size) neither the scripts', nor free, nor a PAMT: the kernel, its tables and objects?
 */
bool script_space_own(const struct script_space *space, u64 pa, u64 size);

#endif
