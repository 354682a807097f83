/* SPDX-License-Identifier: MIT */
/*
 * The suite "bringup": a module from reset to ready, one phase a file, in the order of the sequence. On
 * purpose one pass: hardware can be initialised once per boot, so each phase asks its questions when their
 * time has come.
 */
#ifndef TESTS_RUNNER_BRINGUP_H
#define TESTS_RUNNER_BRINGUP_H

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/donate.h"
#include "tests/runner/check.h"
#include "tests/runner/inject.h"
#include "tests/runner/machine.h"
#include "tests/runner/suite.h"

extern const struct case_table bringup_detect, bringup_vmx, bringup_sys_init, bringup_lp_init,
    bringup_metadata, bringup_info, bringup_tdmrs, bringup_config, bringup_configured, bringup_key_config,
    bringup_tdmr_init, bringup_rdmd, bringup_mem_add, bringup_pool, bringup_ready, bringup_shootdown,
    bringup_again, bringup_quote, bringup_update, bringup_disable, bringup_monitor;

#define CASE_TABLE(name) const struct case_table name = {cases, ARRAY_COUNT(cases)}

/* SEAMCALL inputs as tables write them */
#define RAX(leaf)            ((u64)TDH_##leaf)
#define RAX_V(leaf, version) (RAX(leaf) | (u64)(version) << TDX_RAX_VERSION_SHIFT)

/* A leaf number that no known module has. */
#define LEAF_UNKNOWN 0xF0

/* Statuses as constant expressions, for tables. */
enum {
#define TDX_STATUS(name, value, detail, since) S_##name = (value),
#define TDX_STATUS_UNNUMBERED(name)
#include "drivers/tdx/abi/status.def"
};
#define INVALID(operand) (S_OPERAND_INVALID | TDX_OPERAND_##operand)

/* The stage that the case is: runs it, and a failure is the case's. False after a failure. With the monitor,
 * it must not have seen the host break a rule of the sequence meanwhile. */
bool check_stage(struct test *test);
/* The same as a run function, for stages with nothing more to ask. */
void check_stage_only(struct test *test);

/* Whether the case may arm an injection of its own; for cases that do more with one than without. */
bool may_inject(const struct test *test);

/* How often the monitor has seen the host break a rule of the sequence; 0 without it. */
u64 violations(struct test *test);

/* MEMORY_POOL_REQUIRED_PAGES; FAIL and ~0 if it can't be read. */
u64 required_pages(struct test *test);

/* What the driver's ledger holds, in any state; DONATION_KINDS: of all kinds. */
u64 ledger_bytes(enum donation_kind kind);

/* Handing over so many bytes followed the cache policy; before is donated_flushed_lines() before it. */
void expect_flushed(struct test *test, u64 before, u64 bytes);

/* RDMD of one page. */
struct call read_page(u64 page);

#endif
