/* SPDX-License-Identifier: MIT */
#include "seam/monitor/apic.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/traps.h"

/* Registers of the xAPIC page, Intel SDM 3A table 11-1; MSR 0x800 + offset / 16 in x2APIC mode. */
enum {
    APIC_ID = 0x020,
    APIC_VERSION = 0x030,
    APIC_TPR = 0x080,
    APIC_PPR = 0x0A0,
    APIC_EOI = 0x0B0,
    APIC_LDR = 0x0D0,
    APIC_DFR = 0x0E0,
    APIC_SVR = 0x0F0,
    APIC_ISR = 0x100,
    APIC_TMR = 0x180,
    APIC_IRR = 0x200,
    APIC_ESR = 0x280,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_FIRST = 0x320, /* timer, thermal, counters, LINT0, LINT1, error */
    APIC_LVT_LAST = 0x370,
    APIC_INITIAL_COUNT = 0x380,
    APIC_CURRENT_COUNT = 0x390,
    APIC_DIVIDE = 0x3E0,
    APIC_SELF_IPI = 0x3F0, /* x2APIC only */
};

#define APIC_BASE      0xFEE00000ull
#define SVR_AFTER_INIT 0xFFu
#define SVR_ENABLED    0x1FFu
#define LVT_MASKED     (1u << 16)
#define DFR_FLAT       0xFFFFFFFFu
#define ICR_BUSY       (1u << 12)
#define ICR_LOGICAL    (1u << 11)
#define ICR_MODE       0x700u
#define ICR_SHORTHAND  (3u << 18)
#define SHORTHAND_NONE 0
#define SHORTHAND_SELF (1u << 18)
#define SHORTHAND_ALL  (2u << 18)
#define BROADCAST      0xFFFFFFFFu
#define ICR_WAIT_POLLS 1000000u
#define ICR_RESERVED   0xFFF32000ull /* SDM 3A figure 11-28: 31:20, 17:16, 13; bit 12 is ignored */

static u32 read_register(u32 offset)
{
    return *(volatile u32 *)(APIC_BASE + offset);
}

static void write_register(u32 offset, u32 value)
{
    *(volatile u32 *)(APIC_BASE + offset) = value;
}

u32 apic_id(void)
{
    return read_register(APIC_ID) >> 24;
}

/*
 * Devices that interrupt a logical destination name 8 bits; with the flat model they mean the first 8 LPs, as
 * in cluster 0 of x2APIC mode.
 */
void apic_init(void)
{
    u32 id = apic_id();
    write_register(APIC_DFR, DFR_FLAT);
    write_register(APIC_LDR, id < 8 ? 1u << (24 + id) : 0);
}

static bool any_bit(u32 first_register)
{
    u32 bits = 0;
    for (u32 i = 0; i < 8; i++)
        bits |= read_register(first_register + 16 * i);
    return bits != 0;
}

void apic_reset(void)
{
    write_register(APIC_SVR, SVR_ENABLED); /* a switched-off APIC would deliver nothing of what waits */
    write_register(APIC_TPR, 0);
    write_register(APIC_INITIAL_COUNT, 0);
    for (u32 lvt = APIC_LVT_FIRST; lvt <= APIC_LVT_LAST; lvt += 16)
        write_register(lvt, LVT_MASKED);
    for (u32 i = 0; i < 256 && any_bit(APIC_ISR); i++)
        write_register(APIC_EOI, 0);
    for (u32 i = 0; i < 256 && any_bit(APIC_IRR); i++)
        drain_interrupts();
    write_register(APIC_DIVIDE, 0);
    write_register(APIC_SVR, SVR_AFTER_INIT);
    apic_init();
}

void apic_send_physical(u32 id, u32 command)
{
    for (u32 i = 0; i < ICR_WAIT_POLLS && (read_register(APIC_ICR) & ICR_BUSY); i++)
        cpu_relax();
    write_register(APIC_ICR_HIGH, id << 24);
    write_register(APIC_ICR, command);
}

/* ---- the guest's ICR ---- */

static bool names(const struct lp *target, const struct lp *sender, u32 command, u32 destination)
{
    switch (command & ICR_SHORTHAND) {
    case SHORTHAND_SELF:
        return target == sender;
    case SHORTHAND_ALL:
        return true;
    case SHORTHAND_NONE:
        break;
    default:
        return target != sender;
    }
    if (destination == BROADCAST)
        return true;
    if (!(command & ICR_LOGICAL))
        return target->apic_id == destination;
    return target->apic_id >> 4 == destination >> 16 && (destination >> (target->apic_id & 15) & 1);
}

static void send_to(struct lp *from, struct lp *to, u32 command)
{
    switch (command & ICR_MODE) {
    case APIC_ICR_NMI:
        lp_ask(to, LP_WORK_NMI);
        break;
    case APIC_ICR_INIT:
        if (command & APIC_ICR_ASSERT || !(command & (1u << 15))) /* the level de-assert form does nothing */
            lp_send_init(from, to);
        break;
    case APIC_ICR_SIPI:
        lp_send_sipi(to, (u8)command);
        break;
    default:
        apic_send_physical(to->apic_id, command & ~(ICR_LOGICAL | ICR_SHORTHAND));
    }
}

static void send(struct lp *from, u64 icr)
{
    u32 command = (u32)icr & ~ICR_BUSY, destination = (u32)(icr >> 32);
    for (u32 i = 0; i < lp_count; i++)
        if (names(lp_at(i), from, command, destination))
            send_to(from, lp_at(i), command);
}

/* ---- the MSRs ---- */

static u32 logical_id(const struct lp *lp)
{
    return lp->apic_id >> 4 << 16 | 1u << (lp->apic_id & 15);
}

bool apic_read(struct lp *lp, u32 msr, u64 *value)
{
    u32 offset = (msr - MSR_IA32_X2APIC_BASE) * 16;
    switch (offset) {
    case APIC_ID:
        *value = lp->apic_id;
        return true;
    case APIC_LDR:
        *value = logical_id(lp);
        return true;
    case APIC_ICR:
        *value = lp->icr;
        return true;
    case APIC_VERSION:
    case APIC_TPR:
    case APIC_PPR:
    case APIC_SVR:
    case APIC_ISR ... APIC_ESR:
    case APIC_LVT_FIRST ... APIC_LVT_LAST:
    case APIC_INITIAL_COUNT:
    case APIC_CURRENT_COUNT:
    case APIC_DIVIDE:
        *value = read_register(offset);
        return true;
    default:
        return false;
    }
}

bool apic_write(struct lp *lp, u32 msr, u64 value)
{
    u32 offset = (msr - MSR_IA32_X2APIC_BASE) * 16;
    if (offset == APIC_ICR) {
        if (value & ICR_RESERVED)
            return false;
        lp->icr = value & ~(u64)ICR_BUSY;
        send(lp, value);
        return true;
    }
    if (value >> 32)
        return false;
    switch (offset) {
    case APIC_EOI:
    case APIC_ESR:
        if (value)
            return false;
        break;
    case APIC_SELF_IPI:
        apic_send_physical(lp->apic_id, (u8)value);
        return true;
    case APIC_TPR:
    case APIC_SVR:
    case APIC_LVT_FIRST ... APIC_LVT_LAST:
    case APIC_INITIAL_COUNT:
    case APIC_DIVIDE:
        break;
    default:
        return false;
    }
    write_register(offset, (u32)value);
    return true;
}

u32 apic_task_priority(void)
{
    return read_register(APIC_TPR);
}

/* Asked after every page of a resumable leaf, so the registers are read only as far as they matter: in the
 * usual case nothing waits. Vectors below 32 are exceptions, which no interrupt may use. */
bool apic_interrupt_waiting(void)
{
    for (u32 i = 8; i-- > 1;) {
        u32 waiting = read_register(APIC_IRR + 16 * i);
        if (waiting)
            return (i * 32 + 31 - (u32)__builtin_clz(waiting)) >> 4 > (read_register(APIC_PPR) >> 4 & 15);
    }
    return false;
}
