/* hearsay - claims, read without belief. */

#include "cli/hearsay.h"

#include "auth/claims.h"
#include "auth/jws.h"
#include "base/alloc.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static bool
names_topics(const json_t *claim, enum role role)
{
    return json_array_size(json_object_get(claim, role_name(role))) > 0;
}

/* Also where they stand beside the claim: that is what the token was made for. */
static void
read_0x(struct hearsay *h, const json_t *claims)
{
    const json_t *claim = json_object_get(claims, "https://mercure.rocks/");
    if (claim == NULL || json_is_null(claim))
        claim = json_object_get(claims, "mercure");
    for (unsigned role = 0; role < ROLES; role++)
        h->names[role] = names_topics(claim, (enum role)role) ||
                         (claim == NULL && names_topics(claims, (enum role)role));
}

static void
read_1_0(struct hearsay *h, const json_t *claims)
{
    size_t i, k;
    json_t *entry, *action;
    const json_t *aud = json_object_get(claims, "aud");
    if (json_is_array(aud))
        aud = json_array_get(aud, 0);
    if (json_is_string(aud))
        h->aud = xstrndup(json_string_value(aud), json_string_length(aud));
    json_array_foreach(json_object_get(claims, "authorization_details"), i, entry)
    {
        json_array_foreach(json_object_get(entry, "actions"), k, action)
        {
            for (unsigned role = 0; json_is_string(action) && role < ROLES; role++)
                h->names[role] |=
                    strcmp(json_string_value(action), role_name((enum role)role)) == 0;
        }
    }
}

void
hearsay_read(struct hearsay *h, struct slice token)
{
    struct jws j;
    struct arena arena;
    *h = (struct hearsay){.aud = NULL};
    arena_init(&arena, 4 * TOKEN_MAX);
    json_t *claims = jws_read(&j, token, &arena) == TOKEN_OK ? claims_parse(j.payload) : NULL;
    if (claims) {
        h->is_access_token = j.is_access_token;
        h->exp = json_number_value(json_object_get(claims, "exp"));
        if (j.is_access_token)
            read_1_0(h, claims);
        else
            read_0x(h, claims);
        json_decref(claims);
    }
    arena_fini(&arena);
}

void
hearsay_fini(struct hearsay *h)
{
    free(h->aud);
    h->aud = NULL;
}
