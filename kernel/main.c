/* SPDX-License-Identifier: MIT */
#include "kernel/main.h"
#include "kernel/cpu.h"

void boot_main(u32 entry, u64 loader_data);

void boot_main(u32 entry, u64 loader_data)
{
    const char *text = loader_data ? "# Seamstress kernel entered\r\n" : "# no loader data\r\n";
    for (; *text; text++)
        outb(0x3F8, (u8)*text);
    outb(0xF4, 0x14);
    (void)entry;
    for (;;)
        cpu_relax();
}
