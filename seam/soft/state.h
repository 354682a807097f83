/* SPDX-License-Identifier: MIT */
/*
 * The model's private state, shared by its files and by white-box unit tests; nobody else includes this.
 *
 * Locks are try-locks. Order: global or extension lock, then a TDMR's mutex, then PAMT entries 1G, 2M, 4K.
 * state, tdmr.initialised and the per-LP flags are read without a lock and therefore written with release
 * stores.
 */
#ifndef SEAM_SOFT_STATE_H
#define SEAM_SOFT_STATE_H

#include "seam/soft/journal.h"
#include "seam/soft/soft.h"

#define SOFT_KEYIDS     2048 /* entries of the KeyID ownership table */
#define SOFT_CPUID_ROWS 64
#define SOFT_NO_SUBLEAF 0xFFFFFFFFu

enum soft_state {
    SOFT_INIT_PENDING = 0,
    SOFT_INIT_DONE = 1,
    SOFT_CONFIG_DONE = 2,
    SOFT_READY = 3,
    SOFT_SHUTDOWN = 4,
};

enum soft_msr {
#define SOFT_MSR(symbol, number) SOFT_MSR_##symbol,
#include "seam/soft/msrs.def"
    SOFT_MSR_COUNT
};
#define SOFT_MSRS_BEFORE_CPUID 4

/* A KeyID's owner. FLUSHED: its TD is blocked, caches still have to be written back. */
enum soft_kot { SOFT_KOT_FREE = 0, SOFT_KOT_ASSIGNED = 1, SOFT_KOT_FLUSHED = 2, SOFT_KOT_RESERVED = 3 };

/* One try-lock: SOFT_EXCLUSIVE plus the number of shared holders (an attempt that fails counts for a moment).
 */
typedef u32 soft_lock_t;
#define SOFT_EXCLUSIVE 0x80000000u

struct soft_tdmr {
    u64 base, size;
    struct soft_range pamt[TDX_PAMT_LEVELS];
    u32 bitmap_bits; /* Dynamic PAMT: what is called PAMT_4K is a bitmap with so many bits a page; else 0 */
    struct tdx_reserved_area reserved[TDX_MAX_RESERVED_PER_TDMR];
    u64 initialised; /* next address that TDMR.INIT covers; usable below it, rounded down to 1 GiB */
    soft_lock_t lock;
    u32 pool_pages; /* pages of this TDMR in the extension pool */
    /* Every page of this TDMR that the module took lies in this range; empty: 0, 0. Only grows. */
    u64 private_low, private_high;
};

/* What SYS.INIT saw; valid from SOFT_INIT_DONE on. */
struct soft_sample {
    u64 msr[SOFT_MSR_COUNT];
    struct soft_cpuid cpuid[SOFT_CPUID_ROWS];
    u64 seam_capabilities;
    u64 xfam;           /* XCR0 and XSS components that both CPU and module know */
    u32 l3_sharing;     /* CPUID(4,3).EAX[25:14] */
    u32 package_shift;  /* x2APIC id >> shift = package number */
    u32 core_shift;     /* x2APIC id >> shift = core number */
    u32 topology_level; /* last level type seen in CPUID 1FH while walking it */
    bool topology_core;
    bool waitpkg, la57, smrr2;
};

struct soft_lp {
    bool initialised;
    bool busy; /* inside the module */
    u32 package;
};

struct soft_ext {
    soft_lock_t lock;
    bool required;    /* a configured feature needs extensions */
    bool done;        /* EXT.INIT succeeded */
    u64 demand;       /* pages the configured features want */
    u64 missing;      /* of which the host hasn't given that many yet */
    u64 extra;        /* pages taken beyond the demand (knob ext_pool_full_takes) */
    u32 step;         /* of EXT.INIT, kept over an interruption */
    bool interrupted; /* the last EXT.MEM.ADD was, ... */
    u64 resume_rcx;   /* ... and gave this RCX back */
};

/* PHYMEM.CACHE.WB on one package */
struct soft_cache_wb {
    soft_lock_t lock;
    u32 next;                     /* sub-block that an interrupted call goes on with, 0: there is none */
    u64 keyids[SOFT_KEYIDS / 64]; /* bitmap of those that were FLUSHED when it started */
};

#define SOFT_QUOTE_BUFFER_MAX (16 * MIB) /* as far as the model walks a list */

struct soft_quote {
    soft_lock_t lock;
    bool done;            /* QUOTE.INIT succeeded */
    u32 init_step;        /* of QUOTE.INIT, kept over an interruption */
    u32 get_step;         /* of QUOTE.GET, the same, ... */
    u64 get_registers[6]; /* ... with these RCX, RDX, R8 to R11 */
    bool get_interrupted;
};

/*
 * What SYS.SHUTDOWN leaves for the next module: it has to be all that this one knew of pages, keys and TDs.
 * While it is valid and SYS.CONFIG or SYS.UPDATE haven't run, the pages it names are still the module's.
 */
struct soft_handoff {
    bool valid;
    u16 version;
    u32 size; /* bytes, as the module says */
    u32 packages_configured;
    u16 hkid;
    u8 kot[SOFT_KEYIDS];
    u8 kot_packages[SOFT_KEYIDS];
    u32 tdmr_count;
    struct soft_tdmr tdmrs[TDX_MAX_TDMRS];
};

/* Order: what SYS.DISABLE keeps, what soft_install() keeps too, what both clear. */
struct soft_module {
    bool powered; /* soft_reset() has run */
    bool fatal;
    bool meddled; /* knobs or machine were changed in mid-life */
    bool overlay; /* on top of another module (overlay.h), whose PAMTs tdmrs[] names */
    struct soft_platform platform;
    struct soft_machine machine;
    struct soft_knobs knobs;

    soft_lock_t global_lock;
    enum soft_state state;
    struct soft_lp lps[SOFT_MAX_LPS];
    u32 lps_initialised;
    bool disabling;   /* SYS.DISABLE was called and isn't done */
    u32 disable_step; /* kept over an interruption */

    struct soft_handoff handoff;
    u64 pamt_hash; /* of all PAMT entries that differ from what SYS.TDMR.INIT wrote */

    struct soft_sample sample;
    u32 packages_configured; /* bitmap */
    u16 hkid;                /* the module's own KeyID, from SOFT_CONFIG_DONE on */
    soft_lock_t kot_lock;
    u8 kot[SOFT_KEYIDS];          /* enum soft_kot */
    u8 kot_packages[SOFT_KEYIDS]; /* of a FLUSHED KeyID: bitmap of packages that didn't write back yet */
    struct soft_cache_wb cache_wb[TDX_MAX_PACKAGES];
    u32 tdmr_count; /* 0 until SYS.CONFIG succeeds; the table below may hold leftovers of a failed one */
    struct soft_tdmr tdmrs[TDX_MAX_TDMRS];
    u64 configured_features; /* R9 of SYS.CONFIG */
    bool updated;            /* SYS.UPDATE did it: the pool may hold more than is needed */
    struct soft_ext ext;
    struct soft_quote quote;
    u32 unmodelled_logged[8]; /* bitmap of leaves */

    struct soft_journal journal; /* outlives soft_reset() and soft_restore() */
};

/* What a snapshot holds, and soft_reset() clears */
#define SOFT_LIFE_BYTES offsetof(struct soft_module, journal)
#define SOFT_CLEARED    offsetof(struct soft_module, sample) /* from here on: by the end of a life, too */

/* One SEAMCALL in flight. */
struct soft_request {
    struct soft_module *module;
    struct soft_regs *regs;
    u32 lp;
    u32 version;
};

/* A handler's result when the module must stop; no status of the module has bits 59:48. */
#define SOFT_STATUS_FATAL 0xFFFFFFFFFFFFFFFFull

/* ---- soft.c ---- */

/* Stops the module, says why in the log and returns SOFT_STATUS_FATAL. */
u64 soft_stop(const struct soft_request *request, const char *why);

static inline enum soft_state soft_state(const struct soft_module *module)
{
    return __atomic_load_n(&module->state, __ATOMIC_ACQUIRE);
}

static inline void soft_set_state(struct soft_module *module, enum soft_state state)
{
    __atomic_store_n(&module->state, state, __ATOMIC_RELEASE);
}

static inline bool soft_quote_done(const struct soft_module *module)
{
    return __atomic_load_n(&module->quote.done, __ATOMIC_ACQUIRE);
}

static inline void soft_locked(const struct soft_request *request)
{
    const struct soft_platform *platform = &request->module->platform;
    if (platform->locked)
        platform->locked(platform->context, request->lp);
}

static inline u64 soft_operand(u64 status, u64 operand)
{
    return status | operand;
}

/* ---- locks; true: taken ---- */

static inline bool soft_lock_exclusive(soft_lock_t *lock)
{
    soft_lock_t free = 0;
    return __atomic_compare_exchange_n(lock, &free, SOFT_EXCLUSIVE, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline void soft_unlock_exclusive(soft_lock_t *lock)
{
    __atomic_fetch_sub(lock, SOFT_EXCLUSIVE, __ATOMIC_RELEASE);
}

static inline void soft_unlock_shared(soft_lock_t *lock)
{
    __atomic_fetch_sub(lock, 1, __ATOMIC_RELEASE);
}

static inline bool soft_lock_shared(soft_lock_t *lock)
{
    if (!(__atomic_fetch_add(lock, 1, __ATOMIC_ACQUIRE) & SOFT_EXCLUSIVE))
        return true;
    soft_unlock_shared(lock);
    return false;
}

/* ---- machine.c: MSRs, CPUID and addresses ---- */

struct soft_cpuid_rule {
    u32 leaf, subleaf;
    struct soft_cpuid mask, value; /* native & mask must be value */
    struct soft_cpuid same;        /* bits that must be the same on every LP */
};
extern const struct soft_cpuid_rule soft_cpuid_rules[SOFT_CPUID_ROWS];
extern const u32 soft_msr_numbers[SOFT_MSR_COUNT];

u64 soft_rdmsr(const struct soft_request *request, u32 msr);

/* Reads a table row's leaf on the calling LP; false, and all zeros, beyond the CPU's highest leaf. */
bool soft_cpuid_read(const struct soft_request *request, const struct soft_cpuid_rule *rule,
                     struct soft_cpuid *out);

/* Two registers as RDX, R8, R9 and R10 report them: the first in bits 31:0. */
static inline u64 soft_pair(u32 low, u32 high)
{
    return low | (u64)high << 32;
}

/* While the module samples CPUID, TSX must not be hidden (TSX_CTRL bit 1). Returns what to restore, 0 for
 * nothing. */
u64 soft_tsx_unhide(const struct soft_request *request);
void soft_tsx_restore(const struct soft_request *request, u64 tsx_ctrl);

/* KeyID field: PA bits 51:soft_keyid_shift. Valid once SYS.INIT sampled TME_ACTIVATE. */
u32 soft_keyid_shift(const struct soft_module *module);
u64 soft_pa_without_keyid(const struct soft_module *module, u64 pa);
/* Below 2^52 and no KeyID bits */
bool soft_pa_plain(const struct soft_module *module, u64 pa);
bool soft_keyid_shared(const struct soft_module *module, u64 keyid);
bool soft_keyid_private(const struct soft_module *module, u64 keyid);

/* The shared-buffer rule: size-aligned (a power of two), below 2^52, outside SEAMRR, shared KeyID. */
bool soft_buffer_ok(const struct soft_module *module, u64 pa, u64 size);

/*
 * The module's view of memory, KeyID bits removed. NULL where there is none: the bus then reads all ones and
 * drops writes (inferred: no public source says what the module sees), which the carrier is told as a
 * violation.
 */
void *soft_map(const struct soft_request *request, u64 pa, u64 size);
/* The same for a buffer of the host's, which doesn't cross a page. In memory that the module owns already
 * (another KeyID) it is as if there were no memory: junk in, nothing out; inferred. */
void *soft_buffer(const struct soft_request *request, u64 pa, u64 size);
void soft_read(const struct soft_request *request, u64 pa, void *to, u64 size);

/* First byte in, first byte after: no overflow is left by the checks before. */
static inline bool soft_overlap(u64 a, u64 a_size, u64 b, u64 b_size)
{
    return a < b + b_size && b < a + a_size;
}

/* ---- pamt.c: PAMT entries and what they say about pages ---- */

struct soft_pamt_entry {
    u16 lock; /* bit 0 exclusive, 15:2 shared holders */
    u8 type;
    u8 owner[5]; /* page frame number */
    u64 bepoch;
};
_Static_assert(sizeof(struct soft_pamt_entry) == TDX_PAMT_ENTRY_BYTES, "PAMT entry");

struct soft_pamt_walk {
    struct soft_pamt_entry *entries[TDX_PAMT_LEVELS]; /* those above the leaf are locked shared */
    u32 level;                                        /* of the leaf */
    bool exclusive;                                   /* the leaf is locked so */
    u64 at;                                           /* physical address of the leaf's entry */
    struct soft_tdmr *tdmr;
    u64 page; /* as asked for */
};

#define SOFT_PAMT_ENTRY_EXCLUSIVE 1u
#define SOFT_PAGE_POOL_FIRST      16 /* page types from here on are pool pages (knob ext_page_type) */

/* The TDMR that contains pa, NULL if none does. */
struct soft_tdmr *soft_tdmr_of(struct soft_module *module, u64 pa);
/* The same, if pa lies in a 1 GiB block whose PAMT is complete. */
struct soft_tdmr *soft_tdmr_usable(struct soft_module *module, u64 pa);

/*
 * Locks the entries on the way to pa's leaf shared, the leaf shared or exclusive; false: somebody is in the
 * way. The leaf is of level 4K, but for large pages, and for regions of 2 MiB without pages for their entries
 * (Dynamic PAMT). soft_pamt_walk_region() goes no deeper than to level 2M.
 */
bool soft_pamt_walk(const struct soft_request *request, struct soft_tdmr *tdmr, u64 pa, bool exclusive,
                    struct soft_pamt_walk *walk);
bool soft_pamt_walk_region(const struct soft_request *request, struct soft_tdmr *tdmr, u64 pa,
                           struct soft_pamt_walk *walk);
void soft_pamt_release(struct soft_pamt_walk *walk);

/* The one place where the contents of a leaf (all but its lock word) change; it is locked exclusively. What
 * else changes in page metadata: soft_metadata_...() in journal.h. */
void soft_pamt_set(struct soft_module *module, const struct soft_pamt_walk *walk, u8 type, u64 owner,
                   u64 bepoch);
/* Adds to BEPOCH; the leaf is locked at least shared. */
void soft_pamt_add(struct soft_module *module, const struct soft_pamt_walk *walk, u64 delta);
u64 soft_pamt_owner(const struct soft_pamt_entry *entry);
/* Keeps pamt_hash: called for the old and for the new value of 16 bytes of page metadata. */
void soft_pamt_hash(struct soft_module *module, u64 at, u64 first, u64 second);
/* Bytes that so many entries need, or (Dynamic PAMT) their bits */
u64 soft_pamt_bytes(const struct soft_tdmr *tdmr, enum tdx_pamt_level level, u64 entries);
/* Physical address of an entry; 0: Dynamic PAMT, and there are no pages for it. */
u64 soft_pamt_at(const struct soft_module *module, const struct soft_tdmr *tdmr, u64 pa,
                 enum tdx_pamt_level level);

/* The table that says which memory is the module's: its own, or that in valid hand-off data. */
const struct soft_tdmr *soft_owning_tdmrs(const struct soft_module *module, u32 *count);
/* ---- operand.c ---- */

/* Checks a page operand and walks to its leaf, of any type and size. Not TDX_SUCCESS: nothing is locked. */
u64 soft_page_walk(const struct soft_request *request, u64 page, u64 operand, bool exclusive,
                   struct soft_pamt_walk *walk);
/* The same for a page of 4 KiB that has to be of this type. */
u64 soft_page_operand(const struct soft_request *request, u64 page, u64 operand, bool exclusive, u8 type,
                      struct soft_pamt_walk *walk);
/* While the page's entry is locked exclusively, so that its owners follow one another. */
void soft_report_owner(const struct soft_module *module, u64 base, u64 size, enum soft_owner owner);
/* What kind of page a walk has led to, the bitmap of Dynamic PAMT included, and the level it is known at. */
struct soft_page_kind {
    u8 type;
    u32 level;
};
struct soft_page_kind soft_page_kind(const struct soft_module *module, const struct soft_pamt_walk *walk);

/* ---- owned.c: which pages are the module's, besides the PAMTs ---- */

/* Pages that the module takes have to be announced here, so that the functions below find them. */
void soft_note_private(struct soft_tdmr *tdmr, u64 page);
/* Calls visit for every leaf entry of a page that is the module's, in ascending order. */
void soft_each_private(const struct soft_module *module,
                       void (*visit)(void *context, u64 page, u64 size, const struct soft_pamt_entry *entry),
                       void *context);
/* Memory that is the module's because of one entry; size 0: none. */
struct soft_holding {
    enum soft_owner owner;
    struct soft_range ranges[2];
};
struct soft_holding soft_holding(const struct soft_pamt_entry *entry, u64 page, u32 level);
/* Calls visit for every run of pages that aren't the host's, the PAMTs last. */
void soft_holdings(const struct soft_module *module,
                   void (*visit)(void *context, u64 base, u64 size, enum soft_owner owner), void *context);
void soft_give_everything_back(struct soft_module *module);
/* ---- overlay.c ---- */

/* Rows of the overlay's fields: is this one, which is an id's, which is the first to be read from a row on;
 * SOFT_FIELD_COUNT: none. And the id of a row, TDX_FIELD_NULL of none. */
bool soft_overlay_owns_row(u32 row);
u32 soft_overlay_row(const struct soft_module *module, u64 id);
u32 soft_overlay_readable_row(const struct soft_module *module, u32 row);
u64 soft_overlay_row_id(u32 row);
/* Where KeyIDs stand in addresses, and which are private. LPs agree about that, or LP.INIT fails. */
void soft_overlay_learn_addresses(struct soft_module *module, u32 lp);

/* ---- overlay_pages.c: the same questions where the PAMTs are another module's ---- */

/* A page becomes one of the pool, or the status that a page operand deserves; in *tdmr. */
u64 soft_overlay_take(const struct soft_request *request, u64 page, u64 operand, struct soft_tdmr **tdmr);
u64 soft_overlay_check_page(const struct soft_request *request, u64 page, u64 operand, u8 type);
enum soft_owner soft_overlay_owner(const struct soft_module *module, u64 page);
void soft_overlay_retake(struct soft_module *module); /* tells the carrier of every page of the pool */

/* ---- snapshot.c ---- */

/* Has SYS.TDMR.INIT written anything in this life? */
bool soft_pamt_initialised(const struct soft_module *module);

/* ---- metadata.c ---- */
u32 soft_lowest_fms(const struct soft_machine *machine);
u64 soft_features0(const struct soft_module *module);
u64 soft_xfam_fixed0(const struct soft_module *module);

/* Which CPUID bits a TD's creator may configure, row by row. */
#define SOFT_CPUID_CONFIGS 12
struct soft_cpuid_config {
    u32 row;                  /* in soft_cpuid_rules */
    struct soft_cpuid direct; /* freely */
    struct soft_cpuid native; /* only where the CPU has the bit */
};
extern const struct soft_cpuid_config soft_cpuid_configs[SOFT_CPUID_CONFIGS];

/* ---- handlers, one file each; they return RAX ---- */
u64 soft_sys_init(const struct soft_request *request);
u64 soft_lp_init(const struct soft_request *request);
u64 soft_sys_info(const struct soft_request *request);
u64 soft_sys_rd(const struct soft_request *request);
u64 soft_sys_rdall(const struct soft_request *request);
u64 soft_sys_config(const struct soft_request *request);
u64 soft_key_config(const struct soft_request *request);
u64 soft_sys_update(const struct soft_request *request);
u64 soft_sys_shutdown(const struct soft_request *request);
u64 soft_sys_disable(const struct soft_request *request);
u64 soft_quote_init(const struct soft_request *request);
u64 soft_quote_get(const struct soft_request *request);
u64 soft_tdmr_init(const struct soft_request *request);
u64 soft_page_rdmd(const struct soft_request *request);
u64 soft_page_wbinvd(const struct soft_request *request);
u64 soft_page_reclaim(const struct soft_request *request);
u64 soft_pamt_add_pages(const struct soft_request *request);
u64 soft_pamt_remove_pages(const struct soft_request *request);
u64 soft_cache_wb(const struct soft_request *request);
u64 soft_mng_create(const struct soft_request *request);
u64 soft_mng_key_config(const struct soft_request *request);
u64 soft_mng_addcx(const struct soft_request *request);
u64 soft_mng_vpflushdone(const struct soft_request *request);
u64 soft_mng_key_freeid(const struct soft_request *request);
u64 soft_ext_mem_add(const struct soft_request *request);
u64 soft_ext_init(const struct soft_request *request);
u64 soft_no_operation(const struct soft_request *request);

/* Parts of handlers that stand in files of their own */
u64 soft_set_key(const struct soft_request *request, u16 hkid); /* key_config.c: PCONFIG on this package */
u64 soft_check_cpuid(const struct soft_request *request);       /* cpuid_rules.c: SYS.INIT's CPUID rules */
u64 soft_check_vmx(const struct soft_request *request);         /* vmx_rules.c: SYS.INIT's VMX rules */
u64 soft_check_smrr(const struct soft_request *request);        /* smrr.c: SYS.INIT's SMRR rules */
/* tdmr_rules.c: is TDMR number index in the table valid next to those before it? */
u64 soft_check_tdmr(const struct soft_module *module, u32 index);
/* ext.c: the demand of the configured features, of which the host gave that many pages already */
void soft_ext_configure(struct soft_module *module, u64 kept_pages);
/* sys_config.c: SYS.CONFIG's and SYS.UPDATE's R9 to R11, a TDMR that is copied to tdmrs[] and then checked,
 * and whether every LP has done LP.INIT */
u64 soft_check_features(const struct soft_request *request);
u64 soft_fetch_tdmr(const struct soft_request *request, u32 index);
bool soft_all_lps_initialised(const struct soft_module *module);
/* handoff.c: clears what a life was, the module's part of the machine not included. All LPs are outside, or
 * locked out. */
void soft_clear_life(struct soft_module *module, bool keep_lps);
/* Is any LP but this one inside? */
bool soft_others_inside(const struct soft_module *module, u32 lp);

#endif
