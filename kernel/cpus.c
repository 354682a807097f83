/* SPDX-License-Identifier: MIT */
#include "kernel/cpus.h"

#include "kernel/acpi.h"
#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/main.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/percpu.h"
#include "lib/log.h"

_Static_assert(ACPI_MAX_CPUS == MAX_CPUS, "the MADT reader keeps as many processors as the kernel can run");

#define CPUID_1_EDX_HTT (1u << 28)
#define LEVELS_MAX      8 /* CPUID 0x1F knows six kinds of domain */

static u32 package_total = 1;

/* ---- the firmware's list ---- */

static u32 add_cpu(u32 count, const struct acpi_cpu *cpu)
{
    if (!cpu->enabled || cpu->apic_id == percpu_slots[0].apic_id)
        return count;
    if (!apic_can_address(cpu->apic_id)) {
        log_line("CPUs: APIC id %u can't be reached without x2APIC: left out", cpu->apic_id);
        return count;
    }
    if (count == MAX_CPUS) {
        log_line("CPUs: more than %u: APIC id %u is left out", MAX_CPUS, cpu->apic_id);
        return count;
    }
    percpu_slots[count].apic_id = cpu->apic_id;
    percpu_slots[count].number = count;
    return count + 1;
}

u32 cpus_find(u32 *expected)
{
    static struct acpi_madt madt;
    percpu_slots[0].apic_id = apic_id();
    *expected = 1;
    if (!acpi_read_madt(&madt, kernel_boot_info()->rsdp, &paging_view)) {
        log_line("CPUs: without a usable ACPI MADT only the boot CPU runs");
        return 1;
    }
    u32 count = 1;
    bool boot_cpu_listed = false;
    for (u32 i = 0; i < madt.count; i++) {
        boot_cpu_listed |= madt.cpus[i].enabled && madt.cpus[i].apic_id == percpu_slots[0].apic_id;
        count = add_cpu(count, &madt.cpus[i]);
    }
    if (!boot_cpu_listed)
        log_line("CPUs: the MADT doesn't list the boot CPU (APIC id %u); the firmware is at fault",
                 percpu_slots[0].apic_id);
    *expected = madt.enabled_count + !boot_cpu_listed;
    return count;
}

/* ---- topology ---- */

/* Bits of the x2APIC id below the package, from the last level of leaf 0x1F or 0xB (SDM vol. 3,
 * section 10.9.1). */
static bool extended_shift(u32 leaf, u32 *shift)
{
    if (cpuid(0, 0).eax < leaf || cpuid(leaf, 0).ebx == 0)
        return false;
    for (u32 level = 0; level < LEVELS_MAX; level++) {
        struct cpuid_regs r = cpuid(leaf, level);
        if ((r.ecx >> 8 & 0xFF) == 0) /* level type: none */
            break;
        *shift = r.eax & 0x1F;
    }
    return true;
}

static u32 bits_for(u32 count)
{
    u32 bits = 0;
    while (count > 1u << bits)
        bits++;
    return bits;
}

/* Before leaf 0xB: leaf 1 counts the ids reserved for a package; leaf 4 those of cores, when that is more. */
static u32 legacy_shift(void)
{
    struct cpuid_regs one = cpuid(1, 0);
    if (!(one.edx & CPUID_1_EDX_HTT))
        return 0;
    u32 threads = bits_for(one.ebx >> 16 & 0xFF);
    u32 cores = cpuid(0, 0).eax >= 4 ? bits_for((cpuid(4, 0).eax >> 26) + 1) : 0;
    return threads > cores ? threads : cores;
}

static u32 package_shift(void)
{
    u32 shift = 0;
    if (!extended_shift(0x1F, &shift) && !extended_shift(0xB, &shift))
        shift = legacy_shift();
    return shift;
}

void cpus_number_packages(void)
{
    u32 shift = package_shift();
    package_total = 0;
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        u32 other = 0;
        while (other < cpu && cpu_apic_id(other) >> shift != cpu_apic_id(cpu) >> shift)
            other++;
        percpu_of(cpu)->package = other < cpu ? cpu_package(other) : package_total++;
    }
}

u32 cpu_package(u32 cpu)
{
    return percpu_of(cpu)->package;
}

u32 package_count(void)
{
    return package_total;
}

u32 package_first_cpu(u32 package)
{
    u32 cpu = 0;
    while (cpu < cpu_count() && cpu_package(cpu) != package)
        cpu++;
    if (cpu == cpu_count())
        panic("package %u doesn't exist: there are %u", package, package_total);
    return cpu;
}
