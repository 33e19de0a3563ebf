#ifndef TOPIC_URL_STATE_H
#define TOPIC_URL_STATE_H

/* What url.c and url_canonical.c share: the parser under way, and those of its states in which
 * URL Pattern's canonicalisers begin. For these two files alone. */

#include "base/alloc.h"
#include "base/byteset.h"
#include "topic/url.h"

struct url_parser {
    struct arena *arena;
    struct slice in;  /* without tabs and newlines, well-formed */
    size_t encodable; /* bytes of it that may be encoded outside of credentials, or more */
    size_t at;
    const struct url *base; /* may be NULL */
    bool is_override;       /* a state override is given: `?` and `#` end no path */
    bool is_file;
    struct url url;
    char *out; /* where the next component is written; up to `end` */
    char *end;
    char *path; /* where the path began, unless it is opaque */
};

/* Takes `in`, well-formed and without tabs and newlines, and makes room for what is written. */
MUST_CHECK bool url_state_begin(struct url_parser *, struct slice in);
/* `scheme` lies in the arena, or is static. */
void url_state_set_scheme(struct url_parser *, struct slice scheme);
struct slice url_state_encode(struct url_parser *, struct slice, const struct byteset *);
MUST_CHECK bool url_state_encode_userinfo(struct arena *, struct slice, struct slice *ret);
/* Where the authority that begins here ends, and in an authority where its port begins (its colon,
 * or the end). */
size_t url_state_authority_end(const struct url_parser *);
size_t url_state_find_port(struct slice authority);
/* All of `digits` are digits. False: beyond 65535. */
MUST_CHECK bool url_state_port(struct url_parser *, struct slice digits);
MUST_CHECK bool url_state_path_start(struct url_parser *);
MUST_CHECK bool url_state_opaque_path(struct url_parser *);

#endif
