/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a script. The reader may refuse them, with errors that lie inside the text; what it doesn't
 * refuse must compile, case by case, into a program that the running half may trust.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/runner/script/names.h"
#include "tests/runner/script/script.h"
#include "tests/runner/verdict.h"

static struct script_suite suite;
static struct script_program program;

struct complaints {
    const struct script_file *file;
    u32 count;
};

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

static void insist(bool truth, const char *promise)
{
    if (truth)
        return;
    fprintf(stderr, "broken: %s\n", promise);
    abort();
}

/* ---- errors ---- */

static void complain(void *context, const struct script_error *error)
{
    struct complaints *complaints = context;
    const char *at = complaints->file->text, *end = at + complaints->file->size;
    for (u32 line = 1; line < error->line; line++) {
        at = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        insist(at != NULL, "errors on lines that there are");
        at++;
    }
    insist(error->column > 0 && at + error->column - 1 <= end, "errors inside the text");
    insist(!memchr(at, '\n', error->column - 1), "errors inside their line");
    insist(memchr(error->text, 0, sizeof(error->text)) && error->text[0], "an error says something");
    for (const char *c = error->text; *c; c++)
        insist(*c >= 0x20 && *c < 0x7F, "errors can be printed");
    complaints->count++;
}

/* ---- programs ---- */

static u32 arguments_of(u32 function)
{
    const char *name = script_function_name(function);
    return script_name_find(NAME_FUNCTION, name, (u32)strlen(name))->extra;
}

static void check_token(const struct script_token *token, u32 *depth)
{
    u32 pops = token->kind == TOKEN_BINARY                               ? 2
               : token->kind == TOKEN_UNARY || token->kind == TOKEN_LANE ? 1
               : token->kind == TOKEN_CALL                               ? arguments_of(token->index)
                                                                         : 0;
    insist(*depth >= pops, "operators have operands");
    *depth = *depth - pops + 1;
    insist(*depth <= SCRIPT_MAX_DEPTH + 3, "the stack that is promised is enough");
    if (token->kind == TOKEN_VARIABLE)
        insist(token->index < program.variable_count, "variables that there are");
    if (token->kind == TOKEN_OUT || token->kind == TOKEN_IN || token->kind == TOKEN_LANE)
        insist(token->index < SCRIPT_REGISTERS, "registers that there are");
}

static void check_expr(struct script_expr expr, bool needed)
{
    u32 depth = 0;
    insist(expr.count > 0 || !needed, "expressions that have to be there");
    insist(expr.first + expr.count <= program.token_count, "expressions inside the tokens");
    for (u32 i = 0; i < expr.count; i++)
        check_token(&program.tokens[expr.first + i], &depth);
    insist(depth == (expr.count > 0), "an expression leaves one value");
}

static void check_items(struct script_items items)
{
    insist(items.first + items.count <= program.item_count, "items that there are");
    for (u32 i = 0; i < items.count; i++) {
        const struct script_item *item = &program.items[items.first + i];
        u32 statuses = item->kind == ITEM_OUTCOME ? item->count * item->lanes : item->count;
        insist(item->column < item->end, "an item has a text");
        insist(item->first + statuses <= program.alternative_count, "statuses that there are");
        check_expr(item->expr, item->kind == ITEM_HOLDS);
        for (u32 k = 0; k < statuses; k++)
            check_expr(program.alternatives[item->first + k].detail, false);
    }
}

static void check_call(const struct script_call *call)
{
    insist(call->operand_count <= SCRIPT_REGISTERS + 1, "each register once");
    check_expr(call->leaf, !call->raw);
    for (u32 i = 0; i < call->operand_count; i++)
        check_expr(call->operands[i].value, true);
    check_expr(call->cpu.number, call->cpu.kind == CPU_NUMBER || call->cpu.kind == CPU_PACKAGE);
    check_expr(call->resume.max, false);
    check_items(call->expect);
}

static void check_block(u32 index)
{
    const struct script_step *step = &program.steps[index];
    insist(step->other < program.step_count && program.steps[step->other].other == index,
           "blocks and ends in pairs");
    insist((step->verb == VERB_END) == (step->other < index), "ends behind their blocks");
}

static void check_step(u32 index)
{
    const struct script_step *step = &program.steps[index];
    insist(step->text >= program.file->text &&
               step->text + step->length <= program.file->text + program.file->size,
           "steps inside the text");
    if (step->verb == VERB_FOR || step->verb == VERB_PAR || step->verb == VERB_END)
        check_block(index);
    if (step->verb == VERB_CALL)
        check_call(&step->call);
    if (step->verb == VERB_EXPECT)
        check_items(step->expect);
    if (step->verb == VERB_ASSIGN)
        check_expr(step->assign.value, true);
    if (step->verb == VERB_FOR) {
        check_expr(step->loop.first, true);
        check_expr(step->loop.limit, true);
        check_expr(step->loop.step, false);
    }
}

static void check_case(const struct script_case *item)
{
    struct script_error error;
    insist(case_id_valid(item->id), "ids that are valid");
    insist(item->seconds > 0 && item->seconds <= SCRIPT_MAX_SECONDS, "a timeout");
    insist(script_compile(&suite, item, &program, &error), "what was read compiles");
    insist(program.step_count > 0 && program.steps[0].verb == VERB_FROM, "a program begins with from");
    insist(program.steps[0].from.state == item->state, "a case knows its state");
    insist((program.row_line != 0) == (item->row_line != 0), "a case has its row");
    for (u32 i = 0; i < program.row_count; i++)
        check_expr(program.row[i].value, true);
    check_items(program.row_expect);
    for (u32 i = 0; i < program.step_count; i++)
        check_step(i);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    char *text = malloc(size ? size : 1); /* exactly as large, so that ASan sees every step outside */
    memcpy(text, data, size);
    struct script_file file = {"input", text, (u32)size};
    struct complaints complaints = {&file, 0};
    memset(&suite, 0, offsetof(struct script_suite, cases));
    memset(suite.index, 0, sizeof(suite.index));
    suite.case_count = 0;
    bool good = script_read(&suite, &file, complain, &complaints);
    insist(good == (complaints.count == 0), "refused if and only if there is an error");
    insist(complaints.count <= 20, "twenty errors at most");
    insist(good == (suite.case_count > 0), "cases of good files only");
    for (u32 i = 0; i < suite.case_count; i++)
        check_case(&suite.cases[i]);
    free(text);
    return 0;
}
