# SPDX-License-Identifier: MIT
#
# Reads a run's serial log and prints two lines: what keeps the log from being a verdict (empty: nothing), and the
# test that had begun but not ended (empty: none). A log is complete if its results are 1..N as planned and the end
# marker follows; with -v verdict=pass no result may be 'not ok', with -v verdict=skip every one is a SKIP, with
# -v verdict=fail at least one is 'not ok'.

{ sub(/\r$/, "") }

/^KTAP version 1$/ { versions++ }

/^1\.\.[0-9]+/ && plan == "" {
    plan = substr($1, 4) + 0
}

/^# begin / { running = $3 }

/^(not )?ok [0-9]+( |$)/ {
    bad = $1 == "not"
    number = bad ? $3 : $2
    results++
    running = ""
    skip = $0 ~ /# SKIP/
    waived = $0 ~ /# XFAIL/
    if (number + 0 != results && order == "")
        order = "result " results " has number " number
    if (bad && !skip && !waived)
        failures++
    if (!skip)
        runs++
}

/^Bail out!/ && bail == "" { bail = $0 }

/^# end of seamstress log$/ { ended = 1 }

function problem()
{
    if (bail != "")
        return "the kernel gave up: " bail
    if (!ended)
        return "log ends before the end marker"
    if (verdict == "list")
        return versions ? "names were asked for, tests ran" : ""
    if (versions != 1)
        return versions + 0 " KTAP version lines instead of one"
    if (plan == "")
        return "no plan in the log"
    if (order != "")
        return order
    if (results != plan)
        return "plan says " plan ", the log has " results + 0 " results"
    if (verdict == "pass" && failures)
        return "exit status says pass, the log has " failures " failed"
    if (verdict == "pass" && !runs)
        return "exit status says pass, but no test ran"
    if (verdict == "skip" && runs)
        return "exit status says all skipped, the log has " runs " that ran"
    if (verdict == "fail" && !failures)
        return "exit status says fail, the log has no failed test"
    return ""
}

END {
    print problem()
    print running
}
