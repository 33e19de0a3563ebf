/* Lists: order, unlinking while walking, splicing. */

#include "base/list.h"

#include <check.h>
#include <string.h>

struct item {
    char name;
    struct list link;
};

static const char *
names(struct list *head)
{
    static char out[16];
    size_t n = 0;
    LIST_EACH(node, after, head)
    out[n++] = CONTAINER_OF(node, struct item, link)->name;
    out[n] = 0;
    return out;
}

static struct list head, other;
static struct item a, b, c;

static void
fresh(void)
{
    list_init(&head);
    list_init(&other);
    a.name = 'a';
    b.name = 'b';
    c.name = 'c';
    list_init(&a.link);
    list_init(&b.link);
    list_init(&c.link);
}

START_TEST(nodes_stand_where_they_were_put)
{
    fresh();
    ck_assert(list_is_empty(&head));
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    list_prepend(&head, &a.link);
    ck_assert_str_eq(names(&head), "abc");
    ck_assert(!list_is_empty(&head));
}
END_TEST

START_TEST(unlinking_twice_is_harmless)
{
    fresh();
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    ck_assert(list_is_linked(&a.link));
    list_unlink(&a.link);
    ck_assert(!list_is_linked(&a.link));
    list_unlink(&a.link);
    ck_assert_str_eq(names(&head), "b");
}
END_TEST

START_TEST(the_current_node_may_leave_while_walking)
{
    fresh();
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    list_append(&head, &c.link);
    int seen = 0;
    LIST_EACH(node, after, &head)
    {
        seen++;
        list_unlink(node);
        memset(CONTAINER_OF(node, struct item, link), 0x55, sizeof(struct item));
    }
    ck_assert_int_eq(seen, 3);
    ck_assert(list_is_empty(&head));
}
END_TEST

START_TEST(splice_moves_everything_to_the_end)
{
    fresh();
    list_append(&head, &a.link);
    list_append(&other, &b.link);
    list_append(&other, &c.link);
    list_splice(&head, &other);
    ck_assert_str_eq(names(&head), "abc");
    ck_assert(list_is_empty(&other));
    list_splice(&head, &other); /* of nothing */
    ck_assert_str_eq(names(&head), "abc");
    list_splice(&other, &head); /* to nothing */
    ck_assert_str_eq(names(&other), "abc");
    ck_assert(list_is_empty(&head));
}
END_TEST

START_TEST(shift_gives_the_first_until_there_is_none)
{
    fresh();
    list_append(&head, &a.link);
    list_append(&head, &b.link);
    ck_assert_ptr_eq(list_shift(&head), &a.link);
    ck_assert(!list_is_linked(&a.link));
    ck_assert_ptr_eq(list_shift(&head), &b.link);
    ck_assert_ptr_null(list_shift(&head));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/list");
    TCase *tcase = tcase_create("list");
    tcase_add_test(tcase, nodes_stand_where_they_were_put);
    tcase_add_test(tcase, unlinking_twice_is_harmless);
    tcase_add_test(tcase, the_current_node_may_leave_while_walking);
    tcase_add_test(tcase, splice_moves_everything_to_the_end);
    tcase_add_test(tcase, shift_gives_the_first_until_there_is_none);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
