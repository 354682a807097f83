/* SPDX-License-Identifier: MIT */
/* What is expected: items, and the statuses in them. */
#include "tests/runner/script/parse.h"

#include "drivers/tdx/abi/tdx.h"
#include "lib/string.h"

/* ---- statuses ---- */

/* Detail bits are made of parts: (part & mask) << shift, or-ed. */
static bool add_detail(struct script_parser *parser, struct script_status *status, u64 mask, u32 shift)
{
    struct script_program *program = parser->program;
    const char *at = parser->now.text;
    bool first = status->detail.count == 0;
    struct script_expr part;
    u64 value;
    if (!script_parse_expr(parser, &part))
        return false;
    if (script_constant(program, part, &value) && value > mask)
        return script_fail(parser, at, "0x%llx doesn't fit here, at most 0x%llx does",
                           (unsigned long long)value, (unsigned long long)mask);
    if (!script_emit_number(parser, at, mask) || !script_emit_binary(parser, at, OP_BIT_AND))
        return false;
    if (shift && (!script_emit_number(parser, at, shift) || !script_emit_binary(parser, at, OP_SHIFT_LEFT)))
        return false;
    if (!first && !script_emit_binary(parser, at, OP_BIT_OR))
        return false;
    if (first)
        status->detail.first = part.first;
    status->detail.count = (u16)(program->token_count - status->detail.first);
    return true;
}

/* op=RCX, by the name of the operand or by a value */
static bool read_operand_id(struct script_parser *parser, struct script_status *status)
{
    const struct script_lexeme *now = &parser->now;
    const struct script_name *name =
        now->kind == LEX_WORD ? script_name_find(NAME_OPERAND_ID, now->text, now->length) : NULL;
    if (!name && now->kind == LEX_WORD && now->text[0] >= 'A' && now->text[0] <= 'Z' &&
        !script_name_find(NAME_VALUES, now->text, now->length))
        return script_fail_name(parser, now, "no operand is called", NAME_OPERAND_ID, false);
    if (!name)
        return add_detail(parser, status, 0xFFFFFFFF, 0);
    status->detail = (struct script_expr){(u16)parser->program->token_count, 1};
    if (!script_emit_number(parser, now->text, name->value))
        return false;
    script_take(parser);
    return true;
}

/* One of op= detail= info0= ... info3=; taken is a bit for each byte of the details that has been given. */
static bool read_detail(struct script_parser *parser, struct script_status *status, u32 *taken)
{
    struct script_lexeme word = parser->now;
    u32 bytes = 0xF, shift = 0;
    bool is_info = word.length == 5 && strncmp(word.text, "info", 4) == 0 && word.text[4] <= '3';
    if (is_info) {
        shift = (u32)(word.text[4] - '0') * 8;
        bytes = 1u << (shift / 8);
    }
    if (*taken & bytes)
        return script_fail(parser, word.text, "these detail bits are given twice");
    if (status->name || status->status == TDX_VMFAIL_INVALID || status->status == TDX_FAULT_GP ||
        status->status == TDX_FAULT_UD)
        return script_fail(parser, word.text, "this status has no details to compare");
    *taken |= bytes;
    script_take(parser);
    if (!script_want(parser, LEX_ASSIGN, "'='"))
        return false;
    if (script_lexeme_is(&word, "op"))
        return read_operand_id(parser, status);
    return add_detail(parser, status, is_info ? 0xFF : 0xFFFFFFFF, shift);
}

static bool is_detail(const struct script_lexeme *word)
{
    static const char *const names[] = {"op", "detail", "info0", "info1", "info2", "info3"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (script_lexeme_is(word, names[i]))
            return true;
    return false;
}

static bool read_status(struct script_parser *parser, struct script_status *status)
{
    struct script_lexeme word = parser->now;
    const struct script_name *name = script_want_name(parser, NAME_STATUS | NAME_UNNUMBERED, "status");
    if (!name)
        return false;
    *status = (struct script_status){.status = name->kind == NAME_STATUS ? name->value : 0};
    if (name->kind == NAME_UNNUMBERED) {
        status->match = (enum script_match)name->value;
        status->name = name->text;
    }
    u32 taken = 0;
    while (is_detail(&parser->now))
        if (!read_detail(parser, status, &taken))
            return false;
    if (!script_lexeme_is(&parser->now, "any"))
        return true;
    if (taken || status->name)
        return script_fail(parser, parser->now.text, "'any' and details of %.*s exclude each other",
                           (int)word.length, word.text);
    status->match = MATCH_ANY_DETAIL;
    script_take(parser);
    return true;
}

static bool add_status(struct script_parser *parser, struct script_item *item)
{
    struct script_program *program = parser->program;
    struct script_status status;
    if (!read_status(parser, &status))
        return false;
    if (program->alternative_count == SCRIPT_MAX_ITEMS)
        return script_fail_full(parser, "statuses", SCRIPT_MAX_ITEMS);
    program->alternatives[program->alternative_count++] = status;
    item->count++;
    return true;
}

/* A or B or C */
static bool read_alternatives(struct script_parser *parser, struct script_item *item)
{
    item->kind = ITEM_STATUS;
    do {
        if (item->count == SCRIPT_MAX_ALTERNATIVES)
            return script_fail(parser, parser->now.text, "more than %u statuses in an item",
                               SCRIPT_MAX_ALTERNATIVES);
        if (!add_status(parser, item))
            return false;
    } while (script_take_word(parser, "or"));
    return true;
}

/* (A, B): a status for each lane */
static bool read_set(struct script_parser *parser, struct script_item *item)
{
    const char *at = parser->now.text;
    u16 before = item->count, lanes;
    if (!script_want(parser, LEX_OPEN, "'('"))
        return false;
    do {
        if (!add_status(parser, item))
            return false;
    } while (script_take_if(parser, LEX_COMMA));
    if (!script_want(parser, LEX_CLOSE, "',' or ')'"))
        return false;
    lanes = (u16)(item->count - before);
    if (item->lanes && lanes != item->lanes)
        return script_fail(parser, at, "%u statuses, but %u in the first set", lanes, item->lanes);
    item->lanes = lanes;
    if (parser->scope.lanes && lanes != parser->scope.lanes)
        return script_fail(parser, at, "%u statuses, but the 'par' block before has %u lanes", lanes,
                           parser->scope.lanes);
    return true;
}

static bool read_outcome(struct script_parser *parser, struct script_item *item)
{
    const char *at = parser->now.text;
    script_take(parser);
    item->kind = ITEM_OUTCOME;
    if (!parser->scope.parallel && !parser->scope.in_row)
        return script_fail(parser, at, "'outcome' is of a 'par' block, and there is none before this line");
    u16 sets = 0;
    do {
        if (!read_set(parser, item))
            return false;
        sets++;
    } while (script_take_word(parser, "or"));
    item->count = sets;
    return true;
}

/* ---- the other items ---- */

static bool read_row(struct script_parser *parser, struct script_item *item)
{
    struct script_scope *scope = &parser->scope;
    item->kind = ITEM_ROW;
    if (scope->in_row)
        return script_fail(parser, parser->now.text, "a row can't expect 'row'");
    if (!scope->has_expect_row)
        scope->expect_row_first = script_place_here(parser, &parser->now);
    scope->has_expect_row = true;
    script_take(parser);
    return true;
}

static bool is_unchanged_or_set(const struct script_lexeme *lexeme)
{
    return script_lexeme_is(lexeme, "unchanged") || script_lexeme_is(lexeme, "set");
}

/* `others unchanged`, `rcx unchanged`, `rcx set` */
static bool read_state_of_registers(struct script_parser *parser, struct script_item *item)
{
    const struct script_name *reg = script_name_find(NAME_REGISTER, parser->now.text, parser->now.length);
    script_take(parser);
    item->index = reg ? (u8)reg->value : 0;
    item->kind = !reg                                          ? ITEM_OTHERS_UNCHANGED
                 : script_lexeme_is(&parser->now, "unchanged") ? ITEM_UNCHANGED
                                                               : ITEM_SET;
    if (!reg && !script_lexeme_is(&parser->now, "unchanged"))
        return script_fail_expected(parser, "'unchanged'");
    script_take(parser);
    return true;
}

/* Does a status begin an item that means RAX, or an expression about the number? */
static bool begins_status_item(struct script_parser *parser)
{
    const struct script_lexeme *now = &parser->now;
    struct script_lexeme next = script_peek(parser);
    if (script_name_find(NAME_STATUS | NAME_UNNUMBERED, now->text, now->length))
        return next.kind != LEX_OPERATOR;
    /* What looks like a misspelt status is complained about as one. */
    return now->text[0] >= 'A' && now->text[0] <= 'Z' && next.kind != LEX_OPERATOR &&
           !script_name_find(NAME_VALUES, now->text, now->length);
}

static bool about_last_call(enum script_item_kind kind)
{
    return kind == ITEM_STATUS || kind == ITEM_UNCHANGED || kind == ITEM_SET ||
           kind == ITEM_OTHERS_UNCHANGED || kind == ITEM_ROW;
}

static bool read_word_item(struct script_parser *parser, struct script_item *item, bool *is_item)
{
    struct script_lexeme next = script_peek(parser);
    const struct script_lexeme *now = &parser->now;
    if (script_lexeme_is(now, "row"))
        return read_row(parser, item);
    if (script_lexeme_is(now, "outcome"))
        return read_outcome(parser, item);
    if (script_lexeme_is(now, "others") ||
        (script_name_find(NAME_REGISTER, now->text, now->length) && is_unchanged_or_set(&next)))
        return read_state_of_registers(parser, item);
    if (begins_status_item(parser))
        return read_alternatives(parser, item);
    *is_item = false;
    return true;
}

static bool read_item(struct script_parser *parser, struct script_item *item)
{
    const char *at = parser->now.text;
    bool is_item = parser->now.kind == LEX_WORD;
    *item = (struct script_item){.kind = ITEM_HOLDS,
                                 .first = (u16)parser->program->alternative_count,
                                 .column = (u16)(at - parser->line.text + 1)};
    if (is_item && !read_word_item(parser, item, &is_item))
        return false;
    if (!is_item && !script_parse_expr(parser, &item->expr))
        return false;
    item->end = (u16)(parser->behind - parser->line.text + 1);
    if (about_last_call(item->kind) && !parser->scope.called && !parser->scope.in_row)
        return script_fail(parser, at, "this is about the last call, and there is none before this line");
    return true;
}

/* ---- lists of items ---- */

static u8 registers_named(const struct script_program *program, const struct script_item *item)
{
    switch (item->kind) {
    case ITEM_HOLDS:
        return script_registers_in(program, item->expr);
    case ITEM_UNCHANGED:
    case ITEM_SET:
        return (u8)(1 << item->index);
    default:
        return 0;
    }
}

static void note_named_registers(struct script_parser *parser, struct script_items items)
{
    struct script_program *program = parser->program;
    u8 mask = 1 << REG_RAX | (parser->scope.row_in_call ? parser->scope.row_mask : 0);
    for (u32 i = 0; i < items.count; i++) {
        const struct script_item *item = &program->items[items.first + i];
        mask |= registers_named(program, item);
        if (item->kind == ITEM_ROW)
            mask |= parser->scope.row_mask;
    }
    for (u32 i = 0; i < items.count; i++)
        program->items[items.first + i].mask = mask;
}

bool script_parse_items(struct script_parser *parser, struct script_items *items)
{
    struct script_program *program = parser->program;
    *items = (struct script_items){.first = (u16)program->item_count};
    do {
        if (program->item_count == SCRIPT_MAX_ITEMS)
            return script_fail_full(parser, "expectations", SCRIPT_MAX_ITEMS);
        if (!read_item(parser, &program->items[program->item_count]))
            return false;
        program->item_count++;
        items->count++;
    } while (script_take_if(parser, LEX_COMMA));
    note_named_registers(parser, *items);
    return true;
}
