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

def fault(theme, case, where):
    """One bit of an MSR or of a CPUID register that is otherwise than it was: how to make it so, and how to undo it."""
    random = theme.random
    if random.percent(50):
        msr = random.pick(theme.msrs)
        case.let("was", f"rdmsr({msr:#x})")
        change = f"platform msr {msr:#x} = was"
        bits = 64
    else:
        leaf, subleaf = random.pick(theme.cpuid_leaves)
        register = random.below(4)
        case.let("was", f"cpuid({leaf:#x}, {subleaf:#x}, {register})")
        change = f"platform cpuid {leaf:#x} {subleaf:#x} {['eax', 'ebx', 'ecx', 'edx'][register]} = was"
        bits = 32
    return f"{change} ^ bit({random.below(bits)}){where}", f"{change}{where}"


def platform(theme):
    """
    SYS.INIT, or SYS.LP.INIT on one LP, on a machine with a bit that is wrong, or doesn't matter. A last fault that stays
    keeps it from succeeding, which would end the case; so what doesn't matter shows, too. A module that stopped is reset.
    """
    random = theme.random
    lp = theme.round % 2
    case = Case(random, theme.cpus, "started" if lp else "reset")
    faults = 0
    while case.room(6):
        if faults % 8 == 0:
            cpu = random.below(theme.cpus)
            where = f" @cpu{cpu}" if lp else ""
            if faults:
                case.step("from started" if lp else "from reset")
            case.step(f"platform msr 0x99 = 1{where}" if lp else "platform seamcaps = 0")
        faults += 1
        there, gone = fault(theme, case, where)
        case.step(there)
        case.call("SYS.LP.INIT", cpu) if lp else case.call("SYS.INIT", rcx=0)
        case.step(gone)
    return case
