/* Every id has its place, and a piece is there as long as anybody is in it. */

#include "gateway/fastcgi/request_table.h"

#include "base/alloc.h"
#include "unit/guard.h"

#include <stdlib.h>

static struct fastcgi_request *
nth(unsigned i)
{
    static char anything[65536];
    return (struct fastcgi_request *)(void *)&anything[i];
}

static unsigned
pieces(const struct request_table *t)
{
    unsigned count = 0;
    for (size_t i = 0; i < COUNT_OF(t->pieces); i++)
        count += t->pieces[i] != NULL;
    return count;
}

START_TEST(all_ids_at_once_are_each_found_and_leave_nothing)
{
    struct request_table *t = xalloc(sizeof *t);
    for (unsigned i = 0; i < 65536; i++)
        request_table_add(t, (uint16_t)(i * 257), nth((uint16_t)(i * 257)));
    ck_assert_uint_eq(pieces(t), 256);
    for (unsigned i = 0; i < 65536; i++)
        ck_assert_ptr_eq(request_table_find(t, (uint16_t)i), nth(i));
    for (unsigned i = 0; i < 65536; i++) {
        request_table_remove(t, (uint16_t)i);
        ck_assert_ptr_null(request_table_find(t, (uint16_t)i));
    }
    ck_assert_uint_eq(pieces(t), 0);
    free(t);
}
END_TEST

START_TEST(nobody_is_in_a_table_that_is_not_there)
{
    ck_assert_ptr_null(request_table_find(NULL, 1));
}
END_TEST

START_TEST(a_piece_stays_for_the_last_in_it)
{
    struct request_table *t = xalloc(sizeof *t);
    request_table_add(t, 256, nth(1));
    request_table_add(t, 511, nth(2));
    ck_assert_uint_eq(pieces(t), 1);
    request_table_remove(t, 256);
    ck_assert_ptr_eq(request_table_find(t, 511), nth(2));
    ck_assert_ptr_null(request_table_find(t, 512));
    request_table_remove(t, 511);
    ck_assert_uint_eq(pieces(t), 0);
    free(t);
}
END_TEST

UNIT_MAIN("gateway/fastcgi/request_table", all_ids_at_once_are_each_found_and_leave_nothing,
          nobody_is_in_a_table_that_is_not_there, a_piece_stays_for_the_last_in_it)
