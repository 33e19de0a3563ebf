#ifndef AUTH_KEY_SET_H
#define AUTH_KEY_SET_H

/* Several keys: immutable, any thread, counted. And where a set comes from when it comes over the
 * network: a source outlives sets, authorities and reloads. */

#include "auth/key.h"

struct key_set {
    struct key **keys; /* owns */
    size_t count;
    unsigned ignored; /* keys of the set that cannot verify here */
    bool is_too_old;  /* stands for a set that could not be renewed: has no key, and no say */
    _Atomic unsigned refs;
};

enum {
    KEY_SET_MAX = 100
};

struct key_set *key_set_new(void);                /* empty; caller owns a reference */
void key_set_add(struct key_set *, struct key *); /* takes the key; while it is built */
struct key_set *key_set_of(struct key *);         /* takes the key; caller owns the set */
struct key_set *key_set_ref(struct key_set *);
void key_set_unref(struct key_set **);

/* A place whose set changes: a JWK set's URL. Any thread; a leaf lock is held for one pointer. */
struct key_source;

struct key_source *key_source_new(const char *url); /* without a set; caller owns a reference */
struct key_source *key_source_ref(struct key_source *);
void key_source_unref(struct key_source **);
const char *key_source_url(const struct key_source *);
/* Takes the reference of `set`. Where the keys are not the same as before, tokens that caches hold
 * are judged anew (auth_generation()). */
void key_source_replace(struct key_source *, struct key_set *set);
/* NULL: none has come yet. Caller owns a reference. *ret_version (may be NULL) grows by one with
 * every key_source_replace(), also by the same keys; 0: none has come yet. */
struct key_set *key_source_current(struct key_source *, uint64_t *ret_version);

/* A place among at most `most` requests that wait for this source. False: they are taken. */
MUST_CHECK bool key_source_take_place(struct key_source *, size_t most);
void key_source_leave_place(struct key_source *);

/* A number that changes whenever a token may be judged otherwise than before. */
uint64_t auth_generation(void);
uint64_t auth_next_generation(void);

#endif
