/* SPDX-License-Identifier: MIT */
/*
 * The overlay: the model's extensions on top of another module. The model in profile 1.5.01 stands for that
 * module, and the reference is a model that has extensions by itself and is 1.5.01 otherwise: whoever calls
 * must not be able to tell the two apart.
 */
#include "tests/unit/test_overlay.h"

#include <pthread.h>

/* ---- the same as a module that has extensions by itself ---- */

static void assert_same(struct fake *a, struct fake *b, u32 lp, struct soft_regs in)
{
    struct soft_regs from_a = run_regs(a, lp, in), from_b = run_regs(b, lp, in);
    if (memcmp(&from_a, &from_b, sizeof(from_a)) == 0)
        return;
    fail_msg("rax %llx rcx %llx rdx %llx r8 %llx r9 %llx: overlay %llx (rcx %llx rdx %llx r8 %llx r9 %llx), "
             "reference %llx (rcx %llx rdx %llx r8 %llx r9 %llx)",
             (unsigned long long)in.rax, (unsigned long long)in.rcx, (unsigned long long)in.rdx,
             (unsigned long long)in.r8, (unsigned long long)in.r9, (unsigned long long)from_a.rax,
             (unsigned long long)from_a.rcx, (unsigned long long)from_a.rdx, (unsigned long long)from_a.r8,
             (unsigned long long)from_a.r9, (unsigned long long)from_b.rax, (unsigned long long)from_b.rcx,
             (unsigned long long)from_b.rdx, (unsigned long long)from_b.r8, (unsigned long long)from_b.r9);
}

static u32 compare_chain(struct fake *a, struct fake *b)
{
    u64 id = TDX_FIELD_NULL;
    u32 fields = 0;
    do {
        struct soft_regs in = {.rax = 34, .rdx = id};
        assert_same(a, b, 1, in);
        id = run_regs(a, 1, in).rdx;
        fields++;
    } while (id != TDX_FIELD_NULL && fields < 1000);
    return fields;
}

static void compare_list(struct fake *a, struct fake *b, u64 from)
{
    memset(a->ram + PAGE, 0xAA, 4096);
    memset(b->ram + PAGE, 0xAA, 4096);
    assert_same(a, b, 2, (struct soft_regs){.rax = 37, .rdx = PAGE, .r8 = from});
    assert_memory_equal(a->ram + PAGE, b->ram + PAGE, 4096);
}

static void compare_lists(struct fake *a, struct fake *b)
{
    static const u64 starts[] = {
        TDX_FIELD_NULL,      READ_FEATURES,         READ_LAST,
        READ_MISSING,        READ_REQUIRED,         READ_QUOTE,
        0x31000001ull << 32, 0x3100000200000005ull, 0x3100000200000000ull | 1ull << 47};
    for (u32 i = 0; i < ARRAY_COUNT(starts); i++)
        compare_list(a, b, starts[i]);
}

static void compare_fields(struct fake *a, struct fake *b)
{
    assert_int_equal(compare_chain(a, b), 1 + 354 + 3);
    compare_lists(a, b);
}

/* A quote into two pages of the host's, for a TD and for what is none */
static void compare_quotes(struct fake *a, struct fake *b)
{
    const u64 tdr = 0x120000000, list = 0x20020000, pages = 0x20030000;
    struct soft_regs get = {
        .rax = 98, .rcx = tdr, .rdx = 0xFFFFull << 32, .r8 = PAGE, .r9 = 64, .r10 = list, .r11 = 8192};
    for (struct fake *fake = a; fake; fake = fake == a ? b : NULL) {
        memset(fake->ram + list, 0xFF, 4096);
        put_list(fake, list, 0, 2, pages);
    }
    assert_same(a, b, 0, get);
    assert_same(a, b, 0, (struct soft_regs){.rax = 9, .rcx = tdr, .rdx = 33});
    assert_same(a, b, 0, get);
    mprotect(a->ram + PAMT_4K, PAMT_SIZE, PROT_READ); /* the model's locks aren't for another module's PAMT */
    assert_int_equal(run_regs(a, 0, get).rcx, 5006);
    mprotect(a->ram + PAMT_4K, PAMT_SIZE, PROT_READ | PROT_WRITE);
    assert_memory_equal(a->ram + pages, b->ram + pages, 8192);
    const u64 others[] = {tdr + 4096, tdr + 1, POOL, PAMT_4K, 0, 1ull << 50};
    for (u32 i = 0; i < ARRAY_COUNT(others); i++) {
        get.rcx = others[i];
        assert_same(a, b, 0, get);
    }
    get.rcx = tdr;
    *entry_of(a, tdr) |= 1; /* another LP is at it */
    assert_status("locked", run_regs(a, 0, get).rax, BUSY_RCX);
    *entry_of(a, tdr) &= ~1ull;
    get.r10 = POOL;
    assert_same(a, b, 0, get);
}

static void a_whole_life(void **state)
{
    (void)state;
    struct fake *a = new_overlay("1.5.01", NULL), *b = new_reference(NULL);
    const struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(a, 0, &info);
    put_tdmr(b, 0, &info);
    const struct soft_regs config = {
        .rax = 45 | 1 << 16, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = MODULE_HKID, .r9 = QUOTE};
    assert_same(a, b, 0, (struct soft_regs){.rax = 34, .rdx = READ_MISSING});
    assert_same(a, b, 0, (struct soft_regs){.rax = 37, .rdx = PAGE, .r8 = READ_MISSING});
    assert_same(a, b, 0, config);
    reach_init_done(a);
    reach_init_done(b);
    compare_fields(a, b);
    assert_same(a, b, 0, (struct soft_regs){.rax = 61, .rcx = LIST});
    assert_same(a, b, 0, config);
    compare_fields(a, b);
    assert_same(a, b, 0, (struct soft_regs){.rax = 60});
    for (u32 lp = 0; lp < 4; lp += 2)
        assert_same(a, b, lp, (struct soft_regs){.rax = 31});
    for (u32 i = 0; i < 257; i++) {
        if (i % 64 == 0) { /* no page of the first GiB is the module's to take before it is initialised */
            put_list(a, LIST, 0, 1, POOL);
            put_list(b, LIST, 0, 1, POOL);
            assert_same(a, b, 0, (struct soft_regs){.rax = 61, .rcx = list_info(LIST, 0, 0)});
        }
        assert_same(a, b, i % 4, (struct soft_regs){.rax = 36, .rcx = info.base});
    }
    for (u32 batch = 0; batch < 3; batch++) {
        put_list(a, LIST, 0, 512, POOL + batch * 2 * MIB);
        put_list(b, LIST, 0, 512, POOL + batch * 2 * MIB);
        assert_same(a, b, batch, (struct soft_regs){.rax = 60});
        assert_same(a, b, batch, (struct soft_regs){.rax = 61, .rcx = list_info(LIST, 0, 511)});
        compare_fields(a, b);
    }
    for (u32 i = 0; i < 2; i++)
        assert_same(a, b, 3, (struct soft_regs){.rax = 60});
    for (u32 i = 0; i < 2; i++)
        assert_same(a, b, 3, (struct soft_regs){.rax = 100});
    compare_quotes(a, b);
    compare_fields(a, b);
    assert_same(a, b, 0, (struct soft_regs){.rax = 52, .rcx = 0});
    for (u32 leaf = 0; leaf < 256; leaf++)
        assert_same(a, b, 1, (struct soft_regs){.rax = leaf});
    free_overlay(a);
    fake_free(b);
}

/* ---- calls by chance ---- */

static u64 seed;

static u64 chance(u64 n)
{
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    return (seed >> 33) % n;
}

static u64 any_page(void)
{
    static const u64 odd[] = {0, LIST, PAGE, PAMT_4K, PAMT_1G, 0x7C000000, 0xFFFFFFFFFF000, 0x140000000};
    u64 page = chance(5) ? POOL + chance(64) * 4096 : odd[chance(ARRAY_COUNT(odd))];
    if (chance(20) == 0)
        page |= chance(2) ? 1ull << (46 + chance(6)) : 1ull << chance(12);
    return page;
}

static u64 any_field(void)
{
    static const u64 fields[] = {TDX_FIELD_NULL, READ_FEATURES, READ_MISSING,         READ_REQUIRED,
                                 READ_QUOTE,     READ_LAST,     0x2300000200000003ull};
    return fields[chance(ARRAY_COUNT(fields))] ^ (chance(10) ? 0 : 1ull << chance(64));
}

static void any_list(struct fake *a, struct fake *b, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        u64 page = any_page();
        put_u64(a, LIST + 8 * i, page);
        put_u64(b, LIST + 8 * i, page);
    }
}

static struct soft_regs any_call(struct fake *a, struct fake *b)
{
    u32 count = 1 + (u32)chance(8);
    static const u32 versions[] = {0, 0, 0, 0, 0, 0, 1 << 16, 2 << 16, 1 << 24};
    u64 version = versions[chance(ARRAY_COUNT(versions))];
    switch (chance(12)) {
    case 0:
        return (struct soft_regs){.rax = 34 | version, .rdx = any_field()};
    case 1:
        return (struct soft_regs){
            .rax = 37 | version, .rdx = chance(4) ? PAGE : any_page(), .r8 = any_field()};
    case 2:
        return (struct soft_regs){.rax = 24 | version, .rcx = any_page()};
    case 3:
        return (struct soft_regs){.rax = 41 | version, .rcx = any_page()};
    case 4:
        return (struct soft_regs){.rax = 28 | version, .rcx = any_page()};
    case 5:
        return (struct soft_regs){.rax = 9 | version, .rcx = any_page(), .rdx = 33 + chance(4)};
    case 6:
        return (struct soft_regs){.rax = 60 | version};
    case 7:
        return (struct soft_regs){.rax = 100 | version};
    case 8:
        return (struct soft_regs){
            .rax = 98 | version, .rcx = any_page(), .rdx = 0xFFFFull << 32, .r8 = LIST, .r9 = 64};
    case 9:
        return (struct soft_regs){.rax = (45 | version) ^ (chance(4) ? 0 : 1 << 16),
                                  .rcx = TDMR_ARRAY,
                                  .rdx = 1,
                                  .r8 = MODULE_HKID,
                                  .r9 = chance(2) ? QUOTE : chance(64)};
    default:
        any_list(a, b, count);
        return (struct soft_regs){.rax = 61 | version, .rcx = list_info(LIST, (u32)chance(2), count - 1)};
    }
}

static void compare_by_chance(u64 start)
{
    const char *const *knobs = KNOBS("quote_pages=40"); /* so that there is a life after EXT.INIT, too */
    struct fake *a = new_overlay("1.5.01", knobs), *b = new_reference(knobs);
    seed = start;
    reach_pool(a, 1, QUOTE);
    reach_pool(b, 1, QUOTE);
    for (u32 i = 0; i < 4000; i++) {
        memset(a->ram + PAGE, 0, 4096);
        memset(b->ram + PAGE, 0, 4096);
        struct soft_regs in = any_call(a, b);
        a->interrupts = b->interrupts = chance(8) == 0;
        a->interrupt_at = b->interrupt_at = (s64)chance(4);
        assert_same(a, b, (u32)chance(4), in);
        assert_memory_equal(a->ram + PAGE, b->ram + PAGE, 4096);
        assert_int_equal(soft_page_owner(model_of(a), POOL + i % 64 * 4096) == SOFT_OWNER_POOL,
                         soft_page_owner(b->module, POOL + i % 64 * 4096) == SOFT_OWNER_POOL);
    }
    assert_memory_equal(a->owner, b->owner, RAM_BYTES / PAGE_SIZE);
    assert_int_equal(a->violations, b->violations);
    free_overlay(a);
    fake_free(b);
}

static void calls_by_chance(void **state)
{
    (void)state;
    for (u64 i = 1; i <= 4; i++)
        compare_by_chance(i);
}

/* ---- SYS.CONFIG: which fault wins ---- */

static void order_of_config(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        struct soft_regs in;
        u64 status;
    } rows[] = {
        {"rcx before r9", {.rcx = 1, .rdx = 1, .r8 = 32, .r9 = 1ull << 63}, INVALID_RCX},
        {"rdx before r9", {.rcx = TDMR_ARRAY, .rdx = 0, .r8 = 32, .r9 = 1ull << 63}, 0xC000010000000002},
        {"shared keyid before r9", {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 31, .r9 = 1ull << 63}, INVALID_R8},
        {"keyid too large before r9", {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 64, .r9 = 1ull << 63}, INVALID_R8},
        {"r8 reserved before r9",
         {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32 | 1ull << 16, .r9 = 1ull << 63},
         INVALID_R8},
        {"unknown feature", {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = 1ull << 63}, INVALID_R9},
        {"a feature of ext that 1.5.01 lacks",
         {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = 1 << 20},
         INVALID_R9},
        {"r9 before r10", {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = 1ull << 63, .r10 = 1}, INVALID_R9},
        {"r10", {.rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = QUOTE, .r10 = 1}, INVALID_R10},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = new_overlay("1.5.01", NULL);
        const struct tdx_tdmr_info info = template_tdmr();
        put_tdmr(fake, 0, &info);
        struct soft_regs in = rows[i].in;
        in.rax = 45 | 1 << 16;
        assert_status("before LP.INIT", run_regs(fake, 0, in).rax, 0xC000050C00000000);
        reach_init_done(fake);
        assert_status(rows[i].id, run_regs(fake, 0, in).rax, rows[i].status);
        in = (struct soft_regs){.rax = 45 | 1 << 16, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 32, .r9 = QUOTE};
        assert_status("then a good one", run_regs(fake, 0, in).rax, 0);
        assert_int_equal(missing(fake), POOL_PAGES);
        assert_status("and no second one", run_regs(fake, 0, in).rax, 0xC000050C00000000);
        free_overlay(fake);
    }
}

/* Features that the module below has by itself may be configured, too, and none at all. */
static void what_is_configured(void **state)
{
    (void)state;
    static const struct {
        u32 version;
        u64 features, pages, required;
    } rows[] = {
        {0, QUOTE, 0, 0},          {1, 0, 0, 0},    {1, EXT, 0, 0},
        {1, QUOTE | EXT, 1024, 1}, {1, 1, 9000, 1}, {1, 1 | QUOTE, 10024, 1},
    };
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = new_overlay("1.5.01", NULL);
        reach_pool(fake, rows[i].version, rows[i].features);
        assert_int_equal(missing(fake), rows[i].pages);
        assert_int_equal(run(fake, 0, 34, .rdx = READ_REQUIRED).r8, rows[i].required);
        free_overlay(fake);
    }
}

/* ---- what the model wouldn't have done ---- */

/* The last call that is needed says where the TDMR ends, any later one only that there is nothing to do. */
static void initialised_before_it_was_seen(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    const struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_ready(fake, 1, QUOTE);
    for (u32 i = 0; i < 256; i++) {
        struct soft_regs regs = {.rax = 36, .rcx = info.base};
        assert_int_equal(soft_call(fake->module, 0, &regs), SOFT_RETURNED);
    }
    assert_status("unseen", add_pages(fake, POOL, 1).rax, OUTSIDE);
    assert_status("TDMR.INIT", run(fake, 0, 36, .rcx = info.base).rax, 0x00000A0300000000);
    assert_status("seen", add_pages(fake, POOL, 1).rax, 0);
    free_overlay(fake);
}

static void dynamic_pamt_below(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("dpamt", NULL);
    set_knobs(&fake->knobs, KNOBS("features0=0x10000F0FBF", "sys_config_version=0"));
    fake_reset_both(fake);
    const struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("SYS.CONFIG",
                  run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = MODULE_HKID | 1 << 16).rax, 0);
    for (u32 lp = 0; lp < 4; lp += 2)
        assert_status("SYS.KEY.CONFIG", run(fake, lp, 31).rax, 0);
    initialise_tdmr(fake, info.base, info.size);
    set_knobs(soft_live_knobs(model_of(fake)), KNOBS("ext_pool_full_takes=1"));
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 1).rax, OUTSIDE);
    free_overlay(fake);
}

/* ---- a module that has extensions by itself ---- */

static void nothing_to_add(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("ext", NULL), *same = fake_new("ext");
    set_knobs(&fake->knobs, KNOBS("quote_pages=512"));
    set_knobs(&same->knobs, KNOBS("quote_pages=512"));
    fake_reset_both(fake);
    fake_reset(same);
    reach_pool(fake, 1, QUOTE);
    reach_pool(same, 1, QUOTE);
    assert_int_equal(missing(fake), 512);
    assert_int_equal(compare_chain(fake, same), 1 + 354 + 4);
    compare_lists(fake, same);
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 512).rax, 0);
    assert_int_equal(*entry_of(fake, POOL), 16 << 16); /* its own doing */
    assert_int_equal(missing(fake), 0);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    assert_int_equal(run(fake, 0, 34, .rdx = READ_QUOTE).rdx, TDX_FIELD_NULL);
    memset(fake->ram + PAGE, 0, 4096);
    assert_status("SYS.RDALL", run(fake, 0, 37, .rdx = PAGE, .r8 = READ_QUOTE).rax, 0);
    assert_int_equal(get_u64(fake, PAGE), 24 | 1 << 16);
    free_overlay(fake);
    fake_free(same);
}

/* ---- too little room in a list ---- */

static void short_lists(void **state)
{
    (void)state;
    static const char *const sizes[] = {"rdall_bytes=32", "rdall_bytes=3144", "rdall_bytes=3160",
                                        "rdall_bytes=3175", "rdall_bytes=3176"};
    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct fake *a = new_overlay("1.5.01", KNOBS(sizes[i])), *b = new_reference(KNOBS(sizes[i]));
        reach_pool(a, 1, QUOTE);
        reach_pool(b, 1, QUOTE);
        u64 from = TDX_FIELD_NULL;
        u32 lists = 0;
        do {
            compare_list(a, b, from);
            from = run(a, 0, 37, .rdx = PAGE, .r8 = from).r8;
            lists++;
        } while (from != TDX_FIELD_NULL && lists < 1000);
        assert_in_range(lists, i == 4 ? 1 : 2, 999);
        free_overlay(a);
        fake_free(b);
    }
}

/* All LPs may ask for the same list at once: what one has completed comes to another as it is. */
static void list_that_is_complete(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    reach_init_done(fake);
    assert_status("SYS.RDALL", run(fake, 0, 37, .rdx = PAGE, .r8 = TDX_FIELD_NULL).rax, 0);
    u8 *list = malloc(4096);
    memcpy(list, fake->ram + PAGE, 4096);
    assert_int_equal(soft_overlay_join_list(model_of(fake), 1, PAGE, true), TDX_FIELD_NULL);
    assert_memory_equal(fake->ram + PAGE, list, 4096);
    free(list);
    free_overlay(fake);
}

/* Fields that can't be read yet are in no chain and no list. */
static void unreadable_fields(void **state)
{
    (void)state;
    const char *const *knobs = KNOBS("fields_before_valid=1");
    struct fake *a = new_overlay("1.5.01", knobs), *b = new_reference(knobs);
    reach_init_done(a);
    reach_init_done(b);
    assert_int_equal(compare_chain(a, b), 1 + 354);
    compare_lists(a, b);
    assert_same(a, b, 0, (struct soft_regs){.rax = 34, .rdx = READ_MISSING});
    assert_same(a, b, 0, (struct soft_regs){.rax = 34, .rdx = READ_QUOTE});
    free_overlay(a);
    fake_free(b);
}

/* The host may have written anything to its list before the overlay looks at it. */
static void lists_of_junk(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    static const u8 zeros[0x20000];
    const u64 list = 0x30000000;
    seed = 7;
    for (u32 i = 0; i < 20000; i++) {
        for (u32 at = 0; at < 4096; at += 8)
            put_u64(fake, list + at, (READ_FEATURES - chance(300)) ^ (chance(512) << 38));
        if (chance(2))
            fake->ram[list + 1] = (u8)chance(17);
        soft_overlay_join_list(model_of(fake), 0, list, chance(2));
    }
    assert_memory_equal(fake->ram + list - sizeof(zeros), zeros, sizeof(zeros));
    assert_memory_equal(fake->ram + list + 4096, zeros, sizeof(zeros));
    free_overlay(fake);
}

/* ---- ends ---- */

static void shut_down(struct fake *fake, u32 lp)
{
    fake->hook_regs = run(fake, lp ? 0 : 1, 52, .rcx = 0);
}

static void start_extensions(struct fake *fake)
{
    fake->hook_regs = run(fake, 1, 60);
}

static void nobody_may_be_inside(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    struct above *above = fake->above;
    fake->hook = shut_down;
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 4).rax, 0);
    assert_status("SYS.SHUTDOWN in the midst of it", fake->hook_regs.rax, BUSY);
    above->hook_leaf = 52;
    above->hook = start_extensions;
    assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
    assert_status("EXT.INIT in the midst of it", fake->hook_regs.rax, BUSY);
    assert_status("after it", run(fake, 1, 60).rax, 0xC000050600000000);
    assert_status("after it, fields", run(fake, 1, 34, .rdx = READ_MISSING).rax, 0xC000050600000000);
    assert_status("again", run(fake, 0, 52, .rcx = 0).rax, 0xC000050600000000);
    free_overlay(fake);
}

#define SHUT_DOWN 0xC000050600000000ull

/* Below, and then above */
static void shut_down_twice(struct fake *fake, u32 lp)
{
    struct soft_regs regs = {.rax = 52};
    assert_int_equal(soft_call(fake->module, 2, &regs), SOFT_RETURNED);
    assert_status("SYS.SHUTDOWN below", regs.rax, 0);
    shut_down(fake, lp);
}

static void disable(struct fake *fake, u32 lp)
{
    fake->hook_regs = run(fake, lp ? 0 : 1, 69);
}

static void shut_down_version_1(struct fake *fake, u32 lp)
{
    fake->hook_regs = run(fake, lp ? 0 : 1, 52 | 1 << 16, .rcx = 0);
}

/* What an LP inside means for the others, the module's own gate says first. */
static void gate_of_ends(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        void (*hook)(struct fake *fake, u32 lp);
        u64 status;
    } rows[] = {{"is shut down", shut_down_twice, SHUT_DOWN},
                {"no such version", shut_down_version_1, INVALID_RAX},
                {"SYS.DISABLE", disable, BUSY}};
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = with_tdmr(NULL);
        fake->hook = rows[i].hook;
        assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 4).rax, 0);
        assert_status(rows[i].id, fake->hook_regs.rax, rows[i].status);
        free_overlay(fake);
    }
}

struct ender {
    struct fake *fake;
    u32 lp;
    u64 successes, others; /* of its statuses, those that are none of the expected ones */
};

static u64 raw(const struct ender *ender, u64 leaf)
{
    struct soft_regs regs = {.rax = leaf};
    assert_int_equal(call_above(ender->fake, ender->lp, &regs), SOFT_RETURNED);
    return regs.rax;
}

static void *use_extensions(void *argument)
{
    struct ender *ender = argument;
    u64 status;
    do {
        status = raw(ender, 60);
        ender->others += status != SHUT_DOWN && status != 0xC000050800000000; /* the pool isn't complete */
    } while (status != SHUT_DOWN);
    return NULL;
}

static void *end_it(void *argument)
{
    struct ender *ender = argument;
    u64 status;
    do {
        status = raw(ender, 52);
        ender->successes += status == 0;
        ender->others += status != 0 && status != BUSY && status != SHUT_DOWN;
    } while (status == BUSY);
    return NULL;
}

/* Who uses the extensions while they end sees the one or the other, never that somebody is busy. */
static void ends_at_once(void **state)
{
    (void)state;
    void *(*const bodies[])(void *) = {use_extensions, end_it, end_it};
    struct fake *fake = new_overlay("1.5.01", NULL);
    for (u32 round = 0; round < 30; round++) {
        struct ender enders[3];
        pthread_t threads[3];
        fake_reset_both(fake);
        reach_pool(fake, 1, QUOTE);
        for (u32 i = 0; i < 3; i++) {
            enders[i] = (struct ender){.fake = fake, .lp = i};
            assert_int_equal(pthread_create(&threads[i], NULL, bodies[i], &enders[i]), 0);
        }
        for (u32 i = 0; i < 3; i++)
            pthread_join(threads[i], NULL);
        for (u32 i = 0; i < 3; i++)
            assert_int_equal(enders[i].others, 0);
        assert_int_equal(enders[1].successes + enders[2].successes, 1);
    }
    free_overlay(fake);
}

static void disabled(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", KNOBS("sys_disable=1"));
    reach_pool(fake, 1, QUOTE);
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 4).rax, 0);
    assert_status("SYS.DISABLE", run(fake, 0, 69).rax, 0);
    assert_int_equal(fake->owner[POOL / PAGE_SIZE], SOFT_OWNER_HOST);
    reach_init_done(fake);
    assert_int_equal(missing(fake), 0);
    assert_int_equal(run(fake, 0, 34, .rdx = READ_REQUIRED).r8, 0);
    free_overlay(fake);
}

/* ---- another module takes over ---- */

#define UPDATE_1 (53 | 1 << 16)

static void install(struct fake *fake, const char *const *knobs)
{
    struct soft_knobs next = *soft_live_knobs(model_of(fake));
    set_knobs(&next, knobs);
    soft_overlay_install(model_of(fake), &next);
    soft_install(fake->module, &fake->knobs);
}

static struct fake *shut_down_with_pool(u32 pages)
{
    struct fake *fake = with_tdmr(NULL);
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, pages).rax, 0);
    assert_status("SYS.SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
    return fake;
}

static void order_of_update(void **state)
{
    (void)state;
    struct fake *fake = shut_down_with_pool(512);
    assert_status("shut down", run(fake, 0, UPDATE_1, .r9 = 1ull << 63).rax, 0xC000050600000000);
    install(fake, NULL);
    assert_status("SYS.INIT is due", run(fake, 0, UPDATE_1, .r9 = 1ull << 63).rax, 0xC000050800000000);
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    for (u32 lp = 0; lp < 4; lp++) {
        assert_status("LP.INIT is due", run(fake, 0, UPDATE_1, .r9 = 1ull << 63).rax, 0xC000050800000000);
        assert_status("SYS.LP.INIT", run(fake, lp, 35).rax, 0);
    }
    assert_status("R9", run(fake, 0, UPDATE_1, .r9 = 1ull << 63).rax, INVALID_R9);
    assert_status("R10", run(fake, 0, UPDATE_1, .r9 = QUOTE, .r10 = 1).rax, INVALID_R10);
    assert_status("version 2", run(fake, 0, 53 | 2 << 16).rax, INVALID_RAX);
    assert_int_equal(missing(fake), 0); /* nothing is configured */
    assert_int_equal(run(fake, 0, 34, .rdx = READ_REQUIRED).r8, 0);
    assert_status("SYS.UPDATE", run(fake, 0, UPDATE_1, .r9 = QUOTE, .r10 = 0).rax, 0);
    assert_int_equal(missing(fake), POOL_PAGES - 512);
    assert_status("again", run(fake, 0, UPDATE_1, .r9 = QUOTE, .r10 = 0).rax, 0xC000050800000000);
    assert_status("a page of the pool", add_pages(fake, POOL, 1).rax, NOT_FREE);
    assert_status("the rest", add_pages(fake, POOL + 2 * MIB, 512).rax, 0);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    free_overlay(fake);
}

static void update_without_handoff(void **state)
{
    (void)state;
    struct fake *fake = new_overlay("1.5.01", NULL);
    reach_init_done(fake);
    assert_status("R9", run(fake, 0, UPDATE_1, .r9 = 1ull << 63).rax, 0xC000050900000000);
    assert_status("SYS.UPDATE", run(fake, 0, UPDATE_1, .r9 = QUOTE, .r10 = 0).rax, 0xC000050900000000);
    free_overlay(fake);
}

/* Version 0 selects nothing; another module may want more, or less than there is. */
static void what_an_update_wants(void **state)
{
    (void)state;
    static const struct {
        const char *knob;
        u32 version;
        u64 missing;
        bool required;
    } rows[] = {{"quote_pages=1024", 0, 0, false},
                {"quote_pages=1024", 1, 512, true},
                {"quote_pages=513", 1, 1, true},
                {"quote_pages=100", 1, 0, true}};
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct fake *fake = shut_down_with_pool(512);
        install(fake, KNOBS(rows[i].knob));
        reach_init_done(fake);
        assert_status("SYS.UPDATE", run(fake, 0, 53 | rows[i].version << 16, .r9 = QUOTE, .r10 = 0).rax, 0);
        assert_int_equal(missing(fake), rows[i].missing);
        assert_int_equal(run(fake, 0, 34, .rdx = READ_REQUIRED).r8, rows[i].required);
        assert_int_equal(fake->owner[POOL / PAGE_SIZE], SOFT_OWNER_POOL);
        free_overlay(fake);
    }
}

/* Who doesn't go on with what there was doesn't have the pool either. */
static void anew(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 8).rax, 0);
    install(fake, NULL); /* without SYS.SHUTDOWN */
    assert_int_equal(fake->owner[POOL / PAGE_SIZE], SOFT_OWNER_HOST);
    assert_int_equal(soft_page_owner(model_of(fake), POOL), SOFT_OWNER_HOST);
    free_overlay(fake);
    fake = shut_down_with_pool(8);
    install(fake, NULL);
    assert_int_equal(fake->owner[POOL / PAGE_SIZE], SOFT_OWNER_POOL);
    reach_config_done(fake, 1, QUOTE);
    assert_int_equal(fake->owner[POOL / PAGE_SIZE], SOFT_OWNER_HOST);
    assert_int_equal(missing(fake), POOL_PAGES);
    for (u32 lp = 0; lp < 4; lp += 2)
        assert_status("SYS.KEY.CONFIG", run(fake, lp, 31).rax, 0);
    initialise_tdmr(fake, 0x100000000, GIB);
    assert_status("EXT.MEM.ADD", add_pages(fake, POOL, 8).rax, 0);
    free_overlay(fake);
}

static void one_of_them_stops(void **state)
{
    (void)state;
    struct fake *fake = with_tdmr(NULL);
    struct above *above = fake->above;
    static const u64 calls[] = {34, 37, 24, 36, 45, 45 | 1 << 16, 53, UPDATE_1, 52, 60, 61, 33};
    above->below_is_gone = true;
    for (u32 i = 0; i < ARRAY_COUNT(calls); i++)
        assert_status("below", run(fake, 0, calls[i]).rax, FATAL);
    above->below_is_gone = false;
    model_of(fake)->tdmrs[0].pamt[TDX_PAMT_4K].base = RAM_BYTES;
    assert_status("above", add_pages(fake, POOL, 1).rax, FATAL);
    assert_status("and then", run(fake, 0, 34, .rdx = READ_FEATURES).rax, FATAL);
    free_overlay(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_life),
        cmocka_unit_test(calls_by_chance),
        cmocka_unit_test(order_of_config),
        cmocka_unit_test(what_is_configured),
        cmocka_unit_test(initialised_before_it_was_seen),
        cmocka_unit_test(dynamic_pamt_below),
        cmocka_unit_test(nothing_to_add),
        cmocka_unit_test(short_lists),
        cmocka_unit_test(list_that_is_complete),
        cmocka_unit_test(unreadable_fields),
        cmocka_unit_test(lists_of_junk),
        cmocka_unit_test(nobody_may_be_inside),
        cmocka_unit_test(gate_of_ends),
        cmocka_unit_test(ends_at_once),
        cmocka_unit_test(disabled),
        cmocka_unit_test(order_of_update),
        cmocka_unit_test(update_without_handoff),
        cmocka_unit_test(what_an_update_wants),
        cmocka_unit_test(anew),
        cmocka_unit_test(one_of_them_stops),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
