/* params - what Apache knows of a request, for the hub.
 *
 * The URI goes as the client sent it, %2F and all, and so does Authorization, which Apache keeps
 * from CGI programs. The address is mod_remoteip's, if it is there; HTTPS may come of SetEnvIf,
 * where TLS ends before Apache. What belongs to the connection alone stays here. */

#include "mod_alipes/params.h"

#include "mod_alipes/wire.h"

#include <string.h>

#include "http_protocol.h"

#include "apr_lib.h"

static const char *const kept_here[] = {
    "Connection", "Keep-Alive",        "Proxy",   "Proxy-Authorization", "Proxy-Connection",
    "TE",         "Transfer-Encoding", "Upgrade", "Content-Length",
};

static bool
is_kept_here(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(kept_here); i++)
        if (strcasecmp(name, kept_here[i]) == 0)
            return true;
    return false;
}

static void
add(struct buf *b, const char *name, const char *value)
{
    if (value)
        wire_add_pair(b, slice_of(name), slice_of(value));
}

struct writing {
    struct buf *params, *cursor;
};

/* Accept-Language: HTTP_ACCEPT_LANGUAGE. An underscore in a name would pass for a hyphen. */
static int
add_header(void *arg, const char *name, const char *value)
{
    struct writing *w = arg;
    char text[256] = "HTTP_";
    size_t length = strlen(name), at = sizeof "HTTP_" - 1;
    if (is_kept_here(name) || length > sizeof text - at || strchr(name, '_'))
        return 1;
    for (size_t i = 0; i < length; i++)
        text[at++] = name[i] == '-' ? '_' : (char)apr_toupper(name[i]);
    bool is_cursor = strcasecmp(name, "Last-Event-ID") == 0;
    wire_add_pair(is_cursor ? w->cursor : w->params, SLICE_OF(text, at), slice_of(value));
    return 1;
}

void
params_write(request_rec *r, struct buf *params, struct buf *cursor)
{
    struct writing w = {params, cursor};
    const char *https = apr_table_get(r->subprocess_env, "HTTPS");
    const char *scheme = ap_http_scheme(r);
    add(params, "REQUEST_METHOD", r->method);
    add(params, "REQUEST_URI", r->unparsed_uri);
    add(params, "SERVER_PROTOCOL", r->protocol);
    add(params, "REQUEST_SCHEME", scheme);
    add(params, "HTTPS", https ? https : strcmp(scheme, "https") == 0 ? "on" : NULL);
    add(params, "REMOTE_ADDR", r->useragent_ip);
    add(params, "CONTENT_LENGTH", apr_table_get(r->headers_in, "Content-Length"));
    apr_table_do(add_header, &w, r->headers_in, NULL);
}
