/* SPDX-License-Identifier: MIT */
/*
 * The runtime update against a scripted module: order, operands, when the old module is left running and when
 * nothing is. The steps that it shares with the first bring-up are stood in for.
 */
#include "tests/unit/fake_module.h"

#include "drivers/tdx/steps.h"
#include "drivers/tdx/update.h"
#include "lib/string.h"

#define FEATURE(name) (1ull << TDX_FEATURE_##name)

/* ---- the steps ---- */

static struct {
    char order[128];
    const char *broken; /* the step that fails */
    struct tdx_sysinfo now;
    enum tdx_step filed[16]; /* host->next as each step saw it */
    u32 steps, ends;
} world;

static bool stands_in(struct tdx_host *host, const char *name)
{
    __builtin_strcat(world.order, name);
    __builtin_strcat(world.order, " ");
    world.filed[world.steps++] = host->next;
    return !(world.broken && strcmp(world.broken, name) == 0) || tdx_fail(host, "%s is broken", name);
}

bool step_sys_init(struct tdx_host *host)
{
    return stands_in(host, "sys_init");
}

bool step_lp_init(struct tdx_host *host)
{
    return stands_in(host, "lp_init");
}

bool step_metadata(struct tdx_host *host)
{
    host->sysinfo = world.now;
    return stands_in(host, "metadata");
}

bool ext_start(struct tdx_host *host)
{
    if (!host->demand.required)
        return true;
    return stands_in(host, "ext_start");
}

bool quote_start_again(struct tdx_host *host)
{
    return stands_in(host, "quote");
}

void tdx_report_end(const struct tdx_host *host)
{
    (void)host;
    world.ends++;
}

static bool install(void *context)
{
    assert_ptr_equal(context, &world);
    assert_int_equal(fake.calls, 1); /* after SYS.SHUTDOWN, before anything else */
    __builtin_strcat(world.order, "install ");
    return !(world.broken && strcmp(world.broken, "install") == 0);
}

/* ---- a host that is ready, and the usual answers ---- */

static struct tdx_host host;

static void begin(u64 configured)
{
    const struct tdx_sysinfo info = {.major = 1,
                                     .minor = 5,
                                     .update = 7,
                                     .features0 = FEATURE(TD_PRESERVING) | FEATURE(EXT) | FEATURE(QUOTE)};
    memset(&host, 0, sizeof(host));
    host.sysinfo = info;
    host.next = STEP_COUNT;
    host.configured = (struct tdx_configured){true, configured};
    host.demand = (struct ext_demand){true, 12800};
    world = (typeof(world)){.now = info};
    world.now.update = 8;
}

static const struct fake_answer goes_well[] = {{TDH_SYS_SHUTDOWN, 0, 0, 0}, {TDH_SYS_UPDATE, 0, 0, 0}};
static struct fake_field fields[3];

static enum update_outcome update(u64 required, u64 pages)
{
    fields[0] = (struct fake_field){TDX_FIELD_MODULE_HV, 0, 0x0302};
    fields[1] = (struct fake_field){TDX_FIELD_EXT_REQUIRED, 0, required};
    fields[2] = (struct fake_field){TDX_FIELD_MEMORY_POOL_REQUIRED_PAGES, 0, pages};
    FAKE(goes_well, fields);
    return tdx_update(&host, install, &world);
}

static enum update_outcome update_answered(const struct fake_answer *answers, u32 count)
{
    fields[0] = (struct fake_field){TDX_FIELD_MODULE_HV, 0, 0x0302};
    FAKE(goes_well, fields);
    fake.answers = answers;
    fake.answer_count = count;
    return tdx_update(&host, install, &world);
}

/* ---- going well ---- */

static void all_in_order(void **state)
{
    (void)state;
    begin(FEATURE(QUOTE));
    assert_int_equal(update(1, 0), UPDATE_DONE);
    assert_string_equal(world.order, "install sys_init lp_init metadata ext_start quote ");
    assert_int_equal(fake.calls, 2);
    assert_int_equal(fake.seen[0].leaf, TDH_SYS_SHUTDOWN);
    assert_int_equal(fake.seen[1].leaf, TDH_SYS_UPDATE);
    assert_int_equal(host.next, STEP_COUNT);
    assert_false(host.failed);
    assert_int_equal(host.sysinfo.update, 8);
    assert_logged("from 1.5.7 to 1.5.8");
    static const enum tdx_step filed[] = {STEP_SYS_INIT, STEP_LP_INIT, STEP_METADATA, STEP_EXT_START,
                                          STEP_QUOTE};
    assert_memory_equal(world.filed, filed, sizeof(filed));
    assert_int_equal(world.ends, 0);
}

static void shutdown_names_the_handoff(void **state)
{
    (void)state;
    begin(0);
    update(1, 0);
    assert_int_equal(fake.seen[0].args.rcx, 0x0302);
    assert_int_equal(fake.seen[0].args.version, 0);
    begin(0);
    host.sysinfo.features0 |= FEATURE(UPDATE_COMPAT);
    update(1, 0);
    assert_int_equal(fake.seen[0].args.rcx, 0x10302);
}

static void features_go_with_version_1_only(void **state)
{
    (void)state;
    begin(0);
    update(1, 0);
    assert_int_equal(fake.seen[1].args.version, 0);
    assert_int_equal(fake.seen[1].args.r9, 0);
    begin(FEATURE(QUOTE));
    update(1, 0);
    assert_int_equal(fake.seen[1].args.version, 1);
    assert_int_equal(fake.seen[1].args.r9, FEATURE(QUOTE));
    assert_int_equal(fake.seen[1].args.rcx | fake.seen[1].args.rdx | fake.seen[1].args.r8 |
                         fake.seen[1].args.r10 | fake.seen[1].args.r11,
                     0);
}

static void nothing_required_nothing_started(void **state)
{
    (void)state;
    begin(0);
    assert_int_equal(update(0, 0), UPDATE_DONE);
    assert_string_equal(world.order, "install sys_init lp_init metadata quote ");
    begin(0);
    assert_int_equal(update(0, 5),
                     UPDATE_DONE); /* the module contradicts itself: said, and taken at its word */
    assert_logged("5 extension pages but says EXT_REQUIRED = 0");
}

/* The feature bit of the module that runs now counts, not that of the old one. */
static void new_module_without_extensions(void **state)
{
    (void)state;
    begin(0);
    world.now.features0 &= ~FEATURE(EXT);
    assert_int_equal(update(1, 7), UPDATE_DONE);
    assert_string_equal(world.order, "install sys_init lp_init metadata quote ");
    assert_int_equal(fake.reads, 1);
    assert_logged("features lost 0x8000000000, new 0x0");
}

static void new_features_are_told(void **state)
{
    (void)state;
    begin(FEATURE(QUOTE));
    world.now.features0 |= FEATURE(UPDATE_COMPAT);
    assert_int_equal(update(1, 0), UPDATE_DONE);
    assert_logged("features lost 0x0, new 0x800000000000");
}

/* ---- the old module keeps running ---- */

static void expect_old_one_runs(enum update_outcome outcome, u32 calls)
{
    assert_int_equal(outcome, UPDATE_REFUSED);
    assert_int_equal(fake.calls, calls);
    assert_false(host.failed);
    assert_string_equal(world.order, "");
    assert_logged("the old module keeps running");
}

static void refused_shutdown(void **state)
{
    (void)state;
    static const u64 statuses[] = {0xC000010000000001, 0x8000020200000000, 0x8000051200030000,
                                   0x8000051200020001};
    for (u32 i = 0; i < ARRAY_COUNT(statuses); i++) {
        const struct fake_answer answer = {TDH_SYS_SHUTDOWN, statuses[i], 0, 0};
        begin(0);
        expect_old_one_runs(update_answered(&answer, 1), 1);
        assert_int_equal(fake.reports, 1);
        assert_int_equal(host.next, STEP_COUNT);
        assert_int_equal(__builtin_strstr(test_log(), "being built or migrated") != NULL, i >= 2);
    }
}

static void not_even_tried(void **state)
{
    (void)state;
    begin(0);
    host.next = STEP_QUOTE;
    expect_old_one_runs(update(1, 0), 0);
    begin(0);
    host.sysinfo.features0 &= ~FEATURE(TD_PRESERVING);
    expect_old_one_runs(update(1, 0), 0);
    begin(0);
    host.failed = true;
    assert_int_equal(update(1, 0), UPDATE_REFUSED);
    assert_int_equal(fake.calls, 0);
}

static void unreadable_handoff_version(void **state)
{
    (void)state;
    static const struct fake_field bad[][1] = {{{0x8900000100000000, 0xC0000C0000000000, 0}},
                                               {{0x8900000100000000, 0, 0x10000}}};
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        begin(0);
        FAKE(goes_well, bad[i]);
        expect_old_one_runs(tdx_update(&host, install, &world), 0);
    }
}

/* ---- nobody runs any more ---- */

static void expect_lost(enum update_outcome outcome, enum tdx_step step, const char *why)
{
    assert_int_equal(outcome, UPDATE_FAILED);
    assert_failed_saying(&host, why);
    assert_int_equal(host.failure.step, step);
    assert_int_equal(world.ends, 1);
}

static void shutdown_of_no_known_result(void **state)
{
    (void)state;
    static const u64 statuses[] = {0xC000050600000000, 0x8000FF00FFFF0000, 0x0000030600000000};
    for (u32 i = 0; i < ARRAY_COUNT(statuses); i++) {
        const struct fake_answer answer = {TDH_SYS_SHUTDOWN, statuses[i], 0, 0};
        begin(0);
        expect_lost(update_answered(&answer, 1), STEP_COUNT, "SYS.SHUTDOWN");
        assert_int_equal(host.failure.status, statuses[i]);
        assert_string_equal(world.order, "");
    }
}

static void each_step_can_fail(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum tdx_step step;
    } breaks[] = {{"install", STEP_SYS_INIT},  {"sys_init", STEP_SYS_INIT},   {"lp_init", STEP_LP_INIT},
                  {"metadata", STEP_METADATA}, {"ext_start", STEP_EXT_START}, {"quote", STEP_QUOTE}};
    for (u32 i = 0; i < ARRAY_COUNT(breaks); i++) {
        begin(0);
        world.broken = breaks[i].name;
        expect_lost(update(1, 0), breaks[i].step, i == 0 ? "couldn't be installed" : "is broken");
        const char *last = __builtin_strstr(world.order, breaks[i].name);
        assert_string_equal(last + strlen(breaks[i].name), " "); /* nothing after it */
    }
}

static void refused_sys_update(void **state)
{
    (void)state;
    static const struct fake_answer answers[] = {{TDH_SYS_SHUTDOWN, 0, 0, 0},
                                                 {TDH_SYS_UPDATE, 0xC000050900000000, 0, 0}};
    begin(0);
    expect_lost(update_answered(answers, 2), STEP_CONFIG, "0xc000050900000000 SYS_INVALID_HANDOFF");
    assert_string_equal(world.order, "install sys_init lp_init ");
}

static void more_pages_than_there_are(void **state)
{
    (void)state;
    begin(FEATURE(QUOTE));
    expect_lost(update(1, 3), STEP_EXT_QUERY, "3 pages (12 KiB) more; an update can't allocate");
    assert_string_equal(world.order, "install sys_init lp_init metadata ");
}

static void configured_feature_is_gone(void **state)
{
    (void)state;
    begin(FEATURE(QUOTE));
    world.now.features0 &= ~FEATURE(QUOTE);
    expect_lost(update(1, 0), STEP_METADATA, "lacks features that are configured: 0x4000000000000");
}

static void unreadable_demand(void **state)
{
    (void)state;
    begin(FEATURE(QUOTE));
    expect_lost(update(2, 0), STEP_EXT_QUERY, "EXT_REQUIRED");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_in_order),
        cmocka_unit_test(shutdown_names_the_handoff),
        cmocka_unit_test(features_go_with_version_1_only),
        cmocka_unit_test(nothing_required_nothing_started),
        cmocka_unit_test(new_module_without_extensions),
        cmocka_unit_test(new_features_are_told),
        cmocka_unit_test(refused_shutdown),
        cmocka_unit_test(not_even_tried),
        cmocka_unit_test(unreadable_handoff_version),
        cmocka_unit_test(shutdown_of_no_known_result),
        cmocka_unit_test(each_step_can_fail),
        cmocka_unit_test(refused_sys_update),
        cmocka_unit_test(more_pages_than_there_are),
        cmocka_unit_test(configured_feature_is_gone),
        cmocka_unit_test(unreadable_demand),
    };
    return cmocka_run_group_tests_name("update", tests, NULL, NULL);
}
