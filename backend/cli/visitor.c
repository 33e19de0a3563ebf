/* visitor - the configuration is asked for what is not said: where the hub is, and the key.
 *
 * A hub elsewhere needs no configuration here: a token comes by a file, or there is none. */

#include "cli/visitor.h"

#include "auth/grant.h"
#include "cli/hearsay.h"
#include "cli/token_text.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>

enum {
    EXP_MS = 3600000 /* a stream ends with its token, and comes back with another one */
};

static bool
read_options(struct visitor *c, const struct call *call, struct error *err)
{
    const char *url = call_value(call, "--url");
    c->token_file = call_value(call, "--token");
    c->is_anonymous = call_has(call, "--anonymous");
    if (c->token_file && c->is_anonymous)
        return error_set(err, "--token and --anonymous exclude each other");
    if (c->token_file && token_text_is(c->token_file))
        return error_set(err, "a token on a command line can be read by everybody on the machine: "
                              "write it to a file, and say --token FILE");
    if (url && (c->token_file || c->is_anonymous))
        return true;
    if (config_load(call_value(call, "-c"), &c->config, err))
        return true;
    size_t used = strlen(err->text);
    if (url)
        snprintf(err->text + used, sizeof err->text - used,
                 "; without a configuration say --token FILE or --anonymous");
    return false;
}

/* A token that anybody on the way can read and use. */
static void
warn_of_plain_http(const char *url)
{
    static const char *const here[] = {"http://localhost", "http://127.", "http://[::1]"};
    bool is_plain = url && strncmp(url, "http://", 7) == 0;
    for (size_t i = 0; i < COUNT_OF(here); i++)
        is_plain = is_plain && strncmp(url, here[i], strlen(here[i])) != 0;
    if (is_plain)
        fputs("note: the token goes over plain HTTP, and whoever sees it can use it\n", stderr);
}

bool
visitor_open(struct visitor *c, const struct call *call, struct error *err)
{
    const char *url = call_value(call, "--url");
    *c = (struct visitor){.speaks = DIALECT_0X};
    buf_init(&c->token, MINT_MAX);
    if (!read_options(c, call, err) || !web_open(&c->web, url, c->config, err))
        return false;
    if (!c->is_anonymous)
        warn_of_plain_http(url);
    c->web.ca_file = call_value(call, "--ca");
    if (c->config && !c->config->speaks[DIALECT_0X])
        c->speaks = DIALECT_1_0;
    return true;
}

static void
forget_token(struct visitor *c)
{
    if (c->token.ptr)
        OPENSSL_cleanse(c->token.ptr, c->token.len);
    buf_fini(&c->token);
}

void
visitor_close(struct visitor *c)
{
    forget_token(c);
    web_fini(&c->web);
    config_free(&c->config);
}

static bool
read_token(struct visitor *c, struct error *err)
{
    struct hearsay said;
    if (!token_text_read(c->token_file, &c->token, &c->web.token, err))
        return false;
    if (c->web.token.len == 0 || slice_index_control(c->web.token) < c->web.token.len)
        return error_set(err, "%.300s: there is no token in it", c->token_file);
    hearsay_read(&said, c->web.token);
    c->speaks = said.is_access_token ? DIALECT_1_0 : DIALECT_0X;
    hearsay_fini(&said);
    return true;
}

/* It grants just what is asked for. */
static bool
make_token(struct visitor *c, enum role role, const struct string_list *topics, struct error *err)
{
    struct mint wish = {.exp_ms = EXP_MS};
    struct string_list *granted = role == ROLE_PUBLISH ? &wish.publish : &wish.subscribe;
    struct error why;
    for (size_t i = 0; i < topics->count; i++)
        string_list_add(granted, slice_of(topics->items[i]));
    if (c->config->resource_identifier == NULL && c->config->public_urls.count != 1)
        wish.audience = c->web.url.ptr;
    buf_init(&c->token, MINT_MAX);
    bool ok = mint_token(&wish, c->config, SLICE(""), &c->token, &why);
    c->web.token = buf_slice(&c->token);
    c->speaks = wish.speaks;
    mint_fini(&wish);
    return ok || error_set(err, "%.400s (or say --token FILE)", why.text);
}

bool
visitor_sign(struct visitor *c, enum role role, const struct string_list *topics, struct error *err)
{
    if (c->is_anonymous)
        return true;
    forget_token(c);
    c->web.token = SLICE("");
    return c->token_file ? read_token(c, err) : make_token(c, role, topics, err);
}

void
visitor_add_field(struct buf *form, const char *name, struct slice value)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
    static const char hex[] = "0123456789ABCDEF";
    buf_addf(form, "%s%s=", form->len ? "&" : "", name);
    for (size_t i = 0; i < value.len; i++) {
        unsigned char byte = (unsigned char)value.ptr[i];
        bool is_plain = byte && strchr(plain, byte);
        buf_add(form, is_plain ? SLICE_OF(value.ptr + i, 1)
                               : SLICE_OF(((char[]){'%', hex[byte >> 4], hex[byte & 15]}), 3));
    }
}
