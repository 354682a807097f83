/* SPDX-License-Identifier: MIT */
/* A test case as a table entry: what it is called, where its expectation comes from, what it needs. */
#ifndef TESTS_RUNNER_CASE_H
#define TESTS_RUNNER_CASE_H

#include "lib/types.h"

struct test;

/* Where the expectation comes from. A case that mixes sources names the weakest. */
enum test_source {
    SOURCE_MODULE,   /* public source of TDX module 1.5.01 */
    SOURCE_PATCH,    /* Linux patch "Add extra memory to TDX Module for Extensions" v2 and its review */
    SOURCE_SPEC,     /* quoted from a specification (TDX base or ABI spec, SDM) */
    SOURCE_LINUX,    /* what Linux's vmx/tdx relies on */
    SOURCE_PROJECT,  /* what this project's own driver or monitor promises */
    SOURCE_INFERRED, /* no public source says it: a reading of the above */
};

/* What a case can't do without; it is skipped, with the reason, where that is missing. */
enum test_need {
    NEED_MONITOR = 1 << 0,  /* the monitor's control MSRs */
    NEED_SOFT = 1 << 1,     /* the soft module */
    NEED_INJECT = 1 << 2,   /* the monitor's injection, not in use by a fault armed from outside */
    NEED_EXT = 1 << 3,      /* TDX_FEATURES0 bit 39 */
    NEED_NO_EXT = 1 << 4,   /* a module without it */
    NEED_POOL = 1 << 5,     /* configured features that want extension memory */
    NEED_CPUS = 1 << 6,     /* more than one CPU */
    NEED_PACKAGES = 1 << 7, /* more than one package */
    NEED_QUOTE = 1 << 8,    /* quoting configured (TDX_FEATURES0 bit 50) */
    NEED_SOUND = 1 << 9,    /* a machine that nobody made faulty on the monitor's command line */
};

#define CASE_DEFAULT_SECONDS 60

/* The stage is how far the module has been brought up when the case runs (enum stage,
 * tests/runner/machine.h). */
struct test_case {
    const char *id;
    enum test_source source;
    u32 needs; /* enum test_need */
    u32 stage; /* first stage that is not done yet when the case runs */
    u16 leaf;  /* the leaf that it calls on its own account, 0 = none (leaf 0, VP.ENTER, is never called here)
                */
    u16 seconds; /* 0: CASE_DEFAULT_SECONDS */
    void (*run)(struct test *test);
    const void *row;       /* for run functions that serve a table */
    const char *known_bug; /* NULL, or why it is expected to fail */
};

#endif
