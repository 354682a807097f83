/* SPDX-License-Identifier: MIT */
/*
 * The soft module's life from READY on: SYS.SHUTDOWN and the hand-off to the next module, SYS.UPDATE,
 * SYS.DISABLE and a second start, QUOTE.INIT and QUOTE.GET. Z rows are vectors of module 1.5.01; what newer
 * modules add follows Linux' patches and is tried with its knobs both ways.
 */
#include "tests/unit/test_soft.h"

#define QUOTE      (1ull << 50)
#define COMPAT     (1ull << 47)
#define LIST       0x20000000ull
#define POOL       0x110000000ull
#define TDR        0x100100000ull
#define BUSY       0x8000020200000000ull
#define RESUMABLE  0x8000000300000000ull
#define SHUT_DOWN  0xC000050600000000ull
#define NOT_READY  0xC000050500000000ull
#define INCORRECT  0xC000050800000000ull /* SYS_STATE_INCORRECT */
#define NO_HANDOFF 0xC000050900000000ull
#define INVALID    0xC000010000000000ull /* | operand */

enum { HANDOFF_VALID = 4, HANDOFF_HV, HANDOFF_SIZE };
static const u64 handoff_ids[] = {[HANDOFF_VALID] = 0x8900000000000004,
                                  [HANDOFF_HV] = 0x8900000100000005,
                                  [HANDOFF_SIZE] = 0x8900000200000006};
#define POOL_MISSING   0x3100000200000000ull
#define EXT_REQUIRED   0x3100000000000001ull
#define MAX_QUOTE_SIZE 0x2300000200000002ull

static void knob(struct fake *fake, const char *assignment)
{
    assert_true(soft_knob_set(soft_live_knobs(fake->module), assignment));
}

static u64 field(struct fake *fake, u64 id)
{
    struct soft_regs out = run(fake, 0, 34, .rdx = id);
    assert_status("SYS.RD", out.rax, 0);
    return out.r8;
}

static void add_pages(struct fake *fake, u64 page, u32 count)
{
    for (u32 i = 0; i < count; i++)
        put_u64(fake, LIST + 8 * i, page + i * PAGE_SIZE);
    assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = LIST | (u64)(count - 1) << 55).rax, 0);
}

static u64 count_owned(struct fake *fake, enum soft_owner owner)
{
    u64 pages = 0;
    for (u64 i = 0; i < RAM_BYTES / PAGE_SIZE; i++)
        pages += fake->owner[i] == owner;
    return pages;
}

#define PAMT_PAGES (0x403000ull / PAGE_SIZE)

static struct fake *ready(const char *profile)
{
    struct fake *fake = fake_new(profile);
    fake->knobs.quote_pages = 100;
    fake_reset(fake);
    reach_pool(fake, fake->knobs.sys_config_version, fake->knobs.sys_config_version ? QUOTE : 0);
    return fake;
}

static struct fake *extended(void)
{
    struct fake *fake = ready("ext");
    add_pages(fake, POOL, 100);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    return fake;
}

/* ---- SYS.SHUTDOWN ---- */

static void shutdown_versions(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u64 hv, min, no_downgrade, rcx, wanted;
    } rows[] = {
        {"Z4 HV 1, the build has 0", 0, 0, 0, 1, INVALID | 1},
        {"the build's", 3, 1, 0, 3, 0},
        {"the oldest", 3, 1, 0, 1, 0},
        {"too old", 3, 1, 0, 0, INVALID | 1},
        {"too new", 3, 1, 0, 4, INVALID | 1},
        {"no downgrade", 3, 1, 1, 2, INVALID | 1},
        {"no downgrade, none asked for", 3, 1, 1, 3, 0},
        {"64-bit compare", 3, 1, 0, 0x10003, INVALID | 1},
        {"64-bit compare, bit 63", 3, 1, 0, 1ull << 63 | 3, INVALID | 1},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = ready("1.5.01");
        struct soft_knobs *knobs = soft_live_knobs(fake->module);
        knobs->module_hv = rows[i].hv;
        knobs->min_update_hv = rows[i].min;
        knobs->no_downgrade = rows[i].no_downgrade;
        u64 before = soft_footprint(fake->module);
        assert_int_equal(field(fake, 0x8900000100000000), rows[i].hv);
        assert_int_equal(field(fake, 0x8900000100000001), rows[i].min);
        assert_int_equal(field(fake, 0x8900000000000002), rows[i].no_downgrade);
        assert_status(rows[i].name, run(fake, 1, 52, .rcx = rows[i].rcx).rax, rows[i].wanted);
        if (rows[i].wanted) {
            assert_int_equal(soft_footprint(fake->module), before);
            assert_int_equal(fake->module->state, SOFT_READY);
        } else {
            assert_int_equal(fake->module->handoff.version, rows[i].rcx);
            assert_status("again", run(fake, 1, 52, .rcx = rows[i].rcx).rax, SHUT_DOWN);
        }
        fake_free(fake);
    }
}

/* The version comes before the lock; the lock before everything else. */
static void shutdown_order(void **state)
{
    (void)state;
    struct fake *fake = ready("1.5.01");
    assert_true(soft_lock_exclusive(&fake->module->global_lock));
    struct soft_regs regs = {.rax = 52, .rcx = 1};
    soft_call(fake->module, 0, &regs);
    assert_status("version before the lock", regs.rax, INVALID | 1);
    regs = (struct soft_regs){.rax = 52};
    soft_call(fake->module, 0, &regs);
    assert_status("Z7 global lock held", regs.rax, BUSY);
    soft_unlock_exclusive(&fake->module->global_lock);
    assert_true(soft_lock_shared(&fake->module->global_lock));
    soft_call(fake->module, 0, &(struct soft_regs){.rax = 52});
    regs = (struct soft_regs){.rax = 52};
    soft_call(fake->module, 0, &regs);
    assert_status("also shared", regs.rax, BUSY);
    soft_unlock_shared(&fake->module->global_lock);
    assert_status("Z9 then it works", run(fake, 0, 52, .rcx = 0).rax, 0);
    fake_free(fake);
}

static void shut_down_inside(struct fake *fake, u32 lp)
{
    assert_int_equal(lp, 0);
    fake->hook_regs = run(fake, 2, 52, .rcx = 0);
}

static void shutdown_while_another_is_inside(void **state)
{
    (void)state;
    struct fake *fake = ready("ext");
    put_u64(fake, LIST, POOL);
    fake->hook = shut_down_inside;
    fake->hook_map = LIST;
    assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = LIST).rax, 0);
    assert_status("Z5 another LP is inside", fake->hook_regs.rax, BUSY);
    assert_int_equal(fake->module->state, SOFT_READY);
    assert_false(fake->module->handoff.valid);
    assert_status("Z6 READY again", run(fake, 2, 34, .rdx = ~0ull).rax, 0x00000C0B00000000);
    assert_status("and alone it works", run(fake, 2, 52, .rcx = 0).rax, 0);
    fake_free(fake);
}

static void shutdown_avoids_compat_sensitive(void **state)
{
    (void)state;
    for (u32 with_bit = 0; with_bit < 2; with_bit++)
        for (u32 with_td = 0; with_td < 2; with_td++) {
            struct fake *fake = ready("1.5.01");
            soft_live_knobs(fake->module)->features0 |= with_bit ? COMPAT : 0;
            if (with_td)
                assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0);
            u64 wanted = !with_bit ? INVALID | 1 : with_td ? 0x8000051200010000 : 0; /* one TD */
            assert_status("bit 16", run(fake, 0, 52, .rcx = 1 << 16).rax, wanted);
            assert_int_equal(fake->module->state, wanted ? SOFT_READY : SOFT_SHUTDOWN);
            if (wanted)
                assert_status("without bit 16", run(fake, 0, 52, .rcx = 0).rax, 0);
            fake_free(fake);
        }
    struct fake *fake = ready("1.5.01");
    soft_live_knobs(fake->module)->features0 |= COMPAT;
    assert_status("bit 17", run(fake, 0, 52, .rcx = 1 << 17).rax, INVALID | 1);
    assert_status("bit 16 and a wrong version", run(fake, 0, 52, .rcx = 1 << 16 | 1).rax, INVALID | 1);
    fake_free(fake);
}

static void after_shutdown(void **state)
{
    (void)state;
    struct fake *fake = ready("ext");
    assert_status("SYS.SHUTDOWN", run(fake, 3, 52, .rcx = 0).rax, 0);
    static const u32 leaves[] = {0,  9,       24, 31, 32, 33, 34, 35, 36, 37,
                                 45, 0x1002D, 46, 52, 53, 60, 61, 98, 100};
    for (u32 i = 0; i < ARRAY_COUNT(leaves); i++)
        assert_status("after SYS.SHUTDOWN", run(fake, i % 4, leaves[i]).rax, SHUT_DOWN);
    assert_status("LP.SHUTDOWN", run(fake, 1, 44).rax, 0);
    assert_int_equal(count_owned(fake, SOFT_OWNER_PAMT), PAMT_PAGES);
    fake_reset(fake);
    assert_int_equal(count_owned(fake, SOFT_OWNER_HOST), RAM_BYTES / PAGE_SIZE);
    fake_free(fake);
}

/* ---- SYS.UPDATE ---- */

static void install(struct fake *fake)
{
    soft_install(fake->module, &fake->knobs);
    assert_null(soft_check(fake->module));
}

static void hand_over(struct fake *fake)
{
    assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
    install(fake);
}

static void update_needs(void **state)
{
    (void)state;
    struct fake *fake = ready("1.5.01");
    assert_status("Z8 in READY", run(fake, 0, 53).rax, INCORRECT);
    hand_over(fake);
    assert_status("Z1 before SYS.INIT", run(fake, 0, 53).rax, INCORRECT);
    assert_status("not READY", run(fake, 0, 36, .rcx = 0x100000000).rax, NOT_READY);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    for (u32 lp = 0; lp < 4; lp++) {
        assert_status("Z2 an LP is missing", run(fake, 0, 53).rax, INCORRECT);
        assert_status("LP.INIT", run(fake, lp, 35).rax, 0);
    }
    assert_int_equal(field(fake, handoff_ids[HANDOFF_VALID]), 1);
    assert_int_equal(field(fake, handoff_ids[HANDOFF_HV]), 0);
    assert_int_equal(field(fake, handoff_ids[HANDOFF_SIZE]), 53386);
    assert_true(soft_lock_exclusive(&fake->module->global_lock));
    struct soft_regs regs = {.rax = 53};
    soft_call(fake->module, 0, &regs);
    assert_status("global lock", regs.rax, BUSY);
    soft_unlock_exclusive(&fake->module->global_lock);
    assert_status("version 1 in 1.5.01", run(fake, 0, 0x10035).rax, INVALID);
    assert_status("SYS.UPDATE", run(fake, 0, 53).rax, 0);
    assert_int_equal(field(fake, handoff_ids[HANDOFF_VALID]), 0);
    assert_status("again", run(fake, 0, 53).rax, INCORRECT);
    assert_status("KEY.CONFIG isn't pending", run(fake, 0, 31).rax, 0xC000050700000000);
    struct soft_regs out = run(fake, 0, 36, .rcx = 0x100000000);
    assert_status("TDMRs are there, and initialised", out.rax, 0x00000A0300000000);
    assert_int_equal(run(fake, 0, 24, .rcx = TDR).rcx, TDX_PAGE_NDA);
    assert_int_equal(count_owned(fake, SOFT_OWNER_PAMT), PAMT_PAGES);
    fake_reset(fake);
    reach_init_done(fake);
    assert_status("no hand-off data", run(fake, 0, 53).rax, NO_HANDOFF);
    assert_int_equal(field(fake, handoff_ids[HANDOFF_VALID]), 0);
    fake_free(fake);
}

static void update_versions(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u64 hv, min, wanted;
    } rows[] = {
        {"the same", 2, 2, 0},
        {"a newer module", 5, 1, 0},
        {"too new for it", 1, 0, NO_HANDOFF},
        {"too old for it", 5, 3, NO_HANDOFF},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = ready("1.5.01");
        knob(fake, "module_hv=2");
        assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 2).rax, 0);
        fake->knobs.module_hv = rows[i].hv;
        fake->knobs.min_update_hv = rows[i].min;
        install(fake);
        reach_init_done(fake);
        assert_status(rows[i].name, run(fake, 0, 53).rax, rows[i].wanted);
        assert_int_equal(field(fake, handoff_ids[HANDOFF_VALID]), rows[i].wanted != 0);
        fake_free(fake);
    }
}

static void update_operands(void **state)
{
    (void)state;
    struct fake *fake = ready("ext");
    hand_over(fake);
    reach_init_done(fake);
    u64 before = soft_footprint(fake->module);
    assert_status("R9", run(fake, 0, 0x10035, .r9 = QUOTE | 1ull << 40, .r10 = 1).rax, INVALID | 9);
    assert_status("R10", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 1).rax, INVALID | 10);
    assert_status("version 2", run(fake, 0, 0x20035, .r9 = QUOTE, .r10 = 0).rax, INVALID);
    assert_int_equal(soft_footprint(fake->module), before);
    knob(fake, "config_r11_reserved=1");
    assert_status("R11", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 0, .r11 = 1).rax, INVALID | 11);
    knob(fake, "config_r11_reserved=0");
    knob(fake, "config_r10_reserved=0");
    assert_status("SYS.UPDATE", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 1).rax, 0);
    fake_reset(fake);
    reach_init_done(fake);
    assert_status("hand-off before R9", run(fake, 0, 0x10035, .r9 = ~0ull).rax, NO_HANDOFF);
    fake_free(fake);
}

static void update_keeps_the_pool(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u64 version, features, pages, missing, required, extra;
    } rows[] = {
        {"the same", 1, QUOTE, 100, 0, 1, 0},    {"wants more", 1, QUOTE, 130, 30, 1, 0},
        {"wants less", 1, QUOTE, 60, 0, 1, 40},  {"no feature any more", 1, 0, 100, 0, 0, 100},
        {"version 0", 0, QUOTE, 100, 0, 0, 100},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = extended();
        assert_status("QUOTE.INIT", run(fake, 0, 100).rax, 0);
        fake->knobs.quote_pages = rows[i].pages;
        hand_over(fake);
        assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 100);
        assert_int_equal(soft_page_owner(fake->module, POOL), SOFT_OWNER_POOL);
        reach_init_done(fake);
        assert_int_equal(field(fake, EXT_REQUIRED), 0); /* not valid before SYS.UPDATE */
        assert_status(rows[i].name,
                      run(fake, 0, 53 | rows[i].version << 16, .r9 = rows[i].features, .r10 = 0).rax, 0);
        assert_int_equal(field(fake, POOL_MISSING), rows[i].missing);
        assert_int_equal(field(fake, EXT_REQUIRED), rows[i].required);
        assert_int_equal(field(fake, MAX_QUOTE_SIZE), 0);
        assert_int_equal(fake->module->ext.extra, rows[i].extra);
        assert_int_equal(run(fake, 0, 24, .rcx = POOL).rcx, 16);
        u64 init = !rows[i].required ? 0 : rows[i].missing ? INCORRECT : 0;
        assert_status("EXT.INIT", run(fake, 0, 60).rax, init);
        bool quotes = rows[i].required && !rows[i].missing;
        assert_status("QUOTE.INIT", run(fake, 0, 100).rax, quotes ? 0 : INCORRECT);
        if (rows[i].missing) { /* a host may still give them */
            add_pages(fake, POOL + 0x1000000, (u32)rows[i].missing);
            assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
        }
        hand_over(fake); /* and so on */
        fake_reset(fake);
        assert_int_equal(count_owned(fake, SOFT_OWNER_HOST), RAM_BYTES / PAGE_SIZE);
        fake_free(fake);
    }
}

static void update_keeps_tds(void **state)
{
    (void)state;
    struct fake *fake = ready("1.5.01");
    assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0);
    assert_status("MNG.KEY.CONFIG", run(fake, 0, 8, .rcx = TDR).rax, 0);
    hand_over(fake);
    assert_int_equal(soft_page_owner(fake->module, TDR), SOFT_OWNER_CONTROL);
    reach_init_done(fake);
    assert_status("SYS.UPDATE", run(fake, 0, 53).rax, 0);
    assert_status("HKID_NOT_FREE", run(fake, 0, 9, .rcx = TDR + 0x1000, .rdx = 33).rax, 0xC000082000000000);
    assert_status("the module's own", run(fake, 0, 9, .rcx = TDR + 0x1000, .rdx = MODULE_HKID).rax,
                  0xC000082000000000);
    assert_status("MNG.KEY.CONFIG, the same package", run(fake, 1, 8, .rcx = TDR).rax, 0x0000081500000000);
    assert_status("MNG.KEY.CONFIG, the other", run(fake, 2, 8, .rcx = TDR).rax, 0);
    fake_free(fake);
}

static void install_without_handoff(void **state)
{
    (void)state;
    struct fake *fake = extended();
    install(fake); /* nobody shut it down */
    assert_int_equal(count_owned(fake, SOFT_OWNER_HOST), RAM_BYTES / PAGE_SIZE);
    assert_int_equal(fake->module->state, SOFT_INIT_PENDING);
    reach_pool(fake, 1, QUOTE);
    hand_over(fake);
    reach_init_done(fake);
    assert_status("SYS.UPDATE", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 0).rax, 0);
    install(fake); /* the data were used up */
    assert_int_equal(count_owned(fake, SOFT_OWNER_HOST), RAM_BYTES / PAGE_SIZE);
    fake_free(fake);
}

/* SYS.CONFIG instead of SYS.UPDATE: everything from scratch, and the old life's pages come back. */
static void config_over_handoff(void **state)
{
    (void)state;
    struct fake *fake = extended();
    hand_over(fake);
    reach_init_done(fake);
    assert_status("refused", run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 0, .r8 = 32).rax, INVALID | 2);
    struct tdx_tdmr_info info = template_tdmr();
    info.size = 1; /* an entry in the table that is bad: the hand-off data are still whole */
    put_tdmr(fake, 0, &info);
    run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = QUOTE, .r10 = 0);
    assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 100);
    assert_int_equal(field(fake, handoff_ids[HANDOFF_VALID]), 1);
    info = template_tdmr();
    put_tdmr(fake, 0, &info);
    assert_status("SYS.CONFIG",
                  run(fake, 0, 0x1002D, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = QUOTE, .r10 = 0).rax, 0);
    assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 0);
    assert_int_equal(count_owned(fake, SOFT_OWNER_PAMT), PAMT_PAGES);
    assert_int_equal(field(fake, handoff_ids[HANDOFF_VALID]), 0);
    assert_int_equal(field(fake, POOL_MISSING), 100);
    fake_free(fake);
}

static void update_and_snapshots(void **state)
{
    (void)state;
    struct fake *fake = extended();
    void *before = aligned_alloc(64, align_up(soft_snapshot_size(), 64));
    void *between = aligned_alloc(64, align_up(soft_snapshot_size(), 64));
    u64 footprints[2];
    assert_true(soft_snapshot(fake->module, before));
    footprints[0] = soft_footprint(fake->module);
    hand_over(fake);
    assert_true(soft_snapshot(fake->module, between));
    footprints[1] = soft_footprint(fake->module);
    reach_init_done(fake);
    fake->knobs.quote_pages = 200;
    assert_status("SYS.UPDATE", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 0).rax, 0);
    assert_true(soft_restore(fake->module, before));
    assert_int_equal(soft_footprint(fake->module), footprints[0]);
    assert_status("EXT.INIT was done", run(fake, 0, 60).rax, INCORRECT);
    fake_reset(fake);
    assert_true(soft_restore(fake->module, between));
    assert_int_equal(soft_footprint(fake->module), footprints[1]);
    assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 100);
    reach_init_done(fake);
    assert_status("SYS.UPDATE", run(fake, 0, 0x10035, .r9 = QUOTE, .r10 = 0).rax, 0);
    free(before);
    free(between);
    fake_free(fake);
}

static void sigstruct_fault(void **state)
{
    (void)state;
    struct fake *fake = fake_new("1.5.01");
    knob(fake, "sigstruct_fault=1");
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0xC000050A00000000);
    knob(fake, "sigstruct_fault=0");
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    fake_free(fake);
}

/* ---- SYS.DISABLE ---- */

static void disable_exists_where_it_does(void **state)
{
    (void)state;
    struct fake *fake = ready("1.5.01");
    assert_status("1.5.01, READY", run(fake, 0, 69).rax, INVALID);
    assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
    assert_status("1.5.01, SHUTDOWN", run(fake, 0, 69).rax, SHUT_DOWN);
    fake_reset(fake);
    assert_status("1.5.01, before READY", run(fake, 0, 69).rax, NOT_READY);
    knob(fake, "sys_disable=1");
    assert_status("with the knob", run(fake, 0, 69).rax, 0);
    assert_status("version 1", run(fake, 0, 0x10045).rax, INVALID);
    fake_free(fake);
}

static void check_as_new(struct fake *fake)
{
    assert_int_equal(count_owned(fake, SOFT_OWNER_HOST), RAM_BYTES / PAGE_SIZE);
    assert_status("SYS.CONFIG", run(fake, 0, 45).rax, 0xC000050C00000000);
    assert_status("SYS.RD", run(fake, 0, 34, .rdx = ~0ull).rax, 0xC000050200000000);
    assert_status("TDMR.INIT", run(fake, 0, 36).rax, NOT_READY);
    reach_pool(fake, 1, QUOTE);
    add_pages(fake, POOL, 100);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    assert_status("QUOTE.INIT", run(fake, 0, 100).rax, 0);
}

static void disable_in_every_state(void **state)
{
    (void)state;
    for (u32 way = 0; way < 9; way++) {
        struct fake *fake = fake_new("ext");
        struct tdx_tdmr_info info = template_tdmr();
        fake->knobs.quote_pages = 100;
        fake_reset(fake);
        u64 as_new = soft_footprint(fake->module);
        put_tdmr(fake, 0, &info);
        if (way == 1)
            reach_init_done(fake);
        else if (way == 2)
            reach_config_done(fake, 1, QUOTE);
        else if (way == 3)
            reach_ready(fake, 1, QUOTE);
        else if (way >= 4)
            reach_pool(fake, 1, QUOTE);
        if (way >= 5) {
            add_pages(fake, POOL, 100);
            assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0);
        }
        if (way >= 6)
            assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
        if (way >= 7)
            install(fake);
        if (way == 8)
            reach_init_done(fake);
        assert_status("SYS.DISABLE", run(fake, way % 4, 69).rax, 0);
        assert_int_equal(soft_footprint(fake->module), as_new);
        check_as_new(fake);
        assert_status("once more", run(fake, 0, 69).rax, 0);
        check_as_new(fake);
        fake_free(fake);
    }
}

static void disable_is_resumable(void **state)
{
    (void)state;
    struct fake *fake = extended();
    u32 calls = 0;
    fake->interrupt_at = 1;
    fake->interrupts = 100;
    for (u64 status = RESUMABLE; status == RESUMABLE; calls++) {
        u64 before = soft_footprint(fake->module);
        status = run(fake, calls % 4, 69).rax; /* on any LP, no operands */
        assert_int_not_equal(soft_footprint(fake->module), before);
        assert_true(status == RESUMABLE || status == 0);
        if (status == RESUMABLE) {
            assert_status("locked out", run(fake, 1, 24, .rcx = TDR).rax, BUSY);
            assert_status("locked out", run(fake, 1, 34, .rdx = ~0ull).rax, BUSY);
            assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 100);
        }
    }
    assert_int_equal(calls, 8); /* a step each */
    fake->interrupt_at = -1;
    check_as_new(fake);
    fake->interrupt_at = 0;
    fake->interrupts = 1;
    assert_status("without progress", run(fake, 0, 69).rax, RESUMABLE);
    knob(fake, "disable_lockout_status=0");
    assert_status("not locked out", run(fake, 1, 34, .rdx = ~0ull).rax, 0x00000C0B00000000);
    assert_status("then to the end", run(fake, 0, 69).rax, 0);
    fake_free(fake);
}

static void disable_inside(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 2, 69);
}

static void disable_waits_for_others(void **state)
{
    (void)state;
    struct fake *fake = ready("ext");
    assert_true(soft_lock_exclusive(&fake->module->global_lock));
    struct soft_regs regs = {.rax = 69};
    soft_call(fake->module, 0, &regs);
    assert_status("another SYS leaf", regs.rax, BUSY);
    assert_false(fake->module->disabling);
    soft_unlock_exclusive(&fake->module->global_lock);
    put_u64(fake, LIST, POOL);
    fake->hook = disable_inside;
    fake->hook_map = LIST;
    assert_status("EXT.MEM.ADD", run(fake, 0, 61, .rcx = LIST).rax, 0);
    assert_status("another LP is inside", fake->hook_regs.rax, BUSY);
    assert_status("new ones are locked out", run(fake, 0, 34, .rdx = ~0ull).rax, BUSY);
    assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 1);
    assert_status("SYS.DISABLE", run(fake, 2, 69).rax, 0);
    check_as_new(fake);
    fake_free(fake);
}

static void disable_knobs(void **state)
{
    (void)state;
    struct fake *fake = extended();
    knob(fake, "disable_keeps_lps=1");
    assert_status("SYS.DISABLE", run(fake, 0, 69).rax, 0);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    assert_status("LP.INIT", run(fake, 3, 35).rax, 0xC000050300000000);
    knob(fake, "disable_state_after=1");
    assert_status("SYS.DISABLE", run(fake, 0, 69).rax, 0);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, SHUT_DOWN);
    assert_status("SYS.DISABLE", run(fake, 0, 69).rax, 0);
    install(fake);
    check_as_new(fake);
    fake_free(fake);
}

/* The life ends for the journal, too: its snapshots live on. */
static void disable_and_snapshots(void **state)
{
    (void)state;
    struct fake *fake = ready("ext");
    void *snapshot = aligned_alloc(64, align_up(soft_snapshot_size(), 64));
    assert_true(soft_snapshot(fake->module, snapshot));
    u64 footprint = soft_footprint(fake->module);
    add_pages(fake, POOL, 100);
    assert_status("SYS.DISABLE", run(fake, 0, 69).rax, 0);
    assert_true(soft_restore(fake->module, snapshot));
    assert_int_equal(soft_footprint(fake->module), footprint);
    assert_null(soft_check(fake->module));
    assert_int_equal(count_owned(fake, SOFT_OWNER_POOL), 0);
    add_pages(fake, POOL, 100);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    free(snapshot);
    fake_free(fake);
}

/* ---- QUOTE.INIT ---- */

static void quote_init_conditions(void **state)
{
    (void)state;
    struct fake *fake = ready("1.5.01");
    assert_status("1.5.01", run(fake, 0, 100).rax, INVALID);
    assert_status("1.5.01", run(fake, 0, 98).rax, INVALID);
    fake_free(fake);
    fake = fake_new("ext");
    assert_status("before READY", run(fake, 0, 100).rax, NOT_READY);
    assert_status("before READY", run(fake, 0, 98).rax, NOT_READY);
    knob(fake, "ext_before_ready_status=0xC000050800000000");
    static const u32 leaves[] = {60, 61, 98, 100};
    for (u32 i = 0; i < 4; i++)
        assert_status("before READY, the knob", run(fake, 0, leaves[i]).rax, INCORRECT);
    assert_status("others", run(fake, 0, 24).rax, NOT_READY);
    fake_reset(fake);
    reach_pool(fake, 1, 0); /* not configured */
    knob(fake, "quote_not_configured_status=0xC000010000000000");
    assert_status("not configured", run(fake, 0, 100).rax, INVALID);
    assert_status("not configured", run(fake, 0, 98).rax, INVALID);
    fake_free(fake);
    fake = ready("ext");
    assert_status("before EXT.INIT", run(fake, 0, 100).rax, INCORRECT);
    knob(fake, "quote_init_before_ext_status=0xC000010000000000");
    assert_status("before EXT.INIT, the knob", run(fake, 0, 100).rax, INVALID);
    assert_int_equal(field(fake, MAX_QUOTE_SIZE), 0);
    knob(fake, "fields_before_valid=1");
    assert_status("before QUOTE.INIT", run(fake, 0, 34, .rdx = MAX_QUOTE_SIZE).rax, 0xC0000C0200000000);
    add_pages(fake, POOL, 100);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    assert_status("before QUOTE.INIT", run(fake, 0, 98).rax, INCORRECT);
    assert_status("QUOTE.INIT", run(fake, 0, 100).rax, 0);
    assert_int_equal(field(fake, MAX_QUOTE_SIZE), 2097152);
    assert_status("twice", run(fake, 0, 100).rax, 0);
    knob(fake, "quote_init_twice_status=0xC000050800000000");
    assert_status("twice, the knob", run(fake, 0, 100).rax, INCORRECT);
    assert_status("version 1", run(fake, 0, 0x10064).rax, INVALID);
    fake_free(fake);
}

static void quote_inside(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = run(fake, 2, 100);
}

static void quote_init_is_resumable(void **state)
{
    (void)state;
    struct fake *fake = extended();
    fake->interrupt_at = 1;
    fake->interrupts = 3;
    for (u32 i = 0; i < 3; i++) {
        assert_status("interrupted", run(fake, i, 100).rax, RESUMABLE);
        assert_int_equal(field(fake, MAX_QUOTE_SIZE), 0);
    }
    fake->hook = quote_inside;
    assert_status("QUOTE.INIT", run(fake, 3, 100).rax, 0);
    assert_status("at once", fake->hook_regs.rax, BUSY);
    fake_free(fake);
}

/* ---- QUOTE.GET ---- */

#define NODES  0x28000000ull
#define BUFFER 0x30000000ull
#define INPUT  0x21000000ull

/* A list of pages; its nodes and pages lie in any order. */
static void put_quote_list(struct fake *fake, u32 pages)
{
    u32 nodes = (pages + 510) / 511;
    memset(fake->ram + NODES, 0xFF, (nodes + 1) * PAGE_SIZE);
    for (u32 i = 0; i < pages; i++)
        put_u64(fake, NODES + i / 511 * PAGE_SIZE + i % 511 * 8, BUFFER + (u64)(pages - 1 - i) * PAGE_SIZE);
    for (u32 i = 0; i + 1 < nodes; i++)
        put_u64(fake, NODES + i * PAGE_SIZE + 511 * 8, NODES + (i + 1) * PAGE_SIZE);
}

static struct fake *quoting(void)
{
    struct fake *fake = extended();
    assert_status("QUOTE.INIT", run(fake, 0, 100).rax, 0);
    assert_status("MNG.CREATE", run(fake, 0, 9, .rcx = TDR, .rdx = 33).rax, 0);
    memset(fake->ram + INPUT, 0x5A, PAGE_SIZE);
    return fake;
}

#define QUOTE_GET(fake, pages, ...)                                                                          \
    run((fake), 1, 98, .rcx = TDR, .rdx = 0xFFFFull << 32, .r8 = INPUT, .r9 = 64, .r10 = NODES,              \
        .r11 = (u64)(pages)*PAGE_SIZE, ##__VA_ARGS__)

/* As many pages as the buffer has, at and around the borders of nodes; the last bytes lie in the last page.
 */
static void quote_fills_its_buffer(void **state)
{
    (void)state;
    static const u32 pages[] = {1, 2, 510, 511, 512, 1021, 1022, 1023};
    struct fake *fake = quoting();
    for (u32 i = 0; i < ARRAY_COUNT(pages); i++) {
        u64 bytes = pages[i] * PAGE_SIZE, length = bytes - 3;
        soft_live_knobs(fake->module)->quote_size = length;
        put_quote_list(fake, pages[i]);
        memset(fake->ram + BUFFER, 0xEE, bytes + PAGE_SIZE);
        struct soft_regs out = QUOTE_GET(fake, pages[i]);
        assert_status("QUOTE.GET", out.rax, 0);
        assert_int_equal(out.rcx, length);
        u8 *first = fake->ram + BUFFER + (pages[i] - 1) * PAGE_SIZE;
        assert_memory_equal(first, "INVENTED", 8);
        assert_int_equal(get_u64(fake, BUFFER + (pages[i] - 1) * PAGE_SIZE + 8), length);
        for (u64 at = 16; at + 8 <= length; at += 8) { /* the sequence goes on over all borders */
            u64 page = pages[i] - 1 - at / PAGE_SIZE;
            u64 word = get_u64(fake, BUFFER + page * PAGE_SIZE + at % PAGE_SIZE);
            u64 seed = get_u64(fake, BUFFER + (pages[i] - 1) * PAGE_SIZE + 16);
            assert_int_equal(word, seed + (at - 16) / 8 * 0x0101010101010101ull);
        }
        for (u64 at = length % PAGE_SIZE; at < PAGE_SIZE; at++) /* not a byte too many */
            assert_int_equal(fake->ram[BUFFER + at], 0xEE);
        assert_int_equal(fake->ram[BUFFER + bytes], 0xEE);
        assert_status("too short", QUOTE_GET(fake, pages[i], .r11 = length - 1).rax, INVALID | 11);
        put_u64(fake, NODES + (pages[i] - 1) / 511 * PAGE_SIZE + (pages[i] - 1) % 511 * 8, ~0ull);
        assert_status("a page is missing", QUOTE_GET(fake, pages[i]).rax, INVALID | 10);
        put_quote_list(fake, pages[i]);
        u64 behind = NODES + (pages[i] - 1) / 511 * PAGE_SIZE + ((pages[i] - 1) % 511 + 1) * 8;
        put_u64(fake, behind, NODES);
        assert_status("not terminated", QUOTE_GET(fake, pages[i]).rax, INVALID | 10);
        knob(fake, "quote_list_strict=0");
        assert_status("not terminated, the knob", QUOTE_GET(fake, pages[i]).rax, 0);
        knob(fake, "quote_list_strict=1");
        put_u64(fake, behind, ~0ull);
        put_u64(fake, NODES + (pages[i] - 1) / 511 * PAGE_SIZE + 511 * 8, 0);
        assert_status("last slot", QUOTE_GET(fake, pages[i]).rax, INVALID | 10);
    }
    fake_free(fake);
}

static void quote_operands(void **state)
{
    (void)state;
    struct fake *fake = quoting();
    put_quote_list(fake, 4);
    u64 before = soft_footprint(fake->module);
    assert_status("RCX unaligned", QUOTE_GET(fake, 4, .rcx = TDR + 1).rax, INVALID | 1);
    assert_status("RCX KeyID", QUOTE_GET(fake, 4, .rcx = TDR | 1ull << 46).rax, INVALID | 1);
    assert_status("RCX in no TDMR", QUOTE_GET(fake, 4, .rcx = INPUT).rax, 0xC000010100000001);
    assert_status("RCX no TDR", QUOTE_GET(fake, 4, .rcx = TDR + 0x1000).rax, 0xC000030000000001);
    assert_status("RCX pool page", QUOTE_GET(fake, 4, .rcx = POOL).rax, 0xC000030000000001);
    assert_status("RDX low bits", QUOTE_GET(fake, 4, .rdx = 0xFFFFull << 32 | 1).rax, INVALID | 2);
    assert_status("RDX high bits", QUOTE_GET(fake, 4, .rdx = 0x1FFFFull << 32).rax, INVALID | 2);
    assert_status("RDX no such id", QUOTE_GET(fake, 4, .rdx = 0).rax, INVALID | 2);
    assert_status("R8 unaligned", QUOTE_GET(fake, 4, .r8 = INPUT + 8).rax, INVALID | 8);
    assert_status("R8 private KeyID", QUOTE_GET(fake, 4, .r8 = INPUT | 40ull << 46).rax, INVALID | 8);
    assert_status("R8 the module's", QUOTE_GET(fake, 4, .r8 = POOL).rax, INVALID | 8);
    assert_status("R9 none", QUOTE_GET(fake, 4, .r9 = 0).rax, INVALID | 9);
    assert_status("R9 too long", QUOTE_GET(fake, 4, .r9 = 4097).rax, INVALID | 9);
    assert_status("R10 unaligned", QUOTE_GET(fake, 4, .r10 = NODES + 8).rax, INVALID | 10);
    assert_status("R10 in SEAMRR", QUOTE_GET(fake, 4, .r10 = 0x7C000000).rax, INVALID | 10);
    assert_status("R10 the module's", QUOTE_GET(fake, 4, .r10 = POOL).rax, INVALID | 10);
    assert_status("R11 too short", QUOTE_GET(fake, 1).rax, INVALID | 11);
    assert_status("R11 too long", QUOTE_GET(fake, 4, .r11 = ~0ull).rax, INVALID | 11);
    static const u64 bad[] = {BUFFER + 1, POOL, 0x7C000000, BUFFER | 1ull << 52, 0x200000000};
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        put_u64(fake, NODES + 24, bad[i]); /* behind what the quote needs, but in the buffer */
        assert_status("a bad page", QUOTE_GET(fake, 4).rax, INVALID | 10);
        put_quote_list(fake, 513);
        put_u64(fake, NODES + 511 * 8, bad[i]);
        assert_status("a bad node", QUOTE_GET(fake, 513).rax, INVALID | 10);
        put_quote_list(fake, 4);
    }
    put_quote_list(fake, 513);
    memcpy(fake->ram + POOL, fake->ram + NODES + PAGE_SIZE, PAGE_SIZE);
    put_u64(fake, NODES + 511 * 8, POOL);
    assert_status("a node that is the module's", QUOTE_GET(fake, 513).rax, INVALID | 10);
    put_quote_list(fake, 4);
    assert_int_equal(soft_footprint(fake->module), before);
    assert_status("the list comes after R11", QUOTE_GET(fake, 1, .r10 = 0x7C000000).rax, INVALID | 11);
    assert_status("R9 before R11", QUOTE_GET(fake, 1, .r9 = 0).rax, INVALID | 9);
    assert_status("R8 before R9", QUOTE_GET(fake, 1, .r8 = 1, .r9 = 0).rax, INVALID | 8);
    assert_status("RDX before R8", QUOTE_GET(fake, 1, .rdx = 1, .r8 = 1).rax, INVALID | 2);
    assert_status("RCX before RDX", QUOTE_GET(fake, 1, .rcx = 1, .rdx = 1).rax, INVALID | 1);
    knob(fake, "quote_ids=3");
    knob(fake, "quote_input_min=0");
    knob(fake, "quote_list_operand=98");
    assert_status("id 2", QUOTE_GET(fake, 4, .rdx = 2ull << 32).rax, 0);
    assert_status("id 3", QUOTE_GET(fake, 4, .rdx = 3ull << 32).rax, INVALID | 2);
    assert_status("no input", QUOTE_GET(fake, 4, .r9 = 0).rax, 0);
    assert_status("a page of input", QUOTE_GET(fake, 4, .r9 = 4096).rax, 0);
    assert_status("list operand", QUOTE_GET(fake, 5).rax, INVALID | 98);
    knob(fake, "quote_buffer_min=1");
    assert_status("shorter than MAX_QUOTE_SIZE", QUOTE_GET(fake, 4).rax, INVALID | 11);
    put_quote_list(fake, 512);
    assert_status("MAX_QUOTE_SIZE", QUOTE_GET(fake, 512).rax, 0);
    fake_free(fake);
}

static void get_quote_inside(struct fake *fake, u32 lp)
{
    (void)lp;
    fake->hook_regs = QUOTE_GET(fake, 4);
}

static void quote_get_is_resumable(void **state)
{
    (void)state;
    struct fake *fake = quoting();
    put_quote_list(fake, 4);
    memset(fake->ram + BUFFER, 0xEE, 4 * PAGE_SIZE);
    for (u32 i = 0; i < 2; i++) {
        fake->interrupt_at = 1;
        fake->interrupts = 3;
        for (u32 j = 0; j < 3; j++) {
            struct soft_regs out = QUOTE_GET(fake, 4);
            assert_status("interrupted", out.rax, RESUMABLE);
            assert_int_equal(out.rcx, i ? 0 : TDR);
            assert_true(i || fake->ram[BUFFER + 3 * PAGE_SIZE] == 0xEE); /* nothing written yet */
        }
        fake->hook = get_quote_inside;
        assert_int_equal(QUOTE_GET(fake, 4).rcx, 5006);
        assert_status("at once", fake->hook_regs.rax, BUSY);
        knob(fake, "quote_get_rcx_on_resumable=1");
    }
    u64 one = get_u64(fake, BUFFER + 3 * PAGE_SIZE + 16);
    fake->interrupt_at = 2;
    fake->interrupts = 1;
    assert_status("interrupted", QUOTE_GET(fake, 4).rax, RESUMABLE);
    assert_int_equal(fake->violations, 0);
    assert_status("with another input", QUOTE_GET(fake, 4, .r9 = 65).rax, 0);
    assert_int_equal(fake->violations, 1);
    assert_int_not_equal(get_u64(fake, BUFFER + 3 * PAGE_SIZE + 16), one);
    fake->ram[INPUT] ^= 1;
    assert_status("QUOTE.GET", QUOTE_GET(fake, 4).rax, 0);
    assert_int_not_equal(get_u64(fake, BUFFER + 3 * PAGE_SIZE + 16), one);
    fake_free(fake);
}

/* ---- other knobs of the extensions ---- */

static void ext_knobs(void **state)
{
    (void)state;
    struct fake *fake = ready("ext");
    add_pages(fake, POOL, 100);
    assert_true(soft_lock_exclusive(&fake->module->global_lock));
    struct soft_regs regs = {.rax = 60};
    knob(fake, "ext_global_lock=1");
    soft_call(fake->module, 0, &regs);
    assert_status("the global lock", regs.rax, BUSY);
    knob(fake, "ext_global_lock=0");
    knob(fake, "ext_init_done_status=0x1234");
    regs.rax = 60;
    soft_call(fake->module, 0, &regs);
    soft_unlock_exclusive(&fake->module->global_lock);
    assert_status("done, with the knob's status", regs.rax, 0x1234);
    assert_status("QUOTE.INIT", run(fake, 0, 100).rax, 0);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shutdown_versions),
        cmocka_unit_test(shutdown_order),
        cmocka_unit_test(shutdown_while_another_is_inside),
        cmocka_unit_test(shutdown_avoids_compat_sensitive),
        cmocka_unit_test(after_shutdown),
        cmocka_unit_test(update_needs),
        cmocka_unit_test(update_versions),
        cmocka_unit_test(update_operands),
        cmocka_unit_test(update_keeps_the_pool),
        cmocka_unit_test(update_keeps_tds),
        cmocka_unit_test(install_without_handoff),
        cmocka_unit_test(config_over_handoff),
        cmocka_unit_test(update_and_snapshots),
        cmocka_unit_test(sigstruct_fault),
        cmocka_unit_test(disable_exists_where_it_does),
        cmocka_unit_test(disable_in_every_state),
        cmocka_unit_test(disable_is_resumable),
        cmocka_unit_test(disable_waits_for_others),
        cmocka_unit_test(disable_knobs),
        cmocka_unit_test(disable_and_snapshots),
        cmocka_unit_test(quote_init_conditions),
        cmocka_unit_test(quote_init_is_resumable),
        cmocka_unit_test(quote_fills_its_buffer),
        cmocka_unit_test(quote_operands),
        cmocka_unit_test(quote_get_is_resumable),
        cmocka_unit_test(ext_knobs),
    };
    return cmocka_run_group_tests_name("soft_life", tests, NULL, NULL);
}
