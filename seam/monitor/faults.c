/* SPDX-License-Identifier: MIT */
#include "seam/monitor/faults.h"

#include "seam/monitor/lock.h"
#include "seam/monitor/machine.h"

static struct lock lock;
static struct faults faults;
static struct faults from_power_on; /* the command line's */
static volatile u32 any;            /* lets the usual CPUID pass without a lock */

static void settle(void)
{
    any = faults.overrides.count != 0;
}

void faults_save(struct faults *to)
{
    lock_take(&lock);
    *to = faults;
    lock_release(&lock);
}

void faults_replace(const struct faults *with)
{
    lock_take(&lock);
    faults = with ? *with : from_power_on;
    settle();
    lock_release(&lock);
}

bool faults_override(const struct override *override)
{
    lock_take(&lock);
    bool done = overrides_set(&faults.overrides, override);
    settle();
    lock_release(&lock);
    return done;
}

bool faults_override_from_power_on(const struct override *override)
{
    bool done = overrides_set(&from_power_on.overrides, override);
    faults_replace(NULL);
    return done;
}

bool faults_msr(u32 lp, u32 msr, u64 *value)
{
    if (!any)
        return false;
    lock_take(&lock);
    bool found = overrides_msr(&faults.overrides, lp, msr, value);
    lock_release(&lock);
    return found;
}

void faults_cpuid(u32 lp, u32 leaf, u32 subleaf, struct soft_cpuid *r)
{
    if (!any)
        return;
    lock_take(&lock);
    overrides_cpuid(&faults.overrides, lp, leaf, subleaf, r);
    lock_release(&lock);
}

void faults_seam_capabilities(u32 lp, u64 *value)
{
    if (!any)
        return;
    lock_take(&lock);
    overrides_seam_capabilities(&faults.overrides, lp, value);
    lock_release(&lock);
}

/* ---- facts ---- */

static s64 added[FACTS];

void faults_change_fact(const struct fault_fact *fact)
{
    added[fact->kind] += fact->add;
}

void faults_facts(struct soft_machine *facts)
{
    facts->lp_count += (u32)added[FACT_LP_COUNT];
    facts->package_count =
        (u32)min_u64(facts->package_count + (u64)added[FACT_PACKAGE_COUNT], TDX_MAX_PACKAGES);
    facts->cmrs[0].base += (u64)added[FACT_CMR_BASE];
    facts->handoff_pages = (u16)(facts->handoff_pages + added[FACT_HANDOFF_PAGES]);
    for (u32 i = 1; i < facts->package_count; i++)
        if (!facts->fms[i]) /* one that isn't there */
            facts->fms[i] = facts->fms[0];
}

/* ---- packages ---- */

static u32 bits_for(u32 ids)
{
    u32 bits = 0;
    while (1u << bits < ids)
        bits++;
    return bits;
}

/* LPs in the order of their numbers, a power of two in each package. A package spans 2 ids at least, or the
 * module won't start. */
static struct placement spread(const struct lp *lp, u32 packages)
{
    u32 each = lp_count / packages;
    struct placement p = {.package_shift = bits_for(each)};
    if (p.package_shift == 0)
        p.package_shift = 1;
    p.smt_shift = (u32)min_u64(machine.smt_shift, p.package_shift);
    p.x2apic_id = lp->index / each << p.package_shift | lp->index % each;
    return p;
}

struct placement faults_placement(const struct lp *lp)
{
    u32 packages = faults.packages;
    if (packages)
        return spread(lp, packages);
    return (struct placement){machine.smt_shift, machine.package_shift, lp->apic_id};
}

u32 faults_package_lps(const struct lp *lp)
{
    u32 packages = faults.packages, count = 0;
    if (packages)
        return lp_count / packages;
    for (u32 i = 0; i < lp_count; i++)
        count += lp_at(i)->package == lp->package;
    return count;
}

const char *faults_spread(u32 packages)
{
    if (packages == 0 || packages > TDX_MAX_PACKAGES)
        return "TDX knows 1 to 8 packages";
    u32 each = lp_count / packages;
    if (each * packages != lp_count || (each & (each - 1)) != 0)
        return "the LPs must fill the packages evenly, with a power of two in each";
    faults.packages = packages;
    return NULL;
}
