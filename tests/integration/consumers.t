#!/bin/sh
# SPDX-License-Identifier: MIT
# What readers make of real logs, and of logs damaged in every way that a serial line knows: our converter to JUnit XML,
# and some that we didn't write. What each is to say stands in the last table of docs/reading-logs.md, whose examples
# are run here, too.

. "$(dirname "$0")/lib.sh"
doc=docs/reading-logs.md
python=/usr/bin/python3                       # Debian's, which finds Debian's packages
unset PERL_TEST_HARNESS_DUMP_TAP HARNESS_OPTIONS # of the prove that runs this script
mkdir "$work/logs"

# ---- logs ----

# sample NAME, stdin: the log that the table calls so
sample() {
    cat >"$work/logs/$(echo "$1" | tr ' ' _).log"
    echo "$1" >>"$work/names"
}

launch --run 'bringup.detect.*' --log "$work/good"
expect_status 0 "a real log: all passed"
launch --run 'bringup.pool.*' --fault ext.mem_add:17=0xC000010000000001 --log "$work/bad"
expect_status 1 "a real log: a test failed"
launch --subject hardware --run 'bringup.detect.*' --log "$work/skips"
expect_status 77 "a real log: all skipped"
launch --append crash=panic --log "$work/panic"
expect_status 3 "a real log: the kernel panicked"

good=$work/good
bad=$work/bad
end='# end of seamstress log'
tests=$(grep -c '^ok ' "$good")
expect "enough tests to damage" test "$tests" -ge 5

sample "all passed" <"$good"
tr -d '\r' <"$good" | sample "lines without carriage returns"
{
    printf '\033[2J\033[HBdsDxe: loading Boot0001\r\n\001\377\000 garbage \302\205\r\n'
    cat "$good"
} | sample "firmware noise before it"
{
    printf '1..3\r\n# begin firmware.memory\r\nnot ok 7 firmware.memory\r\n'
    cat "$good"
} | sample "somebody else's TAP before it"
sed 's/bringup\.detect\./bringup.detect.sub_leaf.row./' "$good" | sample "IDs of five parts"
sed -e 's/^\(# result: .* cycles\)/\1 (inferred)/' -e 's/^\(ok [0-9]* [^ \r]*\)/\1 (inferred)/' "$good" |
    sample "marked as inferred"
sed -e 's/^not \(ok 1 [^ \r]*\)/\1 # XFAIL known bug/' -e 's/fail:1 xfail:0/fail:0 xfail:1/' \
    -e 's/^# 0 passed, 1 failed/# 1 passed, 0 failed/' "$bad" | sample "a failure is expected"
sample "a test failed" <"$bad"
sed -e 's/^\(not ok 1 [^ \r]*\)/\1 # ERROR no memory/' -e 's/^\(# result: .*\) fail /\1 error /' \
    -e 's/fail:1\(.*\)error:0/fail:0\1error:1/' "$bad" | sample "a test is in error"
sample "all skipped" <"$work/skips"
sed '/^# begin /,$d' "$good" >"$work/head"
{
    cat "$work/head"
    awk '/^# begin / { n++ } n && n <= 5' "$good" | sed '$d'
} >"$work/cut"
sample "cut in the middle" <"$work/cut"
sed '$d' "$work/cut" | tr '\n' '@' | sed 's/.....@$//' | tr '@' '\n' | sample "cut within a line"
grep -v "^$end" "$good" | sample "cut before the end marker"
{
    cat "$work/cut"
    printf 'Bail out! #PF: write to 0xfffff00000000000\r\n# panic: #PF at somewhere\r\n'
} | sample "the kernel panicked in a test"
sample "the kernel panicked before any" <"$work/panic"
cat "$good" "$good" | sample "booted twice"
awk '/^# begin / { n++ } /^# summary/ { n = 0 } n != 3' "$good" | sample "a test is missing"
grep -v '^ok 3 ' "$good" | sample "a test point is lost"
sed '/^ok 3 /p' "$good" | sample "a test point is doubled"
third=$(sed -n 's/^ok 3 \([^ \r]*\).*/\1/p' "$good" | tr -d '\r')
fourth=$(sed -n 's/^ok 4 \([^ \r]*\).*/\1/p' "$good" | tr -d '\r')
sed "s/ $fourth\\b/ $third/" "$good" | sample "a test is there twice"
tr -d '\r' <"$good" | sed "/^# result: $third /{N;s/\\n//}" | sample "a result line merged with its point"
tr -d '\r' <"$good" | sed "/^ok 3 /{N;s/\\n//}" | sample "a point merged with the next test"
sed "s/^\\(# result: $third\\) pass/\\1 fail/" "$good" | sample "result and point disagree"
sed "s/^# Totals: pass:$tests/# Totals: pass:$((tests + 1))/" "$good" | sample "totals disagree"
grep -v '^1\.\.' "$good" | sample "no plan"
grep -v '^KTAP version' "$good" | sample "no version line"
sample "empty" </dev/null

damaged_alike() { # a damage that changes nothing would prove nothing
    for log in "$work"/logs/*; do
        [ "$log" = "$work/logs/all_passed.log" ] || ! cmp -s "$log" "$good" || echo "$log"
    done
}
expect "each damage changed something" test -z "$(damaged_alike)"

# ---- every reader on every log ----

junit_module() {
    perl -MTAP::Formatter::JUnit -e 1 2>/dev/null
}
junit_module && foreign_junit=1 || foreign_junit=

# read_by READER LOG: its exit status is the answer, what it printed is in $out and $err
read_by() {
    case $1 in
    ktap-junit) tools/ktap-junit.py -o "$work/xml" "$2" ;;
    prove) prove --exec cat "$2" ;;
    TAP::Formatter::JUnit) prove --formatter TAP::Formatter::JUnit --exec cat "$2" ;;
    'rules of kunit.py parse') awk -f tests/integration/kunit-rules.awk "$2" ;;
    esac >"$out" 2>"$err"
}

# judged READER COLUMN: point: on $log, the reader answers as its column of the table's row says
judged() {
    wanted=$(echo "$row" | cut -d'|' -f"$2" | tr -d ' ')
    label="$1 on: $name"
    read_by "$1" "$log"
    status=$?
    lenient=
    case $wanted in
    passes)
        [ "$(echo "$row" | cut -d'|' -f3 | tr -d ' ')" -eq 0 ] || lenient=" (too lenient)"
        [ $status -eq 0 ]
        ;;
    fails) [ $status -ne 0 ] ;;
    *) [ "$status" = "$wanted" ] ;;
    esac
    point $? "$name: $1 says $wanted$lenient"
}

# Ours and run-qemu.sh's own judge: one finds a reason to disbelieve the log exactly if the other does.
judges_agree() {
    problem=$(awk -f tools/ktap-check.awk "$log" | head -n 1)
    if grep -q '^ktap-junit: no verdict' "$err"; then
        test -n "$problem"
    else
        test -z "$problem"
    fi
}

# Every test point is found in the XML, by its class and name: nothing is lost on the way.
all_points() {
    tr -d '\r' <"$log" | sed '1,/^KTAP version/d' |
        sed -nE 's/^(not )?ok [0-9]+ ([a-z0-9_.]+)( \([a-z]+\))?( #.*)?$/\2/p' | sort >"$work/points"
    "$python" -c '
import sys, xml.etree.ElementTree as tree
for case in tree.parse(sys.argv[1]).iter("testcase"):
    if case.get("classname") != "log" and not any(e.text == "began and has no result" or
            e.get("message") == "began and has no result" for e in case.iter("error")):
        print(case.get("classname") + "." + case.get("name"))
' "$work/xml" | sort | diff "$work/points" -
}

while read -r name; do
    log=$work/logs/$(echo "$name" | tr ' ' _).log
    row=$(grep "^| $name | [0-9]" $doc)
    judged ktap-junit 3
    expect "$name: tools/ktap-check.awk agrees" judges_agree
    expect "$name: all its points are in the XML" all_points
    judged prove 4
    [ -z "$foreign_junit" ] || judged TAP::Formatter::JUnit 5
    judged 'rules of kunit.py parse' 6
done <"$work/names"
[ -n "$foreign_junit" ] || skip "tools/install-deps.sh check installs libtap-formatter-junit-perl" "TAP::Formatter::JUnit on all logs"
sed -n '/^| log | ktap-junit/,/^$/s/^| \(.*\) | [0-9]* | [pf].*/\1/p' $doc >"$work/rows"
expect "the table in $doc has these logs and no others" diff "$work/rows" "$work/names"

# ---- what the XML says ----

# junit FILE [OPTION...]: converts; status, $err, and the XML in $out
junit() {
    label="tools/ktap-junit.py $*"
    tools/ktap-junit.py "$@" >"$out" 2>"$err"
    status=$?
}

# xml COUNT PATH NAME: point: so many elements of the XML in $out match
xml() {
    found=$("$python" -c '
import sys, xml.etree.ElementTree as tree
print(len(tree.parse(sys.argv[1]).findall(sys.argv[2])))' "$out" "$2" 2>>"$err")
    [ "$found" = "$1" ]
    point $? "XML: $3"
}

junit "$good"
xml "$tests" "./testsuite[@name='bringup.detect']/testcase[@classname='bringup.detect']" "a test for each point, in its suite"
xml "$tests" './/testcase[@time]' "each with its time"
xml 1 "./testsuite/properties/property[@name='subject']" "the subject is named"
expect_out 'not hardware conformance' "XML: a model's verdict isn't called conformance"
xml 0 './/testcase/failure' "no failure in a good log"
xml 0 './/testcase/error' "no error in a good log"
sed 's/TSC [0-9]* MHz/TSC unknown/' "$good" >"$work/log"
junit "$work/log"
xml 0 './/*[@time]' "no time without a clock"
xml "$tests" './/testcase' "but the tests"

junit "$bad"
xml 1 ".//testcase[@name='step']/failure" "the failure at its test"
expect_out '<failure message="FAILED: .*extension pool' "XML: with its cause"
xml "$(grep -c '# SKIP' "$bad")" './/testcase/skipped' "skips as such"
expect_out '<skipped message="needs ext_memory, which failed"' "XML: with their reasons"
expect_out '<system-out># begin bringup.pool.step' "XML: a test's diagnostics"
expect_out '^# tdx: SEAMCALL EXT.MEM.ADD .leaf 61' "XML: all of them"
junit "$work/logs/a_failure_is_expected.log"
xml 1 ".//testcase[@name='step']/skipped[@type='xfail'][@message='known bug']" "an expected failure is none"
xml 0 './/testcase/failure' "and isn't called one"
junit "$work/logs/a_test_is_in_error.log"
xml 1 ".//testcase[@name='step']/error[@message='no memory']" "an error isn't a failure"
junit "$work/logs/IDs_of_five_parts.log"
xml "$tests" "./testsuite[@name='bringup.detect.sub_leaf.row']/testcase" "a suite is all but an ID's last part"

# What is wrong with a log is a test case of class log that says what.
while read -r kind name; do
    junit "$work/logs/$(echo "$name" | tr ' ' _).log"
    xml 1 ".//testcase[@classname='log'][@name='$kind']/error" "$name: an error $kind"
done <<'TEXT'
end_marker cut in the middle
lines cut within a line
end_marker cut before the end marker
bail_out the kernel panicked in a test
bail_out the kernel panicked before any
version booted twice
plan a test is missing
results a test point is lost
numbers a test point is doubled
ids a test is there twice
lines a result line merged with its point
lines a point merged with the next test
results result and point disagree
totals totals disagree
plan no plan
version no version line
end_marker empty
TEXT
# So does run-qemu.sh's judge, in one line.
while IFS='|' read -r name words; do
    label="tools/ktap-check.awk on: $name"
    awk -f tools/ktap-check.awk "$work/logs/$(echo "$name" | tr ' ' _).log" >"$out" 2>"$err"
    expect_out "$words" "$name: tools/ktap-check.awk says why"
done <<'TEXT'
cut before the end marker|ends before the end marker
the kernel panicked in a test|gave up: Bail out! #PF
booted twice|^2 KTAP version lines
a test is missing|^result 3 has number 4
a test is there twice|^a second result of
a result line merged with its point|is damaged: # result: .*ok 3 
a point merged with the next test|is damaged: ok 3 .*# begin 
result and point disagree|result line says fail, test point ok 3 
totals disagree|^the tests counted don't give '# Totals
no plan|^no plan in the log
TEXT
junit "$work/logs/cut_in_the_middle.log"
running=$(awk '/^# begin / { id = $3 } END { print id }' "$work/cut" | tr -d '\r')
xml 1 ".//testcase[@name='${running##*.}']/error" "the test that was running has an error"
junit "$work/logs/the_kernel_panicked_in_a_test.log"
expect_out 'the kernel gave up: Bail out! #PF: write to' "XML: a panic is quoted"

sed "s/^ok 3 /# said: \\x1b[1m \\x01 \\xff <\\&]]> \\xc2\\x85\\r\\n&/" "$good" >"$work/log"
junit "$work/log"
expect_status 0 "control characters in a diagnostic: 0"
xml "$tests" './/testcase' "stays well-formed"
expect_out '# said: .x1b\[1m .x01 .xff &lt;&amp;\]\]' "XML: shows them readably"

sed 's/^/[   12.345678] /' "$good" >"$work/log"
junit "$work/log"
expect_status 2 "a prefix that nobody announced: 2"
expect_err 'is there a --prefix' "and the remedy"
junit --prefix '\[[ 0-9.]+\] ' "$work/log"
expect_status 0 "--prefix: 0"
xml "$tests" './/testcase[@time]' "the prefix is gone"
junit --prefix '[' "$work/log"
expect_status 2 "--prefix that is no regular expression: 2"

junit "$work/nothing"
expect_status 2 "no such log: 2"
expect_err 'nothing: No such file' "and says so"
junit -o "$work/no/such/place" "$good"
expect_status 2 "output that can't be written: 2"
tools/ktap-junit.py <"$good" >"$work/piped"
junit "$good"
expect "stdin gives the same as a file" cmp "$work/piped" "$out"

sed 's/^\(not ok 1 [^ \r]*\)/\1 # ERROR passes, expected to fail: bug/; s/^\(# result: .*\) fail /\1 error /
    s/fail:1 xfail:0 xpass:0/fail:0 xfail:0 xpass:1/' "$bad" >"$work/log"
junit "$work/log"
expect_status 2 "a pass that was to be a failure: 2"
xml 1 ".//error[@type='xpass']" "it is an error"
log=$work/log
expect "tools/ktap-check.awk agrees" judges_agree

# ---- others ----

# Kselftest's and other loose parsers look for this anywhere in a line.
free_text() {
    tr -d '\r' <"$1" | grep -Ev '^(not )?ok ' | grep -E 'ok [0-9]{1,5} '
}
expect "no free text looks like a result" test -z "$(free_text "$good")$(free_text "$bad")"

if [ -n "$foreign_junit" ]; then
    for log in "$good" "$bad" "$work/cut"; do
        cp "$log" "$work/log"
        tap2junit "$work/log" >"$err" 2>&1
        expect "tap2junit exits with 0 (too lenient): $(basename "$log")" test $? -eq 0
        cp "$work/log.xml" "$out"
        bad_cases=0
        [ "$log" = "$good" ] || bad_cases=1
        found=$("$python" -c '
import sys, xml.etree.ElementTree as tree
print(len([e for e in tree.parse(sys.argv[1]).iter() if e.tag in ("failure", "error")]))' "$out")
        expect "tap2junit's XML tells: $(basename "$log")" test "$found" = $bad_cases
    done
else
    skip "tools/install-deps.sh check installs libtap-formatter-junit-perl" "tap2junit"
fi

# lava LOG: the ids and results that LAVA's monitor finds with the patterns of the document
lava() {
    "$python" -c '
import re, sys
doc, log = (open(name, newline="").read() for name in sys.argv[1:])
start, end, pattern = (re.search(f" {key}: \x27(.*)\x27", doc).group(1) for key in ("start", "end", "pattern"))
body = log[re.search(start, log).end():]
body = body[:re.search(end, body).start()]
for match in re.finditer(pattern, body, re.DOTALL):
    assert int(match["measurement"]) > 0 and match["units"] == "cycles"
    print(match["test_case_id"], {"error": "fail"}.get(match["result"], match["result"]))
' $doc "$1"
}

lava_sees() {
    tr -d '\r' <"$1" | sed -nE 's/^ok [0-9]+ (\S+) # SKIP.*/\1 skip/p; s/^ok [0-9]+ (\S+)$/\1 pass/p
        s/^not ok [0-9]+ (\S+).*/\1 fail/p' >"$work/expected"
    lava "$1" | diff "$work/expected" -
}
expect "LAVA's monitor: all passed" lava_sees "$good"
expect "LAVA's monitor: fail and skip" lava_sees "$bad"
expect "LAVA's monitor: error is a fail" lava_sees "$work/logs/a_test_is_in_error.log"

# ---- the document's examples ----

mkdir "$work/doc"
here() { # paths of the document, in this script's directory
    sed "s,/tmp/,$work/doc/,g"
}

: >"$work/doc/seen"
awk '/^```sh$/ { inside = 1; next } /^```/ { inside = 0 } inside' $doc >"$work/commands"
while read -r line; do
    wanted=$(echo "$line" | sed -n 's/.*  # exit status \([0-9]*\)$/\1/p')
    echo "$line" | here >"$work/command"
    DEPS=0 sh "$work/command" >"$out" 2>"$err" </dev/null
    status=$?
    label=$line
    cat "$out" "$err" >>"$work/doc/seen"
    [ $status -eq "${wanted:-0}" ]
    point $? "$doc: ${line%%  #*}"
done <"$work/commands"
expect "there are examples" test "$(wc -l <"$work/commands")" -ge 8

alike() { # numbers differ from run to run
    tr -d '\r' | sed -e 's/[0-9][0-9]*/N/g' -e 's/^ *//'
}
alike <"$work/doc/seen" >"$work/seen"
awk '/^```text$/ { inside = 1; next } /^```/ { inside = 0 } inside && $0 != "[…]"' $doc | alike |
    grep -vxF -f "$work/seen" >"$work/unseen"
expect "$doc shows what these print" diff /dev/null "$work/unseen"

finish
