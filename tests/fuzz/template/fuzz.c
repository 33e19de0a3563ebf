/* A template and a topic, cut at the first line feed: the slow second implementation agrees. */

#include "base/alloc.h"
#include "slow_template.h"
#include "topic/template.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice in = SLICE_OF(bytes, len);
    struct slice source = slice_head(in, slice_index(in, '\n'));
    struct slice topic = slice_from(in, source.len + 1);
    struct template *t = template_new(source, NULL);
    uint64_t steps = 10000;
    if (t == NULL)
        return 0;
    enum match answer = template_match(t, topic, &steps);
    ENSURE(answer != MATCH_YES || slice_starts(topic, template_prefix(t)));
    struct slow slow = {20000};
    bool expected = len < 2000 && slow_match(&slow, source, topic);
    ENSURE(len >= 2000 || slow.patience < 0 || answer == MATCH_LIMIT ||
           (answer == MATCH_YES) == expected);
    template_free(&t);
    return 0;
}
