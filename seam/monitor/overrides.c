/* SPDX-License-Identifier: MIT */
#include "seam/monitor/overrides.h"

static bool same_thing(const struct override *a, const struct override *b)
{
    return a->kind == b->kind && a->number == b->number && a->subleaf == b->subleaf && a->reg == b->reg;
}

bool overrides_set(struct overrides *overrides, const struct override *override)
{
    u32 kept = 0;
    for (u32 i = 0; i < overrides->count; i++) {
        const struct override *old = &overrides->list[i];
        bool covered = override->lp == OVERRIDE_ALL_LPS || override->lp == old->lp;
        if (!same_thing(old, override) || !covered || override->keep)
            overrides->list[kept++] = *old;
    }
    overrides->count = kept;
    if (kept == OVERRIDES_MAX)
        return false;
    overrides->list[overrides->count++] = *override;
    return true;
}

static bool is_for(const struct override *override, enum override_kind kind, u32 lp, u32 number)
{
    return override->kind == (u32)kind && override->number == number &&
           (override->lp == OVERRIDE_ALL_LPS || override->lp == lp);
}

void overrides_cpuid(const struct overrides *overrides, u32 lp, u32 leaf, u32 subleaf, struct soft_cpuid *r)
{
    u32 *const registers[] = {&r->eax, &r->ebx, &r->ecx, &r->edx};
    if (subleaf == OVERRIDE_NO_SUBLEAF)
        subleaf = 0;
    for (u32 i = 0; i < overrides->count; i++) {
        const struct override *o = &overrides->list[i];
        if (is_for(o, OVERRIDE_CPUID, lp, leaf) && o->subleaf == subleaf)
            *registers[o->reg] = (*registers[o->reg] & (u32)o->keep) | (u32)o->value;
    }
}

static bool apply(const struct overrides *overrides, enum override_kind kind, u32 lp, u32 number, u64 *value)
{
    bool found = false;
    for (u32 i = 0; i < overrides->count; i++) {
        const struct override *o = &overrides->list[i];
        if (!is_for(o, kind, lp, number))
            continue;
        *value = (*value & o->keep) | o->value;
        found = true;
    }
    return found;
}

bool overrides_msr(const struct overrides *overrides, u32 lp, u32 msr, u64 *value)
{
    return apply(overrides, OVERRIDE_MSR, lp, msr, value);
}

void overrides_seam_capabilities(const struct overrides *overrides, u32 lp, u64 *value)
{
    apply(overrides, OVERRIDE_SEAM_CAPABILITIES, lp, 0, value);
}
