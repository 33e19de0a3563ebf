/* Base64url: one text for one run of bytes. */

#include "auth/base64url.h"

#include "unit/guard.h"

static struct arena arena;

static enum parse
decode(struct slice text, struct slice *ret)
{
    arena_fini(&arena);
    arena_init(&arena, 65536);
    return base64url_decode(&arena, guard_copy(text), ret);
}

START_TEST(what_is_encoded_is_decoded)
{
    unsigned char bytes[200];
    char text[300];
    struct slice back;
    for (size_t len = 0; len < sizeof bytes; len++) {
        for (size_t i = 0; i < len; i++)
            bytes[i] = (unsigned char)(i * 37 + len);
        size_t n = base64url_encode(SLICE_OF((char *)bytes, len), text);
        ck_assert_uint_eq(n, (len * 4 + 2) / 3);
        ck_assert_int_eq(decode(SLICE_OF(text, n), &back), PARSE_OK);
        ck_assert(slice_eq(back, SLICE_OF((char *)bytes, len)));
    }
    ck_assert_int_eq(decode(SLICE("-_8"), &back), PARSE_OK);
    ck_assert(slice_eq(back, SLICE("\xfb\xff")));
}
END_TEST

START_TEST(what_has_no_single_meaning_is_refused)
{
    static const struct slice bad[] = {
        SLICE_INIT("A"),    SLICE_INIT("AAAAA"), SLICE_INIT("AA=="), SLICE_INIT("AAA="),
        SLICE_INIT("A+A"),  SLICE_INIT("A/A"),   SLICE_INIT("AB"),   SLICE_INIT("AAB"),
        SLICE_INIT("AA\n"), SLICE_INIT(" AAA"),  SLICE_INIT("A\0A"), SLICE_INIT("\xc3\xa4z"),
    };
    struct slice back;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_msg(decode(bad[i], &back) == PARSE_BAD, "row %zu passed", i);
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("auth/base64url", what_is_encoded_is_decoded, what_has_no_single_meaning_is_refused)
