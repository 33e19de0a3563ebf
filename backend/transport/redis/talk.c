/* talk - a wire, and a ring of those who wait for its answers. */

#include "transport/redis/talk.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    FIRST_CAP = 16
};

struct question {
    talk_answer *answer;
    void *owner;
    uint64_t deadline_ms;
};

void
talk_begin(struct talk *t, struct wire *wire)
{
    t->wire = wire;
    t->first = t->count = 0;
}

void
talk_end(struct talk *t)
{
    if (t->wire)
        wire_close(&t->wire);
    free(t->questions);
    *t = (struct talk){0};
}

static struct question *
question_at(const struct talk *t, uint32_t number)
{
    return &t->questions[(t->first + number) & (t->cap - 1)];
}

static void
grow(struct talk *t)
{
    uint32_t cap = t->cap ? t->cap * 2 : FIRST_CAP;
    struct question *questions = xalloc(cap * sizeof *questions);
    for (uint32_t i = 0; i < t->count; i++)
        questions[i] = *question_at(t, i);
    free(t->questions);
    t->questions = questions;
    t->first = 0;
    t->cap = cap;
}

struct buf *
talk_ask(struct talk *t, uint64_t deadline_ms, talk_answer *answer, void *owner)
{
    if (t->count == t->cap)
        grow(t);
    *question_at(t, t->count++) = (struct question){answer, owner, deadline_ms};
    return wire_out(t->wire);
}

uint64_t
talk_deadline(const struct talk *t)
{
    return t->count ? question_at(t, 0)->deadline_ms : UINT64_MAX;
}

/* Who is answered must not end the talk: it is looked at until there is no answer. */
bool
talk_work(struct talk *t)
{
    if (wire_work(t->wire) == WIRE_FAILED)
        return false;
    const struct resp *answer;
    while (wire_state(t->wire) == WIRE_OPEN && (answer = wire_answer(t->wire)) != NULL) {
        if (t->count == 0)
            return false; /* nobody asked */
        struct question q = *question_at(t, 0);
        t->first++;
        t->count--;
        q.answer(q.owner, answer);
    }
    return wire_state(t->wire) != WIRE_FAILED;
}
