/* finding - a count for each meeting, and a line for each of the first streams, written while the
 * stream is there: it may be gone when the line is read. */

#include "hub/finding.h"

#include "base/log.h"

enum {
    LINES_BYTES = TRACE_MEETINGS * FINDING_NAMED * TRACE_LINE_BYTES
};

void
finding_init(struct finding *f)
{
    *f = (struct finding){.met = {0}};
    buf_init(&f->lines, LINES_BYTES);
}

void
finding_fini(struct finding *f)
{
    buf_fini(&f->lines);
}

void
finding_clear(struct finding *f)
{
    for (size_t i = 0; i < TRACE_MEETINGS; i++)
        f->met[i] = 0;
    buf_clear(&f->lines);
}

static void
add_withheld(struct buf *lines, const struct exchange *ex, const struct grant *grant)
{
    struct trace_rights granted = trace_rights(grant, ROLE_SUBSCRIBE);
    if (grant == NULL)
        trace_line(lines, "withheld",
                   "conn=%llu token=none reason=no_token msg=\"the update is private, and this "
                   "stream came without a token\"",
                   (unsigned long long)ex->id);
    else
        trace_line(lines, "withheld",
                   "conn=%llu token=%s reason=not_granted granted=%s msg=\"the update is private, "
                   "and the token grants none of its topics%s%s\"",
                   (unsigned long long)ex->id, ex->token_by,
                   LOG_SLICE(words_slice(&granted.topics)), granted.trap ? "; " : "",
                   granted.trap ? granted.trap : "");
}

void
finding_add(struct finding *f, const struct exchange *ex, const struct grant *grant,
            enum trace_meeting how)
{
    if (++f->met[how] > FINDING_NAMED)
        return;
    if (how == TRACE_NOT_GRANTED)
        add_withheld(&f->lines, ex, grant);
    else
        trace_line(&f->lines, how == TRACE_SENT ? "matched" : "catching_up", "conn=%llu token=%s",
                   (unsigned long long)ex->id, grant ? ex->token_by : "none");
}
