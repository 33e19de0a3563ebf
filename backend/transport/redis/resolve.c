/* resolve - getaddrinfo() hangs in the C library for as long as a name server is silent, and cannot
 * be called off. So it has a thread of its own, which nobody joins: who gives up leaves it behind,
 * and whoever is last frees what both hold. Threads meet here. */

#include "transport/redis/resolve.h"

#include "base/alloc.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct resolve {
    char *host, *port; /* read-only */
    int done;          /* an eventfd; written by the thread once the rest is */
    atomic_uint holders;

    /* The thread's until it is done, then the caller's. */
    struct addrinfo *found;
    int failure, number; /* getaddrinfo()'s, errno */
};

static void
let_go(struct resolve *r)
{
    if (atomic_fetch_sub_explicit(&r->holders, 1, memory_order_acq_rel) > 1)
        return;
    if (r->found)
        freeaddrinfo(r->found);
    close(r->done);
    free(r->host);
    free(r->port);
    free(r);
}

static void *
run(void *context)
{
    struct resolve *r = context;
    const struct addrinfo want = {.ai_socktype = SOCK_STREAM};
    r->failure = getaddrinfo(r->host, r->port, &want, &r->found);
    r->number = errno;
    eventfd_write(r->done, 1);
    let_go(r);
    return NULL;
}

static bool
start(struct resolve *r)
{
    pthread_t thread;
    if (r->done < 0 || pthread_create(&thread, NULL, run, r) != 0)
        return false;
    pthread_detach(thread);
    return true;
}

struct resolve *
resolve_begin(const char *host, const char *port)
{
    struct resolve *r = xalloc(sizeof *r);
    r->host = xstrndup(host, strlen(host));
    r->port = xstrndup(port, strlen(port));
    r->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    atomic_init(&r->holders, 2);
    if (start(r))
        return r;
    atomic_store(&r->holders, 1);
    let_go(r);
    return NULL;
}

int
resolve_fd(const struct resolve *r)
{
    return r->done;
}

struct addrinfo *
resolve_take(struct resolve *r, const char **ret_why)
{
    struct addrinfo *found = r->found;
    r->found = NULL;
    if (found == NULL)
        *ret_why = r->failure == EAI_SYSTEM ? strerror(r->number) : gai_strerror(r->failure);
    return found;
}

void
resolve_end(struct resolve **r)
{
    if (*r)
        let_go(*r);
    *r = NULL;
}
