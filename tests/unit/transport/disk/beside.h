#ifndef UNIT_BESIDE_H
#define UNIT_BESIDE_H

/* A history and the store of begins and ends beside it, in one order: short words for both. */

#include "transport/disk/retention.h"
#include "unit/transport/disk/history.h"

struct pair {
    struct store *history, *beside;
    uint64_t next; /* sequence, of both */
};

/* What a fold found. */
struct folded {
    unsigned kinds[DISK_RECORD_KINDS];
    char ids[65536]; /* a letter for the kind, then the id, each */
    struct position last;
    enum disk_record_kind last_kind;
};

static inline void
beside_fold(void *context, const struct fold_record *r)
{
    struct folded *f = context;
    size_t len = strlen(f->ids);
    ck_assert_int_gt(position_cmp(r->update->position, f->last), 0);
    f->last = r->update->position;
    f->last_kind = r->kind;
    f->kinds[r->kind]++;
    snprintf(f->ids + len, sizeof f->ids - len, "%c" SLICE_FMT " ", "pbecs"[r->kind],
             SLICE_ARG(r->update->id));
}

static inline struct pair
pair_open(const struct store_settings *history, const struct store_settings *beside,
          struct folded *ret)
{
    struct error err = {""};
    struct store_settings s = *beside;
    struct pair p = {.history = history_open(history), .next = 1};
    s.fold = ret ? beside_fold : NULL;
    s.fold_context = ret;
    if (ret)
        memset(ret, 0, sizeof *ret);
    p.beside = store_open_beside(p.history, &s, &err);
    ck_assert_msg(p.beside != NULL, "%s", err.text);
    return p;
}

static inline void
pair_close(struct pair *p)
{
    store_close(&p->beside);
    store_close(&p->history);
}

/* One commit, at the next sequence of both. */
static inline struct position
pair_commit(struct pair *p, const char *id, enum update_kind kind, size_t size)
{
    struct update *u = make_update(id, 1, size);
    u->kind = kind;
    u->dialect = DIALECT_1_0;
    u->id_is_chosen = kind == UPDATE_PUBLISHED;
    ck_assert(history_commit_at(kind == UPDATE_PUBLISHED ? p->history : p->beside, &u, 1, p->next));
    struct position at = u->position;
    p->next = at.sequence + 1;
    update_unref(&u);
    return at;
}

static inline struct position
pair_carry(struct pair *p, const char *id, size_t size)
{
    struct error err;
    uint32_t fits;
    struct update *u = make_update(id, 1, size);
    struct writer *w = &p->beside->writer;
    u->kind = UPDATE_BEGIN;
    u->dialect = DIALECT_1_0;
    ck_assert_int_eq(writer_begin(w, &u, 1, &p->next, &fits, &err), WRITER_READY);
    writer_number(w, &u, 1, p->next);
    ck_assert(writer_carry(w, &u, 1, &err));
    struct position at = u->position;
    p->next = at.sequence + 1;
    update_unref(&u);
    return at;
}

#endif
