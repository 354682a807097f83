/* SPDX-License-Identifier: MIT */
/*
 * Quoting in the module: TDH.QUOTE.INIT (100) and TDH.QUOTE.GET (98). Operands and resume rule: Linux'
 * module-extension patches v2; what they leave open is a knob, the order of checks is inferred:
 *
 * - QUOTE.INIT: lock; quoting configured? EXT.INIT done? done already? Then its steps.
 * - QUOTE.GET: lock; quoting configured? QUOTE.INIT done? TDR; quote id; input's address and length; buffer's
 *   length, then its list. Then its steps, then the quote is written.
 *
 * Both are repeated with their original operands after INTERRUPTED_RESUMABLE. What a quote says is invented:
 * a tag, its length, and bytes made from the input.
 */
#include "seam/soft/state.h"

#include "lib/string.h"

#define DEFAULT_ID 0xFFFFu
#define TAG        0x4445544E45564E49ull /* "INVENTED" */

static bool configured(const struct soft_module *module)
{
    return module->configured_features >> TDX_FEATURE_QUOTE & 1;
}

/* False: interrupted. */
static bool make_steps(const struct soft_request *request, u32 *step, u64 steps)
{
    const struct soft_platform *platform = &request->module->platform;
    for (u32 done = 0; *step < steps; done++, ++*step)
        if (platform->interrupt_pending(platform->context, request->lp, done))
            return false;
    return true;
}

/* ---- QUOTE.INIT ---- */

static u64 init(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct soft_quote *quote = &module->quote;
    if (!configured(module))
        return module->knobs.quote_not_configured_status;
    if (!__atomic_load_n(&module->ext.done, __ATOMIC_ACQUIRE))
        return module->knobs.quote_init_before_ext_status;
    if (quote->done)
        return module->knobs.quote_init_twice_status;
    if (!make_steps(request, &quote->init_step, module->knobs.quote_init_steps))
        return TDX_INTERRUPTED_RESUMABLE;
    __atomic_store_n(&quote->done, true, __ATOMIC_RELEASE);
    return TDX_SUCCESS;
}

u64 soft_quote_init(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (!soft_lock_exclusive(&module->quote.lock))
        return module->knobs.quote_busy_status;
    soft_locked(request);
    u64 status = init(request);
    soft_unlock_exclusive(&module->quote.lock);
    return status;
}

/* ---- QUOTE.GET: the buffer, an HPA linked list ---- */

/* A page of the host's in shared memory */
static bool host_page_ok(const struct soft_module *module, u64 pa)
{
    return soft_buffer_ok(module, pa, PAGE_SIZE) &&
           soft_page_owner(module, soft_pa_without_keyid(module, pa)) == SOFT_OWNER_HOST;
}

struct list {
    const struct soft_request *request;
    u64 node;  /* physical address */
    u32 slot;  /* in it */
    bool good; /* so far */
};

static u64 read_slot(struct list *list, u32 slot)
{
    u64 pa = 0;
    soft_read(list->request, list->node + slot * sizeof(pa), &pa, sizeof(pa));
    return pa;
}

static void follow(struct list *list)
{
    u64 next = read_slot(list, TDX_HPA_LINKED_PAGES);
    list->good = list->good && host_page_ok(list->request->module, next);
    list->node = list->good ? next : list->node;
    list->slot = 0;
}

static u64 next_page(struct list *list)
{
    if (list->slot == TDX_HPA_LINKED_PAGES)
        follow(list);
    u64 page = read_slot(list, list->slot++);
    list->good = list->good && host_page_ok(list->request->module, page);
    return page;
}

/* The list ends: also behind a full node, whose last slot is the next node's. */
static bool terminated(struct list *list)
{
    for (; list->slot <= TDX_HPA_LINKED_PAGES; list->slot++)
        if (read_slot(list, list->slot) != TDX_HPA_LINKED_END)
            return false;
    return true;
}

static struct list list_of(const struct soft_request *request)
{
    return (struct list){.request = request, .node = request->regs->r10, .good = true};
}

static bool list_ok(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    u64 pages = (request->regs->r11 + PAGE_SIZE - 1) / PAGE_SIZE;
    struct list list = list_of(request);
    if (!host_page_ok(module, list.node))
        return false;
    for (u64 i = 0; i < pages && list.good; i++)
        next_page(&list);
    return list.good && (!module->knobs.quote_list_strict || terminated(&list));
}

/* ---- QUOTE.GET: operands ---- */

static u64 check_tdr(const struct soft_request *request)
{
    struct soft_pamt_walk walk;
    if (request->module->overlay)
        return soft_overlay_check_page(request, request->regs->rcx, TDX_OPERAND_RCX, TDX_PAGE_TDR);
    u64 status = soft_page_operand(request, request->regs->rcx, TDX_OPERAND_RCX, false, TDX_PAGE_TDR, &walk);
    if (status == TDX_SUCCESS)
        soft_pamt_release(&walk);
    return status;
}

static bool id_ok(const struct soft_module *module, u64 rdx)
{
    u64 id = rdx >> TDX_QUOTE_ID_SHIFT;
    return !(rdx & 0xFFFFFFFF) && (id == DEFAULT_ID || id < module->knobs.quote_ids);
}

static bool buffer_length_ok(const struct soft_module *module, u64 length)
{
    u64 least = module->knobs.quote_buffer_min ? module->knobs.max_quote_size : module->knobs.quote_size;
    return length >= least && length <= SOFT_QUOTE_BUFFER_MAX;
}

static u64 check_operands(const struct soft_request *request)
{
    const struct soft_module *module = request->module;
    const struct soft_regs *regs = request->regs;
    u64 status = check_tdr(request);
    if (status != TDX_SUCCESS)
        return status;
    if (!id_ok(module, regs->rdx))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RDX);
    if (!host_page_ok(module, regs->r8))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R8);
    if (regs->r9 < module->knobs.quote_input_min || regs->r9 > PAGE_SIZE)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R9);
    if (!buffer_length_ok(module, regs->r11))
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_R11);
    if (!list_ok(request))
        return soft_operand(TDX_OPERAND_INVALID, module->knobs.quote_list_operand);
    return TDX_SUCCESS;
}

/* ---- QUOTE.GET: the quote ---- */

static u64 digest_input(const struct soft_request *request)
{
    u64 digest = request->regs->r9;
    for (u64 i = 0; i < request->regs->r9; i++) {
        u8 byte;
        soft_read(request, request->regs->r8 + i, &byte, sizeof(byte));
        digest = (digest ^ byte) * 0x9E3779B97F4A7C15ull;
    }
    return digest;
}

/* Word number index: tag, length, then a sequence that starts with the digest. */
static u64 quote_word(u64 digest, u64 length, u64 index)
{
    if (index < 2)
        return index ? length : TAG;
    return digest + (index - 2) * 0x0101010101010101ull;
}

static void write_page(const struct soft_request *request, u64 page, u64 offset, u64 digest)
{
    u64 length = request->module->knobs.quote_size;
    u8 *at = soft_map(request, page, PAGE_SIZE);
    for (u64 i = 0; at && i < PAGE_SIZE && offset + i < length; i += sizeof(u64)) {
        u64 word = quote_word(digest, length, (offset + i) / sizeof(u64));
        memcpy(at + i, &word, min_u64(sizeof(word), length - offset - i));
    }
}

static void write_quote(const struct soft_request *request)
{
    struct list list = list_of(request);
    u64 digest = digest_input(request);
    for (u64 offset = 0; offset < request->module->knobs.quote_size; offset += PAGE_SIZE)
        write_page(request, next_page(&list), offset, digest);
}

/* Resuming means the same registers. With others it is another call, and the one before is forgotten. */
static void check_resume(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct soft_quote *quote = &module->quote;
    const struct soft_regs *regs = request->regs;
    const u64 registers[] = {regs->rcx, regs->rdx, regs->r8, regs->r9, regs->r10, regs->r11};
    bool same = memcmp(registers, quote->get_registers, sizeof(registers)) == 0;
    if (quote->get_interrupted && !same) {
        module->platform.violation(module->platform.context, request->lp,
                                   "QUOTE.GET after an interrupted one, with other operands");
        quote->get_step = 0;
    }
    quote->get_interrupted = false;
    memcpy(quote->get_registers, registers, sizeof(registers));
}

static u64 get(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    struct soft_quote *quote = &module->quote;
    if (!configured(module))
        return module->knobs.quote_not_configured_status;
    if (!quote->done)
        return module->knobs.quote_get_before_init_status;
    check_resume(request);
    u64 status = check_operands(request);
    if (status != TDX_SUCCESS) {
        quote->get_step = 0;
        return status;
    }
    if (!make_steps(request, &quote->get_step, module->knobs.quote_get_steps)) {
        quote->get_interrupted = true;
        if (module->knobs.quote_get_rcx_on_resumable)
            request->regs->rcx = 0;
        return TDX_INTERRUPTED_RESUMABLE;
    }
    quote->get_step = 0;
    write_quote(request);
    request->regs->rcx = module->knobs.quote_size;
    return TDX_SUCCESS;
}

u64 soft_quote_get(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    if (!soft_lock_exclusive(&module->quote.lock))
        return module->knobs.quote_busy_status;
    soft_locked(request);
    u64 status = get(request);
    soft_unlock_exclusive(&module->quote.lock);
    return status;
}
