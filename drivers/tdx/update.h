/* SPDX-License-Identifier: MIT */
/*
 * Runtime update: another module takes over from the one that runs, with its TDs, PAMTs and pool.
 *
 * SYS.SHUTDOWN makes the old module write hand-off data, somebody installs the new one (on hardware the
 * P-SEAMLDR, for whom Linux stops the machine: so nothing is allocated here), and SYS.UPDATE in place of
 * SYS.CONFIG, KEY.CONFIG and TDMR.INIT takes the new one straight to READY. What can't be handed off is
 * begun again: version and features are read anew, extensions and quoting restarted, with the memory that
 * they have. If that isn't enough, the update has failed.
 *
 * Source: Linux patch series "Runtime TDX module update support" v10, and "Enable DICE-based TDX Quoting
 * Extension" v2 for the extensions.
 */
#ifndef DRIVERS_TDX_UPDATE_H
#define DRIVERS_TDX_UPDATE_H

#include "lib/types.h"

struct tdx_host;

enum update_outcome {
    UPDATE_DONE,    /* the new module is ready */
    UPDATE_REFUSED, /* before anything changed: the old module keeps running */
    UPDATE_FAILED,  /* TDX is lost until SYS.DISABLE or a reset; host->failed, nothing is freed */
};

/* Puts the new module in, between SYS.SHUTDOWN and SYS.INIT; false, after saying why, if it couldn't. */
typedef bool (*update_install)(void *context);

/* All LPs must be outside the module. On the calling LP, save what needs all of them. */
enum update_outcome tdx_update(struct tdx_host *host, update_install install, void *context);

#endif
