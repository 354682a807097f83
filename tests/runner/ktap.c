/* SPDX-License-Identifier: MIT */
#include "tests/runner/ktap.h"

#include "kernel/console.h"
#include "lib/format.h"
#include "lib/log.h"

const char *test_source_name(enum test_source source)
{
    static const char *const names[] = {
        [SOURCE_MODULE] = "module-1.5.01", [SOURCE_PATCH] = "patch-v2",  [SOURCE_SPEC] = "spec-quote",
        [SOURCE_LINUX] = "linux",          [SOURCE_PROJECT] = "project", [SOURCE_INFERRED] = "inferred"};
    return names[source];
}

void ktap_plan(u32 cases)
{
    console_line("KTAP version 1");
    if (cases == 0)
        console_line("1..0 # SKIP no case was selected");
    else
        console_line("1..%u", cases);
}

void ktap_begin(const struct test_case *item)
{
    console_line("# begin %s (%s)", item->id, test_source_name(item->source));
}

/* A '#' in the reason would start another directive. */
static void directive(char *text, size_t size, const char *name, const char *why)
{
    size_t length = format(text, size, " # %s ", name);
    for (; *why && length + 1 < size; why++)
        text[length++] = *why == '#' ? '/' : *why;
    text[length] = 0;
}

void ktap_result(struct totals *totals, const struct test_case *item, enum verdict verdict, const char *why,
                 u64 cycles)
{
    char suffix[LOG_LINE_MAX] = "";
    /* An expected failure is "ok", so that consumers that don't know the directive stay green. */
    bool good = verdict == VERDICT_SKIP || verdict == (item->known_bug ? VERDICT_FAIL : VERDICT_PASS);
    if (verdict == VERDICT_SKIP)
        directive(suffix, sizeof(suffix), "SKIP", why);
    else if (verdict == VERDICT_ERROR)
        directive(suffix, sizeof(suffix), "ERROR", why);
    else if (item->known_bug && verdict == VERDICT_FAIL)
        directive(suffix, sizeof(suffix), "XFAIL", item->known_bug);
    else if (item->known_bug)
        directive(suffix, sizeof(suffix), "ERROR passes, expected to fail:", item->known_bug);
    totals_add(totals, verdict, item->known_bug);
    if (item->known_bug && verdict == VERDICT_PASS)
        verdict = VERDICT_ERROR; /* who reads only this line must not take it for good */
    console_line("# result: %s %s %lu cycles", item->id, verdict_name(verdict), cycles);
    console_line("%s %u %s%s", good ? "ok" : "not ok", totals_count(totals), item->id, suffix);
}

void ktap_end(const struct totals *totals)
{
    console_line("# Totals: pass:%u fail:%u xfail:%u xpass:%u skip:%u error:%u", totals->pass, totals->fail,
                 totals->xfail, totals->xpass, totals->skip, totals->error);
    console_line("# %u passed, %u failed, %u skipped", totals->pass + totals->xfail,
                 totals->fail + totals->error + totals->xpass, totals->skip);
    console_line("# end of seamstress log");
}
