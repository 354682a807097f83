/* SPDX-License-Identifier: MIT */
/*
 * KeyIDs and snapshots without a machine: some RAM and some SEAMRR, mapped low in the process so that the
 * code under test can use physical addresses as pointers; a guest's nested tables that remember holes; and a
 * CPU that walks the module's nested tables, notes in them what it writes, and faults. Like a CPU's, its
 * translations are stale until they are flushed: cpu_access() uses a remembered one for as long as it may.
 */
#ifndef TESTS_UNIT_FAKE_KEYS_H
#define TESTS_UNIT_FAKE_KEYS_H

#include "tests/unit/support.h"

#include <string.h>
#include <sys/mman.h>

#include "drivers/tdx/abi/tdx.h"
#include "lib/format.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/keys_state.h"
#include "seam/genuine/slots.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/death.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"
#include "seam/monitor/platform.h"

#define RAM         0x10000000ull
#define RAM_PAGES   1536ull /* three pieces of 2 MiB */
#define SEAMRR      0x14000000ull
#define SEAMRR_SIZE (32 * MIB)
#define BLOCK       (SEAMRR + 2 * MIB)
#define BLOCK_PAGES 8ull
#define HEAP        (SEAMRR + 4 * MIB)
#define LPS         2u
#define NO_HOLE     0
#define JUNK_BYTE   0xDB

#define TRANSLATIONS 8 /* that a CPU remembers */

#define PARTITION 0x200000001Full /* MSR 0x87: 31 shared, 32 private */

struct translation {
    u64 page, frame;
    bool write;
};

static struct {
    struct lp lps[LPS];
    struct vmcb vmcbs[LPS];
    struct seam_lp seams[LPS];
    struct lp *current;
    struct translation translations[LPS][TRANSLATIONS];
    u64 heap_used, heap_limit;
    u8 holes[RAM_PAGES];
    u64 partition;
    u32 flushes;
    bool notes_nothing;  /* a CPU that doesn't set the dirty bit */
    char stopped[200];   /* why; "": it wasn't */
    u32 packages_of_lps; /* 1: all LPs in one package */
} fake;

struct space seam_space;
struct options options;
struct machine machine;
u64 memory_seamrr_base = SEAMRR, memory_seamrr_size = SEAMRR_SIZE;
u32 lp_count = LPS;

/* ---- the monitor's part ---- */

void lock_take(struct lock *lock)
{
    assert_false(lock->taken);
    lock->taken = 1;
}

struct lp *lp_at(u32 index)
{
    assert_in_range(index, 0, LPS - 1);
    return &fake.lps[index];
}

struct lp *lp_current(void)
{
    return fake.current;
}

void *heap_take(u64 size, u64 align)
{
    u64 at = align_up(fake.heap_used, align);
    if (at + size > fake.heap_limit)
        return NULL;
    fake.heap_used = at + size;
    return memset((void *)(HEAP + at), 0, size);
}

void *heap_need(u64 size, u64 align, const char *what)
{
    void *at = heap_take(size, align);
    if (!at)
        fail_msg("no room for %s", what);
    return at;
}

u64 heap_left(void)
{
    return fake.heap_limit - fake.heap_used;
}

void refuse(const char *fmt, ...)
{
    fail_msg("refused: %s", fmt);
    __builtin_unreachable();
}

void *memory_ram(u64 pa, u64 size)
{
    return pa >= RAM && pa + size <= RAM + RAM_PAGES * PAGE_SIZE ? (void *)pa : NULL;
}

bool msr_module_read(const struct lp *lp, u32 msr, u64 *value)
{
    (void)lp;
    assert_int_equal(msr, 0x87);
    *value = fake.partition;
    return true;
}

struct placement faults_placement(const struct lp *lp)
{
    return (struct placement){.package_shift = 1,
                              .x2apic_id = fake.packages_of_lps == 1 ? lp->index : lp->index << 1};
}

static void set_holes(u64 base, u64 size, u8 why)
{
    assert_true(base >= RAM && base + size <= RAM + RAM_PAGES * PAGE_SIZE);
    for (u64 page = (base - RAM) / PAGE_SIZE; size; size -= PAGE_SIZE)
        fake.holes[page++] = why;
}

bool npt_make_hole(u64 base, u64 size, enum npt_hole why)
{
    set_holes(base, size, (u8)why);
    return true;
}

bool npt_give_back(u64 base, u64 size)
{
    set_holes(base, size, NO_HOLE);
    return true;
}

void npt_each_hole(enum npt_hole why, void (*give)(u64 base, u64 size))
{
    for (u64 page = 0; page < RAM_PAGES; page++)
        if (fake.holes[page] == why)
            give(RAM + page * PAGE_SIZE, PAGE_SIZE);
}

void platform_fill_with_junk(u64 base, u64 size)
{
    for (u64 page = base; page < base + size; page += PAGE_SIZE)
        memset((void *)page, JUNK_BYTE, 64);
}

void seam_stop(struct lp *lp, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    assert_string_equal(fake.stopped, ""); /* once is enough */
    u64 length = (u64)format_v(fake.stopped, sizeof(fake.stopped), fmt, args);
    va_end(args);
    assert_in_range(length, 1, 119); /* the real one has no room for more */
    lp->seam->end = SEAM_STOPPED;
}

bool seam_stopped(void)
{
    return fake.stopped[0] != 0;
}

void seam_revive(void)
{
    fake.stopped[0] = 0;
}

void seam_flush_others(struct lp *lp)
{
    (void)lp;
    fake.flushes++;
    memset(fake.translations, 0, sizeof(fake.translations));
}

/* ---- the CPU ---- */

#define LEAF_PRESENT 0x1ull
#define LEAF_WRITE   0x2ull
#define LEAF_USER    0x4ull
#define LEAF_DIRTY   0x40ull
#define LEAF_FRAME   0xFFFFFFFFFF000ull

static u64 *cpu_leaf(u64 address)
{
    u64 *table = (u64 *)keys_root();
    for (u32 shift = 48;; shift -= 9) {
        u64 *entry = &table[address >> shift & 511];
        if (!(*entry & LEAF_PRESENT))
            return NULL;
        assert_true(*entry & LEAF_USER);
        if (shift == 12)
            return entry;
        table = (u64 *)(*entry & LEAF_FRAME);
    }
}

/* What an instruction of the module reaches at an address with its KeyID; NULL: the module has been stopped.
 */
static void *cpu_access(struct lp *lp, u64 address, bool write)
{
    u64 page = align_down(address, PAGE_SIZE), offset = address - page, number = page / PAGE_SIZE;
    struct translation *t = &fake.translations[lp->index][(number ^ number >> 34) % TRANSLATIONS];
    while (!t->frame || t->page != page || (write && !t->write)) {
        u64 *leaf = cpu_leaf(page);
        if (leaf && (!write || (*leaf & LEAF_WRITE))) {
            *leaf |= write && !fake.notes_nothing ? LEAF_DIRTY : 0;
            *t = (struct translation){page, *leaf & LEAF_FRAME, write || (*leaf & LEAF_DIRTY)};
            break;
        }
        lp->vmcb->exit_info_2 = address;
        lp->vmcb->exit_info_1 = write ? NPF_WRITE : 0;
        keys_nested_fault(lp);
        if (seam_stopped())
            return NULL;
    }
    return (void *)(t->frame + offset);
}

static u64 with_key(u64 page, u64 key)
{
    return page | key << 46;
}

static bool cpu_write(struct lp *lp, u64 address, u64 value)
{
    u64 *at = cpu_access(lp, address, true);
    if (at)
        *at = value;
    return at != NULL;
}

static u64 cpu_read(struct lp *lp, u64 address)
{
    const u64 *at = cpu_access(lp, address, false);
    return at ? *at : 0;
}

/* ---- a test's part ---- */

static u64 page_at(u64 i)
{
    return RAM + i * PAGE_SIZE;
}

static inline u64 violations(void)
{
    return fake.lps[0].counters[MONITOR_COUNT_VIOLATIONS] + fake.lps[1].counters[MONITOR_COUNT_VIOLATIONS];
}

/* A call that ends now. */
static void call(struct lp *lp, u64 leaf, u64 rcx, u64 rdx, u64 rax, u64 r8)
{
    const struct soft_regs in = {.rax = leaf, .rcx = rcx, .rdx = rdx};
    lp->regs = (struct soft_regs){.rax = rax, .r8 = r8};
    keys_call_done(lp, &in, true);
}

static void configure_keys(void)
{
    for (u32 lp = 0; lp < LPS; lp++)
        for (u16 key = 40; key < 44; key++)
            keys_configured(&fake.lps[lp], key);
}

static void reserve(u64 base, u64 size)
{
    munmap((void *)base, size);
    void *at = mmap((void *)base, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    assert_ptr_equal(at, (void *)base);
}

static int start(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof(fake));
    memset(&keys, 0, sizeof(keys));
    memset(&options, 0, sizeof(options));
    memset(&seam_space, 0, sizeof(seam_space));
    test_log_clear();
    reserve(RAM, RAM_PAGES * PAGE_SIZE);
    reserve(SEAMRR, SEAMRR_SIZE);
    fake.current = &fake.lps[0];
    fake.heap_limit = SEAMRR_SIZE - (HEAP - SEAMRR);
    fake.partition = PARTITION;
    fake.packages_of_lps = 1;
    for (u32 i = 0; i < LPS; i++) {
        fake.lps[i] = (struct lp){.index = i, .vmcb = &fake.vmcbs[i], .seam = &fake.seams[i]};
        fake.seams[i].seam_vmcs = SEAMRR + (i + 1) * PAGE_SIZE;
    }
    machine.ram_end = RAM + RAM_PAGES * PAGE_SIZE;
    keys_build(BLOCK, BLOCK_PAGES * PAGE_SIZE);
    slots_prepare();
    for (u32 i = 0; i < LPS; i++)
        call(&fake.lps[i], TDH_SYS_RD, 0, 0, TDX_SUCCESS, 0); /* nothing is left of the last test's calls */
    return 0;
}

#endif
