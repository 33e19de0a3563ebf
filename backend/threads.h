#ifndef THREADS_H
#define THREADS_H

/* How many threads a process may have, which only trying tells. Before there is any other. */

/* Makes do with a small address space (ulimit -v): stacks and heaps of threads are mapped in it
 * long before they are filled. */
void threads_save_space(void);
/* How many of `wanted` can be there at a time. */
unsigned threads_try(unsigned wanted);

#endif
