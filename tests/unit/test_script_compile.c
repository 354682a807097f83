/* SPDX-License-Identifier: MIT */
/* Compiling cases: each construct of the language in its compiled form. */
#include "tests/unit/support.h"

#include <string.h>

#include "drivers/tdx/abi/tdx.h"
#include "lib/format.h"
#include "tests/runner/script/script.h"

static struct script_suite suite;
static struct script_program program;

static void complain(void *context, const struct script_error *error)
{
    (void)context;
    fail_msg("%u:%u: %s", error->line, error->column, error->text);
}

static void read_text(const char *text)
{
    const struct script_file file = {"test.tdxt", text, (u32)strlen(text)};
    memset(&suite, 0, sizeof(suite));
    assert_true(script_read(&suite, &file, complain, NULL));
}

static void compile_case(u32 index)
{
    struct script_error error;
    memset(&program, 0xA5, sizeof(program)); /* nothing of what was there may matter */
    assert_true(script_compile(&suite, &suite.cases[index], &program, &error));
}

/* A test whose second step stands in line 5 */
#define HEAD   "suite s\ntest t\nsource linux\nfrom ready\n"
#define CALLED HEAD "call SYS.INIT\n"

static const struct script_step *compile(const char *text, u32 step)
{
    read_text(text);
    compile_case(0);
    assert_true(step < program.step_count);
    return &program.steps[step];
}

/* ---- expressions, as postfix text ---- */

static void add(char *text, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static void add(char *text, size_t size, const char *fmt, ...)
{
    size_t used = strlen(text);
    va_list args;
    va_start(args, fmt);
    format_v(text + used, size - used, fmt, args);
    va_end(args);
}

static const char *postfix(struct script_expr expr)
{
    static const char *const operators[SCRIPT_OPERATORS] = {
        [OP_NEGATE] = "neg",     [OP_COMPLEMENT] = "~",     [OP_NOT] = "!",
        [OP_OR] = "||",          [OP_AND] = "&&",           [OP_EQUAL] = "==",
        [OP_NOT_EQUAL] = "!=",   [OP_LESS] = "<",           [OP_LESS_EQUAL] = "<=",
        [OP_GREATER] = ">",      [OP_GREATER_EQUAL] = ">=", [OP_BIT_OR] = "|",
        [OP_BIT_XOR] = "^",      [OP_BIT_AND] = "&",        [OP_SHIFT_LEFT] = "<<",
        [OP_SHIFT_RIGHT] = ">>", [OP_PLUS] = "+",           [OP_MINUS] = "-",
        [OP_TIMES] = "*",        [OP_DIVIDE] = "/",         [OP_REMAINDER] = "%",
    };
    static char texts[8][512];
    static u32 next;
    char *text = texts[next++ % 8];
    text[0] = 0;
    for (u32 i = 0; i < expr.count; i++) {
        const struct script_token *token = &program.tokens[expr.first + i];
        const char *blank = i ? " " : "";
        if (token->kind == TOKEN_NUMBER)
            add(text, 512, token->value < 1000 ? "%s%llu" : "%s0x%llx", blank,
                (unsigned long long)token->value);
        else if (token->kind == TOKEN_VARIABLE)
            add(text, 512, "%s%s", blank, program.variables[token->index]);
        else if (token->kind == TOKEN_CALL)
            add(text, 512, "%s%s()", blank, script_function_name(token->index));
        else if (token->kind == TOKEN_UNARY || token->kind == TOKEN_BINARY)
            add(text, 512, "%s%s", blank, operators[token->index]);
        else
            add(text, 512, "%s%s%s%s", blank, token->kind == TOKEN_IN ? "in." : "",
                script_register_name(token->index), token->kind == TOKEN_LANE ? "[]" : "");
    }
    return text;
}

#define assert_expr(expr, text) assert_string_equal(postfix(expr), text)

static void expressions(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"1", "1"},
        {"0x10", "16"},
        {"0Xff", "255"},
        {"1_0", "10"},
        {"2K + 3M + 0x1G", "0x800 0x300000 + 0x40000000 +"},
        {"1 + 2 * 3", "1 2 3 * +"},
        {"(1 + 2) * 3", "1 2 + 3 *"},
        {"1 - 2 - 3", "1 2 - 3 -"},
        {"8 / 4 % 3 * 2", "8 4 / 3 % 2 *"},
        {"rdx & 0xfff == 0", "rdx 0xfff & 0 =="},
        {"1 | 2 ^ 3 & 4 << 5 + 6", "1 2 3 4 5 6 + << & ^ |"},
        {"1 << 2 >> 3", "1 2 << 3 >>"},
        {"1 < 2 == 3 > 4", "1 2 < 3 4 > =="},
        {"1 <= 2 != 3 >= 4", "1 2 <= 3 4 >= !="},
        {"1 || 2 && 3 == 4 | 5", "1 2 3 4 5 | == && ||"},
        {"1 && 2 || 3 && 4", "1 2 && 3 4 && ||"},
        {"-1 + ~2 * !3", "1 neg 2 ~ 3 ! * +"},
        {"!~-1", "1 neg ~ !"},
        {"-(1 + 2)", "1 2 + neg"},
        {"- 1 - - 2", "1 neg 2 neg -"},
        {"in.rcx + rcx", "in.rcx rcx +"},
        {"cpus()", "cpus()"},
        {"min(1 + 2, cpus())", "1 2 + cpus() min()"},
        {"hpa_list(alloc(2), 0, -1) | 1", "2 alloc() 0 1 neg hpa_list() 1 |"},
        {"NUM_CMRS", "0x9000000100000000"},
        {"CMR_BASE[1 + 2]", "0x9000000300000080 1 2 + +"},
        {"CMR_BASE[1] * 2", "0x9000000300000080 1 + 2 *"},
        {"EXT.MEM.ADD", "61"},
        {"SYS_BUSY", "0x8000020200000000"},
        {"FEATURE.EXT | PAGE.RSVD | OWNER.POOL", "0x8000000000 1 | 2 |"},
        {"TDMR.PAMT_4K_SIZE", "56"},
        {"OPERAND.TDMR_INFO_PA", "96"},
        {"resumes() < 3", "resumes() 3 <"},
        {"1 + \\\n   2", "1 2 +"},
    };
    for (u32 i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[256];
        format(text, sizeof(text), CALLED "n = %s\n", cases[i].text);
        const struct script_step *step = compile(text, 2);
        assert_int_equal(step->verb, VERB_ASSIGN);
        assert_expr(step->assign.value, cases[i].expected);
    }
}

static void operators(void **state)
{
    (void)state;
    static const struct {
        enum script_operator which;
        u64 a, b, result;
    } cases[] = {
        {OP_OR, 0, 0, 0},
        {OP_OR, 0, 2, 1},
        {OP_OR, 2, 0, 1},
        {OP_AND, 4, 2, 1},
        {OP_AND, 4, 0, 0},
        {OP_AND, 0, 4, 0},
        {OP_EQUAL, 3, 3, 1},
        {OP_EQUAL, 3, 4, 0},
        {OP_NOT_EQUAL, 3, 3, 0},
        {OP_NOT_EQUAL, 3, 4, 1},
        {OP_LESS, 3, 3, 0},
        {OP_LESS, 3, ~0ull, 1},
        {OP_LESS_EQUAL, 3, 3, 1},
        {OP_LESS_EQUAL, 4, 3, 0},
        {OP_GREATER, 3, 3, 0},
        {OP_GREATER, ~0ull, 3, 1},
        {OP_GREATER_EQUAL, 3, 3, 1},
        {OP_GREATER_EQUAL, 2, 3, 0},
        {OP_BIT_OR, 5, 3, 7},
        {OP_BIT_XOR, 5, 3, 6},
        {OP_BIT_AND, 5, 3, 1},
        {OP_SHIFT_LEFT, 3, 62, 3ull << 62},
        {OP_SHIFT_LEFT, 1, 64, 0},
        {OP_SHIFT_RIGHT, 12, 2, 3},
        {OP_SHIFT_RIGHT, ~0ull, 64, 0},
        {OP_PLUS, ~0ull, 2, 1},
        {OP_MINUS, 1, 2, ~0ull},
        {OP_TIMES, 6, 7, 42},
        {OP_DIVIDE, 43, 6, 7},
        {OP_REMAINDER, 43, 6, 1},
    };
    u64 result;
    for (u32 i = 0; i < ARRAY_COUNT(cases); i++) {
        assert_true(script_binary(cases[i].which, cases[i].a, cases[i].b, &result));
        assert_int_equal(result, cases[i].result);
    }
    assert_false(script_binary(OP_DIVIDE, 1, 0, &result));
    assert_false(script_binary(OP_REMAINDER, 1, 0, &result));
    assert_int_equal(script_unary(OP_NEGATE, 1), ~0ull);
    assert_int_equal(script_unary(OP_COMPLEMENT, 1), ~1ull);
    assert_int_equal(script_unary(OP_NOT, 5), 0);
    assert_int_equal(script_unary(OP_NOT, 0), 1);
}

/* Where a token stands in its logical line, for messages at run time */
static void columns(void **state)
{
    (void)state;
    const struct script_step *step = compile(HEAD "  n = 7 + \\\n  cpus()  # comment\n", 1);
    const struct script_token *tokens = &program.tokens[step->assign.value.first];
    assert_int_equal(tokens[0].column, 7);
    assert_int_equal(tokens[2].column, 9);
    assert_int_equal(tokens[1].column, 15);
    assert_int_equal(strncmp(step->text + 14, "cpus()", 6), 0);
    assert_int_equal(step->length, 20);
    assert_int_equal(step->line, 5);
    assert_ptr_equal(step->text, program.file->text + strlen(HEAD));
}

/* ---- steps ---- */

static void from_and_bring(void **state)
{
    (void)state;
    const struct script_step *step = compile(
        "suite s\nsource linux\ntest t\nfrom reset\nbring quoting features=FEATURE.QUOTE version=1 tdmrs=2 "
        "keyid=keyid(1) dpamt=0\n",
        1);
    assert_int_equal(program.step_count, 2);
    assert_int_equal(program.steps[0].verb, VERB_FROM);
    assert_int_equal(program.steps[0].from.state, STATE_RESET);
    for (u32 i = 0; i < SCRIPT_OPTIONS; i++)
        assert_int_equal(program.steps[0].from.options[i].count, 0);
    assert_int_equal(step->verb, VERB_BRING);
    assert_int_equal(step->from.state, STATE_QUOTING);
    assert_expr(step->from.options[OPTION_FEATURES], "0x4000000000000");
    assert_expr(step->from.options[OPTION_VERSION], "1");
    assert_expr(step->from.options[OPTION_TDMRS], "2");
    assert_expr(step->from.options[OPTION_KEYID], "1 keyid()");
    assert_expr(step->from.options[OPTION_DPAMT], "0");
    assert_expr(
        compile("suite s\nsource linux\ntest t\nfrom configured tdmrs=3\n", 0)->from.options[OPTION_TDMRS],
        "3");
    assert_ptr_equal(program.item, &suite.cases[0]);
    assert_ptr_equal(program.file, &suite.files[0]);
}

static void memory_and_messages(void **state)
{
    (void)state;
    compile(HEAD "p = alloc(1)\nwrite p + 8 = ~0\nfill p (8 * 2) (-1)\nrequire cpus() > 1 \"two CPUs\"\n"
                 "say \"pool\", p, \"\", 1 + 1\n",
            0);
    const struct script_step *steps = program.steps;
    assert_int_equal(program.step_count, 6);
    assert_int_equal(steps[2].verb, VERB_WRITE);
    assert_expr(steps[2].write.address, "p 8 +");
    assert_int_equal(steps[2].write.bytes.count, 0);
    assert_expr(steps[2].write.value, "0 ~");
    assert_int_equal(steps[3].verb, VERB_FILL);
    assert_expr(steps[3].write.address, "p");
    assert_expr(steps[3].write.bytes, "8 2 *");
    assert_expr(steps[3].write.value, "1 neg");
    assert_int_equal(steps[4].verb, VERB_REQUIRE);
    assert_expr(steps[4].require.condition, "cpus() 1 >");
    assert_int_equal(steps[4].require.why_length, 8);
    assert_int_equal(strncmp(steps[4].require.why, "two CPUs", 8), 0);
    assert_int_equal(steps[5].verb, VERB_SAY);
    assert_int_equal(steps[5].say.count, 4);
    assert_int_equal(strncmp(steps[5].say.parts[0].text, "pool", steps[5].say.parts[0].length), 0);
    assert_int_equal(steps[5].say.parts[0].value.count, 0);
    assert_null(steps[5].say.parts[1].text);
    assert_expr(steps[5].say.parts[1].value, "p");
    assert_non_null(steps[5].say.parts[2].text);
    assert_int_equal(steps[5].say.parts[2].length, 0);
    assert_expr(steps[5].say.parts[3].value, "1 1 +");
}

static void loops_and_lanes(void **state)
{
    (void)state;
    compile(HEAD "for i in 0..cpus() step 2\nfor k in i..4\nsay k\nend\nend\n"
                 "par\ncall SYS.INIT @cpu0\ncall SYS.INIT @cpu1\nend\nsay rax[1], rcx[i], rax\n",
            0);
    const struct script_step *steps = program.steps;
    assert_int_equal(program.step_count, 11);
    assert_int_equal(steps[1].verb, VERB_FOR);
    assert_string_equal(program.variables[steps[1].loop.variable], "i");
    assert_expr(steps[1].loop.first, "0");
    assert_expr(steps[1].loop.limit, "cpus()");
    assert_expr(steps[1].loop.step, "2");
    assert_int_equal(steps[2].loop.step.count, 0);
    static const u16 partners[][2] = {{1, 5}, {2, 4}, {6, 9}};
    for (u32 i = 0; i < ARRAY_COUNT(partners); i++) {
        assert_int_equal(steps[partners[i][0]].other, partners[i][1]);
        assert_int_equal(steps[partners[i][1]].other, partners[i][0]);
        assert_int_equal(steps[partners[i][1]].verb, VERB_END);
    }
    assert_int_equal(steps[6].verb, VERB_PAR);
    assert_expr(steps[10].say.parts[0].value, "1 rax[]");
    assert_expr(steps[10].say.parts[1].value, "i rcx[]");
    assert_expr(steps[10].say.parts[2].value, "rax");
}

/* Words that mean something only where they stand are free for variables. */
static void words_as_variables(void **state)
{
    (void)state;
    const struct script_step *step =
        compile(HEAD "source = 1\ncount = source\nnth = 3\nleast = min(count, 2)\n"
                     "inject vmfail EXT.INIT count count nth nth\nevery = 1\nsay every + least\n",
                5);
    assert_expr(program.steps[4].assign.value, "count 2 min()");
    assert_expr(step->inject.count, "count");
    assert_expr(step->inject.nth, "nth");
}

/* ---- calls ---- */

static void calls(void **state)
{
    (void)state;
    const struct script_call *call =
        &compile(
             HEAD
             "call EXT.MEM.ADD rcx=1 rdx=2 r8=3 r9=4 r10=5 r11=6 version=7 @cpu3 resume outputs max 9 at @last "
             "unchanged expect SUCCESS, rcx == 1\n",
             1)
             ->call;
    static const u8 registers[] = {REG_RCX, REG_RDX, REG_R8, REG_R9, REG_R10, REG_R11, REG_VERSION};
    assert_false(call->raw);
    assert_false(call->each);
    assert_expr(call->leaf, "61");
    assert_int_equal(call->operand_count, 7);
    for (u32 i = 0; i < 7; i++) {
        char number[2] = {(char)('1' + i), 0};
        assert_true(call->operands[i].is_register);
        assert_int_equal(call->operands[i].index, registers[i]);
        assert_expr(call->operands[i].value, number);
    }
    assert_int_equal(call->cpu.kind, CPU_NUMBER);
    assert_expr(call->cpu.number, "3");
    assert_int_equal(call->resume.kind, RESUME_WITH_OUTPUTS);
    assert_expr(call->resume.max, "9");
    assert_true(call->resume.elsewhere);
    assert_int_equal(call->resume.cpu.kind, CPU_LAST);
    assert_true(call->unchanged);
    assert_int_equal(call->expect.count, 2);
}

static void bare_calls(void **state)
{
    (void)state;
    compile(HEAD "leaf = 33\ncall leaf\ncall raw rax=0x21\ncall 1000 resume flag\n", 0);
    const struct script_call *call = &program.steps[2].call;
    assert_expr(call->leaf, "leaf");
    assert_int_equal(call->operand_count, 0);
    assert_int_equal(call->cpu.kind, CPU_BOOT);
    assert_int_equal(call->resume.kind, RESUME_NOT);
    assert_false(call->unchanged);
    assert_int_equal(call->expect.count, 0);
    call = &program.steps[3].call;
    assert_true(call->raw);
    assert_int_equal(call->leaf.count, 0);
    assert_int_equal(call->operands[0].index, REG_RAX);
    assert_expr(call->operands[0].value, "33");
    call = &program.steps[4].call;
    assert_expr(call->leaf, "0x3e8");
    assert_int_equal(call->resume.kind, RESUME_WITH_FLAG);
    assert_int_equal(call->resume.max.count, 0);
    assert_false(call->resume.elsewhere);
}

static void cpus(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum script_cpu_kind kind;
        const char *number;
    } cases[] = {
        {"", CPU_BOOT, ""},
        {"@cpu0", CPU_NUMBER, "0"},
        {"@cpu255", CPU_NUMBER, "255"},
        {"@3", CPU_NUMBER, "3"},
        {"@(cpus() - 1)", CPU_NUMBER, "cpus() 1 -"},
        {"@last", CPU_LAST, ""},
        {"@all", CPU_ALL, ""},
        {"@package1", CPU_PACKAGE, "1"},
        {"resume inputs @all", CPU_ALL, ""},
    };
    for (u32 i = 0; i < ARRAY_COUNT(cases); i++) {
        char text[128];
        format(text, sizeof(text), HEAD "call SYS.INIT %s\n", cases[i].text);
        const struct script_call *call = &compile(text, 1)->call;
        assert_int_equal(call->cpu.kind, cases[i].kind);
        assert_expr(call->cpu.number, cases[i].number);
    }
}

/* ---- items ---- */

static const struct script_item *expectation(const char *items)
{
    static char text[512]; /* steps point into it */
    format(text, sizeof(text), CALLED "expect %s\n", items);
    const struct script_step *step = compile(text, 2);
    assert_int_equal(step->verb, VERB_EXPECT);
    return &program.items[step->expect.first];
}

static void statuses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        u64 status;
        enum script_match match;
        const char *detail;
    } cases[] = {
        {"SUCCESS", 0, MATCH_EXACT, ""},
        {"OPERAND_INVALID op=RCX", 0xC000010000000000, MATCH_EXACT, "1"},
        {"OPERAND_INVALID op=TDMR_INFO_PA", 0xC000010000000000, MATCH_EXACT, "96"},
        {"OPERAND_INVALID op=OPERAND.R9", 0xC000010000000000, MATCH_EXACT, "9 0xffffffff &"},
        {"OPERAND_INVALID op=cpus()", 0xC000010000000000, MATCH_EXACT, "cpus() 0xffffffff &"},
        {"OPERAND_BUSY any", 0x8000020000000000, MATCH_ANY_DETAIL, ""},
        {"INCORRECT_MSR_VALUE detail=0x122", 0xC000092100000000, MATCH_EXACT, "290 0xffffffff &"},
        {"PAMT_OVERLAP info0=1 info1=2 info2=3", 0xC0000A1200000000, MATCH_EXACT,
         "1 255 & 2 255 & 8 << | 3 255 & 16 << |"},
        {"INVALID_TDMR info3=1", 0xC0000A0000000000, MATCH_EXACT, "1 255 & 24 <<"},
        {"SW_VMFAIL_INVALID", TDX_VMFAIL_INVALID, MATCH_EXACT, ""},
        {"EXT_MEMORY_POOL_FULL", 0, MATCH_UNNUMBERED_SUCCESS, ""},
        {"PREV_FEATURES_ENABLED", 0, MATCH_UNNUMBERED_SUCCESS, ""},
        {"CONNECT_INVALID_STATE", 0, MATCH_UNNUMBERED_ERROR, ""},
    };
    for (u32 i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct script_item *item = expectation(cases[i].text);
        assert_int_equal(item->kind, ITEM_STATUS);
        assert_int_equal(item->count, 1);
        const struct script_status *status = &program.alternatives[item->first];
        assert_int_equal(status->status, cases[i].status);
        assert_int_equal(status->match, cases[i].match);
        assert_expr(status->detail, cases[i].detail);
        assert_int_equal(status->name != NULL, cases[i].match >= MATCH_UNNUMBERED_SUCCESS);
    }
}

static void alternatives(void **state)
{
    (void)state;
    const struct script_item *item =
        expectation("SUCCESS or OPERAND_BUSY op=RCX or EXT_MEMORY_POOL_FULL, rcx == 0");
    assert_int_equal(item[0].count, 3);
    assert_int_equal(program.alternatives[item->first].status, TDX_SUCCESS);
    assert_expr(program.alternatives[item->first + 1].detail, "1");
    assert_string_equal(program.alternatives[item->first + 2].name, "EXT_MEMORY_POOL_FULL");
    assert_int_equal(item[1].kind, ITEM_HOLDS);
}

static void other_items(void **state)
{
    (void)state;
    const struct script_item *item = expectation(
        "rcx == 5, rdx unchanged, r8 set, SUCCESS == rax, in.r9 == 1, others unchanged,  SUCCESS | 1 == rax");
    assert_int_equal(item[0].kind, ITEM_HOLDS);
    assert_expr(item[0].expr, "rcx 5 ==");
    assert_int_equal(item[1].kind, ITEM_UNCHANGED);
    assert_int_equal(item[1].index, REG_RDX);
    assert_int_equal(item[2].kind, ITEM_SET);
    assert_int_equal(item[2].index, REG_R8);
    assert_int_equal(item[3].kind, ITEM_HOLDS);
    assert_expr(item[3].expr, "0 rax ==");
    assert_int_equal(item[5].kind, ITEM_OTHERS_UNCHANGED);
    assert_int_equal(item[5].mask, 1 << REG_RAX | 1 << REG_RCX | 1 << REG_RDX | 1 << REG_R8); /* not in.r9 */
    assert_expr(item[6].expr, "0 1 | rax ==");
    const char *line = program.steps[2].text;
    assert_int_equal(item[0].column, 8);
    assert_int_equal(item[0].end, 16);
    assert_int_equal(strncmp(line + item[5].column - 1, "others unchanged", item[5].end - item[5].column), 0);
    assert_int_equal(item[5].end - item[5].column, 16);
}

static void rax_is_always_named(void **state)
{
    (void)state;
    assert_int_equal(expectation("others unchanged")->mask, 1 << REG_RAX);
    assert_int_equal(expectation("OPERAND_BUSY any, others unchanged")[1].mask, 1 << REG_RAX);
}

static void outcomes(void **state)
{
    (void)state;
    const struct script_step *step = compile(
        HEAD
        "par\ncall 33 @0\ncall 33 @1\nend\nexpect outcome (SUCCESS, SYS_BUSY) or (SYS_BUSY, OPERAND_BUSY any) "
        "or (SUCCESS, SUCCESS), rax[0] == 0\n",
        5);
    const struct script_item *item = &program.items[step->expect.first];
    assert_int_equal(item->kind, ITEM_OUTCOME);
    assert_int_equal(item->count, 3);
    assert_int_equal(item->lanes, 2);
    static const u64 expected[] = {0, 0x8000020200000000, 0x8000020200000000, 0x8000020000000000, 0, 0};
    for (u32 i = 0; i < 6; i++)
        assert_int_equal(program.alternatives[item->first + i].status, expected[i]);
    assert_int_equal(program.alternatives[item->first + 3].match, MATCH_ANY_DETAIL);
}

/* ---- the machine's faults ---- */

static void injections(void **state)
{
    (void)state;
    compile(
        HEAD
        "inject status EXT.MEM.ADD nth 3 count 2 rax=RND_NO_ENTROPY\ninject interrupt 61 after 5\n"
        "inject no_entropy SYS.INIT\ninject ket_busy SYS.KEY.CONFIG count 1 nth 2\ninject vmfail SYS.INIT\n"
        "inject ipi @cpu1 every 20 us\ninject timer @last every 5+5 us\ninject stop\n",
        0);
    const struct script_injection *inject = &program.steps[1].inject;
    assert_int_equal(inject->kind, INJECT_STATUS);
    assert_expr(inject->leaf, "61");
    assert_expr(inject->nth, "3");
    assert_expr(inject->count, "2");
    assert_expr(inject->value, "0x8000020300000000");
    inject = &program.steps[2].inject;
    assert_int_equal(inject->kind, INJECT_INTERRUPT);
    assert_int_equal(inject->nth.count, 0);
    assert_expr(inject->value, "5");
    assert_int_equal(program.steps[3].inject.kind, INJECT_NO_ENTROPY);
    assert_int_equal(program.steps[4].inject.kind, INJECT_KET_BUSY);
    assert_expr(program.steps[4].inject.nth, "2");
    assert_int_equal(program.steps[5].inject.kind, INJECT_VMFAIL);
    assert_int_equal(program.steps[6].inject.kind, INJECT_IPI);
    assert_expr(program.steps[6].inject.cpu.number, "1");
    assert_expr(program.steps[6].inject.value, "20");
    assert_int_equal(program.steps[7].inject.kind, INJECT_TIMER);
    assert_int_equal(program.steps[7].inject.cpu.kind, CPU_LAST);
    assert_expr(program.steps[7].inject.value, "5 5 +");
    assert_int_equal(program.steps[8].inject.kind, INJECT_STOP);
}

static void knobs_and_installs(void **state)
{
    (void)state;
    compile(HEAD "knob ext_first = 1 + 1\ninstall\ninstall a=1 b=2 c=3 d=4\n", 0);
    assert_int_equal(program.steps[1].verb, VERB_KNOB);
    assert_int_equal(program.steps[1].knobs.count, 1);
    assert_string_equal(program.steps[1].knobs.names[0], "ext_first");
    assert_expr(program.steps[1].knobs.values[0], "1 1 +");
    assert_int_equal(program.steps[2].verb, VERB_INSTALL);
    assert_int_equal(program.steps[2].knobs.count, 0);
    assert_int_equal(program.steps[3].knobs.count, 4);
    assert_string_equal(program.steps[3].knobs.names[3], "d");
    assert_expr(program.steps[3].knobs.values[3], "4");
}

static void platforms(void **state)
{
    (void)state;
    compile(HEAD
            "platform msr 0x122 = 1 @cpu2\nplatform cpuid 7 1 edx = 2\nplatform cmr 3 = 4K, 8K\n"
            "platform packages = 2\nplatform lps = 3\nplatform seamcaps = 0 @1\nplatform handoff_pages = 9\n",
            0);
    const struct script_platform_change *change = &program.steps[1].platform;
    assert_int_equal(change->kind, PLATFORM_MSR);
    assert_expr(change->arguments[0], "290");
    assert_expr(change->arguments[1], "1");
    assert_int_equal(change->cpu.kind, CPU_NUMBER);
    change = &program.steps[2].platform;
    assert_int_equal(change->kind, PLATFORM_CPUID);
    assert_int_equal(change->reg, 3);
    assert_expr(change->arguments[0], "7");
    assert_expr(change->arguments[1], "1");
    assert_expr(change->arguments[2], "2");
    assert_int_equal(change->cpu.kind, CPU_ALL);
    change = &program.steps[3].platform;
    assert_int_equal(change->kind, PLATFORM_CMR);
    assert_expr(change->arguments[0], "3");
    assert_expr(change->arguments[1], "0x1000");
    assert_expr(change->arguments[2], "0x2000");
    assert_int_equal(program.steps[4].platform.kind, PLATFORM_PACKAGES);
    assert_expr(program.steps[4].platform.arguments[0], "2");
    assert_int_equal(program.steps[5].platform.kind, PLATFORM_LPS);
    assert_int_equal(program.steps[6].platform.kind, PLATFORM_SEAMCAPS);
    assert_int_equal(program.steps[6].platform.cpu.kind, CPU_NUMBER);
    assert_int_equal(program.steps[7].platform.kind, PLATFORM_HANDOFF_PAGES);
    assert_expr(program.steps[7].platform.arguments[0], "9");
}

/* ---- rows ---- */

static const char table[] =
    "suite s\nsource linux\n"
    "test before\nfrom ready\n"
    "test t\nrow a leaf=33 rcx=page\\\n |1 expect OPERAND_INVALID op=RCX, rdx == 1\n"
    "# between\nfrom ready\npage = alloc(1)\n"
    "row b leaf=34 version=2 expect SUCCESS, r8 unchanged\nrow c leaf=35 expect SUCCESS\n"
    "each call leaf rcx=0 expect others unchanged\nexpect row, r9 == 1, others unchanged\n"
    "test after\nfrom ready\n";

static void check_row(u32 index, const char *leaf, u32 count, u8 mask)
{
    compile_case(index);
    assert_int_equal(program.step_count, 4);
    static const u32 lines[] = {9, 10, 13, 14};
    for (u32 i = 0; i < 4; i++)
        assert_int_equal(program.steps[i].line, lines[i]);
    assert_int_equal(program.steps[1].verb, VERB_ASSIGN);
    assert_true(program.steps[2].call.each);
    assert_expr(program.steps[2].call.leaf, "leaf");
    assert_int_equal(program.row_count, count);
    assert_false(program.row[0].is_register);
    assert_string_equal(program.variables[program.row[0].index], "leaf");
    assert_expr(program.row[0].value, leaf);
    assert_int_equal(program.row_line, suite.cases[index].row_line);
    /* `others` are those that neither the line nor the row names */
    const struct script_item *items = &program.items[program.steps[2].call.expect.first];
    assert_int_equal(items[0].kind, ITEM_OTHERS_UNCHANGED);
    assert_int_equal(items[0].mask, 1 << REG_RAX | mask);
    items = &program.items[program.steps[3].expect.first];
    assert_int_equal(items[0].kind, ITEM_ROW);
    assert_int_equal(items[2].mask, 1 << REG_RAX | 1 << REG_R9 | mask);
}

static void rows(void **state)
{
    (void)state;
    read_text(table);
    assert_int_equal(suite.case_count, 5);
    check_row(1, "33", 2, 1 << REG_RDX);
    assert_true(program.row[1].is_register);
    assert_int_equal(program.row[1].index, REG_RCX);
    assert_expr(program.row[1].value, "page 1 |");
    assert_int_equal(program.row_expect.count, 2);
    assert_int_equal(program.items[program.row_expect.first].kind, ITEM_STATUS);
    assert_int_equal(strncmp(program.row_text, "row a leaf=33", 13), 0);
    assert_int_equal(program.row_length,
                     strlen("row a leaf=33 rcx=page\\\n |1 expect OPERAND_INVALID op=RCX, rdx == 1"));
    check_row(2, "34", 2, 1 << REG_R8);
    assert_int_equal(program.row[1].index, REG_VERSION);
    check_row(3, "35", 1, 0);
    compile_case(0);
    assert_int_equal(program.step_count, 1);
    assert_int_equal(program.row_line, 0);
    assert_int_equal(program.row_count, 0);
    compile_case(4);
    assert_int_equal(program.step_count, 1);
}

/* A case compiles to the same whatever was compiled before. */
static void again(void **state)
{
    (void)state;
    read_text(table);
    static struct script_program first;
    compile_case(1);
    memcpy(&first, &program, sizeof(first));
    compile_case(4);
    compile_case(2);
    compile_case(1);
    assert_memory_equal(&first, &program, sizeof(first));
}

/* What stands in brackets isn't taken for a binding of the row. */
static void rows_with_brackets(void **state)
{
    (void)state;
    compile(HEAD "row a n=min(1, 2) m=CMR_BASE[n] rcx=in.rcx+rcx+rax[0]\nsay n, m\neach call 33\n", 0);
    assert_int_equal(program.variable_count, 2);
    assert_int_equal(program.row_count, 3);
    assert_expr(program.row[2].value, "in.rcx rcx + 0 rax[] +");
}

/* The caller's text changed under its feet: an error, no crash. */
static void text_that_changed(void **state)
{
    (void)state;
    char text[] = HEAD "say 1\nsay 2\n";
    const struct script_file file = {"test.tdxt", text, sizeof(text) - 1};
    struct script_error error;
    memset(&suite, 0, sizeof(suite));
    assert_true(script_read(&suite, &file, complain, NULL));
    strstr(text, "say 1")[4] = '?';
    strstr(text, "say 2")[4] = '?';
    assert_false(script_compile(&suite, &suite.cases[0], &program, &error));
    assert_string_equal(error.text, "unexpected character: '?'");
    assert_string_equal(error.file, "test.tdxt");
    assert_int_equal(error.line, 5);
    assert_int_equal(error.column, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions),
        cmocka_unit_test(operators),
        cmocka_unit_test(columns),
        cmocka_unit_test(from_and_bring),
        cmocka_unit_test(memory_and_messages),
        cmocka_unit_test(loops_and_lanes),
        cmocka_unit_test(words_as_variables),
        cmocka_unit_test(calls),
        cmocka_unit_test(bare_calls),
        cmocka_unit_test(cpus),
        cmocka_unit_test(statuses),
        cmocka_unit_test(alternatives),
        cmocka_unit_test(other_items),
        cmocka_unit_test(rax_is_always_named),
        cmocka_unit_test(outcomes),
        cmocka_unit_test(injections),
        cmocka_unit_test(knobs_and_installs),
        cmocka_unit_test(platforms),
        cmocka_unit_test(rows),
        cmocka_unit_test(again),
        cmocka_unit_test(rows_with_brackets),
        cmocka_unit_test(text_that_changed),
    };
    return cmocka_run_group_tests_name("script: compiling", tests, NULL, NULL);
}
