/* SPDX-License-Identifier: MIT */
/*
 * The kernel's own memory. All usable memory from 1 MiB up belongs to the contiguous pool, but for the image,
 * the boot modules and the copy of the RSDP that a loader may have left. Permanent objects come from a bump
 * allocator, which takes chunks from the pool as it needs them: a small machine isn't charged for the stacks
 * of a large one.
 *
 * Lock: memory_lock() guards the pool; memory_permanent() takes it itself.
 */
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "lib/log.h"
#include "lib/string.h"

#define LOW_MEMORY_END MIB
#define LEAST_USABLE   (16 * MIB) /* kernel, its tables and stacks, a little room for a module */
#define BUMP_CHUNK     (128 * KIB)
#define PERMANENT_MAX  (4 * GIB) /* page-table roots and what early code touches must lie below */
#define RSDP_SIZE      36        /* ACPI 6.5, table 5.3 */
#define MAX_OCCUPIED   (BOOT_MAX_MODULES + 2)

extern u8 image_begin[], image_end[];

static const struct boot_info *boot_info;
static struct contig pool;
static struct bump permanent;
static struct lock pool_lock;
static bool low_page_given;

struct span {
    u64 begin, end; /* whole pages */
};

static struct span occupied[MAX_OCCUPIED];
static u32 occupied_count;

/* ---- what is already taken ---- */

static void occupy(u64 base, u64 size)
{
    if (size > 0)
        occupied[occupied_count++] =
            (struct span){align_down(base, PAGE_SIZE), align_up(base + size, PAGE_SIZE)};
}

static u64 image_size(void)
{
    return (u64)(image_end - image_begin);
}

static u64 image_physical_address(void)
{
    return (u64)image_begin - KERNEL_BASE;
}

static void find_occupied(const struct boot_info *info)
{
    u64 image = image_physical_address();
    occupy(image, image_size());
    for (u32 i = 0; i < info->module_count; i++) {
        const struct boot_module *module = &info->modules[i];
        if (module->size > 0 && module->base < image + image_size() && module->base + module->size > image)
            refuse(
                "Module '%.32s' at 0x%lx overlaps the kernel at 0x%lx-0x%lx: the loader must place it elsewhere.",
                module->name, module->base, image, image + image_size());
        occupy(module->base, module->size);
    }
    if (info->rsdp && info->rsdp < BOOT_ADDRESSABLE)
        occupy(info->rsdp, RSDP_SIZE);
}

/* The lowest occupied span that reaches into [begin, end), or NULL. */
static const struct span *first_occupied(u64 begin, u64 end)
{
    const struct span *first = NULL;
    for (u32 i = 0; i < occupied_count; i++)
        if (occupied[i].begin < end && occupied[i].end > begin &&
            (!first || occupied[i].begin < first->begin))
            first = &occupied[i];
    return first;
}

/* ---- the pool ---- */

static void add_free_parts(u64 begin, u64 end)
{
    while (begin < end) {
        const struct span *taken = first_occupied(begin, end);
        u64 stop = taken ? max_u64(taken->begin, begin) : end;
        if (stop > begin && !contig_add(&pool, begin, stop - begin))
            refuse(
                "The memory map is too fragmented at 0x%lx-0x%lx: use firmware or a loader with fewer ranges.",
                begin, stop);
        begin = taken ? taken->end : end;
    }
}

static u64 usable_above_low_memory(const struct boot_info *info)
{
    u64 bytes = 0;
    for (u32 i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        u64 begin = max_u64(range->base, LOW_MEMORY_END);
        if (range->type == BOOT_MEMORY_USABLE && range->base + range->size > begin)
            bytes += range->base + range->size - begin;
    }
    return bytes;
}

static void require_enough(const struct boot_info *info)
{
    u64 usable = usable_above_low_memory(info);
    if (usable < LEAST_USABLE)
        refuse("Too little memory: %lu KiB usable above 1 MiB, %lu KiB needed: give QEMU more with --mem.",
               usable / KIB, LEAST_USABLE / KIB);
    u64 taken = 0;
    for (u32 i = 0; i < occupied_count; i++)
        taken += occupied[i].end - occupied[i].begin;
    if (usable < taken + LEAST_USABLE / 2)
        refuse(
            "Too little memory: %lu KiB usable above 1 MiB, kernel and modules take %lu KiB: give QEMU more with --mem.",
            usable / KIB, taken / KIB);
}

#ifdef DEBUG
static void fill_with_junk(u64 base, u64 size)
{
    memset(phys_to_virt(pa_of(base)), 0x5A, size);
}

static void report_broken(const char *reason)
{
    panic("memory: the pool is damaged: %s", reason);
}
#endif

void memory_init(const struct boot_info *info)
{
    boot_info = info;
    find_occupied(info);
    require_enough(info);
    for (u32 i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        if (range->type == BOOT_MEMORY_USABLE && range->base + range->size > LOW_MEMORY_END)
            add_free_parts(align_up(max_u64(range->base, LOW_MEMORY_END), PAGE_SIZE),
                           align_down(range->base + range->size, PAGE_SIZE));
    }
#ifdef DEBUG
    pool.junk = fill_with_junk;
    pool.broken = report_broken;
#endif
    log_line("memory: %lu KiB usable, %lu KiB free, largest block %lu KiB; image %lu KiB, %u modules",
             boot_info_usable_bytes(info) / KIB, contig_total(&pool, CONTIG_FREE) / KIB,
             contig_largest_free(&pool) / KIB, image_size() / KIB, info->module_count);
}

struct contig *memory_pool(void)
{
    return &pool;
}

void memory_lock(void)
{
    lock_take(&pool_lock);
}

void memory_unlock(void)
{
    lock_release(&pool_lock);
}

const struct boot_info *memory_map(void)
{
    return boot_info;
}

/* ---- permanent objects ---- */

/* A chunk that touches the last one prolongs it; otherwise what was left of the last one is lost. */
static void refill(u64 size, u64 align)
{
    pa_t chunk;
    struct contig_request request = {
        .size = align_up(size + align, BUMP_CHUNK), .max = PERMANENT_MAX, .what = "permanent objects"};
    if (!contig_alloc(&pool, &request, &chunk))
        panic("no memory for a permanent object of %lu bytes: give QEMU more with --mem", size);
    if (pa_raw(chunk) != permanent.end)
        permanent.next = pa_raw(chunk);
    permanent.end = pa_raw(chunk) + request.size;
}

pa_t memory_permanent_block(u64 size, u64 align)
{
    pa_t block;
    if (align == 0)
        align = 16;
    memory_lock();
    if (align_up(permanent.next, align) + size > permanent.end)
        refill(size, align);
    bool fits = bump_alloc(&permanent, size, align, &block);
    const char *wrong = bump_check(&permanent);
    memory_unlock();
    if (!fits)
        panic("a permanent object of %lu bytes doesn't fit the chunk made for it", size);
    if (wrong)
        panic("memory: permanent objects: %s", wrong);
    memset(phys_to_virt(block), 0, size);
    return block;
}

void *memory_permanent(u64 size, u64 align)
{
    return phys_to_virt(memory_permanent_block(size, align));
}

/* ---- below 1 MiB ---- */

pa_t memory_low_page(void)
{
    if (low_page_given)
        panic("the page below 1 MiB was asked for twice");
    low_page_given = true;
    for (u32 i = boot_info->range_count; i-- > 0;) {
        const struct boot_range *range = &boot_info->ranges[i];
        u64 end = align_down(min_u64(range->base + range->size, LOW_MEMORY_END), PAGE_SIZE);
        u64 begin = max_u64(align_up(range->base, PAGE_SIZE), PAGE_SIZE); /* page 0 has the BIOS's data */
        if (range->type != BOOT_MEMORY_USABLE)
            continue;
        for (u64 page = end; page >= begin + PAGE_SIZE; page -= PAGE_SIZE)
            if (!first_occupied(page - PAGE_SIZE, page))
                return pa_of(page - PAGE_SIZE);
    }
    log_line(
        "memory: no usable page below 1 MiB, so other CPUs can't be started: the firmware's map leaves none");
    return pa_of(0);
}
