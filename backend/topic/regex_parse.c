/* regex_parse - regular expressions to trees.
 *
 * As the flags `u` and `v` demand it, nothing is forgiven: a lone `{` or `]`, an escape without
 * meaning, a quantifier behind an assertion are errors. Flags of `(?i-s:…)` are settled here: a
 * node knows what they mean for it, and no node stands for them.
 *
 * Recursion is as deep as groups are nested, which is bounded. */

#include "topic/regex_parse.h"

#include "base/ascii.h"
#include "topic/pattern_token.h"
#include "topic/regex_reader.h"

#include <string.h>

struct parser {
    struct regex_reader r;
    struct regex_node *groups, **last_group;
    struct regex_node *backs, **last_back;
    uint32_t group_count;
};

#define FAULT(p, what) regex_reader_fault(&(p)->r, what)
#define PEEK(p, ahead) regex_reader_peek(&(p)->r, ahead)
#define TAKE(p, c)     regex_reader_take(&(p)->r, c)

static struct regex_node *parse_choice(struct parser *);

static struct regex_node *
node_new(struct parser *p, enum regex_kind kind)
{
    struct regex_node *n = arena_alloc(p->r.arena, sizeof *n);
    if (n == NULL) {
        FAULT(p, "too long");
        return NULL;
    }
    n->kind = kind;
    n->ignore_case = p->r.ignore_case;
    n->multiline = p->r.multiline;
    return n;
}

static struct regex_node *
set_new(struct parser *p, const struct regex_set *set)
{
    struct regex_node *n = node_new(p, REGEX_SET);
    if (n == NULL)
        return NULL;
    struct regex_chars chars = regex_chars_matching(set->chars, p->r.ignore_case);
    n->low = chars.low;
    n->high = chars.high;
    n->strings = set->strings;
    return n;
}

static struct regex_node *
character_new(struct parser *p, uint32_t c)
{
    struct regex_set set = {0};
    regex_chars_add(&set.chars, c, c);
    if (p->r.ignore_case)
        set.chars = regex_chars_fold(set.chars);
    return set_new(p, &set);
}

static struct regex_node *
dot_new(struct parser *p)
{
    struct regex_set set = {0};
    if (!p->r.dot_all) {
        regex_chars_add(&set.chars, '\n', '\n');
        regex_chars_add(&set.chars, '\r', '\r');
    }
    set.chars = regex_chars_complement(set.chars, p->r.ignore_case);
    return set_new(p, &set);
}

static void
adopt(struct regex_node *parent, struct regex_node *child)
{
    child->parent = parent;
    parent->first = child;
}

/* --- names ------------------------------------------------------------------------------------ */

static size_t
utf8_put(char *at, uint32_t c)
{
    if (c < 0x80) {
        at[0] = (char)c;
        return 1;
    }
    size_t more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
    at[0] = (char)((0xf00 >> more) | c >> 6 * more);
    for (size_t i = 1; i <= more; i++)
        at[i] = (char)(0x80 | (c >> 6 * (more - i) & 0x3f));
    return more + 1;
}

/* From behind the `<` to behind the `>`. An escape is longer than what it stands for. */
static bool
parse_name(struct parser *p, struct slice *ret)
{
    size_t length = 0;
    size_t room = slice_index(slice_from(p->r.in, p->r.at), '>');
    char *name = arena_alloc(p->r.arena, room + 1);
    if (name == NULL)
        return FAULT(p, "too long");
    while (!TAKE(p, '>')) {
        uint32_t c = (uint32_t)PEEK(p, 0);
        if (PEEK(p, 0) < 0)
            return FAULT(p, "a name that does not end");
        p->r.at++;
        if (c == '\\' && !regex_reader_unicode(&p->r, &c))
            return false;
        if ((c >= 0xd800 && c < 0xe000) || !pattern_token_names(c, length == 0))
            return FAULT(p, "a name that is none");
        length += utf8_put(name + length, c);
    }
    if (length == 0)
        return FAULT(p, "a name that is empty");
    *ret = SLICE_OF(name, length);
    return true;
}

static void
list_group(struct parser *p, struct regex_node *group)
{
    group->number = ++p->group_count;
    *p->last_group = group;
    p->last_group = &group->next_listed;
}

static struct regex_node *
back_new(struct parser *p)
{
    struct regex_node *back = node_new(p, REGEX_BACK);
    if (back) {
        *p->last_back = back;
        p->last_back = &back->next_listed;
    }
    return back;
}

/* --- atoms ------------------------------------------------------------------------------------ */

static struct regex_node *
parse_back_number(struct parser *p)
{
    uint32_t number = 0;
    for (int c; c = PEEK(p, 0), ascii_is_digit(c); p->r.at++)
        if (number < 1000000)
            number = number * 10 + (uint32_t)(c - '0');
    struct regex_node *back = back_new(p);
    if (back)
        back->number = number;
    return back;
}

static struct regex_node *
parse_back_name(struct parser *p)
{
    struct slice name;
    if (!TAKE(p, '<')) {
        FAULT(p, "\\k without a name");
        return NULL;
    }
    if (!parse_name(p, &name))
        return NULL;
    struct regex_node *back = back_new(p);
    if (back)
        back->name = name;
    return back;
}

/* From behind the backslash. */
static struct regex_node *
parse_escape(struct parser *p)
{
    struct regex_set set;
    uint32_t character;
    bool found;
    int c = PEEK(p, 0);
    if (c >= '1' && c <= '9')
        return parse_back_number(p);
    if (TAKE(p, 'k'))
        return parse_back_name(p);
    if (!regex_reader_class_escape(&p->r, &set, &found))
        return NULL;
    if (found)
        return set_new(p, &set);
    return regex_reader_escape(&p->r, &character) ? character_new(p, character) : NULL;
}

/* `is-m` of `(?is-m:`, up to behind the colon. */
static bool
parse_flags(struct parser *p)
{
    bool seen[3] = {false}, value = true, any = false;
    while (!TAKE(p, ':')) {
        if (value && TAKE(p, '-')) {
            value = false;
            continue;
        }
        static const char letters[] = "ims";
        int c = PEEK(p, 0);
        const char *flag = c > 0 ? strchr(letters, c) : NULL;
        if (flag == NULL || seen[flag - letters])
            return FAULT(p, "a group of an unknown kind, or a flag twice");
        seen[flag - letters] = any = true;
        *(c == 'i' ? &p->r.ignore_case : c == 'm' ? &p->r.multiline : &p->r.dot_all) = value;
        p->r.at++;
    }
    return value || any || FAULT(p, "no flags");
}

static struct regex_node *
parse_inside(struct parser *p, struct regex_node *around)
{
    if (++p->r.depth > REGEX_MAX_DEPTH) {
        FAULT(p, "nested too deeply");
        return NULL;
    }
    struct regex_node *inside = parse_choice(p);
    if (inside && !TAKE(p, ')')) {
        FAULT(p, "a `(` is not closed");
        return NULL;
    }
    p->r.depth--;
    if (inside == NULL || around == NULL)
        return inside;
    adopt(around, inside);
    return around;
}

static struct regex_node *
parse_capture(struct parser *p, bool named)
{
    struct regex_node *group = node_new(p, REGEX_GROUP);
    if (group == NULL)
        return NULL;
    list_group(p, group);
    if (named && !parse_name(p, &group->name))
        return NULL;
    return parse_inside(p, group);
}

static struct regex_node *
parse_look(struct parser *p)
{
    struct regex_node *look = node_new(p, REGEX_LOOK);
    if (look == NULL)
        return NULL;
    look->behind = TAKE(p, '<');
    look->negative = PEEK(p, 0) == '!';
    p->r.at++;
    return parse_inside(p, look);
}

/* From behind the parenthesis. */
static struct regex_node *
parse_group(struct parser *p, bool *ret_assertion)
{
    if (!TAKE(p, '?'))
        return parse_capture(p, false);
    int c = PEEK(p, 0);
    if (c == '<')
        c = PEEK(p, 1);
    if (c == '=' || c == '!') {
        *ret_assertion = true;
        return parse_look(p);
    }
    if (TAKE(p, '<'))
        return parse_capture(p, true);
    struct regex_reader flags = p->r;
    if (!parse_flags(p))
        return NULL;
    struct regex_node *inside = parse_inside(p, NULL);
    p->r.ignore_case = flags.ignore_case;
    p->r.multiline = flags.multiline;
    p->r.dot_all = flags.dot_all;
    return inside;
}

static struct regex_node *
parse_edge(struct parser *p, enum regex_kind kind, bool negative, bool *ret_assertion)
{
    struct regex_node *n = node_new(p, kind);
    if (n)
        n->negative = negative;
    *ret_assertion = true;
    return n;
}

/* An atom, or an assertion, which no quantifier may follow. */
static struct regex_node *
parse_atom(struct parser *p, bool *ret_assertion)
{
    struct regex_set set;
    int c = PEEK(p, 0);
    *ret_assertion = false;
    p->r.at++;
    switch (c) {
    case '^':
        return parse_edge(p, REGEX_START, false, ret_assertion);
    case '$':
        return parse_edge(p, REGEX_END, false, ret_assertion);
    case '(':
        return parse_group(p, ret_assertion);
    case '.':
        return dot_new(p);
    case '[':
        return regex_reader_class(&p->r, &set) ? set_new(p, &set) : NULL;
    case '\\':
        if (TAKE(p, 'b'))
            return parse_edge(p, REGEX_EDGE, false, ret_assertion);
        if (TAKE(p, 'B'))
            return parse_edge(p, REGEX_EDGE, true, ret_assertion);
        return parse_escape(p);
    case '*':
    case '+':
    case '?':
    case '{':
        FAULT(p, "nothing to repeat");
        return NULL;
    case ']':
    case '}':
        FAULT(p, "a bracket that closes nothing");
        return NULL;
    default:
        return character_new(p, (uint32_t)c);
    }
}

/* --- terms, alternatives ---------------------------------------------------------------------- */

static bool
parse_number(struct parser *p, uint32_t *ret)
{
    uint32_t n = 0;
    size_t start = p->r.at;
    for (int c; c = PEEK(p, 0), ascii_is_digit(c); p->r.at++)
        n = n < REGEX_INFINITE / 10 ? n * 10 + (uint32_t)(c - '0') : REGEX_INFINITE;
    *ret = n;
    return p->r.at > start;
}

static bool
parse_braces(struct parser *p, uint32_t *min, uint32_t *max)
{
    if (!parse_number(p, min))
        return FAULT(p, "an ill-formed quantifier");
    *max = *min;
    if (TAKE(p, ',') && !parse_number(p, max))
        *max = REGEX_INFINITE;
    if (!TAKE(p, '}'))
        return FAULT(p, "an ill-formed quantifier");
    return *min <= *max || FAULT(p, "a quantifier that is out of order");
}

static struct regex_node *
parse_quantifier(struct parser *p, struct regex_node *atom)
{
    uint32_t min = 0, max = REGEX_INFINITE;
    if (TAKE(p, '?'))
        max = 1;
    else if (TAKE(p, '+'))
        min = 1;
    else if (TAKE(p, '{')) {
        if (!parse_braces(p, &min, &max))
            return NULL;
    } else if (!TAKE(p, '*'))
        return atom;
    struct regex_node *repeat = node_new(p, REGEX_REPEAT);
    if (repeat == NULL)
        return NULL;
    repeat->min = min;
    repeat->max = max;
    repeat->lazy = TAKE(p, '?');
    adopt(repeat, atom);
    return repeat;
}

static struct regex_node *
parse_sequence(struct parser *p)
{
    struct regex_node *sequence = node_new(p, REGEX_SEQUENCE);
    if (sequence == NULL)
        return NULL;
    struct regex_node **last = &sequence->first;
    for (int c; c = PEEK(p, 0), c >= 0 && c != '|' && c != ')';) {
        bool assertion;
        struct regex_node *term = parse_atom(p, &assertion);
        if (term && !assertion)
            term = parse_quantifier(p, term);
        if (term == NULL)
            return NULL;
        term->parent = sequence;
        *last = term;
        last = &term->next;
    }
    return sequence;
}

static struct regex_node *
parse_choice(struct parser *p)
{
    struct regex_node *first = parse_sequence(p);
    if (first == NULL || PEEK(p, 0) != '|')
        return first;
    struct regex_node *choice = node_new(p, REGEX_CHOICE);
    if (choice == NULL)
        return NULL;
    adopt(choice, first);
    for (struct regex_node *last = first; TAKE(p, '|'); last = last->next) {
        last->next = parse_sequence(p);
        if (last->next == NULL)
            return NULL;
        last->next->parent = choice;
    }
    return choice;
}

/* --- what only the whole tells ---------------------------------------------------------------- */

static unsigned
depth_of(const struct regex_node *n)
{
    unsigned depth = 0;
    for (; n->parent; n = n->parent)
        depth++;
    return depth;
}

/* Whether both can take part in one match: they are not in different alternatives. */
static bool
meet(const struct regex_node *a, const struct regex_node *b)
{
    unsigned of_a = depth_of(a), of_b = depth_of(b);
    for (; of_a > of_b; of_a--)
        a = a->parent;
    for (; of_b > of_a; of_b--)
        b = b->parent;
    while (a->parent != b->parent) {
        a = a->parent;
        b = b->parent;
    }
    return a == b || a->parent == NULL || a->parent->kind != REGEX_CHOICE;
}

static bool
judge_names(struct parser *p)
{
    for (struct regex_node *a = p->groups; a; a = a->next_listed)
        for (struct regex_node *b = a->next_listed; a->name.len && b; b = b->next_listed)
            if (slice_eq(a->name, b->name) && meet(a, b))
                return FAULT(p, "two groups with one name");
    return true;
}

static bool
has_group(const struct parser *p, struct slice name)
{
    for (const struct regex_node *g = p->groups; g; g = g->next_listed)
        if (slice_eq(g->name, name))
            return true;
    return false;
}

static bool
judge_backs(struct parser *p)
{
    for (struct regex_node *b = p->backs; b; b = b->next_listed)
        if (b->name.len ? !has_group(p, b->name) : b->number > p->group_count)
            return FAULT(p, "a back reference to a group that is not there");
    return true;
}

static bool
may_be_empty(const struct regex_node *n)
{
    switch (n->kind) {
    case REGEX_SET:
        for (const struct regex_string *s = n->strings; s; s = s->next)
            if (s->text.len == 0)
                return true;
        return false;
    case REGEX_GROUP:
        return n->first->may_be_empty;
    case REGEX_REPEAT:
        return n->min == 0 || n->first->may_be_empty;
    case REGEX_SEQUENCE:
    case REGEX_CHOICE:
        for (const struct regex_node *i = n->first; i; i = i->next)
            if (i->may_be_empty == (n->kind == REGEX_CHOICE))
                return i->may_be_empty;
        return n->kind == REGEX_SEQUENCE;
    default:
        return true;
    }
}

static void
mark_empty(struct regex_node *n)
{
    for (struct regex_node *i = n->first; i; i = i->next)
        mark_empty(i);
    n->may_be_empty = may_be_empty(n);
}

bool
regex_parse(struct arena *arena, struct slice text, struct regex_tree *ret, struct error *err)
{
    struct parser p = {.r = {.arena = arena, .in = text, .err = err}};
    p.last_group = &p.groups;
    p.last_back = &p.backs;
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return FAULT(&p, "not ASCII");
    struct regex_node *root = parse_choice(&p);
    if (root == NULL)
        return false;
    if (p.r.at < text.len)
        return FAULT(&p, "a parenthesis that closes nothing");
    if (!judge_names(&p) || !judge_backs(&p))
        return false;
    mark_empty(root);
    *ret = (struct regex_tree){root, p.groups, p.backs};
    return true;
}
