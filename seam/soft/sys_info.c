/* SPDX-License-Identifier: MIT */
/* TDH.SYS.INFO (32): the old way to learn about the module. No lock. Module 1.5.01 source. */
#include "seam/soft/metadata.h"

#include "lib/string.h"

#define CMR_LIST_BYTES (TDX_MAX_CMRS * sizeof(struct tdx_cmr))

static void put(u8 *info, u32 offset, u32 bytes, u64 value)
{
    memcpy(info + offset, &value, bytes);
}

static void put_cpuid_configs(const struct soft_module *module, u8 *info)
{
    put(info, 128, 4, SOFT_CPUID_CONFIGS);
    for (u32 i = 0; i < SOFT_CPUID_CONFIGS; i++) {
        const struct soft_cpuid_config *config = &soft_cpuid_configs[i];
        const struct soft_cpuid *direct = &config->direct, *allowed = &config->native;
        const struct soft_cpuid *native = &module->sample.cpuid[config->row];
        u32 row[6] = {
            soft_cpuid_rules[config->row].leaf,         soft_cpuid_rules[config->row].subleaf,
            direct->eax | (allowed->eax & native->eax), direct->ebx | (allowed->ebx & native->ebx),
            direct->ecx | (allowed->ecx & native->ecx), direct->edx | (allowed->edx & native->edx),
        };
        memcpy(info + 132 + i * sizeof(row), row, sizeof(row));
    }
}

/* TDSYSINFO_STRUCT; what isn't put here stays zero. */
static void put_info(const struct soft_module *module, u8 *info)
{
    const struct soft_knobs *knobs = &module->knobs;
    put(info, 4, 4, 0x8086);
    put(info, 8, 4, knobs->build_date);
    put(info, 12, 2, knobs->build_num);
    put(info, 14, 2, knobs->minor_version);
    put(info, 16, 2, knobs->major_version);
    put(info, 18, 1, 1); /* SYS.RD is there */
    put(info, 32, 2, TDX_MAX_TDMRS);
    put(info, 34, 2, TDX_MAX_RESERVED_PER_TDMR);
    put(info, 36, 2, TDX_PAMT_ENTRY_BYTES);
    put(info, 48, 2, 0x6000); /* TDCS_BASE_SIZE */
    put(info, 52, 2, 0x6000); /* TDVPS_BASE_SIZE */
    put(info, 64, 8, SOFT_ATTRIBUTES_FIXED0);
    put(info, 80, 8, soft_xfam_fixed0(module));
    put(info, 88, 8, 3); /* XFAM_FIXED1 */
    put_cpuid_configs(module, info);
}

u64 soft_sys_info(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    struct soft_regs *regs = request->regs;
    u64 info_size = regs->rdx, cmr_capacity = regs->r9;
    regs->rdx = regs->r9 = 0;
    if (!module->lps[request->lp].initialised)
        return TDX_SYS_LP_INIT_NOT_DONE;
    if (!soft_buffer_ok(module, regs->rcx, TDX_SYSINFO_BYTES))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (info_size < TDX_SYSINFO_BYTES)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RDX);
    soft_locked(request);
    u8 *info = soft_buffer(request, regs->rcx, TDX_SYSINFO_BYTES);
    if (info)
        memset(info, 0, TDX_SYSINFO_BYTES); /* before R8 and R9 are looked at, as 1.5.01 does */
    if (!soft_buffer_ok(module, regs->r8, CMR_LIST_BYTES))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R8);
    if (cmr_capacity < TDX_MAX_CMRS)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R9);
    if (info)
        put_info(module, info);
    void *cmrs = soft_buffer(request, regs->r8, CMR_LIST_BYTES);
    if (cmrs)
        memcpy(cmrs, module->machine.cmrs, CMR_LIST_BYTES);
    regs->rdx = TDX_SYSINFO_BYTES;
    regs->r9 = TDX_MAX_CMRS;
    return TDX_SUCCESS;
}
