/* SPDX-License-Identifier: MIT */
/* The sequence as a table of contents; what each step does is in steps.c, ext.c and quote.c. */
#include "drivers/tdx/init.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/steps.h"
#include "kernel/clock.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

static const struct {
    const char *name;
    bool (*run)(struct tdx_host *host);
} steps[STEP_COUNT] = {
    [STEP_DETECT] = {"detect", step_detect},
    [STEP_VMX] = {"vmx", step_vmx},
    [STEP_SYS_INIT] = {"sys_init", step_sys_init},
    [STEP_LP_INIT] = {"lp_init", step_lp_init},
    [STEP_METADATA] = {"metadata", step_metadata},
    [STEP_TDMRS] = {"tdmrs", step_tdmrs},
    [STEP_CONFIG] = {"config", step_config},
    [STEP_FLUSH] = {"flush", step_flush},
    [STEP_KEY_CONFIG] = {"key_config", step_key_config},
    [STEP_TDMR_INIT] = {"tdmr_init", step_tdmr_init},
    [STEP_EXT_QUERY] = {"ext_query", ext_query},
    [STEP_EXT_MEMORY] = {"ext_memory", ext_add_memory},
    [STEP_EXT_START] = {"ext_start", ext_start},
    [STEP_QUOTE] = {"quote", quote_start},
};

const char *tdx_step_name(enum tdx_step step)
{
    return step < STEP_COUNT ? steps[step].name : "ready";
}

struct tdx_options tdx_default_options(void)
{
    return (struct tdx_options){.features = 1ull << TDX_FEATURE_QUOTE};
}

void tdx_host_init(struct tdx_host *host, const struct tdx_options *options)
{
    memset(host, 0, sizeof(*host));
    host->options = *options;
    donate_init();
}

bool tdx_run_next_step(struct tdx_host *host)
{
    if (host->failed || host->next >= STEP_COUNT)
        return !host->failed;
    u64 start = clock_cycles();
    bool done = steps[host->next].run(host);
    host->step_cycles[host->next] = clock_cycles() - start;
    if (done)
        host->next++;
    return done;
}

bool tdx_init(struct tdx_host *host)
{
    while (host->next < STEP_COUNT)
        if (!tdx_run_next_step(host)) {
            tdx_report_end(host);
            return false;
        }
    return true;
}

static bool record(struct tdx_host *host, const char *fmt, va_list args)
{
    host->failed = true;
    host->failure.step = host->next;
    format_v(host->failure.text, sizeof(host->failure.text), fmt, args);
    log_line("tdx: step %s failed: %s", tdx_step_name(host->next), host->failure.text);
    return false;
}

bool tdx_fail(struct tdx_host *host, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    record(host, fmt, args);
    va_end(args);
    return false;
}

bool tdx_fail_metadata(struct tdx_host *host, const struct sysinfo_error *error)
{
    char text[sizeof(host->failure.text)];
    sysinfo_error_text(error, text, sizeof(text));
    return tdx_fail(host, "%s", text);
}

bool tdx_fail_status(struct tdx_host *host, u16 leaf, u64 status, const char *fmt, ...)
{
    host->failure.is_status = true;
    host->failure.leaf = leaf;
    host->failure.status = status;
    va_list args;
    va_start(args, fmt);
    record(host, fmt, args);
    va_end(args);
    return false;
}
