/* SPDX-License-Identifier: MIT */
/* The steps of init.c up to TDMR.INIT; the extension steps are in ext.h. False: recorded and printed. */
#ifndef DRIVERS_TDX_STEPS_H
#define DRIVERS_TDX_STEPS_H

#include <stdbool.h>

struct tdx_host;

bool step_detect(struct tdx_host *host);
bool step_vmx(struct tdx_host *host);
bool step_sys_init(struct tdx_host *host);
bool step_lp_init(struct tdx_host *host);
bool step_metadata(struct tdx_host *host);
bool step_tdmrs(struct tdx_host *host);
bool step_config(struct tdx_host *host);
bool step_flush(struct tdx_host *host);
bool step_key_config(struct tdx_host *host);
bool step_tdmr_init(struct tdx_host *host);

#endif
