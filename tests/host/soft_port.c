/* SPDX-License-Identifier: MIT */
#include "tests/host/soft_port.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/format.h"
#include "tests/host/soft_host.h"

/*
 * Where things are: two TDMRs of 1 GiB at 4 GiB. The first one holds the scripts' memory and ends in a
 * reserved area, the second one the pages for the extension pool. PAMTs lie outside TDMRs, at 8 GiB and up.
 */
#define TDMR_BASE     0x100000000ull
#define TDMR_COUNT    2
#define RESERVED_SIZE (32 * MIB)
#define ARENA         (TDMR_BASE + 16 * MIB)
#define ARENA_SIZE    (640 * MIB)
#define POOL          (TDMR_BASE + GIB + 16 * MIB)
#define POOL_SIZE     (512 * MIB)
#define PAMTS         0x200000000ull
#define PAMTS_SIZE    (16 * MIB) /* of one life */
#define LIVES         12

/* ---- calls ---- */

static void to_soft(const u64 *r, struct soft_regs *regs)
{
    *regs = (struct soft_regs){.rax = r[REG_RAX],
                               .rcx = r[REG_RCX],
                               .rdx = r[REG_RDX],
                               .r8 = r[REG_R8],
                               .r9 = r[REG_R9],
                               .r10 = r[REG_R10],
                               .r11 = r[REG_R11]};
}

static void from_soft(const struct soft_regs *regs, u64 *r)
{
    const u64 values[SCRIPT_REGISTERS] = {regs->rax, regs->rcx, regs->rdx, regs->r8,
                                          regs->r9,  regs->r10, regs->r11};
    memcpy(r, values, sizeof(values));
}

static void count(struct soft_host *host, u64 rax, u64 status)
{
    host->counters[MONITOR_COUNT_SEAMCALLS]++;
    if ((rax & 0xFFFF) < 256)
        host->counters[MONITOR_COUNTER_LEAF + (rax & 0xFF)]++;
    if ((status >> 40 & 0xFF) == 0x02 && status & TDX_STATUS_ERROR)
        host->counters[MONITOR_COUNT_BUSY]++;
    if ((status & TDX_STATUS_MASK) == TDX_INTERRUPTED_RESUMABLE)
        host->counters[MONITOR_COUNT_RESUMABLE]++;
}

static void call_module(struct soft_host *host, u32 cpu, struct script_regs *regs)
{
    struct host_lp *lp = &host->lps[cpu];
    struct soft_regs soft;
    u64 rax = regs->r[REG_RAX];
    if (rax & TDX_RAX_PSEAMLDR || lp->injected == MONITOR_INJECT_VMFAIL) { /* there is no P-SEAMLDR */
        regs->r[REG_RAX] = TDX_VMFAIL_INVALID;
        return;
    }
    if (lp->injected == MONITOR_INJECT_STATUS) {
        regs->r[REG_RAX] = lp->injected_value;
        return;
    }
    to_soft(regs->r, &soft);
    if (!host_module_call(host, cpu, &soft))
        regs->r[REG_RAX] = TDX_VMFAIL_INVALID; /* and nothing else, as the monitor has it */
    else
        from_soft(&soft, regs->r);
    count(host, rax, regs->r[REG_RAX]);
}

static bool call(void *context, u32 cpu, struct script_regs *regs)
{
    struct soft_host *host = context;
    host_inject_look(host, cpu, (u16)regs->r[REG_RAX]);
    call_module(host, cpu, regs);
    host_inject_leave(host, cpu);
    return true;
}

static void breathe_on(struct soft_host *host, u32 cpu)
{
    struct host_lp *lp = &host->lps[cpu];
    if (lp->storm_us && host_now_us(host) >= lp->storm_due)
        lp->storm_due = host_now_us(host) + lp->storm_us;
}

static void breathe(void *context)
{
    struct soft_host *host = context;
    for (u32 cpu = 0; cpu < host->cpus; cpu++)
        breathe_on(host, cpu);
}

/* ---- lanes ---- */

struct lane_thread {
    pthread_t thread;
    struct soft_host *host;
    struct script_lane *lane;
    pthread_barrier_t *barrier;
};

static void run_lane_call(struct soft_host *host, u32 cpu, struct script_lane_call *what)
{
    struct script_regs in = what->in;
    for (what->resumes = 0;; what->resumes++) {
        what->out = in;
        call(host, cpu, &what->out);
        if (!script_resumable(what->out.r[REG_RAX]) || what->resume == RESUME_NOT ||
            what->resumes == what->max_resumes)
            return;
        breathe_on(host, cpu);
        in = script_resumed(what->resume, &what->in, &what->out);
    }
}

static void *run_lane(void *argument)
{
    struct lane_thread *thread = argument;
    pthread_barrier_wait(thread->barrier);
    for (u32 i = 0; i < thread->lane->call_count; i++)
        run_lane_call(thread->host, thread->lane->cpu, &thread->lane->calls[i]);
    return NULL;
}

static bool call_together(void *context, struct script_lane *lanes, u32 count)
{
    struct lane_thread threads[REFERENCE_MAX_LPS];
    pthread_barrier_t barrier;
    if (count == 0 || count > REFERENCE_MAX_LPS)
        return false;
    pthread_barrier_init(&barrier, NULL, count);
    for (u32 i = 0; i < count; i++) {
        threads[i] = (struct lane_thread){.host = context, .lane = &lanes[i], .barrier = &barrier};
        if (i > 0 && pthread_create(&threads[i].thread, NULL, run_lane, &threads[i]) != 0)
            abort();
    }
    run_lane(&threads[0]);
    for (u32 i = 1; i < count; i++)
        pthread_join(threads[i].thread, NULL);
    pthread_barrier_destroy(&barrier);
    return true;
}

/* ---- memory, time, storms ---- */

static void flush_caches(void *context)
{
    (void)context; /* a host process has one view of its memory */
}

static void *memory(void *context, u64 pa, u64 size)
{
    struct soft_host *host = context;
    if (!reference_ram(pa, size))
        return NULL;
    for (u64 page = pa / PAGE_SIZE; page <= (pa + size - 1) / PAGE_SIZE; page++)
        if (host->owner[page] != SOFT_OWNER_HOST)
            return NULL;
    return host->ram + pa;
}

static bool layout(void *context, u32 life, bool dynamic, struct script_layout *layout)
{
    (void)context;
    if (life >= LIVES)
        return false;
    u64 next = PAMTS + life * PAMTS_SIZE;
    layout->count = TDMR_COUNT;
    for (u32 i = 0; i < TDMR_COUNT; i++) {
        struct tdx_tdmr_info *tdmr = &layout->tdmrs[i];
        *tdmr = (struct tdx_tdmr_info){.base = TDMR_BASE + i * GIB, .size = GIB};
        tdmr->pamt_4k_base = next;
        tdmr->pamt_4k_size = dynamic ? GIB / PAGE_SIZE / 8 : GIB / PAGE_SIZE * TDX_PAMT_ENTRY_BYTES;
        tdmr->pamt_2m_base = tdmr->pamt_4k_base + tdmr->pamt_4k_size;
        tdmr->pamt_2m_size = GIB / (2 * MIB) * TDX_PAMT_ENTRY_BYTES;
        tdmr->pamt_1g_base = tdmr->pamt_2m_base + tdmr->pamt_2m_size;
        tdmr->pamt_1g_size = PAGE_SIZE;
        next = tdmr->pamt_1g_base + tdmr->pamt_1g_size;
    }
    layout->tdmrs[0].reserved[0] = (struct tdx_reserved_area){GIB - RESERVED_SIZE, RESERVED_SIZE};
    return true;
}

/* Interrupts aren't sent here: they fall due, and are pending until they are let in. */
static bool storm(void *context, enum script_inject kind, u32 cpu, u64 us)
{
    struct soft_host *host = context;
    for (u32 i = 0; us == 0 && i < host->cpus; i++)
        host->lps[i].storm_us = 0;
    if (us == 0)
        return true;
    if (kind == INJECT_IPI && host->cpus == 1)
        return false;
    host->lps[cpu].storm_due = host_now_us(host) + us;
    host->lps[cpu].storm_us = us;
    return true;
}

static bool read_msr(void *context, u32 msr, u64 *value)
{
    struct soft_host *host = context;
    *value = host->platform.rdmsr(host, 0, msr);
    return true;
}

/* The module asks for leaves without sub-leaves in a way of its own, and that is how the reference knows
 * them. */
static bool has_subleaves(u32 leaf)
{
    static const u32 leaves[] = {0x4, 0x7, 0xD, 0x14, 0x1D, 0x1F, 0x23};
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++)
        if (leaves[i] == leaf)
            return true;
    return false;
}

static void read_cpuid(void *context, u32 leaf, u32 subleaf, u32 *registers)
{
    struct soft_host *host = context;
    u32 asked = has_subleaves(leaf) ? subleaf : OVERRIDE_NO_SUBLEAF;
    struct soft_cpuid value = host->platform.cpuid(host, 0, leaf, asked);
    memcpy(registers, &value, sizeof(value));
}

struct script_port soft_host_port(struct soft_host *host)
{
    struct script_port port = {
        .context = host,
        .subject = host_overlay_on(host) ? SUBJECT_IS_GENUINE : SUBJECT_IS_SOFT,
        .cpus = host->cpus,
        .memory_mib = REFERENCE_RAM_BYTES / MIB,
        .monitor = true,
        .arena = ARENA,
        .arena_size = ARENA_SIZE,
        .pool = POOL,
        .pool_size = POOL_SIZE,
        .lives = LIVES,
        .call = call,
        .call_together = call_together,
        .breathe = breathe,
        .flush_caches = flush_caches,
        .memory = memory,
        .layout = layout,
        .monitor_read = host_monitor_read,
        .monitor_write = host_monitor_write,
        .command = host_command,
        .storm = storm,
        .now_us = host_now_us,
        .rdmsr = read_msr,
        .cpuid = read_cpuid,
    };
    memcpy(port.profile, host->profile, sizeof(port.profile));
    return port;
}

/* ---- beginning and end ---- */

static void *aligned_zeroed(size_t size)
{
    void *at = aligned_alloc(64, align_up(size, 64));
    if (at)
        memset(at, 0, size);
    return at;
}

static bool get_memory(struct soft_host *host)
{
    host->ram = mmap(NULL, REFERENCE_RAM_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    host->owner = calloc(REFERENCE_RAM_BYTES / PAGE_SIZE, 1);
    host->module = aligned_zeroed(soft_module_size());
    bool got = host->ram != MAP_FAILED && host->owner && host->module;
    for (u32 i = 0; i < MONITOR_SLOTS; i++)
        got = (host->slots[i].state = aligned_zeroed(soft_snapshot_size())) && got;
    return got;
}

static bool choose(struct soft_host *host, const char *profile)
{
    if (strcmp(profile, "overlay") == 0)
        return host_overlay_create(host, aligned_zeroed(soft_module_size()));
    return soft_profile(profile, &host->knobs);
}

struct soft_host *soft_host_new(const char *profile, u32 cpus)
{
    struct soft_host *host = calloc(1, sizeof(*host));
    if (!host || cpus == 0 || cpus > REFERENCE_MAX_LPS || !choose(host, profile) || !get_memory(host)) {
        soft_host_free(host);
        return NULL;
    }
    host->cpus = cpus;
    host->machine = reference_machine(cpus, cpus > 1 ? 2 : 1);
    format(host->profile, sizeof(host->profile), "%s", profile);
    pthread_mutex_init(&host->lock, NULL);
    host_platform(host);
    host_reset(host);
    return host;
}

void soft_host_free(struct soft_host *host)
{
    if (!host)
        return;
    if (host->ram && host->ram != MAP_FAILED)
        munmap(host->ram, REFERENCE_RAM_BYTES);
    for (u32 i = 0; i < MONITOR_SLOTS; i++)
        free(host->slots[i].state);
    free(host->owner);
    free(host->module);
    free(host->overlay.module);
    free(host);
}

const char *soft_host_check(const struct soft_host *host)
{
    return host_overlay_on(host) ? NULL : soft_check(host->module); /* the overlay writes to its PAMT */
}
