/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/vmx.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/smp.h"

u64 vmxon_instruction(const u64 *region_pa);
u64 vmxoff_instruction(void);

/* Owned by the LP of that number; nobody else touches its entry. */
static struct {
    pa_t region; /* 4 KiB; the revision id in its first word is all we ever write */
    u32 users;
} lps[MAX_CPUS];

static struct vmx_result result_of(u64 code)
{
    if (code >> 63)
        return (struct vmx_result){VMX_FAULT, code};
    return (struct vmx_result){(enum vmx_outcome)code, FAULT_NONE};
}

struct vmx_result vmx_on_at(pa_t region)
{
    u64 address = pa_raw(region);
    return result_of(vmxon_instruction(&address));
}

struct vmx_result vmx_off(void)
{
    return result_of(vmxoff_instruction());
}

static pa_t region_of(u32 cpu)
{
    if (pa_raw(lps[cpu].region) == 0) {
        u32 *region = memory_permanent(PAGE_SIZE, PAGE_SIZE);
        region[0] = (u32)(rdmsr(MSR_IA32_VMX_BASIC) & VMX_BASIC_REVISION);
        lps[cpu].region = virt_to_phys(region);
    }
    return lps[cpu].region;
}

struct vmx_result vmx_get(void)
{
    u32 cpu = cpu_this();
    if (lps[cpu].users > 0) {
        lps[cpu].users++;
        return (struct vmx_result){VMX_OK, FAULT_NONE};
    }
    fault_t fault = probe_cr4(read_cr4() | CR4_VMXE);
    if (fault)
        return (struct vmx_result){VMX_FAULT, fault};
    struct vmx_result result = vmx_on_at(region_of(cpu));
    if (result.outcome == VMX_OK)
        lps[cpu].users = 1;
    else
        probe_cr4(read_cr4() & ~CR4_VMXE);
    return result;
}

void vmx_put(void)
{
    u32 cpu = cpu_this();
    if (lps[cpu].users == 0 || --lps[cpu].users > 0)
        return;
    vmx_off();
    probe_cr4(read_cr4() & ~CR4_VMXE);
}
