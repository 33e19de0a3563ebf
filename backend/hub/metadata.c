/* metadata - who may issue tokens for this hub, told to whoever asks (RFC 9728): the document
 * follows the host that was asked, unless resource_identifier names the hub once and for all. */

#include "hub/metadata.h"

#include "hub/home.h"
#include "request/credential.h"
#include "request/hub_url.h"
#include "request/reply.h"

#include <cjson/cJSON.h>

static cJSON *
strings_of(const char *only)
{
    const char *const one[] = {only};
    return cJSON_CreateStringArray(one, 1);
}

/* Issuers that are marked as authorization servers; NULL: none is. */
static cJSON *
authorization_servers(const struct config *c)
{
    cJSON *list = NULL;
    for (size_t i = 0; i < c->issuer_count; i++) {
        if (!c->issuers[i].authorization_server)
            continue;
        if (list == NULL)
            list = cJSON_CreateArray();
        cJSON_AddItemToArray(list, cJSON_CreateString(c->issuers[i].id));
    }
    return list;
}

/* Printed by cJSON; the caller frees. */
static char *
document(const struct hub *hub, const struct config *c, struct slice resource)
{
    cJSON *d = cJSON_CreateObject();
    /* Slices of the arena and of literals end with a NUL. */
    cJSON_AddStringToObject(d, "resource", resource.ptr);
    cJSON_AddItemToObject(d, "bearer_methods_supported", strings_of("header"));
    cJSON *servers = authorization_servers(c);
    if (servers)
        cJSON_AddItemToObject(d, "authorization_servers", servers);
    cJSON_AddItemToObject(d, "authorization_details_types_supported",
                          strings_of("https://mercure.rocks/authorization-detail"));
    cJSON_AddStringToObject(d, "mercure_cookie", credential_cookie_name(c, DIALECT_1_0).ptr);
    if (transport_registry(hub->transport))
        cJSON_AddTrueToObject(d, "mercure_subscriptions");
    char *text = cJSON_PrintUnformatted(d);
    cJSON_Delete(d);
    return text;
}

static void
on_head(struct exchange *ex)
{
    struct reply r;
    struct slice resource = hub_url_audience(ex);
    if (!ex->config->speaks[DIALECT_1_0]) {
        reply_text(ex, 404, SLICE("There is no metadata: no issuer is configured.\n"));
        return;
    }
    if (resource.len == 0) {
        reply_text(ex, 400, SLICE("The request does not say for which host.\n"));
        return;
    }
    char *text = document(hub_worker_of(ex->worker)->hub, ex->config, resource);
    if (text == NULL) {
        reply_text(ex, 503, SLICE("There is no memory for the document.\n"));
        return;
    }
    reply_begin(ex, &r, 200);
    reply_add(&r, SLICE("Content-Type"), SLICE("application/json"));
    r.body = slice_of(text);
    exchange_reply(ex, &r);
    cJSON_free(text);
}

const struct exchange_handler metadata_handler = {
    .on_head = on_head,
};
