/* SPDX-License-Identifier: MIT */
/*
 * From reset to ready: the host's initialisation sequence, step by step. tdx_init() runs all of it; a test
 * runs one step after the other and looks at the machine in between.
 */
#ifndef DRIVERS_TDX_INIT_H
#define DRIVERS_TDX_INIT_H

#include "drivers/tdx/ext.h"
#include "drivers/tdx/platform.h"
#include "drivers/tdx/quote.h"
#include "drivers/tdx/sysinfo.h"
#include "drivers/tdx/tdmr.h"
#include "lib/types.h"

/* In order; each needs all before it. */
enum tdx_step {
    STEP_DETECT,     /* what machine is this, does it have what TDX needs */
    STEP_VMX,        /* VMX operation on every LP */
    STEP_SYS_INIT,   /* TDH.SYS.INIT, once */
    STEP_LP_INIT,    /* TDH.SYS.LP.INIT on all LPs, in parallel */
    STEP_METADATA,   /* TDH.SYS.RD: version, features, limits, CMRs */
    STEP_TDMRS,      /* TDMRs, reserved areas and PAMT memory */
    STEP_CONFIG,     /* TDH.SYS.CONFIG: PAMT memory changes hands */
    STEP_FLUSH,      /* WBINVD on all LPs: PAMT lines may be dirty under KeyID 0 */
    STEP_KEY_CONFIG, /* TDH.SYS.KEY.CONFIG on one LP of each package, one at a time */
    STEP_TDMR_INIT,  /* TDH.SYS.TDMR.INIT, spread over all LPs */
    STEP_EXT_QUERY,  /* what do the configured features cost */
    STEP_EXT_MEMORY, /* TDH.EXT.MEM.ADD */
    STEP_EXT_START,  /* TDH.EXT.INIT */
    STEP_QUOTE,      /* TDH.QUOTE.INIT and a buffer for quotes; best effort */
    STEP_COUNT
};

struct tdx_options {
    u64 features;      /* add-on features to configure where the module has them (bits of TDX_FEATURES0) */
    bool always_flush; /* CLFLUSH at hand-over even if the module doesn't ask for it */
    u32 tdmr_init_lps; /* how many LPs share TDMR.INIT; 0 = all */
    bool
        quote_required; /* quoting that is configured and doesn't start is a failure, not a line in the log */
    bool insist;        /* ask the module even where detection says that this is no machine for TDX */
};

struct tdx_failure {
    enum tdx_step step;
    bool is_status; /* a SEAMCALL failed: leaf and status tell; otherwise text alone */
    u16 leaf;
    u64 status;
    char text[160]; /* one line for people */
};

struct tdx_host {
    struct tdx_options options;
    struct tdx_platform platform;
    struct tdx_sysinfo sysinfo;
    struct tdmr_plan plan;
    struct tdx_configured configured;
    struct ext_demand demand;
    struct ext_pool pool;
    struct tdx_quote quote;
    u64 key_config_retries;
    u64 tdmr_init_calls, tdmr_init_busy;
    u64 tdmr_init_cycles; /* wall time of the step */
    enum tdx_step next;   /* first step not yet done; STEP_COUNT: ready */
    bool failed;
    struct tdx_failure failure;
    u64 step_cycles[STEP_COUNT];
};

/* The options that suit a module with everything on: quoting configured if there. */
struct tdx_options tdx_default_options(void);
void tdx_host_init(struct tdx_host *host, const struct tdx_options *options);

/* Runs host->next. False: it failed, host->failure says how, and the log has said it. No step runs after a
 * failure. */
bool tdx_run_next_step(struct tdx_host *host);
const char *tdx_step_name(enum tdx_step step);

/* All steps. On failure the log says what the module owns now, what was stranded and how to go on. */
bool tdx_init(struct tdx_host *host);

/* Used by the steps to record and print a failure; returns false. */
bool tdx_fail(struct tdx_host *host, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool tdx_fail_metadata(struct tdx_host *host, const struct sysinfo_error *error);
bool tdx_fail_status(struct tdx_host *host, u16 leaf, u64 status, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* After a failure: what the module owns, what is stranded, how to go on. */
void tdx_report_end(const struct tdx_host *host);
/* The whole story: subject, version, features, TDMRs, memory, cost of each leaf. */
void tdx_report_summary(const struct tdx_host *host);

#endif
