/* directive - a line of the file, and the table that knows its name.
 *
 * A directive is one of the options, one of the few that say more than one thing, or somebody
 * else's (foreign.c). A mistake ends its own directive alone: the next one is read, so that all
 * mistakes of a file are named at once. Words of a directive may be secrets: none but names is ever
 * repeated. */

#include "config/directive.h"

#include "base/alloc.h"
#include "config/foreign.h"
#include "config/history.h"
#include "config/issuer.h"
#include "config/option.h"

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

static const char *
find_nearest(struct slice name)
{
    static const char *const others[] = {"issuer", "transport", "history", "durability", "log"};
    const char *names[200];
    size_t count = 0;
    for (size_t i = 0; i < option_count && count < COUNT_OF(names); i++)
        if (option_table[i].block == NULL)
            names[count++] = option_table[i].name;
    for (size_t i = 0; i < COUNT_OF(others) && count < COUNT_OF(names); i++)
        names[count++] = others[i];
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

static bool
set_log(struct config *c, const struct slice *args, size_t count, struct error *err)
{
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

/* One directive, gathered. */
struct directive {
    struct slice words[MAX_ARGUMENTS + 1];
    struct block_word inner[MAX_INNER]; /* of its block */
    struct slice flat[MAX_INNER];       /* where the words of a block are put side by side */
    size_t count, inner_count;
    bool has_block, is_wrong; /* is_wrong: that is said already; it is read on, and dropped */
    unsigned line;
};

/* Where in a file the lexer is. */
struct reading {
    struct config *config;
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

/* The words of a block that has no blocks inside: names, each with its value. */
static bool
flatten(const struct directive *d, struct slice *ret, size_t *ret_count, struct error *err)
{
    size_t n = 0;
    for (size_t i = 0; i < d->inner_count; i++) {
        if (d->inner[i].kind == LEX_WORD)
            ret[n++] = d->inner[i].text;
        else if (d->inner[i].kind != LEX_LINE_END)
            return error_set(err, "a block inside a block");
    }
    *ret_count = n;
    return true;
}

static bool
set_compatibility(struct config *c, const struct slice *args, size_t count, struct error *err)
{
    if (count != 1 || (!slice_eq(args[0], SLICE("7")) && !slice_eq(args[0], SLICE("8"))))
        return error_set(err, "protocol_version_compatibility: expected 7 or 8");
    free(c->compatibility);
    c->compatibility = xstrndup(args[0].ptr, args[0].len);
    return true;
}

static bool
set_transport(struct config *c, struct directive *d, struct error *err)
{
    struct error why;
    size_t count = 0;
    bool is_url = slice_eq(d->words[0], SLICE("transport_url"));
    if (!flatten(d, d->flat, &count, &why))
        return error_set(err, "transport: %.400s", why.text);
    return history_set_transport(c, is_url, d->words + 1, d->count - 1, d->flat, count, err);
}

static bool
set_history(struct config *c, struct directive *d, struct error *err)
{
    struct error why;
    size_t count = 0;
    if (d->count != 1 || !d->has_block)
        return error_set(err, "history: expected history { max_events N  max_bytes SIZE  max_age "
                              "DURATION }");
    if (!flatten(d, d->flat, &count, &why))
        return error_set(err, "history: %.400s", why.text);
    c->history_is_set = true;
    return option_set_block(c, "history", d->flat, count, err);
}

static bool
set_issuer(struct config *c, struct directive *d, struct error *err)
{
    return d->count == 2 && d->has_block
               ? issuer_read(c, d->words[1], d->inner, d->inner_count, err)
               : error_set(err, "issuer: expected issuer ID { publisher { … } subscriber { … } }");
}

static bool
set_durability(struct config *c, struct directive *d, struct error *err)
{
    c->history_is_set = true;
    return history_set_durability(c, d->words + 1, d->count - 1, err);
}

static bool
set_log_line(struct config *c, struct directive *d, struct error *err)
{
    return set_log(c, d->words + 1, d->count - 1, err);
}

static bool
set_compatibility_line(struct config *c, struct directive *d, struct error *err)
{
    return set_compatibility(c, d->words + 1, d->count - 1, err);
}

/* Directives that are no row of options.def. */
static const struct {
    struct slice name;
    bool takes_block;
    bool (*set)(struct config *, struct directive *, struct error *);
} specials[] = {
    {SLICE_INIT("issuer"), true, set_issuer},
    {SLICE_INIT("transport"), true, set_transport},
    {SLICE_INIT("transport_url"), false, set_transport},
    {SLICE_INIT("history"), true, set_history},
    {SLICE_INIT("durability"), false, set_durability},
    {SLICE_INIT("log"), false, set_log_line},
    {SLICE_INIT("protocol_version_compatibility"), false, set_compatibility_line},
};

static bool
apply_foreign(struct config *c, struct slice name, struct error *err)
{
    const char *text;
    switch (foreign_directive(name, &text)) {
    case FOREIGN_ACCEPTED:
        config_note(c, name.ptr, text);
        return true;
    case FOREIGN_REFUSED:
        return error_set(err, SLICE_FMT ": %s", SLICE_ARG(name), text);
    case FOREIGN_OTHERS:
    case FOREIGN_UNKNOWN:
        break;
    }
    return refuse_unknown(name, err);
}

static bool
apply_known(struct config *c, struct directive *d, struct error *err)
{
    struct slice name = d->words[0];
    const struct option *o = option_find(NULL, name);
    if (o && d->has_block)
        return error_set(err, "%s takes no block", o->name);
    if (o)
        return option_set(c, o, d->words + 1, d->count - 1, err);
    for (size_t i = 0; i < COUNT_OF(specials); i++) {
        if (!slice_eq(name, specials[i].name))
            continue;
        if (d->has_block && !specials[i].takes_block)
            return error_set(err, SLICE_FMT " takes no block", SLICE_ARG(name));
        return specials[i].set(c, d, err);
    }
    return apply_foreign(c, name, err);
}

/* A mistake in the line that the configuration's reading_line is. */
static void
complain(struct reading *r, const char *text)
{
    struct config *c = r->config;
    config_complain(c, "%s:%u: %s", c->reading_file, c->reading_line, text);
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
apply(struct reading *r)
{
    struct config *c = r->config;
    struct directive *d = r->directive;
    struct error why = {""};
    unsigned line = c->reading_line;
    bool skipped = r->skips_key;
    r->skips_key = skipped ? !has_word(d, SLICE("-----END")) : has_word(d, SLICE("-----BEGIN"));
    if (d->count && !d->is_wrong && !skipped) {
        c->reading_line = d->line;
        config_place(c, d->words[0]);
        if (!apply_known(c, d, &why))
            complain(r, why.text);
    }
    c->reading_line = line;
    drop_words(d);
}

/* Once a directive. */
static void
spoil(struct reading *r, const char *text)
{
    if (!r->directive->is_wrong)
        complain(r, text);
    r->directive->is_wrong = true;
}

/* A word, brace or line end inside a block. */
static void
gather_inner(struct reading *r, const struct lexer *l, enum lexeme kind)
{
    struct directive *d = r->directive;
    if (d->inner_count == MAX_INNER) {
        spoil(r, "more than 1024 words in a block");
        return;
    }
    struct block_word *w = &d->inner[d->inner_count++];
    *w = (struct block_word){.kind = kind, .line = l->line};
    if (kind == LEX_WORD)
        w->text = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
}

static void
gather_word(struct reading *r, const struct lexer *l)
{
    struct directive *d = r->directive;
    if (d->count > MAX_ARGUMENTS) {
        spoil(r, "more than 1024 arguments");
        return;
    }
    if (d->count == 0)
        d->line = l->line;
    d->words[d->count++] = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
}

/* False: nothing sensible can follow. */
static bool
take_inner(struct reading *r, const struct lexer *l, enum lexeme kind)
{
    if (kind == LEX_OPEN && r->depth == MAX_DEPTH) {
        complain(r, "blocks are nested more than 8 deep");
        return false;
    }
    if (kind == LEX_OPEN)
        r->opened[r->depth++] = l->line;
    r->depth -= kind == LEX_CLOSE;
    if (r->depth)
        gather_inner(r, l, kind);
    return true;
}

static void
open_block(struct reading *r, const struct lexer *l)
{
    struct directive *d = r->directive;
    if (d->count == 1 && r->wrapper == 0 && slice_eq(d->words[0], SLICE("mercure"))) {
        r->wrapper = l->line;
        drop_words(d);
        return;
    }
    if (d->count == 0)
        spoil(r, "a { without a directive");
    d->has_block = true;
    r->opened[0] = l->line;
    r->depth = 1;
}

static void
close_block(struct reading *r)
{
    apply(r);
    if (r->wrapper == 0)
        complain(r, "a } without its {");
    r->wrapper = 0;
}

/* What stands outside of a directive's block. */
static void
take_outer(struct reading *r, const struct lexer *l, enum lexeme kind)
{
    if (kind == LEX_WORD)
        gather_word(r, l);
    else if (kind == LEX_OPEN)
        open_block(r, l);
    else if (kind == LEX_CLOSE)
        close_block(r);
    else
        apply(r);
}

static void
complain_of_open_block(struct reading *r)
{
    unsigned line = r->depth ? r->opened[r->depth - 1] : r->wrapper;
    if (line == 0)
        return;
    r->config->reading_line = line;
    complain(r, "a { is not closed");
}

static void
read_all(struct reading *r, struct lexer *l)
{
    for (;;) {
        enum lexeme kind = lexer_next(l);
        r->config->reading_line = l->line;
        if (kind == LEX_ERROR) {
            complain(r, l->error);
            return;
        }
        if (kind == LEX_END || config_has_enough(r->config))
            break;
        if (r->depth == 0)
            take_outer(r, l, kind);
        else if (!take_inner(r, l, kind))
            return;
    }
    if (r->depth == 0)
        apply(r);
    complain_of_open_block(r);
}

void
directive_apply_all(struct config *c, struct slice text)
{
    struct reading r = {.config = c};
    struct lexer l;
    unsigned first, last;
    if (foreign_caddyfile(text, &first, &last)) {
        c->reading_line = first;
        config_complain(c,
                        "%s:%u: this is a whole Caddyfile, and the hub's file is its mercure block "
                        "alone: put lines %u to %u into a file of their own; the rest stays with "
                        "your web server",
                        c->reading_file, first, first, last);
        return;
    }
    r.directive = xalloc(sizeof *r.directive);
    lexer_init(&l, text);
    read_all(&r, &l);
    lexer_fini(&l);
    drop_words(r.directive);
    free(r.directive);
}
