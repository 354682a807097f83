/* SPDX-License-Identifier: MIT */
#include "seam/monitor/command_run.h"

#include "lib/string.h"
#include "seam/monitor/command.h"
#include "seam/monitor/control.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/lock.h"
#include "seam/monitor/log.h"
#include "seam/monitor/machine.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"
#include "seam/monitor/seamcall.h"
#include "seam/monitor/subject.h"

#define HANDOFF_PAGES_MAX 0xFFFF

static struct lock lock; /* one command at a time */

/* ---- what the commands do; false: *answer says why not ---- */

static bool override(const struct override *o, char *answer)
{
    if (o->lp != OVERRIDE_ALL_LPS && o->lp >= lp_count)
        return command_refuse(answer, "no LP %u; there are 0 to %u", o->lp, lp_count - 1);
    if (!faults_override(o))
        return command_refuse(answer, "more than %u changes of MSRs, CPUID and capabilities", OVERRIDES_MAX);
    return true;
}

static bool run_msr(const struct command *command, char *answer)
{
    u32 msr = command->override.number;
    if (msr - CONTROL_FIRST < MONITOR_MSR_COUNT)
        return command_refuse(answer, "MSR 0x%x is a control MSR of the monitor", msr);
    if (msr_is_direct(msr))
        return command_refuse(answer, "MSR 0x%x is the guest's own, the monitor doesn't see it read", msr);
    return override(&command->override, answer);
}

static bool run_cpuid(const struct command *command, char *answer)
{
    u32 leaf = command->override.number;
    if (leaf == MONITOR_CPUID_SIGNATURE || leaf == MONITOR_CPUID_CONTROL)
        return command_refuse(answer, "CPUID leaf 0x%x says how to find the monitor", leaf);
    return override(&command->override, answer);
}

static bool run_seamcaps(const struct command *command, char *answer)
{
    return override(&command->override, answer);
}

static bool run_knob(const struct command *command, char *answer)
{
    return subject()->knob(command->knobs[0]) || command_refuse(answer, "%s", log_last());
}

/* The module is asked by nobody meanwhile. */
static bool run_install(const struct command *command, char *answer)
{
    return subject()->install(command->knobs, command->knob_count) ||
           command_refuse(answer, "%s", log_last());
}

static bool run_cmr(const struct command *command, char *answer)
{
    (void)answer;
    subject()->facts()->cmrs[command->number] = (struct tdx_cmr){command->base, command->size};
    subject()->facts_changed();
    return true;
}

static bool run_packages(const struct command *command, char *answer)
{
    struct soft_machine *facts = subject()->facts();
    const char *why = faults_spread((u32)command->number);
    if (why)
        return command_refuse(answer, "%u LPs in %lu packages: %s", lp_count, command->number, why);
    facts->package_count = (u32)command->number;
    for (u32 i = 0; i < facts->package_count; i++)
        facts->fms[i] = machine.topology->signature;
    subject()->facts_changed();
    return true;
}

static bool run_lps(const struct command *command, char *answer)
{
    if (command->number == 0 || command->number > SOFT_MAX_LPS)
        return command_refuse(answer, "MCHECK counts 1 to %u LPs", SOFT_MAX_LPS);
    subject()->facts()->lp_count = (u32)command->number;
    subject()->facts_changed();
    return true;
}

static bool run_handoff_pages(const struct command *command, char *answer)
{
    if (command->number > HANDOFF_PAGES_MAX)
        return command_refuse(answer, "the number has 16 bits");
    subject()->facts()->handoff_pages = (u16)command->number;
    subject()->facts_changed();
    return true;
}

static const struct {
    bool (*run)(const struct command *command, char *answer);
    bool alone; /* no LP may be inside the module: what it reads changes in several steps */
} actions[] = {
    [COMMAND_KNOB] = {run_knob, false},         [COMMAND_MSR] = {run_msr, false},
    [COMMAND_CPUID] = {run_cpuid, false},       [COMMAND_CMR] = {run_cmr, true},
    [COMMAND_PACKAGES] = {run_packages, true},  [COMMAND_LPS] = {run_lps, false},
    [COMMAND_SEAMCAPS] = {run_seamcaps, false}, [COMMAND_HANDOFF_PAGES] = {run_handoff_pages, false},
    [COMMAND_INSTALL] = {run_install, true},
};

static bool act(struct lp *lp, const struct command *command, char *answer)
{
    bool alone = actions[command->verb].alone;
    if (alone && !seamcall_close())
        return command_refuse(answer, "an LP is inside the module; this command needs all of them outside");
    bool done = actions[command->verb].run(command, answer);
    if (lp->need_flush)
        npt_flush_others(lp);
    lp->need_flush = false;
    if (alone)
        seamcall_open();
    return done;
}

/* ---- the page ---- */

/* The guest's memory, as long as the guest could use it itself. */
static char *reach(u64 page)
{
    bool mapped = false;
    if (!is_aligned(page, PAGE_SIZE) || !memory_ram(page, PAGE_SIZE))
        return NULL;
    npt_why(page, &mapped);
    return mapped ? memory_ram(page, PAGE_SIZE) : NULL;
}

/* Another LP may write to the page meanwhile, so it is read once. */
static bool fetch(const char *page, char text[MONITOR_COMMAND_MAX], char *answer)
{
    memcpy(text, page, MONITOR_COMMAND_MAX);
    size_t length = 0;
    while (length < MONITOR_COMMAND_MAX && text[length])
        length++;
    if (length < MONITOR_COMMAND_MAX)
        return true;
    text[0] = 0;
    return command_refuse(answer, "the command has no end within %u bytes", MONITOR_COMMAND_MAX);
}

static void make_printable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            *text = *text == '\n' || *text == '\t' ? ' ' : '?';
}

bool command_run(struct lp *lp, u64 page)
{
    char line[MONITOR_COMMAND_MAX], words[MONITOR_COMMAND_MAX], answer[MONITOR_COMMAND_MAX] = "";
    struct command command;
    char *at = reach(page);
    if (!at)
        return false;
    bool done = fetch(at, line, answer);
    make_printable(line);
    memcpy(words, line, sizeof(words));
    if (done) {
        lock_take(&lock);
        done = command_parse(words, &command, answer) && act(lp, &command, answer);
        lock_release(&lock);
    }
    if (!done)
        log_line("command '%.60s' of LP %u refused: %s", line, lp->index, answer);
    else if (options.verbose)
        log_line("command of LP %u: %.100s", lp->index, line);
    memcpy(at, answer, strlen(answer) + 1);
    return true;
}
