/* cookie - one value out of a Cookie header (RFC 6265, section 4.2), the blank after `;` optional.
 */

#include "request/cookie.h"

bool
cookie_find(struct slice header_value, struct slice name, struct slice *ret_value)
{
    struct slice rest = header_value, pair;
    while (slice_cut(&rest, ';', &pair)) {
        pair = slice_trim(pair);
        size_t eq = slice_index(pair, '=');
        if (eq == pair.len || !slice_eq(slice_head(pair, eq), name))
            continue;
        struct slice value = slice_from(pair, eq + 1);
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"')
            value = SLICE_OF(value.ptr + 1, value.len - 2);
        *ret_value = value;
        return true;
    }
    return false;
}
