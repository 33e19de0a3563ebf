/* Records: what is written is read; cut, flipped or lying bytes are no record. */

#include "transport/disk/disk_record.h"

#include "unit/guard.h"
#include "unit/transport/disk/updates.h"

enum {
    SALT = 77
};

/* Encoded once more it is the same, topics and all. */
static void
check_same(const struct update *a, const struct update *b, struct slice bytes, struct disk_record r)
{
    ck_assert(slice_eq(a->id, b->id));
    ck_assert(slice_eq(a->event, b->event));
    ck_assert(slice_eq(a->frame, b->frame));
    ck_assert_uint_eq(a->topic_count, b->topic_count);
    struct slice again = make_record(b, SALT, &r);
    ck_assert(slice_eq(again, bytes));
    free((char *)again.ptr);
}

START_TEST(what_is_written_is_read)
{
    static const size_t topic_counts[] = {1, 2, 16, 17, 1000}, sizes[] = {0, 1, 7, 8, 9, 100000};
    for (size_t t = 0; t < 5; t++)
        for (size_t s = 0; s < 6; s++) {
            struct update *u = make_update("some-id", topic_counts[t], sizes[s]), *again;
            struct disk_record w = {.previous = 1,
                                    .synced = 2,
                                    .sequence = UINT64_MAX - 3,
                                    .time_ms = 1ull << 60,
                                    .flags = DISK_RECORD_ID_KNOWN},
                               r;
            struct slice bytes = make_record(u, SALT, &w);
            ck_assert_int_eq(disk_record_read(bytes, SALT, &r), DISK_RECORD_OK);
            ck_assert_uint_eq(r.length, bytes.len);
            ck_assert_uint_eq(r.length % DISK_RECORD_ALIGN, 0);
            ck_assert_uint_eq(r.crc, w.crc);
            ck_assert_uint_eq(r.previous, 1);
            ck_assert_uint_eq(r.synced, 2);
            ck_assert_uint_eq(r.sequence, UINT64_MAX - 3);
            ck_assert_uint_eq(r.time_ms, 1ull << 60);
            ck_assert_uint_eq(r.flags, DISK_RECORD_ID_KNOWN);
            again = disk_record_update(&r, 9);
            check_same(u, again, bytes, w);
            ck_assert_uint_eq(again->position.run, 9);
            ck_assert_uint_eq(again->position.sequence, UINT64_MAX - 3);
            free((char *)bytes.ptr);
            update_unref(&u);
            update_unref(&again);
        }
}
END_TEST

START_TEST(a_head_says_length_place_and_time_before_it_is_checked)
{
    struct update *u = make_update("some-id", 2, 100);
    struct disk_record w = {.sequence = UINT64_MAX - 3, .time_ms = 1ull << 60};
    struct slice bytes = make_record(u, SALT, &w);
    struct disk_record_claim c =
        disk_record_peek(guard_copy(slice_head(bytes, DISK_RECORD_HEAD)).ptr);
    ck_assert_uint_eq(c.length, bytes.len);
    ck_assert_uint_eq(c.sequence, UINT64_MAX - 3);
    ck_assert_uint_eq(c.time_ms, 1ull << 60);
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

START_TEST(private_and_chosen_come_back)
{
    for (unsigned flags = 0; flags < 8; flags++) {
        struct update *u = make_update("i", 1, 3), *again;
        struct disk_record w = {.flags = (uint8_t)flags}, r;
        struct slice bytes = make_record(u, SALT, &w);
        ck_assert_int_eq(disk_record_read(bytes, SALT, &r), DISK_RECORD_OK);
        again = disk_record_update(&r, 1);
        ck_assert_int_eq(again->is_private, (flags & DISK_RECORD_PRIVATE) != 0);
        ck_assert_int_eq(again->id_is_chosen, (flags & DISK_RECORD_ID_CHOSEN) != 0);
        free((char *)bytes.ptr);
        update_unref(&u);
        update_unref(&again);
    }
}
END_TEST

START_TEST(begins_and_ends_come_back_with_their_dialect_and_hidden_ones_are_told)
{
    for (unsigned kind = 0; kind < DISK_RECORD_KINDS; kind++)
        for (unsigned dialect = 0; dialect < DIALECTS; dialect++) {
            bool begins = kind == DISK_RECORD_BEGIN || kind == DISK_RECORD_CARRIED;
            struct update *u = make_update("i", 1, 3), *again;
            u->kind = begins                    ? UPDATE_BEGIN
                      : kind == DISK_RECORD_END ? UPDATE_END
                                                : UPDATE_PUBLISHED;
            u->same = 1ull << 63 | 5;
            struct disk_record w = {.kind = (enum disk_record_kind)kind, .dialect = dialect}, r;
            struct slice bytes = make_record(u, SALT, &w);
            ck_assert_int_eq(disk_record_read(guard_copy(bytes), SALT, &r), DISK_RECORD_OK);
            ck_assert_uint_eq(r.kind, kind);
            ck_assert_int_eq(disk_record_is_hidden(r.kind), kind > DISK_RECORD_END);
            again = disk_record_update(&r, 1);
            ck_assert_uint_eq(again->kind, u->kind);
            ck_assert_uint_eq(again->dialect, dialect);
            ck_assert_uint_eq(again->same, begins ? u->same : 0);
            ck_assert_uint_eq(disk_record_size(again), bytes.len);
            free((char *)bytes.ptr);
            update_unref(&u);
            update_unref(&again);
        }
}
END_TEST

/* Of a later version; taken for an update it would be shown. */
START_TEST(flags_and_kinds_that_are_not_known_are_no_record)
{
    static const struct {
        size_t at;
        unsigned char lie;
    } lies[] = {{44, 8},    {44, 0x80}, {45, DISK_RECORD_KINDS}, {45, 0xff}, {46, DIALECTS},
                {46, 0xff}, {47, 1}};
    struct update *u = make_update("an-id", 2, 50);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        char *at = (char *)guard_copy(bytes).ptr;
        at[lies[i].at] = (char)lies[i].lie;
        sign_record(at, bytes.len, SALT);
        ck_assert_int_eq(disk_record_read(SLICE_OF(at, bytes.len), SALT, &r), DISK_RECORD_BAD);
    }
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

START_TEST(no_prefix_of_a_record_is_one)
{
    struct update *u = make_update("an-id", 3, 200);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    for (size_t len = 0; len < bytes.len; len++)
        ck_assert_int_ne(disk_record_read(guard_copy(slice_head(bytes, len)), SALT, &r),
                         DISK_RECORD_OK);
    ck_assert_int_eq(disk_record_read(guard_copy(bytes), SALT, &r), DISK_RECORD_OK);
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

START_TEST(every_flipped_bit_is_noticed)
{
    struct update *u = make_update("an-id", 2, 50);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    for (size_t bit = 0; bit < bytes.len * 8; bit++) {
        char *at = (char *)guard_copy(bytes).ptr;
        at[bit / 8] = (char)(at[bit / 8] ^ 1 << bit % 8);
        ck_assert_int_ne(disk_record_read(SLICE_OF(at, bytes.len), SALT, &r), DISK_RECORD_OK);
    }
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

START_TEST(zeros_and_what_another_segment_wrote_are_no_record)
{
    static const char zeros[4096];
    struct update *u = make_update("an-id", 2, 50);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    ck_assert_int_eq(disk_record_read(SLICE_OF(zeros, sizeof zeros), SALT, &r), DISK_RECORD_NONE);
    ck_assert_int_eq(disk_record_read(bytes, SALT + 1, &r), DISK_RECORD_BAD);
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

/* With the CRC right, so that only the lengths speak against it. */
START_TEST(lengths_that_lie_are_noticed)
{
    static const size_t fields[] = {32, 36, 40,
                                    DISK_RECORD_HEAD}; /* topics, id, event, the first topic */
    static const uint32_t lies[] = {0, 1, 9, 40, 1000, 0x7fffffff, 0x80000000, 0xffffffff};
    struct update *u = make_update("an-id", 2, 50);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    for (size_t f = 0; f < COUNT_OF(fields); f++)
        for (size_t i = 0; i < COUNT_OF(lies); i++) {
            char *at = (char *)guard_copy(bytes).ptr;
            le32_put(at + fields[f], lies[i]);
            sign_record(at, bytes.len, SALT);
            enum disk_record_state state = disk_record_read(SLICE_OF(at, bytes.len), SALT, &r);
            if (state != DISK_RECORD_BAD) /* it lies within the padding: what it says lies inside */
                ck_assert(lies[i] < 10 && r.id.ptr + r.id.len <= at + bytes.len &&
                          r.event.ptr + r.event.len <= at + bytes.len);
        }
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

START_TEST(a_length_that_is_none_is_noticed_before_it_is_used)
{
    static const uint32_t lies[] = {1, 8, 48, 55, 57, 0xfffffff8, 0xffffffff, 1 << 31};
    struct update *u = make_update("an-id", 2, 50);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    for (size_t i = 0; i < COUNT_OF(lies); i++) {
        char *at = (char *)guard_copy(bytes).ptr;
        le32_put(at, lies[i]);
        ck_assert_int_eq(disk_record_read(SLICE_OF(at, bytes.len), SALT, &r), DISK_RECORD_BAD);
    }
    free((char *)bytes.ptr);
    update_unref(&u);
}
END_TEST

START_TEST(a_head_is_known_by_its_seal_whatever_its_body_is)
{
    struct update *u = make_update("an-id", 2, 50);
    struct disk_record w = {.sequence = 1}, r;
    struct slice bytes = make_record(u, SALT, &w);
    char *at = (char *)bytes.ptr;
    memset(at + DISK_RECORD_HEAD, 'x', bytes.len - DISK_RECORD_HEAD);
    ck_assert(disk_record_has_seal(guard_copy(slice_head(bytes, DISK_RECORD_HEAD)), SALT));
    ck_assert_int_eq(disk_record_read(bytes, SALT, &r), DISK_RECORD_BAD);
    for (size_t len = 0; len < DISK_RECORD_HEAD; len++)
        ck_assert(!disk_record_has_seal(guard_copy(slice_head(bytes, len)), SALT));
    for (unsigned bit = 0; bit < 64; bit++) /* each bit of the salt counts */
        ck_assert(!disk_record_has_seal(bytes, SALT ^ 1ull << bit));
    for (size_t bit = 0; bit < DISK_RECORD_HEAD * 8; bit++) {
        at[bit / 8] = (char)(at[bit / 8] ^ 1 << bit % 8);
        ck_assert(!disk_record_has_seal(bytes, SALT));
        at[bit / 8] = (char)(at[bit / 8] ^ 1 << bit % 8);
    }
    free(at);
    update_unref(&u);
}
END_TEST

START_TEST(topics_end_where_their_bytes_do)
{
    struct slice rest, topic;
    static const char bytes[] = "\1\0\0\0a\3\0\0\0bcd";
    for (size_t len = 0; len < sizeof bytes - 1; len++) {
        rest = guard_copy(SLICE_OF(bytes, len));
        size_t count = 0;
        while (disk_record_next_topic(&rest, &topic))
            count++;
        ck_assert_uint_eq(count, len >= 5);
    }
    rest = SLICE_OF(bytes, sizeof bytes - 1);
    ck_assert(disk_record_next_topic(&rest, &topic) && slice_eq(topic, SLICE("a")));
    ck_assert(disk_record_next_topic(&rest, &topic) && slice_eq(topic, SLICE("bcd")));
    ck_assert(!disk_record_next_topic(&rest, &topic));
}
END_TEST

UNIT_MAIN("disk_record", what_is_written_is_read,
          a_head_says_length_place_and_time_before_it_is_checked, private_and_chosen_come_back,
          begins_and_ends_come_back_with_their_dialect_and_hidden_ones_are_told,
          flags_and_kinds_that_are_not_known_are_no_record, no_prefix_of_a_record_is_one,
          every_flipped_bit_is_noticed, zeros_and_what_another_segment_wrote_are_no_record,
          lengths_that_lie_are_noticed, a_length_that_is_none_is_noticed_before_it_is_used,
          a_head_is_known_by_its_seal_whatever_its_body_is, topics_end_where_their_bytes_do)
