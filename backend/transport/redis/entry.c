/* entry - fields and updates.
 *
 * An id that is a UUID as the hub writes them takes 17 bytes instead of 45: an id stands twice, in
 * the record and in the index. Topics are netstrings without the comma. What one gets wrong: the
 * position counts bytes, so whoever knows a record knows where its predecessor ended, and the first
 * of a run, whose predecessor stands in another, says so in `p`. */

#include "transport/redis/entry.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TOPICS = 100000, /* max_topics_per_publish goes no further */
    URN_LEN = 45,
    PACKED_LEN = 17,
    NODE_DIGITS = 12,
};

/* --- ids -------------------------------------------------------------------------------------- */

static int
digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
is_dash(size_t byte)
{
    return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

/* False: it is spelt otherwise than the hub would. */
static bool
pack(struct slice id, char out[PACKED_LEN])
{
    if (id.len != URN_LEN || !slice_starts(id, SLICE("urn:uuid:")))
        return false;
    const char *at = id.ptr + 9;
    out[0] = 'u';
    for (size_t i = 0; i < 16; i++) {
        if (is_dash(i) && *at++ != '-')
            return false;
        int high = digit_of(at[0]), low = digit_of(at[1]);
        if (high < 0 || low < 0)
            return false;
        out[1 + i] = (char)(high << 4 | low);
        at += 2;
    }
    return true;
}

static struct slice
unpack(struct slice packed, char out[URN_LEN])
{
    static const char hex[] = "0123456789abcdef";
    char *at = out + 9;
    memcpy(out, "urn:uuid:", 9);
    for (size_t i = 0; i < 16; i++) {
        unsigned char byte = (unsigned char)packed.ptr[1 + i];
        if (is_dash(i))
            *at++ = '-';
        *at++ = hex[byte >> 4];
        *at++ = hex[byte & 15];
    }
    return SLICE_OF(out, URN_LEN);
}

/* False: it is not packed as we do. */
static bool
read_id(struct slice packed, char scratch[URN_LEN], struct slice *ret)
{
    if (packed.len == PACKED_LEN && packed.ptr[0] == 'u')
        *ret = unpack(packed, scratch);
    else if (packed.len > 1 && packed.ptr[0] == 's')
        *ret = slice_from(packed, 1);
    else
        return false;
    return true;
}

static void
add_head(struct buf *out, size_t len)
{
    char digits[SLICE_DIGITS];
    buf_add_byte(out, '$');
    buf_add(out, slice_of_number(digits, len, 10));
    buf_add(out, SLICE("\r\n"));
}

void
entry_add_id(struct buf *out, struct slice id)
{
    char packed[PACKED_LEN];
    if (pack(id, packed)) {
        resp_add(out, SLICE_OF(packed, PACKED_LEN));
        return;
    }
    add_head(out, 1 + id.len);
    buf_add_byte(out, 's');
    buf_add(out, id);
    buf_add(out, SLICE("\r\n"));
}

/* --- topics ----------------------------------------------------------------------------------- */

static size_t
topics_len(const struct update *u)
{
    char digits[SLICE_DIGITS];
    size_t len = 0;
    for (uint32_t i = 0; i < u->topic_count; i++)
        len += slice_of_number(digits, u->topics[i].text.len, 10).len + 1 + u->topics[i].text.len;
    return len;
}

static void
add_topics(struct buf *out, const struct update *u)
{
    char digits[SLICE_DIGITS];
    add_head(out, topics_len(u));
    for (uint32_t i = 0; i < u->topic_count; i++) {
        buf_add(out, slice_of_number(digits, u->topics[i].text.len, 10));
        buf_add_byte(out, ':');
        buf_add(out, u->topics[i].text);
    }
    buf_add(out, SLICE("\r\n"));
}

/* False: that is no netstring. */
static bool
next_topic(struct slice *rest, struct slice *ret)
{
    uint64_t len;
    size_t colon = slice_index(*rest, ':');
    if (colon == rest->len || !slice_u64(slice_head(*rest, colon), rest->len - colon - 1, &len))
        return false;
    *ret = SLICE_OF(rest->ptr + colon + 1, (size_t)len);
    *rest = slice_from(*rest, colon + 1 + (size_t)len);
    return true;
}

/* How many; 0: they are not ours. */
static size_t
count_topics(struct slice rest)
{
    size_t count = 0;
    struct slice topic;
    while (rest.len)
        if (!next_topic(&rest, &topic) || ++count > MAX_TOPICS)
            return 0;
    return count;
}

/* --- an update -------------------------------------------------------------------------------- */

size_t
entry_size(const struct update *u)
{
    char packed[PACKED_LEN];
    size_t id = pack(u->id, packed) ? PACKED_LEN : 1 + u->id.len;
    return id + topics_len(u) + u->event.len + ENTRY_OVERHEAD;
}

uint32_t
entry_flags(const struct update *u)
{
    return (u->is_private ? ENTRY_PRIVATE : 0) | (u->id_is_chosen ? ENTRY_ID_CHOSEN : 0);
}

void
entry_add(struct buf *out, const struct update *u)
{
    entry_add_id(out, u->id);
    add_topics(out, u);
    resp_add(out, u->event);
}

struct update *
entry_update(const struct entry *r)
{
    char scratch[URN_LEN];
    struct update_formatted f = {.topic_count = count_topics(r->topics),
                                 .event = r->event,
                                 .is_private = r->origin.flags & ENTRY_PRIVATE,
                                 .id_is_chosen = r->origin.flags &
                                                 (ENTRY_ID_CHOSEN | ENTRY_AGAIN | ENTRY_KNOWN)};
    if (f.topic_count == 0 || !read_id(r->id, scratch, &f.id))
        return NULL;
    struct slice one, rest = r->topics;
    struct slice *topics = f.topic_count == 1 ? &one : try_alloc(f.topic_count * sizeof *topics);
    if (topics == NULL)
        return NULL;
    for (size_t i = 0; i < f.topic_count && next_topic(&rest, &topics[i]); i++)
        ;
    f.topics = topics;
    struct update *u = update_restore(&f);
    if (topics != &one)
        free(topics);
    if (u)
        u->position = r->position;
    return u;
}

/* --- an entry --------------------------------------------------------------------------------- */

bool
entry_place_read(struct slice s, struct position *ret)
{
    size_t dash = slice_index(s, '-');
    uint64_t run, at;
    if (!slice_u64(slice_head(s, dash), UINT64_MAX, &run) ||
        !slice_u64(slice_from(s, dash + 1), UINT64_MAX, &at))
        return false;
    *ret = (struct position){run, at};
    return true;
}

struct slice
entry_place_write(struct position p, char into[ENTRY_PLACE_LEN])
{
    int n = snprintf(into, ENTRY_PLACE_LEN, "%llu-%llu", (unsigned long long)p.run,
                     (unsigned long long)p.sequence);
    return SLICE_OF(into, (size_t)n);
}

void
entry_add_node(struct buf *out, uint64_t node)
{
    char text[SLICE_DIGITS];
    int n = snprintf(text, sizeof text, "%0*llx", NODE_DIGITS, (unsigned long long)node);
    resp_add(out, SLICE_OF(text, (size_t)n));
}

void
entry_add_origin(struct buf *out, const struct origin *o)
{
    char text[2 * SLICE_DIGITS + 2];
    int n = snprintf(text, sizeof text, "%0*llx %llu", NODE_DIGITS, (unsigned long long)o->node,
                     (unsigned long long)o->number);
    resp_add(out, SLICE_OF(text, (size_t)n));
}

static bool
read_origin(struct slice s, struct origin *ret)
{
    ret->node = 0;
    if (s.len < NODE_DIGITS + 2 || s.ptr[NODE_DIGITS] != ' ')
        return false;
    for (size_t i = 0; i < NODE_DIGITS; i++) {
        int digit = digit_of(s.ptr[i]);
        if (digit < 0)
            return false;
        ret->node = ret->node << 4 | (unsigned)digit;
    }
    return slice_u64(slice_from(s, NODE_DIGITS + 1), UINT64_MAX, &ret->number);
}

enum field {
    FIELD_FLAGS,
    FIELD_ORIGIN,
    FIELD_ID,
    FIELD_TOPICS,
    FIELD_EVENT,
    FIELD_PREDECESSOR,
    FIELDS,
};

/* Fields that are not known are passed over: a later version may have more. */
static void
read_fields(const struct resp *list, struct slice fields[FIELDS])
{
    static const char names[FIELDS + 1] = "fbitep";
    for (uint32_t i = 0; i + 1 < list->count; i += 2) {
        const struct resp *name = &list->items[i], *value = &list->items[i + 1];
        const char *known = name->text.len == 1 ? memchr(names, name->text.ptr[0], FIELDS) : NULL;
        if (known && value->kind == RESP_TEXT)
            fields[known - names] = value->text;
    }
}

bool
entry_read(const struct resp *entry, struct entry *ret)
{
    struct slice fields[FIELDS] = {0};
    uint64_t flags;
    *ret = (struct entry){0};
    if (entry->kind != RESP_ARRAY || entry->count != 2 ||
        !entry_place_read(entry->items[0].text, &ret->position) ||
        entry->items[1].kind != RESP_ARRAY)
        return false;
    read_fields(&entry->items[1], fields);
    if (!slice_u64(fields[FIELD_FLAGS], UINT32_MAX, &flags) ||
        !read_origin(fields[FIELD_ORIGIN], &ret->origin) || fields[FIELD_ID].len == 0)
        return false;
    ret->origin.flags = (uint32_t)flags;
    ret->id = fields[FIELD_ID];
    ret->topics = fields[FIELD_TOPICS];
    ret->event = fields[FIELD_EVENT];
    size_t size = ret->id.len + ret->topics.len + ret->event.len + ENTRY_OVERHEAD;
    ret->before = ret->position;
    ret->before.sequence -= size;
    return fields[FIELD_PREDECESSOR].len ? entry_place_read(fields[FIELD_PREDECESSOR], &ret->before)
                                         : size <= ret->position.sequence;
}
