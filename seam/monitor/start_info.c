/* SPDX-License-Identifier: MIT */
#include "seam/monitor/start_info.h"

#include "boot/pvh.h"
#include "lib/string.h"
#include "seam/monitor/machine.h"

struct layout {
    struct pvh_start_info start;
    struct pvh_module modules[BOOT_MAX_MODULES];
    char names[BOOT_MAX_MODULES][BOOT_MODULE_NAME];
    struct pvh_range map[BOOT_MAX_RANGES];
    char command_line[BOOT_COMMAND_LINE];
    u8 rsdp[MACHINE_RSDP_BYTES] __attribute__((aligned(16)));
};

u64 start_info_size(void)
{
    return sizeof(struct layout);
}

static void write_modules(struct layout *at)
{
    for (u32 i = 0; i < machine.guest.module_count; i++) {
        const struct boot_module *module = &machine.guest.modules[i];
        memcpy(at->names[i], module->name, BOOT_MODULE_NAME);
        at->modules[i] = (struct pvh_module){module->base, module->size, (u64)at->names[i], 0};
    }
}

static void write_map(struct layout *at)
{
    for (u32 i = 0; i < machine.guest.range_count; i++) {
        const struct boot_range *range = &machine.guest.ranges[i];
        at->map[i] = (struct pvh_range){range->base, range->size, range->type, 0};
    }
}

void start_info_write(u64 pa)
{
    struct layout *at = memset((void *)pa, 0, sizeof(struct layout));
    write_modules(at);
    write_map(at);
    memcpy(at->command_line, machine.guest.command_line, BOOT_COMMAND_LINE);
    memcpy(at->rsdp, machine.rsdp, MACHINE_RSDP_BYTES);
    at->start = (struct pvh_start_info){
        .magic = PVH_MAGIC,
        .version = 1,
        .module_count = machine.guest.module_count,
        .modules = (u64)at->modules,
        .command_line = (u64)at->command_line,
        .rsdp = machine.guest.rsdp ? (u64)at->rsdp : 0,
        .memory_map = (u64)at->map,
        .memory_map_count = machine.guest.range_count,
    };
}
