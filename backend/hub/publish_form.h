#ifndef HUB_PUBLISH_FORM_H
#define HUB_PUBLISH_FORM_H

/* The form of a publish: what counts of it, and what is wrong with it (PROTOCOL.md, "Publish").
 * The rules are those of the token's dialect. Knows no exchange. */

#include "auth/refusal.h"
#include "base/arena.h"

struct publish_form {
    struct slice *topics; /* in the arena; [0] is canonical */
    size_t topic_count;
    struct slice id, type, data, retry; /* empty: absent */
    bool is_private;
    struct slice private_value, unknown; /* of private; the name of an unknown field */
    size_t unknown_count;
};

struct publish_form_limits {
    size_t max_fields, max_topics, max_topics_size, max_id;
};

/* Why a form is refused. */
enum publish_form_fault {
    PUBLISH_FORM_OK,
    PUBLISH_FORM_TOO_LARGE,        /* the arena is full */
    PUBLISH_FORM_TOO_MANY,         /* a bound: max_fields; bounds are 413 in 1.0 */
    PUBLISH_FORM_TOO_MANY_TOPICS,  /* a bound: max_topics */
    PUBLISH_FORM_TOPICS_TOO_LARGE, /* a bound: max_topics_size */
    PUBLISH_FORM_NOT_UTF8,
    PUBLISH_FORM_NO_TOPIC,
    PUBLISH_FORM_TOPIC_IN_BRACKETS, /* none, but topic[0] or topic[] */
    PUBLISH_FORM_JSON,              /* none, and it looks like JSON */
    PUBLISH_FORM_BAD_ID,
    PUBLISH_FORM_ID_TOO_LONG, /* a bound: max_id */
    PUBLISH_FORM_ID_TRIMMED,  /* a blank at an end */
    PUBLISH_FORM_BAD_TYPE,
    PUBLISH_FORM_BAD_RETRY,
    PUBLISH_FORM_TEXT_OF_TOPIC,
    PUBLISH_FORM_TEXT_OF_ID,
    PUBLISH_FORM_TEXT_OF_TYPE,
    PUBLISH_FORM_KEPT_ID,
    PUBLISH_FORM_KEPT_TYPE,
    PUBLISH_FORM_KEPT_TOPIC,
};

/* Reads and judges. The form is decoded where it lies: its bytes change, and values borrow from
 * it; topics alone lie in the arena. Leading zeros of `retry` are dropped. On a fault `ret` is
 * partly filled. */
MUST_CHECK enum publish_form_fault publish_form_read(struct arena *, struct slice form,
                                                     enum dialect,
                                                     const struct publish_form_limits *,
                                                     struct publish_form *ret);
unsigned publish_form_status(enum publish_form_fault, enum dialect);
struct slice
    publish_form_sentence(enum publish_form_fault); /* for the one who sent it, with its newline */

#endif
