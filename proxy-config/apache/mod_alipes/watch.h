#ifndef MOD_ALIPES_WATCH_H
#define MOD_ALIPES_WATCH_H

/* What stands behind a descriptor that a poller watches: the first member of each such thing. */

#include <stdint.h>
#include <sys/epoll.h>

struct watched {
    enum watched_kind {
        WATCHED_MAILBOX,
        WATCHED_LINK,
        WATCHED_STREAM,
    } kind;
    uint32_t events; /* watched for; 0: not at all */
};

/* Watches `fd` for `events` and nothing else; 0: no longer. Level-triggered. */
static inline void
watch(int epoll, int fd, struct watched *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    if (w->events != events)
        (void)epoll_ctl(epoll,
                        w->events == 0 ? EPOLL_CTL_ADD
                        : events       ? EPOLL_CTL_MOD
                                       : EPOLL_CTL_DEL,
                        fd, &e);
    w->events = events;
}

#endif
