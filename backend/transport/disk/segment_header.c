/* segment_header - the first SEGMENT_HEADER bytes of a segment's file. */

#include "transport/disk/segment_header.h"

#include "transport/disk/crc.h"
#include "transport/disk/le_position.h"

static const struct slice magic = SLICE_INIT("ALIPESHI");

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
    AT_BEFORE_SHOWN = SEGMENT_HEADER - 24,
    AT_BEFORE_COUNT = SEGMENT_HEADER - 8,
    AT_CRC = SEGMENT_HEADER - 4,
    NO_ID = 0xffffffff,
};

void
segment_header_write(char out[SEGMENT_HEADER], struct segment_header *h)
{
    memset(out, 0, SEGMENT_HEADER);
    memcpy(out, magic.ptr, magic.len);
    le32_put(out + AT_VERSION, SEGMENT_VERSION);
    le64_put(out + AT_SALT, h->salt);
    le_position_put(out + AT_FIRST, h->first);
    le64_put(out + AT_CREATED, h->created_ms);
    le_position_put(out + AT_BEFORE, h->before);
    le_position_put(out + AT_BEFORE_FILE, h->before_file);
    le64_put(out + AT_BEFORE_LENGTH, h->before_length);
    le64_put(out + AT_BEFORE_TIME, h->before_time_ms);
    le64_put(out + AT_KEY, h->key.words[0]);
    le64_put(out + AT_KEY + 8, h->key.words[1]);
    le_position_put(out + AT_BEFORE_SHOWN, h->before_shown);
    le32_put(out + AT_BEFORE_COUNT, h->before_count);
    bool fits = h->has_before_id && h->before_id.len <= SEGMENT_ID_MAX;
    le32_put(out + AT_ID_LEN, fits ? (uint32_t)h->before_id.len : NO_ID);
    if (fits && h->before_id.len)
        memcpy(out + AT_ID, h->before_id.ptr, h->before_id.len);
    h->crc = crc_add(~0u, SLICE_OF(out, AT_CRC));
    le32_put(out + AT_CRC, h->crc);
}

enum segment_state
segment_header_read(struct slice s, struct segment_header *h)
{
    if (s.len < SEGMENT_HEADER || !slice_eq(slice_head(s, magic.len), magic))
        return SEGMENT_BAD;
    h->crc = le32_get(s.ptr + AT_CRC);
    if (crc_add(~0u, slice_head(s, AT_CRC)) != h->crc)
        return SEGMENT_BAD;
    uint32_t version = le32_get(s.ptr + AT_VERSION);
    if (version != SEGMENT_VERSION && version != SEGMENT_VERSION_DENSE)
        return SEGMENT_OTHER_VERSION;
    h->salt = le64_get(s.ptr + AT_SALT);
    h->first = le_position_get(s.ptr + AT_FIRST);
    h->created_ms = le64_get(s.ptr + AT_CREATED);
    h->before = le_position_get(s.ptr + AT_BEFORE);
    h->before_file = le_position_get(s.ptr + AT_BEFORE_FILE);
    h->before_length = le64_get(s.ptr + AT_BEFORE_LENGTH);
    h->before_time_ms = le64_get(s.ptr + AT_BEFORE_TIME);
    h->key = (struct hash_key){{le64_get(s.ptr + AT_KEY), le64_get(s.ptr + AT_KEY + 8)}};
    h->is_dense = version == SEGMENT_VERSION_DENSE;
    h->before_count = le32_get(s.ptr + AT_BEFORE_COUNT);
    h->before_shown = le_position_get(s.ptr + AT_BEFORE_SHOWN);
    if (h->before_shown.run == 0) /* not told: none is hidden */
        h->before_shown = h->before;
    uint32_t id_len = le32_get(s.ptr + AT_ID_LEN);
    h->has_before_id = id_len <= SEGMENT_ID_MAX;
    h->before_id = SLICE_OF(s.ptr + AT_ID, h->has_before_id ? id_len : 0);
    return SEGMENT_OK;
}
