/* SPDX-License-Identifier: MIT */
/*
 * What an access of the module to a page meets. TME-MK as the TDX module specification describes its use; MSR
 * 0x87 says which KeyIDs are private.
 */
#include "drivers/tdx/abi/msr.h"
#include "lib/format.h"
#include "lib/string.h"
#include "seam/genuine/keys_state.h"
#include "seam/genuine/turn.h"
#include "seam/monitor/faults.h"
#include "seam/monitor/log.h"
#include "seam/monitor/memory.h"
#include "seam/monitor/msr.h"
#include "seam/monitor/npt.h"
#include "seam/monitor/options.h"

_Static_assert(MODULE_NPT_KEY_SHIFT == NPT_ADDRESS_BITS, "KeyIDs stand above the address");

#define LOG_AT_MOST 64
#define NOISE       0x5Cu

static u8 *noise; /* what memory of another key looks like */

void keys_make_noise(void)
{
    noise = heap_need(PAGE_SIZE, PAGE_SIZE, "a page of noise");
    memset(noise, NOISE, PAGE_SIZE);
}

/* An access of the module to one page. */
struct access {
    u64 page;
    u16 keyid;
    u8 key; /* keyid, 0 for a shared one: as records have it */
    bool write;
};

/* ---- violations ---- */

/* False: the module has been stopped. */
static bool violation(struct lp *lp, const struct access *a, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static bool violation(struct lp *lp, const struct access *a, const char *fmt, ...)
{
    static volatile u32 logged;
    char text[100], place[32];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    space_name(&seam_space, lp->vmcb->rip, place);
    lp_count_event(lp, MONITOR_COUNT_VIOLATIONS);
    u32 number = __atomic_fetch_add(&logged, 1, __ATOMIC_RELAXED);
    if (number < LOG_AT_MOST)
        log_line("violation on LP %u: the module, at %s, %s 0x%lx under KeyID %u, %s", lp->index, place,
                 a->write ? "writes" : "reads", a->page, a->keyid, text);
    else if (number == LOG_AT_MOST)
        log_line("more violations of KeyIDs are counted, not logged");
    if (options.keys != KEYS_STOP)
        return true;
    seam_stop(lp, "met a machine check at 0x%lx under KeyID %u", a->page, a->keyid);
    return false;
}

/* ---- pages that change ---- */

void keys_take_away(struct lp *lp, u64 page, struct page_record *record)
{
    bool written;
    if (module_npt_take_away(page, &written))
        seam_flush_others(lp);
    page_versions_drop(&keys.versions, record->version);
    *record = (struct page_record){0};
}

/* The first write under another KeyID. */
static bool change_key(struct lp *lp, const struct access *a, u8 now)
{
    struct page_record *record = page_records_make(&keys.records, a->page);
    bool written, in_pamt = tdmr_areas_in_pamt(&keys.facts.areas, a->page);
    if (!record) {
        seam_stop(lp, "wrote to page 0x%lx under KeyID %u: SEAMRR has no room left to remember that", a->page,
                  a->keyid);
        return false;
    }
    if (!a->key) {
        keys_take_away(lp, a->page, record);
        if (!in_pamt)
            handover_to_host(a->page, PAGE_SIZE);
        return true;
    }
    if (module_npt_take_away(a->page, &written))
        seam_flush_others(lp);
    record->key = a->key;
    if (!now && !in_pamt)
        handover_in_call(lp, a->page);
    return true;
}

/* ---- what an access meets ---- */

u32 keys_package_bit(const struct lp *lp)
{
    struct placement place = faults_placement(lp);
    return 1u << (place.x2apic_id >> place.package_shift & 31);
}

/* False: the module has been stopped. */
static bool classify(struct lp *lp, struct access *a)
{
    u64 partition = 0;
    msr_module_read(lp, MSR_IA32_MKTME_KEYID_PART, &partition);
    u64 first = 1 + (u32)partition, behind = first + (partition >> 32);
    a->key = a->keyid < first ? 0 : (u8)a->keyid;
    if (a->keyid < behind)
        return true;
    seam_stop(lp, "used KeyID %u at 0x%lx: private ones are %lu to %lu, by MSR 0x87", a->keyid, a->page,
              first, behind - 1);
    return false;
}

static u8 *admit_write(struct lp *lp, const struct access *a)
{
    const struct page_record *record = page_records_find(&keys.records, a->page);
    u8 now = record ? record->key : 0;
    if (now && !a->key && !violation(lp, a, "over memory last written under private KeyID %u", now))
        return NULL;
    if (now != a->key && !change_key(lp, a, now))
        return NULL;
    if (a->key) {
        struct page_record *mine = page_records_find(&keys.records, a->page);
        mine->flags = (u8)((mine->flags | PAGE_WRITTEN) & ~(PAGE_STALE | PAGE_FOREIGN));
    }
    return (u8 *)a->page;
}

/* Others may read the page under this wrong KeyID from now on without a word. */
static void note_foreign(const struct access *a)
{
    struct page_record *record = page_records_make(&keys.records, a->page);
    if (record)
        record->flags |= PAGE_FOREIGN;
}

static u8 *admit_read(struct lp *lp, const struct access *a, enum module_npt_rights *rights)
{
    const struct page_record *record = page_records_find(&keys.records, a->page);
    u8 now = record ? record->key : 0;
    bool stale = record && (record->flags & PAGE_STALE), good = now == a->key && !stale;
    *rights = good ? (a->key ? SHOW_WRITE : SHOW_WRITTEN) : SHOW_READ;
    if (good)
        return (u8 *)a->page;
    if (!violation(lp, a, "last written under KeyID %u%s", now, stale ? " with an earlier key" : ""))
        return NULL;
    note_foreign(a);
    return options.keys == KEYS_SCRAMBLE ? noise : (u8 *)a->page;
}

static bool is_there(struct lp *lp, const struct access *a)
{
    if (memory_in_seamrr(a->page))
        seam_stop(lp, "touched the monitor's memory: 0x%lx in SEAMRR under KeyID %u isn't its own", a->page,
                  a->keyid);
    else if (!memory_ram(a->page, PAGE_SIZE))
        seam_stop(lp, "touched physical address 0x%lx under KeyID %u, where there is no memory", a->page,
                  a->keyid);
    else
        return true;
    return false;
}

u8 *keys_admit(struct lp *lp, u64 pa, bool write, enum module_npt_rights *rights)
{
    struct access a = {align_down(pa & ((1ull << NPT_ADDRESS_BITS) - 1), PAGE_SIZE),
                       (u16)(pa >> NPT_ADDRESS_BITS & (MODULE_NPT_KEYS - 1)), 0, write};
    *rights = SHOW_WRITTEN;
    if (!is_there(lp, &a) || !classify(lp, &a))
        return NULL;
    bool has_key = !a.key || (keys.facts.configured[a.key] & keys_package_bit(lp));
    if (!has_key && !violation(lp, &a, "whose key isn't configured on this package"))
        return NULL;
    if (!has_key && !write && options.keys == KEYS_SCRAMBLE) {
        *rights = SHOW_READ;
        note_foreign(&a);
        return noise;
    }
    return write ? admit_write(lp, &a) : admit_read(lp, &a, rights);
}
