/* SPDX-License-Identifier: MIT */
/* What machine and module can, found out once: before the first case where the module can be reset, else by
 * the first case that gets as far as SYS.LP.INIT. */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/msr.h"
#include "lib/format.h"
#include "lib/string.h"

struct script_facts script_facts;

bool run_sysrd(struct script_run *run, u64 field, u64 *value, struct script_made *made)
{
    *made = run_call_leaf(run, TDH_SYS_RD, 0x1111111111111000, field);
    *value = made->out.r[REG_R8];
    return made->answered && made->out.r[REG_RAX] == TDX_SUCCESS;
}

static u64 field_or_0(struct script_run *run, u64 field)
{
    u64 value;
    struct script_made made;
    return run_sysrd(run, field, &value, &made) ? value : 0;
}

static void read_cmrs(struct script_run *run)
{
    script_facts.cmr_count = 0;
    for (u32 i = 0; i < TDX_MAX_CMRS; i++) {
        struct tdx_cmr cmr = {field_or_0(run, TDX_FIELD_CMR_BASE + i),
                              field_or_0(run, TDX_FIELD_CMR_SIZE + i)};
        if (cmr.size)
            script_facts.cmrs[script_facts.cmr_count++] = cmr;
    }
}

/* On an initialised boot CPU */
static bool read_facts(struct script_run *run)
{
    struct script_made made;
    if (!run_sysrd(run, TDX_FIELD_TDX_FEATURES0, &script_facts.features0, &made))
        return run_fail_call(run, &made, "TDX_FEATURES0 to be readable after SYS.LP.INIT");
    script_facts.version = field_or_0(run, TDX_FIELD_MAJOR_VERSION) << 32 |
                           field_or_0(run, TDX_FIELD_MINOR_VERSION) << 16 |
                           field_or_0(run, TDX_FIELD_UPDATE_VERSION);
    script_facts.packages = (u32)field_or_0(run, TDX_FIELD_NUM_PKGS);
    if (script_facts.packages == 0 || script_facts.packages > run->port->cpus)
        script_facts.packages = 1;
    read_cmrs(run);
    run->packages = script_facts.packages;
    script_facts.known = true;
    return true;
}

bool run_learn(struct script_run *run, enum script_state state)
{
    if (script_facts.known)
        return true;
    if (state < STATE_INITIALISED && !run->port->monitor)
        return run_skip(run, "what the module can isn't known before SYS.LP.INIT");
    return run_go_plain(run, STATE_INITIALISED) && read_facts(run);
}

/* ---- once ---- */

static bool keyids(const struct script_port *port)
{
    u64 partition, activate;
    if (!port->rdmsr(port->context, MSR_IA32_MKTME_KEYID_PART, &partition) ||
        !port->rdmsr(port->context, MSR_IA32_TME_ACTIVATE, &activate))
        return false;
    script_facts.keyid_first = (partition & 0xFFFFFFFF) + 1;
    script_facts.keyid_count = partition >> 32;
    script_facts.keyid_shift = TDX_PRIVATE_PA_BITS - (u32)(activate >> TME_ACTIVATE_KEYID_SHIFT & 0xF);
    return true;
}

static bool counts(const struct script_port *port, u64 counter)
{
    u64 value;
    return port->monitor_write(port->context, MONITOR_MSR_COUNTER_SELECT, counter) &&
           port->monitor_read(port->context, MONITOR_MSR_COUNTER_VALUE, &value) && value;
}

/* A fault on the monitor's command line is for the user's run; finding things out must not use it up. */
static bool fault_armed(const struct script_port *port)
{
    bool armed = port->monitor && counts(port, MONITOR_COUNTER_PLATFORM_FAULTS);
    for (u32 leaf = 0; port->monitor && !armed && leaf < 256; leaf++)
        armed = counts(port, MONITOR_COUNTER_FAULTS + leaf);
    return armed;
}

/* A module that doesn't know SYS.DISABLE answers as to any number it doesn't know. */
static void ask_for_disable(struct script_run *run)
{
    if (!run_go_plain(run, STATE_RESET))
        return;
    struct script_made made = run_call_leaf(run, TDH_SYS_DISABLE, 0x1111111111111000, 0x2222222222222000);
    u64 status = made.out.r[REG_RAX] & TDX_STATUS_MASK;
    script_facts.can_disable = made.answered && status != TDX_SYS_NOT_READY && status != TDX_OPERAND_INVALID;
    run_states_forget();
}

/* Where nothing can be taken back, asking one field tells whether somebody was here before. */
static bool look_at_hardware(struct script_run *run, char *why, size_t size)
{
    u64 value;
    struct script_made made;
    bool initialised = run_sysrd(run, TDX_FIELD_TDX_FEATURES0, &value, &made);
    if (initialised)
        run_states_forget();
    if (made.out.r[REG_RAX] >> 40 != TDX_SW_ERROR >> 40)
        return true;
    format(why, size, "no module answers SEAMCALL");
    return false;
}

bool run_facts_start(const struct script_port *port, char *why, size_t size)
{
    static const struct script_options silent;
    static struct script_result result;
    static struct script_run run;
    memset(&run, 0, sizeof(run));
    memset(&script_facts, 0, sizeof(script_facts));
    run.port = port;
    run.options = &silent;
    run.result = &result;
    run.deadline_us = ~0ull;
    run.arena_next = port->arena;
    if (!keyids(port)) {
        format(why, size, "IA32_MKTME_KEYID_PARTITIONING can't be read: this CPU has no TDX");
        return false;
    }
    script_facts.fault_armed = fault_armed(port);
    run_states_start(port, !port->monitor || script_facts.fault_armed);
    if (script_facts.fault_armed)
        return true;
    if (!port->monitor)
        return look_at_hardware(&run, why, size);
    ask_for_disable(&run);
    run_learn(&run, STATE_INITIALISED); /* a module that can't shows it in every case */
    return true;
}
