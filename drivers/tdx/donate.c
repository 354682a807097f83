/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/donate.h"

#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/traps.h"
#include "lib/format.h"

#define CACHE_LINE 64

/* PAMT: up to three blocks for each of 64 TDMRs; pool: one entry per batch that isn't merged with its
 * neighbour. */
#define LEDGER_MAX 1024

struct donation {
    u64 base, size;
    enum donation_kind kind;
    enum donation_state state;
};

static struct donation
    ledger[LEDGER_MAX]; /* in order of hand-over; touching entries of one kind and state merge */
static u32 ledger_count;
static bool flush_wanted;
static u64 flushed_lines;

static const char *const kind_names[DONATION_KINDS] = {"PAMT", "extension pool"};
static const char *const state_names[] = {"set aside for the module", "offered to the module",
                                          "owned by the module", "stranded"};

void donate_set_flush(bool flush)
{
    flush_wanted = flush;
}

static void write_back(pa_t base, u64 size)
{
    const char *line = phys_to_virt(base);
    for (u64 offset = 0; offset < size; offset += CACHE_LINE)
        __asm__ volatile("clflush %0" : : "m"(line[offset]) : "memory");
    __asm__ volatile("mfence" : : : "memory");
    flushed_lines += size / CACHE_LINE;
}

static void ledger_add(u64 base, u64 size, enum donation_kind kind, enum donation_state state)
{
    for (u32 i = 0; i < ledger_count; i++)
        if (ledger[i].kind == kind && ledger[i].state == state && ledger[i].base + ledger[i].size == base) {
            ledger[i].size += size;
            return;
        }
    if (ledger_count == LEDGER_MAX)
        panic("donation ledger full (%u entries): too many separate blocks were handed to the module",
              LEDGER_MAX);
    ledger[ledger_count++] = (struct donation){base, size, kind, state};
}

void donate(pa_t base, u64 size, enum donation_kind kind)
{
    if (flush_wanted)
        write_back(base, size);
    memory_lock();
    bool retired = contig_retire(memory_pool(), base, size);
    memory_unlock();
    if (!retired)
        panic("donating 0x%lx+0x%lx, which the allocator didn't give out", pa_raw(base), size);
    direct_map_remove(base, size);
    ledger_add(pa_raw(base), size, kind, DONATION_SET_ASIDE);
}

/* Takes [base, base+size) out of the entry that holds it, whose rest stays as it is; returns that entry. */
static struct donation ledger_remove(pa_t base, u64 size)
{
    u64 from = pa_raw(base), to = from + size;
    for (u32 i = 0; i < ledger_count; i++) {
        struct donation old = ledger[i];
        if (from < old.base || to > old.base + old.size)
            continue;
        ledger[i] = ledger[--ledger_count];
        if (from > old.base)
            ledger_add(old.base, from - old.base, old.kind, old.state);
        if (to < old.base + old.size)
            ledger_add(to, old.base + old.size - to, old.kind, old.state);
        return old;
    }
    panic("0x%lx+0x%lx was never donated as one block", from, size);
}

void donate_settle(pa_t base, u64 size, enum donation_state state)
{
    struct donation old = ledger_remove(base, size);
    ledger_add(pa_raw(base), size, old.kind, state);
}

static void make_ordinary(u64 base, u64 size)
{
    direct_map_restore(pa_of(base), size);
    memory_lock();
    contig_restore(memory_pool(), pa_of(base), size);
    memory_unlock();
}

void donate_take_back(pa_t base, u64 size)
{
    struct donation old = ledger_remove(base, size);
    if (old.state != DONATION_SET_ASIDE)
        panic("taking back 0x%lx+0x%lx, which the module may own", pa_raw(base), size);
    make_ordinary(pa_raw(base), size);
}

u64 donated_bytes(enum donation_kind kind, enum donation_state state)
{
    u64 bytes = 0;
    for (u32 i = 0; i < ledger_count; i++)
        if (ledger[i].kind == kind && ledger[i].state == state)
            bytes += ledger[i].size;
    return bytes;
}

u64 donated_flushed_lines(void)
{
    return flushed_lines;
}

const char *donate_describe(u64 physical)
{
    static char text[96];
    for (u32 i = 0; i < ledger_count; i++)
        if (physical >= ledger[i].base && physical - ledger[i].base < ledger[i].size) {
            format(text, sizeof(text), "%s page 0x%lx (%s)", kind_names[ledger[i].kind],
                   align_down(physical, PAGE_SIZE), state_names[ledger[i].state]);
            return text;
        }
    return NULL;
}

u64 donate_take_back_all(void)
{
    u64 bytes = 0;
    while (ledger_count > 0) {
        struct donation *last = &ledger[--ledger_count];
        make_ordinary(last->base, last->size);
        bytes += last->size;
    }
    return bytes;
}

static const char *describe_virtual(u64 address)
{
    if (address < DIRECT_MAP_BASE || address - DIRECT_MAP_BASE >= DIRECT_MAP_SIZE)
        return NULL;
    return donate_describe(address - DIRECT_MAP_BASE);
}

void donate_init(void)
{
    trap_describe_address = describe_virtual;
}
