#ifndef BASE_LIBCURL_H
#define BASE_LIBCURL_H

/* libcurl's functions, once libcurl_open() was true. What sets and gets options is a macro of its
 * header too, which checks the types and then calls that name: give it the name, where it is used,
 *
 *     __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
 */

#include "base/library.h"

#include <curl/curl.h>

#define LIBCURL_CALLS(X)                                                                           \
    X(curl_global_init)                                                                            \
    X(curl_easy_init)                                                                              \
    X(curl_easy_cleanup)                                                                           \
    X(curl_easy_perform)                                                                           \
    X(curl_easy_setopt)                                                                            \
    X(curl_easy_getinfo)                                                                           \
    X(curl_easy_strerror)                                                                          \
    X(curl_multi_init)                                                                             \
    X(curl_multi_cleanup)                                                                          \
    X(curl_multi_add_handle)                                                                       \
    X(curl_multi_remove_handle)                                                                    \
    X(curl_multi_perform)                                                                          \
    X(curl_multi_poll)                                                                             \
    X(curl_multi_info_read)                                                                        \
    X(curl_slist_append)                                                                           \
    X(curl_slist_free_all)

struct libcurl {
    LIBCURL_CALLS(LIBRARY_POINTER)
};
extern struct libcurl libcurl;

/* Opens it and begins it, once, before there are threads that use it: any thread may ask, and the
 * first true comes when it has begun. False: err says why; nothing of `libcurl` may be called. */
MUST_CHECK bool libcurl_open(struct error *err);

#endif
