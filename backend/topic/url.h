#ifndef TOPIC_URL_H
#define TOPIC_URL_H

/* URLs as the WHATWG URL standard parses them (section 4).
 *
 * Input is UTF-8; an ill-formed part of it counts as U+FFFD, as in the standard's decoder.
 * Pure functions: any thread, no state but ICU's tables (topic/domain.h). Time is linear in the
 * input, memory as a rule once the input and once the
 * base, at most thirteen times the input (each byte ill-formed). */

#include "base/arena.h"

/* A URL record (section 4.1). Every slice lies in the arena it was parsed into, or is static:
 * neither input nor base need to live on. Percent-encoded and normalised as the standard says. */
struct url {
    struct slice scheme;             /* lower case, without `:` */
    struct slice username, password; /* empty: none */
    struct slice host;               /* serialised, an IPv6 address in brackets; see has_host */
    struct slice port;               /* decimal digits; empty: none, or the scheme's default */
    struct slice path;               /* serialised: "", or segments each with its `/`, or opaque */
    struct slice query, fragment;    /* without `?` and `#` */
    bool has_host;                   /* tells the empty host from none */
    bool has_query, has_fragment;
    bool has_opaque_path; /* `mailto:a@b`: the path is no list of segments */
    bool is_special;      /* http, https, ws, wss, ftp, file */
};

/* The basic URL parser (section 4.4). `base` may be NULL. False: not a URL, or the arena is full;
 * *ret is then untouched. */
MUST_CHECK bool url_parse(struct arena *, struct slice input, const struct url *base,
                          struct url *ret);

#endif
