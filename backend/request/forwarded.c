/* forwarded - the last element of a list. Whatever is odd about it is not told. */

#include "request/forwarded.h"

#include "base/cidr.h"

static struct slice
scheme_of(struct slice text)
{
    return slice_eq_nocase(text, SLICE("https"))  ? SLICE("https")
           : slice_eq_nocase(text, SLICE("http")) ? SLICE("http")
                                                  : SLICE("");
}

/* 192.0.2.1, 192.0.2.1:80, [2001:db8::1]:80, 2001:db8::1 */
static struct slice
address_of(struct slice text)
{
    unsigned char bytes[16];
    size_t colon = slice_index(text, ':');
    if (text.len && text.ptr[0] == '[') {
        size_t end = slice_index(text, ']');
        text = end < text.len ? SLICE_OF(text.ptr + 1, end - 1) : SLICE("");
    } else if (colon < text.len && slice_count(text, ':') == 1) {
        text = slice_head(text, colon);
    }
    return cidr_read_address(text, bytes) ? text : SLICE("");
}

static struct slice
last_of_list(struct slice list)
{
    size_t at = list.len;
    while (at && list.ptr[at - 1] != ',')
        at--;
    return slice_trim(slice_from(list, at));
}

struct forwarded_client
forwarded_read_x(struct slice proto, struct slice for_)
{
    return (struct forwarded_client){scheme_of(last_of_list(proto)),
                                     address_of(last_of_list(for_))};
}

/* A token or a quoted string. One with a backslash in it holds no address and no scheme. */
static struct slice
unquoted(struct slice s)
{
    bool is_quoted = s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"';
    return is_quoted ? SLICE_OF(s.ptr + 1, s.len - 2) : s;
}

struct forwarded_client
forwarded_read(struct slice value)
{
    struct forwarded_client client = {SLICE(""), SLICE("")};
    struct slice element = value;
    for (size_t end; (end = slice_index_unquoted(element, ',')) < element.len;)
        element = slice_from(element, end + 1);
    while (element.len) {
        size_t end = slice_index_unquoted(element, ';');
        struct slice pair = slice_trim(slice_head(element, end));
        size_t eq = slice_index(pair, '=');
        struct slice name = slice_trim(slice_head(pair, eq));
        struct slice text = unquoted(slice_trim(slice_from(pair, eq + 1)));
        if (slice_eq_nocase(name, SLICE("proto")))
            client.scheme = scheme_of(text);
        else if (slice_eq_nocase(name, SLICE("for")))
            client.address = address_of(text);
        element = slice_from(element, end + 1);
    }
    return client;
}
