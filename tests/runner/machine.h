/* SPDX-License-Identifier: MIT */
/*
 * The machine under test and how far its module has been brought up.
 *
 * Hardware lets a module be initialised once per boot, so the suite brings it up once, stage by stage, and
 * runs each case at the stage it needs. The first stages are the driver's steps (enum tdx_step). Where the
 * monitor can reset the module, a second life follows, for what a module doesn't survive unharmed: pages
 * given by hand, lists that fail half-way, an LP left behind.
 */
#ifndef TESTS_RUNNER_MACHINE_H
#define TESTS_RUNNER_MACHINE_H

#include "drivers/tdx/init.h"

enum stage {
    /* 0 .. STEP_COUNT - 1: the driver's steps */
    STAGE_READY = STEP_COUNT, /* all of them are done; the same number: the first stage of the second life */
    STAGE_AGAIN_RESET = STAGE_READY, /* the monitor resets the module, the driver takes its memory back */
    STAGE_AGAIN_SYS_INIT,
    STAGE_AGAIN_MOST_LPS, /* SYS.LP.INIT on all LPs but the last */
    STAGE_AGAIN_LAST_LP,
    STAGE_AGAIN_TDMRS, /* metadata to TDMR.INIT */
    STAGE_AGAIN_QUERY,
    STAGE_AGAIN_POOL,
    STAGE_AGAIN_START,
    STAGE_AGAIN_QUOTE,
    STAGE_COUNT
};

struct machine {
    struct tdx_options options;
    struct tdx_platform platform; /* as found before anything was changed */
    struct tdx_host host;         /* of the present life */
    u32 next;                     /* enum stage: first one not done */
    bool failed;                  /* stage next failed, and nothing after it can run */
    bool failure_told;            /* a case has failed because of it */
    char failure[160];
    bool fault_armed;           /* the user wants a fault: what it counts isn't ours to disturb */
    bool faulted_leaf[256];     /* on which leaves */
    u64 platform_faults;        /* how many of the machine itself */
    struct tdx_sysinfo sysinfo; /* as the first life read it */
    struct ext_demand demand;   /* what the configured features cost, as the first EXT_QUERY found it */
    u64 tdmr_calls_by_hand;     /* TDMR.INIT calls that a test made and the driver therefore didn't have to */
    u64 pool_pages_by_hand;     /* extension pages that tests of the second life gave */
    u64 taken_back;             /* bytes that came back with the reset */
    bool summary_printed;
};

void machine_init(struct machine *machine, const struct tdx_options *options);

/* A KeyID as a physical address carries it, in the top bits. */
u64 machine_keyid_bits(const struct machine *machine, u64 keyid);

const char *stage_name(u32 stage);
/* Runs the next stage; false: it failed, machine->failure says how. */
bool stage_run_next(struct machine *machine);
/* The log says how a run goes on after a failed stage; for the case that tells of the failure. */
void machine_tell_failure(struct machine *machine);
/* Runs all stages before this one. */
bool stage_reach(struct machine *machine, u32 stage);

/* Contiguous pages of TDX memory (in a TDMR, not reserved), as EXT.MEM.ADD wants them; 0 if there are none.
 */
u64 machine_take_pages(struct machine *machine, u64 count);
void machine_give_back(u64 base, u64 count);
/* For pages of which a test can't say any more whose they are. */
void machine_abandon(u64 base, u64 count);

#endif
