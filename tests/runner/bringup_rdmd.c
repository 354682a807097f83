/* SPDX-License-Identifier: MIT */
/*
 * PHYMEM.PAGE.RDMD: what the module holds a page for, read from the PAMT that TDMR.INIT has written.
 *
 * RCX is a page: 4 KiB aligned, below 2^52, no KeyID bits (OPERAND_INVALID|RCX), in an initialised block of a
 * TDMR (OPERAND_ADDR_RANGE_ERROR|RCX). It returns the type in RCX, the owner in RDX, the size in R8 and
 * BEPOCH in R9, R10 and R11 are 0. After TDMR.INIT a page is RSVD where it lies in a reserved area, PAMTs
 * included, and NDA (free) everywhere else, to the page.
 */
#include "tests/runner/bringup.h"

struct rdmd_row {
    u64 set, add; /* the first TDMR's first page, with these bits and this offset */
    u64 status;
    const char *rule;
};

static void refuses(struct test *test)
{
    const struct rdmd_row *row = test->item->row;
    const struct tdmr_plan *plan = &test->machine->host.plan;
    struct seamcall_args in = call_marked();
    in.rcx = (plan->tdmrs[0].base | row->set) + row->add;
    struct call call = call_leaf(TDH_PHYMEM_PAGE_RDMD, in);
    struct seamcall_args out = call_refused_outputs(TDH_PHYMEM_PAGE_RDMD, &in);
    expect_status(test, &call, row->status, row->rule);
    expect_outputs(test, &call, &out, "RDMD clears RCX, RDX and R8 to R11");
}

static void keyid(struct test *test)
{
    u64 bit = machine_keyid_bits(test->machine, 1);
    struct call call = read_page(test->machine->host.plan.tdmrs[0].base | bit);
    expect_status(test, &call, TDX_OPERAND_INVALID | TDX_OPERAND_RCX, "RDMD check 1: no KeyID bits");
}

static void outside(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    const struct tdx_tdmr_info *last = &plan->tdmrs[plan->count - 1];
    struct call call = read_page(last->base + last->size);
    struct seamcall_args out = call_refused_outputs(TDH_PHYMEM_PAGE_RDMD, &call.in);
    expect_status(test, &call, TDX_OPERAND_ADDR_RANGE_ERROR | TDX_OPERAND_RCX, "RDMD check 2: in a TDMR");
    expect_outputs(test, &call, &out, "RDMD clears RCX, RDX and R8 to R11");
}

static bool expect_type(struct test *test, u64 page, u64 type, const char *rule)
{
    struct call call = read_page(page);
    struct seamcall_args out = {.rcx = type};
    return expect_status(test, &call, TDX_SUCCESS, rule) && expect_outputs(test, &call, &out, rule);
}

/* First, last and some pages between; stops at the first failure. */
static bool expect_types(struct test *test, u64 from, u64 to, u64 type, const char *rule)
{
    if (from == to)
        return true;
    u64 step = max_u64(PAGE_SIZE, align_down((to - from) / 16, PAGE_SIZE));
    for (u64 page = from; page < to; page += step)
        if (!expect_type(test, page, type, rule))
            return false;
    return expect_type(test, to - PAGE_SIZE, type, rule);
}

static void free_pages(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    u64 from, to;
    for (u32 i = 0; i < plan->count; i++)
        for (u32 piece = 0; tdmr_piece(&plan->tdmrs[i], piece, &from, &to); piece++)
            if (!expect_types(test, from, to, TDX_PAGE_NDA,
                              "TDMR.INIT: pages outside reserved areas are NDA"))
                return;
}

static void reserved_pages(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    u32 areas = 0;
    for (u32 i = 0; i < plan->count; i++)
        for (u32 j = 0; j < tdmr_reserved_count(&plan->tdmrs[i]); j++, areas++) {
            u64 from = plan->tdmrs[i].base + plan->tdmrs[i].reserved[j].offset;
            if (!expect_types(test, from, from + plan->tdmrs[i].reserved[j].size, TDX_PAGE_RSVD,
                              "TDMR.INIT: pages in reserved areas are RSVD"))
                return;
        }
    if (areas == 0)
        test_skip(test, "this machine's TDMRs have no reserved area");
}

/* A PAMT has no type of its own: reserved where a TDMR covers it, unknown to the module where none does. */
static void pamt_pages(struct test *test)
{
    const struct tdmr_plan *plan = &test->machine->host.plan;
    for (u32 i = 0; i < plan->pamt_block_count; i++) {
        u64 page = plan->pamt_blocks[i].base;
        bool covered = false;
        for (u32 j = 0; j < plan->count; j++)
            covered |= page - plan->tdmrs[j].base < plan->tdmrs[j].size;
        struct call call = read_page(page);
        if (covered)
            expect_type(test, page, TDX_PAGE_RSVD, "PAMT memory in a TDMR lies in a reserved area");
        else
            expect_status(test, &call, TDX_OPERAND_ADDR_RANGE_ERROR | TDX_OPERAND_RCX,
                          "PAMT memory outside all TDMRs");
    }
}

#define REFUSES(name, set_, add_, status_, rule_)                                                            \
    {                                                                                                        \
        "bringup.rdmd.refuses." name, SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_PHYMEM_PAGE_RDMD,                \
            .run = refuses, .row = &(const struct rdmd_row)                                                  \
        {                                                                                                    \
            set_, add_, status_, rule_                                                                       \
        }                                                                                                    \
    }

static const struct test_case cases[] = {
    REFUSES("unaligned", 0, 1, INVALID(RCX), "RDMD check 1: 4 KiB aligned"),
    REFUSES("bit_52", 1ull << 52, 0, INVALID(RCX), "RDMD check 1: below 2^52"),
    {"bringup.rdmd.refuses.keyid", SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_PHYMEM_PAGE_RDMD, .run = keyid},
    {"bringup.rdmd.refuses.outside", SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_PHYMEM_PAGE_RDMD, .run = outside},
    {"bringup.rdmd.free_pages", SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_PHYMEM_PAGE_RDMD, .run = free_pages},
    {"bringup.rdmd.reserved_pages", SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_PHYMEM_PAGE_RDMD,
     .run = reserved_pages},
    {"bringup.rdmd.pamt_pages", SOURCE_MODULE, 0, STEP_EXT_QUERY, TDH_PHYMEM_PAGE_RDMD, .run = pamt_pages},
};
CASE_TABLE(bringup_rdmd);
