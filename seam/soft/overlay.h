/* SPDX-License-Identifier: MIT */
/*
 * The model's extensions on top of another module that has none: EXT.MEM.ADD, EXT.INIT, QUOTE.INIT, QUOTE.GET
 * and the metadata fields that go with them. The module below is the authority on everything else. Its
 * dispatcher decides whether such a call may come now; its PAMT decides whether a page is free.
 *
 * A page of the pool is marked there as a reserved one (type RSVD, as of a reserved area), in one atomic
 * step: so the module below refuses it wherever it would refuse a page that isn't free, copies of its PAMT
 * carry the mark along, and no other record is needed. That is all that is written to its memory. Entries:
 * module 1.5.01, public source. The mark and the rest of this are inferred: no module works like this.
 *
 * Locks as in soft.h. What names no LP wants all of them outside.
 */
#ifndef SEAM_SOFT_OVERLAY_H
#define SEAM_SOFT_OVERLAY_H

#include "seam/soft/soft.h"

/*
 * Power-on. The knobs are a profile's that has extensions. Not before the first time, every page of the pool
 * goes back to the host; so this comes before the module below loses its PAMTs.
 */
void soft_overlay_reset(struct soft_module *module, const struct soft_platform *platform,
                        const struct soft_machine *machine, const struct soft_knobs *knobs);

/* Bits of TDX_FEATURES0 that the overlay adds. */
u64 soft_overlay_features(const struct soft_module *module);

/* Version 1 of SYS.CONFIG (R8 to R11) and of SYS.UPDATE (R9 to R11): the status that the operands deserve,
 * TDX_FEATURES0 of the module below being this. */
u64 soft_overlay_check_config(struct soft_module *module, u32 lp, const struct soft_regs *in,
                              u64 features_below);
u64 soft_overlay_check_update(struct soft_module *module, u32 lp, const struct soft_regs *in,
                              u64 features_below);

/*
 * The module below has done it: SYS.CONFIG or SYS.UPDATE with these operands; SYS.TDMR.INIT, a TDMR is usable
 * up to an address; SYS.SHUTDOWN; SYS.DISABLE, after which nothing is its own. Or another module was
 * installed in its place: what comes after SYS.SHUTDOWN knows the pool, any other gives its pages back.
 */
void soft_overlay_configured(struct soft_module *module, u32 lp, const struct soft_regs *in);
void soft_overlay_updated(struct soft_module *module, u32 lp, const struct soft_regs *in);
void soft_overlay_initialised(struct soft_module *module, u64 tdmr_base, u64 end);
void soft_overlay_shut_down(struct soft_module *module);
void soft_overlay_disabled(struct soft_module *module);
void soft_overlay_install(struct soft_module *module, const struct soft_knobs *knobs);

/* ---- metadata ---- */

bool soft_overlay_has_field(const struct soft_module *module, u64 id);
bool soft_overlay_is_features(const struct soft_module *module, u64 id); /* does it name TDX_FEATURES0? */
u64 soft_overlay_first_field(const struct soft_module *module); /* that can be read; or TDX_FIELD_NULL */

/*
 * SYS.RDALL's list at pa, as this LP gave it. In the one that the module below has written there,
 * TDX_FEATURES0 gets the overlay's bits; if it is complete, the overlay's fields follow. Or a list from one
 * of the overlay's fields on; false: it has none with this id. The results are the id to go on with,
 * TDX_FIELD_NULL if there was room for all.
 */
u64 soft_overlay_join_list(struct soft_module *module, u32 lp, u64 pa, bool complete);
bool soft_overlay_new_list(struct soft_module *module, u32 lp, u64 pa, u64 from, u64 *next);

/* ---- pages ---- */

/* What PHYMEM.PAGE.RDMD says of a page that it called reserved: *type, or false if it was right. */
bool soft_overlay_page_type(struct soft_module *module, u64 page, u64 *type);

/* ---- states ---- */

/*
 * A state is soft_overlay_size() bytes, 64-byte aligned, of the caller's. PAMTs aren't in it: the caller goes
 * back with soft_overlay_leave(), then takes back the module below with its PAMTs, then
 * soft_overlay_restore().
 */
size_t soft_overlay_size(void);
void soft_overlay_save(const struct soft_module *module, void *state);
void soft_overlay_leave(struct soft_module *module); /* every page of the pool is the host's */
void soft_overlay_restore(struct soft_module *module, const void *state);

#endif
