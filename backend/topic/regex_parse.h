#ifndef TOPIC_REGEX_PARSE_H
#define TOPIC_REGEX_PARSE_H

/* The grammar of ECMAScript's regular expressions (ECMA-262, section 22.2.1, with the parameters
 * UnicodeMode, UnicodeSetsMode and NamedCaptureGroups) and its early errors. */

#include "base/error.h"
#include "topic/regex_set.h"

enum regex_kind {
    REGEX_SET,      /* one character of a class, or one of its strings */
    REGEX_SEQUENCE, /* the children, one behind the other; none: the empty string */
    REGEX_CHOICE,   /* one of the children */
    REGEX_GROUP,    /* the child, captured */
    REGEX_REPEAT,   /* the child */
    REGEX_LOOK,     /* the child, as an assertion */
    REGEX_BACK,     /* a back reference */
    REGEX_START,
    REGEX_END,
    REGEX_EDGE, /* \b, or \B where it is negative */
};

enum {
    REGEX_INFINITE = INT32_MAX, /* also what is larger */
};

struct regex_node {
    enum regex_kind kind;
    bool negative;     /* REGEX_LOOK, REGEX_EDGE */
    bool behind;       /* REGEX_LOOK */
    bool lazy;         /* REGEX_REPEAT */
    bool ignore_case;  /* REGEX_SET (its strings), REGEX_BACK */
    bool multiline;    /* REGEX_START, REGEX_END */
    bool may_be_empty; /* can match the empty string, or might */
    unsigned capture;  /* REGEX_GROUP: its number among those that a reference needs, from 1 */
    uint32_t min, max;
    uint32_t number;   /* of a group, from 1; of a back reference, 0: by name */
    struct slice name; /* UTF-8; of a group: may be empty */
    uint64_t low, high;
    const struct regex_string *strings; /* longest first */
    struct regex_node *parent, *first, *next;
    struct regex_node *next_listed; /* of all groups, or of all back references */
};

struct regex_tree {
    struct regex_node *root;
    struct regex_node *groups; /* in the order of their opening parentheses */
    struct regex_node *backs;
};

/* The tree lies in the arena, and borrows nothing. False: a SyntaxError; or nested too
 * deeply, not ASCII, or the arena is full. */
MUST_CHECK bool regex_parse(struct arena *, struct slice text, struct regex_tree *ret,
                            struct error *err);

#endif
