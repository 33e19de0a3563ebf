/* directive - a line of the file, with its block, and the row of options.def that has its name.
 *
 * A mistake ends its own directive alone: the next one is read, so that all mistakes of a file are
 * named at once. Words of a directive may be secrets: none but names is ever repeated. */

#include "config/directive.h"

#include "base/alloc.h"
#include "config/foreign.h"
#include "config/history.h"
#include "config/issuer.h"
#include "config/lexer.h"
#include "config/option.h"
#include "config/value.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ARGUMENTS = 1024,
    MAX_INNER = 1024,
    MAX_DEPTH = 8,
    LONGEST_NAME = 40,
};

/* A word that can be somebody's directive; what is none may be part of a key. */
static bool
is_a_name(struct slice word)
{
    unsigned digits = 0;
    for (size_t i = 0; i < word.len; i++) {
        char c = word.ptr[i];
        digits += c >= '0' && c <= '9';
        if (!((c >= 'a' && c <= 'z') || c == '_' || (c >= '0' && c <= '9')))
            return false;
    }
    return word.len > 0 && word.len <= LONGEST_NAME && digits <= 2;
}

static bool
is_read(const struct option *o)
{
    return o->kind == OPTION_VALUE || o->kind == OPTION_SPECIAL;
}

static const char *
find_nearest(struct slice name)
{
    const char *names[200];
    size_t count = 0;
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->block || !is_read(o))
            continue;
        ENSURE(count < COUNT_OF(names));
        names[count++] = o->name;
    }
    return foreign_nearest(name, names, count);
}

static bool
refuse_unknown(struct slice name, struct error *err)
{
    if (!is_a_name(name))
        return error_set(err, "a line begins with the name of a directive, and this word is none "
                              "(a key of several lines stands in quotes)");
    const char *nearest = find_nearest(name);
    if (nearest)
        return error_set(err, "unknown directive " SLICE_FMT "; did you mean %s?", SLICE_ARG(name),
                         nearest);
    return error_set(err, "unknown directive " SLICE_FMT "; alipes config --help lists them",
                     SLICE_ARG(name));
}

/* One directive, gathered. */
struct directive {
    struct slice words[MAX_ARGUMENTS + 1];
    struct block_word inner[MAX_INNER]; /* of its block */
    size_t count, inner_count;
    bool has_block, is_wrong; /* is_wrong: that is said already; it is read on, and dropped */
    unsigned line;
};

/* What stands open where the lexer is. */
struct gathering {
    struct config_reading *reading;
    struct directive *directive;
    unsigned opened[MAX_DEPTH + 1]; /* the lines of the { that are open, of blocks of directives */
    unsigned depth, wrapper;        /* wrapper: the line of `mercure {`; 0: not in it */
    bool skips_key;                 /* the lines of a PEM without quotes, up to its last */
};

static void
drop_words(struct directive *d)
{
    for (size_t i = 0; i < d->count; i++)
        free((char *)d->words[i].ptr);
    for (size_t i = 0; i < d->inner_count; i++)
        free((char *)d->inner[i].text.ptr);
    d->count = d->inner_count = 0;
    d->has_block = d->is_wrong = false;
}

/* --- directives that say more than one thing -------------------------------------------------- */

static bool
read_compatibility(struct config_reading *r, struct directive *d, struct error *err)
{
    const struct slice *word = &d->words[1];
    if (d->count != 2 || (!slice_eq(*word, SLICE("7")) && !slice_eq(*word, SLICE("8"))))
        return error_set(err, "protocol_version_compatibility: expected 7 or 8");
    free(r->compatibility);
    r->compatibility = xstrndup(word->ptr, word->len);
    return true;
}

static bool
read_transport(struct config_reading *r, struct directive *d, struct error *err)
{
    bool is_url = slice_eq(d->words[0], SLICE("transport_url"));
    return history_set_transport(r, is_url, d->words + 1, d->count - 1, d->inner, d->inner_count,
                                 err);
}

static bool
read_history(struct config_reading *r, struct directive *d, struct error *err)
{
    if (d->count != 1 || !d->has_block)
        return error_set(err, "history: expected history { max_events N  max_bytes SIZE  max_age "
                              "DURATION }");
    return block_set(r, "history", d->inner, d->inner_count, err);
}

static bool
read_subscriptions(struct config_reading *r, struct directive *d, struct error *err)
{
    if (d->count != 1)
        return error_set(err, "subscriptions: it stands alone, or with a block: subscriptions { "
                              "max_bytes SIZE  max_age DURATION }");
    r->config->subscriptions = true;
    return block_set(r, "subscriptions", d->inner, d->inner_count, err);
}

static bool
read_issuer(struct config_reading *r, struct directive *d, struct error *err)
{
    return d->count == 2 && d->has_block
               ? issuer_read(r, d->words[1], d->inner, d->inner_count, err)
               : error_set(err, "issuer: expected issuer ID { publisher { … } subscriber { … } }");
}

static bool
read_durability(struct config_reading *r, struct directive *d, struct error *err)
{
    return history_set_durability(r, d->words + 1, d->count - 1, err);
}

static bool
read_log(struct config_reading *r, struct directive *d, struct error *err)
{
    struct config *c = r->config;
    const struct slice *args = d->words + 1;
    size_t count = d->count - 1;
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    bool json = count && slice_eq(args[0], SLICE("json"));
    if (count == 0 || count > 3 || (!json && !slice_eq(args[0], SLICE("logfmt"))))
        return error_set(err, "log: expected log logfmt|json [debug|info|warn|error] [FILE]");
    c->log_format = json ? LOG_JSON : LOG_LOGFMT;
    size_t level = LOG_INFO;
    if (count > 1)
        for (level = 0; level < COUNT_OF(levels); level++)
            if (slice_eq(args[1], slice_of(levels[level])))
                break;
    if (level == COUNT_OF(levels))
        return error_set(err, "log: the level is debug, info, warn or error");
    c->log_level = (enum log_level)level;
    if (count > 2 && !slice_eq(args[2], SLICE("stderr"))) {
        free(c->log_file);
        c->log_file = xstrndup(args[2].ptr, args[2].len);
    }
    return true;
}

static const struct {
    const char *name;
    bool (*read)(struct config_reading *, struct directive *, struct error *);
} readers[] = {
#define SPECIAL(name, reader, ...) {#name, reader},
#include "config/options.def"
};

static bool
read_special(struct config_reading *r, const struct option *o, struct directive *d,
             struct error *err)
{
    size_t i = 0;
    while (strcmp(readers[i].name, o->name) != 0)
        i++;
    return readers[i].read(r, d, err);
}

/* --- a directive ------------------------------------------------------------------------------ */

static bool
apply_words(struct config_reading *r, struct directive *d, struct error *err)
{
    const struct option *o = option_find(NULL, d->words[0]);
    if (o && is_read(o) && d->has_block && !o->takes_block)
        return error_set(err, "%s takes no block", o->name);
    switch (o ? o->kind : OPTION_GROUP) {
    case OPTION_VALUE:
        return value_set(r, o, d->words + 1, d->count - 1, err);
    case OPTION_SPECIAL:
        return read_special(r, o, d, err);
    case OPTION_ACCEPTED:
        settings_note(r->config, o->name, o->help);
        return true;
    case OPTION_RENAMED:
        return error_set(err, "%s: use %s", o->name, o->help);
    case OPTION_REFUSED:
        return error_set(err, "%s: %s", o->name, o->help);
    case OPTION_PART:
    case OPTION_GROUP:
    case OPTION_PAST:
        break;
    }
    return refuse_unknown(d->words[0], err);
}

/* A PEM without quotes falls apart at its blanks. */
static bool
has_word(const struct directive *d, struct slice word)
{
    for (size_t i = 0; i < d->count; i++)
        if (slice_eq(d->words[i], word))
            return true;
    return false;
}

/* What is gathered has come to its end. */
static void
apply(struct gathering *g)
{
    struct config_reading *r = g->reading;
    struct directive *d = g->directive;
    struct error why = {""};
    unsigned line = r->line;
    bool skipped = g->skips_key;
    g->skips_key = skipped ? !has_word(d, SLICE("-----END")) : has_word(d, SLICE("-----BEGIN"));
    if (d->count && !d->is_wrong && !skipped) {
        r->line = d->line;
        reading_place(r, d->words[0]);
        if (!apply_words(r, d, &why))
            reading_complain(r, why.text);
    }
    r->line = line;
    drop_words(d);
}

/* Once a directive. */
static void
spoil(struct gathering *g, const char *text)
{
    if (!g->directive->is_wrong)
        reading_complain(g->reading, text);
    g->directive->is_wrong = true;
}

/* A word, brace or line end inside a block. */
static void
gather_inner(struct gathering *g, const struct lexer *l, enum lexeme kind)
{
    struct directive *d = g->directive;
    if (d->inner_count == MAX_INNER) {
        spoil(g, "more than 1024 words in a block");
        return;
    }
    struct block_word *w = &d->inner[d->inner_count++];
    *w = (struct block_word){.kind = kind, .line = l->line};
    if (kind == LEX_WORD)
        w->text = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
}

static void
gather_word(struct gathering *g, const struct lexer *l)
{
    struct directive *d = g->directive;
    if (d->count > MAX_ARGUMENTS) {
        spoil(g, "more than 1024 arguments");
        return;
    }
    if (d->count == 0)
        d->line = l->line;
    d->words[d->count++] = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
}

/* False: nothing sensible can follow. */
static bool
take_inner(struct gathering *g, const struct lexer *l, enum lexeme kind)
{
    if (kind == LEX_OPEN && g->depth == MAX_DEPTH) {
        reading_complain(g->reading, "blocks are nested more than 8 deep");
        return false;
    }
    if (kind == LEX_OPEN)
        g->opened[g->depth++] = l->line;
    g->depth -= kind == LEX_CLOSE;
    if (g->depth)
        gather_inner(g, l, kind);
    return true;
}

static void
open_block(struct gathering *g, const struct lexer *l)
{
    struct directive *d = g->directive;
    if (d->count == 1 && g->wrapper == 0 && slice_eq(d->words[0], SLICE("mercure"))) {
        g->wrapper = l->line;
        drop_words(d);
        return;
    }
    if (d->count == 0)
        spoil(g, "a { without a directive");
    d->has_block = true;
    g->opened[0] = l->line;
    g->depth = 1;
}

static void
close_block(struct gathering *g)
{
    apply(g);
    if (g->wrapper == 0)
        reading_complain(g->reading, "a } without its {");
    g->wrapper = 0;
}

/* What stands outside of a directive's block. */
static void
take_outer(struct gathering *g, const struct lexer *l, enum lexeme kind)
{
    if (kind == LEX_WORD)
        gather_word(g, l);
    else if (kind == LEX_OPEN)
        open_block(g, l);
    else if (kind == LEX_CLOSE)
        close_block(g);
    else
        apply(g);
}

static void
complain_of_open_block(struct gathering *g)
{
    unsigned line = g->depth ? g->opened[g->depth - 1] : g->wrapper;
    if (line == 0)
        return;
    g->reading->line = line;
    reading_complain(g->reading, "a { is not closed");
}

static void
read_lexemes(struct gathering *g, struct lexer *l)
{
    for (;;) {
        enum lexeme kind = lexer_next(l);
        g->reading->line = l->line;
        if (kind == LEX_ERROR) {
            reading_complain(g->reading, l->error);
            return;
        }
        if (kind == LEX_END || settings_has_enough(g->reading->config))
            break;
        if (g->depth == 0)
            take_outer(g, l, kind);
        else if (!take_inner(g, l, kind))
            return;
    }
    if (g->depth == 0)
        apply(g);
    complain_of_open_block(g);
}

static void
read_directives(struct config_reading *r, struct slice text)
{
    struct gathering g = {.reading = r};
    struct lexer l;
    g.directive = xalloc(sizeof *g.directive);
    lexer_init(&l, text);
    read_lexemes(&g, &l);
    lexer_fini(&l);
    drop_words(g.directive);
    free(g.directive);
}

/* --- a text ----------------------------------------------------------------------------------- */

static void
refuse_caddyfile(struct config_reading *r, unsigned first, unsigned last)
{
    struct error why;
    error_set(&why,
              "this is a whole Caddyfile, and the hub's file is its mercure block alone: put lines "
              "%u to %u into a file of their own; the rest stays with your web server",
              first, last);
    r->line = first;
    reading_complain(r, why.text);
}

void
directive_read(struct config_reading *r, struct slice text, const char *file)
{
    struct slice mark = SLICE("\xef\xbb\xbf");
    struct error why;
    unsigned first, last;
    if (slice_starts(text, mark))
        text = slice_from(text, mark.len);
    r->file = file;
    if (text.len > DIRECTIVE_TEXT_MAX) {
        error_set(&why, "larger than %d bytes", DIRECTIVE_TEXT_MAX);
        reading_complain(r, why.text);
    } else if (slice_starts(text, SLICE("\xff\xfe")) || slice_starts(text, SLICE("\xfe\xff"))) {
        r->line = 1;
        reading_complain(r, "it is written in UTF-16, as by Windows; save it as UTF-8");
    } else if (foreign_caddyfile(text, &first, &last)) {
        refuse_caddyfile(r, first, last);
    } else {
        read_directives(r, text);
    }
    r->file = NULL;
    r->line = 0;
}
