/* plain - character by character, each judged as a topic of 1.0 is. */

#include "cli/plain.h"

#include "topic/text.h"

/* The length of the character at the start of `s`, 1 where it is not UTF-8. */
static size_t
length_of(struct slice s)
{
    for (size_t len = 1; len <= 4 && len <= s.len; len++)
        if (slice_is_utf8(slice_head(s, len)))
            return len;
    return 1;
}

void
plain_write(FILE *out, struct slice text)
{
    while (text.len) {
        struct slice one = slice_head(text, length_of(text));
        if (text_judge(one) == TEXT_OK)
            fwrite(one.ptr, 1, one.len, out);
        else
            for (size_t i = 0; i < one.len; i++)
                fprintf(out, "\\x%02x", (unsigned char)one.ptr[i]);
        text = slice_from(text, one.len);
    }
}
