/* verify - opens the folders that are named on its input, one a line, as the hub does at its start,
 * and says of each what it holds:
 *
 *     held REMOVED_RUN REMOVED_SEQUENCE COUNT
 *     RUN SEQUENCE ID                          so many of them, oldest first
 *
 * or `fault` and why: an update that is not what its id promises ("ID:" and as many x as the digits
 * at the end of its id say), a position that does not grow, an id that is not found at its place.
 * With
 * `+` before the path it is opened under the bound that the hub had, one more update is committed,
 * and the folder opened once more must hold it. */

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/log.h"
#include "transport/log/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *fault;

static const struct store_settings settings = {.max_events = 1000000,
                                               .max_bytes = 4 * 1024 * 1024,
                                               .max_age_ms = 86400000,
                                               .cache_bytes = 1024 * 1024};

static void
judge(struct store *st, const struct update *u, struct position before)
{
    struct buf want;
    struct position found_at;
    bool found;
    size_t dash = u->id.len;
    while (dash && u->id.ptr[dash - 1] != '-')
        dash--;
    char digits[32];
    snprintf(digits, sizeof digits, SLICE_FMT, SLICE_ARG(slice_head(slice_from(u->id, dash), 20)));
    size_t xs = strtoul(digits, NULL, 10);
    buf_init(&want, 100 * 1024 * 1024);
    buf_addf(&want, "id: " SLICE_FMT "\ndata: " SLICE_FMT ":", SLICE_ARG(u->id), SLICE_ARG(u->id));
    for (size_t i = 0; i < xs; i++)
        buf_add_byte(&want, 'x');
    buf_addf(&want, "\n\n");
    if (!slice_eq(u->event, buf_slice(&want)))
        fault = "an update is not what was published";
    buf_fini(&want);
    if (position_cmp(before, u->position) >= 0)
        fault = "a position does not grow";
    if (!store_find(st, u->id, &found, &found_at) || !found || position_cmp(found_at, u->position) != 0)
        fault = "an id is not found at its place";
}

static void
walk(struct store *st, struct buf *out, unsigned *count)
{
    struct position after = {0, 0};
    struct batch *piece;
    bool gone, first = true;
    for (;;) {
        store_read(st, first, &after, &gone, &piece);
        first = false;
        if (gone)
            fault = "what is held cannot be read";
        if (gone || piece == NULL)
            return;
        for (uint32_t i = batch_index_after(piece, after); i < piece->count; i++) {
            const struct update *u = piece->updates[i];
            judge(st, u, after);
            after = u->position;
            buf_addf(out, "%llu %llu " SLICE_FMT "\n", (unsigned long long)u->position.run,
                     (unsigned long long)u->position.sequence, SLICE_ARG(u->id));
            (*count)++;
        }
        batch_unref(&piece);
    }
}

static void
commit_one(struct store *st)
{
    const struct slice topic = SLICE("t"), id = SLICE("more-3");
    const struct update_parts parts = {
        .topics = &topic, .topic_count = 1, .id = id, .data = SLICE("more-3:xxx")};
    struct error err;
    bool too_large;
    uint32_t fits;
    struct update *u = update_new(&parts, 1000, &too_large);
    struct batch *b = batch_new(1);
    b->updates[0] = u;
    if (store_begin(st, &u, 1, &fits, &err) != STORE_READY || !store_commit(st, b, &err))
        fault = "nothing can be committed";
    batch_unref(&b);
}

static void
report(const char *path, bool one_more)
{
    struct error err = {""};
    struct store_settings here = settings;
    struct buf out;
    unsigned count = 0, again = 0;
    here.path = path;
    if (one_more) /* as the hub's: room is made at the start */
        here.max_bytes = 1024 * 1024;
    fault = NULL;
    buf_init(&out, 100 * 1024 * 1024);
    struct store *st = store_open(&here, &err);
    if (st == NULL) {
        printf("fault cannot be opened: %s\n", err.text);
        fflush(stdout);
        return;
    }
    struct removed removed = st->removed;
    walk(st, &out, &count);
    if (one_more && fault == NULL) {
        commit_one(st);
        store_close(&st);
        st = store_open(&here, &err);
        struct buf rest;
        buf_init(&rest, 100 * 1024 * 1024);
        if (st)
            walk(st, &rest, &again);
        if (fault == NULL &&
            (st == NULL || again < 1 || !slice_ends(buf_slice(&rest), SLICE("more-3\n"))))
            fault = "what was committed after the start is not there";
        buf_fini(&rest);
    }
    if (fault)
        printf("fault %s\n", fault);
    else
        printf("held %llu %llu %u\n%.*s", (unsigned long long)removed.position.run,
               (unsigned long long)removed.position.sequence, count, (int)out.len,
               out.ptr ? out.ptr : "");
    fflush(stdout);
    buf_fini(&out);
    store_close(&st);
}

int
main(void)
{
    char line[4096];
    int quiet = dup(STDERR_FILENO);
    log_open(LOG_LOGFMT, LOG_ERROR, quiet);
    hash_seed();
    while (fgets(line, sizeof line, stdin)) {
        line[strcspn(line, "\n")] = 0;
        report(line[0] == '+' ? line + 1 : line, line[0] == '+');
    }
    return 0;
}
