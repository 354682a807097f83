/* SPDX-License-Identifier: MIT */
/*
 * What kind of machine this is: hypervisor, monitor, and everything TDX needs from CPU and firmware, read
 * without ever trusting that a register exists. Reads only, changes nothing.
 *
 * Source: TDX ABI spec 348551 (MSRs), Linux vmx/tdx (prerequisites), what users had to set in their BIOS.
 */
#ifndef DRIVERS_TDX_PLATFORM_H
#define DRIVERS_TDX_PLATFORM_H

#include "lib/types.h"

enum tdx_subject { SUBJECT_SOFT, SUBJECT_GENUINE, SUBJECT_HARDWARE };

/* One prerequisite as found. */
struct finding {
    const char *name; /* "private KeyIDs" */
    bool met;
    char found[80];     /* what was read */
    const char *remedy; /* what to do when it isn't met */
};
#define PLATFORM_MAX_FINDINGS 16

struct tdx_platform {
    enum tdx_subject subject;
    char hypervisor[13]; /* CPUID 0x40000000 signature, "" on bare metal */
    u32 control_msr;     /* first control MSR of the monitor, 0 without monitor (drivers/tdx/abi/monitor.h) */
    u64 overlays;        /* enum monitor_overlay bits: what isn't the subject's own */
    u32 shared_keyids;   /* NUM_MKTME */
    u32 private_keyids;  /* NUM_TDX */
    hkid_t global_hkid;  /* the first private KeyID: the module's own */
    u8 keyid_bits;       /* TME_ACTIVATE 35:32 */
    u8 address_bits;     /* CPUID 0x80000008, KeyID bits included */
    u64 seamrr_base, seamrr_size;
    struct finding findings[PLATFORM_MAX_FINDINGS];
    u32 finding_count;
    u32 unmet; /* how many findings aren't met */
};

void platform_detect(struct tdx_platform *platform);
void platform_report(const struct tdx_platform *platform); /* all findings, one log line each */
/* "soft module on the Seamstress monitor" ..., overlays included */
const char *platform_subject_name(const struct tdx_platform *platform);
/* One line: the first prerequisite that isn't met and its remedy; "" if all are. */
size_t platform_first_unmet(const struct tdx_platform *platform, char *text, size_t size);

/* ---- the monitor's control MSRs; false on machines without the monitor ---- */
bool monitor_read(const struct tdx_platform *platform, u32 offset, u64 *value); /* enum monitor_msr */
bool monitor_write(const struct tdx_platform *platform, u32 offset, u64 value);
bool monitor_counter(const struct tdx_platform *platform, u32 index,
                     u64 *value); /* enum monitor_counter or leaf */

#endif
