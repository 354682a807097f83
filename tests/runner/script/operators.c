/* SPDX-License-Identifier: MIT */
/* What operators do: the same while a script is read as while it runs. */
#include "tests/runner/script/script.h"

u64 script_unary(enum script_operator which, u64 a)
{
    return which == OP_NEGATE ? 0 - a : which == OP_COMPLEMENT ? ~a : !a;
}

/* Comparisons and the logical two */
static bool truth(enum script_operator which, u64 a, u64 b)
{
    switch (which) {
    case OP_OR:
        return a || b;
    case OP_AND:
        return a && b;
    case OP_EQUAL:
        return a == b;
    case OP_NOT_EQUAL:
        return a != b;
    case OP_LESS:
        return a < b;
    case OP_LESS_EQUAL:
        return a <= b;
    case OP_GREATER:
        return a > b;
    default:
        return a >= b;
    }
}

static u64 shift(enum script_operator which, u64 a, u64 by)
{
    if (by > 63)
        return 0;
    return which == OP_SHIFT_LEFT ? a << by : a >> by;
}

bool script_binary(enum script_operator which, u64 a, u64 b, u64 *result)
{
    bool divides = which == OP_DIVIDE || which == OP_REMAINDER;
    if (divides && b == 0)
        return false;
    if (which <= OP_GREATER_EQUAL)
        *result = truth(which, a, b);
    else if (which == OP_BIT_OR)
        *result = a | b;
    else if (which == OP_BIT_XOR)
        *result = a ^ b;
    else if (which == OP_BIT_AND)
        *result = a & b;
    else if (which == OP_SHIFT_LEFT || which == OP_SHIFT_RIGHT)
        *result = shift(which, a, b);
    else if (which == OP_PLUS)
        *result = a + b;
    else if (which == OP_MINUS)
        *result = a - b;
    else if (which == OP_TIMES)
        *result = a * b;
    else
        *result = which == OP_DIVIDE ? a / b : a % b;
    return true;
}
