/* SPDX-License-Identifier: MIT */
#include "tests/runner/inject.h"

#include "kernel/paging.h"
#include "lib/format.h"
#include "tests/runner/machine.h"

bool inject(struct test *test, struct injection injection)
{
    const struct tdx_platform *platform = &test->machine->platform;
    if (monitor_write(platform, MONITOR_MSR_INJECT_ARM, MONITOR_INJECT_NONE) &&
        monitor_write(platform, MONITOR_MSR_INJECT_LEAF, injection.leaf) &&
        monitor_write(platform, MONITOR_MSR_INJECT_NTH, injection.nth ? injection.nth : 1) &&
        monitor_write(platform, MONITOR_MSR_INJECT_COUNT, injection.count ? injection.count : 1) &&
        monitor_write(platform, MONITOR_MSR_INJECT_VALUE, injection.value) &&
        monitor_write(platform, MONITOR_MSR_INJECT_ARM, injection.kind))
        return true;
    test_error(test, "the monitor refused to arm injection %u on leaf %u", injection.kind, injection.leaf);
    return false;
}

bool inject_used_up(struct test *test)
{
    return monitor_value(test, MONITOR_MSR_INJECT_ARM) == MONITOR_INJECT_NONE;
}

void inject_disarm(const struct tdx_platform *platform)
{
    monitor_write(platform, MONITOR_MSR_INJECT_ARM, MONITOR_INJECT_NONE);
}

/* Owned by the one CPU that runs cases. The monitor overwrites it with its answer. */
static char command_page[PAGE_SIZE] __attribute__((aligned(4096)));

static bool give_command(const struct tdx_platform *platform, const char *command)
{
    format(command_page, MONITOR_COMMAND_MAX, "%s", command);
    return monitor_write(platform, MONITOR_MSR_COMMAND, pa_raw(virt_to_phys(command_page)));
}

bool monitor_command(struct test *test, const char *command)
{
    if (!give_command(&test->machine->platform, command))
        test_error(test, "the monitor takes no commands, so not \"%s\"", command);
    else if (command_page[0])
        test_error(test, "the monitor refused \"%s\": %s", command, command_page);
    else
        return true;
    return false;
}

bool monitor_takes_commands(const struct tdx_platform *platform)
{
    return give_command(platform, "?") && command_page[0] && command_page[0] != '?';
}

u64 monitor_count(struct test *test, u32 counter)
{
    u64 value = 0;
    if (!monitor_counter(&test->machine->platform, counter, &value))
        test_error(test, "the monitor has no counter %u", counter);
    return value;
}

u64 monitor_value(struct test *test, u32 msr)
{
    u64 value = 0;
    if (!monitor_read(&test->machine->platform, msr, &value))
        test_error(test, "the monitor's control MSR +%u can't be read", msr);
    return value;
}

static u64 monitor_owner_of(struct test *test, u64 page)
{
    if (!monitor_write(&test->machine->platform, MONITOR_MSR_PAGE_SELECT, page)) {
        test_error(test, "the monitor won't say who owns page 0x%lx", page);
        return ~0ull;
    }
    return monitor_value(test, MONITOR_MSR_PAGE_OWNER);
}

static const char *owner_name(u64 owner)
{
    static const char *const names[] = {
        "host", "PAMT", "pool", "SEAMRR", "no RAM", "host (reserved area)", "control pages"};
    return owner < ARRAY_COUNT(names) ? names[owner] : "nobody known";
}

bool expect_owner(struct test *test, u64 base, u64 size, enum monitor_owner want, const char *rule)
{
    u64 pages = size / PAGE_SIZE;
    u64 stride = pages / OWNER_SAMPLES + 1;
    for (u64 i = 0; i < pages; i += stride) {
        u64 page = base + (i + stride > pages - 1 ? pages - 1 : i) *
                              PAGE_SIZE; /* the last page is always looked at */
        u64 owner = monitor_owner_of(test, page);
        if (owner == want)
            continue;
        test_fail(test, "page 0x%lx of 0x%lx-0x%lx belongs to %s, expected %s: %s", page, base, base + size,
                  owner_name(owner), owner_name(want), rule);
        return false;
    }
    return true;
}
