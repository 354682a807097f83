/* SPDX-License-Identifier: MIT */
/*
 * The types everything else is written in. A physical address is a struct, so that it can't be dereferenced
 * or mixed up with a virtual one by accident; pa_of() and pa_raw() are the only doors.
 */
#ifndef LIB_TYPES_H
#define LIB_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;

typedef struct {
    u64 value;
} pa_t; /* physical address in bytes, without KeyID bits unless said otherwise */

typedef struct {
    u16 value;
} hkid_t; /* host key id */

static inline pa_t pa_of(u64 raw)
{
    return (pa_t){raw};
}

static inline u64 pa_raw(pa_t pa)
{
    return pa.value;
}

static inline pa_t pa_add(pa_t pa, u64 bytes)
{
    return (pa_t){pa.value + bytes};
}

#define KIB (1ul << 10)
#define MIB (1ul << 20)
#define GIB (1ul << 30)

#define PAGE_SIZE 4096ul

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline u64 align_down(u64 value, u64 power_of_two)
{
    return value & ~(power_of_two - 1);
}

/* The caller makes sure that value + power_of_two doesn't overflow. */
static inline u64 align_up(u64 value, u64 power_of_two)
{
    return align_down(value + power_of_two - 1, power_of_two);
}

static inline bool is_aligned(u64 value, u64 power_of_two)
{
    return (value & (power_of_two - 1)) == 0;
}

static inline u64 min_u64(u64 a, u64 b)
{
    return a < b ? a : b;
}

static inline u64 max_u64(u64 a, u64 b)
{
    return a > b ? a : b;
}

#endif
