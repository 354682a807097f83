# SPDX-License-Identifier: MIT
"""Themes of generate-calls.py: PAMTs, pages, and lives of TDs."""


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
