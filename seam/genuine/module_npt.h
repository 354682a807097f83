/* SPDX-License-Identifier: MIT */
/*
 * The module's nested page tables: 5 levels, so that an address has its KeyID in bits 51:46. A page may be
 * shown under several KeyIDs, each on its own. All in 4 KiB pages, made as they are needed; tables are never
 * freed. The caller sees to it that one LP at a time is here, and that others forget translations that were
 * taken away.
 */
#ifndef SEAM_GENUINE_MODULE_NPT_H
#define SEAM_GENUINE_MODULE_NPT_H

#include "lib/types.h"

#define MODULE_NPT_KEY_SHIFT 46 /* = NPT_ADDRESS_BITS */
#define MODULE_NPT_KEYS      64

enum module_npt_rights {
    SHOW_READ,    /* a write faults */
    SHOW_WRITE,   /* the CPU notes the first write */
    SHOW_WRITTEN, /* the same, noted already */
};

void module_npt_build(void); /* at power-on */
u64 module_npt_root(void);

static inline u64 module_npt_address(u64 page, u8 key)
{
    return page | (u64)key << MODULE_NPT_KEY_SHIFT;
}

/* Shows frame at an address with its KeyID. False: no memory for tables. */
bool module_npt_show(u64 address, u64 frame, enum module_npt_rights rights);
void *module_npt_frame(u64 address,
                       bool write); /* what it shows there; NULL: nothing, or nothing to be written */

/* Takes a page away under all KeyIDs. True: it was shown under one. *written becomes true if it was written.
 */
bool module_npt_take_away(u64 page, bool *written);

/* Was the page written under its KeyID since it was shown, or since this was asked the last time?
 * Translations that exist must be forgotten for a later write to be noted again. */
bool module_npt_written(u64 address, bool forget);

#endif
