/* SPDX-License-Identifier: MIT */
/*
 * The monitor itself: what drivers/tdx/abi/monitor.h promises to scripts. It is the oracle of other cases, so
 * it is asked what it says of mistakes, whether a change of the platform is seen by guest and module alike
 * and ends when it should, and whether a snapshot is the module that it was made of, page owners included.
 *
 * Each case takes a snapshot first and ends with restoring it, so that it leaves the module as it found it,
 * ready, and the kernel's ledger of donated memory needn't know.
 */
#include "tests/runner/bringup.h"

#include "drivers/tdx/abi/msr.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
#include "lib/log.h"
#include "lib/string.h"

#define CPU_MAX_US    (20ull * 1000 * 1000)
#define SLOT_FOUND    0 /* as the case found the module */
#define SLOT_OTHER    1
#define SLOT_NEVER    15
#define ROUNDS        15
#define CROWDED_TRIES 200
#define OWN_MSR       MSR_IA32_ARCH_CAPABILITIES
#define UNKNOWN_MSR   0x5EA3u
#define OWN_LEAF      0x80000006u
#define CPUID_V2      0x1Fu
#define SUBLEAF_CORES 1

/* ---- snapshots ---- */

static bool is_soft(const struct test *test)
{
    return test->machine->platform.subject == SUBJECT_SOFT;
}

/* Those of a genuine module can be switched off. */
static bool snapshot(struct test *test, u64 slot)
{
    if (monitor_write(&test->machine->platform, MONITOR_MSR_SNAPSHOT, slot))
        return true;
    if (!is_soft(test))
        test_skip(test, "the monitor makes no snapshot %lu, its log says why", slot);
    else
        test_fail(test, "the monitor refused to make snapshot %lu", slot);
    return false;
}

static bool restore(struct test *test, u64 slot)
{
    if (monitor_write(&test->machine->platform, MONITOR_MSR_RESTORE, slot))
        return true;
    test_fail(test, "the monitor refused to restore snapshot %lu", slot);
    return false;
}

/* The kernel's ledger isn't told, so nobody uses the module's memory until a restore gives it back. */
static bool reset(struct test *test)
{
    if (monitor_write(&test->machine->platform, MONITOR_MSR_RESET, 1))
        return true;
    test_fail(test, "the monitor refused to reset the module");
    return false;
}

/* ---- commands ---- */

static union {
    char text[MONITOR_COMMAND_MAX];
    u8 page[PAGE_SIZE];
} line __attribute__((aligned(PAGE_SIZE)));

static u64 line_page(void)
{
    return pa_raw(virt_to_phys(&line));
}

/* The answer, "" if it was done; NULL with a verdict if there was none. */
static const char *command(struct test *test, const char *text)
{
    memset(&line, 0xEE, sizeof(line));
    memcpy(line.text, text, strlen(text) + 1);
    if (monitor_write(&test->machine->platform, MONITOR_MSR_COMMAND, line_page()))
        return line.text;
    test_fail(test, "command '%s': #GP, and the page can be reached", text);
    return NULL;
}

static bool done(struct test *test, const char *text)
{
    const char *answer = command(test, text);
    if (answer && answer[0])
        test_fail(test, "command '%s' is refused: %s", text, answer);
    return answer && !answer[0];
}

static bool contains(const char *text, const char *part)
{
    for (; *text; text++)
        if (strncmp(text, part, strlen(part)) == 0)
            return true;
    return false;
}

static void refused(struct test *test, const char *text, const char *part)
{
    const char *answer = command(test, text);
    if (answer && !contains(answer, part))
        test_fail(test, "command '%.60s' is answered '%.120s', expected something with '%s'", text, answer,
                  part);
}

static void command_errors(struct test *test)
{
    static const struct {
        const char *command, *answer;
    } rows[] = {
        {"", "an empty line is no command"},
        {"knobs quote_pages=1", "there are knob, msr, cpuid"},
        {"knob qoute_pages=1", "did you mean quote_pages?"},
        {"knob pool_field_bytes=3", "pool_field_bytes can't be '3'"},
        {"msr 0x10a", "msr NUMBER=VALUE [lp=N]"},
        {"msr 0x10a=1 lp=255", "no LP 255; there are 0 to "},
        {"msr 0x40000100=1", "control MSR"},
        {"msr 0x10=1", "the guest's own"},
        {"cpuid 0x40000000 0 eax=1", "how to find the monitor"},
        {"cmr 32=0,0", "too large"},
        {"lps 0", "MCHECK counts 1 to"},
        {"packages 0", "1 to 8 packages"},
        {"packages 9", "1 to 8 packages"},
        {"handoff_pages 65536", "16 bits"},
        {"install quote_pages=1 x=1", "no knob 'x'"},
    };
    u64 before = monitor_value(test, MONITOR_MSR_FOOTPRINT);
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++)
        refused(test, rows[i].command, rows[i].answer);
    memset(&line, 'a', sizeof(line));
    expect_true(test,
                monitor_write(&test->machine->platform, MONITOR_MSR_COMMAND, line_page()) &&
                    contains(line.text, "no end within 256 bytes"),
                "a command without an end is refused");
    expect_value(test, monitor_value(test, MONITOR_MSR_FOOTPRINT), before, "footprint",
                 "a command that is refused changes nothing");
}

/* A fault is the answer where the monitor can't write one. */
static void unreachable_page(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    const struct tdmr_plan *plan = &test->machine->host.plan;
    const struct {
        u64 page;
        const char *rule;
    } rows[] = {
        {line_page() + 8, "not the address of a page"},
        {line_page() | 1ull << 52, "beyond physical memory"},
        {line_page() | machine_keyid_bits(test->machine, 1), "with a KeyID"},
        {platform->seamrr_base, "in SEAMRR"},
        {plan->pamt_blocks[0].base, "in a PAMT"},
        {0xFEE00000, "in no memory"},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++)
        expect_true(test, !monitor_write(platform, MONITOR_MSR_COMMAND, rows[i].page), rows[i].rule);
    if (snapshot(test, SLOT_FOUND) && done(test, "msr 0x5ea3=1"))
        restore(test, SLOT_FOUND);
}

/* ---- there and back ---- */

static void expect_pamts(struct test *test, enum monitor_owner owner, const char *rule)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->pamt_block_count; i++)
        if (!expect_owner(test, plan->pamt_blocks[i].base, plan->pamt_blocks[i].size, owner, rule))
            return;
}

static void expect_pool(struct test *test, enum monitor_owner owner, const char *rule)
{
    const struct ext_pool *pool = &test->machine->host.pool;
    if (pool->contiguous && pool->added)
        expect_owner(test, pa_raw(pool->base), pool->added * PAGE_SIZE, owner, rule);
}

/* 0 of a module that has none. */
static u64 footprint_of(struct test *test)
{
    return is_soft(test) ? monitor_value(test, MONITOR_MSR_FOOTPRINT) : 0;
}

static void expect_footprint(struct test *test, u64 footprint, const char *rule)
{
    if (is_soft(test))
        expect_value(test, monitor_value(test, MONITOR_MSR_FOOTPRINT), footprint, "footprint", rule);
}

static bool reset_and_look(struct test *test, u64 footprint)
{
    if (!reset(test))
        return false;
    expect_true(test, !is_soft(test) || monitor_value(test, MONITOR_MSR_FOOTPRINT) != footprint,
                "a reset module isn't a ready one");
    expect_pamts(test, MONITOR_OWNER_HOST, "after a reset PAMTs are the host's");
    expect_pool(test, MONITOR_OWNER_HOST, "after a reset the pool is the host's");
    return true;
}

/* In and out of a ready module: everything that was the module's is again. */
static void round_trip(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    u64 first_page = test->machine->host.plan.tdmrs[0].base;
    if (!snapshot(test, SLOT_FOUND))
        return;
    u64 footprint = footprint_of(test);
    struct call before = read_page(first_page);
    if (!reset_and_look(test, footprint) || !restore(test, SLOT_FOUND))
        return;
    expect_footprint(test, footprint, "a restored module is the one of the snapshot");
    expect_pamts(test, MONITOR_OWNER_PAMT, "after the restore PAMTs are the module's");
    expect_pool(test, MONITOR_OWNER_POOL, "after the restore the pool is the module's");
    struct call after = read_page(first_page);
    expect_status(test, &after, before.status, "page metadata is there as before");
    expect_outputs(test, &after, &before.out, "page metadata is there as before");
    expect_true(test, !monitor_write(platform, MONITOR_MSR_RESTORE, SLOT_NEVER), "an empty slot is refused");
    expect_true(test, !monitor_write(platform, MONITOR_MSR_SNAPSHOT, MONITOR_SLOTS), "slots have an end");
    expect_true(test, monitor_value(test, MONITOR_MSR_SNAPSHOT) & 1ull << SLOT_FOUND,
                "the monitor knows which slots are filled");
}

static u64 time_restore(struct test *test, u64 slot)
{
    u64 start = clock_cycles();
    return restore(test, slot) ? clock_cycles() - start : 0;
}

static u64 time_call(void)
{
    struct seamcall_args args = {.rdx = TDX_FIELD_TDX_FEATURES0};
    u64 start = clock_cycles();
    seamcall_once(TDH_SYS_RD, &args);
    return clock_cycles() - start;
}

/* Nothing to judge by the clock: what a restore costs stands in the log. It must change nothing. */
static void restores(struct test *test)
{
    u64 again = ~0ull, out = ~0ull, back = ~0ull, call = ~0ull;
    if (!snapshot(test, SLOT_FOUND))
        return;
    u64 footprint = footprint_of(test);
    if (!reset(test) || !snapshot(test, SLOT_OTHER) || !restore(test, SLOT_FOUND))
        return;
    for (u32 i = 0; i < ROUNDS && test->verdict == VERDICT_PASS; i++) {
        call = min_u64(call, time_call());
        again = min_u64(again, time_restore(test, SLOT_FOUND));
        out = min_u64(out, time_restore(test, SLOT_OTHER));
        back = min_u64(back, time_restore(test, SLOT_FOUND));
    }
    log_line("restore: %lu cycles in place, %lu from ready to reset, %lu back; a SEAMCALL: %lu", again, out,
             back, call);
    expect_footprint(test, footprint, "a module restored over and over is the one of the snapshot");
}

static struct caller {
    volatile bool stop;
    volatile u64 calls, refused;
} caller;

static void call_until_told(void *arg)
{
    struct caller *own = arg;
    deadline_t deadline = deadline_after_us(CPU_MAX_US);
    for (; !own->stop && !deadline_passed(deadline); own->calls++) {
        struct seamcall_args args = {.rdx = TDX_FIELD_TDX_FEATURES0};
        own->refused += seamcall_once(TDH_SYS_RD, &args) != TDX_SUCCESS;
    }
}

/* Restores between, never during, the calls of another LP: each is done, or refused because it is inside. */
static void another_inside(struct test *test)
{
    const struct tdx_platform *platform = &test->machine->platform;
    u32 last = cpu_count() - 1, restored = 0, tries = 0;
    if (!snapshot(test, SLOT_FOUND))
        return;
    caller = (struct caller){0};
    deadline_t deadline = deadline_after_us(CPU_MAX_US / 2);
    bool started = smp_start_on(last, call_until_told, &caller);
    for (; started && tries < CROWDED_TRIES && !deadline_passed(deadline); tries++)
        restored += monitor_write(platform, MONITOR_MSR_RESTORE, SLOT_FOUND);
    caller.stop = true;
    expect_true(test, started && smp_wait_for(last, CPU_MAX_US), "the other LP comes back");
    log_line("%u of %u restores found no LP inside, meanwhile %lu calls", restored, tries, caller.calls);
    expect_value(test, caller.refused, 0, "calls that failed", "a restore leaves the calls of others alone");
    restore(test, SLOT_FOUND);
}

static bool expect_build_num(struct test *test, u64 want, const char *rule)
{
    u64 value = 0;
    return expect_true(test, call_read_field(TDX_FIELD_BUILD_NUM, &value), "BUILD_NUM can be read") &&
           expect_value(test, value, want, "BUILD_NUM", rule);
}

static void knob(struct test *test)
{
    u64 value = 0;
    if (!snapshot(test, SLOT_FOUND) || !call_read_field(TDX_FIELD_BUILD_NUM, &value))
        return;
    if (!done(test, "knob build_num=777") || !expect_build_num(test, 777, "a knob acts at once"))
        return;
    if (restore(test, SLOT_FOUND))
        expect_build_num(test, value, "knobs belong to the snapshot");
}

/* ---- changes of the platform ---- */

struct look {
    u64 msr;
    fault_t msr_fault, unknown_fault;
    u64 unknown;
    u32 ecx;
};

static void look(void *arg)
{
    struct look *seen = arg;
    seen->msr_fault = probe_rdmsr(OWN_MSR, &seen->msr);
    seen->unknown_fault = probe_rdmsr(UNKNOWN_MSR, &seen->unknown);
    seen->ecx = cpuid(OWN_LEAF, 0).ecx;
}

static bool look_on(struct test *test, u32 cpu, struct look *seen)
{
    static struct look slow; /* a CPU that answers too late still writes to it */
    slow = (struct look){0};
    if (!smp_run_on(cpu, look, &slow, CPU_MAX_US)) {
        test_error(test, "CPU %u did not answer", cpu);
        return false;
    }
    *seen = slow;
    return true;
}

static void expect_same_look(struct test *test, u32 cpu, const struct look *want, const char *rule)
{
    struct look seen;
    if (!look_on(test, cpu, &seen))
        return;
    expect_value(test, seen.msr, want->msr, "MSR 0x10A", rule);
    expect_value(test, seen.unknown_fault, want->unknown_fault, "fault of RDMSR of an unknown MSR", rule);
    expect_value(test, seen.unknown, want->unknown, "a formerly unknown MSR", rule);
    expect_value(test, seen.ecx, want->ecx, "CPUID 0x80000006 ECX", rule);
}

static bool change_platform(struct test *test)
{
    return done(test, "msr 0x10a=0x123456789abc") && done(test, "msr 0x5ea3=0x77") &&
           done(test, "cpuid 0x80000006 0 ecx=0xabc");
}

static const struct look changed = {.msr = 0x123456789ABC, .unknown = 0x77, .ecx = 0xABC};

static void platform_change(struct test *test)
{
    u32 last = cpu_count() - 1;
    struct look plain;
    if (!snapshot(test, SLOT_FOUND) || !look_on(test, 0, &plain) || !change_platform(test))
        return;
    expect_value(test, plain.unknown_fault, FAULT(VECTOR_GP, 0), "fault of an unknown MSR", "SDM: #GP(0)");
    for (u32 cpu = 0; cpu <= last; cpu++)
        expect_same_look(test, cpu, &changed, "a change without lp= is for all LPs");
    expect_value(test, probe_wrmsr(OWN_MSR, 0), FAULT(VECTOR_GP, 0), "fault of a write",
                 "a change of what is read allows no write");
    if (!snapshot(test, SLOT_OTHER) || !restore(test, SLOT_FOUND))
        return;
    expect_same_look(test, last, &plain, "a restore takes changes back");
    if (!restore(test, SLOT_OTHER))
        return;
    expect_same_look(test, last, &changed, "changes belong to the snapshot");
    if (!reset(test))
        return;
    expect_same_look(test, 0, &plain, "a reset ends all changes");
    expect_same_look(test, last, &plain, "a reset ends all changes");
    restore(test, SLOT_FOUND);
}

static void one_lp_only(struct test *test)
{
    struct look seen, plain;
    u32 last = cpu_count() - 1;
    if (!snapshot(test, SLOT_FOUND) || !look_on(test, 0, &plain) || !done(test, "msr 0x10a=0x99 lp=1"))
        return;
    for (u32 cpu = 0; cpu <= last && look_on(test, cpu, &seen); cpu++)
        expect_value(test, seen.msr, cpu == 1 ? 0x99 : plain.msr, "MSR 0x10A", "lp=1 is for one LP");
    restore(test, SLOT_FOUND);
}

/* ---- what needs a module after reset ---- */

static struct call sys_init(void)
{
    return call_leaf(TDH_SYS_INIT, (struct seamcall_args){0});
}

/* The rest of a case that starts after a reset. */
static void at_the_start(struct test *test, void (*run)(struct test *test))
{
    if (!snapshot(test, SLOT_FOUND))
        return;
    if (reset(test) && snapshot(test, SLOT_OTHER))
        run(test);
    restore(test, SLOT_FOUND);
}

/* The module sees what the guest sees: SYS.INIT wants ARCH_CAPABILITIES as the first MSR. */
static void msr_and_cpuid(struct test *test)
{
    if (!done(test, "msr 0x10a=0"))
        return;
    struct call call = sys_init();
    expect_status(test, &call, TDX_INCORRECT_MSR_VALUE | OWN_MSR, "SYS.INIT: ARCH_CAPABILITIES");
    if (!restore(test, SLOT_OTHER) || !done(test, "cpuid 0x80000008 0 eax=0x302e"))
        return;
    call = sys_init();
    expect_status(test, &call, TDX_INCORRECT_CPUID_VALUE, "SYS.INIT: CPUID 0x80000008");
    expect_value(test, call.out.rcx, 0xFFFFFFFF80000008ull, "RCX", "SYS.INIT: the leaf, no sub-leaf");
    if (!restore(test, SLOT_OTHER))
        return;
    call = sys_init();
    expect_status(test, &call, TDX_SUCCESS, "without changes SYS.INIT succeeds");
}

static void module_sees_it(struct test *test)
{
    at_the_start(test, msr_and_cpuid);
}

struct topology_look {
    u32 shift, id, lps;
};

static void look_at_topology(void *arg)
{
    struct topology_look *seen = arg;
    struct cpuid_regs r = cpuid(CPUID_V2, SUBLEAF_CORES);
    *seen = (struct topology_look){r.eax, r.edx, r.ebx};
}

/* Packages of so many LPs each, in the order of their numbers. */
static void expect_spread(struct test *test, u32 each)
{
    static struct topology_look seen; /* a CPU that answers too late still writes to it */
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        if (!smp_run_on(cpu, look_at_topology, &seen, CPU_MAX_US)) {
            test_error(test, "CPU %u did not answer", cpu);
            return;
        }
        expect_value(test, seen.id >> seen.shift, cpu / each, "package of a CPU", "LPs are spread in order");
        expect_value(test, seen.lps, each, "LPs of its package", "LPs are spread evenly");
    }
}

static void two_packages(struct test *test)
{
    if (!done(test, "packages 2"))
        return;
    expect_spread(test, cpu_count() / 2);
    struct call call = sys_init();
    expect_status(test, &call, TDX_SUCCESS, "SYS.INIT accepts the packages");
    for (u32 cpu = 0; cpu < cpu_count(); cpu++) {
        call = call_leaf_on(cpu, TDH_SYS_LP_INIT, (struct seamcall_args){0});
        if (!expect_status(test, &call, TDX_SUCCESS, "LP.INIT accepts the packages"))
            return;
    }
    refused(test, "packages 5", "evenly");
    expect_spread(test, cpu_count() / 2);
}

static void packages(struct test *test)
{
    if (cpu_count() & (cpu_count() - 1))
        test_skip(test, "needs a power of two of CPUs");
    else
        at_the_start(test, two_packages);
}

static void no_capabilities(struct test *test)
{
    if (!done(test, "seamcaps 0"))
        return;
    struct call call = sys_init();
    expect_true(test, call.status & TDX_STATUS_ERROR, "SYS.INIT wants SEAM capabilities 4 and 5");
}

static void capabilities(struct test *test)
{
    at_the_start(test, no_capabilities);
}

/* Without hand-off data the loader installs a module that starts from scratch. */
static void another_module(struct test *test)
{
    struct call call = sys_init();
    expect_status(test, &call, TDX_SUCCESS, "the old module runs");
    if (!done(test, "msr 0x5ea3=1") || !done(test, "install build_num=4711"))
        return;
    call = sys_init();
    expect_status(test, &call, TDX_SUCCESS, "the new module is as after reset");
    call = call_leaf(TDH_SYS_LP_INIT, (struct seamcall_args){0});
    expect_status(test, &call, TDX_SUCCESS, "on all LPs");
    expect_build_num(test, 4711, "with its own knobs");
    u64 value = 0;
    expect_value(test, probe_rdmsr(UNKNOWN_MSR, &value), FAULT_NONE, "fault of a changed MSR",
                 "the loader changes nothing of the platform");
}

static void install(struct test *test)
{
    at_the_start(test, another_module);
}

#define ASKS  (NEED_INJECT | NEED_SOFT)
#define KEEPS NEED_INJECT

static const struct test_case cases[] = {
    {"bringup.monitor.command_errors", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = command_errors},
    {"bringup.monitor.unreachable_page", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = unreachable_page},
    {"bringup.monitor.round_trip", SOURCE_PROJECT, KEEPS, STAGE_COUNT, .run = round_trip},
    {"bringup.monitor.restores", SOURCE_PROJECT, KEEPS, STAGE_COUNT, .run = restores},
    {"bringup.monitor.another_inside", SOURCE_PROJECT, KEEPS | NEED_CPUS, STAGE_COUNT, .run = another_inside},
    {"bringup.monitor.knob", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = knob},
    {"bringup.monitor.platform_change", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = platform_change},
    {"bringup.monitor.one_lp_only", SOURCE_PROJECT, ASKS | NEED_CPUS, STAGE_COUNT, .run = one_lp_only},
    {"bringup.monitor.module_sees_it", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = module_sees_it},
    {"bringup.monitor.packages", SOURCE_PROJECT, ASKS | NEED_CPUS, STAGE_COUNT, .run = packages},
    {"bringup.monitor.capabilities", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = capabilities},
    {"bringup.monitor.install", SOURCE_PROJECT, ASKS, STAGE_COUNT, .run = install},
};
CASE_TABLE(bringup_monitor);
