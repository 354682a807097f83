/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/disable.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/steps.h"
#include "kernel/clock.h"
#include "lib/log.h"

/* How long it takes depends on how much memory TDs have; every resumed call makes some progress. */
#define DISABLE_MAX_CALLS 1000000
#define DISABLE_MAX_US    (60ull * 1000 * 1000)
#define BUSY_PAUSE_US     10

/* As long as it is resumable or busy: other LPs' calls are let out and no new ones in, so that ends. */
static void call_until_settled(struct disable_report *report)
{
    deadline_t deadline = deadline_after_us(DISABLE_MAX_US);
    struct resume resume;
    do {
        struct seamcall_args args = {0};
        if (report->calls > 0)
            clock_delay_us(BUSY_PAUSE_US);
        resume = (struct resume){.max_attempts = DISABLE_MAX_CALLS - report->calls, .max_us = DISABLE_MAX_US};
        report->status = seamcall_resume_inputs(TDH_SYS_DISABLE, &args, &resume);
        report->calls += resume.attempts;
        report->resumes += resume.resumes;
        if (report->status != TDX_SYS_BUSY)
            return;
        report->busy++;
    } while (report->calls < DISABLE_MAX_CALLS && !deadline_passed(deadline));
}

/* As after a reset, but that VMX operation goes on: it is the CPU's, not the module's. */
static void start_over(struct tdx_host *host)
{
    const struct tdx_options options = host->options;
    const struct tdx_platform platform = host->platform;
    quote_buffer_free(&host->quote.buffer);
    tdx_host_init(host, &options);
    host->platform = platform;
    host->next = STEP_SYS_INIT;
}

/*
 * Lines of the memory that comes back may still be dirty in some cache, under the module's KeyID. Caches
 * don't know that two KeyIDs are one memory: written back later, they would overwrite what its new owner has
 * put there. So every LP flushes first.
 */
static enum disable_outcome release(struct tdx_host *host, struct disable_report *report)
{
    if (!step_flush(host))
        return DISABLE_FAILED;
    report->released = donate_take_back_all();
    start_over(host);
    log_line("tdx: module disabled after %lu calls (%lu resumed, %lu busy): %lu KiB are the host's again",
             report->calls, report->resumes, report->busy, report->released / KIB);
    return DISABLE_DONE;
}

enum disable_outcome tdx_disable(struct tdx_host *host, struct disable_report *report)
{
    *report = (struct disable_report){0};
    call_until_settled(report);
    if (report->status == TDX_SUCCESS)
        return release(host, report);
    char text[TDX_STATUS_TEXT_MAX];
    tdx_status_describe(report->status, text, sizeof(text));
    /* Still resumable (or so with details that nobody knows, which isn't resumed) or busy: half-way. */
    if (report->status == TDX_SYS_BUSY || (report->status & TDX_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE) {
        tdx_fail_status(host, TDH_SYS_DISABLE, report->status,
                        "SYS.DISABLE gave up after %lu calls: 0x%016lx %s", report->calls, report->status,
                        text);
        return DISABLE_FAILED;
    }
    log_line("tdx: module can't be disabled (SYS.DISABLE: 0x%016lx %s): its memory stays with it",
             report->status, text);
    return DISABLE_REFUSED;
}
