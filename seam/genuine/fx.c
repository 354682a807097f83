/* SPDX-License-Identifier: MIT */
#include "seam/genuine/fx.h"

#include "kernel/cpu.h"

#define CR4_OSFXSR (1ull << 9) /* without it XMM registers and MXCSR are left out */

/* Both for the time of one instruction; the monitor needs neither otherwise. */
static u64 open(void)
{
    u64 old = read_cr4();
    write_cr4(old | CR4_OSFXSR);
    __asm__ volatile("clts");
    return old;
}

void fx_save(void *image, bool wide)
{
    u64 old = open();
    if (wide)
        __asm__ volatile("fxsave64 (%0)" : : "r"(image) : "memory");
    else
        __asm__ volatile("fxsave (%0)" : : "r"(image) : "memory");
    write_cr4(old);
}

void fx_restore(const void *image, bool wide)
{
    u64 old = open();
    if (wide)
        __asm__ volatile("fxrstor64 (%0)" : : "r"(image) : "memory");
    else
        __asm__ volatile("fxrstor (%0)" : : "r"(image) : "memory");
    write_cr4(old);
}
