#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A stream of calls as scripts, valid ones and invalid ones: the same scripts from the same seed.

    tools/generate-calls.py --seed N --calls N --out DIR [--cpus N]

Writes DIR/calls_THEME.tdxt and prints how many calls they make. The leaves are those of SYS.*, PHYMEM.* and MNG.* that
module 1.5.01 has and the model has, too. Nothing is expected of the calls: tools/compare-runs.py compares what two
subjects answer. docs/fidelity.md
"""
import argparse
import os
import sys

import abi_tables
from calls.faults import config, platform
from calls.operands import NoOperands, modelled
from calls.script import Random
from calls.system import bring, gate, info, over, rd
from calls.tds import mng, phymem, tdmr
from calls.theme import Theme

# Share of the calls, in percent
THEMES = [
    (7, gate), (13, bring), (3, over), (8, info), (20, rd), (12, config), (8, platform), (6, tdmr), (8, phymem), (15, mng)
]
assert sum(share for share, _ in THEMES) == 100

VERSION = 2  # goes up when the same seed gives other calls
MOST_CASES = 4000  # of all scripts; tests/runner/script/script.h allows 4096


def number(text):
    value = int(text, 0)
    if value < 0:
        raise argparse.ArgumentTypeError("not below 0")
    return value


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seed", type=number, required=True)
    parser.add_argument("--calls", type=number, required=True, help="at least so many")
    parser.add_argument("--out", required=True, metavar="DIR")
    parser.add_argument("--cpus", type=number, default=4, help="that make the calls in turn (default 4)")
    arguments = parser.parse_args()
    if not 1 <= arguments.cpus <= 255 or not 1 <= arguments.calls <= 500000:
        parser.error("--cpus is 1 to 255, --calls 1 to 500000")
    return arguments


def cases_of(theme, make, calls):
    """As many cases as it takes; their number of calls"""
    cases, made = [], 0
    while made < calls:
        case = make(theme)
        theme.round += 1
        made += case.calls
        cases.append(case)
    return cases, made


def text_of(name, about, cases, arguments):
    head = [
        f"# Made by tools/generate-calls.py, version {VERSION}: --seed {arguments.seed} --calls {arguments.calls}"
        f" --cpus {arguments.cpus}",
        "#",
        *(f"# {line.strip()}" for line in about.strip().split("\n")),
        "",
        f"suite calls.{name}",
        "source project",
        f"need cpus>={arguments.cpus}",
        "timeout 300",
        "",
        "",
    ]
    return "\n".join(head) + "\n".join(case.text(f"t{i:03}") for i, case in enumerate(cases, 1))


def clear(directory):
    """Scripts of an earlier run would run along."""
    os.makedirs(directory, exist_ok=True)
    for name in os.listdir(directory):
        if name.startswith("calls_") and name.endswith(".tdxt"):
            os.remove(os.path.join(directory, name))


def main():
    arguments = read_arguments()
    leaves, fields = abi_tables.leaves(), abi_tables.fields()
    names = modelled(leaves)
    seeds = Random(arguments.seed)
    scripts, calls, count = {}, 0, 0
    for share, make in THEMES:
        theme = Theme(Random(seeds.word()), arguments.cpus, leaves, names, fields)
        cases, made = cases_of(theme, make, -(-arguments.calls * share // 100))
        scripts[make.__name__] = text_of(make.__name__, make.__doc__, cases, arguments)
        calls += made
        count += len(cases)
    if count > MOST_CASES:
        raise SystemExit(f"generate-calls.py: {count} cases, {MOST_CASES} can be run at once; ask for fewer calls")
    clear(arguments.out)
    for name, text in scripts.items():
        with open(os.path.join(arguments.out, f"calls_{name}.tdxt"), "w", encoding="utf-8") as file:
            file.write(text)
    print(f"{calls} calls of {len(names)} leaves in {count} cases, {len(scripts)} scripts")


if __name__ == "__main__":
    try:
        main()
    except (NoOperands, OSError) as problem:
        print(f"generate-calls.py: {problem}", file=sys.stderr)
        sys.exit(2)
