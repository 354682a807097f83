/* SPDX-License-Identifier: MIT */
/* What the emulated machine does wrong on request: injections, storms, knobs, platform faults, another
 * module.
 */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/string.h"

/* ---- injections and storms ---- */

static const char *const inject_names[] = {
    [INJECT_STATUS] = "status",     [INJECT_INTERRUPT] = "interrupt", [INJECT_NO_ENTROPY] = "no_entropy",
    [INJECT_KET_BUSY] = "ket_busy", [INJECT_VMFAIL] = "vmfail",       [INJECT_PARK] = "park",
    [INJECT_IPI] = "ipi",           [INJECT_TIMER] = "timer",         [INJECT_STOP] = "stop",
};

static bool arm(struct script_run *run, enum monitor_inject kind, u64 leaf, u64 nth, u64 count, u64 value)
{
    void *context = run->port->context;
    bool (*write)(void *, u32, u64) = run->port->monitor_write;
    run->injecting =
        write(context, MONITOR_MSR_INJECT_ARM, MONITOR_INJECT_NONE) &&
        write(context, MONITOR_MSR_INJECT_LEAF, leaf) && write(context, MONITOR_MSR_INJECT_NTH, nth) &&
        write(context, MONITOR_MSR_INJECT_COUNT, count) && write(context, MONITOR_MSR_INJECT_VALUE, value) &&
        write(context, MONITOR_MSR_INJECT_ARM, kind);
    return run->injecting || run_mistake(run, "the monitor refused this injection");
}

static void trace_fault(struct script_run *run, enum script_inject kind, u64 leaf, u64 nth, u64 count,
                        u64 value)
{
    const unsigned long long times = count, operand = value;
    const char *name = tdx_leaf_name((unsigned)leaf);
    char number[24], what[64];
    format(number, sizeof(number), "0x%llx", (unsigned long long)leaf);
    if (kind == INJECT_PARK)
        format(what, sizeof(what), " for 0x%llx", operand);
    else if (kind == INJECT_STATUS)
        format(what, sizeof(what), " count 0x%llx rax=0x%llx", times, operand);
    else if (kind == INJECT_INTERRUPT)
        format(what, sizeof(what), " count 0x%llx after 0x%llx", times, operand);
    else
        format(what, sizeof(what), " count 0x%llx", times);
    run_trace(run, "inject %s %s nth 0x%llx%s", inject_names[kind], name ? name : number,
              (unsigned long long)nth, what);
}

static bool spoil_calls(struct script_run *run, const struct script_injection *inject)
{
    static const enum monitor_inject kinds[] = {
        [INJECT_STATUS] = MONITOR_INJECT_STATUS,         [INJECT_INTERRUPT] = MONITOR_INJECT_INTERRUPT,
        [INJECT_NO_ENTROPY] = MONITOR_INJECT_NO_ENTROPY, [INJECT_KET_BUSY] = MONITOR_INJECT_KET_BUSY,
        [INJECT_VMFAIL] = MONITOR_INJECT_VMFAIL,         [INJECT_PARK] = MONITOR_INJECT_PARK,
    };
    u64 leaf = 0, nth = 1, count = 1, value = inject->kind == INJECT_PARK;
    if (!run->port->monitor)
        return run_skip(run, "injection needs the Seamstress monitor");
    if (inject->kind == INJECT_PARK && run->port->subject != SUBJECT_IS_SOFT)
        return run_skip(run, "only the soft module can be held up inside a call");
    if (script_facts.fault_armed)
        return run_skip(run, "a fault armed from outside is in use");
    if (!run_evaluate(run, inject->leaf, &leaf) || !run_evaluate_optional(run, inject->nth, &nth) ||
        !run_evaluate_optional(run, inject->count, &count) ||
        !run_evaluate_optional(run, inject->value, &value))
        return false;
    trace_fault(run, inject->kind, leaf, nth, count, value);
    return arm(run, kinds[inject->kind], leaf, nth, count, value);
}

static bool begin_storm(struct script_run *run, const struct script_injection *inject)
{
    u32 cpu;
    u64 us = 0;
    if (!run_cpu_number(run, &inject->cpu, &cpu) || !run_evaluate_optional(run, inject->value, &us))
        return false;
    if (us == 0)
        return run_mistake(run, "a storm every 0 us");
    run_trace(run, "inject %s @%u every 0x%llx us", inject_names[inject->kind], cpu, (unsigned long long)us);
    run->storming = run->port->storm(run->port->context, inject->kind, cpu, us);
    return run->storming || run_skip(run, "no such storm on this machine");
}

void run_faults_end(struct script_run *run)
{
    const struct script_port *port = run->port;
    if (run->injecting)
        port->monitor_write(port->context, MONITOR_MSR_INJECT_ARM, MONITOR_INJECT_NONE);
    if (run->storming)
        port->storm(port->context, INJECT_STOP, 0, 0);
    run->injecting = run->storming = false;
}

bool run_step_inject(struct script_run *run, const struct script_injection *inject)
{
    switch (inject->kind) {
    case INJECT_STOP:
        run_trace(run, "inject stop");
        run_faults_end(run);
        return true;
    case INJECT_IPI:
    case INJECT_TIMER:
        return begin_storm(run, inject);
    default:
        return spoil_calls(run, inject);
    }
}

/* ---- commands ---- */

static bool command(struct script_run *run, const char *line)
{
    const char *wrong = run->port->command(run->port->context, line);
    run->altered = true;
    return !wrong || run_mistake(run, "the monitor refused '%s': %s", line, wrong);
}

/* A number of packages that TDX knows, but that so many CPUs don't fill, is no mistake of the script's. */
static bool spread(struct script_run *run, const char *line, u64 packages)
{
    if (packages == 0 || packages > TDX_MAX_PACKAGES)
        return command(run, line);
    const char *wrong = run->port->command(run->port->context, line);
    run->altered = true;
    if (wrong)
        return run_skip(run, "needs CPUs for %u packages: %s", (unsigned)packages, wrong);
    run->packages = (u32)packages;
    return true;
}

bool run_step_knobs(struct script_run *run, const struct script_step *step)
{
    char line[MONITOR_COMMAND_MAX], shown[MONITOR_COMMAND_MAX];
    bool install = step->verb == VERB_INSTALL;
    size_t used = format(line, sizeof(line), install ? "install" : "knob");
    size_t seen = format(shown, sizeof(shown), "%s", line);
    if (!run->port->monitor)
        return run_skip(run, "needs the Seamstress monitor");
    if (step->knobs.count && run->port->subject != SUBJECT_IS_SOFT)
        return run_skip(run, "needs the soft module"); /* another module has no knobs */
    for (u32 i = 0; i < step->knobs.count; i++) {
        u64 value;
        if (!run_evaluate(run, step->knobs.values[i], &value))
            return false;
        used += format(line + used, sizeof(line) - used, " %s=0x%llx", step->knobs.names[i],
                       (unsigned long long)value);
        seen += format(shown + seen, sizeof(shown) - seen, install ? " %s=0x%llx" : " %s = 0x%llx",
                       step->knobs.names[i], (unsigned long long)value);
        if (used >= sizeof(line) || seen >= sizeof(shown))
            return run_mistake(run, "too many knobs for one line");
    }
    run_trace(run, "%s", shown);
    if (install)
        *run_progress() = (struct script_progress){0};
    return command(run, line);
}

/* The command and the step as the language writes it. */
struct change {
    char line[MONITOR_COMMAND_MAX], shown[MONITOR_COMMAND_MAX];
};

static void describe(const struct script_platform_change *change, const u64 *a, struct change *out)
{
    static const char *const registers[] = {"eax", "ebx", "ecx", "edx"};
    static const char *const names[] = {[PLATFORM_PACKAGES] = "packages",
                                        [PLATFORM_LPS] = "lps",
                                        [PLATFORM_SEAMCAPS] = "seamcaps",
                                        [PLATFORM_HANDOFF_PAGES] = "handoff_pages"};
    const unsigned long long x = a[0], y = a[1], z = a[2];
    const char *reg = registers[change->reg & 3];
    switch (change->kind) {
    case PLATFORM_MSR:
        format(out->line, sizeof(out->line), "msr 0x%llx=0x%llx", x, y);
        format(out->shown, sizeof(out->shown), "platform msr 0x%llx = 0x%llx", x, y);
        break;
    case PLATFORM_CPUID:
        format(out->line, sizeof(out->line), "cpuid 0x%llx 0x%llx %s=0x%llx", x, y, reg, z);
        format(out->shown, sizeof(out->shown), "platform cpuid 0x%llx 0x%llx %s = 0x%llx", x, y, reg, z);
        break;
    case PLATFORM_CMR:
        format(out->line, sizeof(out->line), "cmr 0x%llx=0x%llx,0x%llx", x, y, z);
        format(out->shown, sizeof(out->shown), "platform cmr 0x%llx = 0x%llx, 0x%llx", x, y, z);
        break;
    default:
        format(out->line, sizeof(out->line), "%s 0x%llx", names[change->kind], x);
        format(out->shown, sizeof(out->shown), "platform %s = 0x%llx", names[change->kind], x);
    }
}

static void add_cpu(struct change *change, u32 cpu)
{
    size_t line = strlen(change->line), shown = strlen(change->shown);
    format(change->line + line, sizeof(change->line) - line, " lp=%u", cpu);
    format(change->shown + shown, sizeof(change->shown) - shown, " @%u", cpu);
}

bool run_step_platform(struct script_run *run, const struct script_platform_change *change)
{
    u64 a[ARRAY_COUNT(change->arguments)] = {0};
    struct change text;
    u32 cpu;
    if (!run->port->monitor)
        return run_skip(run, "needs the Seamstress monitor");
    for (u32 i = 0; i < ARRAY_COUNT(a); i++)
        if (!run_evaluate_optional(run, change->arguments[i], &a[i]))
            return false;
    describe(change, a, &text);
    if (change->cpu.kind != CPU_ALL) {
        if (!run_cpu_number(run, &change->cpu, &cpu))
            return false;
        add_cpu(&text, cpu);
    }
    run_trace(run, "%s", text.shown);
    return change->kind == PLATFORM_PACKAGES ? spread(run, text.line, a[0]) : command(run, text.line);
}
