/* SPDX-License-Identifier: MIT */
#include "seam/monitor/machine.h"

#include "kernel/acpi.h"
#include "kernel/cpu.h"
#include "lib/format.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/log.h"
#include "seam/monitor/lp.h"
#include "seam/monitor/traps.h"

#define CPUID_SVM            (1u << 2) /* 80000001 ECX */
#define CPUID_NESTED_PAGING  (1u << 0) /* 8000000A EDX */
#define PHYSICAL_BITS_WANTED 52

struct machine machine;

static const void *view_at(void *context, u64 pa, u64 size)
{
    (void)context;
    return pa < BOOT_ADDRESSABLE && size <= BOOT_ADDRESSABLE - pa ? (const void *)pa : NULL;
}

const struct boot_view machine_view = {.at = view_at};

void machine_require_svm(void)
{
    bool svm = cpuid(0x80000000, 0).eax >= 0x8000000A && (cpuid(0x80000001, 0).ecx & CPUID_SVM);
    if (!svm)
        refuse(
            "this CPU has no SVM, on which the monitor runs: start QEMU with -accel tcg -cpu max, or the kernel alone");
    if (!(cpuid(0x8000000A, 0).edx & CPUID_NESTED_PAGING))
        refuse(
            "this CPU has SVM but no nested paging: start QEMU with -accel tcg -cpu max, or the kernel alone");
}

/* Shifts of the APIC id: thread within core, core within package. A package spans 2 ids at least, or the
 * module won't start. */
static void read_shifts(void)
{
    machine.smt_shift = cpuid(0xB, 0).eax & 31;
    machine.package_shift = cpuid(0xB, 1).eax & 31;
    if (cpuid(0, 0).eax < 0xB || machine.package_shift == 0)
        machine.package_shift = 1;
}

static void number_packages(u32 real_shift)
{
    for (u32 i = 0; i < lp_count; i++) {
        struct lp *lp = lp_at(i);
        bool seen = false;
        lp->package = lp->apic_id >> machine.package_shift;
        for (u32 k = 0; k < i && !seen; k++)
            seen = lp_at(k)->package == lp->package;
        machine.package_count += !seen;
        if (real_shift == 0 && lp->apic_id > 0)
            refuse(
                "packages of one processor each can't be told from APIC ids: use at least two each, as in --smp 4,packages=2");
        if (lp->package >= TDX_MAX_PACKAGES)
            refuse("APIC id %u belongs to package %u; TDX knows packages 0 to %u: use fewer packages",
                   lp->apic_id, lp->package, TDX_MAX_PACKAGES - 1);
    }
}

void machine_find_processors(void)
{
    static struct acpi_madt madt;
    u32 ids[MAX_LPS], count = 0, boot_id = apic_id();
    if (!acpi_read_madt(&madt, machine.boot.rsdp, &machine_view))
        log_line("without ACPI's processor table only the boot CPU is used");
    ids[count++] = boot_id;
    for (u32 i = 0; i < madt.count; i++) {
        if (!madt.cpus[i].enabled || madt.cpus[i].apic_id == boot_id)
            continue;
        if (count == MAX_LPS || madt.cpus[i].apic_id >= MAX_LPS)
            refuse("more processors than an xAPIC can name: use at most %u (--smp %u)", MAX_LPS, MAX_LPS);
        ids[count++] = madt.cpus[i].apic_id;
    }
    lps_create(ids, count);
    read_shifts();
    number_packages(cpuid(0xB, 1).eax & 31);
}

static void probe_group9_forms(void)
{
    static const char *const forms[GROUP9_FORMS] = {"XRSTORS", "XSAVEC", "XSAVES", "VMPTRLD",
                                                    "VMCLEAR", "VMXON",  "VMPTRST"};
    char names[80];
    size_t length = 0;
    machine.group9_swallowed = probe_group9();
    machine.vmxon_swallowed = machine.group9_swallowed >> GROUP9_VMXON & 1;
    for (u32 i = 0; i < GROUP9_FORMS; i++)
        if (machine.group9_swallowed >> i & 1)
            length += format(names + length, sizeof(names) - length, "%s%s", length ? ", " : "", forms[i]);
    if (machine.group9_swallowed)
        log_line("quirk: this QEMU takes %s for no-ops (QEMU 7.2 and 11.1 are good)", names);
    if (machine.vmxon_swallowed)
        log_line("quirk: VMXON isn't seen, so CR4.VMXE alone counts as \"in VMX operation\"");
}

void machine_probe_quirks(void)
{
    probe_group9_forms();
    u32 bits = cpuid(0x80000008, 0).eax & 0xFF;
    if (bits != PHYSICAL_BITS_WANTED)
        log_line(
            "quirk: this CPU has %u physical address bits, the guest is told %u: use -cpu max,phys-bits=52",
            bits, PHYSICAL_BITS_WANTED);
}
