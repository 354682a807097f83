# SPDX-License-Identifier: MIT
"""Themes of generate-calls.py: SYS.* and what comes before it, the dispatcher."""
from calls.theme import EARLY, READY
from calls.values import any_keyid, no_field


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
