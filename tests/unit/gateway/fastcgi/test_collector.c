/* Streams in, events out: each stream has its own in their order, whoever else gets which. */

#include "gateway/fastcgi/collector.h"

#include "base/alloc.h"
#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/record.h"
#include "transport/position_id.h"
#include "unit/guard.h"

#include <stdlib.h>
#include <string.h>

enum {
    UPDATES = 40,
    STREAMS = 300,
};

static const struct hash_key key = {{1, 2}};
static struct update *updates[UPDATES];
static struct collector collector;

static void
begin(void)
{
    struct slice topic = SLICE("t");
    for (unsigned i = 0; i < UPDATES; i++) {
        char id[3] = {(char)('A' + i / 10), (char)('0' + i % 10)};
        bool too_large;
        const struct update_parts parts = {
            .topics = &topic, .topic_count = 1, .id = SLICE_OF(id, 2)};
        updates[i] = update_new(&parts, 1000, &too_large);
        updates[i]->position = (struct position){1, 10 * i};
    }
    collector_init(&collector);
}

static void
end(void)
{
    for (unsigned i = 0; i < UPDATES; i++)
        update_unref(&updates[i]);
}

static void
give(unsigned update, uint16_t id)
{
    if (!collector_join(&collector, updates[update], id))
        collector_add(&collector, updates[update], id);
}

/* Calls `each` for each event of each stream; returns the records. */
static unsigned
read_back(void (*each)(unsigned stream, unsigned update))
{
    struct buf b;
    unsigned records = 0;
    buf_init(&b, SIZE_MAX);
    collector_write(&collector, &key, &b);
    ck_assert_uint_eq(collector.count, 0);
    ck_assert_uint_eq(collector.bytes, 0);
    for (struct slice rest = buf_slice(&b); rest.len; records++) {
        struct record r;
        struct position at;
        ck_assert_int_eq(record_read(rest, &r), PARSE_OK);
        ck_assert(r.type == MULTICAST_EVENT && r.id == 0 && r.padding == 0);
        const unsigned char *p = (const unsigned char *)rest.ptr + RECORD_HEAD;
        ck_assert(position_id_open(&key, p, &at));
        unsigned update = (unsigned)(at.sequence / 10), count = p[18] * 256u + p[19];
        ck_assert(p[16] == 0 && p[17] == 0 && count > 0);
        for (unsigned i = 0; i < count; i++)
            each(p[20 + 2 * i] * 256u + p[21 + 2 * i], update);
        struct slice bytes = SLICE_OF((const char *)p + 20 + 2 * count, r.length - 20 - 2 * count);
        ck_assert(slice_eq(bytes, updates[update]->event));
        rest = slice_from(rest, RECORD_HEAD + (size_t)r.length);
    }
    buf_fini(&b);
    return records;
}

static int last_of[65536];
static unsigned got;

static void
in_order(unsigned stream, unsigned update)
{
    ck_assert_int_gt((int)update, last_of[stream]);
    last_of[stream] = (int)update;
    got++;
}

static void
forget(void)
{
    for (unsigned i = 0; i < COUNT_OF(last_of); i++)
        last_of[i] = -1;
    got = 0;
}

START_TEST(streams_that_get_the_same_share_one_record_an_update)
{
    begin();
    forget();
    for (unsigned s = 1; s <= STREAMS; s++)
        for (unsigned u = 0; u < UPDATES; u++)
            give(u, (uint16_t)s);
    ck_assert_uint_eq(read_back(in_order), UPDATES);
    ck_assert_uint_eq(got, UPDATES * STREAMS);
    end();
}
END_TEST

START_TEST(each_has_its_own_in_order_whoever_else_gets_which)
{
    begin();
    for (unsigned seed = 1; seed <= 50; seed++) {
        unsigned given = 0;
        srand(seed);
        forget();
        for (unsigned s = 1; s <= STREAMS; s++)
            for (unsigned u = 0; u < UPDATES; u++)
                if (rand() % 5 == 0) {
                    give(u, (uint16_t)(s * 211));
                    given++;
                }
        ck_assert_uint_le(read_back(in_order), UPDATES);
        ck_assert_uint_eq(got, given);
    }
    end();
}
END_TEST

START_TEST(nobody_joins_what_nobody_gets)
{
    begin();
    ck_assert(!collector_join(&collector, updates[3], 1));
    collector_add(&collector, updates[3], 1);
    ck_assert(collector_join(&collector, updates[3], 2));
    ck_assert(!collector_join(&collector, updates[2], 2));
    ck_assert(!collector_join(&collector, updates[4], 2));
    ck_assert_uint_eq(collector.count, 1);
    collector_fini(&collector);
    end();
}
END_TEST

UNIT_MAIN("gateway/fastcgi/collector", streams_that_get_the_same_share_one_record_an_update,
          each_has_its_own_in_order_whoever_else_gets_which, nobody_joins_what_nobody_gets)
