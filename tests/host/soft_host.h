/* SPDX-License-Identifier: MIT */
/* Inside tests/host: the machine around the soft module. */
#ifndef TESTS_HOST_SOFT_HOST_H
#define TESTS_HOST_SOFT_HOST_H

#include <pthread.h>
#include <stdatomic.h>

#include "drivers/tdx/abi/monitor.h"
#include "seam/genuine/overlay.h"
#include "seam/monitor/overrides.h"
#include "seam/monitor/park.h"
#include "tests/host/reference.h"
#include "tests/host/soft_port.h"

#define HOST_COUNTERS (MONITOR_COUNTER_LEAF + 256)

/* What the platform shows instead of the reference; part of a snapshot. */
struct host_faults {
    struct overrides overrides;
    u32 packages;
};

struct host_injection {
    u64 leaf, nth, count, value, kind, seen;
};

struct host_lp {
    u32 injected; /* enum monitor_inject, of the call that runs */
    u64 injected_value;
    u64 storm_us; /* 0: none */
    atomic_ullong storm_due;
    u64 tsx_ctrl;
};

struct host_slot {
    bool used;
    void *state;
    struct host_faults faults;
};

struct soft_host {
    u8 *ram;
    u8 *owner; /* enum soft_owner of every page */
    struct soft_module *module;
    struct overlay overlay; /* on top of it; its module is NULL: there is none */
    struct soft_platform platform;
    char profile[12];
    u32 cpus;
    struct soft_knobs knobs; /* as after reset, like faults and machine */
    struct soft_machine machine;
    struct host_faults faults;
    struct host_slot slots[MONITOR_SLOTS];

    pthread_mutex_t lock; /* over injection */
    struct host_injection injection;
    struct park park;
    struct host_lp lps[REFERENCE_MAX_LPS];

    atomic_ullong counters[HOST_COUNTERS];
    u64 counter_selected, page_selected, stray_policy, resets;
    char answer[MONITOR_COMMAND_MAX];
};

/* soft_machine.c: what the module sees */
void host_platform(struct soft_host *host);
void host_reset(struct soft_host *host);
u64 host_now_us(void *context);

/* soft_overlay.c: the module, or the overlay on top of it */
bool host_overlay_create(struct soft_host *host, struct soft_module *module); /* false: no memory */
bool host_overlay_on(const struct soft_host *host);
void host_overlay_reset(struct soft_host *host);
bool host_module_call(struct soft_host *host, u32 cpu, struct soft_regs *regs);
enum soft_owner host_module_owner(const struct soft_host *host, u64 page);

/* soft_monitor.c: what the script asks of a monitor */
bool host_monitor_read(void *context, u32 msr, u64 *value);
bool host_monitor_write(void *context, u32 msr, u64 value);
const char *host_command(void *context, const char *line);
void host_inject_look(struct soft_host *host, u32 lp, u16 leaf);
void host_inject_park(void *context, u32 lp);
void host_inject_leave(struct soft_host *host, u32 lp);

#endif
