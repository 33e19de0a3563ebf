/* unicode - ICU, for hubs that meet more than ASCII.
 *
 * Its functions and its file carry its version, which is that of the headers this was built with;
 * only that one is asked for. */

#include "topic/unicode.h"

#include "base/log.h"

#define FILE_OF(version) LIBRARY_STRING(libicuuc.so.version)

static struct unicode calls;
static const struct library_call names[] = {UNICODE_CALLS(LIBRARY_NAME) LIBRARY_END};
static struct library icu = LIBRARY_INIT(FILE_OF(U_ICU_VERSION_MAJOR_NUM), names, &calls);

const struct unicode *
unicode(void)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    struct error err;
    if (library_open(&icu, &err))
        return &calls;
    if (!atomic_flag_test_and_set(&said))
        log_line(LOG_ERROR, "library_missing",
                 "error=%s msg=\"what is not ASCII is refused while ICU cannot be opened\"",
                 log_slice((char[600]){0}, 600, slice_of(err.text)));
    return NULL;
}
