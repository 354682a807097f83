/* SPDX-License-Identifier: MIT */
/* The virtual machine control block: AMD64 Architecture Programmer's Manual, volume 2, appendix B. */
#ifndef SEAM_MONITOR_VMCB_H
#define SEAM_MONITOR_VMCB_H

#include "lib/types.h"

struct vmcb_segment {
    u16 selector, attributes;
    u32 limit;
    u64 base;
};

struct vmcb {
    /* control area */
    u16 intercept_cr_read, intercept_cr_write;
    u16 intercept_dr_read, intercept_dr_write;
    u32 intercept_exceptions;
    u32 intercept_1, intercept_2;
    u8 unused_14[0x40 - 0x14];
    u64 iopm, msrpm;
    u64 tsc_offset;
    u32 asid;
    u8 tlb_control, unused_5d[3];
    u64 interrupt_control;
    u64 interrupt_shadow;
    u64 exit_code, exit_info_1, exit_info_2;
    u32 exit_event, exit_event_error;
    u64 nested_control;
    u8 unused_98[0xA8 - 0x98];
    u32 event, event_error;
    u64 nested_cr3;
    u8 unused_b8[0x400 - 0xB8];

    /* save area */
    struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
    u8 unused_4a0[0x4CB - 0x4A0];
    u8 cpl;
    u32 unused_4cc;
    u64 efer;
    u8 unused_4d8[0x548 - 0x4D8];
    u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
    u8 unused_580[0x5D8 - 0x580];
    u64 rsp;
    u8 unused_5e0[0x5F8 - 0x5E0];
    u64 rax;
    u64 star, lstar, cstar, sfmask, kernel_gs_base;
    u64 sysenter_cs, sysenter_esp, sysenter_eip;
    u64 cr2;
    u8 unused_648[0x668 - 0x648];
    u64 pat;
    u8 unused_670[0x1000 - 0x670];
};
_Static_assert(offsetof(struct vmcb, iopm) == 0x40, "VMCB");
_Static_assert(offsetof(struct vmcb, interrupt_control) == 0x60, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x70, "VMCB");
_Static_assert(offsetof(struct vmcb, exit_event) == 0x88, "VMCB");
_Static_assert(offsetof(struct vmcb, event) == 0xA8, "VMCB");
_Static_assert(offsetof(struct vmcb, nested_cr3) == 0xB0, "VMCB");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "VMCB");
_Static_assert(offsetof(struct vmcb, efer) == 0x4D0, "VMCB");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB");
_Static_assert(offsetof(struct vmcb, rip) == 0x578, "VMCB");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5D8, "VMCB");
_Static_assert(offsetof(struct vmcb, rax) == 0x5F8, "VMCB; vmrun.asm has the number too");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "VMCB");
_Static_assert(sizeof(struct vmcb) == 4096, "VMCB");

/* intercept_1 */
#define INTERCEPT_INTERRUPT (1u << 0)
#define INTERCEPT_NMI       (1u << 1)
#define INTERCEPT_CPUID     (1u << 18)
#define INTERCEPT_IRET      (1u << 20)
#define INTERCEPT_INVD      (1u << 22)
#define INTERCEPT_PAUSE     (1u << 23)
#define INTERCEPT_HALT      (1u << 24)
#define INTERCEPT_INVLPGA   (1u << 26)
#define INTERCEPT_IO        (1u << 27)
#define INTERCEPT_MSR       (1u << 28)
#define INTERCEPT_SHUTDOWN  (1u << 31)

/* intercept_2 */
#define INTERCEPT_VMRUN   (1u << 0)
#define INTERCEPT_VMMCALL (1u << 1)
#define INTERCEPT_VMLOAD  (1u << 2)
#define INTERCEPT_VMSAVE  (1u << 3)
#define INTERCEPT_STGI    (1u << 4)
#define INTERCEPT_CLGI    (1u << 5)
#define INTERCEPT_SKINIT  (1u << 6)
#define INTERCEPT_ICEBP   (1u << 8)
#define INTERCEPT_WBINVD  (1u << 9)
#define INTERCEPT_MONITOR (1u << 10)
#define INTERCEPT_MWAIT   (1u << 11)
#define INTERCEPT_XSETBV  (1u << 13)

#define TLB_CONTROL_KEEP  0
#define TLB_CONTROL_FLUSH 1

#define NESTED_PAGING_ON 1

/* event and exit_event */
#define EVENT_VALID          (1u << 31)
#define EVENT_HAS_ERROR      (1u << 11)
#define EVENT_TYPE           (7u << 8)
#define EVENT_NMI            (2u << 8)
#define EVENT_EXCEPTION      (3u << 8)
#define EVENT_SOFT_INTERRUPT (4u << 8)

enum vmexit {
    VMEXIT_READ_CR0 = 0x00,
    VMEXIT_READ_CR4 = 0x04,
    VMEXIT_WRITE_CR4 = 0x14,
    VMEXIT_EXCEPTION = 0x40, /* + vector */
    VMEXIT_INTERRUPT = 0x60,
    VMEXIT_NMI = 0x61,
    VMEXIT_CPUID = 0x72,
    VMEXIT_IRET = 0x74,
    VMEXIT_INVD = 0x76,
    VMEXIT_PAUSE = 0x77,
    VMEXIT_HALT = 0x78,
    VMEXIT_INVLPGA = 0x7A,
    VMEXIT_IO = 0x7B,
    VMEXIT_MSR = 0x7C,
    VMEXIT_SHUTDOWN = 0x7F,
    VMEXIT_VMRUN = 0x80,
    VMEXIT_VMMCALL = 0x81,
    VMEXIT_VMLOAD = 0x82,
    VMEXIT_VMSAVE = 0x83,
    VMEXIT_STGI = 0x84,
    VMEXIT_CLGI = 0x85,
    VMEXIT_SKINIT = 0x86,
    VMEXIT_WBINVD = 0x89,
    VMEXIT_MONITOR = 0x8A,
    VMEXIT_MWAIT = 0x8B,
    VMEXIT_XSETBV = 0x8D,
    VMEXIT_NPF = 0x400,
};

/* exit_info_1 of a nested page fault: page-fault error code and what the access was for */
#define NPF_WRITE      (1ull << 1)
#define NPF_FETCH      (1ull << 4)
#define NPF_TABLE_WALK (1ull << 33)

#define EFER_SCE  (1ull << 0)
#define EFER_LME  (1ull << 8)
#define EFER_LMA  (1ull << 10)
#define EFER_NXE  (1ull << 11)
#define EFER_SVME (1ull << 12)

#define CR0_PE (1ull << 0)
#define CR0_ET (1ull << 4)
#define CR0_NE (1ull << 5)
#define CR0_WP (1ull << 16)
#define CR0_NW (1ull << 29)
#define CR0_CD (1ull << 30)
#define CR0_PG (1ull << 31)

#define CR4_PSE  (1ull << 4)
#define CR4_PAE  (1ull << 5)
#define CR4_MCE  (1ull << 6)
#define CR4_LA57 (1ull << 12)

#define RFLAGS_FIXED  (1ull << 1)
#define RFLAGS_CF     (1ull << 0)
#define RFLAGS_TF     (1ull << 8)
#define RFLAGS_STATUS 0x8D5ull /* CF, PF, AF, ZF, SF, OF: what VMX instructions report in */

#endif
