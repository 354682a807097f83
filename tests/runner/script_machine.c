/* SPDX-License-Identifier: MIT */
#include "tests/runner/script_machine.h"

#include "drivers/tdx/donate.h"
#include "drivers/tdx/seamcall.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/memory.h"
#include "kernel/paging.h"
#include "kernel/probe.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/string.h"
#include "tests/runner/script_space.h"
#include "tests/runner/ticker.h"

#define LEAST_WAIT_US (5ull * 1000 * 1000)
#define ALL_CPUS_US   (60ull * 1000 * 1000)
#define START_SECONDS 60

static struct {
    struct machine *machine;
    struct script_space space;
    deadline_t deadline;
    char *command_page;
} here;

void script_machine_allow(u64 seconds)
{
    here.deadline = deadline_after_us(seconds * 1000000);
}

/* Some seconds more than the case has: who still doesn't answer then won't. */
static u64 patience_us(void)
{
    u64 now = clock_cycles();
    u64 left = here.deadline.cycles > now ? (here.deadline.cycles - now) / clock_cycles_per_us() : 0;
    return left + LEAST_WAIT_US;
}

/* ---- calls ---- */

static void make_call(struct script_regs *regs)
{
    u64 *r = regs->r;
    struct seamcall_args args = {r[REG_RCX], r[REG_RDX], r[REG_R8], r[REG_R9], r[REG_R10], r[REG_R11], 0};
    r[REG_RAX] = seamcall_raw(r[REG_RAX], &args);
    r[REG_RCX] = args.rcx;
    r[REG_RDX] = args.rdx;
    r[REG_R8] = args.r8;
    r[REG_R9] = args.r9;
    r[REG_R10] = args.r10;
    r[REG_R11] = args.r11;
}

static void call_here(void *arg)
{
    make_call(arg);
}

/* A CPU that is late still has its hands on its registers, so each CPU has some of its own. */
static struct script_regs mailbox[MAX_CPUS];

static bool port_call(void *context, u32 cpu, struct script_regs *regs)
{
    (void)context;
    if (cpu == cpu_this()) {
        make_call(regs);
        return true;
    }
    if (cpu >= cpu_count())
        return false;
    mailbox[cpu] = *regs;
    if (!smp_run_on(cpu, call_here, &mailbox[cpu], patience_us()))
        return false;
    *regs = mailbox[cpu];
    return true;
}

/* ---- several CPUs at once ---- */

/* Static, as the lanes' owner has to keep them: a CPU that is late still uses both. */
static struct {
    struct barrier barrier;
    struct script_lane *of_cpu[MAX_CPUS];
    deadline_t deadline;
    volatile bool late;
} together;

static void make_lane_call(struct script_lane_call *call)
{
    call->out = call->in;
    call->resumes = 0;
    make_call(&call->out);
    while (call->resume != RESUME_NOT && script_resumable(call->out.r[REG_RAX]) &&
           call->resumes < call->max_resumes && !deadline_passed(together.deadline)) {
        call->resumes++;
        seamcall_interrupt_window();
        call->out = script_resumed(call->resume, &call->in, &call->out);
        make_call(&call->out);
    }
}

static void run_lane(void *arg)
{
    (void)arg;
    struct script_lane *lane = together.of_cpu[cpu_this()];
    if (!barrier_wait(&together.barrier, together.deadline)) {
        together.late = true;
        return;
    }
    for (u32 i = 0; i < lane->call_count; i++)
        make_lane_call(&lane->calls[i]);
}

static bool port_call_together(void *context, struct script_lane *lanes, u32 count)
{
    (void)context;
    bool selected[MAX_CPUS] = {false};
    for (u32 i = 0; i < count; i++) {
        if (lanes[i].cpu >= cpu_count() || selected[lanes[i].cpu])
            return false;
        selected[lanes[i].cpu] = true;
        together.of_cpu[lanes[i].cpu] = &lanes[i];
    }
    u64 patience = patience_us();
    together.deadline = deadline_after_us(patience);
    together.late = false;
    barrier_init(&together.barrier, count);
    return smp_run_some(selected, run_lane, NULL, patience + LEAST_WAIT_US) && !together.late;
}

static void port_breathe(void *context)
{
    (void)context;
    seamcall_interrupt_window();
}

static void flush_here(void *arg)
{
    (void)arg;
    wbinvd();
}

static void port_flush_caches(void *context)
{
    (void)context;
    smp_run_all(flush_here, NULL, ALL_CPUS_US);
}

/* ---- memory ---- */

static const struct tdx_platform *platform(void)
{
    return &here.machine->platform;
}

/* What of this the module owns is for the caller to ask; the monitor's stray policy is the safety net. */
static void *port_memory(void *context, u64 pa, u64 size)
{
    (void)context;
    return script_space_at(&here.space, pa, size);
}

static bool port_own(void *context, u64 pa, u64 size)
{
    (void)context;
    return script_space_own(&here.space, pa, size);
}

static bool port_layout(void *context, u32 life, bool dynamic, struct script_layout *layout)
{
    (void)context;
    return script_space_layout(&here.space, life, dynamic, layout);
}

/* ---- the monitor ---- */

static bool port_monitor_read(void *context, u32 msr, u64 *value)
{
    (void)context;
    return monitor_read(platform(), msr, value);
}

static bool port_monitor_write(void *context, u32 msr, u64 value)
{
    (void)context;
    return monitor_write(platform(), msr, value);
}

static const char *port_command(void *context, const char *line)
{
    (void)context;
    if (!here.command_page)
        return "there is no monitor to take commands";
    if (strlen(line) >= MONITOR_COMMAND_MAX)
        return "the command is too long for the monitor";
    format(here.command_page, MONITOR_COMMAND_MAX, "%s", line);
    if (!monitor_write(platform(), MONITOR_MSR_COMMAND, pa_raw(virt_to_phys(here.command_page))))
        return "the monitor takes no commands";
    here.command_page[MONITOR_COMMAND_MAX - 1] = 0;
    return here.command_page[0] ? here.command_page : NULL;
}

/* ---- time and interrupts ---- */

static bool port_storm(void *context, enum script_inject kind, u32 cpu, u64 us)
{
    (void)context;
    if (us == 0) {
        storm_stop();
        return true;
    }
    return kind == INJECT_IPI ? storm_start_ipi(cpu, us) : storm_start_timer(cpu, us);
}

static u64 port_now_us(void *context)
{
    (void)context;
    return clock_cycles() / clock_cycles_per_us();
}

static bool port_rdmsr(void *context, u32 msr, u64 *value)
{
    (void)context;
    return !probe_rdmsr(msr, value);
}

static void port_cpuid(void *context, u32 leaf, u32 subleaf, u32 *registers)
{
    (void)context;
    struct cpuid_regs r = cpuid(leaf, subleaf);
    registers[0] = r.eax;
    registers[1] = r.ebx;
    registers[2] = r.ecx;
    registers[3] = r.edx;
}

/* ---- making it ready ---- */

/* A new life, as far as the limits and CMRs that the layout needs. */
static bool renew_module(struct machine *machine, char *why, size_t size)
{
    struct tdx_host *host = &machine->host;
    if (!monitor_write(&machine->platform, MONITOR_MSR_RESET, 1)) {
        format(why, size, "the monitor refused to reset the module");
        return false;
    }
    donate_take_back_all();
    tdx_host_init(host, &machine->options);
    host->platform = machine->platform;
    host->next = STEP_SYS_INIT;
    while (host->next < STEP_TDMRS)
        if (!tdx_run_next_step(host)) {
            format(why, size, "%s", host->failure.text);
            return false;
        }
    return true;
}

/*
 * What any module of a TDX machine would say, where asking would spoil something: the only life there is, or
 * the first call, which a fault on the monitor's command line may be waiting for. RAM counts as CMRs.
 */
static void assume_metadata(struct tdx_host *host)
{
    const struct boot_info *map = memory_map();
    struct tdx_sysinfo *info = &host->sysinfo;
    info->max_tdmrs = TDX_MAX_TDMRS;
    info->max_reserved_per_tdmr = TDX_MAX_RESERVED_PER_TDMR;
    for (u32 level = 0; level < TDX_PAMT_LEVELS; level++)
        info->pamt_entry_size[level] = TDX_PAMT_ENTRY_BYTES;
    for (u32 i = 0; i < map->range_count && info->cmr_count < TDX_MAX_CMRS; i++)
        if (map->ranges[i].type == BOOT_MEMORY_USABLE)
            info->cmrs[info->cmr_count++] = (struct tdx_cmr){map->ranges[i].base, map->ranges[i].size};
}

static bool reach(struct machine *machine, u32 stage, char *why, size_t size)
{
    if (stage_reach(machine, stage))
        return true;
    format(why, size, "%s", machine->failure);
    return false;
}

/* Where the module can be reset, the scripts' plan takes the place of the driver's, whose life is over. */
static enum verdict make_ready(struct machine *machine, char *why, size_t size)
{
    struct tdx_host *host = &machine->host;
    bool monitor = machine->platform.control_msr;
    if (!reach(machine, STEP_VMX + 1, why, size))
        return VERDICT_ERROR;
    bool untouched = machine->next == STEP_SYS_INIT && (!monitor || machine->fault_armed);
    if (untouched)
        assume_metadata(host);
    else if (monitor ? !renew_module(machine, why, size) : !reach(machine, STEP_METADATA + 1, why, size))
        return VERDICT_ERROR;
    bool shared = !monitor && machine->next > STEP_CONFIG;
    bool made = shared ? script_space_share(&here.space, &host->plan, &host->sysinfo, why, size)
                       : script_space_create(&here.space, &host->plan, &host->sysinfo, why, size);
    return made ? VERDICT_PASS : VERDICT_SKIP;
}

static void name_profile(struct script_port *port)
{
    u64 name = 0;
    if (port->subject == SUBJECT_IS_SOFT && monitor_read(platform(), MONITOR_MSR_PROFILE, &name))
        memcpy(port->profile, &name, sizeof(name));
}

static enum script_subject subject_of(const struct tdx_platform *platform)
{
    static const enum script_subject subjects[] = {[SUBJECT_SOFT] = SUBJECT_IS_SOFT,
                                                   [SUBJECT_GENUINE] = SUBJECT_IS_GENUINE,
                                                   [SUBJECT_HARDWARE] = SUBJECT_IS_HARDWARE};
    return subjects[platform->subject];
}

static void connect(struct script_port *port)
{
    port->call = port_call;
    port->call_together = port_call_together;
    port->breathe = port_breathe;
    port->flush_caches = port_flush_caches;
    port->memory = port_memory;
    port->layout = port_layout;
    port->own = port_own;
    port->monitor_read = port_monitor_read;
    port->monitor_write = port_monitor_write;
    port->command = port_command;
    port->storm = port_storm;
    port->now_us = port_now_us;
    port->rdmsr = port_rdmsr;
    port->cpuid = port_cpuid;
}

enum verdict script_machine_init(struct script_port *port, struct machine *machine, char *why, size_t size)
{
    here.machine = machine;
    script_machine_allow(START_SECONDS);
    enum verdict ready = make_ready(machine, why, size);
    if (ready != VERDICT_PASS)
        return ready;
    *port = (struct script_port){
        .subject = subject_of(platform()),
        .cpus = cpu_count(),
        .memory_mib = boot_info_usable_bytes(memory_map()) / MIB,
        .monitor = platform()->control_msr != 0,
        .arena = here.space.arena,
        .arena_size = here.space.arena_size,
        .pool = here.space.pool,
        .pool_size = here.space.pool_size,
        .lives = here.space.lives,
    };
    if (port->monitor) {
        here.command_page = memory_permanent(PAGE_SIZE, PAGE_SIZE);
        monitor_write(platform(), MONITOR_MSR_STRAY_POLICY, MONITOR_STRAY_SCRAMBLE);
    }
    name_profile(port);
    connect(port);
    return VERDICT_PASS;
}
