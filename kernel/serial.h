/* SPDX-License-Identifier: MIT */
/*
 * A 16550-compatible UART as an object: COM1 for the kernel, COM2 for the monitor. Polled, transmit only. No
 * lock of its own: whoever shares a port serialises. A port that isn't there, or that stops taking
 * characters, is marked absent and swallows everything from then on, so that a log line can never hang the
 * machine.
 */
#ifndef KERNEL_SERIAL_H
#define KERNEL_SERIAL_H

#include "lib/types.h"

#define SERIAL_COM1 0x3F8
#define SERIAL_COM2 0x2F8

struct serial {
    u16 port;
    bool present;
    u8 fifo; /* characters that may be written once the transmitter is empty */
};

/* 115200 8N1, FIFOs on, interrupts off. *serial says present if the loopback test came back. */
void serial_init(struct serial *serial, u16 port);

void serial_write(struct serial *serial, const char *text, size_t length);

/* Waits, bounded, until the last character has left the wire: before the machine goes away. */
void serial_drain(const struct serial *serial);

#endif
