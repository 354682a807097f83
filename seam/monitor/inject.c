/* SPDX-License-Identifier: MIT */
#include "seam/monitor/inject.h"

#include "kernel/cpu.h"
#include "seam/monitor/lock.h"
#include "seam/monitor/log.h"
#include "seam/monitor/park.h"
#include "seam/monitor/subject.h"

/* Some tenths of a second: the other LPs' virtual CPUs may not be running just now. */
#define PARK_CYCLES (1ull << 30)

static struct lock lock;
static struct injection armed; /* by control MSR */
static struct injection from_options[INJECT_OPTIONS];
static struct park park;
volatile u32 inject_any;

bool inject_option(const struct injection *fault)
{
    for (u32 i = 0; i < INJECT_OPTIONS; i++) {
        if (from_options[i].kind)
            continue;
        from_options[i] = *fault;
        inject_any = 1;
        return true;
    }
    return false;
}

static bool is_for(const struct injection *injection, u16 leaf)
{
    return injection->kind && (injection->leaf == leaf || injection->leaf == INJECT_ANY_LEAF);
}

/* Counts the call and tells whether it is one of those affected; the last one disarms. */
static bool applies(struct injection *injection, u16 leaf)
{
    if (!is_for(injection, leaf))
        return false;
    injection->seen++;
    return injection->seen >= injection->nth && injection->seen - injection->nth < injection->count;
}

static bool used_up(const struct injection *injection)
{
    return injection->seen + 1 >= injection->nth && injection->seen + 1 - injection->nth >= injection->count;
}

static void take(struct lp *lp, struct injection *injection, u16 leaf)
{
    if (!applies(injection, leaf))
        return;
    lp->injected = (u32)injection->kind;
    lp->injected_value = injection->value;
    if (injection->kind == MONITOR_INJECT_PARK)
        park_begin(&park, lp->index);
    if (used_up(injection))
        injection->kind = MONITOR_INJECT_NONE;
}

/* ---- parking ---- */

static void give_up(const struct lp *lp, const char *what)
{
    log_line("LP %u: %s", lp->index, what);
    inject_disarm();
}

static void wait_outside(const struct lp *lp)
{
    u64 start = rdtsc();
    while (park_bars(&park, lp->index)) {
        if (rdtsc() - start > PARK_CYCLES)
            give_up(lp, "waited for a call that was to be parked; it didn't come, no call will be parked");
        cpu_relax();
    }
}

void inject_park(struct lp *lp)
{
    if (!park_enter(&park, lp->index))
        return;
    u64 start = rdtsc();
    while (!park_over(&park)) {
        if (rdtsc() - start > PARK_CYCLES)
            give_up(lp, "parked inside the module; the calls of other LPs that it waited for didn't come");
        cpu_relax();
    }
}

void inject_leave(struct lp *lp)
{
    park_leave(&park, lp->index);
}

/* ---- */

void inject_look(struct lp *lp, u16 leaf)
{
    lock_take(&lock);
    bool candidate = armed.kind == MONITOR_INJECT_PARK && is_for(&armed, leaf);
    take(lp, &armed, leaf);
    bool more = armed.kind || park.stage;
    for (u32 i = 0; i < INJECT_OPTIONS; i++) {
        take(lp, &from_options[i], leaf);
        more = more || from_options[i].kind;
    }
    inject_any = more;
    lock_release(&lock);
    if (!candidate)
        wait_outside(lp);
}

static bool can_be_armed(u64 kind)
{
    if (kind == MONITOR_INJECT_PARK) /* no other module tells when it has its locks */
        return subject() == &soft_subject && armed.nth && armed.count == 1 && armed.value &&
               armed.value <= PARK_CALLS_MAX;
    return kind == MONITOR_INJECT_NONE || (kind < MONITOR_INJECT_PARK && armed.nth && armed.count);
}

static bool arm(u64 kind)
{
    if (!can_be_armed(kind))
        return false;
    armed.kind = kind;
    armed.seen = 0;
    park_end(&park);
    if (kind == MONITOR_INJECT_PARK)
        park_arm(&park, (u32)armed.value);
    if (kind)
        inject_any = 1;
    return true;
}

bool inject_write(u32 offset, u64 value)
{
    bool good = true;
    lock_take(&lock);
    switch (offset) {
    case MONITOR_MSR_INJECT_LEAF:
        good = value <= INJECT_ANY_LEAF;
        armed.leaf = good ? value : armed.leaf;
        break;
    case MONITOR_MSR_INJECT_NTH:
        armed.nth = value;
        break;
    case MONITOR_MSR_INJECT_COUNT:
        armed.count = value;
        break;
    case MONITOR_MSR_INJECT_VALUE:
        armed.value = value;
        break;
    default:
        good = arm(value);
    }
    lock_release(&lock);
    return good;
}

u64 inject_read(u32 offset)
{
    switch (offset) {
    case MONITOR_MSR_INJECT_LEAF:
        return armed.leaf;
    case MONITOR_MSR_INJECT_NTH:
        return armed.nth;
    case MONITOR_MSR_INJECT_COUNT:
        return armed.count;
    case MONITOR_MSR_INJECT_VALUE:
        return armed.value;
    default:
        return armed.kind;
    }
}

u64 inject_faults_left(u16 leaf)
{
    u64 left = 0;
    lock_take(&lock);
    for (u32 i = 0; i < INJECT_OPTIONS; i++) {
        const struct injection *fault = &from_options[i];
        if (!fault->kind || fault->leaf != leaf)
            continue;
        u64 spoiled = fault->seen >= fault->nth ? fault->seen - fault->nth + 1 : 0;
        if (__builtin_add_overflow(left, fault->count - spoiled, &left))
            left = ~0ull;
    }
    lock_release(&lock);
    return left;
}

void inject_disarm(void)
{
    lock_take(&lock);
    armed.kind = MONITOR_INJECT_NONE;
    park_end(&park);
    lock_release(&lock);
}
