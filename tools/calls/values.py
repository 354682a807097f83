# SPDX-License-Identifier: MIT
"""
Operands for generate-calls.py, as expressions: good ones, and what makes bad ones of them.

Nothing here hands out memory that isn't the script's: where a leaf writes to an address, or takes the page, the bad
values are those that are refused, or pages of the script's own.
"""


def bit(random, first, last):
    return f"bit({random.between(first, last)})"


def any_keyid(random):
    """As it could stand in an address: shared ones, the module's, TDs', and none at all."""
    return random.pick(["1", "k - 1", "k", "k + 1", "k + 7", "k + keyids() - 1", "k + keyids()"])


def no_keyid(random):
    """RDX or R8 where a private KeyID belongs."""
    return random.pick([
        "0", "1", "k - 1", "k + keyids()", "0x7ff", "0x800", "0xffff", "~0",
        f"k | {bit(random, 16, 63)}", f"k + 1 | {bit(random, 16, 63)}",
    ])


def no_page(random, page):
    """An address that isn't that of a page of the script's: misaligned, with a KeyID, too high, or of other kinds."""
    return random.weighted([
        (5, f"{page} + {bit(random, 0, 11)}"),
        (5, f"with_keyid({page}, {any_keyid(random)})"),
        (4, f"{page} | {bit(random, 52, 63)}"),
        (2, f"{page} | {bit(random, 46, 51)}"),
        (2, f"{page} | bit(45)"),
        (2, "seamrr"), (2, "pamt"), (2, "rsvd"), (2, "hole"), (1, "0"), (1, "~0"),
        (2, f"unaligned({page})"),
    ])


def no_buffer(random, buffer, size):
    """An address that a leaf refuses to read from or write to; size: its alignment."""
    return random.weighted([
        (4, f"{buffer} + {bit(random, 0, size.bit_length() - 2)}"),
        (3, f"with_keyid({buffer}, {random.pick(['k', 'k + 1', 'k + keyids() - 1', 'k + keyids()'])})"),
        (3, f"{buffer} | {bit(random, 52, 63)}"),
        (2, "seamrr"), (1, f"seamrr + {size}"), (1, "~0"),
    ])


def no_number(random, number):
    """Near it, far from it, at the ends."""
    return random.weighted([
        (3, f"{number} ^ {bit(random, 0, 63)}"), (1, "0"), (1, "1"), (1, "~0"),
        (1, f"{number} - 1"), (1, f"{number} + 1"), (1, f"{number} | {bit(random, 32, 63)}"),
    ])


def no_field(random, field, element):
    """An id of metadata with something wrong, or something that doesn't matter, in it."""
    name = f"{field.name} + {element}" if element else field.name
    return random.weighted([
        (4, f"({name}) ^ {bit(random, 0, 23)}"),
        (2, f"({name}) ^ {bit(random, 24, 33)}"),
        (4, f"({name}) | {bit(random, 34, 46)}"),
        (4, f"({name}) ^ {bit(random, 47, 55)}"),
        (3, f"({name}) ^ {bit(random, 56, 63)}"),
        (2, f"{field.name} + {field.count}"),
        (1, f"{field.name} - 1"),
        (1, f"~0 ^ {bit(random, 0, 63)}"),
        (1, f"{random.word():#x}"),
    ])
