#ifndef TOPIC_PERCENT_H
#define TOPIC_PERCENT_H

/* Percent-encoding as the URL standard has it (section 1.3). Pure functions on bytes: what is
 * beyond ASCII is in every set, so the bytes of UTF-8 need no decoding. */

#include "base/arena.h"
#include "base/byteset.h"

extern const struct byteset PERCENT_C0;
extern const struct byteset PERCENT_FRAGMENT;
extern const struct byteset PERCENT_QUERY;
extern const struct byteset PERCENT_SPECIAL_QUERY;
extern const struct byteset PERCENT_PATH;
extern const struct byteset PERCENT_USERINFO;
extern const struct byteset PERCENT_SEGMENT; /* all but RFC 3986's unreserved (section 2.3) */

/* Writes `in`, encoded, to `out`, which has room for three times its length. Returns the end. */
char *percent_encode(char *out, struct slice in, const struct byteset *);

/* Decodes %XX; a `%` without two hex digits stands for itself. What needs no decoding is borrowed
 * from `in`, the rest lies in the arena. False: the arena is full. */
MUST_CHECK bool percent_decode(struct arena *, struct slice in, struct slice *ret_decoded);
/* The same within the bytes of `in`, which must be the caller's to change (they are not touched
 * where nothing needs decoding); `+` may stand for a blank. */
struct slice percent_decode_in_place(struct slice in, bool plus_is_blank);

#endif
