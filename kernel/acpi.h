/* SPDX-License-Identifier: MIT */
/*
 * What the firmware's tables say about processors: RSDP -> XSDT or RSDT -> MADT. A pure parser, shared by
 * kernel and monitor: it sees memory through a boot_view only and believes no length, checksum or count
 * before it has looked. Section and table numbers in the code are those of the ACPI specification 6.5,
 * chapter 5.
 */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include "boot/boot_info.h"
#include "lib/types.h"

#define ACPI_MAX_CPUS 256

struct acpi_cpu {
    u32 apic_id;
    bool enabled;      /* false: not there now, but the firmware may bring it online later */
    bool x2apic_entry; /* listed as a "Processor Local x2APIC" (type 9) */
};

struct acpi_madt {
    struct acpi_cpu cpus[ACPI_MAX_CPUS]; /* in table order; ids are unique */
    u32 count;
    u32 enabled_count;
    u64 lapic_address; /* physical; the 64-bit override where there is one */
};

/*
 * Fills *madt. rsdp is the physical address that the loader named, 0 to search the BIOS areas
 * (section 5.2.5.1). False: there is no usable table, log_line() said what is wrong, and *madt is empty.
 */
bool acpi_read_madt(struct acpi_madt *madt, u64 rsdp, const struct boot_view *view);

#endif
