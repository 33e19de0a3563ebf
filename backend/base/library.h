#ifndef BASE_LIBRARY_H
#define BASE_LIBRARY_H

/* Libraries that are opened when they are first needed, and not linked: most hubs never need them.
 * One list of functions gives their names and, from the library's own header, their types:
 *
 *     #define CALLS(X) X(curl_easy_init) X(curl_easy_cleanup)
 *     static struct { CALLS(LIBRARY_POINTER) } lib;
 *     static const struct library_call names[] = {CALLS(LIBRARY_NAME) LIBRARY_END};
 *     static struct library curl = LIBRARY_INIT("libcurl.so.4", names, &lib);
 *
 * In the static program (ALIPES_STATIC, `make static`) they are linked, and found at once.
 */

#include "base/error.h"

#include <pthread.h>
#include <stdatomic.h>

/* The header may rename a function (u_charType_72): name and pointer follow. */
#define LIBRARY_POINTER(function) __typeof__(function) *function;
#define LIBRARY_STRING(text)      #text
#ifdef ALIPES_STATIC
#define LIBRARY_NAME(function) {LIBRARY_STRING(function), (void *)function},
#else
#define LIBRARY_NAME(function) {LIBRARY_STRING(function), NULL},
#endif
#define LIBRARY_END                                                                                \
    {                                                                                              \
        NULL, NULL                                                                                 \
    }

struct library_call {
    const char *name; /* NULL: the last */
    void *linked;     /* NULL but in the static program */
};

struct library {
    const char *file;                 /* its soname */
    const struct library_call *names; /* to LIBRARY_END */
    void **calls;                     /* as many, filled when `open` becomes true */
    atomic_bool open;
    pthread_mutex_t lock;
};

#define LIBRARY_INIT(file, names, calls)                                                           \
    {                                                                                              \
        file, names, (void **)(calls), false, PTHREAD_MUTEX_INITIALIZER                            \
    }

/* True: the functions may be called, until the process ends. Any thread; cheap once it was true. A
 * false is not remembered: the next call tries again. */
MUST_CHECK bool library_open(struct library *, struct error *err);

#endif
