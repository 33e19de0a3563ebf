#ifndef TOPIC_URL_STATE_H
#define TOPIC_URL_STATE_H

/* The basic URL parser under way (WHATWG URL standard, section 4.4): its input, its output, and
 * the scheme and port of a URL. For topic/url_*.c alone. Positions and lengths are in bytes. */

#include "base/alloc.h"
#include "topic/percent.h"
#include "topic/url.h"

#include <string.h>

struct url_parser {
    struct arena *arena; /* borrowed; holds all that is written */
    struct slice in;     /* without tabs and newlines, well-formed */
    size_t encodable;    /* bytes of it that may be encoded outside of credentials, or more */
    size_t at;
    const struct url *base; /* borrowed; may be NULL */
    bool is_override;       /* a state override is given: `?` and `#` end no path */
    bool is_file;
    struct url url;
    char *out; /* where the next component is written; up to `end` */
    char *end;
    char *path; /* where the path began, unless it is opaque */
};

/* Takes `in`, well-formed and without tabs and newlines, and makes room for what is written. False:
 * the arena is full. */
MUST_CHECK bool url_state_begin(struct url_parser *, struct slice in);

/* A user or a password: they lie apart, and take up to three times their length. False: the arena
 * is full. */
MUST_CHECK bool url_state_encode_userinfo(struct arena *, struct slice, struct slice *ret);

/* `scheme` lies in the arena, or is static. */
void url_state_set_scheme(struct url_parser *, struct slice scheme);
/* All of `digits` are digits. False: beyond 65535. */
MUST_CHECK bool url_state_port(struct url_parser *, struct slice digits);
/* Where the authority that begins here ends, and in an authority where its port begins (its colon,
 * or the end). */
size_t url_state_authority_end(const struct url_parser *);
size_t url_state_find_port(struct slice authority);

/* The byte `ahead` of where we are, or -1. */
static inline int
url_state_peek(const struct url_parser *p, size_t ahead)
{
    size_t at = p->at + ahead;
    return at < p->in.len ? (unsigned char)p->in.ptr[at] : -1;
}

static inline struct slice
url_state_rest(const struct url_parser *p)
{
    return slice_from(p->in, p->at);
}

/* A slash, or what counts as one in a special URL. */
static inline bool
url_state_is_slash(const struct url_parser *p, int c)
{
    return c == '/' || (c == '\\' && p->url.is_special);
}

/* Was there one here? It is passed then. */
static inline bool
url_state_skip_slash(struct url_parser *p)
{
    bool is_here = url_state_is_slash(p, url_state_peek(p, 0));
    p->at += is_here;
    return is_here;
}

/* What was written since `begin`. */
static inline struct slice
url_state_written(const struct url_parser *p, const char *begin)
{
    return SLICE_OF(begin, (size_t)(p->out - begin));
}

/* These two write behind what was written; the slice is what they wrote. */
static inline struct slice
url_state_encode(struct url_parser *p, struct slice s, const struct byteset *set)
{
    char *begin = p->out;
    p->out = percent_encode(p->out, s, set);
    return url_state_written(p, begin);
}

static inline struct slice
url_state_copy(struct url_parser *p, struct slice s)
{
    char *begin = p->out;
    if (s.len)
        memcpy(p->out, s.ptr, s.len);
    p->out += s.len;
    return url_state_written(p, begin);
}

#endif
