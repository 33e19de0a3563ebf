/* Files of web servers, read as text. */

#include "cli/doctor/front_text.h"

#include "unit/guard.h"

static struct buf
plain_of(const char *raw)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    front_text_plain(guard_copy(slice_of(raw)), &out);
    return out;
}

START_TEST(comments_go_and_blanks_count_as_one)
{
    struct buf text = plain_of("# all\n  a\t  b # c\r\n\n[m#x#]\n");
    ck_assert(slice_eq(buf_slice(&text), SLICE("\n\na b \n\n[m#x#]\n")));
    buf_fini(&text);
}
END_TEST

START_TEST(one_of_the_words_is_there_in_letters_of_either_case)
{
    struct buf text = plain_of("ProxyPass /a b Flushpackets=ON\n# CGIPassAuth On\n");
    ck_assert(front_text_has(&text, "flushpackets=on"));
    ck_assert(front_text_has(&text, "none|PROXYPASS"));
    ck_assert(!front_text_has(&text, "CGIPassAuth"));
    ck_assert(!front_text_has(&text, ""));
    ck_assert(!front_text_has(&text, "|"));
    buf_fini(&text);
}
END_TEST

START_TEST(the_last_number_counts_and_of_times_the_longest)
{
    double value = 7;
    struct buf text = plain_of("n 150\nn off\nn 1000\nt 2m\nt 30s\nt 500ms\nu 9000\nv 1d\nw x");
    ck_assert(front_text_number(&text, "n ", &value) && value == 1000);
    ck_assert(front_text_longest(&text, "t ", 1, &value) && value == 120);
    ck_assert(front_text_longest(&text, "u ", 0.001, &value) && value == 9);
    ck_assert(front_text_longest(&text, "v ", 1, &value) && value == 86400);
    ck_assert(!front_text_longest(&text, "w ", 1, &value) && value == 86400);
    ck_assert(!front_text_number(&text, "z", &value));
    buf_fini(&text);
}
END_TEST

UNIT_MAIN("cli/doctor/front_text", comments_go_and_blanks_count_as_one,
          one_of_the_words_is_there_in_letters_of_either_case,
          the_last_number_counts_and_of_times_the_longest)
