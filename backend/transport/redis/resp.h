#ifndef TRANSPORT_REDIS_RESP_H
#define TRANSPORT_REDIS_RESP_H

/* What is said to Redis and what it answers, as bytes (RESP2). */

#include "base/buf.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum resp_kind {
    RESP_NIL,
    RESP_INTEGER,
    RESP_TEXT,   /* a bulk string */
    RESP_STATUS, /* +OK */
    RESP_ERROR,  /* -ERR …: `text` without the minus */
    RESP_ARRAY,
};

struct resp {
    enum resp_kind kind;
    uint32_t count;           /* of an array */
    int64_t integer;          /* of an integer */
    struct slice text;        /* of a text, status or error; a NUL stands behind it */
    const struct resp *items; /* of an array: `count` of them */
};

/* Past any of them the stream of answers is bad. */
struct resp_bounds {
    size_t bulk;    /* bytes of one string, and of what has come of it */
    size_t answer;  /* bytes of memory that one answer may take as it stands here */
    uint32_t items; /* of one array */
};

struct resp_reader;

/* False: err says why the library that reads answers cannot be opened. Once it was true, the rest
 * may be called. */
MUST_CHECK bool resp_prepare(struct error *);
struct resp_reader *resp_reader_new(const struct resp_bounds *); /* caller owns */
void resp_reader_free(struct resp_reader **);
/* Copies what has come. */
void resp_reader_feed(struct resp_reader *, struct slice);
/*     PARSE_OK    *ret is the next answer, good until the next call
 *     PARSE_MORE  nothing whole is there
 *     PARSE_BAD   for good: this is not Redis, or more than the bounds allow (resp_reader_error) */
MUST_CHECK enum parse resp_reader_next(struct resp_reader *, const struct resp **ret);
const char *resp_reader_error(const struct resp_reader *);

/* A command: how many words, then each of them. */
void resp_begin(struct buf *, size_t words);
void resp_add(struct buf *, struct slice);
void resp_add_number(struct buf *, uint64_t);

#endif
