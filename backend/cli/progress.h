#ifndef CLI_PROGRESS_H
#define CLI_PROGRESS_H

/* Long work says on a terminal how far it is: one line of standard error, from the first second on,
 * that is gone when the work is done. Elsewhere nothing is said. */

#include <stdint.h>

/* `verb` and `noun`: "restored", "updates"; both static. `total` 0: nobody knows. */
void progress_begin(const char *verb, const char *noun, uint64_t total);
/* So much of `total`, and so many of the noun. Cheap. */
void progress_at(uint64_t done, uint64_t count);
void progress_end(void); /* fine twice */

#endif
