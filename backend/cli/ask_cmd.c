/* ask_cmd - asks the hub that runs with this configuration how it is. */

#include "cli/ask_cmd.h"

#include "cli/ask.h"
#include "cli/stat.h"
#include "config/config.h"

#include <stdio.h>

static int
health(const struct config *c)
{
    struct error err;
    struct buf body;
    unsigned status;
    bool ok = ask_hub(&c->listen, c->healthz, &status, &body, &err);
    if (ok)
        printf("%.*s", (int)body.len, body.ptr ? body.ptr : "");
    else
        fprintf(stderr, "alipes health: %s\n", err.text);
    buf_fini(&body);
    return ok && status == 200 ? 0 : 1;
}

static int
stat_(const struct config *c)
{
    struct error err;
    struct buf body;
    unsigned status;
    if (c->metrics_listen.count == 0) {
        fputs("alipes stat: metrics_listen is not in this configuration; a line for it is\n"
              "    metrics_listen unix//run/alipes/metrics.sock|0600\n",
              stderr);
        return 2;
    }
    bool ok = ask_hub(&c->metrics_listen, "/metrics", &status, &body, &err);
    if (!ok)
        fprintf(stderr, "alipes stat: %s\n", err.text);
    else if (status != 200)
        fprintf(stderr, "alipes stat: the hub answered %u\n", status);
    else
        stat_print(buf_slice(&body), stdout);
    buf_fini(&body);
    return ok && status == 200 ? 0 : 1;
}

static int
ask(const struct call *call, int (*how)(const struct config *))
{
    struct config *c = NULL;
    struct error err;
    if (!config_load(call_value(call, "-c"), &c, &err)) {
        call_failed(call, "%s", err.text);
        return 2;
    }
    int status = how(c);
    config_free(&c);
    return status;
}

int
health_cmd(const struct call *call)
{
    return ask(call, health);
}

int
stat_cmd(const struct call *call)
{
    return ask(call, stat_);
}
