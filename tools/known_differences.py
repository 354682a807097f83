# SPDX-License-Identifier: MIT
"""
The table of docs/fidelity.md: differences between the model and a genuine module that are known, with their reasons.

    | case | call | differs | soft | genuine | reason |
    | `*` | `SYS.RD rdx=BUILD_DATE` | `r8` | `*` | `*` | each build has a date of its own |

A cell is a pattern in backticks, `*` stands for anything. call: a leaf, with the inputs that it must have had (a number, or
a name of the ABI as `CMR_BASE+1`), and `in par` if it must be one of several calls made at once; or `verdict`. differs:
registers, or names of variables that hold what the script saw. soft, genuine: the status's name with its details, or the
value; of a verdict, that and its reason.
"""
import re
from fnmatch import fnmatchcase

import abi_tables

HEADING = "## Known differences"
COLUMNS = ["case", "call", "differs", "soft", "genuine", "reason"]


class BadTable(Exception):
    pass


def constants():
    """Names that can stand for an input's value"""
    names = {leaf.name: leaf.number for leaf in abi_tables.leaves()}
    names.update({field.name: field.id for field in abi_tables.fields()})
    return names


class Known:
    def __init__(self, cells, names):
        cells = [cell.strip() for cell in cells]
        *patterns, self.reason = cells
        if any(not re.fullmatch(r"`[^`]+`", cell) for cell in patterns) or not self.reason:
            raise BadTable("five patterns in backticks and a reason are wanted")
        case, call, differs, soft, genuine = (cell.strip("`") for cell in patterns)
        self.case, self.soft, self.genuine = case, soft, genuine
        self.differs = [word.strip() for word in differs.split(",")]
        self.par = call.endswith(" in par")
        self.leaf, *inputs = call.removesuffix(" in par").split()
        self.inputs = dict(self.constraint(word, names) for word in inputs)
        self.text, self.count = f"{call}, {differs}", 0

    @staticmethod
    def constraint(word, names):
        register, _, value = word.partition("=")
        name, _, more = value.partition("+")
        try:
            return register, names[name] + int(more or "0", 0) if name in names else int(value, 0)
        except ValueError:
            raise BadTable(f"'{word}' isn't REGISTER=VALUE with a number or a name of the ABI") from None

    def fits_call(self, case, leaf, inputs, par):
        return (
            fnmatchcase(case, self.case)
            and fnmatchcase(leaf, self.leaf)
            and (par or not self.par)
            and all(int(inputs.get(register, "-1"), 0) == value for register, value in self.inputs.items())
        )

    def fits(self, what, soft, genuine):
        return (
            any(fnmatchcase(what, pattern) for pattern in self.differs)
            and fnmatchcase(soft, self.soft)
            and fnmatchcase(genuine, self.genuine)
        )


def read(path):
    """Rows below the heading; a table that can't be understood isn't passed over."""
    rows, inside, names = [], False, constants()
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("## "):
                inside = line.strip() == HEADING
            if not inside or not line.startswith("|") or set(line.strip()) <= set("|-: "):
                continue
            cells = line.strip().strip("|").split("|")
            if [cell.strip() for cell in cells] == COLUMNS:
                continue
            try:
                if len(cells) != len(COLUMNS):
                    raise BadTable(f"{len(cells)} cells instead of {len(COLUMNS)}")
                rows.append(Known(cells, names))
            except BadTable as problem:
                raise BadTable(f"{path}:{number}: {problem}") from None
    return rows


def explain(table, case, leaf, inputs, par, items):
    """The rows that together know all (what, soft, genuine) of a difference; none if one of them is new."""
    candidates = [row for row in table if row.fits_call(case, leaf, inputs, par)]
    found = [next((row for row in candidates if row.fits(*item)), None) for item in items]
    return [] if None in found else list(dict.fromkeys(found))
