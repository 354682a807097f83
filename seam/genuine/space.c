/* SPDX-License-Identifier: MIT */
#include "seam/genuine/space.h"

#include "lib/format.h"
#include "lib/string.h"

#define BLOCK_ALIGN (2 * MIB)

#define CODE_BASE         0xFFFF800000000000ull
#define STACK_BASE        0xFFFF800100000000ull
#define KEYHOLE_BASE      0xFFFF800200000000ull
#define DATA_BASE         0xFFFF800300000000ull
#define SYSINFO_BASE      0xFFFF8003FFFF0000ull
#define KEYHOLE_EDIT_BASE 0x0000000100000000ull

#define RANDOM_BITS 0x7FFCull /* they become bits 46:34 */
#define RANDOM_TOP  0x4000ull
#define LAST_TABLE  0x7F80ull /* bits 46:39: the last entry of the top table */

#define PTE_PRESENT  (1ull << 0)
#define PTE_WRITABLE (1ull << 1)
#define PTE_USER     (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY    (1ull << 6)
#define PTE_LARGE    (1ull << 7)
#define PTE_NX       (1ull << 63)
#define PTE_ADDRESS  0x000FFFFFFFFFF000ull /* KeyID included */

/* Dirty and not writable: a shadow stack (SDM 3A, 4.6). The user's: so that SMAP guards it. */
#define RIGHTS_CODE   PTE_PRESENT
#define RIGHTS_DATA   (PTE_PRESENT | PTE_WRITABLE | PTE_NX)
#define RIGHTS_SHADOW (PTE_PRESENT | PTE_DIRTY | PTE_NX)
#define RIGHTS_FIXED  (PTE_PRESENT | PTE_NX)
#define RIGHTS_USER   (RIGHTS_DATA | PTE_USER)

#define ENTRIES      512
#define TOP_LEVEL    4 /* level 1 is the page table proper */
#define TABLE_REACH  (ENTRIES * PAGE_SIZE)
#define FIXED_TABLES 10 /* top, 2 of level 3, 6 of level 2, the page table of sysinfo */

#define STACK_STRIDE ((SPACE_STACK_PAGES + 1) * PAGE_SIZE)
#define LOCAL_STRIDE (SPACE_LOCAL_PAGES * PAGE_SIZE)

#define SEAM_STATUS_LOADED 1

struct extent {
    u64 linear, size;
};

/* The system-information page as module 1.5.01 (public source) reads it. */
struct sysinfo {
    u64 version;
    u32 lp_count, package_count, fms[TDX_MAX_PACKAGES];
    u8 reserved_0[16];
    u8 smrr2_forbidden, without_integrity;
    u8 reserved_1[62];
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u8 reserved_2[1408];
    u64 seam_status;
    struct extent code, data, stack, keyhole, keyhole_edit;
    u64 stack_pages, local_pages; /* of an LP, minus one */
    u16 handoff_version, least_handoff_version;
    u8 no_downgrade, reserved_3;
    u16 handoff_pages; /* minus one */
    u8 reserved_4[1936];
};
_Static_assert(offsetof(struct sysinfo, smrr2_forbidden) == 64, "sysinfo");
_Static_assert(offsetof(struct sysinfo, cmrs) == 128, "sysinfo");
_Static_assert(offsetof(struct sysinfo, seam_status) == 2048, "sysinfo");
_Static_assert(offsetof(struct sysinfo, stack_pages) == 2136, "sysinfo");
_Static_assert(offsetof(struct sysinfo, handoff_pages) == 2158, "sysinfo");
_Static_assert(sizeof(struct sysinfo) == PAGE_SIZE, "sysinfo");

/* ---- the layout ---- */

static u64 linear_offset(u64 random)
{
    u64 bits = random & RANDOM_BITS;
    if ((bits & LAST_TABLE) == LAST_TABLE)
        bits &= ~RANDOM_TOP;
    return bits << 32;
}

static u64 tables_over(u64 size)
{
    return align_up(size, TABLE_REACH) / TABLE_REACH;
}

/* Places a region behind what there is so far. */
static struct space_region place(u64 *end, u64 linear, u64 size)
{
    struct space_region region = {linear, *end, size};
    *end += size;
    return region;
}

/* All regions, and the block's size. Page tables stand in front. */
static void lay_out(struct space *space, const struct module_image *image)
{
    u64 offset = linear_offset(space->random), lps = space->lp_count;
    u64 data_pages = space->handoff_pages + 1ul + lps * SPACE_LOCAL_PAGES + SPACE_GLOBAL_PAGES + 1;
    u64 keyhole = lps * SPACE_KEYHOLES_PER_LP * PAGE_SIZE, stack = lps * STACK_STRIDE;
    u64 edit = tables_over(keyhole) * PAGE_SIZE;
    u64 tables = FIXED_TABLES + tables_over(image->span) + tables_over(stack) +
                 tables_over(data_pages * PAGE_SIZE) + tables_over(edit);
    u64 end = space->block + tables * PAGE_SIZE;
    space->keyhole = (struct space_region){KEYHOLE_BASE + offset, 0, keyhole};
    space->keyhole_edit = place(&end, KEYHOLE_EDIT_BASE + offset, edit);
    space->code = place(&end, CODE_BASE + offset, image->span);
    space->stack = place(&end, STACK_BASE + offset, stack);
    space->data = place(&end, DATA_BASE + offset, data_pages * PAGE_SIZE);
    space->sysinfo = place(&end, SYSINFO_BASE + offset, PAGE_SIZE);
    space->size = align_up(end - space->block, BLOCK_ALIGN);
    space->entry = space->code.linear + image->entry;
}

u64 space_size(const struct module_image *image, u32 lp_count, u16 handoff_pages)
{
    struct space space = {.lp_count = lp_count, .handoff_pages = handoff_pages};
    lay_out(&space, image);
    return space.size;
}

/* ---- page tables ---- */

static u32 index_of(u64 linear, u32 level)
{
    return (u32)(linear >> (12 + 9 * (level - 1))) & (ENTRIES - 1);
}

/* The table at a physical address; NULL unless all of it lies in the block. */
static u64 *table_at(const struct space *space, u64 physical)
{
    if (physical - space->block > space->size - PAGE_SIZE)
        return NULL;
    return (u64 *)(space->at + (physical - space->block));
}

/* The entry of this level for a linear address; tables above it are made as needed. */
static u64 *entry_at(struct space *space, u64 linear, u32 level, u64 user)
{
    u64 *table = table_at(space, space->cr3);
    for (u32 at = TOP_LEVEL; at > level; at--) {
        u64 *entry = &table[index_of(linear, at)];
        if (!*entry) {
            *entry = space->tables_end | PTE_PRESENT | PTE_WRITABLE | user;
            space->tables_end += PAGE_SIZE;
        }
        table = table_at(space, *entry & PTE_ADDRESS);
    }
    return &table[index_of(linear, level)];
}

static void map_page(struct space *space, const struct space_region *region, u64 offset, u64 rights)
{
    *entry_at(space, region->linear + offset, 1, rights & PTE_USER) = (region->physical + offset) | rights;
}

static void map(struct space *space, const struct space_region *region, u64 rights)
{
    for (u64 offset = 0; offset < region->size; offset += PAGE_SIZE)
        map_page(space, region, offset, rights);
}

static void map_stacks(struct space *space)
{
    for (u64 offset = 0; offset < space->stack.size; offset += PAGE_SIZE) {
        bool shadow = offset % STACK_STRIDE == SPACE_STACK_PAGES * PAGE_SIZE;
        map_page(space, &space->stack, offset, shadow ? RIGHTS_SHADOW : RIGHTS_DATA);
    }
}

/* The keyhole's page tables are the pages of the edit region: the module writes their entries itself. */
static void map_keyhole(struct space *space)
{
    const struct space_region *edit = &space->keyhole_edit;
    for (u64 i = 0; i < edit->size / PAGE_SIZE; i++)
        *entry_at(space, space->keyhole.linear + i * TABLE_REACH, 2, 0) =
            (edit->physical + i * PAGE_SIZE) | PTE_PRESENT | PTE_WRITABLE;
    map(space, edit, RIGHTS_USER);
}

/* ---- building ---- */

static struct extent extent_of(const struct space_region *region)
{
    return (struct extent){region->linear, region->size};
}

/* All else in the page stays zero. */
void space_write_sysinfo(struct space *space, const struct soft_machine *facts)
{
    struct sysinfo *page = (void *)(space->at + (space->sysinfo.physical - space->block));
    page->lp_count = facts->lp_count;
    page->package_count = facts->package_count;
    page->smrr2_forbidden = facts->smrr2_forbidden;
    page->without_integrity = !facts->integrity;
    page->seam_status = SEAM_STATUS_LOADED;
    page->code = extent_of(&space->code);
    page->data = extent_of(&space->data);
    page->stack = extent_of(&space->stack);
    page->keyhole = extent_of(&space->keyhole);
    page->keyhole_edit = extent_of(&space->keyhole_edit);
    page->stack_pages = SPACE_STACK_PAGES - 1;
    page->local_pages = SPACE_LOCAL_PAGES - 1;
    page->handoff_pages = facts->handoff_pages;
    memcpy(page->fms, facts->fms, sizeof(page->fms));
    memcpy(page->cmrs, facts->cmrs, sizeof(page->cmrs));
}

const char *space_build(struct space *space, u8 *at, u64 block, const struct module_image *image,
                        u32 lp_count, u64 random, const struct soft_machine *facts)
{
    if (lp_count < 1 || lp_count > SPACE_MAX_LPS)
        return "a module has room for 1 to 256 LPs";
    if (!is_aligned(block, BLOCK_ALIGN))
        return "its block of memory isn't aligned to 2 MiB";
    *space = (struct space){
        .at = at,
        .block = block,
        .random = random,
        .lp_count = lp_count,
        .handoff_pages = facts->handoff_pages,
        .cr3 = block,
        .tables_end = block + PAGE_SIZE,
    };
    lay_out(space, image);
    memset(at, 0, space->size);
    module_image_load(image, at + (space->code.physical - block), space->code.linear);
    map(space, &space->code, RIGHTS_CODE);
    map_stacks(space);
    map_keyhole(space);
    map(space, &space->data, RIGHTS_DATA);
    map(space, &space->sysinfo, RIGHTS_FIXED);
    space_write_sysinfo(space, facts);
    return NULL;
}

void space_lend(struct space *space, u64 table)
{
    table_at(space, space->cr3)[ENTRIES - 1] = table | PTE_PRESENT | PTE_WRITABLE | PTE_ACCESSED;
}

u64 space_stack_pointer(const struct space *space, u32 lp)
{
    return space->stack.linear + lp * STACK_STRIDE + SPACE_STACK_PAGES * PAGE_SIZE - sizeof(u64);
}

u64 space_local_data(const struct space *space, u32 lp)
{
    return space->data.linear + (space->handoff_pages + 1ul) * PAGE_SIZE + lp * LOCAL_STRIDE;
}

/* ---- looking at it ---- */

bool space_translate(const struct space *space, u64 cr3, u64 linear, bool write, u64 *pa)
{
    u64 next = cr3 & PTE_ADDRESS, upper = linear >> 47;
    if (upper != 0 && upper != 0x1FFFF)
        return false;
    for (u32 level = TOP_LEVEL; level > 0; level--) {
        const u64 *table = table_at(space, next);
        u64 entry = table ? table[index_of(linear, level)] : 0;
        if (!(entry & PTE_PRESENT) || (write && !(entry & PTE_WRITABLE)))
            return false;
        next = entry & PTE_ADDRESS;
        if (level > 1 && !(entry & PTE_LARGE))
            continue;
        u64 span = PAGE_SIZE << (9 * (level - 1));
        *pa = align_down(next, span) | (linear & (span - 1));
        return level < TOP_LEVEL; /* nothing above 1 GiB can be a page */
    }
    return false;
}

void space_name(const struct space *space, u64 linear, char text[32])
{
    const struct {
        const char *name;
        const struct space_region *region;
    } regions[] = {
        {"code", &space->code}, {"stack", &space->stack},     {"keyhole", &space->keyhole},
        {"data", &space->data}, {"sysinfo", &space->sysinfo}, {"keyhole_edit", &space->keyhole_edit},
    };
    for (size_t i = 0; i < ARRAY_COUNT(regions); i++) {
        u64 offset = linear - regions[i].region->linear;
        if (offset >= regions[i].region->size)
            continue;
        format(text, 32, "%s+0x%lx", regions[i].name, offset);
        return;
    }
    format(text, 32, "0x%lx", linear);
}
