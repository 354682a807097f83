/* SPDX-License-Identifier: MIT */
#include "seam/monitor/log.h"

#include "kernel/cpu.h"
#include "kernel/serial.h"
#include "lib/format.h"
#include "lib/string.h"
#include "seam/monitor/lock.h"

#define EXIT_PORT 0xF4

static struct serial com2;
static struct lock lock;
static bool to_both;
static char last[LOG_LINE_MAX];

void log_init(void)
{
    serial_init(&com2, SERIAL_COM2);
}

static void write_line(struct serial *port, const char *prefix, const char *fmt, va_list args)
{
    char line[LOG_LINE_MAX + 2];
    size_t length = format(line, sizeof(line) - 2, "%s", prefix);
    length += format_v(line + length, sizeof(line) - 2 - length, fmt, args);
    if (length > LOG_LINE_MAX - 1)
        length = LOG_LINE_MAX - 1;
    line[length++] = '\r';
    line[length++] = '\n';
    serial_write(port, line, length);
}

static void write_both(const char *prefix, const char *fmt, va_list args)
{
    static struct serial com1;
    if (!com1.port)
        serial_init(&com1, SERIAL_COM1);
    va_list again;
    va_copy(again, args);
    write_line(&com2, prefix, fmt, args);
    write_line(&com1, prefix, fmt, again);
    va_end(again);
}

void log_line(const char *fmt, ...)
{
    va_list args;
    char text[LOG_LINE_MAX]; /* what is in `last` may be one of the arguments */
    lock_take(&lock);
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    va_start(args, fmt);
    if (to_both)
        write_both("seam: ", fmt, args);
    else
        write_line(&com2, "seam: ", fmt, args);
    va_end(args);
    memcpy(last, text, sizeof(last));
    lock_release(&lock);
}

void log_to_both(bool on)
{
    to_both = on;
}

const char *log_last(void)
{
    return last;
}

void log_last_words(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_both("seam: ", fmt, args);
    va_end(args);
}

void refuse(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    write_both("seam: error: ", fmt, args);
    va_end(args);
    monitor_leave(MONITOR_EXIT_REFUSED);
}

void monitor_leave(enum monitor_exit code)
{
    outb(EXIT_PORT, (u8)code);
    for (;;)
        __asm__ volatile("cli; hlt");
}
