/*
 * ssefloor - the physical limit: the least a user-space SSE hub on TCP sockets
 * can do. One thread, one epoll. GET makes the connection a subscriber; POST
 * writes the same bytes to every subscriber with one send() each, then answers.
 * No history, no topics, no queues, no time-outs. Not a hub: a ruler.
 *
 *   GET  /any            subscribe          GET  /any?t=7    subscribe as number 7
 *   POST /any            to everybody       POST /any?t=7    to number 7 alone
 *
 * Build:  cc -std=c11 -O2 -Wall -Wextra -o ssefloor ssefloor.c
 * Usage:  ssefloor PORT|/SOCKET [chunked] [nagle]     nagle: leave TCP_NODELAY off, as nchan does
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MAXFD = 65536,
    RB = 65536
};

static struct conn {
    int slot;  /* place in subs[], or -1 */
    int topic; /* number given with ?t=, or -1 */
    char *buf; /* request bytes so far; freed once subscribed */
    int len;
} conns[MAXFD];

static int subs[MAXFD], nsubs; /* file descriptors */
static int by_topic[MAXFD];    /* fd + 1 */
static int ep, chunked, nagle;
static unsigned long seq, dropped, partial;
static volatile sig_atomic_t stop;

static void
on_signal(int s)
{
    (void)s;
    stop = 1;
}

static void
drop(int fd)
{
    struct conn *c = &conns[fd];
    if (c->slot >= 0) { /* fill the hole with the last one */
        subs[c->slot] = subs[--nsubs];
        conns[subs[c->slot]].slot = c->slot;
        if (c->topic >= 0 && by_topic[c->topic] == fd + 1)
            by_topic[c->topic] = 0;
    }
    free(c->buf);
    c->buf = NULL;
    close(fd);
}

static int
topic_of(const char *req)
{
    const char *eol = strchr(req, '\r'), *q = strstr(req, "?t=");
    int t = q && q < eol ? atoi(q + 3) : -1;
    return t < MAXFD ? t : -1;
}

static void
subscribe(int fd)
{
    static const char plain[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                "Cache-Control: no-cache\r\nConnection: close\r\n\r\n: hi\n\n";
    static const char chunk[] =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
        "Cache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n: hi\n\n\r\n";
    struct conn *c = &conns[fd];
    c->topic = topic_of(c->buf);
    if (c->topic >= 0)
        by_topic[c->topic] = fd + 1;
    free(c->buf);
    c->buf = NULL;
    c->slot = nsubs;
    subs[nsubs++] = fd;
    if (send(fd, chunked ? chunk : plain, (chunked ? sizeof chunk : sizeof plain) - 1,
             MSG_NOSIGNAL) < 0)
        drop(fd);
}

static void
put(int fd, const char *msg, int n)
{
    ssize_t w = send(fd, msg, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (w == n)
        return;
    if (w < 0)
        dropped++; /* the reader is too slow (or gone) */
    else
        partial++;
}

static void
publish(int fd, const char *body, int blen)
{
    static char msg[RB + 128];
    static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    int t = topic_of(conns[fd].buf), n, h = 0;
    char head[32];
    n = sprintf(msg + 32, "id: %lu\ndata: ", ++seq);
    memcpy(msg + 32 + n, body, (size_t)blen);
    n += blen;
    memcpy(msg + 32 + n, "\n\n", 2);
    n += 2;
    if (chunked) {
        h = sprintf(head, "%x\r\n", n);
        memcpy(msg + 32 - h, head, (size_t)h);
        memcpy(msg + 32 + n, "\r\n", 2);
        n += h + 2;
    }
    if (t < 0)
        for (int i = 0; i < nsubs; i++)
            put(subs[i], msg + 32 - h, n);
    else if (by_topic[t])
        put(by_topic[t] - 1, msg + 32 - h, n);
    if (send(fd, ok, sizeof ok - 1, MSG_NOSIGNAL) < 0)
        drop(fd);
}

static void
readable(int fd)
{
    struct conn *c = &conns[fd];
    if (c->slot >= 0) { /* a subscriber says nothing but goodbye */
        char junk[256];
        if (recv(fd, junk, sizeof junk, 0) <= 0)
            drop(fd);
        return;
    }
    if (!c->buf) {
        c->buf = malloc(RB + 1);
        c->len = 0;
    }
    ssize_t n = recv(fd, c->buf + c->len, (size_t)(RB - c->len), 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN)
            drop(fd);
        return;
    }
    c->len += (int)n;
    for (;;) {
        c->buf[c->len] = 0;
        char *end = strstr(c->buf, "\r\n\r\n");
        if (!end)
            return;
        int head = (int)(end + 4 - c->buf);
        if (c->buf[0] == 'G') {
            subscribe(fd);
            return;
        }
        char *cl = strcasestr(c->buf, "content-length:");
        int blen = cl && cl < end ? atoi(cl + 15) : 0;
        if (c->len < head + blen)
            return;
        publish(fd, end + 4, blen);
        if (!c->buf) /* dropped meanwhile */
            return;
        c->len -= head + blen;
        memmove(c->buf, c->buf + head + blen, (size_t)c->len);
        if (!c->len)
            return;
    }
}

int
main(int argc, char **argv)
{
    const char *where = argc > 1 ? argv[1] : "18000";
    int is_unix = where[0] == '/', one = 1;
    for (int i = 2; i < argc; i++) {
        chunked |= !strcmp(argv[i], "chunked");
        nagle |= !strcmp(argv[i], "nagle");
    }
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    signal(SIGALRM, on_signal);
    alarm(1800); /* never outlive the session */
    int ls = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in a = {.sin_family = AF_INET,
                            .sin_port = htons((unsigned short)atoi(where)),
                            .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un u = {.sun_family = AF_UNIX};
    snprintf(u.sun_path, sizeof u.sun_path, "%s", where);
    setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if ((is_unix ? bind(ls, (struct sockaddr *)&u, sizeof u)
                 : bind(ls, (struct sockaddr *)&a, sizeof a)) ||
        listen(ls, 4096)) {
        perror("ssefloor");
        return 1;
    }
    ep = epoll_create1(0);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = ls}, evs[256];
    epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
    while (!stop) {
        int n = epoll_wait(ep, evs, 256, 1000);
        for (int i = 0; i < n; i++) {
            if (evs[i].data.fd != ls) {
                readable(evs[i].data.fd);
                continue;
            }
            int fd;
            while ((fd = accept4(ls, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= MAXFD) {
                    close(fd);
                    continue;
                }
                conns[fd] = (struct conn){.slot = -1, .topic = -1};
                if (!nagle && !is_unix)
                    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP, .data.fd = fd};
                epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
            }
        }
    }
    if (dropped || partial)
        fprintf(stderr, "ssefloor: %lu writes dropped, %lu partial\n", dropped, partial);
    return 0;
}
