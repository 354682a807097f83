# SPDX-License-Identifier: MIT
"""
Logs of scripts that ran with -v: cases, their steps, and what the calls among them gave.

Two forms are read: the serial log of ./run-qemu.sh -v, and what `build/host/tdxt run -v` prints. Both show each executed
step as a line of the script language, and below a call a comment for every CPU that made it (tests/runner/script/trace.c).
"""
import re

STEP = re.compile(
    r"(from|bring|call|expect|write|fill|require|par|end|inject|knob|platform|install|say)\b|(\w+) = (0x[0-9a-f]+)$"
)
RESULT = re.compile(r"# CPU (\d+): (?:(0x[0-9a-f]+) (.*)|no answer.*)$")
REGISTER = re.compile(r" (rcx|rdx|r8|r9|r10|r11)=(0x[0-9a-f]+)")
RESUMES = re.compile(r" resumes=(\d+)")
VERDICT = re.compile(r"(ok|not ok) \d+ (\S+)(?: \([^()#]*\))?(?: # (SKIP|ERROR|XFAIL)(?: (.*))?)?$")
HOST_CASE = re.compile(r"# ([a-z0-9_]+(?:\.[a-z0-9_]+)+)$")
HOST_VERDICT = re.compile(r"(PASS|SKIP|ERROR|FAIL|XFAIL|XPASS) +(\S+)  \(\d+ calls, \d+ us\)(?:: (.*))?$")


class BadLog(Exception):
    """The log can't be judged: it isn't there to its end, or is none."""


class Result:
    """What one CPU gave: RAX with its name, and the registers that came back changed. rax None: no answer."""

    def __init__(self, cpu, rax, text):
        self.cpu, self.rax, self.registers, self.resumes = int(cpu), rax, {}, 0
        self.status = text
        if text is not None:
            self.more(" " + text)
            self.status = REGISTER.split(RESUMES.split(" " + text)[0])[0].strip()

    def more(self, text):
        self.registers.update(REGISTER.findall(text))
        for count in RESUMES.findall(text):
            self.resumes = int(count)

    def __str__(self):
        if self.rax is None:
            return f"CPU {self.cpu}: no answer"
        words = [f"CPU {self.cpu}: {self.rax} {self.status}"]
        words += [f"{name}={value}" for name, value in self.registers.items()]
        return " ".join(words + [f"resumes={self.resumes}"] * (self.resumes > 0))


class Step:
    """A step as it was executed. verb "=" is an assignment. par: a call of a par block, or of all CPUs."""

    def __init__(self, text):
        self.text = text
        match = STEP.match(text)
        self.verb, self.name, self.value = match.group(1) or "=", match.group(2), match.group(3)
        self.results, self.par = [], " @all" in text and self.verb == "call"
        words = text.split()
        self.leaf = words[1] if self.verb == "call" else None
        self.inputs = dict(word.split("=", 1) for word in words if re.match(r"(r\w+|version)=", word)) if self.leaf else {}


class Case:
    def __init__(self, name):
        self.name, self.verdict, self.why, self.steps = name, None, "", []
        self.waiting = None  # calls of the last par block, whose results stand behind its end
        self.failed = False

    def calls(self):
        return [step for step in self.steps if step.leaf]

    def results(self):
        return sum(len(step.results) for step in self.steps)

    def add(self, text):
        """One line of the log, continued lines joined."""
        result = RESULT.match(text)
        if self.failed:
            return
        if text.startswith(("FAILED ", "ERROR ")):
            self.failed = True  # what follows repeats the step
        elif result and self.steps:
            self.take(Result(*result.groups()))
        elif text.startswith("#  ") and self.last:
            self.last.more(text)
        elif STEP.match(text):
            self.begin(Step(text))

    last = None

    def begin(self, step):
        if self.steps and self.steps[-1].verb == "end":
            self.waiting = None
        self.steps.append(step)
        if step.verb == "par":
            self.waiting = []
        elif self.waiting is not None and step.leaf:
            step.par = True
            self.waiting.append(step)

    def take(self, result):
        """Results of a block come lane by lane, each lane's in the order of its calls."""
        self.last = result
        open_calls = [step for step in self.waiting or [] if not step.results and f"@cpu{result.cpu}" in step.text.split()]
        if self.steps[-1].verb == "end" and open_calls:
            open_calls[0].results.append(result)
        elif self.steps[-1].leaf:
            self.steps[-1].results.append(result)


def lines_of(path):
    """Text of each line that isn't the console's own, its indentation gone; continued ones as one."""
    with open(path, encoding="utf-8", errors="replace", newline="") as file:
        kept = ""
        for line in file.read().replace("\r", "").split("\n"):
            body = line[2:] if kept and line.startswith("# ") else line
            kept = kept + " " + body.strip() if kept else body
            if kept.endswith(" \\"):
                kept = kept[:-2]
                continue
            yield kept
            kept = ""


WORDS = {"SKIP": "skip", "ERROR": "error", "XFAIL": "xfail", "XPASS": "xpass", "PASS": "pass", "FAIL": "fail"}


def end_of_case(cases, case, name, verdict, why):
    if case is None or case.name != name:
        case = Case(name)
    case.verdict, case.why = verdict, why or ""
    cases[name] = case


def read(path):
    """Cases by name, in order. Raises BadLog if the log has no end."""
    cases, case, complete = {}, None, False
    for line in lines_of(path):
        begun = re.match(r"# begin (\S+) \(", line) or HOST_CASE.match(line)
        done, host_done = VERDICT.match(line), HOST_VERDICT.match(line)
        if begun:
            case = Case(begun.group(1))
        elif done:
            verdict = WORDS[done.group(3)] if done.group(3) else "pass" if done.group(1) == "ok" else "fail"
            end_of_case(cases, case, done.group(2), verdict, done.group(4))
            case = None
        elif host_done:
            end_of_case(cases, case, host_done.group(2), WORDS[host_done.group(1)], host_done.group(3))
            case = None
        elif line == "# end of seamstress log" or re.match(r"\d+ passed, \d+ failed, .*, \d+ ms$", line):
            complete = True
        elif case:
            case.add(re.sub(r"^# +(?=\S)", "", line, count=1).strip() if line.startswith("# ") else line.strip())
    if not complete:
        where = f": it ends in {case.name}" + (f", at: {case.steps[-1].text}" if case.steps else "") if case else ""
        raise BadLog(f"{path}: no verdict{where}; run it again, with more time")
    if not cases:
        raise BadLog(f"{path}: no case ran")
    return cases
