/* SPDX-License-Identifier: MIT */
/*
 * The monitor: a small hypervisor (AMD SVM with nested paging, which QEMU's TCG emulates) beneath a kernel,
 * which gives it the TDX machine that most people don't have. This file is its table of contents.
 */
#include "boot/boot_info.h"
#include "lib/format.h"
#include "lib/string.h"
#include "seam/monitor/ap.h"
#include "seam/monitor/apic.h"
#include "seam/monitor/control.h"
#include "seam/monitor/fault_option.h"
#include "seam/monitor/guest.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"
#include "seam/monitor/snapshot.h"
#include "seam/monitor/subject.h"
#include "seam/monitor/svm.h"
#include "seam/monitor/topology.h"
#include "seam/monitor/traps.h"

#define MONITOR_RELEASE "0.1"

void boot_main(u32 entry_kind, u64 loader_data);

static void read_boot_info(u32 entry_kind, u64 loader_data)
{
    if (!boot_info_read(&machine.boot, (enum boot_entry)entry_kind, loader_data, &machine_view))
        refuse("%s", log_last());
    for (u32 i = 0; i < machine.boot.range_count; i++) {
        const struct boot_range *range = &machine.boot.ranges[i];
        if (range->type == BOOT_MEMORY_USABLE)
            machine.ram_end = max_u64(machine.ram_end, range->base + range->size);
    }
    if (machine.boot.rsdp && machine_view.at(NULL, machine.boot.rsdp, MACHINE_RSDP_BYTES))
        memcpy(machine.rsdp, (const void *)machine.boot.rsdp, MACHINE_RSDP_BYTES);
}

static void say_what_is(void)
{
    log_line("Seamstress monitor %s: subject %s, profile %s, topology %s", MONITOR_RELEASE, subject()->name,
             subject() == &soft_subject ? options.profile : "its own", options.topology);
    log_line("%u LPs in %u packages, SEAMRR 0x%lx-0x%lx (%lu KiB left)", lp_count, machine.package_count,
             machine.seamrr, machine.seamrr + machine.seamrr_size, heap_left() / KIB);
    log_line("KeyIDs: 6 bits, 31 shared, 32 private (32-63); control MSRs 0x%x", CONTROL_FIRST);
    for (u32 i = 0; i < machine.cmr_count; i++)
        log_line("CMR %u: 0x%lx-0x%lx", i, machine.cmrs[i].base, machine.cmrs[i].base + machine.cmrs[i].size);
}

static void start_boot_cpu(void *argument)
{
    struct lp *lp = argument;
    svm_enable(lp);
    apic_init();
    ap_start_all();
    guest_load();
    say_what_is();
    guest_enter_pvh(lp);
    lp->state = LP_RUNNING;
    lp_main(lp);
}

void boot_main(u32 entry_kind, u64 loader_data)
{
    log_init();
    traps_load();
    read_boot_info(entry_kind, loader_data);
    options_read();
    machine_require_svm();
    topology_apply_memory();
    memory_place_seamrr();
    topology_make_cmrs();
    memory_relocate(); /* from here on in SEAMRR, on page tables of our own */
    if (options.subject == MONITOR_SUBJECT_GENUINE)
        memory_use_five_levels();
    machine_find_processors();
    topology_require_packages();
    fault_option_require_lps();
    machine_probe_quirks();
    npt_build();
    svm_build_maps();
    for (u32 i = 0; i < lp_count; i++)
        msr_reset(lp_at(i));
    subject()->create();
    snapshot_init();
    control_init();
    run_on_stack((u64)lp_at(0) + LP_STACK_TOP, start_boot_cpu, lp_at(0));
}
