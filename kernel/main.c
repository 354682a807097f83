/* SPDX-License-Identifier: MIT */
/* From the entry code to the verdict. */
#include "kernel/main.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/crash.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/traps.h"
#include "lib/log.h"

static struct boot_info boot_info;

void boot_main(u32 entry, u64 loader_data);

const char *kernel_command_line(void)
{
    return boot_info.command_line;
}

const struct boot_info *kernel_boot_info(void)
{
    return &boot_info;
}

static void read_boot_info(enum boot_entry entry, u64 loader_data)
{
    if (!boot_info_read(&boot_info, entry, loader_data, &boot_early_view))
        refuse("The loader's boot information can't be used: the lines above say why.");
    log_line("boot: Seamstress kernel, loaded by %s with %u modules, command line: %s", boot_info.loader,
             boot_info.module_count, boot_info.command_line);
}

/* Called by entry.asm on the boot stack, in the tables it made. */
void boot_main(u32 entry, u64 loader_data)
{
    console_init();                     /* first, so that everything that follows can be heard */
    traps_init();                       /* exceptions become reports */
    read_boot_info(entry, loader_data); /* memory map, command line, modules, RSDP */
    memory_init(&boot_info);            /* the two allocators */
    paging_init(&boot_info);            /* W^X image, direct map; the entry code's tables are left behind */
    traps_init_stacks();                /* NMI, #DF and #MC get guarded stacks */
    clock_init();                       /* deadlines, before anybody waits for anything */
    smp_init();                         /* ACPI, local APICs, all other CPUs */
    crash_if_asked(boot_info.command_line); /* failure paths, for tests of them */
    machine_exit(run_main());               /* scripts, checks, verdict */
}
