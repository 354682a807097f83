/* SPDX-License-Identifier: MIT */
/*
 * The soft module's Dynamic PAMT. What Linux' patches say is tested as they say it; what is inferred says so.
 * The invented numbers come from the knobs.
 */
#include "tests/unit/soft_td.h"

#include "seam/soft/dpamt.h"

#define BITMAP  0x200000000ull
#define REGION  0x100200000ull /* its pages: index 512 and up; not the one that TDR lies in */
#define OTHER   0x100400000ull
#define PAIR_A  0x110000000ull /* two pages of a region without a pair */
#define PAIR_B  0x110001000ull
#define MISSING 0xC00003E000000000ull
#define NO_PAIR 0xC00003E100000000ull
#define IN_USE  0xC00003E200000000ull

/* READY in profile dpamt, with bit 16 of R8; two GiB, pages 0x3000 and 0x4000 reserved */
static struct fake *with_config(u64 knob_pairs, u64 bits)
{
    struct fake *fake = fake_new("dpamt");
    struct tdx_tdmr_info info = template_tdmr();
    info.pamt_4k_size = 0x8000 * bits;
    info.reserved[0] = (struct tdx_reserved_area){0x3000, 0x2000};
    fake->knobs.ext_needs_pamt_pair = knob_pairs;
    fake->knobs.pamt_bitmap_bits = bits;
    fake->knobs.quote_pages = 600;
    fake_reset(fake);
    put_tdmr(fake, 0, &info);
    memset(fake->ram + BITMAP, 0xEE, 0x400000);
    reach_init_done(fake);
    assert_status("SYS.CONFIG",
                  run(fake, 0, 45 | 1 << 16, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 1u << 16 | MODULE_HKID,
                      .r9 = 1ull << 50, .r10 = 0)
                      .rax,
                  0);
    run(fake, 0, 31);
    run(fake, 2, 31);
    return fake;
}

static struct fake *with_dpamt(void)
{
    struct fake *fake = with_config(0, 1);
    initialise_tdmr(fake, 0x100000000, 0x40000000);
    return fake;
}

static struct soft_regs add_pair(struct fake *fake, u64 region, u64 a, u64 b)
{
    return run(fake, 0, 58, .rcx = region | 1, .rdx = a, .r8 = b);
}

static struct soft_regs remove_pair(struct fake *fake, u64 region)
{
    return run(fake, 0, 59, .rcx = region | 1);
}

static struct soft_pamt_entry *region_entry(struct fake *fake, u64 region)
{
    return (void *)(fake->ram + PAMT_2M + (region - 0x100000000) / (2 * MIB) * 16);
}

/* ---- SYS.CONFIG and metadata ---- */

static u64 config(const char *profile, u64 r8, u64 pamt_4k_base, u64 pamt_4k_size, u64 bits)
{
    struct fake *fake = fake_new(profile);
    struct tdx_tdmr_info info = template_tdmr();
    info.pamt_4k_base = pamt_4k_base;
    info.pamt_4k_size = pamt_4k_size;
    fake->knobs.pamt_bitmap_bits = bits;
    fake_reset(fake);
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    struct soft_regs out = run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = r8);
    if (out.rax == 0)
        assert_int_equal(fake->module->hkid, r8 & 0xFFFF);
    fake_free(fake);
    return out.rax;
}

static const struct {
    const char *id, *profile;
    u64 r8, base, size, bits, rax;
} configs[] = {
    {"bit 16 without the feature", "ext", 1 << 16 | 32, BITMAP, 0x400000, 1, 0xC000010000000008},
    {"bit 16 in 1.5.01", "1.5.01", 1 << 16 | 32, BITMAP, 0x400000, 1, 0xC000010000000008},
    {"bit 16", "dpamt", 1 << 16 | 32, BITMAP, 0x8000, 1, 0},
    {"bit 17", "dpamt", 1 << 17 | 32, BITMAP, 0x8000, 1, 0xC000010000000008},
    {"bit 63", "dpamt", 1ull << 63 | 1 << 16 | 32, BITMAP, 0x8000, 1, 0xC000010000000008},
    {"shared KeyID", "dpamt", 1 << 16 | 31, BITMAP, 0x8000, 1, 0xC000010000000008},
    {"bit 16 clear: entries", "dpamt", 32, BITMAP, 0x400000, 1, 0},
    {"bit 16 clear: no bitmap", "dpamt", 32, BITMAP, 0x8000, 1, 0xC0000A1000000000},
    {"larger than needed", "dpamt", 1 << 16 | 32, BITMAP, 0x400000, 1, 0},
    {"a page too small", "dpamt", 1 << 16 | 32, BITMAP, 0x7000, 1, 0xC0000A1000000000},
    {"no whole page", "dpamt", 1 << 16 | 32, BITMAP, 0x8800, 1, 0xC0000A1000000000},
    {"two bits a page", "dpamt", 1 << 16 | 32, BITMAP, 0x10000, 2, 0},
    {"two bits, too small", "dpamt", 1 << 16 | 32, BITMAP, 0xF000, 2, 0xC0000A1000000000},
    {"overlaps PAMT_2M", "dpamt", 1 << 16 | 32, 0x2003F9000, 0x8000, 1, 0xC0000A1200000000},
    {"in the TDMR", "dpamt", 1 << 16 | 32, 0x110000000, 0x8000, 1, 0xC0000A1200000000},
    {"outside CMRs", "dpamt", 1 << 16 | 32, 0x600000000, 0x8000, 1, 0xC0000A1100000000},
};

static void config_rows(void **state)
{
    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(configs); i++)
        assert_status(
            configs[i].id,
            config(configs[i].profile, configs[i].r8, configs[i].base, configs[i].size, configs[i].bits),
            configs[i].rax);
}

/* A failed SYS.CONFIG reserves the KeyID, not KeyID and bit 16. */
static void failed_config_keeps_the_keyid(void **state)
{
    (void)state;
    struct fake *fake = fake_new("dpamt");
    struct tdx_tdmr_info info = template_tdmr();
    info.size = 0;
    put_tdmr(fake, 0, &info);
    reach_init_done(fake);
    assert_status("size 0", run(fake, 0, 45, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = 1 << 16 | 33).rax,
                  0xC0000A0000000000);
    assert_int_equal(fake->module->kot[33], SOFT_KOT_RESERVED);
    fake_free(fake);
}

static void entry_bits_field(void **state)
{
    (void)state;
    const u64 field = 0x9100000100000013;
    struct fake *fake = with_config(0, 1);
    struct soft_regs out = run(fake, 0, 34, .rdx = field);
    assert_status("dpamt", out.rax, 0);
    assert_int_equal(out.r8, 1);
    fake->module->knobs.pamt_bitmap_bits = 2;
    assert_int_equal(run(fake, 0, 34, .rdx = field).r8, 2);
    fake_free(fake);
    fake = fake_new("ext");
    reach_init_done(fake);
    assert_status("ext", run(fake, 0, 34, .rdx = field).rax, 0xC0000C0000000000);
    fake_free(fake);
}

static void knob_values(void **state)
{
    (void)state;
    struct soft_knobs knobs;
    assert_true(soft_profile("dpamt", &knobs));
    assert_false(soft_knob_set(&knobs, "pamt_bitmap_bits=3"));
    assert_false(soft_knob_set(&knobs, "pamt_bitmap_bits=0"));
    assert_true(soft_knob_set(&knobs, "pamt_bitmap_bits=8"));
    assert_false(soft_knob_set(&knobs, "pair_page_type=4"));
    assert_true(soft_knob_set(&knobs, "pair_page_type=15"));
}

/* ---- SYS.TDMR.INIT ---- */

static void assert_bytes(const u8 *at, u8 value, u64 size)
{
    for (u64 i = 0; i < size; i++)
        assert_int_equal(at[i], value);
}

static void tdmr_init_writes_the_bitmap(void **state)
{
    (void)state;
    for (u32 bits = 1; bits <= 2; bits++) {
        struct fake *fake = with_config(0, bits);
        struct soft_regs out = run(fake, 0, 36, .rcx = 0x100000000);
        assert_status("first call", out.rax, 0);
        assert_int_equal(out.rdx, 0x100000000);
        assert_int_equal(fake->ram[BITMAP], bits == 1 ? 0x18 : 0x40);
        assert_int_equal(fake->ram[BITMAP + 1], bits == 1 ? 0 : 0x01);
        assert_bytes(fake->ram + BITMAP + 2, 0, 128 * bits - 2);
        assert_bytes(fake->ram + BITMAP + 128 * bits, 0xEE, 4096);
        assert_bytes(fake->ram + PAMT_2M, 0, 64);
        for (u32 i = 1; i < 256; i++)
            out = run(fake, 0, 36, .rcx = 0x100000000);
        assert_int_equal(out.rdx, 0x140000000);
        assert_bytes(fake->ram + BITMAP + 2, 0, 0x8000 * bits - 2);
        assert_bytes(fake->ram + BITMAP + 0x8000 * bits, 0xEE, 4096);
        fake_free(fake);
    }
}

/* ---- PAMT.ADD ---- */

static const struct {
    const char *id;
    u64 rcx, rdx, r8, rax;
} bad_adds[] = {
    {"level 4K", REGION, PAIR_A, PAIR_B, 0xC000010000000001},
    {"level 1G", REGION | 2, PAIR_A, PAIR_B, 0xC000010000000001},
    {"bit 3", REGION | 1 | 8, PAIR_A, PAIR_B, 0xC000010000000001},
    {"bit 11", REGION | 1 | 1 << 11, PAIR_A, PAIR_B, 0xC000010000000001},
    {"not of 2 MiB", (REGION + 0x1000) | 1, PAIR_A, PAIR_B, 0xC000010000000001},
    {"with KeyID", REGION | 1 | 1ull << 46, PAIR_A, PAIR_B, 0xC000010000000001},
    {"bit 52", REGION | 1 | 1ull << 52, PAIR_A, PAIR_B, 0xC000010000000001},
    {"RCX before RDX", REGION, PAIR_A + 8, PAIR_B + 8, 0xC000010000000001},
    {"RDX unaligned", REGION | 1, PAIR_A + 8, PAIR_B + 8, 0xC000010000000002},
    {"RDX with KeyID", REGION | 1, PAIR_A | 33ull << 46, PAIR_B, 0xC000010000000002},
    {"RDX bit 52", REGION | 1, PAIR_A | 1ull << 52, PAIR_B, 0xC000010000000002},
    {"RDX outside", REGION | 1, 0x180000000, PAIR_B, 0xC000010100000002},
    {"RDX outside before R8 unaligned (inferred)", REGION | 1, 0x180000000, PAIR_B + 8, 0xC000010100000002},
    {"R8 unaligned", REGION | 1, PAIR_A, PAIR_B + 8, 0xC000010000000008},
    {"R8 with KeyID", REGION | 1, PAIR_A, PAIR_B | 1ull << 46, 0xC000010000000008},
    {"R8 outside", REGION | 1, PAIR_A, 0xC0000000, 0xC000010100000008},
    {"R8 outside before the region", 0x180000000 | 1, PAIR_A, 0xC0000000, 0xC000010100000008},
    {"region outside", 0x180000000 | 1, PAIR_A, PAIR_B, 0xC000010100000001},
    {"RDX reserved", REGION | 1, 0x100003000, PAIR_B, 0xC000030300000002},
    {"R8 reserved", REGION | 1, PAIR_A, 0x100004000, 0xC000030300000008},
    {"one page twice (inferred)", REGION | 1, PAIR_A, PAIR_A, 0xC000030300000008},
    {"one page twice, of the region", REGION | 1, REGION, REGION, 0xC000030300000008},
};

static void add_refuses(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    u64 before = soft_footprint(fake->module);
    for (u32 i = 0; i < ARRAY_COUNT(bad_adds); i++) {
        assert_status(
            bad_adds[i].id,
            run(fake, 0, 58, .rcx = bad_adds[i].rcx, .rdx = bad_adds[i].rdx, .r8 = bad_adds[i].r8).rax,
            bad_adds[i].rax);
        assert_true(soft_footprint(fake->module) == before);
    }
    assert_status("and then", add_pair(fake, REGION, PAIR_A, PAIR_B).rax, 0);
    fake_free(fake);
}

static void assert_kind(struct fake *fake, const char *id, u64 page, u64 type, u64 level)
{
    struct soft_regs out = run(fake, 0, 24, .rcx = page);
    assert_status(id, out.rax, 0);
    assert_status(id, out.rcx, type);
    assert_status(id, out.rdx, 0);
    assert_status(id, out.r8, level);
}

/* The life of a pair, with a TD's page in its region */
static void pair_round_trip(void **state)
{
    (void)state;
    const u64 tdr = REGION + 255 * PAGE_SIZE, tdcx = REGION + 256 * PAGE_SIZE;
    struct fake *fake = with_dpamt();
    assert_kind(fake, "no pair: the region is free (inferred)", tdr, 0, 1);
    assert_status("no pair", run(fake, 0, 9, .rcx = tdr, .rdx = 33).rax, MISSING | 1);
    assert_status("nothing to reclaim", run(fake, 0, 28, .rcx = tdr).rax, 0xC000030000000001);
    assert_status("free, so WBINVD will (inferred)", run(fake, 0, 41, .rcx = tdr | 1ull << 46).rax, 0);
    assert_status("no TDR there", run(fake, 0, 8, .rcx = tdr).rax, 0xC000030000000001);
    assert_status("REMOVE", remove_pair(fake, REGION).rax, NO_PAIR | 1);
    memset(fake->ram + PAIR_A, 0x77, 2 * PAGE_SIZE);
    assert_status("ADD", add_pair(fake, REGION, PAIR_A, PAIR_B).rax, 0);
    assert_bytes(fake->ram + PAIR_A, 0, 2 * PAGE_SIZE);
    assert_int_equal(fake->owner[PAIR_A / PAGE_SIZE], SOFT_OWNER_PAMT);
    assert_int_equal(soft_page_owner(fake->module, PAIR_B), SOFT_OWNER_PAMT);
    assert_int_equal(soft_page_owner(fake->module, PAIR_B + PAGE_SIZE), SOFT_OWNER_HOST);
    assert_kind(fake, "a page of the pair (inferred)", PAIR_A, 1, 0);
    assert_kind(fake, "its neighbour", PAIR_B + PAGE_SIZE, 0, 1);
    assert_kind(fake, "a page of the region", tdr, 0, 0);
    assert_status("twice", add_pair(fake, REGION, PAIR_A + 0x2000, PAIR_B + 0x2000).rax, 0xC000030400000001);
    assert_status("used pages", add_pair(fake, OTHER, PAIR_A, PAIR_B + 0x2000).rax, 0xC000030300000002);
    assert_status("used pages", add_pair(fake, OTHER, PAIR_A + 0x2000, PAIR_B).rax, 0xC000030300000008);
    assert_status("no TDR of it (inferred)", run(fake, 0, 9, .rcx = PAIR_A, .rdx = 33).rax,
                  0xC000030000000001);
    assert_status("no reclaiming", run(fake, 0, 28, .rcx = PAIR_A).rax, 0xC000030000000001);
    assert_status("no flushing", run(fake, 0, 41, .rcx = PAIR_A).rax, 0xC000030000000001);
    create_td(fake, tdr, 33);
    configure_td(fake, tdr);
    assert_status("ADDCX without pair", run(fake, 0, 1, .rcx = OTHER, .rdx = tdr).rax, MISSING | 1);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = tdcx, .rdx = tdr).rax, 0);
    assert_int_equal(fake->ram[PAIR_A + 255 * 16 + 2], TDX_PAGE_TDR); /* index 255: the first page's last */
    assert_int_equal(fake->ram[PAIR_B + 2], TDX_PAGE_TDCX);           /* 256: the second page's first */
    assert_int_equal(run(fake, 0, 24, .rcx = tdcx).rcx, 5);
    assert_int_equal(soft_page_owner(fake->module, tdcx), SOFT_OWNER_CONTROL);
    struct soft_regs out = remove_pair(fake, REGION);
    assert_status("in use", out.rax, IN_USE | 0);
    assert_true(out.rdx == 0 && out.r8 == 0);
    end_td(fake, tdr);
    assert_status("in use", remove_pair(fake, REGION).rax, IN_USE | 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = tdcx).rax, 0);
    assert_status("ADDCX in TEARDOWN", run(fake, 0, 1, .rcx = tdcx, .rdx = tdr).rax, 0x8000081000000000);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = tdr).rax, 0);
    out = remove_pair(fake, REGION);
    assert_status("REMOVE", out.rax, 0);
    assert_true(out.rdx == PAIR_A && out.r8 == PAIR_B);
    assert_int_equal(fake->owner[PAIR_A / PAGE_SIZE], SOFT_OWNER_HOST);
    assert_int_equal(soft_page_owner(fake->module, PAIR_A), SOFT_OWNER_HOST);
    assert_bytes(fake->ram + PAIR_A, 0, 2 * PAGE_SIZE);
    assert_kind(fake, "free again", PAIR_A, 0, 1);
    assert_status("no pair", remove_pair(fake, REGION).rax, NO_PAIR | 1);
    assert_status("once more", add_pair(fake, REGION, PAIR_B, PAIR_A).rax, 0);
    fake_free(fake);
}

/* Which of the two pages is still in use */
static void remove_says_which_page(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    add_pair(fake, REGION, PAIR_A, PAIR_B);
    create_td(fake, REGION + 511 * PAGE_SIZE, 33);
    assert_status("second", remove_pair(fake, REGION).rax, IN_USE | 1);
    create_td(fake, REGION, 34);
    assert_status("both: the first", remove_pair(fake, REGION).rax, IN_USE | 0);
    fake->module->knobs.pair_not_empty_status = 0xC00003FF00000000;
    assert_status("by knob", remove_pair(fake, REGION).rax, 0xC00003FF00000000);
    fake_free(fake);
}

static void remove_refuses(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        u64 rcx, rax;
    } rows[] = {
        {"level 4K", REGION, 0xC000010000000001},
        {"bit 3", REGION | 9, 0xC000010000000001},
        {"not of 2 MiB", (REGION + 0x1000) | 1, 0xC000010000000001},
        {"with KeyID", REGION | 1 | 1ull << 46, 0xC000010000000001},
        {"outside", 0x180000000 | 1, 0xC000010100000001},
        {"no pair", OTHER | 1, NO_PAIR | 1},
    };
    struct fake *fake = with_dpamt();
    add_pair(fake, REGION, PAIR_A, PAIR_B);
    for (u32 i = 0; i < ARRAY_COUNT(rows); i++) {
        struct soft_regs out = run(fake, 0, 59, .rcx = rows[i].rcx);
        assert_status(rows[i].id, out.rax, rows[i].rax);
        assert_true(out.rdx == 0 && out.r8 == 0);
    }
    fake_free(fake);
}

/* Pages of the very region that they back, in any place of it; and of regions with a pair */
static void where_pairs_may_lie(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    assert_status("in the region", add_pair(fake, REGION, REGION + 0x5000, REGION + 0x1FF000).rax, 0);
    assert_kind(fake, "its page", REGION + 0x5000, 1, 0);
    assert_status("is no free page", run(fake, 0, 9, .rcx = REGION + 0x5000, .rdx = 33).rax,
                  0xC000030000000001);
    assert_status("nor this", run(fake, 0, 9, .rcx = REGION + 0x1FF000, .rdx = 33).rax, 0xC000030000000001);
    create_td(fake, REGION, 33);
    assert_status("in a region with a pair", add_pair(fake, OTHER, REGION + 0x1000, REGION + 0x2000).rax, 0);
    assert_status("a TDR", add_pair(fake, PAIR_A, REGION, REGION + 0x3000).rax, 0xC000030300000002);
    assert_status("a TDR", add_pair(fake, PAIR_A, REGION + 0x3000, REGION).rax, 0xC000030300000008);
    assert_status("mixed", add_pair(fake, PAIR_A, PAIR_A, REGION + 0x3000).rax, 0);
    assert_kind(fake, "reserved", 0x100003000, 1, 0);
    assert_int_equal(soft_page_owner(fake->module, REGION + 0x2000), SOFT_OWNER_PAMT);
    assert_status("the region's own pair isn't in use", remove_pair(fake, OTHER).rax, 0);
    assert_int_equal(fake->owner[(REGION + 0x1000) / PAGE_SIZE], SOFT_OWNER_HOST);
    assert_status("RDX alone", add_pair(fake, OTHER, REGION + 0x1000, PAIR_B).rax, 0);
    fake_reset(fake);
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    fake_free(fake);
}

/* A region that holds reserved pages: the bitmap knows them, whatever the pair says. */
static void reserved_pages_stay_so(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    assert_kind(fake, "before", 0x100003000, 1, 0);
    assert_status("before", run(fake, 0, 9, .rcx = 0x100003000, .rdx = 33).rax, 0xC000030000000001);
    assert_status("ADD", add_pair(fake, 0x100000000, PAIR_A, PAIR_B).rax, 0);
    assert_kind(fake, "after", 0x100004000, 1, 0);
    assert_kind(fake, "beside", 0x100005000, 0, 0);
    assert_status("T11", run(fake, 0, 9, .rcx = 0x100003000, .rdx = 33).rax, 0xC000030000000001);
    assert_status("beside", run(fake, 0, 9, .rcx = 0x100005000, .rdx = 33).rax, 0);
    assert_int_equal(soft_page_owner(fake->module, 0x100003000), SOFT_OWNER_HOST);
    fake_free(fake);
}

static void locks(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    region_entry(fake, REGION)->lock = 4;
    assert_status("region shared",
                  run_locked(fake, 0, 58, .rcx = REGION | 1, .rdx = PAIR_A, .r8 = PAIR_B).rax,
                  0x8000020000000001);
    assert_status("REMOVE", run_locked(fake, 0, 59, .rcx = REGION | 1).rax, 0x8000020000000001);
    assert_status("RDMD", run_locked(fake, 0, 24, .rcx = REGION).rax, 0);
    assert_int_equal(region_entry(fake, REGION)->lock, 4);
    region_entry(fake, REGION)->lock = 1;
    assert_status("RDMD", run_locked(fake, 0, 24, .rcx = REGION).rax, 0x8000020000000001);
    region_entry(fake, REGION)->lock = 0;
    region_entry(fake, 0x110000000)->lock = 4;
    assert_status("a page's region",
                  run_locked(fake, 0, 58, .rcx = REGION | 1, .rdx = PAIR_A, .r8 = PAIR_B).rax,
                  0x8000020000000002);
    assert_status("the other's", run_locked(fake, 0, 58, .rcx = REGION | 1, .rdx = OTHER, .r8 = PAIR_B).rax,
                  0x8000020000000008);
    assert_int_equal(region_entry(fake, OTHER)->lock, 0);
    assert_int_equal(region_entry(fake, REGION)->lock, 0);
    region_entry(fake, 0x110000000)->lock = 0;
    assert_status("free", add_pair(fake, REGION, PAIR_A, PAIR_B).rax, 0);
    ((struct soft_pamt_entry *)(fake->ram + PAIR_A))->lock = 1;
    assert_status("entry in a pair", run_locked(fake, 0, 9, .rcx = REGION, .rdx = 33).rax,
                  0x8000020000000001);
    assert_status("page of a region with a pair",
                  run_locked(fake, 0, 58, .rcx = OTHER | 1, .rdx = REGION, .r8 = OTHER).rax,
                  0x8000020000000002);
    ((struct soft_pamt_entry *)(fake->ram + PAIR_A))->lock = 0;
    fake_free(fake);
}

/* Off, or not there at all */
static void without_dynamic_pamt(void **state)
{
    (void)state;
    static const char *const profiles[] = {"1.5.01", "ext", "dpamt"};
    for (u32 i = 0; i < ARRAY_COUNT(profiles); i++) {
        struct fake *fake = with_tdmr(profiles[i]);
        assert_status(profiles[i], add_pair(fake, REGION, PAIR_A, PAIR_B).rax, 0xC000010000000000);
        assert_status(profiles[i], remove_pair(fake, REGION).rax, 0xC000010000000000);
        create_td(fake, TDR, 33); /* the ordinary PAMT works */
        end_td(fake, TDR);
        assert_status("RECLAIM", run(fake, 0, 28, .rcx = TDR).rax, 0);
        fake_free(fake);
    }
    struct fake *fake = fake_new("dpamt");
    assert_status("before READY", add_pair(fake, REGION, PAIR_A, PAIR_B).rax, 0xC000050500000000);
    fake_free(fake);
}

/* ---- the pool ---- */

static struct soft_regs add_pool(struct fake *fake, u64 first, u64 count)
{
    for (u64 i = 0; i < count; i++)
        put_u64(fake, 0x20000000 + i * 8, first + i * PAGE_SIZE);
    return run(fake, 0, 61, .rcx = 0x20000000 | (count - 1) << 55);
}

/* Knob ext_needs_pamt_pair=0: the module gets along without entries for pool pages. */
static void pool_without_pairs(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    assert_status("pool", add_pool(fake, PAIR_A, 3).rax, 0);
    assert_int_equal(fake->owner[PAIR_A / PAGE_SIZE], SOFT_OWNER_POOL);
    assert_int_equal(soft_page_owner(fake->module, PAIR_A + 0x2000), SOFT_OWNER_POOL);
    assert_kind(fake, "pool page", PAIR_A, 16, 0);
    assert_kind(fake, "no more", PAIR_A + 0x3000, 0, 1);
    struct soft_regs out = add_pool(fake, PAIR_A + 0x2000, 2);
    assert_status("twice", out.rax, 0xC000030000000001);
    assert_status("no pair page", add_pair(fake, REGION, PAIR_A, PAIR_A + 0x4000).rax, 0xC000030300000002);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = PAIR_A).rax, 0xC000030000000001);
    assert_status("pages beside it", add_pair(fake, REGION, PAIR_A + 0x4000, PAIR_A + 0x5000).rax, 0);
    assert_int_equal(soft_page_owner(fake->module, PAIR_A), SOFT_OWNER_POOL);
    assert_int_equal(soft_page_owner(fake->module, PAIR_A + 0x4000), SOFT_OWNER_PAMT);
    assert_status("a pair for the region itself",
                  add_pair(fake, PAIR_A, PAIR_A + 0x6000, PAIR_A + 0x7000).rax, 0);
    assert_kind(fake, "still a pool page", PAIR_A, 16, 0);
    assert_status("no TDR", run(fake, 0, 9, .rcx = PAIR_A, .rdx = 33).rax, 0xC000030000000001);
    assert_status("with an entry of its own", add_pool(fake, PAIR_A + 0x8000, 1).rax, 0);
    assert_int_equal(fake->ram[PAIR_A + 0x6000 + 8 * 16 + 2], 16);
    assert_status("in use", remove_pair(fake, PAIR_A).rax, IN_USE | 0);
    assert_int_equal(fake->module->ext.missing, 600 - 4);
    assert_status("the other pair isn't", remove_pair(fake, REGION).rax, 0);
    assert_status("reserved", add_pool(fake, 0x100003000, 1).rax, 0xC000030000000001);
    assert_status("rest", add_pool(fake, 0x120000000, 512).rax, 0);
    assert_status("rest", add_pool(fake, 0x120200000, 84).rax, 0);
    assert_status("EXT.INIT", run(fake, 0, 60).rax, 0);
    fake_reset(fake);
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    fake_free(fake);
}

static void pool_needs_pairs(void **state)
{
    (void)state;
    struct fake *fake = with_config(1, 1);
    initialise_tdmr(fake, 0x100000000, 0x40000000);
    struct soft_regs out = add_pool(fake, REGION, 2);
    assert_status("no pair", out.rax, MISSING | 1);
    assert_int_equal(out.rcx, 0x20000000 | 1ull << 55);
    assert_status("ADD", add_pair(fake, REGION, PAIR_A, PAIR_B).rax, 0);
    assert_status("pair", add_pool(fake, REGION, 2).rax, 0);
    assert_kind(fake, "pool page", REGION, 16, 0);
    assert_int_equal(soft_page_owner(fake->module, REGION + 0x1000), SOFT_OWNER_POOL);
    assert_status("in use", remove_pair(fake, REGION).rax, IN_USE | 0);
    out = add_pool(fake, REGION + 0x1FE000, 4);
    assert_status("into the next region", out.rax, MISSING | 1);
    assert_int_equal(out.rcx, 0x20000000 | 3ull << 55 | 2 << 3);
    assert_status("a page of the pair", add_pool(fake, PAIR_A, 1).rax, 0xC000030000000001);
    fake_free(fake);
}

/* ---- snapshots ---- */

static void *new_snapshot(void)
{
    return aligned_alloc(64, align_up(soft_snapshot_size(), 64));
}

static void snapshots_know_pairs(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    void *without = new_snapshot(), *with = new_snapshot();
    assert_true(soft_snapshot(fake->module, without));
    u64 print_without = soft_footprint(fake->module);
    add_pair(fake, REGION, PAIR_A, PAIR_B);
    create_td(fake, REGION, 33);
    assert_status("pool", add_pool(fake, PAIR_A + 0x4000, 2).rax, 0);
    assert_true(soft_snapshot(fake->module, with));
    u64 print_with = soft_footprint(fake->module);
    end_td(fake, REGION);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = REGION).rax, 0);
    assert_status("REMOVE", remove_pair(fake, REGION).rax, 0);
    memset(fake->ram + PAIR_A, 0x55, 2 * PAGE_SIZE); /* the host's again */
    for (u32 i = 0; i < 2; i++) {
        assert_true(soft_restore(fake->module, with));
        assert_null(soft_check(fake->module));
        assert_true(soft_footprint(fake->module) == print_with);
        assert_int_equal(fake->owner[PAIR_A / PAGE_SIZE], SOFT_OWNER_PAMT);
        assert_int_equal(fake->owner[REGION / PAGE_SIZE], SOFT_OWNER_CONTROL);
        assert_int_equal(fake->owner[PAIR_A / PAGE_SIZE + 5], SOFT_OWNER_POOL);
        assert_kind(fake, "TDR", REGION, 4, 0);
        assert_status("in use", remove_pair(fake, REGION).rax, IN_USE | 0);
        assert_true(soft_restore(fake->module, without));
        assert_null(soft_check(fake->module));
        assert_true(soft_footprint(fake->module) == print_without);
        for (u32 j = 0; j < 8; j++)
            assert_int_equal(fake->owner[PAIR_A / PAGE_SIZE + j], SOFT_OWNER_HOST);
        assert_int_equal(fake->owner[REGION / PAGE_SIZE], SOFT_OWNER_HOST);
        assert_status("no pair", remove_pair(fake, REGION).rax, NO_PAIR | 1);
        assert_status("pool", add_pool(fake, REGION, 1).rax, 0);
    }
    fake_free(fake);
    free(with);
    free(without);
}

/* The next module finds TDs and pairs in the page metadata, and the KeyIDs in the hand-off data. */
static void update_keeps_tds_and_pairs(void **state)
{
    (void)state;
    struct fake *fake = with_dpamt();
    add_pair(fake, REGION, PAIR_A, PAIR_B);
    create_td(fake, REGION, 33);
    configure_td(fake, REGION);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = REGION + 0x1000, .rdx = REGION).rax, 0);
    create_td(fake, REGION + 0x2000, 34);
    assert_status("VPFLUSHDONE", run(fake, 0, 19, .rcx = REGION + 0x2000).rax, 0);
    assert_status("CACHE.WB", run(fake, 0, 40, .rcx = 0).rax, 0);
    assert_status("SHUTDOWN", run(fake, 0, 52, .rcx = 0).rax, 0);
    soft_install(fake->module, &fake->knobs);
    assert_int_equal(soft_page_owner(fake->module, PAIR_A), SOFT_OWNER_PAMT);
    assert_int_equal(soft_page_owner(fake->module, REGION), SOFT_OWNER_CONTROL);
    reach_init_done(fake);
    assert_status("UPDATE", run(fake, 0, 53 | 1 << 16, .r9 = 1ull << 50, .r10 = 0).rax, 0);
    assert_status("KeyID in use", run(fake, 0, 9, .rcx = REGION + 0x3000, .rdx = 33).rax, 0xC000082000000000);
    assert_status("ADDCX", run(fake, 0, 1, .rcx = REGION + 0x4000, .rdx = REGION).rax, 0);
    assert_status("package 1 is left", run(fake, 0, 20, .rcx = REGION + 0x2000).rax, 0x8000081700000000);
    assert_status("CACHE.WB", run(fake, 2, 40, .rcx = 0).rax, 0);
    assert_status("FREEID", run(fake, 0, 20, .rcx = REGION + 0x2000).rax, 0);
    end_td(fake, REGION);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = REGION + 0x1000).rax, 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = REGION + 0x4000).rax, 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = REGION + 0x2000).rax, 0);
    assert_status("RECLAIM", run(fake, 0, 28, .rcx = REGION).rax, 0);
    assert_status("REMOVE", remove_pair(fake, REGION).rax, 0);
    fake_reset(fake);
    for (u64 page = 0; page < RAM_BYTES / PAGE_SIZE; page++)
        assert_int_equal(fake->owner[page], SOFT_OWNER_HOST);
    fake_free(fake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(config_rows),
        cmocka_unit_test(failed_config_keeps_the_keyid),
        cmocka_unit_test(entry_bits_field),
        cmocka_unit_test(knob_values),
        cmocka_unit_test(tdmr_init_writes_the_bitmap),
        cmocka_unit_test(add_refuses),
        cmocka_unit_test(pair_round_trip),
        cmocka_unit_test(remove_says_which_page),
        cmocka_unit_test(remove_refuses),
        cmocka_unit_test(where_pairs_may_lie),
        cmocka_unit_test(reserved_pages_stay_so),
        cmocka_unit_test(locks),
        cmocka_unit_test(without_dynamic_pamt),
        cmocka_unit_test(pool_without_pairs),
        cmocka_unit_test(pool_needs_pairs),
        cmocka_unit_test(snapshots_know_pairs),
        cmocka_unit_test(update_keeps_tds_and_pairs),
    };
    return cmocka_run_group_tests_name("soft_dpamt", tests, NULL, NULL);
}
