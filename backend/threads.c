/* threads - begun and ended once, for practice: what a host allows an account (ulimit -u, cgroups,
 * the room for stacks) stands in no one place. */

#include "threads.h"

#include "base/alloc.h"

#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    STACK = 1024 * 1024,
};

static const rlim_t small_space = (rlim_t)4 << 30;

static bool
is_watched(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true; /* a sanitizer takes its terabytes whatever we do, and larger stacks */
#else
    return false;
#endif
}

void
threads_save_space(void)
{
    struct rlimit space;
    pthread_attr_t small;
    if (getrlimit(RLIMIT_AS, &space) != 0 || space.rlim_cur >= small_space || is_watched())
        return;
    mallopt(M_ARENA_MAX, 1);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK);
    pthread_setattr_default_np(&small);
    pthread_attr_destroy(&small);
}

static void *
wait_for_end(void *gate)
{
    pthread_mutex_lock(gate);
    pthread_mutex_unlock(gate);
    return NULL;
}

unsigned
threads_try(unsigned wanted)
{
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    pthread_t *all = xalloc(wanted * sizeof *all);
    unsigned count = 0;
    pthread_mutex_lock(&gate);
    while (count < wanted && pthread_create(&all[count], NULL, wait_for_end, &gate) == 0)
        count++;
    pthread_mutex_unlock(&gate);
    for (unsigned i = 0; i < count; i++)
        pthread_join(all[i], NULL);
    free(all);
    return count;
}
