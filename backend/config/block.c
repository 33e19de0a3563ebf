/* block - what stands between a directive's braces, read as the rows of that block say. */

#include "config/block.h"

#include "base/alloc.h"
#include "config/foreign.h"
#include "config/value.h"

#include <stdio.h>
#include <string.h>

enum {
    MAX_WORDS = 65, /* of one list */
    MAX_NAMES = 64, /* of one block */
};

struct place {
    struct config_reading *reading;
    const struct block_word *words;
    size_t count, at;
};

static bool
is_at(const struct place *p, enum lexeme kind)
{
    return p->at < p->count && p->words[p->at].kind == kind;
}

static void
skip_line_ends(struct place *p)
{
    while (is_at(p, LEX_LINE_END))
        p->at++;
}

/* Where a value with a blank has no quotes, its second word may be half of a password. */
static bool
refuse_unknown(const struct place *p, const char *block, struct error *err)
{
    struct slice name = p->words[p->at].text;
    bool begins_line = p->at == 0 || p->words[p->at - 1].kind != LEX_WORD;
    const char *names[MAX_NAMES];
    size_t count = 0;
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].block && strcmp(option_table[i].block, block) == 0 &&
            option_table[i].kind == OPTION_VALUE) {
            ENSURE(count < MAX_NAMES);
            names[count++] = option_table[i].name;
        }
    const char *nearest = foreign_nearest(name, names, count);
    name = slice_head(name, 60);
    if (nearest)
        return error_set(err, "%s: unknown " SLICE_FMT "; did you mean %s?", block, SLICE_ARG(name),
                         nearest);
    if (!begins_line)
        return error_set(err,
                         "%s: a word that is none of its names; a value with a blank stands in "
                         "quotes",
                         block);
    return error_set(err, "%s: unknown " SLICE_FMT "; alipes config --help lists what it takes",
                     block, SLICE_ARG(name));
}

/* The words that are the value of what was named last. */
static size_t
take_words(struct place *p, const struct option *o, struct slice ret[MAX_WORDS])
{
    size_t n = 0, most = option_is_list(o) ? MAX_WORDS : o->type != TYPE_FLAG;
    if (most == 1)
        skip_line_ends(p);
    while (n < most && is_at(p, LEX_WORD))
        ret[n++] = p->words[p->at++].text;
    return n;
}

/* How many words stand before the } of the { that was just passed. */
static size_t
inner_length(const struct place *p)
{
    size_t at = p->at;
    for (unsigned depth = 1; at < p->count; at++) {
        depth += p->words[at].kind == LEX_OPEN;
        depth -= p->words[at].kind == LEX_CLOSE;
        if (depth == 0)
            break;
    }
    return at - p->at;
}

static bool
has_rows(const char *block)
{
    for (size_t i = 0; i < option_count; i++)
        if (option_table[i].block && strcmp(option_table[i].block, block) == 0)
            return true;
    return false;
}

static bool
set_inner(struct place *p, const char *block, const char *name, struct error *err)
{
    char inner[80];
    snprintf(inner, sizeof inner, "%s %s", block, name);
    if (!has_rows(inner))
        return error_set(err, "%s: a block inside a block", block);
    p->at++;
    size_t length = inner_length(p);
    if (!block_set(p->reading, inner, p->words + p->at, length, err))
        return false;
    p->at += length + 1;
    return true;
}

static bool
set_one(struct place *p, const char *block, struct error *err)
{
    struct slice words[MAX_WORDS], name = p->words[p->at].text;
    p->reading->line = p->words[p->at].line;
    if (p->words[p->at].kind != LEX_WORD)
        return error_set(err, "%s: a block inside a block", block);
    const struct option *o = option_find(block, name);
    if (o == NULL)
        return refuse_unknown(p, block, err);
    if (o->kind == OPTION_REFUSED)
        return error_set(err, "%s: %s: %s", block, o->name, o->help);
    p->at++;
    size_t count = take_words(p, o, words);
    if (!value_set(p->reading, o, words, count, err))
        return false;
    return is_at(p, LEX_OPEN) ? set_inner(p, block, o->name, err) : true;
}

bool
block_set(struct config_reading *r, const char *block, const struct block_word *words, size_t count,
          struct error *err)
{
    unsigned line = r->line;
    struct place p = {r, words, count, 0};
    for (skip_line_ends(&p); p.at < count; skip_line_ends(&p))
        if (!set_one(&p, block, err))
            return false;
    r->line = line;
    return true;
}
