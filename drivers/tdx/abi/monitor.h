/* SPDX-License-Identifier: MIT */
/*
 * How a guest finds the Seamstress monitor and what it may ask of it. This is all that is private between a
 * kernel and the monitor, any kernel may use it, and nothing in it is part of TDX.
 *
 * CPUID 0x40000000: EAX = highest hypervisor leaf, EBX:ECX:EDX = "SeamstressVM".
 * CPUID 0x40000001: EAX = number of the first control MSR, EBX = how many, ECX = interface version,
 *                   EDX = subject (enum monitor_subject): what answers SEAMCALL.
 *
 * The control MSRs are global (not per LP); a wrong number or value gives #GP(0).
 */
#ifndef DRIVERS_TDX_ABI_MONITOR_H
#define DRIVERS_TDX_ABI_MONITOR_H

#define MONITOR_CPUID_SIGNATURE 0x40000000u
#define MONITOR_CPUID_CONTROL   0x40000001u
#define MONITOR_SIGNATURE       "SeamstressVM" /* 12 bytes, EBX first */
#define MONITOR_VERSION         2

enum monitor_subject { MONITOR_SUBJECT_SOFT = 0, MONITOR_SUBJECT_GENUINE = 1 };

/* Control MSRs, offsets from the number in CPUID 0x40000001 EAX */
enum monitor_msr {
    /* W 1: take the module back to its state after reset. #GP while an LP is inside the module. Every page is
     * the host's again, its contents junk (PAMTs excepted while a snapshot is kept, which may live on them).
     * Injection is disarmed, commands are undone. R: number of resets so far. */
    MONITOR_MSR_RESET = 0,

    /* Injection. Set LEAF, NTH, COUNT and VALUE, then write a kind to ARM; ARM reads as the kind still armed
     * (0 when it is used up). One injection at a time. Each of the COUNT calls is affected on its own: an
     * INTERRUPT with VALUE k and COUNT n interrupts n calls in a row, each after k entries. */
    MONITOR_MSR_INJECT_LEAF = 1,  /* leaf number; 0xFFFF = any leaf */
    MONITOR_MSR_INJECT_NTH = 2,   /* first call (1 = the next) of that leaf that is affected */
    MONITOR_MSR_INJECT_COUNT = 3, /* how many calls in a row */
    MONITOR_MSR_INJECT_VALUE = 4, /* see enum monitor_inject */
    MONITOR_MSR_INJECT_ARM = 5,   /* enum monitor_inject */

    /* W an index (enum monitor_counter, or MONITOR_COUNTER_LEAF + leaf number), then R the value. */
    MONITOR_MSR_COUNTER_SELECT = 6,
    MONITOR_MSR_COUNTER_VALUE = 7,

    /* W a page address, then R its owner as the platform sees it (enum monitor_owner): an oracle for tests.
     */
    MONITOR_MSR_PAGE_SELECT = 8,
    MONITOR_MSR_PAGE_OWNER = 9,

    /* R: the platform facts a test may need. */
    MONITOR_MSR_SEAMRR_BASE = 10, /* same as MSR 0x1400 without its flag bits */
    MONITOR_MSR_SEAMRR_SIZE = 11,

    /* What the platform does when the host touches memory that the module owns (enum monitor_stray). */
    MONITOR_MSR_STRAY_POLICY = 12,
    MONITOR_MSR_STRAY_LAST = 13, /* R: page address of the last stray access, 0 = none since reset */

    /* Does nothing, reads 0: a bare world switch, for measuring. */
    MONITOR_MSR_NOP = 14,

    /*
     * W the address of a page that holds one line of text, NUL-terminated: a command (see below). The monitor
     * overwrites it with its answer: an empty string when it was done, else one line that says what is wrong;
     * nothing was changed then. #GP only if the page can't be reached.
     */
    MONITOR_MSR_COMMAND = 15,

    /*
     * Snapshots of the module, MONITOR_SLOTS of them. W SNAPSHOT a slot number: keeps the module's state, its
     * page metadata, knobs and platform faults included. W RESTORE a slot number: takes all of it back; pages
     * that the module took since are the host's again, their contents junk, and injection is disarmed. #GP
     * while an LP is inside the module, or if the slot is empty or can't be restored any more: a module reset
     * empties no slot, but initialising the PAMT that a snapshot lives on again spoils it. Page metadata
     * stays where it is: a host that writes to the PAMT of a snapshot that it means to restore has spoilt it,
     * and nobody will say so. A genuine module's pages are all copied, PAMTs too: nothing spoils a slot. #GP
     * also when its state can't be kept: no memory for it, the module has stopped, or switched off; the slot
     * is empty then. R SNAPSHOT: bit N is set if slot N holds one.
     */
    MONITOR_MSR_SNAPSHOT = 16,
    MONITOR_MSR_RESTORE = 17,

    /* R: a hash over all state of the soft module that a host could ever notice (not its locks, counters or
     * caches): equal before and after a call that is refused without a trace. Others than the soft module:
     * #GP. */
    MONITOR_MSR_FOOTPRINT = 18,

    /* R: the soft module's profile in ASCII, first character in bits 7:0, padded with NULs. */
    MONITOR_MSR_PROFILE = 19,

    /* R: what stands on top of the subject and answers in its place, a bit each (enum monitor_overlay). */
    MONITOR_MSR_OVERLAY = 20,

    MONITOR_MSR_COUNT = 21
};

enum monitor_overlay {
    /* Extension and quoting leaves, and the fields that go with them, are the soft module's. */
    MONITOR_OVERLAY_EXT = 1 << 0,
};

#define MONITOR_SLOTS       16
#define MONITOR_COMMAND_MAX 256 /* bytes, of command and answer, NUL included */

/*
 * Commands. All act at once and last until the next reset or restore. Numbers are decimal or 0x hexadecimal;
 * lp=N restricts a change to one LP (its number in the MADT's order, the boot LP first), without it all LPs
 * are meant. Of two changes of the same thing the later one holds.
 *
 * - knob NAME=VALUE: a choice of the soft module.
 *
 * - msr NUMBER=VALUE [lp=N]: what RDMSR of NUMBER gives, to the guest and to the module; also of an MSR
 *   that wasn't there. Not for MSRs that the guest reaches without the monitor (time stamp, MTRRs, PAT,
 *   SYSENTER, SYSCALL, segment bases).
 *
 * - cpuid LEAF SUBLEAF REG=VALUE [lp=N]: one register of a CPUID leaf, to guest and module; REG: eax .. edx.
 *   SUBLEAF is 0 for leaves that have no sub-leaves.
 *
 * - cmr INDEX=BASE,SIZE: one entry of MCHECK's list of CMRs, whatever that makes of the list.
 *
 * - packages N: LPs are spread evenly over N packages, in order, as CPUID 0BH, 1FH and MCHECK say. Each
 *   gets a power of two of LPs. What the guest took its packages for before is its own affair.
 *
 * - lps N: how many LPs MCHECK counted.
 *
 * - seamcaps VALUE [lp=N]: SEAM capabilities of an LP.
 *
 * - handoff_pages N: size of the module's hand-off area, minus one.
 *
 * - install [NAME=VALUE ...]: what the P-SEAMLDR does: after SYS.SHUTDOWN another module, with the present
 *   knobs but for these, takes over the hand-off data; without a valid hand-off, a module after reset. What
 *   other commands did of the platform stays.
 */

enum monitor_inject {
    MONITOR_INJECT_NONE = 0,
    MONITOR_INJECT_STATUS = 1, /* the call isn't executed; RAX = VALUE, other registers untouched */
    /* An interrupt is "pending" once VALUE entries, blocks or steps are done in the call (0 = at once), for
     * any leaf that looks for one; a call that ends before that isn't interrupted. */
    MONITOR_INJECT_INTERRUPT = 2,
    MONITOR_INJECT_NO_ENTROPY = 3, /* RDRAND fails inside the call (PCONFIG: no entropy) */
    MONITOR_INJECT_KET_BUSY = 4,   /* PCONFIG says the key table is busy */
    MONITOR_INJECT_VMFAIL = 5,     /* SEAMCALL ends in VMfailInvalid: CF = 1, RAX untouched */
    /* The call (COUNT is 1) waits inside the module, holding all the locks of its leaf and with nothing
     * changed yet, until VALUE SEAMCALLs of other LPs have ended. Until it is there, those wait outside,
     * except earlier calls of the same leaf. Both waits are given up after some tenths of a second. A call
     * that is refused before it has its locks isn't parked. The soft module only. */
    MONITOR_INJECT_PARK = 6,
};

enum monitor_owner {
    MONITOR_OWNER_HOST = 0,     /* ordinary memory */
    MONITOR_OWNER_PAMT = 1,     /* page metadata of a TDMR */
    MONITOR_OWNER_POOL = 2,     /* extension memory pool */
    MONITOR_OWNER_SEAMRR = 3,   /* the module's own range, the monitor in it */
    MONITOR_OWNER_NO_RAM = 4,   /* not memory */
    MONITOR_OWNER_RESERVED = 5, /* ordinary memory inside a TDMR's reserved area */
    MONITOR_OWNER_CONTROL = 6,  /* control pages of TDs; of a genuine module, also their memory */
};

/* inferred: public sources leave open what exactly a host sees */
enum monitor_stray {
    MONITOR_STRAY_MACHINE_CHECK = 0, /* #MC, address in MC0_ADDR (the default) */
    MONITOR_STRAY_SCRAMBLE = 1,      /* reads see junk, writes are lost */
};

/* Counters since power-on: world switches by cause, TLB flushes, what the guest did wrong. */
enum monitor_counter {
#define MONITOR_COUNTER(name, text) MONITOR_COUNT_##name,
#include "drivers/tdx/abi/counters.def"
    MONITOR_COUNTERS
};
#define MONITOR_COUNTER_LEAF 0x100 /* + leaf number 0..255: SEAMCALLs of that leaf */

/*
 * + leaf number 0..255: calls of that leaf which a fault on the monitor's command line will still spoil. A
 * test looks here before it calls the leaf on its own account, so that the user's Nth call is the Nth of the
 * sequence. #GP where the monitor doesn't say.
 */
#define MONITOR_COUNTER_FAULTS 0x200

/* How many faults of the machine itself (MSRs, CPUID, keys) the monitor's command line asks for: calls then
 * fail because of what the module finds. #GP where the monitor doesn't say. */
#define MONITOR_COUNTER_PLATFORM_FAULTS 0x300

#endif
