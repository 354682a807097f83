/* SPDX-License-Identifier: MIT */
/* AMD64 APM volume 2, 15.25; what a CPU notes in them: 15.25.5. QEMU's TCG does so. */
#include "seam/genuine/module_npt.h"

#include "seam/monitor/memory.h"

#define PRESENT  (1ull << 0)
#define WRITABLE (1ull << 1)
#define USER     (1ull << 2) /* all of a guest's accesses count as a user's */
#define ACCESSED (1ull << 5)
#define DIRTY    (1ull << 6)
#define FRAME    0x000FFFFFFFFFF000ull

#define TABLE (PRESENT | WRITABLE | USER | ACCESSED | DIRTY)

#define LEVEL_PAGE 1
#define LEVEL_ROOT 5

#define KEYS_A_ROOT 4 /* an entry of the top table is for 256 TiB */

static u64 *root;

static const u64 leaf_bits[] = {
    [SHOW_READ] = PRESENT | USER | ACCESSED,
    [SHOW_WRITE] = PRESENT | USER | ACCESSED | WRITABLE,
    [SHOW_WRITTEN] = PRESENT | USER | ACCESSED | WRITABLE | DIRTY,
};

void module_npt_build(void)
{
    root = heap_need(PAGE_SIZE, PAGE_SIZE, "the module's nested page tables");
}

u64 module_npt_root(void)
{
    return (u64)root;
}

static u64 *entry_in(u64 *table, u64 address, u32 level)
{
    return &table[address >> (12 + 9 * (level - 1)) & 511];
}

/* The entry of a page; NULL: there is no table for it. */
static u64 *find(u64 address)
{
    u64 *table = root;
    for (u32 level = LEVEL_ROOT; level > LEVEL_PAGE; level--) {
        u64 entry = *entry_in(table, address, level);
        if (!entry)
            return NULL;
        table = (u64 *)(entry & FRAME);
    }
    return entry_in(table, address, LEVEL_PAGE);
}

static u64 *make(u64 address)
{
    u64 *table = root;
    for (u32 level = LEVEL_ROOT; level > LEVEL_PAGE; level--) {
        u64 *entry = entry_in(table, address, level);
        if (!*entry) {
            void *below = heap_take(PAGE_SIZE, PAGE_SIZE);
            if (!below)
                return NULL;
            __atomic_store_n(entry, (u64)below | TABLE, __ATOMIC_RELEASE);
        }
        table = (u64 *)(*entry & FRAME);
    }
    return entry_in(table, address, LEVEL_PAGE);
}

bool module_npt_show(u64 address, u64 frame, enum module_npt_rights rights)
{
    u64 *leaf = make(address);
    if (leaf)
        __atomic_store_n(leaf, frame | leaf_bits[rights], __ATOMIC_RELEASE);
    return leaf != NULL;
}

void *module_npt_frame(u64 address, bool write)
{
    const u64 *leaf = find(address);
    bool good = leaf && (*leaf & PRESENT) && (!write || (*leaf & WRITABLE));
    return good ? (void *)(*leaf & FRAME) : NULL;
}

static bool hide(u64 address, bool *written)
{
    u64 *leaf = find(address);
    if (!leaf || !*leaf)
        return false;
    u64 was = __atomic_exchange_n(leaf, 0, __ATOMIC_ACQ_REL);
    *written = *written || (was & DIRTY);
    return true;
}

/* Most KeyIDs have no tables at all. */
bool module_npt_take_away(u64 page, bool *written)
{
    bool shown = false;
    *written = false;
    for (u32 i = 0; i < MODULE_NPT_KEYS / KEYS_A_ROOT; i++)
        for (u32 key = i * KEYS_A_ROOT; root[i] && key < (i + 1) * KEYS_A_ROOT; key++)
            shown = hide(module_npt_address(page, (u8)key), written) || shown;
    return shown;
}

bool module_npt_written(u64 address, bool forget)
{
    u64 *leaf = find(address);
    if (!leaf || !(*leaf & DIRTY))
        return false;
    if (forget)
        __atomic_and_fetch(leaf, ~DIRTY, __ATOMIC_ACQ_REL);
    return true;
}
