/* SPDX-License-Identifier: MIT */
/*
 * TDs as far as their KeyID and their control pages go: TDH.MNG.CREATE (9), KEY.CONFIG (8), ADDCX (1),
 * VPFLUSHDONE (19), KEY.FREEID (20). Module 1.5.01 source.
 *
 * MNG.INIT isn't modelled, so a TD's OP_STATE stays UNINITIALIZED and it has no VCPUs. Therefore two checks
 * of these leaves always pass: ADDCX from the seventh page on wants just that OP_STATE, and VPFLUSHDONE looks
 * for associated VCPUs only once the TD is initialised.
 */
#include "seam/soft/td.h"

#include "lib/string.h"

#define RDSEED_TRIES    6
#define UUID_WORDS      4
#define MSR_BITMAP_PAGE 2 /* of the TDCS: its bytes are all ones */
#define SEPT_ROOT_PAGE  3 /* its entries are free ones */
#define SEPT_FREE       0x80E0000000000000ull

/* 256 random bits, which the model has no use for */
static bool random_256(const struct soft_request *request)
{
    const struct soft_platform *platform = &request->module->platform;
    u32 words = 0;
    u64 word;
    for (u32 i = 0; i < RDSEED_TRIES && words < UUID_WORDS; i++)
        words += platform->random(platform->context, request->lp, &word);
    return words == UUID_WORDS;
}

static void fill_page(const struct soft_request *request, u64 page, u64 pattern)
{
    u64 *words = soft_map(request, page, PAGE_SIZE);
    for (u32 i = 0; words && i < PAGE_SIZE / sizeof(*words); i++)
        words[i] = pattern;
}

/* A page becomes one of the TD's; the module fills it with the TD's or its own key. */
static void take_page(struct soft_module *module, const struct soft_pamt_walk *walk)
{
    soft_note_private(walk->tdmr, walk->page);
    soft_report_owner(module, walk->page, PAGE_SIZE, SOFT_OWNER_CONTROL);
}

/* ---- MNG.CREATE ---- */

static u64 create(const struct soft_request *request, const struct soft_pamt_walk *walk, u16 hkid)
{
    struct soft_module *module = request->module;
    const struct soft_td td = {.hkid = hkid, .life = SOFT_HKID_ASSIGNED};
    soft_locked(request);
    if (module->kot[hkid] != SOFT_KOT_FREE)
        return TDX_HKID_NOT_FREE;
    fill_page(request, walk->page, 0);
    if (!random_256(request))
        return TDX_RND_NO_ENTROPY;
    module->kot[hkid] = SOFT_KOT_ASSIGNED;
    soft_td_set(module, walk, &td);
    take_page(module, walk);
    return TDX_SUCCESS;
}

u64 soft_mng_create(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    const struct soft_regs *regs = request->regs;
    struct soft_pamt_walk walk;
    if (regs->rdx >> 16 || !soft_keyid_private(module, regs->rdx))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RDX);
    u64 status = soft_page_operand(request, regs->rcx, TDX_OPERAND_RCX, true, TDX_PAGE_NDA, &walk);
    if (status != TDX_SUCCESS)
        return status;
    status = soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_KOT);
    if (soft_lock_exclusive(&module->kot_lock)) {
        status = create(request, &walk, (u16)regs->rdx);
        soft_unlock_exclusive(&module->kot_lock);
    }
    soft_pamt_release(&walk);
    return status;
}

/* ---- leaves on a TDR that RCX names, exclusively locked ---- */

static u64 with_tdr(const struct soft_request *request,
                    u64 (*act)(const struct soft_request *request, struct soft_td *td))
{
    struct soft_pamt_walk walk;
    u64 status = soft_page_operand(request, request->regs->rcx, TDX_OPERAND_RCX, true, TDX_PAGE_TDR, &walk);
    if (status != TDX_SUCCESS)
        return status;
    struct soft_td td = soft_td_of(walk.entries[walk.level]);
    status = act(request, &td);
    if (status == TDX_SUCCESS)
        soft_td_set(request->module, &walk, &td);
    soft_pamt_release(&walk);
    return status;
}

static u64 configure_key(const struct soft_request *request, struct soft_td *td)
{
    struct soft_module *module = request->module;
    u32 package = 1u << module->lps[request->lp].package;
    soft_locked(request);
    if (td->fatal)
        return TDX_TD_FATAL;
    if (td->life != SOFT_HKID_ASSIGNED)
        return TDX_LIFECYCLE_STATE_INCORRECT;
    if (td->packages & package)
        return TDX_KEY_CONFIGURED;
    u64 status = soft_set_key(request, td->hkid);
    if (status != TDX_SUCCESS)
        return status;
    td->packages |= package;
    if (td->packages == module->packages_configured)
        td->life = SOFT_KEYS_CONFIGURED;
    return TDX_SUCCESS;
}

u64 soft_mng_key_config(const struct soft_request *request)
{
    return with_tdr(request, configure_key);
}

static u64 flush_done(const struct soft_request *request, struct soft_td *td)
{
    struct soft_module *module = request->module;
    if (!soft_lock_exclusive(&module->kot_lock))
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_KOT);
    soft_locked(request);
    bool alive = td->life == SOFT_HKID_ASSIGNED || td->life == SOFT_KEYS_CONFIGURED;
    if (alive) {
        td->life = SOFT_BLOCKED;
        module->kot[td->hkid] = SOFT_KOT_FLUSHED;
        module->kot_packages[td->hkid] = (u8)module->packages_configured;
    }
    soft_unlock_exclusive(&module->kot_lock);
    return alive ? TDX_SUCCESS : TDX_LIFECYCLE_STATE_INCORRECT;
}

u64 soft_mng_vpflushdone(const struct soft_request *request)
{
    return with_tdr(request, flush_done);
}

static u64 free_keyid(const struct soft_request *request, struct soft_td *td)
{
    struct soft_module *module = request->module;
    if (td->life != SOFT_BLOCKED)
        return TDX_LIFECYCLE_STATE_INCORRECT;
    if (!soft_lock_exclusive(&module->kot_lock))
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_KOT);
    soft_locked(request);
    bool written_back = module->kot_packages[td->hkid] == 0;
    if (written_back) {
        module->kot[td->hkid] = SOFT_KOT_FREE;
        td->life = SOFT_TEARDOWN;
    }
    soft_unlock_exclusive(&module->kot_lock);
    return written_back ? TDX_SUCCESS : TDX_WBCACHE_NOT_COMPLETE;
}

u64 soft_mng_key_freeid(const struct soft_request *request)
{
    return with_tdr(request, free_keyid);
}

/* ---- MNG.ADDCX ---- */

static u64 tdcs_pattern(u32 number)
{
    return number == MSR_BITMAP_PAGE ? ~0ull : number == SEPT_ROOT_PAGE ? SEPT_FREE : 0;
}

static u64 add_page(const struct soft_request *request, const struct soft_pamt_walk *tdr, struct soft_td *td)
{
    struct soft_module *module = request->module;
    struct soft_pamt_walk walk;
    if (td->fatal)
        return TDX_TD_FATAL;
    if (td->life != SOFT_KEYS_CONFIGURED)
        return TDX_TD_KEYS_NOT_CONFIGURED;
    if (td->tdcs_pages == SOFT_TDCS_PAGES_MAX)
        return TDX_TDCX_NUM_INCORRECT;
    u64 status = soft_page_operand(request, request->regs->rcx, TDX_OPERAND_RCX, true, TDX_PAGE_NDA, &walk);
    if (status != TDX_SUCCESS)
        return status;
    soft_locked(request);
    fill_page(request, walk.page, tdcs_pattern(td->tdcs_pages));
    if (td->tdcs_pages + 1 == SOFT_TDCS_PAGES_MIN && !random_256(request)) {
        status = TDX_RND_NO_ENTROPY;
    } else {
        td->tdcs_pages++;
        td->children++;
        soft_pamt_set(module, &walk, TDX_PAGE_TDCX, tdr->page, 0);
        take_page(module, &walk);
    }
    soft_pamt_release(&walk);
    return status;
}

u64 soft_mng_addcx(const struct soft_request *request)
{
    struct soft_pamt_walk tdr;
    u64 status = soft_page_operand(request, request->regs->rdx, TDX_OPERAND_RDX, true, TDX_PAGE_TDR, &tdr);
    if (status != TDX_SUCCESS)
        return status;
    struct soft_td td = soft_td_of(tdr.entries[tdr.level]);
    status = add_page(request, &tdr, &td);
    if (status == TDX_SUCCESS)
        soft_td_set(request->module, &tdr, &td);
    soft_pamt_release(&tdr);
    return status;
}
