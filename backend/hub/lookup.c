/* lookup - a question to the transport, and sometimes a second one.
 *
 * Ids are bytes, and mostly UTF-8. Several clients take a header for Latin-1 and send the id `é1`
 * back as E9 31, which is no UTF-8. Such a cursor is looked up as it came (publishers of 0.x may
 * have ids of any bytes), and where it is not known once more, as the UTF-8 that it stood for.
 *
 *     lookup   made by lookup_begin(); freed when its answer was given, or when it comes and nobody
 *              waits for it any more: the transport has it until then */

#include "hub/lookup.h"

#include "base/alloc.h"
#include "topic/text.h"

#include <stdlib.h>
#include <string.h>

struct lookup {
    struct transport_find find;
    struct hub_worker *home;
    void (*done)(void *owner, const struct transport_find *);
    void *owner;        /* NULL: forgotten */
    struct slice again; /* the same id as UTF-8, empty until it is asked for */
    size_t len;
    char bytes[]; /* as it came, and room for it as UTF-8 */
};

static void on_found(struct worker *, struct message *);

static void
ask(struct lookup *l, struct slice id)
{
    l->find =
        (struct transport_find){.message.receive = on_found, .origin = l->home->worker, .id = id};
    transport_find(l->home->hub->transport, &l->find);
}

static void
on_found(struct worker *worker, struct message *m)
{
    (void)worker;
    struct lookup *l = CONTAINER_OF(m, struct lookup, find.message);
    struct slice asked = SLICE_OF(l->bytes, l->len);
    bool is_unknown = !l->find.found && !l->find.failed;
    if (l->owner && is_unknown && l->again.len == 0 && !slice_is_utf8(asked)) {
        l->again = SLICE_OF(l->bytes + l->len, text_from_latin1(asked, l->bytes + l->len));
        ask(l, l->again);
        return;
    }
    l->find.id = asked;
    if (l->owner)
        l->done(l->owner, &l->find);
    free(l);
}

struct lookup *
lookup_begin(struct hub_worker *home, struct slice id,
             void (*done)(void *owner, const struct transport_find *), void *owner)
{
    struct lookup *l = xalloc(sizeof *l + (slice_is_utf8(id) ? 1 : 3) * id.len);
    l->home = home;
    l->done = done;
    l->owner = owner;
    l->len = id.len;
    memcpy(l->bytes, id.ptr, id.len);
    ask(l, SLICE_OF(l->bytes, id.len));
    return l;
}

void
lookup_forget(struct lookup **ref)
{
    if (*ref)
        (*ref)->owner = NULL;
    *ref = NULL;
}
