/* library - libraries that are opened when they are first needed.
 *
 * libcurl brings 25 others: with it and ICU linked, an idle hub had 13 MiB mapped instead of 7, and
 * took 10 ms to be ready instead of 5. What is open stays open until the process ends. */

#include "base/library.h"

#include <dlfcn.h>

#ifdef ALIPES_STATIC
static bool
fill(const struct library *l, struct error *err)
{
    (void)err;
    for (size_t i = 0; l->names[i].name; i++)
        l->calls[i] = l->names[i].linked;
    return true;
}
#else
static bool
fill(const struct library *l, struct error *err)
{
    void *library = dlopen(l->file, RTLD_NOW);
    if (library == NULL)
        return error_set(err, "%s", dlerror());
    for (size_t i = 0; l->names[i].name; i++)
        if ((l->calls[i] = dlsym(library, l->names[i].name)) == NULL)
            return error_set(err, "%s", dlerror());
    return true;
}
#endif

bool
library_open(struct library *l, struct error *err)
{
    if (atomic_load_explicit(&l->open, memory_order_acquire))
        return true;
    pthread_mutex_lock(&l->lock);
    bool ok = atomic_load_explicit(&l->open, memory_order_relaxed) || fill(l, err);
    atomic_store_explicit(&l->open, ok, memory_order_release);
    pthread_mutex_unlock(&l->lock);
    return ok;
}
