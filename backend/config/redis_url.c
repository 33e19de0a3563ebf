/* redis_url - where a Redis is, in one word. It may hold a password: nothing of it is repeated. */

#include "config/redis_url.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_PORT = 65535,
    MAX_DB = 1000000,
    MAX_HOST = 253,
};

#define EXPECTED                                                                                   \
    "expected redis://[USER[:PASSWORD]@]HOST[:PORT][/DB], rediss://… or unix://PATH[?db=N]"

void
redis_url_clear(struct redis_url *u)
{
    free(u->path);
    free(u->host);
    free(u->port);
    free(u->user);
    free(u->password);
    *u = (struct redis_url){0};
}

static int
hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c ? strchr(digits, c | 0x20) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* %XX decoded; a % without two hex digits stands for itself. Caller frees. */
static char *
decode(struct slice s)
{
    char *out = xstrndup(s.ptr ? s.ptr : "", s.len), *to = out;
    for (size_t i = 0; i < s.len; i++) {
        bool is_code = s.ptr[i] == '%' && i + 2 < s.len && hex_digit(s.ptr[i + 1]) >= 0 &&
                       hex_digit(s.ptr[i + 2]) >= 0;
        *to++ = is_code ? (char)(hex_digit(s.ptr[i + 1]) * 16 + hex_digit(s.ptr[i + 2])) : s.ptr[i];
        i += is_code ? 2 : 0;
    }
    *to = '\0';
    return out;
}

/* HOST[:PORT], the host of IPv6 in brackets. */
static bool
read_place(struct slice text, const char *port, struct redis_url *u, struct error *err)
{
    bool is_bracketed = slice_starts(text, SLICE("["));
    size_t end = is_bracketed ? slice_index(text, ']') + 1 : slice_index(text, ':');
    struct slice host = slice_head(text, end), number = slice_from(text, end);
    uint64_t value;
    if (is_bracketed)
        host = slice_head(slice_from(host, 1), end - 2);
    if (host.len == 0 || host.len > MAX_HOST || end > text.len ||
        slice_index_control(host) < host.len || slice_index(host, ' ') < host.len)
        return error_set(err, "the host is missing, or is none");
    if (number.len &&
        (number.ptr[0] != ':' || !slice_u64(slice_from(number, 1), MAX_PORT, &value) || !value))
        return error_set(err, "the port must be from 1 to %d", MAX_PORT);
    u->host = xstrndup(host.ptr, host.len);
    u->port = number.len ? xstrndup(number.ptr + 1, number.len - 1) : xstrndup(port, strlen(port));
    return true;
}

static void
read_user(struct slice text, struct redis_url *u)
{
    struct slice user = slice_head(text, slice_index(text, ':'));
    if (user.len)
        u->user = decode(user);
    if (user.len < text.len)
        u->password = decode(slice_from(text, user.len + 1));
}

static bool
read_db(struct slice text, struct redis_url *u, struct error *err)
{
    uint64_t number = 0;
    if (text.len && !slice_u64(text, MAX_DB, &number))
        return error_set(err, "the database must be a number");
    u->db = (unsigned)number;
    return true;
}

/* The last @ before `end`: of a password that was not encoded, so that its host is still one. */
static struct slice
cut_user(struct slice *rest, size_t end, struct redis_url *u)
{
    size_t at = end;
    while (at && rest->ptr[at - 1] != '@')
        at--;
    if (at)
        read_user(slice_head(*rest, at - 1), u);
    struct slice place = slice_head(slice_from(*rest, at), end - at);
    *rest = slice_from(*rest, end);
    return place;
}

static bool
read_unix(struct slice rest, struct redis_url *u, struct error *err)
{
    cut_user(&rest, slice_index(rest, '/'), u);
    if (rest.len < 2)
        return error_set(err, "the path of a socket begins with a slash: unix:///run/redis.sock");
    u->path = decode(rest);
    return true;
}

static bool
read_tcp(struct slice rest, const char *port, struct redis_url *u, struct error *err)
{
    struct slice place = cut_user(&rest, slice_index(rest, '/'), u);
    return read_place(place, port, u, err) &&
           (slice_from(rest, 1).len == 0 || read_db(slice_from(rest, 1), u, err));
}

static bool
read_rest(struct slice url, const char *port, struct redis_url *u, struct error *err)
{
    struct slice query = slice_from(url, slice_index(url, '?'));
    struct slice rest = slice_head(url, url.len - query.len);
    bool is_unix = slice_starts(url, SLICE("unix://"));
    u->has_tls = slice_starts(url, SLICE("rediss://"));
    if (!is_unix && !u->has_tls && !slice_starts(url, SLICE("redis://")))
        return error_set(err, EXPECTED);
    rest = slice_from(rest, slice_find(rest, SLICE("://")) + 3);
    if (!(is_unix ? read_unix(rest, u, err) : read_tcp(rest, port, u, err)))
        return false;
    if (query.len > 1 && !slice_starts(query, SLICE("?db=")))
        return error_set(err, "behind the ? stands db=N alone");
    return query.len <= 1 || read_db(slice_from(query, 4), u, err);
}

bool
redis_url_read(struct slice url, const char *port, struct redis_url *ret, struct error *err)
{
    *ret = (struct redis_url){0};
    if (read_rest(url, port, ret, err))
        return true;
    redis_url_clear(ret);
    return false;
}

bool
redis_url_read_address(struct slice text, const char *port, struct redis_url *ret,
                       struct error *err)
{
    *ret = (struct redis_url){0};
    if (slice_starts(text, SLICE("/"))) {
        ret->path = xstrndup(text.ptr, text.len);
        return true;
    }
    if (slice_find(text, SLICE("://")) < text.len)
        return error_set(err, "expected HOST[:PORT], without a scheme");
    if (read_place(text, port, ret, err))
        return true;
    redis_url_clear(ret);
    return false;
}
