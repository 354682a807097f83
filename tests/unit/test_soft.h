/* SPDX-License-Identifier: MIT */
/*
 * The reference platform of the soft module's vectors: 4 LPs in 2 packages (x2APIC ids 0, 1 and 16, 17), 52
 * address bits of which 6 are KeyID, private KeyIDs 32..63, two CMRs in sparse memory of 20 GiB. Every call
 * through run() also checks that registers which the leaf doesn't write come back unchanged, and the model's
 * invariants.
 */
#ifndef TESTS_UNIT_TEST_SOFT_H
#define TESTS_UNIT_TEST_SOFT_H

#include "tests/unit/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "seam/soft/state.h"

#define UNUSED __attribute__((unused))

#define RAM_BYTES   0x500000000ull
#define MAX_PATCHES 12
#define ALL_LPS     0xFFFFFFFFu
#define FATAL       0xFA7A1FA7A1FA7A10ull /* what run() returns as RAX when the module stopped */
#define NO_SUBLEAF  0xFFFFFFFFu

/* One deviation from the reference platform */
enum patch_kind {
    NOTHING_MORE,
    MSR_IS,
    EAX_IS,
    EBX_IS,
    ECX_IS,
    EDX_IS,
    CMR_BASE_IS,
    CMR_SIZE_IS,
    CAPS_ARE,
    ENTROPY_FAILS,
    RANDOM_IS,
    HANDOFF_PAGES_ARE,
    INTEGRITY_IS,
    SMRR2_FORBIDDEN,
    FMS_IS
};
struct patch {
    enum patch_kind kind;
    u32 a, b;
    u64 value;
};

struct fake {
    u8 *ram;
    u8 *owner; /* enum soft_owner of every page */
    struct soft_module *module;
    enum soft_outcome (*call)(struct fake *fake, u32 lp, struct soft_regs *regs); /* NULL: soft_call() */
    void *above;                                                                  /* its own */
    struct soft_knobs knobs;
    struct soft_machine machine;
    struct patch patches[MAX_PATCHES];
    u32 patch_count;
    u32 patch_lp; /* LP that deviates, or ALL_LPS */
    u64 tsx_ctrl[4];
    u64 tsx_during_cpuid[4]; /* TSX_CTRL when CPUID 7 was read */
    enum soft_pconfig pconfig;
    u32 pconfig_lps; /* bitmap of LPs that ran it */
    u16 pconfig_hkid;
    u32 blocks[4];     /* cache blocks that each LP wrote back ... */
    u64 last_block[4]; /* ... and the last of them */
    s64 interrupt_at;  /* pending once this many entries are done; -1 never */
    u32 interrupts;    /* how often */
    u32 owner_calls;
    u64 owner_pages; /* told in them */
    u32 violations;
    char violation[128];
    void (*hook)(struct fake *fake, u32 lp); /* runs once, in the middle of a leaf */
    u64 hook_map;                            /* 0: the hook waits for RDRAND, PCONFIG or an interrupt poll */
    u32 depth;                               /* calls in flight */
    struct soft_regs hook_regs;              /* what the hook got */
};

static UNUSED void fire_hook(struct fake *fake, u32 lp)
{
    void (*hook)(struct fake *, u32) = fake->hook;
    if (!hook)
        return;
    fake->hook = NULL;
    hook(fake, lp);
}

/* ---- what an LP shows ---- */

static const struct {
    u32 msr;
    u64 value;
} reference_msrs[] = {
    {0x10A, 0x20FD6B},
    {0xBD, 1},
    {0xBC, 1},
    {0x345, 0x2000},
    {0xCF, 0},
    {0x3B, 0},
    {0x1A0, 0},
    {0x480, 3ull << 54 | 1024ull << 32},
    {0x48D, 0xFF00000016},
    {0x48E, 0xFFFFFFFF04006172},
    {0x48B, 0xFFFFFFFF00000000},
    {0x492, 0xFFFFFFFFFFFFFFFF},
    {0x48F, 0xFFFFFFFF00036DFB},
    {0x490, 0xFFFFFFFF000011FB},
    {0x485, 1u << 5 | 1u << 6 | 1u << 7 | 1u << 14 | 1u << 29 | 4u << 16},
    {0x48C, 0x101063340C1},
    {0x486, 0x80000021},
    {0x487, 0xFFFFFFFF},
    {0x488, 0x2000},
    {0x489, 0x3FFFFFF},
    {0x981, 2},
    {0x982, 3 | 1ull << 49 | 6ull << 32},
    {0x87, 0x200000001F},
    {0x98, 16},
    {0x99, 16},
    {0xFE, 0x4800},
    {0x1F2, 0x7E000006},
    {0x1F3, 0xFF000C00},
    {0x1400, 0x7C000008},
    {0x1401, 0xFFFFFE000C00},
};

static const struct {
    u32 leaf, subleaf;
    struct soft_cpuid value;
} reference_cpuid[] = {
    {0x0, NO_SUBLEAF, {0x23, 0x756E6547, 0x6C65746E, 0x49656E69}},
    {0x1, NO_SUBLEAF, {0x806F8, 0x800, 0x47FAA217, 0x1FA9FBFF}},
    {0x4, 0, {0, 0x3F, 0, 0}},
    {0x4, 1, {0, 0x3F, 0, 0}},
    {0x4, 2, {0, 0x3F, 0, 0}},
    {0x4, 3, {0x3C063, 0x3F, 0, 0}},
    {0x7, 0, {2, 0x219424C3, 0x99000020, 0xFC080400}},
    {0x7, 1, {0x100, 0, 0, 0}},
    {0x7, 2, {0, 0, 0, 0x3F}},
    {0xA, NO_SUBLEAF, {0x08300805, 0, 0, 0x8604}},
    {0xD, 0, {0x602E7, 0xA00, 0xA00, 0}},
    {0xD, 1, {0xF, 0, 0x1800, 0}},
    {0x14, 0, {1, 0, 0, 0}},
    {0x15, NO_SUBLEAF, {2, 160, 25000000, 0}},
    {0x1C, NO_SUBLEAF, {7, 0, 0, 0}},
    {0x1F, 0, {1, 2, 0x100, 0}},
    {0x1F, 1, {4, 16, 0x201, 0}},
    {0x1F, 2, {0, 0, 2, 0}},
    {0x80000000, NO_SUBLEAF, {0x80000008, 0, 0, 0}},
    {0x80000001, NO_SUBLEAF, {0, 0, 0x121, 0x2C100800}},
    {0x80000006, NO_SUBLEAF, {0, 0, 0x40, 0}},
    {0x80000007, NO_SUBLEAF, {0, 0, 0, 0x100}},
    {0x80000008, NO_SUBLEAF, {0x3034, 0x200, 0, 0}},
};

static const u32 reference_apic_ids[4] = {0, 1, 16, 17};

static UNUSED const struct patch *find_patch(const struct fake *fake, u32 lp, enum patch_kind kind, u32 a,
                                             u32 b)
{
    for (u32 i = 0; i < fake->patch_count; i++) {
        const struct patch *patch = &fake->patches[i];
        if (patch->kind == kind && patch->a == a && patch->b == b &&
            (fake->patch_lp == ALL_LPS || fake->patch_lp == lp))
            return patch;
    }
    return NULL;
}

static UNUSED u64 fake_rdmsr(void *context, u32 lp, u32 msr)
{
    struct fake *fake = context;
    const struct patch *patch = find_patch(fake, lp, MSR_IS, msr, 0);
    if (patch)
        return patch->value;
    if (msr == 0x122)
        return fake->tsx_ctrl[lp];
    for (u32 i = 0; i < ARRAY_COUNT(reference_msrs); i++)
        if (reference_msrs[i].msr == msr)
            return reference_msrs[i].value;
    return 0;
}

static UNUSED void fake_wrmsr(void *context, u32 lp, u32 msr, u64 value)
{
    struct fake *fake = context;
    if (msr == 0x99) {
        fake->blocks[lp]++;
        fake->last_block[lp] = value;
        return;
    }
    assert_int_equal(msr, 0x122); /* the only other MSR that the module writes */
    fake->tsx_ctrl[lp] = value;
}

static UNUSED struct soft_cpuid fake_cpuid(void *context, u32 lp, u32 leaf, u32 subleaf)
{
    struct fake *fake = context;
    struct soft_cpuid value = {0};
    const struct patch *patch;
    if (leaf == 7 && subleaf == 0)
        fake->tsx_during_cpuid[lp] = fake->tsx_ctrl[lp];
    for (u32 i = 0; i < ARRAY_COUNT(reference_cpuid); i++)
        if (reference_cpuid[i].leaf == leaf && reference_cpuid[i].subleaf == subleaf)
            value = reference_cpuid[i].value;
    if (leaf == 0xD && (subleaf == 11 || subleaf == 12))
        value.ecx = 1;
    if (leaf == 0xD && subleaf >= 2 && subleaf != NO_SUBLEAF)
        value.eax = 0x40;
    if (leaf == 0x1F)
        value.edx = reference_apic_ids[lp];
    if ((patch = find_patch(fake, lp, EAX_IS, leaf, subleaf)))
        value.eax = (u32)patch->value;
    if ((patch = find_patch(fake, lp, EBX_IS, leaf, subleaf)))
        value.ebx = (u32)patch->value;
    if ((patch = find_patch(fake, lp, ECX_IS, leaf, subleaf)))
        value.ecx = (u32)patch->value;
    if ((patch = find_patch(fake, lp, EDX_IS, leaf, subleaf)))
        value.edx = (u32)patch->value;
    return value;
}

static UNUSED bool fake_random(void *context, u32 lp, u64 *value)
{
    struct fake *fake = context;
    const struct patch *patch = find_patch(fake, lp, RANDOM_IS, 0, 0);
    fire_hook(fake, lp);
    *value = patch ? patch->value : 0x123456789ABCDEF0;
    return !find_patch(fake, lp, ENTROPY_FAILS, 0, 0);
}

static UNUSED enum soft_pconfig fake_pconfig(void *context, u32 lp, u16 hkid)
{
    struct fake *fake = context;
    fire_hook(fake, lp);
    fake->pconfig_hkid = hkid;
    if (fake->pconfig == SOFT_PCONFIG_OK)
        fake->pconfig_lps |= 1u << lp;
    return fake->pconfig;
}

static UNUSED u64 fake_seam_capabilities(void *context, u32 lp)
{
    const struct patch *patch = find_patch(context, lp, CAPS_ARE, 0, 0);
    return patch ? patch->value : 0x7F;
}

static UNUSED void *fake_map(void *context, u64 pa, u64 size)
{
    struct fake *fake = context;
    bool low = pa + size <= 0x80000000ull, high = pa >= 0x100000000ull && pa + size <= RAM_BYTES;
    if (fake->hook && fake->hook_map == pa && pa)
        fire_hook(fake, 0);
    return low || high ? fake->ram + pa : NULL;
}

static UNUSED bool fake_interrupt_pending(void *context, u32 lp, u32 done)
{
    struct fake *fake = context;
    if (!fake->hook_map)
        fire_hook(fake, lp);
    if (fake->interrupt_at < 0 || done < (u64)fake->interrupt_at || fake->interrupts == 0)
        return false;
    fake->interrupts--;
    return true;
}

static UNUSED void fake_owner_changed(void *context, u64 base, u64 size, enum soft_owner owner)
{
    struct fake *fake = context;
    fake->owner_calls++;
    fake->owner_pages += size / PAGE_SIZE;
    assert_true(size > 0 && (base | size) % PAGE_SIZE == 0 && base + size <= RAM_BYTES);
    for (u64 page = base / PAGE_SIZE; page < (base + size) / PAGE_SIZE; page++) {
        /* Memory changes between host and module only: nothing is taken twice, nothing given back twice. */
        assert_true((fake->owner[page] == SOFT_OWNER_HOST) != (owner == SOFT_OWNER_HOST));
        fake->owner[page] = (u8)owner;
    }
}

static UNUSED void fake_violation(void *context, u32 lp, const char *text)
{
    struct fake *fake = context;
    (void)lp;
    fake->violations++;
    snprintf(fake->violation, sizeof(fake->violation), "%s", text);
}

/* ---- set-up ---- */

static UNUSED void fake_reset(struct fake *fake)
{
    const struct soft_platform platform = {
        .context = fake,
        .rdmsr = fake_rdmsr,
        .wrmsr = fake_wrmsr,
        .cpuid = fake_cpuid,
        .random = fake_random,
        .pconfig = fake_pconfig,
        .seam_capabilities = fake_seam_capabilities,
        .map = fake_map,
        .interrupt_pending = fake_interrupt_pending,
        .owner_changed = fake_owner_changed,
        .violation = fake_violation,
    };
    soft_reset(fake->module, &platform, &fake->machine, &fake->knobs);
    assert_null(soft_check(fake->module));
}

static UNUSED struct fake *fake_new(const char *profile)
{
    struct fake *fake = calloc(1, sizeof(*fake));
    fake->ram =
        mmap(NULL, RAM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(fake->ram, MAP_FAILED);
    fake->owner = calloc(RAM_BYTES / PAGE_SIZE, 1);
    void *exactly = NULL; /* what is written behind it is seen */
    assert_int_equal(posix_memalign(&exactly, 64, soft_module_size()), 0);
    fake->module = exactly;
    memset(fake->module, 0, soft_module_size());
    fake->patch_lp = ALL_LPS;
    fake->interrupt_at = -1;
    fake->machine = (struct soft_machine){
        .lp_count = 4,
        .package_count = 2,
        .fms = {0x806F8, 0x806F8},
        .cmrs = {{0x100000, 0x7BF00000}, {0x100000000, 0x400000000}},
        .seamrr_base = 0x7C000000,
        .seamrr_size = 0x2000000,
        .integrity = true,
        .handoff_pages = 13,
    };
    assert_true(soft_profile(profile, &fake->knobs));
    fake_reset(fake);
    return fake;
}

static UNUSED void fake_free(struct fake *fake)
{
    munmap(fake->ram, RAM_BYTES);
    free(fake->owner);
    free(fake->module);
    free(fake);
}

/* Deviations of an LP (or of all); those of MCHECK's data are applied by fake_patch_machine(). */
static UNUSED void fake_patch(struct fake *fake, u32 lp, const struct patch *patches)
{
    fake->patch_lp = lp;
    for (fake->patch_count = 0; patches[fake->patch_count].kind != NOTHING_MORE; fake->patch_count++)
        fake->patches[fake->patch_count] = patches[fake->patch_count];
}

static UNUSED void fake_patch_machine(struct fake *fake, const struct patch *patches)
{
    struct soft_machine *machine = &fake->machine;
    for (; patches->kind != NOTHING_MORE; patches++) {
        if (patches->kind == CMR_BASE_IS)
            machine->cmrs[patches->a].base = patches->value;
        else if (patches->kind == CMR_SIZE_IS)
            machine->cmrs[patches->a].size = patches->value;
        else if (patches->kind == HANDOFF_PAGES_ARE)
            machine->handoff_pages = (u16)patches->value;
        else if (patches->kind == INTEGRITY_IS)
            machine->integrity = patches->value;
        else if (patches->kind == SMRR2_FORBIDDEN)
            machine->smrr2_forbidden = patches->value;
        else if (patches->kind == FMS_IS)
            machine->fms[patches->a] = (u32)patches->value;
    }
    fake_reset(fake);
}

static UNUSED void put_u64(struct fake *fake, u64 pa, u64 value)
{
    memcpy(fake->ram + pa, &value, sizeof(value));
}

static UNUSED u64 get_u64(struct fake *fake, u64 pa)
{
    u64 value;
    memcpy(&value, fake->ram + pa, sizeof(value));
    return value;
}

/* ---- calls ---- */

enum { RCX = 1, RDX = 2, R8 = 4, R9 = 8, R10 = 16, R11 = 32 };

/* Registers that a leaf may write, besides RAX */
static UNUSED u32 outputs_of(u64 rax)
{
    switch (rax & 0xFFFF) {
    case 33:
        return RCX | RDX | R8 | R9 | R10;
    case 35:
        return RCX | RDX | R8;
    case 32:
        return RDX | R9;
    case 34:
        return RDX | R8;
    case 37:
        return R8;
    case 36:
        return RDX;
    case 24:
    case 28:
        return RCX | RDX | R8 | R9 | R10 | R11;
    case 59:
        return RDX | R8;
    case 61:
    case 98:
        return RCX;
    default:
        return 0;
    }
}

static UNUSED void check_untouched(const struct soft_regs *in, const struct soft_regs *out)
{
    /* Errors of the dispatcher write RAX only: those are class 05, or OPERAND_INVALID with operand RAX. */
    bool dispatcher =
        out->rax == 0xC000010000000000 || out->rax == 0xC000050500000000 || out->rax == 0xC000050600000000;
    u32 written = dispatcher ? 0 : outputs_of(in->rax);
    assert_int_equal(in->rbx, out->rbx);
    assert_int_equal(in->rsi, out->rsi);
    assert_int_equal(in->rdi, out->rdi);
    assert_int_equal(in->rbp, out->rbp);
    assert_int_equal(in->r12, out->r12);
    assert_int_equal(in->r13, out->r13);
    assert_int_equal(in->r14, out->r14);
    assert_int_equal(in->r15, out->r15);
    assert_true(written & RCX || in->rcx == out->rcx);
    assert_true(written & RDX || in->rdx == out->rdx);
    assert_true(written & R8 || in->r8 == out->r8);
    assert_true(written & R9 || in->r9 == out->r9);
    assert_true(written & R10 || in->r10 == out->r10);
    assert_true(written & R11 || in->r11 == out->r11);
}

static UNUSED struct soft_regs run_regs(struct fake *fake, u32 lp, struct soft_regs in)
{
    struct soft_regs out = in;
    fake->depth++;
    enum soft_outcome outcome = fake->call ? fake->call(fake, lp, &out) : soft_call(fake->module, lp, &out);
    fake->depth--;
    if (outcome == SOFT_FATAL) {
        assert_true(soft_is_fatal(fake->module) || fake->call);
        out.rax = FATAL;
        return out;
    }
    check_untouched(&in, &out);
    assert_false(soft_lp_busy(fake->module, lp));
    if (fake->depth == 0 && !fake->call) { /* what is above may write to PAMTs */
        const char *broken = soft_check(fake->module);
        if (broken)
            fail_msg("invariant broken after leaf %u: %s", (unsigned)(in.rax & 0xFFFF), broken);
    }
    return out;
}

/* run(fake, lp, leaf and version, .rcx = ...): registers not named hold junk that must survive. */
#pragma GCC diagnostic ignored "-Woverride-init" /* the named ones replace the junk */
#define run(fake, lp, leaf, ...)                                                                             \
    run_regs((fake), (lp),                                                                                   \
             (struct soft_regs){.rbx = 0xB0B,                                                                \
                                .rcx = 0xC0C,                                                                \
                                .rdx = 0xD0D,                                                                \
                                .rsi = 0x51,                                                                 \
                                .rdi = 0xD1,                                                                 \
                                .rbp = 0xBB,                                                                 \
                                .r8 = 0x808,                                                                 \
                                .r9 = 0x909,                                                                 \
                                .r10 = 0x1010,                                                               \
                                .r11 = 0x1111,                                                               \
                                .r12 = 0x1212,                                                               \
                                .r13 = 0x1313,                                                               \
                                .r14 = 0x1414,                                                               \
                                .r15 = 0x1515,                                                               \
                                .rax = (leaf),                                                               \
                                ##__VA_ARGS__})

#define assert_status(id, actual, expected)                                                                  \
    do {                                                                                                     \
        u64 status_is = (actual), status_wanted = (expected);                                                \
        if (status_is != status_wanted)                                                                      \
            fail_msg("%s: status %016llx, wanted %016llx", (id), (unsigned long long)status_is,              \
                     (unsigned long long)status_wanted);                                                     \
    } while (0)

/* ---- the way to READY ---- */

#define TDMR_ARRAY  0x10000000ull
#define TDMR_INFO   0x10001000ull
#define MODULE_HKID 32

static UNUSED void put_tdmr(struct fake *fake, u32 index, const struct tdx_tdmr_info *info)
{
    put_u64(fake, TDMR_ARRAY + 8 * index, TDMR_INFO + 512 * index);
    memcpy(fake->ram + TDMR_INFO + 512 * index, info, sizeof(*info));
}

/* 1 GiB at 4 GiB, PAMTs at 8 GiB */
static UNUSED struct tdx_tdmr_info template_tdmr(void)
{
    return (struct tdx_tdmr_info){
        .base = 0x100000000,
        .size = 0x40000000,
        .pamt_4k_base = 0x200000000,
        .pamt_4k_size = 0x400000,
        .pamt_2m_base = 0x200400000,
        .pamt_2m_size = 0x2000,
        .pamt_1g_base = 0x200402000,
        .pamt_1g_size = 0x1000,
    };
}

static UNUSED void reach_init_done(struct fake *fake)
{
    assert_status("SYS.INIT", run(fake, 0, 33, .rcx = 0).rax, 0);
    for (u32 lp = 0; lp < 4; lp++)
        assert_status("SYS.LP.INIT", run(fake, lp, 35).rax, 0);
}

static UNUSED void reach_config_done(struct fake *fake, u32 version, u64 features)
{
    reach_init_done(fake);
    assert_status("SYS.CONFIG",
                  run(fake, 0, 45 | version << 16, .rcx = TDMR_ARRAY, .rdx = 1, .r8 = MODULE_HKID,
                      .r9 = features, .r10 = 0)
                      .rax,
                  0);
}

static UNUSED void reach_ready(struct fake *fake, u32 version, u64 features)
{
    reach_config_done(fake, version, features);
    assert_status("SYS.KEY.CONFIG", run(fake, 0, 31).rax, 0);
    assert_status("SYS.KEY.CONFIG", run(fake, 2, 31).rax, 0);
}

/* SYS.TDMR.INIT to the end */
static UNUSED void initialise_tdmr(struct fake *fake, u64 base, u64 size)
{
    u32 calls = 0;
    while (run(fake, calls % 4, 36, .rcx = base).rdx < base + size)
        assert_true(++calls < 256 * (size / GIB));
    assert_int_equal(calls + 1, 256 * (size / GIB));
}

static UNUSED void reach_pool(struct fake *fake, u32 version, u64 features)
{
    struct tdx_tdmr_info info = template_tdmr();
    put_tdmr(fake, 0, &info);
    reach_ready(fake, version, features);
    initialise_tdmr(fake, info.base, info.size);
}

#endif
