#ifndef HUB_WATCH_H
#define HUB_WATCH_H

/* Somebody traces a topic: each worker looks at what it matches, and tells what it found. Without
 * one this costs a worker a look at an empty list for each update, and for each stream's begin and
 * end. */

#include "hub/home.h"
#include "hub/replay.h"
#include "hub/trace.h"

struct watch;

/* The asker's worker. `topic` is copied; `*` is every topic. `news` is called on this worker when
 * there is something to be taken, never from inside a call. */
struct watch *watch_begin(struct hub_worker *, struct slice topic, void (*news)(void *owner),
                          void *owner);
/* All the text there is, as events of SSE; the caller owns it. */
void watch_take(struct watch *, struct buf *ret);
/* `news` is not called any more. Sets the pointer to NULL; NULL is fine. */
void watch_end(struct watch **);

/* Each worker, for each update before it is matched: does anybody want to know? */
bool watch_look(struct hub_worker *, const struct update *);
static inline bool
watch_is_on(const struct hub_worker *home)
{
    return !list_is_empty(&home->watches);
}
/* Where watch_look() said so: for each stream that the update meets, once; and when it is matched.
 */
void watch_met(struct hub_worker *, const struct exchange *, const struct grant *,
               enum trace_meeting);
void watch_matched(struct hub_worker *, const struct update *);
/* A stream begins or ends, of which the line tells: whoever traces a topic for which it asks hears
 * of it. */
void watch_stream(struct hub_worker *, const struct replay_matchers *, const char *event,
                  struct slice line);
/* The same of something that was refused for the sake of a topic. */
void watch_refused(struct hub_worker *, struct slice topic, struct slice line);
/* The worker is freed. */
void watch_forget(struct hub_worker *);

#endif
