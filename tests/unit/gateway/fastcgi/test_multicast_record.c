/* One event for many streams, as records: whatever its size, and however many they are. */

#include "gateway/fastcgi/multicast_record.h"

#include "base/alloc.h"
#include "gateway/fastcgi/record.h"
#include "unit/guard.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

static const unsigned char place[MULTICAST_PLACE] = "sixteen bytes...";
static uint16_t ids[65535];

/* Asserts that each of `count` streams gets `bytes`, in pieces that follow each other. */
static void
assert_multicast(struct slice records, size_t count, struct slice bytes, unsigned flags)
{
    size_t begun = 0; /* streams whose pieces have all come */
    struct slice left = bytes;
    while (records.len) {
        struct record r;
        ck_assert_int_eq(record_read(records, &r), PARSE_OK);
        ck_assert(r.type == MULTICAST_EVENT && r.id == 0);
        struct slice content = slice_head(slice_from(records, RECORD_HEAD), r.length);
        ck_assert_uint_eq(content.len, r.length);
        const unsigned char *p = (const unsigned char *)content.ptr;
        size_t lot = p[18] * 256u + p[19];
        struct slice piece = slice_from(content, 20 + 2 * lot);
        ck_assert_int_eq(memcmp(p, place, sizeof place), 0);
        ck_assert_int_eq(memcmp(p + 20, ids + begun, 2 * lot), 0);
        ck_assert(slice_starts(left, piece));
        left = slice_from(left, piece.len);
        ck_assert_uint_eq(p[16], flags | (left.len ? MULTICAST_MORE : 0));
        if (left.len == 0) {
            begun += lot;
            left = bytes;
        }
        records = slice_from(records, RECORD_HEAD + (size_t)r.length);
    }
    ck_assert_uint_eq(begun, count);
}

START_TEST(any_event_reaches_any_number_of_streams)
{
    static const size_t counts[] = {1, 2, 15999, 16000, 16001, 32000, 65535};
    static const size_t sizes[] = {0, 1, 33515, 33516, 65513, 65514, 200000};
    char *bytes = xalloc(200000);
    for (size_t i = 0; i < 200000; i++)
        bytes[i] = (char)(i * 31);
    for (size_t i = 0; i < 65535; i++)
        ids[i] = htons((uint16_t)(i + 1));
    for (size_t c = 0; c < COUNT_OF(counts); c++) {
        for (size_t s = 0; s < COUNT_OF(sizes); s++) {
            struct buf b;
            buf_init(&b, SIZE_MAX);
            multicast_record_add(&b, place, 0, ids, counts[c], SLICE_OF(bytes, sizes[s]));
            assert_multicast(buf_slice(&b), counts[c], SLICE_OF(bytes, sizes[s]), 0);
            buf_fini(&b);
        }
    }
    free(bytes);
}
END_TEST

START_TEST(what_is_no_event_says_so)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    multicast_record_add(&b, place, MULTICAST_NO_EVENT, ids, 7, SLICE(":\n"));
    assert_multicast(buf_slice(&b), 7, SLICE(":\n"), MULTICAST_NO_EVENT);
    buf_fini(&b);
}
END_TEST

START_TEST(a_mark_is_a_place)
{
    struct buf b;
    buf_init(&b, SIZE_MAX);
    multicast_record_add_mark(&b, 0xabcd, place);
    ck_assert(slice_eq(slice_head(buf_slice(&b), 8), SLICE("\1\x24\xab\xcd\0\x10\0\0")));
    ck_assert(slice_eq(slice_from(buf_slice(&b), 8), SLICE_OF((const char *)place, 16)));
    buf_fini(&b);
}
END_TEST

START_TEST(a_resume_is_twenty_bytes_and_nothing_else_is)
{
    const char text[] = "sixteen bytes...\x01\x02\x03\xff!";
    struct multicast_resume r = {.offset = 7};
    for (size_t n = 0; n <= 21; n++) {
        if (n == 20)
            continue;
        ck_assert(!multicast_record_read_resume(guard_copy(SLICE_OF(text, n)), &r));
        ck_assert_uint_eq(r.offset, 7);
    }
    ck_assert(multicast_record_read_resume(guard_copy(SLICE_OF(text, 20)), &r));
    ck_assert_uint_eq(r.offset, 0x010203ff);
    ck_assert_int_eq(memcmp(r.place, place, sizeof place), 0);
}
END_TEST

UNIT_MAIN("gateway/fastcgi/multicast_record", any_event_reaches_any_number_of_streams,
          what_is_no_event_says_so, a_mark_is_a_place, a_resume_is_twenty_bytes_and_nothing_else_is)
