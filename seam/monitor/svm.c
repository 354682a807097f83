/* SPDX-License-Identifier: MIT */
#include "seam/monitor/svm.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "kernel/serial.h"
#include "lib/string.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"

#define MSR_VM_CR       0xC0010114
#define VM_CR_SVM_OFF   (1ull << 4)
#define MSR_VM_HSAVE_PA 0xC0010117
#define MSR_MAP_BYTES   (2 * PAGE_SIZE)
#define IO_MAP_BYTES    (3 * PAGE_SIZE)
#define MONITOR_PORTS   8 /* registers of a UART */
#define PAT_AFTER_RESET 0x0007040600070406ull

static u8 *msr_map, *io_map;

/* AMD64 APM 2, 15.11: two bits an MSR, three ranges of 2 KiB; what no range covers is always intercepted. */
static void let_msr_through(u32 msr)
{
    static const u32 bases[] = {0, 0xC0000000, 0xC0010000};
    for (u32 i = 0; i < ARRAY_COUNT(bases); i++) {
        u32 index = msr - bases[i];
        if (index < 0x2000)
            msr_map[i * 2048 + index / 4] &= (u8) ~(3u << (index % 4 * 2));
    }
}

void svm_build_maps(void)
{
    msr_map = heap_need(MSR_MAP_BYTES, PAGE_SIZE, "MSR map");
    io_map = heap_need(IO_MAP_BYTES, PAGE_SIZE, "I/O map");
    memset(msr_map, 0xFF, MSR_MAP_BYTES);
    msr_each_direct(let_msr_through);
    for (u32 port = SERIAL_COM2; port < SERIAL_COM2 + MONITOR_PORTS; port++)
        io_map[port / 8] |= (u8)(1u << port % 8);
}

void svm_enable(struct lp *lp)
{
    if (rdmsr(MSR_VM_CR) & VM_CR_SVM_OFF)
        refuse("SVM is switched off in VM_CR of APIC id %u: allow it in the firmware", lp->apic_id);
    wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
    wrmsr(MSR_VM_HSAVE_PA, (u64)lp_page(lp, LP_PAGE_HOST_SAVE));
    __asm__ volatile("clgi");

    struct vmcb *vmcb = lp->vmcb;
    /* QEMU 9.1 to 10.x takes a read of any control register for one of CR0 (control_register.c), so that one,
     * too. */
    vmcb->intercept_cr_read = 1u << 0 | 1u << 4;
    vmcb->intercept_cr_write = 1u << 4;
    vmcb->intercept_exceptions = 1u << 6; /* #UD: that is how SEAMCALL arrives */
    vmcb->intercept_1 = INTERCEPT_NMI | INTERCEPT_HALT | INTERCEPT_CPUID | INTERCEPT_INVD |
                        INTERCEPT_INVLPGA | INTERCEPT_IO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN;
    /* An LP that waits for another one looks whether that one will ever come back (seam_watch()). */
    if (options.subject == MONITOR_SUBJECT_GENUINE)
        vmcb->intercept_1 |= INTERCEPT_PAUSE;
    vmcb->intercept_2 = INTERCEPT_VMRUN | INTERCEPT_VMMCALL | INTERCEPT_VMLOAD | INTERCEPT_VMSAVE |
                        INTERCEPT_STGI | INTERCEPT_CLGI | INTERCEPT_SKINIT | INTERCEPT_WBINVD |
                        INTERCEPT_MONITOR | INTERCEPT_MWAIT;
    vmcb->iopm = (u64)io_map;
    vmcb->msrpm = (u64)msr_map;
    vmcb->asid = 1;
    vmcb->nested_control = NESTED_PAGING_ON;
    vmcb->nested_cr3 = npt_root();
    vmcb->pat = PAT_AFTER_RESET;
}
