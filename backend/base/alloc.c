/* alloc - the two ways to ask for memory, and the one way to die.
 *
 * panic_at() writes a single line, with write(2) alone, because it may run with
 * any lock held and any memory damaged. */

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void
panic_at(const char *file, int line, const char *func, const char *what)
{
    char text[512];
    int n =
        snprintf(text, sizeof text,
                 "level=fatal event=bug at=%s:%d in=%s broken=\"%s\" "
                 "msg=\"alipes found a mistake of its own and stops; please report this line\"\n",
                 file, line, func, what);
    if (n > (int)sizeof text - 1)
        n = (int)sizeof text - 1;
    ssize_t ignored = write(STDERR_FILENO, text, (size_t)n);
    (void)ignored;
    abort();
}

void *
try_alloc(size_t size)
{
    return calloc(1, size ? size : 1);
}

void *
xalloc(size_t size)
{
    void *p = try_alloc(size);
    ENSURE(p != NULL);
    return p;
}

void *
xrealloc(void *old, size_t size)
{
    void *p = realloc(old, size ? size : 1);
    ENSURE(p != NULL);
    return p;
}

char *
xstrndup(const char *ptr, size_t len)
{
    char *p = xalloc(len + 1);
    if (len)
        memcpy(p, ptr, len);
    return p;
}
