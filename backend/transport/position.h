#ifndef TRANSPORT_POSITION_H
#define TRANSPORT_POSITION_H

/* Where an update stands in the one order that all workers see (DESIGN.md, section 1). Opaque:
 * compared, never subtracted. The zero position precedes every other. */

#include <stdbool.h>
#include <stdint.h>

struct position {
    uint64_t run, sequence;
};

static inline int
position_cmp(struct position a, struct position b)
{
    if (a.run != b.run)
        return a.run < b.run ? -1 : 1;
    return a.sequence < b.sequence ? -1 : a.sequence > b.sequence;
}

/* The last of all that precede it: no update stands in between, whatever the history. */
static inline struct position
position_just_before(struct position p)
{
    if (p.sequence)
        return (struct position){p.run, p.sequence - 1};
    return p.run ? (struct position){p.run - 1, UINT64_MAX} : p;
}

/* Where whoever does not know yet where the history ends stands; an empty one may end at zero. */
#define POSITION_NOWHERE ((struct position){0, 1})

static inline bool
position_is_nowhere(struct position p)
{
    return position_cmp(p, POSITION_NOWHERE) == 0;
}

#endif
