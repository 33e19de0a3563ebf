/* json_string - what has to be escaped is; everything else goes out as it is.
 *
 * Strings of ours may hold NUL, which the libraries that read C strings cut. */

#include "base/json_string.h"

void
json_string_write(struct buf *out, struct slice s)
{
    buf_add_byte(out, '"');
    size_t plain = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        buf_add(out, slice_from(slice_head(s, i), plain));
        plain = i + 1;
        if (c == '\n')
            buf_add(out, SLICE("\\n"));
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else
            buf_addf(out, "\\%c", c);
    }
    buf_add(out, slice_from(s, plain));
    buf_add_byte(out, '"');
}
