/* ask_cmd - asks the hub that runs with this configuration how it is. */

#include "cli/ask_cmd.h"

#include "cli/ask.h"
#include "cli/stat.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

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

int
ask_cmd(int argc, char **argv)
{
    struct config *c = NULL;
    struct error err;
    bool has_file = argc == 3 && strcmp(argv[1], "-c") == 0;
    if (argc != 1 && !has_file) {
        fprintf(stderr, "usage: alipes %s [-c FILE]\n", argv[0]);
        return 2;
    }
    if (!config_load(has_file ? argv[2] : NULL, &c, &err)) {
        fprintf(stderr, "alipes %s: %s\n", argv[0], err.text);
        return 2;
    }
    int status = strcmp(argv[0], "health") == 0 ? health(c) : stat_(c);
    config_free(&c);
    return status;
}
