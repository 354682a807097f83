/* SPDX-License-Identifier: MIT */
/*
 * KEY.CONFIG: the global KeyID gets a random key, once on each package, one at a time.
 *
 * PCONFIG programs the key and may find the key table busy (OPERAND_BUSY with operand KET) or the generator
 * short of entropy (KEY_GENERATION_FAILED); the package stays unmarked and the call may be repeated
 * (module 1.5.01, KEY.CONFIG check 4). A package that has its key answers KEY_CONFIGURED, which is no error.
 * The last package makes the module READY, and from then on the answer is SYS_KEY_CONFIG_NOT_PENDING. READY
 * is visible: TDMR.INIT is no longer SYS_NOT_READY.
 */
#include "tests/runner/bringup.h"

#include "kernel/smp.h"

static bool expect_not_ready(struct test *test, const char *rule)
{
    struct call call = call_leaf(TDH_SYS_TDMR_INIT, call_marked());
    return expect_status(test, &call, TDX_SYS_NOT_READY, rule);
}

/* One attempt that PCONFIG spoils; nothing has happened afterwards. */
static void spoiled(struct test *test, enum monitor_inject kind, u64 status, const char *rule)
{
    if (!inject(test, (struct injection){.kind = kind, .leaf = TDH_SYS_KEY_CONFIG}))
        return;
    struct call call = call_leaf(TDH_SYS_KEY_CONFIG, call_marked());
    expect_status(test, &call, status, rule);
    expect_outputs(test, &call, &call.in, "KEY.CONFIG writes nothing but RAX");
    expect_true(test, inject_used_up(test), "the injection was used up");
    expect_not_ready(test, "a failed KEY.CONFIG marks no package");
}

static void key_table_busy(struct test *test)
{
    spoiled(test, MONITOR_INJECT_KET_BUSY, TDX_OPERAND_BUSY | TDX_OPERAND_KET,
            "KEY.CONFIG check 4: PCONFIG code 5");
}

static void no_entropy(struct test *test)
{
    spoiled(test, MONITOR_INJECT_NO_ENTROPY, TDX_KEY_GENERATION_FAILED, "KEY.CONFIG check 4: PCONFIG code 2");
}

/* The first package by hand; the driver then finds it done. With one package this would be the last. */
static void one_package(struct test *test)
{
    struct call call = call_leaf_on(package_first_cpu(0), TDH_SYS_KEY_CONFIG, call_marked());
    expect_status(test, &call, TDX_SUCCESS, "KEY.CONFIG on one LP of package 0");
    call = call_leaf_on(package_first_cpu(0), TDH_SYS_KEY_CONFIG, call_marked());
    expect_status(test, &call, TDX_KEY_CONFIGURED, "KEY.CONFIG check 3: this package has its key");
    expect_not_ready(test, "READY only after the last package");
}

static void key_config(struct test *test)
{
    bool injected =
        may_inject(test) &&
        inject(test,
               (struct injection){.kind = MONITOR_INJECT_KET_BUSY, .leaf = TDH_SYS_KEY_CONFIG, .count = 2});
    if (!test->machine->fault_armed)
        expect_not_ready(test, "CONFIG_DONE isn't READY");
    if (!check_stage(test))
        return;
    if (injected) /* a package that has its key uses up a call without asking PCONFIG */
        expect_at_least(test, test->machine->host.key_config_retries, package_count() == 1 ? 2 : 1,
                        "retries of KEY.CONFIG", "the driver repeats it while the key table is busy");
    for (u32 package = 0; package < package_count() && !test->machine->fault_armed; package++) {
        struct call call = call_leaf_on(package_first_cpu(package), TDH_SYS_KEY_CONFIG, call_marked());
        expect_status(test, &call, TDX_SYS_KEY_CONFIG_NOT_PENDING,
                      "in READY not pending, rather than KEY_CONFIGURED");
    }
}

#define IN_READY(name, number, ...)                                                                          \
    {                                                                                                        \
        "bringup.key_config.refuses." name, SOURCE_MODULE, 0, STEP_TDMR_INIT, number,                        \
            .run = check_refusal, .row = &(const struct refusal)                                             \
        {                                                                                                    \
            __VA_ARGS__                                                                                      \
        }                                                                                                    \
    }

/* The leaves of the extensions are unknown to a module without them. */
static void unknown_leaves(struct test *test)
{
    const u16 leaves[] = {LEAF_UNKNOWN, 0xFFFF, TDH_EXT_INIT, TDH_EXT_MEM_ADD};
    bool has_ext = sysinfo_has(&test->machine->host.sysinfo, TDX_FEATURE_EXT);
    for (u32 i = 0; i < (has_ext ? 2 : ARRAY_COUNT(leaves)); i++) {
        struct call call = call_leaf(leaves[i], call_marked());
        expect_status(test, &call, TDX_OPERAND_INVALID | TDX_OPERAND_RAX,
                      "dispatcher check 5: unknown leaf in READY");
        expect_outputs(test, &call, &call.in, "the dispatcher writes only RAX");
    }
}

static const struct test_case cases[] = {
    {"bringup.key_config.key_table_busy", SOURCE_MODULE, NEED_INJECT, STEP_KEY_CONFIG, TDH_SYS_KEY_CONFIG,
     .run = key_table_busy},
    {"bringup.key_config.no_entropy", SOURCE_MODULE, NEED_INJECT, STEP_KEY_CONFIG, TDH_SYS_KEY_CONFIG,
     .run = no_entropy},
    {"bringup.key_config.one_package", SOURCE_MODULE, NEED_PACKAGES, STEP_KEY_CONFIG, TDH_SYS_KEY_CONFIG,
     .run = one_package},
    {"bringup.key_config.step", SOURCE_MODULE, 0, STEP_KEY_CONFIG, .run = key_config},
    IN_READY("lp_init", TDH_SYS_LP_INIT, .rax = RAX(SYS_LP_INIT), .status = S_SYS_LP_INIT_NOT_PENDING,
             .rule = "LP.INIT check 2: state INIT_DONE"),
    IN_READY("sys_init", TDH_SYS_INIT, .rax = RAX(SYS_INIT), .zero = ZERO_RCX,
             .status = S_SYS_INIT_NOT_PENDING, .rule = "SYS.INIT check 3: state INIT_PENDING"),
    IN_READY("config", TDH_SYS_CONFIG, .rax = RAX(SYS_CONFIG), .status = S_SYS_CONFIG_NOT_PENDING,
             .rule = "CONFIG check 2: state INIT_DONE"),
    {"bringup.key_config.unknown_leaves", SOURCE_MODULE, 0, STEP_TDMR_INIT, LEAF_UNKNOWN,
     .run = unknown_leaves},
};
CASE_TABLE(bringup_key_config);
