#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What two runs of the same scripts differ in, call by call.

    tools/compare-runs.py [options] SOFT GENUINE [SOFT GENUINE]...

Logs of ./run-qemu.sh -v, or of build/host/tdxt run -v, in pairs. Cases are paired by name, calls by their place. Differences
are grouped by leaf and kind, those that the shortest script shows first. Exit 0: none but those that docs/fidelity.md
knows; 1: others; 2: a log has no verdict, or nothing could be compared.
"""
import argparse
import sys

import difference_report
import known_differences
import run_log


class Difference:
    """items: (what, soft's, genuine's), as the known ones are looked up by. at: index of the step in its case."""

    def __init__(self, case, at, step, leaf, kind, items):
        self.case, self.at, self.step, self.leaf, self.kind, self.items = case, at, step, leaf, kind, items
        self.shown, self.known, self.first = [], [], False


class Comparison:
    def __init__(self, table, names, moved):
        self.table, self.names = table, names
        self.moved = moved  # the two machines have things at different addresses
        self.calls, self.alone = 0, 0  # compared; made by one side only, or where the two had parted
        self.differences = []

    # ---- one difference ----

    def note(self, case, at, step, leaf, kind, items, shown=()):
        difference = Difference(case, at, step, leaf, kind, items)
        difference.shown = list(shown)
        inputs = step.inputs if step else {}
        difference.known = known_differences.explain(self.table, case.name, leaf, inputs, bool(step and step.par), items)
        for row in difference.known:
            row.count += 1
        self.differences.append(difference)

    # ---- results of a call ----

    def agree(self, register, pair, steps, names):
        """Both changed it to the same, or to the same in the terms of their machines."""
        values = [result.registers.get(register) for result in pair]
        if values[0] == values[1] or not self.moved:
            return values[0] == values[1]
        numbers = [int(value or step.inputs.get(register, "-1"), 0) for value, step in zip(values, steps)]
        if numbers[0] == numbers[1] or None in values:
            return numbers[0] == numbers[1]
        named = [pages.get(number & ~0xFFF, number) for pages, number in zip(names, numbers)]
        behind = [number - int(step.inputs.get("rcx", "0"), 0) for step, number in zip(steps, numbers)]
        return named[0] == named[1] or behind[0] == behind[1]

    def results(self, case, at, steps, pair, names):
        soft, genuine = pair
        items = []
        if soft.rax != genuine.rax:
            items.append(("rax", soft.status or "no answer", genuine.status or "no answer"))
        for register in sorted(set(soft.registers) | set(genuine.registers)):
            if not self.agree(register, pair, steps, names):
                items.append((register, *(result.registers.get(register, "unchanged") for result in pair)))
        if soft.resumes != genuine.resumes:
            items.append(("resumes", str(soft.resumes), str(genuine.resumes)))
        if not items:
            return
        what, a, b = items[0]
        kind = f"{a} | {b}" if what == "rax" else " and ".join(item[0] for item in items)
        self.note(case, at, steps[0], steps[0].leaf, kind, items, [str(soft), str(genuine)])

    # ---- steps of a case ----

    def steps(self, case, at, soft, genuine, last, names):
        """False: from here on the two don't go the same way."""
        if soft.verb != genuine.verb or soft.leaf != genuine.leaf or soft.name != genuine.name:
            self.note(case, at, soft, last, "goes on otherwise", [("steps", soft.text, genuine.text)])
            return False
        if soft.leaf:
            if soft.text != genuine.text and not self.moved:
                self.note(case, at, soft, soft.leaf, "inputs differ", [("inputs", soft.text, genuine.text)])
                return True
            self.calls += len(soft.results)
            for pair in zip(soft.results, genuine.results):
                self.results(case, at, (soft, genuine), pair, names)
            if len(soft.results) != len(genuine.results):
                counts = str(len(soft.results)), str(len(genuine.results))
                self.note(case, at, soft, soft.leaf, "results missing", [("results", *counts)])
        elif soft.verb == "say" and soft.text != genuine.text and not self.moved:
            self.note(case, at, soft, last, "said otherwise", [("say", soft.text, genuine.text)])
        elif soft.name and self.moved:
            for side, step in zip(names, (soft, genuine)):
                follow(side, step)
        elif soft.name and soft.value != genuine.value:
            self.note(case, at, soft, last, f"saw another {soft.name}", [(soft.name, soft.value, genuine.value)])
        return True

    def walk(self, soft, genuine):
        """All steps that both made; True if they made the same ones to the end, as far as can be told."""
        last, names = "-", ({}, {})
        parting = parted = False  # a race had another outcome; its block is over, too
        for at, pair in enumerate(zip(soft.steps, genuine.steps)):
            if pair[0].verb == pair[1].verb == "from":
                parting = parted = False
            parted = parted or (parting and not pair[0].par)
            if parted:
                continue
            last, noted = pair[0].leaf or last, len(self.differences)
            if not self.steps(soft, at, *pair, last, names):
                return
            parting |= any(row.par for difference in self.differences[noted:] for row in difference.known)
        more = len(soft.calls()) - len(genuine.calls())
        if more and not parting and "skip" not in (soft.verdict, genuine.verdict):
            side = self.names[more > 0]
            self.note(soft, min(len(soft.steps), len(genuine.steps)), None, last, f"{side} ends early", [
                ("calls", str(len(soft.calls())), str(len(genuine.calls())))])

    def case(self, soft, genuine):
        """After calls made at once had another outcome, which is allowed, the two go separate ways until the next `from`."""
        if soft.verdict != genuine.verdict:
            reasons = [f"{run.verdict}: {run.why}" if run.why else run.verdict for run in (soft, genuine)]
            self.note(soft, 0, None, "verdict", " | ".join(reasons), [("verdict", *reasons)])
        before = self.calls
        self.walk(soft, genuine)
        self.alone += max(soft.results(), genuine.results()) - (self.calls - before)

    def runs(self, soft, genuine):
        for name in list(soft) + [name for name in genuine if name not in soft]:
            if name in soft and name in genuine:
                self.case(soft[name], genuine[name])
            else:
                there = soft.get(name) or genuine[name]
                sides = ("there", "missing") if name in soft else ("missing", "there")
                self.note(there, 0, None, "case", " | ".join(sides), [("case", *sides)])
        self.mark_first()

    def mark_first(self):
        """Whatever comes after a difference in a case may be its consequence."""
        seen = set()
        for difference in self.differences:
            if not difference.known and difference.leaf != "verdict":
                difference.first = difference.case.name not in seen
                seen.add(difference.case.name)


def follow(names, step):
    """Pages that a variable points to, as many as a script would name by it"""
    value = int(step.value, 0)
    if value >= 1 << 20:
        for page in range(64):
            names[(value & ~0xFFF) + page * 4096] = f"{step.name}+{page}"


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("logs", nargs="+", metavar="LOG")
    parser.add_argument("--known", default=f"{known_differences.abi_tables.ROOT}/docs/fidelity.md", metavar="FILE",
                        help="has the table of known differences")
    parser.add_argument("--names", default="soft,genuine", help="what the two runs are called")
    parser.add_argument("--scripts", nargs="*", default=[], metavar="FILE", help="that ran: where memory came from")
    parser.add_argument("--out", metavar="DIR", help="where a script for each group of differences goes")
    parser.add_argument("--moved", action="store_true",
                        help="the machines have things at different addresses: compare what doesn't depend on them")
    arguments = parser.parse_args()
    arguments.names = arguments.names.split(",")
    if len(arguments.logs) % 2 or len(arguments.names) != 2:
        parser.error("logs come in pairs, and so do names")
    return arguments


def main():
    arguments = read_arguments()
    try:
        comparison = Comparison(known_differences.read(arguments.known), arguments.names, arguments.moved)
        logs = [run_log.read(path) for path in arguments.logs]
        for soft, genuine in zip(logs[::2], logs[1::2]):
            comparison.runs(soft, genuine)
        if comparison.calls == 0:
            raise run_log.BadLog("no call was compared; did the scripts run with -v?")
        return difference_report.write(comparison, arguments)
    except (run_log.BadLog, known_differences.BadTable, OSError) as problem:
        print(f"compare-runs.py: {problem}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
