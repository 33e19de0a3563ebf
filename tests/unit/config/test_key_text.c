/* Keys as they are pasted, and what only looks like one. */

#include "config/key_text.h"

#include "unit/guard.h"

#include <stdlib.h>

#define HEAD "-----BEGIN PUBLIC KEY-----"
#define FOOT "-----END PUBLIC KEY-----"
#define LINE "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define PEM  HEAD "\n" LINE "\nBB==\n" FOOT
#define BOM  "\xef\xbb\xbf"
#define OFF  "were taken off"

static const struct {
    struct slice raw;
    enum key_source_kind kind;
    const char *key, *note;
} taken[] = {
    {SLICE_INIT("secret"), KEY_IN_PLACE, "secret", ""},
    {SLICE_INIT("secret\n"), KEY_IN_FILE, "secret", ""},
    {SLICE_INIT("secret"), KEY_IN_FILE, "secret", ""},
    {SLICE_INIT("secret\n"), KEY_IN_PLACE, "secret", OFF},
    {SLICE_INIT("secret\r\n"), KEY_IN_FILE, "secret", OFF},
    {SLICE_INIT("secret\n\n"), KEY_IN_FILE, "secret", OFF},
    {SLICE_INIT("\nsecret"), KEY_IN_PLACE, "secret", OFF},
    {SLICE_INIT(BOM "secret"), KEY_IN_FILE, "secret", OFF},
    {SLICE_INIT("secret "), KEY_IN_PLACE, "secret ", "ends with a blank"},
    {SLICE_INIT("\tsecret\n"), KEY_IN_FILE, "\tsecret", "begins or ends with a blank"},
    {SLICE_INIT("'secret'"), KEY_IN_PLACE, "'secret'", "wrapped in quotes"},
    {SLICE_INIT("\"secret\""), KEY_IN_PLACE, "\"secret\"", "wrapped in quotes"},
    {SLICE_INIT("two\nlines"), KEY_IN_FILE, "two\nlines", "control character"},
    {SLICE_INIT("'half"), KEY_IN_PLACE, "'half", ""},
    {SLICE_INIT("two words"), KEY_IN_PLACE, "two words", ""},
    {SLICE_INIT("$ecret"), KEY_IN_PLACE, "$ecret", ""},
    {SLICE_INIT("%percent"), KEY_IN_PLACE, "%percent", ""},
    {SLICE_INIT("/abc+/etc/DEF=="), KEY_IN_PLACE, "/abc+/etc/DEF==", ""},
    {SLICE_INIT("category"), KEY_IN_PLACE, "category", ""},
    {SLICE_INIT(PEM), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT(PEM "\n"), KEY_IN_FILE, PEM, ""},
    {SLICE_INIT(BOM PEM "\r\n\r\n"), KEY_IN_FILE, PEM, ""},
    {SLICE_INIT(HEAD "\\n" LINE "\\nBB==\\n" FOOT), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT(HEAD "\\r\\n" LINE "\\r\\nBB==\\r\\n" FOOT "\\r\\n"), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT(HEAD "\r\n" LINE "\r\nBB==\r\n" FOOT "\r\n"), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT(HEAD " " LINE " BB== " FOOT), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT("  " HEAD "\n  " LINE "\n  BB==\n  " FOOT "\n"), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT("\"" HEAD "\\n" LINE "\\nBB==\\n" FOOT "\""), KEY_IN_PLACE, PEM, ""},
    {SLICE_INIT(PEM "\n" PEM "\n"), KEY_IN_FILE, PEM "\n" PEM, ""},
    {SLICE_INIT(HEAD "\nProc-Type: 4\n\nAAAA\n" FOOT), KEY_IN_PLACE,
     HEAD "\nProc-Type: 4\n\nAAAA\n" FOOT, ""},
    {SLICE_INIT(HEAD "\\nAAAA"), KEY_IN_PLACE, HEAD "\nAAAA", ""},
    {SLICE_INIT("-----BEGIN"), KEY_IN_PLACE, "-----BEGIN", ""},
    {SLICE_INIT("{\"kty\":1}"), KEY_IN_PLACE, "{\"kty\":1}", ""},
    {SLICE_INIT("'{\"kty\":1}'\n"), KEY_IN_PLACE, "{\"kty\":1}", ""},
};

static const struct {
    struct slice raw;
    const char *words;
} refused[] = {
    {SLICE_INIT(""), "the key is empty"},
    {SLICE_INIT("\r\n"), "the key is empty"},
    {SLICE_INIT("\"\""), "the key is empty"},
    {SLICE_INIT("' '"), "the key is empty"},
    {SLICE_INIT(BOM), "the key is empty"},
    {SLICE_INIT("\xff\xfes\0e\0"), "UTF-16"},
    {SLICE_INIT("\xfe\xff\0s\0e"), "UTF-16"},
    {SLICE_INIT("${KEY}"), "a placeholder"},
    {SLICE_INIT("${KEY:-default}"), "a placeholder"},
    {SLICE_INIT("$KEY"), "a placeholder"},
    {SLICE_INIT("{$KEY"), "a placeholder"},
    {SLICE_INIT("{$KEY}"), "a placeholder"},
    {SLICE_INIT("{env.KEY"), "a placeholder"},
    {SLICE_INIT("{env.KEY}"), "a placeholder"},
    {SLICE_INIT("{{env.KEY}}"), "a placeholder"},
    {SLICE_INIT("{file./run/key}"), "a placeholder"},
    {SLICE_INIT("%KEY_1%"), "a placeholder"},
    {SLICE_INIT("%env(KEY)%"), "a placeholder"},
    {SLICE_INIT("env(KEY)"), "a placeholder"},
    {SLICE_INIT("'${KEY}'"), "a placeholder"},
    {SLICE_INIT("<%= key %>"), "a placeholder"},
    {SLICE_INIT("`cat /public.key`"), "a command"},
    {SLICE_INIT("$(cat /public.key)"), "a command"},
    {SLICE_INIT("cat config/jwt/public.pem"), "a command"},
    {SLICE_INIT("openssl rand -hex 32"), "a command"},
    {SLICE_INIT("/run/secrets/mercure"), "a path"},
    {SLICE_INIT("/etc/alipes/publisher.key\n"), "a path"},
    {SLICE_INIT("config/jwt/public.pem"), "a path"},
    {SLICE_INIT("./key.pub"), "a path"},
};

START_TEST(a_key_is_taken_as_it_is_meant)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        struct string key = {0};
        struct error note, err = {""};
        bool ok = key_text_read(guard_copy(taken[i].raw), taken[i].kind, &key, &note, &err);
        ck_assert_msg(ok, "row %zu: %s", i, err.text);
        ck_assert_msg(slice_eq(SLICE_OF(key.ptr, key.len), slice_of(taken[i].key)), "row %zu: %s",
                      i, key.ptr);
        ck_assert_msg(taken[i].note[0] ? strstr(note.text, taken[i].note) != NULL
                                       : note.text[0] == 0,
                      "row %zu: %s", i, note.text);
        free(key.ptr);
    }
}
END_TEST

START_TEST(what_looks_like_something_else_is_refused)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct string key;
        struct error note, err = {""};
        ck_assert_msg(!key_text_read(guard_copy(refused[i].raw), KEY_IN_PLACE, &key, &note, &err),
                      "row %zu", i);
        ck_assert_msg(strstr(err.text, refused[i].words), "row %zu: %s", i, err.text);
    }
}
END_TEST

START_TEST(every_part_of_a_key_is_read_without_harm)
{
    for (size_t i = 0; i < COUNT_OF(taken); i++) {
        for (size_t len = 0; len < taken[i].raw.len; len++) {
            struct string key;
            struct error note, err;
            if (key_text_read(guard_copy(slice_head(taken[i].raw, len)), KEY_IN_FILE, &key, &note,
                              &err))
                free(key.ptr);
        }
    }
}
END_TEST

UNIT_MAIN("config/key_text", a_key_is_taken_as_it_is_meant,
          what_looks_like_something_else_is_refused, every_part_of_a_key_is_read_without_harm)
