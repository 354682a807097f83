/* SPDX-License-Identifier: MIT */
/*
 * Lock: console_lock, around one line. It is taken with interrupts off, so that an interrupt handler on the
 * same CPU can log as well, but waited for with interrupts as they were, so that a waiting CPU still answers
 * shoot-downs.
 */
#include "kernel/console.h"

#include "kernel/console_private.h"
#include "kernel/cpu.h"
#include "kernel/serial.h"
#include "kernel/smp.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

static struct serial com1;
static struct lock console_lock;

/* Rather a torn line than silence, should a CPU die inside the lock: 2^35 cycles are 10 to 20 seconds. */
#define LOCK_PATIENCE (1ull << 35)

void console_init(void)
{
    serial_init(&com1, SERIAL_COM1);
}

void console_drain(void)
{
    serial_drain(&com1);
}

/* A line stays a line whatever a command line or a firmware table put into it. */
static size_t finish_line(char *line, size_t length)
{
    if (length > LOG_LINE_MAX)
        length = LOG_LINE_MAX;
    for (size_t i = 0; i < length; i++)
        if ((u8)line[i] < ' ' || line[i] == 0x7F)
            line[i] = '.';
    line[length++] = '\r';
    line[length++] = '\n';
    return length;
}

#define LINE_BUFFER (LOG_LINE_MAX + 2)

static size_t format_line(char line[LINE_BUFFER], const char *prefix, const char *fmt, va_list args)
{
    size_t used = strlen(prefix);
    memcpy(line, prefix, used);
    size_t length = used + format_v(line + used, LOG_LINE_MAX + 1 - used, fmt, args);
    return finish_line(line, length);
}

static void write_line(const char *line, size_t length)
{
    u64 start = rdtsc();
    bool were_on = interrupts_save();
    while (!lock_try(&console_lock) && rdtsc() - start < LOCK_PATIENCE) {
        interrupts_restore(were_on);
        cpu_relax();
        interrupts_off();
    }
    serial_write(&com1, line, length);
    lock_release(&console_lock);
    interrupts_restore(were_on);
}

void console_line(const char *fmt, ...)
{
    char line[LINE_BUFFER];
    va_list args;
    va_start(args, fmt);
    size_t length = format_line(line, "", fmt, args);
    va_end(args);
    write_line(line, length);
}

void log_line(const char *fmt, ...)
{
    char line[LINE_BUFFER];
    va_list args;
    va_start(args, fmt);
    size_t length = format_line(line, "# ", fmt, args);
    va_end(args);
    write_line(line, length);
}

void console_emergency_v(const char *prefix, const char *fmt, va_list args)
{
    char line[LINE_BUFFER];
    if (console_lock.taken) /* somebody was stopped in the middle of a line */
        serial_write(&com1, "\r\n", 2);
    console_lock.taken = 0;
    serial_write(&com1, line, format_line(line, prefix, fmt, args));
}

void console_emergency(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    console_emergency_v("", fmt, args);
    va_end(args);
}
