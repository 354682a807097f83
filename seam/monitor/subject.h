/* SPDX-License-Identifier: MIT */
/*
 * What answers SEAMCALL: the soft module (soft_subject.c) or a genuine one (seam/genuine). Everything else in
 * the monitor asks through this table.
 */
#ifndef SEAM_MONITOR_SUBJECT_H
#define SEAM_MONITOR_SUBJECT_H

#include "drivers/tdx/abi/monitor.h"
#include "seam/monitor/lp.h"

struct subject {
    const char *name;
    enum monitor_subject number;

    void (*create)(void);        /* at power-on of the machine; refuses what it can't run */
    bool (*call)(struct lp *lp); /* SEAMCALL; false: it has stopped itself, now or earlier */

    /* The following with all LPs outside the module. */
    void (*reset)(void); /* every page is the host's again, with junk in it */
    void (*prepare_slots)(void);
    bool (*snapshot)(u32 slot); /* false: can't be kept, log_last() says why */
    bool (*restore)(u32 slot);  /* false: can't be restored, and nothing has changed */

    struct soft_machine *(*facts)(void); /* MCHECK's and the loader's report, to be changed */
    void (*facts_changed)(void);
    bool (*knob)(const char *assignment);                 /* false: log_last() says why */
    bool (*install)(const char *const *knobs, u32 count); /* the same */

    enum monitor_owner (*page_owner)(u64 page); /* of RAM outside SEAMRR */
    bool (*footprint)(u64 *value);              /* false: it has none */
};

extern const struct subject soft_subject, genuine_subject;

const struct subject *subject(void); /* the one that the options name */

/* Back to power-on, platform faults included. False: an LP is inside the module. */
bool subject_reset(void);

#endif
