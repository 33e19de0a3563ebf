#ifndef REQUEST_FORM_H
#define REQUEST_FORM_H

/* Forms as the WHATWG parser reads them (URL standard, "application/x-www-form-urlencoded
 * parsing"): only `&` separates, `+` is a space, a `%` without two hex digits stands for itself.
 * Nothing is an error but running out of the arena. */

#include "request/exchange.h"

struct form {
    struct slice rest; /* set to the raw form */
};

/* The next pair, decoded; what needs no decoding is borrowed from the form, the rest lies in the
 * arena. Without an arena (NULL) it lies in the form itself, whose bytes are then changed and can
 * be read only once. False at the end, or (*ret_failed) where the arena is full. */
bool form_next(struct form *, struct arena *, struct slice *ret_name, struct slice *ret_value,
               bool *ret_failed);

/* What the request says that its body is: parameters of the type (charset) do not count. */
enum form_announced {
    FORM_UNREADABLE, /* no Content-Type, or none that is a type */
    FORM_FORM,
    FORM_ELSE,
};
enum form_announced form_announced(const struct request *);

#endif
