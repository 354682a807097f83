/* SPDX-License-Identifier: MIT */
/* Functions of expressions: memory, the module and the machine. Lists and addresses have files of their own.
 */
#include "tests/runner/script/run.h"

#include "lib/string.h"

static bool read_u64(struct script_run *run, u64 pa, u64 *value)
{
    const void *at = run_memory(run, pa, sizeof(*value));
    if (!at)
        return false;
    memcpy(value, at, sizeof(*value));
    return true;
}

static bool filled(struct script_run *run, u64 pa, u64 bytes, u64 pattern, u64 *value)
{
    const u8 *at = run_memory(run, pa, bytes);
    if (!at)
        return false;
    *value = 1;
    for (u64 i = 0; i < bytes && *value; i += sizeof(pattern)) {
        if (is_aligned(i, PAGES_BETWEEN_LOOKS * PAGE_SIZE) && !run_in_time(run))
            return false;
        *value = memcmp(at + i, &pattern, min_u64(sizeof(pattern), bytes - i)) == 0;
    }
    return true;
}

static bool same(struct script_run *run, u64 a, u64 b, u64 bytes, u64 *value)
{
    const void *at_a = run_memory(run, a, bytes);
    const void *at_b = at_a ? run_memory(run, b, bytes) : NULL;
    if (!at_b)
        return false;
    *value = memcmp(at_a, at_b, bytes) == 0;
    return true;
}

#define FNV_START 0xCBF29CE484222325ull
#define FNV_PRIME 0x100000001B3ull

/* FNV-1a: what a log can hold of memory that is too much to print */
static bool hash(struct script_run *run, u64 pa, u64 bytes, u64 *value)
{
    const u8 *at = run_memory(run, pa, bytes);
    if (!at)
        return false;
    *value = FNV_START;
    for (u64 i = 0; i < bytes; i++) {
        if (is_aligned(i, PAGES_BETWEEN_LOOKS * PAGE_SIZE) && !run_in_time(run))
            return false;
        *value = (*value ^ at[i]) * FNV_PRIME;
    }
    return true;
}

static bool sysrd(struct script_run *run, u64 field, u64 *value)
{
    struct script_made made;
    if (run_sysrd(run, field, value, &made))
        return true;
    return run_fail_call(run, &made, "sysrd(0x%llx) needs SUCCESS", (unsigned long long)field);
}

static bool page_type(struct script_run *run, u64 page, u64 *value)
{
    struct script_made made = run_call_leaf(run, TDH_PHYMEM_PAGE_RDMD, page, 0x2222222222222000);
    *value = made.out.r[REG_RCX];
    if (made.answered && made.out.r[REG_RAX] == TDX_SUCCESS)
        return true;
    return run_fail_call(run, &made, "page_type(0x%llx) needs SUCCESS", (unsigned long long)page);
}

static bool features0(struct script_run *run, u64 *value)
{
    *value = script_facts.features0;
    return script_facts.known || run_skip(run, "TDX_FEATURES0 isn't known before SYS.LP.INIT");
}

/* A question to the monitor: write which, read the answer. */
static bool ask_monitor(struct script_run *run, u32 select, u64 which, u32 answer, u64 *value)
{
    const struct script_port *port = run->port;
    if (!port->monitor)
        return run_skip(run, "needs the Seamstress monitor");
    if (port->monitor_write(port->context, select, which) && port->monitor_read(port->context, answer, value))
        return true;
    return run_mistake(run, "the monitor knows no 0x%llx", (unsigned long long)which);
}

static bool footprint(struct script_run *run, u64 *value)
{
    const struct script_port *port = run->port;
    return (port->monitor && port->monitor_read(port->context, MONITOR_MSR_FOOTPRINT, value)) ||
           run_skip(run, "footprint() needs the soft module");
}

static bool packages(struct script_run *run, u64 *value)
{
    *value = run->packages;
    return run->packages || run_skip(run, "the number of packages isn't known before SYS.LP.INIT");
}

static bool package_cpu(struct script_run *run, u64 package, u64 index, u64 *value)
{
    u64 count;
    if (!packages(run, &count))
        return false;
    if (package >= count)
        return run_mistake(run, "there is no package %llu, there are %llu", (unsigned long long)package,
                           (unsigned long long)count);
    u64 first = run_package_first(run, (u32)package), next = run_package_first(run, (u32)package + 1);
    *value = first + index;
    return index < next - first || run_skip(run, "package %llu has %llu CPUs", (unsigned long long)package,
                                            (unsigned long long)(next - first));
}

static bool rdmsr(struct script_run *run, u64 msr, u64 *value)
{
    if (msr > 0xFFFFFFFF)
        return run_mistake(run, "there is no MSR 0x%llx", (unsigned long long)msr);
    return run->port->rdmsr(run->port->context, (u32)msr, value) ||
           run_skip(run, "there is no MSR 0x%llx on this machine", (unsigned long long)msr);
}

static bool cpuid(struct script_run *run, u64 leaf, u64 subleaf, u64 reg, u64 *value)
{
    u32 registers[4];
    if (leaf > 0xFFFFFFFF || subleaf > 0xFFFFFFFF || reg >= ARRAY_COUNT(registers))
        return run_mistake(run, "there is no register %llu of CPUID 0x%llx, 0x%llx", (unsigned long long)reg,
                           (unsigned long long)leaf, (unsigned long long)subleaf);
    run->port->cpuid(run->port->context, (u32)leaf, (u32)subleaf, registers);
    *value = registers[reg];
    return true;
}

/* Values that need nothing but what is known already */
static u64 plain(const struct script_run *run, enum script_function function, const u64 *a)
{
    switch (function) {
    case FUNCTION_cpus:
        return run->port->cpus;
    case FUNCTION_keyid:
        return script_facts.keyid_first + a[0];
    case FUNCTION_keyids:
        return script_facts.keyid_count;
    case FUNCTION_resumes:
        return run->last.resumes;
    case FUNCTION_min:
        return min_u64(a[0], a[1]);
    default: /* bit */
        return a[0] > 63 ? 0 : 1ull << a[0];
    }
}

bool run_call_function(struct script_run *run, enum script_function function, const u64 *a, u64 *value)
{
    switch (function) {
    case FUNCTION_alloc:
        return run_alloc(run, a[0], PAGE_SIZE, value);
    case FUNCTION_alloc_aligned:
        return run_alloc(run, a[0], a[1], value);
    case FUNCTION_read:
        return read_u64(run, a[0], value);
    case FUNCTION_filled:
        return filled(run, a[0], a[1], a[2], value);
    case FUNCTION_same:
        return same(run, a[0], a[1], a[2], value);
    case FUNCTION_hash:
        return hash(run, a[0], a[1], value);
    case FUNCTION_sysrd:
        return sysrd(run, a[0], value);
    case FUNCTION_page_type:
        return page_type(run, a[0], value);
    case FUNCTION_features0:
        return features0(run, value);
    case FUNCTION_owner:
        return ask_monitor(run, MONITOR_MSR_PAGE_SELECT, a[0], MONITOR_MSR_PAGE_OWNER, value);
    case FUNCTION_counter:
        return ask_monitor(run, MONITOR_MSR_COUNTER_SELECT, a[0], MONITOR_MSR_COUNTER_VALUE, value);
    case FUNCTION_footprint:
        return footprint(run, value);
    case FUNCTION_packages:
        return packages(run, value);
    case FUNCTION_rdmsr:
        return rdmsr(run, a[0], value);
    case FUNCTION_cpuid:
        return cpuid(run, a[0], a[1], a[2], value);
    case FUNCTION_package_cpu:
        return package_cpu(run, a[0], a[1], value);
    case FUNCTION_cpus:
    case FUNCTION_keyid:
    case FUNCTION_keyids:
    case FUNCTION_resumes:
    case FUNCTION_min:
    case FUNCTION_bit:
        *value = plain(run, function, a);
        return true;
    default:
        if (function >= FUNCTION_hpa_list && function <= FUNCTION_tdmr_size)
            return run_function_list(run, function, a, value);
        return run_function_address(run, function, a, value);
    }
}
