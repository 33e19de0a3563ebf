/* shared_history - what several hubs share, seen from beside: read by a client of its own, and
 * written as any hub would, by the transport itself.
 *
 * What one gets wrong: an entry has no time of its own; what is known is when its segment was
 * sealed, and by that its age is judged there as well. */

#include "cli/shared_history.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/event_line.h"
#include "cli/lines_in.h"
#include "cli/progress.h"
#include "transport/redis/client.h"
#include "transport/redis/redis.h"

#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    AT_ONCE = 256,
    AT_ONCE_BYTES = 1 << 20,
};

/* --- stat ------------------------------------------------------------------------------------- */

static bool
head_number(struct client *c, const char *field, uint64_t *ret, struct error *err)
{
    char text[64];
    if (!client_head(c, field, text, sizeof text, err))
        return false;
    struct slice s = slice_of(text);
    s = slice_from(s, slice_index(s, '-') < s.len ? slice_index(s, '-') + 1 : 0);
    if (!slice_u64(s, UINT64_MAX, ret))
        *ret = 0;
    return true;
}

static bool
show(struct client *c, struct error *err)
{
    char text[64], state[24];
    uint64_t count, removed, at, removed_at;
    if (!client_head(c, "v", text, sizeof text, err))
        return false;
    if (text[0] == '\0') {
        printf("empty: no hub has been here (%s)\n", wire_peer(c->wire));
        return true;
    }
    if (!head_number(c, "count", &count, err) || !head_number(c, "rcount", &removed, err) ||
        !head_number(c, "at", &at, err) || !head_number(c, "rem", &removed_at, err) ||
        !client_head(c, "state", state, sizeof state, err) ||
        !client_head(c, "end", text, sizeof text, err))
        return false;
    printf("server %s\nformat 1\nstate %s\nevents %llu\nbytes %llu\n", wire_peer(c->wire), state,
           (unsigned long long)(count - removed), (unsigned long long)(at - removed_at));
    printf("end %s\n", text);
    if (!client_head(c, "rem", text, sizeof text, err))
        return false;
    printf("removed %s\n", text);
    return true;
}

bool
shared_history_stat(const struct config *c, struct error *err)
{
    struct redis_settings settings;
    struct client client;
    redis_settings_of(&settings, c);
    bool ok = client_open(&client, &settings, err);
    if (ok) {
        ok = show(&client, err);
        client_close(&client);
    }
    redis_settings_fini(&settings);
    return ok;
}

/* --- dump ------------------------------------------------------------------------------------- */

/* Where a segment ends, and when it was sealed. */
struct seal {
    struct position end;
    uint64_t time_ms;
};

struct dump {
    struct client client;
    FILE *out;
    const struct sieve *sieve;
    struct buf line, bytes;
    struct seal *seals; /* owns */
    size_t seal_count, next_seal;
    uint64_t strange, written;
    bool any, failed;
};

/* "END COUNT MS ID" of a segment that was sealed. */
static bool
read_seal(struct client *c, uint64_t segment, struct seal *ret, struct error *err)
{
    char field[40], text[1400];
    struct slice rest, word;
    snprintf(field, sizeof field, "g:%llu", (unsigned long long)segment);
    if (!client_head(c, field, text, sizeof text, err))
        return false;
    rest = slice_of(text);
    bool ok = slice_cut(&rest, ' ', &word) && entry_place_read(word, &ret->end) &&
              slice_cut(&rest, ' ', &word) && slice_cut(&rest, ' ', &word) &&
              slice_u64(word, UINT64_MAX, &ret->time_ms);
    if (!ok)
        *ret = (struct seal){.time_ms = 0}; /* it went meanwhile */
    return true;
}

static bool
read_seals(struct dump *d, struct error *err)
{
    uint64_t first, last;
    if (!head_number(&d->client, "lo", &first, err) || !head_number(&d->client, "seg", &last, err))
        return false;
    for (; first < last; first++) {
        d->seals = xrealloc(d->seals, (d->seal_count + 1) * sizeof *d->seals);
        if (!read_seal(&d->client, first, &d->seals[d->seal_count++], err))
            return false;
    }
    return true;
}

/* The open segment is of now. */
static uint64_t
time_of(struct dump *d, struct position at)
{
    while (d->next_seal < d->seal_count && position_cmp(at, d->seals[d->next_seal].end) > 0)
        d->next_seal++;
    return d->next_seal < d->seal_count ? d->seals[d->next_seal].time_ms : clock_wall_ms();
}

/* As a record of a file, which is what a line is written of. */
static bool
write_update(struct dump *d, const struct entry *e, struct update *u)
{
    size_t size = disk_record_size(u);
    struct disk_record r = {.sequence = e->position.sequence,
                            .time_ms = time_of(d, e->position),
                            .flags = (u->is_private ? DISK_RECORD_PRIVATE : 0) |
                                     (u->id_is_chosen ? DISK_RECORD_ID_CHOSEN : 0) |
                                     (e->origin.flags & ENTRY_KNOWN ? DISK_RECORD_ID_KNOWN : 0),
                            .kind = (enum disk_record_kind)u->kind,
                            .dialect = u->dialect};
    buf_clear(&d->bytes);
    buf_clear(&d->line);
    if (!buf_reserve(&d->bytes, size))
        return false;
    disk_record_write(d->bytes.ptr, u, 0, &r);
    if (disk_record_read(SLICE_OF(d->bytes.ptr, size), 0, &r) != DISK_RECORD_OK)
        return false;
    return !sieve_takes(d->sieve, &r) || event_line_write(&d->line, &r, e->position.run, false);
}

static void
write_entry(struct dump *d, const struct resp *one)
{
    struct entry e;
    struct update *u = entry_read(one, &e) ? entry_update(&e) : NULL;
    if (u == NULL || !write_update(d, &e, u))
        d->strange++;
    else
        d->failed |= fwrite(d->line.ptr, 1, d->line.len, d->out) != d->line.len;
    d->any |= u != NULL;
    d->written++;
    update_unref(&u);
}

static bool
write_piece(struct dump *d, const struct resp *r, struct position *at, struct error *err)
{
    for (uint32_t i = 0; i < r->count && !d->failed; i++) {
        const struct resp *one = &r->items[i];
        if (one->kind != RESP_ARRAY || one->count == 0 || !entry_place_read(one->items[0].text, at))
            return error_set(err, "an answer of another shape");
        write_entry(d, one);
    }
    return true;
}

static bool
write_all(struct dump *d, struct error *err)
{
    struct position at = {0};
    const struct resp *r;
    char removed[ENTRY_PLACE_LEN];
    if (!read_seals(d, err) || !client_head(&d->client, "rem", removed, sizeof removed, err))
        return false;
    if (removed[0] && !entry_place_read(slice_of(removed), &at))
        return error_set(err, "the store's head is of another shape");
    if (!isatty(fileno(d->out)))
        progress_begin("dumped", "updates", 0);
    do {
        progress_at(0, d->written);
        r = client_entries(&d->client, at, err);
        if (r == NULL || !write_piece(d, r, &at, err)) {
            progress_end();
            return false;
        }
    } while (r->count && !d->failed);
    progress_end();
    if (d->failed || fflush(d->out) != 0)
        return error_set(err, "the dump cannot be written");
    if (d->strange)
        return error_set(err, "%llu entries are none of a hub's, and were left out",
                         (unsigned long long)d->strange);
    return true;
}

bool
shared_history_dump(const struct config *c, const struct sieve *sieve, FILE *out, bool *ret_any,
                    struct error *err)
{
    struct redis_settings settings;
    struct dump d = {.out = out, .sieve = sieve};
    buf_init(&d.line, SIZE_MAX);
    buf_init(&d.bytes, SIZE_MAX);
    redis_settings_of(&settings, c);
    bool ok = client_open(&d.client, &settings, err);
    if (ok) {
        ok = write_all(&d, err);
        client_close(&d.client);
    }
    *ret_any = d.any;
    free(d.seals);
    buf_fini(&d.line);
    buf_fini(&d.bytes);
    redis_settings_fini(&settings);
    return ok;
}

/* --- restore ---------------------------------------------------------------------------------- */

/* One hub without streams. */
struct restore {
    struct transport *transport;
    struct worker *worker;
    struct transport_publish publish;
    sem_t answered;
    struct update *updates[AT_ONCE];
    uint32_t count;
    size_t bytes;
    uint64_t done;
};

static void
receive(struct worker *w, struct message *m)
{
    struct transport_delivery *d = CONTAINER_OF(m, struct transport_delivery, message);
    (void)w;
    batch_unref(&d->batch);
    free(d);
}

static void
on_answer(struct worker *w, struct message *m)
{
    (void)w;
    sem_post(&CONTAINER_OF(m, struct restore, publish.message)->answered);
}

static bool
publish_all(struct restore *r, struct error *err)
{
    if (r->count == 0)
        return true;
    r->publish = (struct transport_publish){.message = {.receive = on_answer},
                                            .origin = r->worker,
                                            .updates = r->updates,
                                            .count = r->count};
    for (uint32_t i = 0; i < r->count; i++)
        r->updates[i]->made_ns = clock_mono_ns();
    transport_publish(r->transport, &r->publish);
    while (sem_wait(&r->answered) != 0)
        ;
    r->count = 0;
    r->bytes = 0;
    r->done += r->publish.committed;
    return r->publish.outcome == PUBLISH_COMMITTED ||
           error_set(err, "Redis does not take it (its log, and alipes.conf(5), tell why)");
}

static bool
take_line(void *context, struct slice text, struct error *err)
{
    struct restore *r = context;
    struct event_line line;
    if (!event_line_read(text, clock_wall_ms(), &line, err))
        return false;
    if (line.is_lost || line.is_hub_s) {
        update_unref(&line.update);
        return true;
    }
    r->updates[r->count++] = line.update;
    r->bytes += line.update->size;
    return (r->count < AT_ONCE && r->bytes < AT_ONCE_BYTES) || publish_all(r, err);
}

static bool
is_empty(const struct redis_settings *settings, struct error *err)
{
    struct client client;
    uint64_t count;
    if (!client_open(&client, settings, err))
        return false;
    bool ok = head_number(&client, "count", &count, err);
    client_close(&client);
    return ok && (count == 0 ||
                  error_set(err,
                            "the stream %s holds a history already (%llu updates ever): delete "
                            "its keys, or take another stream",
                            settings->stream, (unsigned long long)count));
}

static bool
run(struct restore *r, FILE *in, struct error *err)
{
    sem_init(&r->answered, 0, 0);
    r->worker = worker_new(0);
    transport_start(r->transport, &r->worker, 1, receive);
    worker_start(r->worker);
    uint64_t lines;
    bool ok = lines_in(in, take_line, r, &lines, err) && publish_all(r, err);
    for (uint32_t i = 0; i < r->count; i++)
        update_unref(&r->updates[i]);
    transport_refuse(r->transport);
    transport_stop(r->transport);
    worker_stop(r->worker);
    worker_join(r->worker);
    worker_free(&r->worker);
    sem_destroy(&r->answered);
    return ok;
}

bool
shared_history_restore(const struct config *c, FILE *in, uint64_t *ret_updates, struct error *err)
{
    struct redis_settings redis;
    struct restore *r = xalloc(sizeof *r);
    redis_settings_of(&redis, c);
    const struct transport_settings settings = {.tail_bytes = c->tail,
                                                .max_batch_bytes = c->max_batch_bytes,
                                                .max_events = c->max_events,
                                                .max_bytes = c->max_bytes,
                                                .max_age_ms = c->max_age_ms,
                                                .redis = &redis};
    bool ok = is_empty(&redis, err) &&
              (r->transport = transport_open(&redis_transport, &settings, err)) != NULL &&
              run(r, in, err);
    *ret_updates = r->done;
    transport_free(&r->transport);
    redis_settings_fini(&redis);
    free(r);
    return ok;
}
