/* SPDX-License-Identifier: MIT */
/*
 * An overlay on top of the fake module of test_soft.h: the model in profile 1.5.01 stands for the module
 * below, and run() goes through the overlay.
 */
#ifndef TESTS_UNIT_TEST_OVERLAY_H
#define TESTS_UNIT_TEST_OVERLAY_H

#include "tests/unit/test_soft.h"

#include "seam/genuine/overlay.h"

#define EXT        (1ull << 39)
#define QUOTE      (1ull << 50)
#define LIST       0x20000000ull
#define PAGE       0x20010000ull /* of the host's, for lists of fields */
#define POOL       0x110000000ull
#define PAMT_4K    0x200000000ull /* of the template TDMR */
#define PAMT_2M    0x200400000ull
#define PAMT_1G    0x200402000ull
#define PAMT_SIZE  0x403000ull
#define POOL_PAGES 1024

#define READ_FEATURES 0x0A00000300000008ull
#define READ_MISSING  0x3100000200000000ull
#define READ_REQUIRED 0x3100000000000001ull
#define READ_QUOTE    0x2300000200000002ull
#define READ_LAST     0xA200000300000006ull /* of 1.5.01 */

#define INVALID_RAX 0xC000010000000000ull
#define INVALID_RCX 0xC000010000000001ull
#define INVALID_R8  0xC000010000000008ull
#define INVALID_R9  0xC000010000000009ull
#define INVALID_R10 0xC00001000000000Aull
#define BUSY        0x8000020200000000ull
#define BUSY_RCX    0x8000020000000001ull
#define NOT_FREE    0xC000030000000001ull
#define OUTSIDE     0xC000010100000001ull

/* A module below and the overlay above it; hook runs once before a leaf reaches the module below. */
struct above {
    struct overlay overlay;
    struct soft_knobs knobs;
    struct fake *fake;
    u32 hook_leaf;
    void (*hook)(struct fake *fake);
    bool below_is_gone;
};

static UNUSED bool below(void *context, u32 lp, struct soft_regs *regs)
{
    struct above *above = context;
    void (*hook)(struct fake *) = above->hook;
    if (hook && (regs->rax & 0xFFFF) == above->hook_leaf) {
        above->hook = NULL;
        hook(above->fake);
    }
    return !above->below_is_gone && soft_call(above->fake->module, lp, regs) == SOFT_RETURNED;
}

static UNUSED enum soft_outcome call_above(struct fake *fake, u32 lp, struct soft_regs *regs)
{
    struct above *above = fake->above;
    return overlay_call(&above->overlay, lp, regs) ? SOFT_RETURNED : SOFT_FATAL;
}

static UNUSED struct soft_module *model_of(const struct fake *fake)
{
    return ((struct above *)fake->above)->overlay.module;
}

static UNUSED void fake_reset_both(struct fake *fake)
{
    struct above *above = fake->above;
    const struct soft_platform *platform = &fake->module->platform;
    soft_overlay_reset(above->overlay.module, platform, &fake->machine, &above->knobs);
    fake_reset(fake);
}

#define KNOBS(...) ((const char *const[]){__VA_ARGS__, NULL})

static UNUSED void set_knobs(struct soft_knobs *knobs, const char *const *assignments)
{
    for (; assignments && *assignments; assignments++)
        assert_true(soft_knob_set(knobs, *assignments));
}

/* knobs go to both. */
static UNUSED struct fake *new_overlay(const char *profile, const char *const *knobs)
{
    struct fake *fake = fake_new(profile);
    struct above *above = calloc(1, sizeof(*above));
    void *exactly = NULL;
    assert_int_equal(posix_memalign(&exactly, 64, soft_module_size()), 0);
    memset(exactly, 0, soft_module_size());
    *above = (struct above){.overlay = {.module = exactly, .below = below, .context = above}, .fake = fake};
    assert_true(soft_profile("ext", &above->knobs));
    assert_true(soft_knob_set(&above->knobs, "quote_pages=1024"));
    set_knobs(&above->knobs, knobs);
    set_knobs(&fake->knobs, knobs);
    fake->above = above;
    fake->call = call_above;
    fake_reset_both(fake);
    return fake;
}

static UNUSED void free_overlay(struct fake *fake)
{
    free(model_of(fake));
    free(fake->above);
    fake_free(fake);
}

/* 1.5.01 in everything but its extensions */
static UNUSED struct fake *new_reference(const char *const *knobs)
{
    struct fake *fake = fake_new("1.5.01");
    set_knobs(&fake->knobs, KNOBS("features0=0x40080000F0FBF", "sys_config_version=1", "quote_pages=1024",
                                  "connect_pages=8960", "migration_pages=9000"));
    set_knobs(&fake->knobs, knobs);
    fake_reset(fake);
    return fake;
}

static UNUSED u64 list_info(u64 list, u32 first, u32 last)
{
    return list | (u64)first << 3 | (u64)last << 55;
}

static UNUSED void put_list(struct fake *fake, u64 list, u32 first, u32 count, u64 page)
{
    for (u32 i = 0; i < count; i++)
        put_u64(fake, list + 8 * (first + i), page + 4096 * i);
}

static UNUSED struct fake *with_tdmr(const char *const *knobs)
{
    struct fake *fake = new_overlay("1.5.01", knobs);
    reach_pool(fake, 1, QUOTE);
    return fake;
}

static UNUSED u64 missing(struct fake *fake)
{
    return run(fake, 1, 34, .rdx = READ_MISSING).r8;
}

static UNUSED struct soft_regs add_pages(struct fake *fake, u64 page, u32 count)
{
    put_list(fake, LIST, 0, count, page);
    return run(fake, 0, 61, .rcx = list_info(LIST, 0, count - 1));
}

static UNUSED u64 *entry(struct fake *fake, u64 pamt, u64 number)
{
    return (u64 *)(void *)(fake->ram + pamt + 16 * number);
}

static UNUSED u64 *entry_of(struct fake *fake, u64 page)
{
    return entry(fake, PAMT_4K, (page - 0x100000000) / 4096);
}

#endif
