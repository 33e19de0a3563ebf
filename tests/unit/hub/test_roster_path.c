/* What paths below H/subscriptions mean. */

#include "hub/roster_path.h"

#include "unit/guard.h"

#define H "/.well-known/mercure"
#define S H "/subscriptions"

enum {
    ONLY_0X = 1 << DIALECT_0X,
    ONLY_1_0 = 1 << DIALECT_1_0,
    MIXED = ONLY_0X | ONLY_1_0,
};

static const struct {
    unsigned speaks;
    struct slice path;
    enum roster_kind kind;
    enum dialect dialect;
    const char *id;
} paths[] = {
    {MIXED, SLICE_INIT(S), ROSTER_ALL, 0, NULL},
    {MIXED, SLICE_INIT(S "/"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "//"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "/exact/a"), ROSTER_COLLECTION, DIALECT_1_0, S "/exact/a"},
    {MIXED, SLICE_INIT(S "/exact/a/"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "/exact//a"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "//exact/a"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "/exact/a/u"), ROSTER_ITEM, DIALECT_1_0, S "/exact/a/u"},
    {MIXED, SLICE_INIT(S "/exact/a/u/v"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "/exact/a/u/"), ROSTER_NOWHERE, 0, NULL},
    {MIXED, SLICE_INIT(S "/urlpattern/%2f%3aid"), ROSTER_COLLECTION, DIALECT_1_0,
     S "/urlpattern/%2F%3Aid"},
    {MIXED, SLICE_INIT(S "/exact/https:%2F%2Fa.example%2F%C3%A9+x"), ROSTER_COLLECTION, DIALECT_1_0,
     S "/exact/https%3A%2F%2Fa.example%2F%C3%A9%2Bx"},
    {MIXED, SLICE_INIT(S "/exact/%61%7E%2D~-._Z9/urn:uuid:1"), ROSTER_ITEM, DIALECT_1_0,
     S "/exact/a~-~-._Z9/urn%3Auuid%3A1"},
    {MIXED, SLICE_INIT(S "/Exact/a"), ROSTER_ITEM, DIALECT_0X, S "/Exact/a"},
    {MIXED, SLICE_INIT(S "/ex%61ct/a"), ROSTER_ITEM, DIALECT_0X, S "/exact/a"},
    {MIXED, SLICE_INIT(S "/exact"), ROSTER_COLLECTION, DIALECT_0X, S "/exact"},
    {MIXED, SLICE_INIT(S "/a+b%2B"), ROSTER_COLLECTION, DIALECT_0X, S "/a%20b%2B"},
    {MIXED, SLICE_INIT(S "/a/u/v"), ROSTER_NOWHERE, 0, NULL},
    {ONLY_0X, SLICE_INIT(S), ROSTER_ALL, 0, NULL},
    {ONLY_0X, SLICE_INIT(S "/exact/a"), ROSTER_ITEM, DIALECT_0X, S "/exact/a"},
    {ONLY_0X, SLICE_INIT(S "/exact/a/u"), ROSTER_NOWHERE, 0, NULL},
    {ONLY_0X, SLICE_INIT(S "/https%3A//example.com/books"), ROSTER_NOWHERE, 0, NULL},
    {ONLY_1_0, SLICE_INIT(S), ROSTER_ALL, 0, NULL},
    {ONLY_1_0, SLICE_INIT(S "/exact"), ROSTER_NOWHERE, 0, NULL},
    {ONLY_1_0, SLICE_INIT(S "/a"), ROSTER_NOWHERE, 0, NULL},
    {ONLY_1_0, SLICE_INIT(S "/a/b"), ROSTER_UNKNOWN_TYPE, 0, NULL},
    {ONLY_1_0, SLICE_INIT(S "/ex%61ct/b/u"), ROSTER_UNKNOWN_TYPE, 0, NULL},
    {ONLY_1_0, SLICE_INIT(S "/a/b/c/d"), ROSTER_NOWHERE, 0, NULL},
};

START_TEST(each_path_is_one_thing)
{
    for (size_t i = 0; i < COUNT_OF(paths); i++) {
        struct arena arena;
        const bool speaks[DIALECTS] = {
            [DIALECT_0X] = paths[i].speaks & ONLY_0X, [DIALECT_1_0] = paths[i].speaks & ONLY_1_0};
        arena_init(&arena, 65536);
        ck_assert(roster_path_is(SLICE(H), paths[i].path));
        struct roster_path p =
            roster_path_read(&arena, SLICE(H), guard_copy(paths[i].path), speaks);
        ck_assert_msg(p.kind == paths[i].kind, "row %zu: %d", i, (int)p.kind);
        if (paths[i].id) {
            ck_assert_msg(p.dialect == paths[i].dialect, "row %zu", i);
            ck_assert_msg(slice_eq(p.id, slice_of(paths[i].id)), "row %zu: " SLICE_FMT, i,
                          SLICE_ARG(p.id));
        }
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(what_only_begins_like_it_is_another_path)
{
    static const struct slice others[] = {
        SLICE_INIT(H),
        SLICE_INIT(H "/"),
        SLICE_INIT(H "/subscription"),
        SLICE_INIT(S "x"),
        SLICE_INIT(S "%2Fa/b"),
        SLICE_INIT("/subscriptions"),
        SLICE_INIT("/" S),
        SLICE_INIT(""),
        SLICE_INIT(H "/Subscriptions"),
        SLICE_INIT(H "/%73ubscriptions"),
    };
    for (size_t i = 0; i < COUNT_OF(others); i++)
        ck_assert_msg(!roster_path_is(SLICE(H), guard_copy(others[i])), "row %zu", i);
}
END_TEST

START_TEST(a_path_that_finds_no_room_is_said_to)
{
    struct arena arena;
    const bool speaks[DIALECTS] = {true, true};
    arena_init(&arena, 64);
    ck_assert_int_eq(roster_path_read(&arena, SLICE(H), SLICE(S "/exact/a/b"), speaks).kind,
                     ROSTER_NO_ROOM);
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("hub/roster_path", each_path_is_one_thing, what_only_begins_like_it_is_another_path,
          a_path_that_finds_no_room_is_said_to)
