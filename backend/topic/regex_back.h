#ifndef TOPIC_REGEX_BACK_H
#define TOPIC_REGEX_BACK_H

/* Where a back reference means the same to ECMAScript and to PCRE2. */

#include "topic/regex_parse.h"

enum regex_back {
    BACK_EMPTY,  /* the group has matched nothing when this is reached: the empty string */
    BACK_SAME,   /* what the group matched last */
    BACK_DIFFERS /* not known to be the same in both */
};

enum regex_back regex_back_judge(const struct regex_node *back, const struct regex_node *group);

#endif
