/* What of a URL may stand in a log. */

#include "auth/fetch.h"

#include "unit/guard.h"

#define LONG "https://h/0123456789012345678901234567890123456789"

START_TEST(user_password_query_and_fragment_are_not_shown)
{
    static const char *const rows[][2] = {
        {"https://h/jwks", "https://h/jwks"},
        {"https://h", "https://h"},
        {"https://h:8443/a/b.json", "https://h:8443/a/b.json"},
        {"https://user:word@h/jwks", "https://h/jwks"},
        {"https://user:w@rd@h/jwks", "https://h/jwks"},
        {"https://user@h", "https://h"},
        {"https://h/jwks?key=word", "https://h/jwks"},
        {"https://h/jwks#word", "https://h/jwks"},
        {"https://user:word@h?a#b", "https://h"},
        {"https://h/@scope/jwks", "https://h/@scope/jwks"},
        {"file:///etc/alipes/keys.json", "file:///etc/alipes/keys.json"},
        {LONG, "https://h/012345678901234567890123456789012"},
    };
    char into[44];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(slice_eq(fetch_shown(rows[i][0], into, sizeof into), slice_of(rows[i][1])),
                      "row %zu: %s", i, into);
}
END_TEST

START_TEST(a_file_is_told_by_its_scheme)
{
    ck_assert_str_eq(fetch_path("file:///a/b"), "/a/b");
    ck_assert_ptr_null(fetch_path("https://h/file:///a"));
}
END_TEST

UNIT_MAIN("auth/fetch", user_password_query_and_fragment_are_not_shown,
          a_file_is_told_by_its_scheme)
