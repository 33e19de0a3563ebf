#ifndef TRANSPORT_REDIS_SENTINEL_H
#define TRANSPORT_REDIS_SENTINEL_H

/* Where the master is, asked of Sentinels again and again. For one thread that polls. */

#include "transport/redis/settings.h"
#include "transport/redis/wire.h"

enum sentinel_state {
    SENTINEL_AWAY,
    SENTINEL_CONNECTING,
    SENTINEL_GREETING, /* the password is under way */
    SENTINEL_ASKED,
    SENTINEL_IDLE, /* it has answered */
};

struct sentinel {
    const struct redis_settings *settings; /* borrowed */
    struct tls *tls;                       /* borrowed; NULL: none */
    enum sentinel_state state;
    struct wire *wire;    /* owns */
    unsigned at, in_vain; /* which of them; how many in a row have not answered */
    uint64_t due_ms;      /* of the state: when it is over */

    bool has_master;
    char host[256], port[8];
    struct error why; /* why the last one was left */
};

void sentinel_init(struct sentinel *, const struct redis_settings *, struct tls *);
void sentinel_fini(struct sentinel *);
void sentinel_work(struct sentinel *, uint64_t now_ms);
struct pollfd sentinel_poll(const struct sentinel *);
uint64_t sentinel_deadline(const struct sentinel *);
/* Has each of them been asked in vain since one answered last? */
bool sentinel_is_lost(const struct sentinel *);

#endif
