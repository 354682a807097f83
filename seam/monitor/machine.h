/* SPDX-License-Identifier: MIT */
/* The machine underneath and the one above: what was found out or decided once at start and never changes. */
#ifndef SEAM_MONITOR_MACHINE_H
#define SEAM_MONITOR_MACHINE_H

#include "boot/boot_info.h"
#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"
#include "seam/monitor/topology.h"

#define SEAMRR_LEAST (32 * MIB) /* the smallest that the architecture knows */

#define MACHINE_RSDP_BYTES 36 /* ACPI 6.5, table 5.3 */

struct machine {
    struct boot_info boot;       /* as the loader left it */
    struct boot_info guest;      /* what the guest is told: memory map, modules, command line, RSDP */
    u8 rsdp[MACHINE_RSDP_BYTES]; /* a copy: some loaders leave theirs in memory that the guest's kernel takes
                                  */
    u64 ram_end;                 /* end of the last byte that the loader's map lists as usable */
    u64 seamrr, seamrr_size;     /* base and size, a power of two that the base is aligned to */
    u32 package_count, smt_shift, package_shift; /* of APIC ids, as CPUID 0xB */
    u32 group9_swallowed; /* bit n: this QEMU decodes enum group9_form n as a no-op, see quirk_patch.h */
    bool vmxon_swallowed; /* the same of VMXON: CR4.VMXE counts as "in VMX operation" */
    const struct topology *topology;
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u32 cmr_count;
};

extern struct machine machine;

void machine_require_svm(void);     /* refuses a CPU without SVM and nested paging */
void machine_find_processors(void); /* MADT, APIC ids, packages; creates the LPs, boot CPU first */
void machine_probe_quirks(void);    /* what this QEMU does differently from a CPU, with a line for each */

/* What the parsers may see of memory: below 4 GiB, where entry code and monitor map everything at its
 * address. */
extern const struct boot_view machine_view;

#endif
