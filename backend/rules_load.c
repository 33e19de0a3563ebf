/* rules_load - a configuration that is judged whole before any of it holds. */

#include "rules_load.h"

#include "auth/authority_build.h"
#include "config/judge.h"
#include "config/restart.h"
#include "config/trial.h"

void
rules_load_say_notes(const struct string_list *notes)
{
    for (size_t i = 0; i < notes->count; i++)
        log_line(LOG_WARN, "configuration", "msg=%s",
                 log_slice((char[600]){0}, 600, slice_of(notes->items[i])));
}

/* What is wrong with a configuration that is not used, and what would have been said of it. */
static void
say_why_not(const struct config *c, void (*say)(enum log_level, const char *))
{
    for (size_t i = 0; i < c->errors.count; i++)
        say(LOG_ERROR, c->errors.items[i]);
    for (size_t i = 0; i < c->notes.count; i++)
        say(LOG_WARN, c->notes.items[i]);
}

struct rules *
rules_load(const char *file, struct fetcher *fetcher, const struct config *running,
           struct string_list *ret_fixed, struct key_source ***ret_sources,
           void (*say)(enum log_level, const char *))
{
    struct error err;
    struct config *c = config_read(file);
    trial_run(c);
    if (running)
        restart_keep(c, running, ret_fixed);
    if (running)
        judge_update_size(c); /* what is kept bounds what was read */
    struct key_source **sources = fetcher_sources(fetcher, c, &err);
    struct authority *authority =
        sources ? authority_build(c, sources, &c->notes, &c->errors) : NULL;
    if (sources == NULL)
        settings_complain(c, "%s", err.text);
    if (c->errors.count) {
        say_why_not(c, say);
        authority_free(&authority);
        fetcher_drop(&sources, c->sources.count);
        config_free(&c);
        return NULL;
    }
    *ret_sources = sources;
    return rules_new(c, authority);
}
