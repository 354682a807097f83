/* SPDX-License-Identifier: MIT */
/* Reading scripts: every complaint at its place, names, cases, metadata. */
#include "tests/unit/support.h"

#include <stdio.h>
#include <string.h>

#include "drivers/tdx/abi/status.h"
#include "drivers/tdx/abi/tdx.h"
#include "lib/format.h"
#include "tests/runner/script/names.h"
#include "tests/runner/script/script.h"

static struct script_suite suite;
static char errors[16 * 1024];
static u32 error_count;

static void complain(void *context, const struct script_error *error)
{
    (void)context;
    size_t used = strlen(errors);
    format(errors + used, sizeof(errors) - used, "%s%u:%u: %s", used ? "\n" : "", error->line, error->column,
           error->text);
    error_count++;
}

static bool add(const char *name, const char *text, size_t size)
{
    const struct script_file file = {name, text, (u32)size};
    errors[0] = 0;
    error_count = 0;
    return script_read(&suite, &file, complain, NULL);
}

static bool read_bytes(const char *text, size_t size)
{
    memset(&suite, 0, sizeof(suite));
    return add("test.tdxt", text, size);
}

static bool read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}

/* A file in which the text begins in line 5, as a step */
#define HEAD   "suite s\ntest t\nsource linux\nfrom ready\n"
#define CALLED HEAD "call SYS.INIT\n"

struct refusal {
    const char *text, *error;
};

static void check_refusals(const struct refusal *refusals, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        bool good = read_text(refusals[i].text);
        if (strcmp(errors, refusals[i].error) != 0)
            fail_msg("%s\nsays\n%s\ninstead of\n%s", refusals[i].text, errors, refusals[i].error);
        assert_false(good);
        assert_int_equal(suite.case_count, 0);
        assert_int_equal(suite.file_count, 0);
    }
}

#define CHECK_REFUSALS(refusals) check_refusals(refusals, ARRAY_COUNT(refusals))

/* ---- characters and lines ---- */

static void wrong_characters(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "n = 12abc", "5:5: '12abc' is no number"},
        {HEAD "n = 0x", "5:5: '0x' is no number"},
        {HEAD "n = 1_", "5:5: '1_' is no number"},
        {HEAD "n = 4KK", "5:5: '4KK' is no number"},
        {HEAD "n = 1 + 0x10000000000000000", "5:9: '0x10000000000000000' doesn't fit in 64 bits"},
        {HEAD "n = 18446744073709551616", "5:5: '18446744073709551616' doesn't fit in 64 bits"},
        {HEAD "n = 17179869184G", "5:5: '17179869184G' doesn't fit in 64 bits"},
        {HEAD "say \"a\tb", "5:5: this string has no end"},
        {HEAD "say \"a\\\nb\"", "5:5: this string has no end"},
        {HEAD "say \"a\033b\"", "5:7: a control character in a string: '?'"},
        {HEAD "say \"a\177b\"", "5:7: a control character in a string: '?'"},
        {HEAD "n = 1 \\ + 2", "5:7: a '\\' continues a line at its very end only, found: '\\'"},
        {HEAD "n = 1 \001", "5:7: a control character: '?'"},
        {HEAD "n = 1 \r + 2", "5:7: a control character: '?'"},
        {HEAD "n = 1 \303\244", "5:7: outside of comments and strings only ASCII is allowed: '?'"},
        {HEAD "n = $", "5:5: unexpected character: '$'"},
        {HEAD "\tn = 1 + \\\n\t  $", "6:4: unexpected character: '$'"},
    };
    CHECK_REFUSALS(refusals);
}

static void fine_characters(void **state)
{
    (void)state;
    assert_true(
        read_text("# \303\244\001\nsuite s\r\n\r\ntest t # \302\265\r\nsource linux\r\n\tfrom\tready \\ \r\n"
                  " features=1\r\nsay \"\303\244\"\r\n"));
    assert_true(
        read_text(HEAD "n = 0xFFFFFFFFFFFFFFFF + 18446744073709551615 + 17179869183G + 0x1K + 1_0K\\"));
    assert_true(read_text(HEAD "say \"a # in a string\", 1 # and \"one behind"));
}

static void long_lines(void **state)
{
    (void)state;
    static char text[4096];
    for (u32 too_long = 0; too_long < 2; too_long++) {
        size_t head = (size_t)sprintf(text, "%s", HEAD);
        sprintf(text + head, "say \"%0*d\" %s", SCRIPT_MAX_LINE - 6 + (int)too_long, 0,
                "   # comments don't count");
        assert_int_equal(read_text(text), !too_long);
    }
    assert_string_equal(errors, "5:1: a line, with what continues it, has at most 1024 characters");
}

static void no_nul(void **state)
{
    (void)state;
    static const char text[] = HEAD "say 1\n# a\0b\nnonsense\n";
    assert_false(read_bytes(text, sizeof(text) - 1));
    assert_string_equal(errors, "6:4: a NUL byte: this is no text");
    assert_int_equal(suite.case_count, 0);
}

/* ---- files and tests ---- */

static void wrong_files(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {"", "1:1: no test in this file"},
        {"# nothing\n\n", "1:1: no test in this file"},
        {"suite s\n", "1:1: no test in this file"},
        {"\ntest t\nsource linux\nfrom ready", "2:1: a script begins with 'suite ID'"},
        {"suite\n",
         "1:6: the suite's id, of a-z, 0-9, _ and single dots, is expected, not the end of the line"},
        {"suite a..b\n", "1:7: the suite's id, of a-z, 0-9, _ and single dots, is expected, not 'a..b'"},
        {"suite A\n", "1:7: the suite's id, of a-z, 0-9, _ and single dots, is expected, not 'A'"},
        {"suite a b\n", "1:9: the end of the line is expected, not 'b'"},
        {HEAD "suite b", "5:1: a second 'suite' in a file"},
        {"suite s\nfrom ready", "2:1: this belongs in a test, and none has begun"},
        {"suite s\nn = 1", "2:1: this belongs in a test, and none has begun"},
        {"suite s\nsource linux\ntest a.b\nfrom ready",
         "3:6: the test's name, of a-z, 0-9 and _, is expected, not 'a.b'"},
        {"suite s\nsource linux\ntest\nfrom ready",
         "3:5: the test's name, of a-z, 0-9 and _, is expected, not the end of the line"},
        {"suite s\nsource linux\ntest a b\nfrom ready", "3:8: the end of the line is expected, not 'b'"},
        {"suite s\ntest t\nfrom ready",
         "2:6: where does what this test expects come from? Give 'source', here or below 'suite'"},
        {"suite s\ntest t\nsource linux\n", "2:6: a test without steps"},
        {"suite s\ntest t\nsource linux\nsay 1\nsay 2", "4:1: the first step of a test is 'from STATE'"},
        {HEAD "test t\nsource linux\nfrom ready", "5:6: s.t is the id of another case, test.tdxt:2"},
        {HEAD "row a rcx=1\nrow a rcx=2\neach call 33", "6:5: s.t.a is the id of another case, test.tdxt:5"},
        {HEAD "+ 1", "5:1: a verb is expected, not '+'"},
        {HEAD "cal SYS.INIT", "5:1: no verb is called 'cal' (did you mean call?)"},
        {HEAD "expcet 1", "5:1: no verb is called 'expcet' (did you mean expect?)"},
        {HEAD "nothing", "5:1: no verb is called 'nothing'"},
        {"suite s\nfrm ready", "2:1: no verb is called 'frm' (did you mean from?)"},
        {HEAD "from", "5:5: a state is expected, not the end of the line"},
        {HEAD "from redy", "5:6: no state is called 'redy' (did you mean ready?)"},
    };
    CHECK_REFUSALS(refusals);
}

static void ids_of_other_files_and_their_removal(void **state)
{
    (void)state;
    static const char one[] = HEAD, two[] = "suite s\nsource linux\ntest u\nfrom ready\ntest t\nfrom ready\n";
    static const char three[] = "suite s\nsource linux\ntest u\nfrom ready\n";
    assert_true(read_text(one));
    assert_false(add("two.tdxt", two, strlen(two)));
    assert_string_equal(errors, "5:6: s.t is the id of another case, test.tdxt:2");
    assert_int_equal(suite.case_count, 1);
    assert_int_equal(suite.file_count, 1);
    assert_true(add("three.tdxt", three, strlen(three))); /* s.u isn't kept of a refused file */
    assert_int_equal(suite.case_count, 2);
    assert_string_equal(suite.cases[1].id, "s.u");
    assert_int_equal(suite.cases[1].file, 1);
    assert_false(add("three.tdxt", three, strlen(three)));
    assert_string_equal(errors, "3:6: s.u is the id of another case, three.tdxt:3");
}

static void long_ids(void **state)
{
    (void)state;
    char text[512];
    for (int length = 93; length <= 94; length++) {
        sprintf(text, "suite s\nsource linux\ntest %0*d\nfrom ready\n", length, 1);
        assert_int_equal(read_text(text), length == 93);
    }
    assert_int_equal(error_count, 1);
    assert_non_null(strstr(errors, "3:6: the id s.000"));
    assert_non_null(strstr(errors, "... has more than 95 characters"));
    sprintf(text, "suite %0*d\n", 96, 1);
    assert_false(read_text(text));
    assert_non_null(strstr(errors, "1:7: the suite's id, "));
}

static void many_cases_and_files(void **state)
{
    (void)state;
    static char text[SCRIPT_MAX_CASES * 16 + 256];
    size_t used = (size_t)sprintf(text, "%s", HEAD);
    for (u32 i = 0; i <= SCRIPT_MAX_CASES; i++)
        used += (size_t)sprintf(text + used, "row r%u\n", i);
    sprintf(text + used, "each call 33\n");
    assert_false(read_text(text));
    assert_string_equal(errors, "4101:5: more than 4096 cases");
    memset(&suite, 0, sizeof(suite));
    for (u32 i = 0; i <= SCRIPT_MAX_FILES; i++) {
        static char files[SCRIPT_MAX_FILES + 1][64];
        sprintf(files[i], "suite s%u\nsource linux\ntest t\nfrom ready\n", i);
        assert_int_equal(add("many.tdxt", files[i], strlen(files[i])), i < SCRIPT_MAX_FILES);
    }
    assert_string_equal(errors, "1:1: more files than can be read");
    assert_int_equal(suite.case_count, SCRIPT_MAX_FILES);
}

static void one_error_a_line_and_twenty_a_file(void **state)
{
    (void)state;
    char text[1024] = HEAD;
    assert_false(read_text(HEAD "n = $ + ?\nsay 1\nm = )"));
    assert_string_equal(errors, "5:5: unexpected character: '$'\n7:5: a value is expected, not ')'");
    for (u32 i = 0; i < 30; i++)
        strcat(text, "nonsense\n");
    assert_false(read_text(text));
    assert_int_equal(error_count, 20);
    assert_non_null(strstr(errors, "24:1: "));
    /* what can be said at the end of a test only counts, too: no source, the id of another, no end */
    for (u32 lines = 17; lines <= 20; lines++) {
        strcpy(text, HEAD "test t\nfrom ready\nfor i in 0..1\n");
        for (u32 i = 0; i < lines; i++)
            strcat(text, "nonsense\n");
        assert_false(read_text(text));
        assert_int_equal(error_count, 20);
    }
}

static void an_error_as_text(void **state)
{
    (void)state;
    const struct script_error error = {"a.tdxt", 12, 3, "wrong"};
    char text[64];
    assert_int_equal(script_error_text(&error, text, sizeof(text)), 18);
    assert_string_equal(text, "a.tdxt:12:3: wrong");
}

/* ---- metadata ---- */

#define META "suite s\ntest t\n"

static void wrong_metadata(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {META "source Linus\nfrom ready", "3:8: no source is called 'Linus' (did you mean linux?)"},
        {META "source linux x\nfrom ready", "3:14: the end of the line is expected, not 'x'"},
        {META "source linux\nsource linux\nfrom ready", "4:1: 'source' is given twice"},
        {HEAD "need soft", "5:1: 'need' belongs before the first step of the test"},
        {META "source linux\nneed\nfrom ready", "4:5: a need is expected, not the end of the line"},
        {META "source linux\nneed sotf\nfrom ready", "4:6: no need is called 'sotf' (did you mean soft?)"},
        {META "source linux\nneed cpus\nfrom ready", "4:10: '>=' is expected, not the end of the line"},
        {META "source linux\nneed cpus>=n\nfrom ready", "4:12: a number is expected, not 'n'"},
        {META "source linux\nneed memory>=4G\nfrom ready", "4:14: no machine has so much"},
        {META "source linux\nprofile\nfrom ready", "4:8: a profile is expected, not the end of the line"},
        {META "source linux\nprofile ext exxt\nfrom ready",
         "4:13: no profile is called 'exxt' (did you mean ext?)"},
        {META "source linux\nprofile ext ext ext ext ext ext ext ext ext ext ext ext ext\nfrom ready",
         "4:57: more than 47 characters of profiles"},
        {META "source linux\nversion 1.5.6\nfrom ready", "4:9: '>=', '<' or '==' is expected, not '1'"},
        {META "source linux\nversion < 1.5\nfrom ready", "4:11: a version like 1.5.6 is expected, not '1.5'"},
        {META "source linux\nversion < 1.5.6.7\nfrom ready",
         "4:11: a version like 1.5.6 is expected, not '1.5.6.7'"},
        {META "source linux\nversion < 1.5.12345\nfrom ready",
         "4:11: a version like 1.5.6 is expected, not '1.5.12345'"},
        {META "source linux\nversion < 1..6\nfrom ready",
         "4:11: a version like 1.5.6 is expected, not '1..6'"},
        {META "source linux\ntimeout 0\nfrom ready", "4:9: a timeout is 1 to 600 seconds"},
        {META "source linux\ntimeout 601\nfrom ready", "4:9: a timeout is 1 to 600 seconds"},
        {META "source linux\ntimeout x\nfrom ready", "4:9: a number of seconds is expected, not 'x'"},
        {META "source linux\nxfail\nfrom ready",
         "4:6: 'until VERSION' or the reason, in quotes is expected, not the end of the line"},
        {META "source linux\nxfail \"\"\nfrom ready", "4:8: why is it expected to fail?"},
        {META "source linux\nxfail until soon \"\"\nfrom ready",
         "4:13: a version like 1.5.6 is expected, not 'soon'"},
        {META
         "source linux\nxfail \"0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
         "2345678901234567890123456789012345678901234567\"\nfrom ready",
         "4:8: a reason has at most 127 characters"},
    };
    CHECK_REFUSALS(refusals);
}

static void metadata(void **state)
{
    (void)state;
    assert_true(
        read_text("suite a.b\nneed monitor ext quote dpamt disable cpus>=2\nprofile ext\ntimeout 600\n"
                  "version == 1.5.01\nsource spec-quote\n"
                  "test one\nfrom pooled\n"
                  "test two\nneed soft\nneed no_ext packages >= 3 cpus>=1 memory>=512\nprofile 1.5.01 dpamt\n"
                  "source module-1.5.01\nxfail until 2.0.1 \"why\"\nversion < 1.10.3\ntimeout 1\nfrom reset\n"
                  "test three\nxfail \"so\"\nversion >= 1.5.6\nfrom ready\n"));
    assert_int_equal(suite.case_count, 3);
    const struct script_case *item = &suite.cases[0];
    assert_string_equal(item->id, "a.b.one");
    assert_int_equal(item->line, 7);
    assert_int_equal(item->row_line, 0);
    assert_int_equal(item->needs, SCRIPT_NEED_MONITOR | SCRIPT_NEED_EXT | SCRIPT_NEED_QUOTE |
                                      SCRIPT_NEED_DPAMT | SCRIPT_NEED_DISABLE);
    assert_int_equal(item->min_cpus, 2);
    assert_string_equal(item->profiles, "ext");
    assert_int_equal(item->seconds, 600);
    assert_int_equal(item->relation, VERSION_EXACT);
    assert_int_equal(item->version, 1ull << 32 | 5 << 16 | 1);
    assert_int_equal(item->source, SOURCE_SPEC);
    assert_int_equal(item->state, STATE_POOLED);
    assert_false(item->xfail);

    item = &suite.cases[1];
    assert_int_equal(item->needs,
                     suite.cases[0].needs | SCRIPT_NEED_SOFT | SCRIPT_NEED_NO_EXT); /* they add up */
    assert_int_equal(item->min_cpus, 2);
    assert_int_equal(item->min_packages, 3);
    assert_int_equal(item->min_memory_mib, 512);
    assert_string_equal(item->profiles, "1.5.01 dpamt");
    assert_int_equal(item->source, SOURCE_MODULE);
    assert_true(item->xfail);
    assert_int_equal(item->xfail_until, 2ull << 32 | 1);
    assert_string_equal(item->xfail_why, "why");
    assert_int_equal(item->relation, VERSION_BELOW);
    assert_int_equal(item->version, 1ull << 32 | 10 << 16 | 3);
    assert_int_equal(item->seconds, 1);
    assert_int_equal(item->state, STATE_RESET);

    item = &suite.cases[2];
    assert_int_equal(item->source, SOURCE_SPEC);
    assert_int_equal(item->min_cpus, 2);
    assert_int_equal(item->relation, VERSION_AT_LEAST);
    assert_true(item->xfail);
    assert_int_equal(item->xfail_until, 0);
}

static void what_is_not_given(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum test_source source;
    } sources[] = {{"module-1.5.01", SOURCE_MODULE}, {"patch-v2", SOURCE_PATCH},
                   {"spec-quote", SOURCE_SPEC},      {"linux", SOURCE_LINUX},
                   {"project", SOURCE_PROJECT},      {"inferred", SOURCE_INFERRED}};
    for (u32 i = 0; i < ARRAY_COUNT(sources); i++) {
        char text[128];
        sprintf(text, "suite s\ntest t\nsource %s\nfrom reset", sources[i].name);
        assert_true(read_text(text));
        assert_int_equal(suite.cases[0].source, sources[i].source);
        assert_int_equal(suite.cases[0].seconds, SCRIPT_DEFAULT_SECONDS);
        assert_int_equal(suite.cases[0].relation, VERSION_ANY);
        assert_string_equal(suite.cases[0].profiles, "");
        assert_int_equal(suite.cases[0].needs, 0);
    }
}

/* ---- expressions and variables ---- */

static void wrong_expressions(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "n =", "5:4: a value is expected, not the end of the line"},
        {HEAD "n = (1 + 2", "5:11: a ')' is expected, not the end of the line"},
        {HEAD "n = 1 2", "5:7: the end of the line is expected, not '2'"},
        {HEAD "n = CMR_BASE[1)", "5:15: a ']' is expected, not ')'"},
        {HEAD "n = min(1)", "5:5: min() takes 2 arguments, not 1"},
        {HEAD "n = bit()", "5:5: bit() takes 1 argument, not 0"},
        {HEAD "n = cpus(1)", "5:5: cpus() takes 0 arguments, not 1"},
        {HEAD "n = minn(1, 2)", "5:5: no function is called 'minn' (did you mean min?)"},
        {HEAD "n = hpalist(1, 2, 3)", "5:5: no function is called 'hpalist' (did you mean hpa_list?)"},
        {HEAD "n = cpus", "5:5: 'cpus' is a function: write cpus(...)"},
        {HEAD "n = m", "5:5: nothing is called 'm'"},
        {HEAD "n = n + 1", "5:5: variable 'n' has no value before this line"},
        {HEAD "say later\nlater = 1", "5:5: variable 'later' has no value before this line"},
        {HEAD "pool = 1\nsay poll", "6:5: nothing is called 'poll' (did you mean pool?)"},
        {HEAD "n = SUCESS", "5:5: nothing is called 'SUCESS' (did you mean SUCCESS?)"},
        {HEAD "n = TDX_OPERAND_BUSY",
         "5:5: nothing is called 'TDX_OPERAND_BUSY' (did you mean OPERAND_BUSY?)"},
        {HEAD "n = cmr_base", "5:5: nothing is called 'cmr_base' (did you mean CMR_BASE?)"},
        {HEAD "n = FEATURE.QUOT", "5:5: nothing is called 'FEATURE.QUOT' (did you mean FEATURE.QUOTE?)"},
        {HEAD "n = MEMORY_POOL",
         "5:5: nothing is called 'MEMORY_POOL' (did you mean MEMORY_POOL_REQUIRED_PAGES?)"},
        {HEAD "n = EXT_MEMORY_POOL_FULL",
         "5:5: EXT_MEMORY_POOL_FULL has no public number: it can be expected, not computed with"},
        {HEAD "n = rcx", "5:5: 'rcx' is of the last call, and there is none before this line"},
        {HEAD "n = in.rcx", "5:5: 'in.rcx' is of the last call, and there is none before this line"},
        {HEAD "n = resumes()", "5:5: 'resumes' is of the last call, and there is none before this line"},
        {HEAD "call SYS.INIT rcx=rdx", "5:19: 'rdx' is of the last call, and there is none before this line"},
        {CALLED "n = in.rcy", "6:8: no register is called 'rcy' (did you mean rcx?)"},
        {CALLED "n = rax[0]",
         "6:5: 'rax' is of a 'par' block or a call '@all', and there is none before this line"},
        {HEAD "rcx = 1", "5:1: 'rcx' means something else; a variable needs another name"},
        {HEAD "call = 1", "5:1: 'call' means something else; a variable needs another name"},
        {HEAD "version = 1", "5:1: 'version' means something else; a variable needs another name"},
        {HEAD "raw = 1", "5:1: 'raw' means something else; a variable needs another name"},
        {HEAD "set = 1", "5:1: 'set' means something else; a variable needs another name"},
        {HEAD "alloc = 1", "5:1: 'alloc' means something else; a variable needs another name"},
        {HEAD "N = 1", "5:1: a variable's name begins with a small letter and has no dots, not 'N'"},
        {HEAD "_n = 1", "5:1: a variable's name begins with a small letter and has no dots, not '_n'"},
        {HEAD "n.m = 1", "5:1: a variable's name begins with a small letter and has no dots, not 'n.m'"},
        {HEAD "a1234567890123456789012345678901 = 1", "5:1: a variable's name has at most 31 characters"},
        {HEAD "n = ((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))\n"
              "m = (((((((((((((((((((((((((((((((((1)))))))))))))))))))))))))))))))))",
         "6:37: more than 32 brackets in one another"},
        {HEAD
         "n = ------------------------------------------------------------------------------------------------"
         "---------------------------------1",
         "5:133: this expression is too long; use a variable for a part of it"},
    };
    CHECK_REFUSALS(refusals);
}

static void deep_expressions(void **state)
{
    (void)state;
    char text[1024];
    for (u32 depth = 60; depth <= 61;
         depth++) { /* 1+(1|(1+(1|... : two operators a bracket wait, and two values */
        strcpy(text, HEAD "n = ");
        for (u32 i = 0; i < depth / 2 - 1; i++)
            strcat(text, "1|1+(");
        strcat(text, depth & 1 ? "1|1+1" : "1|1");
        for (u32 i = 0; i < depth / 2 - 1; i++)
            strcat(text, ")");
        assert_int_equal(read_text(text), depth == 60);
    }
    assert_int_equal(error_count, 1);
    assert_non_null(strstr(errors, "this expression is too long; use a variable for a part of it"));
}

/* Neither many operators nor many brackets one after the other make an expression deep. */
static void long_expressions(void **state)
{
    (void)state;
    char text[1024] = HEAD "n = 1";
    for (u32 i = 0; i < 80; i++)
        strcat(text, i & 1 ? " + (1)" : " * cpus()");
    assert_true(read_text(text));
}

/* ---- calls and items ---- */

static void wrong_calls(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "call", "5:5: a leaf is expected, not the end of the line"},
        {HEAD "call EXT.MEM.AD", "5:6: no leaf is called 'EXT.MEM.AD' (did you mean EXT.MEM.ADD?)"},
        {HEAD "call ext_init", "5:6: no leaf is called 'ext_init' (did you mean EXT.INIT?)"},
        {HEAD "call TDH.SYS.INIT", "5:6: no leaf is called 'TDH.SYS.INIT' (did you mean SYS.INIT?)"},
        {HEAD "call lef\nleaf = 1", "5:6: no leaf is called 'lef' (did you mean leaf?)"},
        {HEAD "call SYS.INIT 5",
         "5:15: an operand, '@', 'resume', 'unchanged' or 'expect' is expected, not '5'"},
        {HEAD "call SYS.INIT rcy=1", "5:15: no register is called 'rcy' (did you mean rcx?)"},
        {HEAD "call SYS.INIT rcx", "5:18: '=' is expected, not the end of the line"},
        {HEAD "call SYS.INIT unchangd", "5:15: no register is called 'unchangd' (did you mean unchanged?)"},
        {HEAD "call SYS.INIT rcx=1 rdx=2 rcx=3", "5:27: rcx is given twice"},
        {HEAD "call SYS.INIT rax=1", "5:15: rax is made of leaf and version; 'call raw' takes it as it is"},
        {HEAD "call raw rax=1 version=1", "5:16: 'call raw' has its version in rax"},
        {HEAD "call raw rcx=1", "5:6: 'call raw' needs rax=..."},
        {HEAD "call SYS.INIT @cpu1 @cpu2", "5:21: a second CPU for one call"},
        {HEAD "call SYS.INIT @cpux",
         "5:16: a CPU: cpu0, 0, last, package0, all, (EXPR) is expected, not 'cpux'"},
        {HEAD "call SYS.INIT @(1", "5:18: a ')' is expected, not the end of the line"},
        {HEAD "call SYS.INIT resume", "5:21: a resume convention is expected, not the end of the line"},
        {HEAD "call SYS.INIT resume output",
         "5:22: no resume convention is called 'output' (did you mean outputs?)"},
        {HEAD "call SYS.INIT resume inputs max 1 max 2", "5:35: 'max' is given twice"},
        {HEAD "call SYS.INIT resume inputs at @1 at @2", "5:35: 'at' is given twice"},
        {HEAD "call SYS.INIT resume inputs at cpu1", "5:32: '@' and a CPU is expected, not 'cpu1'"},
        {HEAD "call SYS.INIT resume inputs at @all", "5:32: a call can't go on on all CPUs"},
        {HEAD "call SYS.INIT resume inputs resume flag", "5:29: 'resume' is given twice"},
        {HEAD "call SYS.INIT unchanged unchanged", "5:25: 'unchanged' is given twice"},
        {HEAD "call SYS.INIT expect", "5:21: a value is expected, not the end of the line"},
        {HEAD "call SYS.INT\nexpect SUCCESS, rcx == 0",
         "5:6: no leaf is called 'SYS.INT' (did you mean SYS.INIT?)"},
        {HEAD "each SYS.INIT", "5:6: 'call' is expected, not 'SYS.INIT'"},
    };
    CHECK_REFUSALS(refusals);
}

static void wrong_items(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "expect SUCCESS", "5:8: this is about the last call, and there is none before this line"},
        {HEAD "expect rcx unchanged", "5:8: this is about the last call, and there is none before this line"},
        {HEAD "expect others unchanged",
         "5:8: this is about the last call, and there is none before this line"},
        {HEAD "expect cpus() == 1, rcx set",
         "5:21: this is about the last call, and there is none before this line"},
        {CALLED "expect SUCCES", "6:8: no status is called 'SUCCES' (did you mean SUCCESS?)"},
        {CALLED "expect SUCCESS or 5", "6:19: a status is expected, not '5'"},
        {CALLED "expect SUCCESS or SYS_BUZY",
         "6:19: no status is called 'SYS_BUZY' (did you mean SYS_BUSY?)"},
        {CALLED "expect SUCCESS rcx", "6:16: the end of the line is expected, not 'rcx'"},
        {CALLED "expect OPERAND_INVALID op=RCY", "6:27: no operand is called 'RCY' (did you mean RCX?)"},
        {CALLED "expect OPERAND_INVALID op RCX", "6:27: '=' is expected, not 'RCX'"},
        {CALLED "expect OPERAND_INVALID op=RCX op=RDX", "6:31: these detail bits are given twice"},
        {CALLED "expect OPERAND_INVALID detail=1 info0=1", "6:33: these detail bits are given twice"},
        {CALLED "expect PAMT_OVERLAP info0=256", "6:27: 0x100 doesn't fit here, at most 0xff does"},
        {CALLED "expect PAMT_OVERLAP detail=4G",
         "6:28: 0x100000000 doesn't fit here, at most 0xffffffff does"},
        {CALLED "expect EXT_MEMORY_POOL_FULL detail=1", "6:29: this status has no details to compare"},
        {CALLED "expect SW_FAULT_GP op=RCX", "6:20: this status has no details to compare"},
        {CALLED "expect OPERAND_BUSY op=RCX any",
         "6:28: 'any' and details of OPERAND_BUSY exclude each other"},
        {CALLED "expect EXT_MEMORY_POOL_FULL any",
         "6:29: 'any' and details of EXT_MEMORY_POOL_FULL exclude each other"},
        {CALLED "expect rax == EXT_MEMORY_POOL_FULL",
         "6:15: EXT_MEMORY_POOL_FULL has no public number: it can be expected, not computed with"},
        {CALLED "expect others set", "6:15: 'unchanged' is expected, not 'set'"},
        {CALLED
         "expect SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or "
         "SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS or SUCCESS",
         "6:184: more than 16 statuses in an item"},
        {CALLED "expect outcome (SUCCESS)",
         "6:8: 'outcome' is of a 'par' block, and there is none before this line"},
        {CALLED "expect row", "6:8: 'row' needs rows, and this test has none"},
        {CALLED "expect 1,", "6:10: a value is expected, not the end of the line"},
    };
    CHECK_REFUSALS(refusals);
}

/* ---- steps ---- */

static void wrong_steps(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "bring ready featurs=1",
         "5:13: no option of a state is called 'featurs' (did you mean features?)"},
        {HEAD "bring ready dpamt=1 dpamt=0", "5:21: 'dpamt' is given twice"},
        {HEAD "bring ready dpamt", "5:18: '=' is expected, not the end of the line"},
        {HEAD "from initialised version=1",
         "5:18: 'version' means something from 'configured' on, not in 'initialised'"},
        {HEAD "bring ready 1", "5:13: an option of a state is expected, not '1'"},
        {HEAD "write 1 2", "5:9: '=' is expected, not '2'"},
        {HEAD "fill 1 2", "5:9: a value is expected, not the end of the line"},
        {HEAD "require 1", "5:10: the reason, in quotes is expected, not the end of the line"},
        {HEAD "say 1, 2, 3, 4, 5, 6, 7, 8, 9", "5:29: more than 8 values in a line"},
        {HEAD "inject", "5:7: an injection is expected, not the end of the line"},
        {HEAD "inject stat", "5:8: no injection is called 'stat' (did you mean status?)"},
        {HEAD "inject status SYS.INT", "5:15: no leaf is called 'SYS.INT' (did you mean SYS.INIT?)"},
        {HEAD "inject status SYS.INIT",
         "5:23: 'nth', 'count' or 'rax=...' is expected, not the end of the line"},
        {HEAD "inject status SYS.INIT rax 1", "5:28: '=' is expected, not '1'"},
        {HEAD "inject vmfail SYS.INIT nth 1 nth 2", "5:30: 'nth' is given twice"},
        {HEAD "inject vmfail SYS.INIT count 1 count 2", "5:32: 'count' is given twice"},
        {HEAD "inject interrupt 61 1", "5:21: 'nth', 'count' or 'after N' is expected, not '1'"},
        {HEAD "inject ipi cpu1", "5:12: '@' and a CPU is expected, not 'cpu1'"},
        {HEAD "inject timer @1 20", "5:17: 'every N us' is expected, not '20'"},
        {HEAD "inject timer @1 every 20", "5:25: 'us' is expected, not the end of the line"},
        {HEAD "inject stop 1", "5:13: the end of the line is expected, not '1'"},
        {HEAD "knob", "5:5: the name of a knob is expected, not the end of the line"},
        {HEAD "knob a", "5:7: '=' is expected, not the end of the line"},
        {HEAD "knob a=1 b=2", "5:10: the end of the line is expected, not 'b'"},
        {HEAD "knob a1234567890123456789012345678901=1", "5:6: a knob's name has at most 31 characters"},
        {HEAD "install a=1 b=2 c=3 d=4 e=5", "5:25: more than 4 knobs"},
        {HEAD "platform", "5:9: a part of the platform is expected, not the end of the line"},
        {HEAD "platform cpud 1", "5:10: no part of the platform is called 'cpud' (did you mean cpuid?)"},
        {HEAD "platform msr 1", "5:15: '=' is expected, not the end of the line"},
        {HEAD "platform cpuid 7 0 rbx = 1", "5:20: no register of CPUID is called 'rbx' (did you mean ebx?)"},
        {HEAD "platform cmr 1 = 2", "5:19: ',' and a size is expected, not the end of the line"},
        {HEAD "platform lps = 2 @cpu0", "5:18: the end of the line is expected, not '@'"},
    };
    CHECK_REFUSALS(refusals);
}

static void wrong_blocks(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "end", "5:1: 'end' without 'for' or 'par'"},
        {HEAD "for i in 0..1\nsay i", "5:1: this 'for' has no 'end'"},
        {HEAD "  par\ncall 33\ntest u\nsource linux\nfrom ready", "5:3: this 'par' has no 'end'"},
        {HEAD "for 1", "5:5: a variable is expected, not '1'\n5:1: this 'for' has no 'end'"},
        {HEAD "for i 0..1\nend", "5:7: 'in' is expected, not '0'"},
        {HEAD "for i in 0,1\nend", "5:11: '..' is expected, not ','"},
        {HEAD "for i in 0..4 step 2-2\nend", "5:20: a step of 0 never ends"},
        {HEAD "for i in 0..4\nfor i in 0..4\nend\nend", "6:5: 'i' counts a 'for' around this one"},
        {HEAD "for rcx in 0..4\nend", "5:5: 'rcx' means something else; a variable needs another name"},
        {HEAD "for i in 0..i\nend", "5:13: variable 'i' has no value before this line"},
        {HEAD "for a in 0..1\nfor b in 0..1\nfor c in 0..1\nfor d in 0..1\nfor e in 0..1\nfor f in 0..1\n"
              "for g in 0..1\nfor h in 0..1\n  for i in 0..1\nend\nend\nend\nend\nend\nend\nend\nend\nend",
         "13:3: more than 8 blocks in one another"},
        {HEAD "par\nend", "6:1: no calls in this 'par' block"},
        {HEAD "par\ncall 33\nsay 1\nend",
         "7:1: only calls stand in a 'par' block, up to its 'end' (it begins in line 5)"},
        {HEAD "par\npar\ncall 33\nend\nend",
         "6:1: only calls stand in a 'par' block, up to its 'end' (it begins in line 5)"},
        {HEAD "par\ncall 33 expect SUCCESS\nend",
         "6:9: calls in a 'par' block can't expect; write 'expect outcome ...' behind its end"},
        {HEAD "par\ncall 33 unchanged\nend",
         "6:6: calls in a 'par' block can't be 'unchanged': others run at the same time"},
        {HEAD "par\ncall 33 @all\nend", "6:6: a call in a 'par' block has one CPU, not all"},
        {HEAD "par\ncall 33 resume outputs at @1\nend", "6:6: a call in a 'par' block can't go on elsewhere"},
        {HEAD "row a\npar\neach call 33\nend", "7:11: 'each' can't stand in a 'par' block"},
        {HEAD "par\ncall 33\ncall 33 @cpu1\nend\nexpect outcome (SUCCESS)",
         "9:16: 1 statuses, but the 'par' block before has 2 lanes"},
        {HEAD "par\ncall 33\ncall 33 @last\nend\nexpect outcome (SUCCESS, SUCCESS) or (SUCCESS)",
         "9:38: 1 statuses, but 2 in the first set"},
        {HEAD "par\ncall 33\nend\nexpect outcome SUCCESS", "8:16: '(' is expected, not 'SUCCESS'"},
        {HEAD "par\ncall 33\nend\nexpect outcome (SUCCESS",
         "8:24: ',' or ')' is expected, not the end of the line"},
        {HEAD
         "par\ncall 33 @0\ncall 33 @1\ncall 33 @2\ncall 33 @3\ncall 33 @4\ncall 33 @5\ncall 33 @6\ncall 33 @7\n"
         "call 33 @8\ncall 33 @9\ncall 33 @10\ncall 33 @11\ncall 33 @12\ncall 33 @13\ncall 33 @14\ncall 33 @15\n"
         "call 33 @15\ncall 33 @16\nend",
         "23:6: more than 16 lanes in a 'par' block"},
    };
    CHECK_REFUSALS(refusals);
}

/* ---- rows ---- */

static void wrong_rows(void **state)
{
    (void)state;
    static const struct refusal refusals[] = {
        {HEAD "row A rcx=1\neach call 33", "5:5: the row's name, of a-z, 0-9 and _, is expected, not 'A'"},
        {HEAD "row\nsay 1", "5:4: the row's name, of a-z, 0-9 and _, is expected, not the end of the line"},
        {HEAD "row a 1\neach call 33", "5:7: NAME=VALUE or 'expect' is expected, not '1'"},
        {HEAD "row a rcx 1\neach call 33", "5:11: '=' is expected, not '1'"},
        {HEAD "row a rcx=1 rcx=2\neach call 33", "5:13: rcx is given twice"},
        {HEAD "row a n=1 n=2\nsay n", "5:11: 'n' is given twice"},
        {HEAD "row a n=1\nn = 2\nsay n", "5:7: 'n' is assigned by a step of this test, too"},
        {HEAD "row a n=1\nfor n in 0..1\nend", "5:7: 'n' is assigned by a step of this test, too"},
        {HEAD "row a n=1\nrow b m=2\nsay n",
         "6:7: 'm' isn't bound by the first row: all rows bind the same variables"},
        {HEAD "row a n=1\nrow b\nsay n", "6:5: this row doesn't bind 'n', which the first one does"},
        {HEAD "row a n=m m=1\nsay n, m", "5:9: 'm' is bound further right in this row"},
        {HEAD "row a n=n\nsay n", "5:9: 'n' is bound further right in this row"},
        {HEAD "row a n=x\nsay n", "5:9: nothing is called 'x'"},
        {HEAD "row a Rcx=1\neach call 33",
         "5:7: a variable's name begins with a small letter and has no dots, not 'Rcx'"},
        {HEAD "row a expect row\neach call 33", "5:14: a row can't expect 'row'"},
        {HEAD "for i in 0..1\nrow a rcx=1\nend\neach call 33",
         "6:1: rows stand outside of blocks (one begins in line 5)"},
        {HEAD "row a n=1\nsay 1", "5:5: the rows bind 'n', but nothing in the test uses it"},
        {HEAD "row a\nsay 1",
         "5:5: nothing in the test uses its rows: no 'each call', no 'expect row', no variable of theirs"},
        {HEAD "row a n=1 rcx=1\nsay n",
         "5:11: registers of a row are for 'each call', and there is none in the test"},
        {HEAD "row a n=1 expect SUCCESS\nsay n",
         "5:5: this row expects something, but no 'each call' or 'expect row' asks for it"},
        {HEAD "row a expect SUCCESS\nrow b\ncall 33\nexpect row",
         "6:5: this row expects nothing, and 'row' is expected in line 8"},
        {HEAD "each call 33", "5:11: 'each' needs rows, and this test has none"},
        {HEAD "row a rax=1\neach call 33",
         "5:7: rax is made of leaf and version; 'each call raw' takes it as it is"},
        {HEAD "row a version=1\neach call raw rax=1", "5:7: 'each call raw' has its version in rax"},
        {HEAD "row a rax=1\nrow b rcx=1\neach call raw",
         "7:11: 'call raw' needs rax=..., here or in every row"},
        {HEAD "row a rcx=1\nrow b rax=1\neach call raw",
         "7:11: 'call raw' needs rax=..., here or in every row"},
        {HEAD "row a rcx=1 2\neach call 33", "5:13: NAME=VALUE or 'expect' is expected, not '2'"},
        {HEAD "row a rcx=1 expect SUCCESS 2\neach call 33", "5:28: the end of the line is expected, not '2'"},
        {HEAD
         "row a rax=1 rcx=1 rdx=1 r8=1 r9=1 r10=1 r11=1 a=1 b=1 c=1 d=1 e=1 f=1 g=1 h=1 i=1 j=1\neach call raw",
         "5:83: more than 16 values in a row"},
    };
    CHECK_REFUSALS(refusals);
}

static void fine_rows(void **state)
{
    (void)state;
    assert_true(read_text(HEAD "row a rax=1\nrow b rax=2\neach call raw\n"));
    assert_true(read_text(HEAD "row a\nrow b rcx=1\neach call raw rax=1 rcx=2\n"));
    assert_true(
        read_text(HEAD "row a n=1 m=n+k expect SUCCESS, rcx == m\nk = 3\ncall 33\nexpect row, n == 1\n"));
    assert_true(
        read_text("suite s\ntest t\nrow a rcx=1\nsource linux\nrow b rcx=2\nfrom extended\nrow 3 rcx=2\n"
                  "each call 33\nrow c rcx=1\n"));
    assert_int_equal(suite.case_count, 4);
    static const char *const ids[] = {"s.t.a", "s.t.b", "s.t.3", "s.t.c"};
    static const u32 lines[] = {3, 5, 7, 9};
    for (u32 i = 0; i < 4; i++) {
        assert_string_equal(suite.cases[i].id, ids[i]);
        assert_int_equal(suite.cases[i].line, 2);
        assert_int_equal(suite.cases[i].row_line, lines[i]);
        assert_int_equal(suite.cases[i].state, STATE_EXTENDED);
        assert_int_equal(suite.cases[i].source, SOURCE_LINUX);
    }
}

/* ---- limits of a test ---- */

/* They are of a case: a row doesn't count for the others. */
static void many_rows(void **state)
{
    (void)state;
    static char text[SCRIPT_MAX_TOKENS * 64];
    size_t used = (size_t)sprintf(text, "%s", HEAD);
    for (u32 i = 0; i < SCRIPT_MAX_TOKENS / 16; i++)
        used += (size_t)sprintf(text + used,
                                "row r%u n=1+1+1+1+1+1+1+1+1+1 expect SUCCESS or SYS_BUSY, 1, 1\n", i);
    strcpy(text + used, "each call n\n");
    assert_true(read_text(text));
}

static void limit(const char *line, u32 fits, const char *error)
{
    static char text[512 * 1024];
    for (u32 count = fits; count <= fits + 1; count++) {
        size_t used = (size_t)sprintf(text, "%s", HEAD "call SYS.INIT\n");
        for (u32 i = 0; i < count; i++)
            used += (size_t)sprintf(text + used, line, i);
        strcpy(text + used, "nonsense\n"); /* silence after a limit: it's the test that has to change */
        read_text(text);
        if (strcmp(errors, count > fits ? error : strrchr(errors, '\n') ? "" : errors) != 0)
            fail_msg("%u times %s: %s", count, line, errors);
    }
}

static void limits(void **state)
{
    (void)state;
    limit("say %u\n", SCRIPT_MAX_STEPS - 2, "260:1: more than 256 steps in a test; split it");
    limit("v%u = 1\n", SCRIPT_MAX_VARIABLES, "70:1: more than 64 variables in a test; split it");
    limit("expect 1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n", 32,
          "38:8: more than 512 expectations in a test; split it");
    limit("expect SUCCESS or SUCCESS or SUCCESS or SUCCESS\n", 128,
          "134:16: more than 512 statuses in a test; split it");
    limit("say 1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1\n", 126,
          "132:7: more than 8192 values and operators in a test; split it");
}

/* ---- names ---- */

static void names_are_unique(void **state)
{
    (void)state;
    u32 count;
    const struct script_name *names = script_name_table(&count);
    for (u32 i = 0; i < count; i++) {
        assert_true(strlen(names[i].text) < 64);
        for (u32 k = 0; k < i; k++) {
            bool both_values = (names[i].kind & NAME_VALUES) && (names[k].kind & NAME_VALUES);
            if ((both_values || names[i].kind == names[k].kind) && strcmp(names[i].text, names[k].text) == 0)
                fail_msg("%s stands for two things", names[i].text);
        }
        assert_ptr_equal(script_name_find(names[i].kind, names[i].text, (u32)strlen(names[i].text)),
                         &names[i]);
    }
    assert_null(script_name_find(~0u, "nonsense", 8));
    assert_null(script_name_find(NAME_LEAF, "SUCCESS", 7));
    assert_null(script_name_find(~0u, "SUCCESS", 6));
}

/* Statuses that a script can name are those of the decoder. */
static void names_mean_what_the_tables_say(void **state)
{
    (void)state;
    u32 count, statuses = 0, leaves = 0;
    const struct script_name *names = script_name_table(&count);
    for (u32 i = 0; i < count; i++) {
        uint64_t value;
        unsigned leaf;
        if (names[i].kind == NAME_STATUS) {
            assert_true(tdx_status_by_name(names[i].text, &value));
            assert_int_equal(value, names[i].value);
            statuses++;
        }
        if (names[i].kind == NAME_LEAF) {
            assert_true(tdx_leaf_by_name(names[i].text, &leaf));
            assert_int_equal(leaf, names[i].value);
            leaves++;
        }
    }
    assert_true(statuses > 150 && leaves > 80);
    assert_int_equal(script_name_find(NAME_CONSTANT, "FEATURE.EXT", 11)->value, 1ull << 39);
    assert_int_equal(script_name_find(NAME_CONSTANT, "TDMR.RESERVED_SIZE", 18)->value, 72);
    assert_int_equal(script_name_find(NAME_CONSTANT, "PAGE.RSVD", 9)->value, 1);
    assert_int_equal(script_name_find(NAME_CONSTANT, "OWNER.POOL", 10)->value, 2);
    assert_int_equal(script_name_find(NAME_CONSTANT, "OPERAND.RCX", 11)->value, 1);
}

static const char *guess(const char *word, u32 kinds)
{
    struct script_guess guess;
    script_guess_start(&guess, word, (u32)strlen(word));
    script_guess_names(&guess, kinds);
    return guess.best ? guess.best : "";
}

static void guesses(void **state)
{
    (void)state;
    assert_string_equal(guess("OPERAND_INVALED", NAME_STATUS), "OPERAND_INVALID");
    assert_string_equal(guess("OPERNAD_INVALID", NAME_STATUS), "OPERAND_INVALID"); /* two letters swapped */
    assert_string_equal(guess("EXT_MEM_ADD", NAME_LEAF), "EXT.MEM.ADD");
    assert_string_equal(guess("SYS.INIT", NAME_FIELD), "");
    assert_string_equal(guess("no_entr", NAME_INJECT), "no_entropy"); /* the beginning of it */
    assert_string_equal(guess("x", NAME_REGISTER), "");
    assert_string_equal(guess("r", NAME_REGISTER), "r8");
    assert_string_equal(guess("wholly_different", ~0u), "");
    assert_string_equal(guess("a_word_that_is_much_longer_than_any_name_could_ever_be_in_this_table", ~0u),
                        "");
    assert_string_equal(script_state_name(STATE_QUOTING), "quoting");
    assert_string_equal(script_register_name(REG_R11), "r11");
    assert_string_equal(script_function_name(FUNCTION_alloc), "alloc");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_characters),
        cmocka_unit_test(fine_characters),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(no_nul),
        cmocka_unit_test(wrong_files),
        cmocka_unit_test(ids_of_other_files_and_their_removal),
        cmocka_unit_test(long_ids),
        cmocka_unit_test(many_cases_and_files),
        cmocka_unit_test(one_error_a_line_and_twenty_a_file),
        cmocka_unit_test(an_error_as_text),
        cmocka_unit_test(wrong_metadata),
        cmocka_unit_test(metadata),
        cmocka_unit_test(what_is_not_given),
        cmocka_unit_test(wrong_expressions),
        cmocka_unit_test(deep_expressions),
        cmocka_unit_test(long_expressions),
        cmocka_unit_test(wrong_calls),
        cmocka_unit_test(wrong_items),
        cmocka_unit_test(wrong_steps),
        cmocka_unit_test(wrong_blocks),
        cmocka_unit_test(wrong_rows),
        cmocka_unit_test(fine_rows),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(limits),
        cmocka_unit_test(names_are_unique),
        cmocka_unit_test(names_mean_what_the_tables_say),
        cmocka_unit_test(guesses),
    };
    return cmocka_run_group_tests_name("script: reading", tests, NULL, NULL);
}
