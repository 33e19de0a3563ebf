#ifndef TOPIC_URL_H
#define TOPIC_URL_H

/* A URL, as the WHATWG URL standard has it in parts (section 4.1, "URL record"). */

#include "base/slice.h"

/* Every slice lies in the arena it was parsed into, or is static: neither input nor base need to
 * live on. Percent-encoded and normalised as the standard says. */
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

#endif
