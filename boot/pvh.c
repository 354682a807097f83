/* SPDX-License-Identifier: MIT */
#include "boot/pvh.h"
#include "boot/boot_build.h"
#include "lib/log.h"
#include "lib/string.h"

/* A NUL-terminated string somewhere in memory. At most size bytes are copied; whether it ended is for the
 * caller. */
static u64 read_string(const struct boot_view *view, u64 pa, char *text, u64 size)
{
    u64 length = 0;
    while (length < size && boot_copy(view, pa + length, &text[length], 1))
        if (!text[length++])
            break;
    return length;
}

static bool read_start_info(struct pvh_start_info *start, u64 pa, const struct boot_view *view)
{
    memset(start, 0, sizeof(*start));
    if (!boot_copy(view, pa, start, offsetof(struct pvh_start_info, memory_map))) {
        log_line("boot: PVH start_info at 0x%lx can't be reached: the loader must put it below 4 GiB", pa);
        return false;
    }
    if (start->magic != PVH_MAGIC) {
        log_line("boot: PVH start_info has magic 0x%x, not 0x%x: the loader didn't hand over as PVH says",
                 start->magic, PVH_MAGIC);
        return false;
    }
    if (start->version < 1) {
        log_line(
            "boot: PVH start_info version 0 has no memory map: use a loader with version 1 (QEMU 4.0 or newer)");
        return false;
    }
    if (!boot_copy(view, pa, start, sizeof(*start))) {
        log_line("boot: PVH start_info at 0x%lx ends too early for version 1: mend the loader", pa);
        return false;
    }
    return true;
}

static bool read_map(struct boot_info *info, const struct pvh_start_info *start, const struct boot_view *view)
{
    for (u64 i = 0; i < start->memory_map_count; i++) {
        struct pvh_range range;
        if (!boot_copy(view, start->memory_map + i * sizeof(range), &range, sizeof(range))) {
            log_line("boot: PVH memory map entry %lu of %u can't be reached (map at 0x%lx): mend the loader",
                     i, start->memory_map_count, start->memory_map);
            return false;
        }
        if (!boot_add_range(info, range.base, range.size, range.type))
            return false;
    }
    return true;
}

static bool read_modules(struct boot_info *info, const struct pvh_start_info *start,
                         const struct boot_view *view)
{
    for (u64 i = 0; i < start->module_count; i++) {
        struct pvh_module module;
        char text[2 * BOOT_MODULE_NAME];
        u64 length = 0;
        if (!boot_copy(view, start->modules + i * sizeof(module), &module, sizeof(module))) {
            log_line("boot: PVH module entry %lu of %u can't be reached (list at 0x%lx): mend the loader", i,
                     start->module_count, start->modules);
            return false;
        }
        if (module.command_line)
            length = read_string(view, module.command_line, text, sizeof(text));
        if (!boot_add_module(info, module.base, module.size, text, length))
            return false;
    }
    return true;
}

bool boot_info_from_pvh(struct boot_info *info, u64 start_info, const struct boot_view *view)
{
    struct pvh_start_info start;
    char text[BOOT_COMMAND_LINE];
    memset(info, 0, sizeof(*info));
    info->loader = "pvh";
    if (!read_start_info(&start, start_info, view))
        return false;
    info->rsdp = start.rsdp;
    if (start.command_line &&
        !boot_set_command_line(info, text, read_string(view, start.command_line, text, sizeof(text))))
        return false;
    return read_map(info, &start, view) && read_modules(info, &start, view) && boot_info_finish(info);
}
