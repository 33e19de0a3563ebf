/* strike - a pattern that took too long with too many topics takes its streams along. */

#include "hub/strike.h"

#include "base/clock.h"
#include "base/log.h"
#include "hub/stream.h"

void
strike_end_streams(struct hub_worker *home)
{
    static struct log_limit limit;
    uint64_t more;
    struct selector pattern;
    struct subscription *first;
    while (index_take_struck(&home->index, &pattern, &first)) {
        size_t streams = 0;
        pattern_ban_add(home->hub->bans, &pattern, clock_mono_ms());
        for (; first; first = first->next, streams++)
            stream_end(first->stream);
        if (log_allowed(&limit, &more))
            log_line(LOG_WARN, "pattern_struck", "pattern=%s streams=%zu suppressed=%llu",
                     LOG_SLICE(pattern.text), streams, (unsigned long long)more);
    }
}
