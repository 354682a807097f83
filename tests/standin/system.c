/* SPDX-License-Identifier: MIT */
/* What of the ABI the harness needs before it runs a case: SYS.INIT, SYS.LP.INIT, SYS.RD. */
#include "tests/standin/instructions.h"
#include "tests/standin/standin.h"

#define INVEPT_ALL 2

void leaf_sys_init(struct lp_data *lp, struct standin_regs *regs)
{
    u32 pending = SYS_PENDING;
    if (regs->rcx)
        regs->rax = TDX_OPERAND_INVALID | TDX_OPERAND_RCX;
    else if (!__atomic_compare_exchange_n(&lp->global->state, &pending, SYS_STARTED, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_RELAXED))
        regs->rax = TDX_SYS_INIT_NOT_PENDING;
}

/* From the next entry on FS base is the last page of the data region, as a genuine module has it. */
void leaf_sys_lp_init(struct lp_data *lp, struct standin_regs *regs)
{
    static const u64 none[2];
    const struct sysinfo_region *data = &lp->sysinfo->data;
    if (__atomic_load_n(&lp->global->state, __ATOMIC_SEQ_CST) != SYS_STARTED) {
        regs->rax = TDX_SYS_LP_INIT_NOT_PENDING;
        return;
    }
    if (lp->initialised) {
        regs->rax = TDX_SYS_LP_INIT_DONE;
        return;
    }
    if (invept_flags(INVEPT_ALL, none))
        standin_fatal();
    vmwrite(VMCS_HOST_FS_BASE, data->base + data->size - PAGE_SIZE);
    lp->initialised = true;
}

/* ---- SYS.RD ---- */

enum source { VALUE, PACKAGES, CMR_BASE, CMR_SIZE };

/* In the order of their ids, as far as the driver and the harness ask for them. No vendor has version 0.1. */
static const struct {
    u64 id, value;
    enum source source;
    u32 fields;
} fields[] = {
    {TDX_FIELD_NUM_PKGS, 0, PACKAGES, 1},
    {TDX_FIELD_VENDOR_ID, 0, VALUE, 1},
    {TDX_FIELD_BUILD_DATE, 20261122, VALUE, 1},
    {TDX_FIELD_BUILD_NUM, 1, VALUE, 1},
    {TDX_FIELD_MINOR_VERSION, 1, VALUE, 1},
    {TDX_FIELD_MAJOR_VERSION, 0, VALUE, 1},
    {TDX_FIELD_UPDATE_VERSION, 0, VALUE, 1},
    {TDX_FIELD_TDX_FEATURES0, 0, VALUE, 1},
    {TDX_FIELD_NUM_CMRS, TDX_MAX_CMRS, VALUE, 1},
    {TDX_FIELD_CMR_BASE, 0, CMR_BASE, TDX_MAX_CMRS},
    {TDX_FIELD_CMR_SIZE, 0, CMR_SIZE, TDX_MAX_CMRS},
    {TDX_FIELD_MAX_TDMRS, TDX_MAX_TDMRS, VALUE, 1},
    {TDX_FIELD_MAX_RESERVED_PER_TDMR, TDX_MAX_RESERVED_PER_TDMR, VALUE, 1},
    {TDX_FIELD_PAMT_4K_ENTRY_SIZE, TDX_PAMT_ENTRY_BYTES, VALUE, 1},
    {TDX_FIELD_PAMT_2M_ENTRY_SIZE, TDX_PAMT_ENTRY_BYTES, VALUE, 1},
    {TDX_FIELD_PAMT_1G_ENTRY_SIZE, TDX_PAMT_ENTRY_BYTES, VALUE, 1},
};

static u64 field_value(const struct lp_data *lp, u32 row, u64 element)
{
    switch (fields[row].source) {
    case PACKAGES:
        return lp->sysinfo->packages;
    case CMR_BASE:
        return lp->sysinfo->cmrs[element].base;
    case CMR_SIZE:
        return lp->sysinfo->cmrs[element].size;
    default:
        return fields[row].value;
    }
}

static u64 next_field(u32 row, u64 element)
{
    if (element + 1 < fields[row].fields)
        return fields[row].id + element + 1;
    return row + 1 < ARRAY_COUNT(fields) ? fields[row + 1].id : TDX_FIELD_NULL;
}

void leaf_sys_rd(struct lp_data *lp, struct standin_regs *regs)
{
    if (!lp->initialised) {
        regs->rax = TDX_SYS_LP_INIT_NOT_DONE;
        return;
    }
    for (u32 row = 0; row < ARRAY_COUNT(fields); row++) {
        u64 element = regs->rdx - fields[row].id;
        if (element >= fields[row].fields)
            continue;
        regs->rdx = next_field(row, element);
        regs->r8 = field_value(lp, row, element);
        return;
    }
    regs->rax = TDX_METADATA_FIELD_ID_INCORRECT;
    regs->rdx = TDX_FIELD_NULL;
    regs->r8 = 0;
}
