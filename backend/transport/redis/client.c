/* client - what a session is without a hub: it reads, and changes nothing. */

#include "transport/redis/client.h"

#include "base/clock.h"
#include "transport/redis/answer.h"
#include "transport/redis/info.h"
#include "transport/redis/login.h"

#include <stdio.h>

enum {
    PIECE_BYTES = 65536,
    BULK_BYTES = 512 << 20, /* whatever Redis holds */
    ANSWER_BYTES = 1 << 30,
    ANSWER_ITEMS = 65536,
    MAX_OUT = 1 << 20,
    FORMAT = 1, /* of the store (join.lua) */
};

/* Until something happens at either, at most a tenth of a second. */
static void
sleep_on(const struct client *c)
{
    struct pollfd fds[] = {c->wire ? wire_poll(c->wire) : (struct pollfd){.fd = -1},
                           place_poll(&c->place)};
    poll(fds, 2, 100);
}

/* --- questions -------------------------------------------------------------------------------- */

static struct buf *
out_of(struct client *c)
{
    return wire_out(c->wire);
}

static const struct resp *
await(struct client *c, struct error *err)
{
    uint64_t until = clock_mono_ms() + c->settings->timeout_ms;
    const struct resp *r = NULL;
    while (wire_work(c->wire) == WIRE_OPEN && (r = wire_answer(c->wire)) == NULL &&
           clock_mono_ms() < until)
        sleep_on(c);
    if (r == NULL && wire_state(c->wire) == WIRE_FAILED)
        error_set(err, "%s", wire_error(c->wire));
    else if (r == NULL)
        error_set(err, "%.200s says nothing", wire_peer(c->wire));
    return r;
}

/* Good until the next one. NULL: err says why, also of an error. */
static const struct resp *
ask(struct client *c, struct error *err)
{
    const struct resp *r = await(c, err);
    if (r == NULL || r->kind != RESP_ERROR)
        return r;
    place_moved(&c->place, r->text);
    answer_say(answer_find(r->text), r->text, c->settings->login.user, c->settings->stream, err);
    return NULL;
}

bool
client_head(struct client *c, const char *field, char *out, size_t size, struct error *err)
{
    resp_begin(out_of(c), 3);
    resp_add(out_of(c), SLICE("HGET"));
    resp_add(out_of(c), slice_of(c->keys.head));
    resp_add(out_of(c), slice_of(field));
    const struct resp *r = ask(c, err);
    if (r == NULL)
        return false;
    snprintf(out, size, SLICE_FMT, SLICE_ARG(r->text));
    return true;
}

/* From behind `after`; up to `upto`, or one, however large. */
static const struct resp *
ask_range(struct client *c, struct position after, bool is_one, struct error *err)
{
    char from[ENTRY_PLACE_LEN + 1] = "(", upto[ENTRY_PLACE_LEN];
    struct buf *out = out_of(c);
    entry_place_write(after, from + 1);
    after.sequence += PIECE_BYTES;
    resp_begin(out, is_one ? 6 : 4);
    resp_add(out, SLICE("XRANGE"));
    resp_add(out, slice_of(c->keys.stream));
    resp_add(out, slice_of(from));
    resp_add(out, is_one ? SLICE("+") : entry_place_write(after, upto));
    if (is_one) {
        resp_add(out, SLICE("COUNT"));
        resp_add_number(out, 1);
    }
    return ask(c, err);
}

const struct resp *
client_entries(struct client *c, struct position after, struct error *err)
{
    const struct resp *r = ask_range(c, after, false, err);
    if (r && r->kind == RESP_ARRAY && r->count == 0)
        r = ask_range(c, after, true, err);
    if (r && r->kind != RESP_ARRAY) {
        error_set(err, "an answer of another shape");
        return NULL;
    }
    return r;
}

/* --- the server ------------------------------------------------------------------------------- */

static bool
connect_to(struct client *c, const struct wire_settings *w, struct error *err)
{
    uint64_t until = clock_mono_ms() + c->settings->connect_timeout_ms;
    c->wire = wire_open(w);
    while (wire_work(c->wire) < WIRE_OPEN && clock_mono_ms() < until)
        sleep_on(c);
    if (wire_state(c->wire) == WIRE_OPEN)
        return true;
    return wire_state(c->wire) == WIRE_FAILED
               ? error_set(err, "%s", wire_error(c->wire))
               : error_set(err, "%.200s says nothing", wire_peer(c->wire));
}

static bool
log_in(struct client *c, struct error *err)
{
    err->text[0] = '\0';
    if (login_add_auth(out_of(c), &c->settings->login, err) ? ask(c, err) == NULL
                                                            : err->text[0] != '\0')
        return false;
    return !login_add_database(out_of(c), c->settings) || ask(c, err) != NULL;
}

static bool
judge(struct client *c, struct error *err)
{
    char version[24];
    resp_begin(out_of(c), 1);
    resp_add(out_of(c), SLICE("INFO"));
    const struct resp *r = ask(c, err);
    if (r == NULL || !info_is_recent(r->text, err) || !info_is_master(r->text, err) ||
        !client_head(c, "v", version, sizeof version, err))
        return false;
    uint64_t number = FORMAT;
    if (version[0] && (!slice_u64(slice_of(version), UINT64_MAX, &number) || number != FORMAT))
        return error_set(err,
                         "what is kept there is of format %s, this alipes knows format %d: a newer "
                         "one wrote it",
                         version, FORMAT);
    return true;
}

static bool
try_next(struct client *c, struct error *err)
{
    struct wire_settings w = {.bounds = {BULK_BYTES, ANSWER_BYTES, ANSWER_ITEMS},
                              .max_out = MAX_OUT};
    wire_close(&c->wire);
    bool ok = place_next(&c->place, &w, err);
    c->place.is_moved = false; /* tried once */
    return ok && connect_to(c, &w, err) && log_in(c, err) && judge(c, err);
}

/* Sentinels are waited for; each server is tried once, and where the cluster sends us. */
static bool
find_server(struct client *c, struct error *err)
{
    const struct redis_settings *s = c->settings;
    uint64_t until = clock_mono_ms() + s->connect_timeout_ms + s->timeout_ms;
    for (place_work(&c->place, clock_mono_ms());
         s->sentinel && !c->place.sentinel.has_master && clock_mono_ms() < until;
         place_work(&c->place, clock_mono_ms()))
        sleep_on(c);
    for (unsigned tries = 0; tries < s->server_count + 3; tries++) {
        if (try_next(c, err))
            return true;
        if (!c->place.is_moved && !place_failed(&c->place))
            break;
    }
    if (err->text[0] == '\0')
        error_set(err, "no Sentinel answers");
    return false;
}

bool
client_open(struct client *c, const struct redis_settings *s, struct error *err)
{
    *c = (struct client){.settings = s};
    err->text[0] = '\0';
    script_name_keys(&c->keys, s->stream);
    if (!resp_prepare(err) || !place_init(&c->place, s, err))
        return false;
    if (find_server(c, err))
        return true;
    client_close(c);
    return false;
}

void
client_close(struct client *c)
{
    wire_close(&c->wire);
    place_fini(&c->place);
}
