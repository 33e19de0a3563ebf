/* What names may hold. */

#include "topic/text.h"

#include "unit/guard.h"

static const struct {
    struct slice text;
    enum text_fault fault;
} rows[] = {
    {SLICE_INIT(""), TEXT_OK},
    {SLICE_INIT("https://example.com/{id}?x=%zz "), TEXT_OK},
    {SLICE_INIT("caf\xC3\xA9 \xE2\x98\x83 \xF0\x9F\x98\x80"), TEXT_OK},
    {SLICE_INIT("\xC2\xA0"), TEXT_OK},
    {SLICE_INIT("a\0b"), TEXT_CONTROL},
    {SLICE_INIT("\n"), TEXT_CONTROL},
    {SLICE_INIT("\x1F"), TEXT_CONTROL},
    {SLICE_INIT("\x7F"), TEXT_CONTROL},
    {SLICE_INIT("\xC2\x80"), TEXT_CONTROL},
    {SLICE_INIT("\xC2\x9F"), TEXT_CONTROL},
    {SLICE_INIT("soft\xC2\xADhyphen"), TEXT_FORMAT},
    {SLICE_INIT("\xD8\x9C"), TEXT_FORMAT},         /* U+061C ARABIC LETTER MARK */
    {SLICE_INIT("\xE2\x80\x8B"), TEXT_FORMAT},     /* U+200B ZERO WIDTH SPACE */
    {SLICE_INIT("\xE2\x80\x8D"), TEXT_FORMAT},     /* U+200D ZERO WIDTH JOINER */
    {SLICE_INIT("\xE2\x80\xAE"), TEXT_FORMAT},     /* U+202E RIGHT-TO-LEFT OVERRIDE */
    {SLICE_INIT("\xEF\xBB\xBF"), TEXT_FORMAT},     /* U+FEFF, the byte order mark */
    {SLICE_INIT("\xF0\x91\x82\xBD"), TEXT_FORMAT}, /* U+110BD KAITHI NUMBER SIGN */
    {SLICE_INIT("\xF3\xA0\x80\x81"), TEXT_FORMAT}, /* U+E0001 LANGUAGE TAG */
    {SLICE_INIT("\xE2\x80\xA8"), TEXT_OK},         /* U+2028, \p{Zl} */
    {SLICE_INIT("\xEE\x80\x80"), TEXT_OK},         /* U+E000, private use */
    {SLICE_INIT("\xEF\xBF\xBF"), TEXT_OK},         /* U+FFFF, \p{Cn} */
    {SLICE_INIT("\x80"), TEXT_NOT_UTF8},
    {SLICE_INIT("\n\xFF"), TEXT_NOT_UTF8},
    {SLICE_INIT("\xC0\xAF"), TEXT_NOT_UTF8},
    {SLICE_INIT("\xED\xA0\x80"), TEXT_NOT_UTF8},
    {SLICE_INIT("\xF4\x90\x80\x80"), TEXT_NOT_UTF8},
    {SLICE_INIT("\xE2\x98"), TEXT_NOT_UTF8},
};

START_TEST(every_row_has_its_fault)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        ck_assert_msg(text_judge(guard_copy(rows[i].text)) == rows[i].fault, "row %zu", i);
}
END_TEST

START_TEST(scalars_of_what_is_well_formed_are_the_bytes_themselves)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena;
        struct slice in = guard_copy(rows[i].text), out;
        arena_init(&arena, 4096);
        ck_assert(text_scalars(&arena, in, &out));
        ck_assert(slice_is_utf8(out));
        ck_assert((out.ptr == in.ptr) == (rows[i].fault != TEXT_NOT_UTF8));
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(latin_1_becomes_the_same_characters)
{
    char all[256], out[512];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    size_t n = text_from_latin1(guard_copy(SLICE_OF(all, sizeof all)), out);
    ck_assert_uint_eq(n, 128 + 2 * 128);
    ck_assert(slice_is_utf8(SLICE_OF(out, n)) && memcmp(out, all, 128) == 0);
    for (size_t i = 0; i < 128; i++) {
        unsigned char lead = (unsigned char)out[128 + 2 * i],
                      next = (unsigned char)out[129 + 2 * i];
        ck_assert_uint_eq((lead & 0x1Fu) << 6 | (next & 0x3Fu), 128 + i);
    }
    ck_assert_uint_eq(text_from_latin1(SLICE("\xE9"
                                             "1"),
                                       out),
                      3);
    ck_assert_int_eq(memcmp(out,
                            "\xC3\xA9"
                            "1",
                            3),
                     0);
}
END_TEST

UNIT_MAIN("topic/text", every_row_has_its_fault, latin_1_becomes_the_same_characters,
          scalars_of_what_is_well_formed_are_the_bytes_themselves)
