/* SPDX-License-Identifier: MIT */
/*
 * -v: each executed step as a line that the parser reads, with values in place of expressions. Loops come out
 * unrolled; what calls gave are comments. Expectations keep their functions, which cost nothing but the
 * asking. A trace makes the same calls once more; what functions like hpa_list() wrote to memory isn't in it,
 * and a test may have run more steps than one can be written down with (SCRIPT_MAX_STEPS).
 */
#include "tests/runner/script/run.h"

#include "drivers/tdx/abi/status.h"
#include "lib/format.h"
#include "lib/log.h"
#include "lib/string.h"

#define INDENT_MAX 16

void run_text_add(struct script_text *text, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    if (text->length < sizeof(text->text))
        text->length += format_v(text->text + text->length, sizeof(text->text) - text->length, fmt, args);
    va_end(args);
    text->length = min_u64(text->length, sizeof(text->text) - 1);
}

/* As it came: the blanks in front of the step's line. */
void run_trace_begin(struct script_run *run, struct script_text *text)
{
    text->length = 0;
    text->text[0] = 0;
    const char *at = run->step->text;
    for (u32 i = 0; i < run->step->length && i < INDENT_MAX && (at[i] == ' ' || at[i] == '\t'); i++)
        run_text_add(text, " ");
}

void run_trace_end(struct script_text *text)
{
    size_t indent = 0;
    char prefix[INDENT_MAX + 1];
    while (text->text[indent] == ' ')
        indent++;
    format(prefix, sizeof(prefix), "%.*s", (int)min_u64(indent, sizeof(prefix) - 1), text->text);
    run_log_long(prefix, text->text + indent, text->length - indent);
}

void run_trace(struct script_run *run, const char *fmt, ...)
{
    static struct script_text text;
    char line[LOG_LINE_MAX * 2];
    va_list args;
    if (!run->options->trace)
        return;
    va_start(args, fmt);
    format_v(line, sizeof(line), fmt, args);
    va_end(args);
    run_trace_begin(run, &text);
    run_text_add(&text, "%s", line);
    run_trace_end(&text);
}

/* ---- items: their text, variables replaced by their values ---- */

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

static bool find_variable(const struct script_run *run, const char *word, size_t length, u32 *index)
{
    for (*index = 0; *index < run->program->variable_count; ++*index) {
        const char *name = run->program->variables[*index];
        if (strncmp(name, word, length) == 0 && name[length] == 0)
            return true;
    }
    return false;
}

/* `op=RCX` names a detail, not a variable. */
static bool is_key(const char *behind, const char *end)
{
    return behind < end && *behind == '=' && !(behind + 1 < end && behind[1] == '=');
}

static size_t word_length(const char *at, const char *end)
{
    size_t length = 0;
    while (at + length < end && is_word(at[length]))
        length++;
    return length;
}

static void add_item(struct script_run *run, struct script_text *text, const char *at, const char *end)
{
    while (at < end) {
        size_t length = word_length(at, end);
        u32 index;
        u64 value;
        if (length && !is_key(at + length, end) && find_variable(run, at, length, &index)) {
            if (!run_variable(run, (u8)index, &value))
                return;
            run_text_add(text, "0x%llx", (unsigned long long)value);
        } else {
            length = length ? length : 1;
            run_text_add(text, "%.*s", (int)length, at);
        }
        at += length;
    }
}

static void add_items(struct script_run *run, struct script_text *text, struct script_items items,
                      const char **separator)
{
    for (u32 i = 0; i < items.count; i++) {
        const struct script_item *item = &run->program->items[items.first + i];
        if (item->kind == ITEM_ROW) {
            add_items(run, text, run->program->row_expect, separator);
            continue;
        }
        u32 length;
        const char *at = run_item_text(run, item, &length);
        run_text_add(text, "%s", *separator);
        add_item(run, text, at, at + length);
        *separator = ", ";
    }
}

void run_trace_expect(struct script_run *run, struct script_items items)
{
    static struct script_text text;
    const char *separator = "expect ";
    if (!run->options->trace)
        return;
    run_trace_begin(run, &text);
    add_items(run, &text, items, &separator);
    run_trace_end(&text);
}

/* ---- calls ---- */

static void add_resume(struct script_text *text, const struct script_resume *resume, u64 max, u32 elsewhere)
{
    static const char *const kinds[] = {
        [RESUME_WITH_OUTPUTS] = "outputs", [RESUME_WITH_INPUTS] = "inputs", [RESUME_WITH_FLAG] = "flag"};
    if (resume->kind == RESUME_NOT)
        return;
    run_text_add(text, " resume %s", kinds[resume->kind]);
    if (resume->max.count)
        run_text_add(text, " max %llu", (unsigned long long)max);
    if (resume->elsewhere)
        run_text_add(text, " at @cpu%u", elsewhere);
}

static void add_leaf(struct script_text *text, const struct script_call *call, u64 rax)
{
    const char *name = tdx_leaf_name(rax & 0xFFFF);
    u64 version = rax >> TDX_RAX_VERSION_SHIFT & 0xFF;
    if (call->raw || !name || rax >> 24) {
        run_text_add(text, "call raw rax=0x%llx", (unsigned long long)rax);
        return;
    }
    run_text_add(text, "call %s", name);
    if (version)
        run_text_add(text, " version=%llu", (unsigned long long)version);
}

void run_trace_call(struct script_run *run, const struct script_call *call, const struct script_regs *in,
                    u32 cpu, u64 max, u32 elsewhere)
{
    static struct script_text text;
    struct script_regs marks;
    const char *separator = " expect ";
    if (!run->options->trace)
        return;
    run_call_marks(&marks);
    run_trace_begin(run, &text);
    add_leaf(&text, call, in->r[REG_RAX]);
    for (u32 reg = REG_RCX; reg < SCRIPT_REGISTERS; reg++)
        if (in->r[reg] != marks.r[reg])
            run_text_add(&text, " %s=0x%llx", script_register_name(reg), (unsigned long long)in->r[reg]);
    if (call->cpu.kind == CPU_ALL)
        run_text_add(&text, " @all");
    else
        run_text_add(&text, " @cpu%u", cpu);
    add_resume(&text, &call->resume, max, elsewhere);
    run_text_add(&text, "%s", call->unchanged ? " unchanged" : "");
    add_items(run, &text, call->expect, &separator);
    if (call->each)
        add_items(run, &text, run->program->row_expect, &separator);
    run_trace_end(&text);
}

/*
 * A comment for each call that was made, in the order of the lanes: RAX, then every register that came back
 * other than it went in; what isn't named is as it was. tools/compare-runs.py reads this.
 *
 *   # CPU 0: 0xc000010000000001 OPERAND_INVALID operand=RCX rcx=0x0 rdx=0x0 resumes=3
 *   #  r10=0xa00000009                     if the line before is full
 */
#define RESULT_FULL 110 /* columns; another register always finds room behind */

static void add_changed(struct script_run *run, struct script_text *text, const struct script_made *made)
{
    for (u32 reg = REG_RCX; reg < SCRIPT_REGISTERS; reg++) {
        if (made->in.r[reg] == made->out.r[reg])
            continue;
        if (text->length > RESULT_FULL) {
            log_line("%s", text->text);
            run_trace_begin(run, text);
            run_text_add(text, "# ");
        }
        run_text_add(text, " %s=0x%llx", script_register_name(reg), (unsigned long long)made->out.r[reg]);
    }
}

void run_trace_result(struct script_run *run, const struct script_made *made)
{
    static struct script_text text;
    char status[TDX_STATUS_TEXT_MAX];
    if (!run->options->trace)
        return;
    run_trace_begin(run, &text);
    run_text_add(&text, "# CPU %u: ", made->cpu);
    if (made->answered) {
        tdx_status_describe(made->out.r[REG_RAX], status, sizeof(status));
        run_text_add(&text, "0x%llx %s", (unsigned long long)made->out.r[REG_RAX], status);
        add_changed(run, &text, made);
    } else {
        run_text_add(&text, "no answer");
    }
    if (made->resumes)
        run_text_add(&text, " resumes=%llu", (unsigned long long)made->resumes);
    log_line("%s", text.text);
}
