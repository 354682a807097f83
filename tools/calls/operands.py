# SPDX-License-Identifier: MIT
"""
What generate-calls.py gives to each leaf: for every operand a kind, for every kind good values and bad ones.

A leaf that the model has and this table doesn't know is an error of the generator, never a call left out silently.
"""
from calls.values import no_buffer, no_field, no_keyid, no_number, no_page

PAGES = 40  # p: for TDs
REGISTERS = ["rcx", "rdx", "r8", "r9", "r10", "r11"]

OPERANDS = {
    "SYS.INIT": {"rcx": "nothing"},
    "SYS.LP.INIT": {},
    "SYS.INFO": {"rcx": "info", "rdx": "info size", "r8": "cmrs", "r9": "cmr count"},
    "SYS.RD": {"rdx": "field"},
    "SYS.RDALL": {"rdx": "list", "r8": "first field"},
    "SYS.CONFIG": {"rcx": "tdmrs", "rdx": "tdmr count", "r8": "module keyid"},
    "SYS.KEY.CONFIG": {},
    "SYS.UPDATE": {},
    "SYS.LP.SHUTDOWN": {},
    "SYS.SHUTDOWN": {"rcx": "nothing"},
    "SYS.TDMR.INIT": {"rcx": "tdmr"},
    "PHYMEM.PAGE.RDMD": {"rcx": "any page"},
    "PHYMEM.PAGE.RECLAIM": {"rcx": "any page"},
    "PHYMEM.PAGE.WBINVD": {"rcx": "page to flush"},
    "PHYMEM.CACHE.WB": {"rcx": "flag"},
    "MNG.CREATE": {"rcx": "free page", "rdx": "keyid"},
    "MNG.KEY.CONFIG": {"rcx": "tdr"},
    "MNG.ADDCX": {"rcx": "free page", "rdx": "tdr"},
    "MNG.VPFLUSHDONE": {"rcx": "tdr"},
    "MNG.KEY.FREEID": {"rcx": "tdr"},
    "MNG.KEY.RECLAIMID": {"rcx": "tdr"},
}
SCOPE = ("SYS.", "PHYMEM.", "MNG.")


class NoOperands(Exception):
    pass


def modelled(leaves):
    """Names of the leaves that are compared: those of module 1.5.01 that the model has."""
    names = [leaf.name for leaf in leaves if leaf.modelled and leaf.released and leaf.name.startswith(SCOPE)]
    for name in names:
        if name not in OPERANDS:
            raise NoOperands(f"{name}: the model has this leaf, but tools/calls/operands.py doesn't know its operands; add them")
    return names


class Memory:
    """The variables of a case: set up at its start, named in the values above and below."""

    def __init__(self, case, tdmrs):
        self.random, self.created = case.random, []
        self.fresh, self.back = 0, []  # pages that no call has named; those that were reclaimed
        case.let("p", f"alloc({PAGES})")
        case.let("k", "keyid(0)")
        for name, function in (("seamrr", "in_seamrr"), ("pamt", "in_pamt"), ("rsvd", "in_reserved"), ("hole", "in_hole")):
            case.let(name, f"{function}()")
        case.let("b", "alloc(4)")
        if tdmrs:
            case.let("list", "tdmr_list()")

    def page(self, index):
        return f"p + {index * 4096:#x}" if index else "p"

    def some_page(self):
        """Any of the pool; those that have been given to a call come first, so that they come often."""
        limit = min(PAGES, self.fresh + 3) if self.random.percent(85) else PAGES
        return self.page(self.random.below(limit))

    def take(self):
        """Number of a page that should be free."""
        if self.back and self.random.percent(30):
            return self.back.pop(0)
        if self.fresh < PAGES:
            self.fresh += 1
            return self.fresh - 1
        return self.back.pop(0) if self.back else self.random.below(PAGES)

    def tdr(self):
        return self.page(self.random.pick(self.created)) if self.created and self.random.percent(80) else self.some_page()


# ---- kinds: (good, bad), each a function of random, memory, fields ----

def a_field(random, fields):
    field = random.pick(fields)
    return field, random.below(field.count)


def good_field(random, memory, fields):
    field, element = a_field(random, fields)
    return "~0" if random.percent(3) else f"{field.name} + {element}" if element else field.name


def good_first_field(random, memory, fields):
    field, element = a_field(random, fields)
    first = element - element % field.elements
    return "~0" if random.percent(40) else f"{field.name} + {first}" if first else field.name


KINDS = {
    "nothing": (lambda r, m, f: "0", lambda r, m, f: no_number(r, "0")),
    "info": (lambda r, m, f: "b", lambda r, m, f: no_buffer(r, "b", 1024)),
    "info size": (lambda r, m, f: r.pick(["1024", "1024", "1025", "4096", "~0"]),
                  lambda r, m, f: r.pick(["0", "1", "1023", "512", "768"])),
    "cmrs": (lambda r, m, f: r.pick(["b + 4096", "b + 4096", "b + 1024"]), lambda r, m, f: no_buffer(r, "b + 4096", 512)),
    "cmr count": (lambda r, m, f: r.pick(["32", "32", "33", "~0"]), lambda r, m, f: r.pick(["0", "1", "31", "16"])),
    "field": (good_field, lambda r, m, f: no_field(r, *a_field(r, f))),
    "list": (lambda r, m, f: "b + 8192", lambda r, m, f: no_buffer(r, "b + 8192", 4096)),
    "first field": (good_first_field, lambda r, m, f: no_field(r, *a_field(r, f))),
    "tdmrs": (lambda r, m, f: "list", lambda r, m, f: no_buffer(r, "list", 512)),
    "tdmr count": (lambda r, m, f: "tdmr_count()",
                   lambda r, m, f: r.pick(["0", "65", "~0", "bit(6)", f"tdmr_count() | bit({r.between(7, 63)})"])),
    "module keyid": (lambda r, m, f: "k", lambda r, m, f: no_keyid(r)),
    "tdmr": (lambda r, m, f: r.pick(["tdmr_base(0)", "tdmr_base(tdmr_count() - 1)"]),
             lambda r, m, f: r.pick([f"tdmr_base(0) + bit({r.between(0, 29)})", f"tdmr_base(0) | bit({r.between(40, 63)})",
                                     "with_keyid(tdmr_base(0), k)", "~0", "seamrr", "p"])),
    "any page": (lambda r, m, f: m.some_page(), lambda r, m, f: no_page(r, m.some_page())),
    "page to flush": (lambda r, m, f: r.pick([m.page(PAGES - 1), m.some_page(), f"with_keyid({m.some_page()}, k + {r.below(6)})"]),
                      lambda r, m, f: no_page(r, m.some_page())),
    "flag": (lambda r, m, f: r.pick(["0", "1"]), lambda r, m, f: no_number(r, r.pick(["0", "2"]))),
    "free page": (lambda r, m, f: m.page(m.take()), lambda r, m, f: r.pick([m.some_page(), no_page(r, m.some_page())])),
    "keyid": (lambda r, m, f: f"k + {r.between(1, 6)}", lambda r, m, f: r.pick(["k", no_keyid(r), no_keyid(r)])),
    "tdr": (lambda r, m, f: m.tdr(), lambda r, m, f: r.pick([m.some_page(), no_page(r, m.tdr())])),
}


def operands(random, memory, fields, leaf, bad):
    """Registers of a call: good ones; bad percent of the calls have one that isn't, some two."""
    kinds = OPERANDS[leaf]
    values = {register: KINDS[kind][0](random, memory, fields) for register, kind in kinds.items()}
    for _ in range(2 if random.percent(20) else 1):
        if kinds and random.percent(bad):
            register = random.pick(list(kinds))
            values[register] = KINDS[kinds[register]][1](random, memory, fields)
    if random.percent(8):  # a register that isn't an operand
        values.setdefault(random.pick(REGISTERS), f"{random.word():#x}")
    return values
