/* SPDX-License-Identifier: MIT */
/*
 * Platform faults: what the command line or a test changed of the machine, on top of the monitor's tables.
 * Guest and module see the same. Those of the command line are there from power-on; what a test adds ends
 * with the next reset of the module, which leaves the command line's alone again. A snapshot keeps its own.
 */
#ifndef SEAM_MONITOR_FAULTS_H
#define SEAM_MONITOR_FAULTS_H

#include "seam/monitor/fault_fact.h"
#include "seam/monitor/lp.h"
#include "seam/monitor/overrides.h"

struct faults {
    struct overrides overrides;
    u32 packages; /* LPs are spread evenly over so many; 0: as the machine is */
};

/* The faults in force, as a value. */
void faults_save(struct faults *to);
void faults_replace(const struct faults *with); /* NULL: those of the command line */

/* False: OVERRIDES_MAX are in use. */
bool faults_override(const struct override *override);
bool faults_override_from_power_on(const struct override *override); /* before anything else */

/* Overrides; nothing changes without one. */
bool faults_msr(u32 lp, u32 msr, u64 *value); /* in: what is there without; true: there is one */
void faults_cpuid(u32 lp, u32 leaf, u32 subleaf, struct soft_cpuid *r);
void faults_seam_capabilities(u32 lp, u64 *value);

/* What MCHECK tells the module; the command line's faults make it wrong. */
void faults_change_fact(const struct fault_fact *fact); /* before anything else */
void faults_facts(struct soft_machine *facts);

/* Where an LP stands, as CPUID tells it. */
struct placement {
    u32 smt_shift, package_shift; /* of the x2APIC id */
    u32 x2apic_id;
};
struct placement faults_placement(const struct lp *lp);
u32 faults_package_lps(const struct lp *lp); /* how many LPs its package has */

/* NULL, or why LPs can't be spread so. */
const char *faults_spread(u32 packages);

#endif
