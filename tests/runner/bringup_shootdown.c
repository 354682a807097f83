/* SPDX-License-Identifier: MIT */
/*
 * A page that is handed over is gone for every LP, whatever its TLB remembers.
 *
 * An LP that has just read a page may go on reading it through a stale translation after the page left the
 * direct map (SDM vol. 3, section 4.10.5); on hardware that is a stray access to private memory. Two ways to
 * get rid of it are tried: an LP that waits for work drops its translations when it wakes, one that is busy
 * must be interrupted before donate() returns. The pages are never offered to the module and come back.
 */
#include "tests/runner/bringup.h"

#include "kernel/paging.h"
#include "kernel/probe.h"
#include "kernel/smp.h"

#define PATIENCE_US (20ull * 1000 * 1000)

static struct shared {
    u64 page;
    volatile bool gone;              /* donate() has returned */
    volatile u32 reading;            /* LPs that have read the page */
    volatile fault_t seen[MAX_CPUS]; /* the last read of each LP */
} shared;

static void read_once(void *arg)
{
    struct shared *with = arg;
    u64 value;
    with->seen[cpu_this()] = probe_read(phys_to_virt(pa_of(with->page)), &value);
}

/* Reads all the time, and once more after the page is gone. */
static void read_on(void *arg)
{
    struct shared *with = arg;
    deadline_t deadline = deadline_after_us(PATIENCE_US);
    read_once(arg);
    __atomic_add_fetch(&with->reading, 1, __ATOMIC_ACQ_REL);
    bool gone = false;
    while (!gone && !deadline_passed(deadline)) {
        gone = __atomic_load_n(&with->gone, __ATOMIC_ACQUIRE);
        read_once(arg);
    }
    if (!gone)
        with->seen[cpu_this()] = FAULT_NONE;
}

static bool take_page(struct test *test)
{
    shared = (struct shared){.page = machine_take_pages(test->machine, 1)};
    if (!shared.page)
        test_error(test, "no page of TDX memory");
    return shared.page != 0;
}

/* Error code 0: not present, a read, by the kernel. */
static void expect_seen(struct test *test, u32 first_cpu, fault_t want, const char *rule)
{
    char found[16], wanted[16];
    for (u32 cpu = first_cpu; cpu < cpu_count(); cpu++)
        if (shared.seen[cpu] != want)
            test_fail(test, "LP %u reads page 0x%lx: expected %s, found %s: %s", cpu, shared.page,
                      fault_name(want, wanted), fault_name(shared.seen[cpu], found), rule);
}

static void read_everywhere(struct test *test, fault_t want, const char *rule)
{
    if (expect_true(test, smp_run_all(read_once, &shared, PATIENCE_US), "every LP answers"))
        expect_seen(test, 0, want, rule);
}

static void restore(struct test *test)
{
    donate_take_back(pa_of(shared.page), PAGE_SIZE);
    read_everywhere(test, FAULT_NONE, "a page taken back is ordinary memory for every LP");
}

static void idle_lps(struct test *test)
{
    if (!take_page(test))
        return;
    read_everywhere(test, FAULT_NONE, "an own page can be read");
    donate(pa_of(shared.page), PAGE_SIZE, DONATION_EXT_POOL);
    read_everywhere(test, FAULT(VECTOR_PF, 0), "a page handed over is gone for LPs that waited meanwhile");
    restore(test);
}

/* Every LP but this one is busy with the page when it goes. */
static bool start_readers(void)
{
    u32 started = 0;
    for (u32 cpu = 1; cpu < cpu_count(); cpu++)
        started += smp_start_on(cpu, read_on, &shared);
    deadline_t deadline = deadline_after_us(PATIENCE_US);
    while (__atomic_load_n(&shared.reading, __ATOMIC_ACQUIRE) < started && !deadline_passed(deadline))
        ;
    return started == cpu_count() - 1 && shared.reading == started;
}

static void busy_lps(struct test *test)
{
    if (!take_page(test))
        return;
    expect_true(test, start_readers(), "all other LPs are reading the page");
    donate(pa_of(shared.page), PAGE_SIZE, DONATION_EXT_POOL);
    __atomic_store_n(&shared.gone, true, __ATOMIC_RELEASE);
    bool all = true;
    for (u32 cpu = 1; cpu < cpu_count(); cpu++)
        all &= smp_wait_for(cpu, PATIENCE_US);
    if (expect_true(test, all, "every LP comes back"))
        expect_seen(test, 1, FAULT(VECTOR_PF, 0), "a page handed over is gone for LPs that were reading it");
    restore(test);
}

static const struct test_case cases[] = {
    {"bringup.shootdown.idle_lps", SOURCE_PROJECT, NEED_CPUS, STAGE_READY, .run = idle_lps},
    {"bringup.shootdown.busy_lps", SOURCE_PROJECT, NEED_CPUS, STAGE_READY, .run = busy_lps},
};
CASE_TABLE(bringup_shootdown);
