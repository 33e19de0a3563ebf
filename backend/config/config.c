/* config - the table of options at work.
 *
 * A directive is looked up in four tables: options, those accepted without effect, those that a
 * later version will know, and those of the old stand-alone hub. Whatever is in none of them gets
 * the nearest name as a hint. */

#include "config/config.h"

#include "base/alloc.h"
#include "config/lexer.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ARGUMENTS = 1024,
    MAX_INNER = 256,
    MAX_FILE = 1024 * 1024,
    MAX_KEY_FILE = 65536,
    SHORT_KEY = 32
};

enum option_type {
    TYPE_LIST,
    TYPE_NUMBER,
    TYPE_PATH,
    TYPE_STRING,
    TYPE_KEY,
    TYPE_FLAG,
    TYPE_DURATION,
    TYPE_SIZE,
    TYPE_CHOICE,
};

struct option {
    const char *block; /* NULL: a directive; else it stands in the block of that one */
    const char *name;
    enum option_type type;
    size_t offset;
    uint64_t least, most;
    const char *standard, *arguments, *help;
};

static const struct option options[] = {
#define OPTION(name_, type_, field_, least_, most_, standard_, arguments_, help_)                  \
    INNER(NULL, name_, type_, field_, least_, most_, standard_, arguments_, help_)
#define INNER(block_, name_, type_, field_, least_, most_, standard_, arguments_, help_)           \
    {block_,    #name_,     TYPE_##type_, offsetof(struct config, field_), least_, most_,          \
     standard_, arguments_, help_},
#include "config/options.def"
#undef INNER
#undef OPTION
};

struct sentence {
    const char *name, *text;
};

static const struct sentence accepted[] = {
    {"dispatch_timeout", "a slow reader never holds a dispatch up here"},
    {"topic_selector_cache", "the index needs no cache"},
    {"topic_matcher_cache", "the index needs no cache"},
    {"subscriber_list_cache_size", "the index needs no cache"},
    {"protocol_version_compatibility", "the dialect follows from the keys"},
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

static const char *const later[] = {
    "issuer",      "publisher_jwks_url", "subscriber_jwks_url", "resource_identifier",
    "public_urls", "subscriptions",      "forwarded",           "trusted_proxies",
    "leeway",      "metrics_listen",
};

static const char *const example_keys[] = {"!ChangeThis", "changeme", "your-"};

static void
list_add(struct string_list *l, struct slice text)
{
    l->items = xrealloc(l->items, (l->count + 1) * sizeof *l->items);
    l->items[l->count++] = xstrndup(text.ptr, text.len);
}

static void
list_clear(struct string_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->items[i]);
    free(l->items);
    *l = (struct string_list){0};
}

static void
note(struct config *c, const char *name, const char *text)
{
    struct error sentence;
    error_set(&sentence, "%s: %s", name, text);
    list_add(&c->notes, slice_of(sentence.text));
}

static void *
field_of(struct config *c, const struct option *o)
{
    return (char *)c + o->offset;
}

/* A number and one of the units that follow it in the table; the empty unit may be first. */
struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
static const struct unit sizes[] = {
    {"", 1},      {"B", 1},        {"KiB", 1024},     {"MiB", 1048576}, {"GiB", 1073741824},
    {"KB", 1000}, {"MB", 1000000}, {"GB", 1000000000}};

static bool
read_with_unit(struct slice text, const struct unit *units, size_t count, uint64_t *ret)
{
    size_t digits = 0;
    while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
        digits++;
    for (size_t i = 0; i < count; i++) {
        if (!slice_eq_nocase(slice_from(text, digits), slice_of(units[i].name)))
            continue;
        return slice_u64(slice_head(text, digits), UINT64_MAX / units[i].factor, ret) &&
               (*ret *= units[i].factor, true);
    }
    return false;
}

static bool
set_number(const struct option *o, uint64_t *field, struct slice text, struct error *err)
{
    uint64_t value = 0;
    bool ok = o->type == TYPE_DURATION
                  ? read_with_unit(text, durations, COUNT_OF(durations), &value) ||
                        (slice_eq(text, SLICE("0")))
              : o->type == TYPE_SIZE ? read_with_unit(text, sizes, COUNT_OF(sizes), &value)
                                     : slice_u64(text, UINT64_MAX, &value);
    if (!ok)
        return error_set(err, "%s: expected %s, as in %s %s", o->name, o->arguments, o->name,
                         o->standard);
    if (value < o->least || value > o->most)
        return error_set(err, "%s: must be from %llu to %llu%s", o->name,
                         (unsigned long long)o->least, (unsigned long long)o->most,
                         o->type == TYPE_DURATION ? " ms"
                         : o->type == TYPE_SIZE   ? " bytes"
                                                  : "");
    *field = value;
    return true;
}

static bool
set_path(const struct option *o, char **field, struct slice text, struct error *err)
{
    bool ok = text.len > 1 && text.ptr[0] == '/' && text.ptr[text.len - 1] != '/' &&
              slice_find(text, SLICE("//")) == text.len;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        ok &= (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c && strchr("/-._~", c) != NULL);
    }
    if (!ok)
        return error_set(err,
                         "%s: a path begins with / and holds letters, digits, - . _ ~ and "
                         "single slashes, none at its end",
                         o->name);
    free(*field);
    *field = xstrndup(text.ptr, text.len);
    return true;
}

static bool
read_whole_file(const char *path, size_t max, struct buf *out, struct error *err)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return error_set(err, "cannot read %s: %s", path, strerror(errno));
    buf_init(out, max);
    char part[4096];
    size_t n;
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(out, SLICE_OF(part, n));
    bool ok = !ferror(f) && !out->failed;
    fclose(f);
    if (!ok) {
        buf_fini(out);
        return error_set(err, "cannot read %s, or it has more than %zu bytes", path, max);
    }
    return true;
}

static bool
set_key(struct config *c, const struct option *o, const struct slice *args, size_t count,
        struct error *err)
{
    struct string *key = field_of(c, o);
    bool publisher = key == &c->publisher_jwt_key;
    char **alg = publisher ? &c->publisher_jwt_alg : &c->subscriber_jwt_alg;
    struct slice text = args[0];
    struct buf file = {0};
    if (slice_starts(text, SLICE("file:"))) {
        if (!c->reads_files)
            return error_set(err, "%s: no files are read here", o->name);
        char *path = xstrndup(text.ptr + 5, text.len - 5);
        bool ok = read_whole_file(path, MAX_KEY_FILE, &file, err);
        free(path);
        if (!ok)
            return false;
        text = buf_slice(&file);
        if (text.len && text.ptr[text.len - 1] == '\n')
            text.len--;
    }
    bool ok = true;
    if (count > 1 && !slice_eq(args[1], SLICE("HS256")))
        ok = error_set(err, "%s: HS256 is the one algorithm of this version", o->name);
    else if (text.len == 0)
        ok = error_set(err, "%s: the key is empty", o->name);
    else if (slice_starts(text, SLICE("-----BEGIN")))
        ok = error_set(err,
                       "%s: a PEM key needs an algorithm that is not HMAC, and HS256 is the "
                       "one algorithm of this version",
                       o->name);
    if (ok) {
        free(key->ptr);
        *key = (struct string){xstrndup(text.ptr, text.len), text.len};
        free(*alg);
        *alg = xstrndup("HS256", 5);
    }
    buf_fini(&file);
    return ok;
}

static bool
set_choice(const struct option *o, bool *field, struct slice text, struct error *err)
{
    struct slice both = slice_of(o->arguments), choice;
    for (int i = 0; slice_cut(&both, '|', &choice); i++) {
        if (!slice_eq(choice, text))
            continue;
        *field = i == 1;
        return true;
    }
    return error_set(err, "%s: expected %s", o->name, o->arguments);
}

static bool
set_option(struct config *c, const struct option *o, const struct slice *args, size_t count,
           struct error *err)
{
    void *field = field_of(c, o);
    size_t most = o->type == TYPE_LIST ? o->most : o->type == TYPE_FLAG ? 0 : 1;
    if (o->type == TYPE_KEY)
        most = 2;
    if (count > most || (count == 0 && o->type != TYPE_FLAG))
        return error_set(err, "%s: expected %s %s", o->name, o->name, o->arguments);
    switch (o->type) {
    case TYPE_LIST:
        if (field == &c->listen && !c->listen_is_set) {
            list_clear(&c->listen);
            c->listen_is_set = true;
        }
        for (size_t i = 0; i < count; i++)
            list_add(field, args[i]);
        return true;
    case TYPE_NUMBER:
    case TYPE_DURATION:
    case TYPE_SIZE:
        return set_number(o, field, args[0], err);
    case TYPE_PATH:
        return set_path(o, field, args[0], err);
    case TYPE_STRING:
        free(*(char **)field);
        *(char **)field = xstrndup(args[0].ptr, args[0].len);
        return true;
    case TYPE_KEY:
        return set_key(c, o, args, count, err);
    case TYPE_FLAG:
        *(bool *)field = true;
        return true;
    case TYPE_CHOICE:
        return set_choice(o, field, args[0], err);
    }
    return false;
}

struct config *
config_new(void)
{
    struct config *c = xalloc(sizeof *c);
    struct error err;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        struct slice standard = slice_of(options[i].standard);
        if (standard.len)
            ENSURE(set_option(c, &options[i], &standard, 1, &err));
    }
    c->listen_is_set = false;
    c->log_level = LOG_INFO;
    c->reads_files = true;
    return c;
}

void
config_free(struct config **ref)
{
    struct config *c = *ref;
    *ref = NULL;
    if (c == NULL)
        return;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        void *field = field_of(c, &options[i]);
        if (options[i].type == TYPE_LIST)
            list_clear(field);
        else if (options[i].type == TYPE_STRING || options[i].type == TYPE_PATH)
            free(*(char **)field);
        else if (options[i].type == TYPE_KEY)
            free(((struct string *)field)->ptr);
    }
    free(c->publisher_jwt_alg);
    free(c->subscriber_jwt_alg);
    free(c->log_file);
    list_clear(&c->notes);
    free(c);
}

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
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (options[i].block)
            continue;
        unsigned d = distance(name, slice_of(options[i].name));
        if (d < best) {
            best = d;
            nearest = options[i].name;
        }
    }
    if (best <= 3 && best < name.len)
        return error_set(err, "unknown directive " SLICE_FMT "; did you mean %s?",
                         SLICE_ARG(slice_head(name, 60)), nearest);
    return error_set(err, "unknown directive " SLICE_FMT "; alipes config --help lists them",
                     SLICE_ARG(slice_head(name, 60)));
}

/* What stands inside a block: names, each with its value, on one line or on several. */
static bool
set_block(struct config *c, const char *block, const struct slice *words, size_t count,
          struct error *err)
{
    for (size_t at = 0; at < count;) {
        const struct option *o = NULL;
        for (size_t i = 0; i < COUNT_OF(options) && o == NULL; i++)
            if (options[i].block && strcmp(options[i].block, block) == 0 &&
                slice_eq(words[at], slice_of(options[i].name)))
                o = &options[i];
        if (o == NULL)
            return error_set(err,
                             "%s: unknown " SLICE_FMT "; alipes config --help lists what it "
                             "takes",
                             block, SLICE_ARG(slice_head(words[at], 60)));
        at++;
        size_t args = o->type != TYPE_FLAG && at < count;
        if (!set_option(c, o, words + at, args, err))
            return false;
        at += args;
    }
    return true;
}

/* `bolt`, the established hub's: what it says of path and size. */
static bool
take_over_bolt(struct config *c, struct slice path, struct slice size, struct error *err)
{
    uint64_t events = 0;
    if (size.len && !slice_u64(size, UINT64_MAX, &events))
        return error_set(err, "transport: size is a number of updates");
    if (path.len) {
        size_t folder = path.len;
        while (folder && path.ptr[folder - 1] != '/')
            folder--;
        free(c->history_path);
        c->history_path = folder > 1 ? xstrndup(path.ptr, folder - 1) : xstrndup(".", 1);
    }
    if (events)
        c->max_events = events;
    note(c, "transport",
         "bolt is transport log here: a folder of its own format, without the events of the old "
         "file; size is max_events");
    return true;
}

static bool
set_bolt_block(struct config *c, const struct slice *words, size_t count, struct error *err)
{
    struct slice path = {0}, size = {0};
    for (size_t i = 0; i + 1 < count; i += 2) {
        if (slice_eq(words[i], SLICE("path")))
            path = words[i + 1];
        else if (slice_eq(words[i], SLICE("size")))
            size = words[i + 1];
        else if (!slice_eq(words[i], SLICE("cleanup_frequency")) &&
                 !slice_eq(words[i], SLICE("bucket_name")))
            return error_set(err, "transport bolt: unknown " SLICE_FMT,
                             SLICE_ARG(slice_head(words[i], 60)));
    }
    return take_over_bolt(c, path, size, err);
}

static bool
set_bolt_url(struct config *c, struct slice url, struct error *err)
{
    struct slice rest = slice_from(url, 7), path = {0}, size = {0}, part;
    size_t query = slice_index(rest, '?');
    path = slice_head(rest, query);
    rest = slice_from(rest, query + 1);
    while (slice_cut(&rest, '&', &part))
        if (slice_starts(part, SLICE("size=")))
            size = slice_from(part, 5);
    return take_over_bolt(c, path, size, err);
}

static bool
set_transport(struct config *c, bool is_url, const struct slice *args, size_t count,
              const struct slice *block, size_t block_count, struct error *err)
{
    struct slice kind = count == 1 ? args[0] : SLICE("");
    bool local = slice_eq(kind, is_url ? SLICE("local://local") : SLICE("local"));
    bool memory = !is_url && slice_eq(kind, SLICE("memory"));
    c->in_memory = local || memory;
    if (is_url && slice_starts(kind, SLICE("bolt://")) && block_count == 0)
        return set_bolt_url(c, kind, err);
    if (!is_url && slice_eq(kind, SLICE("bolt")))
        return set_bolt_block(c, block, block_count, err);
    if (!is_url && slice_eq(kind, SLICE("log")))
        return set_block(c, "transport log", block, block_count, err);
    if (!c->in_memory || block_count)
        return error_set(err, "transport: expected transport log { … } or transport memory");
    if (local)
        note(c, "transport",
             "local is transport memory here: nothing on disk, replay from the tail");
    return true;
}

static bool
set_durability(struct config *c, const struct slice *args, size_t count, struct error *err)
{
    uint64_t interval = 0;
    bool commit = count == 1 && slice_eq(args[0], SLICE("commit"));
    bool is_interval = count == 2 && slice_eq(args[0], SLICE("interval")) &&
                       read_with_unit(args[1], durations, COUNT_OF(durations), &interval);
    if (!commit && !is_interval)
        return error_set(err, "durability: expected durability commit or durability interval 1s");
    if (is_interval && (interval < 10 || interval > 60000))
        return error_set(err, "durability: the interval must be from 10 to 60000 ms");
    c->sync_interval_ms = interval;
    return true;
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
    struct slice inner[MAX_INNER]; /* of its block, without line ends */
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
        free((char *)d->inner[i].ptr);
    d->count = d->inner_count = 0;
    d->has_block = false;
}

static bool
apply(struct config *c, const struct directive *d, struct error *err)
{
    const struct slice *words = d->words, name = words[0];
    size_t count = d->count;
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        if (options[i].block || !slice_eq(name, slice_of(options[i].name)))
            continue;
        if (d->has_block)
            return error_set(err, "%s takes no block", options[i].name);
        return set_option(c, &options[i], words + 1, count - 1, err);
    }
    if (slice_eq(name, SLICE("transport")) || slice_eq(name, SLICE("transport_url")))
        return set_transport(c, name.len > 9, words + 1, count - 1, d->inner, d->inner_count, err);
    if (slice_eq(name, SLICE("history")) && count == 1 && d->has_block) {
        c->history_is_set = true;
        return set_block(c, "history", d->inner, d->inner_count, err);
    }
    if (slice_eq(name, SLICE("history")))
        return error_set(err, "history: expected history { max_events N  max_bytes SIZE  max_age "
                              "DURATION }");
    if (slice_eq(name, SLICE("durability"))) {
        c->history_is_set = true;
        return set_durability(c, words + 1, count - 1, err);
    }
    if (slice_eq(name, SLICE("log")))
        return set_log(c, words + 1, count - 1, err);
    for (size_t i = 0; i < COUNT_OF(accepted); i++) {
        if (slice_eq(name, slice_of(accepted[i].name))) {
            note(c, accepted[i].name, accepted[i].text);
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
parse_all(struct config *c, struct lexer *l, struct directive *d, struct error *err)
{
    unsigned depth = 0;
    bool wrapped = false;
    for (;;) {
        enum lexeme kind = lexer_next(l);
        if (kind == LEX_ERROR)
            return error_set(err, "%s", l->error);
        if (kind == LEX_WORD) {
            if (depth > 0) {
                if (d->inner_count == MAX_INNER)
                    return error_set(err, "more than %d words in a block", MAX_INNER);
                d->inner[d->inner_count++] =
                    SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
                continue;
            }
            if (d->count > MAX_ARGUMENTS)
                return error_set(err, "more than %d arguments", MAX_ARGUMENTS);
            if (d->count == 0)
                d->line = l->line;
            d->words[d->count++] = SLICE_OF(xstrndup(l->word.ptr, l->word.len), l->word.len);
            continue;
        }
        if (kind == LEX_OPEN) {
            if (d->count == 1 && !wrapped && depth == 0 &&
                slice_eq(d->words[0], SLICE("mercure"))) {
                wrapped = true;
                drop_words(d);
                continue;
            }
            if (d->count == 0 && depth == 0)
                return error_set(err, "a { without a directive");
            d->has_block = true;
            if (++depth > 8)
                return error_set(err, "blocks are nested more than 8 deep");
            continue;
        }
        if (kind == LEX_CLOSE) {
            if (depth > 0) {
                depth--;
            } else if (wrapped && d->count == 0) {
                wrapped = false;
            } else {
                return error_set(err, "a } without its {");
            }
            continue;
        }
        if (depth > 0 && kind == LEX_LINE_END)
            continue;
        if (depth > 0 || (wrapped && kind == LEX_END))
            return error_set(err, "a { is not closed");
        if (d->count) {
            unsigned at = l->line;
            l->line = d->line;
            if (!apply(c, d, err))
                return false;
            l->line = at;
        }
        drop_words(d);
        if (kind == LEX_END)
            return true;
    }
}

bool
config_parse(struct config *c, struct slice text, const char *file, struct error *err)
{
    struct lexer l;
    struct error why = {""};
    if (text.len > MAX_FILE)
        return error_set(err, "%s: larger than %d bytes", file, MAX_FILE);
    struct directive *d = xalloc(sizeof *d);
    lexer_init(&l, text);
    bool ok = parse_all(c, &l, d, &why);
    if (!ok)
        error_set(err, "%s:%u: %.400s", file, l.line, why.text);
    drop_words(d);
    free(d);
    lexer_fini(&l);
    return ok;
}

static bool
has_bare_star_beside_others(const struct string_list *l)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i], "*") == 0)
            return l->count > 1;
    return false;
}

static void
judge_key(struct config *c, const char *name, const struct string *key)
{
    if (key->len && key->len < SHORT_KEY)
        note(c, name, "the key is shorter than 32 bytes, too short for HS256");
    for (size_t i = 0; i < COUNT_OF(example_keys); i++)
        if (slice_starts(SLICE_OF(key->ptr, key->len), slice_of(example_keys[i])))
            note(c, name, "the key is a well-known example; make one of your own");
}

bool
config_judge(struct config *c, struct error *err)
{
    judge_key(c, "publisher_jwt", &c->publisher_jwt_key);
    judge_key(c, "subscriber_jwt", &c->subscriber_jwt_key);
    if (c->heartbeat_ms == 0)
        note(c, "heartbeat",
             "off: most fronts notice a client that left only when they write to "
             "it, and cut silent streams after 60 s");
    if (has_bare_star_beside_others(&c->cors_origins))
        note(c, "cors_origins",
             "* lets every origin in, without cookies; for cookies name the "
             "origins and leave * out");
    if (c->publisher_jwt_key.len == 0)
        note(c, "publisher_jwt", "there is none: nobody can publish");
    if (c->in_memory && c->history_is_set)
        return error_set(err, "history and durability are of transport log; with transport memory "
                              "there is tail alone");
    if (!c->in_memory && c->max_update_size > c->max_bytes / 4)
        return error_set(err, "max_update_size: at most a quarter of history's max_bytes");
    if (c->subscriber_jwt_key.len == 0 && !c->anonymous)
        return error_set(err, "neither subscriber_jwt nor anonymous is there: nobody could "
                              "subscribe");
    return true;
}

bool
config_from_file(const char *path, struct config **ret, struct error *err)
{
    struct buf text;
    if (!read_whole_file(path, MAX_FILE, &text, err))
        return false;
    *ret = config_new();
    bool ok = config_parse(*ret, buf_slice(&text), path, err) && config_judge(*ret, err);
    buf_fini(&text);
    if (!ok)
        config_free(ret);
    return ok;
}

/* --- the environment ------------------------------------------------------------------------- */

static const struct sentence old_variables[] = {
    {"JWT_KEY", "MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY"},
    {"PUBLISHER_JWT_KEY", "MERCURE_PUBLISHER_JWT_KEY"},
    {"SUBSCRIBER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY"},
    {"ADDR", "MERCURE_LISTEN_ADDR"},
    {"ALLOW_ANONYMOUS", "MERCURE_ALLOW_ANONYMOUS"},
    {"CORS_ALLOWED_ORIGINS", "MERCURE_CORS_ORIGINS"},
    {"PUBLISH_ALLOWED_ORIGINS", "MERCURE_PUBLISH_ORIGINS"},
    {"HEARTBEAT_INTERVAL", "MERCURE_EXTRA_DIRECTIVES='heartbeat 15s'"},
};

static const struct option *
option_named(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(options); i++)
        if (strcmp(options[i].name, name) == 0)
            return &options[i];
    return NULL;
}

static bool
set_variable_key(struct config *c, const char *variable, const char *directive, struct error *err)
{
    char name[80];
    snprintf(name, sizeof name, "%s_FILE", variable);
    const char *value = getenv(variable), *path = getenv(name);
    struct error why;
    struct buf text;
    buf_init(&text, MAX_KEY_FILE);
    if (value)
        buf_add(&text, slice_of(value));
    else if (path)
        buf_addf(&text, "file:%s", path);
    else
        return error_set(err,
                         "%s is not set (or use -c FILE): it holds the key that verifies "
                         "tokens",
                         variable);
    struct slice arg = buf_slice(&text);
    bool ok = set_option(c, option_named(directive), &arg, 1, &why);
    if (!ok)
        error_set(err, "%s: %.400s", variable, why.text);
    buf_fini(&text);
    return ok;
}

static bool
set_variable_flag(const char *variable, bool *field, struct error *err)
{
    const char *value = getenv(variable);
    if (value == NULL || value[0] == 0)
        return true;
    if (strcmp(value, "1") == 0 || strcmp(value, "true") == 0)
        *field = true;
    else if (strcmp(value, "0") != 0 && strcmp(value, "false") != 0)
        return error_set(err, "%s: expected 0, 1, true or false", variable);
    return true;
}

static void
set_variable_list(const char *variable, const char *standard, struct string_list *list)
{
    const char *value = getenv(variable);
    struct slice rest = slice_of(value ? value : standard), part, word;
    while (slice_cut(&rest, ',', &part))
        while (slice_cut(&part, ' ', &word))
            if (word.len)
                list_add(list, word);
}

static bool
set_listen(struct config *c, struct error *err)
{
    const char *value = getenv("MERCURE_LISTEN_ADDR");
    if (value && value[0]) {
        list_clear(&c->listen);
        set_variable_list("MERCURE_LISTEN_ADDR", "", &c->listen);
    } else if ((value = getenv("SERVER_NAME")) != NULL && value[0]) {
        if (value[0] == ':') {
            list_clear(&c->listen);
            list_add(&c->listen, slice_of(value));
        } else {
            note(c, "SERVER_NAME", "TLS and host names are the front's: the hub listens on :80");
        }
    }
    c->listen_is_set = false; /* `listen` in MERCURE_EXTRA_DIRECTIVES wins */
    return c->listen.count ? true : error_set(err, "MERCURE_LISTEN_ADDR names no address");
}

bool
config_from_environment(struct config **ret, struct error *err)
{
    struct config *c = *ret = config_new();
    const char *extra = getenv("MERCURE_EXTRA_DIRECTIVES");
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(old_variables); i++)
        if (getenv(old_variables[i].name))
            ok = error_set(err, "%s belongs to the old stand-alone hub; use %s",
                           old_variables[i].name, old_variables[i].text);
    if (ok && getenv("MERCURE_LICENSE"))
        ok = error_set(err, "MERCURE_LICENSE: nothing here needs a licence");
    if (ok && getenv("MERCURE_TRUSTED_ISSUERS"))
        ok = error_set(err, "MERCURE_TRUSTED_ISSUERS is known but not available in this version");
    ok = ok && set_listen(c, err) &&
         set_variable_key(c, "MERCURE_PUBLISHER_JWT_KEY", "publisher_jwt", err) &&
         set_variable_key(c, "MERCURE_SUBSCRIBER_JWT_KEY", "subscriber_jwt", err) &&
         set_variable_flag("MERCURE_ALLOW_ANONYMOUS", &c->anonymous, err) &&
         set_variable_flag("MERCURE_DEBUG", &c->debug, err);
    static const char *const algs[] = {"MERCURE_PUBLISHER_JWT_ALG", "MERCURE_SUBSCRIBER_JWT_ALG"};
    for (size_t i = 0; ok && i < COUNT_OF(algs); i++) {
        const char *alg = getenv(algs[i]);
        if (alg && strcmp(alg, "HS256") != 0)
            ok = error_set(err, "%s: HS256 is the one algorithm of this version", algs[i]);
    }
    if (ok) {
        set_variable_list("MERCURE_CORS_ORIGINS", "*", &c->cors_origins);
        set_variable_list("MERCURE_PUBLISH_ORIGINS", "", &c->publish_origins);
        struct string_list before = c->cors_origins;
        c->cors_origins = (struct string_list){0};
        ok = config_parse(c, slice_of(extra ? extra : ""), "MERCURE_EXTRA_DIRECTIVES", err);
        struct string_list *loser = c->cors_origins.count ? &before : &c->cors_origins;
        struct string_list winner = c->cors_origins.count ? c->cors_origins : before;
        list_clear(loser);
        c->cors_origins = winner;
    }
    if (ok)
        ok = config_judge(c, err);
    if (!ok)
        config_free(ret);
    return ok;
}

void
config_help(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        const struct option *o = &options[i];
        if (o->block)
            fprintf(out, "%s { %s%s%s }\n    %s", o->block, o->name, o->arguments[0] ? " " : "",
                    o->arguments, o->help);
        else
            fprintf(out, "%s %s\n    %s", o->name, o->arguments, o->help);
        if (o->standard[0])
            fprintf(out, " (default: %s)", o->standard);
        fputs("\n", out);
    }
    fputs(
        "transport memory\n    the tail alone is kept, nothing on disk\n"
        "durability commit|interval DURATION\n    a 200 means synced, or written and synced so "
        "often (default: commit)\n"
        "log logfmt|json [debug|info|warn|error] [FILE]\n    lines for operators (default: logfmt "
        "info stderr)\n",
        out);
}
