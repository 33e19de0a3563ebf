/* Runs of updates: the bytes of their frames one after another, and those of the last run again
 * only where everything about it is the same. */

#include "gateway/run.h"

#include "base/alloc.h"
#include "gateway/fastcgi/framing.h"
#include "unit/guard.h"

#include <stdlib.h>
#include <string.h>

enum {
    UPDATES = 5
};

static struct update *updates[UPDATES];

static void
begin(size_t data_len)
{
    char *data = xalloc(data_len);
    memset(data, 'x', data_len);
    for (unsigned i = 0; i < UPDATES; i++) {
        struct slice topic = SLICE("t");
        char id = (char)('a' + i);
        bool too_large;
        const struct update_parts parts = {.topics = &topic,
                                           .topic_count = 1,
                                           .id = SLICE_OF(&id, 1),
                                           .data = SLICE_OF(data, data_len)};
        updates[i] = update_new(&parts, data_len + 1000, &too_large);
        ck_assert_ptr_nonnull(updates[i]);
        updates[i]->position = (struct position){1, i + 1};
    }
    free(data);
}

static void
end(void)
{
    for (unsigned i = 0; i < UPDATES; i++)
        update_unref(&updates[i]);
}

/* What writing them by their parts would send. */
static struct slice
by_parts(const struct framing *f, struct update *const *from, size_t count, uint16_t mark)
{
    static char bytes[1 << 20];
    struct iovec parts[RUN_PARTS];
    char scratch[RUN_PARTS][RUN_SCRATCH];
    size_t len = 0;
    unsigned filled = run_parts(f, from, count, mark, 0, parts, scratch);
    for (unsigned i = 0; i < filled; i++) {
        memcpy(bytes + len, parts[i].iov_base, parts[i].iov_len);
        len += parts[i].iov_len;
    }
    return SLICE_OF(bytes, len);
}

static void
assert_run(const struct framing *f, unsigned from, unsigned count, uint16_t mark)
{
    struct slice run = run_bytes(f, updates + from, count, mark);
    ck_assert(slice_eq(run, by_parts(f, updates + from, count, mark)));
}

START_TEST(a_run_is_the_bytes_of_its_updates_whichever_was_asked_for_before)
{
    begin(100);
    for (unsigned again = 0; again < 2; again++) {
        assert_run(&framing_stdout, 0, UPDATES, 1);
        assert_run(&framing_stdout, 0, UPDATES, 1);
        assert_run(&framing_stdout, 0, UPDATES, 2);
        assert_run(&framing_stdout, 1, 3, 2);
        assert_run(&framing_stdout, 1, 2, 2);
        assert_run(&framing_stdout, 2, 2, 2);
    }
    end();
}
END_TEST

START_TEST(a_run_has_as_many_updates_as_are_small_together_and_none_that_is_not)
{
    begin(6000);
    struct slice two = by_parts(&framing_stdout, updates, 2, 1);
    ck_assert(slice_eq(run_bytes(&framing_stdout, updates, UPDATES, 1), two));
    end();
    begin(20000);
    ck_assert_uint_eq(run_bytes(&framing_stdout, updates, UPDATES, 3).len, 0);
    end();
}
END_TEST

START_TEST(parts_from_any_offset_are_the_rest_of_the_bytes)
{
    begin(150000);
    const struct framing *f = &framing_stdout;
    size_t size = f->size(updates[0], 7);
    char *whole = xalloc(size);
    memcpy(whole, by_parts(f, updates, 1, 7).ptr, size);
    for (size_t offset = 0; offset < size; offset += offset % 65543 < 20 ? 1 : 4099) {
        struct iovec parts[RUN_PARTS];
        char scratch[RUN_PARTS][RUN_SCRATCH];
        size_t at = offset;
        unsigned filled = run_parts(f, updates, 1, 7, offset, parts, scratch);
        for (unsigned i = 0; i < filled; at += parts[i].iov_len, i++)
            ck_assert_int_eq(memcmp(whole + at, parts[i].iov_base, parts[i].iov_len), 0);
        ck_assert_uint_eq(at, size);
    }
    free(whole);
    end();
}
END_TEST

UNIT_MAIN("gateway/run", a_run_is_the_bytes_of_its_updates_whichever_was_asked_for_before,
          a_run_has_as_many_updates_as_are_small_together_and_none_that_is_not,
          parts_from_any_offset_are_the_rest_of_the_bytes)
