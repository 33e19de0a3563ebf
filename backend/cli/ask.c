/* ask - a client for our own hub: HTTP/1.0, so that the reply ends with the connection. */

#include "cli/ask.h"

#include "base/address.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
    TIMEOUT_MS = 4000, /* below what a container's health check waits */
    MAX_REPLY = 4 * 1024 * 1024,
    PART = 16384,
};

static bool
exchange(int fd, const char *path, struct buf *reply, struct error *err)
{
    struct buf request;
    buf_init(&request, 1024);
    buf_addf(&request, "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n", path);
    bool ok = !request.failed && write(fd, request.ptr, request.len) == (ssize_t)request.len;
    buf_fini(&request);
    while (ok) {
        char part[PART];
        ssize_t n = read(fd, part, sizeof part);
        if (n == 0)
            return true;
        ok = n > 0;
        if (ok)
            buf_add(reply, SLICE_OF(part, (size_t)n));
        if (reply->failed)
            return error_set(err, "the reply has more than %d bytes", MAX_REPLY);
    }
    return error_set(err, "no reply: %s", errno == EAGAIN ? "it takes too long" : strerror(errno));
}

static bool
split(struct buf *reply, unsigned *ret_status, struct error *err)
{
    struct slice all = buf_slice(reply);
    size_t head = slice_find(all, SLICE("\r\n\r\n"));
    uint64_t status;
    if (!slice_starts(all, SLICE("HTTP/1.")) || head == all.len ||
        !slice_u64(slice_head(slice_from(all, 9), 3), 999, &status))
        return error_set(err, "what answers there is no hub");
    *ret_status = (unsigned)status;
    buf_drop(reply, head + 4);
    return true;
}

static const char *
advice_of(int number)
{
    return number == EACCES ? "; whoever may use that socket may ask: root, or a member of its "
                              "group"
                            : "";
}

int
ask_connect(const struct string_list *addresses, const char **ret_address, struct error *err)
{
    struct error why = {"no address to ask"};
    struct address at;
    for (size_t i = 0; i < addresses->count; i++) {
        if (!address_read(addresses->items[i], &at, &why) || at.kind == ADDRESS_DESCRIPTOR)
            continue;
        int fd = address_connect(&at, TIMEOUT_MS);
        if (fd < 0)
            error_set(err, "%s: %s%s", addresses->items[i], strerror(errno), advice_of(errno));
        *ret_address = addresses->items[i];
        return fd;
    }
    error_set(err, "%.400s", why.text);
    return -1;
}

bool
ask_hub(const struct string_list *addresses, const char *path, unsigned *ret_status,
        struct buf *body, struct error *err)
{
    struct error why;
    const char *address;
    buf_init(body, MAX_REPLY);
    int fd = ask_connect(addresses, &address, err);
    if (fd < 0)
        return false;
    bool ok = exchange(fd, path, body, &why) && split(body, ret_status, &why);
    close(fd);
    return ok || error_set(err, "%s: %.400s", address, why.text);
}
