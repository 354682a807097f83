/* SPDX-License-Identifier: MIT */
/*
 * KeyIDs: whose a page is, what the module meets under a wrong KeyID, and what others must forget. The
 * stand-in module asks much of this in a machine (tests/standin/keys.tdxt); here is what it can't: stale
 * translations, several packages, an end of memory, PAMTs, and pages that come back.
 */
#include "tests/unit/fake_keys.h"

#define LP0 (&fake.lps[0])
#define LP1 (&fake.lps[1])

static u8 hole(u64 i)
{
    return fake.holes[i];
}

/* ---- pages that change hands ---- */

static void a_private_write_takes_the_page(void **state)
{
    (void)state;
    configure_keys();
    *(u64 *)page_at(3) = 7;
    assert_int_equal(cpu_read(LP0, page_at(3)), 7);
    assert_int_equal(hole(3), NO_HOLE);
    assert_false(LP0->need_flush);
    assert_true(cpu_write(LP0, with_key(page_at(3), 40), 8));
    assert_int_equal(hole(3), NPT_CONTROL);
    assert_true(LP0->need_flush);
    assert_int_equal(keys_owner(page_at(3)), MONITOR_OWNER_CONTROL);
    assert_int_equal(keys_owner(page_at(2)), MONITOR_OWNER_HOST);
    assert_int_equal(cpu_read(LP1, with_key(page_at(3), 40)), 8);
    assert_int_equal(violations(), 0);
    cpu_read(LP0, page_at(3)); /* what it still knew of this address is forgotten */
    assert_int_equal(violations(), 1);
    assert_logged("reads 0x10003000 under KeyID 0, last written under KeyID 40");
}

static void others_forget_what_was_taken_away(void **state)
{
    (void)state;
    configure_keys();
    for (u32 i = 0; i < 20; i++) {
        struct lp *lp = &fake.lps[i % 2];
        u64 before = violations();
        cpu_write(lp, with_key(page_at(1), 40 + i % 4), i);
        assert_int_equal(violations(), before);
        cpu_read(&fake.lps[(i + 1) % 2], with_key(page_at(1), 40 + (i + 3) % 4));
        assert_int_equal(violations(), before + 1);
    }
}

/* A wrong read goes on to be told after the page has changed hands. */
static void wrong_reads_are_told_once_a_key(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    for (u32 i = 0; i < 3; i++)
        assert_int_equal(cpu_read(LP0, with_key(page_at(1), 41)), 5);
    assert_int_equal(violations(), 1);
    cpu_write(LP0, with_key(page_at(1), 40), 6); /* under its own: nothing changes */
    assert_int_equal(cpu_read(LP0, with_key(page_at(1), 41)), 6);
    assert_int_equal(violations(), 1);
    cpu_write(LP0, with_key(page_at(1), 42), 7);
    cpu_read(LP0, with_key(page_at(1), 41));
    assert_int_equal(violations(), 2);
}

static void a_shared_write_gives_the_page_back(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    cpu_write(LP1, with_key(page_at(1), 3), 6);
    assert_int_equal(violations(), 1);
    assert_logged("writes 0x10001000 under KeyID 3, over memory last written under private KeyID 40");
    assert_int_equal(hole(1), NO_HOLE);
    assert_int_equal(keys_owner(page_at(1)), MONITOR_OWNER_HOST);
    assert_int_equal(*(u64 *)page_at(1), 6);
}

static void reclaimed_pages_are_junk(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    call(LP0, TDH_MNG_CREATE, page_at(1), 40, TDX_SUCCESS, 0);
    call(LP0, TDH_PHYMEM_PAGE_RECLAIM, page_at(1), 0, TDX_PAGE_METADATA_INCORRECT, 0);
    assert_int_equal(hole(1), NPT_CONTROL); /* refused */
    call(LP0, TDH_PHYMEM_PAGE_RECLAIM, page_at(1), 0, TDX_SUCCESS, 0);
    assert_int_equal(hole(1), NO_HOLE);
    assert_int_equal(*(u8 *)page_at(1), JUNK_BYTE);
    cpu_read(LP0, with_key(page_at(1), 40));
    assert_int_equal(violations(), 1);
    for (u64 i = 511; i < 1025; i++) /* a page of 2 MiB, and its neighbours */
        cpu_write(LP0, with_key(page_at(i), 41), i);
    call(LP1, TDH_PHYMEM_PAGE_RECLAIM, page_at(512), 0, TDX_SUCCESS, 1);
    for (u64 i = 511; i < 1025; i++)
        assert_int_equal(hole(i), i == 511 || i == 1024 ? NPT_CONTROL : NO_HOLE);
}

/* A TD's pages, while it lives. The level is in RCX, the page's address comes back in it. */
static void removed_pages_are_junk(void **state)
{
    (void)state;
    static const u64 leaves[] = {TDH_MEM_PAGE_REMOVE, TDH_MEM_SEPT_REMOVE, TDH_MEM_PAGE_PROMOTE,
                                 TDH_MEM_PAGE_RELOCATE};
    configure_keys();
    for (u64 i = 0; i < ARRAY_COUNT(leaves); i++) {
        const struct soft_regs in = {.rax = leaves[i] | 1ull << 16, .rcx = 0x7000};
        cpu_write(LP0, with_key(page_at(i), 40), 5);
        call(LP0, TDH_MEM_PAGE_ADD, page_at(i), 0, TDX_SUCCESS, 0);
        LP0->regs = (struct soft_regs){.rax = TDX_SUCCESS, .rcx = page_at(i)};
        keys_call_done(LP0, &in, true);
        assert_int_equal(hole(i), NO_HOLE);
        assert_int_equal(*(u8 *)page_at(i), JUNK_BYTE);
    }
    for (u64 i = 511; i < 1025; i++)
        cpu_write(LP0, with_key(page_at(i), 41), i);
    call(LP0, TDH_MEM_PAGE_ADD, 0, 0, TDX_SUCCESS, 0);
    LP0->regs = (struct soft_regs){.rax = TDX_SUCCESS, .rcx = page_at(512)};
    keys_call_done(LP0, &(struct soft_regs){.rax = TDH_MEM_PAGE_REMOVE, .rcx = 0x200001}, true);
    for (u64 i = 511; i < 1025; i++)
        assert_int_equal(hole(i), i == 511 || i == 1024 ? NPT_CONTROL : NO_HOLE);
}

static void a_call_that_fails_has_taken_nothing(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    cpu_write(LP1, with_key(page_at(2), 40), 5);
    call(LP0, TDH_MNG_CREATE, page_at(1), 40, TDX_RND_NO_ENTROPY, 0);
    assert_int_equal(hole(1), NO_HOLE);
    assert_int_equal(*(u8 *)page_at(1), JUNK_BYTE);
    assert_int_equal(hole(2), NPT_CONTROL); /* of a call of another LP */
    call(LP1, TDH_MNG_CREATE, page_at(2), 40, TDX_SUCCESS, 0);
    call(LP1, TDH_MNG_CREATE, page_at(2), 40, TDX_RND_NO_ENTROPY, 0); /* an earlier call's page stays */
    assert_int_equal(hole(2), NPT_CONTROL);
    cpu_write(LP0, with_key(page_at(3), 40), 5);
    call(LP0, TDH_SYS_TDMR_INIT, 0, 0, TDX_INTERRUPTED_RESUMABLE, 0);
    assert_int_equal(hole(3), NPT_CONTROL);
}

static void reset_gives_all_back(void **state)
{
    (void)state;
    configure_keys();
    for (u64 i = 0; i < RAM_PAGES; i += 7)
        cpu_write(LP0, with_key(page_at(i), 40 + i % 4), i + 1);
    cpu_read(LP0, with_key(page_at(1), 40));
    u64 before = violations();
    keys_reset();
    for (u64 i = 0; i < RAM_PAGES; i++) {
        assert_int_equal(hole(i), NO_HOLE);
        assert_int_equal(*(u8 *)page_at(i), i % 7 ? 0 : JUNK_BYTE);
    }
    cpu_read(LP0, with_key(page_at(1), 40)); /* neither the key nor the page's own KeyID holds any more */
    assert_int_equal(violations(), before + 2);
    assert_int_equal(cpu_read(LP0, BLOCK), 0);
}

/* ---- PAMTs ---- */

#define LIST 100 /* pages */
#define INFO 101

static void configure_tdmr(u64 pamt_page)
{
    *(u64 *)page_at(LIST) = page_at(INFO);
    *(struct tdx_tdmr_info *)page_at(INFO) = (struct tdx_tdmr_info){
        .base = RAM,
        .size = GIB,
        .pamt_1g_base = page_at(pamt_page),
        .pamt_1g_size = PAGE_SIZE,
        .pamt_2m_base = page_at(pamt_page + 1),
        .pamt_2m_size = PAGE_SIZE,
        .pamt_4k_base = page_at(pamt_page + 2),
        .pamt_4k_size = 4 * PAGE_SIZE,
        .reserved = {{.offset = 50 * PAGE_SIZE, .size = PAGE_SIZE}},
    };
}

static void pamts_are_the_modules_from_config_on(void **state)
{
    (void)state;
    configure_keys();
    configure_tdmr(200);
    call(LP0, TDH_SYS_CONFIG, page_at(LIST), 1, TDX_OPERAND_INVALID, 0);
    assert_int_equal(hole(200), NO_HOLE);
    call(LP0, TDH_SYS_CONFIG, page_at(LIST), 1, TDX_SUCCESS, 0);
    assert_true(LP0->need_flush);
    for (u64 i = 200; i < 206; i++) {
        assert_int_equal(hole(i), NPT_PAMT);
        assert_int_equal(keys_owner(page_at(i)), MONITOR_OWNER_PAMT);
    }
    assert_int_equal(hole(199), NO_HOLE);
    assert_int_equal(hole(206), NO_HOLE);
    assert_int_equal(keys_owner(page_at(50)), MONITOR_OWNER_RESERVED);
    assert_int_equal(keys_owner(page_at(51)), MONITOR_OWNER_HOST);
    cpu_write(LP0, with_key(page_at(203), 40), 1);
    assert_int_equal(hole(203), NPT_PAMT);
    call(LP0, TDH_SYS_TDMR_INIT, RAM, 0, TDX_OPERAND_BUSY, 0); /* what it has initialised so far stays so */
    assert_int_equal(hole(203), NPT_PAMT);
    assert_int_equal(cpu_read(LP0, with_key(page_at(203), 40)), 1);
    cpu_write(LP0, page_at(203), 1); /* a host's buffer in a PAMT: told, and still no page of the host's */
    assert_int_equal(violations(), 1);
    assert_int_equal(hole(203), NPT_PAMT);
    keys_reset();
    assert_int_equal(hole(203), NO_HOLE);
    assert_int_equal(keys_owner(page_at(203)), MONITOR_OWNER_HOST);
    assert_int_equal(keys_owner(page_at(50)), MONITOR_OWNER_HOST);
}

/* ---- keys ---- */

static void keys_are_of_a_package(void **state)
{
    (void)state;
    fake.packages_of_lps = 2;
    keys_configured(LP0, 40);
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    assert_int_equal(violations(), 0);
    cpu_read(LP1, with_key(page_at(2), 40));
    assert_int_equal(violations(), 2);
    assert_logged("reads 0x10002000 under KeyID 40, whose key isn't configured on this package");
    keys_configured(LP1, 40);
    assert_int_equal(cpu_read(LP1, with_key(page_at(1), 40)),
                     5); /* not another round: the page is as good as ever */
    assert_int_equal(violations(), 2);
    keys_configured(LP0, 40); /* that is one: the other package has to come, too */
    cpu_write(LP1, with_key(page_at(3), 40), 5);
    assert_int_equal(violations(), 3);
    keys_configured(LP1, 40);
    cpu_write(LP1, with_key(page_at(4), 40), 5);
    assert_int_equal(violations(), 3);
}

static void another_round_of_keys_loses_pages(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    cpu_write(LP0, with_key(page_at(2), 40), 5);
    cpu_write(LP0, with_key(page_at(3), 41), 5);
    keys_configured(LP1, 40);
    assert_int_equal(cpu_read(LP0, with_key(page_at(3), 41)), 5);
    assert_int_equal(violations(), 0);
    cpu_read(LP0, with_key(page_at(1), 40));
    assert_int_equal(violations(), 1);
    assert_logged("last written under KeyID 40 with an earlier key");
    cpu_write(LP0, with_key(page_at(2), 40), 6);
    assert_int_equal(cpu_read(LP1, with_key(page_at(2), 40)), 6);
    assert_int_equal(page_records_find(&keys.records, page_at(2))->flags & PAGE_STALE, 0);
    assert_int_equal(violations(), 1);
    assert_int_equal(hole(1), NPT_CONTROL);
}

static void keyids_end_where_the_msr_says(void **state)
{
    (void)state;
    fake.partition = 4ull << 32 | 31; /* 32 to 35 are private */
    assert_null(cpu_access(LP0, with_key(page_at(1), 36), false));
    assert_string_equal(fake.stopped, "used KeyID 36 at 0x10001000: private ones are 32 to 35, by MSR 0x87");
    seam_revive();
    fake.partition = 50ull << 32 | 13; /* 14 is one, too */
    cpu_write(LP0, with_key(page_at(1), 14), 1);
    assert_int_equal(hole(1), NPT_CONTROL);
}

/* ---- what isn't memory ---- */

static void the_monitor_is_out_of_reach(void **state)
{
    (void)state;
    assert_true(cpu_write(LP0, BLOCK + 8, 1));
    assert_true(cpu_write(LP1, BLOCK + (BLOCK_PAGES - 1) * PAGE_SIZE, 1));
    const u64 forbidden[] = {SEAMRR, SEAMRR + PAGE_SIZE, BLOCK - PAGE_SIZE, BLOCK + BLOCK_PAGES * PAGE_SIZE,
                             HEAP,   with_key(BLOCK, 5)};
    for (size_t i = 0; i < ARRAY_COUNT(forbidden); i++) {
        assert_null(cpu_access(LP0, forbidden[i], i % 2));
        assert_non_null(strstr(fake.stopped, "touched the monitor's memory"));
        seam_revive();
        assert_null(keys_reach(LP0, forbidden[i], 8, i % 2));
        seam_revive();
    }
    assert_true(keys_map_own(HEAP, 2 * PAGE_SIZE, false)); /* until it is shown */
    assert_non_null(cpu_access(LP0, HEAP + PAGE_SIZE, false));
    assert_null(cpu_access(LP0, HEAP, true));
    seam_revive();
    assert_null(cpu_access(LP0, RAM - PAGE_SIZE, false));
    assert_string_equal(fake.stopped,
                        "touched physical address 0xffff000 under KeyID 0, where there is no memory");
}

static void memory_ends(void **state)
{
    (void)state;
    configure_keys();
    fake.heap_limit = fake.heap_used;
    assert_null(cpu_access(LP0, with_key(page_at(1), 40), true));
    assert_non_null(strstr(fake.stopped, "no room left"));
    seam_revive();
    assert_null(keys_reach(LP0, with_key(page_at(1), 40), 8, true));
    seam_revive();
    assert_null(cpu_access(LP0, page_at(1), false)); /* no room for tables */
    assert_non_null(strstr(fake.stopped, "no room left"));
}

/* ---- instructions that the monitor executes ---- */

static void the_monitor_obeys_the_same_rules(void **state)
{
    (void)state;
    configure_keys();
    u64 *at = keys_reach(LP0, with_key(page_at(1), 40) + 24, 8, true);
    assert_ptr_equal(at, (u64 *)(page_at(1) + 24));
    assert_int_equal(hole(1), NPT_CONTROL);
    *at = 9;
    assert_int_equal(cpu_read(LP1, with_key(page_at(1), 40) + 24), 9);
    assert_int_equal(violations(), 0);
    options.keys = KEYS_SCRAMBLE;
    assert_ptr_not_equal(keys_reach(LP0, page_at(1), 8, false), (void *)page_at(1));
    assert_int_equal(violations(), 1);
    options.keys = KEYS_STOP;
    assert_null(keys_reach(LP0, with_key(page_at(1), 41), 8, false));
    assert_string_equal(fake.stopped, "met a machine check at 0x10001000 under KeyID 41");
}

static void noise_is_no_memory(void **state)
{
    (void)state;
    configure_keys();
    options.keys = KEYS_SCRAMBLE;
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    u64 noise = cpu_read(LP0, with_key(page_at(1), 41));
    assert_int_not_equal(noise, 5);
    cpu_write(LP0, with_key(page_at(1), 41), 6); /* isn't written to the noise that all see */
    assert_int_equal(*(u64 *)page_at(1), 6);
    assert_int_equal(cpu_read(LP0, with_key(page_at(1), 40)), noise);
    assert_int_equal(cpu_read(LP0, with_key(page_at(2), 50)), noise); /* no key */
    assert_int_equal(hole(2), NO_HOLE);
}

static void many_violations_are_counted(void **state)
{
    (void)state;
    configure_keys();
    for (u64 i = 0; i < 200; i++)
        cpu_read(LP0, with_key(page_at(i), 40));
    assert_int_equal(violations(), 200);
    assert_logged("more violations of KeyIDs are counted, not logged");
    assert_null(strstr(test_log(), "reads 0x100c7000"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_private_write_takes_the_page, start),
        cmocka_unit_test_setup(others_forget_what_was_taken_away, start),
        cmocka_unit_test_setup(wrong_reads_are_told_once_a_key, start),
        cmocka_unit_test_setup(a_shared_write_gives_the_page_back, start),
        cmocka_unit_test_setup(reclaimed_pages_are_junk, start),
        cmocka_unit_test_setup(removed_pages_are_junk, start),
        cmocka_unit_test_setup(a_call_that_fails_has_taken_nothing, start),
        cmocka_unit_test_setup(reset_gives_all_back, start),
        cmocka_unit_test_setup(pamts_are_the_modules_from_config_on, start),
        cmocka_unit_test_setup(keys_are_of_a_package, start),
        cmocka_unit_test_setup(another_round_of_keys_loses_pages, start),
        cmocka_unit_test_setup(keyids_end_where_the_msr_says, start),
        cmocka_unit_test_setup(the_monitor_is_out_of_reach, start),
        cmocka_unit_test_setup(memory_ends, start),
        cmocka_unit_test_setup(the_monitor_obeys_the_same_rules, start),
        cmocka_unit_test_setup(noise_is_no_memory, start),
        cmocka_unit_test_setup(many_violations_are_counted,
                               start), /* the last: the log says so many only once */
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
