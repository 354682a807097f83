/* SPDX-License-Identifier: MIT */
/* SEAMCALLs of a script: one, one resumed, one on every CPU, a block of lanes. */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/status.h"
#include "lib/string.h"

void run_call_marks(struct script_regs *regs)
{
    *regs = (struct script_regs){.r = {0, 0x1111111111111000, 0x2222222222222000, 0x8888888888888000,
                                       0x9999999999999000, 0xAAAAAAAAAAAAA000, 0xBBBBBBBBBBBBB000}};
}

/* ---- what a status makes of the harness's knowledge ---- */

/* Leaves that change nothing whatever they answer; all others may have if they weren't refused. Where nobody
 * answers, the module may have stopped itself.
 */
static bool changes_nothing(const struct script_made *made)
{
    u64 status = made->out.r[REG_RAX];
    if (status >> 40 == TDX_SW_ERROR >> 40)
        return false;
    switch (made->in.r[REG_RAX] & 0xFFFF) {
    case TDH_SYS_RD:
    case TDH_SYS_RDALL:
    case TDH_SYS_INFO:
    case TDH_PHYMEM_PAGE_RDMD:
    case TDH_SYS_LP_SHUTDOWN:
        return true;
    default:
        return status & TDX_STATUS_ERROR && (status & TDX_STATUS_MASK) != TDX_INTERRUPTED_RESUMABLE;
    }
}

/* RCX named a TDMR; RDX is where its initialisation goes on. */
static void note_tdmr(struct script_run *run, const struct script_made *made)
{
    const struct script_layout *layout = run_layout_now(run);
    for (u32 i = 0; layout && i < layout->count; i++)
        if (layout->tdmrs[i].base == made->in.r[REG_RCX] &&
            made->out.r[REG_RDX] >= layout->tdmrs[i].base + layout->tdmrs[i].size)
            run_progress()->tdmrs |= 1ull << i;
}

/* What SYS.CONFIG was given, whoever called it. */
static void note_setup(struct script_run *run, const struct script_made *made)
{
    const u64 *r = made->in.r;
    u64 *values = run->setup.values, version = r[REG_RAX] >> TDX_RAX_VERSION_SHIFT & 0xFF;
    values[OPTION_VERSION] = version;
    values[OPTION_FEATURES] = version >= TDX_VERSION_WITH_FEATURES ? r[REG_R9] : 0;
    values[OPTION_TDMRS] = r[REG_RDX];
    values[OPTION_KEYID] = r[REG_R8] & 0xFFFF;
    values[OPTION_DPAMT] = r[REG_R8] >> 16 & 1;
    run->configured_once = true;
}

static void note_success(struct script_run *run, const struct script_made *made)
{
    struct script_progress *progress = run_progress();
    u32 leaf = made->in.r[REG_RAX] & 0xFFFF;
    switch (leaf) {
    case TDH_SYS_INIT:
        progress->started = true;
        break;
    case TDH_SYS_LP_INIT:
        progress->lps[made->cpu / 64] |= 1ull << made->cpu % 64;
        break;
    case TDH_SYS_CONFIG:
        progress->configured = true;
        progress->packages = progress->tdmrs = 0;
        note_setup(run, made);
        break;
    case TDH_SYS_UPDATE: /* PAMTs and keys of the module before stay */
        progress->configured = true;
        progress->packages = progress->tdmrs = ~0ull;
        break;
    case TDH_SYS_KEY_CONFIG:
        for (u32 package = 0; package < run->packages; package++)
            if (made->cpu >= run_package_first(run, package) &&
                made->cpu < run_package_first(run, package + 1))
                progress->packages |= 1ull << package;
        break;
    case TDH_SYS_TDMR_INIT:
        note_tdmr(run, made);
        break;
    case TDH_EXT_INIT:
        progress->extended = true;
        break;
    case TDH_QUOTE_INIT:
        progress->quoting = true;
        break;
    case TDH_SYS_DISABLE:
        *progress = (struct script_progress){0};
        break;
    default:
        break;
    }
}

void run_note_call(struct script_run *run, const struct script_made *made)
{
    run->disturbed |= !changes_nothing(made);
    if (made->answered && made->out.r[REG_RAX] == TDX_SUCCESS)
        note_success(run, made);
}

/* ---- one call ---- */

struct script_made run_call_once(struct script_run *run, u32 cpu, const struct script_regs *in)
{
    struct script_made made = {.cpu = cpu, .in = *in, .out = *in};
    run->result->seamcalls++;
    made.answered = run->port->call(run->port->context, cpu, &made.out);
    if (!made.answered)
        made.out.r[REG_RAX] = TDX_SW_ERROR;
    run_note_call(run, &made);
    return made;
}

struct script_made run_call_leaf(struct script_run *run, u32 leaf, u64 rcx, u64 rdx)
{
    struct script_regs in;
    run_call_marks(&in);
    in.r[REG_RAX] = leaf;
    in.r[REG_RCX] = rcx;
    in.r[REG_RDX] = rdx;
    return run_call_once(run, 0, &in);
}

/* Inputs stay those of the first attempt. */
static bool resume(struct script_run *run, enum script_resume_kind kind, u64 max, u32 cpu)
{
    while (script_resumable(run->last.out.r[REG_RAX]) && run->last.resumes < max) {
        run->port->breathe(run->port->context);
        if (!run_in_time(run))
            return false;
        struct script_regs in = script_resumed(kind, &run->last.in, &run->last.out);
        struct script_made made = run_call_once(run, cpu, &in);
        made.in = run->last.in;
        made.resumes = run->last.resumes + 1;
        run->last = made;
    }
    return true;
}

/* ---- operands ---- */

u32 run_package_first(const struct script_run *run, u32 package)
{
    u32 packages = run->packages ? run->packages : 1;
    return (package * run->port->cpus + packages - 1) / packages;
}

bool run_cpu_number(struct script_run *run, const struct script_cpu *cpu, u32 *number)
{
    u64 value = 0;
    if (!run_evaluate_optional(run, cpu->number, &value))
        return false;
    switch (cpu->kind) {
    case CPU_NUMBER:
        break;
    case CPU_LAST:
        value = run->port->cpus - 1;
        break;
    case CPU_PACKAGE:
        if (value >= (run->packages ? run->packages : 1))
            return run_skip(run, "there is no package %llu, there are %u", (unsigned long long)value,
                            run->packages);
        value = run_package_first(run, (u32)value);
        break;
    default:
        value = 0;
    }
    if (value >= run->port->cpus)
        return run_skip(run, "there is no CPU %llu, there are %u", (unsigned long long)value,
                        run->port->cpus);
    *number = (u32)value;
    return true;
}

static bool put_operand(struct script_run *run, const struct script_operand *operand, u64 *version,
                        struct script_regs *regs)
{
    u64 value;
    if (!run_evaluate(run, operand->value, &value))
        return false;
    if (operand->index == REG_VERSION)
        *version = value;
    else
        regs->r[operand->index] = value;
    return true;
}

static bool put_operands(struct script_run *run, const struct script_operand *operands, u32 count,
                         u64 *version, struct script_regs *regs)
{
    for (u32 i = 0; i < count; i++)
        if (operands[i].is_register && !put_operand(run, &operands[i], version, regs))
            return false;
    return true;
}

/* A row's registers go over the call's own. */
static bool operands(struct script_run *run, const struct script_call *call, struct script_regs *regs)
{
    u64 leaf = 0, version = 0;
    run_call_marks(regs);
    if (!run_evaluate_optional(run, call->leaf, &leaf))
        return false;
    regs->r[REG_RAX] = leaf;
    if (!put_operands(run, call->operands, call->operand_count, &version, regs))
        return false;
    if (call->each && !put_operands(run, run->program->row, run->program->row_count, &version, regs))
        return false;
    if (version)
        regs->r[REG_RAX] |= version << TDX_RAX_VERSION_SHIFT;
    return true;
}

struct plan {
    struct script_regs in;
    u32 cpu;
    u64 max;
    u32 elsewhere; /* CPU of the resumed calls */
};

static bool plan(struct script_run *run, const struct script_call *call, struct plan *plan)
{
    plan->max = SCRIPT_DEFAULT_RESUMES;
    if (!operands(run, call, &plan->in) || !run_cpu_number(run, &call->cpu, &plan->cpu) ||
        !run_evaluate_optional(run, call->resume.max, &plan->max))
        return false;
    if (call->resume.kind == RESUME_NOT)
        plan->max = 0;
    plan->elsewhere = plan->cpu;
    return (!call->resume.elsewhere || run_cpu_number(run, &call->resume.cpu, &plan->elsewhere)) &&
           run_guard(run, &plan->in);
}

/* ---- on all CPUs, in lanes ---- */

static struct script_lane lanes[SCRIPT_MAX_CPUS];
static struct script_lane_call lane_calls[SCRIPT_MAX_CPUS + SCRIPT_MAX_STEPS];

bool run_call_lanes(struct script_run *run, struct script_lane *what, u32 count)
{
    bool answered = run->port->call_together(run->port->context, what, count);
    run->lane_count = count;
    for (u32 i = 0; i < count; i++)
        for (u32 j = 0; j < what[i].call_count; j++) {
            const struct script_lane_call *call = &what[i].calls[j];
            struct script_made *made = &run->lanes[i];
            *made = (struct script_made){.cpu = what[i].cpu,
                                         .answered = answered,
                                         .in = call->in,
                                         .out = call->out,
                                         .resumes = call->resumes};
            run->result->seamcalls += call->resumes + 1;
            run_note_call(run, made);
            run_trace_result(run, made);
        }
    run->last = run->lanes[0];
    run->called = run->block = true;
    if (!answered)
        return run_fail_call(run, &run->last, "all CPUs to come back from their calls");
    return run_in_time(run);
}

static bool call_all(struct script_run *run, const struct script_call *call, const struct plan *plan)
{
    if (run->port->cpus > SCRIPT_MAX_CPUS)
        return run_skip(run, "more than %u CPUs", SCRIPT_MAX_CPUS);
    for (u32 cpu = 0; cpu < run->port->cpus; cpu++) {
        lane_calls[cpu] = (struct script_lane_call){
            .in = plan->in, .out = plan->in, .resume = call->resume.kind, .max_resumes = plan->max};
        lanes[cpu] = (struct script_lane){.cpu = cpu, .calls = &lane_calls[cpu], .call_count = 1};
    }
    return run_call_lanes(run, lanes, run->port->cpus);
}

static bool call_one(struct script_run *run, const struct script_call *call, const struct plan *plan)
{
    run->last = run_call_once(run, plan->cpu, &plan->in);
    run->called = true;
    run->block = false;
    bool in_time = resume(run, call->resume.kind, plan->max, plan->elsewhere);
    run_trace_result(run, &run->last);
    if (!in_time)
        return false;
    if (!run->last.answered)
        return run_fail_call(run, &run->last, "the CPU to come back from the call");
    if (script_resumable(run->last.out.r[REG_RAX]) && call->resume.kind != RESUME_NOT &&
        call->resume.max.count == 0)
        return run_fail_call(run, &run->last, "the leaf to end within %llu calls (no limit was given)",
                             (unsigned long long)plan->max);
    return true;
}

bool run_step_call(struct script_run *run, const struct script_call *call)
{
    struct plan what;
    struct script_footprint before = {0};
    if (!plan(run, call, &what))
        return false;
    run_trace_call(run, call, &what.in, what.cpu, what.max, what.elsewhere);
    if (call->unchanged)
        before = run_footprint_take(run);
    bool all = call->cpu.kind == CPU_ALL;
    if (all ? !call_all(run, call, &what) : !call_one(run, call, &what))
        return false;
    if (call->unchanged) {
        struct script_footprint after = run_footprint_take(run);
        run->footprint_differs = before.fold != after.fold || before.hash != after.hash;
        run->footprint_what = before.fold != after.fold ? "its metadata" : "its state (the monitor's hash)";
    }
    return true;
}

/* ---- par ---- */

static u32 lane_of(u32 cpu, u32 *count)
{
    for (u32 i = 0; i < *count; i++)
        if (lanes[i].cpu == cpu)
            return i;
    lanes[*count] = (struct script_lane){.cpu = cpu};
    return (*count)++;
}

/* Each call of the block as planned, and which lane it is in. */
static struct plan plans[SCRIPT_MAX_STEPS];
static u8 plan_lane[SCRIPT_MAX_STEPS];

static bool plan_block(struct script_run *run, const struct script_step *first, u32 count, u32 *lane_count)
{
    for (u32 i = 0; i < count; i++) {
        run->step = first + i;
        if (first[i].verb != VERB_CALL)
            return run_mistake(run, "only calls can stand in a par block");
        if (!plan(run, &first[i].call, &plans[i]))
            return false;
        u32 lane = lane_of(plans[i].cpu, lane_count);
        if (lane >= SCRIPT_MAX_LANES)
            return run_mistake(run, "more than %u lanes", SCRIPT_MAX_LANES);
        plan_lane[i] = (u8)lane;
        run_trace_call(run, &first[i].call, &plans[i].in, plans[i].cpu, plans[i].max, plans[i].elsewhere);
    }
    return true;
}

/* Calls of a lane lie one behind the other. */
static void fill_lanes(const struct script_step *first, u32 count, u32 lane_count)
{
    struct script_lane_call *next = lane_calls;
    for (u32 lane = 0; lane < lane_count; lane++) {
        lanes[lane].calls = next;
        lanes[lane].call_count = 0;
        for (u32 i = 0; i < count; i++) {
            if (plan_lane[i] != lane)
                continue;
            *next++ = (struct script_lane_call){.in = plans[i].in,
                                                .out = plans[i].in,
                                                .resume = first[i].call.resume.kind,
                                                .max_resumes = plans[i].max};
            lanes[lane].call_count++;
        }
    }
}

bool run_step_par(struct script_run *run, const struct script_step *par)
{
    const struct script_step *first = par + 1;
    u32 count = (u32)(&run->program->steps[par->other] - first), lane_count = 0;
    run_trace(run, "par");
    if (!plan_block(run, first, count, &lane_count))
        return false;
    run->step = &run->program->steps[par->other];
    run_trace(run, "end");
    run->step = par;
    if (lane_count == 0)
        return true;
    fill_lanes(first, count, lane_count);
    return run_call_lanes(run, lanes, lane_count);
}
