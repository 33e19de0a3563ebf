/* segment - headers, indexes, and the walk that tells a tear from damage. */

#include "transport/log/segment.h"

#include "base/alloc.h"
#include "base/le.h"

#include <stdio.h>
#include <stdlib.h>

static const struct slice magic = SLICE_INIT("ALIPESHI"), index_magic = SLICE_INIT("ALIPESIX");

enum {
    AT_VERSION = 8,
    AT_FIRST = 16,
    AT_CREATED = 32,
    AT_BEFORE = 40,
    AT_BEFORE_FILE = 56,
    AT_BEFORE_LENGTH = 72,
    AT_BEFORE_TIME = 80,
    AT_KEY = 88,
    AT_SALT = 104,
    AT_ID_LEN = 112,
    AT_ID = 116,
    AT_CRC = SEGMENT_HEADER - 4,
    NO_ID = 0xffffffff,
};

static void
put_position(char *at, struct position p)
{
    le64_put(at, p.run);
    le64_put(at + 8, p.sequence);
}

static struct position
get_position(const char *at)
{
    return (struct position){le64_get(at), le64_get(at + 8)};
}

void
segment_header_write(char out[SEGMENT_HEADER], struct segment_header *h)
{
    memset(out, 0, SEGMENT_HEADER);
    memcpy(out, magic.ptr, magic.len);
    le32_put(out + AT_VERSION, SEGMENT_VERSION);
    le64_put(out + AT_SALT, h->salt);
    put_position(out + AT_FIRST, h->first);
    le64_put(out + AT_CREATED, h->created_ms);
    put_position(out + AT_BEFORE, h->before);
    put_position(out + AT_BEFORE_FILE, h->before_file);
    le64_put(out + AT_BEFORE_LENGTH, h->before_length);
    le64_put(out + AT_BEFORE_TIME, h->before_time_ms);
    le64_put(out + AT_KEY, h->key.words[0]);
    le64_put(out + AT_KEY + 8, h->key.words[1]);
    bool fits = h->has_before_id && h->before_id.len <= SEGMENT_ID_MAX;
    le32_put(out + AT_ID_LEN, fits ? (uint32_t)h->before_id.len : NO_ID);
    if (fits && h->before_id.len)
        memcpy(out + AT_ID, h->before_id.ptr, h->before_id.len);
    h->crc = log_record_crc(~0u, SLICE_OF(out, AT_CRC));
    le32_put(out + AT_CRC, h->crc);
}

enum segment_state
segment_header_read(struct slice s, struct segment_header *h)
{
    if (s.len < SEGMENT_HEADER || !slice_eq(slice_head(s, magic.len), magic))
        return SEGMENT_BAD;
    h->crc = le32_get(s.ptr + AT_CRC);
    if (log_record_crc(~0u, slice_head(s, AT_CRC)) != h->crc)
        return SEGMENT_BAD;
    if (le32_get(s.ptr + AT_VERSION) != SEGMENT_VERSION)
        return SEGMENT_OTHER_VERSION;
    h->salt = le64_get(s.ptr + AT_SALT);
    h->first = get_position(s.ptr + AT_FIRST);
    h->created_ms = le64_get(s.ptr + AT_CREATED);
    h->before = get_position(s.ptr + AT_BEFORE);
    h->before_file = get_position(s.ptr + AT_BEFORE_FILE);
    h->before_length = le64_get(s.ptr + AT_BEFORE_LENGTH);
    h->before_time_ms = le64_get(s.ptr + AT_BEFORE_TIME);
    h->key = (struct hash_key){{le64_get(s.ptr + AT_KEY), le64_get(s.ptr + AT_KEY + 8)}};
    uint32_t id_len = le32_get(s.ptr + AT_ID_LEN);
    h->has_before_id = id_len <= SEGMENT_ID_MAX;
    h->before_id = SLICE_OF(s.ptr + AT_ID, h->has_before_id ? id_len : 0);
    return SEGMENT_OK;
}

void
segment_name(char out[SEGMENT_NAME], struct position first, const char *suffix)
{
    snprintf(out, SEGMENT_NAME, "%016llx-%016llx%s", (unsigned long long)first.run,
             (unsigned long long)first.sequence, suffix);
}

bool
segment_name_read(const char *name, const char *suffix, struct position *ret)
{
    char again[SEGMENT_NAME];
    unsigned long long run, sequence;
    if (sscanf(name, "%16llx-%16llx", &run, &sequence) != 2)
        return false;
    *ret = (struct position){run, sequence};
    segment_name(again, *ret, suffix);
    return strcmp(name, again) == 0;
}

/* --- the walk ---------------------------------------------------------------------------------
 */

struct walk {
    struct slice file; /* to its accepted length, where that is known */
    const struct segment_header *header;
    uint64_t at;
    uint64_t sequence; /* the one that must come next */
    uint32_t previous;
};

/* Is there the record that must come next? */
static bool
next_is_good(const struct walk *w, struct log_record *r)
{
    return log_record_read(slice_from(w->file, w->at), w->header->salt, r) == RECORD_OK &&
           r->sequence == w->sequence && r->previous == w->previous;
}

/* Could a record begin here? A peer's bytes pass for one no more often than they are guessed. */
static bool
begins_one(const struct walk *w, uint64_t at)
{
    if (w->file.len - at < RECORD_HEAD)
        return false;
    const char *p = w->file.ptr + at;
    uint32_t length = le32_get(p);
    return length >= RECORD_HEAD && length % RECORD_ALIGN == 0 && length <= w->file.len - at &&
           le64_get(p + 16) >= w->sequence &&
           le64_get(p + 16) - w->sequence <= w->file.len / RECORD_HEAD &&
           log_record_has_seal(SLICE_OF(p, RECORD_HEAD), w->header->salt);
}

/* What lies at w->at does not check. True: behind it stands a record that was written when this was
 * known to be on the disk, and the walk goes on there. False: nothing that matters, so it is the
 * end, or a tear. Heads are our own and records do not overlap, so no byte is summed twice. */
static bool
find_behind(struct walk *w, bool is_accepted)
{
    struct log_record r;
    uint64_t gap = w->at, at = gap + RECORD_ALIGN;
    while (at < w->file.len) {
        if (!begins_one(w, at)) {
            at += RECORD_ALIGN;
            continue;
        }
        bool checks = log_record_read(slice_from(w->file, at), w->header->salt, &r) == RECORD_OK;
        if (checks && (is_accepted || r.synced > gap)) {
            w->at = at;
            w->sequence = r.sequence;
            w->previous = r.previous;
            return true;
        }
        at += le32_get(w->file.ptr + at);
    }
    return false;
}

void
segment_scan(struct slice file, const struct segment_header *h, uint64_t accepted,
             void (*each)(void *, const struct log_record *, struct block), void *context,
             struct segment_scan *ret)
{
    struct walk w = {.file = accepted ? slice_head(file, accepted) : file,
                     .header = h,
                     .at = SEGMENT_HEADER,
                     .sequence = h->first.sequence,
                     .previous = h->crc};
    struct log_record r;
    *ret = (struct segment_scan){.length = SEGMENT_HEADER, .valid = {0, SEGMENT_HEADER}};
    while (w.at < w.file.len) {
        if (next_is_good(&w, &r)) {
            struct block here = {(uint32_t)(r.sequence - h->first.sequence), (uint32_t)w.at};
            if (each)
                each(context, &r, here);
            ret->last = r;
            ret->last_offset = here.offset;
            ret->count = here.index + 1;
            w.at += r.length;
            w.sequence = r.sequence + 1;
            w.previous = r.crc;
            ret->length = w.at;
            continue;
        }
        bool found = find_behind(&w, accepted != 0);
        if (!found && accepted == 0)
            return;
        ret->damaged = true;
        ret->valid =
            found ? (struct block){(uint32_t)(w.sequence - h->first.sequence), (uint32_t)w.at}
                  : (struct block){ret->count, (uint32_t)ret->length};
        if (!found)
            return;
    }
    if (file.len < accepted && !ret->damaged) { /* cut short */
        ret->damaged = true;
        ret->valid = (struct block){ret->count, (uint32_t)ret->length};
    }
}

/* --- the index --------------------------------------------------------------------------------
 */

uint64_t
segment_index_size(uint64_t blocks, uint64_t entries)
{
    return SEGMENT_INDEX_HEAD + blocks * SEGMENT_BLOCK_BYTES + entries * SEGMENT_ENTRY_BYTES + 4;
}

char *
segment_index_make(const struct segment_index *x, const struct id_entry *entries)
{
    size_t size = segment_index_size(x->block_count, x->entry_count);
    char *out = try_alloc(size), *at;
    if (out == NULL)
        return NULL;
    memcpy(out, index_magic.ptr, index_magic.len);
    le32_put(out + 8, SEGMENT_VERSION);
    put_position(out + 16, x->first);
    le64_put(out + 32, x->length);
    le64_put(out + 40, x->last_time_ms);
    le32_put(out + 48, x->count);
    le32_put(out + 52, x->last_offset);
    le32_put(out + 56, x->block_count);
    le32_put(out + 60, x->entry_count);
    le64_put(out + 64, x->salt);
    at = out + SEGMENT_INDEX_HEAD;
    for (uint32_t i = 0; i < x->block_count; i++, at += SEGMENT_BLOCK_BYTES) {
        le32_put(at, x->blocks[i].index);
        le32_put(at + 4, x->blocks[i].offset);
    }
    for (uint32_t i = 0; i < x->entry_count; i++, at += SEGMENT_ENTRY_BYTES) {
        le64_put(at, entries[i].hash);
        le32_put(at + 8, entries[i].offset);
    }
    le32_put(at, log_record_crc(~0u, SLICE_OF(out, (size_t)(at - out))));
    return out;
}

bool
segment_index_read(struct slice s, struct segment_index *x)
{
    if (s.len < SEGMENT_INDEX_HEAD + 4 || !slice_eq(slice_head(s, index_magic.len), index_magic) ||
        le32_get(s.ptr + 8) != SEGMENT_VERSION)
        return false;
    x->first = get_position(s.ptr + 16);
    x->length = le64_get(s.ptr + 32);
    x->last_time_ms = le64_get(s.ptr + 40);
    x->count = le32_get(s.ptr + 48);
    x->last_offset = le32_get(s.ptr + 52);
    x->block_count = le32_get(s.ptr + 56);
    x->entry_count = le32_get(s.ptr + 60);
    x->salt = le64_get(s.ptr + 64);
    if (segment_index_size(x->block_count, x->entry_count) != s.len ||
        log_record_crc(~0u, slice_head(s, s.len - 4)) != le32_get(s.ptr + s.len - 4))
        return false;
    struct block *blocks = try_alloc((x->block_count + 1) * sizeof *blocks);
    if (blocks == NULL)
        return false;
    const char *at = s.ptr + SEGMENT_INDEX_HEAD;
    bool ok = true;
    for (uint32_t i = 0; i < x->block_count; i++, at += SEGMENT_BLOCK_BYTES) {
        blocks[i] = (struct block){le32_get(at), le32_get(at + 4)};
        ok &= blocks[i].offset < x->length && blocks[i].index < x->count &&
              (i == 0 ||
               (blocks[i].offset > blocks[i - 1].offset && blocks[i].index > blocks[i - 1].index));
    }
    ok &= x->count == 0 || x->block_count > 0;
    if (!ok)
        free(blocks);
    else
        x->blocks = blocks;
    return ok;
}

struct id_entry
segment_entry_read(const char *at)
{
    return (struct id_entry){le64_get(at), le32_get(at + 8)};
}
