# SPDX-License-Identifier: MIT
"""
What the cases of generate-calls.py are about. A theme fills one case with calls, as many as fit, and gives it back.

Calls have no expectations: whatever a subject answers, the case goes on, and the answers are compared afterwards.
"""
from call_operands import Memory, operands
from call_script import Case
from call_values import any_keyid, no_buffer, no_field

EARLY = ["reset", "started", "initialised", "configured", "keyed"]
READY = ["keyed", "ready"]  # to the module these are one


class Theme:
    """What all cases share: names and numbers of the ABI, the CPUs, and whose turn it is."""

    def __init__(self, random, cpus, leaves, names, fields):
        self.random, self.cpus, self.fields = random, cpus, fields
        self.leaves, self.names = leaves, names
        self.round = 0

    def begin(self, state, tdmrs=False):
        case = Case(self.random, self.cpus, state)
        return case, Memory(case, tdmrs)

    def make(self, case, memory, leaf, bad, cpu=None):
        case.call(leaf, cpu, **operands(self.random, memory, self.fields, leaf, bad))


# ---- observations: what a call wrote to memory ----

def watched_info(case, **registers):
    """SYS.INFO into buffers that are filled before and looked at afterwards"""
    case.step("fill b 8192 0x5555555555555555")
    case.call("SYS.INFO", rcx="b", r8="b + 4096", **registers)
    case.let("versions", "read(b + 8)")
    case.let("rest_of_info", "hash(b, 8) ^ hash(b + 16, 4080)")
    case.let("cmrs", "hash(b + 4096, 4096)")


def watched_list(case, start):
    """SYS.RDALL; nothing behind its page may change, either."""
    case.step("fill b + 8192 8192 0x5555555555555555")
    case.call("SYS.RDALL", rdx="b + 8192", r8=start)
    case.let("header", "read(b + 8192)")
    case.let("first_entries", "hash(b + 8200, 120)")
    case.let("other_entries", "hash(b + 8320, 8064)")


# ---- themes ----

def gate(theme):
    """
    Leaf numbers, versions and reserved bits of RAX, in every state; registers keep the harness's marks. Leaves that the
    model lacks can be compared as long as the module isn't READY, so it mustn't get there meanwhile.
    """
    random = theme.random
    states = EARLY + ["ready"]
    state = states[theme.round % len(states)]
    released = [leaf for leaf in theme.leaves if leaf.released]
    unknown = sorted(set(range(256)) - {leaf.number for leaf in released})
    closed = theme.names if state in READY else [leaf.name for leaf in released if leaf.name != "SYS.KEY.CONFIG"]
    case, _ = theme.begin(state)
    while case.room():
        name = random.pick(theme.names)
        random.weighted([
            (4, lambda: case.call(name, version=random.pick([1, 2, 3, 127, 128, 255]))),
            (5, lambda: case.call("raw", rax=f"{name} | bit({random.between(24, 63)})")),
            (4, lambda: case.call("raw", rax=random.pick(unknown))),
            (2, lambda: case.call("raw", rax=random.pick(["0x100", "0x121", "0x1000", "0x8021", "0xffff", "0xffffff"]))),
            (2, lambda: case.call("raw", rax=f"{random.pick(unknown)} | {random.between(1, 255)} << 16")),
            (4, lambda: case.call(random.pick(closed))),
            (1, lambda: case.call("raw", rax=f"{random.word():#x}")),
        ])()
    return case


def bring(theme):
    """The way from reset to READY and beyond, among many calls that aren't due or have something wrong."""
    random = theme.random
    case, memory = theme.begin(EARLY[theme.round % len(EARLY)], tdmrs=True)
    due = [("SYS.INIT", None)]
    due += [("SYS.LP.INIT", cpu) for cpu in range(theme.cpus)]
    due += [("SYS.CONFIG", None)]
    due += [("SYS.KEY.CONFIG", cpu) for cpu in reversed(range(theme.cpus))]
    due += [("SYS.TDMR.INIT", None)] * 6
    while case.room():
        if due and random.percent(15):
            leaf, cpu = due.pop(0)
            theme.make(case, memory, leaf, 0, cpu)
        else:
            theme.make(case, memory, random.pick([name for name in theme.names if name != "SYS.SHUTDOWN"]), 60)
    return case


def over(theme):
    """SYS.SHUTDOWN with the wrong version and the right one, and life after it."""
    case, memory = theme.begin("ready", tdmrs=True)
    for _ in range(20):
        theme.make(case, memory, "SYS.SHUTDOWN", 100)
        theme.make(case, memory, theme.random.pick(theme.names), 50)
    case.call("SYS.SHUTDOWN", rcx=0)
    while case.room():
        theme.make(case, memory, theme.random.pick(theme.names), 40)
    return case


def info(theme):
    """SYS.INFO and SYS.RDALL, and the memory that they write."""
    random = theme.random
    states = ["initialised", "started", "initialised", "configured", "keyed", "ready"]
    state = states[theme.round % len(states)]
    case, memory = theme.begin(state)
    while case.room(6):
        random.weighted([
            (4, lambda: theme.make(case, memory, "SYS.INFO", 100)),
            (4, lambda: theme.make(case, memory, "SYS.RDALL", 100)),
            (2, lambda: watched_info(case, rdx=random.pick([1024, 1024, 2048, 1023]), r9=random.pick([32, 32, 100, 31]))),
            (2, lambda: watched_list(case, first_field(theme))),
            (1 if state == "started" else 0, lambda: case.call("SYS.LP.INIT")),
            (1, lambda: case.call("SYS.INFO", rcx=f"with_keyid(b, {any_keyid(random)})", rdx=1024, r8="b + 4096", r9=32)),
        ])()
    return case


def first_field(theme):
    field = theme.random.pick(theme.fields)
    element = theme.random.below(field.count)
    name = f"{field.name} + {element}" if element else field.name
    return theme.random.weighted([(5, "~0"), (8, name), (3, no_field(theme.random, field, element))])


def every_field(theme):
    """Every element of metadata, one after the other: (name, element)"""
    return [(field, element) for field in theme.fields for element in range(field.count)]


def rd(theme):
    """SYS.RD: all elements once, each time with ids beside it that have something wrong."""
    random = theme.random
    states = ["initialised", "initialised", "ready", "keyed", "initialised", "started"]
    case, memory = theme.begin(states[theme.round % len(states)])
    elements = every_field(theme)
    at = theme.round * 83  # about as many as a case has room for; later cases begin anew
    while case.room(3):
        field, element = elements[at % len(elements)]
        at += 1
        case.call("SYS.RD", rdx=f"{field.name} + {element}" if element else field.name)
        case.call("SYS.RD", rdx=no_field(random, field, element))
        if random.percent(60):
            theme.make(case, memory, "SYS.RD", 80)
        if random.percent(4):
            case.call("SYS.LP.INIT")
    return case


# TDMR_INFO: offset of a base or offset; its size is behind it
LEVELS = [16, 32, 48]
AREA = 64


def bad_tdmr(theme, info):
    """Offset and value for something wrong in a TDMR_INFO. Where PAMTs go, nothing of the kernel's can be."""
    random = theme.random
    level = random.pick(LEVELS)
    area = AREA + 16 * random.weighted([(4, 0), (2, 1), (1, random.below(16))])
    low, high = f"bit({random.between(0, 11)})", f"bit({random.between(46, 63)})"
    other = random.pick([at for at in LEVELS if at != level])
    return random.weighted([
        (4, (0, f"read({info}) ^ bit({random.between(0, 63)})")),
        (4, (8, f"read({info} + 8) ^ bit({random.between(0, 63)})")),
        (1, (8, random.pick(["0", "~0", "bit(31)"]))),
        (3, (level, f"read({info} + {level}) + {low}")),
        (3, (level, f"read({info} + {level}) ^ {high}")),
        (3, (level, random.pick([f"read({info} + {other})", "seamrr", "hole", "p", "tdmr_base(0) | bit(45)"]))),
        (3, (level + 8, f"read({info} + {level + 8}) + {low}")),
        (3, (level + 8, f"read({info} + {level + 8}) ^ {high}")),
        (3, (level + 8, random.pick(["0", f"read({info} + {level + 8}) - 4096", "~0", "0 - 4096"]))),
        (1, (level + 8, f"read({info} + {level + 8}) + 4096")),
        (4, (area, f"read({info} + {area}) ^ bit({random.between(0, 63)})")),
        (4, (area + 8, f"read({info} + {area + 8}) ^ bit({random.between(0, 63)})")),
        (2, (area + 8, random.pick(["0", "~0", "4096", f"tdmr_size(0) - read({info} + {area})"]))),
    ])


def config(theme):
    """SYS.CONFIG with broken TDMR_INFOs, pointers and operands; at the end with what the faults may have left."""
    random = theme.random
    case, memory = theme.begin("initialised" if theme.round % 8 else "started", tdmrs=True)
    case.let("a", "tdmr_info(list, 0)")
    case.let("z", "tdmr_info(list, tdmr_count() - 1)")
    while case.room(6):
        if random.percent(20):
            theme.make(case, memory, "SYS.CONFIG", 100)
        elif random.percent(12):
            broken(case, theme, f"list + 8 * {random.pick(['0', '(tdmr_count() - 1)', '63'])}", bad_pointer(random))
        else:
            info = random.pick(["a", "z"])
            offset, value = bad_tdmr(theme, info)
            broken(case, theme, f"{info} + {offset}" if offset else info, value)
    case.call("SYS.CONFIG", rcx="list", rdx="tdmr_count()", r8="k")
    return case


def bad_pointer(random):
    return random.pick([no_buffer(random, "a", 512), "z", "a", "list"])


def broken(case, theme, address, value):
    """
    One wrong word while the call is made; sometimes it stays. What isn't wrong after all would be accepted and end the
    case, so most calls have one entry more than there are TDMRs: it is refused when all before it have passed.
    """
    count = theme.random.weighted([(97, "tdmr_count() + 1"), (2, "tdmr_count()"), (1, "1")])
    case.let("kept", f"read({address})")
    case.step(f"write {address} = {value}")
    case.call("SYS.CONFIG", rcx="list", rdx=count, r8="k")
    if theme.random.percent(95):
        case.step(f"write {address} = kept")


def tdmr(theme):
    """SYS.TDMR.INIT as far as it goes, and pages of blocks that are and aren't ready."""
    random = theme.random
    case, memory = theme.begin(random.pick(["keyed", "keyed", "keyed tdmrs=1"]))
    calls = random.pick([100, 254, 255, 256])
    case.step(f"for i in 0..{calls}")
    case.call("SYS.TDMR.INIT", rcx="tdmr_base(0)")
    case.step("end")
    case.calls += calls - 1
    while case.room():
        leaf = random.weighted([
            (6, "SYS.TDMR.INIT"), (3, "PHYMEM.PAGE.RDMD"), (2, "PHYMEM.PAGE.RECLAIM"), (2, "PHYMEM.PAGE.WBINVD"),
            (1, "MNG.CREATE"), (1, "PHYMEM.CACHE.WB"), (1, "MNG.VPFLUSHDONE"),
        ])
        theme.make(case, memory, leaf, 40)
    return case


def phymem(theme):
    """PHYMEM.* on all kinds of pages, some of them TDs'."""
    random = theme.random
    case, memory = theme.begin("ready")
    page = f"tdmr_base({random.pick(['0', 'tdmr_count() - 1'])})"
    leaves = [name for name in theme.names if name.startswith("PHYMEM.")]
    for key in (1, 2):
        memory.created.append(memory.take())
        case.call("MNG.CREATE", rcx=memory.page(memory.created[-1]), rdx=f"k + {key}")
    for cpu in range(theme.cpus):
        case.call("MNG.KEY.CONFIG", cpu, rcx="p")
    for _ in range(3):
        case.call("MNG.ADDCX", rcx=memory.page(memory.take()), rdx="p")
    while case.room():
        if random.percent(25):
            where = random.pick([f"{page} + {random.below(262144) * 4096:#x}", "b", "rsvd", "pamt", "hole", "seamrr"])
            case.call(random.pick(leaves), rcx=where)
        else:
            theme.make(case, memory, random.pick(leaves), 50)
    return case


# ---- lives of TDs ----

class Td:
    def __init__(self, page):
        self.page = page
        self.children, self.wanted, self.done = [], 0, 0
        self.stage = "key"


def next_step(theme, case, memory, td):
    """The call that is due in the life of a TD; True when it is over."""
    random = theme.random
    page = memory.page(td.page)
    if td.stage == "key":
        case.call("MNG.KEY.CONFIG", td.done, rcx=page)
        td.done += 1
        if td.done == theme.cpus:
            td.stage, td.wanted = random.pick([("grow", 4), ("grow", 9), ("grow", 10), ("flush", 0)])
    elif td.stage == "grow":
        td.children.append(memory.take())
        case.call("MNG.ADDCX", rcx=memory.page(td.children[-1]), rdx=page)
        td.stage = "grow" if len(td.children) < td.wanted else "flush"
    elif td.stage == "flush":
        case.call("MNG.VPFLUSHDONE", rcx=page)
        td.stage, td.done = "write back", 0
    elif td.stage == "write back":
        case.call("PHYMEM.CACHE.WB", td.done, rcx=0)
        td.done += 1
        td.stage = "write back" if td.done < theme.cpus else "free"
    elif td.stage == "free":
        case.call("MNG.KEY.FREEID", rcx=page)
        td.stage = "reclaim"
    else:
        memory.back.append(td.children.pop() if td.children else td.page)
        case.call("PHYMEM.PAGE.RECLAIM", rcx=memory.page(memory.back[-1]))
        return memory.back[-1] == td.page
    return False


def mng(theme):
    """TDs from MNG.CREATE to the reclaim of their last page, several at once, disturbed at every step."""
    random = theme.random
    case, memory = theme.begin("ready")
    leaves = [name for name in theme.names if name.startswith(("MNG.", "PHYMEM."))]
    living, keys = [], 0
    disturbed = random.pick([30, 50, 65])
    while case.room(2):
        if random.percent(disturbed):
            theme.make(case, memory, random.pick(leaves), 55)
        elif len(living) < 2 or (len(living) < 4 and random.percent(10)):
            keys = keys % 12 + 1
            living.append(Td(memory.take()))
            memory.created.append(living[-1].page)
            case.call("MNG.CREATE", rcx=memory.page(living[-1].page), rdx=f"k + {keys}")
        else:
            td = random.pick(living)
            if next_step(theme, case, memory, td):
                living.remove(td)
    return case


THEMES = [(8, gate), (14, bring), (3, over), (9, info), (22, rd), (12, config), (8, tdmr), (9, phymem), (15, mng)]
assert sum(share for share, _ in THEMES) == 100
