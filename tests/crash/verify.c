/* verify - opens the folders that are named on its input, one a line, as the hub does at its start,
 * and says of each what it holds:
 *
 *     held REMOVED_RUN REMOVED_SEQUENCE COUNT
 *     RUN SEQUENCE ID                          so many of them, oldest first
 *
 * or `fault` and why: an update that is not what its id promises ("ID:" and as many x as the digits
 * at the end of its id say; after `hSEQUENCE-` as much of what looks like heads of records), a
 * position that does not grow, an id that is not found at its place.
 *
 * `+` before the path: it is opened under the bound that the hub had, one more update is committed,
 * and the folder opened once more must hold it. `!FIRST,COUNT,ERRNO:` before both: so many opens
 * and reads of files fail, from the FIRST on, and whoever is told "not now" comes back, as a client
 * does. */

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/le.h"
#include "base/log.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/find.h"
#include "transport/disk/store.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    PATIENCE = 10, /* times that who is told "not now" comes back */
};

static const char *fault;

/* --- reads that fail ----------------------------------------------------------------------------
 */

static struct {
    unsigned first, count, calls, failed;
    int error;
} trouble;

static bool
fails(void)
{
    unsigned n = ++trouble.calls;
    if (trouble.count == 0 || n < trouble.first || n - trouble.first >= trouble.count)
        return false;
    trouble.failed++;
    errno = trouble.error;
    return true;
}

ssize_t pread(int fd, void *out, size_t len, off_t at);
int openat(int at, const char *path, int flags, ...);

ssize_t
pread(int fd, void *out, size_t len, off_t at)
{
    static ssize_t (*real)(int, void *, size_t, off_t);
    if (real == NULL)
        real = (ssize_t(*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
    return fails() ? -1 : real(fd, out, len, at);
}

int
openat(int at, const char *path, int flags, ...)
{
    static int (*real)(int, const char *, int, ...);
    va_list ap;
    va_start(ap, flags);
    int mode = va_arg(ap, int);
    va_end(ap);
    if (real == NULL)
        real = (int (*)(int, const char *, int, ...))dlsym(RTLD_NEXT, "openat");
    bool reads = (flags & O_ACCMODE) == O_RDONLY;
    return reads && fails() ? -1 : real(at, path, flags, mode);
}

/* --- what an update is to be --------------------------------------------------------------------
 */

static const struct store_settings settings = {.max_events = 1000000,
                                               .max_bytes = 4 * 1024 * 1024,
                                               .max_age_ms = 86400000,
                                               .cache_bytes = 1024 * 1024};

/* As test_crash.py makes it: heads that go on from this sequence, where records begin. */
static void
add_heads(struct buf *out, size_t len, uint64_t sequence, size_t id_len)
{
    static const uint32_t lengths[] = {32640, 16384, 64, 32640};
    char head[DISK_RECORD_HEAD];
    size_t end = out->len + len,
           at = DISK_RECORD_HEAD + strlen("....t") + strlen("id: .data: :") + 3 * id_len;
    for (; at % DISK_RECORD_ALIGN; at++)
        buf_add_byte(out, 'B');
    for (unsigned i = 0; i <= len / DISK_RECORD_HEAD; i++) {
        memset(head, 'A', sizeof head);
        le32_put(head, lengths[i % COUNT_OF(lengths)]);
        le32_put(head + 12, 0x7f70);
        le64_put(head + 16, sequence + i % 100);
        le64_put(head + 24, 5);
        le32_put(head + 32, 1);
        le32_put(head + 36, 0);
        le32_put(head + 40, 0);
        le32_put(head + 44, 0);
        buf_add(out, SLICE_OF(head, sizeof head));
    }
    for (size_t i = end - len; i < out->len; i++) { /* what data may hold as it is */
        char c = out->ptr[i] & 0x7f;
        out->ptr[i] = c == 10 || c == 13 ? 11 : c;
    }
    out->len = end;
}

static bool
find(struct store *st, struct slice id, struct position *ret)
{
    bool found = false;
    for (int i = 0; i < PATIENCE && !find_id(&st->segments, id, &found, ret); i++)
        found = false;
    return found;
}

static void
judge(struct store *st, const struct update *u, struct position before)
{
    struct buf want;
    struct position found_at;
    size_t dash = u->id.len;
    while (dash && u->id.ptr[dash - 1] != '-')
        dash--;
    char digits[32];
    snprintf(digits, sizeof digits, SLICE_FMT, SLICE_ARG(slice_head(slice_from(u->id, dash), 20)));
    size_t xs = strtoul(digits, NULL, 10);
    buf_init(&want, 100 * 1024 * 1024);
    buf_addf(&want, "id: " SLICE_FMT "\ndata: " SLICE_FMT ":", SLICE_ARG(u->id), SLICE_ARG(u->id));
    size_t mark = slice_index(u->id, 'h');
    if (mark < u->id.len) {
        snprintf(digits, sizeof digits, SLICE_FMT,
                 SLICE_ARG(slice_head(slice_from(u->id, mark + 1), 20)));
        add_heads(&want, xs, strtoull(digits, NULL, 10), u->id.len);
    }
    for (size_t i = 0; i < xs && mark == u->id.len; i++)
        buf_add_byte(&want, 'x');
    buf_addf(&want, "\n\n");
    if (!slice_eq(u->event, buf_slice(&want)))
        fault = "an update is not what was published";
    buf_fini(&want);
    if (position_cmp(before, u->position) >= 0)
        fault = "a position does not grow";
    if (!find(st, u->id, &found_at) || position_cmp(found_at, u->position) != 0)
        fault = "an id is not found at its place";
}

static void
walk(struct store *st, struct buf *out, unsigned *count)
{
    struct position after = {0, 0};
    struct batch *piece;
    bool gone, first = true;
    for (int patience = PATIENCE;;) {
        unsigned failed = trouble.failed;
        reader_read(&st->reader, first, &after, &gone, &piece);
        if (gone && trouble.failed > failed && patience-- > 0)
            continue;
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
    uint64_t sequence = 0;
    struct update *u = update_new(&parts, 1000, &too_large);
    bool ok = writer_begin(&st->writer, &u, 1, &sequence, &fits, &err) == WRITER_READY;
    if (ok)
        writer_number(&st->writer, &u, 1, sequence);
    if (!ok || !writer_commit(&st->writer, &u, 1, NULL, &err))
        fault = "nothing can be committed";
    update_unref(&u);
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
    struct store *st = NULL;
    for (int i = 0; i < PATIENCE && st == NULL; i++) {
        unsigned failed = trouble.failed;
        st = store_open(&here, &err);
        if (trouble.failed == failed)
            break; /* what it says is not because of us */
    }
    if (st == NULL) {
        printf("fault cannot be opened: %s\n", err.text);
        fflush(stdout);
        return;
    }
    struct removed removed = st->segments.removed;
    walk(st, &out, &count);
    if (one_more && fault == NULL) {
        trouble.count = 0;
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
        char *path = line, *colon = strchr(line, ':');
        memset(&trouble, 0, sizeof trouble);
        if (line[0] == '!' && colon) {
            path = colon + 1;
            if (sscanf(line, "!%u,%u,%d:", &trouble.first, &trouble.count, &trouble.error) != 3)
                return 2;
        }
        report(path[0] == '+' ? path + 1 : path, path[0] == '+');
    }
    return 0;
}
