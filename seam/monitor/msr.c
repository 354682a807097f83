/* SPDX-License-Identifier: MIT */
#include "seam/monitor/msr.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/control.h"
#include "seam/monitor/death.h"
#include "seam/monitor/exits.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/platform.h"

enum rule { FIXED, STORED, IGNORED, COMMAND, DIRECT, SPECIAL };

struct row {
    u32 first, last;
    enum rule rule;
    u64 reset;
};

static const struct row rows[] = {
#define MSR(first, last, name, reset, rule, why) {first, last, rule, reset},
#include "seam/monitor/msr.def"
};
_Static_assert(ARRAY_COUNT(rows) <= LP_MSR_SLOTS, "each row has a slot in struct lp");

#define APIC_BASE_ADDRESS 0xFEE00000ull
#define EFER_WRITABLE     (EFER_SCE | EFER_LME | EFER_NXE)
#define SEAMRR_CONFIGURED (1ull << 3)
#define PHYSICAL_BITS     52

/* The row's number, or -1. */
static int find(u32 msr)
{
    int low = 0, high = (int)ARRAY_COUNT(rows) - 1;
    while (low <= high) {
        int middle = (low + high) / 2;
        if (msr < rows[middle].first)
            high = middle - 1;
        else if (msr > rows[middle].last)
            low = middle + 1;
        else
            return middle;
    }
    return -1;
}

void msr_each_direct(void (*let_through)(u32 msr))
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (i && rows[i].first <= rows[i - 1].last)
            monitor_bug("msr.def: 0x%x is out of order", rows[i].first);
        for (u32 msr = rows[i].first; rows[i].rule == DIRECT && msr <= rows[i].last; msr++)
            let_through(msr);
    }
}

bool msr_is_direct(u32 msr)
{
    int row = find(msr);
    return row >= 0 && rows[row].rule == DIRECT;
}

void msr_reset(struct lp *lp)
{
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        lp->msr[i] = rows[i].reset;
}

u64 *msr_storage(struct lp *lp, u32 msr)
{
    int row = find(msr);
    if (row < 0)
        monitor_bug("MSR 0x%x has no storage", msr);
    return &lp->msr[row];
}

/* ---- special ones ---- */

static u64 apic_base(const struct lp *lp)
{
    return APIC_BASE_ADDRESS | APIC_BASE_ENABLE | APIC_BASE_X2APIC | (lp->index == 0 ? APIC_BASE_BSP : 0);
}

static bool read_special(struct lp *lp, u32 msr, int row, u64 *value)
{
    switch (msr) {
    case MSR_IA32_APIC_BASE:
        *value = apic_base(lp);
        return true;
    case MSR_IA32_INTR_PENDING:
        *value = platform_pending(lp);
        return true;
    case MSR_IA32_SEAMRR_BASE:
        *value = machine.seamrr | SEAMRR_CONFIGURED;
        return true;
    case MSR_IA32_SEAMRR_MASK:
        *value = (((1ull << PHYSICAL_BITS) - 1) & ~(machine.seamrr_size - 1)) | SEAMRR_MASK_LOCKED |
                 SEAMRR_MASK_VALID;
        return true;
    case MSR_EFER:
        *value = lp->vmcb->efer & ~EFER_SVME;
        return true;
    case MSR_IA32_MC0_STATUS:
    case MSR_IA32_MC0_ADDR:
        *value = lp->msr[row];
        return true;
    default:
        return apic_read(lp, msr, value);
    }
}

/* LME can't change while paging is on; LMA is the CPU's. */
static bool write_efer(struct lp *lp, u64 value)
{
    u64 old = lp->vmcb->efer;
    if (value & ~(EFER_WRITABLE | EFER_LMA))
        return false;
    if (((value ^ old) & EFER_LME) && (lp->vmcb->cr0 & CR0_PG))
        return false;
    lp->vmcb->efer = (value & EFER_WRITABLE) | (old & EFER_LMA) | EFER_SVME;
    lp->translations_seen = 0; /* NXE changes what translations mean */
    return true;
}

static bool write_special(struct lp *lp, u32 msr, int row, u64 value)
{
    switch (msr) {
    case MSR_IA32_APIC_BASE:
        return value == apic_base(lp); /* x2APIC mode is locked */
    case MSR_EFER:
        return write_efer(lp, value);
    case MSR_IA32_MC0_STATUS:
    case MSR_IA32_MC0_ADDR:
        lp->msr[row] = 0;
        return value == 0;
    case MSR_IA32_INTR_PENDING:
    case MSR_IA32_SEAMRR_BASE:
    case MSR_IA32_SEAMRR_MASK:
        return false;
    default:
        return apic_write(lp, msr, value);
    }
}

/* ---- by rule ---- */

static bool read_row(struct lp *lp, u32 msr, int row, u64 *value)
{
    switch (rows[row].rule) {
    case COMMAND:
        return false;
    case DIRECT:
        *value = rdmsr(msr);
        return true;
    case SPECIAL:
        return read_special(lp, msr, row, value);
    default:
        *value = lp->msr[row];
        return true;
    }
}

static bool write_row(struct lp *lp, u32 msr, int row, u64 value)
{
    switch (rows[row].rule) {
    case FIXED:
        return false;
    case STORED:
        lp->msr[row] = value;
        return true;
    case DIRECT:
        wrmsr(msr, value);
        return true;
    case SPECIAL:
        return write_special(lp, msr, row, value);
    default: /* IGNORED, COMMAND */
        return true;
    }
}

/* A fault may also make an MSR that isn't there. */
static bool read_with_faults(struct lp *lp, u32 msr, u64 *value)
{
    int row = find(msr);
    bool there = row >= 0 && read_row(lp, msr, row, value);
    if (!there)
        *value = 0;
    return faults_msr(lp->index, msr, value) || there;
}

static bool guest_read(struct lp *lp, u32 msr, u64 *value)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_RDMSR);
    if (msr - CONTROL_FIRST < MONITOR_MSR_COUNT)
        return control_read(lp, msr - CONTROL_FIRST, value);
    return read_with_faults(lp, msr, value);
}

static bool guest_write(struct lp *lp, u32 msr, u64 value)
{
    lp_count_event(lp, MONITOR_COUNT_EXIT_WRMSR);
    if (msr - CONTROL_FIRST < MONITOR_MSR_COUNT)
        return control_write(lp, msr - CONTROL_FIRST, value);
    int row = find(msr);
    return row >= 0 && write_row(lp, msr, row, value);
}

void exit_msr(struct lp *lp)
{
    bool write = lp->vmcb->exit_info_1 & 1, done;
    u32 msr = (u32)lp->regs.rcx;
    if (write) {
        done = guest_write(lp, msr, lp->regs.rdx << 32 | (u32)lp->regs.rax);
    } else {
        u64 value;
        done = guest_read(lp, msr, &value);
        if (done) {
            lp->regs.rax = (u32)value;
            lp->regs.rdx = value >> 32;
        }
    }
    if (done)
        exit_skip(lp, 2);
    else
        exit_raise_gp(lp);
}

bool msr_module_read(const struct lp *lp, u32 msr, u64 *value)
{
    return read_with_faults((struct lp *)lp, msr, value);
}

bool msr_module_write(struct lp *lp, u32 msr, u64 value)
{
    int row = find(msr);
    return row >= 0 && write_row(lp, msr, row, value);
}
