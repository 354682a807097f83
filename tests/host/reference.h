/* SPDX-License-Identifier: MIT */
/*
 * The machine of a host process: what its processors show to the soft module. Two packages as soon as there
 * are two LPs, 52 address bits of which 6 are KeyID, private KeyIDs 32 to 63, SEAMRR below 2 GiB, memory of
 * 20 GiB that takes none until it is touched.
 */
#ifndef TESTS_HOST_REFERENCE_H
#define TESTS_HOST_REFERENCE_H

#include "seam/soft/soft.h"

#define REFERENCE_RAM_BYTES 0x500000000ull
#define REFERENCE_MAX_LPS   16

/* 0 where the machine has no such MSR or leaf; sub-leaf 0xFFFFFFFF: of a leaf without sub-leaves */
u64 reference_msr(u32 msr);
struct soft_cpuid reference_cpuid(u32 leaf, u32 subleaf);
u32 reference_apic_id(u32 lp, u32 lps, u32 packages);
struct soft_machine reference_machine(u32 lps, u32 packages);
/* RAM covers all of it. */
bool reference_ram(u64 pa, u64 size);

#endif
