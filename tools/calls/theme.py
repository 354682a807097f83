# SPDX-License-Identifier: MIT
"""
A theme is what a case is about: a function of a Theme that fills one case with calls, as many as fit, and gives it back.

Calls have no expectations: whatever a subject answers, the case goes on, and the answers are compared afterwards.
"""
import abi_tables
from calls.operands import Memory, operands
from calls.script import Case

EARLY = ["reset", "started", "initialised", "configured", "keyed"]
READY = ["keyed", "ready"]  # to the module these are one


class Theme:
    """What all cases share: names and numbers of the ABI, the CPUs, and whose turn it is."""

    def __init__(self, random, cpus, leaves, names, fields):
        self.random, self.cpus, self.fields = random, cpus, fields
        self.leaves, self.names = leaves, names
        self.msrs, self.cpuid_leaves = abi_tables.msrs(), abi_tables.cpuid_leaves()
        self.round = 0

    def begin(self, state, tdmrs=False):
        case = Case(self.random, self.cpus, state)
        return case, Memory(case, tdmrs)

    def make(self, case, memory, leaf, bad, cpu=None):
        case.call(leaf, cpu, **operands(self.random, memory, self.fields, leaf, bad))
