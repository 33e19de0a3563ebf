/* event_line - an update as JSON, both ways.
 *
 * A record holds the event as it goes over the wire; here it is taken apart again, so that people
 * and other programs can read it. Taking apart and formatting undo each other exactly. What one
 * gets wrong: data of 0.x may be any bytes and may hold NUL, so nothing here is a C string. */

#include "cli/event_line.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/json_string.h"

#include <jansson.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TOPICS = 100000 /* as max_topics_per_publish may be */
};

static const uint64_t largest_number = 1ull << 53; /* that every reader of JSON keeps */

/* --- writing ------------------------------------------------------------------------------------
 */

static void
write_base64(struct buf *out, struct slice s)
{
    buf_add(out, SLICE("{\"base64\":\""));
    while (s.len) {
        unsigned char text[4 * 1024 + 1];
        struct slice part = slice_head(s, 3 * 1024);
        int n = EVP_EncodeBlock(text, (const unsigned char *)part.ptr, (int)part.len);
        buf_add(out, SLICE_OF((char *)text, (size_t)n));
        s = slice_from(s, part.len);
    }
    buf_add(out, SLICE("\"}"));
}

static void
write_text(struct buf *out, struct slice s)
{
    if (slice_is_utf8(s))
        json_string_write(out, s);
    else
        write_base64(out, s);
}

/* Cuts the line that begins with `name` off *rest. */
static bool
take_line(struct slice *rest, struct slice name, struct slice *ret)
{
    if (!slice_starts(*rest, name))
        return false;
    struct slice value = slice_from(*rest, name.len);
    size_t end = slice_index(value, '\n');
    if (end == value.len)
        return false;
    *ret = slice_head(value, end);
    *rest = slice_from(value, end + 1);
    return true;
}

struct parts {
    bool has_type;
    struct slice type, retry;
    struct buf data;
};

static bool
take_apart(struct slice event, struct slice id, struct parts *p)
{
    struct slice named, line;
    bool any = false;
    p->has_type = take_line(&event, SLICE("event: "), &p->type);
    if (!take_line(&event, SLICE("retry: "), &p->retry))
        p->retry = SLICE_OF(NULL, 0);
    if (!take_line(&event, SLICE("id: "), &named) || !slice_eq(named, id))
        return false;
    while (take_line(&event, SLICE("data: "), &line)) {
        if (any)
            buf_add_byte(&p->data, '\n');
        buf_add(&p->data, line);
        any = true;
    }
    return any && slice_eq(event, SLICE("\n"));
}

static void
write_topics(struct buf *out, struct slice topics)
{
    struct slice topic;
    bool any = false;
    buf_add(out, SLICE(",\"topics\":["));
    while (disk_record_next_topic(&topics, &topic)) {
        if (any)
            buf_add_byte(out, ',');
        write_text(out, topic);
        any = true;
    }
    buf_add_byte(out, ']');
}

bool
event_line_write(struct buf *out, const struct disk_record *r, uint64_t run, bool is_lost)
{
    struct parts p = {.has_type = false};
    uint64_t retry;
    buf_init(&p.data, r->event.len);
    bool ok = take_apart(r->event, r->id, &p);
    if (ok) {
        buf_addf(out, "{\"position\":\"%llu-%llu\",\"time\":%llu,\"id\":", (unsigned long long)run,
                 (unsigned long long)r->sequence, (unsigned long long)r->time_ms);
        write_text(out, r->id);
        write_topics(out, r->topics);
        if (p.has_type) {
            buf_add(out, SLICE(",\"type\":"));
            write_text(out, p.type);
        }
        if (p.retry.len) {
            buf_add(out, SLICE(",\"retry\":"));
            if (slice_u64(p.retry, largest_number, &retry))
                buf_add(out, p.retry);
            else
                json_string_write(out, p.retry);
        }
        if (r->flags & DISK_RECORD_PRIVATE)
            buf_add(out, SLICE(",\"private\":true"));
        if (r->flags & DISK_RECORD_ID_CHOSEN)
            buf_add(out, SLICE(",\"chosen\":true"));
        if (r->flags & DISK_RECORD_ID_KNOWN)
            buf_add(out, SLICE(",\"repeated\":true"));
        if (is_lost)
            buf_add(out, SLICE(",\"lost\":true"));
        if (r->kind != DISK_RECORD_PUBLISHED)
            buf_addf(out, ",\"subscription\":\"%s\",\"dialect\":\"%s\"",
                     r->kind == DISK_RECORD_END ? "end" : "begin", dialect_name(r->dialect));
        buf_add(out, SLICE(",\"data\":"));
        write_text(out, buf_slice(&p.data));
        buf_add(out, SLICE("}\n"));
    }
    buf_fini(&p.data);
    return ok && !out->failed;
}

/* --- reading ------------------------------------------------------------------------------------
 */

struct reader {
    json_t *line;
    struct arena arena;
    struct slice *topics;
    struct update_parts parts;
    struct error *err;
};

static bool
decode_base64(struct reader *r, struct slice text, struct slice *ret)
{
    struct slice rest = text;
    char *out = NULL;
    while (rest.len && rest.ptr[rest.len - 1] == '=' && text.len - rest.len < 2)
        rest = slice_head(rest, rest.len - 1);
    size_t padding = text.len - rest.len;
    if (text.len % 4 == 0 && text.len < INT_MAX)
        out = arena_alloc(&r->arena, text.len + 1);
    int n =
        out ? EVP_DecodeBlock((unsigned char *)out, (const unsigned char *)text.ptr, (int)text.len)
            : -1;
    if (n < (int)padding)
        return false;
    *ret = SLICE_OF(out, (size_t)n - padding);
    return true;
}

/* A string, or bytes as {"base64": …}. */
static bool
read_text(struct reader *r, const json_t *value, const char *name, struct slice *ret)
{
    const json_t *coded = json_object_get(value, "base64");
    if (json_is_string(value)) {
        *ret = SLICE_OF(json_string_value(value), json_string_length(value));
        return true;
    }
    if (json_object_size(value) == 1 && json_is_string(coded) &&
        decode_base64(r, SLICE_OF(json_string_value(coded), json_string_length(coded)), ret))
        return true;
    return error_set(r->err, "\"%s\" is neither a string nor {\"base64\": …}", name);
}

static bool
read_topics(struct reader *r, const json_t *value)
{
    size_t count = json_array_size(value);
    if (!json_is_array(value) || count == 0 || count > MAX_TOPICS)
        return error_set(r->err, "\"topics\" is no list of 1 to %d topics", MAX_TOPICS);
    r->topics = xalloc(count * sizeof *r->topics);
    r->parts.topics = r->topics;
    r->parts.topic_count = count;
    for (size_t i = 0; i < count; i++)
        if (!read_text(r, json_array_get(value, i), "topics", &r->topics[i]))
            return false;
    return true;
}

static bool
read_retry(struct reader *r, const json_t *value)
{
    uint64_t number;
    char text[24];
    struct slice digits = SLICE_OF(json_string_value(value), json_string_length(value));
    if (json_is_integer(value)) {
        int n = snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
        digits = SLICE_OF(text, (size_t)n);
    }
    if (!slice_u64(digits, UINT64_MAX, &number) || number == 0 || digits.ptr[0] == '0')
        return error_set(r->err, "\"retry\" is no number from 1 to 2^64-1");
    if (!arena_copy(&r->arena, digits, &r->parts.retry))
        return error_set(r->err, "no memory");
    return true;
}

static bool
read_flag(struct reader *r, const char *name, bool *ret)
{
    const json_t *value = json_object_get(r->line, name);
    if (value && !json_is_boolean(value))
        return error_set(r->err, "\"%s\" is neither true nor false", name);
    *ret = json_is_true(value);
    return true;
}

/* One of two words, or nothing. */
static bool
read_word(struct reader *r, const char *name, const char *one, const char *other, bool *ret_any)
{
    const json_t *value = json_object_get(r->line, name);
    const char *word = json_string_value(value);
    *ret_any = value != NULL;
    return value == NULL || (word && (strcmp(word, one) == 0 || strcmp(word, other) == 0)) ||
           error_set(r->err, "\"%s\" is neither \"%s\" nor \"%s\"", name, one, other);
}

static bool
read_time(struct reader *r, uint64_t now_ms, uint64_t *ret)
{
    const json_t *value = json_object_get(r->line, "time");
    *ret = value ? (uint64_t)json_integer_value(value) : now_ms;
    if (value && (!json_is_integer(value) || json_integer_value(value) < 0))
        return error_set(r->err, "\"time\" is no number of milliseconds since 1970");
    return true;
}

/* What would end a line of the event, or is no id of any publisher. */
static bool
judge(struct reader *r)
{
    const struct slice id = r->parts.id, type = r->parts.type;
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.ptr[i] < 0x20 || id.ptr[i] == 0x7f)
            return error_set(r->err, "\"id\" holds a control character");
    for (size_t i = 0; i < type.len; i++)
        if (type.ptr[i] == 0 || type.ptr[i] == '\r' || type.ptr[i] == '\n')
            return error_set(r->err, "\"type\" holds NUL, CR or LF");
    return id.len > 0 || error_set(r->err, "\"id\" is empty");
}

static bool
know_every_member(struct reader *r)
{
    static const char *const names[] = {"position",     "time",    "id",     "topics",   "type",
                                        "retry",        "private", "chosen", "repeated", "lost",
                                        "subscription", "dialect", "data"};
    const char *name;
    json_t *value;
    json_object_foreach(r->line, name, value)
    {
        size_t i = 0;
        while (i < COUNT_OF(names) && strcmp(names[i], name) != 0)
            i++;
        if (i == COUNT_OF(names))
            return error_set(r->err, "\"%.60s\" is not known", name);
    }
    return true;
}

static bool
read_members(struct reader *r, uint64_t now_ms, struct event_line *ret)
{
    bool has_dialect;
    const json_t *type = json_object_get(r->line, "type"),
                 *retry = json_object_get(r->line, "retry");
    if (!json_is_object(r->line))
        return error_set(r->err, "it is no JSON object");
    return know_every_member(r) && read_time(r, now_ms, &ret->past.time_ms) &&
           read_text(r, json_object_get(r->line, "id"), "id", &r->parts.id) &&
           read_topics(r, json_object_get(r->line, "topics")) &&
           (type == NULL || read_text(r, type, "type", &r->parts.type)) &&
           (retry == NULL || read_retry(r, retry)) &&
           read_flag(r, "private", &r->parts.is_private) &&
           read_flag(r, "chosen", &r->parts.id_is_chosen) &&
           read_flag(r, "repeated", &ret->past.id_was_known) &&
           read_flag(r, "lost", &ret->is_lost) &&
           read_word(r, "subscription", "begin", "end", &ret->is_hub_s) &&
           read_word(r, "dialect", dialect_name(DIALECT_0X), dialect_name(DIALECT_1_0),
                     &has_dialect) &&
           read_text(r, json_object_get(r->line, "data"), "data", &r->parts.data) && judge(r);
}

bool
event_line_read(struct slice line, uint64_t now_ms, struct event_line *ret, struct error *err)
{
    struct reader r = {.err = err};
    json_error_t fault;
    bool too_large = false;
    *ret = (struct event_line){.update = NULL};
    arena_init(&r.arena, 2 * line.len + 65536);
    r.line = json_loadb(line.ptr ? line.ptr : "", line.len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL,
                        &fault);
    bool ok = r.line ? read_members(&r, now_ms, ret) : error_set(err, "no JSON: %s", fault.text);
    if (ok && (ret->update = update_new(&r.parts, INT_MAX, &too_large)) == NULL)
        ok = error_set(err, too_large ? "it is too large" : "no memory");
    free(r.topics);
    arena_fini(&r.arena);
    json_decref(r.line);
    return ok;
}
