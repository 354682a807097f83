/* SPDX-License-Identifier: MIT */
/*
 * Profile "overlay": the soft module in profile 1.5.01 stands for a genuine module, and the overlay of
 * profile ext is on top of it, as the monitor puts it there.
 */
#include "tests/host/soft_host.h"

#include <string.h>

static bool below(void *context, u32 lp, struct soft_regs *regs)
{
    struct soft_host *host = context;
    return soft_call(host->module, lp, regs) == SOFT_RETURNED;
}

bool host_overlay_create(struct soft_host *host, struct soft_module *module)
{
    host->overlay = (struct overlay){.module = module, .below = below, .context = host};
    return module && soft_profile("1.5.01", &host->knobs);
}

bool host_overlay_on(const struct soft_host *host)
{
    return host->overlay.module != NULL;
}

/* Before the module below: see soft_overlay_reset(). */
void host_overlay_reset(struct soft_host *host)
{
    struct soft_knobs knobs;
    if (host_overlay_on(host) && soft_profile("ext", &knobs))
        soft_overlay_reset(host->overlay.module, &host->platform, &host->machine, &knobs);
}

bool host_module_call(struct soft_host *host, u32 cpu, struct soft_regs *regs)
{
    return host_overlay_on(host) ? overlay_call(&host->overlay, cpu, regs) : below(host, cpu, regs);
}

/* What differs between the two: a page of the pool, of which the module below only knows that it isn't free.
 */
enum soft_owner host_module_owner(const struct soft_host *host, u64 page)
{
    if (host_overlay_on(host) && soft_page_owner(host->overlay.module, page) == SOFT_OWNER_POOL)
        return SOFT_OWNER_POOL;
    return soft_page_owner(host->module, page);
}
