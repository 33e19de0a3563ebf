/* address - the text of an address, read once for the configuration that names it, those who
 * listen and those who ask. */

#include "base/address.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static bool
read_unix(const char *text, struct slice spec, struct address *a, struct error *err)
{
    struct slice path = {0}, mode = {0};
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    slice_cut(&spec, '|', &path);
    slice_cut(&spec, '|', &mode);
    slice_cut(&spec, '|', &a->group);
    if (path.len == 0 || path.len >= sizeof un.sun_path)
        return error_set(err, "%s: the path of a Unix socket has 1 to %zu bytes", text,
                         sizeof un.sun_path - 1);
    memcpy(un.sun_path, path.ptr, path.len);
    a->kind = ADDRESS_UNIX;
    a->mode = mode.len ? 0 : 0660;
    for (size_t i = 0; i < mode.len; i++) {
        if (mode.ptr[i] < '0' || mode.ptr[i] > '7' || mode.len > 4)
            return error_set(err, "%s: the mode is octal, as in |0660", text);
        a->mode = a->mode * 8 + (mode_t)(mode.ptr[i] - '0');
    }
    if (spec.len)
        return error_set(err, "%s: expected unix//PATH|MODE|GROUP", text);
    memcpy(&a->at, &un, sizeof un);
    a->len = sizeof un;
    return true;
}

/* What people write who know another program's way: says how it is written here. */
static bool
refuse_form(const char *text, struct error *err)
{
    struct slice spec = slice_of(text);
    uint64_t port;
    size_t scheme = slice_find(spec, SLICE("://"));
    if (slice_u64(spec, 65535, &port))
        return error_set(err, "%s: a port is written :%s", text, text);
    if (spec.len && spec.ptr[0] == '/')
        return error_set(err, "%s: a Unix socket is written unix/%s", text, text);
    if (slice_starts(spec, SLICE("unix:/")))
        return error_set(err, "%s: a Unix socket is written unix//%s", text,
                         text + 5 + strspn(text + 5, "/"));
    if (slice_starts(spec, SLICE("*:")))
        return error_set(err, "%s: all addresses are meant by the port alone: %s", text, text + 1);
    if (scheme < spec.len)
        return error_set(
            err, "%s: a URL is no address; say :PORT (TLS and host names are the front's)", text);
    if (slice_index(spec, ':') == spec.len && spec.len)
        return error_set(err, "%s: the port is missing, as in %s:80", text, text);
    return error_set(err, "%s: expected :PORT, ADDRESS:PORT, [V6]:PORT, unix//PATH or fd/N", text);
}

static bool
read_tcp(const char *text, struct slice spec, struct address *a, struct error *err)
{
    size_t colon = spec.len;
    while (colon > 0 && spec.ptr[colon - 1] != ':')
        colon--;
    uint64_t port;
    struct slice host = slice_head(spec, colon ? colon - 1 : 0), digits = slice_from(spec, colon);
    if (colon && slice_u64(digits, UINT64_MAX, &port) && port > 65535)
        return error_set(err, "%s: a port is at most 65535", text);
    if (colon == 0 || slice_eq(host, SLICE("*")) || !slice_u64(digits, 65535, &port))
        return refuse_form(text, err);
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = SLICE_OF(host.ptr + 1, host.len - 2);
    if (slice_eq(host, SLICE("localhost")))
        host = SLICE("127.0.0.1");
    char *name = xstrndup(host.ptr, host.len);
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    bool is_v4 = host.len && inet_pton(AF_INET, name, &v4.sin_addr) == 1;
    bool is_v6 = host.len == 0 || inet_pton(AF_INET6, name, &v6.sin6_addr) == 1;
    free(name);
    if (!is_v4 && !is_v6)
        return error_set(err,
                         "%s: what stands before the port is no IP address; :%llu alone is all "
                         "addresses",
                         text, (unsigned long long)port);
    a->kind = ADDRESS_TCP;
    a->has_host = host.len > 0;
    a->len = is_v4 ? sizeof v4 : sizeof v6;
    memcpy(&a->at, is_v4 ? (void *)&v4 : (void *)&v6, a->len);
    return true;
}

bool
address_read(const char *text, struct address *ret, struct error *err)
{
    struct slice spec = slice_of(text);
    uint64_t fd;
    *ret = (struct address){.fd = -1};
    if (slice_starts(spec, SLICE("unix/")))
        return read_unix(text, slice_from(spec, 5), ret, err);
    if (!slice_starts(spec, SLICE("fd/")))
        return read_tcp(text, spec, ret, err);
    if (!slice_u64(slice_from(spec, 3), 65535, &fd))
        return error_set(err, "%s: expected fd/N", text);
    ret->kind = ADDRESS_DESCRIPTOR;
    ret->fd = (int)fd;
    return true;
}

int
address_connect(const struct address *a, unsigned timeout_ms)
{
    struct sockaddr_in loopback = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct sockaddr *at = (const struct sockaddr *)&a->at;
    socklen_t len = a->len;
    struct timeval limit = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
    if (a->kind == ADDRESS_DESCRIPTOR) {
        errno = EDESTADDRREQ;
        return -1;
    }
    if (a->kind == ADDRESS_TCP && !a->has_host) {
        loopback.sin_port = ((const struct sockaddr_in6 *)at)->sin6_port;
        at = (const struct sockaddr *)&loopback;
        len = sizeof loopback;
    }
    int fd = socket(at->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* SO_SNDTIMEO bounds connect() as well (socket(7)). */
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, at, len) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}
