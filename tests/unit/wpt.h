#ifndef UNIT_WPT_H
#define UNIT_WPT_H

/* The web-platform-tests' own data, in tests/data/wpt.
 *
 * JSON may hold lone surrogates. What takes a URL takes a USVString, whose conversion makes U+FFFD
 * of each; Jansson refuses them. So the files are read through that conversion: an escape of a
 * surrogate without its other half becomes \uFFFD before Jansson sees it. */

#include "base/slice.h"

#include <check.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The unit of the \uXXXX at p, or -1. */
static inline long
wpt_escaped_unit(const char *p)
{
    if (p[0] != '\\' || p[1] != 'u')
        return -1;
    char digits[5] = {0};
    for (int i = 0; i < 4; i++) {
        if (!isxdigit((unsigned char)p[2 + i]))
            return -1;
        digits[i] = p[2 + i];
    }
    return strtol(digits, NULL, 16);
}

static inline void
wpt_replace_lone_surrogates(char *text)
{
    for (char *p = text; *p; p++) {
        long unit = wpt_escaped_unit(p);
        if (unit >= 0xD800 && unit <= 0xDBFF && wpt_escaped_unit(p + 6) >= 0xDC00 &&
            wpt_escaped_unit(p + 6) <= 0xDFFF) {
            p += 11;
        } else if (unit >= 0xD800 && unit <= 0xDFFF) {
            memcpy(p, "\\uFFFD", 6);
            p += 5;
        } else if (*p == '\\') {
            p++;
        }
    }
}

static inline json_t *
wpt_load(const char *name)
{
    char path[256];
    json_error_t error;
    snprintf(path, sizeof path, "tests/data/wpt/%s", name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s cannot be opened", path);
    size_t room = 1 << 20;
    char *text = calloc(1, room);
    ck_assert_ptr_ne(text, NULL);
    size_t len = fread(text, 1, room - 1, f);
    ck_assert_uint_lt(len, room - 1);
    fclose(f);
    wpt_replace_lone_surrogates(text);
    json_t *rows = json_loadb(text, len, JSON_ALLOW_NUL, &error);
    ck_assert_msg(rows != NULL, "%s:%d: %s", path, error.line, error.text);
    free(text);
    return rows;
}

static inline struct slice
wpt_text(const json_t *value)
{
    return SLICE_OF(json_string_value(value), json_string_length(value));
}

#endif
