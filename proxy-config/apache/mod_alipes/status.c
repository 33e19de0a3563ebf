/* status - the tallies of all children on the server's status page, and in `?auto`. */

#include "mod_alipes/status.h"

#include "mod_alipes/settings.h"
#include "mod_alipes/tally.h"

#include <inttypes.h>

#include "http_protocol.h"
#include "mod_status.h"

#include "apr_optional_hooks.h"

static void
put_row(request_rec *r, enum tally t)
{
    ap_rprintf(r, "<tr><td>%" PRId64 "</td><td>%s</td></tr>\n", tally_sum(t), tally_help(t));
}

static int
on_status(request_rec *r, int flags)
{
    bool is_short = flags & AP_STATUS_SHORT;
    if (!settings.is_used)
        return DECLINED;
    if (!is_short)
        ap_rputs("<hr />\n<h1>alipes</h1>\n<table border=\"0\">\n", r);
    for (int t = 0; t < TALLY_COUNT; t++)
        if (is_short)
            ap_rprintf(r, "%s: %" PRId64 "\n", tally_label((enum tally)t),
                       tally_sum((enum tally)t));
        else
            put_row(r, (enum tally)t);
    if (!is_short)
        ap_rputs("</table>\n", r);
    return OK;
}

void
status_hooks(void)
{
    APR_OPTIONAL_HOOK(ap, status_hook, on_status, NULL, NULL, APR_HOOK_MIDDLE);
}
