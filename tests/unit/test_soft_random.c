/* SPDX-License-Identifier: MIT */
/*
 * A drunken host: random leaves, registers and lists, made of values that are nearly right. Nothing is
 * expected of the answers but what every call promises: invariants hold, unwritten registers survive, memory
 * changes hands consistently, no status has reserved bits, and a reset gives everything back.
 */
#include "tests/unit/test_soft.h"

#define CALLS 6000u
#define LIST  0x20000000ull

static const u64 interesting[] = {
    0,
    1,
    2,
    16,
    32,
    33,
    63,
    64,
    65,
    512,
    1023,
    1024,
    4096,
    LIST,
    LIST | 1,
    LIST | 511ull << 55,
    LIST | 3ull << 55,
    LIST | 2 << 3 | 9ull << 55,
    TDMR_ARRAY,
    TDMR_ARRAY + 256,
    TDMR_INFO,
    0x100000000,
    0x100000008,
    0x100003000,
    0x13FFFF000,
    0x140000000,
    0x180000000,
    0x200000000,
    0x200400000,
    0x200402000,
    0x7C000000,
    0x90000000,
    1ull << 46,
    32ull << 46,
    1ull << 50,
    1ull << 39,
    1ull << 52,
    1ull << 63,
    ~0ull,
    0x9100000100000008,
    0x9900000300000500,
    0x3100000200000000,
    0x110000000,
    0x100100000,
    0x100101000,
    0x100200001,
    0x110000001,
    33,
    1 << 16 | 32,
};

static const u64 leaves[] = {31, 32, 33, 34, 35, 36, 36, 36, 37, 24,      27,      44,         45, 0x1002D,
                             46, 53, 60, 61, 61, 61, 9,  9,  9,  8,       8,       1,          1,  19,
                             20, 28, 28, 40, 40, 41, 58, 58, 59, 0x10022, 0x2002D, 1ull << 40, 98, 100};

/* These end a life; so they come now and then only. */
static u64 pick_leaf(struct fake *fake, u64 *seed)
{
    if (test_random(seed) % 64 == 0)
        return 52;
    if (test_random(seed) % 64 == 0 || (fake->module->disabling && test_random(seed) % 2))
        return 69;
    return leaves[test_random(seed) % ARRAY_COUNT(leaves)];
}

static u64 pick(u64 *seed)
{
    u64 value = interesting[test_random(seed) % ARRAY_COUNT(interesting)];
    switch (test_random(seed) % 8) {
    case 0:
        return test_random(seed);
    case 1:
        return value | interesting[test_random(seed) % ARRAY_COUNT(interesting)];
    case 2:
        return value + 4096 * (test_random(seed) % 16);
    default:
        return value;
    }
}

static void scribble(struct fake *fake, u64 *seed)
{
    struct tdx_tdmr_info info = template_tdmr();
    u64 *words = (u64 *)&info;
    if (test_random(seed) % 3)
        words[test_random(seed) % (sizeof(info) / 8)] = pick(seed);
    put_tdmr(fake, test_random(seed) % 2, &info);
    for (u32 i = 0; i < 16; i++)
        put_u64(fake, LIST + 8 * (test_random(seed) % 512), pick(seed));
    fake->interrupt_at = (s64)(test_random(seed) % 6) - 1;
    fake->interrupts = (u32)(test_random(seed) % 2);
    fake->pconfig = test_random(seed) % 4 ? SOFT_PCONFIG_OK : SOFT_PCONFIG_BUSY;
}

static void restart(struct fake *fake, u64 *seed)
{
    struct tdx_tdmr_info info = template_tdmr();
    u64 dynamic_pamt = (fake->knobs.features0 >> TDX_FEATURE_DYNAMIC_PAMT & 1) << 16;
    fake_reset(fake);
    /* All bytes are as the first one. */
    if (fake->owner[0] != SOFT_OWNER_HOST ||
        memcmp(fake->owner, fake->owner + 1, RAM_BYTES / PAGE_SIZE - 1) != 0)
        fail_msg("not all pages came back");
    put_tdmr(fake, 0, &info);
    fake->pconfig = SOFT_PCONFIG_OK;
    switch (test_random(seed) % 8) { /* start anywhere on the way */
    case 0:
        break;
    case 1:
        reach_init_done(fake);
        break;
    case 2:
        reach_config_done(fake, 0, 0);
        break;
    default:
        reach_init_done(fake);
        run(fake, 0, 45 | (u64)fake->knobs.sys_config_version << 16, .rcx = TDMR_ARRAY, .rdx = 1,
            .r8 = MODULE_HKID | (test_random(seed) % 4 ? dynamic_pamt : 0), .r9 = 1ull << 50, .r10 = 0);
        run(fake, 0, 31);
        run(fake, 2, 31);
        for (u32 i = 0; i < 256; i++)
            run(fake, 0, 36, .rcx = 0x100000000);
    }
}

/* What a leaf that works on pages likes; three of four times. */
static u64 pick_page(u64 *seed, u64 leaf)
{
    static const u64 tdrs[] = {0x100100000, 0x100101000, 0x100102000};
    static const u64 pages[] = {0x100200000, 0x100201000, 0x110000000, 0x110001000, 0x110002000, 0x110003000};
    u64 of = test_random(seed);
    switch (test_random(seed) % 4 ? leaf : 0) {
    case 0:
        return pick(seed);
    case 8:
    case 19:
    case 20:
        return tdrs[of % ARRAY_COUNT(tdrs)];
    case 58:
    case 59:
        return 0x100000001 + of % 2 * 0x200000;
    case 40:
        return of % 2;
    default:
        return of % 3 ? pages[of % ARRAY_COUNT(pages)] : tdrs[of % ARRAY_COUNT(tdrs)];
    }
}

static u64 call(struct fake *fake, u64 leaf, u64 *seed)
{
    bool about_pages = leaf == 1 || leaf == 8 || leaf == 9 || leaf == 19 || leaf == 20 || leaf == 24 ||
                       leaf == 28 || leaf == 40 || leaf == 41 || leaf == 58 || leaf == 59;
    if (!about_pages)
        return run(fake, test_random(seed) % 4, leaf, .rcx = pick(seed), .rdx = pick(seed), .r8 = pick(seed),
                   .r9 = pick(seed), .r10 = pick(seed) % 4)
            .rax;
    u64 rdx = leaf == 9 ? 33 + test_random(seed) % 3 : pick_page(seed, leaf == 1 ? 8 : 0x100);
    return run(fake, test_random(seed) % 4, leaf, .rcx = pick_page(seed, leaf), .rdx = rdx,
               .r8 = pick_page(seed, 0x100))
        .rax;
}

static void stagger(const char *profile, u64 seed)
{
    struct fake *fake = fake_new(profile);
    fake->knobs.quote_pages = 40;
    fake->knobs.ext_init_steps = 3;
    fake->knobs.ext_needs_pamt_pair = seed & 1;
    u32 succeeded = 0;
    for (u32 i = 0; i < CALLS; i++) {
        enum soft_state now = soft_state(fake->module);
        if (now == SOFT_SHUTDOWN && test_random(&seed) % 4 == 0) {
            soft_install(fake->module, &fake->knobs);
            if (test_random(&seed) % 2)
                reach_init_done(fake);
        }
        if (i % 300 == 0 || (now <= SOFT_INIT_DONE && test_random(&seed) % 16 == 0))
            restart(fake, &seed);
        scribble(fake, &seed);
        u64 status = call(fake, pick_leaf(fake, &seed), &seed);
        assert_true(status == FATAL || (status & TDX_STATUS_RESERVED) == 0);
        assert_int_not_equal(status,
                             FATAL); /* nothing that a host can do stops the module on this platform */
        succeeded += status == 0;
    }
    if (succeeded < CALLS / 20) /* or the values aren't nearly right any more */
        fail_msg("only %u calls succeeded", succeeded);
    fake_reset(fake);
    fake_free(fake);
}

static void drunken_host_1_5_01(void **state)
{
    (void)state;
    stagger("1.5.01", 0x5EA5);
}

static void drunken_host_ext(void **state)
{
    (void)state;
    stagger("ext", 0x5EA6);
}

static void drunken_host_dpamt(void **state)
{
    (void)state;
    stagger("dpamt", 0x5EA7);
    stagger("dpamt", 0x5EA8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drunken_host_1_5_01),
        cmocka_unit_test(drunken_host_ext),
        cmocka_unit_test(drunken_host_dpamt),
    };
    return cmocka_run_group_tests_name("soft_random", tests, NULL, NULL);
}
