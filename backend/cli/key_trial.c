/* key_trial - an authority, built to see whether it can be. */

#include "cli/key_trial.h"

#include "auth/authority_build.h"
#include "auth/fetcher.h"

void
key_trial_run(struct config *c, struct string_list *notes)
{
    struct error err;
    struct fetcher *fetcher = fetcher_new(NULL, NULL);
    struct key_source **sources = fetcher_sources(fetcher, c, &err);
    struct authority *authority = sources ? authority_build(c, sources, notes, &c->errors) : NULL;
    if (sources == NULL)
        settings_complain(c, "%s", err.text);
    authority_free(&authority);
    fetcher_drop(&sources, c->sources.count);
    fetcher_free(&fetcher);
}
