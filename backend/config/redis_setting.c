/* redis_setting - what the block of transport redis means as a whole. */

#include "config/redis_setting.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

static void
refuse(struct config *c, const char *text)
{
    settings_refuse(c, "transport", "redis: %s", text);
}

/* --- where it is ------------------------------------------------------------------------------ */

static void
add_server(struct config *c, const struct redis_url *u)
{
    c->redis_servers =
        xrealloc(c->redis_servers, (c->redis_server_count + 1) * sizeof *c->redis_servers);
    c->redis_servers[c->redis_server_count++] = *u;
}

static void
list_servers(struct config *c)
{
    const char *port = c->redis_sentinel ? "26379" : "6379";
    struct redis_url u;
    struct error why;
    if (c->redis_url == NULL && c->redis_addresses.count == 0)
        refuse(c, "where is it? url redis://HOST, url unix://PATH, or addresses HOST:PORT…");
    if (c->redis_addresses.count > 16) /* lines of them add up */
        refuse(c, "addresses: at most 16");
    if (c->redis_url) {
        if (redis_url_read(slice_of(c->redis_url), port, &u, &why))
            add_server(c, &u);
        else
            settings_refuse(c, "transport", "redis: url: %s", why.text);
    }
    for (size_t i = 0; i < c->redis_addresses.count; i++) {
        if (redis_url_read_address(slice_of(c->redis_addresses.items[i]), port, &u, &why))
            add_server(c, &u);
        else
            settings_refuse(c, "transport", "redis: addresses: %s", why.text);
    }
}

/* --- what contradicts itself ------------------------------------------------------------------ */

static void
judge_login(struct config *c)
{
    bool in_url = c->redis_server_count && c->redis_servers[0].password;
    if ((c->redis_password != NULL) + (c->redis_password_file != NULL) + in_url > 1)
        refuse(c, "the password is said twice: one of password, password_file and the URL");
    if (c->redis_sentinel_password && c->redis_sentinel_password_file)
        refuse(c, "sentinel_password and sentinel_password_file: use one");
    if (!c->redis_sentinel && (c->redis_sentinel_username || c->redis_sentinel_password ||
                               c->redis_sentinel_password_file || c->redis_sentinel_tls))
        refuse(c, "sentinel_… without sentinel NAME, which is what the Sentinels call the master");
}

static void
judge_tls(struct config *c)
{
    bool over_socket = false;
    for (size_t i = 0; i < c->redis_server_count; i++) {
        c->redis_tls |= c->redis_servers[i].has_tls;
        over_socket |= c->redis_servers[i].path != NULL;
    }
    if (c->redis_tls && over_socket && !c->redis_sentinel)
        refuse(c, "TLS over a Unix socket: take tls out, nobody can listen there");
    if ((c->redis_tls_cert == NULL) != (c->redis_tls_key == NULL))
        refuse(c, "tls: cert and key belong together, and one of them is missing");
    if (c->redis_tls_insecure && (c->redis_tls_ca || c->redis_tls_name))
        refuse(c, "tls: insecure takes any certificate; take it out, or ca and name");
    else if (c->redis_tls && c->redis_tls_insecure)
        settings_note(c, "transport",
                      "redis: tls: insecure: whoever is on the way can read and change everything");
}

/* It stands in braces in the names of keys, and in the patterns of ACLs. */
static void
judge_stream(struct config *c)
{
    struct slice s = slice_of(c->redis_stream);
    bool ok = s.len <= 128;
    for (size_t i = 0; i < s.len; i++)
        ok &= (unsigned char)s.ptr[i] > ' ' && (unsigned char)s.ptr[i] < 0x7f &&
              strchr("{}*?[]\\\"'", s.ptr[i]) == NULL;
    if (!ok)
        refuse(c, "stream: at most 128 letters, digits and signs, without blanks, quotes and "
                  "{ } * ? [ ] \\");
}

static void
note_memory(struct config *c)
{
    struct error note;
    unsigned long long mib = (c->max_bytes + (c->max_bytes / 20) * 7) >> 20;
    error_set(&note,
              "redis: what is kept takes some %llu MiB of its memory (max_bytes and a third), and "
              "up to twice that while it writes its own file anew",
              mib);
    settings_note(c, "transport", note.text);
}

void
redis_setting_judge(struct config *c)
{
    list_servers(c);
    judge_login(c);
    judge_tls(c);
    judge_stream(c);
    if (settings_place_of(c, "durability"))
        settings_refuse(c, "durability",
                        "with transport redis that is Redis' own: appendonly yes and appendfsync "
                        "everysec (or always) in redis.conf");
    if (c->errors.count == 0)
        note_memory(c);
}
