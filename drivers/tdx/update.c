/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/update.h"

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/init.h"
#include "drivers/tdx/seamcall.h"
#include "drivers/tdx/steps.h"
#include "lib/log.h"

/* ---- shutting the old module down ---- */

static enum update_outcome refuse(const char *why)
{
    log_line("tdx: no update: %s; the old module keeps running", why);
    return UPDATE_REFUSED;
}

/* Statuses that say the call changed nothing: an error of the module's own, and not that it is shut down
 * already. */
static bool is_refusal(u64 status)
{
    return (status & TDX_STATUS_ERROR) && (status & TDX_SW_ERROR) != TDX_SW_ERROR &&
           (status & TDX_STATUS_MASK) != TDX_SYS_SHUTDOWN;
}

static enum update_outcome shut_down(struct tdx_host *host, u16 version)
{
    u64 avoid = sysinfo_has(&host->sysinfo, TDX_FEATURE_UPDATE_COMPAT) ? TDX_SHUTDOWN_AVOID_COMPAT : 0;
    const struct seamcall_args in = {.rcx = version | avoid};
    struct seamcall_args args = in;
    u64 status = seamcall(TDH_SYS_SHUTDOWN, &args);
    if (status == TDX_SUCCESS)
        return UPDATE_DONE;
    seamcall_report(TDH_SYS_SHUTDOWN, &in, &args, status);
    if ((status & TDX_STATUS_MASK) == TDX_UPDATE_COMPAT_SENSITIVE)
        return refuse("it would break TDs that are being built or migrated");
    if (is_refusal(status))
        return refuse("SYS.SHUTDOWN was refused");
    tdx_fail_status(host, TDH_SYS_SHUTDOWN, status, "SYS.SHUTDOWN: 0x%016lx %s", status,
                    tdx_status_name(status));
    return UPDATE_FAILED;
}

static enum update_outcome leave_old_module(struct tdx_host *host)
{
    struct sysinfo_error error;
    u16 version;
    if (host->failed || host->next != STEP_COUNT)
        return refuse("the module isn't ready");
    if (!sysinfo_has(&host->sysinfo, TDX_FEATURE_TD_PRESERVING))
        return refuse("it can't hand its TDs over (TDX_FEATURES0 bit 1)");
    if (!sysinfo_read_handoff(&version, sysinfo_seamcall_reader, NULL, &error))
        return refuse("its hand-off version can't be read");
    return shut_down(host, version);
}

/* ---- bringing the new one up ---- */

static bool call_update(struct tdx_host *host)
{
    u64 features = host->configured.features; /* decided once, at boot */
    const struct seamcall_args in = {.r9 = features, .version = features ? TDX_VERSION_WITH_FEATURES : 0};
    struct seamcall_args args = in;
    u64 status = seamcall(TDH_SYS_UPDATE, &args);
    if (status == TDX_SUCCESS)
        return true;
    seamcall_report(TDH_SYS_UPDATE, &in, &args, status);
    return tdx_fail_status(host, TDH_SYS_UPDATE, status, "SYS.UPDATE: 0x%016lx %s", status,
                           tdx_status_name(status));
}

/* The new module speaks for itself: nothing that the old one said counts any more. */
static bool compare_metadata(struct tdx_host *host)
{
    const u16 major = host->sysinfo.major, minor = host->sysinfo.minor, update = host->sysinfo.update;
    const u64 before = host->sysinfo.features0;
    if (!step_metadata(host))
        return false;
    const struct tdx_sysinfo *now = &host->sysinfo;
    u64 lost = before & ~now->features0;
    log_line("tdx: updated from %u.%u.%u to %u.%u.%u, features lost 0x%lx, new 0x%lx", major, minor, update,
             now->major, now->minor, now->update, lost, now->features0 & ~before);
    return !(lost & host->configured.features) ||
           tdx_fail(host, "the new module lacks features that are configured: 0x%lx",
                    lost & host->configured.features);
}

/* As ext_query(), but that nothing can be given any more. */
static bool query_extensions(struct tdx_host *host)
{
    struct sysinfo_error error;
    host->demand = (struct ext_demand){0};
    if (!sysinfo_has(&host->sysinfo, TDX_FEATURE_EXT))
        return true;
    if (!sysinfo_read_demand(&host->configured, &host->demand, sysinfo_seamcall_reader, NULL, &error))
        return tdx_fail_metadata(host, &error);
    if (host->demand.pages == 0)
        return true;
    if (!host->demand.required) {
        log_line("tdx: inconsistent: new module wants %lu extension pages but says EXT_REQUIRED = 0",
                 host->demand.pages);
        return true;
    }
    return tdx_fail(host, "the new module wants %lu pages (%lu KiB) more; an update can't allocate",
                    host->demand.pages, host->demand.pages * PAGE_SIZE / KIB);
}

/* In place of SYS.CONFIG and all that follows up to TDMR.INIT. */
static const struct {
    enum tdx_step step; /* what a failure is filed under */
    bool (*run)(struct tdx_host *host);
} sequence[] = {
    {STEP_SYS_INIT, step_sys_init},    {STEP_LP_INIT, step_lp_init},       {STEP_CONFIG, call_update},
    {STEP_METADATA, compare_metadata}, {STEP_EXT_QUERY, query_extensions}, {STEP_EXT_START, ext_start},
    {STEP_QUOTE, quote_start_again},
};

static bool enter_new_module(struct tdx_host *host, update_install install, void *context)
{
    host->next = STEP_SYS_INIT;
    if (!install(context))
        return tdx_fail(host, "the old module is shut down and the new one couldn't be installed");
    for (u32 i = 0; i < ARRAY_COUNT(sequence); i++) {
        host->next = sequence[i].step;
        if (!sequence[i].run(host))
            return false;
    }
    host->next = STEP_COUNT;
    return true;
}

enum update_outcome tdx_update(struct tdx_host *host, update_install install, void *context)
{
    enum update_outcome outcome = leave_old_module(host);
    if (outcome == UPDATE_DONE && !enter_new_module(host, install, context))
        outcome = UPDATE_FAILED;
    if (outcome == UPDATE_FAILED)
        tdx_report_end(host);
    return outcome;
}
