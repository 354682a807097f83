/* SPDX-License-Identifier: MIT */
/*
 * SYS.CONFIG, refused.
 *
 * RCX names an array of pointers to TDMR_INFOs (aligned to 512, shared memory), RDX says how many, R8 the
 * module's private KeyID; version 1 brings R9, the add-on features to enable. Checks come in a fixed order
 * (module 1.5.01, CONFIG checks 4 to 8, then the rules for one TDMR after the other); bits 31:0 of the status
 * say which TDMR (byte 0), which reserved area or PAMT level (byte 1: 0 = 4K, 1 = 2M, 2 = 1G) and which other
 * TDMR (byte 2). No register but RAX is written.
 *
 * Each row takes the operands that the driver will use, of its first TDMR, changes one thing, and is refused.
 * After each the module must be where it was (LP.INIT answers as in INIT_DONE), and at the end the driver's
 * own SYS.CONFIG, with nothing changed, works.
 */
#include "tests/runner/bringup.h"

#include "kernel/paging.h"
#include "lib/string.h"

static struct operands {
    u64 pointers[TDX_TDMR_INFO_ALIGN / sizeof(u64)];
    union {
        struct tdx_tdmr_info info;
        u8 room[TDX_TDMR_INFO_ALIGN];
    } tdmrs[2];
} shared __attribute__((aligned(4096))); /* what the module reads */

struct attempt {
    u64 rax;
    struct seamcall_args in;
    struct tdx_tdmr_info *t0, *t1;
    const struct machine *machine;
};

struct config_row {
    void (*change)(struct attempt *attempt);
    u64 status;
    const char *rule;
};

static void prepare(struct attempt *attempt, const struct machine *machine)
{
    const struct tdx_host *host = &machine->host;
    memset(&shared, 0, sizeof(shared));
    shared.tdmrs[0].info = shared.tdmrs[1].info = host->plan.tdmrs[0];
    shared.pointers[0] = pa_raw(virt_to_phys(&shared.tdmrs[0]));
    shared.pointers[1] = pa_raw(virt_to_phys(&shared.tdmrs[1]));
    *attempt = (struct attempt){.rax = RAX(SYS_CONFIG),
                                .in = call_marked(),
                                .t0 = &shared.tdmrs[0].info,
                                .t1 = &shared.tdmrs[1].info,
                                .machine = machine};
    attempt->in.rcx = pa_raw(virt_to_phys(shared.pointers));
    attempt->in.rdx = 1;
    attempt->in.r8 = host->platform.global_hkid.value;
}

static void refuses(struct test *test)
{
    const struct config_row *row = test->item->row;
    struct attempt attempt;
    prepare(&attempt, test->machine);
    row->change(&attempt);
    struct call call = call_raw(attempt.rax, attempt.in);
    expect_status(test, &call, row->status, row->rule);
    expect_outputs(test, &call, &call.in, "SYS.CONFIG writes nothing but RAX");
    call = call_leaf(TDH_SYS_LP_INIT, call_marked());
    expect_status(test, &call, TDX_SYS_LP_INIT_DONE,
                  "a refused SYS.CONFIG leaves the state INIT_DONE (in any other, LP.INIT isn't pending)");
}

/* ---- one change each ---- */

static void rcx_unaligned(struct attempt *attempt)
{
    attempt->in.rcx += 256;
}

static void rcx_bit_52(struct attempt *attempt)
{
    attempt->in.rcx |= 1ull << 52;
}

static void rcx_private(struct attempt *attempt)
{
    attempt->in.rcx |= machine_keyid_bits(attempt->machine, attempt->machine->platform.global_hkid.value);
}

static void rcx_in_seamrr(struct attempt *attempt)
{
    attempt->in.rcx = attempt->machine->platform.seamrr_base;
}

static void count_0(struct attempt *attempt)
{
    attempt->in.rdx = 0;
}

static void count_65(struct attempt *attempt)
{
    attempt->in.rdx = TDX_MAX_TDMRS + 1;
}

static void keyid_shared(struct attempt *attempt)
{
    attempt->in.r8 = attempt->machine->platform.shared_keyids;
}

static void keyid_beyond(struct attempt *attempt)
{
    attempt->in.r8 = attempt->machine->platform.shared_keyids + attempt->machine->platform.private_keyids + 1;
}

static void r8_bit_17(struct attempt *attempt)
{
    attempt->in.r8 |= 1ull << 17;
}

static void r8_bit_63(struct attempt *attempt)
{
    attempt->in.r8 |= 1ull << 63;
}

static void three_wrong(struct attempt *attempt)
{
    rcx_unaligned(attempt);
    count_0(attempt);
    keyid_shared(attempt);
}

static void two_wrong(struct attempt *attempt)
{
    count_0(attempt);
    keyid_shared(attempt);
}

static void pointer_unaligned(struct attempt *attempt)
{
    (void)attempt;
    shared.pointers[0] += 256;
}

static void pointer_private(struct attempt *attempt)
{
    shared.pointers[0] |= machine_keyid_bits(attempt->machine, attempt->machine->platform.global_hkid.value);
}

static void version_2(struct attempt *attempt)
{
    attempt->rax = RAX_V(SYS_CONFIG, 2);
}

static void version_1(struct attempt *attempt)
{
    attempt->rax = RAX_V(SYS_CONFIG, 1);
    attempt->in.r9 = attempt->in.r10 = attempt->in.r11 = 0;
}

/* A feature that this module doesn't have. */
static void feature_unknown(struct attempt *attempt)
{
    u64 missing = ~attempt->machine->host.sysinfo.features0;
    version_1(attempt);
    attempt->in.r9 = missing & -missing;
}

static void r10_not_0(struct attempt *attempt)
{
    version_1(attempt);
    attempt->in.r10 = 1;
}

static void tdmr_size_0(struct attempt *attempt)
{
    attempt->t0->size = 0;
}

static void tdmr_size_unaligned(struct attempt *attempt)
{
    attempt->t0->size += PAGE_SIZE;
}

static void tdmr_base_unaligned(struct attempt *attempt)
{
    attempt->t0->base += PAGE_SIZE;
}

static void tdmr_base_keyid(struct attempt *attempt)
{
    attempt->t0->base |= machine_keyid_bits(attempt->machine, 1);
}

static void tdmr_end_keyid(struct attempt *attempt)
{
    attempt->t0->base = machine_keyid_bits(attempt->machine, 1) - GIB;
    attempt->t0->size = 2 * GIB;
}

static void tdmr_overflow(struct attempt *attempt)
{
    attempt->t0->base = -GIB;
    attempt->t0->size = 2 * GIB;
}

static void tdmr_twice(struct attempt *attempt)
{
    attempt->in.rdx = 2; /* t1 is a copy of t0 */
}

static void tdmr_inside_other(struct attempt *attempt)
{
    attempt->in.rdx = 2;
    attempt->t1->base += PAGE_SIZE;
    attempt->t1->size = PAGE_SIZE;
}

static void tdmr_before_pointer(struct attempt *attempt)
{
    attempt->in.rdx = 2;
    tdmr_size_0(attempt);
    shared.pointers[1] += 256;
}

/* Exactly these reserved areas. */
static void set_areas(struct attempt *attempt, struct tdx_reserved_area first,
                      struct tdx_reserved_area second)
{
    memset(attempt->t0->reserved, 0, sizeof(attempt->t0->reserved));
    attempt->t0->reserved[0] = first;
    attempt->t0->reserved[1] = second;
}

static void area_after_empty(struct attempt *attempt)
{
    set_areas(attempt, (struct tdx_reserved_area){0, 0}, (struct tdx_reserved_area){0x1000, 0x1000});
}

static void areas_overlap(struct attempt *attempt)
{
    set_areas(attempt, (struct tdx_reserved_area){0x1000, 0x2000},
              (struct tdx_reserved_area){0x2000, 0x1000});
}

static void areas_descend(struct attempt *attempt)
{
    set_areas(attempt, (struct tdx_reserved_area){0x4000, 0x1000},
              (struct tdx_reserved_area){0x1000, 0x1000});
}

static void area_unaligned(struct attempt *attempt)
{
    set_areas(attempt, (struct tdx_reserved_area){0x1800, 0x1000}, (struct tdx_reserved_area){0, 0});
}

static void area_past_end(struct attempt *attempt)
{
    set_areas(attempt, (struct tdx_reserved_area){0x1000, 0x1000},
              (struct tdx_reserved_area){attempt->t0->size - PAGE_SIZE, 2 * PAGE_SIZE});
}

static void area_overflow(struct attempt *attempt)
{
    set_areas(attempt, (struct tdx_reserved_area){-PAGE_SIZE, 2 * PAGE_SIZE},
              (struct tdx_reserved_area){0, 0});
}

static void pamt_1g_unaligned(struct attempt *attempt)
{
    attempt->t0->pamt_1g_base += 0x800;
}

static void pamt_1g_empty(struct attempt *attempt)
{
    attempt->t0->pamt_1g_size = 0;
}

static void pamt_2m_small(struct attempt *attempt)
{
    attempt->t0->pamt_2m_size = attempt->t0->size / (2 * MIB) * TDX_PAMT_ENTRY_BYTES - PAGE_SIZE;
}

static void pamt_4k_small(struct attempt *attempt)
{
    attempt->t0->pamt_4k_size = attempt->t0->size / PAGE_SIZE * TDX_PAMT_ENTRY_BYTES - PAGE_SIZE;
}

static void pamt_4k_keyid(struct attempt *attempt)
{
    attempt->t0->pamt_4k_base |= machine_keyid_bits(attempt->machine, 1);
}

static void pamt_1g_on_2m(struct attempt *attempt)
{
    attempt->t0->pamt_1g_base = attempt->t0->pamt_2m_base;
}

static void pamt_2m_on_4k(struct attempt *attempt)
{
    attempt->t0->pamt_2m_base = attempt->t0->pamt_4k_base;
}

/* At the start of a usable piece of its own TDMR. */
static void pamt_1g_in_tdmr(struct attempt *attempt)
{
    u64 from = 0, to = 0;
    for (u32 i = 0; tdmr_piece(attempt->t0, i, &from, &to) && to - from < attempt->t0->pamt_1g_size; i++)
        ;
    attempt->t0->pamt_1g_base = from;
}

/* Whole GiB behind everything that is memory. */
static u64 beyond_memory(const struct attempt *attempt)
{
    const struct tdx_sysinfo *info = &attempt->machine->host.sysinfo;
    const struct tdx_cmr *last = &info->cmrs[info->cmr_count - 1];
    return align_up(last->base + last->size, GIB) + GIB;
}

static void pamt_outside_cmrs(struct attempt *attempt)
{
    attempt->t0->pamt_1g_base = beyond_memory(attempt);
}

static void pamt_4k_outside_cmrs(struct attempt *attempt)
{
    attempt->t0->pamt_4k_base = beyond_memory(attempt);
}

static void tdmr_outside_cmrs(struct attempt *attempt)
{
    memset(attempt->t0->reserved, 0, sizeof(attempt->t0->reserved));
    attempt->t0->base = beyond_memory(attempt);
    attempt->t0->size = GIB;
}

#define ROW(name, source_, needs_, change_, status_, rule_)                                                  \
    {                                                                                                        \
        "bringup.config.refuses." name, source_, needs_, STEP_CONFIG, TDH_SYS_CONFIG,                        \
            .run = refuses, .row = &(const struct config_row)                                                \
        {                                                                                                    \
            change_, status_, rule_                                                                          \
        }                                                                                                    \
    }
#define REFUSES(change_, status_, rule_) ROW(#change_, SOURCE_MODULE, 0, change_, status_, rule_)

static const struct test_case cases[] = {
    REFUSES(rcx_unaligned, INVALID(RCX), "CONFIG check 4: RCX aligned to 512"),
    REFUSES(rcx_bit_52, INVALID(RCX), "CONFIG check 4: RCX below 2^52"),
    REFUSES(rcx_private, INVALID(RCX), "CONFIG check 4: RCX with a shared KeyID"),
    REFUSES(rcx_in_seamrr, INVALID(RCX), "CONFIG check 4: RCX not in SEAMRR"),
    REFUSES(count_0, INVALID(RDX), "CONFIG check 5: at least one TDMR"),
    REFUSES(count_65, INVALID(RDX), "CONFIG check 5: at most 64 TDMRs"),
    REFUSES(keyid_shared, INVALID(R8), "CONFIG check 6: KeyID private"),
    REFUSES(keyid_beyond, INVALID(R8), "CONFIG check 6: KeyID in range"),
    REFUSES(r8_bit_17, INVALID(R8), "CONFIG check 6: R8 63:17 reserved"),
    REFUSES(r8_bit_63, INVALID(R8), "CONFIG check 6: R8 63:17 reserved"),
    REFUSES(three_wrong, INVALID(RCX), "CONFIG check 4 comes first"),
    REFUSES(two_wrong, INVALID(RDX), "CONFIG check 5 comes before 6"),
    REFUSES(pointer_unaligned, INVALID(RCX),
            "CONFIG check 7: pointer aligned to 512, no index in the status"),
    REFUSES(pointer_private, INVALID(RCX), "CONFIG check 7: pointer with a shared KeyID"),
    REFUSES(version_2, INVALID(RAX), "versions known are 0 and, with add-on features, 1"),
    ROW("version_1", SOURCE_MODULE, NEED_NO_EXT, version_1, INVALID(RAX),
        "dispatcher check 2: CONFIG has version 0 only"),
    ROW("feature_unknown", SOURCE_INFERRED, NEED_EXT, feature_unknown, INVALID(R9),
        "R9 bits must be in TDX_FEATURES0"),
    ROW("r10_not_0", SOURCE_INFERRED, NEED_EXT, r10_not_0, INVALID(R10), "R10 must be 0, as in SYS.UPDATE"),
    REFUSES(tdmr_overflow, S_INVALID_TDMR, "TDMR rule 1: base + size"),
    REFUSES(tdmr_twice, S_NON_ORDERED_TDMR | 1, "TDMR rule 3: behind the previous"),
    REFUSES(tdmr_inside_other, S_NON_ORDERED_TDMR | 1, "TDMR rule 3 comes before rule 4"),
    REFUSES(tdmr_size_0, S_INVALID_TDMR, "TDMR rule 4: size above 0"),
    REFUSES(tdmr_size_unaligned, S_INVALID_TDMR, "TDMR rule 4: whole GiB"),
    REFUSES(tdmr_base_unaligned, S_INVALID_TDMR, "TDMR rule 4: base aligned to 1 GiB"),
    REFUSES(tdmr_base_keyid, S_INVALID_TDMR, "TDMR rule 5: no KeyID bits"),
    REFUSES(tdmr_end_keyid, S_INVALID_TDMR, "TDMR rule 6: no KeyID bits in the last byte"),
    REFUSES(tdmr_before_pointer, S_INVALID_TDMR, "TDMR 0 is judged before pointer 1 is looked at"),
    REFUSES(area_after_empty, S_NON_ORDERED_RESERVED_IN_TDMR,
            "TDMR rule 7a: only empty slots after an empty one"),
    REFUSES(area_overflow, S_INVALID_RESERVED_IN_TDMR, "TDMR rule 7b: offset + size"),
    REFUSES(areas_descend, S_NON_ORDERED_RESERVED_IN_TDMR | 0x100, "TDMR rule 7c: ascending"),
    REFUSES(areas_overlap, S_NON_ORDERED_RESERVED_IN_TDMR | 0x100, "TDMR rule 7d: no overlap"),
    REFUSES(area_unaligned, S_INVALID_RESERVED_IN_TDMR, "TDMR rule 7e: whole pages"),
    REFUSES(area_past_end, S_INVALID_RESERVED_IN_TDMR | 0x100, "TDMR rule 7f: inside the TDMR"),
    REFUSES(pamt_1g_unaligned, S_INVALID_PAMT | 0x200, "TDMR rule 8: PAMT aligned to 4 KiB"),
    REFUSES(pamt_1g_empty, S_INVALID_PAMT | 0x200, "TDMR rule 8: PAMT large enough"),
    REFUSES(pamt_2m_small, S_INVALID_PAMT | 0x100, "TDMR rule 8: PAMT large enough"),
    REFUSES(pamt_4k_small, S_INVALID_PAMT, "TDMR rule 8: PAMT large enough"),
    REFUSES(pamt_4k_keyid, S_INVALID_PAMT, "TDMR rule 8: no KeyID bits"),
    REFUSES(pamt_2m_on_4k, S_PAMT_OVERLAP, "TDMR rule 9': own 4K against own 2M"),
    REFUSES(pamt_1g_on_2m, S_PAMT_OVERLAP | 0x100, "TDMR rule 9': own 2M against own 1G"),
    REFUSES(pamt_1g_in_tdmr, S_PAMT_OVERLAP | 0x200, "TDMR rule 10: PAMT in usable TDX memory"),
    REFUSES(pamt_outside_cmrs, S_PAMT_OUTSIDE_CMRS | 0x200, "TDMR rule 11: PAMT in a CMR"),
    REFUSES(pamt_4k_outside_cmrs, S_PAMT_OUTSIDE_CMRS, "TDMR rule 11: PAMT in a CMR"),
    REFUSES(tdmr_outside_cmrs, S_TDMR_OUTSIDE_CMRS, "TDMR rule 12: usable parts in a CMR"),
};
CASE_TABLE(bringup_config);
