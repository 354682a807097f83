# SPDX-License-Identifier: MIT
# Seamstress: kernel, monitor, ISO and everything that tests them. `make help` lists the targets.

# DEBUG=1 builds with stack protector, UBSan traps and junk-filled freed memory, in a directory of its own.
BUILD := $(if $(DEBUG),build/debug,$(if $(COVERAGE),build/coverage,build))

CC ?= gcc
HOSTCC ?= $(CC)
NASM ?= nasm
LD ?= ld
NM ?= nm
OBJCOPY ?= objcopy
OBJDUMP ?= objdump
FUZZ_SECONDS ?= 30
, := ,

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
HOST_FLAGS := $(COMMON) -DHOST_BUILD=1 -fno-omit-frame-pointer \
	$(if $(COVERAGE),--coverage -O0,-fsanitize=address$(,)undefined -fno-sanitize-recover=all)
LINK_FLAGS := -n -z max-page-size=4096 -z noexecstack

# One short line for each thing that is built; V=1 shows the commands, -s nothing.
Q := $(if $(V),,@)
SAY = $(if $(V)$(findstring s,$(firstword -$(MAKEFLAGS))),@:,@printf '  %-4s %s\n')
PARALLEL = $(if $(findstring j,$(MAKEFLAGS)),,-j$$(nproc))

# What each program is made of. Shared files are named in docs/architecture.md.
SHARED_SOURCES := $(wildcard lib/*.c boot/*.c drivers/tdx/abi/*.c) kernel/acpi.c kernel/serial.c
KERNEL_SOURCES := $(SHARED_SOURCES) $(filter-out kernel/acpi.c kernel/serial.c,$(wildcard kernel/*.c)) \
	$(wildcard drivers/tdx/*.c tests/runner/*.c tests/runner/script/*.c)
KERNEL_ASM := $(wildcard boot/*.asm kernel/*.asm drivers/tdx/*.asm)
MONITOR_SOURCES := $(SHARED_SOURCES) $(wildcard seam/monitor/*.c seam/soft/*.c seam/genuine/*.c)
MONITOR_ASM := $(wildcard boot/*.asm seam/monitor/*.asm seam/genuine/*.asm)

SUITE := $(sort $(wildcard tests/conformance/*.tdxt))

KERNEL_OBJECTS := $(KERNEL_SOURCES:%.c=$(BUILD)/kernel/%.o) $(KERNEL_ASM:%.asm=$(BUILD)/kernel/%.asm.o)
MONITOR_OBJECTS := $(MONITOR_SOURCES:%.c=$(BUILD)/monitor/%.o) $(MONITOR_ASM:%.asm=$(BUILD)/monitor/%.asm.o) \
	$(BUILD)/monitor/inring.o

# The monitor's handler inside a module's ring 0: it runs at an address of the monitor's choice, by itself.
INRING_OBJECTS := $(patsubst %,$(BUILD)/inring/seam/genuine/%.o,inring/entry.asm inring/execute vmcs)
INRING_FLAGS = $(TARGET_FLAGS) -mcmodel=small -fpie -fvisibility=hidden -fno-stack-protector -fno-sanitize=all \
	-ffunction-sections -fdata-sections
INRING_SYMBOLS := begin undefined saved restore forward end

# The parts that need no machine, for unit tests and fuzzing; the host has its own string functions and stack protector.
DRIVER_PURE := tdmr.c tdmr_report.c pamt.c hpa_list.c hpa_linked_list.c sysinfo_table.c stats.c resume.c quote.c disable.c \
	update.c
HOST_SOURCES := $(wildcard $(filter-out lib/string.c lib/stack_protector.c,$(wildcard lib/*.c boot/*.c)) \
	$(wildcard drivers/tdx/abi/*.c seam/soft/*.c) kernel/memory.c kernel/page_table.c kernel/acpi.c $(DRIVER_PURE:%=drivers/tdx/%) \
	$(addprefix seam/monitor/,decode.c elf.c command.c fault_spec.c overrides.c park.c) \
	tests/runner/verdict.c tests/runner/selection.c $(wildcard tests/runner/script/*.c))
HOST_SOURCES += tests/runner/again.c $(addprefix seam/genuine/,access.c frame_pool.c handover.c image.c inring/execute.c \
	instructions.c keys.c keys_access.c length.c module_npt.c msr_habit.c overlay.c page_records.c page_versions.c \
	quirk.c quirk_patch.c seam_instructions.c slots.c space.c tdmr_areas.c vmcs.c \
	vmx_instructions.c xstate.c)
HOST_OBJECTS := $(HOST_SOURCES:%.c=$(BUILD)/host/%.o)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/host/%,$(wildcard tests/unit/test_*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all boot unit unit-built iso check lint bench fuzz coverage matrix compare mutants clean help FORCE

## make             kernel, monitor and ISO
all: boot iso
	@:

## make boot        what QEMU boots directly: kernel, monitor, archive
boot: $(BUILD)/seamstress.elf $(BUILD)/seam.elf $(BUILD)/seamstress.cpio $(BUILD)/suite.cpio
	@:

# Linked twice, so that the kernel can name the functions in a backtrace: the table made from the first link goes into
# the second, behind all code.
$(BUILD)/seamstress.elf: $(BUILD)/kernel/nameless.elf $(BUILD)/kernel/symbols.asm.o
	$(SAY) LD $@
	$(Q)$(LD) $(LINK_FLAGS) -T linker.ld -o $@ $(KERNEL_OBJECTS) $(BUILD)/kernel/symbols.asm.o

$(BUILD)/kernel/nameless.elf: $(KERNEL_OBJECTS) linker.ld $(BUILD)/kernel.objects tools/make-symbols.sh
	$(Q)tools/make-symbols.sh </dev/null >$(@:.elf=.asm)
	$(Q)$(NASM) -f elf64 -o $(@:.elf=.asm.o) $(@:.elf=.asm)
	$(Q)$(LD) $(LINK_FLAGS) -T linker.ld -o $@ $(KERNEL_OBJECTS) $(@:.elf=.asm.o)

$(BUILD)/kernel/symbols.asm.o: $(BUILD)/kernel/nameless.elf
	$(Q)$(NM) -n $< | tools/make-symbols.sh >$(@:.o=)
	$(Q)$(NASM) -f elf64 -o $@ $(@:.o=)

$(BUILD)/seam.elf: $(MONITOR_OBJECTS) linker.ld $(BUILD)/monitor.objects
	$(SAY) LD $@
	$(Q)$(LD) $(LINK_FLAGS) --defsym=image_place=0x1000000 -T linker.ld -o $@ $(MONITOR_OBJECTS)

# Without the parts of vmcs.c that it doesn't use.
$(BUILD)/monitor/inring.o: $(INRING_OBJECTS) seam/genuine/inring/handler.ld tools/check-alone.sh
	$(SAY) LD $@
	@mkdir -p $(@D)
	$(Q)$(LD) -r -z noexecstack --gc-sections -e inring_undefined -T seam/genuine/inring/handler.ld -o $@.whole $(INRING_OBJECTS)
	$(Q)$(OBJCOPY) --wildcard --strip-unneeded-symbol='*' --keep-symbol='inring_*' $@.whole
	$(Q)NM=$(NM) OBJDUMP=$(OBJDUMP) tools/check-alone.sh $@.whole
	$(Q)$(OBJCOPY) $(INRING_SYMBOLS:%=--keep-global-symbol=inring_%) $@.whole $@

$(BUILD)/inring/%.o: %.c Makefile | $(BUILD)/tools-found
	$(SAY) CC "$< (in-ring)"
	@mkdir -p $(@D)
	$(Q)$(CC) $(INRING_FLAGS) -c -o $@ $<

$(BUILD)/inring/%.asm.o: %.asm Makefile | $(BUILD)/tools-found
	$(SAY) ASM $<
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I . -MD $(@:.o=.d) -MT $@ -MP -o $@ $<

# Lists of objects, renewed only when they change: a source that goes away makes its program stale.
$(BUILD)/kernel.objects: FORCE
	@printf '%s\n' $(KERNEL_OBJECTS) | tools/update-file.sh $@
$(BUILD)/monitor.objects: FORCE
	@printf '%s\n' $(MONITOR_OBJECTS) | tools/update-file.sh $@

# What is booted comes with the conformance suite, which is text: scripts, no part of any program.
$(BUILD)/seamstress.cpio: $(BUILD)/seamstress.elf $(SUITE) tools/pack-cpio.sh $(BUILD)/suite.files
	$(SAY) CPIO $@
	$(Q)tools/pack-cpio.sh $@ $(BUILD)/seamstress.elf $(SUITE)

$(BUILD)/suite.cpio: $(SUITE) tools/pack-cpio.sh $(BUILD)/suite.files
	$(SAY) CPIO $@
	$(Q)tools/pack-cpio.sh $@ $(SUITE)

$(BUILD)/suite.files: FORCE
	@printf '%s\n' $(SUITE) | tools/update-file.sh $@

$(BUILD)/kernel/%.o: %.c Makefile | $(BUILD)/tools-found
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -c -o $@ $<

$(BUILD)/monitor/%.o: %.c Makefile | $(BUILD)/tools-found
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(TARGET_FLAGS) -c -o $@ $<

$(BUILD)/kernel/%.asm.o: %.asm Makefile | $(BUILD)/tools-found
	$(SAY) ASM $<
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I . -MD $(@:.o=.d) -MT $@ -MP -o $@ $<

$(BUILD)/monitor/%.asm.o: %.asm Makefile | $(BUILD)/tools-found
	$(SAY) ASM $<
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I . -MD $(@:.o=.d) -MT $@ -MP -o $@ $<

$(BUILD)/tools-found:
	@DEPS=0 tools/install-deps.sh build
	@mkdir -p $(@D) && touch $@

## make iso         the bootable ISO (BIOS, GRUB)
iso: $(BUILD)/seamstress.iso
	@:

$(BUILD)/seamstress.iso: $(BUILD)/seamstress.elf $(BUILD)/seam.elf $(BUILD)/suite.cpio boot/grub.cfg tools/make-iso.sh
	$(SAY) ISO $@
	@DEPS=0 tools/install-deps.sh iso
	$(Q)tools/make-iso.sh $@ boot/grub.cfg $(BUILD)/seamstress.elf $(BUILD)/seam.elf $(BUILD)/suite.cpio

# ---- the stand-in for a vendor's module ----

# As such modules are built: position-independent, with a red zone, checked stacks and marks for indirect jumps.
STANDIN_FLAGS := $(COMMON) -ffreestanding -fPIC -fvisibility=hidden -mgeneral-regs-only -fno-strict-aliasing \
	-fstack-protector-strong -fcf-protection=branch -fno-asynchronous-unwind-tables
STANDIN_OBJECTS := $(patsubst %.c,$(BUILD)/standin/%.o,$(wildcard tests/standin/*.c) lib/string.c) \
	$(patsubst %.asm,$(BUILD)/standin/%.asm.o,$(wildcard tests/standin/*.asm))

$(BUILD)/standin.so: $(STANDIN_OBJECTS) tests/standin/standin.ld $(BUILD)/standin.objects
	$(SAY) LD $@
	$(Q)$(LD) -shared -nostdlib -Bsymbolic --no-undefined -z noexecstack -z norelro -z max-page-size=4096 \
		-T tests/standin/standin.ld -o $@ $(STANDIN_OBJECTS)

$(BUILD)/standin.objects: FORCE
	@printf '%s\n' $(STANDIN_OBJECTS) | tools/update-file.sh $@

$(BUILD)/standin/%.o: %.c Makefile | $(BUILD)/tools-found
	$(SAY) CC $<
	@mkdir -p $(@D)
	$(Q)$(CC) $(STANDIN_FLAGS) -c -o $@ $<

$(BUILD)/standin/%.asm.o: %.asm Makefile | $(BUILD)/tools-found
	$(SAY) ASM $<
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -g -F dwarf -I . -MD $(@:.o=.d) -MT $@ -MP -o $@ $<

# ---- tests ----

## make unit        unit tests: the same files, built for the host under ASan and UBSan
unit: $(UNIT_TESTS)
	@perl tests/check.pl --unit $(UNIT_TESTS)

unit-built: $(UNIT_TESTS)
	@:

$(BUILD)/host/%.o: %.c Makefile | $(BUILD)/tools-found
	$(SAY) HOST $<
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_FLAGS) -c -o $@ $<

$(BUILD)/host/libseamstress.a: $(HOST_OBJECTS) $(BUILD)/host.objects
	@rm -f $@
	$(Q)ar rcs $@ $(HOST_OBJECTS)
$(BUILD)/host.objects: FORCE
	@printf '%s\n' $(HOST_OBJECTS) | tools/update-file.sh $@

$(BUILD)/host/test_%: $(BUILD)/host/tests/unit/test_%.o $(BUILD)/host/tests/unit/support.o $(BUILD)/host/libseamstress.a
	$(SAY) LD $@
	$(Q)$(HOSTCC) $(HOST_FLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcmocka

$(BUILD)/host/test_length $(BUILD)/host/test_quirk: | $(BUILD)/standin.so
$(BUILD)/host/test_tdmr: $(BUILD)/host/tests/unit/oracle.o
$(BUILD)/host/test_script_run $(BUILD)/host/test_park: $(patsubst %,$(BUILD)/host/tests/host/%.o,reference soft_machine soft_monitor soft_overlay soft_port)

# Scripts on the host: lint, list, facts, run.
TDXT_OBJECTS := $(patsubst %.c,$(BUILD)/host/%.o,$(wildcard tests/host/*.c))
$(BUILD)/host/tdxt: $(TDXT_OBJECTS) $(BUILD)/host/libseamstress.a
	$(SAY) LD $@
	$(Q)$(HOSTCC) $(HOST_FLAGS) -o $@ $^

# Is a file a TDX module? By the reader of the monitor; run-qemu.sh asks before it boots.
$(BUILD)/host/moduleck: $(BUILD)/host/tools/moduleck.o $(BUILD)/host/libseamstress.a
	$(SAY) LD $@
	$(Q)$(HOSTCC) $(HOST_FLAGS) -o $@ $^

## make check       everything CI runs; installs what is missing (DEPS=0: doesn't)
check:
	@tools/install-deps.sh check
	@$(MAKE) --no-print-directory $(PARALLEL) all $(BUILD)/standin.so $(UNIT_TESTS)
	@$(MAKE) --no-print-directory $(PARALLEL) DEBUG=1 boot
	@perl tests/check.pl --unit $(UNIT_TESTS) --script $(sort $(wildcard tests/integration/*.t))

## make lint        formatting, static analysis, house rules
lint:
	@prove -v tests/integration/lint.t

## make bench       what things cost, as ratios within one run; MODULE=FILE: what a genuine module costs
bench: all $(BUILD)/bench/nothing.elf
	@$(if $(MODULE),tests/bench/genuine.sh "$(MODULE)",BUILD=$(BUILD) tests/bench/bench.sh)

$(BUILD)/bench/nothing.elf: tests/bench/nothing.asm tests/bench/nothing.ld
	@mkdir -p $(@D)
	$(Q)$(NASM) -f elf64 -o $(@:.elf=.o) $<
	$(Q)$(LD) $(LINK_FLAGS) -T tests/bench/nothing.ld -o $@ $(@:.elf=.o)

## make fuzz        libFuzzer on the parsers, FUZZ_SECONDS=30 each
fuzz: $(FUZZERS)
	@for fuzzer in $(FUZZERS); do \
		tests/fuzz/make-seeds.sh $$fuzzer.corpus; \
		$$fuzzer -max_total_time=$(FUZZ_SECONDS) -timeout=5 -print_final_stats=1 -artifact_prefix=$$fuzzer- $$fuzzer.corpus || exit 1; \
	done

FUZZ_FLAGS := -std=gnu11 -g -O1 -I. -MMD -MP -DHOST_BUILD=1 -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_OBJECTS := $(HOST_SOURCES:%.c=build/fuzz/%.o)

build/fuzz/tools-found:
	@DEPS=0 tools/install-deps.sh build fuzz
	@mkdir -p $(@D) && touch $@

build/fuzz/%.o: %.c Makefile | build/fuzz/tools-found
	$(SAY) FUZZ $<
	@mkdir -p $(@D)
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer-no-link -c -o $@ $<

build/fuzz/libseamstress.a: $(FUZZ_OBJECTS)
	@rm -f $@
	$(Q)ar rcs $@ $^

build/fuzz/fuzz_%: build/fuzz/tests/fuzz/fuzz_%.o build/fuzz/libseamstress.a
	$(SAY) LD $@
	$(Q)clang $(FUZZ_FLAGS) -fsanitize=fuzzer -o $@ $^

## make coverage    which lines the unit tests reach
coverage:
	@tools/install-deps.sh coverage
	@$(MAKE) --no-print-directory $(PARALLEL) COVERAGE=1 unit
	@gcovr --root . --exclude tests/ build/coverage/host

## make matrix      docs/coverage.md: what the conformance suite tests, and what it doesn't
matrix: $(BUILD)/host/tdxt
	@tools/install-deps.sh check
	@$(BUILD)/host/tdxt facts $(sort $(wildcard tests/conformance/*.tdxt)) >$(BUILD)/facts
	@tools/matrix.py tests/conformance/promises.txt $(BUILD)/facts | tools/update-file.sh docs/coverage.md
	@sed -n '/^[0-9].*cases expect/p' docs/coverage.md
	@tools/matrix.py --check tests/conformance/promises.txt $(BUILD)/facts

## make compare     MODULE=FILE: a genuine module and the model, call by call; SEED=1 CALLS=10000 (docs/fidelity.md)
compare:
	@tools/install-deps.sh check
	@tools/compare.sh "$(MODULE)"

## make mutants     one-line faults, applied one at a time: does a test notice each?
mutants:
	@tools/install-deps.sh check
	@tests/mutants/run.sh

## make clean       removes build/
clean:
	rm -rf build

## make help        this list; DEBUG=1: with run-time checks, in build/debug; V=1: show commands
help:
	@sed -n 's/^## //p' Makefile

.SECONDARY:
.DELETE_ON_ERROR:
-include $(KERNEL_OBJECTS:.o=.d) $(MONITOR_OBJECTS:.o=.d) $(INRING_OBJECTS:.o=.d) $(HOST_OBJECTS:.o=.d) $(STANDIN_OBJECTS:.o=.d) $(TDXT_OBJECTS:.o=.d) \
	$(patsubst $(BUILD)/host/%,$(BUILD)/host/tests/unit/%.d,$(UNIT_TESTS)) $(BUILD)/host/tests/unit/support.d \
	$(BUILD)/host/tools/moduleck.d \
	$(FUZZ_OBJECTS:.o=.d) $(patsubst build/fuzz/%,build/fuzz/tests/fuzz/%.d,$(FUZZERS))
