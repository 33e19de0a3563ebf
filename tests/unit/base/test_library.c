/* Libraries that are opened late: the C library stands for one. */

#include "base/library.h"

#include "unit/guard.h"

#include <stdlib.h>

#define CALLS(X)                                                                                   \
    X(strlen)                                                                                      \
    X(abs)

static struct {
    CALLS(LIBRARY_POINTER)
} lib;
static const struct library_call names[] = {CALLS(LIBRARY_NAME) LIBRARY_END};

START_TEST(its_functions_can_be_called)
{
    static struct library libc = LIBRARY_INIT("libc.so.6", names, &lib);
    struct error err;
    for (int i = 0; i < 2; i++)
        ck_assert(library_open(&libc, &err));
    ck_assert(lib.strlen("four") == 4 && lib.abs(-3) == 3);
}
END_TEST

START_TEST(what_is_missing_is_named)
{
    static const struct library_call strange[] = {
        {"strlen", NULL}, {"no_such_function", NULL}, LIBRARY_END};
    static struct library file = LIBRARY_INIT("libnosuch.so.9", names, &lib);
    static struct library function = LIBRARY_INIT("libc.so.6", strange, &lib);
    struct error err;
    for (int i = 0; i < 2; i++) {
        ck_assert(!library_open(&file, &err) && strstr(err.text, "libnosuch.so.9"));
        ck_assert(!library_open(&function, &err) && strstr(err.text, "no_such_function"));
    }
}
END_TEST

UNIT_MAIN("base/library", its_functions_can_be_called, what_is_missing_is_named)
