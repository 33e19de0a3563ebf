/* sieve - topics as 0.x matches them: everything, a template, or a topic as it stands. */

#include "cli/sieve.h"

#include "base/clock.h"
#include "config/value.h"

enum {
    STEPS = 100000000 /* nobody waits behind it */
};

bool
sieve_open(struct sieve *s, const struct call *call, struct error *err)
{
    const char *topic = call_value(call, "--topic"), *since = call_value(call, "--since");
    uint64_t ms, now = clock_wall_ms();
    *s = (struct sieve){.since_ms = 0};
    if (since && !value_duration(slice_of(since), &ms))
        return error_set(err, "--since: expected a duration, as in --since 1h");
    if (since)
        s->since_ms = now > ms ? now - ms : 0;
    if (topic)
        s->topic = matcher_new(MATCHER_TEMPLATE, slice_of(topic), SLICE(""), err);
    return topic == NULL || s->topic;
}

void
sieve_fini(struct sieve *s)
{
    matcher_free(&s->topic);
}

static bool
hits(const struct matcher *m, struct slice text)
{
    struct topic topic = topic_of(text);
    uint64_t steps = STEPS;
    matcher_prepare(m, &topic);
    bool hits = matcher_try(m, &topic, &steps) == MATCH_YES;
    topic_fini(&topic);
    return hits;
}

bool
sieve_takes(const struct sieve *s, const struct disk_record *r)
{
    struct slice topics = r->topics, topic;
    bool takes = s == NULL || s->topic == NULL;
    if (s && r->time_ms < s->since_ms)
        return false;
    while (!takes && disk_record_next_topic(&topics, &topic))
        takes = hits(s->topic, topic);
    return takes;
}
