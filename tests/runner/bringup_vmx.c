/* SPDX-License-Identifier: MIT */
/*
 * VMX operation: SEAMCALL exists only inside it, on each LP for itself.
 *
 * SDM vol. 3 (VMXON, "Enabling and Entering VMX Operation"): CR4.VMXE must be set first; VMXON takes the
 * physical address of a 4 KiB aligned region that begins with the revision id of IA32_VMX_BASIC and ends in
 * VMfailInvalid if it isn't; VMXON in VMX operation is a VMfail; CR4.VMXE can't be cleared there (#GP). With
 * CR4.VMXE alone, SEAMCALL is still #UD.
 *
 * Some emulators decode VMXON as a no-op. It then "succeeds" with any operand; the first case finds out, and
 * those that build on it are skipped.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/abi/msr.h"
#include "drivers/tdx/vmx.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/smp.h"

static u8 region[PAGE_SIZE] __attribute__((aligned(4096))); /* never a good VMXON region */

static bool vmxe(struct test *test, bool on)
{
    u64 cr4 = on ? read_cr4() | CR4_VMXE : read_cr4() & ~CR4_VMXE;
    fault_t fault = probe_cr4(cr4);
    char name[16];
    if (fault == FAULT_NONE && (read_cr4() & CR4_VMXE) == (cr4 & CR4_VMXE))
        return true;
    test_fail(test, "CR4.VMXE = %d: %s, reads 0x%lx", on, fault_name(fault, name), read_cr4());
    return false;
}

/* VMXON with CR4.VMXE but a region that must be refused; leaves VMX operation again should it be entered. */
static struct vmx_result vmxon_refused(struct test *test, u64 offset)
{
    struct vmx_result result = {VMX_FAULT, FAULT_NONE};
    if (!vmxe(test, true))
        return result;
    result = vmx_on_at(pa_add(virt_to_phys(region), offset));
    if (result.outcome == VMX_OK)
        vmx_off();
    vmxe(test, false);
    return result;
}

static enum { NOT_TRIED, EXECUTED, IGNORED } vmxon;

static bool vmxon_is_executed(struct test *test)
{
    vmxon = vmxon_refused(test, 8).outcome == VMX_OK ? IGNORED : EXECUTED;
    if (vmxon == EXECUTED)
        return true;
    test_skip(test, "VMXON isn't executed here: it took an unaligned region (an emulator's defect)");
    return false;
}

static void cr4_vmxe(struct test *test)
{
    if (vmxe(test, true))
        vmxe(test, false);
}

static void vmxe_is_not_enough(struct test *test)
{
    if (!vmxon_is_executed(test) || !vmxe(test, true))
        return;
    struct call call = call_leaf(TDH_SYS_LP_SHUTDOWN, call_marked());
    expect_status(test, &call, TDX_FAULT_UD, "SEAMCALL with CR4.VMXE but without VMXON: #UD");
    vmxe(test, false);
}

static void expect_vmfail_invalid(struct test *test, struct vmx_result result, const char *rule)
{
    expect_value(test, result.outcome, VMX_FAIL_INVALID, "the outcome of VMXON (1: VMfailInvalid)", rule);
}

static void region_unaligned(struct test *test)
{
    if (vmxon_is_executed(test))
        expect_vmfail_invalid(test, vmxon_refused(test, 8), "VMXON: region not 4 KiB aligned");
}

static void region_revision(struct test *test)
{
    if (!vmxon_is_executed(test))
        return;
    *(u32 *)region = (u32)(rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION) ^ 1;
    expect_vmfail_invalid(test, vmxon_refused(test, 0), "VMXON: revision id differs from IA32_VMX_BASIC");
}

static void count_vmxe(void *arg)
{
    if (read_cr4() & CR4_VMXE)
        __atomic_add_fetch((volatile u32 *)arg, 1, __ATOMIC_RELAXED);
}

static void vmx(struct test *test)
{
    static volatile u32 with_vmxe;
    if (!check_stage(test))
        return;
    with_vmxe = 0;
    smp_run_all(count_vmxe, (void *)&with_vmxe, 0);
    expect_value(test, with_vmxe, cpu_count(), "LPs with CR4.VMXE",
                 "VMX operation on every LP, also before SYS.INIT");
}

static void second_vmxon(struct test *test)
{
    *(u32 *)region = (u32)(rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION);
    struct vmx_result result = vmx_on_at(virt_to_phys(region));
    if (result.outcome == VMX_OK && vmxon != EXECUTED)
        test_skip(test, "VMXON isn't executed here: it succeeded twice (an emulator's defect)");
    else
        expect_true(test, result.outcome == VMX_FAIL_INVALID || result.outcome == VMX_FAIL_VALID,
                    "VMXON in VMX root operation: VMfail");
}

static void vmxe_is_locked(struct test *test)
{
    if (vmxon != EXECUTED && vmx_on_at(virt_to_phys(region)).outcome == VMX_OK) {
        test_skip(test, "VMXON isn't executed here, so nobody knows of VMX operation (an emulator's defect)");
        return;
    }
    fault_t fault = probe_cr4(read_cr4() & ~CR4_VMXE);
    char name[16];
    if (fault != FAULT(VECTOR_GP, 0))
        test_fail(test, "clearing CR4.VMXE in VMX operation: expected #GP(0), found %s",
                  fault_name(fault, name));
    if (!(read_cr4() & CR4_VMXE))
        vmxe(test, true); /* the rest of the run needs it */
}

/* A second user comes and goes; the first one is still in VMX operation. */
static void users_are_counted(struct test *test)
{
    expect_value(test, vmx_get().outcome, VMX_OK, "the outcome of a second vmx_get()",
                 "users are counted per LP");
    vmx_put();
    expect_true(test, read_cr4() & CR4_VMXE, "the first user keeps CR4.VMXE");
    struct call call = call_leaf(TDH_SYS_LP_SHUTDOWN, call_marked());
    expect_status(test, &call, TDX_SUCCESS, "the first user keeps VMX operation");
}

/* The soft machine has no P-SEAMLDR. */
static void no_loader(struct test *test)
{
    struct call call = call_raw(TDX_RAX_PSEAMLDR, call_marked());
    if (expect_status(test, &call, TDX_VMFAIL_INVALID,
                      "SEAMCALL with RAX bit 63 and no P-SEAMLDR: VMfailInvalid"))
        expect_outputs(test, &call, &call.in, "VMfail changes no register");
}

static const struct test_case cases[] = {
    {"bringup.vmx.cr4_vmxe", SOURCE_SPEC, 0, STEP_VMX, .run = cr4_vmxe},
    {"bringup.vmx.vmxe_is_not_enough", SOURCE_LINUX, 0, STEP_VMX, .run = vmxe_is_not_enough},
    {"bringup.vmx.region_unaligned", SOURCE_SPEC, 0, STEP_VMX, .run = region_unaligned},
    {"bringup.vmx.region_revision", SOURCE_SPEC, 0, STEP_VMX, .run = region_revision},
    {"bringup.vmx.step", SOURCE_LINUX, 0, STEP_VMX, .run = vmx},
    {"bringup.vmx.second_vmxon", SOURCE_SPEC, 0, STEP_SYS_INIT, .run = second_vmxon},
    {"bringup.vmx.vmxe_is_locked", SOURCE_SPEC, 0, STEP_SYS_INIT, .run = vmxe_is_locked},
    {"bringup.vmx.users_are_counted", SOURCE_PROJECT, 0, STEP_SYS_INIT, .run = users_are_counted},
    {"bringup.vmx.no_loader", SOURCE_SPEC, NEED_SOFT, STEP_SYS_INIT, .run = no_loader},
};
CASE_TABLE(bringup_vmx);
