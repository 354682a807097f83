/* SPDX-License-Identifier: MIT */
/*
 * Before anything is changed: what a TDX host may rely on in its CPU and firmware.
 *
 * TDX isn't enumerated by CPUID. A host reads MSR 0x87 (how the KeyIDs are split), 0x982 (memory encryption
 * on and locked, number of KeyID bits) and 0x1400/0x1401 (SEAMRR, the module's own memory), and it must be
 * able to read an MSR that isn't there and live: hardware answers #GP(0). SEAMRR is no RAM for the host: the
 * firmware's map doesn't list it. SEAMCALL outside VMX operation is #UD.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "kernel/probe.h"

#define MSR_NOBODY_HAS 0xDEADBEEF

static void expect_fault(struct test *test, fault_t got, fault_t want, const char *rule)
{
    char found[16], wanted[16];
    if (got != want)
        test_fail(test, "%s: expected %s, found %s", rule, fault_name(want, wanted), fault_name(got, found));
}

static void unknown_msr_read(struct test *test)
{
    u64 value;
    expect_fault(test, probe_rdmsr(MSR_NOBODY_HAS, &value), FAULT(VECTOR_GP, 0),
                 "RDMSR of an MSR that doesn't exist");
}

static void unknown_msr_write(struct test *test)
{
    expect_fault(test, probe_wrmsr(MSR_NOBODY_HAS, 0), FAULT(VECTOR_GP, 0),
                 "WRMSR to an MSR that doesn't exist");
}

static void control_msr_guards(struct test *test)
{
    u32 first = test->machine->platform.control_msr;
    u64 value;
    expect_fault(test, probe_rdmsr(first + MONITOR_MSR_COUNT, &value), FAULT(VECTOR_GP, 0),
                 "RDMSR behind the last control MSR");
    expect_fault(test, probe_wrmsr(first + MONITOR_MSR_RESET, 2), FAULT(VECTOR_GP, 0),
                 "reset with a value other than 1");
    expect_fault(test, probe_wrmsr(first + MONITOR_MSR_STRAY_POLICY, 99), FAULT(VECTOR_GP, 0),
                 "a stray policy unknown");
}

/* A bit that CPUID doesn't offer (SDM vol. 3, section 2.5); on bare QEMU some of these writes hang. */
static void cr4_reserved_bits(struct test *test)
{
    struct cpuid_regs one = cpuid(1, 0), seven = cpuid(7, 0);
    const struct {
        u8 bit;
        bool offered;
    } bits[] = {
        {14, one.ecx >> 6 & 1},                              /* SMXE */
        {15, false},                                         /* never defined */
        {23, (seven.ecx >> 7 & 1) || (seven.edx >> 20 & 1)}, /* CET */
        {63, false},
    };
    for (u32 i = 0; i < ARRAY_COUNT(bits); i++) {
        u64 before = read_cr4();
        if (bits[i].offered)
            continue;
        expect_fault(test, probe_cr4(before | 1ull << bits[i].bit), FAULT(VECTOR_GP, 0),
                     "setting a reserved bit of CR4");
        if (!expect_value(test, read_cr4(), before, "CR4", "a write that faults changes nothing"))
            probe_cr4(before);
    }
}

static void keyid_split(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    u64 partition = rdmsr(MSR_IA32_MKTME_KEYID_PART), activate = rdmsr(MSR_IA32_TME_ACTIVATE);
    u64 shared = (u32)partition, private = partition >> 32;
    u64 bits = activate >> TME_ACTIVATE_KEYID_SHIFT & 0xF;
    expect_at_least(test, private, 1, "private KeyIDs",
                    "MSR 0x87 63:32: a host needs one for the module itself");
    expect_true(test, shared + private < 1ull << bits,
                "KeyIDs 0 .. shared + private fit in TME_ACTIVATE 35:32 bits");
    expect_value(test, platform->global_hkid.value, shared + 1, "the global KeyID", "first private KeyID");
    expect_value(test, cpuid(0x80000008, 0).eax & 0xFF, TDX_PRIVATE_PA_BITS, "physical address bits",
                 "the module's fixed view of MAXPA");
}

static void seamrr_hidden(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    const struct boot_info *map = memory_map();
    u64 base = platform->seamrr_base, end = base + platform->seamrr_size;
    expect_at_least(test, platform->seamrr_size, 32 * MIB, "the size of SEAMRR",
                    "MSR 0x1401: granularity 32 MiB");
    for (u32 i = 0; i < map->range_count; i++) {
        const struct boot_range *range = &map->ranges[i];
        if (range->type == BOOT_MEMORY_USABLE && range->base < end && base < range->base + range->size)
            test_fail(test, "usable memory 0x%lx-0x%lx overlaps SEAMRR 0x%lx-0x%lx", range->base,
                      range->base + range->size, base, end);
    }
}

static void seamrr_owner(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    expect_value(test, monitor_value(test, MONITOR_MSR_SEAMRR_BASE), platform->seamrr_base,
                 "the monitor's SEAMRR base", "control MSR and MSR 0x1400 agree");
    expect_value(test, monitor_value(test, MONITOR_MSR_SEAMRR_SIZE), platform->seamrr_size,
                 "the monitor's SEAMRR size", "control MSR and MSR 0x1401 agree");
    expect_owner(test, platform->seamrr_base, platform->seamrr_size, MONITOR_OWNER_SEAMRR,
                 "SEAMRR is the module's");
}

/* Page 0 isn't asked about: nobody uses it, and as an address it also stands for "none". */
static void memory_is_the_hosts(struct test *test)
{
    const struct boot_info *map = memory_map();
    for (u32 i = 0; i < map->range_count; i++) {
        u64 base = align_up(max_u64(map->ranges[i].base, PAGE_SIZE), PAGE_SIZE);
        u64 end = align_down(map->ranges[i].base + map->ranges[i].size, PAGE_SIZE);
        u64 size =
            min_u64(end - base, 256 * PAGE_SIZE); /* the start of each range: edges are where maps go wrong */
        if (map->ranges[i].type == BOOT_MEMORY_USABLE && base < end &&
            !expect_owner(test, base, size, MONITOR_OWNER_HOST,
                          "before SYS.CONFIG all usable memory is the host's"))
            return;
    }
}

static void seamcall_without_vmx(struct test *test)
{
    struct call call = call_leaf(TDH_SYS_LP_SHUTDOWN, call_marked());
    expect_value(test, read_cr4() & CR4_VMXE, 0, "CR4.VMXE", "the kernel starts outside VMX operation");
    if (expect_status(test, &call, TDX_FAULT_UD, "SEAMCALL outside VMX operation: #UD"))
        expect_outputs(test, &call, &call.in, "a faulting instruction changes no register");
}

static void detect(struct test *test)
{
    if (!check_stage(test))
        return;
    expect_value(test, test->machine->host.platform.global_hkid.value,
                 test->machine->platform.global_hkid.value, "the global KeyID",
                 "detection reads only: twice the same result");
}

static const struct test_case cases[] = {
    {"bringup.detect.unknown_msr_read", SOURCE_SPEC, 0, STEP_DETECT, .run = unknown_msr_read},
    {"bringup.detect.unknown_msr_write", SOURCE_SPEC, 0, STEP_DETECT, .run = unknown_msr_write},
    {"bringup.detect.control_msr_guards", SOURCE_PROJECT, NEED_MONITOR, STEP_DETECT,
     .run = control_msr_guards},
    {"bringup.detect.cr4_reserved_bits", SOURCE_SPEC, NEED_MONITOR, STEP_DETECT, .run = cr4_reserved_bits},
    {"bringup.detect.keyid_split", SOURCE_LINUX, NEED_SOUND, STEP_DETECT, .run = keyid_split},
    {"bringup.detect.seamrr_hidden", SOURCE_SPEC, 0, STEP_DETECT, .run = seamrr_hidden},
    {"bringup.detect.seamrr_owner", SOURCE_PROJECT, NEED_MONITOR, STEP_DETECT, .run = seamrr_owner},
    {"bringup.detect.memory_is_the_hosts", SOURCE_PROJECT, NEED_MONITOR, STEP_DETECT,
     .run = memory_is_the_hosts},
    {"bringup.detect.seamcall_without_vmx", SOURCE_LINUX, 0, STEP_DETECT, .run = seamcall_without_vmx},
    {"bringup.detect.step", SOURCE_LINUX, 0, STEP_DETECT, .run = detect},
};
CASE_TABLE(bringup_detect);
