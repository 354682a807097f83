/* SPDX-License-Identifier: MIT */
#include "tests/runner/again.h"

#include "lib/string.h"

#define OPTION_MAX 256

static char escaped(char c)
{
    return c == 'p' ? '+' : c == 't' ? '~' : c;
}

/* The next option, decoded; returns where it ends. */
static const char *next_option(const char *word, char *option, size_t size)
{
    size_t length = 0;
    for (; *word && *word != '+'; word++) {
        char c = *word;
        if (c == '~' && word[1])
            c = escaped(*++word);
        if (length + 1 < size)
            option[length++] = c;
    }
    option[length] = 0;
    return word;
}

static bool is_name_of(const char *path, const char *file)
{
    size_t path_length = strlen(path), length = strlen(file);
    return path_length >= length && strcmp(path + path_length - length, file) == 0 &&
           (path_length == length || path[path_length - length - 1] == '/');
}

/* False: it doesn't fit. */
static bool append(char *text, size_t size, const char *option)
{
    size_t length = strlen(text), more = strlen(option);
    if (length + more + 2 > size)
        return false;
    if (length)
        text[length++] = ' ';
    memcpy(text + length, option, more + 1);
    return true;
}

void again_options(const char *word, const char *file, char *text, size_t size)
{
    char option[OPTION_MAX], path[OPTION_MAX];
    text[0] = 0;
    for (bool fits = true; *word && fits;) {
        word = next_option(word, option, sizeof(option));
        word += *word == '+';
        bool is_script = strcmp(option, "--script") == 0;
        if (is_script) {
            word = next_option(word, path, sizeof(path));
            word += *word == '+';
        }
        if (!is_script)
            fits = append(text, size, option);
        else if (file && is_name_of(path, file))
            fits = append(text, size, option) && append(text, size, path);
    }
}
