/* SPDX-License-Identifier: MIT */
/*
 * The running half of the script language, on the soft module: every verb, every function, what failures say,
 * how cases end that would not end by themselves, and how a module gets from state to state on machines that
 * can do less than this one.
 */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "drivers/tdx/abi/msr.h"
#include "tests/host/soft_port.h"
#include "tests/runner/script/port.h"

static struct soft_host *host;
static struct script_port real, port; /* port: what the test makes of the real one */
static struct script_suite suite;
static struct script_options options = {.again = "--smp 4"};
static struct script_result result;
static u64 clock_us, clock_step; /* of tests that don't wait */

/* ---- set-up ---- */

static int with_profile(const char *profile, u32 cpus)
{
    char why[128];
    host = soft_host_new(profile, cpus);
    assert_non_null(host);
    real = port = soft_host_port(host);
    assert_true(script_start(&port, why, sizeof(why)));
    test_log_clear();
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    options = (struct script_options){.again = "--smp 4"};
    return with_profile("ext", 4);
}

static int tear_down(void **state)
{
    (void)state;
    const char *broken = soft_host_check(host);
    if (broken)
        fail_msg("invariant of the model: %s", broken);
    soft_host_free(host);
    return 0;
}

static void start_again(void)
{
    char why[128];
    assert_true(script_start(&port, why, sizeof(why)));
    test_log_clear();
}

static void complain(void *context, const struct script_error *error)
{
    (void)context;
    print_message("%u:%u: %s\n", error->line, error->column, error->text);
}

static bool read_text(const char *text)
{
    static char kept[64 * 1024];
    memset(&suite, 0, sizeof(suite));
    snprintf(kept, sizeof(kept), "%s", text);
    const struct script_file file = {"t.tdxt", kept, (u32)strlen(kept)};
    return script_read(&suite, &file, complain, NULL);
}

static enum verdict run_case(u32 index)
{
    test_log_clear();
    script_run(&suite, &suite.cases[index], &options, &result);
    return result.verdict;
}

static enum verdict run_with(const char *metadata, const char *steps)
{
    char text[16 * 1024];
    snprintf(text, sizeof(text), "suite s\ntest t\n  source module-1.5.01\n%s\n%s\n", metadata, steps);
    if (!read_text(text))
        fail_msg("the script isn't accepted:\n%s", text);
    return run_case(0);
}

static enum verdict run(const char *steps)
{
    return run_with("", steps);
}

static void expect_verdict(enum verdict want, const char *steps, const char *says)
{
    enum verdict got = run(steps);
    if (got != want)
        fail_msg("%s instead of %s (%s):\n%s\n%s", verdict_name(got), verdict_name(want), result.why, steps,
                 test_log());
    if (!strstr(test_log(), says) && !strstr(result.why, says))
        fail_msg("doesn't say '%s', but '%s' and:\n%s", says, result.why, test_log());
}

static void passes(const char *steps)
{
    expect_verdict(VERDICT_PASS, steps, "");
}

/* ---- ports that note what they are asked ---- */

static struct script_regs seen[8]; /* registers of the latest calls of one leaf, and what they answer */
static u32 seen_count, seen_leaf, flushes, storms_ended;
static u64 seen_status[8];

static bool noting_call(void *context, u32 cpu, struct script_regs *regs)
{
    if ((regs->r[REG_RAX] & 0xFFFF) != seen_leaf || seen_count == 8)
        return real.call(context, cpu, regs);
    seen[seen_count] = *regs;
    regs->r[REG_RAX] = seen_status[seen_count++];
    return true;
}

static void noting_flush(void *context)
{
    flushes++;
    real.flush_caches(context);
}

static bool noting_storm(void *context, enum script_inject kind, u32 cpu, u64 us)
{
    storms_ended += us == 0;
    return real.storm(context, kind, cpu, us);
}

static u64 owner_of(u64 page)
{
    u64 owner = ~0ull;
    real.monitor_write(real.context, MONITOR_MSR_PAGE_SELECT, page);
    real.monitor_read(real.context, MONITOR_MSR_PAGE_OWNER, &owner);
    return owner;
}

/* ---- what passes ---- */

static void test_arithmetic(void **state)
{
    (void)state;
    passes("from reset\na = 3\nb = a * 2 + 1\nexpect a == 3, b == 7, b / 2 == 3, b % 2 == 1, b - a == 4");
    passes("from reset\nexpect -1 == 0xffffffffffffffff, ~0 == -1, !0 == 1, !7 == 0, 5 & 4 == 4");
    passes(
        "from reset\nexpect 5 | 2 == 7, 5 ^ 1 == 4, 8 >> 2 == 2, 1 << 63 != 0, 1 << 64 == 0, 8 >> 64 == 0");
    passes("from reset\nexpect 1 < 2, !(2 < 2), 2 <= 2, !(3 <= 2), 3 > 2, !(2 > 2), 3 >= 3, !(2 >= 3)");
    passes("from reset\nexpect 1 && 2, !(1 && 0), 0 || 3, !(0 || 0), 3 != 2, !(3 != 3)");
    passes(
        "from reset\nexpect min(3, 4) == 3, min(4, 3) == 3, bit(5) == 32, bit(63) == 1 << 63, bit(64) == 0");
    passes("from reset\nexpect 2K == 2048, FEATURE.EXT == bit(39), EXT.MEM.ADD == 61, SYS_BUSY != 0");
}

static void test_loops(void **state)
{
    (void)state;
    passes("from reset\nn = 0\nfor i in 0..10 step 3\nn = n + 1\nfor j in 0..i\nn = n + 100\nend\nend\n"
           "expect n == 4 + 100 * 18, i == 9");
    passes("from reset\nn = 0\nfor k in 5..5\nexpect 0\nend\nfor k in 6..5\nexpect 0\nend\nexpect n == 0");
    passes("from reset\nn = 0\nfor i in -2..-1\nn = n + 1\nend\nexpect n == 1");
    passes("from reset\nn = 0\nfor i in 0..-1 step bit(63)\nn = n + 1\nend\nexpect n == 2");
}

static void test_memory(void **state)
{
    (void)state;
    passes(
        "from initialised\np = alloc(2)\nq = alloc_aligned(1, 2M)\nexpect q & (2M - 1) == 0, q >= p + 8192\n"
        "write p = 0x1234\nexpect read(p) == 0x1234\nfill p 8K 0xa5a5\nexpect filled(p, 8K, 0xa5a5)\n"
        "expect same(p, p + 4096, 4096)\nwrite p + 8184 = 1\nexpect !filled(p, 8K, 0xa5a5)\n"
        "expect !same(p, p + 4096, 4096), same(p, p + 4096, 4088), read(p + 8176) == 0xa5a5");
    passes("from initialised\np = alloc(1)\nfrom initialised\nq = alloc(1)\nexpect p == q");
    passes("from initialised\np = alloc(1)\nwrite p = 0x0807060504030201\nwrite p + 8 = 0x61\n"
           "expect hash(p, 8) == 0x7eb5108b368a78ed, hash(p + 8, 1) == 0xaf63dc4c8601ec8c\n"
           "h = hash(p, 16)\nwrite p + 16 = 1\nexpect hash(p, 16) == h\nwrite p + 8 = 1\n"
           "expect hash(p, 16) != h");
    passes("from initialised\np = alloc(1)\nfill p 4K 1\nfill p 12 0x1122334455667788\n"
           "expect read(p) == 0x1122334455667788, read(p + 8) == 0x55667788, read(p + 16) == 1");
    passes("from initialised\np = alloc(1)\nq = alloc(1)\nexpect q == p + 4096");
}

static void test_lists(void **state)
{
    (void)state;
    passes("from initialised\np = alloc(3)\nl = hpa_list(p, 1, 2)\nexpect first_entry(l) == 0, l >> 55 == 1\n"
           "expect read(list_page(l)) == p + 4096, read(list_page(l) + 8) == p + 8192\n"
           "expect read(list_page(l) + 16) == 0, list_page(l) != list_page(hpa_list(p, 1, 2))\n"
           "m = list_info(list_page(l), 3, 7)\n"
           "expect first_entry(m) == 3, m >> 55 == 7, list_page(m) == list_page(l)\n"
           "expect hpa_list(p, 0, 600) >> 55 == 511, hpa_list(p, 0, 512) >> 55 == 511");
    passes("from initialised\np = alloc(1)\nn = linked_list(p, 512)\nexpect read(n) == p\n"
           "expect read(n + 510 * 8) == p + 510 * 4096, read(n + 511 * 8) == n + 4096\n"
           "expect read(n + 4096) == p + 511 * 4096, read(n + 4096 + 8) == -1, read(n + 8184) == -1\n"
           "expect read(linked_list(p, 511) + 4088) == -1, read(linked_list(p, 0)) == -1");
    passes("from initialised\nt = tdmr_list()\nexpect tdmr_count() == 2, read(t) == tdmr_info(t, 0)\n"
           "expect read(t + 8) == tdmr_info(t, 1), read(tdmr_info(t, 1) + TDMR.BASE) == tdmr_base(1)\n"
           "expect read(tdmr_info(t, 0) + TDMR.SIZE) == tdmr_size(0), tdmr_base(1) == tdmr_base(0) + "
           "tdmr_size(0)\n"
           "call SYS.CONFIG rcx=t rdx=tdmr_count() r8=keyid(0) expect SUCCESS\n"
           "expect owner(in_pamt()) == OWNER.PAMT, read(tdmr_info(t, 0) + TDMR.PAMT_4K_BASE) == in_pamt()");
}

static void test_addresses(void **state)
{
    (void)state;
    passes("from ready\np = alloc(1)\nexpect unaligned(p) == p + 64, with_keyid(p, 3) == p | 3 << 46\n"
           "expect above_maxpa(p) == p | bit(52), owner(in_seamrr()) == OWNER.SEAMRR\n"
           "expect owner(in_pamt()) == OWNER.PAMT, owner(in_reserved()) == OWNER.RESERVED\n"
           "expect page_type(in_reserved()) == PAGE.RSVD, owner(outside_tdmrs()) == OWNER.HOST\n"
           "call EXT.MEM.ADD rcx=hpa_list(outside_tdmrs(), 0, 1) expect OPERAND_ADDR_RANGE_ERROR any\n"
           "call EXT.MEM.ADD rcx=hpa_list(in_hole(), 0, 1) expect OPERAND_ADDR_RANGE_ERROR any\n"
           "call EXT.MEM.ADD rcx=hpa_list(in_reserved(), 0, 1) expect PAGE_METADATA_INCORRECT any");
    passes("from ready\nfor i in 0..sysrd(NUM_CMRS)\n"
           "expect owner(in_hole()) != OWNER.SEAMRR\n"
           "expect in_hole() < sysrd(CMR_BASE + i) || in_hole() >= sysrd(CMR_BASE + i) + sysrd(CMR_SIZE + "
           "i)\nend");
    passes("from ready tdmrs=1\nexpect outside_tdmrs() < tdmr_base(0) || outside_tdmrs() >= tdmr_base(1)");
}

static void test_facts(void **state)
{
    (void)state;
    passes("from initialised\n"
           "expect cpus() == 4, packages() == 2, package_cpu(1, 0) == 2, package_cpu(0, 1) == 1\n"
           "expect keyid(0) == 32, keyid(1) == 33, keyids() == 32, features0() & FEATURE.EXT\n"
           "expect sysrd(TDX_FEATURES0) == features0()");
    passes("from initialised\nc = counter(COUNTER.SEAMCALLS)\ncall SYS.LP.SHUTDOWN\n"
           "expect SUCCESS, counter(COUNTER.SEAMCALLS) == c + 1");
    passes(
        "from reset\nexpect rdmsr(0x87) == 0x200000001f, cpuid(0x1f, 1, 1) == 16, cpuid(0, 7, 3) == 0x49656e69\n"
        "platform msr 0xbd = rdmsr(0xbd) | 2\nplatform cpuid 4 3 ebx = cpuid(4, 3, 1) + 1\n"
        "expect rdmsr(0xbd) == 3, cpuid(4, 3, 1) == 0x40");
    passes("from ready\np = alloc(1)\nexpect page_type(p) == PAGE.NDA\n"
           "call EXT.MEM.ADD rcx=hpa_list(p, 0, 1) expect SUCCESS\nexpect page_type(p) != PAGE.NDA");
}

static void test_calls(void **state)
{
    (void)state;
    passes("from initialised\ncall SYS.RD rdx=NUM_CMRS\n"
           "expect SUCCESS, in.rdx == NUM_CMRS, rcx unchanged, rdx set,\\\n"
           " r8 set, others unchanged\nexpect rcx == 0x1111111111111000, r9 == 0x9999999999999000");
    passes("from initialised\ncall 34 rdx=NUM_CMRS expect SUCCESS\nleaf = SYS.RD\n"
           "call leaf rdx=NUM_CMRS expect SUCCESS\n"
           "call raw rax=34 rdx=NUM_CMRS expect SUCCESS\n"
           "call raw rax=34 | 7 << 16 expect OPERAND_INVALID op=RAX\n"
           "call SYS.RD version=7 expect OPERAND_INVALID op=RAX\nexpect in.rax == 34 | 7 << 16");
    passes("from reset\ncall SYS.INIT rcx=1 @last expect OPERAND_INVALID op=RCX or SUCCESS\n"
           "call SYS.INIT rcx=1 @(1 + 1) expect OPERAND_INVALID any\ncall SYS.INIT rcx=1 @package1\n"
           "expect SYS_BUSY or OPERAND_INVALID detail=1, rax == 0xC000010000000001");
    passes("from started\ncall SYS.LP.INIT @all expect SUCCESS\nexpect rax[0] == SUCCESS, rax[3] == SUCCESS\n"
           "call SYS.LP.INIT @all unchanged expect SYS_LP_INIT_DONE");
}

static void test_resume(void **state)
{
    (void)state;
    passes("from ready\np = alloc(600)\ninject interrupt EXT.MEM.ADD count 3 after 100\n"
           "call EXT.MEM.ADD rcx=hpa_list(p, 0, 512) resume outputs\nexpect SUCCESS, resumes() == 3\n"
           "expect first_entry(in.rcx) == 0\ninject interrupt EXT.MEM.ADD after 10\n"
           "call EXT.MEM.ADD rcx=hpa_list(p, 512, 88) expect INTERRUPTED_RESUMABLE, first_entry(rcx) == 10\n"
           "call EXT.MEM.ADD rcx=rcx @last expect SUCCESS");
    passes("from pooled\ninject interrupt EXT.INIT after 1\ncall EXT.INIT resume inputs max 5 at @cpu1\n"
           "expect SUCCESS, resumes() == 1\nfrom extended\nexpect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 0");
    passes("from ready\np = alloc(9)\ninject interrupt EXT.MEM.ADD count 9 after 1\n"
           "call EXT.MEM.ADD rcx=hpa_list(p, 0, 9) resume outputs max 2\n"
           "expect INTERRUPTED_RESUMABLE, resumes() == 2, first_entry(rcx) == 3");
    passes("from ready\np = alloc(512)\ninject timer @cpu0 every 5 us\n"
           "call EXT.MEM.ADD rcx=hpa_list(p, 0, 512) resume outputs max 600 expect SUCCESS\ninject stop");
}

static void test_resume_conventions(void **state)
{
    (void)state;
    port.call = noting_call;
    seen_leaf = TDH_PHYMEM_CACHE_WB;
    seen_count = 0;
    memset(seen_status, 0, sizeof(seen_status));
    seen_status[0] = seen_status[2] = seen_status[4] = TDX_INTERRUPTED_RESUMABLE;
    passes("from ready\ncall PHYMEM.CACHE.WB rcx=0 rdx=7 resume flag expect SUCCESS, in.rcx == 0\n"
           "call PHYMEM.CACHE.WB rcx=5 resume inputs expect SUCCESS\n"
           "call PHYMEM.CACHE.WB rcx=6 expect INTERRUPTED_RESUMABLE");
    assert_int_equal(seen_count, 5);
    assert_int_equal(seen[0].r[REG_RCX], 0);
    assert_int_equal(seen[1].r[REG_RCX], 1);
    assert_int_equal(seen[1].r[REG_RDX], 7);
    assert_int_equal(seen[3].r[REG_RCX], 5);
    assert_int_equal(seen[3].r[REG_RAX], TDH_PHYMEM_CACHE_WB);
    port = real;
}

static void test_injection(void **state)
{
    (void)state;
    passes("from reset\ninject status SYS.INIT nth 2 rax=RND_NO_ENTROPY\ncall SYS.INIT rcx=1\n"
           "expect OPERAND_INVALID op=RCX\ncall SYS.INIT rcx=0 expect RND_NO_ENTROPY\n"
           "inject no_entropy SYS.INIT\n"
           "call SYS.INIT rcx=0 expect RND_NO_ENTROPY\ninject vmfail SYS.INIT count 2\n"
           "call SYS.INIT rcx=0 expect SW_VMFAIL_INVALID, others unchanged\ninject stop\n"
           "call SYS.INIT rcx=0 expect SUCCESS");
    passes("from configured\ninject ket_busy SYS.KEY.CONFIG\ncall SYS.KEY.CONFIG expect OPERAND_BUSY op=KET");
    passes("from reset\ninject status SYS.INIT count 100 rax=SYS_BUSY\nfrom reset\n"
           "call SYS.INIT rcx=0 expect SUCCESS");
    passes("from reset\ninject status SYS.INIT count 100 rax=SYS_BUSY");
    passes("from started\ninject status SYS.RD rax=SYS_BUSY\ncall SYS.INIT rcx=1 unchanged\n"
           "call SYS.RD rdx=5 expect SYS_BUSY");
    port.storm = noting_storm;
    passes("from reset\ninject timer @0 every 1000 us");
    assert_true(storms_ended > 0);
    port = real;
    passes("from reset\ncall SYS.INIT rcx=0 expect SUCCESS"); /* the case before this one left nothing */
}

static void test_platform(void **state)
{
    (void)state;
    passes("from reset\nplatform msr 0xBD = 0\ncall SYS.INIT rcx=0 expect INCORRECT_MSR_VALUE detail=0xBD\n"
           "from reset\ncall SYS.INIT rcx=0 expect SUCCESS");
    passes("from reset\nplatform msr 0x3B = 5 @cpu1\nbring started\ncall SYS.LP.INIT @cpu0 expect SUCCESS\n"
           "call SYS.LP.INIT @cpu1 expect INCONSISTENT_MSR detail=0x3B");
    passes("from reset\nplatform packages = 4\nbring initialised\n"
           "expect packages() == 4, sysrd(NUM_PKGS) == 4, package_cpu(3, 0) == 3\nbring ready\n"
           "from initialised\n"
           "expect packages() == 2");
    passes("from reset\nplatform cpuid 0x1F 0 eax = 9\nplatform cpuid 0x80000000 0 eax = 0x80000000\n"
           "call SYS.INIT rcx=0 expect CPUID_LEAF_NOT_SUPPORTED detail=0x80000008");
    passes("from reset\nplatform cmr 0 = 0x100001, 4096\ncall SYS.INIT rcx=0 expect CMR_LIST_INVALID any");
    passes("from started\nplatform seamcaps = 0x3F @1\ncall SYS.LP.INIT @0 expect SUCCESS\n"
           "call SYS.LP.INIT @1");
    assert_true(run("from started\nplatform seamcaps = 0x3F @1\ncall SYS.LP.INIT @1 expect SUCCESS") ==
                VERDICT_FAIL);
    passes("from started\nplatform lps = 9\ncall SYS.LP.INIT @all expect SUCCESS\nt = tdmr_list()\n"
           "call SYS.CONFIG rcx=t rdx=2 r8=keyid(0) expect SYS_CONFIG_NOT_PENDING");
    passes("from reset\nplatform handoff_pages = 20\nbring initialised");
    passes(
        "from initialised\nknob quote_pages = 7\nbring keyed\nexpect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 7\n"
        "bring pooled\nfrom configured\nexpect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
}

/* What the script changed would act on the next case, and on the kernel itself. */
static void test_platform_at_the_end(void **state)
{
    (void)state;
    u64 value;
    passes("from reset\nplatform msr 0xBD = 7");
    assert_true(real.rdmsr(real.context, 0xBD, &value));
    assert_int_equal(value, 1);
}

static void test_lanes(void **state)
{
    (void)state;
    passes("from reset\npar\ncall SYS.INIT rcx=0 @cpu0\ncall SYS.INIT rcx=0 @cpu1\nend\n"
           "expect outcome (SUCCESS, SYS_BUSY) or (SYS_BUSY, SUCCESS) or (SUCCESS, SYS_INIT_NOT_PENDING) \\\n"
           "or (SYS_INIT_NOT_PENDING, SUCCESS)");
    passes(
        "from started\npar\ncall SYS.LP.INIT @cpu2\ncall SYS.LP.INIT @cpu1\ncall SYS.LP.INIT @cpu2\nend\n"
        "expect outcome (SYS_LP_INIT_DONE, SUCCESS), rax[0] == SYS_LP_INIT_DONE, rax[1] == 0, rdx[1] == 0");
    passes("from ready\np = alloc(40)\na = hpa_list(p, 0, 20)\nb = hpa_list(p, 20, 20)\n"
           "inject interrupt EXT.MEM.ADD count 4 after 2\npar\ncall EXT.MEM.ADD rcx=a @0 resume outputs\n"
           "call SYS.RD rdx=NUM_CMRS @1\nend\nexpect outcome (SUCCESS, SUCCESS), rcx[0] >> 55 == 19");
}

static void test_rows(void **state)
{
    (void)state;
    assert_true(read_text(
        "suite s\n  source project\ntest t\n  from started\n  n = 1\n"
        "  row one  x=n  expect OPERAND_INVALID op=RCX\n  row zero x=n-1 expect SYS_INIT_NOT_PENDING\n"
        "  call SYS.INIT rcx=x\n  expect row\n"
        "test u\n  from started\n  row a rcx=1 version=0 expect OPERAND_INVALID op=RCX\n"
        "  row b rcx=0 version=1 expect OPERAND_INVALID op=RAX, others unchanged\n"
        "  each call SYS.INIT unchanged\n"
        "test v\n  from started\n  row a rcx=1 expect OPERAND_INVALID op=RDX\n  each call SYS.INIT\n"
        "test w\n  from started\n  row a p=alloc(1) expect p == p, rdx == 3\n"
        "  call SYS.INIT rcx=p\n  expect row\n"));
    assert_int_equal(suite.case_count, 6);
    for (u32 i = 0; i < 4; i++)
        assert_int_equal(run_case(i), VERDICT_PASS);
    assert_int_equal(run_case(4), VERDICT_FAIL);
    assert_logged("FAILED t.tdxt:18: each call SYS.INIT\n");
    assert_logged("row: row a rcx=1 expect OPERAND_INVALID op=RDX\n");
    assert_logged("expected OPERAND_INVALID op=RDX\n");
    assert_logged("--run 's.v.a'");
    assert_int_equal(run_case(5), VERDICT_FAIL);
    assert_logged("0x0 == 0x3 (0, 3)");
}

static void test_unnumbered(void **state)
{
    (void)state;
    passes("from pooled\np = alloc(1)\ncall EXT.MEM.ADD rcx=hpa_list(p, 0, 1)\nexpect EXT_MEMORY_POOL_FULL");
    expect_verdict(VERDICT_FAIL,
                   "from pooled\np = alloc(1)\ncall EXT.MEM.ADD rcx=hpa_list(p, 0, 1)\nexpect SUCCESS",
                   "expected SUCCESS");
    expect_verdict(VERDICT_FAIL, "from reset\ncall SYS.INIT rcx=0\nexpect EXT_MEMORY_POOL_FULL",
                   "the status is 0x0 SUCCESS");
    expect_verdict(VERDICT_FAIL, "from reset\ncall SYS.INIT rcx=1\nexpect EXT_MEMORY_POOL_FULL",
                   "OPERAND_INVALID operand=RCX");
}

static void test_say(void **state)
{
    (void)state;
    passes("from reset\nn = 12\nsay \"pool\", n, \"and\", n + 1");
    assert_logged("says: pool 0xc (12) and 0xd (13)\n");
}

/* ---- what fails ---- */

static void test_failures(void **state)
{
    (void)state;
    expect_verdict(VERDICT_FAIL, "from started\n  x = 5\n  call SYS.INIT rcx=1 expect SUCCESS, rcx == x + 1",
                   "FAILED t.tdxt:7: call SYS.INIT rcx=1 expect SUCCESS, rcx == x + 1\n"
                   "  expected SUCCESS\n"
                   "    the status is 0xc000010000000001 OPERAND_INVALID operand=RCX\n"
                   "  expected rcx == x + 1\n"
                   "    0x0 == 0x6 (0, 6)\n"
                   "  SYS.INIT (rax=0x21) on CPU 0 returned 0xc000010000000001 OPERAND_INVALID operand=RCX\n"
                   "    in  rcx=0x1 rdx=0x2222222222222000 r8=0x8888888888888000 r9=0x9999999999999000 ");
    assert_logged("  hint: RCX");
    assert_logged("  source: module-1.5.01\n  again: ./run-qemu.sh --smp 4 --run 's.t'\n");
    expect_verdict(VERDICT_FAIL, "from started\ncall SYS.INIT rcx=1\nexpect rdx unchanged",
                   "rdx went in as 0x2222222222222000 and came back as 0x0");
    expect_verdict(VERDICT_FAIL, "from started\ncall SYS.INIT rcx=1\nexpect rdx set", "expected rdx set");
    expect_verdict(VERDICT_FAIL, "from started\ncall SYS.INIT rcx=1\nexpect rcx == 0, others unchanged",
                   "r10 went in as 0xaaaaaaaaaaaaa000 and came back as 0x0");
    expect_verdict(VERDICT_FAIL,
                   "from started\ncall SYS.INIT rcx=1\nexpect OPERAND_INVALID op=RDX or SYS_BUSY any",
                   "expected OPERAND_INVALID op=RDX or SYS_BUSY any");
    expect_verdict(VERDICT_FAIL, "from reset\nexpect 1 == 1, 2 + 2 == 5 && 1 == 1", "0x4 == 0x5 (4, 5)");
    expect_verdict(VERDICT_FAIL, "from reset\nexpect 5 & 2", "its value is 0");
    expect_verdict(VERDICT_FAIL, "from reset\ncall SYS.INIT rcx=0 unchanged expect SUCCESS",
                   "expected the call to leave no trace in the module, but its state");
    expect_verdict(VERDICT_FAIL, "from initialised\nx = sysrd(0x1234)", "sysrd(0x1234) needs SUCCESS");
    expect_verdict(VERDICT_FAIL, "from reset\nx = page_type(0)", "page_type(0x0) needs SUCCESS");
    expect_verdict(VERDICT_FAIL, "from started\ncall SYS.LP.INIT @2\ncall SYS.LP.INIT @all expect SUCCESS",
                   "SYS.LP.INIT (rax=0x23) on CPU 2 returned 0xc000050300000000 SYS_LP_INIT_DONE");
    expect_verdict(VERDICT_FAIL,
                   "from reset\npar\ncall SYS.INIT rcx=1 @0\ncall SYS.RD rdx=5 @1\nend\n"
                   "expect outcome (SUCCESS, SUCCESS)",
                   "lane 1, CPU 1: 0xc0000");
    assert_logged("SYS.INIT (rax=0x21) on CPU 0");
    assert_logged("SYS.RD (rax=0x22) on CPU 1");
    expect_verdict(VERDICT_FAIL,
                   "from ready\np = alloc(9)\ninject interrupt EXT.MEM.ADD count -1 after 0\n"
                   "call EXT.MEM.ADD rcx=hpa_list(p, 0, 9) resume outputs",
                   "the leaf to end within 1000 calls");
    assert_logged("after 1000 resumptions");
}

/* ---- what can't be judged ---- */

static void test_mistakes(void **state)
{
    (void)state;
    expect_verdict(VERDICT_ERROR, "from reset\nx = 0\ny = 5 / x",
                   "ERROR t.tdxt:7: y = 5 / x\n  division by zero");
    expect_verdict(VERDICT_ERROR, "from reset\nx = 0\nexpect 5 % x == 1", "division by zero");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = alloc(0)", "alloc of no pages");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = alloc_aligned(1, 12345)",
                   "0x3039 isn't a power of two");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = hpa_list(0, 0, 0)", "hpa_list of no pages");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = read(1 << 44)", "no ordinary memory at 0x");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = read(-4)", "is no memory");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = same(0x1000, 0x2000, 2G)", "is no memory");
    expect_verdict(VERDICT_ERROR, "from ready\nx = read(in_pamt())",
                   "is the module's: a host mustn't touch it");
    expect_verdict(VERDICT_ERROR, "from ready\nwrite in_pamt() + 8 = 1", "is the module's");
    expect_verdict(VERDICT_ERROR, "from ready\nfill in_pamt() - 4096 8192 1", "is the module's");
    expect_verdict(
        VERDICT_ERROR,
        "from ready\np = alloc(2)\ncall EXT.MEM.ADD rcx=hpa_list(p, 1, 1) expect SUCCESS\nfill p 8K 1",
        "is the module's");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = tdmr_base(9)", "there is no TDMR 9, there are 2");
    expect_verdict(VERDICT_ERROR, "from initialised\nx = package_cpu(2, 0)", "there is no package 2");
    expect_verdict(VERDICT_ERROR, "from initialised\nz = 0\nfor i in 0..5 step z\nend", "a loop with step 0");
    expect_verdict(VERDICT_ERROR, "from reset\nknob ext_page_type = 3",
                   "the monitor refused 'knob ext_page_type=0x3'");
    expect_verdict(VERDICT_ERROR, "from reset\nplatform packages = 99",
                   "the monitor refused 'packages 0x63'");
    expect_verdict(VERDICT_ERROR, "from reset\nplatform packages = 0", "the monitor refused 'packages 0x0'");
    expect_verdict(VERDICT_SKIP, "from reset\nplatform packages = 8", "needs CPUs for 8 packages: ");
    expect_verdict(VERDICT_ERROR, "from reset\ninject status SYS.INIT nth 0 rax=0",
                   "the monitor refused this injection");
    expect_verdict(VERDICT_ERROR, "from reset\nz = 0\ninject timer @0 every z us", "a storm every 0 us");
    expect_verdict(VERDICT_ERROR,
                   "from reset\ni = 7\npar\ncall SYS.INIT @0\ncall SYS.INIT @1\nend\nexpect rax[i] == 0",
                   "rax[7]: there were 2 lanes");
    expect_verdict(VERDICT_ERROR, "from reset\nx = counter(0x5000)", "the monitor knows no 0x5000");
    expect_verdict(VERDICT_ERROR, "from reset\nx = cpuid(1, 2, 4)", "no register 4 of CPUID 0x1, 0x2");
    expect_verdict(VERDICT_ERROR, "from reset\nx = rdmsr(bit(32))", "there is no MSR 0x100000000");
}

static void test_skips(void **state)
{
    (void)state;
    expect_verdict(VERDICT_SKIP, "from initialised\nx = alloc(1 << 40)",
                   "needs 1099511627776 pages of TDX memory");
    expect_verdict(VERDICT_SKIP, "from initialised\nfor i in 0..1000000\nx = alloc(1000)\nend",
                   "needs 1000 pages of TDX memory");
    expect_verdict(VERDICT_SKIP, "from initialised\nx = alloc_aligned(1, bit(62))",
                   "needs 1 pages of TDX memory");
    expect_verdict(VERDICT_SKIP, "from reset\nn = 3\nrequire n == 4 \"the moon is full\"\nexpect 0",
                   "the moon is full");
    passes("from reset\nn = 3\nrequire n == 3 \"the moon is full\"");
    expect_verdict(VERDICT_SKIP, "from reset\ncall SYS.INIT @9", "there is no CPU 9, there are 4");
    expect_verdict(VERDICT_SKIP, "from reset\ncall SYS.INIT @package7", "there is no package 7, there are 2");
    expect_verdict(VERDICT_SKIP, "from initialised\nx = package_cpu(1, 2)", "package 1 has 2 CPUs");
    expect_verdict(VERDICT_SKIP, "from extended features=0", "features 0x0 need no extensions");
    expect_verdict(VERDICT_SKIP, "from configured tdmrs=3", "there are 2 TDMRs");
    expect_verdict(VERDICT_SKIP, "from configured dpamt=1", "the module has no dynamic PAMT");
}

static void needs(enum verdict want, const char *metadata, const char *says)
{
    assert_int_equal(run_with(metadata, "from reset"), want);
    if (!strstr(result.why, says))
        fail_msg("%s: '%s' doesn't say '%s'", metadata, result.why, says);
}

static void test_needs(void **state)
{
    (void)state;
    needs(VERDICT_PASS, "need monitor soft ext cpus>=4 packages>=2 memory>=1024", "");
    needs(VERDICT_SKIP, "need no_ext", "needs a module without extensions");
    needs(VERDICT_PASS, "need quote", "");
    needs(VERDICT_SKIP, "need dpamt", "needs a module with dynamic PAMT");
    needs(VERDICT_SKIP, "need cpus>=5", "needs 5 CPUs, there are 4");
    needs(VERDICT_SKIP, "need packages>=3", "needs 3 packages, there are 2");
    needs(VERDICT_SKIP, "need memory>=100000", "needs 100000 MiB of memory");
    needs(VERDICT_SKIP, "profile 1.5.01 dpamt", "is for profile 1.5.01 dpamt");
    needs(VERDICT_PASS, "profile 1.5.01 ext", "");
    needs(VERDICT_SKIP, "profile 1.5.01", "is for profile 1.5.01");
    needs(VERDICT_PASS, "version >= 1.5.1", "");
    needs(VERDICT_PASS, "version >= 1.5.9900", "");
    needs(VERDICT_SKIP, "version >= 1.5.9901", "is for other versions");
    needs(VERDICT_PASS, "version == 1.5.9900", "");
    needs(VERDICT_SKIP, "version < 1.5.9900", "is for other versions");
    needs(VERDICT_SKIP, "version < 1.5.1", "is for other versions than 1.5.");
    needs(VERDICT_SKIP, "version == 1.5.2", "is for other versions");
    port.monitor = false;
    port.subject = SUBJECT_IS_HARDWARE;
    needs(VERDICT_SKIP, "need monitor", "needs the Seamstress monitor");
    needs(VERDICT_SKIP, "need soft", "needs the soft module");
    expect_verdict(VERDICT_SKIP, "from reset\ninstall", "needs the Seamstress monitor");
    expect_verdict(VERDICT_SKIP, "from reset\nknob quote_pages = 3", "needs the Seamstress monitor");
    port = real;
}

static void test_known_bugs(void **state)
{
    (void)state;
    run_with("xfail \"it is broken\"", "from reset\nexpect 0");
    assert_true(result.known_bug && result.verdict == VERDICT_FAIL);
    run_with("xfail until 1.5.1 \"it was broken\"", "from reset\nexpect 0");
    assert_false(result.known_bug);
    run_with("xfail until 1.5.9900 \"it was broken\"", "from reset\nexpect 0");
    assert_false(result.known_bug);
    run_with("xfail until 9.0.0 \"it is broken\"", "from reset");
    assert_true(result.known_bug && result.verdict == VERDICT_PASS);
}

/* ---- what doesn't end by itself ---- */

static u64 quick_clock(void *context)
{
    (void)context;
    return clock_us += clock_step;
}

static void test_endless(void **state)
{
    (void)state;
    expect_verdict(VERDICT_ERROR, "from reset\nfor i in 0..-1\nx = i\nend", "more than 2000000 steps");
    port.now_us = quick_clock;
    clock_step = 1000000;
    expect_verdict(VERDICT_ERROR, "from reset\nfor i in 0..-1\nx = i\nend", "the case's 20 s are over");
    clock_step = 100;
    assert_int_equal(run_with("timeout 1",
                              "from ready\np = alloc(9)\ninject interrupt EXT.MEM.ADD count -1 after 0\n"
                              "call EXT.MEM.ADD rcx=hpa_list(p, 0, 9) resume outputs max -1"),
                     VERDICT_ERROR);
    assert_logged("the case's 1 s are over");
    port = real;
    passes("from ready\np = alloc(9)\ncall EXT.MEM.ADD rcx=hpa_list(p, 0, 9) expect SUCCESS");
}

/* ---- states ---- */

static u64 calls_of(const char *steps)
{
    passes(steps);
    return result.seamcalls;
}

static void test_states(void **state)
{
    (void)state;
    static const char *const names[] = {"reset", "started", "initialised", "configured", "keyed",
                                        "ready", "pooled",  "extended",    "quoting"};
    char steps[64];
    for (u32 i = 0; i < 9; i++) {
        snprintf(steps, sizeof(steps), "from %s", names[i]);
        passes(steps);
    }
    for (u32 i = 9; i-- > 0;) { /* in any order, without a call */
        snprintf(steps, sizeof(steps), "from %s", names[i]);
        assert_int_equal(calls_of(steps), 0);
    }
    passes("from keyed\ncall SYS.TDMR.INIT rcx=tdmr_base(0) expect SUCCESS\nfrom keyed\n"
           "call SYS.TDMR.INIT rcx=tdmr_base(0) expect SUCCESS, rdx == tdmr_base(0)");
    assert_int_equal(
        calls_of("from ready\ncall SYS.TDMR.INIT rcx=tdmr_base(1) expect TDMR_ALREADY_INITIALIZED"), 1);
    assert_int_equal(calls_of("from extended"), 0);
    passes("from keyed\nexpect sysrd(EXT_REQUIRED) == 1\ncall SYS.CONFIG expect SYS_CONFIG_NOT_PENDING\n"
           "call EXT.INIT expect SYS_STATE_INCORRECT any or SYS_NOT_READY any or OPERAND_INVALID any or \\\n"
           "EXT_MEMORY_POOL_FULL or EXT_MEMORY_POOL_FULL");
}

/* `bring` goes on where the script left the module, with the options it has. */
static void test_bring(void **state)
{
    (void)state;
    passes(
        "from extended\ncall SYS.SHUTDOWN rcx=sysrd(MODULE_HV) expect SUCCESS\ninstall\nbring initialised\n"
        "call SYS.UPDATE version=1 r9=FEATURE.QUOTE r10=0 r11=0 expect SUCCESS\nbring ready\nbring extended\n"
        "bring quoting\nexpect sysrd(MAX_QUOTE_SIZE) > 0");
    passes("from extended\ncall SYS.DISABLE resume inputs expect SUCCESS\nbring extended\n"
           "expect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 0");
    passes("from initialised\nt = tdmr_list()\ncall SYS.CONFIG rcx=t rdx=1 r8=keyid(1) expect SUCCESS\n"
           "bring ready\n"
           "call SYS.TDMR.INIT rcx=tdmr_base(0) expect TDMR_ALREADY_INITIALIZED\n"
           "call SYS.TDMR.INIT rcx=tdmr_base(1) expect OPERAND_INVALID op=RCX");
    expect_verdict(VERDICT_SKIP, "from keyed features=0\nbring quoting", "need no extensions");
    passes("from keyed tdmrs=1\ncall SYS.KEY.CONFIG expect SYS_KEY_CONFIG_NOT_PENDING\nbring ready\n"
           "call SYS.TDMR.INIT rcx=tdmr_base(1) expect OPERAND_INVALID op=RCX");
    passes("from configured\ncall SYS.KEY.CONFIG @package1 expect SUCCESS\nbring keyed\nbring ready");
    passes("from started\ncall SYS.LP.INIT @1 expect SUCCESS\nbring initialised\nbring pooled");
    passes("from keyed\ncall SYS.TDMR.INIT rcx=tdmr_base(0) expect SUCCESS\nbring ready\n"
           "call SYS.TDMR.INIT rcx=tdmr_base(0) expect TDMR_ALREADY_INITIALIZED");
}

static void test_climb(void **state)
{
    (void)state;
    port.flush_caches = noting_flush;
    flushes = 0;
    passes("from initialised\nbring configured\nbring keyed");
    assert_int_equal(flushes, 1);
    port = real;
    passes("from ready\ninject interrupt EXT.MEM.ADD count 3 after 100\nbring pooled");
}

static u64 owners_in_call;

static bool looking_call(void *context, u32 cpu, struct script_regs *regs)
{
    if ((regs->r[REG_RAX] & 0xFFFF) == TDH_SYS_LP_SHUTDOWN)
        owners_in_call = owner_of(real.pool + 699 * PAGE_SIZE) << 8 | owner_of(real.pool + 700 * PAGE_SIZE);
    return real.call(context, cpu, regs);
}

/* Exactly as many pages as the module asks for. */
static void test_pool_pages(void **state)
{
    (void)state;
    port.call = looking_call;
    passes("from initialised\nknob quote_pages = 700\nknob ext_pool_full_takes = 1\nbring pooled\n"
           "call SYS.LP.SHUTDOWN");
    assert_int_equal(owners_in_call, MONITOR_OWNER_POOL << 8 | MONITOR_OWNER_HOST);
    port = real;
}

/* Snapshots of other options, of a module that was meddled with, of lives given up. */
static void test_snapshots(void **state)
{
    (void)state;
    passes("from ready\nn = sysrd(MEMORY_POOL_REQUIRED_PAGES)\nfrom ready features=0\n"
           "expect n == 12800, sysrd(MEMORY_POOL_REQUIRED_PAGES) == 0\nfrom ready\n"
           "expect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
    assert_int_equal(calls_of("from ready features=0"), 0);
    assert_int_equal(calls_of("from ready\nfrom ready features=0\nfrom ready features=FEATURE.QUOTE"), 0);
    passes("from initialised\nknob quote_pages = 3\nbring ready\nfrom ready\n"
           "expect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
    passes("from reset\nfor i in 1..40\nfrom keyed keyid=keyid(i % 31)\nend\nfrom ready\n"
           "expect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
    port.lives = 1;
    passes("from ready\nfrom keyed\nfrom pooled\nfrom ready\nfrom initialised\nt = tdmr_list()\n"
           "call SYS.CONFIG rcx=t rdx=2 r8=keyid(0) expect SUCCESS\nbring ready\nfrom ready\n"
           "p = alloc(1)\nexpect page_type(p) == PAGE.NDA, sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
    port = real;
}

static bool no_snapshots(void *context, u32 msr, u64 value)
{
    return msr != MONITOR_MSR_SNAPSHOT && msr != MONITOR_MSR_RESTORE &&
           real.monitor_write(context, msr, value);
}

static bool first_arena_page(void *context, u64 pa, u64 size)
{
    (void)context;
    return pa < port.arena + PAGE_SIZE && pa + size > port.arena;
}

/* Wherever a page can be named: the carrier's own memory isn't given away. The first page of the arena plays
 * that part, as if alloc() had been forgotten. */
static void test_own_memory(void **state)
{
    (void)state;
    port.own = first_arena_page;
    const char *wanted = "is memory that the kernel runs on";
    char steps[512];
    const char *calls[] = {
        "call MNG.CREATE rcx=0x%llx rdx=keyid(1)",
        "call SYS.INFO rcx=0x%llx rdx=1024 r8=0x1000 r9=32",
        "call SYS.INFO rcx=0x1000 rdx=1024 r8=0x%llx r9=32",
        "call SYS.RDALL rdx=0x%llx r8=0xffffffffffffffff @last",
        "call MNG.CREATE rcx=with_keyid(0x%llx, 1) rdx=keyid(1)",
        "call raw rax=MNG.CREATE rcx=0x%llx",
        "p = alloc(2)\ni = hpa_list(p, 1, 1)\nwrite list_page(i) = 0x%llx\ncall EXT.MEM.ADD rcx=i",
        "p = alloc(2)\nt = tdmr_list()\nwrite tdmr_info(t, 1) + TDMR.PAMT_2M_BASE = 0x%llx\n"
        "call SYS.CONFIG rcx=t rdx=2 r8=keyid(0)",
        "p = alloc(2)\nn = linked_list(p, 2)\nwrite n + 8 = 0x%llx\ncall QUOTE.GET r10=n r11=8192",
        "par\n  call MNG.CREATE rcx=0x%llx rdx=keyid(1) @cpu1\nend",
    };
    for (u32 i = 0; i < ARRAY_COUNT(calls); i++) {
        char call[256];
        snprintf(call, sizeof(call), calls[i], (unsigned long long)port.arena);
        snprintf(steps, sizeof(steps), "from ready\n%s", call);
        expect_verdict(VERDICT_ERROR, steps, wanted);
    }
    passes("from ready\ncall MNG.CREATE rcx=alloc(2) + 4096 rdx=keyid(1) expect SUCCESS");
    port = real;
}

static void test_genuine(void **state)
{
    (void)state;
    port.subject = SUBJECT_IS_GENUINE;
    port.monitor_write = no_snapshots;
    start_again();
    assert_true(calls_of("from ready") > 500);
    assert_int_equal(calls_of("from ready"), 0); /* nobody has changed it */
    assert_int_equal(calls_of("from ready\ncall SYS.RD rdx=NUM_CMRS expect SUCCESS"), 1);
    assert_int_equal(
        calls_of("from ready\np = alloc(1)\ncall EXT.MEM.ADD rcx=hpa_list(p, 0, 1) expect SUCCESS"), 1);
    assert_true(calls_of("from ready\nexpect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800") > 500);
    assert_true(calls_of("from started") == 1);
    passes("from ready\np = alloc(1)\ncall EXT.MEM.ADD rcx=hpa_list(p, 0, 1) expect SUCCESS\nfrom ready\n"
           "expect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
    expect_verdict(VERDICT_SKIP, "from started\nknob quote_pages = 3", "needs the soft module");
    expect_verdict(VERDICT_SKIP, "from started\ninstall quote_pages=3", "needs the soft module");
    passes("from ready features=0\ncall SYS.SHUTDOWN rcx=0 expect SUCCESS\ninstall\nbring initialised\n"
           "call SYS.UPDATE expect SUCCESS");
    port = real;
    start_again();
}

static bool spoiled_restore(void *context, u32 msr, u64 value)
{
    return msr != MONITOR_MSR_RESTORE && real.monitor_write(context, msr, value);
}

static void test_spoiled_snapshots(void **state)
{
    (void)state;
    passes("from ready");
    port.monitor_write = spoiled_restore;
    assert_true(calls_of("from ready\nexpect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800") > 500);
    port = real;
    assert_int_equal(calls_of("from ready"), 0);
}

static bool few_msrs(void *context, u32 msr, u64 *value)
{
    (void)context;
    return msr < 0x1000 && real.rdmsr(real.context, msr, value);
}

static void test_missing_msr(void **state)
{
    (void)state;
    port.rdmsr = few_msrs;
    expect_verdict(VERDICT_SKIP, "from reset\nx = rdmsr(0x1400)", "there is no MSR 0x1400 on this machine");
}

static bool no_msr(void *context, u32 msr, u64 value)
{
    (void)context;
    (void)msr;
    (void)value;
    fail_msg("there is no monitor");
    return false;
}

static void test_hardware(void **state)
{
    (void)state;
    real.monitor_write(real.context, MONITOR_MSR_RESET, 1);
    port.monitor = false;
    port.subject = SUBJECT_IS_HARDWARE;
    port.monitor_write = no_msr;
    start_again();
    needs(VERDICT_SKIP, "need ext", "isn't known before SYS.LP.INIT");
    passes("from reset\ncall SYS.INIT rcx=1 expect OPERAND_INVALID op=RCX");
    assert_int_equal(calls_of("from started"), 1);
    assert_int_equal(run_with("need ext", "from initialised"), VERDICT_PASS);
    expect_verdict(VERDICT_SKIP, "from reset", "is initialised already and can't be reset here");
    passes("from keyed\nx = alloc(1)\nexpect read(x) == read(x)\ninject timer @0 every 5 us");
    expect_verdict(VERDICT_SKIP, "from ready features=0", "is configured otherwise");
    expect_verdict(VERDICT_SKIP, "from ready\nx = owner(0)", "needs the Seamstress monitor");
    expect_verdict(VERDICT_SKIP, "from ready\nx = counter(0)", "needs the Seamstress monitor");
    expect_verdict(VERDICT_SKIP, "from ready\ninject vmfail SYS.INIT", "needs the Seamstress monitor");
    expect_verdict(VERDICT_SKIP, "from ready\nplatform lps = 3", "needs the Seamstress monitor");
    passes("from ready\np = alloc(1)\ncall SYS.RD rdx=bit(47) unchanged expect METADATA_FIELD_ID_INCORRECT");
    passes("from ready\np = alloc(2)\ncall EXT.MEM.ADD rcx=hpa_list(p, 0, 1) expect SUCCESS");
    expect_verdict(VERDICT_SKIP, "from ready", "isn't as after reset any more");
    test_log_clear();
    script_finish();
    assert_logged("scripts: 12 KiB stay with the module");
    assert_int_equal(run_with("", "from ready\nexpect 0"), VERDICT_SKIP);
    port = real;
    start_again();
}

/* A module that leaf 200 kills: nothing of it answers until it is reset. */
static bool dead;

static bool mortal_call(void *context, u32 cpu, struct script_regs *regs)
{
    dead |= (regs->r[REG_RAX] & 0xFFFF) == 200;
    if (!dead)
        return real.call(context, cpu, regs);
    regs->r[REG_RAX] = TDX_VMFAIL_INVALID;
    return true;
}

static bool reviving_write(void *context, u32 msr, u64 value)
{
    dead &= msr != MONITOR_MSR_RESET;
    return no_snapshots(context, msr, value);
}

static void test_death(void **state)
{
    (void)state;
    dead = false;
    port.subject = SUBJECT_IS_GENUINE;
    port.call = mortal_call;
    port.monitor_write = reviving_write;
    start_again();
    passes("from reset\ncall 200 expect SW_VMFAIL_INVALID\ncall SYS.INIT rcx=0 expect SW_VMFAIL_INVALID");
    passes("from reset\ncall SYS.INIT rcx=0 expect SUCCESS\ncall 200 @1 expect SW_VMFAIL_INVALID");
    passes("from initialised\ncall SYS.RD rdx=MAX_TDMRS expect SUCCESS");
    port = real;
    start_again();
}

static void test_inference(void **state)
{
    (void)state;
    char text[] = "suite s\ntest t\n  source inferred\n  from reset\n  expect 0\n";
    assert_true(read_text(text));
    assert_int_equal(run_case(0), VERDICT_FAIL);
    assert_false(result.by_inference);
    port.subject = SUBJECT_IS_GENUINE;
    assert_int_equal(run_case(0), VERDICT_FAIL);
    assert_true(result.by_inference);
    assert_logged("source: inferred");
    expect_verdict(VERDICT_FAIL, "from reset\nexpect 0", "source: module-1.5.01");
    assert_false(result.by_inference);
    port = real;
}

/* ---- modules and machines that don't do as they should ---- */

static u32 odd_leaf;
static u64 odd_status, odd_count;

static bool odd_call(void *context, u32 cpu, struct script_regs *regs)
{
    if ((regs->r[REG_RAX] & 0xFFFF) != odd_leaf || odd_count == 0)
        return real.call(context, cpu, regs);
    odd_count--;
    regs->r[REG_RAX] = odd_status;
    return odd_status != TDX_SW_ERROR;
}

static void odd(u32 leaf, u64 status, u64 count)
{
    port.call = odd_call;
    odd_leaf = leaf;
    odd_status = status;
    odd_count = count;
}

static void test_refused_climb(void **state)
{
    (void)state;
    odd(TDH_SYS_CONFIG, TDX_OPERAND_INVALID | TDX_OPERAND_R8, 1);
    expect_verdict(VERDICT_FAIL, "from keyed keyid=40",
                   "FAILED t.tdxt:5: from keyed keyid=40\n"
                   "  expected the module to accept the harness's call\n"
                   "  SYS.CONFIG (rax=0x1002d) on CPU 0 returned");
    passes("from keyed keyid=40");
    odd(TDH_SYS_KEY_CONFIG, TDX_KEY_GENERATION_FAILED, 5);
    passes("from keyed keyid=41");
    assert_int_equal(odd_count, 0);
    odd(TDH_SYS_KEY_CONFIG, TDX_KEY_GENERATION_FAILED, -1ull);
    expect_verdict(VERDICT_FAIL, "from keyed keyid=42", "KEY_GENERATION_FAILED");
    odd(TDH_EXT_INIT, TDX_INTERRUPTED_RESUMABLE, 50);
    passes("from extended");
    odd(TDH_SYS_INIT, TDX_RND_NO_ENTROPY, 1);
    passes("from reset\ncall SYS.INIT rcx=0 expect RND_NO_ENTROPY\ncall SYS.INIT rcx=0 expect SUCCESS");
    odd(TDH_SYS_INIT, TDX_SW_ERROR, 1);
    expect_verdict(VERDICT_FAIL, "from reset\ncall SYS.INIT rcx=0",
                   "SYS.INIT (rax=0x21) on CPU 0: no answer in time");
    port = real;
}

static bool nobody_answers(void *context, struct script_lane *lanes, u32 count)
{
    (void)context;
    (void)lanes;
    (void)count;
    return false;
}

static bool no_layout(void *context, u32 life, bool dynamic, struct script_layout *layout)
{
    (void)context;
    (void)life;
    (void)dynamic;
    (void)layout;
    return false;
}

static void test_poor_machines(void **state)
{
    (void)state;
    port.call_together = nobody_answers;
    expect_verdict(VERDICT_FAIL, "from started\ncall SYS.LP.INIT @all", "all CPUs to come back");
    port = real;
    port.pool_size = MIB;
    expect_verdict(VERDICT_SKIP, "from pooled keyid=40",
                   "the pool needs 12800 pages, the machine has 256 for it");
    port = real;
    port.layout = no_layout;
    start_again();
    expect_verdict(VERDICT_SKIP, "from configured", "no TDMRs can be laid out");
    passes("from initialised");
    port = real;
    start_again();
}

/* ---- a fault that the user armed ---- */

static bool user_fault(void *context, u32 msr, u64 *value)
{
    bool good = real.monitor_read(context, msr, value);
    if (msr == MONITOR_MSR_COUNTER_VALUE)
        *value = 1;
    return good;
}

static void test_fault_from_outside(void **state)
{
    (void)state;
    u64 before, after;
    real.monitor_write(real.context, MONITOR_MSR_RESET, 1);
    real.monitor_write(real.context, MONITOR_MSR_COUNTER_SELECT, MONITOR_COUNT_SEAMCALLS);
    real.monitor_read(real.context, MONITOR_MSR_COUNTER_VALUE, &before);
    port.monitor_read = user_fault;
    start_again();
    real.monitor_write(real.context, MONITOR_MSR_COUNTER_SELECT, MONITOR_COUNT_SEAMCALLS);
    real.monitor_read(real.context, MONITOR_MSR_COUNTER_VALUE, &after);
    assert_int_equal(before, after);
    expect_verdict(VERDICT_SKIP, "from reset\ninject vmfail SYS.INIT",
                   "a fault armed from outside is in use");
    passes("from ready\nexpect sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800");
    port = real;
    start_again();
}

/* ---- the trace ---- */

static void retrace(const char *steps)
{
    static char script[64 * 1024];
    options.trace = true;
    passes(steps);
    snprintf(script, sizeof(script), "suite s\ntest t\n  source project\n%s", test_log());
    options.trace = false;
    if (!read_text(script))
        fail_msg("the trace isn't a script:\n%s", script);
    if (run_case(0) != VERDICT_PASS)
        fail_msg("the trace doesn't do the same:\n%s\n%s", script, test_log());
}

static void test_trace(void **state)
{
    (void)state;
    options.trace = true;
    passes("  from ready\n  n = 2\n  p = alloc(n)\n  for i in 0..n\n"
           "    call EXT.MEM.ADD rcx=hpa_list(p, i, 1) resume outputs\n"
           "    expect SUCCESS, i < n\n  end");
    options.trace = false;
    assert_logged(
        "  from ready\n  n = 0x2\n  p = 0x101000000\n  i = 0x0\n    call EXT.MEM.ADD rcx=0x101002000 @cpu0 "
        "resume outputs\n    # CPU 0: 0x0 SUCCESS rcx=0x101002008\n    expect SUCCESS, 0x0 < 0x2\n"
        "  i = 0x1\n");
    retrace(
        "from ready\np = alloc(700)\nfill p 4K 7\nwrite p = 9\nexpect read(p) == 9\nsay \"p is\", p\n"
        "inject interrupt EXT.MEM.ADD nth 1 count 2 after 3\n"
        "call EXT.MEM.ADD rcx=hpa_list(p, 0, 9) resume outputs max 10 at @1 expect SUCCESS, rdx unchanged");
}

static bool one_is_late(void *context, struct script_lane *lanes, u32 count)
{
    real.call_together(context, lanes, count);
    return false;
}

static bool says_nothing(void *context, u32 cpu, struct script_regs *regs)
{
    return cpu != 2 && real.call(context, cpu, regs);
}

/* Every call has its line, and every register that changed is in it, or below it. */
static void test_trace_of_results(void **state)
{
    (void)state;
    options.trace = true;
    passes("from started\npar\ncall SYS.LP.INIT @cpu1\ncall SYS.LP.INIT @cpu0\ncall SYS.LP.INIT @cpu1\nend");
    assert_logged("end\n# CPU 1: 0x0 SUCCESS rcx=0x0 rdx=0x0 r8=0x0\n"
                  "# CPU 1: 0xc000050300000000 SYS_LP_INIT_DONE rcx=0x0 rdx=0x0 r8=0x0\n"
                  "# CPU 0: 0x0 SUCCESS rcx=0x0 rdx=0x0 r8=0x0\n");
    passes("from initialised\ncall SYS.RD rdx=NUM_CMRS @all");
    for (u32 cpu = 0; cpu < 4; cpu++) {
        char line[64];
        snprintf(line, sizeof(line), "# CPU %u: 0x0 SUCCESS rdx=0x9000000300000080 r8=0x20\n", cpu);
        assert_logged(line);
    }
    passes("from reset\nplatform cpuid 0 0 ebx = 1\ncall SYS.INIT rcx=0 @cpu1");
    assert_logged("# CPU 1: 0xc000090000000000 INCORRECT_CPUID_VALUE rcx=0xffffffff00000000 "
                  "rdx=0xffffffff00000000 r8=0xffffffffffffffff\n"
                  "#  r9=0x756e654700000000 r10=0x49656e696c65746e\n");
    port.call = says_nothing;
    assert_int_equal(run("from started\ncall SYS.LP.INIT @cpu2"), VERDICT_FAIL);
    assert_logged("call SYS.LP.INIT @cpu2\n# CPU 2: no answer\n");
    port = real;
    port.call_together = one_is_late;
    assert_int_equal(run("from started\ncall SYS.LP.INIT @all"), VERDICT_FAIL);
    assert_logged("# CPU 3: no answer\n");
    port = real;
}

static void test_trace_of_everything(void **state)
{
    (void)state;
    options.trace = true;
    passes(
        "from started\nm = 9\ncall SYS.INIT rcx=1 version=0 @last resume outputs max m + 1 at @1 unchanged\n"
        "from configured features=0 tdmrs=1");
    assert_logged("call SYS.INIT rcx=0x1 @cpu3 resume outputs max 10 at @cpu1 unchanged\n");
    assert_logged("from configured features=0x0 tdmrs=0x1\n");
    retrace("from reset\ndetail = 1\ncall SYS.INIT rcx=detail\n"
            "expect OPERAND_INVALID detail=1, rax & 3 == detail");
    retrace(
        "from reset\ninject status SYS.INIT nth 2 rax=RND_NO_ENTROPY\ncall SYS.INIT rcx=1 unchanged\n"
        "expect OPERAND_INVALID op=RCX\nrequire 1 == 1 \"why not\"\ninject stop\n"
        "inject ipi @cpu0 every 500 us\n"
        "inject stop\nplatform msr 0xBD = 0\nplatform cpuid 0x1F 0 eax = 1 @1\nplatform cmr 5 = 0, 0\n"
        "platform packages = 2\nplatform lps = 4\nplatform seamcaps = 0x7F @2\nplatform handoff_pages = 13\n"
        "knob quote_pages = 5\ncall SYS.INIT rcx=0 expect INCORRECT_MSR_VALUE detail=0xBD");
    retrace(
        "from started\npar\ncall SYS.LP.INIT @cpu0\ncall SYS.LP.INIT @cpu1 resume flag max 3\nend\n"
        "expect outcome (SUCCESS, SUCCESS), rax[1] == 0\n"
        "call SYS.LP.INIT @all expect SUCCESS or SYS_LP_INIT_DONE\n"
        "call raw rax=33 | 1 << 40 expect OPERAND_INVALID op=RAX, rcx unchanged\nbring configured tdmrs=1\n"
        "bring keyed\ncall SYS.RD version=1 rdx=5 expect OPERAND_INVALID op=RAX");
    retrace("from keyed features=FEATURE.QUOTE version=1 tdmrs=1 keyid=keyid(2)\ninject no_entropy SYS.INIT\n"
            "inject ket_busy SYS.KEY.CONFIG nth 4 count 5\ninject vmfail 200\n"
            "for i in 0..3\nexpect i < 3, i == i && i <= 2, sysrd(MEMORY_POOL_REQUIRED_PAGES) == 12800, \\\n"
            "  i * 1000000000000 + 1000000000000 + 2000000000000 > 5, i + 12345678901234567 == "
            "12345678901234567 + i\nend");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_arithmetic),
        TEST(test_loops),
        TEST(test_memory),
        TEST(test_lists),
        TEST(test_addresses),
        TEST(test_facts),
        TEST(test_calls),
        TEST(test_resume),
        TEST(test_resume_conventions),
        TEST(test_injection),
        TEST(test_platform),
        TEST(test_platform_at_the_end),
        TEST(test_lanes),
        TEST(test_rows),
        TEST(test_unnumbered),
        TEST(test_say),
        TEST(test_failures),
        TEST(test_mistakes),
        TEST(test_skips),
        TEST(test_missing_msr),
        TEST(test_needs),
        TEST(test_known_bugs),
        TEST(test_endless),
        TEST(test_states),
        TEST(test_bring),
        TEST(test_climb),
        TEST(test_pool_pages),
        TEST(test_snapshots),
        TEST(test_own_memory),
        TEST(test_genuine),
        TEST(test_spoiled_snapshots),
        TEST(test_hardware),
        TEST(test_death),
        TEST(test_inference),
        TEST(test_refused_climb),
        TEST(test_poor_machines),
        TEST(test_fault_from_outside),
        TEST(test_trace),
        TEST(test_trace_of_results),
        TEST(test_trace_of_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
