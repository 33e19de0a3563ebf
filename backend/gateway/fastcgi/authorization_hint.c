/* authorization_hint - where a front keeps the Authorization header to itself, its operator must
 * hear what to do. */

#include "gateway/fastcgi/authorization_hint.h"

#include "base/log.h"
#include "gateway/fastcgi/params.h"

void
authorization_hint(const struct exchange *ex, const struct buf *params)
{
    static struct log_limit limit;
    struct slice value;
    uint64_t more;
    if (request_header(ex->request, SLICE("Authorization"), &value) ||
        request_header(ex->request, SLICE("Cookie"), &value) || !log_allowed(&limit, &more))
        return;
    if (params_show_stripped_token(params))
        log_line(LOG_WARN, "authorization_missing",
                 "conn=%llu suppressed=%llu msg=\"the front strips Authorization: in HAProxy's "
                 "fcgi-app add: pass-header Authorization\"",
                 (unsigned long long)ex->id, (unsigned long long)more);
    else
        log_line(
            LOG_WARN, "authorization_missing",
            "conn=%llu suppressed=%llu msg=\"no Authorization came over FastCGI; if the client "
            "sent one: in Apache add CGIPassAuth On, in HAProxy's fcgi-app pass-header "
            "Authorization\"",
            (unsigned long long)ex->id, (unsigned long long)more);
}
