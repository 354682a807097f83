/* SPDX-License-Identifier: MIT */
/*
 * EXT.MEM.ADD, refused.
 *
 * RCX is HPA_LIST_INFO (Linux patch v2): bits 11:3 the first slot not yet processed, 51:12 the list page,
 * 63:55 the last slot, the rest 0. The list page is ordinary shared memory with up to 512 page addresses, no
 * KeyID bits. Which checks the module makes, in which order and with which status isn't public: all statuses
 * here are inferred, modelled on the page leaves that are (4 KiB aligned, KeyID 0, below MAXPA:
 * OPERAND_INVALID; in an initialised block of a TDMR: OPERAND_ADDR_RANGE_ERROR; type NDA:
 * PAGE_METADATA_INCORRECT or PAGE_NOT_FREE), and of those with an operand the id isn't compared. What every
 * refused list must keep is not inferred from anything but sense: the module has taken nothing, and still
 * asks for as much as before.
 *
 * Each list is bad in its first entry, so that no page before it could have been taken; lists that fail
 * half-way are left to the second life.
 */
#include "tests/runner/bringup.h"

#include "kernel/paging.h"
#include "lib/log.h"
#include "tests/runner/pages.h"

#define PAGES 3

/* Changes hand_list or returns another operand than info. */
struct mem_add_row {
    u64 (*change)(const struct machine *machine, u64 info);
    u64 statuses[3]; /* classes, ended by 0 if fewer */
    const char *rule;
};

static void refuses(struct test *test)
{
    const struct mem_add_row *row = test->item->row;
    u64 base = machine_take_pages(test->machine, PAGES);
    if (!base) {
        test_error(test, "no %u pages of TDX memory for a hand-made list", PAGES);
        return;
    }
    u64 before = required_pages(test);
    u64 info = row->change(test->machine, hand_list_fill(base, PAGES));
    u32 statuses = 0;
    while (statuses < ARRAY_COUNT(row->statuses) && row->statuses[statuses])
        statuses++;
    struct call call = mem_add(info);
    bool refused = expect_status_among(test, &call, row->statuses, statuses, row->rule);
    expect_value(test, required_pages(test), before, "MEMORY_POOL_REQUIRED_PAGES",
                 "a refused list takes nothing");
    if (expect_taken(test, base, PAGES, 0, "a refused list takes nothing") && refused)
        machine_give_back(base, PAGES);
    else
        machine_abandon(base, PAGES);
}

static u64 reserved_bit_0(const struct machine *machine, u64 info)
{
    (void)machine;
    return info | 1;
}

static u64 reserved_bit_2(const struct machine *machine, u64 info)
{
    (void)machine;
    return info | 1ull << 2;
}

static u64 reserved_bit_52(const struct machine *machine, u64 info)
{
    (void)machine;
    return info | 1ull << 52;
}

static u64 reserved_bit_54(const struct machine *machine, u64 info)
{
    (void)machine;
    return info | 1ull << 54;
}

static u64 last_before_first(const struct machine *machine, u64 info)
{
    (void)machine;
    (void)info;
    return hand_list_info(1, 0);
}

static u64 list_private(const struct machine *machine, u64 info)
{
    return info | machine_keyid_bits(machine, machine->platform.global_hkid.value);
}

static u64 list_in_seamrr(const struct machine *machine, u64 info)
{
    return (info & ~TDX_HPA_LIST_PFN_MASK) | machine->platform.seamrr_base;
}

static u64 entry_unaligned(const struct machine *machine, u64 info)
{
    (void)machine;
    hand_list.phys[0] += 8;
    return info;
}

static u64 entry_bit_52(const struct machine *machine, u64 info)
{
    (void)machine;
    hand_list.phys[0] |= 1ull << 52;
    return info;
}

static u64 entry_keyid(const struct machine *machine, u64 info)
{
    hand_list.phys[0] |= machine_keyid_bits(machine, 1);
    return info;
}

static u64 entry_outside(const struct machine *machine, u64 info)
{
    const struct tdx_tdmr_info *last = &machine->host.plan.tdmrs[machine->host.plan.count - 1];
    hand_list.phys[0] = last->base + last->size;
    return info;
}

static u64 entry_in_seamrr(const struct machine *machine, u64 info)
{
    hand_list.phys[0] = machine->platform.seamrr_base;
    return info;
}

static u64 entry_pamt(const struct machine *machine, u64 info)
{
    hand_list.phys[0] = machine->host.plan.pamt_blocks[0].base;
    return info;
}

static u64 entry_list_page(const struct machine *machine, u64 info)
{
    (void)machine;
    hand_list.phys[0] = pa_raw(virt_to_phys(&hand_list));
    return info;
}

/* The extensions can't start on a pool that isn't there, and the attempt must not count as a start. */
static void init_without_pool(struct test *test)
{
    u64 before = required_pages(test);
    struct call call = call_leaf(TDH_EXT_INIT, call_marked());
    expect_true(test, call.status & TDX_STATUS_ERROR, "EXT.INIT before the pool is full is refused");
    expect_true(test, (call.status & TDX_STATUS_MASK) != TDX_INTERRUPTED_RESUMABLE,
                "EXT.INIT before the pool is full isn't begun");
    expect_outputs(test, &call, &call.in, "EXT.INIT has no outputs");
    expect_value(test, required_pages(test), before, "MEMORY_POOL_REQUIRED_PAGES",
                 "a refused EXT.INIT changes nothing");
    if (test->verdict != VERDICT_PASS)
        call_log(&call);
}

static void query(struct test *test)
{
    if (!check_stage(test))
        return;
    const struct tdx_host *host = &test->machine->host;
    u64 required = 0;
    call_read_field(TDX_FIELD_EXT_REQUIRED, &required);
    expect_value(test, host->demand.pages, required_pages(test), "the driver's demand",
                 "read after SYS.CONFIG");
    expect_value(test, host->demand.required, required != 0, "the driver's EXT_REQUIRED",
                 "read after SYS.CONFIG");
    expect_value(test, host->pool.required, host->demand.pages, "pages the driver will add",
                 "all that are missing");
    log_line("extension pool: %lu pages wanted", host->demand.pages);
}

#define REFUSES(change_, rule_, ...)                                                                         \
    {                                                                                                        \
        "bringup.mem_add.refuses." #change_, SOURCE_INFERRED, NEED_POOL, STEP_EXT_MEMORY, TDH_EXT_MEM_ADD,   \
            .run = refuses, .row = &(const struct mem_add_row)                                               \
        {                                                                                                    \
            change_, {__VA_ARGS__}, rule_                                                                    \
        }                                                                                                    \
    }

static const struct test_case cases[] = {
    {"bringup.mem_add.query", SOURCE_PATCH, NEED_EXT, STEP_EXT_QUERY, .run = query},
    REFUSES(reserved_bit_0, "HPA_LIST_INFO 2:0 reserved", S_OPERAND_INVALID),
    REFUSES(reserved_bit_2, "HPA_LIST_INFO 2:0 reserved", S_OPERAND_INVALID),
    REFUSES(reserved_bit_52, "HPA_LIST_INFO 54:52 reserved", S_OPERAND_INVALID),
    REFUSES(reserved_bit_54, "HPA_LIST_INFO 54:52 reserved", S_OPERAND_INVALID),
    REFUSES(last_before_first, "HPA_LIST_INFO: first slot not behind the last", S_OPERAND_INVALID),
    REFUSES(list_private, "the list page is shared memory", S_OPERAND_INVALID),
    REFUSES(list_in_seamrr, "the list page is shared memory, not SEAMRR", S_OPERAND_INVALID),
    REFUSES(entry_unaligned, "pages are 4 KiB aligned", S_OPERAND_INVALID),
    REFUSES(entry_bit_52, "pages are below MAXPA", S_OPERAND_INVALID),
    REFUSES(entry_keyid, "page addresses carry no KeyID", S_OPERAND_INVALID),
    REFUSES(entry_outside, "pages lie in TDMRs", S_OPERAND_ADDR_RANGE_ERROR),
    REFUSES(entry_in_seamrr, "SEAMRR is no TDX memory", S_OPERAND_ADDR_RANGE_ERROR, S_PAGE_METADATA_INCORRECT,
            S_PAGE_NOT_FREE),
    REFUSES(entry_pamt, "a PAMT page isn't free", S_OPERAND_ADDR_RANGE_ERROR, S_PAGE_METADATA_INCORRECT,
            S_PAGE_NOT_FREE),
    REFUSES(entry_list_page, "the list page can't be a pool page", S_OPERAND_INVALID),
    {"bringup.mem_add.init_without_pool", SOURCE_INFERRED, NEED_POOL, STEP_EXT_MEMORY, TDH_EXT_INIT,
     .run = init_without_pool},
};
CASE_TABLE(bringup_mem_add);
