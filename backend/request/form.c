/* form - names and values, decoded one pair at a time. */

#include "request/form.h"

#include <string.h>

static int
hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
decode(struct arena *arena, struct slice in, bool plus, struct slice *ret)
{
    bool plain = true;
    for (size_t i = 0; i < in.len && plain; i++)
        plain = in.ptr[i] != '%' && !(plus && in.ptr[i] == '+');
    if (plain) {
        *ret = in;
        return true;
    }
    char *out = arena_alloc(arena, in.len);
    size_t n = 0;
    if (out == NULL)
        return false;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '%' && in.len - i > 2 && hex(in.ptr[i + 1]) >= 0 && hex(in.ptr[i + 2]) >= 0) {
            c = (char)(hex(in.ptr[i + 1]) << 4 | hex(in.ptr[i + 2]));
            i += 2;
        } else if (plus && c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    *ret = SLICE_OF(out, n);
    return true;
}

bool
percent_decode(struct arena *arena, struct slice in, struct slice *ret_decoded)
{
    return decode(arena, in, false, ret_decoded);
}

bool
form_next(struct form *f, struct arena *arena, struct slice *ret_name, struct slice *ret_value,
          bool *ret_failed)
{
    struct slice pair;
    do {
        if (!slice_cut(&f->rest, '&', &pair))
            return false;
    } while (pair.len == 0);
    size_t eq = slice_index(pair, '=');
    if (decode(arena, slice_head(pair, eq), true, ret_name) &&
        decode(arena, slice_from(pair, eq + 1), true, ret_value))
        return true;
    *ret_failed = true;
    return false;
}
