/* The table of ids beside a list that is searched from its beginning: both find the same. */

#include "transport/held_ids.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    UPDATES = 20000,
    HELD = 3000,
};

static struct update *updates[UPDATES];
static struct held_id *places[UPDATES];

static struct update *
update_with_id(unsigned number)
{
    char id[24];
    struct slice topic = SLICE("t");
    bool too_large;
    const struct update_parts parts = {
        .topics = &topic,
        .topic_count = 1,
        .id = SLICE_OF(id, (size_t)snprintf(id, sizeof id, "id-%u", number))};
    return update_new(&parts, 1000, &too_large);
}

static const struct update *
search(size_t begin, size_t end, struct slice id)
{
    for (size_t i = begin; i < end; i++)
        if (slice_eq(updates[i]->id, id))
            return updates[i];
    return NULL;
}

static void
drop(struct held_ids *ids, size_t i)
{
    held_ids_drop(ids, places[i]);
    free(places[i]);
    update_unref(&updates[i]);
}

/* Ids of so many kinds: all alike, some again and again, each once. */
static void
fill_and_compare(unsigned kinds, size_t expected)
{
    struct held_ids ids;
    size_t begin = 0;
    held_ids_init(&ids, expected);
    for (size_t end = 0; end < UPDATES;) {
        updates[end] = update_with_id((unsigned)(end * 7919 % kinds));
        places[end] = xalloc(sizeof *places[end]);
        held_ids_add(&ids, places[end], updates[end]);
        end++;
        if (end - begin > HELD)
            drop(&ids, begin++);
        struct update *asked = update_with_id((unsigned)(end * 31 % (kinds + 5)));
        if (end % 16 == 0)
            ck_assert_ptr_eq(held_ids_find(&ids, asked->id), search(begin, end, asked->id));
        update_unref(&asked);
    }
    while (begin < UPDATES)
        drop(&ids, begin++);
    ck_assert_ptr_null(held_ids_find(&ids, SLICE("id-0")));
    held_ids_fini(&ids);
}

START_TEST(the_earliest_that_is_held_is_found_whatever_is_given_again)
{
    fill_and_compare(1, 0);
    fill_and_compare(100, 10000);
    fill_and_compare(UPDATES, 0);
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *s = suite_create("transport/held_ids");
    TCase *c = tcase_create("table");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, the_earliest_that_is_held_is_found_whatever_is_given_again);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
