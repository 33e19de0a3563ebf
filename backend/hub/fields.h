#ifndef HUB_FIELDS_H
#define HUB_FIELDS_H

/* The form of a publish: what counts of it, and what is wrong with it (PROTOCOL.md, "Publish").
 * The rules are those of the token's dialect. Knows no exchange. */

#include "auth/refusal.h"
#include "base/arena.h"

struct fields {
    struct slice *topics; /* in the arena; [0] is canonical */
    size_t topic_count;
    struct slice id, type, data, retry; /* empty: absent */
    bool is_private;
    struct slice private_value, unknown; /* of private; the name of an unknown field */
    size_t unknown_count;
};

struct fields_limits {
    size_t max_fields, max_topics, max_topics_size, max_id;
};

/* Why a form is refused. */
enum fields_fault {
    FIELDS_OK,
    FIELDS_TOO_LARGE,        /* the arena is full */
    FIELDS_TOO_MANY,         /* a bound: max_fields */
    FIELDS_TOO_MANY_TOPICS,  /* a bound: max_topics; 413 in 1.0 */
    FIELDS_TOPICS_TOO_LARGE, /* a bound: max_topics_size; 413 in 1.0 */
    FIELDS_NOT_UTF8,
    FIELDS_NO_TOPIC,
    FIELDS_TOPIC_IN_BRACKETS, /* none, but topic[0] or topic[] */
    FIELDS_JSON,              /* none, and it looks like JSON */
    FIELDS_BAD_ID,
    FIELDS_ID_TOO_LONG, /* a bound: max_id */
    FIELDS_ID_TRIMMED,  /* a blank at an end */
    FIELDS_BAD_TYPE,
    FIELDS_BAD_RETRY,
    FIELDS_TEXT_OF_TOPIC,
    FIELDS_TEXT_OF_ID,
    FIELDS_TEXT_OF_TYPE,
    FIELDS_KEPT_ID,
    FIELDS_KEPT_TYPE,
    FIELDS_KEPT_TOPIC,
};

/* Reads and judges. The form is decoded where it lies: its bytes change, and values borrow from
 * it; topics alone lie in the arena. Leading zeros of `retry` are dropped. On a fault `ret` is
 * partly filled. */
MUST_CHECK enum fields_fault fields_read(struct arena *, struct slice form, enum dialect,
                                         const struct fields_limits *, struct fields *ret);
unsigned fields_status(enum fields_fault, enum dialect);
struct slice fields_sentence(enum fields_fault); /* for the one who sent it, with its newline */

#endif
