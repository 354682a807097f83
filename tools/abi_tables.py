# SPDX-License-Identifier: MIT
"""The .def tables of drivers/tdx/abi and seam/soft, for tools that need their names and numbers."""
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Leaf:
    """modelled: the soft module has it, in whatever profile; released: module 1.5.01 does."""

    def __init__(self, symbol, name, number, since):
        self.symbol, self.name, self.number = symbol, name, int(number)
        self.released = since == "V1_5"
        self.modelled = False


class Field:
    """A row of system metadata: `count` values, whose ids follow one another."""

    def __init__(self, name, first, size, fields, elements, since):
        self.name, self.id, self.bytes = name, int(first.rstrip("ul"), 0), int(size)
        self.elements = int(elements)
        self.count = int(fields) * self.elements
        self.released = since == "V1_5"


def rows(path, macro):
    """Arguments of each MACRO(...) line."""
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        for line in file:
            match = re.match(rf"{macro}\((.*)\)$", line.strip())
            if match:
                yield [word.strip().strip('"') for word in match.group(1).split(",")]


def leaves():
    """All leaves of the ABI, by number."""
    table = {row[0]: Leaf(*row) for row in rows("drivers/tdx/abi/leaves.def", "TDX_LEAF")}
    for row in rows("seam/soft/leaves.def", "SOFT_LEAF"):
        table[row[0]].modelled = True
    return sorted(table.values(), key=lambda leaf: leaf.number)


def fields():
    """System metadata of module 1.5.01, in the order of the table."""
    table = [Field(*row[:6]) for row in rows("drivers/tdx/abi/fields.def", "TDX_FIELD")]
    return [field for field in table if field.released]


# What a module writes, what isn't the platform's to change while it runs, and what the emulated machine lacks
FIXED_MSRS = {0x1B, 0x3A, 0x9A, 0x122, 0x1F6, 0x1F7, 0x1400, 0x1401}


def msrs():
    """Numbers of MSRs that SYS.INIT or SYS.LP.INIT look at."""
    numbers = [int(row[0], 0) for row in rows("drivers/tdx/abi/msrs.def", "TDX_MSR")]
    return [number for number in numbers if number not in FIXED_MSRS]


def cpuid_leaves():
    """(leaf, sub-leaf) of what SYS.INIT asks CPUID for; sub-leaf 0 where there are none."""
    with open(os.path.join(ROOT, "seam/soft/cpuid_rules.def"), encoding="utf-8") as file:
        found = re.findall(r"^SOFT_CPUID\((0x\w+), (\w+),", file.read(), re.MULTILINE)
    return [(int(leaf, 0), 0 if subleaf == "NONE" else int(subleaf, 0)) for leaf, subleaf in found]
