/* entry - fields and updates.
 *
 * An id that is a UUID as the hub writes them takes 17 bytes instead of 45: an id stands twice, in
 * the record and in the index. Topics are netstrings without the comma. What one gets wrong: the
 * position counts bytes, so whoever knows a record knows where its predecessor ended, and the first
 * of a run, whose predecessor stands in another, says so in `p`.
 *
 * A begin has one topic; what follows it as if it were another is the mark of who is the same. */

#include "transport/redis/entry.h"

#include "base/alloc.h"
#include "transport/active_update.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TOPICS = 100000, /* max_topics_per_publish goes no further */
    URN_LEN = 45,
    PACKED_LEN = 17,
    NODE_DIGITS = 12,
    SAME_DIGITS = 16,
    SAME_LEN = 19, /* with its length before it */
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
bool
entry_id_read(struct slice packed, char scratch[ENTRY_ID_SCRATCH], struct slice *ret)
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
    size_t len = u->kind == UPDATE_BEGIN ? SAME_LEN : 0;
    for (uint32_t i = 0; i < u->topic_count; i++)
        len += slice_of_number(digits, u->topics[i].text.len, 10).len + 1 + u->topics[i].text.len;
    return len;
}

static void
add_same(struct buf *out, uint64_t same)
{
    char text[SAME_LEN + 1];
    snprintf(text, sizeof text, "%d:%0*llx", SAME_DIGITS, SAME_DIGITS, (unsigned long long)same);
    buf_add(out, slice_of(text));
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
    if (u->kind == UPDATE_BEGIN)
        add_same(out, u->same);
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
    static const uint32_t kinds[] = {[UPDATE_BEGIN] = ENTRY_BEGIN, [UPDATE_END] = ENTRY_END};
    bool is_1_0 = u->kind != UPDATE_PUBLISHED && u->dialect == DIALECT_1_0;
    return (u->is_private ? ENTRY_PRIVATE : 0) | (u->id_is_chosen ? ENTRY_ID_CHOSEN : 0) |
           (is_1_0 ? ENTRY_1_0 : 0) | kinds[u->kind];
}

void
entry_add(struct buf *out, const struct update *u)
{
    entry_add_id(out, u->id);
    add_topics(out, u);
    resp_add(out, u->event);
}

/* So many digits and nothing else. */
static bool
read_hex(struct slice s, size_t digits, uint64_t *ret)
{
    *ret = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = digit_of(s.ptr[i]);
        if (digit < 0)
            return false;
        *ret = *ret << 4 | (unsigned)digit;
    }
    return s.len == digits;
}

static enum update_kind
kind_of(uint32_t flags)
{
    return flags & ENTRY_BEGIN ? UPDATE_BEGIN : flags & ENTRY_END ? UPDATE_END : UPDATE_PUBLISHED;
}

static enum dialect
dialect_of(bool is_1_0)
{
    return is_1_0 ? DIALECT_1_0 : DIALECT_0X;
}

static struct update *
restore(const struct entry *r, struct slice id, const struct slice *topics, size_t count)
{
    const uint32_t may_recur = ENTRY_ID_CHOSEN | ENTRY_AGAIN | ENTRY_KNOWN;
    const struct update_formatted f = {.topics = topics,
                                       .topic_count = count,
                                       .id = id,
                                       .event = r->event,
                                       .is_private = r->origin.flags & ENTRY_PRIVATE,
                                       .id_is_chosen = r->origin.flags & may_recur};
    struct update *u = update_restore(&f);
    if (u) {
        u->position = r->position;
        u->kind = kind_of(r->origin.flags);
        u->dialect = dialect_of(r->origin.flags & ENTRY_1_0);
    }
    return u;
}

struct update *
entry_update(const struct entry *r)
{
    char scratch[ENTRY_ID_SCRATCH];
    struct slice id, few[2], rest = r->topics;
    uint64_t same = 0;
    size_t count = count_topics(r->topics);
    if (count == 0 || !entry_id_read(r->id, scratch, &id))
        return NULL;
    struct slice *topics = count <= COUNT_OF(few) ? few : try_alloc(count * sizeof *topics);
    for (size_t i = 0; topics && i < count && next_topic(&rest, &topics[i]); i++)
        ;
    bool is_begin = kind_of(r->origin.flags) == UPDATE_BEGIN;
    bool ok = topics && (!is_begin || (count == 2 && read_hex(topics[1], SAME_DIGITS, &same)));
    struct update *u = ok ? restore(r, id, topics, is_begin ? 1 : count) : NULL;
    if (u)
        u->same = same;
    if (topics != few)
        free(topics);
    return u;
}

/* --- who is active ---------------------------------------------------------------------------- */

/* RUN-AT node 16:same event */
void
entry_add_active(struct buf *out, const struct active *a)
{
    struct update *begin = active_update((struct active *)a, false, SLICE(""));
    char text[ENTRY_PLACE_LEN + 64];
    struct buf who, record;
    buf_init(&who, SIZE_MAX);
    buf_init(&record, SIZE_MAX);
    buf_add_byte(&who, a->dialect == DIALECT_1_0 ? '1' : '0');
    buf_add(&who, a->id);
    buf_add(&record, entry_place_write(a->begun, text));
    snprintf(text, sizeof text, " %0*llx ", NODE_DIGITS, (unsigned long long)a->owner);
    buf_add(&record, slice_of(text));
    add_same(&record, a->same);
    buf_add_byte(&record, ' ');
    if (begin)
        buf_add(&record, begin->event);
    resp_add(out, buf_slice(&who));
    resp_add(out, buf_slice(&record));
    update_unref(&begin);
    buf_fini(&who);
    buf_fini(&record);
}

static struct active *
restore_active(struct slice id, struct slice event, enum dialect dialect, uint64_t same)
{
    const struct update_formatted f = {
        .topics = &id, .topic_count = 1, .event = event, .is_private = true};
    struct update *begin = update_restore(&f);
    if (begin == NULL)
        return NULL;
    begin->kind = UPDATE_BEGIN;
    begin->dialect = dialect;
    begin->same = same;
    struct active *a = active_update_read(begin);
    update_unref(&begin);
    return a;
}

struct active *
entry_read_active(struct slice who, struct slice record)
{
    struct slice place, node, same;
    struct position begun;
    uint64_t owner, mark;
    if (who.len < 2 || (who.ptr[0] != '0' && who.ptr[0] != '1') ||
        !slice_cut(&record, ' ', &place) || !entry_place_read(place, &begun) ||
        !slice_cut(&record, ' ', &node) || !entry_node_read(node, &owner) ||
        !slice_cut(&record, ' ', &same) || !slice_starts(same, SLICE("16:")) ||
        !read_hex(slice_from(same, 3), SAME_DIGITS, &mark))
        return NULL;
    struct active *a =
        restore_active(slice_from(who, 1), record, dialect_of(who.ptr[0] == '1'), mark);
    if (a) {
        a->begun = begun;
        a->owner = owner;
    }
    return a;
}

/* --- an entry --------------------------------------------------------------------------------- */

/* What the ids of positions, and the numbers of the scripts, can hold. */
#define MOST_RUN ((UINT64_C(1) << 48) - 1)
#define MOST_AT  (UINT64_C(1) << 53)

bool
entry_place_read(struct slice s, struct position *ret)
{
    size_t dash = slice_index(s, '-');
    uint64_t run, at;
    if (!slice_u64(slice_head(s, dash), MOST_RUN, &run) ||
        !slice_u64(slice_from(s, dash + 1), MOST_AT, &at))
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

bool
entry_node_read(struct slice s, uint64_t *ret)
{
    return read_hex(s, NODE_DIGITS, ret);
}

static bool
read_origin(struct slice s, struct origin *ret)
{
    return s.len > NODE_DIGITS + 1 && s.ptr[NODE_DIGITS] == ' ' &&
           entry_node_read(slice_head(s, NODE_DIGITS), &ret->node) &&
           slice_u64(slice_from(s, NODE_DIGITS + 1), UINT64_MAX, &ret->number);
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
