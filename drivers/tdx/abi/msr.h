/* SPDX-License-Identifier: MIT */
/* Model-specific registers that concern TDX, VMX and the local APIC: numbers and the bits this project reads.
 */
#ifndef DRIVERS_TDX_ABI_MSR_H
#define DRIVERS_TDX_ABI_MSR_H

#define MSR_IA32_APIC_BASE               0x1B
#define APIC_BASE_BSP                    (1ull << 8)
#define APIC_BASE_X2APIC                 (1ull << 10)
#define APIC_BASE_ENABLE                 (1ull << 11)
#define MSR_IA32_FEATURE_CONTROL         0x3A
#define FEATURE_CONTROL_LOCK             (1ull << 0)
#define FEATURE_CONTROL_VMXON            (1ull << 2) /* VMXON outside SMX */
#define MSR_IA32_TSC_ADJUST              0x3B
#define MSR_IA32_SPEC_CTRL               0x48
#define MSR_IA32_MKTME_KEYID_PART        0x87 /* 31:0 shared KeyIDs, 63:32 private (TDX) KeyIDs */
#define MSR_IA32_WBINVDP                 0x98
#define MSR_IA32_WBNOINVDP               0x99
#define MSR_IA32_INTR_PENDING            0x9A /* bit 0 INTR, 1 NMI, 2 SMI */
#define MSR_IA32_MISC_PACKAGE_CTLS       0xBC
#define MSR_IA32_XAPIC_DISABLE           0xBD /* bit 0: legacy xAPIC mode is locked off */
#define MSR_IA32_CORE_CAPABILITIES       0xCF
#define MSR_IA32_MTRRCAP                 0xFE
#define MSR_IA32_ARCH_CAPABILITIES       0x10A
#define ARCH_CAP_TSX_CTRL                (1ull << 7)
#define MSR_IA32_TSX_CTRL                0x122
#define MSR_IA32_MCG_STATUS              0x17A
#define MSR_IA32_MISC_ENABLE             0x1A0
#define MISC_ENABLE_LIMIT_CPUID          (1ull << 22)
#define MSR_IA32_SMRR_BASE               0x1F2
#define MSR_IA32_SMRR_MASK               0x1F3
#define MSR_IA32_SMRR2_BASE              0x1F6
#define MSR_IA32_SMRR2_MASK              0x1F7
#define MSR_IA32_PERF_CAPABILITIES       0x345
#define MSR_IA32_MC0_STATUS              0x401
#define MSR_IA32_MC0_ADDR                0x402
#define MSR_IA32_VMX_BASIC               0x480
#define VMX_BASIC_REVISION               0x7FFFFFFFull
#define MSR_IA32_VMX_MISC                0x485
#define MSR_IA32_VMX_CR0_FIXED0          0x486
#define MSR_IA32_VMX_CR0_FIXED1          0x487
#define MSR_IA32_VMX_CR4_FIXED0          0x488
#define MSR_IA32_VMX_CR4_FIXED1          0x489
#define MSR_IA32_VMX_PROCBASED_CTLS2     0x48B
#define MSR_IA32_VMX_EPT_VPID_CAP        0x48C
#define MSR_IA32_VMX_TRUE_PINBASED_CTLS  0x48D
#define MSR_IA32_VMX_TRUE_PROCBASED_CTLS 0x48E
#define MSR_IA32_VMX_TRUE_EXIT_CTLS      0x48F
#define MSR_IA32_VMX_TRUE_ENTRY_CTLS     0x490
#define MSR_IA32_VMX_PROCBASED_CTLS3     0x492
#define MSR_IA32_X2APIC_BASE             0x800 /* register at xAPIC offset 16*n is MSR 0x800+n; ICR is one 64-bit MSR */
#define MSR_IA32_TME_CAPABILITY          0x981
#define MSR_IA32_TME_ACTIVATE            0x982
#define TME_ACTIVATE_LOCK                (1ull << 0)
#define TME_ACTIVATE_ENABLE              (1ull << 1)
#define TME_ACTIVATE_KEYID_SHIFT         32     /* 35:32 number of KeyID bits */
#define MSR_IA32_SEAMRR_BASE             0x1400 /* MAXPA-1:25 base, bit 3 configured */
#define MSR_IA32_SEAMRR_MASK             0x1401 /* MAXPA-1:25 mask, bit 10 locked, bit 11 valid */
#define SEAMRR_MASK_LOCKED               (1ull << 10)
#define SEAMRR_MASK_VALID                (1ull << 11)

#endif
