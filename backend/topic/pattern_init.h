#ifndef TOPIC_PATTERN_INIT_H
#define TOPIC_PATTERN_INIT_H

/* What a pattern says about each component, and what its base URL adds (URL Pattern, section
 * 3.2). */

#include "topic/pattern_component.h"

/* The standard's URLPatternInit. */
struct pattern_init {
    struct slice at[PATTERN_COMPONENTS];
    bool has[PATTERN_COMPONENTS];
    struct slice base_url; /* ptr NULL: none */
};

/* "process a URLPatternInit" of type "pattern", and the defaults of "create": afterwards every
 * component is there. False: the base URL is not one, or the arena is full. */
MUST_CHECK bool pattern_init_process(struct arena *, struct pattern_init *, struct error *err);

#endif
