# SPDX-License-Identifier: MIT
"""What compare-runs.py prints: groups of differences, and for each the shortest script that shows it."""
import os
import re
from collections import defaultdict

MAX_STEPS = 256  # of a test of the script language
MAX_NAMES = 20  # of cases in a list
WHOLE_CASES = ("verdict", "case")
MEMORY = re.compile(r"\s*(\w+) = .*\b(alloc|alloc_aligned|tdmr_list|hpa_list|linked_list)\(")


class Group:
    """All differences of one leaf and kind; `best` is the one with the fewest steps before it, a first one if there is."""

    def __init__(self, differences):
        self.all = differences
        self.first = [difference for difference in differences if difference.first]
        self.best = min(self.first or differences, key=lambda difference: difference.at)
        self.leaf, self.kind = self.best.leaf, self.best.kind

    def order(self):
        return self.leaf in WHOLE_CASES, not self.first, self.best.at, self.leaf, self.kind


def groups_of(differences):
    groups = defaultdict(list)
    for difference in differences:
        groups[difference.leaf, difference.kind].append(difference)
    return sorted((Group(members) for members in groups.values()), key=Group.order)


# ---- the shortest script ----

def memory_of(scripts):
    """By suite and test, the steps that get memory: a trace has only the addresses."""
    found = defaultdict(dict)
    for path in scripts:
        suite = test = ""
        with open(path, encoding="utf-8") as file:
            for line in file:
                words = line.split()
                if words[:1] == ["suite"]:
                    suite = words[1]
                elif words[:1] == ["test"]:
                    test = f"{suite}.{words[1]}"
                elif MEMORY.match(line):
                    found[test].setdefault(words[0], line.strip())
    return found


def repeated(lines):
    """The same step many times in a row becomes a loop: more steps than a test may have could be one."""
    folded = []
    for line in lines:
        if folded and folded[-1][0] == line:
            folded[-1][1] += 1
        else:
            folded.append([line, 1])
    for line, count in folded:
        if count > 3:
            yield from (f"for again in 0..{count}", f"  {line}", "end")
        else:
            yield from [line] * count


def script_of(difference, memory):
    """Steps up to the one that differs, as a test; None if they are too many for one."""
    steps = difference.case.steps[: difference.at + 1 + rest_of_block(difference)]
    name = difference.case.name
    own = memory.get(name) or memory.get(name.rpartition(".")[0], {})  # a case can be a row of its test
    used = {name for step in steps if step.verb != "=" for name in re.findall(r"[a-z]\w*", step.text)}
    lines = []
    for step in steps:
        if step.verb == "=" and (step.name in own or step.name in used or step is steps[-1]):
            lines.append(own.get(step.name, step.text))
        elif step.verb not in ("=", "expect", "require"):
            lines.append(step.text)
    lines = list(repeated(lines))
    return lines if len(lines) <= MAX_STEPS else None


def rest_of_block(difference):
    """How many steps more until a par block is whole"""
    if not difference.step.par or "@all" in difference.step.text:
        return 0
    rest = [step.verb for step in difference.case.steps[difference.at + 1 :]]
    return rest.index("end") + 1 if "end" in rest else 0


def write_script(path, number, group, names, lines):
    difference = group.best
    head = [
        f"# {group.leaf}: {group.kind}",
        f"# From {difference.case.name}; the last step is the one that differs.",
        *(f"#   {name:8} {text}" for name, text in zip(names, difference.shown)),
        "",
        f"suite difference.n{number:02}",
        "source project",
        "timeout 300",
        "",
        "test shown",
    ]
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(head + [f"  {line}" for line in lines]) + "\n")


# ---- text ----

def print_whole_cases(number, group):
    """Verdicts that differ, and cases that one side lacks: no step shows them."""
    names = sorted({member.case.name for member in group.all})
    print(f"{number:3}. {group.leaf}: {group.kind}  ({len(names)} case{'s' * (len(names) > 1)})")
    for name in names[:MAX_NAMES]:
        print(f"     {name}")
    if len(names) > MAX_NAMES:
        print(f"     and {len(names) - MAX_NAMES} more")


def print_group(number, group, names, path):
    difference = group.best
    cases = len({member.case.name for member in group.all})
    where = f"{len(group.all)} in {cases} case{'s' * (cases > 1)}"
    place = "" if group.first else "; always after another difference of its case"
    print(f"{number:3}. {group.leaf}: {group.kind}  ({where}{place})")
    print(f"     {difference.case.name}, step {difference.at + 1}" + (f": {path}" if path else ""))
    if difference.step:
        print(f"       {difference.step.text}")
    for name, text in zip(names, difference.shown):
        print(f"       {name:8} {text}")
    if not difference.shown:
        for what, soft, genuine in difference.items:
            print(f"       {what}: {names[0]} {soft}, {names[1]} {genuine}")


def clear(directory):
    os.makedirs(directory, exist_ok=True)
    for name in os.listdir(directory):
        if re.match(r"n\d+_.*\.tdxt$", name):
            os.remove(os.path.join(directory, name))


def print_new(groups, arguments, names):
    memory = memory_of(arguments.scripts)
    if arguments.out:
        clear(arguments.out)
    for number, group in enumerate(groups, 1):
        lines = script_of(group.best, memory) if group.best.step else None
        path = ""
        if arguments.out and lines:
            path = os.path.join(arguments.out, f"n{number:02}_{re.sub(r'[^a-z0-9]+', '_', group.leaf.lower())}.tdxt")
            write_script(path, number, group, names, lines)
        if group.leaf in WHOLE_CASES:
            print_whole_cases(number, group)
        else:
            print_group(number, group, names, path)


def print_known(comparison):
    rows = {row: None for difference in comparison.differences for row in difference.known}
    for row in rows:
        print(f"known: {row.count} of {row.text}: {row.reason}")
    for row in comparison.table:
        if row not in rows:
            print(f"known, but not seen this time: {row.text}: {row.reason}")


def write(comparison, arguments):
    """Prints everything; the exit status."""
    new = [difference for difference in comparison.differences if not difference.known]
    print_new(groups_of(new), arguments, arguments.names)
    print_known(comparison)
    if comparison.alone:
        print(f"{comparison.alone} calls could not be compared: one side skipped them, or had gone another way by then")
    total = len(comparison.differences)
    print(f"{comparison.calls} calls compared, {total} differences ({total - len(new)} known)")
    return 1 if new else 0
