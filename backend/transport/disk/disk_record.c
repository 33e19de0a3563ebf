/* disk_record - an update as bytes of a segment, and back. */

#include "transport/disk/disk_record.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "base/le.h"
#include "transport/disk/crc.h"

#include <stdlib.h>

enum {
    SAME = 8,
    TOPICS_ON_STACK = 16,
};

static uint32_t
crc_of(const char *at, size_t length, uint64_t salt)
{
    uint32_t crc = crc_add((uint32_t)salt, SLICE_OF(at, 4));
    crc = crc_add(crc, SLICE_OF(at + 8, DISK_RECORD_SEALED - 8));
    return crc_add(crc, SLICE_OF(at + DISK_RECORD_HEAD, length - DISK_RECORD_HEAD));
}

static uint64_t
seal_of(const char *at, uint64_t salt)
{
    return hash_keyed(&(struct hash_key){{salt, 0}}, SLICE_OF(at, DISK_RECORD_SEALED));
}

size_t
disk_record_size(const struct update *u)
{
    size_t n = DISK_RECORD_HEAD + u->id.len + u->event.len + (u->kind == UPDATE_BEGIN ? SAME : 0);
    for (uint32_t i = 0; i < u->topic_count; i++)
        n += 4 + u->topics[i].text.len;
    return (n + DISK_RECORD_ALIGN - 1) / DISK_RECORD_ALIGN * DISK_RECORD_ALIGN;
}

static char *
put(char *at, struct slice s)
{
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

void
disk_record_write(char *out, const struct update *u, uint64_t salt, struct disk_record *r)
{
    r->length = (uint32_t)disk_record_size(u);
    le32_put(out, r->length);
    le32_put(out + 8, r->previous);
    le32_put(out + 12, r->synced);
    le64_put(out + 16, r->sequence);
    le64_put(out + 24, r->time_ms);
    le32_put(out + 32, u->topic_count);
    le32_put(out + 36, (uint32_t)u->id.len);
    le32_put(out + 40, (uint32_t)u->event.len);
    le32_put(out + 44, r->flags | (uint32_t)r->kind << 8 | (uint32_t)r->dialect << 16);
    char *at = out + DISK_RECORD_HEAD;
    for (uint32_t i = 0; i < u->topic_count; i++) {
        le32_put(at, (uint32_t)u->topics[i].text.len);
        at = put(at + 4, u->topics[i].text);
    }
    at = put(at, u->id);
    at = put(at, u->event);
    if (u->kind == UPDATE_BEGIN) {
        le64_put(at, u->same);
        at += SAME;
    }
    memset(at, 0, (size_t)(out + r->length - at));
    r->crc = crc_of(out, r->length, salt);
    le32_put(out + 4, r->crc);
    le64_put(out + DISK_RECORD_SEALED, seal_of(out, salt));
}

bool
disk_record_next_topic(struct slice *topics, struct slice *ret)
{
    if (topics->len < 4)
        return false;
    uint32_t len = le32_get(topics->ptr);
    if (len > topics->len - 4)
        return false;
    *ret = slice_head(slice_from(*topics, 4), len);
    *topics = slice_from(*topics, 4 + (size_t)len);
    return true;
}

/* Cuts `len` bytes off *rest. */
static bool
take(struct slice *rest, size_t len, struct slice *ret)
{
    if (len > rest->len)
        return false;
    *ret = slice_head(*rest, len);
    *rest = slice_from(*rest, len);
    return true;
}

/* What lies where; the CRC is right, so only a mistake or malice makes this fail. */
static bool
read_parts(const char *at, struct disk_record *r)
{
    struct slice rest = SLICE_OF(at + DISK_RECORD_HEAD, r->length - DISK_RECORD_HEAD), topic, same;
    struct slice begin = rest;
    for (uint32_t i = 0; i < r->topic_count; i++)
        if (!disk_record_next_topic(&rest, &topic))
            return false;
    r->topics = slice_head(begin, begin.len - rest.len);
    if (!take(&rest, le32_get(at + 36), &r->id) || !take(&rest, le32_get(at + 40), &r->event))
        return false;
    bool begins = r->kind == DISK_RECORD_BEGIN || r->kind == DISK_RECORD_CARRIED;
    if (begins && !take(&rest, SAME, &same))
        return false;
    r->same = begins ? le64_get(same.ptr) : 0;
    return rest.len < DISK_RECORD_ALIGN;
}

bool
disk_record_has_seal(struct slice bytes, uint64_t salt)
{
    return bytes.len >= DISK_RECORD_HEAD &&
           le64_get(bytes.ptr + DISK_RECORD_SEALED) == seal_of(bytes.ptr, salt);
}

struct disk_record_claim
disk_record_peek(const char at[DISK_RECORD_HEAD])
{
    return (struct disk_record_claim){le32_get(at), le64_get(at + 16), le64_get(at + 24)};
}

/* What is not known was written by a later version; taken for something else it would mislead. */
static bool
read_what(uint32_t what, struct disk_record *r)
{
    static const uint32_t known =
        DISK_RECORD_PRIVATE | DISK_RECORD_ID_KNOWN | DISK_RECORD_ID_CHOSEN;
    uint32_t kind = what >> 8 & 0xff, dialect = what >> 16;
    r->flags = (uint8_t)what;
    r->kind = (enum disk_record_kind)kind;
    r->dialect = (enum dialect)dialect;
    return (r->flags & ~known) == 0 && kind < DISK_RECORD_KINDS && dialect < DIALECTS;
}

enum disk_record_state
disk_record_read(struct slice bytes, uint64_t salt, struct disk_record *r)
{
    const char *at = bytes.ptr;
    if (bytes.len < DISK_RECORD_HEAD)
        return DISK_RECORD_BAD;
    r->length = le32_get(at);
    if (r->length == 0)
        return DISK_RECORD_NONE;
    if (r->length < DISK_RECORD_HEAD || r->length % DISK_RECORD_ALIGN || r->length > bytes.len)
        return DISK_RECORD_BAD;
    r->crc = le32_get(at + 4);
    if (!disk_record_has_seal(bytes, salt) || crc_of(at, r->length, salt) != r->crc)
        return DISK_RECORD_BAD;
    r->previous = le32_get(at + 8);
    r->synced = le32_get(at + 12);
    r->sequence = le64_get(at + 16);
    r->time_ms = le64_get(at + 24);
    r->topic_count = le32_get(at + 32);
    return read_what(le32_get(at + 44), r) && read_parts(at, r) ? DISK_RECORD_OK : DISK_RECORD_BAD;
}

struct update *
disk_record_update(const struct disk_record *r, uint64_t run)
{
    struct slice on_stack[TOPICS_ON_STACK], *topics = on_stack, rest = r->topics;
    if (r->topic_count > TOPICS_ON_STACK &&
        (topics = try_alloc(r->topic_count * sizeof *topics)) == NULL)
        return NULL;
    for (uint32_t i = 0; i < r->topic_count; i++)
        if (!disk_record_next_topic(&rest, &topics[i]))
            topics[i] = SLICE_OF(NULL, 0);
    struct update *u = update_restore(
        &(struct update_formatted){.topics = topics,
                                   .topic_count = r->topic_count,
                                   .id = r->id,
                                   .event = r->event,
                                   .is_private = r->flags & DISK_RECORD_PRIVATE,
                                   .id_is_chosen = r->flags & DISK_RECORD_ID_CHOSEN});
    if (u) {
        u->position = (struct position){run, r->sequence};
        u->kind = r->kind == DISK_RECORD_CARRIED ? UPDATE_BEGIN
                  : r->kind == DISK_RECORD_STOP  ? UPDATE_PUBLISHED
                                                 : (enum update_kind)r->kind;
        u->dialect = r->dialect;
        u->same = r->same;
    }
    if (topics != on_stack)
        free(topics);
    return u;
}
