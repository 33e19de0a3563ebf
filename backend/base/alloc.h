#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

/* Memory. xalloc dies when there is none: for small things whose number a bound
 * of ours limits. try_alloc returns NULL: for sizes that a peer chose (and that
 * were compared with their maximum before). Both give zeroed memory. */

#include "base/compiler.h"

#include <stddef.h>

void *xalloc(size_t size); /* caller owns; free() it */
void *xrealloc(void *old, size_t size);
char *xstrndup(const char *ptr, size_t len); /* adds the NUL; caller owns */
void *try_alloc(size_t size) MUST_CHECK;

/* One line on stderr that can be reported, then abort(): for our own mistakes. */
_Noreturn void panic_at(const char *file, int line, const char *func, const char *what);

/* assert() that stays in release builds and ends in panic_at(). Never on what a peer sent. */
#define ENSURE(cond)                                                                               \
    do {                                                                                           \
        if (__builtin_expect(!(cond), 0))                                                          \
            panic_at(__FILE__, __LINE__, __func__, #cond);                                         \
    } while (0)

#endif
