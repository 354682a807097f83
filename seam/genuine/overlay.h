/* SPDX-License-Identifier: MIT */
/*
 * The soft model's extensions on top of a module that lacks them (overlay=ext). Every call goes to the module
 * first; the model answers only what the module says it doesn't know:
 *
 * - EXT.MEM.ADD, EXT.INIT, QUOTE.INIT, QUOTE.GET, once the module's gate lets them pass and calls them
 *   unknown. Quoting comes with the extensions: it is what needs them.
 * - the ids of their metadata fields, in SYS.RD and SYS.RDALL; the chain of ids leads to them at the module's
 *   end, and TDX_FEATURES0 has their bits.
 * - SYS.CONFIG and SYS.UPDATE version 1: the module gets them as version 0, the model keeps R9's features.
 *
 * PHYMEM.PAGE.RDMD of a page that the pool took tells its type. SYS.SHUTDOWN and SYS.DISABLE are SYS_BUSY
 * while an LP is in one of the model's leaves; those wait while one of these is at work. A module that knows
 * all of this by itself is left alone by it. Knows no CPU: what the module below is, the caller says.
 *
 * Source: as for the model (seam/soft/ext.c); the order of checks: seam/soft/sys_config.c and handoff.c.
 */
#ifndef SEAM_GENUINE_OVERLAY_H
#define SEAM_GENUINE_OVERLAY_H

#include "seam/soft/overlay.h"

struct overlay {
    struct soft_module *module; /* the model, after soft_overlay_reset() */

    /* SEAMCALL to the module below; false: it has stopped itself. */
    bool (*below)(void *context, u32 lp, struct soft_regs *regs);
    void *context;

    u32 inside; /* LPs in a leaf of the model's; 0 at first */
};

/* SEAMCALL on top of it; false: one of them has stopped itself. May run on all LPs at once. */
bool overlay_call(struct overlay *overlay, u32 lp, struct soft_regs *regs);

#endif
