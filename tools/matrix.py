#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the conformance suite covers, as docs/coverage.md, from what the scripts themselves say.

    tools/matrix.py PROMISES FACTS >docs/coverage.md
    tools/matrix.py --check PROMISES FACTS       exit 1, with a list, if a promise is untested

PROMISES is tests/conformance/promises.txt; FACTS is what `tdxt facts` prints, one line for each status that a case lets
a call have: id, source, state, leaf, version, status, lane, profiles, place; tab-separated.
"""
import sys
from collections import defaultdict

STATES = ["reset", "started", "initialised", "configured", "keyed", "ready", "pooled", "extended", "quoting"]
SOURCES = ["module-1.5.01", "spec-quote", "patch-v2", "linux", "project", "inferred"]
UNTESTED = "NOT TESTED"


class Promise:
    def __init__(self, line):
        self.leaf, self.status, self.when, self.source = (word.strip() for word in line.split("|"))
        name, *detail = self.status.split()
        self.name, self.detail = name, " ".join(detail)

    def kept_by(self, fact):
        """A case that lets any detail pass proves nothing about a particular one."""
        name, *detail = fact.status.split()
        detail = " ".join(detail)
        return (
            self.leaf in ("*", fact.leaf)
            and self.name == name
            and (self.detail == "any" or normal(self.detail) == normal(detail))
        )


class Fact:
    def __init__(self, line):
        fields = line.rstrip("\n").split("\t")
        self.id, self.source, self.state, self.leaf, self.version, self.status, self.lane, self.profiles, self.place = fields


def normal(detail):
    """detail=0x1F and detail=31 are the same."""
    key, _, value = detail.partition("=")
    try:
        return key, int(value, 0)
    except ValueError:
        return key, value


def read(path, kind):
    with open(path, encoding="utf-8") as file:
        return [kind(line) for line in file if line.strip() and not line.startswith("#")]


def escape(text):
    return text.replace("|", "\\|")


def row(*cells):
    return "| " + " | ".join(escape(str(cell)) for cell in cells) + " |"


def table(heads, rows):
    return "\n".join([row(*heads), "|" + "---|" * len(heads)] + [row(*cells) for cells in rows])


def requirements(promises, facts):
    """Which cases keep a promise: a number, one of them, and their sources."""
    for promise in promises:
        cases = sorted({(fact.id, fact.source) for fact in facts if promise.kept_by(fact)})
        yield promise, cases


def leaf_by_status(promises, facts):
    seen = defaultdict(set)
    for fact in facts:
        seen[fact.leaf, fact.status.split()[0]].add(fact.id)
    wanted = {(promise.leaf, promise.name) for promise in promises if promise.leaf != "*"}
    leaves = list(dict.fromkeys(promise.leaf for promise in promises if promise.leaf != "*"))
    for leaf in leaves:
        names = list(dict.fromkeys(promise.name for promise in promises if promise.leaf == leaf))
        names += sorted({name for (other, name) in seen if other == leaf} - set(names))
        for name in names:
            count = len(seen[leaf, name])
            yield leaf, name, count or UNTESTED, "" if (leaf, name) in wanted else "beyond the promises"


def leaf_by_state(facts, leaves):
    seen = defaultdict(set)
    for fact in facts:
        seen[fact.leaf, fact.state].add(fact.id)
    for leaf in leaves:
        yield [leaf] + [len(seen[leaf, state]) or UNTESTED for state in STATES]


def by_source(promises, facts):
    cases = defaultdict(set)
    for fact in facts:
        cases[fact.source].add(fact.id)
    for source in SOURCES:
        yield source, sum(promise.source == source for promise in promises), len(cases[source])


def document(promises, facts):
    kept = list(requirements(promises, facts))
    untested = [promise for promise, cases in kept if not cases]
    leaves = list(dict.fromkeys(promise.leaf for promise in promises if promise.leaf != "*"))
    ids = {fact.id for fact in facts}
    print("# What the conformance suite covers\n")
    print("Made by `make matrix` from the scripts and `tests/conformance/promises.txt`; `make check` compares. A cell counts")
    print("cases that make the call and say what it must answer. NOT TESTED means just that.\n")
    print(f"{len(ids)} cases expect a status. {len(promises)} promises, {len(untested)} of them {UNTESTED}.\n")
    print("## By source\n")
    print(table(["source", "promises", "cases"], by_source(promises, facts)))
    print("\n## Leaf and status\n")
    print(table(["leaf", "status", "cases", ""], leaf_by_status(promises, facts)))
    print("\n## Leaf and state\n")
    print("The state is the last one that the harness brought the module to before the call.\n")
    print(table(["leaf"] + STATES, leaf_by_state(facts, leaves)))
    print("\n## Promise and source\n")
    print(table(
        ["leaf", "status", "when", "source", "cases", "for example"],
        (
            (p.leaf, p.status, p.when, p.source, len(cases) or UNTESTED, f"`{cases[0][0]}`" if cases else "")
            for p, cases in kept
        ),
    ))


def main(arguments):
    check = "--check" in arguments
    paths = [argument for argument in arguments if argument != "--check"]
    if len(paths) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    promises, facts = read(paths[0], Promise), read(paths[1], Fact)
    if not check:
        document(promises, facts)
        return 0
    untested = [promise for promise, cases in requirements(promises, facts) if not cases]
    for promise in untested:
        print(f"{UNTESTED}: {promise.leaf} {promise.status}: {promise.when}")
    return 1 if untested else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
