/* SPDX-License-Identifier: MIT */
#include "tests/runner/machine.h"

#include "drivers/tdx/abi/monitor.h"
#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "drivers/tdx/seamcall.h"
#include "kernel/memory.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/string.h"

#define LP_MAX_US (60ull * 1000 * 1000)

static void find_faults(struct machine *machine)
{
    for (u32 leaf = 0; leaf < ARRAY_COUNT(machine->faulted_leaf); leaf++) {
        u64 calls = 0;
        if (!monitor_counter(&machine->platform, MONITOR_COUNTER_FAULTS + leaf, &calls))
            break;
        machine->faulted_leaf[leaf] = calls > 0;
        machine->fault_armed |= calls > 0;
    }
    monitor_counter(&machine->platform, MONITOR_COUNTER_PLATFORM_FAULTS, &machine->platform_faults);
    machine->fault_armed |= machine->platform_faults > 0;
}

void machine_init(struct machine *machine, const struct tdx_options *options)
{
    memset(machine, 0, sizeof(*machine));
    machine->options = *options;
    platform_detect(&machine->platform);
    find_faults(machine);
    machine->options.insist |= machine->platform_faults > 0;
    tdx_host_init(&machine->host, &machine->options);
}

u64 machine_keyid_bits(const struct machine *machine, u64 keyid)
{
    return keyid << (TDX_PRIVATE_PA_BITS - machine->platform.keyid_bits);
}

static bool fail(struct machine *machine, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    format_v(machine->failure, sizeof(machine->failure), fmt, args);
    va_end(args);
    return false;
}

static bool run_steps(struct machine *machine, enum tdx_step until)
{
    while (machine->host.next < until)
        if (!tdx_run_next_step(&machine->host))
            return fail(machine, "%s", machine->host.failure.text);
    return true;
}

/* ---- the second life ---- */

static bool again_reset(struct machine *machine)
{
    if (!monitor_write(&machine->platform, MONITOR_MSR_RESET, 1))
        return fail(machine, "the monitor refused to reset the module");
    machine->taken_back = donate_take_back_all();
    quote_buffer_free(&machine->host.quote.buffer); /* the host's own: the next life makes its own */
    return true;
}

static bool again_sys_init(struct machine *machine)
{
    tdx_host_init(&machine->host, &machine->options);
    machine->host.platform = machine->platform;
    machine->host.options.always_flush = true; /* the cache policy that the first life may not have used */
    machine->host.next =
        STEP_SYS_INIT; /* VMX operation outlives the reset: it is the CPU's, not the module's */
    return run_steps(machine, STEP_LP_INIT);
}

struct lp_start {
    struct barrier barrier;
    volatile bool late; /* some LP didn't come to the barrier */
    volatile u64 worst;
};

/* One call without a retry: any status but success counts. */
static void lp_init(void *arg)
{
    struct lp_start *start = arg;
    struct seamcall_args args = {0};
    if (!barrier_wait(&start->barrier, deadline_after_us(LP_MAX_US)))
        start->late = true;
    u64 status = seamcall_once(TDH_SYS_LP_INIT, &args);
    if (status != TDX_SUCCESS)
        start->worst = status;
}

/* SYS.LP.INIT on the last LP, or on all others at the same moment. */
static bool init_lps(struct machine *machine, bool last)
{
    bool selected[MAX_CPUS] = {false};
    for (u32 cpu = 0; cpu < cpu_count(); cpu++)
        selected[cpu] = (cpu == cpu_count() - 1) == last;
    static struct lp_start start; /* an LP that is late still uses it */
    start.late = false;
    start.worst = TDX_SUCCESS;
    barrier_init(&start.barrier, last ? 1 : cpu_count() - 1);
    if (!smp_run_some(selected, lp_init, &start, 2 * LP_MAX_US) || start.late)
        return fail(machine, "an LP did not answer");
    if (start.worst == TDX_SUCCESS)
        return true;
    return fail(machine, "SYS.LP.INIT: 0x%016lx %s", start.worst, tdx_status_name(start.worst));
}

static bool again_most_lps(struct machine *machine)
{
    return init_lps(machine, false);
}

static bool again_last_lp(struct machine *machine)
{
    machine->host.next = STEP_METADATA;
    return init_lps(machine, true);
}

static bool again_tdmrs(struct machine *machine)
{
    return run_steps(machine, STEP_EXT_QUERY);
}

static bool again_query(struct machine *machine)
{
    return run_steps(machine, STEP_EXT_MEMORY);
}

static bool again_pool(struct machine *machine)
{
    return run_steps(machine, STEP_EXT_START);
}

static bool again_start(struct machine *machine)
{
    return run_steps(machine, STEP_QUOTE);
}

static bool again_quote(struct machine *machine)
{
    return run_steps(machine, STEP_COUNT);
}

static const struct {
    const char *name;
    bool (*run)(struct machine *machine);
} again[] = {
    {"reset", again_reset},
    {"sys_init after reset", again_sys_init},
    {"lp_init on all LPs but one", again_most_lps},
    {"lp_init on the last LP", again_last_lp},
    {"tdmr_init after reset", again_tdmrs},
    {"ext_query after reset", again_query},
    {"ext_memory after reset", again_pool},
    {"ext_start after reset", again_start},
    {"quote after reset", again_quote},
};
_Static_assert(ARRAY_COUNT(again) == STAGE_COUNT - STAGE_AGAIN_RESET, "a function for each stage");

const char *stage_name(u32 stage)
{
    return stage < STEP_COUNT ? tdx_step_name((enum tdx_step)stage) : again[stage - STAGE_AGAIN_RESET].name;
}

bool stage_run_next(struct machine *machine)
{
    if (machine->failed || machine->next >= STAGE_COUNT)
        return false;
    u32 stage = machine->next;
    bool done = stage < STEP_COUNT ? run_steps(machine, (enum tdx_step)(stage + 1))
                                   : again[stage - STAGE_AGAIN_RESET].run(machine);
    if (done && stage == STEP_METADATA)
        machine->sysinfo = machine->host.sysinfo;
    if (done && stage == STEP_EXT_QUERY)
        machine->demand = machine->host.demand;
    machine->next += done;
    machine->failed = !done;
    return done;
}

/* A stage of the second life may fail without the driver, which then has nothing to report. */
void machine_tell_failure(struct machine *machine)
{
    machine->failure_told = true;
    if (machine->host.failed)
        tdx_report_end(&machine->host);
}

bool stage_reach(struct machine *machine, u32 stage)
{
    while (machine->next < stage)
        if (!stage_run_next(machine))
            return false;
    return true;
}

/* ---- pages ---- */

static bool take_from(const struct tdx_tdmr_info *tdmr, struct contig_request *request, pa_t *block)
{
    for (u32 i = 0; tdmr_piece(tdmr, i, &request->min, &request->max); i++)
        if (request->max - request->min >= request->size && contig_alloc(memory_pool(), request, block))
            return true;
    return false;
}

u64 machine_take_pages(struct machine *machine, u64 count)
{
    struct contig_request request = {.size = count * PAGE_SIZE, .quiet = true, .what = "pages for a test"};
    pa_t block = pa_of(0);
    bool taken = false;
    memory_lock();
    for (u32 i = machine->host.plan.count; i-- > 0 && !taken;)
        taken = take_from(&machine->host.plan.tdmrs[i], &request, &block);
    memory_unlock();
    return taken ? pa_raw(block) : 0;
}

void machine_give_back(u64 base, u64 count)
{
    memory_lock();
    contig_free(memory_pool(), pa_of(base), count * PAGE_SIZE);
    memory_unlock();
}

void machine_abandon(u64 base, u64 count)
{
    memory_lock();
    contig_retire(memory_pool(), pa_of(base), count * PAGE_SIZE);
    memory_unlock();
}
