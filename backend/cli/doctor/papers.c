/* papers - the configuration as `config check` sees it, its keys, and the clock that tokens are
 * judged by. */

#include "cli/doctor/papers.h"

#include "base/address.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "cli/doctor/key_look.h"
#include "cli/key_trial.h"
#include "config/trial.h"

#include <string.h>
#include <sys/timex.h>
#include <sys/un.h>

enum {
    /* 2024: earlier, and the clock was never set. */
    PLAUSIBLE_SECONDS = 1704067200,
};

static void
find_sockets(struct patient *p)
{
    struct error unused;
    struct address at;
    for (size_t i = 0; i < p->config->listen.count; i++)
        if (address_read(p->config->listen.items[i], &at, &unused) && at.kind == ADDRESS_UNIX)
            string_list_add(&p->sockets, slice_of(((const struct sockaddr_un *)&at.at)->sun_path));
}

static const char *
conf_name(const struct patient *p)
{
    return p->conf ? p->conf : config_found() ? config_found() : "the environment";
}

void
papers_check_configuration(struct patient *p, struct report *r)
{
    struct error err;
    struct config *c = NULL;
    if (!config_load(p->conf, &c, &err))
        c = config_read(config_path(p->conf));
    if (c->errors.count == 0) {
        trial_run(c);
        key_trial_run(c, NULL);
    }
    for (size_t i = 0; i < c->errors.count; i++)
        report_bad(r, strstr(c->errors.items[i], "Permission denied") ? "sudo alipes doctor" : NULL,
                   "%s", c->errors.items[i]);
    for (size_t i = 0; i < c->notes.count; i++)
        report_note(r, NULL, "%s", c->notes.items[i]);
    if (c->errors.count) {
        config_free(&c);
        return;
    }
    report_ok(r, "%s", conf_name(p));
    p->config = c;
    find_sockets(p);
}

void
papers_check_keys(struct patient *p, struct report *r)
{
    static const char *const owners[] = {"publisher", "subscriber"};
    if (p->config == NULL) {
        report_skip(r, "there is no configuration that could be used");
        return;
    }
    for (size_t role = 0; role < ROLES; role++)
        key_look(r, owners[role], &p->config->keys[role]);
    for (size_t i = 0; i < p->config->issuer_count; i++)
        for (size_t role = 0; role < ROLES; role++)
            key_look(r, p->config->issuers[i].id, &p->config->issuers[i].keys[role]);
    key_look_same(r, p->config->keys);
}

void
papers_check_clock(struct patient *p, struct report *r)
{
    struct timex state = {.modes = 0};
    int kept = adjtimex(&state);
    (void)p;
    if (clock_wall_ms() / 1000 < PLAUSIBLE_SECONDS)
        report_bad(r, "timedatectl set-ntp true",
                   "the clock was never set: tokens are judged by it");
    else if (kept == TIME_ERROR)
        report_note(r, "timedatectl set-ntp true",
                    "nobody keeps the clock right: where it is wrong by more than leeway, good "
                    "tokens are refused");
    else
        report_ok(r, "it is kept right");
}
