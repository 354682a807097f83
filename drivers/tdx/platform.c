/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/platform.h"

#include "drivers/tdx/abi/monitor.h"
#include "drivers/tdx/abi/msr.h"
#include "drivers/tdx/abi/tdx.h"
#include "kernel/cpu.h"
#include "kernel/probe.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define CPUID1_ECX_VMX        (1u << 5)
#define CPUID1_ECX_X2APIC     (1u << 21)
#define CPUID1_ECX_HYPERVISOR (1u << 31)

static struct finding *add(struct tdx_platform *platform, const char *name, bool met, const char *remedy)
{
    struct finding *finding = &platform->findings[platform->finding_count++];
    finding->name = name;
    finding->met = met;
    finding->remedy = remedy;
    platform->unmet += !met;
    return finding;
}

#define FOUND(finding, ...) format((finding)->found, sizeof((finding)->found), __VA_ARGS__)

static void identify_hypervisor(struct tdx_platform *platform)
{
    platform->subject = SUBJECT_HARDWARE;
    if (!(cpuid(1, 0).ecx & CPUID1_ECX_HYPERVISOR))
        return;
    struct cpuid_regs signature = cpuid(MONITOR_CPUID_SIGNATURE, 0);
    memcpy(platform->hypervisor, &signature.ebx, 4);
    memcpy(platform->hypervisor + 4, &signature.ecx, 4);
    memcpy(platform->hypervisor + 8, &signature.edx, 4);
    if (strcmp(platform->hypervisor, MONITOR_SIGNATURE) != 0)
        return;
    struct cpuid_regs control = cpuid(MONITOR_CPUID_CONTROL, 0);
    platform->control_msr = control.eax;
    platform->subject = control.edx == MONITOR_SUBJECT_SOFT ? SUBJECT_SOFT : SUBJECT_GENUINE;
    if (!monitor_read(platform, MONITOR_MSR_OVERLAY, &platform->overlays))
        platform->overlays = 0; /* an older monitor */
}

/* Reads an MSR that may not exist. Some emulators answer 0 instead of faulting, so "no fault" proves nothing.
 */
static u64 read_or_zero(u32 msr, fault_t *fault)
{
    u64 value;
    *fault = probe_rdmsr(msr, &value);
    return *fault ? 0 : value;
}

static void describe_msr(struct finding *finding, u32 msr, u64 value, fault_t fault)
{
    char name[16];
    if (fault)
        FOUND(finding, "MSR 0x%x: %s", msr, fault_name(fault, name));
    else
        FOUND(finding, "MSR 0x%x = 0x%lx", msr, value);
}

static void find_vmx(struct tdx_platform *platform)
{
    bool vmx = cpuid(1, 0).ecx & CPUID1_ECX_VMX;
    struct finding *finding =
        add(platform, "VMX", vmx, "enable Intel virtualisation (VT-x) in the BIOS; TDX needs an Intel CPU");
    FOUND(finding, "CPUID.1:ECX[5] = %d", vmx);
    if (!vmx)
        return; /* then MSR 0x3A need not exist */
    fault_t fault;
    u64 control = read_or_zero(MSR_IA32_FEATURE_CONTROL, &fault);
    u64 wanted = FEATURE_CONTROL_LOCK | FEATURE_CONTROL_VMXON;
    describe_msr(add(platform, "VMXON allowed", (control & wanted) == wanted,
                     "the BIOS left VMX off or unlocked: enable Intel virtualisation (VT-x)"),
                 MSR_IA32_FEATURE_CONTROL, control, fault);
}

static void find_keyids(struct tdx_platform *platform)
{
    fault_t fault;
    u64 partition = read_or_zero(MSR_IA32_MKTME_KEYID_PART, &fault);
    platform->shared_keyids = (u32)partition;
    platform->private_keyids = (u32)(partition >> 32);
    platform->global_hkid = (hkid_t){(u16)(platform->shared_keyids + 1)};
    struct finding *finding =
        add(platform, "private KeyIDs", platform->private_keyids >= 1,
            "enable TME-MT and TDX in the BIOS and give TDX at least one KeyID bit (TDX key split)");
    if (fault)
        describe_msr(finding, MSR_IA32_MKTME_KEYID_PART, partition, fault);
    else
        FOUND(finding, "MSR 0x87: %u shared, %u private", platform->shared_keyids, platform->private_keyids);
}

static void find_tme(struct tdx_platform *platform)
{
    fault_t fault;
    u64 activate = read_or_zero(MSR_IA32_TME_ACTIVATE, &fault);
    platform->keyid_bits = activate >> TME_ACTIVATE_KEYID_SHIFT & 0xF;
    platform->address_bits = cpuid(0x80000000, 0).eax >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xFF : 36;
    u64 wanted = TME_ACTIVATE_LOCK | TME_ACTIVATE_ENABLE;
    describe_msr(add(platform, "memory encryption", (activate & wanted) == wanted,
                     "enable TME (total memory encryption) in the BIOS"),
                 MSR_IA32_TME_ACTIVATE, activate, fault);
    /* The module computes KeyID positions from a fixed 52-bit address; ours must be the same. */
    struct finding *finding =
        add(platform, "address width", platform->address_bits == TDX_PRIVATE_PA_BITS,
            "turn off 'Limit CPU PA to 46 bits' in the BIOS setup: the module wants 52 (CPUID 0x80000008)");
    FOUND(finding, "%u bits, %u of them KeyID", platform->address_bits, platform->keyid_bits);
}

static void find_seamrr(struct tdx_platform *platform)
{
    fault_t base_fault, mask_fault;
    u64 base = read_or_zero(MSR_IA32_SEAMRR_BASE, &base_fault);
    u64 mask = read_or_zero(MSR_IA32_SEAMRR_MASK, &mask_fault);
    u64 wanted = SEAMRR_MASK_LOCKED | SEAMRR_MASK_VALID;
    u64 size_bits = mask & ~(32 * MIB - 1);
    platform->seamrr_base = base & ~(32 * MIB - 1);
    platform->seamrr_size = size_bits & -size_bits; /* lowest set bit */
    struct finding *finding =
        add(platform, "SEAMRR", (mask & wanted) == wanted && platform->seamrr_size,
            "enable TDX and the TDX SEAM loader in the BIOS; bits 10 and 11 of MSR 0x1401 must be set");
    if (base_fault || mask_fault)
        describe_msr(finding, MSR_IA32_SEAMRR_MASK, mask, mask_fault ? mask_fault : base_fault);
    else
        FOUND(finding, "0x%lx + %lu MiB, mask MSR 0x%lx", platform->seamrr_base, platform->seamrr_size / MIB,
              mask);
}

static void find_x2apic(struct tdx_platform *platform)
{
    bool has = cpuid(1, 0).ecx & CPUID1_ECX_X2APIC;
    struct finding *finding = add(platform, "x2APIC", has, "enable x2APIC in the BIOS");
    FOUND(finding, "CPUID.1:ECX[21] = %d", has);
}

void platform_detect(struct tdx_platform *platform)
{
    memset(platform, 0, sizeof(*platform));
    identify_hypervisor(platform);
    find_vmx(platform);
    find_keyids(platform);
    find_tme(platform);
    find_seamrr(platform);
    find_x2apic(platform);
}

const char *platform_subject_name(const struct tdx_platform *platform)
{
    static const char *const names[] = {
        [SUBJECT_SOFT] = "soft module on the Seamstress monitor (a model: not hardware conformance)",
        [SUBJECT_GENUINE] = "genuine module on the Seamstress monitor (the platform is a model)",
        [SUBJECT_HARDWARE] = "hardware",
    };
    if (platform->overlays & MONITOR_OVERLAY_EXT)
        return "genuine module with overlay ext on the Seamstress monitor (extensions and platform are a model)";
    return names[platform->subject];
}

void platform_report(const struct tdx_platform *platform)
{
    log_line("tdx: subject: %s", platform_subject_name(platform));
    if (platform->subject == SUBJECT_HARDWARE && platform->hypervisor[0])
        log_line("tdx: this is not bare metal: hypervisor \"%s\"", platform->hypervisor);
    for (u32 i = 0; i < platform->finding_count; i++) {
        const struct finding *finding = &platform->findings[i];
        log_line("tdx: %-18s %-7s %s", finding->name, finding->met ? "present" : "MISSING", finding->found);
        if (!finding->met)
            log_line("tdx:   remedy: %s", finding->remedy);
    }
}

size_t platform_first_unmet(const struct tdx_platform *platform, char *text, size_t size)
{
    for (u32 i = 0; i < platform->finding_count; i++) {
        const struct finding *finding = &platform->findings[i];
        if (!finding->met)
            return format(text, size, "this machine has no TDX: %s missing (%s)", finding->name,
                          finding->found);
    }
    return format(text, size, "%s", "");
}

bool monitor_read(const struct tdx_platform *platform, u32 offset, u64 *value)
{
    return platform->control_msr && !probe_rdmsr(platform->control_msr + offset, value);
}

bool monitor_write(const struct tdx_platform *platform, u32 offset, u64 value)
{
    return platform->control_msr && !probe_wrmsr(platform->control_msr + offset, value);
}

bool monitor_counter(const struct tdx_platform *platform, u32 index, u64 *value)
{
    return monitor_write(platform, MONITOR_MSR_COUNTER_SELECT, index) &&
           monitor_read(platform, MONITOR_MSR_COUNTER_VALUE, value);
}
