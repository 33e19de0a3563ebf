/* regex_write - the translation to PCRE2.
 *
 * Nothing of the source is copied. Characters are letters, digits or \xHH; a class is a list of
 * what of ASCII it matches, so neither language's idea of \w or of case plays a part; groups
 * capture only if a reference needs them.
 *
 * What is repeated is a group, also where it is one character. PCRE2 repeats a bare character in a
 * loop of its own, faster, but such a loop is one step, however far it runs: 10,000 steps took
 * 75 ms on 64 KiB, 3 ms on 4 KiB. Of a group each round is a step, and they take 1 ms. */

#include "topic/regex_write.h"

#include "topic/regex_back.h"

enum {
    MOST_REPEATS = 65535,   /* PCRE2's */
    MOST_REFERENCES = 4096, /* to groups, each with one of its name counted */
};

struct writer {
    struct buf *out;
    const struct regex_tree *tree;
    struct error *err;
    bool refers_back; /* some group has to capture */
};

static bool write_node(struct writer *, const struct regex_node *);

static void
write_character(struct writer *w, unsigned c)
{
    bool plain = (c | 0x20) - 'a' < 26 || c - '0' < 10;
    if (plain)
        buf_add_byte(w->out, (char)c);
    else
        buf_addf(w->out, "\\x%02x", c);
}

static bool
has(const struct regex_node *n, unsigned c)
{
    return ((c < 64 ? n->low >> c : n->high >> (c - 64)) & 1) != 0;
}

static void
write_ranges(struct writer *w, const struct regex_node *n, bool negative)
{
    buf_add(w->out, negative ? SLICE("[^") : SLICE("["));
    for (unsigned c = 0; c < 128; c++) {
        unsigned first = c;
        if (has(n, c) == negative)
            continue;
        while (c < 127 && has(n, c + 1) != negative)
            c++;
        write_character(w, first);
        if (c > first + 1)
            buf_add_byte(w->out, '-');
        if (c > first)
            write_character(w, c);
    }
    buf_add_byte(w->out, ']');
}

static void
write_chars(struct writer *w, const struct regex_node *n)
{
    int count = __builtin_popcountll(n->low) + __builtin_popcountll(n->high);
    if (count == 0)
        buf_add(w->out, SLICE("(?:(?!))"));
    else if (count == 128)
        buf_add_byte(w->out, '.');
    else if (count == 1)
        write_character(
            w, (unsigned)(n->low ? __builtin_ctzll(n->low) : 64 + __builtin_ctzll(n->high)));
    else
        write_ranges(w, n, count > 64);
}

static void
write_string(struct writer *w, struct slice text, bool ignore_case)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned c = (unsigned char)text.ptr[i];
        if (ignore_case && c - 'a' < 26)
            buf_addf(w->out, "[%c%c]", (char)c, (char)(c - 32));
        else
            write_character(w, c);
    }
}

static void
write_set(struct writer *w, const struct regex_node *n)
{
    const struct regex_string *s = n->strings;
    if (s == NULL) {
        write_chars(w, n);
        return;
    }
    buf_add(w->out, SLICE("(?:"));
    for (; s && s->text.len > 0; s = s->next) {
        write_string(w, s->text, n->ignore_case);
        buf_add_byte(w->out, '|');
    }
    write_chars(w, n);
    if (s)
        buf_add_byte(w->out, '|');
    buf_add_byte(w->out, ')');
}

static bool
write_children(struct writer *w, const struct regex_node *n, const char *between)
{
    for (const struct regex_node *i = n->first; i; i = i->next) {
        if (i != n->first)
            buf_add(w->out, slice_of(between));
        if (!write_node(w, i))
            return false;
    }
    return true;
}

/* The choice of a lookbehind stands in it directly: then its alternatives may differ in length. */
static bool
write_inside(struct writer *w, const char *open, const struct regex_node *n)
{
    buf_add(w->out, slice_of(open));
    if (n->kind == REGEX_CHOICE ? !write_children(w, n, "|") : !write_node(w, n))
        return false;
    buf_add_byte(w->out, ')');
    return true;
}

static bool
write_look(struct writer *w, const struct regex_node *n)
{
    static const char *const opens[2][2] = {{"(?=", "(?!"}, {"(?<=", "(?<!"}};
    return write_inside(w, opens[n->behind][n->negative], n->first);
}

/* What is repeated, without what is there for nothing. */
static const struct regex_node *
inside_of(const struct regex_node *n)
{
    n = n->first;
    while ((n->kind == REGEX_GROUP || n->kind == REGEX_SEQUENCE) && n->first && !n->first->next)
        n = n->first;
    return n;
}

/* (X*)* is X*. Written as it stands it takes twice the steps for each character, and the standard
 * itself generates it. Which round matched what does not matter where nothing refers back. */
static struct regex_node
flatten(const struct regex_node *n)
{
    struct regex_node flat = *n;
    for (const struct regex_node *in = inside_of(n); in->kind == REGEX_REPEAT && flat.max > 0;
         in = inside_of(in)) {
        bool any_number = in->min <= 1 && in->max == REGEX_INFINITE;
        bool optional = in->min == 0 && in->max == 1;
        if (!any_number && !optional)
            break;
        if (in->min == 0)
            flat.min = 0;
        if (any_number)
            flat.max = REGEX_INFINITE;
        flat.first = in->first;
    }
    return flat;
}

static bool
write_repeat(struct writer *w, const struct regex_node *as_is)
{
    struct regex_node n = w->refers_back ? *as_is : flatten(as_is);
    bool bounded = n.max != REGEX_INFINITE;
    if (n.min > MOST_REPEATS || (bounded && n.max > MOST_REPEATS))
        return error_set(w->err, "more than %d repetitions cannot be translated", MOST_REPEATS);
    if (!write_inside(w, "(?:", n.first))
        return false;
    if (bounded)
        buf_addf(w->out, "{%u,%u}", (unsigned)n.min, (unsigned)n.max);
    else
        buf_addf(w->out, "{%u,}", (unsigned)n.min);
    if (n.lazy)
        buf_add_byte(w->out, '?');
    return true;
}

/* --- back references -------------------------------------------------------------------------- */

static bool
refers(const struct regex_node *back, const struct regex_node *group)
{
    return back->name.len ? slice_eq(back->name, group->name) : back->number == group->number;
}

/* Of groups with one name at most one has matched. */
static bool
write_back(struct writer *w, const struct regex_node *n)
{
    size_t open = 0;
    for (const struct regex_node *g = w->tree->groups; g; g = g->next_listed) {
        if (!refers(n, g) || regex_back_judge(n, g) != BACK_SAME)
            continue;
        buf_addf(w->out, n->ignore_case ? "(?(%u)(?i:\\g{%u})|" : "(?(%u)\\g{%u}|", g->capture,
                 g->capture);
        open++;
    }
    while (open-- > 0)
        buf_add_byte(w->out, ')');
    return true;
}

/* Numbers the groups that have to capture. */
static bool
judge_backs(const struct regex_tree *tree, struct error *err)
{
    unsigned captures = 0, references = 0;
    for (const struct regex_node *b = tree->backs; b; b = b->next_listed) {
        for (struct regex_node *g = tree->groups; g; g = g->next_listed) {
            if (!refers(b, g))
                continue;
            if (++references > MOST_REFERENCES)
                return error_set(err, "so many back references cannot be translated");
            enum regex_back judged = regex_back_judge(b, g);
            if (judged == BACK_DIFFERS)
                return error_set(err, "a back reference to a group in a repetition, or within a "
                                      "lookbehind, cannot be translated");
            if (judged == BACK_SAME)
                g->capture = 1;
        }
    }
    for (struct regex_node *g = tree->groups; g; g = g->next_listed)
        if (g->capture)
            g->capture = ++captures;
    return true;
}

static bool
write_node(struct writer *w, const struct regex_node *n)
{
    if (w->out->failed)
        return error_set(w->err, "too large to be translated");
    switch (n->kind) {
    case REGEX_SET:
        write_set(w, n);
        return true;
    case REGEX_SEQUENCE:
        return write_children(w, n, "");
    case REGEX_CHOICE:
        return write_inside(w, "(?:", n);
    case REGEX_GROUP:
        return write_inside(w, n->capture ? "(" : "(?:", n->first);
    case REGEX_REPEAT:
        return write_repeat(w, n);
    case REGEX_LOOK:
        return write_look(w, n);
    case REGEX_BACK:
        return write_back(w, n);
    case REGEX_START:
        buf_add(w->out, n->multiline ? SLICE("(?<![^\\n\\r])") : SLICE("\\A"));
        return true;
    case REGEX_END:
        buf_add(w->out, n->multiline ? SLICE("(?![^\\n\\r])") : SLICE("\\z"));
        return true;
    case REGEX_EDGE:
        buf_add(w->out, n->negative ? SLICE("\\B") : SLICE("\\b"));
        return true;
    }
    return false;
}

bool
regex_write(const struct regex_tree *tree, struct buf *out, struct error *err)
{
    struct writer w = {out, tree, err, false};
    if (!judge_backs(tree, err))
        return false;
    for (const struct regex_node *g = tree->groups; g; g = g->next_listed)
        w.refers_back |= g->capture > 0;
    if (!write_node(&w, tree->root))
        return false;
    return !out->failed || error_set(err, "too large to be translated");
}
