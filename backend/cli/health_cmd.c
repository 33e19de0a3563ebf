/* health_cmd - asks the hub that runs with this configuration how it is. */

#include "cli/health_cmd.h"

#include "cli/ask.h"
#include "config/config.h"

#include <stdio.h>

int
health_cmd(const struct call *call)
{
    struct config *c = NULL;
    struct error err;
    struct buf body = {0};
    unsigned status = 0;
    if (!config_load(call_value(call, "-c"), &c, &err)) {
        call_failed(call, "%s", err.text);
        return 2;
    }
    if (ask_hub(&c->listen, c->healthz, &status, &body, &err))
        printf(SLICE_FMT, SLICE_ARG(buf_slice(&body)));
    else
        call_failed(call, "%s", err.text);
    buf_fini(&body);
    config_free(&c);
    return status == 200 ? 0 : 1;
}
