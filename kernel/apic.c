/* SPDX-License-Identifier: MIT */
#include "kernel/apic.h"

#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/traps.h"

#define MSR_APIC_BASE   0x1B
#define APIC_BASE_EXTD  (1ull << 10)
#define APIC_BASE_EN    (1ull << 11)
#define APIC_BASE_PA(v) ((v)&0x000FFFFFFFFFF000ull)
#define MSR_X2APIC      0x800 /* the register at xAPIC offset 16 * n is MSR 0x800 + n */

#define CPUID_1_ECX_X2APIC (1u << 21)
#define CPUID_1_EDX_APIC   (1u << 9)

enum apic_register { /* SDM vol. 3, table 12-1 */
                     APIC_ID = 0x20,
                     APIC_TPR = 0x80,
                     APIC_EOI = 0xB0,
                     APIC_SPURIOUS = 0xF0,
                     APIC_ESR = 0x280,
                     APIC_ICR = 0x300,
                     APIC_ICR_HIGH = 0x310,
                     APIC_LVT_TIMER = 0x320,
                     APIC_LVT_LINT0 = 0x350,
                     APIC_LVT_LINT1 = 0x360,
                     APIC_LVT_ERROR = 0x370,
                     APIC_TIMER_INITIAL = 0x380,
                     APIC_TIMER_CURRENT = 0x390,
                     APIC_TIMER_DIVIDE = 0x3E0,
};

#define SPURIOUS_ENABLE (1u << 8)
#define LVT_MASKED      (1u << 16)
#define TIMER_DIVIDE_16 0x3 /* SDM vol. 3, figure 12-10 */

#define ICR_NMI     (4u << 8) /* delivery modes, figure 12-12 */
#define ICR_INIT    (5u << 8)
#define ICR_STARTUP (6u << 8)
#define ICR_PENDING (1u << 12) /* xAPIC only */
#define ICR_ASSERT  (1u << 14)
#define ICR_POLLS   1000000u

#define PIC1 0x20 /* 8259A data sheet: command, data at +1 */
#define PIC2 0xA0

static volatile u8 *page; /* xAPIC registers; NULL in x2APIC mode */
static bool x2apic, ready;

static u32 apic_read(enum apic_register reg)
{
    if (x2apic)
        return (u32)rdmsr(MSR_X2APIC + reg / 16);
    return *(volatile u32 *)(page + reg);
}

static void apic_write(enum apic_register reg, u32 value)
{
    if (x2apic)
        wrmsr(MSR_X2APIC + reg / 16, value);
    else
        *(volatile u32 *)(page + reg) = value;
}

/* ---- setting up ---- */

/*
 * Nothing here uses device interrupts: all lines of both PICs are masked. They are still moved to vectors
 * 0x20-0x2F, because a spurious one would otherwise look like an exception.
 */
static void pic_mask(void)
{
    static const struct {
        u16 port;
        u8 value;
    } steps[] = {
        {PIC1, 0x11},     {PIC2, 0x11},     /* ICW1: initialise, ICW4 follows */
        {PIC1 + 1, 0x20}, {PIC2 + 1, 0x28}, /* ICW2: vectors */
        {PIC1 + 1, 0x04}, {PIC2 + 1, 0x02}, /* ICW3: cascade on line 2 */
        {PIC1 + 1, 0x01}, {PIC2 + 1, 0x01}, /* ICW4: 8086 mode */
        {PIC1 + 1, 0xFF}, {PIC2 + 1, 0xFF}, /* OCW1: all masked */
    };
    for (size_t i = 0; i < ARRAY_COUNT(steps); i++)
        outb(steps[i].port, steps[i].value);
}

/* Off -> xAPIC -> x2APIC: the only order allowed (SDM vol. 3, figure 12-27). */
static void enter_mode(void)
{
    u64 base = rdmsr(MSR_APIC_BASE);
    if (!(base & APIC_BASE_EN))
        wrmsr(MSR_APIC_BASE, base |= APIC_BASE_EN);
    if (x2apic && !(base & APIC_BASE_EXTD))
        wrmsr(MSR_APIC_BASE, base | APIC_BASE_EXTD);
}

void apic_init_cpu(void)
{
    enter_mode();
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_TIMER, LVT_MASKED);
    apic_write(APIC_LVT_LINT0, LVT_MASKED);
    apic_write(APIC_LVT_LINT1, LVT_MASKED);
    apic_write(APIC_LVT_ERROR, LVT_MASKED);
    apic_write(APIC_TIMER_DIVIDE, TIMER_DIVIDE_16);
    apic_write(APIC_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
    apic_write(APIC_ESR, 0);
}

void apic_init(void)
{
    struct cpuid_regs features = cpuid(1, 0);
    if (!(features.edx & CPUID_1_EDX_APIC))
        refuse(
            "This CPU has no local APIC: switch it on in the firmware setup (QEMU: don't use -cpu ...,-apic)");
    pic_mask();
    u64 base = rdmsr(MSR_APIC_BASE);
    x2apic = (features.ecx & CPUID_1_ECX_X2APIC) || (base & APIC_BASE_EXTD);
    if (!x2apic)
        page = map_physical(pa_of(APIC_BASE_PA(base)), PAGE_SIZE, MAP_WRITE | MAP_UNCACHED);
    apic_init_cpu();
    ready = true;
}

bool apic_ready(void)
{
    return ready;
}

bool apic_is_x2apic(void)
{
    return x2apic;
}

u32 apic_id(void)
{
    u32 id = apic_read(APIC_ID);
    return x2apic ? id : id >> 24;
}

bool apic_can_address(u32 id)
{
    return x2apic ? id != 0xFFFFFFFF : id < 0xFF;
}

/* ---- use ---- */

void apic_eoi(void)
{
    apic_write(APIC_EOI, 0);
}

/* The last command must have left before the next is written; an APIC that keeps it is beyond help, but no
 * reason to hang: the wait ends, and whoever expected an answer notices. */
static void xapic_command(u32 destination, u32 command)
{
    bool were_on = interrupts_save();
    for (u32 i = 0; i < ICR_POLLS && (apic_read(APIC_ICR) & ICR_PENDING); i++)
        cpu_relax();
    apic_write(APIC_ICR_HIGH, destination << 24);
    apic_write(APIC_ICR, command);
    interrupts_restore(were_on);
}

static void apic_command(u32 destination, u32 command)
{
    if (!x2apic) {
        xapic_command(destination, command);
        return;
    }
    /* x2APIC writes don't wait for earlier stores (SDM vol. 3, section 12.12.3): the receiver must see them
     */
    __asm__ volatile("mfence; lfence" : : : "memory");
    wrmsr(MSR_X2APIC + APIC_ICR / 16, (u64)destination << 32 | command);
}

void apic_send(u32 id, u8 vector)
{
    apic_command(id, ICR_ASSERT | vector);
}

void apic_send_nmi(u32 id)
{
    apic_command(id, ICR_ASSERT | ICR_NMI);
}

void apic_send_init(u32 id)
{
    apic_command(id, ICR_ASSERT | ICR_INIT);
}

void apic_send_startup(u32 id, u64 start_page)
{
    apic_command(id, ICR_ASSERT | ICR_STARTUP | (u32)(start_page >> 12));
}

void apic_timer_start(u32 count)
{
    apic_write(APIC_LVT_TIMER, count ? VECTOR_TIMER : LVT_MASKED | VECTOR_TIMER);
    apic_write(APIC_TIMER_INITIAL, count);
}

u32 apic_timer_left(void)
{
    return apic_read(APIC_TIMER_CURRENT);
}
