/* SPDX-License-Identifier: MIT */
/* Machines by name (topologies.def): which memory the guest is told of, and which of it TDX may use. */
#ifndef SEAM_MONITOR_TOPOLOGY_H
#define SEAM_MONITOR_TOPOLOGY_H

#include "lib/types.h"

struct topology_range {
    u64 base, end;
};

struct topology {
    const char *name;
    u32 signature;                     /* CPUID(1).EAX */
    u32 min_packages;                  /* 0: as many as there are */
    const char *start_with;            /* QEMU options (run-qemu.sh) that make such a machine */
    const struct topology_range *cmrs; /* NULL: what the memory map offers */
    u32 cmr_count;
    const struct topology_range *usable; /* NULL: the loader's map */
    u32 usable_count;
};

const struct topology *topology_by_name(const char *name); /* NULL: no such name */
void topology_names(char *text, size_t size);              /* "default, emerald-rapids, ..." */

/* Makes machine.guest from machine.boot; refuses, with numbers, a machine that can't be the topology. */
void topology_apply_memory(void);
void topology_require_packages(void);
/* Fills machine.cmrs, after SEAMRR was placed. */
void topology_make_cmrs(void);
/* Does [base, base+size) touch memory that the topology wants for itself (its own CMR list)? */
bool topology_claims(u64 base, u64 size);

#endif
