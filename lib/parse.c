/* SPDX-License-Identifier: MIT */
#include "lib/parse.h"
#include "lib/string.h"

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return 16;
}

bool parse_u64(const char *text, u64 *value)
{
    unsigned base = 10;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    u64 result = 0;
    bool any = false;
    for (; *text; text++) {
        if (*text == '_' && any && text[1])
            continue;
        unsigned digit = (unsigned)digit_value(*text);
        if (digit >= base || __builtin_mul_overflow(result, base, &result) ||
            __builtin_add_overflow(result, digit, &result))
            return false;
        any = true;
    }
    if (any)
        *value = result;
    return any;
}

bool parse_option(const char *command_line, const char *key, char *value, size_t size)
{
    size_t key_length = strlen(key);
    const char *word = command_line;
    while (*word) {
        while (*word == ' ')
            word++;
        size_t length = 0;
        while (word[length] && word[length] != ' ')
            length++;
        if (length >= key_length && strncmp(word, key, key_length) == 0 &&
            (length == key_length || word[key_length] == '=')) {
            const char *text = length == key_length ? word + length : word + key_length + 1;
            size_t text_length = (size_t)(word + length - text);
            if (text_length + 1 > size)
                return false;
            memcpy(value, text, text_length);
            value[text_length] = 0;
            return true;
        }
        word += length;
    }
    return false;
}
