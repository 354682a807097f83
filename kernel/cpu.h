/* SPDX-License-Identifier: MIT */
/* Single instructions, as functions. */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "lib/types.h"

struct cpuid_regs {
    u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_regs r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(subleaf));
    return r;
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

static inline u8 inb(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline void outl(u16 port, u32 value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

#define CPU_CONTROL_REGISTER(name)                                                                           \
    static inline u64 read_##name(void)                                                                      \
    {                                                                                                        \
        u64 value;                                                                                           \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value));                                               \
        return value;                                                                                        \
    }                                                                                                        \
    static inline void write_##name(u64 value)                                                               \
    {                                                                                                        \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");                                      \
    }
CPU_CONTROL_REGISTER(cr0)
CPU_CONTROL_REGISTER(cr2)
CPU_CONTROL_REGISTER(cr3)
CPU_CONTROL_REGISTER(cr4)

static inline u64 read_rflags(void)
{
    u64 value;
    __asm__ volatile("pushfq; pop %0" : "=r"(value));
    return value;
}

#define RFLAGS_IF (1ull << 9)

static inline void interrupts_on(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void interrupts_off(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline bool interrupts_save(void) /* off; returns whether they were on */
{
    bool were_on = read_rflags() & RFLAGS_IF;
    interrupts_off();
    return were_on;
}

static inline void interrupts_restore(bool were_on)
{
    if (were_on)
        interrupts_on();
}

static inline void cpu_relax(void)
{
    __asm__ volatile("pause");
}

static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

static inline void invlpg(const void *address)
{
    __asm__ volatile("invlpg (%0)" : : "r"(address) : "memory");
}

#define CR4_VMXE (1ull << 13)

#define MSR_EFER 0xC0000080

#endif
