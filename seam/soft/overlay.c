/* SPDX-License-Identifier: MIT */
/* The overlay's life and its metadata fields. Its pages: overlay_pages.c. */
#include "seam/soft/overlay.h"

#include "drivers/tdx/abi/status.h"
#include "lib/log.h"
#include "lib/string.h"
#include "seam/soft/metadata.h"

#define R8_DYNAMIC_PAMT (1ull << 16)

/* ---- life ---- */

/* The gate for an LP and for a state is the module's below, which has said yes when a call comes here. */
static void begin(struct soft_module *module)
{
    module->overlay = true;
    module->sample.seam_capabilities = ~0ull;
    for (u32 i = 0; i < SOFT_MAX_LPS; i++)
        module->lps[i].initialised = true;
}

void soft_overlay_reset(struct soft_module *module, const struct soft_platform *platform,
                        const struct soft_machine *machine, const struct soft_knobs *knobs)
{
    if (module->overlay)
        soft_overlay_leave(module);
    module->powered = false; /* PAMTs aren't the overlay's to give back */
    soft_reset(module, platform, machine, knobs);
    begin(module);
}

void soft_overlay_disabled(struct soft_module *module)
{
    soft_overlay_leave(module);
    soft_clear_life(module, false);
    soft_set_state(module, SOFT_INIT_PENDING);
    begin(module);
}

void soft_overlay_shut_down(struct soft_module *module)
{
    soft_set_state(module, SOFT_SHUTDOWN);
}

void soft_overlay_install(struct soft_module *module, const struct soft_knobs *knobs)
{
    module->knobs = *knobs;
    if (soft_state(module) != SOFT_SHUTDOWN) {
        soft_overlay_disabled(module);
        return;
    }
    module->ext = (struct soft_ext){0};
    module->quote = (struct soft_quote){0};
    soft_set_state(module, SOFT_INIT_PENDING);
}

u64 soft_overlay_features(const struct soft_module *module)
{
    return module->knobs.features0 & (1ull << TDX_FEATURE_EXT | 1ull << TDX_FEATURE_QUOTE);
}

void soft_overlay_learn_addresses(struct soft_module *module, u32 lp)
{
    static const enum soft_msr layout[] = {SOFT_MSR_TME_ACTIVATE, SOFT_MSR_KEYID_PARTITIONING};
    const struct soft_request request = {.module = module, .lp = lp};
    for (u32 i = 0; i < ARRAY_COUNT(layout); i++)
        module->sample.msr[layout[i]] = soft_rdmsr(&request, soft_msr_numbers[layout[i]]);
}

/* ---- SYS.CONFIG ---- */

static struct soft_request request_of(struct soft_module *module, u32 lp, struct soft_regs *regs)
{
    return (struct soft_request){
        .module = module, .regs = regs, .lp = lp, .version = regs->rax >> TDX_RAX_VERSION_SHIFT & 0xFF};
}

u64 soft_overlay_check_update(struct soft_module *module, u32 lp, const struct soft_regs *in,
                              u64 features_below)
{
    struct soft_regs regs = *in;
    const struct soft_request request = request_of(module, lp, &regs);
    module->knobs.features0 = features_below | soft_overlay_features(module);
    return soft_check_features(&request);
}

u64 soft_overlay_check_config(struct soft_module *module, u32 lp, const struct soft_regs *in,
                              u64 features_below)
{
    soft_overlay_learn_addresses(module, lp);
    if (!soft_keyid_private(module, in->r8))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R8);
    return soft_overlay_check_update(module, lp, in, features_below);
}

/* The module below has taken this TDMR; that the model has another opinion is for its author to know. */
static void take_tdmr(const struct soft_request *request, u32 index)
{
    char text[TDX_STATUS_TEXT_MAX];
    u64 status = soft_fetch_tdmr(request, index);
    if (status == TDX_SUCCESS)
        return;
    tdx_status_describe(status, text, sizeof(text));
    log_line("overlay: the module took TDMR %u, the model would have refused it: %s", index, text);
}

static void select_features(struct soft_module *module, const struct soft_request *request)
{
    u64 pool_pages = 0;
    for (u32 i = 0; i < module->tdmr_count; i++)
        pool_pages += module->tdmrs[i].pool_pages;
    module->configured_features = request->version > 0 ? request->regs->r9 : 0;
    soft_ext_configure(module, pool_pages);
    soft_set_state(module, SOFT_READY);
}

void soft_overlay_updated(struct soft_module *module, u32 lp, const struct soft_regs *in)
{
    struct soft_regs regs = *in;
    const struct soft_request request = request_of(module, lp, &regs);
    select_features(module, &request);
}

/* A module that was installed and isn't updated, but configured anew, has given up the pool (inferred). */
void soft_overlay_configured(struct soft_module *module, u32 lp, const struct soft_regs *in)
{
    struct soft_regs regs = *in;
    const struct soft_request request = request_of(module, lp, &regs);
    soft_overlay_leave(module);
    soft_overlay_learn_addresses(module, lp);
    if (regs.r8 & R8_DYNAMIC_PAMT)
        log_line("overlay: this module's PAMT is dynamic: no page can become extension memory");
    module->tdmr_count = regs.r8 & R8_DYNAMIC_PAMT ? 0 : (u32)regs.rdx;
    for (u32 i = 0; i < module->tdmr_count; i++)
        take_tdmr(&request, i);
    select_features(module, &request);
}

/* The module below serves one call for a TDMR at a time, but the answers may come here in any order. */
void soft_overlay_initialised(struct soft_module *module, u64 tdmr_base, u64 end)
{
    struct soft_tdmr *tdmr = soft_tdmr_of(module, tdmr_base);
    if (!tdmr)
        return;
    u64 old = __atomic_load_n(&tdmr->initialised, __ATOMIC_RELAXED);
    while (old < end && !__atomic_compare_exchange_n(&tdmr->initialised, &old, end, false, __ATOMIC_RELEASE,
                                                     __ATOMIC_RELAXED))
        ;
}

/* ---- fields ---- */

bool soft_overlay_owns_row(u32 row)
{
    return row == SOFT_FIELD_INDEX_MEMORY_POOL_REQUIRED_PAGES || row == SOFT_FIELD_INDEX_EXT_REQUIRED ||
           row == SOFT_FIELD_INDEX_MAX_QUOTE_SIZE;
}

u32 soft_overlay_row(const struct soft_module *module, u64 id)
{
    u32 element;
    return soft_field_is_null(id) ? SOFT_FIELD_COUNT : soft_field_find(module, id, &element);
}

bool soft_overlay_has_field(const struct soft_module *module, u64 id)
{
    return soft_overlay_owns_row(soft_overlay_row(module, id));
}

bool soft_overlay_is_features(const struct soft_module *module, u64 id)
{
    return soft_overlay_row(module, id) == SOFT_FIELD_INDEX_TDX_FEATURES0;
}

u32 soft_overlay_readable_row(const struct soft_module *module, u32 row)
{
    for (; row < SOFT_FIELD_COUNT; row++)
        if (soft_overlay_owns_row(row) && soft_field_exists(module, row) && soft_field_readable(module, row))
            break;
    return row;
}

u64 soft_overlay_row_id(u32 row)
{
    return row < SOFT_FIELD_COUNT ? soft_fields[row].id : TDX_FIELD_NULL;
}

u64 soft_overlay_first_field(const struct soft_module *module)
{
    return soft_overlay_row_id(soft_overlay_readable_row(module, 0));
}

/* ---- states ---- */

size_t soft_overlay_size(void)
{
    return SOFT_LIFE_BYTES;
}

void soft_overlay_save(const struct soft_module *module, void *state)
{
    memcpy(state, module, SOFT_LIFE_BYTES);
}

void soft_overlay_restore(struct soft_module *module, const void *state)
{
    struct soft_platform platform = module->platform;
    memcpy(module, state, SOFT_LIFE_BYTES);
    module->platform = platform;
    soft_overlay_retake(module);
}
