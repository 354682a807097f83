/* SPDX-License-Identifier: MIT */
/* Instructions that C has no words for. Those whose flags or forms matter are in forms.asm. */
#ifndef TESTS_STANDIN_INSTRUCTIONS_H
#define TESTS_STANDIN_INSTRUCTIONS_H

#include "lib/types.h"

/* Intel SDM 3D, appendix B */
#define VMCS_INSTRUCTION_ERROR  0x4400
#define VMCS_EXIT_REASON        0x4402
#define VMCS_INSTRUCTION_LENGTH 0x440C
#define VMCS_GUEST_RIP          0x681E
#define VMCS_GUEST_RFLAGS       0x6820
#define VMCS_HOST_FS_BASE       0x6C06

#define FLAGS_CF         0x001ull
#define FLAGS_ZF         0x040ull
#define FLAGS_ARITHMETIC 0x8D5ull /* OF SF ZF AF PF CF */

static inline u64 vmread(u64 field)
{
    u64 value;
    __asm__ volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
    return value;
}

static inline void vmwrite(u64 field, u64 value)
{
    __asm__ volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc");
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

static inline u64 xgetbv(u32 index)
{
    u32 low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index));
    return (u64)high << 32 | low;
}

static inline void xsetbv(u32 index, u64 value)
{
    __asm__ volatile("xsetbv" : : "c"(index), "a"((u32)value), "d"((u32)(value >> 32)));
}

/* As a debug trace uses them; RAX is rax before each IN. */
static inline void trace_ports(u64 rax, u64 *one, u64 *two, u64 *four)
{
    *one = *two = *four = rax;
    __asm__ volatile("outb %b0, $0x80" : : "a"(0));
    __asm__ volatile("inb %%dx, %%al" : "+a"(*one) : "d"(0x3FD));
    __asm__ volatile("inw %%dx, %%ax" : "+a"(*two) : "d"(0x3FD));
    __asm__ volatile("inl %%dx, %%eax" : "+a"(*four) : "d"(0x3FD));
}

static inline void invlpg(const void *at)
{
    __asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
}

/* Access to user pages, for as long as it takes */
static inline void stac(void)
{
    __asm__ volatile("stac" : : : "cc", "memory");
}

static inline void clac(void)
{
    __asm__ volatile("clac" : : : "cc", "memory");
}

static inline void movdir64b(void *to, const void *line)
{
    __asm__ volatile("movdir64b (%1), %0" : : "r"(to), "r"(line) : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

/* ---- forms.asm: arithmetic flags are all 1 before the instruction, and what they are after it is the result
 * ---- */

#define VMX_FORMS    17
#define MOVDIR_FORMS 7

/* Form by form; the value goes to, or comes from, *place, which has half a page of scratch memory on both
 * sides. */
extern u64 (*const vmread_forms[VMX_FORMS])(u64 field, u64 *place);
extern u64 (*const vmwrite_forms[VMX_FORMS])(u64 field, u64 *place);

/* From a line of memory with as much scratch memory around it, 64-byte aligned, to another. */
extern u64 (*const movdir_forms[MOVDIR_FORMS])(void *to, void *from);

u64 vmptrld_flags(const u64 *pa);
u64 vmclear_flags(const u64 *pa);
u64 vmptrst_flags(u64 *pa);
u64 invept_flags(u64 type, const u64 descriptor[2]);
u64 invvpid_flags(u64 type, const u64 descriptor[2]);
u64 pconfig_flags(u64 leaf, const void *operand, u64 *rax);

void seamops(u64 leaf, u64 outputs[7]);    /* RAX, R10 ... R15 */
u64 random_number(bool seed, u64 *number); /* how many: 0 or 1 */

/* XMM0 = pattern, XSAVES, XMM0 = ~pattern, XRSTORS. out: XMM0 at the end, and before XRSTORS. */
void xstate_round_trip(void *area, u64 components, u64 pattern, u64 out[2]);

/* Words of the red zone that an emulated instruction left alone, of 16. The word that VMREAD writes counts,
 * too. */
u64 red_zone_round(u64 field, const void *line, void *to);

u64 vmread_sum(u64 field, u64 times);

u64 standin_image(void); /* entry.asm */

#endif
