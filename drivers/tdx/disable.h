/* SPDX-License-Identifier: MIT */
/*
 * SYS.DISABLE: the module gives back everything - PAMTs, extension pool, pages of TDs - and may then be
 * initialised from the beginning, as after a reset. It is what a kernel calls before it hands the machine to
 * another, so it is tried without asking whether the module has it; one that hasn't answers with an error,
 * which is harmless.
 *
 * Source: Linux patch series "Fuller TDX kexec support" v3.
 */
#ifndef DRIVERS_TDX_DISABLE_H
#define DRIVERS_TDX_DISABLE_H

#include "lib/types.h"

struct tdx_host;

enum disable_outcome {
    DISABLE_DONE,    /* all memory is the host's again; host->next is STEP_SYS_INIT */
    DISABLE_REFUSED, /* the module can't, nothing has changed */
    DISABLE_FAILED,  /* given up half-way, or memory couldn't be made safe: host->failed, nothing is freed */
};

struct disable_report {
    u64 status; /* raw, of the last call */
    u64 calls, resumes, busy;
    u64 released; /* bytes that came back */
};

/* On the calling LP; no other may be inside the module for long. VMX operation stays on. */
enum disable_outcome tdx_disable(struct tdx_host *host, struct disable_report *report);

#endif
