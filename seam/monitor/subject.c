/* SPDX-License-Identifier: MIT */
#include "seam/monitor/subject.h"

#include "seam/monitor/faults.h"
#include "seam/monitor/options.h"
#include "seam/monitor/seamcall.h"

const struct subject *subject(void)
{
    return options.subject == MONITOR_SUBJECT_GENUINE ? &genuine_subject : &soft_subject;
}

bool subject_reset(void)
{
    if (!seamcall_close())
        return false;
    subject()->reset();
    faults_replace(NULL);
    seamcall_open();
    return true;
}
