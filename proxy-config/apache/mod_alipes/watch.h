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

/* Watches `fd` for `events` and nothing else; 0: no longer. Level-triggered. Where that cannot be
 * begun, w->events stays 0. */
static inline void
watch(int epoll, int fd, struct watched *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};
    int change = w->events == 0 ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL;
    if (w->events != events && (epoll_ctl(epoll, change, fd, &e) == 0 || events == 0))
        w->events = events;
}

#endif
