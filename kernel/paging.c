/* SPDX-License-Identifier: MIT */
/*
 * The address space is built once, in this order, and then only changes page by page:
 *
 * - the image at KERNEL_BASE + physical: text read-only and executable, constants read-only, data not
 *   executable;
 * - the direct map at DIRECT_MAP_BASE + physical: usable memory and firmware tables; the image's text and
 *   constants are read-only here as well, and the guard page under each stack is missing;
 * - windows from MMIO_BASE on: whatever map_physical() was asked for.
 *
 * Until paging_init() the tables of entry.asm are in force: they have the first 4 GiB where the direct map
 * will be, so that phys_to_virt() reaches the tables under construction as well as the finished ones.
 *
 * Locks: paging_lock around every change, memory_lock() inside it. Lookups take none: fault handlers use
 * them.
 */
#include "kernel/paging.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "kernel/page_table.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/log.h"

#define EFER_NXE (1ull << 11)

#define CR0_WP   (1ull << 16)
#define CR4_PGE  (1ull << 7)
#define CR4_SMEP (1ull << 20)
#define CR4_SMAP (1ull << 21)

#define MAX_WINDOWS  64
#define WINDOW_GRAIN (64 * KIB)
#define PHYSICAL_END (1ull << 52)
#define BOOT_STACK   "boot stack"

extern u8 image_begin[], text_end[], rodata_end[], image_end[];
extern u8 boot_stack_guard[];

static u64 new_table(void);
static u64 *view_table(u64 table);

static struct page_table tables = {.new_table = new_table, .view = view_table};
static struct lock paging_lock;
static u64 no_execute;   /* PTE_NX, or 0 on a CPU without it */
static u64 cr4_features; /* what CPUID offers of SMEP and SMAP */
static volatile u64 shootdowns;

/* ---- tables ---- */

static u64 new_table(void)
{
    return pa_raw(memory_permanent_block(PAGE_SIZE, PAGE_SIZE));
}

static u64 *view_table(u64 table)
{
    return phys_to_virt(pa_of(table));
}

pa_t paging_root(void)
{
    return pa_of(tables.root);
}

/* ---- what this CPU can do ---- */

static void find_features(void)
{
    u32 extended = cpuid(0x80000000, 0).eax >= 0x80000001 ? cpuid(0x80000001, 0).edx : 0;
    u32 structured = cpuid(0, 0).eax >= 7 ? cpuid(7, 0).ebx : 0;
    no_execute = extended & (1u << 20) ? PTE_NX : 0;
    tables.gigabyte_pages = extended & (1u << 26);
    cr4_features = (structured & (1u << 7) ? CR4_SMEP : 0) | (structured & (1u << 20) ? CR4_SMAP : 0);
    if (!no_execute)
        log_line("paging: this CPU has no NX bit: data stays executable (QEMU: -cpu max has it)");
}

/* On every CPU: rights are enforced on the kernel too, then the tables. */
static void switch_to_tables(void)
{
    if (no_execute && !(rdmsr(MSR_EFER) & EFER_NXE))
        wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
    write_cr0(read_cr0() | CR0_WP);
    write_cr3(tables.root);
    /* Only bits that CPUID offers: QEMU's TCG hangs on reserved ones. */
    write_cr4((read_cr4() & ~CR4_PGE) | cr4_features);
}

void paging_init_ap(void)
{
    switch_to_tables();
}

/* ---- the image and the direct map ---- */

static u64 image_pa(const u8 *address)
{
    return (u64)address - KERNEL_BASE;
}

static void map_image_part(const u8 *begin, const u8 *end, u64 flags)
{
    page_table_map(&tables, (u64)begin, image_pa(begin), (u64)(end - begin), flags);
}

static void map_image(void)
{
    map_image_part(image_begin, text_end, 0);
    map_image_part(text_end, rodata_end, no_execute);
    map_image_part(rodata_end, image_end, PTE_WRITE | no_execute);
}

static void map_direct(u64 begin, u64 end, u64 flags)
{
    if (begin < end)
        page_table_map(&tables, DIRECT_MAP_BASE + begin, begin, end - begin, flags | no_execute);
}

/* Usable memory in whole pages; firmware tables with the whole of the pages they begin and end on. */
static void map_range(const struct boot_range *range)
{
    bool usable = range->type == BOOT_MEMORY_USABLE;
    u64 end = range->base + range->size;
    u64 first = usable ? align_up(range->base, PAGE_SIZE) : align_down(range->base, PAGE_SIZE);
    u64 last = usable ? align_down(end, PAGE_SIZE) : align_up(end, PAGE_SIZE);
    u64 fixed_begin = image_pa(image_begin), fixed_end = image_pa(rodata_end);
    if (last > DIRECT_MAP_SIZE) {
        log_line("paging: memory above 64 TiB (0x%lx-0x%lx) can't be mapped and isn't used", first, last);
        last = DIRECT_MAP_SIZE;
    }
    map_direct(first, min_u64(last, fixed_begin), PTE_WRITE);
    map_direct(max_u64(first, fixed_begin), min_u64(last, fixed_end), 0);
    map_direct(max_u64(first, fixed_end), last, PTE_WRITE);
}

static void map_memory(const struct boot_info *info)
{
    for (u32 i = 0; i < info->range_count; i++) {
        u32 type = info->ranges[i].type;
        if (type == BOOT_MEMORY_USABLE || type == BOOT_MEMORY_ACPI || type == BOOT_MEMORY_NVS)
            map_range(&info->ranges[i]);
    }
}

bool direct_map_present(pa_t page)
{
    u64 size;
    return pa_raw(page) < DIRECT_MAP_SIZE && page_table_find(&tables, DIRECT_MAP_BASE + pa_raw(page), &size);
}

static void require_direct_range(const char *verb, pa_t base, u64 size)
{
    if (!is_aligned(pa_raw(base) | size, PAGE_SIZE) || pa_raw(base) > DIRECT_MAP_SIZE ||
        size > DIRECT_MAP_SIZE - pa_raw(base))
        panic("paging: can't %s 0x%lx+0x%lx: not whole pages of the direct map", verb, pa_raw(base), size);
}

void direct_map_remove(pa_t base, u64 size)
{
    require_direct_range("take out", base, size);
    lock_take(&paging_lock);
    u64 removed = page_table_unmap(&tables, DIRECT_MAP_BASE + pa_raw(base), size);
    lock_release(&paging_lock);
    if (removed > 0)
        tlb_shootdown();
}

/* No shoot-down: CPUs don't cache that a page is missing (SDM volume 3, section 4.10.4.3). */
void direct_map_restore(pa_t base, u64 size)
{
    require_direct_range("put back", base, size);
    lock_take(&paging_lock);
    map_direct(pa_raw(base), pa_raw(base) + size, PTE_WRITE);
    lock_release(&paging_lock);
}

pa_t virt_to_phys(const void *pointer)
{
    u64 address = (u64)pointer;
    if (address >= DIRECT_MAP_BASE && address - DIRECT_MAP_BASE < DIRECT_MAP_SIZE)
        return pa_of(address - DIRECT_MAP_BASE);
    if (address >= (u64)image_begin && address < (u64)image_end)
        return pa_of(address - KERNEL_BASE);
    panic("paging: 0x%lx is neither in the direct map nor in the image, so its physical address isn't known",
          address);
}

/* ---- windows ---- */

struct window {
    u64 physical, size, address;
    unsigned flags;
};

static struct window windows[MAX_WINDOWS];
static u32 window_count;
static u64 next_window = MMIO_BASE;

static const struct window *find_window(u64 physical, u64 size, unsigned flags)
{
    for (u32 i = 0; i < window_count; i++)
        if (windows[i].flags == flags && physical >= windows[i].physical &&
            physical + size <= windows[i].physical + windows[i].size)
            return &windows[i];
    return NULL;
}

static const struct window *new_window(u64 physical, u64 size, unsigned flags)
{
    u64 rights = no_execute | (flags & MAP_WRITE ? PTE_WRITE : 0) |
                 (flags & MAP_UNCACHED ? PTE_PCD | PTE_PWT : 0); /* PAT entry 3: uncached after reset */
    u64 begin = align_down(physical, PAGE_SIZE), end = align_up(physical + size, PAGE_SIZE);
    if (window_count == MAX_WINDOWS)
        panic("paging: all %u windows to physical memory are in use: the caller maps too much in pieces",
              MAX_WINDOWS);
    windows[window_count] = (struct window){begin, end - begin, next_window, flags};
    page_table_map(&tables, next_window, begin, end - begin, rights);
    next_window += end - begin + PAGE_SIZE; /* a page between two windows stays unmapped */
    return &windows[window_count++];
}

void *map_physical(pa_t base, u64 size, unsigned flags)
{
    u64 physical = pa_raw(base);
    if (size == 0 || physical >= PHYSICAL_END || size > PHYSICAL_END - physical)
        panic("paging: can't map 0x%lx+0x%lx: no such physical memory", physical, size);
    lock_take(&paging_lock);
    const struct window *window = find_window(physical, size, flags);
    if (!window)
        window = new_window(physical, size, flags);
    lock_release(&paging_lock);
    return (void *)(window->address + (physical - window->physical));
}

/* Parsers reach RAM through the direct map; anything else is mapped read-only as they come across it. */
static const void *view_at(void *context, u64 pa, u64 size)
{
    (void)context;
    if (size == 0 || pa >= PHYSICAL_END || size > PHYSICAL_END - pa)
        return NULL;
    bool direct = true;
    for (u64 page = align_down(pa, PAGE_SIZE); direct && page < pa + size; page += PAGE_SIZE)
        direct = direct_map_present(pa_of(page));
    if (direct)
        return phys_to_virt(pa_of(pa));
    u64 begin = align_down(pa, WINDOW_GRAIN), end = align_up(pa + size, WINDOW_GRAIN);
    return (const u8 *)map_physical(pa_of(begin), end - begin, 0) + (pa - begin);
}

const struct boot_view paging_view = {view_at, NULL};

/* ---- stacks ---- */

struct guard {
    struct guard *next;
    u64 page; /* its address where the stack is used */
    const char *what;
};

static struct guard *guards;

static void note_guard(u64 page, const char *what)
{
    struct guard *guard = memory_permanent(sizeof(*guard), 0);
    *guard = (struct guard){guards, page, what};
    __atomic_store_n(&guards, guard, __ATOMIC_RELEASE);
}

void *stack_create(u64 size, const char *what)
{
    size = align_up(size, PAGE_SIZE);
    u8 *guard = memory_permanent(size + PAGE_SIZE, PAGE_SIZE);
    note_guard((u64)guard, what);
    direct_map_remove(virt_to_phys(guard), PAGE_SIZE);
    return guard + PAGE_SIZE + size;
}

const char *stack_guard_owner(u64 address)
{
    for (const struct guard *guard = __atomic_load_n(&guards, __ATOMIC_ACQUIRE); guard; guard = guard->next)
        if (address - guard->page < PAGE_SIZE)
            return guard->what;
    return NULL;
}

static void guard_boot_stack(void)
{
    note_guard((u64)boot_stack_guard, BOOT_STACK);
    page_table_unmap(&tables, (u64)boot_stack_guard, PAGE_SIZE);
}

/* ---- the page on which APs start ---- */

/*
 * At its own address, because that is where an AP is when it turns paging on. Executable and, for the APs'
 * ticket, writable: the only such page, and only until paging_identity_unmap().
 */
void *paging_identity_map(pa_t page)
{
    lock_take(&paging_lock);
    page_table_map(&tables, pa_raw(page), pa_raw(page), PAGE_SIZE, PTE_WRITE);
    lock_release(&paging_lock);
    return phys_to_virt(page);
}

void paging_identity_unmap(pa_t page)
{
    lock_take(&paging_lock);
    page_table_unmap(&tables, pa_raw(page), PAGE_SIZE);
    lock_release(&paging_lock);
    tlb_shootdown();
}

/* ---- translations that CPUs remember ---- */

/*
 * There is one address space and CR3 is reloaded for nothing else, so global pages would save no miss, and
 * CR4.PGE, which alone drops them, is a world switch under a hypervisor: neither is used.
 */
void tlb_flush_local(void)
{
    write_cr3(read_cr3());
}

void tlb_shootdown(void)
{
    __atomic_add_fetch(&shootdowns, 1, __ATOMIC_RELAXED);
    smp_flush_tlb();
}

u64 tlb_shootdown_count(void)
{
    return shootdowns;
}

/* ---- all of it ---- */

u64 paging_writable_executable(void)
{
    struct page_table_summary summary;
    page_table_summarise(&tables, 0, 512, &summary);
    return summary.writable_executable;
}

u64 paging_table_bytes(void)
{
    return tables.tables * PAGE_SIZE;
}

void paging_init(const struct boot_info *info)
{
    struct page_table_summary direct;
    find_features();
    page_table_init(&tables);
    map_image();
    map_memory(info);
    guard_boot_stack();
    switch_to_tables();
    if (no_execute && paging_writable_executable() > 0)
        panic("paging: %lu pages are writable and executable", paging_writable_executable());
    page_table_summarise(&tables, PML4_SLOT(DIRECT_MAP_BASE), DIRECT_MAP_SIZE >> 39, &direct);
    log_line("paging: direct map of %lu 1-GiB, %lu 2-MiB and %lu 4-KiB pages, tables take %lu KiB%s%s%s",
             direct.pages_1g, direct.pages_2m, direct.pages_4k, paging_table_bytes() / KIB,
             no_execute ? ", NX" : "", cr4_features & CR4_SMEP ? ", SMEP" : "",
             cr4_features & CR4_SMAP ? ", SMAP" : "");
}
