/* history - where updates are kept: our own transports, and what a pasted block of the established
 * hub says of its own. */

#include "config/history.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>

#define LOCAL_IS_MEMORY "local is transport memory here: nothing on disk, replay from the tail"
#define REDIS           "transport redis"

/* The folder that bolt's file stands in is its user's; one beside the file is ours. */
static void
beside_bolt(struct config *c, struct slice path)
{
    struct buf folder;
    buf_init(&folder, SIZE_MAX);
    buf_add(&folder, path);
    buf_add(&folder, slice_ends(path, SLICE("/")) ? SLICE("history") : SLICE(".history"));
    free(c->history_path);
    c->history_path = xstrndup(folder.ptr, folder.len);
    buf_fini(&folder);
}

/* `bolt`, the established hub's: what it says of path and size. */
static bool
take_over_bolt(struct config_reading *r, struct slice path, struct slice size, struct error *err)
{
    struct error why;
    char note[800];
    if (slice_eq(size, SLICE("0")))
        settings_note(r->config, "transport",
                      "size 0 is no bound there; here max_events, max_bytes and max_age hold");
    else if (size.len && !value_set(r, option_find("history", SLICE("max_events")), &size, 1, &why))
        return error_set(err, "transport: size is max_events here: %.400s", why.text);
    if (path.len)
        beside_bolt(r->config, path);
    snprintf(note, sizeof note,
             "bolt is transport log here: its history is the folder %.400s, without the events of "
             "the old file; size is max_events",
             r->config->history_path);
    settings_note(r->config, "transport", note);
    return true;
}

#define BOLT_TAKES "it takes path, size, cleanup_frequency and bucket_name"

/* False: bolt has no such word. Those that mean nothing here are left aside. */
static bool
take_bolt_word(struct slice name, struct slice value, struct slice *path, struct slice *size)
{
    if (slice_eq(name, SLICE("path")))
        *path = value;
    else if (slice_eq(name, SLICE("size")))
        *size = value;
    else
        return slice_eq(name, SLICE("cleanup_frequency")) || slice_eq(name, SLICE("bucket_name"));
    return true;
}

/* The next word of a block; the empty one: there is none. */
static struct slice
next_word(const struct block_word **at, const struct block_word *end)
{
    while (*at < end && (*at)->kind == LEX_LINE_END)
        ++*at;
    return *at < end ? (*at)++->text : SLICE("");
}

static bool
set_bolt_block(struct config_reading *r, const struct block_word *at, size_t count,
               struct error *err)
{
    const struct block_word *end = at + count;
    struct slice path = {0}, size = {0}, name;
    while ((name = next_word(&at, end)).len) {
        struct slice value = next_word(&at, end);
        if (!take_bolt_word(name, value, &path, &size))
            return error_set(err, "transport bolt: unknown " SLICE_FMT "; " BOLT_TAKES,
                             SLICE_ARG(slice_head(name, 60)));
        if (value.len == 0)
            return error_set(err, "transport bolt: " SLICE_FMT " is without a value",
                             SLICE_ARG(name));
    }
    return take_over_bolt(r, path, size, err);
}

static bool
set_bolt_url(struct config_reading *r, struct slice url, struct error *err)
{
    struct slice rest = slice_from(url, 7), path = {0}, size = {0}, part;
    size_t query = slice_index(rest, '?');
    path = slice_head(rest, query);
    rest = slice_from(rest, query + 1);
    while (slice_cut(&rest, '&', &part)) {
        struct slice name = slice_head(part, slice_index(part, '=')), unused;
        if (!take_bolt_word(name, slice_from(part, name.len + 1), &unused, &size) ||
            slice_eq(name, SLICE("path")))
            return error_set(err, "transport_url: unknown parameter " SLICE_FMT "; " BOLT_TAKES,
                             SLICE_ARG(slice_head(name, 60)));
    }
    return take_over_bolt(r, path, size, err);
}

/* What its URL says beside where it is: as directives of the block do. */
static bool
set_redis_parameter(struct config_reading *r, struct slice part, struct error *err)
{
    struct slice name = slice_head(part, slice_index(part, '='));
    struct slice value = slice_from(part, name.len + 1);
    const struct option *o = option_find(REDIS, name);
    if (o && o->kind == OPTION_REFUSED)
        return error_set(err, "transport_url: %s: %s", o->name, o->help);
    if (!slice_eq(name, SLICE("stream")) && !slice_eq(name, SLICE("max_length")))
        return error_set(err,
                         "transport_url: a parameter that is not known; it takes db, stream and "
                         "max_length (a ? or & in a password is %%3F or %%26)");
    return value_set(r, o, &value, 1, err);
}

/* db stays in the URL. */
static bool
set_redis_url(struct config_reading *r, struct slice url, struct error *err)
{
    struct slice where = slice_head(url, slice_index(url, '?')), part;
    struct slice rest = slice_from(url, where.len + 1);
    struct buf kept;
    bool ok = true;
    buf_init(&kept, url.len + 1);
    buf_add(&kept, where);
    while (ok && slice_cut(&rest, '&', &part)) {
        if (slice_starts(part, SLICE("db=")))
            buf_addf(&kept, "?" SLICE_FMT, SLICE_ARG(part));
        else
            ok = set_redis_parameter(r, part, err);
    }
    struct slice text = buf_slice(&kept);
    ok = ok && value_set(r, option_find(REDIS, SLICE("url")), &text, 1, err);
    buf_fini(&kept);
    return ok;
}

static bool
is_redis_url(struct slice url)
{
    return slice_starts(url, SLICE("redis://")) || slice_starts(url, SLICE("rediss://")) ||
           slice_starts(url, SLICE("unix://"));
}

static bool
set_url(struct config_reading *r, struct slice url, struct error *err)
{
    unsigned *kind = &r->config->transport;
    if (is_redis_url(url)) {
        *kind = TRANSPORT_REDIS;
        return set_redis_url(r, url, err);
    }
    if (slice_starts(url, SLICE("bolt://"))) {
        *kind = TRANSPORT_LOG;
        return set_bolt_url(r, url, err);
    }
    if (!slice_eq(url, SLICE("local://local")))
        return error_set(err, "transport_url: expected redis://HOST, unix://PATH, bolt://PATH or "
                              "local://local; the other transports do not exist here");
    *kind = TRANSPORT_MEMORY;
    settings_note(r->config, "transport", LOCAL_IS_MEMORY);
    return true;
}

static const struct {
    const char *name;
    enum transport_kind kind;
} kinds[] = {
    {"log", TRANSPORT_LOG},      {"bolt", TRANSPORT_LOG},    {"memory", TRANSPORT_MEMORY},
    {"local", TRANSPORT_MEMORY}, {"redis", TRANSPORT_REDIS},
};

/* -1: there is none of that name. */
static int
find_kind(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(kinds); i++)
        if (slice_eq(name, slice_of(kinds[i].name)))
            return (int)i;
    return -1;
}

bool
history_set_transport(struct config_reading *r, bool is_url, const struct slice *args, size_t count,
                      const struct block_word *block, size_t block_count, struct error *err)
{
    struct slice word = count == 1 ? args[0] : SLICE("");
    int kind = find_kind(word);
    if (is_url)
        return set_url(r, block_count ? SLICE("") : word, err);
    if (kind < 0 || (kinds[kind].kind == TRANSPORT_MEMORY && block_count))
        return error_set(err, "transport: expected transport log { … }, transport redis { … } or "
                              "transport memory; the other transports do not exist here");
    r->config->transport = kinds[kind].kind;
    if (slice_eq(word, SLICE("bolt")))
        return set_bolt_block(r, block, block_count, err);
    if (slice_eq(word, SLICE("local")))
        settings_note(r->config, "transport", LOCAL_IS_MEMORY);
    if (kinds[kind].kind == TRANSPORT_MEMORY)
        return true;
    return block_set(r, kinds[kind].kind == TRANSPORT_REDIS ? REDIS : "transport log", block,
                     block_count, err);
}

bool
history_set_durability(struct config_reading *r, const struct slice *args, size_t count,
                       struct error *err)
{
    uint64_t interval = 0;
    bool commit = count == 1 && slice_eq(args[0], SLICE("commit"));
    bool is_interval =
        count == 2 && slice_eq(args[0], SLICE("interval")) && value_duration(args[1], &interval);
    if (!commit && !is_interval)
        return error_set(err, "durability: expected durability commit or durability interval 1s");
    if (is_interval && (interval < 10 || interval > 60000))
        return error_set(err, "durability: the interval must be from 10 to 60000 ms");
    r->config->sync_interval_ms = interval;
    return true;
}
