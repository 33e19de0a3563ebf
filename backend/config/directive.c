/* directive - a line of the file, and the table that knows its name.
 *
 * A directive is looked up in four tables: options, those accepted without effect, those that a
 * later version will know, and those of the old stand-alone hub. Whatever is in none of them gets
 * the nearest name as a hint. */

#include "config/directive.h"

#include "base/alloc.h"
#include "config/history.h"
#include "config/issuer.h"
#include "config/option.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ARGUMENTS = 1024,
    MAX_INNER = 1024,
};

struct sentence {
    const char *name, *text;
};

static const struct sentence accepted[] = {
    {"dispatch_timeout", "a slow reader never holds a dispatch up here"},
    {"topic_selector_cache", "the index needs no cache"},
    {"topic_matcher_cache", "the index needs no cache"},
    {"subscriber_list_cache_size", "the index needs no cache"},
};

static const struct sentence refused[] = {
    {"demo", "there is no demo here; examples/ has a page"},
    {"ui", "there is no user interface here"},
    {"debugger", "there is no debugger here"},
    {"playground", "there is no playground here"},
    {"license", "nothing here needs a licence"},
    {"jwt_key", "use publisher_jwt and subscriber_jwt"},
    {"addr", "use listen"},
    {"allow_anonymous", "use anonymous"},
    {"cors_allowed_origins", "use cors_origins"},
    {"publish_allowed_origins", "use publish_origins"},
    {"heartbeat_interval", "use heartbeat"},
};

static const char *const later[] = {"subscriptions"};

static unsigned
distance(struct slice a, struct slice b)
{
    unsigned row[64];
    if (a.len > 60 || b.len > 60)
        return 99;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned change = corner + (a.ptr[i - 1] != b.ptr[j - 1]);
            unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < other ? change : other;
        }
    }
    return row[b.len];
}

static bool
refuse_unknown(struct slice name, struct error *err)
{
    const char *nearest = "listen";
    unsigned best = 98;
    for (size_t i = 0; i < option_count; i++) {
        if (option_table[i].block)
            continue;
        unsigned d = distance(name, slice_of(option_table[i].name));
        if (d < best) {
            best = d;
            nearest = option_table[i].name;
        }
    }
    if (best <= 3 && best < name.len)
        return error_set(err, "unknown directive " SLICE_FMT "; did you mean %s?",
                         SLICE_ARG(slice_head(name, 60)), nearest);
    return error_set(err, "unknown directive " SLICE_FMT "; alipes config --help lists them",
                     SLICE_ARG(slice_head(name, 60)));
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
    bool has_block;
    unsigned line;
};

static void
drop_words(struct directive *d)
{
    for (size_t i = 0; i < d->count; i++)
        free((char *)d->words[i].ptr);
    for (size_t i = 0; i < d->inner_count; i++)
        free((char *)d->inner[i].text.ptr);
    d->count = d->inner_count = 0;
    d->has_block = false;
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
            return error_set(err, SLICE_FMT ": a block inside a block",
                             SLICE_ARG(slice_head(d->words[0], 60)));
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
apply_known(struct config *c, struct directive *d, struct error *err)
{
    const struct slice *words = d->words, name = words[0];
    size_t count = d->count;
    const struct option *o = option_find(NULL, name);
    if (o && d->has_block)
        return error_set(err, "%s takes no block", o->name);
    if (o)
        return option_set(c, o, words + 1, count - 1, err);
    if (slice_eq(name, SLICE("issuer")))
        return count == 2 && d->has_block
                   ? issuer_read(c, words[1], d->inner, d->inner_count, err)
                   : error_set(err,
                               "issuer: expected issuer ID { publisher { … } subscriber { … } }");
    if (slice_eq(name, SLICE("protocol_version_compatibility")))
        return set_compatibility(c, words + 1, count - 1, err);
    struct slice *inner = d->flat;
    size_t inner_count = 0;
    if (!flatten(d, inner, &inner_count, err))
        return false;
    if (slice_eq(name, SLICE("transport")) || slice_eq(name, SLICE("transport_url")))
        return history_set_transport(c, name.len > 9, words + 1, count - 1, inner, inner_count,
                                     err);
    if (slice_eq(name, SLICE("history")) && count == 1 && d->has_block) {
        c->history_is_set = true;
        return option_set_block(c, "history", inner, inner_count, err);
    }
    if (slice_eq(name, SLICE("history")))
        return error_set(err, "history: expected history { max_events N  max_bytes SIZE  max_age "
                              "DURATION }");
    if (slice_eq(name, SLICE("durability"))) {
        c->history_is_set = true;
        return history_set_durability(c, words + 1, count - 1, err);
    }
    if (slice_eq(name, SLICE("log")))
        return set_log(c, words + 1, count - 1, err);
    for (size_t i = 0; i < COUNT_OF(accepted); i++) {
        if (slice_eq(name, slice_of(accepted[i].name))) {
            config_place(c, name);
            config_note(c, accepted[i].name, accepted[i].text);
            return true;
        }
    }
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (slice_eq(name, slice_of(refused[i].name)))
            return error_set(err, "%s: %s", refused[i].name, refused[i].text);
    for (size_t i = 0; i < COUNT_OF(later); i++)
        if (slice_eq(name, slice_of(later[i])))
            return error_set(
                err, "%s is known but not available in this version: take the line out", later[i]);
    return refuse_unknown(name, err);
}

static bool
apply(struct config *c, struct directive *d, struct error *err)
{
    unsigned line = c->reading_line;
    if (!apply_known(c, d, err))
        return false;
    c->reading_line = line;
    config_place(c, d->words[0]);
    return true;
}

/* A word, brace or line end inside a block. */
static bool
gather_inner(struct directive *d, const struct lexer *l, enum lexeme kind, struct error *err)
{
    if (d->inner_count == MAX_INNER)
        return error_set(err, "more than %d words in a block", MAX_INNER);
    struct block_word *w = &d->inner[d->inner_count++];
    *w = (struct block_word){.kind = kind, .line = l->line};
    if (kind == LEX_WORD)
        w->text = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
    return true;
}

static bool
gather_word(struct directive *d, const struct lexer *l, struct error *err)
{
    if (d->count > MAX_ARGUMENTS)
        return error_set(err, "more than %d arguments", MAX_ARGUMENTS);
    if (d->count == 0)
        d->line = l->line;
    d->words[d->count++] = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
    return true;
}

/* On failure the configuration's reading_line is where. */
static bool
parse_all(struct config *c, struct lexer *l, struct directive *d, struct error *err)
{
    unsigned depth = 0;
    bool wrapped = false;
    for (;;) {
        enum lexeme kind = lexer_next(l);
        c->reading_line = l->line;
        if (kind == LEX_ERROR)
            return error_set(err, "%s", l->error);
        if (depth > 0 && kind != LEX_END) {
            depth += kind == LEX_OPEN;
            depth -= kind == LEX_CLOSE;
            if (depth > 8)
                return error_set(err, "blocks are nested more than 8 deep");
            if (depth > 0 && !gather_inner(d, l, kind, err))
                return false;
            continue;
        }
        if (kind == LEX_WORD) {
            if (!gather_word(d, l, err))
                return false;
            continue;
        }
        if (kind == LEX_OPEN) {
            if (d->count == 1 && !wrapped && slice_eq(d->words[0], SLICE("mercure"))) {
                wrapped = true;
                drop_words(d);
                continue;
            }
            if (d->count == 0)
                return error_set(err, "a { without a directive");
            d->has_block = true;
            depth = 1;
            continue;
        }
        if (kind == LEX_CLOSE) {
            if (!wrapped || d->count)
                return error_set(err, "a } without its {");
            wrapped = false;
            continue;
        }
        if (depth > 0 || (wrapped && kind == LEX_END))
            return error_set(err, "a { is not closed");
        if (d->count) {
            c->reading_line = d->line;
            if (!apply(c, d, err))
                return false;
        }
        drop_words(d);
        if (kind == LEX_END)
            return true;
    }
}

bool
directive_apply_all(struct config *c, struct lexer *l, struct error *err)
{
    struct directive *d = xalloc(sizeof *d);
    bool ok = parse_all(c, l, d, err);
    drop_words(d);
    free(d);
    return ok;
}
