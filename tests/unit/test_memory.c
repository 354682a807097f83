/* SPDX-License-Identifier: MIT */
/* The two allocators: every rule of memory.h by example, then random use against a page-wise oracle. */
#include "tests/unit/support.h"

#include <stdlib.h>
#include <string.h>

#include "kernel/memory.h"

#define K *PAGE_SIZE

static struct contig contig;
static u64 junk_base, junk_size, junk_calls;

static void note_junk(u64 base, u64 size)
{
    junk_base = base;
    junk_size = size;
    junk_calls++;
}

/* 64 pages at 16 pages, 32 pages at 128 pages. */
static int fresh(void **state)
{
    (void)state;
    memset(&contig, 0, sizeof(contig));
    test_log_clear();
    junk_calls = 0;
    assert_true(contig_add(&contig, 16 K, 64 K));
    assert_true(contig_add(&contig, 128 K, 32 K));
    return 0;
}

static int still_sound(void **state)
{
    (void)state;
    const char *wrong = contig_check(&contig);
    if (wrong)
        print_error("invariant broken: %s\n", wrong);
    return wrong ? -1 : 0;
}

static bool ask(struct contig_request request, u64 *place)
{
    pa_t block = {0};
    if (!request.what)
        request.what = "test";
    bool good = contig_alloc(&contig, &request, &block);
    *place = pa_raw(block);
    return good;
}

static u64 must(struct contig_request request)
{
    u64 place;
    assert_true(ask(request, &place));
    return place;
}

static void must_not(struct contig_request request, const char *message)
{
    u64 place, free_before = contig_total(&contig, CONTIG_FREE);
    test_log_clear();
    assert_false(ask(request, &place));
    assert_logged(message);
    assert_int_equal(contig_total(&contig, CONTIG_FREE), free_before);
}

/* ---- adding ---- */

static void adds_whole_pages_and_merges(void **state)
{
    (void)state;
    assert_true(
        contig_add(&contig, 80 K + 1, 48 K - 1)); /* 47 whole pages from 81 on: touches what follows */
    assert_int_equal(contig.count, 2);
    assert_int_equal(contig.ranges[1].base, 81 K);
    assert_int_equal(contig.ranges[1].size, (47 + 32) K);
    assert_true(contig_add(&contig, 80 K, 1 K)); /* and this closes the gap */
    assert_int_equal(contig.count, 1);
    assert_int_equal(contig_total(&contig, CONTIG_FREE), 144 K);
    assert_true(contig_add(&contig, 1 K + 1, 1 K)); /* holds no whole page */
    assert_int_equal(contig.count, 1);
}

static void refuses_to_add_twice_or_nonsense(void **state)
{
    (void)state;
    assert_false(contig_add(&contig, 79 K, 2 K));
    assert_logged("already in the pool");
    assert_false(contig_add(&contig, 0, 1000 K));
    assert_false(contig_add(&contig, UINT64_MAX - 1, 1));
    assert_false(contig_add(&contig, 4096, UINT64_MAX));
    assert_int_equal(contig_total(&contig, CONTIG_FREE), 96 K);
}

/* ---- allocating ---- */

static void takes_the_lowest_or_the_highest(void **state)
{
    (void)state;
    assert_int_equal(must((struct contig_request){.size = 4 K}), 16 K);
    assert_int_equal(must((struct contig_request){.size = 1}), 20 K); /* rounded up */
    assert_int_equal(must((struct contig_request){.size = 4 K}), 21 K);
    assert_int_equal(must((struct contig_request){.size = 4 K, .from_top = true}), 156 K);
    assert_int_equal(must((struct contig_request){.size = 40 K, .from_top = true}),
                     40 K); /* only the first is large enough */
    assert_int_equal(contig_total(&contig, CONTIG_USED), (4 + 1 + 4 + 4 + 40) K);
}

static void aligns(void **state)
{
    (void)state;
    assert_int_equal(must((struct contig_request){.size = 3 K, .align = 32 K}), 32 K);
    assert_int_equal(must((struct contig_request){.size = 3 K, .align = 32 K, .from_top = true}), 128 K);
    assert_int_equal(must((struct contig_request){.size = 17 K, .align = 2 K, .from_top = true}), 142 K);
    must_not((struct contig_request){.size = 1 K, .align = 512 K}, "largest free block 180 of 292 KiB");
}

static void keeps_to_the_range(void **state)
{
    (void)state;
    struct contig_request low = {.size = 8 K, .max = 40 K, .from_top = true};
    assert_int_equal(must(low), 32 K);
    struct contig_request high = {.size = 8 K, .min = 70 K};
    assert_int_equal(must(high), 70 K);
    struct contig_request inside = {.size = 8 K, .min = 141 K, .max = 150 K, .align = 2 K};
    assert_int_equal(must(inside), 142 K);
    struct contig_request odd = {.size = 1 K, .min = 20 K + 1, .max = 22 K};
    assert_int_equal(must(odd), 21 K);
    must_not(odd, "in 0x14001-0x16000");
    must_not((struct contig_request){.size = 1 K, .max = 16 K}, "no room for test");
    must_not((struct contig_request){.size = 1 K, .min = 160 K}, "no room for test");
    must_not((struct contig_request){.size = 1 K, .min = UINT64_MAX - 100}, "no room for test");
    must_not((struct contig_request){.size = 1 K, .min = 30 K, .max = 20 K}, "no room for test");
}

static void says_what_was_asked_and_what_there_is(void **state)
{
    (void)state;
    must_not((struct contig_request){.size = 65 K, .align = 2 K, .what = "PAMT of TDMR 3"},
             "no room for PAMT of TDMR 3: 260 KiB asked");
    assert_logged("align 0x2000");
    assert_logged("largest free block 256 of 384 KiB");
    assert_int_equal(must((struct contig_request){.size = 64 K}), 16 K); /* what it said was there is there */
}

static void refuses_impossible_requests(void **state)
{
    (void)state;
    must_not((struct contig_request){.size = 0}, "the caller is wrong");
    must_not((struct contig_request){.size = UINT64_MAX}, "the caller is wrong");
    must_not((struct contig_request){.size = 1 K, .align = 6 K}, "the caller is wrong");
    must_not((struct contig_request){.size = 1 K, .align = 512}, "the caller is wrong");
    must_not((struct contig_request){.size = UINT64_MAX - 2 * PAGE_SIZE}, "no room for test");
    must_not((struct contig_request){.size = 1 K, .align = 1ull << 63}, "no room for test");
}

static void refuses_when_the_table_is_full(void **state)
{
    (void)state;
    memset(&contig, 0, sizeof(contig));
    for (u64 i = 0; i < CONTIG_MAX_RANGES; i++)
        assert_true(contig_add(&contig, (1 + 4 * i) K, 2 K));
    assert_false(contig_add(&contig, (4 * CONTIG_MAX_RANGES + 4) K, 2 K));
    assert_logged("all 512 ranges are in use");
    must_not((struct contig_request){.size = 1 K}, "all 512 ranges are in use");
    u64 whole = must((struct contig_request){.size = 2 K}); /* what needs no split still works */
    test_log_clear();
    assert_false(contig_retire(&contig, pa_of(whole), 1 K));
    assert_logged("all 512 ranges are in use");
    assert_int_equal(contig_total(&contig, CONTIG_RETIRED), 0);
    assert_true(contig_retire(&contig, pa_of(whole), 2 K));
    assert_true(contig_restore(&contig, pa_of(whole), 2 K));
}

/* Where the caller has somewhere else to look, only its own mistakes are worth a line. */
static void quiet_requests_fail_without_a_line(void **state)
{
    (void)state;
    u64 place;
    struct contig_request too_large = {.size = 65 K};
    must_not(too_large, "no room for test");
    test_log_clear();
    too_large.quiet = true;
    assert_false(ask(too_large, &place));
    assert_string_equal(test_log(), "");
    assert_false(ask((struct contig_request){.size = 0, .quiet = true}, &place));
    assert_logged("the caller is wrong");
    assert_int_equal(must((struct contig_request){.size = 64 K, .quiet = true}), 16 K);
}

static void quiet_requests_fill_the_table_without_a_line(void **state)
{
    (void)state;
    u64 place;
    memset(&contig, 0, sizeof(contig));
    for (u64 i = 0; i < CONTIG_MAX_RANGES; i++)
        assert_true(contig_add(&contig, (1 + 4 * i) K, 2 K));
    must_not((struct contig_request){.size = 1 K}, "all 512 ranges are in use");
    test_log_clear();
    assert_false(ask((struct contig_request){.size = 1 K, .quiet = true}, &place));
    assert_string_equal(test_log(), "");
}

/* ---- giving back ---- */

static void frees_and_merges(void **state)
{
    (void)state;
    contig.junk = note_junk;
    u64 a = must((struct contig_request){.size = 4 K}), b = must((struct contig_request){.size = 4 K}),
        c = must((struct contig_request){.size = 4 K});
    assert_true(contig_free(&contig, pa_of(a), 4 K));
    assert_true(contig_free(&contig, pa_of(c), 4 K));
    assert_int_equal(contig.count, 4); /* free, b, free, the other range */
    assert_true(contig_free(&contig, pa_of(b), 3 * PAGE_SIZE + 1));
    assert_int_equal(contig.count, 2);
    assert_int_equal(contig_total(&contig, CONTIG_FREE), 96 K);
    assert_int_equal(junk_calls, 3);
    assert_int_equal(junk_base, b);
    assert_int_equal(junk_size, 4 K);
}

static void refuses_to_free_what_is_not_so(void **state)
{
    (void)state;
    contig.junk = note_junk;
    u64 a = must((struct contig_request){.size = 4 K});
    static const struct {
        u64 base, size;
    } wrong[] = {{20 K, 4 K}, {17 K, 3 K},        {16 K, 3 K},   {16 K, 5 K},
                 {16 K, 0},   {16 K, UINT64_MAX}, {1000 K, 4 K}, {0, 4 K}};
    for (u32 i = 0; i < ARRAY_COUNT(wrong); i++) {
        test_log_clear();
        assert_false(contig_free(&contig, pa_of(wrong[i].base), wrong[i].size));
        assert_logged("can't free");
    }
    assert_true(contig_free(&contig, pa_of(a), 4 K));
    assert_false(contig_free(&contig, pa_of(a), 4 K)); /* twice */
    assert_int_equal(junk_calls, 1);
}

static void retires_for_good(void **state)
{
    (void)state;
    u64 a = must((struct contig_request){.size = 64 K, .what = "extension pool"});
    assert_true(contig_retire(&contig, pa_of(a), 64 K));
    assert_int_equal(contig_total(&contig, CONTIG_RETIRED), 64 K);
    assert_false(contig_free(&contig, pa_of(a), 64 K));
    assert_false(contig_retire(&contig, pa_of(a), 64 K));
    assert_logged("can't retire");
    must_not((struct contig_request){.size = 33 K}, "largest free block 128 of 128 KiB");
    assert_true(contig_restore(&contig, pa_of(a), 64 K));
    assert_false(contig_restore(&contig, pa_of(a), 64 K));
    assert_logged("can't restore");
    assert_int_equal(must((struct contig_request){.size = 64 K}), a);
}

static void retires_parts_and_restores_across_them(void **state)
{
    (void)state;
    u64 a = must((struct contig_request){.size = 64 K, .what = "extension pool"});
    for (u64 i = 0; i < 64; i += 8)
        assert_true(contig_retire(&contig, pa_of(a + i K), 8 K)); /* batch by batch */
    assert_true(contig_restore(&contig, pa_of(a + 4 K), 30 K));
    assert_int_equal(contig_total(&contig, CONTIG_RETIRED), 34 K);
    assert_int_equal(contig_largest_free(&contig), 32 K); /* the other range; 30 pages here */
    assert_true(contig_restore(&contig, pa_of(a), 4 K));
    assert_int_equal(contig_largest_free(&contig), 34 K);
    assert_false(contig_restore(&contig, pa_of(a + 60 K), 8 K)); /* runs into a hole */
    assert_false(contig_retire(&contig, pa_of(a), 0));
    assert_false(contig_retire(&contig, pa_of(a + 1), 1 K));
    assert_false(contig_restore(&contig, pa_of(a + 40 K), UINT64_MAX - 2 * PAGE_SIZE));
    assert_true(contig_restore(&contig, pa_of(a + 34 K), 30 K));
    assert_int_equal(contig.count, 2);
}

/* ---- the invariants notice each kind of damage ---- */

static void check_sees_damage(void **state)
{
    (void)state;
    must((struct contig_request){.size = 4 K});
    struct contig good = contig;
#define SEES(damage, message)                                                                                \
    contig = good;                                                                                           \
    damage;                                                                                                  \
    assert_string_equal(contig_check(&contig), message)
    SEES(contig.count = CONTIG_MAX_RANGES + 1, "more ranges than the table holds");
    SEES(contig.ranges[1].size = 0, "a range is empty");
    SEES(contig.ranges[1].base++, "a range isn't made of whole pages");
    SEES(contig.ranges[1].size++, "a range isn't made of whole pages");
    SEES(contig.ranges[2].size = -(u64)PAGE_SIZE, "a range overflows");
    SEES(contig.ranges[0].state = 7, "a range is in no known state");
    SEES(contig.ranges[0].owner = NULL, "a free range has an owner, or another one has none");
    SEES(contig.ranges[1].owner = "x", "a free range has an owner, or another one has none");
    SEES(contig.ranges[0].size += PAGE_SIZE, "ranges overlap or aren't in order");
    SEES(contig.ranges[2].base = 0, "ranges overlap or aren't in order");
    SEES((contig.ranges[0].state = CONTIG_FREE, contig.ranges[0].owner = NULL),
         "free ranges touch but aren't merged");
    contig = good;
    assert_null(contig_check(&contig));
}

static const char *reported;

static void note_broken(const char *reason)
{
    reported = reason;
}

/* Each change looks at the whole table afterwards, where somebody wants to know. */
static void every_change_checks(void **state)
{
    (void)state;
    u64 a = must((struct contig_request){.size = 4 K}), place;
    struct contig good = contig;
    good.broken = note_broken;
#define REPORTS(change)                                                                                      \
    reported = NULL;                                                                                         \
    contig = good;                                                                                           \
    assert_true(change);                                                                                     \
    assert_null(reported);                                                                                   \
    contig = good;                                                                                           \
    contig.ranges[2].owner = "x"; /* the free range at 128 pages */                                          \
    assert_true(change);                                                                                     \
    assert_string_equal(reported, "a free range has an owner, or another one has none")
    REPORTS(ask((struct contig_request){.size = 1 K}, &place));
    REPORTS(contig_free(&contig, pa_of(a), 4 K));
    REPORTS(contig_retire(&contig, pa_of(a), 4 K));
    contig = good;
    assert_true(contig_retire(&contig, pa_of(a), 4 K));
    good = contig;
    REPORTS(contig_restore(&contig, pa_of(a), 4 K));
    contig = good;
}

/* ---- against an oracle ---- */

#define ORACLE_PAGES 256

static u8 oracle[ORACLE_PAGES]; /* 0: not memory; else 1 + enum contig_state */

static bool oracle_has(u64 page, u64 pages, u8 what)
{
    for (u64 p = page; p < page + pages; p++)
        if (p >= ORACLE_PAGES || oracle[p] != what)
            return false;
    return true;
}

/* The first place that fits, by trying all of them. */
static bool oracle_find(const struct contig_request *request, u64 *place)
{
    u64 pages = (request->size + PAGE_SIZE - 1) / PAGE_SIZE,
        max = request->max ? request->max : ORACLE_PAGES K;
    for (u64 i = 0; i < ORACLE_PAGES; i++) {
        u64 page = request->from_top ? ORACLE_PAGES - 1 - i : i;
        if (page K % request->align == 0 && page K >= request->min && (page + pages) K <= max &&
            oracle_has(page, pages, 1 + CONTIG_FREE)) {
            *place = page K;
            return true;
        }
    }
    return false;
}

static void assert_like_oracle(void)
{
    u64 totals[3] = {0}, run = 0, largest = 0;
    for (u64 p = 0; p < ORACLE_PAGES; p++) {
        if (oracle[p])
            totals[oracle[p] - 1] += PAGE_SIZE;
        run = oracle[p] == 1 + CONTIG_FREE ? run + PAGE_SIZE : 0;
        largest = run > largest ? run : largest;
    }
    for (int state = CONTIG_FREE; state <= CONTIG_RETIRED; state++)
        assert_int_equal(contig_total(&contig, state), totals[state]);
    assert_int_equal(contig_largest_free(&contig), largest);
}

static void random_change(u64 *seed, struct contig_request blocks[], u64 places[], u32 *count)
{
    u32 i = *count ? test_random(seed) % *count : 0;
    u64 page = *count ? places[i] / PAGE_SIZE : 0, pages = *count ? blocks[i].size / PAGE_SIZE : 0;
    u8 now = *count ? oracle[page] : 0;
    switch (*count ? test_random(seed) % 5 : 0) {
    default: { /* allocate */
        struct contig_request request = {
            .size = (1 + test_random(seed) % 24) K,
            .align = PAGE_SIZE << test_random(seed) % 5,
            .min = test_random(seed) % 3 ? 0 : test_random(seed) % ORACLE_PAGES K,
            .max = test_random(seed) % 3 ? 0 : test_random(seed) % ORACLE_PAGES K,
            .from_top = test_random(seed) % 2,
            .what = "random"};
        u64 expected = 0, place;
        bool fits = oracle_find(&request, &expected);
        assert_int_equal(ask(request, &place), fits);
        if (fits) {
            assert_int_equal(place, expected);
            memset(oracle + place / PAGE_SIZE, 1 + CONTIG_USED, request.size / PAGE_SIZE);
            blocks[*count] = request;
            places[(*count)++] = place;
        }
        return;
    }
    case 1: /* free: only what is in use */
        assert_int_equal(contig_free(&contig, pa_of(places[i]), pages K), now == 1 + CONTIG_USED);
        if (now != 1 + CONTIG_USED)
            return;
        break;
    case 2: /* retire */
        assert_int_equal(contig_retire(&contig, pa_of(places[i]), pages K), now == 1 + CONTIG_USED);
        if (now == 1 + CONTIG_USED)
            memset(oracle + page, 1 + CONTIG_RETIRED, pages);
        return;
    case 3: /* restore */
        assert_int_equal(contig_restore(&contig, pa_of(places[i]), pages K), now == 1 + CONTIG_RETIRED);
        if (now != 1 + CONTIG_RETIRED)
            return;
        break;
    }
    memset(oracle + page, 1 + CONTIG_FREE, pages);
    (*count)--;
    blocks[i] = blocks[*count];
    places[i] = places[*count];
}

static void agrees_with_an_oracle(void **state)
{
    (void)state;
    u64 seed = 0xC0471;
    print_message("seed 0x%lx\n", seed);
    for (u32 round = 0; round < 100; round++) {
        struct contig_request blocks[ORACLE_PAGES];
        u64 places[ORACLE_PAGES];
        u32 count = 0;
        memset(&contig, 0, sizeof(contig));
        memset(oracle, 0, sizeof(oracle));
        for (u64 page = 1 + test_random(&seed) % 8; page < ORACLE_PAGES;) {
            u64 pages = 1 + test_random(&seed) % (ORACLE_PAGES - page);
            assert_true(contig_add(&contig, page K, pages K));
            memset(oracle + page, 1 + CONTIG_FREE, pages);
            page += pages + test_random(&seed) % 16;
        }
        for (u32 step = 0; step < 300; step++) {
            random_change(&seed, blocks, places, &count);
            assert_null(contig_check(&contig));
            assert_like_oracle();
        }
        test_log_clear();
    }
}

/* ---- bump ---- */

static void bump_gives_aligned_until_it_ends(void **state)
{
    (void)state;
    struct bump bump = {0x1008, 0x4000};
    pa_t block;
    assert_true(bump_alloc(&bump, 24, 16, &block));
    assert_int_equal(pa_raw(block), 0x1010);
    assert_true(bump_alloc(&bump, 0x1000, 0x1000, &block));
    assert_int_equal(pa_raw(block), 0x2000);
    assert_true(bump_alloc(&bump, 0x1000, 1, &block)); /* exactly what is left */
    assert_int_equal(pa_raw(block), 0x3000);
    assert_null(bump_check(&bump));
    test_log_clear();
    assert_false(bump_alloc(&bump, 1, 1, &block));
    assert_logged("asks for 0x1 bytes, align 0x1; 0x0 are left");
    assert_int_equal(bump.next, 0x4000);
}

static void bump_refuses_overflow(void **state)
{
    (void)state;
    struct bump bump = {0x1000, 0x4000};
    pa_t block;
    assert_false(bump_alloc(&bump, UINT64_MAX, 16, &block));
    assert_false(bump_alloc(&bump, 1, 1ull << 63, &block));
    assert_int_equal(bump.next, 0x1000);
    bump = (struct bump){UINT64_MAX - 8, UINT64_MAX};
    assert_false(bump_alloc(&bump, 1, 16, &block));
    bump.next = 0x5000;
    bump.end = 0x4000;
    assert_string_equal(bump_check(&bump), "more was given out than there was");
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, fresh, still_sound)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POOL_TEST(adds_whole_pages_and_merges),
        POOL_TEST(refuses_to_add_twice_or_nonsense),
        POOL_TEST(takes_the_lowest_or_the_highest),
        POOL_TEST(aligns),
        POOL_TEST(keeps_to_the_range),
        POOL_TEST(says_what_was_asked_and_what_there_is),
        POOL_TEST(refuses_impossible_requests),
        POOL_TEST(refuses_when_the_table_is_full),
        POOL_TEST(quiet_requests_fail_without_a_line),
        POOL_TEST(quiet_requests_fill_the_table_without_a_line),
        POOL_TEST(frees_and_merges),
        POOL_TEST(refuses_to_free_what_is_not_so),
        POOL_TEST(retires_for_good),
        POOL_TEST(retires_parts_and_restores_across_them),
        POOL_TEST(check_sees_damage),
        POOL_TEST(every_change_checks),
        POOL_TEST(agrees_with_an_oracle),
        cmocka_unit_test(bump_gives_aligned_until_it_ends),
        cmocka_unit_test(bump_refuses_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
