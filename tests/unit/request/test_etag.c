/* Entity tags. */

#include "request/etag.h"

#include "unit/guard.h"

static const struct {
    struct slice id;
    const char *tag;
} tags[] = {
    {SLICE_INIT("urn:uuid:1"), "\"urn:uuid:1\""},
    {SLICE_INIT("earliest"), "\"earliest\""},
    {SLICE_INIT("a b\"c%d\x7f\t"), "\"a%20b%22c%25d%7F%09\""},
    {SLICE_INIT("a%20b"), "\"a%2520b\""},
    {SLICE_INIT("\xc3\xa9\\,"), "\"\xc3\xa9\\,\""},
};

START_TEST(a_tag_is_the_id_with_what_no_tag_may_hold_encoded)
{
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        struct buf b;
        buf_init(&b, 1000);
        etag_add(&b, guard_copy(tags[i].id));
        ck_assert_msg(slice_eq(buf_slice(&b), slice_of(tags[i].tag)), "row %zu", i);
        buf_fini(&b);
    }
}
END_TEST

static const struct {
    struct slice list, bare; /* bare.ptr NULL: 1.0 */
    bool listed;
} lists[] = {
    {SLICE_INIT("\"a,b\""), {NULL, 0}, true},
    {SLICE_INIT("W/\"a,b\""), {NULL, 0}, true},
    {SLICE_INIT("\"x\", \"a,b\""), {NULL, 0}, true},
    {SLICE_INIT("\"x\",W/\"a,b\"\t,\"y\""), {NULL, 0}, true},
    {SLICE_INIT(",, ,\"a,b\","), {NULL, 0}, true},
    {SLICE_INIT("*"), {NULL, 0}, true},
    {SLICE_INIT(" * "), {NULL, 0}, true},
    {SLICE_INIT("\"*\""), {NULL, 0}, false},
    {SLICE_INIT("a,b"), {NULL, 0}, false},
    {SLICE_INIT("a,b"), SLICE_INIT("a,b"), true},
    {SLICE_INIT(" a,b "), SLICE_INIT("a,b"), true},
    {SLICE_INIT("x, id"), SLICE_INIT("id"), true},
    {SLICE_INIT("x, idd"), SLICE_INIT("id"), false},
    {SLICE_INIT("\"a,b"), {NULL, 0}, false},
    {SLICE_INIT("\"a,b\"c"), {NULL, 0}, false},
    {SLICE_INIT("\""), {NULL, 0}, false},
    {SLICE_INIT("W/"), {NULL, 0}, false},
    {SLICE_INIT(","), {NULL, 0}, false},
    {SLICE_INIT(""), {NULL, 0}, false},
    {SLICE_INIT("w/\"a,b\""), {NULL, 0}, false},
};

START_TEST(a_list_holds_a_tag_whether_weak_or_not_and_whatever_stands_around_it)
{
    for (size_t i = 0; i < COUNT_OF(lists); i++)
        ck_assert_msg(etag_is_listed(guard_copy(lists[i].list), SLICE("\"a,b\""), lists[i].bare) ==
                          lists[i].listed,
                      "row %zu", i);
}
END_TEST

UNIT_MAIN("request/etag", a_tag_is_the_id_with_what_no_tag_may_hold_encoded,
          a_list_holds_a_tag_whether_weak_or_not_and_whatever_stands_around_it)
