/* etag - one tag, and the question whether a client has it.
 *
 * Comparison is the weak one: `W/` does not count. What is malformed is compared up to the next
 * comma, and so matches nothing but a bare id: at worst the document is sent once more. */

#include "request/etag.h"

static const char digits[] = "0123456789ABCDEF";

void
etag_add(struct buf *out, struct slice id)
{
    buf_add_byte(out, '"');
    for (size_t i = 0; i < id.len; i++) {
        unsigned char c = (unsigned char)id.ptr[i];
        if (c > 0x20 && c != '"' && c != '%' && c != 0x7f) {
            buf_add_byte(out, (char)c);
            continue;
        }
        const char escaped[] = {'%', digits[c >> 4], digits[c & 15]};
        buf_add(out, SLICE_OF(escaped, sizeof escaped));
    }
    buf_add_byte(out, '"');
}

/* Cuts the first member off the list: a tag with its quotes, or what stands before a comma. */
static struct slice
cut(struct slice *list)
{
    struct slice all = slice_trim(*list);
    if (slice_starts(all, SLICE("W/")))
        all = slice_from(all, 2);
    size_t end = slice_index(all, ',');
    if (all.len && all.ptr[0] == '"') { /* a comma may stand in it */
        size_t quote = slice_index(slice_from(all, 1), '"') + 2;
        if (quote <= all.len)
            end = quote + slice_index(slice_from(all, quote), ',');
    }
    struct slice member = slice_trim(slice_head(all, end));
    *list = slice_from(all, end + 1);
    return member;
}

bool
etag_is_listed(struct slice list, struct slice tag, struct slice bare)
{
    struct slice rest = list;
    if (bare.ptr && slice_eq(slice_trim(list), bare))
        return true; /* whatever it holds */
    while (rest.len) {
        struct slice member = cut(&rest);
        if (slice_eq(member, tag) || slice_eq(member, SLICE("*")) ||
            (bare.ptr && slice_eq(member, bare)))
            return true;
    }
    return false;
}
