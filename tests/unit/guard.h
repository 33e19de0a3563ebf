#ifndef UNIT_GUARD_H
#define UNIT_GUARD_H

/* Bytes that end where readable memory ends: one byte read too far is a fault. */

#include "base/slice.h"

#include <check.h>
#include <string.h>
#include <sys/mman.h>

enum {
    GUARD_ROOM = 65536
};

static inline struct slice
guard_copy(struct slice s)
{
    static char *room;
    if (room == NULL) {
        room = mmap(NULL, GUARD_ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                    -1, 0);
        ck_assert_ptr_ne(room, MAP_FAILED);
        ck_assert_int_eq(mprotect(room + GUARD_ROOM, 4096, PROT_NONE), 0);
    }
    ck_assert_uint_le(s.len, GUARD_ROOM);
    char *at = room + GUARD_ROOM - s.len;
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return SLICE_OF(at, s.len);
}

/* main() of a test program: one suite of one case. */
#define UNIT_MAIN(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        Suite *suite = suite_create(name);                                                         \
        TCase *tcase = tcase_create(name);                                                         \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)                                \
            tcase_add_test(tcase, tests[i]);                                                       \
        suite_add_tcase(suite, tcase);                                                             \
        SRunner *runner = srunner_create(suite);                                                   \
        srunner_run_all(runner, CK_NORMAL);                                                        \
        int failed = srunner_ntests_failed(runner);                                                \
        srunner_free(runner);                                                                      \
        return failed ? 1 : 0;                                                                     \
    }

#endif
