/* What `token inspect` reads of a token before anybody vouched for it, and how it prints a
 * stranger's text: without a byte that could move a terminal's cursor. */

#include "base/alloc.h"
#include "cli/hearsay.h"
#include "cli/plain.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    char *out;
    size_t size;
    struct hearsay said;
    struct slice text = SLICE_OF(bytes, len);
    hearsay_read(&said, text);
    FILE *f = open_memstream(&out, &size);
    plain_write(f, said.aud ? slice_of(said.aud) : text);
    fclose(f);
    for (size_t i = 0; i < size; i++)
        ENSURE((unsigned char)out[i] >= 0x20 && out[i] != 0x7f);
    ENSURE(slice_is_utf8(SLICE_OF(out, size)));
    free(out);
    hearsay_fini(&said);
    return 0;
}
