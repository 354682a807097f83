/* SPDX-License-Identifier: MIT */
/*
 * An LP as the loader leaves it for the module: the host state of its SEAM VMCS, and the VMCB that makes it
 * true. Values: public sources of the P-SEAMLDR (MIT) and of module 1.5.01.
 */
#include "lib/string.h"
#include "seam/genuine/keys.h"
#include "seam/genuine/turn.h"
#include "seam/genuine/vmcs.h"
#include "seam/monitor/death.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"

#define VMX_REVISION 0x11

#define SELECTOR_CODE 0x08
#define SELECTOR_DATA 0x10
#define SELECTOR_FS   0x18
#define SELECTOR_TSS  0x20
#define SEGMENT_CODE  0xA9B /* APM 2, table 4-6 as the VMCB packs it: G, L, present, code, accessed */
#define SEGMENT_DATA  0xC93
#define SEGMENT_TSS   0x08B

#define CR0_SEAM  (CR0_PE | CR0_ET | CR0_NE | CR0_WP | CR0_PG)
#define CR4_SEAM  0x3506A8ull /* DE, PAE, PGE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE, SMEP, SMAP */
#define CR4_INTEL ((1ull << 23) | (1ull << 13)) /* CET, VMXE: no TCG guest may have them */
#define EFER_SEAM (EFER_LME | EFER_LMA | EFER_NXE)
#define PAT_SEAM  0x0006060606060606ull /* index 7 is uncached */
#define S_CET     0x15ull               /* shadow stacks, ENDBR, NO_TRACK */
#define DR7_START 0x400

#define ASID          2 /* the guest has 1 */
#define MSR_MAP_BYTES (2 * PAGE_SIZE)
#define IO_MAP_BYTES  (3 * PAGE_SIZE)

static u8 *msr_map, *io_map; /* of all LPs; every access is looked at */

static void build_vmcb(struct lp *lp)
{
    struct vmcb *v = lp->seam->vmcb;
    struct vmcb_segment data = {.selector = SELECTOR_DATA, .attributes = SEGMENT_DATA, .limit = 0xFFFFFFFF};
    v->intercept_exceptions = 0xFFFFFFFF;
    v->intercept_1 = INTERCEPT_NMI | INTERCEPT_HALT | INTERCEPT_CPUID | INTERCEPT_INVD | INTERCEPT_INVLPGA |
                     INTERCEPT_IO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN;
    v->intercept_2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE |
                     INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD |
                     INTERCEPT_MONITOR | INTERCEPT_MWAIT | INTERCEPT_XSETBV;
    v->iopm = (u64)io_map;
    v->msrpm = (u64)msr_map;
    v->asid = ASID;
    v->nested_control = NESTED_PAGING_ON;
    v->cs = (struct vmcb_segment){.selector = SELECTOR_CODE, .attributes = SEGMENT_CODE, .limit = 0xFFFFFFFF};
    v->ds = v->es = v->ss = v->fs = v->gs = data;
    v->tr = (struct vmcb_segment){.selector = SELECTOR_TSS, .attributes = SEGMENT_TSS, .limit = 0xFFFF};
    v->efer = EFER_SEAM | EFER_SVME;
    v->cr0 = CR0_SEAM;
    v->cr4 = CR4_SEAM;
    v->pat = PAT_SEAM;
}

void seam_create_lps(void)
{
    msr_map = heap_need(MSR_MAP_BYTES, PAGE_SIZE, "the module's MSR map");
    io_map = heap_need(IO_MAP_BYTES, PAGE_SIZE, "the module's I/O map");
    memset(msr_map, 0xFF, MSR_MAP_BYTES);
    memset(io_map, 0xFF, IO_MAP_BYTES);
    for (u32 i = 0; i < lp_count; i++) {
        struct lp *lp = lp_at(i);
        lp->seam = heap_need(sizeof(*lp->seam), 16, "an LP's place in the module");
        lp->seam->vmcb = heap_need(PAGE_SIZE, PAGE_SIZE, "an LP's place in the module");
        lp->seam->seam_vmcs = machine.seamrr + PAGE_SIZE * (i + 1);
    }
}

static const struct {
    enum vmcs_field field;
    u64 value;
} host_state[] = {
    {VMCS_HOST_CR0, CR0_SEAM},
    {VMCS_HOST_CR4, CR4_SEAM | CR4_INTEL},
    {VMCS_HOST_EFER, EFER_SEAM},
    {VMCS_HOST_PAT, PAT_SEAM},
    {VMCS_HOST_S_CET, S_CET},
    {VMCS_HOST_CS_SELECTOR, SELECTOR_CODE},
    {VMCS_HOST_SS_SELECTOR, SELECTOR_DATA},
    {VMCS_HOST_FS_SELECTOR, SELECTOR_FS},
    {VMCS_HOST_GS_SELECTOR, SELECTOR_FS},
    {VMCS_HOST_TR_SELECTOR, SELECTOR_TSS},
};

void seam_set(const struct lp *lp, u64 field, u64 value)
{
    if (!vmcs_write((void *)lp->seam->seam_vmcs, field, value))
        monitor_bug("the SEAM VMCS has no field 0x%lx", field);
}

u64 seam_get(const struct lp *lp, u64 field)
{
    u64 value = 0;
    if (!vmcs_read((const void *)lp->seam->seam_vmcs, field, &value))
        monitor_bug("the SEAM VMCS has no field 0x%lx", field);
    return value;
}

static void fill_vmcs(struct lp *lp)
{
    u8 *region = (u8 *)lp->seam->seam_vmcs;
    memset(region, 0, PAGE_SIZE);
    *(u32 *)region = VMX_REVISION;
    for (size_t i = 0; i < ARRAY_COUNT(host_state); i++)
        seam_set(lp, host_state[i].field, host_state[i].value);
    u64 stack = space_stack_pointer(&seam_space, lp->index);
    seam_set(lp, VMCS_HOST_CR3, seam_space.cr3);
    seam_set(lp, VMCS_HOST_RIP, seam_space.entry);
    seam_set(lp, VMCS_HOST_RSP, stack);
    seam_set(lp, VMCS_HOST_SSP, stack + PAGE_SIZE); /* the same place in the shadow-stack page behind it */
    seam_set(lp, VMCS_HOST_FS_BASE, seam_space.sysinfo.linear);
    seam_set(lp, VMCS_HOST_GS_BASE, space_local_data(&seam_space, lp->index));
}

void seam_prepare_lps(void)
{
    for (u32 i = 0; i < lp_count; i++) {
        struct lp *lp = lp_at(i);
        build_vmcb(lp);
        lp->seam->vmcb->nested_cr3 = keys_root();
        lp->seam->vmcb->dr7 = DR7_START;
        fill_vmcs(lp);
    }
}
