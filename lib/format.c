/* SPDX-License-Identifier: MIT */
#include "lib/format.h"
#include "lib/string.h"
#include "lib/types.h"

struct output {
    char *buffer;
    size_t size;
    size_t length;
};

struct spec {
    bool left, zero;
    int width, precision;
    int longs; /* 0 int, 1 and more 64-bit */
    char conversion;
};

static void put(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void put_padded(struct output *out, const char *text, size_t length, const struct spec *spec)
{
    size_t pad = spec->width > (int)length ? spec->width - length : 0;
    if (!spec->left)
        for (; pad > 0; pad--)
            put(out, spec->zero ? '0' : ' ');
    for (size_t i = 0; i < length; i++)
        put(out, text[i]);
    for (; pad > 0; pad--)
        put(out, ' ');
}

static void put_number(struct output *out, u64 value, unsigned base, bool negative, const struct spec *spec)
{
    const char *digits = spec->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[24];
    size_t at = sizeof(text);
    do {
        text[--at] = digits[value % base];
        value /= base;
    } while (value);
    if (negative && spec->zero) {
        put(out, '-');
        struct spec rest = *spec;
        rest.width--;
        put_padded(out, text + at, sizeof(text) - at, &rest);
        return;
    }
    if (negative)
        text[--at] = '-';
    put_padded(out, text + at, sizeof(text) - at, spec);
}

static const char *read_spec(const char *fmt, struct spec *spec, va_list *args)
{
    *spec = (struct spec){.precision = -1};
    for (;; fmt++) {
        if (*fmt == '-')
            spec->left = true;
        else if (*fmt == '0')
            spec->zero = true;
        else
            break;
    }
    if (*fmt == '*')
        spec->width = va_arg(*args, int), fmt++;
    for (; *fmt >= '0' && *fmt <= '9'; fmt++)
        spec->width = spec->width * 10 + (*fmt - '0');
    if (*fmt == '.') {
        spec->precision = 0;
        if (*++fmt == '*')
            spec->precision = va_arg(*args, int), fmt++;
        for (; *fmt >= '0' && *fmt <= '9'; fmt++)
            spec->precision = spec->precision * 10 + (*fmt - '0');
    }
    for (; *fmt == 'l' || *fmt == 'z'; fmt++)
        spec->longs++;
    spec->conversion = *fmt;
    return *fmt ? fmt + 1 : fmt;
}

static void put_string(struct output *out, const char *text, const struct spec *spec)
{
    if (!text)
        text = "(null)";
    size_t length = 0;
    while ((spec->precision < 0 || length < (size_t)spec->precision) && text[length])
        length++;
    put_padded(out, text, length, spec);
}

static void put_conversion(struct output *out, struct spec *spec, va_list *args)
{
    switch (spec->conversion) {
    case 'd':
    case 'i': {
        s64 value = spec->longs ? va_arg(*args, s64) : va_arg(*args, int);
        put_number(out, value < 0 ? -(u64)value : (u64)value, 10, value < 0, spec);
        break;
    }
    case 'u':
    case 'x':
    case 'X': {
        u64 value = spec->longs ? va_arg(*args, u64) : va_arg(*args, unsigned);
        put_number(out, value, spec->conversion == 'u' ? 10 : 16, false, spec);
        break;
    }
    case 'p':
        put(out, '0');
        put(out, 'x');
        put_number(out, (u64)va_arg(*args, void *), 16, false, spec);
        break;
    case 'c': {
        char c = (char)va_arg(*args, int);
        put_padded(out, &c, 1, spec);
        break;
    }
    case 's':
        put_string(out, va_arg(*args, const char *), spec);
        break;
    default: /* an unknown conversion is shown, '%' prints itself */
        if (spec->conversion != '%')
            put(out, '%');
        if (spec->conversion)
            put(out, spec->conversion);
    }
}

size_t format_v(char *buffer, size_t size, const char *fmt, va_list args)
{
    struct output out = {buffer, size, 0};
    va_list walk;
    va_copy(walk, args);
    while (*fmt) {
        if (*fmt != '%') {
            put(&out, *fmt++);
            continue;
        }
        struct spec spec;
        fmt = read_spec(fmt + 1, &spec, &walk);
        put_conversion(&out, &spec, &walk);
    }
    va_end(walk);
    if (size > 0)
        buffer[out.length < size ? out.length : size - 1] = 0;
    return out.length;
}

size_t format(char *buffer, size_t size, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    size_t length = format_v(buffer, size, fmt, args);
    va_end(args);
    return length;
}
