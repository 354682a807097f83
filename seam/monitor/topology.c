/* SPDX-License-Identifier: MIT */
#include "seam/monitor/topology.h"

#include "lib/format.h"
#include "lib/string.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"

enum {
#define TOPOLOGY(symbol, name, signature, packages, start, text) OWNER_##symbol,
#include "seam/monitor/topologies.def"
    TOPOLOGIES
};

/* All topologies' ranges in one table each; a topology's own stand together, as they do in the .def file. */
struct owned_range {
    u32 owner;
    struct topology_range range;
};
static const struct owned_range all_cmrs[] = {
#define TOPOLOGY_CMR(symbol, base, end) {OWNER_##symbol, {base, end}},
#include "seam/monitor/topologies.def"
};
static const struct owned_range all_usable[] = {
#define TOPOLOGY_USABLE(symbol, base, end) {OWNER_##symbol, {base, end}},
#include "seam/monitor/topologies.def"
};

static struct topology_range cmr_ranges[ARRAY_COUNT(all_cmrs)], usable_ranges[ARRAY_COUNT(all_usable)];

static struct topology topologies[] = {
#define TOPOLOGY(symbol, called, eax, packages, start, words)                                                \
    {.name = called, .signature = eax, .min_packages = packages, .start_with = start},
#include "seam/monitor/topologies.def"
};

static const struct topology_range *collect(u32 owner, const struct owned_range *all, u32 count,
                                            struct topology_range *to, u32 *found)
{
    const struct topology_range *first = NULL;
    *found = 0;
    for (u32 i = 0; i < count; i++) {
        if (all[i].owner != owner)
            continue;
        to[i] = all[i].range;
        first = first ? first : &to[i];
        ++*found;
    }
    return first;
}

const struct topology *topology_by_name(const char *name)
{
    for (u32 i = 0; i < TOPOLOGIES; i++) {
        struct topology *t = &topologies[i];
        if (strcmp(t->name, name) != 0)
            continue;
        t->cmrs = collect(i, all_cmrs, ARRAY_COUNT(all_cmrs), cmr_ranges, &t->cmr_count);
        t->usable = collect(i, all_usable, ARRAY_COUNT(all_usable), usable_ranges, &t->usable_count);
        return t;
    }
    return NULL;
}

void topology_names(char *text, size_t size)
{
    size_t length = 0;
    for (u32 i = 0; i < TOPOLOGIES && length < size; i++)
        length += format(text + length, size - length, "%s%s", i ? ", " : "", topologies[i].name);
}

/* The whole of [base, end) is memory of the machine; pieces of firmware in it are not. */
static bool machine_covers(u64 base, u64 end)
{
    for (u32 i = 0; i < machine.boot.range_count; i++) {
        const struct boot_range *r = &machine.boot.ranges[i];
        if (r->type == BOOT_MEMORY_USABLE && r->base <= base && end <= r->base + r->size)
            return true;
    }
    return false;
}

static bool offered(const struct topology *t, u64 base, u64 end)
{
    for (u32 i = 0; i < t->usable_count; i++)
        if (t->usable[i].base <= base && end <= t->usable[i].end)
            return true;
    return false;
}

/* Usable memory that the topology doesn't offer becomes reserved, page by page of its edges. */
static void hide_unoffered(const struct topology *t)
{
    for (u32 i = 0; i < machine.boot.range_count; i++) {
        const struct boot_range *r = &machine.boot.ranges[i];
        if (r->type != BOOT_MEMORY_USABLE || offered(t, r->base, r->base + r->size))
            continue;
        u64 at = r->base, end = r->base + r->size;
        for (u32 k = 0; k <= t->usable_count && at < end; k++) {
            u64 next = k < t->usable_count ? min_u64(max_u64(t->usable[k].base, at), end) : end;
            if (next > at && !boot_info_carve(&machine.guest, at, next - at, BOOT_MEMORY_RESERVED))
                refuse(
                    "topology %s: the memory map has more than %u pieces: use another firmware or topology",
                    t->name, BOOT_MAX_RANGES);
            at = k < t->usable_count ? max_u64(at, t->usable[k].end) : end;
        }
    }
}

void topology_apply_memory(void)
{
    const struct topology *t = machine.topology;
    machine.guest = machine.boot;
    if (!t->usable)
        return;
    for (u32 i = 0; i < t->usable_count; i++)
        if (t->usable[i].base >= MIB && !machine_covers(t->usable[i].base, t->usable[i].end))
            refuse("topology %s needs memory at 0x%lx-0x%lx, this machine ends at 0x%lx: start it with %s",
                   t->name, t->usable[i].base, t->usable[i].end, machine.ram_end, t->start_with);
    hide_unoffered(t);
}

void topology_require_packages(void)
{
    const struct topology *t = machine.topology;
    if (machine.package_count < t->min_packages)
        refuse("topology %s needs %u packages, this machine has %u: start it with %s", t->name,
               t->min_packages, machine.package_count, t->start_with);
}

bool topology_claims(u64 base, u64 size)
{
    const struct topology *t = machine.topology;
    for (u32 i = 0; i < t->cmr_count; i++)
        if (base < t->cmrs[i].end && t->cmrs[i].base < base + size)
            return true;
    return false;
}

/* One more CMR; when the 32 slots are used up, the two neighbours with the smallest hole between them become
 * one. */
static void add_cmr(u64 base, u64 end)
{
    struct tdx_cmr *cmrs = machine.cmrs;
    u32 *count = &machine.cmr_count;
    if (*count && cmrs[*count - 1].base + cmrs[*count - 1].size == base) {
        cmrs[*count - 1].size = end - cmrs[*count - 1].base;
        return;
    }
    if (*count == TDX_MAX_CMRS) {
        u32 best = 0;
        for (u32 i = 0; i + 1 < *count; i++)
            if (cmrs[i + 1].base - (cmrs[i].base + cmrs[i].size) <
                cmrs[best + 1].base - (cmrs[best].base + cmrs[best].size))
                best = i;
        cmrs[best].size = cmrs[best + 1].base + cmrs[best + 1].size - cmrs[best].base;
        memmove(&cmrs[best + 1], &cmrs[best + 2], (*count - best - 2) * sizeof(*cmrs));
        --*count;
    }
    cmrs[(*count)++] = (struct tdx_cmr){base, end - base};
}

void topology_make_cmrs(void)
{
    const struct topology *t = machine.topology;
    for (u32 i = 0; i < t->cmr_count; i++)
        add_cmr(t->cmrs[i].base, t->cmrs[i].end);
    for (u32 i = 0; i < machine.guest.range_count && !t->cmrs; i++) {
        const struct boot_range *r = &machine.guest.ranges[i];
        u64 base = max_u64(align_up(r->base, PAGE_SIZE), MIB); /* MCHECK leaves the first MiB out */
        u64 end = align_down(r->base + r->size, PAGE_SIZE);
        if (r->type == BOOT_MEMORY_USABLE && base < end)
            add_cmr(base, end);
    }
}
