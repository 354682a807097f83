# SPDX-License-Identifier: MIT
#
# The rules by which Linux's tools/testing/kunit/kunit.py (6.12) reads a flat KTAP log, in our words: it isn't kunit.py,
# whose Debian package is all of Linux's source. Prints the counts as 'kunit.py parse' does, exits as it does.
#
# - The first line that ends in "KTAP version N" begins the log. What stands before it in its line is a prefix, as wide
#   on every line that follows.
# - A plan that doesn't come right after it, diagnostics aside, is no plan: then the log ends where it ends.
# - A result is "ok|not ok NUMBER NAME", the name without '#', and perhaps " # ...", of which only SKIP means anything.
#   Everything else is a diagnostic: a damaged result is none.
# - Planned results are read in order; those that never come are crashed, those that come beyond the plan aren't read.
# - A number out of order is reported and changes no verdict.
# - Success needs a passed test, none failed, none crashed.

function count(kind) { counts[kind]++ }

{
    sub(/[ \t\r]+$/, "")
    line = substr($0, width + 1)
}

!started && /(^|[^A-Za-z])KTAP version [0-9]+$/ {
    started = 1
    width = index($0, "KTAP version") - 1
    if ($NF != 1)
        count("errors")
    next
}

!started || done { next }

!results && !planned && line ~ /^[ \t]*1\.\.[0-9]+/ {
    planned = 1
    plan = line
    sub(/^[ \t]*1\.\./, "", plan)
    plan += 0
    done = plan == 0
    next
}

line ~ /^[ \t]*(not )?ok [0-9]+ [^#]*( # .*)?$/ {
    results++
    good = line ~ /^[ \t]*ok/
    number = line
    sub(/^[ \t]*(not )?ok /, "", number)
    if (number + 0 != results)
        count("errors")
    if (line ~ / # SKIP/)
        count("skipped")
    else
        count(good ? "passed" : "failed")
    done = planned && results == plan
}

END {
    for (; started && planned && results < plan; results++) {
        count("crashed")
        count("errors")
    }
    if (!results)
        count("errors")
    total = counts["passed"] + counts["failed"] + counts["crashed"] + counts["skipped"]
    text = ""
    kinds = split("passed failed crashed skipped errors", kind, " ")
    for (i = 1; i <= kinds; i++)
        if (counts[kind[i]])
            text = text (text == "" ? "" : ", ") kind[i] ": " counts[kind[i]]
    print "Ran " total " tests: " text
    exit !(counts["passed"] && !counts["failed"] && !counts["crashed"])
}
