/* ask - URL Patterns, asked from outside: the differential test's other side.
 *
 * Each line of standard input is a JSON array [pattern, base or null, topic, …]; each line of
 * output is `-` and why, if there is no such pattern, or `+` and a letter a topic: y, n, L (too
 * many steps), u (no URL). */

#include "topic/pattern.h"
#include "topic/url_parse.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct slice
text_of(const json_t *s)
{
    return SLICE_OF(json_string_value(s), json_string_length(s));
}

static char
ask(const struct pattern *p, const struct url *base, struct slice topic)
{
    struct arena arena;
    struct url url;
    struct slice key;
    char answer = 'u';
    uint64_t steps = 10000;
    arena_init(&arena, 1 << 24);
    if (url_parse(&arena, topic, base, &url)) {
        answer = "nyL"[pattern_match(p, &url, &steps)];
        if (!pattern_key(&arena, &url, &key) ||
            (answer == 'y' && !slice_starts(key, pattern_literal_prefix(p))))
            abort();
    }
    arena_fini(&arena);
    return answer;
}

static void
answer(const json_t *row)
{
    struct arena arena;
    struct error err;
    struct url url;
    const struct url *base = NULL;
    struct slice text = {NULL, 0};
    arena_init(&arena, 1 << 20);
    if (json_is_string(json_array_get(row, 1))) {
        text = text_of(json_array_get(row, 1));
        if (url_parse(&arena, text, NULL, &url))
            base = &url;
    }
    struct pattern *p = pattern_new(text_of(json_array_get(row, 0)), text, &err);
    putchar(p ? '+' : '-');
    if (p == NULL)
        fputs(err.text, stdout);
    for (size_t i = 2; p && i < json_array_size(row); i++)
        putchar(ask(p, base, text_of(json_array_get(row, i))));
    putchar('\n');
    pattern_free(&p);
    arena_fini(&arena);
}

int
main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t len;
    while ((len = getline(&line, &room, stdin)) > 0) {
        json_t *row = json_loadb(line, (size_t)len, JSON_ALLOW_NUL, NULL);
        if (row == NULL)
            abort();
        answer(row);
        json_decref(row);
    }
    free(line);
    return 0;
}
