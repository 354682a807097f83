/* SPDX-License-Identifier: MIT */
/*
 * TDs on the reference platform of test_soft.h: the pages that the vectors use, and pages of kinds that the
 * model can't make yet, written into its PAMT by hand.
 */
#ifndef TESTS_UNIT_SOFT_TD_H
#define TESTS_UNIT_SOFT_TD_H

#include "tests/unit/test_soft.h"

#include "seam/soft/td.h"

#define TDR     0x100100000ull
#define TDCX    0x100200000ull
#define TDVPR   0x100300000ull
#define SEPT    0x100400000ull
#define TD_PAGE 0x100500000ull
#define FREE    0x100000000ull
#define TD_HKID 33

#define PAMT_4K 0x200000000ull
#define PAMT_2M 0x200400000ull
#define PAMT_1G 0x200402000ull

/* What a call answers while something is locked by hand: the invariants don't hold then. */
#define run_locked(fake, ...)                                                                                \
    ({                                                                                                       \
        (fake)->depth++;                                                                                     \
        struct soft_regs locked_out = run((fake), __VA_ARGS__);                                              \
        (fake)->depth--;                                                                                     \
        locked_out;                                                                                          \
    })

static UNUSED struct soft_pamt_entry *pamt_entry(struct fake *fake, u64 page)
{
    return (void *)(fake->ram + PAMT_4K + (page - 0x100000000) / PAGE_SIZE * 16);
}

static UNUSED struct soft_td td_at(struct fake *fake, u64 tdr)
{
    return soft_td_of(pamt_entry(fake, tdr));
}

/* A page of the TD as if a leaf that isn't modelled had made it one; size 2 MiB: an entry of level 2M. */
static UNUSED void plant(struct fake *fake, u64 page, u8 type, u64 tdr, u64 bepoch, u64 size)
{
    struct soft_pamt_entry *entry = pamt_entry(fake, page);
    u64 frame = tdr / PAGE_SIZE;
    if (size == 2 * MIB)
        entry = (void *)(fake->ram + PAMT_2M + (page - 0x100000000) / (2 * MIB) * 16);
    entry->type = type;
    entry->bepoch = bepoch;
    memcpy(entry->owner, &frame, sizeof(entry->owner));
    pamt_entry(fake, tdr)->bepoch += size / PAGE_SIZE << SOFT_TD_CHILD_SHIFT;
    soft_note_private(&fake->module->tdmrs[0], page);
    soft_note_private(&fake->module->tdmrs[0], page + size - PAGE_SIZE);
    memset(fake->owner + page / PAGE_SIZE, SOFT_OWNER_CONTROL, size / PAGE_SIZE);
}

static UNUSED struct fake *with_tdmr(const char *profile)
{
    struct fake *fake = fake_new(profile);
    reach_pool(fake, 0, 0);
    return fake;
}

static UNUSED void create_td(struct fake *fake, u64 tdr, u16 hkid)
{
    assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = tdr, .rdx = hkid).rax, 0);
}

/* Its key on both packages */
static UNUSED void configure_td(struct fake *fake, u64 tdr)
{
    assert_status("MNG.KEY.CONFIG", run(fake, 0, 8, .rcx = tdr).rax, 0);
    assert_status("MNG.KEY.CONFIG", run(fake, 2, 8, .rcx = tdr).rax, 0);
}

static UNUSED void write_back(struct fake *fake)
{
    assert_status("CACHE.WB", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_status("CACHE.WB", run(fake, 2, 40, .rcx = 0).rax, 0);
}

/* From any life to TEARDOWN */
static UNUSED void end_td(struct fake *fake, u64 tdr)
{
    assert_status("MNG.VPFLUSHDONE", run(fake, 0, 19, .rcx = tdr).rax, 0);
    write_back(fake);
    assert_status("MNG.KEY.FREEID", run(fake, 0, 20, .rcx = tdr).rax, 0);
}

/* The standard TD with six TDCX pages, and a TDVPR, a SEPT page and a page of guest memory planted */
static UNUSED struct fake *with_td(void)
{
    struct fake *fake = with_tdmr("1.5.01");
    create_td(fake, TDR, TD_HKID);
    configure_td(fake, TDR);
    for (u32 i = 0; i < 6; i++)
        assert_status("MNG.ADDCX", run(fake, 0, 1, .rcx = TDCX + i * PAGE_SIZE, .rdx = TDR).rax, 0);
    plant(fake, TDVPR, TDX_PAGE_TDVPR, TDR, 0, PAGE_SIZE);
    plant(fake, SEPT, TDX_PAGE_EPT, TDR, 5, PAGE_SIZE);
    plant(fake, TD_PAGE, TDX_PAGE_REG, TDR, 7, PAGE_SIZE);
    return fake;
}

#endif
