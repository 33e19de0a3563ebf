/* token_text - a header, a cookie, quotes and a line end around a token are no part of it. */

#include "cli/token_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_TEXT = 1 << 20
};

bool
token_text_is(const char *word)
{
    struct slice s = slice_of(word);
    return slice_count(s, '.') == 2 && slice_starts(s, SLICE("ey"));
}

static bool
is_one_of(const char *set, char c)
{
    return c && strchr(set, c) != NULL;
}

static struct slice
trim(struct slice s)
{
    static const struct slice before[] = {
        SLICE_INIT("Authorization:"),
        SLICE_INIT("Bearer "),
        SLICE_INIT("Cookie:"),
        SLICE_INIT("mercureAuthorization="),
        SLICE_INIT("__Secure-mercure_access_token="),
    };
    size_t was;
    do {
        was = s.len;
        while (s.len && is_one_of("\r\n\"' \t;,", s.ptr[s.len - 1]))
            s.len--;
        while (s.len && is_one_of("\r\n\"' \t", s.ptr[0]))
            s = slice_from(s, 1);
        for (size_t i = 0; i < COUNT_OF(before); i++)
            if (slice_eq_nocase(slice_head(s, before[i].len), before[i]))
                s = slice_from(s, before[i].len);
    } while (s.len < was);
    return s;
}

bool
token_text_read(const char *path, struct buf *text, struct slice *ret, struct error *err)
{
    char part[4096];
    size_t n;
    FILE *f = path ? fopen(path, "re") : stdin;
    buf_init(text, MAX_TEXT);
    if (f == NULL)
        return error_set(err, "cannot read %.300s: %s", path, strerror(errno));
    if (f == stdin && isatty(STDIN_FILENO))
        fputs("Paste the token, then press Return and Ctrl-D.\n", stderr);
    while ((n = fread(part, 1, sizeof part, f)) > 0)
        buf_add(text, SLICE_OF(part, n));
    if (path)
        fclose(f);
    *ret = trim(buf_slice(text));
    return !text->failed || error_set(err, "larger than a token can be");
}
