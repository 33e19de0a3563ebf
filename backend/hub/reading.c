/* reading - a request to the transport, and the piece that it brought.
 *
 *     reading   made by reading_ask(); freed by reading_forget(), or, where the transport has it at
 *               that time, when its answer comes */

#include "hub/reading.h"

#include "base/alloc.h"
#include "hub/catch_up_queue.h"

#include <stdlib.h>

struct reading {
    struct hub_worker *home;
    void (*done)(void *owner, const struct transport_read *);
    void *owner; /* NULL: forgotten */
    bool underway;
    struct transport_read read;
    struct batch *piece; /* owns: what was answered, being worked off */
};

static void
on_read(struct worker *worker, struct message *m)
{
    (void)worker;
    struct reading *r = CONTAINER_OF(m, struct reading, read.message);
    r->underway = false;
    r->piece = r->read.piece;
    r->read.piece = NULL;
    if (r->owner == NULL || r->read.gone || r->piece == NULL) {
        batch_unref(&r->piece);
        catch_up_queue_give_read(r->home->catching_up);
    }
    if (r->owner)
        r->done(r->owner, &r->read);
    else
        free(r);
}

bool
reading_ask(struct reading **ref, struct hub_worker *home, struct position after, bool from_removed,
            enum read_scope scope, void (*done)(void *owner, const struct transport_read *),
            void *owner)
{
    if (!catch_up_queue_take_read(home->catching_up))
        return false;
    if (*ref == NULL)
        *ref = xalloc(sizeof **ref);
    struct reading *r = *ref;
    ENSURE(!r->underway && r->piece == NULL);
    r->home = home;
    r->done = done;
    r->owner = owner;
    r->underway = true;
    r->read = (struct transport_read){.message.receive = on_read,
                                      .origin = home->worker,
                                      .scope = scope,
                                      .told = r->read.told,
                                      .from_removed = from_removed,
                                      .after = after};
    transport_read(home->hub->transport, &r->read);
    return true;
}

const struct batch *
reading_piece(const struct reading *r)
{
    return r ? r->piece : NULL;
}

bool
reading_is_underway(const struct reading *r)
{
    return r && r->underway;
}

void
reading_drop_piece(struct reading *r)
{
    if (r == NULL || r->piece == NULL)
        return;
    batch_unref(&r->piece);
    catch_up_queue_give_read(r->home->catching_up);
}

void
reading_forget(struct reading **ref)
{
    struct reading *r = *ref;
    *ref = NULL;
    if (r == NULL)
        return;
    reading_drop_piece(r);
    r->owner = NULL;
    if (!r->underway)
        free(r);
}
