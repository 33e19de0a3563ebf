/* A stranger's text on a terminal. */

#include "cli/plain.h"

#include "unit/guard.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    struct slice text;
    const char *plain;
} rows[] = {
    {SLICE_INIT(""), ""},
    {SLICE_INIT("https://example.com/{id}?a=b \"'\\"), "https://example.com/{id}?a=b \"'\\"},
    {SLICE_INIT("caf\xc3\xa9 \xe4\xbd\xa0 \xf0\x9f\x98\x80"),
     "caf\xc3\xa9 \xe4\xbd\xa0 \xf0\x9f\x98\x80"},
    {SLICE_INIT("a\x1b[2Jb\x7f\n"), "a\\x1b[2Jb\\x7f\\x0a"},
    {SLICE_INIT("a\0b"), "a\\x00b"},
    {SLICE_INIT("\xc2\x9b\x31m\xc2\x85"), "\\xc2\\x9b1m\\xc2\\x85"}, /* C1 */
    {SLICE_INIT("\xe2\x80\xae\xe2\x81\xa6\xe2\x80\x8f"),             /* the order of reading */
     "\\xe2\\x80\\xae\\xe2\\x81\\xa6\\xe2\\x80\\x8f"},
    {SLICE_INIT("\xe2\x80\x8b\xef\xbb\xbf\xc2\xad"), /* not to be seen */
     "\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\xc2\\xad"},
    {SLICE_INIT("\x9b\xff\xc3"), "\\x9b\\xff\\xc3"},
    {SLICE_INIT("\xed\xa0\x80\xc3\xa9"), "\\xed\\xa0\\x80\xc3\xa9"},
};

START_TEST(what_could_move_or_hide_is_escaped_and_the_rest_is_as_it_is)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char *out;
        size_t len;
        FILE *f = open_memstream(&out, &len);
        plain_write(f, guard_copy(rows[i].text));
        fclose(f);
        ck_assert_msg(strcmp(out, rows[i].plain) == 0, "row %zu: %s", i, out);
        free(out);
    }
}
END_TEST

UNIT_MAIN("cli/plain", what_could_move_or_hide_is_escaped_and_the_rest_is_as_it_is)
