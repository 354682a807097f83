/* SPDX-License-Identifier: MIT */
#include "drivers/tdx/sysinfo.h"

#include "drivers/tdx/seamcall.h"

u64 sysinfo_seamcall_reader(void *context, u64 field, u64 *value)
{
    (void)context;
    struct seamcall_args args = {.rdx = field};
    const struct seamcall_args in = args;
    u64 status = seamcall(TDH_SYS_RD, &args);
    if (status != TDX_SUCCESS)
        seamcall_report(TDH_SYS_RD, &in, &args, status);
    *value = args.r8;
    return status;
}
