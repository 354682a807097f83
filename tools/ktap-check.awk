# SPDX-License-Identifier: MIT
#
# Reads a run's serial log and prints two lines: what keeps the log from being a verdict (empty: nothing), and the
# test that had begun but not ended (empty: none). A log is complete if its results are 1..N as planned, no line of it
# is damaged or contradicts another, and the end marker follows; with -v verdict=pass no result may be 'not ok', with
# -v verdict=skip every one is a SKIP, with -v verdict=fail at least one is 'not ok'.
#
# tools/ktap-junit.py judges by the same rules; tests/integration/consumers.t holds the two against each other.

BEGIN {
    id = "[a-z0-9_]+(\\.[a-z0-9_]+)*"
    note = "( \\([^()#]*\\))?" # as (inferred)
    begin_line = "^# begin " id note "$"
    result_line = "^# result: " id " (pass|fail|skip|error)" note "( [0-9]+ cycles)?" note "$"
    point_line = "^(not )?ok [0-9]+ " id note "( # .*)?$"
    count["pass"] = 0
}

function wrong(kind, text)
{
    if (problems[kind] == "")
        problems[kind] = text
}

{ sub(/\r$/, "") }

/^KTAP version 1$/ { versions++ }
/^Bail out!/ { wrong("bail", "the kernel gave up: " $0) }
/^# end of seamstress log$/ { ended = 1 }

versions == 0 { next } # firmware may say what it likes

/^1\.\.[0-9]+( # .*)?$/ {
    plan = substr($1, 4) + 0
    plans++
}

/^# (begin|result:) |^(not )?ok( |$)/ {
    if ($0 ~ begin_line) {
        if (running != "")
            wrong("contradiction", running " began and has no result")
        running = $3
        said = ""
    } else if ($0 ~ result_line) {
        if (said != "" || (running != "" && running != $3))
            wrong("contradiction", "the result line of " $3 " is not where it belongs")
        running = $3
        said = $4
    } else if ($0 ~ point_line) {
        point($1 == "not")
    } else {
        wrong("damage", "line " NR " is damaged: " $0)
    }
}

/^# Totals: |^# [0-9]+ passed, / { closing[++closings] = $0 }

# outcome as in the totals, and in means the verdict that its result line gives
function outcome(bad)
{
    means = "pass"
    if ($0 ~ / # SKIP( |$)/)
        return means = "skip"
    if (bad || $0 ~ / # XFAIL( |$)/)
        means = "fail"
    if ($0 ~ / # XFAIL( |$)/)
        return "xfail"
    if (!bad || $0 !~ / # ERROR( |$)/)
        return means
    means = "error"
    return $0 ~ / # ERROR passes, expected to fail: / ? "xpass" : "error"
}

function point(bad,    name, what)
{
    name = bad ? $4 : $3
    what = outcome(bad)
    if ((bad ? $3 : $2) + 0 != ++results)
        wrong("order", "result " results " has number " (bad ? $3 : $2))
    if (running != "" && running != name)
        wrong("contradiction", running " was running when the result of " name " came")
    if (said != "" && said != means)
        wrong("contradiction", name ": result line says " said ", test point " $0)
    if (seen[name]++)
        wrong("contradiction", "a second result of " name)
    count[what]++
    running = said = ""
}

function totals_disagree(    i, full, short)
{
    full = sprintf("# Totals: pass:%d fail:%d xfail:%d xpass:%d skip:%d error:%d", count["pass"], count["fail"],
        count["xfail"], count["xpass"], count["skip"], count["error"])
    short = sprintf("# %d passed, %d failed, %d skipped", count["pass"] + count["xfail"], failures(), count["skip"])
    for (i = 1; i <= closings; i++)
        if (closing[i] != full && closing[i] != short)
            return "the tests counted don't give '" closing[i] "'"
    return ""
}

function failures() { return count["fail"] + count["error"] + count["xpass"] }

function problem()
{
    if (problems["bail"] != "")
        return problems["bail"]
    if (!ended)
        return "log ends before the end marker"
    if (verdict == "list")
        return versions ? "names were asked for, tests ran" : ""
    if (versions != 1)
        return versions + 0 " KTAP version lines instead of one"
    if (plans == 0)
        return "no plan in the log"
    if (plans > 1)
        return plans " plans in the log instead of one"
    if (problems["damage"] != "")
        return problems["damage"]
    if (problems["order"] != "")
        return problems["order"]
    if (results != plan)
        return "plan says " plan ", the log has " results + 0 " results"
    if (problems["contradiction"] != "")
        return problems["contradiction"]
    if (running != "")
        return running " began and has no result"
    if (totals_disagree() != "")
        return totals_disagree()
    if (plan == 0)
        return "no test was to run"
    if (verdict == "pass" && failures())
        return "exit status says pass, the log has " failures() " failed"
    if (verdict == "pass" && results == count["skip"])
        return "exit status says pass, but no test ran"
    if (verdict == "skip" && results != count["skip"])
        return "exit status says all skipped, the log has " results - count["skip"] " that ran"
    if (verdict == "fail" && !failures())
        return "exit status says fail, the log has no failed test"
    return ""
}

END {
    print problem()
    print running
}
