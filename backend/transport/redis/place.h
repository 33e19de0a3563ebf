#ifndef TRANSPORT_REDIS_PLACE_H
#define TRANSPORT_REDIS_PLACE_H

/* Which server is to be connected to next: the configured ones in turn, the one that Sentinels
 * name, or the one that a server of a cluster sends us to. One thread's. */

#include "transport/redis/sentinel.h"

struct place {
    const struct redis_settings *settings; /* borrowed */
    struct tls *tls, *sentinel_tls;        /* owns; NULL: none */
    struct sentinel sentinel;              /* where there are any */
    unsigned turn;                         /* counts attempts in vain */
    bool is_moved;                         /* to `moved` */
    char moved_host[256], moved_port[8];
    char host[256], port[8]; /* given last, where it was no path */
};

/* Reads the files of TLS. False: err says what is wrong with them, and nothing needs an end. */
MUST_CHECK bool place_init(struct place *, const struct redis_settings *, struct error *err);
void place_fini(struct place *);

/* Sentinels, where there are any: to be polled and worked always. */
void place_work(struct place *, uint64_t now_ms);
struct pollfd place_poll(const struct place *);
uint64_t place_deadline(const struct place *);

/* path, host, port, tls and turn of *ret, which borrow from the place. False: it is not known yet,
 * or err says why not. */
MUST_CHECK bool place_next(struct place *, struct wire_settings *ret, struct error *err);
/* The one given last would not do. True: the next one may be tried at once; else each of them was
 * tried. */
bool place_failed(struct place *);
/* What "MOVED SLOT HOST:PORT" says. False: it is not that. */
bool place_moved(struct place *, struct slice error);
/* Do the Sentinels name another one than the one given last? */
bool place_is_elsewhere(const struct place *);

#endif
