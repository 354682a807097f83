/* SPDX-License-Identifier: MIT */
#include "tests/runner/verdict.h"

#include "kernel/panic.h"

enum verdict verdict_worse(enum verdict a, enum verdict b)
{
    return a > b ? a : b;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = {
        [VERDICT_PASS] = "pass", [VERDICT_SKIP] = "skip", [VERDICT_ERROR] = "error", [VERDICT_FAIL] = "fail"};
    return names[verdict];
}

const char *verdict_excuse(enum verdict verdict, bool by_inference, const char *known_bug)
{
    if (known_bug || verdict != VERDICT_FAIL || !by_inference)
        return known_bug;
    return "inferred expectation does not hold on this subject";
}

void totals_add(struct totals *totals, enum verdict verdict, const char *known_bug)
{
    if (verdict == VERDICT_PASS)
        *(known_bug ? &totals->xpass : &totals->pass) += 1;
    else if (verdict == VERDICT_SKIP)
        totals->skip++;
    else if (verdict == VERDICT_ERROR)
        totals->error++;
    else
        *(known_bug ? &totals->xfail : &totals->fail) += 1;
}

u32 totals_count(const struct totals *totals)
{
    return totals->pass + totals->fail + totals->xfail + totals->xpass + totals->skip + totals->error;
}

enum verdict totals_verdict(const struct totals *totals)
{
    if (totals->fail)
        return VERDICT_FAIL;
    if (totals->error || totals->xpass || totals_count(totals) == 0)
        return VERDICT_ERROR;
    return totals->pass || totals->xfail ? VERDICT_PASS : VERDICT_SKIP;
}

int verdict_exit_code(enum verdict verdict)
{
    static const int codes[] = {[VERDICT_PASS] = EXIT_PASS,
                                [VERDICT_SKIP] = EXIT_SKIP,
                                [VERDICT_ERROR] = EXIT_ERROR,
                                [VERDICT_FAIL] = EXIT_FAIL};
    return codes[verdict];
}

static bool is_word_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

bool case_id_valid(const char *id)
{
    bool in_word = false;
    for (; *id; id++) {
        if (*id == '.' ? !in_word : !is_word_character(*id))
            return false;
        in_word = *id != '.';
    }
    return in_word;
}

/* Linear: on a mismatch only the last '*' can take one character more. */
bool pattern_matches(const char *pattern, const char *id)
{
    const char *star = NULL, *resume = NULL;
    while (*id) {
        if (*pattern == '*') {
            star = ++pattern;
            resume = id;
        } else if (*pattern == '?' || *pattern == *id) {
            pattern++;
            id++;
        } else if (star) {
            pattern = star;
            id = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == 0;
}
