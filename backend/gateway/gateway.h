#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

/* Sockets of every wire: what a connection's first byte says decides (DESIGN.md, section 4). One a
 * process; it knows its workers by their numbers. */

#include "loop/listener.h"
#include "request/exchange.h"
#include "request/rules.h"

enum gateway_door {
    GATEWAY_HUB,
    GATEWAY_METRICS, /* a scrape must get through where max_connections is met */
    GATEWAY_DOORS,
};

struct gateway_settings {
    /* Who answers what comes in by a door: called when a head is complete, never NULL. */
    const struct exchange_handler *(*routes[GATEWAY_DOORS])(struct exchange *);
    /* Of the hub's door, as far as descriptors reach, and past how many none is kept idle. */
    size_t max_connections, kept_connections;
    unsigned workers;
    atomic_size_t *pending;      /* borrowed: bytes of bodies, counted with others */
    const atomic_bool *stopping; /* borrowed: bids connections farewell as their replies end */
    /* Borrowed: the key of the history's position ids (transport/position_id.h); and up to where a
     * worker has delivered. */
    const struct hash_key *places;
    struct position (*delivered)(struct worker *);
};

/* Before the workers start. Takes references of the rules. Caller owns. */
struct gateway *gateway_new(const struct gateway_settings *, struct rules *);
void gateway_free(struct gateway **); /* when they have ended */
/* For listener_watch(); lives as long as the gateway. */
struct listener_door *gateway_door(struct gateway *, enum gateway_door);
/* New rules, to every worker by mailbox. Borrows them. Any one thread. */
void gateway_hand_out(struct gateway *, struct worker *const *, struct rules *);

/* The worker's thread: the hub stops, so whatever is not under way closes, and no body is waited
 * for; then, whatever is. */
void gateway_drain(struct gateway *, struct worker *);
void gateway_close_all(struct gateway *, struct worker *);

#endif
