/* SPDX-License-Identifier: MIT */
#include "seam/monitor/inject.h"

#include "seam/monitor/lock.h"

static struct lock lock;
static struct injection armed; /* by control MSR */
static struct injection from_options[INJECT_OPTIONS];
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

/* Counts the call and tells whether it is one of those affected; the last one disarms. */
static bool applies(struct injection *injection, u16 leaf)
{
    if (!injection->kind || (injection->leaf != leaf && injection->leaf != INJECT_ANY_LEAF))
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
    if (used_up(injection))
        injection->kind = MONITOR_INJECT_NONE;
}

void inject_look(struct lp *lp, u16 leaf)
{
    lock_take(&lock);
    take(lp, &armed, leaf);
    bool more = armed.kind;
    for (u32 i = 0; i < INJECT_OPTIONS; i++) {
        take(lp, &from_options[i], leaf);
        more = more || from_options[i].kind;
    }
    inject_any = more;
    lock_release(&lock);
}

static bool arm(u64 kind)
{
    if (kind > MONITOR_INJECT_VMFAIL || (kind && (armed.nth == 0 || armed.count == 0)))
        return false;
    armed.kind = kind;
    armed.seen = 0;
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
        if (!fault->kind || (fault->leaf != leaf && fault->leaf != INJECT_ANY_LEAF))
            continue;
        u64 spoiled = fault->seen >= fault->nth ? fault->seen - fault->nth + 1 : 0;
        left += fault->count - spoiled;
    }
    lock_release(&lock);
    return left;
}

void inject_disarm(void)
{
    lock_take(&lock);
    armed.kind = MONITOR_INJECT_NONE;
    lock_release(&lock);
}
