/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a genuine module: whatever happens between taking one and going back to it, afterwards
 * everything is as it was: the contents of the module's pages, under which KeyID each was written, what the
 * guest can't reach, keys, and the loader's facts. Held against copies of all of it, for random histories. A
 * restore copies what differs and no more, and snapshots that are given up leave their memory to others.
 */
#include "tests/unit/fake_keys.h"

#include <stdio.h>
#include <stdlib.h>

#define LP0 (&fake.lps[0])

#define PAGES 48 /* of RAM that histories are about */
#define PAMTS 16 /* the first of PAMTs, in one of two places */
#define LIST  100
#define INFO  101

static struct soft_machine machine_facts;

/* ---- everything, copied ---- */

struct copy {
    bool used;
    u8 keys[PAGES], holes[PAGES], owners[PAGES];
    u64 pages[PAGES][PAGE_SIZE / 8], block[BLOCK_PAGES + LPS][PAGE_SIZE / 8];
    struct keys_facts facts;
    u32 lp_count;
    u64 random;
};

static void *own_page(u64 i)
{
    return (void *)(i < BLOCK_PAGES ? BLOCK + i * PAGE_SIZE : fake.seams[i - BLOCK_PAGES].seam_vmcs);
}

static u8 key_of(u64 i)
{
    const struct page_record *record = page_records_find(&keys.records, page_at(i));
    return record ? (u8)(record->key | (record->flags & PAGE_STALE) << 7) : 0;
}

static void copy_all(struct copy *copy)
{
    copy->used = true;
    for (u64 i = 0; i < PAGES; i++) {
        copy->keys[i] = key_of(i);
        copy->holes[i] = fake.holes[i];
        copy->owners[i] = (u8)keys_owner(page_at(i));
        memcpy(copy->pages[i], (void *)page_at(i), PAGE_SIZE);
    }
    for (u64 i = 0; i < BLOCK_PAGES + LPS; i++)
        memcpy(copy->block[i], own_page(i), PAGE_SIZE);
    copy->facts = keys.facts;
    copy->lp_count = machine_facts.lp_count;
    copy->random = seam_space.random;
}

static void assert_is(const struct copy *copy)
{
    for (u64 i = 0; i < PAGES; i++) {
        assert_int_equal(key_of(i), copy->keys[i]);
        assert_int_equal(fake.holes[i], copy->holes[i]);
        assert_int_equal(keys_owner(page_at(i)), copy->owners[i]);
        if (copy->keys[i]) /* what is the host's is the host's affair */
            assert_memory_equal((void *)page_at(i), copy->pages[i], PAGE_SIZE);
    }
    for (u64 i = 0; i < BLOCK_PAGES + LPS; i++)
        assert_memory_equal(own_page(i), copy->block[i], PAGE_SIZE);
    assert_memory_equal(keys.facts.configured, copy->facts.configured, sizeof(copy->facts.configured));
    assert_int_equal(keys.facts.areas.count, copy->facts.areas.count);
    assert_int_equal(machine_facts.lp_count, copy->lp_count);
    assert_int_equal(seam_space.random, copy->random);
}

/* ---- what happens ---- */

static void fill(struct lp *lp, u64 address, u64 seed, bool alike)
{
    u64 *at = cpu_access(lp, address, true);
    for (u32 i = 0; at && i < PAGE_SIZE / 8; i++)
        at[i] = alike ? seed : test_random(&seed);
}

static void configure(u64 pamts)
{
    *(u64 *)page_at(LIST) = page_at(INFO);
    *(struct tdx_tdmr_info *)page_at(INFO) = (struct tdx_tdmr_info){
        .base = RAM,
        .size = GIB,
        .pamt_1g_base = page_at(pamts),
        .pamt_1g_size = PAGE_SIZE,
        .pamt_2m_base = page_at(pamts + 1),
        .pamt_2m_size = PAGE_SIZE,
        .pamt_4k_base = page_at(pamts + 2),
        .pamt_4k_size = 8 * PAGE_SIZE,
    };
    call(LP0, TDH_SYS_CONFIG, page_at(LIST), 1, TDX_SUCCESS, 0);
}

static void reset(u64 seed)
{
    keys_reset();
    for (u64 i = 0; i < BLOCK_PAGES; i++)
        memset(own_page(i), (u8)i, PAGE_SIZE);
    keys_touched(BLOCK, BLOCK_PAGES * PAGE_SIZE);
    machine_facts = (struct soft_machine){.lp_count = LPS};
    seam_space.random = seed;
    seam_revive();
}

static void something(u64 *seed)
{
    u64 choice = test_random(seed) % 40, page = test_random(seed) % PAGES, key = 40 + test_random(seed) % 4;
    struct lp *lp = &fake.lps[test_random(seed) % LPS];
    switch (choice) {
    case 0:
        configure(PAMTS + test_random(seed) % 2 * 12);
        break;
    case 1:
        reset(test_random(seed));
        configure_keys();
        break;
    case 2:
        keys_configured(lp, (u16)key);
        break;
    case 3:
        cpu_write(lp, page_at(page), test_random(seed)); /* over whatever is there */
        break;
    case 4 ... 6:
        cpu_read(lp, with_key(page_at(page), key));
        break;
    case 7 ... 9:
        if (keys_owner(page_at(page)) == MONITOR_OWNER_CONTROL)
            call(lp, TDH_PHYMEM_PAGE_RECLAIM, page_at(page), 0, TDX_SUCCESS, 0);
        break;
    case 10 ... 15:
        cpu_write(lp, (u64)own_page(page % BLOCK_PAGES) + 8 * page, test_random(seed));
        break;
    case 16:
        *(u64 *)own_page(BLOCK_PAGES + page % LPS) = test_random(seed); /* VMWRITE */
        break;
    case 17:
        machine_facts.lp_count = (u32)page;
        seam_space.random = page;
        break;
    case 18:
        *(u64 *)keys_reach(lp, with_key(page_at(page), key) + 16, 8, true) = test_random(seed);
        break;
    default:
        fill(lp, with_key(page_at(page), key), choice % 2 ? choice / 16 : test_random(seed), choice % 2);
    }
    call(lp, TDH_SYS_RD, 0, 0, TDX_SUCCESS, 0);
}

static bool go_back(u32 slot)
{
    if (!slots_are_filled(slot))
        return false;
    slots_restore(slot, &machine_facts);
    return true;
}

/* ---- random histories ---- */

static struct copy *copies; /* of each slot */

/* Whoever may still reach a page that is the module's again is made to forget it. */
static void restore_and_compare(u32 slot)
{
    u8 before[PAGES];
    bool taken = false;
    memcpy(before, fake.holes, PAGES);
    LP0->need_flush = false;
    assert_true(go_back(slot));
    assert_is(&copies[slot]);
    for (u64 i = 0; i < PAGES; i++)
        taken = taken || (!before[i] && fake.holes[i]);
    assert_true(LP0->need_flush || !taken);
}

static void one_step(u64 *seed)
{
    u32 slot = (u32)(test_random(seed) % 4);
    switch (test_random(seed) % 16) {
    case 0:
        assert_true(slots_take(slot, &machine_facts));
        copy_all(&copies[slot]);
        break;
    case 1:
    case 2:
        if (copies[slot].used)
            restore_and_compare(slot);
        else
            assert_false(slots_are_filled(slot));
        break;
    default:
        something(seed);
    }
}

static void history(u64 seed, u32 steps)
{
    copies = calloc(4, sizeof(*copies));
    configure_keys();
    printf("seed %lu\n", (unsigned long)seed);
    for (u32 i = 0; i < steps; i++)
        one_step(&seed);
    for (u32 slot = 0; slot < 4; slot++) {
        if (!copies[slot].used)
            continue;
        assert_true(go_back(slot));
        assert_is(&copies[slot]);
    }
    free(copies);
}

static void every_history_can_be_undone(void **state)
{
    for (u64 seed = 1; seed <= 8; seed++) {
        start(state);
        history(seed, 3000);
    }
}

/* On a CPU that doesn't note what it writes all pages are compared. */
static void also_without_notes(void **state)
{
    start(state);
    fake.notes_nothing = true;
    keys.looked = keys.notes_missing = true;
    history(9, 2000);
}

/* ---- what it costs ---- */

static u64 restored(u32 slot)
{
    u64 before = LP0->counters[MONITOR_COUNT_PAGES_RESTORED];
    assert_true(go_back(slot));
    return LP0->counters[MONITOR_COUNT_PAGES_RESTORED] - before;
}

static void only_what_differs_is_copied(void **state)
{
    (void)state;
    configure_keys();
    for (u64 i = 0; i < PAGES; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1, false);
    assert_true(slots_take(0, &machine_facts));
    assert_int_equal(restored(0), LPS); /* the SEAM VMCSs always */
    for (u64 i = 0; i < PAGES; i++)
        cpu_read(LP0, with_key(page_at(i), 40));
    assert_int_equal(restored(0), LPS);
    cpu_write(LP0, with_key(page_at(7), 40), 5);
    cpu_write(LP0, BLOCK, 5);
    assert_int_equal(restored(0), LPS + 2);
    cpu_write(LP0, with_key(page_at(7), 40), 5); /* the same page again: it is noted again */
    assert_int_equal(restored(0), LPS + 1);
    assert_int_equal(restored(0), LPS);
    cpu_write(LP0, with_key(page_at(7), 40), 5);
    assert_true(slots_take(1, &machine_facts));
    cpu_write(LP0, with_key(page_at(7), 40), 6);
    assert_int_equal(restored(1), LPS + 1);
    assert_int_equal(restored(0), LPS + 1); /* between two snapshots: what they differ in */
    assert_int_equal(restored(1), LPS + 1);
}

/* Other PAMTs, the same block. */
static void what_has_moved_isnt_all(void **state)
{
    (void)state;
    assert_true(slots_take(0, &machine_facts));
    configure(PAMTS);
    configure_keys();
    for (u64 i = 0; i < 4; i++)
        fill(LP0, with_key(page_at(PAMTS + i), 40), i + 1, false);
    assert_true(slots_take(1, &machine_facts));
    assert_int_equal(restored(0), LPS);
    assert_int_equal(restored(1), LPS + 4);
}

static void pages_that_dont_change_are_kept_once(void **state)
{
    (void)state;
    configure_keys();
    for (u64 i = 0; i < PAGES; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1, false);
    assert_true(slots_take(0, &machine_facts));
    u64 used = fake.heap_used;
    for (u32 slot = 1; slot < MONITOR_SLOTS; slot++)
        assert_true(slots_take(slot, &machine_facts));
    assert_in_range(fake.heap_used - used, 0, MONITOR_SLOTS * PAGE_SIZE); /* their lists */
}

static void memory_is_used_again(void **state)
{
    (void)state;
    u64 used = 0;
    configure_keys();
    for (u64 round = 0; round < 50; round++) {
        for (u64 i = 0; i < PAGES; i++)
            fill(LP0, with_key(page_at(i), 40), round * PAGES + i + 1, false);
        for (u32 slot = 0; slot < 3; slot++) {
            fill(LP0, BLOCK, round + slot + 1, false);
            assert_true(slots_take(slot, &machine_facts));
        }
        used = round == 1 ? fake.heap_used : used;
    }
    assert_int_equal(fake.heap_used, used);
}

/* ---- refusals ---- */

static void a_full_store_refuses(void **state)
{
    (void)state;
    struct copy *copy = calloc(1, sizeof(*copy)), *full = calloc(1, sizeof(*full));
    configure_keys();
    for (u64 i = 0; i < 20; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1, false);
    assert_true(slots_take(0, &machine_facts));
    copy_all(copy);
    fake.heap_limit = fake.heap_used + 64 * PAGE_SIZE;
    for (u64 i = 0; i < 200; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1000, false);
    copy_all(full);
    assert_false(slots_take(1, &machine_facts));
    assert_logged("SEAMRR has no room left for it");
    assert_is(full);
    assert_false(slots_are_filled(1));
    assert_logged("the slot is empty");
    assert_true(go_back(0));
    assert_is(copy);
    for (u64 i = 20; i < 40; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1, false);
    assert_true(slots_take(2, &machine_facts)); /* what the refused one held is free again */
    copy_all(full);
    reset(1);
    assert_true(go_back(2));
    assert_is(full);
    free(copy);
    free(full);
}

/* The last page that could be kept is written, and there is no room for what it holds now. */
static void a_refusal_forgets_no_write(void **state)
{
    (void)state;
    struct copy *copy = calloc(1, sizeof(*copy));
    configure_keys();
    for (u64 i = 0; i < 20; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1, false);
    assert_true(slots_take(0, &machine_facts));
    copy_all(copy);
    fake.heap_limit = fake.heap_used;
    for (u64 i = 0; i < 20; i++)
        fill(LP0, with_key(page_at(i), 40), i + 1000, false);
    assert_false(slots_take(1, &machine_facts));
    assert_true(go_back(0));
    assert_is(copy);
    free(copy);
}

/* What a page was shown as before doesn't outlive a restore: the same is told again, as after a reset. */
static void wrong_reads_are_told_again(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    assert_true(slots_take(0, &machine_facts));
    for (u32 i = 1; i <= 3; i++) {
        cpu_read(LP0, with_key(page_at(1), 41)); /* the module's */
        cpu_read(LP0, with_key(page_at(2), 41)); /* the host's */
        assert_int_equal(violations(), 2 * i);
        assert_true(go_back(0));
    }
}

static void a_write_before_another_round_of_keys_counts(void **state)
{
    (void)state;
    configure_keys();
    cpu_write(LP0, with_key(page_at(1), 40), 5);
    assert_true(slots_take(0, &machine_facts));
    cpu_write(LP0, with_key(page_at(1), 40), 6);
    keys_configured(LP0, 40);
    assert_true(go_back(0));
    assert_int_equal(*(u64 *)page_at(1), 5);
    assert_int_equal(cpu_read(LP0, with_key(page_at(1), 40)), 5);
    assert_int_equal(violations(), 0);
}

static void some_are_refused_with_a_reason(void **state)
{
    (void)state;
    assert_true(slots_take(0, &machine_facts));
    seam_stop(LP0, "did something");
    assert_false(slots_take(1, &machine_facts));
    assert_logged("the module has stopped");
    assert_true(go_back(0));
    assert_false(seam_stopped());
    options.no_snapshots = true;
    assert_false(slots_take(1, &machine_facts));
    assert_logged("snapshots are switched off");
}

/* A module's first push shows whether the CPU notes writes. */
static void notes_are_looked_for(void **state)
{
    for (u32 i = 0; i < 2; i++) {
        start(state);
        u64 *tables = (u64 *)BLOCK;
        for (u64 level = 0; level < 3; level++)
            tables[level * 512] = (BLOCK + (level + 1) * PAGE_SIZE) | 3;
        u64 *leaf = (u64 *)(BLOCK + 3 * PAGE_SIZE);
        for (u64 page = 0; page < SPACE_STACK_PAGES; page++)
            leaf[page] = (BLOCK + 5 * PAGE_SIZE) | 3;
        seam_space =
            (struct space){.at = (u8 *)BLOCK, .block = BLOCK, .size = BLOCK_PAGES * PAGE_SIZE, .cr3 = BLOCK};
        fake.notes_nothing = i == 1;
        cpu_write(LP0, BLOCK + 5 * PAGE_SIZE, 1);
        call(LP0, TDH_SYS_RD, 0, 0, TDX_SUCCESS, 0);
        assert_true(keys.looked);
        assert_int_equal(keys.notes_missing, i == 1);
    }
    assert_logged("this QEMU doesn't note writes in nested page tables");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_history_can_be_undone),
        cmocka_unit_test(also_without_notes),
        cmocka_unit_test_setup(only_what_differs_is_copied, start),
        cmocka_unit_test_setup(what_has_moved_isnt_all, start),
        cmocka_unit_test_setup(pages_that_dont_change_are_kept_once, start),
        cmocka_unit_test_setup(memory_is_used_again, start),
        cmocka_unit_test_setup(a_full_store_refuses, start),
        cmocka_unit_test_setup(a_refusal_forgets_no_write, start),
        cmocka_unit_test_setup(some_are_refused_with_a_reason, start),
        cmocka_unit_test_setup(wrong_reads_are_told_again, start),
        cmocka_unit_test_setup(a_write_before_another_round_of_keys_counts, start),
        cmocka_unit_test(notes_are_looked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
