/* Arenas: zeroed and aligned memory up to a maximum, given back at once. */

#include "base/arena.h"

#include <check.h>
#include <string.h>

START_TEST(memory_is_zeroed_and_aligned)
{
    struct arena arena;
    arena_init(&arena, 100000);
    for (size_t size = 1; size < 300; size += 7) {
        unsigned char *p = arena_alloc(&arena, size);
        ck_assert_ptr_nonnull(p);
        ck_assert_uint_eq((uintptr_t)p % 16, 0);
        for (size_t i = 0; i < size; i++)
            ck_assert_uint_eq(p[i], 0);
        memset(p, 0xAA, size);
    }
    arena_fini(&arena);
}
END_TEST

START_TEST(pieces_do_not_overlap)
{
    struct arena arena;
    arena_init(&arena, 1000000);
    unsigned char *piece[200];
    for (int i = 0; i < 200; i++) {
        piece[i] = arena_alloc(&arena, 100);
        memset(piece[i], i, 100);
    }
    for (int i = 0; i < 200; i++)
        for (int k = 0; k < 100; k++)
            ck_assert_int_eq(piece[i][k], i);
    arena_fini(&arena);
}
END_TEST

START_TEST(past_the_maximum_there_is_nothing)
{
    struct arena arena;
    arena_init(&arena, 1000);
    ck_assert_ptr_null(arena_alloc(&arena, 1001));
    ck_assert_ptr_null(arena_alloc(&arena, (size_t)-1));
    ck_assert_ptr_nonnull(arena_alloc(&arena, 900));
    ck_assert_ptr_null(arena_alloc(&arena, 200));
    arena_fini(&arena);
    arena_init(&arena, 0);
    ck_assert_ptr_null(arena_alloc(&arena, 1));
    arena_fini(&arena);
}
END_TEST

START_TEST(a_large_piece_gets_a_block_of_its_own)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    char *large = arena_alloc(&arena, 100000);
    ck_assert_ptr_nonnull(large);
    memset(large, 'x', 100000);
    ck_assert_ptr_nonnull(arena_alloc(&arena, 10));
    arena_fini(&arena);
}
END_TEST

START_TEST(a_finished_arena_may_be_used_again)
{
    struct arena arena;
    arena_init(&arena, 1000);
    for (int i = 0; i < 5; i++) {
        ck_assert_ptr_nonnull(arena_alloc(&arena, 900));
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(a_copy_has_a_nul_behind_it)
{
    struct arena arena;
    arena_init(&arena, 1000);
    struct slice copy;
    ck_assert(arena_copy(&arena, SLICE("ab\0c"), &copy));
    ck_assert(slice_eq(copy, SLICE("ab\0c")));
    ck_assert_int_eq(copy.ptr[copy.len], 0);
    ck_assert(arena_copy(&arena, SLICE_OF(NULL, 0), &copy));
    ck_assert_uint_eq(copy.len, 0);
    ck_assert_int_eq(copy.ptr[0], 0);
    char large[2000] = {0};
    ck_assert(!arena_copy(&arena, SLICE_OF(large, sizeof large), &copy));
    arena_fini(&arena);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/arena");
    TCase *tcase = tcase_create("arena");
    tcase_add_test(tcase, memory_is_zeroed_and_aligned);
    tcase_add_test(tcase, pieces_do_not_overlap);
    tcase_add_test(tcase, past_the_maximum_there_is_nothing);
    tcase_add_test(tcase, a_large_piece_gets_a_block_of_its_own);
    tcase_add_test(tcase, a_finished_arena_may_be_used_again);
    tcase_add_test(tcase, a_copy_has_a_nul_behind_it);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
