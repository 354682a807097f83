/* SPDX-License-Identifier: MIT */
/*
 * TDH.SYS.TDMR.INIT (36): writes the PAMT of the TDMR's next 4 MiB: 1024 entries of level 4K, two of level
 * 2M, and the 1G entry when its GiB is complete. All entries are zero (NDA), except the type of reserved
 * pages. Upper levels are written as 64-byte lines, when an entry starts one. Module 1.5.01 source. With
 * Dynamic PAMT there is a bitmap instead of the entries of level 4K, in which the bits of reserved pages are
 * set.
 */
#include "seam/soft/state.h"

#include "lib/string.h"

#define LINE_BYTES 64u

static bool zero_line_at(const struct soft_request *request, const struct soft_range *pamt, u64 entry)
{
    u64 offset = entry * TDX_PAMT_ENTRY_BYTES;
    if (!is_aligned(offset, LINE_BYTES))
        return true;
    void *line = soft_map(request, pamt->base + offset, LINE_BYTES);
    soft_journal_spoil(request->module, pamt->base + offset, LINE_BYTES, false);
    if (line)
        memset(line, 0, LINE_BYTES);
    return line;
}

static void mark_page(const struct soft_tdmr *tdmr, u8 *metadata, u64 index)
{
    u64 bit = index * tdmr->bitmap_bits;
    if (tdmr->bitmap_bits)
        metadata[bit / 8] |= (u8)(1u << bit % 8);
    else
        ((struct soft_pamt_entry *)metadata)[index].type = TDX_PAGE_RSVD;
}

static void mark_reserved(const struct soft_tdmr *tdmr, u64 start, u8 *metadata)
{
    for (u32 i = 0; i < TDX_MAX_RESERVED_PER_TDMR && tdmr->reserved[i].size; i++) {
        u64 area = tdmr->base + tdmr->reserved[i].offset;
        u64 from = max_u64(area, start);
        u64 to = min_u64(area + tdmr->reserved[i].size, start + TDX_TDMR_INIT_STEP);
        for (; from < to; from += PAGE_SIZE)
            mark_page(tdmr, metadata, (from - start) / PAGE_SIZE);
    }
}

static bool write_step(const struct soft_request *request, const struct soft_tdmr *tdmr, u64 start)
{
    u64 offset = start - tdmr->base;
    u64 bytes = soft_pamt_bytes(tdmr, TDX_PAMT_4K, TDX_TDMR_INIT_STEP / PAGE_SIZE);
    u64 at = tdmr->pamt[TDX_PAMT_4K].base + soft_pamt_bytes(tdmr, TDX_PAMT_4K, offset / PAGE_SIZE);
    u8 *metadata = soft_map(request, at, bytes);
    if (!metadata)
        return false;
    soft_journal_spoil(request->module, at, bytes, false);
    memset(metadata, 0, bytes);
    mark_reserved(tdmr, start, metadata);
    if (!zero_line_at(request, &tdmr->pamt[TDX_PAMT_2M], offset / (2 * MIB)))
        return false;
    bool last_of_gib = is_aligned(offset + TDX_TDMR_INIT_STEP, GIB);
    return !last_of_gib || zero_line_at(request, &tdmr->pamt[TDX_PAMT_1G], offset / GIB);
}

static u64 initialise_step(const struct soft_request *request, struct soft_tdmr *tdmr)
{
    u64 start = tdmr->initialised;
    if (start == tdmr->base + tdmr->size)
        return TDX_TDMR_ALREADY_INITIALIZED;
    if (!write_step(request, tdmr, start))
        return soft_stop(request, "SYS.TDMR.INIT: the PAMT lies where there is no memory");
    u64 next = start + TDX_TDMR_INIT_STEP;
    __atomic_store_n(&tdmr->initialised, next, __ATOMIC_RELEASE);
    request->regs->rdx = align_down(next, GIB);
    return TDX_SUCCESS;
}

u64 soft_tdmr_init(const struct soft_request *request)
{
    struct soft_module *module = request->module;
    u64 base = request->regs->rcx;
    request->regs->rdx = 0;
    struct soft_tdmr *tdmr = soft_tdmr_of(module, base);
    if (!is_aligned(base, GIB) || !soft_pa_plain(module, base) || !tdmr || tdmr->base != base)
        return soft_operand(TDX_OPERAND_INVALID, TDX_OPERAND_RCX);
    if (!soft_lock_exclusive(&tdmr->lock))
        return soft_operand(TDX_OPERAND_BUSY, TDX_OPERAND_RCX);
    soft_locked(request);
    u64 status = initialise_step(request, tdmr);
    soft_unlock_exclusive(&tdmr->lock);
    return status;
}
