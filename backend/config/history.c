/* history - where updates are kept: our own transports, and what a pasted block of the established
 * hub says of its own. */

#include "config/history.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>

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

static bool
set_bolt_block(struct config_reading *r, const struct slice *words, size_t count, struct error *err)
{
    struct slice path = {0}, size = {0};
    for (size_t i = 0; i < count; i += 2) {
        struct slice value = i + 1 < count ? words[i + 1] : SLICE("");
        if (!take_bolt_word(words[i], value, &path, &size))
            return error_set(err, "transport bolt: unknown " SLICE_FMT "; " BOLT_TAKES,
                             SLICE_ARG(slice_head(words[i], 60)));
        if (value.len == 0)
            return error_set(err, "transport bolt: " SLICE_FMT " is without a value",
                             SLICE_ARG(words[i]));
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

static const char *
refuse_transport(bool is_url)
{
    return is_url ? "transport_url: expected bolt://PATH or local://local; the other transports do "
                    "not exist here"
                  : "transport: expected transport log { … } or transport memory; the other "
                    "transports do not exist here";
}

bool
history_set_transport(struct config_reading *r, bool is_url, const struct slice *args, size_t count,
                      const struct slice *block, size_t block_count, struct error *err)
{
    struct slice kind = count == 1 ? args[0] : SLICE("");
    bool local = slice_eq(kind, is_url ? SLICE("local://local") : SLICE("local"));
    bool memory = !is_url && slice_eq(kind, SLICE("memory"));
    r->config->in_memory = local || memory;
    if (is_url && slice_starts(kind, SLICE("bolt://")) && block_count == 0)
        return set_bolt_url(r, kind, err);
    if (!is_url && slice_eq(kind, SLICE("bolt")))
        return set_bolt_block(r, block, block_count, err);
    if (!is_url && slice_eq(kind, SLICE("log")))
        return value_set_block(r, "transport log", block, block_count, err);
    if (!r->config->in_memory || block_count)
        return error_set(err, "%s", refuse_transport(is_url));
    if (local)
        settings_note(r->config, "transport",
                      "local is transport memory here: nothing on disk, replay from the tail");
    return true;
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
