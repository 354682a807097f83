/* SPDX-License-Identifier: MIT */
#include "seam/monitor/subject.h"

#include "seam/monitor/faults.h"
#include "seam/monitor/seamcall.h"

const struct subject *subject(void)
{
    return &soft_subject; /* the genuine one comes with seam/genuine */
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
