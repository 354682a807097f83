/* SPDX-License-Identifier: MIT */
/* What a failed step prints; the only place that prints a call of a script. */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define LINE_MAX 140 /* of text, so that a prefix and the carrier's own find room */

/* ---- long texts ---- */

/* Without its indentation; continuations become one blank. */
static size_t unfold(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0, start = 0;
    while (start < length && (text[start] == ' ' || text[start] == '\t'))
        start++;
    for (size_t i = start; i < length && used + 1 < size; i++) {
        bool fold =
            text[i] == '\n' || text[i] == '\r' || (text[i] == '\\' && i + 1 < length && text[i + 1] == '\n');
        char c = fold || text[i] == '\t' ? ' ' : text[i];
        if (c == ' ' && used && out[used - 1] == ' ')
            continue;
        out[used++] = c;
    }
    out[used] = 0;
    return used;
}

/* Where to break a text that is too long: at the last blank, else where the line is full. */
static size_t piece(const char *text, size_t length)
{
    size_t at = LINE_MAX;
    if (length <= LINE_MAX)
        return length;
    while (at > LINE_MAX / 2 && text[at] != ' ')
        at--;
    return at > LINE_MAX / 2 ? at : LINE_MAX;
}

void run_log_long(const char *prefix, const char *text, size_t length)
{
    static char line[SCRIPT_MAX_LINE * 2];
    char shown[LINE_MAX + 1];
    length = unfold(text, length, line, sizeof(line));
    const char *at = line;
    for (bool first = true; first || length; first = false) {
        size_t take = piece(at, length);
        memcpy(shown, at, take);
        shown[take] = 0;
        log_line("%s%s%s%s", first ? prefix : "", first ? "" : "      ", shown, take < length ? " \\" : "");
        at += take;
        length -= take;
        while (length && *at == ' ') {
            at++;
            length--;
        }
    }
}

const char *run_item_text(const struct script_run *run, const struct script_item *item, u32 *length)
{
    u32 index = (u32)(item - run->program->items);
    struct script_items row = run->program->row_expect;
    bool in_row = index >= row.first && index - row.first < row.count;
    const char *line = in_row ? run->program->row_text : run->step->text;
    u32 size = in_row ? run->program->row_length : run->step->length;
    u32 end = (u32)min_u64(item->end ? item->end - 1u : 0, size);
    u32 start = (u32)min_u64(item->column ? item->column - 1u : 0, end);
    *length = end - start;
    return line + start;
}

/* ---- the report ---- */

static const char *source_name(enum test_source source)
{
    static const char *const names[] = {
        [SOURCE_MODULE] = "module-1.5.01", [SOURCE_PATCH] = "patch-v2",  [SOURCE_SPEC] = "spec-quote",
        [SOURCE_LINUX] = "linux",          [SOURCE_PROJECT] = "project", [SOURCE_INFERRED] = "inferred",
    };
    return names[source];
}

void run_failure_begin(struct script_run *run, const char *what)
{
    char prefix[LOG_LINE_MAX];
    const struct script_program *program = run->program;
    if (!program || !run->step) {
        log_line("%s before the first step", what);
        return;
    }
    format(prefix, sizeof(prefix), "%s %s:%u: ", what, program->file->name, run->step->line);
    if (strlen(prefix) + run->step->length > LINE_MAX) {
        log_line("%s", prefix);
        run_log_long("  ", run->step->text, run->step->length);
    } else {
        run_log_long(prefix, run->step->text, run->step->length);
    }
    if (program->row_line)
        run_log_long("  row: ", program->row_text, program->row_length);
}

static void log_registers(const char *direction, const struct script_regs *regs)
{
    const u64 *r = regs->r;
    log_line("    %s rcx=0x%lx rdx=0x%lx r8=0x%lx r9=0x%lx r10=0x%lx r11=0x%lx", direction,
             (unsigned long)r[REG_RCX], (unsigned long)r[REG_RDX], (unsigned long)r[REG_R8],
             (unsigned long)r[REG_R9], (unsigned long)r[REG_R10], (unsigned long)r[REG_R11]);
}

void run_log_made(const struct script_made *made)
{
    char text[TDX_STATUS_TEXT_MAX];
    u64 rax = made->in.r[REG_RAX], status = made->out.r[REG_RAX];
    const char *leaf = tdx_leaf_name(rax & 0xFFFF);
    const char *name = leaf ? leaf : "unknown leaf";
    if (!made->answered) {
        log_line("  %s (rax=0x%llx) on CPU %u: no answer in time", name, (unsigned long long)rax, made->cpu);
        log_registers("in ", &made->in);
        return;
    }
    tdx_status_describe(status, text, sizeof(text));
    log_line("  %s (rax=0x%llx) on CPU %u returned 0x%016llx %s", name, (unsigned long long)rax, made->cpu,
             (unsigned long long)status, text);
    log_registers("in ", &made->in);
    log_registers("out", &made->out);
    if (made->resumes)
        log_line("    after %llu resumptions", (unsigned long long)made->resumes);
    const char *hint = tdx_status_hint(status, (int)(rax & 0xFFFF));
    if (status != TDX_SUCCESS && hint[0])
        log_line("  hint: %s", hint);
}

void run_log_calls(const struct script_run *run)
{
    if (!run->called)
        return;
    if (!run->block) {
        run_log_made(&run->last);
        return;
    }
    for (u32 i = 0; i < run->lane_count; i++)
        run_log_made(&run->lanes[i]);
}

void run_failure_end(struct script_run *run)
{
    if (!run->program)
        return;
    const struct script_case *item = run->program->item;
    log_line("  source: %s", source_name(item->source));
    const char *again = run->options->again;
    if (again)
        log_line("  again: ./run-qemu.sh %s%s--run '%s'", again, again[0] ? " " : "", item->id);
}

bool run_fail_call(struct script_run *run, const struct script_made *made, const char *fmt, ...)
{
    char text[LOG_LINE_MAX];
    va_list args;
    va_start(args, fmt);
    format_v(text, sizeof(text), fmt, args);
    va_end(args);
    run_failure_begin(run, "FAILED");
    log_line("  expected %s", text);
    run_log_made(made);
    run_failure_end(run);
    return run_fail(run);
}
