/* settler - one question at a time, for all who wait.
 *
 *     waiting ──HGET end──> asked ──answer──> reaching ──taken──> answered
 *
 * Where a question is answered while others are still reaching, they wait a little longer with
 * those of the later one. Without a session all are answered: nobody knows better; or, before the
 * first one, that nothing is known. */

#include "transport/redis/settler.h"

#include "transport/redis/entry.h"

void
settler_init(struct settler *s, struct session *session, struct broadcast *broadcast,
             const struct roll *roll)
{
    *s = (struct settler){
        .session = session, .broadcast = broadcast, .roll = roll, .spare = roll->spare};
    list_init(&s->waiting);
    list_init(&s->asked);
    list_init(&s->reaching);
}

static void
answer_all(struct settler *s, struct list *settles)
{
    struct list *node;
    while ((node = list_shift(settles)) != NULL) {
        struct transport_settle *t = CONTAINER_OF(node, struct transport_settle, message.node);
        t->failed = s->spare->end.run == 0;
        broadcast_answer(s->broadcast, t->origin, &t->message);
    }
}

static void
on_end(void *owner, const struct resp *a)
{
    struct settler *s = owner;
    s->is_asked = false;
    if (a->kind != RESP_TEXT || !entry_place_read(a->text, &s->end)) {
        session_fail_with(s->session, "the end", a);
        return;
    }
    list_splice(&s->reaching, &s->asked);
}

void
settler_take(struct settler *s, struct list *settles)
{
    list_splice(&s->waiting, settles);
}

void
settler_ended(struct settler *s)
{
    s->is_asked = false;
    settler_stop(s);
}

void
settler_work(struct settler *s, uint64_t now_ms)
{
    if (s->session->state != SESSION_OPEN || s->session->failed) {
        settler_stop(s);
        return;
    }
    if (roll_is_ready(s->roll) && position_cmp(s->spare->end, s->end) >= 0)
        answer_all(s, &s->reaching);
    if (s->is_asked || list_is_empty(&s->waiting))
        return;
    list_splice(&s->asked, &s->waiting);
    s->is_asked = true;
    struct buf *out = session_ask(s->session, TALK_READ, now_ms, on_end, s);
    resp_begin(out, 3);
    resp_add(out, SLICE("HGET"));
    resp_add(out, slice_of(s->session->keys.head));
    resp_add(out, SLICE("end"));
}

void
settler_stop(struct settler *s)
{
    answer_all(s, &s->waiting);
    answer_all(s, &s->asked);
    answer_all(s, &s->reaching);
}
