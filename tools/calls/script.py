# SPDX-License-Identifier: MIT
"""What generate-calls.py writes with: numbers that follow from a seed, and cases of the script language."""

MAX_STEPS = 250  # of a case, `from` included; tests/runner/script/script.h allows 256
MAX_TOKENS = 7000  # of all expressions of a case; 8192 there, each word of ours is one at most

MASK = 2**64 - 1


class Random:
    """splitmix64: the same numbers from the same seed, whatever the version of Python."""

    def __init__(self, seed):
        self.state = seed & MASK

    def word(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        word = self.state
        word = ((word ^ word >> 30) * 0xBF58476D1CE4E5B9) & MASK
        word = ((word ^ word >> 27) * 0x94D049BB133111EB) & MASK
        return word ^ word >> 31

    def below(self, limit):
        return self.word() % limit

    def between(self, first, last):
        return first + self.below(last - first + 1)

    def pick(self, choices):
        return choices[self.below(len(choices))]

    def percent(self, chance):
        return self.below(100) < chance

    def weighted(self, choices):
        """One of (weight, choice)"""
        at = self.below(sum(weight for weight, _ in choices))
        for weight, choice in choices:
            if at < weight:
                return choice
            at -= weight
        raise AssertionError


class Case:
    """Steps from one state on. CPUs take turns, so that hardly two calls in a row are made by the same one."""

    def __init__(self, random, cpus, state):
        self.random, self.cpus = random, cpus
        self.turn = random.below(cpus)
        self.steps, self.calls, self.tokens = [], 0, 0
        self.step(f"from {state}")

    def room(self, steps=1):
        return len(self.steps) + steps <= MAX_STEPS and self.tokens < MAX_TOKENS

    def step(self, text):
        self.steps.append(text)
        self.tokens += len(text.split())

    def let(self, name, value):
        self.step(f"{name} = {value}")
        return name

    def next_cpu(self):
        self.turn = (self.turn + self.random.between(1, self.cpus - 1)) % self.cpus if self.cpus > 1 else 0
        return self.turn

    def call(self, leaf, cpu=None, **registers):
        """leaf: a name, or "raw" with rax. Values are expressions; None leaves the harness's mark in a register."""
        words = [f"{register}={value}" for register, value in registers.items() if value is not None]
        where = self.next_cpu() if cpu is None else cpu
        self.step(" ".join(["call", leaf, *words, f"@cpu{where}"]))
        self.calls += 1

    def text(self, name):
        return "\n  ".join([f"test {name}", *self.steps]) + "\n"
