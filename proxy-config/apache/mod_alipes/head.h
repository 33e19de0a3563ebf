#ifndef MOD_ALIPES_HEAD_H
#define MOD_ALIPES_HEAD_H

/* The head of a reply as the hub gives it by FastCGI. Pure. */

#include "base/slice.h"

struct head {
    size_t size;          /* with the blank line; what follows is the body's */
    unsigned status;      /* 200 where none is told, as in CGI */
    bool is_stream;       /* 200 and text/event-stream */
    struct slice ticket;  /* by which the hub knows the stream again; may be empty */
    struct slice granted; /* the cursor behind which it begins; may be empty */
};

/* Reads the head at the start of `in`, from which *ret borrows.
 *     PARSE_MORE  it is not all there
 *     PARSE_BAD   its status is none */
MUST_CHECK enum parse head_read(struct slice in, struct head *ret);

#endif
