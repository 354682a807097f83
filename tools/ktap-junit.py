#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Turns a run's serial log (flat KTAP version 1, tests/runner/ktap.h) into JUnit XML.

A log is believed only if it is complete and agrees with itself. What speaks against that becomes a test case of class
"log" with an <error>, and exit status 2: a log that was cut, or lost a line, is never green. tools/ktap-check.awk
judges by the same rules for run-qemu.sh; tests/integration/consumers.t holds the two against each other.
"""
import argparse
import re
import sys
from xml.dom import minidom

try:
    import junitparser
except ImportError:
    print("ktap-junit: python3-junitparser is missing; type tools/install-deps.sh junit", file=sys.stderr)
    sys.exit(2)

EXIT_STATUS = """exit status: 0 all passed · 1 a test failed · 2 a test is in error, the log is no verdict, or bad usage
             77 everything was skipped"""

ID = r"[a-z0-9_]+(?:\.[a-z0-9_]+)*"
NOTE = r"(?: \([^()#]*\))?"  # as (inferred)
VERSION = re.compile(r"KTAP version 1$")
PLAN = re.compile(r"1\.\.([0-9]+)(?: # .*)?$")
BEGIN = re.compile(rf"# begin ({ID}){NOTE}$")
RESULT = re.compile(rf"# result: ({ID}) (pass|fail|skip|error){NOTE}(?: ([0-9]+) cycles)?{NOTE}$")
POINT = re.compile(rf"(ok|not ok) ([0-9]+) ({ID}){NOTE}(?: # (.*))?$")
# What starts like one of these and isn't one has been damaged on its way.
MEANT = re.compile(r"(?:ok|not ok)(?: |$)|# begin |# result: ")
TOTALS = re.compile(r"# Totals: |# [0-9]+ passed, ")
END = "# end of seamstress log"
CLOCK = re.compile(r"# CPUs: .*\bTSC ([1-9][0-9]*) MHz")
BANNER = re.compile(r"# seamstress: ([a-z ]+): (.*)")

XPASS = "passes, expected to fail: "  # tests/runner/ktap.c

# The result line's verdict that goes with each outcome of a point
VERDICT_OF = {"pass": "pass", "fail": "fail", "skip": "skip", "error": "error", "xfail": "fail", "xpass": "error"}


class Point:
    """One test: what its lines say."""

    def __init__(self, match, verdict, cycles, lines):
        status, number, self.id, directive = match.groups()
        self.number = int(number)
        self.verdict = verdict  # of its result line, None without one
        self.cycles = cycles
        self.lines = lines
        word, _, self.why = (directive or "").partition(" ")
        if word in ("SKIP", "XFAIL"):
            self.outcome = word.lower()
        elif status == "ok":
            self.outcome = "pass"
        elif word == "ERROR":
            self.outcome = "xpass" if self.why.startswith(XPASS) else "error"
        else:
            self.outcome = "fail"


class Log:
    """What a log says, and in problems (kind, text) what keeps it from being a verdict. cut is what stands after the
    last whole line: nobody knows what it was going to say."""

    def __init__(self, lines, cut):
        self.points = []
        self.unfinished = []  # (id, lines) of tests that began and have no result
        self.problems = []
        self.properties = {}
        self.mhz = None
        self.versions = 0
        self.plans = []
        self.ended = False
        self.closing = []
        self._forget()
        for number, line in enumerate(lines, 1):
            self._read(number, line)
        if self.ended:
            self._read(len(lines) + 1, cut)
        elif cut:
            self._complain("lines", f"the last line has no end: {cut[:160]}")
            self.diagnostics.append(cut)
        self._leave_running()
        self._judge()

    def _forget(self):
        self.running = None  # id of the test whose lines come now
        self.verdict = self.cycles = None
        self.diagnostics = []

    def _complain(self, kind, text):
        self.problems.append((kind, text))

    def _read(self, number, line):
        if VERSION.match(line):
            self.versions += 1
        elif line.startswith("Bail out!"):
            self.diagnostics.append(line)
            self._complain("bail_out", f"the kernel gave up: {line}")
        elif line == END:
            self.ended = True
        elif CLOCK.match(line) and not self.mhz:
            self.mhz = int(CLOCK.match(line).group(1))
        elif self.versions:  # before it, firmware may say what it likes
            self._read_test(number, line)

    def _read_test(self, number, line):
        banner = BANNER.match(line)
        if BEGIN.match(line):
            self._leave_running()
            self._forget()
            self.running = BEGIN.match(line).group(1)
            self.diagnostics.append(line)
        elif RESULT.match(line):
            self._read_result(RESULT.match(line))
            self.diagnostics.append(line)
        elif POINT.match(line):
            self._read_point(POINT.match(line))
        elif MEANT.match(line):
            self._complain("lines", f"line {number} is damaged: {line[:160]}")
        elif PLAN.match(line):
            self.plans.append(int(PLAN.match(line).group(1)))
        elif TOTALS.match(line):
            self.closing.append(line)
        elif banner and not self.points:
            self.properties.setdefault(banner.group(1), banner.group(2))
        else:
            self.diagnostics.append(line)

    def _read_result(self, match):
        test_id, verdict, cycles = match.groups()
        if self.verdict or self.running not in (None, test_id):
            self._complain("results", f"the result line of {test_id} is not where it belongs")
        self.running = test_id
        self.verdict = verdict
        self.cycles = int(cycles) if cycles else None

    def _read_point(self, match):
        point = Point(match, self.verdict, self.cycles, self.diagnostics)
        if self.running not in (None, point.id):
            self._complain("results", f"{self.running} was running when the result of {point.id} came")
        elif point.verdict and point.verdict != VERDICT_OF[point.outcome]:
            self._complain("results", f"{point.id}: result line says {point.verdict}, test point {match.group(0)}")
        self.points.append(point)
        self._forget()

    def _leave_running(self):
        if self.running:
            self.unfinished.append((self.running, self.diagnostics))

    def count(self, *outcomes):
        return sum(point.outcome in outcomes for point in self.points)

    def _judge(self):
        if not self.ended:
            self._complain("end_marker", f"log ends before the end marker ('{END}')")
        if self.versions != 1:
            self._complain("version", f"{self.versions} lines 'KTAP version 1' instead of one (is there a --prefix?)")
        if self.unfinished:
            self._complain("results", "began and has no result: " + ", ".join(name for name, _ in self.unfinished))
        self._judge_plan()
        self._judge_ids()
        self._judge_totals()

    def _judge_plan(self):
        if len(self.plans) != 1:
            self._complain("plan", f"{len(self.plans)} plans in the log instead of one")
            return
        if self.plans[0] == 0:
            self._complain("plan", "no test was to run")
        if self.plans[0] != len(self.points):
            self._complain("plan", f"plan says {self.plans[0]}, the log has {len(self.points)} results")

    def _judge_ids(self):
        wrong = [(place, point.number) for place, point in enumerate(self.points, 1) if point.number != place]
        if wrong:  # the first: those that follow only follow from it
            self._complain("numbers", "result {} has number {}".format(*wrong[0]))
        seen = set()
        for point in self.points:
            if point.id in seen:
                self._complain("ids", f"a second result of {point.id}")
            seen.add(point.id)

    def _judge_totals(self):
        names = ("pass", "fail", "xfail", "xpass", "skip", "error")
        expected = ("# Totals: " + " ".join(f"{name}:{self.count(name)}" for name in names),
                    f"# {self.count('pass', 'xfail')} passed, {self.count('fail', 'error', 'xpass')} failed, "
                    f"{self.count('skip')} skipped")
        for line in self.closing:
            if line not in expected:
                self._complain("totals", f"the tests counted don't give '{line}'")

    def exit_status(self):
        if self.problems:
            return 2
        if self.count("fail"):
            return 1
        if self.count("error", "xpass"):
            return 2
        return 0 if self.count("pass", "xfail") else 77


# ---- JUnit ----

def xml_text(text):
    """Control characters, as firmware likes them, have no place in XML 1.0."""
    return re.sub("[^\t\n\x20-\ud7ff\ue000-\ufffd]", lambda found: f"\\x{ord(found.group(0)):02x}", text)


def split_id(test_id):
    """Everything before the last dot, which is the class and the suite, and the name."""
    suite, _, name = test_id.rpartition(".")
    return suite or "seamstress", name


def first_cause(lines):
    """One line that says why a test isn't good: the failed expectation, else the first thing said."""
    said = [line[2:] for line in lines if line.startswith("# ") and not MEANT.match(line)]
    failed = [line for line in said if line.startswith("FAILED")]
    return (failed or said or ["it gave no reason"])[0]


def result_of(point):
    body = xml_text("\n".join(point.lines))
    if point.outcome == "pass":
        return None
    if point.outcome in ("skip", "xfail"):  # an expected failure is none
        return junitparser.Skipped(xml_text(point.why), point.outcome)
    cause = xml_text(point.why or first_cause(point.lines))
    result = (junitparser.Failure if point.outcome == "fail" else junitparser.Error)(cause, point.outcome)
    result.text = body
    return result


def case_of(point, mhz):
    suite, name = split_id(point.id)
    case = junitparser.TestCase(name, suite)
    if mhz and point.cycles is not None:
        case.time = round(point.cycles / (mhz * 1e6), 4)  # a float of fewer digits is never written as 1e-05
    result = result_of(point)
    if result is not None:
        case.result = [result]
    if point.lines:
        case.system_out = xml_text("\n".join(point.lines))
    return case


def error_case(suite, name, message, text):
    case = junitparser.TestCase(name, suite)
    error = junitparser.Error(xml_text(message), "log")
    error.text = xml_text(text)
    case.result = [error]
    return case


def cases_of(log):
    """(suite, case), first what is wrong with the log itself"""
    for kind in dict.fromkeys(kind for kind, _ in log.problems):
        texts = [text for other, text in log.problems if other == kind]
        yield "log", error_case("log", kind, texts[0], "\n".join(texts))
    for point in log.points:
        yield split_id(point.id)[0], case_of(point, log.mhz)
    for test_id, lines in log.unfinished:
        suite, name = split_id(test_id)
        yield suite, error_case(suite, name, "began and has no result", "\n".join(lines))


def junit(log):
    """The XML as bytes"""
    suites = {}
    for name, case in cases_of(log):
        suites.setdefault(name, []).append(case)
    xml = junitparser.JUnitXml("seamstress")
    for name, cases in suites.items():
        suite = junitparser.TestSuite(name)
        for key, value in log.properties.items():  # the subject above all: every verdict names it
            suite.add_property(key, xml_text(value))
        suite.add_testcases(cases)
        xml.append(suite)
    xml.update_statistics()
    document = minidom.parseString(xml.tostring())
    if not log.mhz:  # sums of nothing
        for element in document.getElementsByTagName("testsuite") + [document.documentElement]:
            element.removeAttribute("time")
    return document.toprettyxml(indent="  ", encoding="utf-8")


# ---- command ----

def regular_expression(text):
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"'{text}' is no regular expression: {error}") from error


def arguments():
    parser = argparse.ArgumentParser(prog="ktap-junit.py", description=__doc__, epilog=EXIT_STATUS,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("log", nargs="?", default="-", help="serial log as run-qemu.sh --log keeps it; default: stdin")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="the XML; default: stdout")
    parser.add_argument("--prefix", type=regular_expression, metavar="REGEX",
                        help=r"what a terminal server put before each line, as '\[[ 0-9.]+\] '")
    return parser.parse_args()


def read_log(data, prefix):
    """Lines end with \\n or \\r\\n."""
    lines = data.decode("utf-8", "backslashreplace").split("\n")
    lines = [line[:-1] if line.endswith("\r") else line for line in lines]
    if prefix:
        lines = [line[prefix.match(line).end():] if prefix.match(line) else line for line in lines]
    if lines[-1] == END:  # some loggers drop the last line's end
        lines.append("")
    return Log(lines[:-1], lines[-1])


def main():
    options = arguments()
    try:
        with sys.stdin.buffer if options.log == "-" else open(options.log, "rb") as file:
            log = read_log(file.read(), options.prefix)
        xml = junit(log)
        with sys.stdout.buffer if options.output == "-" else open(options.output, "wb") as file:
            file.write(xml)
    except OSError as error:
        print(f"ktap-junit: {error.filename or 'stdin or stdout'}: {error.strerror}; check the path", file=sys.stderr)
        return 2
    for _, text in log.problems:
        print(f"ktap-junit: no verdict: {text}", file=sys.stderr)
    return log.exit_status()


if __name__ == "__main__":
    sys.exit(main())
