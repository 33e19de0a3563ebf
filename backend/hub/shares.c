/* shares - counts that go up when something new comes into the index, and down when it leaves.
 *
 * Whoever brought it has it on the account, however many others use it by now; who finds it there
 * pays nothing and is never refused. A client without anything has no entry. */

#include "hub/shares.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    FIRST_NUMBERS = 64
};

struct share {
    struct entry entry; /* in shares.clients */
    uint64_t client;
    uint32_t number;
    size_t held[SHARE_KINDS], things;
};

static struct share *
share_of(struct entry *e)
{
    return e ? CONTAINER_OF(e, struct share, entry) : NULL;
}

static void
set_cap(struct shares *s, uint32_t cap)
{
    s->cap = cap;
    s->numbered = xrealloc(s->numbered, cap * sizeof *s->numbered);
    s->spare = xrealloc(s->spare, cap * sizeof *s->spare);
}

void
shares_init(struct shares *s)
{
    *s = (struct shares){.used = 1};
    set_cap(s, FIRST_NUMBERS);
    s->numbered[0] = NULL;
    linear_hash_init(&s->clients);
}

void
shares_fini(struct shares *s)
{
    linear_hash_fini(&s->clients);
    free(s->numbered);
    free(s->spare);
}

static bool
is_client(const struct entry *e, const void *what)
{
    return CONTAINER_OF(e, struct share, entry)->client == *(const uint64_t *)what;
}

static uint32_t
hash_of(uint64_t client)
{
    return (uint32_t)(client * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct share *
find(struct shares *s, uint64_t client)
{
    if (s->latest == NULL || s->latest->client != client)
        s->latest = share_of(linear_hash_find(&s->clients, hash_of(client), is_client, &client));
    return s->latest;
}

static uint32_t
take_number(struct shares *s)
{
    if (s->spare_count)
        return s->spare[--s->spare_count];
    if (s->used == s->cap)
        set_cap(s, 2 * s->cap);
    return s->used++;
}

static struct share *
add(struct shares *s, uint64_t client)
{
    struct share *share = xalloc(sizeof *share);
    share->client = client;
    share->number = take_number(s);
    s->numbered[share->number] = share;
    share->entry.hash = hash_of(client);
    linear_hash_add(&s->clients, &share->entry);
    s->latest = share;
    return share;
}

/* Which of them would pass its bound? SHARE_KINDS: none. */
static enum share_kind
find_full(const size_t held[SHARE_KINDS], const size_t amounts[SHARE_KINDS],
          const size_t most[SHARE_KINDS])
{
    enum share_kind kind = 0;
    while (kind < SHARE_KINDS && (amounts[kind] == 0 || (amounts[kind] <= most[kind] &&
                                                         held[kind] <= most[kind] - amounts[kind])))
        kind++;
    return kind;
}

static void
count(struct shares *s, struct share *share, const size_t amounts[SHARE_KINDS])
{
    for (size_t kind = 0; kind < SHARE_KINDS; kind++) {
        s->held[kind] += amounts[kind];
        if (share)
            share->held[kind] += amounts[kind];
    }
    if (share)
        share->things++;
}

enum shares_answer
shares_take(struct shares *s, uint64_t client, const size_t amounts[SHARE_KINDS],
            const struct shares_limits *limits, uint32_t *ret_share, enum share_kind *ret_kind)
{
    static const size_t nothing[SHARE_KINDS] = {0};
    struct share *share = client ? find(s, client) : NULL;
    if ((*ret_kind = find_full(s->held, amounts, limits->most)) != SHARE_KINDS)
        return SHARES_FULL;
    if (client && (*ret_kind = find_full(share ? share->held : nothing, amounts,
                                         limits->of_client)) != SHARE_KINDS)
        return SHARES_HOARDED;
    if (client && share == NULL)
        share = add(s, client);
    count(s, share, amounts);
    *ret_share = share ? share->number : 0;
    return SHARES_TAKEN;
}

void
shares_give(struct shares *s, uint32_t number, const size_t amounts[SHARE_KINDS])
{
    struct share *share = s->numbered[number];
    for (size_t kind = 0; kind < SHARE_KINDS; kind++) {
        s->held[kind] -= amounts[kind];
        if (share)
            share->held[kind] -= amounts[kind];
    }
    if (share == NULL || --share->things)
        return;
    if (s->latest == share)
        s->latest = NULL;
    s->spare[s->spare_count++] = number;
    linear_hash_remove(&s->clients, &share->entry);
    free(share);
}
