/* A regular expression, a newline, what it is to match: any bytes are translated or refused with a
 * sentence, and a match ends within its steps. */

#include "base/alloc.h"
#include "topic/regex.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct error err = {""};
    struct slice subject = SLICE_OF(bytes, len), text = {0};
    uint64_t steps = 2000, left;
    slice_cut(&subject, '\n', &text);
    struct regex *regex = regex_new(text, &err);
    ENSURE((regex == NULL) == (err.text[0] != 0));
    for (size_t i = 0; i < subject.len; i++)
        subject.len = (unsigned char)subject.ptr[i] < 0x80 ? subject.len : i;
    if (regex) {
        left = steps;
        enum match match = regex_match(regex, subject, &left);
        ENSURE(left <= steps && (match != MATCH_LIMIT || left == 0));
        ENSURE(regex_size(regex) > 0);
    }
    regex_free(&regex);
    return 0;
}
