#ifndef HUB_SUBSCRIBE_FORM_H
#define HUB_SUBSCRIBE_FORM_H

/* What a subscription asks for (PROTOCOL.md, "Subscribe" and "History"). */

#include "base/dialect.h"
#include "hub/index.h"
#include "request/exchange.h"

struct cursor {
    bool given, is_earliest;
    enum dialect dialect; /* how the reply names it */
    struct slice id;
};

struct subscribe_form {
    /* At least one; equal ones may be among them. What is no pattern stands first, sorted. */
    struct selector *selectors;
    size_t count;
    struct cursor cursor;
};

/* The name of the reply's header, and what it says where nothing has to be looked up (ptr NULL: no
 * header). */
struct slice cursor_header(enum dialect);
struct slice cursor_at_once(const struct cursor *);

/* Reads the query of the request, its headers, and `body`, the form of a QUERY (GET, HEAD: empty;
 * to a QUERY, which is of 1.0, `topic` is no parameter).
 * NULL: read, everything lies in the arena or the request; otherwise the sentence of the 400. Does
 * not compile patterns: index_add() and index_judge() do. */
MUST_CHECK const char *subscribe_form_read(struct exchange *, struct slice body,
                                           struct subscribe_form *);
/* Who has it on the account what is new to the index (struct selector). */
void subscribe_form_set_client(struct subscribe_form *, uint64_t client);

#endif
