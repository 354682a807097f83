/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of the soft module: whatever happened since, soft_restore() brings back module state, page
 * metadata and owners, tells the carrier of exactly the pages that change hands, and refuses, without a
 * trace, when the PAMT that a snapshot lives on was initialised again or the journal overflowed.
 */
#include "tests/unit/test_soft.h"

#define QUOTE       (1ull << 50)
#define LIST        0x20000000ull
#define POOL        0x110000000ull
#define PAMT_BYTES  0x403000ull
#define PAIRS       0x120000000ull
#define PAIR_PAGES  8ull
#define OWNER_BYTES 0x230000ull /* pages: up to behind the last place */

static u64 list_info(u32 first, u32 last)
{
    return LIST | (u64)first << 3 | (u64)last << 55;
}

/* ---- lives: each of these places holds the PAMTs of the template TDMR ---- */

#define PLACES 3
static u64 pamt_place(u32 place)
{
    return 0x200000000 + place * 0x10000000ull;
}

/* Profile dpamt: what lies in place of PAMT_4K is a bitmap, which is smaller. */
static bool dynamic(const struct fake *fake)
{
    return fake->knobs.features0 >> 36 & 1;
}

static void configure(struct fake *fake, u32 place)
{
    struct tdx_tdmr_info info = template_tdmr();
    info.pamt_4k_base = pamt_place(place);
    info.pamt_2m_base = pamt_place(place) + 0x400000;
    info.pamt_1g_base = pamt_place(place) + 0x402000;
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("SYS.CONFIG",
                  run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 1,
                      .r8 = MODULE_HKID | (u64)dynamic(fake) << 16, .r9 = QUOTE, .r10 = 0)
                      .rax,
                  0);
}

static void make_ready(struct fake *fake)
{
    assert_status("SYS.KEY.CONFIG", run(fake, 0, 31).rax, 0);
    assert_status("SYS.KEY.CONFIG", run(fake, 2, 31).rax, 0);
}

static void initialise_tdmr_rest(struct fake *fake)
{
    while (run(fake, 0, 36, .rcx = 0x100000000).rdx < 0x140000000)
        ;
}

/* Initialised TDMR in a fresh life */
static void live(struct fake *fake, u32 place)
{
    fake_reset(fake);
    configure(fake, place);
    make_ready(fake);
    initialise_tdmr(fake, 0x100000000, GIB);
}

static struct fake *new_fake_of(const char *profile, u64 quote_pages)
{
    struct fake *fake = fake_new(profile);
    fake->knobs.quote_pages = quote_pages;
    fake->knobs.ext_init_steps = 3;
    fake_reset(fake);
    return fake;
}

static struct fake *new_fake(u64 quote_pages)
{
    return new_fake_of("ext", quote_pages);
}

static void add_pages(struct fake *fake, u64 page, u32 count)
{
    for (u32 done = 0; done < count;) {
        u32 batch = count - done < 512 ? count - done : 512;
        for (u32 i = 0; i < batch; i++, done++)
            put_u64(fake, LIST + 8 * i, page + (u64)done * PAGE_SIZE);
        assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = list_info(0, batch - 1)).rax, 0);
    }
}

/* ---- a moment: what has to be as before ---- */

struct moment {
    void *snapshot;
    u64 footprint;
    u64 place; /* of this life's PAMTs, 0: none is initialised */
    u8 *pamt;  /* what was there */
    u8 *owner;
    u8 *pairs; /* pages that PAMT pairs are made of */
    struct soft_knobs knobs;
};

static void moment_new(struct moment *moment)
{
    *moment = (struct moment){
        .snapshot = aligned_alloc(64, align_up(soft_snapshot_size(), 64)),
        .pamt = malloc(PAMT_BYTES),
        .owner = malloc(OWNER_BYTES),
        .pairs = malloc(PAIR_PAGES * PAGE_SIZE),
    };
    memset(moment->snapshot, 0, soft_snapshot_size());
}

static void moment_free(struct moment *moment)
{
    free(moment->snapshot);
    free(moment->pamt);
    free(moment->owner);
    free(moment->pairs);
}

static void moment_note(struct fake *fake, struct moment *moment)
{
    moment->footprint = soft_footprint(fake->module);
    moment->knobs = fake->module->knobs;
    u32 count;
    const struct soft_tdmr *tdmrs = soft_owning_tdmrs(fake->module, &count);
    moment->place = soft_pamt_initialised(fake->module) ? tdmrs[0].pamt[TDX_PAMT_4K].base : 0;
    if (moment->place)
        memcpy(moment->pamt, fake->ram + moment->place, PAMT_BYTES);
    memcpy(moment->owner, fake->owner, OWNER_BYTES);
    memcpy(moment->pairs, fake->ram + PAIRS, PAIR_PAGES * PAGE_SIZE);
}

static void moment_take(struct fake *fake, struct moment *moment)
{
    assert_true(soft_snapshot(fake->module, moment->snapshot));
    moment_note(fake, moment);
}

static void moment_check(struct fake *fake, const struct moment *moment)
{
    const struct soft_module *module = fake->module;
    assert_int_equal(soft_footprint(module), moment->footprint);
    assert_memory_equal(&module->knobs, &moment->knobs, sizeof(moment->knobs));
    if (moment->place)
        assert_memory_equal(fake->ram + moment->place, moment->pamt, PAMT_BYTES);
    assert_memory_equal(fake->owner, moment->owner, OWNER_BYTES);
    for (u64 i = 0; i < PAIR_PAGES; i++) /* those that aren't the module's may hold anything */
        if (fake->owner[PAIRS / PAGE_SIZE + i] != SOFT_OWNER_HOST)
            assert_memory_equal(fake->ram + PAIRS + i * PAGE_SIZE, moment->pairs + i * PAGE_SIZE, PAGE_SIZE);
    const char *broken = soft_check(module);
    if (broken)
        fail_msg("invariant broken after a restore: %s", broken);
}

static u64 pages_that_differ(struct fake *fake, const struct moment *moment)
{
    u64 count = 0;
    for (u64 chunk = 0; chunk < OWNER_BYTES; chunk += 4096) {
        if (memcmp(fake->owner + chunk, moment->owner + chunk, 4096) == 0)
            continue;
        for (u64 i = chunk; i < chunk + 4096; i++)
            count += fake->owner[i] != moment->owner[i];
    }
    return count;
}

static void moment_restore(struct fake *fake, struct moment *moment)
{
    u64 differ = pages_that_differ(fake, moment);
    fake->owner_pages = 0;
    assert_true(soft_restore(fake->module, moment->snapshot));
    moment_check(fake, moment);
    assert_int_equal(fake->owner_pages, differ);
}

/* Of this moment, without a snapshot; until the next is asked for. */
static struct moment moment_now(struct fake *fake)
{
    static u8 pamt[PAMT_BYTES], owner[OWNER_BYTES], pairs[PAIR_PAGES * PAGE_SIZE];
    struct moment now = {.pamt = pamt, .owner = owner, .pairs = pairs};
    moment_note(fake, &now);
    return now;
}

static void moment_refused(struct fake *fake, struct moment *moment)
{
    struct moment now = moment_now(fake);
    fake->owner_calls = 0;
    assert_false(soft_restore(fake->module, moment->snapshot));
    assert_int_equal(fake->owner_calls, 0);
    moment_check(fake, &now);
}

/* ---- tests ---- */

static void every_state_comes_back(void **state)
{
    (void)state;
    enum { RESET, INITIALISED, CONFIGURED, READY, HALF, INITIALISED_TDMR, POOL_HALF, EXTENDED, MOMENTS };
    struct fake *fake = new_fake(1000);
    struct moment moments[MOMENTS];
    for (u32 i = 0; i < MOMENTS; i++)
        moment_new(&moments[i]);
    moment_take(fake, &moments[RESET]);
    configure(fake, 0);
    moment_take(fake, &moments[CONFIGURED]);
    make_ready(fake);
    moment_take(fake, &moments[READY]);
    for (u32 i = 0; i < 100; i++)
        run(fake, 0, 36, .rcx = 0x100000000);
    moment_take(fake, &moments[HALF]);
    initialise_tdmr_rest(fake);
    moment_take(fake, &moments[INITIALISED_TDMR]);
    add_pages(fake, POOL, 500);
    moment_take(fake, &moments[POOL_HALF]);
    add_pages(fake, POOL + 0x1000000, 500);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    moment_take(fake, &moments[EXTENDED]);
    moment_restore(fake, &moments[RESET]);
    reach_init_done(fake);
    moment_take(fake, &moments[INITIALISED]);

    for (u32 from = 0; from < MOMENTS; from++)
        for (u32 to = 0; to < MOMENTS; to++) {
            moment_restore(fake, &moments[from]);
            moment_restore(fake, &moments[to]);
        }
    moment_restore(fake, &moments[POOL_HALF]); /* and it goes on from there */
    add_pages(fake, POOL + 0x2000000, 500);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    moment_restore(fake, &moments[EXTENDED]);
    fake_reset(fake);
    moment_restore(fake, &moments[EXTENDED]);
    assert_int_equal(soft_page_owner(fake->module, POOL + 0x1000000), SOFT_OWNER_POOL);
    assert_int_equal(soft_page_owner(fake->module, POOL + 0x2000000), SOFT_OWNER_HOST);
    for (u32 i = 0; i < MOMENTS; i++)
        moment_free(&moments[i]);
    fake_free(fake);
}

/* From a half initialised TDMR on, TDMR.INIT writes where later snapshots live. */
static void initialising_again_spoils(void **state)
{
    (void)state;
    struct fake *fake = new_fake(100);
    struct moment ready, half, whole, elsewhere;
    moment_new(&ready);
    moment_new(&half);
    moment_new(&whole);
    moment_new(&elsewhere);
    live(fake, 1);
    moment_take(fake, &elsewhere);
    fake_reset(fake);
    configure(fake, 0);
    make_ready(fake);
    moment_take(fake, &ready);
    for (u32 i = 0; i < 100; i++)
        run(fake, 0, 36, .rcx = 0x100000000);
    moment_take(fake, &half);
    initialise_tdmr_rest(fake);
    add_pages(fake, POOL, 50);
    moment_take(fake, &whole);
    moment_restore(fake, &half);
    moment_restore(fake, &whole);
    moment_restore(fake, &half);
    run(fake, 0, 36, .rcx = 0x100000000);
    moment_refused(fake, &whole);
    moment_restore(fake, &half);
    moment_refused(fake, &whole);
    moment_restore(fake, &ready);
    run(fake, 0, 36, .rcx = 0x100000000);
    moment_refused(fake, &half);
    moment_restore(fake, &ready);
    moment_restore(fake, &elsewhere);
    live(fake, 1);
    moment_refused(fake, &elsewhere);
    moment_restore(fake, &ready);
    moment_free(&ready);
    moment_free(&half);
    moment_free(&whole);
    moment_free(&elsewhere);
    fake_free(fake);
}

static void overflow_is_refused(void **state)
{
    (void)state;
    struct fake *fake = new_fake(SOFT_CHANGES + 1);
    struct moment ready, initialised, full;
    moment_new(&ready);
    moment_new(&initialised);
    moment_new(&full);
    fake_reset(fake);
    configure(fake, 0);
    make_ready(fake);
    moment_take(fake, &ready);
    initialise_tdmr(fake, 0x100000000, GIB);
    moment_take(fake, &initialised);
    add_pages(fake, POOL, SOFT_CHANGES);
    moment_take(fake, &full); /* just fits */
    moment_restore(fake, &initialised);
    moment_restore(fake, &full);
    add_pages(fake, POOL + SOFT_CHANGES * PAGE_SIZE, 1);
    moment_refused(fake, &full);
    moment_refused(fake, &initialised);
    moment_take(fake, &full); /* a new root: all room is free again */
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    moment_restore(fake, &full);
    moment_restore(fake, &ready);
    moment_restore(fake, &full);
    moment_free(&ready);
    moment_free(&initialised);
    moment_free(&full);
    fake_free(fake);
}

/* More runs than the lists of a change of life hold: exactness is given up, nothing else. */
static void scattered_pool_between_lives(void **state)
{
    (void)state;
    struct fake *fake = new_fake(2 * SOFT_RUNS);
    struct moment scattered, other;
    moment_new(&scattered);
    moment_new(&other);
    live(fake, 0);
    moment_take(fake, &other);
    live(fake, 1);
    for (u32 done = 0; done < 2 * SOFT_RUNS; done += 256) {
        for (u32 i = 0; i < 256; i++)
            put_u64(fake, LIST + 8 * i, POOL + 2 * PAGE_SIZE * (done + i));
        assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = list_info(0, 255)).rax, 0);
    }
    moment_take(fake, &scattered);
    assert_true(soft_restore(fake->module, other.snapshot));
    moment_check(fake, &other);
    assert_true(soft_restore(fake->module, scattered.snapshot));
    moment_check(fake, &scattered);
    moment_free(&scattered);
    moment_free(&other);
    fake_free(fake);
}

static void refused_snapshots(void **state)
{
    (void)state;
    struct fake *fake = new_fake(10), *other = new_fake(10);
    struct moment moment, foreign;
    moment_new(&moment);
    moment_new(&foreign);
    moment_refused(fake, &moment); /* never taken */
    moment_take(other, &foreign);
    moment_refused(fake, &foreign);
    live(fake, 0);
    moment_take(fake, &moment);
    struct soft_request request = {.module = fake->module};
    soft_stop(&request, "a test wants it");
    assert_false(soft_snapshot(fake->module, foreign.snapshot)); /* nothing to come back to */
    moment_restore(fake, &moment);
    assert_false(soft_is_fatal(fake->module));
    assert_status("SYS.RD", run(fake, 0, 34, .rdx = 0x0A00000300000008).rax, 0);
    moment_free(&moment);
    moment_free(&foreign);
    fake_free(fake);
    fake_free(other);
}

static void nodes_run_out(void **state)
{
    (void)state;
    struct fake *fake = new_fake(100);
    struct moment moments[SOFT_NODES];
    live(fake, 0);
    for (u32 i = 0; i < SOFT_NODES; i++)
        moment_new(&moments[i]);
    for (u32 i = 0; i + 1 < SOFT_NODES; i++) {
        add_pages(fake, POOL + i * PAGE_SIZE, 1);
        moment_take(fake, &moments[i]);
    }
    assert_false(soft_snapshot(fake->module, moments[SOFT_NODES - 1].snapshot));
    moment_restore(fake, &moments[3]);
    moment_restore(fake, &moments[30]);
    moment_take(fake, &moments[7]); /* taken again elsewhere: its old place is free */
    moment_restore(fake, &moments[6]);
    moment_restore(fake, &moments[8]);
    moment_restore(fake, &moments[7]);
    for (u32 i = 0; i < 100; i++) { /* one slot, on and on */
        moment_restore(fake, &moments[0]);
        add_pages(fake, POOL + (40 + i) * PAGE_SIZE, 1);
        moment_take(fake, &moments[1]);
        add_pages(fake, POOL + 0x1000000, 1);
        moment_take(fake, &moments[1]);
    }
    moment_restore(fake, &moments[30]);
    for (u32 i = 0; i < SOFT_NODES; i++)
        moment_free(&moments[i]);
    fake_free(fake);
}

/* A slot that is taken again frees the way to where it was. */
static void retaking_frees_the_journal(void **state)
{
    (void)state;
    struct fake *fake = new_fake(SOFT_CHANGES + 1000);
    struct moment moment;
    moment_new(&moment);
    live(fake, 0);
    for (u32 done = 0; done + 12000 <= SOFT_CHANGES + 1000; done += 12000) {
        moment_take(fake, &moment);
        add_pages(fake, POOL + done * PAGE_SIZE, 12000);
    }
    moment_restore(fake, &moment);
    moment_free(&moment);
    fake_free(fake);
}

static void other_violation(void *context, u32 lp, const char *text)
{
    fake_violation(context, lp, text);
}

static void the_platform_stays(void **state)
{
    (void)state;
    struct fake *fake = new_fake(10);
    struct moment moment;
    moment_new(&moment);
    moment_take(fake, &moment);
    struct soft_platform platform = fake->module->platform;
    platform.violation = other_violation;
    soft_reset(fake->module, &platform, &fake->machine, &fake->knobs);
    moment_restore(fake, &moment);
    assert_ptr_equal(fake->module->platform.violation, other_violation);
    moment_free(&moment);
    fake_free(fake);
}

static void live_changes_come_back(void **state)
{
    (void)state;
    struct fake *fake = new_fake(10);
    struct moment moment;
    moment_new(&moment);
    live(fake, 0);
    moment_take(fake, &moment);
    assert_true(soft_knob_set(soft_live_knobs(fake->module), "ext_init_not_required_status=7"));
    assert_true(soft_knob_set(soft_live_knobs(fake->module), "ext_page_type=17"));
    soft_live_machine(fake->module)->lp_count = 2;
    add_pages(fake, POOL, 5); /* pages of another type: still the pool's */
    assert_true(soft_knob_set(soft_live_knobs(fake->module), "ext_page_type=16"));
    assert_int_equal(soft_page_owner(fake->module, POOL), SOFT_OWNER_POOL);
    add_pages(fake, POOL + 5 * PAGE_SIZE, 5);
    moment_restore(fake, &moment);
    assert_int_equal(fake->module->machine.lp_count, 4);
    fake_reset(fake);
    moment_free(&moment);
    fake_free(fake);
}

static void footprint_sees_what_a_host_sees(void **state)
{
    (void)state;
    struct fake *fake = new_fake(10);
    live(fake, 0);
    u64 before = soft_footprint(fake->module);
    put_u64(fake, LIST, 0x123);
    run(fake, 0, 61, .rcx = list_info(0, 0)); /* refused */
    run(fake, 0, 60);                         /* too early */
    run(fake, 0, 33, .rcx = 0);
    run(fake, 1, 34, .rdx = ~0ull);
    run(fake, 1, 24, .rcx = POOL);
    assert_int_equal(soft_footprint(fake->module), before);
    put_u64(fake, LIST, POOL);
    run(fake, 0, 61, .rcx = list_info(0, 0));
    u64 one = soft_footprint(fake->module);
    assert_int_not_equal(one, before);
    u64 lows[] = {0x100000000, 0x110001000};
    for (u32 i = 0; i < 2; i++) { /* which page it is matters */
        live(fake, 0);
        put_u64(fake, LIST, lows[i]);
        run(fake, 0, 61, .rcx = list_info(0, 0));
        assert_int_not_equal(soft_footprint(fake->module), one);
    }
    live(fake, 0);
    assert_int_equal(soft_footprint(fake->module), before);
    fake_free(fake);
}

/* ---- pages that hold entries come and go ---- */

static u64 pair(struct fake *fake, u32 leaf)
{
    return run(fake, 0, leaf, .rcx = POOL | 1, .rdx = PAIRS, .r8 = PAIRS + PAGE_SIZE).rax;
}

/* A TD that is torn down: its child's entry still names it. */
static void leave_a_stale_owner(struct fake *fake)
{
    const u64 tdr = POOL + 0x40000, child = POOL + 0x50000;
    assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = tdr, .rdx = 33).rax, 0);
    assert_status("MNG.KEY.CONFIG", run(fake, 0, 8, .rcx = tdr).rax, 0);
    assert_status("MNG.KEY.CONFIG", run(fake, 2, 8, .rcx = tdr).rax, 0);
    assert_status("MNG.ADDCX", run(fake, 0, 1, .rcx = child, .rdx = tdr).rax, 0);
    assert_status("MNG.VPFLUSHDONE", run(fake, 0, 19, .rcx = tdr).rax, 0);
    assert_status("CACHE.WB", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_status("CACHE.WB", run(fake, 2, 40, .rcx = 0).rax, 0);
    assert_status("MNG.KEY.FREEID", run(fake, 0, 20, .rcx = tdr).rax, 0);
    assert_status("PAGE.RECLAIM", run(fake, 0, 28, .rcx = child).rax, 0);
    assert_status("PAGE.RECLAIM", run(fake, 0, 28, .rcx = tdr).rax, 0);
    assert_int_equal(run(fake, 0, 24, .rcx = child).rdx, tdr);
}

/* Also what the entries of a released page said comes back, in every order, and whatever the host wrote. */
static void released_entries_come_back(void **state)
{
    (void)state;
    struct fake *fake = new_fake_of("dpamt", 10);
    struct moment moments[4];
    for (u32 i = 0; i < 4; i++)
        moment_new(&moments[i]);
    live(fake, 0);
    moment_take(fake, &moments[0]);
    assert_status("PAMT.ADD", pair(fake, 58), 0);
    moment_take(fake, &moments[1]);
    leave_a_stale_owner(fake);
    moment_take(fake, &moments[2]);
    assert_status("PAMT.REMOVE", pair(fake, 59), 0);
    moment_take(fake, &moments[3]);
    u64 seed = 0x5EA9;
    for (u32 i = 0; i < 60; i++) {
        u32 to = test_random(&seed) % 4;
        moment_restore(fake, &moments[to]);
        if (to % 3 == 0) /* there is no pair */
            memset(fake->ram + PAIRS, (int)i, 2 * PAGE_SIZE);
    }
    for (u32 i = 0; i < 4; i++)
        moment_free(&moments[i]);
    fake_free(fake);
}

/* Two lives with the same pair: going back to the one writes where the other one's entries are. */
static void shared_pairs_spoil(void **state)
{
    (void)state;
    struct fake *fake = new_fake_of("dpamt", 10);
    struct moment without, with, other;
    moment_new(&without);
    moment_new(&with);
    moment_new(&other);
    live(fake, 0);
    moment_take(fake, &without);
    assert_status("PAMT.ADD", pair(fake, 58), 0);
    moment_take(fake, &with);
    live(fake, 1);
    assert_status("PAMT.ADD", pair(fake, 58), 0);
    add_pages(fake, POOL, 10);
    moment_take(fake, &other);
    moment_restore(fake, &without); /* touches no pair */
    moment_restore(fake, &other);
    moment_restore(fake, &with);
    moment_refused(fake, &other);
    moment_restore(fake, &without);
    moment_free(&without);
    moment_free(&with);
    moment_free(&other);
    fake_free(fake);
}

/* ---- any sequence of calls, snapshots, restores and resets ---- */

#define SLOTS 6
struct slot {
    struct moment moment;
    bool taken, spoiled, on_pamt;
    u32 place;
};

struct drunk {
    struct fake *fake;
    struct slot slots[SLOTS];
    u64 seed;
    u32 place; /* of this life */
    u32 restored, refused;
};

static u32 dice(struct drunk *drunk, u32 sides)
{
    return (u32)(test_random(&drunk->seed) % sides);
}

static void begin_life(struct drunk *drunk)
{
    struct fake *fake = drunk->fake;
    fake_reset(fake);
    drunk->place = dice(drunk, PLACES);
    if (dice(drunk, 4) == 0)
        return;
    configure(fake, drunk->place);
    if (dice(drunk, 4) == 0)
        return;
    make_ready(fake);
    if (dice(drunk, 4) == 0)
        return;
    initialise_tdmr(fake, 0x100000000, GIB);
    for (u32 i = 0; i < SLOTS; i++)
        drunk->slots[i].spoiled |= drunk->slots[i].on_pamt && drunk->slots[i].place == drunk->place;
}

/* TDs come, get keys and pages, and go. */
static void play_with_tds(struct drunk *drunk)
{
    static const u32 leaves[] = {9, 9, 8, 8, 1, 1, 19, 40, 40, 20, 28, 28, 28};
    struct fake *fake = drunk->fake;
    for (u32 i = dice(drunk, 30); i > 0; i--) {
        u32 leaf = leaves[dice(drunk, ARRAY_COUNT(leaves))];
        u64 tdr = POOL + 0x40000 + PAGE_SIZE * dice(drunk, 3);
        u64 child = POOL + 0x50000 + PAGE_SIZE * dice(drunk, 3);
        bool of_child = leaf == 1 || (leaf == 28 && dice(drunk, 2));
        u64 rcx = leaf == 40 ? 0 : of_child ? child : tdr;
        run(fake, dice(drunk, 4), leaf, .rcx = rcx, .rdx = leaf == 9 ? 33 + dice(drunk, 2) : tdr);
    }
}

/* Only the journal knows which pages a life's first snapshot lives on: those a host has to leave alone. */
static bool watched(const struct fake *fake, u64 page)
{
    for (u32 i = 1; i < SOFT_NODES; i++) {
        const struct soft_node *node = &fake->module->journal.nodes[i];
        for (u32 j = 0; node->id && !node->parent && j < node->range_count; j++)
            if (soft_overlap(page, PAGE_SIZE, node->ranges[j].base, node->ranges[j].size))
                return true;
    }
    return false;
}

/* Two regions get pairs and lose them; what isn't the module's any more, the host overwrites. */
static void play_with_pairs(struct drunk *drunk)
{
    struct fake *fake = drunk->fake;
    for (u32 i = dice(drunk, 6); i > 0; i--) {
        u64 region = (POOL + 2 * MIB * dice(drunk, 2)) | 1;
        u64 first = PAIRS + PAGE_SIZE * dice(drunk, PAIR_PAGES);
        u64 second = PAIRS + PAGE_SIZE * dice(drunk, PAIR_PAGES);
        run(fake, dice(drunk, 4), dice(drunk, 3) ? 58 : 59, .rcx = region, .rdx = first, .r8 = second);
    }
    for (u64 i = 0; i < PAIR_PAGES; i++)
        if (fake->owner[PAIRS / PAGE_SIZE + i] == SOFT_OWNER_HOST && !watched(fake, PAIRS + i * PAGE_SIZE))
            memset(fake->ram + PAIRS + i * PAGE_SIZE, (int)dice(drunk, 256), PAGE_SIZE);
}

/* Another module takes over, or nothing does. */
static void change_module(struct drunk *drunk)
{
    struct fake *fake = drunk->fake;
    u32 way = dice(drunk, 4);
    if (way == 0) {
        run(fake, 0, 69);
        return;
    }
    run(fake, 0, 52, .rcx = 0);
    if (way == 1 || fake->module->state != SOFT_SHUTDOWN)
        return;
    soft_install(fake->module, &fake->knobs);
    if (way == 2)
        return;
    reach_init_done(fake);
    assert_status("SYS.UPDATE", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 0).rax, 0);
    run(fake, 0, 60);
    run(fake, 0, 100);
}

static void stagger(struct drunk *drunk)
{
    struct fake *fake = drunk->fake;
    if (dynamic(fake))
        play_with_pairs(drunk);
    play_with_tds(drunk);
    if (dice(drunk, 16) == 0)
        change_module(drunk);
    for (u32 i = dice(drunk, 20); i > 0; i--) {
        for (u32 j = 0; j < 8; j++) /* the same few pages again and again, in any order */
            put_u64(fake, LIST + 8 * j, POOL + PAGE_SIZE * dice(drunk, 64));
        u32 first = dice(drunk, 8);
        fake->interrupt_at = dice(drunk, 3) ? -1 : (s64)dice(drunk, 4);
        fake->interrupts = 1;
        run(fake, dice(drunk, 4), 61, .rcx = list_info(first, first + dice(drunk, 8 - first)));
        if (dice(drunk, 10) == 0)
            run(fake, 0, 60);
        run(fake, 0, 24, .rcx = POOL);
    }
    fake->interrupt_at = -1;
}

static void take(struct drunk *drunk, struct slot *slot)
{
    moment_take(drunk->fake, &slot->moment);
    slot->taken = true;
    slot->spoiled = false;
    slot->on_pamt = soft_pamt_initialised(drunk->fake->module);
    slot->place = drunk->place;
}

static void go_back(struct drunk *drunk, struct slot *slot)
{
    if (!slot->taken || slot->spoiled) {
        moment_refused(drunk->fake, &slot->moment);
        return;
    }
    /* Pages of pairs that two lives shared: refused, and when isn't said here */
    struct moment now = moment_now(drunk->fake);
    if (dynamic(drunk->fake) && !soft_restore(drunk->fake->module, slot->moment.snapshot)) {
        moment_check(drunk->fake, &now);
        slot->taken = false;
        drunk->refused++;
    } else {
        moment_restore(drunk->fake, &slot->moment);
        drunk->place = slot->place;
        drunk->restored++;
    }
}

static void walk_about(const char *profile, u64 seed)
{
    struct drunk drunk = {.fake = new_fake_of(profile, 60), .seed = seed};
    for (u32 i = 0; i < SLOTS; i++)
        moment_new(&drunk.slots[i].moment);
    begin_life(&drunk);
    for (u32 i = 0; i < 1000; i++) {
        struct slot *slot = &drunk.slots[dice(&drunk, SLOTS)];
        u32 what = dice(&drunk, 40);
        bool dead = !soft_pamt_initialised(drunk.fake->module);
        if (what == 0 || (dead && dice(&drunk, 3) == 0))
            begin_life(&drunk);
        else if (what < 10)
            take(&drunk, slot);
        else if (what < 25)
            go_back(&drunk, slot);
        else
            stagger(&drunk);
    }
    assert_true(drunk.restored > 100 && drunk.refused < drunk.restored / 4);
    for (u32 i = 0; i < SLOTS; i++)
        moment_free(&drunk.slots[i].moment);
    fake_free(drunk.fake);
}

static void any_way(void **state)
{
    (void)state;
    walk_about("ext", 0x5EA7);
}

static void any_way_with_dynamic_pamt(void **state)
{
    (void)state;
    walk_about("dpamt", 0x5EA8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_comes_back),
        cmocka_unit_test(initialising_again_spoils),
        cmocka_unit_test(overflow_is_refused),
        cmocka_unit_test(scattered_pool_between_lives),
        cmocka_unit_test(refused_snapshots),
        cmocka_unit_test(nodes_run_out),
        cmocka_unit_test(retaking_frees_the_journal),
        cmocka_unit_test(the_platform_stays),
        cmocka_unit_test(live_changes_come_back),
        cmocka_unit_test(footprint_sees_what_a_host_sees),
        cmocka_unit_test(released_entries_come_back),
        cmocka_unit_test(shared_pairs_spoil),
        cmocka_unit_test(any_way),
        cmocka_unit_test(any_way_with_dynamic_pamt),
    };
    return cmocka_run_group_tests_name("soft_snapshot", tests, NULL, NULL);
}
