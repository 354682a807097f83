/* SPDX-License-Identifier: MIT */
/*
 * The soft module: a model of the TDX module's host side, in plain C. It doesn't know what carries it: the
 * monitor mounts it behind SEAMCALL, host processes call it for unit tests and fuzzing. Everything it knows
 * of the machine comes through struct soft_platform.
 *
 * Sources: the behaviour of module 1.5.01 (public source) for profile "1.5.01"; Linux' module-extension
 * patches (v2) and their reviews for profile "ext"; Linux' Dynamic PAMT patches for "dpamt". What neither
 * decides is a knob (knobs.def), marked inferred or invented.
 *
 * Locks: soft_call() may run on all LPs at once. The model's own locks are try-locks, as the module's are:
 * nobody waits, the loser gets a busy status. soft_reset() needs all LPs outside.
 */
#ifndef SEAM_SOFT_SOFT_H
#define SEAM_SOFT_SOFT_H

#include "drivers/tdx/abi/tdx.h"
#include "lib/types.h"

#define SOFT_MAX_LPS 256

/* The caller's general registers; rax holds leaf and version on entry, the status on return. */
struct soft_regs {
    u64 rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct soft_cpuid {
    u32 eax, ebx, ecx, edx;
};

/* Who owns memory, as the model tells its carrier. */
enum soft_owner {
    SOFT_OWNER_HOST,
    SOFT_OWNER_PAMT,
    SOFT_OWNER_POOL,    /* extension memory */
    SOFT_OWNER_CONTROL, /* control pages of TDs */
};

/* Results of PCONFIG, the CPU's numbers. */
enum soft_pconfig { SOFT_PCONFIG_OK = 0, SOFT_PCONFIG_NO_ENTROPY = 2, SOFT_PCONFIG_BUSY = 5 };

struct soft_platform {
    void *context; /* passed back to every function */

    /* What the module sees of an LP. Unknown MSRs and leaves read 0. */
    u64 (*rdmsr)(void *context, u32 lp, u32 msr);
    void (*wrmsr)(void *context, u32 lp, u32 msr, u64 value);
    struct soft_cpuid (*cpuid)(void *context, u32 lp, u32 leaf, u32 subleaf);

    bool (*random)(void *context, u32 lp, u64 *value); /* RDRAND; false: no entropy */
    enum soft_pconfig (*pconfig)(void *context, u32 lp, u16 hkid);
    u64 (*seam_capabilities)(void *context, u32 lp); /* SEAMOPS leaf 0 */

    /* The module's view of size bytes (16 KiB at most, page borders may be crossed) at physical address pa,
     * KeyID bits removed; NULL where there is no memory. Also of memory that the host has no mapping of any
     * more. Used before soft_call() returns only. */
    void *(*map)(void *context, u64 pa, u64 size);

    /* Asked by resumable leaves before each list entry; done = entries finished in this call. True: return
     * INTERRUPTED_RESUMABLE now. A carrier answers false for done == 0 unless a test injects a call that
     * makes no progress. */
    bool (*interrupt_pending)(void *context, u32 lp, u32 done);

    /* May be NULL. A leaf has taken all its locks, if it needs any, and hasn't changed anything yet: whoever
     * holds it up here decides how a race ends. Not called by calls that are refused before. */
    void (*locked)(void *context, u32 lp);

    /* Memory changed hands: the carrier may drop or restore its host mapping. Contents are the module's
     * affair. */
    void (*owner_changed)(void *context, u64 base, u64 size, enum soft_owner owner);

    /* May be NULL. An overlay (overlay.h) has written to memory of the module below. */
    void (*touched)(void *context, u64 base, u64 size);

    /* The host broke a rule of the sequence that no status reports. One line, no newline. */
    void (*violation)(void *context, u32 lp, const char *text);
};

/* What MCHECK and the loader leave for the module in the system-information page. */
struct soft_machine {
    u32 lp_count;              /* LPs that MCHECK counted: SYS.CONFIG wants that many LP.INITs */
    u32 package_count;         /* at most TDX_MAX_PACKAGES */
    u32 fms[TDX_MAX_PACKAGES]; /* CPUID(1).EAX per package */
    struct tdx_cmr cmrs[TDX_MAX_CMRS];
    u64 seamrr_base, seamrr_size; /* what MSRs 0x1400 and 0x1401 say */
    bool integrity;               /* TME-MK with integrity */
    bool smrr2_forbidden;
    u16 handoff_pages; /* number minus one; the module wants >= 13 */
};

/* Everything that differs between profiles or is not decided by a public source; fields come from knobs.def.
 */
struct soft_knobs {
#define SOFT_KNOB(name, v1_5, ext, dpamt, mark, text) u64 name;
#include "seam/soft/knobs.def"
};

/* False: no such profile; log_line() listed those that exist. */
bool soft_profile(const char *name, struct soft_knobs *knobs);
const char *soft_profile_names(void); /* "1.5.01, ext, dpamt" */
/* "name=value"; false: no such knob or bad value; log_line() said which exist. */
bool soft_knob_set(struct soft_knobs *knobs, const char *assignment);

enum soft_outcome {
    SOFT_RETURNED, /* a status is in rax */
    SOFT_FATAL, /* the module stopped itself (it would execute UD2 in SEAM mode): SEAMCALL fails from now on
                 */
};

struct soft_module; /* opaque; soft_module_size() bytes, 64-byte aligned, zeroed */
size_t soft_module_size(void);

/*
 * Power-on, also of a module that has run: then every page it owned goes back to the host first, through the
 * old platform's owner_changed(). platform, machine and knobs are copied.
 */
void soft_reset(struct soft_module *module, const struct soft_platform *platform,
                const struct soft_machine *machine, const struct soft_knobs *knobs);

/*
 * Taking the module back to an earlier moment. A snapshot is soft_snapshot_size() bytes, 64-byte aligned, of
 * the caller's; it holds module state, machine and knobs, and knows what has become of the page metadata in
 * PAMT memory: single entries that change afterwards are journalled and rolled back. All LPs are outside.
 *
 * False: can't be done. soft_restore() fails when the PAMT that the snapshot lives on was initialised again
 * or the journal overflowed, and then changes nothing. Pages that the module owned before and not after go
 * back through owner_changed(), and the other way round. A snapshot outlives soft_reset(), if nobody but the
 * module writes to its PAMT memory meanwhile (pages of PAMT pairs included). A module that stopped itself has
 * no snapshots, but is healed by one; 31 snapshots of initialised PAMTs can be there at a time.
 */
size_t soft_snapshot_size(void);
bool soft_snapshot(struct soft_module *module, void *snapshot);
bool soft_restore(struct soft_module *module, void *snapshot);

/* The state that a host could ever notice, hashed; without locks, counters, and what SEAMCALLs are in flight.
 */
u64 soft_footprint(const struct soft_module *module);

/*
 * Changes in mid-life, for tests: they act on calls from then on. The pointers stay valid until soft_reset(),
 * soft_restore() or soft_install().
 */
struct soft_knobs *soft_live_knobs(struct soft_module *module);
struct soft_machine *soft_live_machine(struct soft_module *module);

/*
 * What the P-SEAMLDR does when it installs a module: the old one is gone, hand-off data (SYS.SHUTDOWN leaves
 * it) and PAMTs stay, the new one has these knobs and is as after reset. Without valid hand-off data all
 * pages go back to the host, as with soft_reset().
 */
void soft_install(struct soft_module *module, const struct soft_knobs *knobs);

/* SEAMCALL with bit 63 of RAX clear, from LP number lp (0..lp_count-1). */
enum soft_outcome soft_call(struct soft_module *module, u32 lp, struct soft_regs *regs);

/* The carrier's questions, for attributing a stray access and for tests. */
enum soft_owner soft_page_owner(const struct soft_module *module, u64 page);
bool soft_page_in_reserved_area(const struct soft_module *module, u64 page);
bool soft_is_fatal(const struct soft_module *module);
bool soft_lp_busy(const struct soft_module *module, u32 lp);

/* Is this leaf of module 1.5.01 one that the model answers like an unknown one because it doesn't have it
 * yet? */
bool soft_leaf_unmodelled(u32 leaf);

/* NULL, or the first invariant of the model that doesn't hold. For tests, and before a reset; all LPs are
 * outside. */
const char *soft_check(const struct soft_module *module);

#endif
