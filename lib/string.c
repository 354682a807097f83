/* SPDX-License-Identifier: MIT */
/* Freestanding string functions; the compiler itself emits calls to the first four. */
#include "lib/string.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    void *result = to;
    size_t words = size / 8,
           rest = size % 8; /* an emulator runs one round after the other: fewer are faster */
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void *memmove(void *to, const void *from, size_t size)
{
    if ((char *)to <= (const char *)from || (char *)to >= (const char *)from + size)
        return memcpy(to, from, size);
    for (char *t = to; size-- > 0;)
        t[size] = ((const char *)from)[size];
    return to;
}

void *memset(void *at, int byte, size_t size)
{
    void *result = at;
    size_t words = ((size_t)at & 7) ? 0 : size / 8;
    unsigned long pattern = 0x0101010101010101ul * (unsigned char)byte;
    __asm__ volatile("rep stosq" : "+D"(at), "+c"(words) : "a"(pattern) : "memory");
    size_t rest = size - ((char *)at - (char *)result);
    __asm__ volatile("rep stosb" : "+D"(at), "+c"(rest) : "a"(byte) : "memory");
    return result;
}

int memcmp(const void *a, const void *b, size_t size)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < size; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

size_t strlen(const char *s)
{
    size_t n = 0;
    while (s[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int strncmp(const char *a, const char *b, size_t size)
{
    for (; size > 0; size--, a++, b++)
        if (*a != *b || !*a)
            return (unsigned char)*a - (unsigned char)*b;
    return 0;
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)s;
        if (!*s)
            return NULL;
    }
}
