/* What a crash leaves of two stores: the last commit torn in each of them, wherever and not alike,
 * or written into the one and not yet into the other. All that was confirmed is there, in its
 * order, and of everything that ever began it is known, so that it can be ended once. */

#include "base/hash.h"
#include "transport/active_update.h"
#include "transport/disk/joint_reader.h"
#include "transport/disk/joint_writer.h"
#include "unit/guard.h"
#include "unit/transport/disk/ends.h"
#include "unit/transport/disk/history.h"

enum {
    COMMITS = 40,
    PEOPLE = 2000,
    LARGEST = 30, /* updates of a commit */
};

static struct joint *joint;

struct event {
    struct position position;
    enum update_kind kind;
    uint64_t person; /* of begins and ends */
    char id[64];
};

struct events {
    struct event items[COMMITS * LARGEST + 2 * PEOPLE];
    size_t count;
};

static struct events committed, held;
static struct active *people[PEOPLE]; /* who is there */
static unsigned next_person, next_id;

static struct joint *
open_at(const char *path)
{
    struct error err = {""};
    const struct transport_settings s = {.path = path,
                                         .tail_bytes = 1 << 20,
                                         .max_events = 1000000,
                                         .max_bytes = 4 << 20,
                                         .max_age_ms = 86400000,
                                         .subscriptions = true,
                                         .subscriptions_max_bytes = 4 << 20,
                                         .subscriptions_max_age_ms = 86400000};
    struct joint *j = joint_open(&s, &err);
    ck_assert_msg(j != NULL, "%s", err.text);
    return j;
}

static void
note(struct events *e, const struct update *u)
{
    struct event *at = &e->items[e->count++];
    struct slice topic = u->topics[0].text;
    ck_assert_uint_lt(e->count, COUNT_OF(e->items));
    *at = (struct event){.position = u->position, .kind = u->kind};
    snprintf(at->id, sizeof at->id, SLICE_FMT, SLICE_ARG(u->id));
    if (u->kind != UPDATE_PUBLISHED)
        ck_assert(slice_u64(slice_from(topic, topic.len - 6), PEOPLE, &at->person));
}

static void
read_all(struct joint *j, struct events *e)
{
    struct transport_read r = {.scope = READ_ALL, .from_removed = true};
    struct position at;
    e->count = 0;
    for (;;) {
        joint_read(j, &r);
        ck_assert(!r.gone);
        at = r.after;
        if (r.piece == NULL)
            return;
        for (uint32_t i = batch_index_after(r.piece, at); i < r.piece->count; i++) {
            ck_assert_int_gt(position_cmp(r.piece->updates[i]->position, at), 0);
            at = r.piece->updates[i]->position;
            note(e, r.piece->updates[i]);
        }
        r.after = r.piece->upto;
        r.from_removed = false;
        batch_unref(&r.piece);
    }
}

static struct update *
somebody_comes(void)
{
    char text[64];
    unsigned n = next_person++;
    ck_assert_uint_lt(n, PEOPLE);
    snprintf(text, sizeof text, "urn:uuid:%06u", n);
    const struct active_parts parts = {.dialect = n % 2 ? DIALECT_1_0 : DIALECT_0X,
                                       .hub = SLICE("/hub"),
                                       .match_type = n % 2 ? SLICE("exact") : SLICE(""),
                                       .match = SLICE("a"),
                                       .subscriber = slice_of(text)};
    people[n] = active_new(&parts);
    ck_assert(registry_reserve(joint->registry, people[n]));
    snprintf(text, sizeof text, "id-%u", next_id++);
    return active_update(people[n], false, slice_of(text));
}

/* NULL: that one is not there. */
static struct update *
somebody_goes(void)
{
    char text[64];
    unsigned n = next_person ? (unsigned)rand() % next_person : 0;
    if (people[n] == NULL)
        return NULL;
    snprintf(text, sizeof text, "id-%u", next_id++);
    struct update *u = active_update(people[n], true, slice_of(text));
    active_unref(&people[n]);
    return u;
}

static struct update *
something_happens(int kind)
{
    char text[64];
    struct update *u = NULL;
    if (kind == 0)
        u = somebody_comes();
    else if (kind == 1)
        u = somebody_goes();
    if (u)
        return u;
    snprintf(text, sizeof text, "id-%u", next_id++);
    return make_update(text, 1, (size_t)(rand() % 2000));
}

/* --- images -------------------------------------------------------------------------------------
 */

/* What the last commit wrote into a store. */
struct written {
    const char *folder;
    struct position file;
    uint64_t from, to;
};

static struct written
mark(const struct store *st, const char *folder)
{
    const struct segment *s = st->segments.open;
    return (struct written){folder, s->header.first, s->length, s->length};
}

static void
measure(struct written *w, const struct store *st)
{
    const struct segment *s = st->segments.open;
    if (position_cmp(w->file, s->header.first) != 0)
        *w = (struct written){w->folder, s->header.first, SEGMENT_HEADER, SEGMENT_HEADER};
    w->to = s->length;
}

static void
copy_folder(const char *from, const char *to)
{
    static char bytes[5 << 20];
    char path[256];
    struct dirent **entries;
    int count = scandir(from, &entries, NULL, NULL);
    ck_assert_int_eq(mkdir(to, 0700), 0);
    for (int i = 0; i < count; i++) {
        struct stat of;
        snprintf(path, sizeof path, "%s/%.60s", from, entries[i]->d_name);
        if (stat(path, &of) == 0 && S_ISREG(of.st_mode)) {
            int fd = open(path, O_RDONLY);
            ssize_t n = read(fd, bytes, sizeof bytes);
            close(fd);
            snprintf(path, sizeof path, "%s/%.60s", to, entries[i]->d_name);
            fd = open(path, O_WRONLY | O_CREAT, 0600);
            ck_assert_int_eq(write(fd, bytes, (size_t)n), n);
            close(fd);
        }
        free(entries[i]);
    }
    free(entries);
}

/* Of what was written last only the beginning came to the disk. */
static void
tear(const char *image, const struct written *w)
{
    char path[256], name[SEGMENT_NAME];
    static const char zeros[1 << 20];
    uint64_t length = w->to - w->from, kept = length ? (uint64_t)rand() % (length + 1) : 0;
    if (rand() % 3 == 0)
        kept = rand() % 2 ? length : 0;
    segment_name(name, w->file, ".log");
    snprintf(path, sizeof path, "%s%s/%s", image, w->folder, name);
    int fd = open(path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, zeros, length - kept, (off_t)(w->from + kept)),
                     (ssize_t)(length - kept));
    close(fd);
}

/* So many were confirmed for sure; of the rest, each store has a beginning. */
static void
check_held(size_t sure)
{
    size_t at = 0, last[2] = {0};
    for (size_t i = 0; i < held.count; i++) {
        while (at < committed.count && strcmp(committed.items[at].id, held.items[i].id) != 0) {
            ck_assert_uint_ge(at, sure);
            last[committed.items[at].kind != UPDATE_PUBLISHED] = at; /* torn away */
            at++;
        }
        ck_assert_msg(at < committed.count, "%s was never committed", held.items[i].id);
        ck_assert_uint_eq(last[committed.items[at].kind != UPDATE_PUBLISHED], 0);
        ck_assert_int_eq(position_cmp(committed.items[at].position, held.items[i].position), 0);
        at++;
    }
    ck_assert_uint_ge(at, sure);
}

static void
check_ends(void)
{
    static unsigned begins[PEOPLE], ends[PEOPLE];
    memset(begins, 0, sizeof begins);
    memset(ends, 0, sizeof ends);
    for (size_t i = 0; i < held.count; i++) {
        const struct event *e = &held.items[i];
        if (e->kind == UPDATE_BEGIN)
            begins[e->person]++;
        if (e->kind == UPDATE_END) {
            ck_assert_uint_eq(begins[e->person], 1);
            ends[e->person]++;
        }
    }
    for (unsigned i = 0; i < PEOPLE; i++) {
        ck_assert_uint_le(begins[i], 1);
        ck_assert_uint_eq(ends[i], begins[i]);
    }
}

static void
check_image(const char *image, size_t sure)
{
    for (int again = 0; again < 2; again++) {
        struct joint *j = open_at(image);
        read_all(j, &held);
        if (again == 0)
            check_held(sure);
        ck_assert(again == 0 || registry_count(j->registry) == 0);
        end_all(j);
        ck_assert_uint_eq(registry_count(j->registry), 0);
        read_all(j, &held);
        check_ends();
        joint_close(&j);
    }
    nftw(image, history_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
take_image(char image[128])
{
    static unsigned number;
    char from[160], to[160];
    snprintf(image, 128, "%s-%u", history_path, number++);
    copy_folder(history_path, image);
    snprintf(from, sizeof from, "%s/subscriptions", history_path);
    snprintf(to, sizeof to, "%s/subscriptions", image);
    copy_folder(from, to);
}

static void
begin_history(void)
{
    hash_seed();
    history_settings();
    srand(11);
    joint = open_at(history_path);
}

static void
end_history(void)
{
    joint_close(&joint);
    for (unsigned i = 0; i < PEOPLE; i++)
        active_unref(&people[i]);
    history_remove();
}

static uint32_t
some(struct update **updates)
{
    uint32_t count = 1 + (uint32_t)rand() % LARGEST;
    for (uint32_t i = 0; i < count; i++)
        updates[i] = something_happens(rand() % 3);
    return count;
}

START_TEST(a_commit_that_is_torn_in_both_stores_takes_nothing_that_was_confirmed)
{
    begin_history();
    for (int n = 0; n < COMMITS; n++) {
        struct update *updates[LARGEST];
        uint32_t count = some(updates), taken;
        for (uint32_t at = 0; at < count; at += taken) {
            struct written published = mark(joint->published, "");
            struct written active = mark(joint->active, "/subscriptions");
            size_t sure = committed.count;
            struct batch *b;
            ck_assert_int_eq(joint_commit(joint, updates + at, count - at, &b, &taken),
                             WRITER_READY);
            for (uint32_t i = 0; i < b->count; i++)
                note(&committed, b->updates[i]);
            batch_unref(&b);
            measure(&published, joint->published);
            measure(&active, joint->active);
            char image[128];
            take_image(image);
            tear(image, &published);
            tear(image, &active);
            check_image(image, sure);
        }
        for (uint32_t i = 0; i < count; i++)
            update_unref(&updates[i]);
    }
    end_history();
}
END_TEST

START_TEST(a_kill_between_the_two_parts_of_a_commit_takes_nothing_that_was_confirmed)
{
    begin_history();
    for (int n = 0; n < COMMITS; n++) {
        struct update *updates[LARGEST];
        uint32_t count = some(updates), taken = 0;
        for (uint32_t at = 0; at < count; at += taken) {
            struct batch *b;
            ck_assert_int_eq(joint_commit(joint, updates + at, count - at, &b, &taken),
                             WRITER_READY);
            for (uint32_t i = 0; i < b->count; i++)
                note(&committed, b->updates[i]);
            batch_unref(&b);
        }
        for (uint32_t i = 0; i < count; i++)
            update_unref(&updates[i]);
        /* One part of the next is on the disk. */
        size_t sure = committed.count;
        struct store *st = n % 2 ? joint->active : joint->published;
        struct update *next = n % 2 ? somebody_comes() : make_update("half", 1, 100);
        uint64_t sequence = joint->next_sequence;
        uint32_t fits;
        struct error err;
        ck_assert_int_eq(writer_begin(&st->writer, &next, 1, &sequence, &fits, &err), WRITER_READY);
        writer_number(&st->writer, &next, 1, sequence);
        joint->next_sequence = sequence + 1;
        ck_assert(writer_write(&st->writer, &next, 1, &err));
        note(&committed, next); /* perhaps */
        char image[128];
        take_image(image);
        check_image(image, sure);
        committed.count = sure;
        writer_withdraw(&st->writer);
        if (n % 2) {
            registry_release(joint->registry, next->active);
            active_unref(&people[next_person - 1]);
        }
        update_unref(&next);
        while (joint_keep(joint) == 0) /* files are cut, else there would not be room for all */
            ;
    }
    end_history();
}
END_TEST

UNIT_MAIN("joint_crash", a_commit_that_is_torn_in_both_stores_takes_nothing_that_was_confirmed,
          a_kill_between_the_two_parts_of_a_commit_takes_nothing_that_was_confirmed)
