/* SPDX-License-Identifier: MIT */
/* The dispatcher: gate, state, who is inside, and power-on. Order of the gate: module 1.5.01 source. */
#include "seam/soft/state.h"

#include "drivers/tdx/abi/status.h"
#include "lib/log.h"
#include "lib/string.h"

#define LEAVES 256u

enum gate { GATE_NONE, GATE_ANY, GATE_READY, GATE_EXT, GATE_UNMODELLED };

static const struct leaf {
    u64 (*handler)(const struct soft_request *request);
    enum gate gate;
} leaves[LEAVES] = {
#define SOFT_LEAF(symbol, function, state) [TDH_##symbol] = {(function), GATE_##state},
#define SOFT_LEAF_UNMODELLED(symbol)       [TDH_##symbol] = {NULL, GATE_UNMODELLED},
#include "seam/soft/leaves.def"
};

u64 soft_no_operation(const struct soft_request *request)
{
    (void)request;
    return TDX_SUCCESS;
}

u64 soft_stop(const struct soft_request *request, const char *why)
{
    log_line("soft module: stopped itself on LP %u: %s; SEAMCALL fails from now on", request->lp, why);
    __atomic_store_n(&request->module->fatal, true, __ATOMIC_RELEASE);
    return SOFT_STATUS_FATAL;
}

bool soft_leaf_unmodelled(u32 leaf)
{
    return leaf < LEAVES && leaves[leaf].gate == GATE_UNMODELLED;
}

/* Newer versions of these leaves pass the dispatcher; the leaf itself looks at them. */
static u32 highest_version(const struct soft_module *module, u32 leaf)
{
    switch (leaf) {
    case TDH_MEM_SEPT_ADD:
    case TDH_MNG_RD:
    case TDH_MEM_PAGE_PROMOTE:
    case TDH_VP_RD:
    case TDH_MEM_SEPT_REMOVE:
        return 0xFF;
    case TDH_SYS_CONFIG:
        return (u32)module->knobs.sys_config_version;
    case TDH_SYS_UPDATE:
        return (u32)module->knobs.sys_update_version;
    default:
        return 0;
    }
}

static void say_unmodelled(struct soft_module *module, u32 leaf)
{
    u32 bit = 1u << leaf % 32;
    if (!(__atomic_fetch_or(&module->unmodelled_logged[leaf / 32], bit, __ATOMIC_RELAXED) & bit))
        log_line("soft module: leaf %u (%s) is not modelled yet and answers OPERAND_INVALID|RAX", leaf,
                 tdx_leaf_name(leaf));
}

/* Leaves that only newer modules have */
static bool leaf_exists(const struct soft_module *module, u32 number)
{
    switch (number) {
    case TDH_EXT_MEM_ADD:
    case TDH_EXT_INIT:
        return module->knobs.features0 >> TDX_FEATURE_EXT & 1;
    case TDH_QUOTE_INIT:
    case TDH_QUOTE_GET:
        return module->knobs.features0 >> TDX_FEATURE_QUOTE & 1;
    case TDH_PHYMEM_PAMT_ADD:
    case TDH_PHYMEM_PAMT_REMOVE:
        return module->knobs.features0 >> TDX_FEATURE_DYNAMIC_PAMT & 1;
    case TDH_SYS_DISABLE:
        return module->knobs.sys_disable;
    default:
        return number < LEAVES;
    }
}

static const struct leaf *find_leaf(const struct soft_module *module, u32 number)
{
    static const struct leaf unknown;
    return leaf_exists(module, number) ? &leaves[number] : &unknown;
}

/* The gate: what the module's state has to say about a leaf, before anything else looks at it. */
static u64 check_state(const struct soft_module *module, u32 number, const struct leaf *leaf)
{
    enum soft_state state = __atomic_load_n(&module->state, __ATOMIC_SEQ_CST);
    u64 locked_out = module->knobs.disable_lockout_status;
    if (leaf->handler == soft_sys_disable)
        return TDX_SUCCESS;
    if (locked_out && __atomic_load_n(&module->disabling, __ATOMIC_SEQ_CST))
        return locked_out;
    if (state == SOFT_SHUTDOWN && number != TDH_SYS_LP_SHUTDOWN)
        return TDX_SYS_SHUTDOWN;
    if (state == SOFT_READY || leaf->gate == GATE_ANY)
        return TDX_SUCCESS;
    return leaf->gate == GATE_EXT ? module->knobs.ext_before_ready_status : TDX_SYS_NOT_READY;
}

static u64 dispatch(struct soft_request *request)
{
    struct soft_module *module = request->module;
    const u64 invalid = soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RAX);
    u64 rax = request->regs->rax;
    u32 number = rax & 0xFFFF;
    const struct leaf *leaf = find_leaf(module, number);
    request->version = rax >> TDX_RAX_VERSION_SHIFT & 0xFF;
    if (rax & TDX_RAX_RESERVED || request->version > highest_version(module, number))
        return invalid;
    u64 status = check_state(module, number, leaf);
    if (status != TDX_SUCCESS)
        return status;
    if (leaf->gate == GATE_UNMODELLED)
        say_unmodelled(module, number);
    return leaf->handler ? leaf->handler(request) : invalid;
}

enum soft_outcome soft_call(struct soft_module *module, u32 lp, struct soft_regs *regs)
{
    struct soft_request request = {.module = module, .regs = regs, .lp = lp};
    if (soft_is_fatal(module))
        return SOFT_FATAL;
    __atomic_store_n(&module->lps[lp].busy, true, __ATOMIC_SEQ_CST); /* before the state is read */
    u64 status = dispatch(&request);
    __atomic_store_n(&module->lps[lp].busy, false, __ATOMIC_RELEASE);
    if (soft_is_fatal(module))
        return SOFT_FATAL;
    regs->rax = status;
    return SOFT_RETURNED;
}

/* ---- power-on ---- */

size_t soft_module_size(void)
{
    return sizeof(struct soft_module);
}

void soft_reset(struct soft_module *module, const struct soft_platform *platform,
                const struct soft_machine *machine, const struct soft_knobs *knobs)
{
    if (module->powered) {
        soft_give_everything_back(module);
        soft_journal_leave(module);
    }
    memset(module, 0, SOFT_LIFE_BYTES);
    module->powered = true;
    module->platform = *platform;
    module->machine = *machine;
    module->knobs = *knobs;
}

bool soft_is_fatal(const struct soft_module *module)
{
    return __atomic_load_n(&module->fatal, __ATOMIC_ACQUIRE);
}

bool soft_lp_busy(const struct soft_module *module, u32 lp)
{
    return __atomic_load_n(&module->lps[lp].busy, __ATOMIC_ACQUIRE);
}
