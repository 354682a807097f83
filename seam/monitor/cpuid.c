/* SPDX-License-Identifier: MIT */
#include "seam/monitor/cpuid.h"

#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/monitor/control.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/machine.h"

#define ANY 0xFFFFFFFFu

enum reg { EAX, EBX, ECX, EDX };

static const struct edit {
    u32 leaf, subleaf, keep, set;
    enum reg reg;
} edits[] = {
#define CPUID_EDIT(leaf, subleaf, reg, keep, set, why) {leaf, subleaf, keep, set, reg},
#include "seam/monitor/cpuid.def"
};

static const struct {
    u32 first, last;
} empty[] = {
#define CPUID_EMPTY(first, last, why) {first, last},
#include "seam/monitor/cpuid.def"
};

static const struct {
    u32 leaf, subleaf;
    struct soft_cpuid value;
} module_rows[] = {
#define CPUID_MODULE(leaf, subleaf, a, b, c, d, why) {leaf, subleaf, {a, b, c, d}},
#include "seam/monitor/cpuid.def"
};

#define CPUID_MAX(basic, extended) enum { MAX_BASIC = basic, MAX_EXTENDED = (int)extended };
#include "seam/monitor/cpuid.def"

#define CR4_OSXSAVE (1ull << 18)
#define CR4_PKE     (1ull << 22)

/* ---- computed leaves ---- */

struct query {
    u32 leaf, subleaf;
    bool guest; /* or module */
};

static void leaf_1(const struct lp *lp, struct query q, struct soft_cpuid *r)
{
    struct placement place = faults_placement(lp);
    u32 per_package = min_u64(1u << place.package_shift, 255);
    r->eax = machine.topology->signature;
    r->ebx = (r->ebx & 0xFF00) | per_package << 16 | place.x2apic_id << 24;
    if (q.guest) {
        u32 osxsave = lp->vmcb->cr4 & CR4_OSXSAVE ? 1u << 27 : 0;
        r->ecx = (r->ecx & ~(1u << 27)) | osxsave;
    }
}

static void leaf_7(const struct lp *lp, struct query q, struct soft_cpuid *r)
{
    if (!q.guest || q.subleaf)
        return;
    r->eax = 0;
    r->ecx = (r->ecx & ~(1u << 4)) | (lp->vmcb->cr4 & CR4_PKE ? 1u << 4 : 0);
}

/*
 * Caches of a Sapphire Rapids: type, level, ways, sets. L1 and L2 belong to a core, L3 to the package; the
 * module checks that L3 spans exactly what the package shift of leaf 1F spans.
 */
static void leaf_4(const struct lp *lp, struct query q, struct soft_cpuid *r)
{
    static const struct {
        u32 type, level, ways, sets;
    } caches[] = {{1, 1, 12, 64}, {2, 1, 8, 64}, {3, 2, 16, 2048}, {3, 3, 15, 114688}};
    struct placement place = faults_placement(lp);
    *r = (struct soft_cpuid){0};
    if (q.subleaf >= ARRAY_COUNT(caches))
        return;
    u32 sharing = (1u << (caches[q.subleaf].level == 3 ? place.package_shift : place.smt_shift)) - 1;
    u32 cores = (1u << (place.package_shift - place.smt_shift)) - 1;
    r->eax =
        caches[q.subleaf].type | caches[q.subleaf].level << 5 | 1u << 8 | sharing << 14 | (cores & 63) << 26;
    r->ebx = 63 | (caches[q.subleaf].ways - 1) << 22; /* 64-byte lines, 1 partition */
    r->ecx = caches[q.subleaf].sets - 1;
}

/* Level 0: threads of a core, level 1: LPs of a package; both as shifts of the APIC id. */
static void leaf_topology(const struct lp *lp, struct query q, struct soft_cpuid *r)
{
    struct placement place = faults_placement(lp);
    *r = (struct soft_cpuid){.ecx = q.subleaf & 0xFF, .edx = place.x2apic_id};
    if (q.subleaf > 1)
        return;
    u32 shift = q.subleaf ? place.package_shift : place.smt_shift;
    r->eax = shift;
    r->ebx = (u32)min_u64(1u << shift, faults_package_lps(lp));
    r->ecx |= (q.subleaf + 1) << 8; /* level type: 1 thread, 2 core */
}

static void leaf_monitor(const struct lp *lp, struct query q, struct soft_cpuid *r)
{
    (void)lp;
    *r = (struct soft_cpuid){0};
    if (q.guest)
        control_identify(q.leaf, r);
}

static const struct {
    u32 leaf;
    void (*compute)(const struct lp *lp, struct query q, struct soft_cpuid *r);
} computed[] = {
#define CPUID_COMPUTED(leaf, function, why) {leaf, function},
#include "seam/monitor/cpuid.def"
};

/* ---- the views ---- */

static void compute(const struct lp *lp, struct query q, struct soft_cpuid *r)
{
    for (size_t i = 0; i < ARRAY_COUNT(computed); i++)
        if (computed[i].leaf == q.leaf)
            computed[i].compute(lp, q, r);
}

static void edit(u32 leaf, u32 subleaf, struct soft_cpuid *r)
{
    u32 *regs[] = {&r->eax, &r->ebx, &r->ecx, &r->edx};
    for (size_t i = 0; i < ARRAY_COUNT(edits); i++) {
        const struct edit *e = &edits[i];
        if (e->leaf == leaf && (e->subleaf == ANY || e->subleaf == subleaf))
            *regs[e->reg] = (*regs[e->reg] & e->keep) | e->set;
    }
}

static bool is_empty(u32 leaf)
{
    bool monitor = leaf == MONITOR_CPUID_SIGNATURE || leaf == MONITOR_CPUID_CONTROL;
    if (leaf > MAX_BASIC && (leaf < 0x80000000 || leaf > (u32)MAX_EXTENDED) && !monitor)
        return true;
    for (size_t i = 0; i < ARRAY_COUNT(empty); i++)
        if (leaf >= empty[i].first && leaf <= empty[i].last)
            return true;
    return false;
}

struct soft_cpuid cpuid_guest(struct lp *lp, u32 leaf, u32 subleaf)
{
    struct soft_cpuid r = {0};
    if (!is_empty(leaf)) {
        struct cpuid_regs native = cpuid(leaf, subleaf);
        r = (struct soft_cpuid){native.eax, native.ebx, native.ecx, native.edx};
        edit(leaf, subleaf, &r);
        compute(lp, (struct query){leaf, subleaf, true}, &r);
    }
    faults_cpuid(lp->index, leaf, subleaf, &r);
    return r;
}

struct soft_cpuid cpuid_module(const struct lp *lp, u32 leaf, u32 subleaf)
{
    struct soft_cpuid r = {0};
    for (size_t i = 0; i < ARRAY_COUNT(module_rows); i++) {
        if (module_rows[i].leaf != leaf ||
            (module_rows[i].subleaf != ANY && module_rows[i].subleaf != subleaf))
            continue;
        r = module_rows[i].value;
        break;
    }
    compute(lp, (struct query){leaf, subleaf, false}, &r);
    faults_cpuid(lp->index, leaf, subleaf, &r);
    return r;
}
