#ifndef URL_TEXT_H
#define URL_TEXT_H

/* A parsed URL as text again (URL standard, section 4.5), and the schemes that are special: what
 * the tests compare with, and the hub never needs. */

#include "base/alloc.h"
#include "topic/url.h"

#include <string.h>

static inline void
url_text_add(char **at, struct slice s)
{
    if (s.len)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
}

/* False: the arena is full. */
static inline bool
url_serialise(struct arena *arena, const struct url *u, struct slice *ret)
{
    const struct slice none = SLICE("");
    bool has_name = u->username.len || u->password.len, dotted = false;
    if (!u->has_host)
        dotted = !u->has_opaque_path && slice_starts(u->path, SLICE("//")); /* else a host */
    const struct slice pieces[] = {
        u->scheme,
        SLICE(":"),
        u->has_host ? SLICE("//") : none,
        u->has_host ? u->username : none,
        u->has_host && u->password.len ? SLICE(":") : none,
        u->has_host ? u->password : none,
        u->has_host && has_name ? SLICE("@") : none,
        u->has_host ? u->host : none,
        u->has_host && u->port.len ? SLICE(":") : none,
        u->has_host ? u->port : none,
        dotted ? SLICE("/.") : none,
        u->path,
        u->has_query ? SLICE("?") : none,
        u->has_query ? u->query : none,
        u->has_fragment ? SLICE("#") : none,
        u->has_fragment ? u->fragment : none,
    };
    size_t len = 0;
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        len += pieces[i].len;
    char *text = arena_alloc(arena, len), *at = text;
    if (text == NULL)
        return false;
    for (size_t i = 0; i < COUNT_OF(pieces); i++)
        url_text_add(&at, pieces[i]);
    *ret = SLICE_OF(text, len);
    return true;
}

static inline bool
url_scheme_is_special(struct slice scheme)
{
    static const struct slice special[] = {
        SLICE_INIT("ftp"),   SLICE_INIT("file"), SLICE_INIT("http"),
        SLICE_INIT("https"), SLICE_INIT("ws"),   SLICE_INIT("wss"),
    };
    for (size_t i = 0; i < COUNT_OF(special); i++)
        if (slice_eq(scheme, special[i]))
            return true;
    return false;
}

#endif
