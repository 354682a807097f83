/* SPDX-License-Identifier: MIT */
/*
 * The monitor's part of the command line, everything before " -- ":
 *
 * - profile=NAME: which module the soft module plays (ext)
 * - topology=NAME: which machine this is (default)
 * - subject=soft|genuine: what answers SEAMCALL
 * - module=NAME: the boot module that a genuine subject is (tdx-module)
 * - traps=inring|exits: how a genuine module's missing instructions are executed (inring)
 * - overlay=ext: the soft model's extension leaves and fields on top of a genuine module
 * - seed=N: makes a genuine module's linear addresses the same each time
 * - patch=auto|on|off: instructions that QEMU decodes wrongly are replaced in the genuine module's copy in
 *   memory: if this QEMU does so (auto), always, or never (refused if it does); quirk_patch.h
 * - seamrr=MIB: size of SEAMRR, a power of two from 32 (32 for the soft module, 128 for a genuine one)
 * - kernel=NAME: the module to start (the first one that is an ELF file)
 * - knob=NAME=VALUE: a choice of the soft module, see knobs.def; any number of them
 * - fault=SPEC: calls of a leaf that go wrong, or a machine that isn't as it should be: fault_spec.h; any of
 *   up to 8
 * - stray=mc|scramble: what a host access to the module's memory meets (mc)
 * - keys=report|scramble|stop: what an access of a genuine module under a wrong KeyID meets: the memory all
 * the same, noise, or its end (report; inferred)
 * - snapshots=on|off: off refuses all snapshots of a genuine module (on)
 * - verbose: a line for each SEAMCALL, command, snapshot and restore
 */
#ifndef SEAM_MONITOR_OPTIONS_H
#define SEAM_MONITOR_OPTIONS_H

#include "drivers/tdx/abi/monitor.h"
#include "lib/types.h"
#include "seam/soft/soft.h"

enum keys_answer { KEYS_REPORT, KEYS_SCRAMBLE, KEYS_STOP };
enum options_patch { OPTIONS_PATCH_AUTO, OPTIONS_PATCH_ON, OPTIONS_PATCH_OFF };

struct options {
    char profile[32], topology[32], kernel[64];
    struct soft_knobs knobs;
    enum monitor_subject subject;
    char module[64];
    bool overlay_ext, traps_inring, seed_given;
    u64 seed;
    enum options_patch patch;
    u64 seamrr_size;
    enum monitor_stray stray;
    enum keys_answer keys;
    bool no_snapshots;
    bool verbose;
};

extern struct options options;

/* Fills options and machine.topology, leaves the guest's part in machine.boot.command_line; refuses what it
 * doesn't know. */
void options_read(void);

#endif
