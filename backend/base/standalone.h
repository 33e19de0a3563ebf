#ifndef BASE_STANDALONE_H
#define BASE_STANDALONE_H

/* What the static program (`make static`) settles before anything else, while it has one thread.
 * Does nothing in one that is linked with the system's libraries. */
void standalone_begin(void);

#endif
