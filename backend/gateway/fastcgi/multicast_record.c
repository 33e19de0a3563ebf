/* multicast_record - the codec of what FastCGI 1.0 does not have: one event for many streams.
 *
 * Pure functions on bytes, as record.c. An event with more streams than a record has room for goes
 * out once for each lot of them, one that is larger than a record in pieces: a lot has all of its
 * pieces before the next lot begins, so nothing else comes between the pieces of a stream. */

#include "gateway/fastcgi/multicast_record.h"

#include "gateway/fastcgi/record.h"

#include <string.h>

enum {
    BEFORE_IDS = MULTICAST_PLACE + 4,
    IDS_AT_ONCE = 16000, /* of a record's 64 KiB half are left to the event */
};

static void
add_piece(struct buf *b, const unsigned char place[MULTICAST_PLACE], unsigned flags,
          const uint16_t *ids, size_t count, struct slice piece)
{
    char head[RECORD_HEAD];
    const unsigned char counted[] = {(unsigned char)flags, 0, (unsigned char)(count >> 8),
                                     (unsigned char)count};
    record_head(head, MULTICAST_EVENT, 0, BEFORE_IDS + 2 * count + piece.len);
    buf_add(b, SLICE_OF(head, sizeof head));
    buf_add(b, SLICE_OF((const char *)place, MULTICAST_PLACE));
    buf_add(b, SLICE_OF((const char *)counted, sizeof counted));
    buf_add(b, SLICE_OF((const char *)ids, 2 * count));
    buf_add(b, piece);
}

static void
add_lot(struct buf *b, const unsigned char place[MULTICAST_PLACE], unsigned flags,
        const uint16_t *ids, size_t count, struct slice bytes)
{
    const size_t room = RECORD_CONTENT - BEFORE_IDS - 2 * count;
    do {
        struct slice piece = slice_head(bytes, room);
        bytes = slice_from(bytes, piece.len);
        add_piece(b, place, flags | (bytes.len ? MULTICAST_MORE : 0), ids, count, piece);
    } while (bytes.len);
}

void
multicast_record_add(struct buf *b, const unsigned char place[MULTICAST_PLACE], unsigned flags,
                     const uint16_t *ids, size_t count, struct slice bytes)
{
    for (size_t at = 0; at < count; at += IDS_AT_ONCE) {
        size_t lot = count - at < IDS_AT_ONCE ? count - at : IDS_AT_ONCE;
        add_lot(b, place, flags, ids + at, lot, bytes);
    }
}

void
multicast_record_add_mark(struct buf *b, uint16_t id, const unsigned char place[MULTICAST_PLACE])
{
    char head[RECORD_HEAD];
    record_head(head, MULTICAST_MARK, id, MULTICAST_PLACE);
    buf_add(b, SLICE_OF(head, sizeof head));
    buf_add(b, SLICE_OF((const char *)place, MULTICAST_PLACE));
}

bool
multicast_record_read_resume(struct slice content, struct multicast_resume *ret)
{
    if (content.len != MULTICAST_PLACE + 4)
        return false;
    const unsigned char *offset = (const unsigned char *)content.ptr + MULTICAST_PLACE;
    memcpy(ret->place, content.ptr, MULTICAST_PLACE);
    ret->offset = (uint32_t)offset[0] << 24 | (uint32_t)offset[1] << 16 | (uint32_t)offset[2] << 8 |
                  offset[3];
    return true;
}
