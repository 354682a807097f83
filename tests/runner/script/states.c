/* SPDX-License-Identifier: MIT */
/*
 * Where the module is, and how to have it elsewhere.
 *
 * Behind the monitor the module goes back to a state by a snapshot, taken when the state was first reached
 * with these options. A snapshot lives on the page metadata in PAMT memory: single entries that change are
 * rolled back, a PAMT that is initialised again is not. Therefore sets of PAMTs ("lives") are dealt out: a
 * state's snapshot shares its life with those of the same options that no test of that state spoils, and the
 * last life is for what scripts configure themselves. There are few; the one used longest ago is given up.
 *
 * Without snapshots the module is reset and brought up again. Hardware has no way back: a case runs if the
 * module can still be brought forward to its state, and is skipped otherwise.
 */
#include "tests/runner/script/run.h"

#include "lib/string.h"

#define LIVES_MAX 16

struct slot {
    bool used;
    enum script_state state;
    struct script_setup setup;
    u32 life;
    u64 age;
};

struct life {
    bool used;
    u32 group;
    struct script_setup setup;
    u64 age;
};

static struct {
    bool known; /* the module is in `state`, nobody has changed it since */
    enum script_state state;
    struct script_setup setup;
    struct script_progress progress;
    bool snapshots; /* are possible, as far as is known */
    struct slot slots[MONITOR_SLOTS];
    struct life lives[LIVES_MAX];
    u64 clock;
    u32 life; /* the TDMRs of the present state, or those that a script would configure */
    bool dynamic;
    struct script_layout layout; /* of layout_life; cached, they never change */
    bool layout_valid, layout_dynamic;
    u32 layout_life;
} module;

struct script_progress *run_progress(void)
{
    return &module.progress;
}

/* ---- TDMRs ---- */

static u32 life_count(const struct script_port *port)
{
    return (u32)min_u64(port->lives ? port->lives : 1, LIVES_MAX);
}

static u32 lent_life(const struct script_port *port)
{
    return life_count(port) - 1;
}

const struct script_layout *run_layout_now(struct script_run *run)
{
    if (module.layout_valid && module.layout_life == module.life && module.layout_dynamic == module.dynamic)
        return &module.layout;
    memset(&module.layout, 0, sizeof(module.layout));
    module.layout_valid = run->port->layout(run->port->context, module.life, module.dynamic, &module.layout);
    module.layout_life = module.life;
    module.layout_dynamic = module.dynamic;
    if (module.layout_valid)
        return &module.layout;
    run_skip(run, "no TDMRs can be laid out on this machine");
    return NULL;
}

u32 run_tdmrs_configured(struct script_run *run)
{
    return module.progress.configured ? (u32)run->setup.values[OPTION_TDMRS] : module.layout.count;
}

static void forget_life(u32 life)
{
    for (u32 i = 0; i < MONITOR_SLOTS; i++)
        if (module.slots[i].state >= STATE_CONFIGURED && module.slots[i].life == life)
            module.slots[i].used = false;
    module.lives[life].used = false;
}

/* ---- lives and slots ---- */

/* States whose snapshots may share a set of PAMTs: those that none of them initialises. */
static u32 group_of(enum script_state state)
{
    return state <= STATE_KEYED ? STATE_KEYED : state;
}

static bool same_setup(const struct script_setup *a, const struct script_setup *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static u32 life_for(const struct script_port *port, enum script_state state, const struct script_setup *setup)
{
    u32 count = life_count(port) > 1 ? life_count(port) - 1 : 1, oldest = 0;
    for (u32 i = 0; i < count; i++) {
        struct life *life = &module.lives[i];
        if (life->used && life->group == group_of(state) && same_setup(&life->setup, setup))
            return i;
        if (!life->used ? module.lives[oldest].used
                        : module.lives[oldest].used && life->age < module.lives[oldest].age)
            oldest = i;
    }
    forget_life(oldest);
    module.lives[oldest] =
        (struct life){.used = true, .group = group_of(state), .setup = *setup, .age = module.clock};
    return oldest;
}

/* A state's setup as slots and lives tell them apart: before SYS.CONFIG there is nothing to differ in. */
static struct script_setup key_of(enum script_state state, const struct script_setup *setup)
{
    return state >= STATE_CONFIGURED ? *setup : (struct script_setup){0};
}

static struct slot *find_slot(enum script_state state, const struct script_setup *setup)
{
    struct script_setup key = key_of(state, setup);
    for (u32 i = 0; i < MONITOR_SLOTS; i++)
        if (module.slots[i].used && module.slots[i].state == state &&
            same_setup(&module.slots[i].setup, &key))
            return &module.slots[i];
    return NULL;
}

static struct slot *oldest_slot(void)
{
    struct slot *oldest = &module.slots[0];
    for (u32 i = 0; i < MONITOR_SLOTS && oldest->used; i++)
        if (!module.slots[i].used || module.slots[i].age < oldest->age)
            oldest = &module.slots[i];
    return oldest;
}

static bool all_lps(const struct script_port *port, struct script_progress *progress)
{
    for (u32 cpu = 0; cpu < port->cpus; cpu++)
        progress->lps[cpu / 64] |= 1ull << cpu % 64;
    return true;
}

static struct script_progress progress_of(const struct script_port *port, enum script_state state)
{
    struct script_progress progress = {.started = state >= STATE_STARTED,
                                       .configured = state >= STATE_CONFIGURED,
                                       .packages = state >= STATE_KEYED ? ~0ull : 0,
                                       .tdmrs = state >= STATE_READY ? ~0ull : 0,
                                       .extended = state >= STATE_EXTENDED,
                                       .quoting = state >= STATE_QUOTING};
    if (state >= STATE_INITIALISED)
        all_lps(port, &progress);
    return progress;
}

static void arrive(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    module.known = true;
    module.state = state;
    module.setup = key_of(state, setup);
    module.progress = progress_of(run->port, state);
    run->disturbed = false;
}

static void take_snapshot(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    const struct script_port *port = run->port;
    struct slot *slot = oldest_slot();
    if (!module.snapshots)
        return;
    slot->used = false;
    module.snapshots = port->monitor_write(port->context, MONITOR_MSR_SNAPSHOT, (u64)(slot - module.slots));
    if (module.snapshots)
        *slot = (struct slot){.used = true,
                              .state = state,
                              .setup = key_of(state, setup),
                              .life = module.life,
                              .age = module.clock};
}

static bool restore(struct script_run *run, struct slot *slot)
{
    const struct script_port *port = run->port;
    slot->used = port->monitor_write(port->context, MONITOR_MSR_RESTORE, (u64)(slot - module.slots));
    if (!slot->used)
        return false;
    slot->age = ++module.clock;
    if (slot->state >= STATE_CONFIGURED) {
        module.life = slot->life;
        module.lives[slot->life].age = slot->age;
    }
    arrive(run, slot->state, &slot->setup);
    return true;
}

/* ---- going there ---- */

static bool reset(struct script_run *run)
{
    const struct script_port *port = run->port;
    struct script_setup none = {0};
    if (!module.known || module.state != STATE_RESET) /* a fault armed from outside survives the first case */
        if (!port->monitor_write(port->context, MONITOR_MSR_RESET, 1))
            return run_mistake(run, "the monitor refused to reset the module");
    arrive(run, STATE_RESET, &none);
    return true;
}

/* The latest earlier state that leads to this one: before SYS.CONFIG, or on the same PAMTs. */
static struct slot *find_base(enum script_state state, const struct script_setup *setup, u32 life)
{
    for (s64 earlier = (s64)state - 1; earlier >= 0; earlier--) {
        struct slot *slot = find_slot((enum script_state)earlier, setup);
        if (slot && (earlier < STATE_CONFIGURED || slot->life == life))
            return slot;
    }
    return NULL;
}

static bool climb_to(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    const struct script_layout *layout = NULL;
    if (state >= STATE_CONFIGURED && !(layout = run_layout_now(run)))
        return false;
    module.known = false;
    if (!run_climb(run, state, setup, layout))
        return false;
    arrive(run, state, setup);
    return true;
}

/* Also learns what can be known from there on. */
static bool climb_and_keep(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    if (!climb_to(run, state, setup))
        return false;
    take_snapshot(run, state, setup);
    return true;
}

/* Where the module can be reset. */
static bool go_back(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    struct slot *slot = find_slot(state, setup);
    u32 life = module.life;
    if (slot && restore(run, slot))
        return true;
    struct script_setup key = key_of(state, setup);
    if (!module.snapshots && module.known && module.state == state && same_setup(&module.setup, &key))
        return true;
    if (state >= STATE_CONFIGURED)
        life = life_for(run->port, state, &key);
    slot = find_base(state, setup, life);
    if (!(slot && restore(run, slot)) && !reset(run))
        return false;
    module.life = life;
    if (state > STATE_INITIALISED && module.state < STATE_INITIALISED &&
        !climb_and_keep(run, STATE_INITIALISED, setup))
        return false;
    return climb_and_keep(run, state, setup);
}

static bool go_forward(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    struct script_setup key = key_of(module.state, setup);
    if (!module.known)
        return run_skip(run, "the module isn't as after reset any more and can't be reset here");
    if (module.state > state)
        return run_skip(run, "the module is %s already and can't be reset here",
                        script_state_name(module.state));
    if (!same_setup(&module.setup, &key))
        return run_skip(run, "the module is configured otherwise and can't be reset here");
    return climb_to(run, state, setup);
}

static bool go(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    if (run->disturbed || run->altered)
        module.known = false;
    run->altered = false;
    bool there = run->port->monitor ? go_back(run, state, setup) : go_forward(run, state, setup);
    run->disturbed = false;
    return there;
}

/* ---- from, bring ---- */

static bool given_options(struct script_run *run, const struct script_from *from, struct script_setup *setup)
{
    for (u32 i = 0; i < SCRIPT_OPTIONS; i++)
        if (!run_evaluate_optional(run, from->options[i], &setup->values[i]))
            return false;
    return true;
}

/* What wasn't given, when features and TDMRs are known. */
static bool default_options(struct script_run *run, const struct script_from *from,
                            struct script_setup *setup)
{
    const struct script_layout *layout = run_layout_now(run);
    const struct script_expr *given = from->options;
    u64 *values = setup->values;
    if (!layout)
        return false;
    if (!given[OPTION_FEATURES].count)
        values[OPTION_FEATURES] = script_facts.features0 & 1ull << TDX_FEATURE_QUOTE;
    if (!given[OPTION_VERSION].count)
        values[OPTION_VERSION] = values[OPTION_FEATURES] ? TDX_VERSION_WITH_FEATURES : 0;
    if (!given[OPTION_TDMRS].count)
        values[OPTION_TDMRS] = layout->count;
    if (!given[OPTION_KEYID].count)
        values[OPTION_KEYID] = script_facts.keyid_first;
    return true;
}

static void trace_from(struct script_run *run, const struct script_from *from, bool bring,
                       const struct script_setup *setup)
{
    static const char *const names[] = {"features", "version", "tdmrs", "keyid", "dpamt"};
    struct script_text text;
    if (!run->options->trace)
        return;
    run_trace_begin(run, &text);
    run_text_add(&text, "%s %s", bring ? "bring" : "from", script_state_name(from->state));
    for (u32 i = 0; i < SCRIPT_OPTIONS; i++)
        if (from->options[i].count)
            run_text_add(&text, " %s=0x%llx", names[i], (unsigned long long)setup->values[i]);
    run_trace_end(&text);
}

static bool bring_there(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    const struct script_layout *layout = run_layout_now(run);
    if (!layout)
        return false;
    run->disturbed = true;
    return run_climb(run, state, setup, layout);
}

static bool from_there(struct script_run *run, enum script_state state, const struct script_setup *setup)
{
    run_faults_end(run);
    run_memory_reset(run);
    run->packages = script_facts.packages;
    run->lane_count = 0;
    run->called = false;
    if (!go(run, state, setup))
        return false;
    run->packages = script_facts.packages;
    return true;
}

/* The options that hold from here on: those given, else those that the module is configured with. */
static bool options_now(struct script_run *run, const struct script_from *from, bool bring,
                        struct script_setup *setup)
{
    if (!bring || !run->configured_once) {
        module.life = lent_life(run->port);
        module.dynamic = setup->values[OPTION_DPAMT] != 0;
        return from->state < STATE_CONFIGURED || default_options(run, from, setup);
    }
    if (from->state >= STATE_CONFIGURED && !module.progress.configured)
        module.life = lent_life(run->port); /* not on PAMTs that a snapshot lives on */
    for (u32 i = 0; i < SCRIPT_OPTIONS; i++)
        if (!from->options[i].count)
            setup->values[i] = run->setup.values[i];
    return true;
}

bool run_step_from(struct script_run *run, const struct script_from *from, bool bring)
{
    struct script_setup setup = {0};
    bool configured = from->state >= STATE_CONFIGURED;
    if (!given_options(run, from, &setup))
        return false;
    trace_from(run, from, bring, &setup);
    if (configured && !script_facts.known && !run_learn(run, from->state))
        return false;
    if (!options_now(run, from, bring, &setup))
        return false;
    if (configured || !bring)
        run->setup = setup;
    run->configured_once = configured || (bring && run->configured_once);
    return bring ? bring_there(run, from->state, &setup) : from_there(run, from->state, &setup);
}

/* Platform faults would act on the kernel itself from here on. */
void run_states_leave(struct script_run *run)
{
    const struct script_setup none = {0};
    if (run->altered && run->port->monitor) {
        module.known = false;
        go(run, STATE_RESET, &none);
    }
    if (run->disturbed)
        module.known = false;
}

bool run_go_plain(struct script_run *run, enum script_state state)
{
    const struct script_setup none = {0};
    module.life = lent_life(run->port);
    return go(run, state, &none);
}

void run_states_forget(void)
{
    module.known = false;
}

void run_states_start(const struct script_port *port, bool as_after_reset)
{
    memset(&module, 0, sizeof(module));
    module.snapshots = port->monitor; /* until one is refused */
    module.known = as_after_reset;
}
