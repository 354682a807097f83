/* SPDX-License-Identifier: MIT */
/*
 * One case from its metadata to its verdict: does it apply, then its steps one after the other. Steps, loops
 * and time are bounded; whatever ends a case, storms end with it and the machine is as it was.
 */
#include "tests/runner/script/run.h"

#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define STEPS_BETWEEN_LOOKS 32 /* at the clock */

static const struct script_port *machine;
static struct script_program program;
static struct script_run running;

/* A `for` that runs, by its step's index */
static struct {
    u64 value, limit, step;
} loops[SCRIPT_MAX_STEPS];

/* ---- verdicts ---- */

static void note(struct script_run *run, enum verdict verdict, const char *fmt, va_list args)
{
    char text[SCRIPT_TEXT_MAX];
    format_v(text, sizeof(text), fmt, args);
    if (verdict == VERDICT_ERROR && run->program && run->step) {
        run_failure_begin(run, "ERROR");
        log_line("  %s", text);
        run_log_calls(run);
    }
    if (verdict > run->result->verdict)
        format(run->result->why, sizeof(run->result->why), "%s", text);
    run->result->verdict = verdict_worse(run->result->verdict, verdict);
}

bool run_fail(struct script_run *run)
{
    run->result->verdict = VERDICT_FAIL;
    run->result->by_inference = run->program && run->program->item->source == SOURCE_INFERRED &&
                                run->port->subject != SUBJECT_IS_SOFT;
    return false;
}

bool run_skip(struct script_run *run, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    note(run, VERDICT_SKIP, fmt, args);
    va_end(args);
    return false;
}

bool run_mistake(struct script_run *run, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    note(run, VERDICT_ERROR, fmt, args);
    va_end(args);
    return false;
}

bool run_in_time(struct script_run *run)
{
    if (run->port->now_us(run->port->context) < run->deadline_us)
        return true;
    return run_mistake(run, "the case's %u s are over: a loop that doesn't end, or `timeout` is too short",
                       run->program ? run->program->item->seconds : 0);
}

/* ---- does the case apply? ---- */

static bool names_profile(const char *profiles, const char *profile)
{
    size_t length = strlen(profile);
    for (const char *at = profiles; *at;) {
        const char *end = strchr(at, ' ');
        size_t word = end ? (size_t)(end - at) : strlen(at);
        if (word == length && strncmp(at, profile, length) == 0)
            return true;
        at += word + (end != NULL);
    }
    return false;
}

static bool version_fits(const struct script_case *item, script_version_t version)
{
    switch (item->relation) {
    case VERSION_AT_LEAST:
        return version >= item->version;
    case VERSION_BELOW:
        return version < item->version;
    case VERSION_EXACT:
        return version == item->version;
    default:
        return true;
    }
}

static bool machine_suffices(struct script_run *run, const struct script_case *item)
{
    const struct script_port *port = run->port;
    if (item->needs & SCRIPT_NEED_MONITOR && !port->monitor)
        return run_skip(run, "needs the Seamstress monitor");
    if (item->needs & SCRIPT_NEED_SOFT && port->subject != SUBJECT_IS_SOFT)
        return run_skip(run, "needs the soft module");
    if (item->profiles[0] && port->subject == SUBJECT_IS_SOFT &&
        !names_profile(item->profiles, port->profile))
        return run_skip(run, "is for profile %s", item->profiles);
    if (port->cpus < item->min_cpus)
        return run_skip(run, "needs %u CPUs, there are %u", item->min_cpus, port->cpus);
    if (port->memory_mib < item->min_memory_mib)
        return run_skip(run, "needs %u MiB of memory, there are %llu", item->min_memory_mib,
                        (unsigned long long)port->memory_mib);
    return true;
}

#define MODULE_NEEDS                                                                                         \
    (SCRIPT_NEED_EXT | SCRIPT_NEED_NO_EXT | SCRIPT_NEED_QUOTE | SCRIPT_NEED_DPAMT | SCRIPT_NEED_DISABLE)

static bool module_suffices(struct script_run *run, const struct script_case *item)
{
    const struct {
        u32 need;
        bool has;
        const char *what;
    } needs[] = {
        {SCRIPT_NEED_EXT, script_facts.features0 >> TDX_FEATURE_EXT & 1, "a module with extensions"},
        {SCRIPT_NEED_NO_EXT, !(script_facts.features0 >> TDX_FEATURE_EXT & 1), "a module without extensions"},
        {SCRIPT_NEED_QUOTE, script_facts.features0 >> TDX_FEATURE_QUOTE & 1, "a module that can quote"},
        {SCRIPT_NEED_DPAMT, script_facts.features0 >> TDX_FEATURE_DYNAMIC_PAMT & 1,
         "a module with dynamic PAMT"},
        {SCRIPT_NEED_DISABLE, script_facts.can_disable, "a module that is known to have SYS.DISABLE"},
    };
    for (u32 i = 0; i < ARRAY_COUNT(needs); i++)
        if (item->needs & needs[i].need && !needs[i].has)
            return run_skip(run, "needs %s", needs[i].what);
    if (script_facts.packages < item->min_packages)
        return run_skip(run, "needs %u packages, there are %u", item->min_packages, script_facts.packages);
    if (!version_fits(item, script_facts.version))
        return run_skip(
            run, "is for other versions than %u.%u.%u", (unsigned)(script_facts.version >> 32 & 0xFFFF),
            (unsigned)(script_facts.version >> 16 & 0xFFFF), (unsigned)(script_facts.version & 0xFFFF));
    return true;
}

static bool applies(struct script_run *run, const struct script_case *item)
{
    if (!machine_suffices(run, item))
        return false;
    if (!(item->needs & MODULE_NEEDS) && item->min_packages == 0 && item->relation == VERSION_ANY &&
        item->xfail_until == 0)
        return true;
    return run_learn(run, item->state) && module_suffices(run, item);
}

/* ---- steps ---- */

static bool assign(struct script_run *run, u8 variable, u64 value)
{
    run->row_binding[variable] = 0;
    run->variables[variable] = value;
    run_trace(run, "%s = 0x%llx", run->program->variables[variable], (unsigned long long)value);
    return true;
}

static bool step_assign(struct script_run *run, const struct script_step *step)
{
    u64 value;
    return run_evaluate(run, step->assign.value, &value) && assign(run, step->assign.variable, value);
}

static bool step_write(struct script_run *run, const struct script_step *step)
{
    u64 address, bytes, value;
    bool one = step->verb == VERB_WRITE;
    if (!run_evaluate(run, step->write.address, &address) ||
        (!one && !run_evaluate(run, step->write.bytes, &bytes)) ||
        !run_evaluate(run, step->write.value, &value))
        return false;
    if (one) {
        run_trace(run, "write 0x%llx = 0x%llx", (unsigned long long)address, (unsigned long long)value);
        return run_write(run, address, value);
    }
    run_trace(run, "fill 0x%llx 0x%llx 0x%llx", (unsigned long long)address, (unsigned long long)bytes,
              (unsigned long long)value);
    return run_fill(run, address, bytes, value);
}

static bool step_require(struct script_run *run, const struct script_step *step)
{
    u64 holds;
    char why[SCRIPT_TEXT_MAX];
    if (!run_evaluate(run, step->require.condition, &holds))
        return false;
    format(why, sizeof(why), "%.*s", (int)step->require.why_length, step->require.why);
    run_trace(run, "require 0x%llx \"%s\"", (unsigned long long)holds, why);
    return holds || run_skip(run, "%s", why);
}

/* The first of the parts is at the left margin of the line. */
static bool step_say(struct script_run *run, const struct script_step *step)
{
    static struct script_text said, shown;
    said.length = shown.length = 0;
    said.text[0] = shown.text[0] = 0;
    for (u32 i = 0; i < step->say.count; i++) {
        const struct script_say *part = &step->say.parts[i];
        u64 value;
        run_text_add(&shown, "%s", i ? ", " : "");
        if (part->text) {
            run_text_add(&said, "%s%.*s", i ? " " : "", (int)part->length, part->text);
            run_text_add(&shown, "\"%.*s\"", (int)part->length, part->text);
        }
        if (part->value.count == 0)
            continue;
        if (!run_evaluate(run, part->value, &value))
            return false;
        run_text_add(&said, "%s0x%llx (%llu)", i ? " " : "", (unsigned long long)value,
                     (unsigned long long)value);
        run_text_add(&shown, "%s0x%llx", part->text ? ", " : "", (unsigned long long)value);
    }
    run_trace(run, "say %s", shown.text);
    run_log_long(run->options->trace ? "# says: " : "says: ", said.text, said.length);
    return true;
}

/* next: index of the step to go on with */
static bool step_for(struct script_run *run, const struct script_step *step, u32 index, u32 *next)
{
    u64 one = 1;
    loops[index].step = one;
    if (!run_evaluate(run, step->loop.first, &loops[index].value) ||
        !run_evaluate(run, step->loop.limit, &loops[index].limit) ||
        !run_evaluate_optional(run, step->loop.step, &loops[index].step))
        return false;
    if (loops[index].step == 0)
        return run_mistake(run, "a loop with step 0");
    if (loops[index].value >= loops[index].limit)
        *next = step->other + 1u;
    else
        assign(run, step->loop.variable, loops[index].value);
    return true;
}

static void step_end(struct script_run *run, const struct script_step *step, u32 *next)
{
    u32 start = step->other;
    const struct script_step *loop = &run->program->steps[start];
    u64 value = loops[start].value + loops[start].step;
    if (loop->verb != VERB_FOR || value < loops[start].value || value >= loops[start].limit)
        return;
    loops[start].value = value;
    run->step = loop;
    assign(run, loop->loop.variable, value);
    *next = start + 1;
}

static bool step_call(struct script_run *run, const struct script_call *call)
{
    return run_step_call(run, call) && run_expect_call(run, call);
}

static bool run_step(struct script_run *run, u32 index, u32 *next)
{
    const struct script_step *step = &run->program->steps[index];
    switch (step->verb) {
    case VERB_FROM:
    case VERB_BRING:
        return run_step_from(run, &step->from, step->verb == VERB_BRING);
    case VERB_ASSIGN:
        return step_assign(run, step);
    case VERB_CALL:
        return step_call(run, &step->call);
    case VERB_EXPECT:
        return run_expect(run, step->expect);
    case VERB_WRITE:
    case VERB_FILL:
        return step_write(run, step);
    case VERB_REQUIRE:
        return step_require(run, step);
    case VERB_FOR:
        return step_for(run, step, index, next);
    case VERB_PAR:
        *next = step->other + 1u;
        return run_step_par(run, step);
    case VERB_END:
        step_end(run, step, next);
        return true;
    case VERB_INJECT:
        return run_step_inject(run, &step->inject);
    case VERB_KNOB:
    case VERB_INSTALL:
        return run_step_knobs(run, step);
    case VERB_PLATFORM:
        return run_step_platform(run, &step->platform);
    case VERB_SAY:
        return step_say(run, step);
    default:
        return run_mistake(run, "a step that this harness doesn't know");
    }
}

static void run_steps(struct script_run *run)
{
    for (u32 index = 0, next; index < run->program->step_count; index = next) {
        run->step = &run->program->steps[index];
        next = index + 1;
        if (++run->steps > SCRIPT_MAX_RUN_STEPS) {
            run_mistake(run, "more than %u steps: a loop that doesn't end?", SCRIPT_MAX_RUN_STEPS);
            return;
        }
        if (run->steps % STEPS_BETWEEN_LOOKS == 0 && !run_in_time(run))
            return;
        if (!run_step(run, index, &next))
            return;
    }
}

/* ---- a case ---- */

static bool compile(struct script_run *run, const struct script_suite *suite, const struct script_case *item)
{
    struct script_error error;
    char text[SCRIPT_TEXT_MAX * 3];
    if (script_compile(suite, item, &program, &error)) {
        run->program = &program;
        return true;
    }
    script_error_text(&error, text, sizeof(text));
    return run_mistake(run, "%s", text);
}

static void bind_row(struct script_run *run)
{
    for (u32 i = 0; i < run->program->row_count; i++)
        if (!run->program->row[i].is_register)
            run->row_binding[run->program->row[i].index] = (u8)(i + 1);
}

static bool expected_to_fail(const struct script_case *item)
{
    return item->xfail && (item->xfail_until == 0 || script_facts.version < item->xfail_until);
}

void script_run(const struct script_suite *suite, const struct script_case *item,
                const struct script_options *options, struct script_result *result)
{
    struct script_run *run = &running;
    memset(run, 0, offsetof(struct script_run, lanes));
    memset(&run->lane_count, 0, sizeof(*run) - offsetof(struct script_run, lane_count));
    memset(result, 0, sizeof(*result));
    run->port = machine;
    run->options = options;
    run->result = result;
    run->packages = script_facts.packages;
    run->deadline_us = machine->now_us(machine->context) + item->seconds * 1000000ull;
    run_memory_reset(run);
    if (applies(run, item) && compile(run, suite, item)) {
        bind_row(run);
        run_steps(run);
    }
    run_faults_end(run);
    run_states_leave(run);
    run_memory_reset(run);
    result->known_bug = expected_to_fail(item);
}

bool script_start(const struct script_port *port, char *why, size_t size)
{
    machine = port;
    run_memory_start();
    return run_facts_start(port, why, size);
}
