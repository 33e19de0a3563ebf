/* insight - who may ask is a matter of that socket: its mode and group. */

#include "cli/insight.h"

#include "cli/ask.h"

struct config *
insight_open(const struct call *call)
{
    struct config *c = NULL;
    struct error err;
    if (!config_load(call_value(call, "-c"), &c, &err)) {
        call_failed(call, "%s", err.text);
        return NULL;
    }
    if (c->metrics_listen.count)
        return c;
    call_failed(call, "metrics_listen is not in this configuration; a line for it is\n"
                      "    metrics_listen unix//run/alipes/metrics.sock|0600");
    config_free(&c);
    return NULL;
}

bool
insight_ask(const struct call *call, const struct config *c, const char *path, struct buf *body)
{
    struct error err;
    unsigned status;
    bool came = ask_hub(&c->metrics_listen, path, &status, body, &err);
    if (!came)
        call_failed(call, "%s", err.text);
    else if (status != 200)
        call_failed(call, "the hub answered %u: " SLICE_FMT, status,
                    SLICE_ARG(slice_trim(slice_head(buf_slice(body), 400))));
    return came && status == 200;
}
