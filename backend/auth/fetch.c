/* fetch - a set over HTTPS by libcurl, or from a file. Whoever calls it waits.
 *
 * https alone, also behind redirects; size and time are bounded. What one gets wrong: the time is
 * not, where names are concerned: the resolver is a thread of libcurl's that hangs in the C library
 * for as long as a name server is silent. With CURLOPT_QUICK_EXIT it is left to itself; a libcurl
 * that does not know the option waits for it. */

#include "auth/fetch.h"

#include "auth/jwk.h"
#include "base/libcurl.h"
#include "base/text_file.h"

#include <stdio.h>
#include <string.h>

enum {
    FETCH_TIMEOUT_MS = 5000,
    CONNECT_TIMEOUT_MS = 3000,
    MAX_REDIRECTS = 3,
};

const char *
fetch_path(const char *url)
{
    return strncmp(url, "file://", 7) == 0 ? url + 7 : NULL;
}

bool
fetch_prepare(const char *url, struct error *err)
{
    return fetch_path(url) || libcurl_open(err);
}

struct slice
fetch_shown(const char *url, char *into, size_t size)
{
    struct slice all = slice_of(url);
    size_t begin = slice_find(all, SLICE("://"));
    struct slice scheme = slice_head(all, begin + 3), rest = slice_from(all, begin + 3);
    rest = slice_head(rest, slice_index(rest, '?'));
    rest = slice_head(rest, slice_index(rest, '#'));
    struct slice site = slice_head(rest, slice_index(rest, '/'));
    size_t user = site.len;
    while (user && site.ptr[user - 1] != '@')
        user--;
    rest = slice_from(rest, user);
    snprintf(into, size, SLICE_FMT SLICE_FMT, SLICE_ARG(scheme), SLICE_ARG(rest));
    return slice_of(into);
}

static size_t
on_bytes(char *bytes, size_t size, size_t count, void *into)
{
    struct buf *text = into;
    buf_add(text, SLICE_OF(bytes, size * count));
    return text->failed ? 0 : size * count;
}

static int
on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const atomic_bool *stop = context;
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load_explicit(stop, memory_order_relaxed);
}

/* False: a libcurl that cannot be held to https. */
static bool
set_options(CURL *c, const char *url, const char *ca_file, const atomic_bool *stop)
{
    __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "alipes");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)FETCH_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE, (long)JWK_SET_MAX);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, (void *)(uintptr_t)stop);
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(c, CURLOPT_QUICK_EXIT, 1L);
#endif
    if (ca_file)
        curl_easy_setopt(c, CURLOPT_CAINFO, ca_file);
    return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https") == CURLE_OK &&
           curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https") == CURLE_OK;
}

static bool
perform(CURL *c, struct buf *text, struct error *err)
{
    __typeof__(curl_easy_setopt) *curl_easy_setopt = libcurl.curl_easy_setopt;
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers =
        libcurl.curl_slist_append(NULL, "Accept: application/jwk-set+json, application/json");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, text);
    CURLcode code = libcurl.curl_easy_perform(c);
    libcurl.curl_slist_free_all(headers);
    if (text->failed)
        return error_set(err, "it has more than %d bytes", JWK_SET_MAX);
    if (code != CURLE_OK)
        return error_set(err, "%.300s", why[0] ? why : libcurl.curl_easy_strerror(code));
    return true;
}

static bool
download(const char *url, const char *ca_file, const atomic_bool *stop, struct buf *text,
         struct error *err)
{
    CURL *c = libcurl.curl_easy_init();
    bool ok = false;
    buf_init(text, JWK_SET_MAX);
    if (c == NULL)
        error_set(err, "libcurl cannot begin");
    else if (!set_options(c, url, ca_file, stop))
        error_set(err, "this libcurl is older than 7.85 and cannot be held to https");
    else
        ok = perform(c, text, err);
    if (c)
        libcurl.curl_easy_cleanup(c);
    if (!ok)
        buf_fini(text);
    return ok;
}

struct key_set *
fetch_set(const char *url, const char *ca_file, const atomic_bool *stop, struct error *err)
{
    const char *path = fetch_path(url);
    struct buf text;
    if (path ? !text_file_read(path, JWK_SET_MAX, &text, err)
             : !download(url, ca_file, stop, &text, err))
        return NULL;
    struct key_set *set = jwk_set_read(buf_slice(&text), err);
    buf_fini(&text);
    return set;
}
