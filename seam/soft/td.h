/* SPDX-License-Identifier: MIT */
/*
 * What the model keeps of a TD. A TDR's PAMT entry has 8 bytes that the module shows of no TDR (BEPOCH); the
 * TD lives there, so it comes and goes with its page, whatever happens to the module meanwhile.
 *
 * All but the number of children changes under the TDR's exclusive lock only.
 */
#ifndef SEAM_SOFT_TD_H
#define SEAM_SOFT_TD_H

#include "seam/soft/state.h"

/* Life cycle of a TD */
enum soft_life { SOFT_HKID_ASSIGNED = 0, SOFT_KEYS_CONFIGURED = 1, SOFT_BLOCKED = 2, SOFT_TEARDOWN = 3 };

#define SOFT_TDCS_PAGES_MIN 6u /* one more per L2 VM */
#define SOFT_TDCS_PAGES_MAX 9u

struct soft_td {
    u16 hkid; /* until the life cycle says TEARDOWN */
    enum soft_life life;
    bool fatal;
    u32 tdcs_pages; /* TDCX pages so far */
    u32 packages;   /* bitmap of those that have the TD's key */
    u64 children;   /* pages of 4 KiB whose owner this TD is */
};

#define SOFT_TD_CHILD_SHIFT 31

static inline struct soft_td soft_td_of(const struct soft_pamt_entry *entry)
{
    u64 word = __atomic_load_n(&entry->bepoch, __ATOMIC_ACQUIRE);
    return (struct soft_td){
        .hkid = (u16)word,
        .life = (enum soft_life)(word >> 16 & 3),
        .fatal = word >> 18 & 1,
        .tdcs_pages = word >> 19 & 0xF,
        .packages = word >> 23 & 0xFF,
        .children = word >> SOFT_TD_CHILD_SHIFT,
    };
}

static inline void soft_td_set(struct soft_module *module, const struct soft_pamt_walk *tdr,
                               const struct soft_td *td)
{
    u64 word = td->hkid | (u64)td->life << 16 | (u64)td->fatal << 18 | (u64)td->tdcs_pages << 19 |
               (u64)td->packages << 23 | td->children << SOFT_TD_CHILD_SHIFT;
    soft_pamt_set(module, tdr, TDX_PAGE_TDR, 0, word);
}

#endif
