/* SPDX-License-Identifier: MIT */
#include "boot/boot_build.h"
#include "lib/log.h"
#include "lib/string.h"

#define HIGHEST_ADDRESS                                                                                      \
    (1ull << 52) /* no x86 CPU has more physical address bits: SDM volume 3, section 4.1.4 */

/* ---- reaching what the loader left ---- */

static const void *early_at(void *context, u64 pa, u64 size)
{
    (void)context;
    if (pa >= BOOT_ADDRESSABLE || size > BOOT_ADDRESSABLE - pa)
        return NULL;
    return (const void *)pa;
}

const struct boot_view boot_early_view = {early_at, NULL};

bool boot_copy(const struct boot_view *view, u64 pa, void *to, u64 size)
{
    const void *from = view->at(view->context, pa, size);
    if (from)
        memcpy(to, from, size);
    return from != NULL;
}

/* ---- adding ---- */

bool boot_add_range(struct boot_info *info, u64 base, u64 size, u32 type)
{
    struct boot_range *last = info->range_count ? &info->ranges[info->range_count - 1] : NULL;
    if (last && last->type == type && last->base + last->size == base && last->size + size >= size) {
        last->size += size;
        return true;
    }
    if (info->range_count == BOOT_MAX_RANGES) {
        log_line("boot: the memory map has more than %u ranges: use a loader or firmware that merges them",
                 BOOT_MAX_RANGES);
        return false;
    }
    info->ranges[info->range_count++] = (struct boot_range){base, size, type};
    return true;
}

/* "dir/file args" -> "file"; an empty text gives "module<nn>". What a log can't show becomes '?'. */
static void name_module(struct boot_module *module, u32 number, const char *text, u64 length)
{
    u64 begin = 0, end = 0;
    for (; end < length && text[end] && text[end] != ' '; end++)
        if (text[end] == '/')
            begin = end + 1;
    u64 size = min_u64(end - begin, BOOT_MODULE_NAME - 1);
    if (size > 0) {
        for (u64 i = 0; i < size; i++)
            module->name[i] = text[begin + i] > ' ' && text[begin + i] <= '~' ? text[begin + i] : '?';
        module->name[size] = 0;
    } else {
        memcpy(module->name, "module00", 9);
        module->name[6] = (char)('0' + number / 10 % 10);
        module->name[7] = (char)('0' + number % 10);
    }
    if (end - begin > size)
        log_line("boot: module name longer than %u characters, cut to '%s': give it a shorter name",
                 BOOT_MODULE_NAME - 1, module->name);
}

bool boot_add_module(struct boot_info *info, u64 base, u64 size, const char *text, u64 length)
{
    if (info->module_count == BOOT_MAX_MODULES) {
        log_line("boot: more than %u modules: leave some out", BOOT_MAX_MODULES);
        return false;
    }
    struct boot_module *module = &info->modules[info->module_count];
    name_module(module, info->module_count++, text, length);
    module->base = base;
    module->size = size;
    return true;
}

bool boot_set_command_line(struct boot_info *info, const char *text, u64 length)
{
    u64 size = 0;
    while (size < length && size < BOOT_COMMAND_LINE && text[size])
        size++;
    if (size == length || size == BOOT_COMMAND_LINE) {
        log_line(
            "boot: the command line has no end within %lu bytes (limit %u): shorten it, or mend the loader",
            size, BOOT_COMMAND_LINE - 1);
        return false;
    }
    memcpy(info->command_line, text, size + 1);
    return true;
}

/* ---- the memory map ---- */

/* Where two ranges overlap, the stricter one wins. */
static unsigned strictness(u32 type) /* 0: none */
{
    static const u8 order[] = {
        [BOOT_MEMORY_USABLE] = 1,   [BOOT_MEMORY_ACPI] = 2, [BOOT_MEMORY_NVS] = 3,
        [BOOT_MEMORY_RESERVED] = 4, [BOOT_MEMORY_BAD] = 5,
    };
    return order[type];
}

static u64 range_end(const struct boot_range *range)
{
    return range->base + range->size;
}

/* Appends to a list that is already in order, merging with the last range if it touches and has the same
 * type. */
static bool append(struct boot_range list[BOOT_MAX_RANGES], u32 *count, u64 base, u64 end, u32 type)
{
    struct boot_range *last = *count ? &list[*count - 1] : NULL;
    if (last && last->type == type && range_end(last) == base) {
        last->size = end - last->base;
        return true;
    }
    if (*count == BOOT_MAX_RANGES)
        return false;
    list[(*count)++] = (struct boot_range){base, end - base, type};
    return true;
}

static void replace_ranges(struct boot_info *info, const struct boot_range list[BOOT_MAX_RANGES], u32 count)
{
    memcpy(info->ranges, list, count * sizeof(list[0]));
    info->range_count = count;
}

/* Empty and impossible ranges go, overflowing ones are cut, unknown types (also e820's later ones) mean
 * reserved. */
static void clean_ranges(struct boot_info *info)
{
    u32 kept = 0;
    for (u32 i = 0; i < info->range_count; i++) {
        struct boot_range range = info->ranges[i];
        if (range.size == 0)
            continue;
        if (range.base >= HIGHEST_ADDRESS) {
            log_line("boot: memory map entry 0x%lx+0x%lx lies beyond 52 address bits: ignored", range.base,
                     range.size);
            continue;
        }
        if (range.size > HIGHEST_ADDRESS - range.base) {
            log_line("boot: memory map entry 0x%lx+0x%lx overflows: cut at 52 address bits", range.base,
                     range.size);
            range.size = HIGHEST_ADDRESS - range.base;
        }
        if (range.type < BOOT_MEMORY_USABLE || range.type > BOOT_MEMORY_BAD)
            range.type = BOOT_MEMORY_RESERVED;
        info->ranges[kept++] = range;
    }
    info->range_count = kept;
}

static void sort_ranges(struct boot_info *info)
{
    u32 moved = 0;
    for (u32 i = 1; i < info->range_count; i++) {
        struct boot_range range = info->ranges[i];
        u32 at = i;
        for (; at > 0 && info->ranges[at - 1].base > range.base; at--)
            info->ranges[at] = info->ranges[at - 1];
        info->ranges[at] = range;
        moved += at != i;
    }
    if (moved)
        log_line("boot: the memory map isn't sorted (%u entries out of place): sorted it", moved);
}

static void report_overlaps(const struct boot_info *info)
{
    u64 end = 0;
    for (u32 i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        if (range->base < end)
            log_line("boot: memory map entry 0x%lx+0x%lx type %u overlaps another: the stricter type is used",
                     range->base, range->size, range->type);
        end = max_u64(end, range_end(range));
    }
}

static u32 strictest_type_at(const struct boot_info *info, u64 address)
{
    u32 type = 0;
    for (u32 i = 0; i < info->range_count && info->ranges[i].base <= address; i++)
        if (address < range_end(&info->ranges[i]) && strictness(info->ranges[i].type) > strictness(type))
            type = info->ranges[i].type;
    return type;
}

/* The ranges are sorted: the smallest begin or end of any range that lies above address; 0 if there is none.
 */
static u64 next_edge(const struct boot_info *info, u64 address)
{
    u64 edge = 0;
    for (u32 i = 0; i < info->range_count; i++) {
        u64 base = info->ranges[i].base, end = range_end(&info->ranges[i]);
        if (base > address && (!edge || base < edge))
            edge = base;
        if (end > address && (!edge || end < edge))
            edge = end;
    }
    return edge;
}

/* From edge to edge, each piece gets the strictest type that covers it. */
static bool flatten(struct boot_info *info)
{
    struct boot_range flat[BOOT_MAX_RANGES];
    u32 count = 0;
    u64 from = info->range_count ? info->ranges[0].base : 0;
    for (u64 to; (to = next_edge(info, from)) != 0; from = to) {
        u32 type = strictest_type_at(info, from);
        if (type && !append(flat, &count, from, to, type)) {
            log_line(
                "boot: the overlaps in the memory map split it into more than %u ranges: mend the loader's map",
                BOOT_MAX_RANGES);
            return false;
        }
    }
    replace_ranges(info, flat, count);
    return true;
}

bool boot_info_normalise(struct boot_info *info)
{
    clean_ranges(info);
    sort_ranges(info);
    report_overlaps(info);
    if (!flatten(info))
        return false;
    if (boot_info_usable_bytes(info) == 0) {
        log_line("boot: the loader gave no usable memory: boot by PVH (qemu -kernel) or Multiboot2 (GRUB)");
        return false;
    }
    return true;
}

bool boot_info_carve(struct boot_info *info, u64 base, u64 size, u32 type)
{
    struct boot_range list[BOOT_MAX_RANGES];
    u32 count = 0;
    u64 end = base + size;
    bool fits = end >= base, placed = type == 0;
    if (size == 0)
        return true;
    for (u32 i = 0; fits && i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        if (range->base < base)
            fits = append(list, &count, range->base, min_u64(range_end(range), base), range->type);
        if (fits && !placed && range_end(range) > base) {
            fits = append(list, &count, base, end, type);
            placed = true;
        }
        if (fits && range_end(range) > end)
            fits = append(list, &count, max_u64(range->base, end), range_end(range), range->type);
    }
    if (fits && !placed)
        fits = append(list, &count, base, end, type);
    if (fits)
        replace_ranges(info, list, count);
    else
        log_line("boot: 0x%lx+0x%lx can't be set apart: the memory map would need more than %u ranges", base,
                 size, BOOT_MAX_RANGES);
    return fits;
}

u64 boot_info_usable_bytes(const struct boot_info *info)
{
    u64 bytes = 0;
    for (u32 i = 0; i < info->range_count; i++)
        if (info->ranges[i].type == BOOT_MEMORY_USABLE)
            bytes += info->ranges[i].size;
    return bytes;
}

/* ---- modules ---- */

/* The map is normalised, so usable memory without a gap is one range. */
static bool is_usable(const struct boot_info *info, u64 base, u64 size)
{
    for (u32 i = 0; i < info->range_count; i++) {
        const struct boot_range *range = &info->ranges[i];
        if (range->type == BOOT_MEMORY_USABLE && base >= range->base && base + size <= range_end(range))
            return true;
    }
    return false;
}

static bool check_module(const struct boot_info *info, const struct boot_module *module)
{
    if (module->base >= BOOT_ADDRESSABLE || module->size > BOOT_ADDRESSABLE - module->base) {
        log_line(
            "boot: module '%.32s' (0x%lx+0x%lx) reaches above 4 GiB: have it loaded lower, or make it smaller",
            module->name, module->base, module->size);
        return false;
    }
    if (module->size > 0 && !is_usable(info, module->base, module->size)) {
        log_line(
            "boot: module '%.32s' (0x%lx+0x%lx) lies outside usable memory: give more memory, or mend the loader",
            module->name, module->base, module->size);
        return false;
    }
    return true;
}

bool boot_info_finish(struct boot_info *info)
{
    if (!boot_info_normalise(info))
        return false;
    for (u32 i = 0; i < info->module_count; i++)
        if (!check_module(info, &info->modules[i]))
            return false;
    return true;
}

const struct boot_module *boot_info_module(const struct boot_info *info, const char *name)
{
    for (u32 i = 0; i < info->module_count; i++)
        if (strcmp(info->modules[i].name, name) == 0)
            return &info->modules[i];
    return NULL;
}

/* ---- the one door ---- */

bool boot_info_read(struct boot_info *info, enum boot_entry entry, u64 loader_data,
                    const struct boot_view *view)
{
    switch (entry) {
    case BOOT_ENTRY_PVH:
        return boot_info_from_pvh(info, loader_data, view) && boot_info_unpack(info, view);
    case BOOT_ENTRY_MULTIBOOT2:
        return boot_info_from_multiboot2(info, loader_data, view) && boot_info_unpack(info, view);
    }
    log_line("boot: unknown entry kind %u: boot by PVH (qemu -kernel) or Multiboot2 (GRUB)", (unsigned)entry);
    return false;
}
