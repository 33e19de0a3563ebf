/* Damage anywhere: hundreds of copies of one history, each hurt at random (a byte, a run of zeros,
 * a cut, a file taken away), opened and read from everywhere. Whatever is lost, nothing is
 * invented, nobody skips an update without being told, and all that is committed afterwards is
 * there. Its sequences have gaps, and among its updates are hidden records with ids of theirs. */

#include "base/hash.h"
#include "base/log.h"
#include "transport/disk/lock.h"
#include "unit/guard.h"
#include "unit/transport/disk/history.h"

#include <time.h>

enum {
    UPDATES = 260,
    ROUNDS = 120,
    FILES = 64,
};

struct copy {
    char name[64];
    char *bytes;
    size_t len;
};

static struct copy copies[FILES];
static size_t copy_count;
static size_t youngest, last_offset; /* the file with the last record, and where that is */
static uint64_t state;

static uint64_t
draw(uint64_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static void
keep_copies(void)
{
    char path[128], **names;
    struct stat st;
    size_t n = history_names("", &names);
    for (size_t i = 0; i < n; i++) {
        history_file(path, names[i]);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
            continue;
        struct copy *c = &copies[copy_count++];
        ck_assert_uint_le(copy_count, FILES);
        snprintf(c->name, sizeof c->name, "%s", names[i]);
        c->len = (size_t)st.st_size;
        c->bytes = xalloc(c->len + 1);
        int fd = open(path, O_RDONLY);
        ck_assert_int_eq(pread(fd, c->bytes, c->len, 0), (ssize_t)c->len);
        close(fd);
    }
    history_free_names(names, n);
}

static void
put_back(void)
{
    char path[128];
    for (size_t i = 0; i < copy_count; i++) {
        history_file(path, copies[i].name);
        int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
        ck_assert_int_eq(pwrite(fd, copies[i].bytes, copies[i].len, 0), (ssize_t)copies[i].len);
        close(fd);
    }
}

/* What is lost at the very end of the youngest file cannot be told from a tear: that is spared. */
static void
hurt(char *what, size_t size)
{
    char path[128], zeros[700] = "";
    size_t which = draw(copy_count), at, run = 1 + draw(sizeof zeros);
    const struct copy *c = &copies[which];
    history_file(path, c->name);
    int fd = open(path, O_RDWR), how = which == youngest ? 4 : (int)draw(8);
    at = c->len ? draw(which == youngest ? last_offset : c->len) : 0;
    if (fd < 0 || lseek(fd, 0, SEEK_END) <= (off_t)at) {
        snprintf(what, size, "%s is shorter", c->name);
    } else if (how == 0) {
        unlink(path);
        snprintf(what, size, "%s was taken away", c->name);
    } else if (how == 1) {
        ck_assert_int_eq(ftruncate(fd, (off_t)at), 0);
        snprintf(what, size, "%s was cut to %zu", c->name, at);
    } else if (how == 2) {
        run = at + run > c->len ? c->len - at : run;
        ck_assert_int_eq(pwrite(fd, zeros, run, (off_t)at), (ssize_t)run);
        snprintf(what, size, "%zu zeros at %zu of %s", run, at, c->name);
    } else {
        /* Of a lock that does not begin as one does, the start is refused. */
        if (strcmp(c->name, lock_name) == 0 && at < strlen("pid "))
            at = strlen("pid ");
        history_flip(path, (off_t)at);
        snprintf(what, size, "%s flipped at %zu", c->name, at);
    }
    if (fd >= 0)
        close(fd);
}

static unsigned
number_of(struct slice id)
{
    uint64_t n;
    ck_assert(slice_starts(id, SLICE("id-")) && slice_u64(slice_from(id, 3), 100000, &n));
    return (unsigned)n;
}

/* Reads on behind `at`: the numbers follow on each other from `next` on (or from anywhere, where
 * that is UINT_MAX). Returns the number behind the last; *ret_gone: it was told. */
static unsigned
read_on(struct store *st, bool from_removed, struct position at, unsigned next, bool *ret_gone)
{
    struct batch *piece;
    for (;; from_removed = false) {
        reader_read(&st->reader, from_removed, &at, ret_gone, &piece);
        if (*ret_gone || piece == NULL)
            return next;
        for (uint32_t i = batch_index_after(piece, at); i < piece->count; i++) {
            unsigned number = number_of(piece->updates[i]->id);
            ck_assert_msg(next == UINT32_MAX || number == next, "%u instead of %u", number, next);
            ck_assert_uint_eq(slice_count(piece->updates[i]->event, 'x'), number * 37 % 900);
            next = number + 1;
        }
        at = piece->upto;
        batch_unref(&piece);
    }
}

/* A stream with this cursor. */
static void
read_from(struct store *st, unsigned number, unsigned last)
{
    char id[24];
    struct position at;
    bool found, gone;
    snprintf(id, sizeof id, "id-%u", number);
    at = history_find(st, id, &found);
    if (!found)
        return;
    unsigned next = read_on(st, false, at, number + 1, &gone);
    ck_assert_msg(gone || next == last, "ended at %u of %u", next, last);
    if (!gone)
        return;
    /* It was told; when it comes back it is not led there again. */
    at = history_find(st, id, &found);
    ck_assert_msg(!found || position_cmp(at, st->segments.removed.position) >= 0,
                  "%s is found again", id);
}

static void
one_round(const struct store_settings *s)
{
    char what[3][128] = {""};
    struct error err = {""};
    bool gone;
    put_back();
    size_t hurts = 1 + draw(3);
    for (size_t i = 0; i < hurts; i++)
        hurt(what[i], sizeof what[i]);
    struct store *st = store_open(s, &err);
    ck_assert_msg(st != NULL, "%s; %s; %s: %s", what[0], what[1], what[2], err.text);
    for (unsigned i = 0; i < 8; i++)
        read_from(st, (unsigned)draw(UPDATES), UPDATES);
    /* Whatever the damage costs, it is told at most once or twice; then what is left is read. */
    unsigned last = UINT32_MAX;
    for (unsigned tries = 0; tries < 8; tries++) {
        last = read_on(st, true, (struct position){0}, UINT32_MAX, &gone);
        if (!gone)
            break;
    }
    ck_assert_msg(!gone, "%s; %s; %s", what[0], what[1], what[2]);
    ck_assert_msg(last == UINT32_MAX || last <= UPDATES, "%u", last);
    for (unsigned i = 0; i < 3; i++) {
        char id[24];
        snprintf(id, sizeof id, "id-%u", UPDATES + i);
        history_commit(st, id, (UPDATES + i) * 37 % 900);
    }
    store_close(&st);
    st = history_open(s);
    for (unsigned tries = 0; tries < 8; tries++) {
        last = read_on(st, true, (struct position){0}, UINT32_MAX, &gone);
        if (!gone)
            break;
    }
    ck_assert_msg(last == UPDATES + 3, "%s; %s; %s: %u", what[0], what[1], what[2], last);
    read_from(st, UPDATES, UPDATES + 3);
    read_from(st, (unsigned)draw(UPDATES), UPDATES + 3);
    store_close(&st);
    history_remove();
}

/* Now and then behind a gap, and behind a hidden record of its own id. */
static void
commit(struct store *st, unsigned number)
{
    char id[24];
    struct error err;
    uint64_t sequence = st->writer.at.next_sequence + (draw(3) ? 0 : draw(5000));
    uint32_t fits;
    snprintf(id, sizeof id, "id-%u", number);
    struct update *u = make_update(id, 1, number * 37 % 900);
    if (draw(6) == 0) {
        u->kind = UPDATE_BEGIN;
        ck_assert_int_eq(writer_begin(&st->writer, &u, 1, &sequence, &fits, &err), WRITER_READY);
        writer_number(&st->writer, &u, 1, sequence++);
        ck_assert(writer_carry(&st->writer, &u, 1, &err));
        u->kind = UPDATE_PUBLISHED;
    }
    u->id_is_chosen = true;
    ck_assert(history_commit_at(st, &u, 1, sequence));
    update_unref(&u);
}

START_TEST(damage_anywhere_is_told_and_never_skipped)
{
    struct store_settings s = history_settings();
    char name[SEGMENT_NAME];
    state = (uint64_t)time(NULL) * 2654435761u | 1;
    const char *seed = getenv("DAMAGE_SEED");
    if (seed)
        state = strtoull(seed, NULL, 10);
    printf("DAMAGE_SEED=%llu\n", (unsigned long long)state);
    log_open(LOG_LOGFMT, LOG_ERROR, open("/dev/null", O_WRONLY));
    /* Two runs: a history that was stopped and started. */
    for (unsigned run = 0; run < 2; run++) {
        struct store *st = history_open(&s);
        for (unsigned i = run * UPDATES / 2; i < (run + 1) * UPDATES / 2; i++)
            commit(st, i);
        history_keep(st);
        segment_name(name, st->segments.open->header.first, ".log");
        last_offset = st->segments.open->last_offset;
        store_close(&st);
    }
    ck_assert_uint_gt(last_offset, 0);
    keep_copies();
    while (strcmp(copies[youngest].name, name) != 0)
        youngest++;
    history_remove();
    const char *rounds = getenv("DAMAGE_ROUNDS");
    for (unsigned i = 0, n = rounds ? (unsigned)strtoul(rounds, NULL, 10) : ROUNDS; i < n; i++) {
        s = history_settings();
        one_round(&s);
    }
    for (size_t i = 0; i < copy_count; i++)
        free(copies[i].bytes);
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *suite = suite_create("damage");
    TCase *c = tcase_create("damage");
    tcase_set_timeout(c, 1200);
    tcase_add_test(c, damage_anywhere_is_told_and_never_skipped);
    suite_add_tcase(suite, c);
    SRunner *r = srunner_create(suite);
    srunner_run_all(r, CK_NORMAL);
    int bad = srunner_ntests_failed(r);
    srunner_free(r);
    return bad ? EXIT_FAILURE : EXIT_SUCCESS;
}
