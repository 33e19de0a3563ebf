#ifndef CLI_VISITOR_H
#define CLI_VISITOR_H

/* What `alipes publish` and `subscribe` have in common: which hub, and whose token. */

#include "cli/call.h"
#include "cli/mint.h"
#include "cli/web.h"

struct visitor {
    struct web web;
    enum dialect speaks; /* once it has a token */

    struct config *config;  /* owns; NULL: nothing of one is needed */
    const char *token_file; /* NULL: it signs its own */
    bool is_anonymous;
    struct buf token;
};

/* False: err says why. visitor_close() is due in either case. */
MUST_CHECK bool visitor_open(struct visitor *, const struct call *, struct error *);
void visitor_close(struct visitor *);
/* A fresh token for these topics: the file's, as it is now, or a short one of its own. */
MUST_CHECK bool visitor_sign(struct visitor *, enum role, const struct string_list *topics,
                             struct error *);
/* `name=value` of a form, with the & before it. */
void visitor_add_field(struct buf *form, const char *name, struct slice value);

#endif
