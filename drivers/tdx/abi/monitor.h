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
#define MONITOR_VERSION         1

enum monitor_subject { MONITOR_SUBJECT_SOFT = 0, MONITOR_SUBJECT_GENUINE = 1 };

/* Control MSRs, offsets from the number in CPUID 0x40000001 EAX */
enum monitor_msr {
    /* W 1: take the module back to its state after reset. #GP while an LP is inside the module. Every page is
     * the host's again, its contents junk. Injection is disarmed. R: number of resets so far. */
    MONITOR_MSR_RESET = 0,

    /* Injection. Set LEAF, NTH, COUNT and VALUE, then write a kind to ARM; ARM reads as the kind still armed
     * (0 when it is used up). One injection at a time. */
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

    MONITOR_MSR_COUNT = 15
};

enum monitor_inject {
    MONITOR_INJECT_NONE = 0,
    MONITOR_INJECT_STATUS = 1,     /* the call isn't executed; RAX = VALUE, other registers untouched */
    MONITOR_INJECT_INTERRUPT = 2,  /* an interrupt becomes "pending" after VALUE list entries (0 = at once) */
    MONITOR_INJECT_NO_ENTROPY = 3, /* RDRAND fails inside the call (PCONFIG: no entropy) */
    MONITOR_INJECT_KET_BUSY = 4,   /* PCONFIG says the key table is busy */
    MONITOR_INJECT_VMFAIL = 5,     /* SEAMCALL ends in VMfailInvalid: CF = 1, RAX untouched */
};

enum monitor_owner {
    MONITOR_OWNER_HOST = 0,     /* ordinary memory */
    MONITOR_OWNER_PAMT = 1,     /* page metadata of a TDMR */
    MONITOR_OWNER_POOL = 2,     /* extension memory pool */
    MONITOR_OWNER_SEAMRR = 3,   /* the module's own range, the monitor in it */
    MONITOR_OWNER_NO_RAM = 4,   /* not memory */
    MONITOR_OWNER_RESERVED = 5, /* ordinary memory inside a TDMR's reserved area */
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

#endif
