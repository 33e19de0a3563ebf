/* form - names and values, decoded one pair at a time. */

#include "request/form.h"

#include "request/media.h"
#include "topic/percent.h"

/* As percent_decode(), and `+` is a space. */
static bool
decode(struct arena *arena, struct slice in, struct slice *ret)
{
    if (arena == NULL) {
        *ret = percent_decode_in_place(in, true);
        return true;
    }
    if (slice_index(in, '+') == in.len)
        return percent_decode(arena, in, ret);
    char *spaced = arena_alloc(arena, in.len);
    if (spaced == NULL)
        return false;
    for (size_t i = 0; i < in.len; i++)
        spaced[i] = (char)(in.ptr[i] == '+' ? ' ' : in.ptr[i]);
    return percent_decode(arena, SLICE_OF(spaced, in.len), ret);
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
    if (decode(arena, slice_head(pair, eq), ret_name) &&
        decode(arena, slice_from(pair, eq + 1), ret_value))
        return true;
    *ret_failed = true;
    return false;
}

enum form_announced
form_announced(const struct request *r)
{
    struct slice type;
    if (!request_header(r, SLICE("Content-Type"), &type) || !media_type_read(type, &type))
        return FORM_UNREADABLE;
    return slice_eq_nocase(type, SLICE("application/x-www-form-urlencoded")) ? FORM_FORM
                                                                             : FORM_ELSE;
}
