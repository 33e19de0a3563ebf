/* The one spelling of an origin that browsers send. */

#include "config/origin_setting.h"

#include "unit/guard.h"

static const struct {
    struct slice text;
    const char *kept;
} fine[] = {
    {SLICE_INIT("*"), "*"},
    {SLICE_INIT("null"), "null"},
    {SLICE_INIT("https://app.example.com"), "https://app.example.com"},
    {SLICE_INIT("http://localhost:3000"), "http://localhost:3000"},
    {SLICE_INIT("https://App.Example.COM"), "https://app.example.com"},
    {SLICE_INIT("http://a:443"), "http://a:443"},
    {SLICE_INIT("https://*.example.com"), "https://*.example.com"},
    {SLICE_INIT("https://*"), "https://*"},
    {SLICE_INIT("http://localhost:*"), "http://localhost:*"},
    {SLICE_INIT("http://[::1]:8080"), "http://[::1]:8080"},
    {SLICE_INIT("http://[::1]"), "http://[::1]"},
    {SLICE_INIT("capacitor://localhost"), "capacitor://localhost"},
    {SLICE_INIT("chrome-extension://abcdef"), "chrome-extension://abcdef"},
};

static const struct {
    struct slice text;
    const char *words;
} wrong[] = {
    {SLICE_INIT(""), "an origin is empty"},
    {SLICE_INIT("https://app.example.com/"), "no slash behind it; write https://app.example.com"},
    {SLICE_INIT("https://a.example/app"), "no path behind it; write https://a.example"},
    {SLICE_INIT("https://a.example:443"), "the scheme's own port out; write https://a.example"},
    {SLICE_INIT("http://a.example:80/"), "write http://a.example"},
    {SLICE_INIT("https://a.example:"), "write https://a.example"},
    {SLICE_INIT("app.example.com"), "the scheme is missing; write https://app.example.com"},
    {SLICE_INIT("localhost:3000"), "write http://localhost:3000"},
    {SLICE_INIT("*.example.com"), "write https://*.example.com"},
    {SLICE_INIT("https://a.example,"), "separated by blanks; write https://a.example"},
    {SLICE_INIT("https://a,https://b"), "separated by blanks"},
    {SLICE_INIT("'*'"), "the quotes are part of it; write *"},
    {SLICE_INIT("'https://a.example'"), "write https://a.example"},
    {SLICE_INIT("\"https://a.example/\""), "write https://a.example"},
    {SLICE_INIT("http://"), "the host is missing; was a variable empty?"},
    {SLICE_INIT("http://:3000"), "the host is missing"},
    {SLICE_INIT("http://${HOST}"), "was a variable not filled in?"},
    {SLICE_INIT("https://{env.HOST"), "was a variable not filled in?"},
    {SLICE_INIT("https://b\xc3\xbc"
                "cher.example"),
     "xn--"},
    {SLICE_INIT("https://a.example:99999"), "a port is a number up to 65535"},
    {SLICE_INIT("https://*.a.*"), "one * at most"},
    {SLICE_INIT("https://me:word@a.example"), "without user name"},
    {SLICE_INIT("^https://.*$"), "was a variable not filled in?"},
};

START_TEST(what_browsers_send_is_kept)
{
    for (size_t i = 0; i < COUNT_OF(fine); i++) {
        struct buf out;
        struct error err = {""};
        buf_init(&out, 200);
        bool ok = origin_setting_read(guard_copy(fine[i].text), &out, &err);
        ck_assert_msg(ok, "row %zu: %s", i, err.text);
        ck_assert_msg(slice_eq(buf_slice(&out), slice_of(fine[i].kept)), "row %zu", i);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(what_never_matches_is_refused_with_the_right_spelling)
{
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct buf out;
        struct error err = {""};
        buf_init(&out, 200);
        ck_assert_msg(!origin_setting_read(guard_copy(wrong[i].text), &out, &err), "row %zu", i);
        size_t at = slice_find(slice_of(err.text), slice_of(wrong[i].words));
        ck_assert_msg(at < strlen(err.text), "row %zu: %s", i, err.text);
        const char *write = strstr(wrong[i].words, "write ");
        ck_assert_msg(!write || strlen(err.text) == at + strlen(wrong[i].words),
                      "row %zu, nothing behind the spelling: %s", i, err.text);
        buf_fini(&out);
    }
}
END_TEST

UNIT_MAIN("config/origin_setting", what_browsers_send_is_kept,
          what_never_matches_is_refused_with_the_right_spelling)
