/* libcurl - opened for the first set over HTTPS, or by a command that asks a hub by its URL. */

#include "base/libcurl.h"

struct libcurl libcurl;

static const struct library_call names[] = {LIBCURL_CALLS(LIBRARY_NAME) LIBRARY_END};
static struct library library = LIBRARY_INIT("libcurl.so.4", names, &libcurl);

static void
begin(void)
{
    libcurl.curl_global_init(CURL_GLOBAL_DEFAULT);
}

bool
libcurl_open(struct error *err)
{
    static pthread_once_t begun = PTHREAD_ONCE_INIT;
    if (!library_open(&library, err))
        return false;
    pthread_once(&begun, begin);
    return true;
}
