# SPDX-License-Identifier: MIT
"""Themes of generate-calls.py: broken TDMR_INFOs, and machines with something wrong."""
from calls.script import Case
from calls.values import no_buffer

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


# ---- the machine ----

def msr_fault(theme, case, where):
    """One bit of an MSR: how to make it otherwise, and how to undo it."""
    msr = theme.random.pick(theme.msrs)
    case.let("was", f"rdmsr({msr:#x})")
    change = f"platform msr {msr:#x} = was"
    return f"{change} ^ bit({theme.random.below(64)}){where}", f"{change}{where}"


def cpuid_fault(theme, case, where):
    """The same of a CPUID register. The host's view isn't the module's: there is no undoing but by a reset."""
    leaf, subleaf = theme.random.pick(theme.cpuid_leaves)
    register = theme.random.below(4)
    was = f"cpuid({leaf:#x}, {subleaf:#x}, {register})"
    name = ["eax", "ebx", "ecx", "edx"][register]
    return f"platform cpuid {leaf:#x} {subleaf:#x} {name} = {was} ^ bit({theme.random.below(32)}){where}", None


def platform(theme):
    """
    SYS.INIT, or SYS.LP.INIT on one LP, on a machine with a bit that is wrong, or doesn't matter. A last fault that stays
    keeps it from succeeding, which would end the case; so what doesn't matter shows, too.
    """
    random = theme.random
    lp = theme.round % 2
    state = "started" if lp else "reset"
    case = Case(random, theme.cpus, state)
    left = 0  # faults until the next reset, should one of them have stopped the module
    while case.room(6):
        if left == 0:
            if case.calls:
                case.step(f"from {state}")
            cpu, left = random.below(theme.cpus), 8
            where = f" @cpu{cpu}" if lp else ""
            case.step(f"platform msr 0x99 = 1{where}" if lp else "platform seamcaps = 0")
        there, undo = random.pick([msr_fault, cpuid_fault])(theme, case, where)
        case.step(there)
        if lp:
            case.call("SYS.LP.INIT", cpu)
        else:
            case.call("SYS.INIT", rcx=0)
        if undo:
            case.step(undo)
        left = left - 1 if undo else 0
    return case
