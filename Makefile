# SPDX-License-Identifier: MIT
# Seamstress: kernel, monitor, ISO and everything that tests them. `make help` lists the targets.

# DEBUG=1 builds with stack protector, UBSan traps and junk-filled freed memory, in a directory of its own.
BUILD := $(if $(DEBUG),build/debug,build)

CC ?= gcc
HOSTCC ?= $(CC)
NASM ?= nasm
LD ?= ld
NM ?= nm

WARNINGS := -Wall -Wextra -Werror
COMMON := -std=gnu11 -g -O2 $(WARNINGS) -I. -MMD -MP
TARGET_FLAGS := $(COMMON) -ffreestanding -fno-pic -fno-pie -mcmodel=kernel -mno-red-zone -mgeneral-regs-only \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -fno-asynchronous-unwind-tables -fcf-protection=none \
	-fno-strict-aliasing
ifdef DEBUG
TARGET_FLAGS += -DDEBUG=1 -fstack-protector-strong -mstack-protector-guard=global \
	-fsanitize=undefined -fsanitize-undefined-trap-on-error
else
TARGET_FLAGS += -fno-stack-protector
endif
HOST_FLAGS := $(COMMON) -DHOST_BUILD=1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer

# What each program is made of. Shared files are named in docs/architecture.md.
SHARED_SOURCES := $(wildcard lib/*.c boot/*.c drivers/tdx/abi/*.c) kernel/acpi.c kernel/serial.c
KERNEL_SOURCES := $(SHARED_SOURCES) $(filter-out kernel/acpi.c kernel/serial.c,$(wildcard kernel/*.c)) \
	$(wildcard drivers/tdx/*.c tests/runner/*.c)
KERNEL_ASM := $(wildcard boot/*.asm kernel/*.asm drivers/tdx/*.asm)
MONITOR_SOURCES := $(SHARED_SOURCES) $(wildcard seam/monitor/*.c seam/soft/*.c)
MONITOR_ASM := $(wildcard boot/*.asm seam/monitor/*.asm)

KERNEL_OBJECTS := $(KERNEL_SOURCES:%.c=$(BUILD)/kernel/%.o) $(KERNEL_ASM:%.asm=$(BUILD)/kernel/%.asm.o)
MONITOR_OBJECTS := $(MONITOR_SOURCES:%.c=$(BUILD)/monitor/%.o) $(MONITOR_ASM:%.asm=$(BUILD)/monitor/%.asm.o)

.PHONY: all
all: $(BUILD)/seamstress.elf $(BUILD)/seam.elf

$(BUILD)/seamstress.elf: $(KERNEL_OBJECTS) linker.ld
	$(LD) -n -z max-page-size=4096 -z noexecstack -T linker.ld -o $@ $(KERNEL_OBJECTS)

$(BUILD)/seam.elf: $(MONITOR_OBJECTS) linker.ld
	$(LD) -n -z max-page-size=4096 -z noexecstack -T linker.ld -o $@ $(MONITOR_OBJECTS)

$(BUILD)/kernel/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TARGET_FLAGS) -c -o $@ $<

$(BUILD)/monitor/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(TARGET_FLAGS) -c -o $@ $<

$(BUILD)/kernel/%.asm.o: %.asm Makefile
	@mkdir -p $(@D)
	$(NASM) -f elf64 -g -F dwarf -I . -MD $(@:.o=.d) -MT $@ -o $@ $<

$(BUILD)/monitor/%.asm.o: %.asm Makefile
	@mkdir -p $(@D)
	$(NASM) -f elf64 -g -F dwarf -I . -MD $(@:.o=.d) -MT $@ -o $@ $<

# ---- unit tests: the same files, built for the host under ASan and UBSan ----

HOST_SOURCES := $(filter-out lib/string.c,$(wildcard lib/*.c boot/*.c drivers/tdx/abi/*.c seam/soft/*.c)) kernel/memory.c \
	kernel/acpi.c $(addprefix drivers/tdx/,$(DRIVER_PURE))
DRIVER_PURE := tdmr.c hpa_list.c sysinfo_table.c
HOST_SOURCES := $(wildcard $(HOST_SOURCES))
HOST_OBJECTS := $(HOST_SOURCES:%.c=$(BUILD)/host/%.o)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/host/%,$(wildcard tests/unit/test_*.c))

$(BUILD)/host/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(HOSTCC) $(HOST_FLAGS) -c -o $@ $<

$(BUILD)/host/libseamstress.a: $(HOST_OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(BUILD)/host/test_%: $(BUILD)/host/tests/unit/test_%.o $(BUILD)/host/tests/unit/support.o $(BUILD)/host/libseamstress.a
	$(HOSTCC) $(HOST_FLAGS) -o $@ $^ -lcmocka

.PHONY: unit
unit: $(UNIT_TESTS)
	@for test in $^; do echo "== $$test"; CMOCKA_MESSAGE_OUTPUT=TAP $$test || exit 1; done

.PHONY: clean
clean:
	rm -rf build

.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
