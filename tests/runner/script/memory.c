/* SPDX-License-Identifier: MIT */
/*
 * Memory of a script: pages of the arena one after the other, all of which are its own again at the next
 * `from`. A script can't touch what the module owns: that is a mistake, named with its page.
 */
#include "tests/runner/script/run.h"

#include "lib/log.h"
#include "lib/string.h"

static u64 kept; /* bytes at the arena's start that stayed with a module which can't be reset */

static u64 arena_end(const struct script_run *run)
{
    return run->port->arena + run->port->arena_size - SCRIPT_HARNESS_PAGES * PAGE_SIZE;
}

u64 run_harness_page(const struct script_run *run, u32 index)
{
    return arena_end(run) + index * PAGE_SIZE;
}

u64 run_arena_left(const struct script_run *run)
{
    return arena_end(run) - run->arena_next;
}

void run_memory_start(void)
{
    kept = 0;
}

/* Pages that a call of the last case may have given away don't come back without a reset of the module. */
void run_memory_reset(struct script_run *run)
{
    u64 start = run->port->arena + kept;
    if (!run->port->monitor && run->disturbed && run->arena_next > start) {
        kept = run->arena_next - run->port->arena;
        start = run->arena_next;
    }
    run->arena_next = start;
}

bool run_alloc(struct script_run *run, u64 pages, u64 align, u64 *address)
{
    u64 end = arena_end(run);
    if (pages == 0)
        return run_mistake(run, "alloc of no pages");
    if (align & (align - 1))
        return run_mistake(run, "0x%llx isn't a power of two", (unsigned long long)align);
    u64 at = run->arena_next;
    if (align > PAGE_SIZE && !is_aligned(at, align))
        at = align > end ? end + 1 : align_up(at, align);
    if (at > end || pages > (end - at) / PAGE_SIZE)
        return run_skip(run, "needs %llu pages of TDX memory, %llu are left", (unsigned long long)pages,
                        (unsigned long long)(run_arena_left(run) / PAGE_SIZE));
    run->arena_next = at + pages * PAGE_SIZE;
    *address = at;
    return true;
}

/* What the monitor thinks of a page; without one, what the module says: its own types are private. */
static bool owned(struct script_run *run, u64 page)
{
    u64 owner = MONITOR_OWNER_HOST;
    const struct script_port *port = run->port;
    if (!run->disturbed && page - port->arena < port->arena_size)
        return false;
    if (port->monitor) {
        if (!port->monitor_write(port->context, MONITOR_MSR_PAGE_SELECT, page) ||
            !port->monitor_read(port->context, MONITOR_MSR_PAGE_OWNER, &owner))
            return false;
        return owner != MONITOR_OWNER_HOST && owner != MONITOR_OWNER_RESERVED &&
               owner != MONITOR_OWNER_NO_RAM;
    }
    struct script_made made = run_call_leaf(run, TDH_PHYMEM_PAGE_RDMD, page, 0);
    return made.out.r[REG_RAX] == TDX_SUCCESS && made.out.r[REG_RCX] != TDX_PAGE_NDA &&
           made.out.r[REG_RCX] != TDX_PAGE_RSVD;
}

void *run_memory(struct script_run *run, u64 pa, u64 size)
{
    if (size == 0 || pa + size < pa || size > GIB) {
        run_mistake(run, "0x%llx bytes at 0x%llx is no memory", (unsigned long long)size,
                    (unsigned long long)pa);
        return NULL;
    }
    for (u64 page = align_down(pa, PAGE_SIZE); page < pa + size; page += PAGE_SIZE) {
        if (is_aligned(page, PAGES_BETWEEN_LOOKS * PAGE_SIZE) && !run_in_time(run))
            return NULL;
        if (owned(run, page)) {
            run_mistake(run, "page 0x%llx is the module's: a host mustn't touch it",
                        (unsigned long long)page);
            return NULL;
        }
    }
    void *at = run->port->memory(run->port->context, pa, size);
    if (!at)
        run_mistake(run, "no ordinary memory at 0x%llx (0x%llx bytes)", (unsigned long long)pa,
                    (unsigned long long)size);
    return at;
}

bool run_write(struct script_run *run, u64 pa, u64 value)
{
    void *at = run_memory(run, pa, sizeof(value));
    if (!at)
        return false;
    memcpy(at, &value, sizeof(value));
    return true;
}

bool run_fill(struct script_run *run, u64 pa, u64 bytes, u64 pattern)
{
    u8 *at = bytes ? run_memory(run, pa, bytes) : NULL;
    if (bytes && !at)
        return false;
    for (u64 i = 0; i < bytes; i += sizeof(pattern)) {
        if (is_aligned(i, PAGES_BETWEEN_LOOKS * PAGE_SIZE) && !run_in_time(run))
            return false;
        memcpy(at + i, &pattern, min_u64(sizeof(pattern), bytes - i));
    }
    return true;
}

void script_finish(void)
{
    if (kept)
        log_line("scripts: %llu KiB stay with the module, because it can't be reset",
                 (unsigned long long)(kept / 1024));
}
