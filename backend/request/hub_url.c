/* hub_url - the hub's own URL as clients name it: the configuration says it, or the request does.
 *
 * What a request says of itself is what request/front.h let stand. */

#include "request/hub_url.h"

#include "base/ascii.h"
#include "base/site.h"
#include "config/config.h"

#include <stdio.h>
#include <string.h>

static struct slice
join(struct arena *arena, const struct slice *parts, size_t count)
{
    size_t size = 0, at = 0;
    for (size_t i = 0; i < count; i++)
        size += parts[i].len;
    char *text = arena_alloc(arena, size + 1); /* zeroed: a NUL stands behind it */
    for (size_t i = 0; text && i < count; i++) {
        memcpy(text + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return text ? SLICE_OF(text, at) : SLICE("");
}

/* Lower case, and without the scheme's own port: as clients name it, whatever they sent. */
static struct slice
url_of_request(struct exchange *ex, struct slice before_path)
{
    const struct request *r = ex->request;
    struct slice scheme = r->scheme.len ? r->scheme : SLICE("http"), port = SLICE("");
    struct site site;
    char digits[8];
    if (!site_of_host(scheme, r->host, &site))
        return SLICE("");
    bool is_https = slice_eq_nocase(scheme, SLICE("https"));
    if (site.port != (is_https ? 443u : 80u))
        port = SLICE_OF(digits, (size_t)snprintf(digits, sizeof digits, ":%u", site.port));
    const struct slice parts[] = {is_https ? SLICE("https://") : SLICE("http://"), site.host, port,
                                  before_path, slice_of(ex->config->path)};
    struct slice url = join(&ex->arena, parts, COUNT_OF(parts));
    char *host = (char *)url.ptr + parts[0].len;
    for (size_t i = 0; url.len && i < site.host.len; i++)
        host[i] = ascii_lower(host[i]);
    return url;
}

struct slice
hub_url_audience(struct exchange *ex)
{
    const char *id = ex->config->resource_identifier;
    return id ? slice_of(id) : url_of_request(ex, SLICE(""));
}

bool
hub_url_audience_follows(const struct config *c)
{
    return c->resource_identifier == NULL && c->public_urls.count == 0;
}

bool
hub_url_is_audience(const struct config *c, struct slice audience)
{
    struct site site, entry;
    struct slice path, rest;
    if (c->resource_identifier)
        return slice_eq(slice_of(c->resource_identifier), audience);
    if (!site_read(audience, &site, &path) || !slice_eq(path, slice_of(c->path)))
        return false;
    for (size_t i = 0; i < c->public_urls.count; i++)
        if (site_read(slice_of(c->public_urls.items[i]), &entry, &rest) && site_eq(&entry, &site))
            return true;
    return false;
}

struct slice
hub_url_base(struct exchange *ex)
{
    struct slice id = slice_of(ex->config->resource_identifier), rest;
    struct site site;
    if (site_read(id, &site, &rest) && slice_ends(rest, slice_of(ex->config->path)))
        return id;
    return url_of_request(ex, SLICE(""));
}

struct slice
hub_url_metadata(struct exchange *ex)
{
    struct slice id = slice_of(ex->config->resource_identifier), rest;
    struct site site;
    if (!site_read(id, &site, &rest))
        return url_of_request(ex, SLICE(HUB_URL_METADATA_PREFIX));
    const struct slice parts[] = {slice_head(id, id.len - rest.len), SLICE(HUB_URL_METADATA_PREFIX),
                                  slice_of(ex->config->path)};
    return join(&ex->arena, parts, COUNT_OF(parts));
}
