/* SPDX-License-Identifier: MIT */
#include "kernel/serial.h"

#include "kernel/cpu.h"

/* Register offsets and bits of the PC16550D data sheet, chapter 8. */
enum {
    DATA = 0,
    DIVISOR_LOW = 0,
    DIVISOR_HIGH = 1,
    INTERRUPTS = 1,
    FIFO = 2,
    LINE = 3,
    MODEM = 4,
    STATUS = 5
};
enum { FIFO_ON_AND_CLEARED = 0x07, FIFO_WORKS = 0xC0 }; /* written to, read from register 2 */
enum { LINE_8N1 = 0x03, LINE_DIVISOR = 0x80 };
enum { MODEM_READY = 0x03 /* DTR, RTS */, MODEM_LOOPBACK = 0x10 };
enum { STATUS_DATA_READY = 0x01, STATUS_EMPTY = 0x20, STATUS_IDLE = 0x40, STATUS_ABSENT = 0xFF };

#define DIVISOR_115200 1
#define LOOPBACK_BYTE  0x5A

/*
 * How long a transmitter may stay full before it counts as stuck. A 16-byte FIFO empties in 1.4 ms; the rest
 * is patience with a slow reader behind an emulated port. Whichever bound passes first ends the wait.
 */
#define WAIT_POLLS  4000000u
#define WAIT_CYCLES (1ull << 33) /* 2 to 4 seconds on today's processors */

static bool wait_for(const struct serial *serial, u8 status_bit)
{
    u64 start = rdtsc();
    for (u32 i = 0; i < WAIT_POLLS; i++) {
        u8 status = inb(serial->port + STATUS);
        if (status == STATUS_ABSENT)
            return false;
        if (status & status_bit)
            return true;
        if (rdtsc() - start > WAIT_CYCLES)
            return false;
        cpu_relax();
    }
    return false;
}

static bool loopback_works(const struct serial *serial)
{
    outb(serial->port + MODEM, MODEM_READY | MODEM_LOOPBACK);
    outb(serial->port + DATA, LOOPBACK_BYTE);
    bool works = wait_for(serial, STATUS_DATA_READY) && inb(serial->port + DATA) == LOOPBACK_BYTE;
    outb(serial->port + MODEM, MODEM_READY);
    return works;
}

void serial_init(struct serial *serial, u16 port)
{
    *serial = (struct serial){.port = port, .present = false, .fifo = 1};
    if (!wait_for(serial, STATUS_EMPTY)) /* also lets the firmware's last characters out */
        return;
    outb(port + INTERRUPTS, 0);
    outb(port + LINE, LINE_DIVISOR);
    outb(port + DIVISOR_LOW, DIVISOR_115200);
    outb(port + DIVISOR_HIGH, 0);
    outb(port + LINE, LINE_8N1);
    outb(port + FIFO, FIFO_ON_AND_CLEARED);
    if ((inb(port + FIFO) & FIFO_WORKS) == FIFO_WORKS)
        serial->fifo = 16;
    serial->present = loopback_works(serial);
}

void serial_write(struct serial *serial, const char *text, size_t length)
{
    while (length > 0 && serial->present) {
        if (!wait_for(serial, STATUS_EMPTY)) {
            serial->present = false;
            return;
        }
        for (u8 room = serial->fifo; room > 0 && length > 0; room--, length--)
            outb(serial->port + DATA, (u8)*text++);
    }
}

void serial_drain(const struct serial *serial)
{
    if (serial->present)
        wait_for(serial, STATUS_IDLE);
}
