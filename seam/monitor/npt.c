/* SPDX-License-Identifier: MIT */
/*
 * AMD64 APM volume 2, 15.25. Nested tables look like ordinary ones; every access of the guest counts as a
 * user access. Accessed and dirty are preset so that nobody has to write them.
 */
#include "seam/monitor/npt.h"

#include "kernel/cpu.h"
#include "lib/string.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/death.h"
#include "seam/monitor/lock.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"

#define PRESENT    (1ull << 0)
#define LARGE      (1ull << 7)
#define RIGHTS     0x67ull /* present, writable, user, accessed, dirty */
#define FRAME      0x000FFFFFFFFFF000ull
#define HOLE_SHIFT 1 /* a hole's entry: not present, the reason in bits 3:1 */

#define LEVEL_PAGE   1
#define LEVEL_ROOT   4
#define ROOT_ENTRIES 128 /* for the address bits without KeyID */
#define TOP_ENTRIES  16  /* bits 51:48, KeyID bits all of them */

#define XAPIC_PAGE 0xFEE00000ull

static u64 *root;
static u64 *top; /* one level above, where the monitor uses 5-level paging; else NULL */
static struct lock lock;
volatile u64 npt_generation = 1;

static u32 level_shift(u32 level)
{
    return 12 + 9 * (level - 1);
}

static bool is_table(u64 entry, u32 level)
{
    return (entry & PRESENT) && !(entry & LARGE) && level > LEVEL_PAGE;
}

static u64 leaf_of(u64 pa, u32 level)
{
    return pa | RIGHTS | (level > LEVEL_PAGE ? LARGE : 0);
}

/* A table of level that says the same as the entry above it. */
static void fill_table(u64 *table, u64 entry, u32 level)
{
    u64 step = 1ull << level_shift(level);
    for (u64 i = 0; i < 512; i++)
        table[i] = entry & PRESENT ? leaf_of((entry & FRAME) + i * step, level) : entry;
}

/*
 * Nested tables of 4 levels look at address bits 47:0, of which 47:46 are KeyID bits: a root shows the same
 * memory four times.
 */
static void set_table(u64 *entry, u64 *table, u32 level)
{
    u32 copies = level == LEVEL_ROOT ? 4 : 1;
    for (u32 i = 0; i < copies; i++)
        __atomic_store_n(&entry[i * ROOT_ENTRIES], (u64)table | RIGHTS, __ATOMIC_RELEASE);
}

/* Puts a table in place of an entry. */
static u64 *split(u64 *entry, u32 level)
{
    u64 *table = heap_take(PAGE_SIZE, PAGE_SIZE);
    if (!table)
        return NULL;
    fill_table(table, *entry, level - 1);
    set_table(entry, table, level);
    return table;
}

/* Entries of one table, as many as stand for whole pieces of the room; returns their size. hole < 0: mapped.
 */
static u64 set_entries(u64 *table, u64 gpa, u64 room, u32 level, int hole)
{
    u64 span = 1ull << level_shift(level), done = 0;
    for (u64 i = gpa >> level_shift(level) & 511; i < 512 && room - done >= span; i++, done += span) {
        if (is_table(table[i], level))
            break;
        u64 value = hole < 0 ? leaf_of(gpa + done, level) : (u64)hole << HOLE_SHIFT;
        __atomic_store_n(&table[i], value, __ATOMIC_RELEASE);
    }
    return done;
}

/* Sets the largest pieces that start at gpa and fit in room; returns their size, 0 without memory. */
static u64 set_piece(u64 gpa, u64 room, int hole)
{
    u64 *table = root;
    for (u32 level = LEVEL_ROOT;; level--) {
        u64 span = 1ull << level_shift(level);
        u64 *entry = &table[gpa >> level_shift(level) & 511];
        bool whole = level < LEVEL_ROOT && is_aligned(gpa, span) && room >= span;
        if (whole && !is_table(*entry, level))
            return set_entries(table, gpa, room, level, hole);
        table = is_table(*entry, level) ? (u64 *)(*entry & FRAME) : split(entry, level);
        if (!table)
            return 0;
    }
}

static bool set_range(u64 base, u64 size, int hole)
{
    u64 done = 1;
    lock_take(&lock);
    for (u64 at = base; at < base + size && done; at += done)
        done = set_piece(at, base + size - at, hole);
    lock_release(&lock);
    return done != 0;
}

bool npt_make_hole(u64 base, u64 size, enum npt_hole why)
{
    return set_range(base, size, (int)why);
}

bool npt_give_back(u64 base, u64 size)
{
    return set_range(base, size, -1);
}

/* The entry that decides about gpa, and its level. */
static u64 *find(u64 gpa, u32 *level)
{
    u64 *table = root;
    for (*level = LEVEL_ROOT;; --*level) {
        u64 *entry = &table[gpa >> level_shift(*level) & 511];
        if (!is_table(*entry, *level))
            return entry;
        table = (u64 *)(*entry & FRAME);
    }
}

bool npt_reach(u64 gpa)
{
    return set_range(align_down(gpa, GIB), GIB, -1);
}

enum npt_hole npt_why(u64 gpa, bool *mapped)
{
    u32 level;
    u64 entry = *find(gpa, &level);
    *mapped = entry & PRESENT;
    return *mapped ? NPT_UNUSED : (enum npt_hole)(entry >> HOLE_SHIFT & 7);
}

void npt_each_hole(enum npt_hole why, void (*give)(u64 base, u64 size))
{
    u64 start = 0, length = 0;
    for (u64 at = 0; at < 1ull << NPT_ADDRESS_BITS;) {
        u32 level;
        u64 entry = *find(at, &level);
        u64 span = 1ull << level_shift(level);
        if (!(entry & PRESENT) && entry >> HOLE_SHIFT == (u64)why) {
            start = length ? start : at;
            length += span;
        } else if (length) {
            give(start, length);
            length = 0;
        }
        at += span;
    }
    if (length)
        give(start, length);
}

/* A level-5 table over a level-4 one: nested tables have as many levels as the tables of the monitor itself.
 */
static u64 *cover(u64 *level_5, const u64 *level_4)
{
    for (u32 i = 0; i < TOP_ENTRIES; i++)
        level_5[i] = (u64)level_4 | RIGHTS;
    return level_5;
}

void npt_build(void)
{
    root = heap_need(PAGE_SIZE, PAGE_SIZE, "nested page tables");
    if (read_cr4() & CR4_LA57)
        top = cover(heap_need(PAGE_SIZE, PAGE_SIZE, "nested page tables"), root);
    u64 end = max_u64(align_up(machine.ram_end, GIB), 4 * GIB);
    bool built = npt_give_back(0, end) && npt_make_hole(machine.seamrr, machine.seamrr_size, NPT_SEAMRR) &&
                 npt_make_hole(XAPIC_PAGE, PAGE_SIZE, NPT_XAPIC);
    if (!built)
        refuse("SEAMRR has no room for the nested page tables of %lu GiB of memory", end / GIB);
}

u64 npt_root(void)
{
    return (u64)(top ? top : root);
}

/* ---- private views ---- */

#define VIEW_TABLES (1 + NPT_VIEW_PAGES * (LEVEL_ROOT - LEVEL_PAGE)) /* and one for a fifth level */

bool npt_view_open(struct npt_view *view)
{
    lock_take(&lock);
    if (!view->tables)
        view->tables = heap_take((VIEW_TABLES + 1) * PAGE_SIZE, PAGE_SIZE);
    lock_release(&lock);
    if (!view->tables)
        return false;
    memcpy(view->tables, root, PAGE_SIZE);
    view->used = 1;
    return true;
}

static bool owns(const struct npt_view *view, u64 table)
{
    return table - (u64)view->tables < VIEW_TABLES * PAGE_SIZE;
}

/* The view's own copy of the table under an entry; NULL: the view is full. */
static u64 *own_table(struct npt_view *view, u64 *entry, u32 level)
{
    u64 below = *entry & FRAME;
    bool shared = is_table(*entry, level);
    if (shared && owns(view, below))
        return (u64 *)below;
    if (view->used == VIEW_TABLES)
        return NULL;
    u64 *table = view->tables + 512 * view->used++;
    if (shared)
        memcpy(table, (const void *)below, PAGE_SIZE);
    else
        fill_table(table, *entry, level - 1);
    set_table(entry, table, level);
    return table;
}

bool npt_view_show(struct npt_view *view, u64 page, u64 instead)
{
    u64 *table = view->tables;
    for (u32 level = LEVEL_ROOT; level > LEVEL_PAGE && table; level--)
        table = own_table(view, &table[page >> level_shift(level) & 511], level);
    if (table)
        table[page >> level_shift(LEVEL_PAGE) & 511] = leaf_of(instead, LEVEL_PAGE);
    return table != NULL;
}

u64 npt_view_root(const struct npt_view *view)
{
    return (u64)(top ? cover(view->tables + VIEW_TABLES * 512, view->tables) : view->tables);
}

/* ---- forgetting ---- */

/*
 * The other half is in run_guest() (ap.c): an LP says "in guest" and then looks at the generation, we raise
 * the generation and then look who is in the guest; so either it flushes by itself or we wait for it to
 * leave.
 */
void npt_flush_others(struct lp *lp)
{
    lp_count_event(lp, MONITOR_COUNT_FLUSHES);
    u64 generation = __atomic_add_fetch(&npt_generation, 1, __ATOMIC_SEQ_CST);
    for (u32 i = 0; i < lp_count; i++)
        if (lp_at(i) != lp && lp_at(i)->in_guest && !lp_at(i)->idle)
            lp_kick(lp_at(i));
    u64 start = rdtsc();
    for (u32 i = 0; i < lp_count; i++) {
        struct lp *other = lp_at(i);
        while (other != lp && other->in_guest && !other->idle && other->translations_seen < generation) {
            if (rdtsc() - start > LP_PATIENCE)
                monitor_bug("LP %u doesn't leave the guest to flush its translations", i);
            cpu_relax();
        }
    }
}
