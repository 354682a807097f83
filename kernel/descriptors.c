/* SPDX-License-Identifier: MIT */
/* GDT, IDT and TSS: one IDT for all, a GDT and a TSS for each CPU, because a TSS holds its stacks. */
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/percpu.h"
#include "kernel/probe.h"
#include "kernel/traps.h"

#define SELECTOR_CODE 0x08

#define GDT_CODE 0x00AF9B000000FFFFull /* 64-bit, present, accessed */
#define GDT_DATA 0x00CF93000000FFFFull
#define GDT_TSS  0x0000890000000000ull /* available 64-bit TSS; SDM vol. 3, figure 9-4 */

#define GATE_INTERRUPT 0x8E /* present, DPL 0, interrupts off */

#define MSR_GS_BASE      0xC0000101
#define MSR_MCG_CAP      0x179
#define MSR_MC0_CTL      0x400 /* bank n: 0x400 + 4n */
#define MCG_CAP_BANKS(v) ((u32)(v)&0xFF)
#define MCG_BANKS_MAX    32 /* SDM vol. 4: the architectural range ends at IA32_MC31 */

#define CPUID_1_EDX_MCE (1u << 7)
#define CPUID_1_EDX_MCA (1u << 14)
#define CR4_MCE         (1ull << 6)

enum { IST_NMI = 1, IST_DF = 2, IST_MC = 3 }; /* 0: the stack in use */

#define TRAP_STACK_SIZE 8192

struct gate { /* SDM vol. 3, figure 7-8 */
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};
_Static_assert(sizeof(struct gate) == 16, "64-bit IDT gate");

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

extern const u8 trap_stubs[256][16];
void descriptors_load(const struct table_pointer *gdt, const struct table_pointer *idt);

struct percpu percpu_slots[MAX_CPUS];
static bool
    percpu_ready; /* the boot CPU's GS base is set: from here on every CPU's is, before it runs other code */

static struct gate idt[256];
static u8 early_stack[TRAP_STACK_SIZE] __attribute__((aligned(16))); /* until traps_init_stacks() */

_Static_assert(offsetof(struct percpu, self) == 0 && offsetof(struct percpu, number) == 8,
               "read through GS below");

struct percpu *percpu_this(void)
{
    struct percpu *self = &percpu_slots[0];
    if (percpu_ready)
        __asm__ volatile("mov %%gs:0, %0" : "=r"(self));
    return self;
}

u32 cpu_this(void)
{
    u32 number = 0;
    if (percpu_ready)
        __asm__ volatile("mov %%gs:8, %0" : "=r"(number));
    return number;
}

static void idt_fill(void)
{
    for (u32 vector = 0; vector < 256; vector++) {
        u64 entry = (u64)trap_stubs[vector];
        idt[vector] = (struct gate){
            .offset_low = (u16)entry,
            .selector = SELECTOR_CODE,
            .ist = vector == VECTOR_NMI  ? IST_NMI
                   : vector == VECTOR_DF ? IST_DF
                   : vector == VECTOR_MC ? IST_MC
                                         : 0,
            .type = GATE_INTERRUPT,
            .offset_middle = (u16)(entry >> 16),
            .offset_high = (u32)(entry >> 32),
        };
    }
}

static void gdt_fill(struct percpu *cpu)
{
    u64 base = (u64)&cpu->tss;
    cpu->gdt[0] = 0;
    cpu->gdt[1] = GDT_CODE;
    cpu->gdt[2] = GDT_DATA;
    cpu->gdt[3] = GDT_TSS | (sizeof(struct tss) - 1) | (base & 0xFFFFFF) << 16 | (base >> 24 & 0xFF) << 56;
    cpu->gdt[4] = base >> 32;
    cpu->tss.io_map = sizeof(struct tss);
}

/* Without CR4.MCE a machine check is a shutdown, no exception; without MCi_CTL a bank stays silent. */
static void machine_check_enable(void)
{
    u32 features = cpuid(1, 0).edx;
    u64 capabilities = 0;
    if (!(features & CPUID_1_EDX_MCE))
        return;
    write_cr4(read_cr4() | CR4_MCE);
    if (!(features & CPUID_1_EDX_MCA) || probe_rdmsr(MSR_MCG_CAP, &capabilities) != FAULT_NONE)
        return;
    for (u32 bank = 0; bank < MCG_CAP_BANKS(capabilities) && bank < MCG_BANKS_MAX; bank++)
        probe_wrmsr(MSR_MC0_CTL + 4 * bank, ~0ull);
}

void traps_load(struct percpu *cpu)
{
    gdt_fill(cpu);
    cpu->self = cpu;
    const struct table_pointer gdt_pointer = {sizeof(cpu->gdt) - 1, (u64)cpu->gdt};
    const struct table_pointer idt_pointer = {sizeof(idt) - 1, (u64)idt};
    descriptors_load(&gdt_pointer, &idt_pointer);
    wrmsr(MSR_GS_BASE, (u64)cpu);
    percpu_ready = true;
    machine_check_enable();
}

void traps_create_stacks(struct percpu *cpu)
{
    cpu->tss.ist[IST_NMI - 1] = (u64)stack_create(TRAP_STACK_SIZE, "NMI stack");
    cpu->tss.ist[IST_DF - 1] = (u64)stack_create(TRAP_STACK_SIZE, "double-fault stack");
    cpu->tss.ist[IST_MC - 1] = (u64)stack_create(TRAP_STACK_SIZE, "machine-check stack");
}

void traps_init(void)
{
    struct percpu *boot = &percpu_slots[0];
    for (u32 i = IST_NMI; i <= IST_MC;
         i++) /* one for all three: whatever comes this early is the end anyway */
        boot->tss.ist[i - 1] = (u64)(early_stack + sizeof(early_stack));
    boot->state = CPU_ONLINE;
    idt_fill();
    traps_load(boot);
}

void traps_init_stacks(void)
{
    traps_create_stacks(&percpu_slots[0]); /* the processor reads the TSS afresh each time */
}
