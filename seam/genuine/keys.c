/* SPDX-License-Identifier: MIT */
#include "seam/genuine/keys.h"

#include "lib/string.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"

#define RIGHTS 0x67ull
#define LARGE  (1ull << 7)

static u64 *top;

void keys_build(const struct space *space)
{
    (void)space;
    top = heap_need(PAGE_SIZE, PAGE_SIZE, "the module's nested page tables");
    u64 *root = heap_need(PAGE_SIZE, PAGE_SIZE, "the module's nested page tables");
    u64 *pdpt = heap_need(PAGE_SIZE, PAGE_SIZE, "the module's nested page tables");
    for (u64 i = 0; i < 512; i++)
        pdpt[i] = i << 30 | RIGHTS | LARGE;
    for (u32 i = 0; i < 4; i++)
        root[i * 128] = (u64)pdpt | RIGHTS;
    for (u32 i = 0; i < 16; i++)
        top[i] = (u64)root | RIGHTS;
}

u64 keys_root(void)
{
    return (u64)top;
}

void keys_reset(void)
{
}

void keys_configured(struct lp *lp, u16 hkid)
{
    (void)lp;
    (void)hkid;
}

void *keys_reach(struct lp *lp, u64 pa, u32 size, bool write)
{
    (void)write;
    pa &= (1ull << 46) - 1;
    if (pa - seam_space.block < seam_space.size)
        return (void *)pa;
    void *at = memory_ram(pa, size);
    if (!at)
        seam_stop(lp, "touched physical address 0x%lx, where there is no memory", pa);
    return at;
}

void keys_nested_fault(struct lp *lp)
{
    seam_stop(lp, "met a nested fault at 0x%lx", lp->vmcb->exit_info_2);
}

enum monitor_owner keys_owner(u64 page)
{
    (void)page;
    return MONITOR_OWNER_HOST;
}
