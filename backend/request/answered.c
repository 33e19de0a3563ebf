/* answered - the line of a refusal. A branch where the log does not want it. */

#include "request/answered.h"

#include "base/log.h"

void
answered_log(const struct exchange *ex, unsigned status, const char *cause, struct slice sentence)
{
    static const struct request unread = {.has_body = false};
    const struct request *r = ex->request ? ex->request : &unread;
    if (status < 400 || !log_wants(LOG_DEBUG))
        return;
    log_line(LOG_DEBUG, "answered", "conn=%llu status=%u cause=%s method=%s path=%s msg=%s",
             (unsigned long long)ex->id, status, cause, LOG_SLICE(r->method), LOG_SLICE(r->path),
             LOG_SLICE(slice_head(sentence, slice_index(sentence, '\n'))));
}
