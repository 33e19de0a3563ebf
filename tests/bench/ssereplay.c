/* ssereplay - clients that come back with a cursor, and read as fast as they are given.
 *
 * Opens N streams at once, counts the events of each, and notes when each had its first and its
 * last; then all are closed (with RST), and with -d the next round begins until the time is over.
 * It does not look into the events, so that one core reads a gigabyte a second: what it measures is
 * the hub.
 *
 *     ssereplay -a 127.0.0.1:PORT|unix:PATH -q '/.well-known/mercure?topic=t' [-c CURSOR]
 *               [-n STREAMS] [-e EVENTS] [-d SECONDS] [-t TIMEOUT]
 *
 * prints {"rounds":R,"events":E,"bytes":B,"seconds":S, "first_ms":…,"all_ms":…}: `seconds` of all
 * rounds; of the rounds' medians, the time to a first event and until all had all theirs. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
    MAX_STREAMS = 20000,
    MAX_ROUNDS = 100000,
    READ = 1024 * 1024,
    WAIT = 512,
};

struct stream {
    int fd;
    bool has_head, done;
    char last; /* byte of what was read before */
    char head[4];
    uint64_t events;
    double first_ms;
};

static struct {
    struct sockaddr_storage address;
    socklen_t address_len;
    char request[8192];
    size_t request_len;
    unsigned streams;
    uint64_t events;
    double seconds, timeout;
} o = {.streams = 1, .events = 1, .timeout = 120};

static struct stream streams[MAX_STREAMS];
static double first_ms[MAX_ROUNDS], all_ms[MAX_ROUNDS];
static double *worst_first_ms;
static uint64_t events, bytes;

static void
die(const char *what)
{
    fprintf(stderr, "ssereplay: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double
now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void
read_address(const char *text)
{
    if (strncmp(text, "unix:", 5) == 0) {
        struct sockaddr_un *a = (struct sockaddr_un *)&o.address;
        a->sun_family = AF_UNIX;
        snprintf(a->sun_path, sizeof a->sun_path, "%s", text + 5);
        o.address_len = sizeof *a;
        return;
    }
    struct sockaddr_in *a = (struct sockaddr_in *)&o.address;
    const char *colon = strrchr(text, ':');
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)strtoul(colon ? colon + 1 : "0", NULL, 10));
    a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    o.address_len = sizeof *a;
}

static void
begin(struct stream *s, int epoll)
{
    *s = (struct stream){.fd = socket(o.address.ss_family, SOCK_STREAM, 0)};
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&o.address, o.address_len) != 0)
        die("connect");
    if (send(s->fd, o.request, o.request_len, MSG_NOSIGNAL) != (ssize_t)o.request_len)
        die("send");
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e) != 0)
        die("epoll_ctl");
}

/* Drops the head of the response; false: not complete yet. */
static bool
pass_head(struct stream *s, const char **at, const char *end)
{
    for (; *at < end; (*at)++) {
        memmove(s->head, s->head + 1, 3);
        s->head[3] = **at;
        if (memcmp(s->head, "\r\n\r\n", 4) == 0) {
            (*at)++;
            s->has_head = true;
            return true;
        }
    }
    return false;
}

static void
count(struct stream *s, const char *at, const char *end, double begun)
{
    if (at == end)
        return;
    uint64_t before = s->events;
    if (s->last == '\n' && *at == '\n')
        s->events++;
    for (const char *p = at; (p = memmem(p, (size_t)(end - p), "\n\n", 2)) != NULL; p += 2)
        s->events++;
    s->last = end[-1];
    if (before == 0 && s->events)
        s->first_ms = now_ms() - begun;
}

/* Returns true when it has all its events now. */
static bool
on_readable(struct stream *s, double begun)
{
    static char buffer[READ];
    ssize_t n = recv(s->fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        fprintf(stderr, "ssereplay: a stream ended after %llu events\n",
                (unsigned long long)s->events);
        exit(1);
    }
    const char *at = buffer, *end = buffer + n;
    bytes += (uint64_t)n;
    if (!s->has_head) {
        bool first = s->head[3] == 0;
        if (first && (n < 12 || memcmp(buffer + 8, " 200", 4) != 0)) {
            fprintf(stderr, "ssereplay: %.*s\n", (int)n, buffer);
            exit(1);
        }
        if (!pass_head(s, &at, end))
            return false;
    }
    count(s, at, end, begun);
    if (s->done || s->events < o.events)
        return false;
    s->done = true;
    return true;
}

static int
by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double
middle(double *values, unsigned n)
{
    qsort(values, n, sizeof *values, by_size);
    return n ? values[n / 2] : 0;
}

static void
run_round(unsigned number)
{
    struct epoll_event ready[WAIT];
    static double firsts[MAX_STREAMS];
    int epoll = epoll_create1(0);
    double begun = now_ms();
    unsigned done = 0;
    for (unsigned i = 0; i < o.streams; i++)
        begin(&streams[i], epoll);
    while (done < o.streams) {
        int n = epoll_wait(epoll, ready, WAIT, 1000);
        for (int i = 0; i < n; i++)
            done += on_readable(ready[i].data.ptr, begun);
        if (now_ms() - begun > o.timeout * 1e3) {
            fprintf(stderr, "ssereplay: %u of %u streams had their events after %.0f s\n", done,
                    o.streams, o.timeout);
            exit(1);
        }
    }
    all_ms[number] = now_ms() - begun;
    for (unsigned i = 0; i < o.streams; i++) {
        firsts[i] = streams[i].first_ms;
        events += streams[i].events;
        setsockopt(streams[i].fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0},
                   sizeof(struct linger));
        close(streams[i].fd);
    }
    first_ms[number] = middle(firsts, o.streams);
    worst_first_ms[number] = firsts[o.streams - 1];
    close(epoll);
}

static void
read_options(int argc, char **argv)
{
    const char *query = "/", *cursor = NULL;
    int c;
    while ((c = getopt(argc, argv, "a:q:c:n:e:d:t:")) != -1) {
        if (c == 'a')
            read_address(optarg);
        else if (c == 'q')
            query = optarg;
        else if (c == 'c')
            cursor = optarg;
        else if (c == 'n')
            o.streams = (unsigned)strtoul(optarg, NULL, 10);
        else if (c == 'e')
            o.events = strtoull(optarg, NULL, 10);
        else if (c == 'd')
            o.seconds = strtod(optarg, NULL);
        else if (c == 't')
            o.timeout = strtod(optarg, NULL);
        else
            exit(2);
    }
    if (o.address_len == 0 || o.streams == 0 || o.streams > MAX_STREAMS) {
        fputs("ssereplay: -a and -n, please\n", stderr);
        exit(2);
    }
    o.request_len = (size_t)snprintf(
        o.request, sizeof o.request, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s%s%s\r\n", query,
        cursor ? "Last-Event-ID: " : "", cursor ? cursor : "", cursor ? "\r\n" : "");
    if (o.request_len >= sizeof o.request)
        die("the query is too long");
}

int
main(int argc, char **argv)
{
    read_options(argc, argv);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    worst_first_ms = calloc(MAX_ROUNDS, sizeof *worst_first_ms);
    double begun = now_ms();
    unsigned rounds = 0;
    do
        run_round(rounds++);
    while (rounds < MAX_ROUNDS && now_ms() - begun < o.seconds * 1e3);
    double took = now_ms() - begun, first_round = all_ms[0];
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    printf("{\"rounds\":%u,\"events\":%llu,\"bytes\":%llu,\"seconds\":%.4f,\"events_per_s\":%.0f,"
           "\"first_ms\":%.3f,\"last_first_ms\":%.3f,\"all_ms\":%.2f,\"first_round_ms\":%.2f,"
           "\"cpu_s\":%.3f}\n",
           rounds, (unsigned long long)events, (unsigned long long)bytes, took / 1e3,
           (double)events / took * 1e3, middle(first_ms, rounds), middle(worst_first_ms, rounds),
           middle(all_ms, rounds), first_round,
           (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    return 0;
}
