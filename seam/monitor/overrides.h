/* SPDX-License-Identifier: MIT */
/*
 * What a test wants MSRs, CPUID leaves and SEAM capabilities to say instead of what the monitor's tables say.
 * Pure: a value that can be copied, without locks; faults.c holds the one in force.
 */
#ifndef SEAM_MONITOR_OVERRIDES_H
#define SEAM_MONITOR_OVERRIDES_H

#include "lib/types.h"
#include "seam/soft/soft.h"

#define OVERRIDES_MAX       64
#define OVERRIDE_ALL_LPS    0xFFFFFFFFu
#define OVERRIDE_NO_SUBLEAF 0xFFFFFFFFu /* how the module asks for a leaf that has no sub-leaves */

enum override_kind { OVERRIDE_MSR, OVERRIDE_CPUID, OVERRIDE_SEAM_CAPABILITIES };
enum override_register { OVERRIDE_EAX, OVERRIDE_EBX, OVERRIDE_ECX, OVERRIDE_EDX };

struct override {
    u32 kind;         /* enum override_kind */
    u32 lp;           /* number, or OVERRIDE_ALL_LPS */
    u32 number;       /* MSR or CPUID leaf */
    u32 subleaf, reg; /* CPUID; sub-leaf 0 is also that of a leaf without sub-leaves */
    u64 value;
    u64 keep; /* bits of what is there that stay, value adds to them; 0: value is all */
};

struct overrides {
    u32 count;
    struct override
        list[OVERRIDES_MAX]; /* in order: the later one wins, or works on what the earlier ones left */
};

/* Takes the place of what it makes void: the same thing on the same LP, or on any if it is for all; one that
 * keeps bits makes nothing void. False: the table is full. */
bool overrides_set(struct overrides *overrides, const struct override *override);

/* Each changes its last argument, what is there without, only if there is an override for that LP. */
void overrides_cpuid(const struct overrides *overrides, u32 lp, u32 leaf, u32 subleaf, struct soft_cpuid *r);
bool overrides_msr(const struct overrides *overrides, u32 lp, u32 msr, u64 *value); /* true: there is one */
void overrides_seam_capabilities(const struct overrides *overrides, u32 lp, u64 *value);

#endif
