/* A web server's file of whatever bytes: read twice it is the same, and every number is one. */

#include "base/alloc.h"
#include "cli/doctor/front_text.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct buf once, twice;
    double value = 0;
    buf_init(&once, SIZE_MAX);
    buf_init(&twice, SIZE_MAX);
    front_text_plain(SLICE_OF(bytes, len), &once);
    front_text_plain(buf_slice(&once), &twice);
    ENSURE(twice.len >= once.len);
    ENSURE(!front_text_number(&once, "timeout ", &value) || value >= 0);
    ENSURE(!front_text_longest(&once, "timeout ", 0.001, &value) || value >= 0);
    ENSURE(!front_text_number(&once, "timeout ", &value) || front_text_has(&once, "TIMEOUT "));
    buf_fini(&once);
    buf_fini(&twice);
    return 0;
}
