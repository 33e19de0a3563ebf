/* head - HEAD: what GET would say, with the cursor looked up, and nothing registered. */

#include "hub/head.h"

#include "base/alloc.h"
#include "hub/busy.h"
#include "hub/home.h"
#include "hub/lookup.h"
#include "hub/subscribe_check.h"
#include "request/reply.h"

#include <stdlib.h>

/* While the cursor is looked up, the exchange's state. */
struct head {
    struct exchange *exchange;
    struct lookup *lookup; /* owns */
    struct slice name;     /* of the reply's header, static */
};

static void
answer(struct exchange *ex, struct slice name, struct slice cursor)
{
    struct reply r;
    reply_stream_head(ex, &r);
    if (cursor.ptr)
        reply_add(&r, name, cursor);
    exchange_reply(ex, &r);
}

static void
on_found(void *owner, const struct transport_find *find)
{
    struct head *h = owner;
    h->exchange->state = NULL;
    if (find->failed)
        busy_answer(h->exchange, "history_unreadable",
                    SLICE("The history cannot be read at the moment.\n"));
    else
        answer(h->exchange, h->name, find->found ? find->id : SLICE("earliest"));
    free(h);
}

static void
look_up(struct exchange *ex, const struct cursor *cursor)
{
    struct head *h = xalloc(sizeof *h);
    ex->state = h;
    exchange_wait(ex);
    *h = (struct head){ex, lookup_begin(hub_worker_of(ex->worker), cursor->id, on_found, h),
                       cursor_header(cursor->dialect)};
}

/* GET would compile them. False: it is answered. */
static bool
judge_patterns(struct exchange *ex, const struct subscribe_form *q)
{
    struct error err;
    const struct index *ix = &hub_worker_of(ex->worker)->index;
    for (size_t i = 0; i < q->count; i++) {
        if (!index_judge(ix, &q->selectors[i], &err)) {
            subscribe_check_refuse(ex, INDEX_ILL_FORMED, &err);
            return false;
        }
    }
    return true;
}

static void
on_head(struct exchange *ex)
{
    struct grant *grant;
    struct subscribe_form q;
    if (!subscribe_check_form(ex, SLICE(""), &q) || !subscribe_check_token(ex, &grant))
        return;
    bool may_begin = subscribe_check_patterns(ex, grant, &q, on_head);
    grant_unref(&grant);
    if (!may_begin || !judge_patterns(ex, &q))
        return;
    if (q.cursor.is_earliest || q.cursor.id.len == 0)
        answer(ex, cursor_header(q.cursor.dialect), cursor_at_once(&q.cursor));
    else
        look_up(ex, &q.cursor);
}

static void
on_gone(struct exchange *ex)
{
    struct head *h = ex->state;
    if (h)
        lookup_forget(&h->lookup);
    free(h);
}

const struct exchange_handler head_handler = {.on_head = on_head, .on_gone = on_gone};
