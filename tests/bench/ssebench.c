/*
 * ssebench - black-box load instrument for Server-Sent-Events hubs.
 *
 * It opens N SSE subscriptions, publishes events over HTTP, and reports what
 * arrived, how late, and what it cost the server, as one line of JSON.
 *
 * Two threads, no dependencies beyond libc:
 *
 *   main thread       connects the subscribers, reads and parses their streams
 *                     (one edge-triggered epoll, one big read per wake-up),
 *                     samples the server's memory.
 *   publisher thread  exists only while publishing; paces the publishes and
 *                     reads their responses over C keep-alive connections.
 *
 * Every event carries, inside its payload, a run nonce, a monotonic time stamp,
 * a per-topic sequence number and the topic's number.  The receiver therefore
 * needs no tables to tell latency, loss, duplicates, reordering, misrouting and
 * left-overs of an earlier run.
 *
 * Build:  cc -std=c11 -O2 -Wall -Wextra -pthread -o ssebench ssebench.c
 * Usage:  ssebench --help
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define MS 1000000ull

enum {
    MAX_URLS = 32,
    MAX_HEADERS = 32,
    MAX_PIDS = 256,
    MAX_PUBCONNS = 256
};
enum {
    RBUF = 128 * 1024,
    LINE_MAX_KEPT = 512,
    EVENTS_PER_WAIT = 512
};

static void
die(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("ssebench: ", stderr);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
    exit(2);
}

static inline uint64_t
mono(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static double
secs(uint64_t ns)
{
    return (double)ns / 1e9;
}

/* ------------------------------------------------------------------ *
 * Histogram: logarithmic buckets, 32 per power of two (3 % resolution) *
 * ------------------------------------------------------------------ */

enum {
    HSUB = 32,
    HBUCKETS = 60 * HSUB
};

struct hist {
    uint64_t n, max, sum;
    uint64_t b[HBUCKETS];
};

static inline void
hist_add(struct hist *h, uint64_t v)
{
    unsigned i;
    if (v < HSUB) {
        i = (unsigned)v;
    } else {
        unsigned shift = 58u - (unsigned)__builtin_clzll(v); /* floor(log2 v) - 5 */
        i = shift * HSUB + (unsigned)(v >> shift);           /* v >> shift is 32..63 */
    }
    h->b[i]++;
    h->n++;
    h->sum += v;
    if (v > h->max)
        h->max = v;
}

/* The p-quantile in microseconds (middle of its bucket). */
static double
hist_us(const struct hist *h, double p)
{
    if (!h->n)
        return 0;
    uint64_t want = (uint64_t)(p * (double)h->n), seen = 0;
    if (want >= h->n)
        want = h->n - 1;
    for (unsigned i = 0; i < HBUCKETS; i++) {
        seen += h->b[i];
        if (seen > want) {
            if (i < HSUB)
                return i / 1e3;
            unsigned shift = i / HSUB - 1;
            double mid = ((double)(HSUB + i % HSUB) + 0.5) * (double)(1ull << shift);
            double top = (double)h->max;
            return (mid < top ? mid : top) / 1e3;
        }
    }
    return (double)h->max / 1e3;
}

/* ------------------------------------------------------------------ *
 * Options                                                              *
 * ------------------------------------------------------------------ */

struct url {
    bool is_unix;
    struct sockaddr_storage addr;
    socklen_t alen;
    char host[128];  /* for the Host header */
    char path[1024]; /* template */
};

enum mode {
    FANOUT,
    SPARSE,
    PUBLISH,
    CHURN,
    IDLE
};
static const char *const mode_names[] = {"fanout", "sparse", "publish", "churn", "idle"};

static struct {
    enum mode mode;
    const char *label;
    struct url sub[MAX_URLS], pub;
    int nsub_urls;
    bool have_pub;
    const char *sub_hdr[MAX_HEADERS], *pub_hdr[MAX_HEADERS];
    int nsub_hdr, npub_hdr;
    const char *method, *body;
    uint32_t n;      /* subscribers */
    uint32_t topics; /* subscriber i listens to topic i % topics */
    uint64_t events; /* 0: no limit */
    double duration; /* publish / churn / idle seconds */
    double rate;     /* publishes per second, 0: as fast as possible */
    uint32_t inflight, pubconns, window;
    uint32_t payload;
    double connect_rate;
    uint32_t connect_inflight;
    uint32_t src; /* loopback source addresses */
    double settle, drain, hold, timeout;
    uint32_t nap; /* microseconds between reads */
    bool random, rst, delack, fastcgi;
    int pids[MAX_PIDS], npids;
} o = {
    .mode = FANOUT,
    .label = "",
    .method = "POST",
    .body = "{payload}",
    .n = 100,
    .inflight = 2,
    .pubconns = 0,
    .window = UINT32_MAX,
    .payload = 100,
    .connect_inflight = 128,
    .settle = 1.0,
    .drain = 3.0,
    .timeout = 120,
};

static void
parse_url(const char *s, struct url *u)
{
    memset(u, 0, sizeof *u);
    if (!strncmp(s, "unix:", 5)) { /* unix:/path.sock:/http/path */
        const char *p = s + 5, *c = strchr(p, ':');
        struct sockaddr_un *a = (struct sockaddr_un *)&u->addr;
        size_t n = c ? (size_t)(c - p) : strlen(p);
        if (n >= sizeof a->sun_path)
            die("socket path too long: %s", s);
        u->is_unix = true;
        a->sun_family = AF_UNIX;
        memcpy(a->sun_path, p, n);
        u->alen = sizeof *a;
        strcpy(u->host, "localhost");
        snprintf(u->path, sizeof u->path, "%s", c && c[1] ? c + 1 : "/");
        return;
    }
    if (strncmp(s, "http://", 7))
        die("URL must start with http:// or unix: (%s)", s);
    s += 7;
    size_t n = strcspn(s, "/?");
    if (n >= sizeof u->host)
        die("host too long");
    memcpy(u->host, s, n);
    char ip[128];
    strcpy(ip, u->host);
    char *colon = strrchr(ip, ':');
    int port = 80;
    if (colon) {
        *colon = 0;
        port = atoi(colon + 1);
    }
    struct sockaddr_in *a = (struct sockaddr_in *)&u->addr;
    a->sin_family = AF_INET;
    a->sin_port = htons((uint16_t)port);
    if (!strcmp(ip, "localhost"))
        strcpy(ip, "127.0.0.1");
    if (inet_pton(AF_INET, ip, &a->sin_addr) != 1 || (ntohl(a->sin_addr.s_addr) >> 24) != 127)
        die("refusing to load anything but 127.0.0.0/8: %s", ip);
    u->alen = sizeof *a;
    snprintf(u->path, sizeof u->path, "%s%s", s[n] == '/' ? "" : "/", s + n);
}

/* Placeholder values of one expansion; payload may be null. */
struct vars {
    uint32_t i, t;
    uint64_t seq;
    const char *payload;
    size_t payload_len;
};

static char *
put_u64(char *p, uint64_t v)
{
    char tmp[20];
    int k = 0;
    do
        tmp[k++] = (char)('0' + v % 10);
    while (v /= 10);
    while (k)
        *p++ = tmp[--k];
    return p;
}

/* Copies the template with {i}, {t}, {seq}, {mixed} and {payload} replaced. Returns the
 * new end; the caller's buffer is sized by tmpl_max(). */
static char *
expand(char *p, const char *tmpl, const struct vars *v)
{
    for (;;) {
        const char *b = strchrnul(tmpl, '{');
        p = mempcpy(p, tmpl, (size_t)(b - tmpl));
        if (!*b)
            return p;
        if (!strncmp(b, "{i}", 3)) {
            p = put_u64(p, v->i);
            tmpl = b + 3;
        } else if (!strncmp(b, "{t}", 3)) {
            p = put_u64(p, v->t);
            tmpl = b + 3;
        } else if (!strncmp(b, "{seq}", 5)) {
            p = put_u64(p, v->seq);
            tmpl = b + 5;
        } else if (!strncmp(b, "{mixed}", 7)) {
            p = put_u64(p, v->seq * 0x9e3779b97f4a7c15u);
            tmpl = b + 7;
        } else if (!strncmp(b, "{payload}", 9) && v->payload) {
            p = mempcpy(p, v->payload, v->payload_len);
            tmpl = b + 9;
        } else {
            *p++ = *b;
            tmpl = b + 1;
        }
    }
}

static size_t
tmpl_max(const char *t)
{
    size_t n = strlen(t) + 1;
    for (const char *p = t; (p = strchr(p, '{')); p++)
        n += !strncmp(p, "{payload}", 9) ? o.payload : 20;
    return n;
}

static bool
has_header(const char *const *h, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (!strncasecmp(h[i], name, strlen(name)) && h[i][strlen(name)] == ':')
            return true;
    return false;
}

/* ------------------------------------------------------------------ *
 * A request as FastCGI records                                         *
 * ------------------------------------------------------------------ */

static char *
put_record(char *p, int type, size_t len)
{
    const unsigned char head[8] = {1, (unsigned char)type,       0,
                                   1, (unsigned char)(len >> 8), (unsigned char)len};
    return mempcpy(p, head, 8);
}

static char *
put_pair(char *p, const char *name, size_t nlen, const char *value, size_t vlen)
{
    *p++ = (char)nlen;
    if (vlen < 128) {
        *p++ = (char)vlen;
    } else {
        *p++ = (char)0x80;
        *p++ = 0;
        *p++ = (char)(vlen >> 8);
        *p++ = (char)vlen;
    }
    p = mempcpy(p, name, nlen);
    return mempcpy(p, value, vlen);
}

/* `keep`: FCGI_KEEP_CONN. Every expanded value must fit into 8 kB. */
static char *
put_fastcgi(char *p, const char *method, const struct url *u, const char *const *hdr, int nhdr,
            const struct vars *v, const char *body, size_t blen, bool keep)
{
    char value[8192], name[256], *start;
    p = put_record(p, 1, 8);
    p = mempcpy(p, (const char[]){0, 1, keep, 0, 0, 0, 0, 0}, 8);
    start = p;
    p += 8;
    p = put_pair(p, "REQUEST_METHOD", 14, method, strlen(method));
    p = put_pair(p, "REQUEST_URI", 11, value, (size_t)(expand(value, u->path, v) - value));
    p = put_pair(p, "HTTP_HOST", 9, u->host, strlen(u->host));
    for (int i = 0; i < nhdr; i++) {
        const char *colon = strchr(hdr[i], ':');
        if (!colon)
            continue;
        int n = snprintf(name, sizeof name, "%s%.*s",
                         strncasecmp(hdr[i], "content-type:", 13) ? "HTTP_" : "",
                         (int)(colon - hdr[i]), hdr[i]);
        for (char *c = name; *c; c++)
            *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
        size_t vlen = (size_t)(expand(value, colon + 1 + (colon[1] == ' '), v) - value);
        p = put_pair(p, name, (size_t)n, value, vlen);
    }
    put_record(start, 4, (size_t)(p - start - 8));
    p = put_record(p, 4, 0);
    if (blen) {
        p = put_record(p, 5, blen);
        p = mempcpy(p, body, blen);
    }
    return put_record(p, 5, 0);
}

/* ------------------------------------------------------------------ *
 * Payload: mark(8) time(16) seq(8) topic(8) padding                    *
 * ------------------------------------------------------------------ */

enum {
    MARK = 8,
    STAMP = MARK + 16 + 8 + 8
};
static char mark[MARK + 1]; /* "SB" + six hex digits of this run's nonce */

static void
hex_put(char *p, uint64_t v, int digits)
{
    for (int k = digits - 1; k >= 0; k--, v >>= 4)
        p[k] = "0123456789abcdef"[v & 15];
}

static inline uint64_t
hex_get(const char *p, int digits)
{
    uint64_t v = 0;
    for (int k = 0; k < digits; k++) {
        unsigned c = (unsigned char)p[k];
        v = v << 4 | (c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
    }
    return v;
}

static void
stamp(char *payload, uint64_t t, uint32_t seq, uint32_t topic)
{
    memcpy(payload, mark, MARK);
    hex_put(payload + MARK, t, 16);
    hex_put(payload + MARK + 16, seq, 8);
    hex_put(payload + MARK + 24, topic, 8);
}

/* ------------------------------------------------------------------ *
 * Incremental HTTP/1.1 response decoder (both threads use it)          *
 * ------------------------------------------------------------------ */

enum http_state {
    H_STATUS,
    H_HEADER,
    H_LENGTH,
    H_SIZE,
    H_SIZE_EXT,
    H_DATA,
    H_DATA_END,
    H_TRAILER,
    H_UNTIL_CLOSE,
    H_END,
    H_BAD
};
enum http_event {
    HE_MORE,
    HE_HEAD,
    HE_BODY,
    HE_END,
    HE_ERROR
};

struct http {
    uint8_t st;
    bool chunked, has_length, sse, close;
    uint16_t status;
    uint16_t linelen; /* bytes kept of an unfinished head line */
    uint64_t left;    /* of the body or of the current chunk */
    char *line;       /* LINE_MAX_KEPT bytes, only while a head line is split */
    /* the record being read, with --fastcgi */
    unsigned char rec[8], rec_have;
    uint32_t rec_left; /* of its content and padding */
};

static void
http_reset(struct http *h)
{
    free(h->line);
    memset(h, 0, sizeof *h);
}

static bool
has_token(const char *l, size_t n, const char *tok)
{
    size_t k = strlen(tok);
    for (size_t i = 0; i + k <= n; i++)
        if (!strncasecmp(l + i, tok, k))
            return true;
    return false;
}

static void
http_head_line(struct http *h, const char *l, size_t n)
{
    if (n && l[n - 1] == '\r')
        n--;
    if (o.fastcgi && h->st == H_STATUS) { /* CGI: headers at once, 200 unless Status says else */
        h->status = 200;
        h->st = H_HEADER;
    }
    if (o.fastcgi && n > 10 && !strncasecmp(l, "status:", 7)) {
        h->status = (uint16_t)atoi(l + 7);
    } else if (h->st == H_STATUS) {
        if (n < 12 || memcmp(l, "HTTP/1.", 7)) {
            h->st = H_BAD;
            return;
        }
        h->status = (uint16_t)((l[9] - '0') * 100 + (l[10] - '0') * 10 + (l[11] - '0'));
        h->close = l[7] == '0';
        h->st = H_HEADER;
    } else if (n == 0) { /* end of the head */
        if (h->status / 100 == 1)
            h->st = H_STATUS; /* 100 Continue etc.: another head follows */
        else if (o.fastcgi)
            h->st = H_UNTIL_CLOSE; /* END_REQUEST tells the end */
        else if (h->status == 204 || h->status == 304 || (h->has_length && !h->left && !h->chunked))
            h->st = H_END;
        else if (h->chunked)
            h->st = H_SIZE, h->left = 0;
        else
            h->st = h->has_length ? H_LENGTH : H_UNTIL_CLOSE;
    } else if (!strncasecmp(l, "content-length:", 15) && n > 15) {
        char tmp[24] = "";
        memcpy(tmp, l + 15, n - 15 < 23 ? n - 15 : 23);
        h->left = strtoull(tmp, NULL, 10);
        h->has_length = true;
    } else if (n > 18 && !strncasecmp(l, "transfer-encoding:", 18)) {
        h->chunked = has_token(l + 18, n - 18, "chunked");
    } else if (n > 13 && !strncasecmp(l, "content-type:", 13)) {
        h->sse = has_token(l + 13, n - 13, "text/event-stream");
    } else if (n > 11 && !strncasecmp(l, "connection:", 11)) {
        if (has_token(l + 11, n - 11, "close"))
            h->close = true;
    }
}

/* Consumes from *pp up to e until there is something to report. For HE_BODY the
 * body bytes are [*b, *be). */
static enum http_event
http_next(struct http *h, const char **pp, const char *e, const char **b, const char **be)
{
    const char *p = *pp;
    for (;;) {
        if (h->st == H_END) {
            *pp = p;
            return HE_END;
        }
        if (h->st == H_BAD)
            return HE_ERROR;
        if (p == e) {
            *pp = p;
            return HE_MORE;
        }
        switch (h->st) {
        case H_STATUS:
        case H_HEADER:
        case H_TRAILER: {
            const char *nl = memchr(p, '\n', (size_t)(e - p));
            size_t n = (size_t)((nl ? nl : e) - p);
            const char *l = p;
            if (!nl || h->linelen) { /* line split across reads: keep its beginning */
                if (!h->line && !(h->line = malloc(LINE_MAX_KEPT)))
                    die("out of memory");
                size_t room = (size_t)LINE_MAX_KEPT - h->linelen, k = n < room ? n : room;
                memcpy(h->line + h->linelen, p, k);
                h->linelen = (uint16_t)(h->linelen + k);
                if (!nl) {
                    *pp = e;
                    return HE_MORE;
                }
                l = h->line;
                n = h->linelen;
            }
            p = nl + 1;
            if (h->st == H_TRAILER) {
                if (n == 0 || (n == 1 && l[0] == '\r'))
                    h->st = H_END;
            } else {
                http_head_line(h, l, n);
            }
            h->linelen = 0;
            if (h->st > H_HEADER) {
                free(h->line);
                h->line = NULL;
                if (h->st != H_BAD && (n == 0 || (n == 1 && l[0] == '\r')) && h->st != H_TRAILER) {
                    /* head complete; H_END of an empty body is reported by the next call */
                    *pp = p;
                    return HE_HEAD;
                }
            }
            break;
        }
        case H_SIZE: {
            char c = *p++;
            if (isxdigit((unsigned char)c))
                h->left = h->left << 4 | hex_get(&c, 1);
            else if (c == '\n')
                h->st = h->left ? H_DATA : H_TRAILER;
            else if (c != '\r')
                h->st = H_SIZE_EXT;
            break;
        }
        case H_SIZE_EXT: /* chunk extension: skip to the line's end */
            if (*p++ == '\n')
                h->st = h->left ? H_DATA : H_TRAILER;
            break;
        case H_DATA:
        case H_LENGTH: {
            size_t k = (size_t)(e - p);
            if (k > h->left)
                k = h->left;
            *b = p;
            *be = p + k;
            h->left -= k;
            if (!h->left)
                h->st = h->st == H_DATA ? H_DATA_END : H_END;
            *pp = p + k;
            return HE_BODY;
        }
        case H_DATA_END: /* CRLF after a chunk's data */
            if (*p++ == '\n')
                h->st = H_SIZE;
            break;
        case H_UNTIL_CLOSE:
            *b = p;
            *be = e;
            *pp = e;
            return HE_BODY;
        }
    }
}

/* As http_next(), for a connection that speaks FastCGI: what STDOUT carries. */
static enum http_event
wire_next(struct http *h, const char **pp, const char *e, const char **b, const char **be)
{
    enum {
        END_REQUEST = 3,
        STDOUT = 6
    };
    if (!o.fastcgi)
        return http_next(h, pp, e, b, be);
    for (;;) {
        while (h->rec_have < 8 && *pp < e) {
            h->rec[h->rec_have++] = (unsigned char)*(*pp)++;
            if (h->rec_have == 8)
                h->rec_left = (uint32_t)(h->rec[4] << 8 | h->rec[5]);
        }
        if (h->rec_have < 8)
            return HE_MORE;
        const char *end = *pp + ((size_t)(e - *pp) < h->rec_left ? (size_t)(e - *pp) : h->rec_left);
        const char *from = *pp;
        if (h->rec[1] == STDOUT && from < end) {
            enum http_event ev = http_next(h, pp, end, b, be);
            h->rec_left -= (uint32_t)(*pp - from);
            if (ev != HE_MORE)
                return ev;
            continue;
        }
        *pp = end;
        h->rec_left -= (uint32_t)(end - from);
        if (h->rec_left)
            return HE_MORE;
        if (h->rec[6]) { /* padding follows */
            h->rec_left = h->rec[6];
            h->rec[6] = 0;
            h->rec[1] = h->rec[1] == END_REQUEST ? END_REQUEST : 0;
            continue;
        }
        h->rec_have = 0;
        if (h->rec[1] == END_REQUEST)
            return HE_END;
    }
}

/* ------------------------------------------------------------------ *
 * Subscribers                                                          *
 * ------------------------------------------------------------------ */

enum sub_state {
    S_NEW,
    S_CONNECTING,
    S_HEAD,
    S_STREAM,
    S_CLOSED
};

struct sub {
    int fd;
    uint32_t index;
    uint8_t st;
    bool skip_lf; /* the last line ended with CR: a LF now belongs to it */
    bool ev_data, ev_stamp, ev_id;
    struct http h;
    /* the event being assembled */
    uint64_t ev_time;
    uint32_t ev_seq, ev_topic;
    /* an unfinished line: its first LINE_MAX_KEPT bytes and its whole length */
    char *line;
    uint32_t linelen;
    /* accounting: a 64-wide sliding window below `top` tells duplicates from
     * late arrivals */
    uint32_t top;  /* highest seq seen + 1 */
    uint64_t seen; /* bit k: seq top-1-k was seen */
    uint64_t unique;
    uint64_t t_start; /* connect() was called */
};

static struct {
    struct sub *subs;
    int ep;
    uint32_t started, pending, connected, failed, closed;
    uint64_t lost; /* streams closed by the server after they were up */
    char first_error[160];
    /* what arrived */
    uint64_t received, dup, ooo, stale, misrouted, foreign, other, comments, with_id, bad_len;
    uint64_t bytes, reads;
    size_t tail_len; /* length of the data line from the mark on */
    uint64_t t_last;
    uint64_t now; /* time of the current read */
    struct hist lat, conn_lat;
    /* shared with the publisher thread */
    atomic_uint_fast64_t a_received; /* unique deliveries so far */
    atomic_uint_fast64_t a_wake_at;  /* publisher sleeps until a_received reaches this; 0: awake */
    atomic_bool pub_done, stop;
    int wakefd;
    /* churn */
    bool churning;
    uint64_t cycles, cycles_failed;
    struct {
        uint32_t i;
        uint64_t t;
    } * holdq;
    uint32_t hold_head, hold_len;
    uint64_t deadline;
} g;

static char rbuf[RBUF];

static void
note_error(const char *fmt, ...)
{
    if (g.first_error[0])
        return;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(g.first_error, sizeof g.first_error, fmt, ap);
    va_end(ap);
    for (char *p = g.first_error; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 32)
            *p = '.';
}

/* One complete event with our stamp in it. */
static inline void
deliver(struct sub *s)
{
    hist_add(&g.lat, g.now > s->ev_time ? g.now - s->ev_time : 0);
    g.received++;
    g.with_id += s->ev_id;
    if (s->ev_topic != s->index % o.topics)
        g.misrouted++;
    uint32_t q = s->ev_seq;
    if (q >= s->top) {
        uint32_t shift = q + 1 - s->top;
        s->seen = shift >= 64 ? 1 : s->seen << shift | 1;
        s->top = q + 1;
        s->unique++;
        return;
    }
    uint32_t back = s->top - 1 - q;
    if (back < 64 && s->seen >> back & 1) {
        g.dup++;
        return;
    }
    g.ooo++;
    s->unique++;
    if (back < 64)
        s->seen |= 1ull << back;
    else
        g.stale++; /* too late to know whether it is a duplicate */
}

/* One line of the stream. [l, l+kept) is available, the line is `len` long. */
static inline void
sse_line(struct sub *s, const char *l, size_t kept, size_t len)
{
    if (len == 0) { /* end of the event */
        if (s->ev_data) {
            if (s->ev_stamp)
                deliver(s);
            else
                g.other++;
        }
        s->ev_data = s->ev_stamp = s->ev_id = false;
        return;
    }
    if (l[0] == ':') {
        g.comments++;
        return;
    }
    if (kept >= 4 && !memcmp(l, "data", 4) && (kept == 4 || l[4] == ':')) {
        s->ev_data = true;
        if (kept < 5 + STAMP)
            return;
        const char *v = l + 5 + (l[5] == ' ');
        size_t n = kept - (size_t)(v - l);
        if (n < STAMP)
            return;
        const char *m = memcmp(v, mark, MARK) ? memmem(v, n, mark, MARK) : v;
        if (!m || (size_t)(l + kept - m) < STAMP) {
            if (memmem(v, n, "SB", 2) == v)
                g.foreign++; /* most likely another run's event */
            return;
        }
        size_t tail = len - (size_t)(m - l);
        if (!g.tail_len)
            g.tail_len = tail;
        else if (tail != g.tail_len)
            g.bad_len++;
        s->ev_stamp = true;
        s->ev_time = hex_get(m + MARK, 16);
        s->ev_seq = (uint32_t)hex_get(m + MARK + 16, 8);
        s->ev_topic = (uint32_t)hex_get(m + MARK + 24, 8);
    } else if (kept >= 3 && !memcmp(l, "id:", 3)) {
        s->ev_id = true;
    }
}

static void
keep_part(struct sub *s, const char *p, size_t n)
{
    if (!s->line && !(s->line = malloc(LINE_MAX_KEPT)))
        die("out of memory");
    if (s->linelen < LINE_MAX_KEPT) {
        size_t room = LINE_MAX_KEPT - s->linelen;
        memcpy(s->line + s->linelen, p, n < room ? n : room);
    }
    s->linelen += (uint32_t)n;
}

/* Lines end with LF, CRLF or CR; any of them may be split across spans. */
static void
sse_span(struct sub *s, const char *p, const char *e)
{
    if (s->skip_lf && p < e) {
        if (*p == '\n')
            p++;
        s->skip_lf = false;
    }
    while (p < e) {
        const char *nl = memchr(p, '\n', (size_t)(e - p));
        const char *cr = memchr(p, '\r', (size_t)((nl ? nl : e) - p));
        const char *end = cr ? cr : nl;
        if (!end) {
            keep_part(s, p, (size_t)(e - p));
            return;
        }
        if (s->linelen) {
            keep_part(s, p, (size_t)(end - p));
            size_t len = s->linelen;
            sse_line(s, s->line, len < LINE_MAX_KEPT ? len : LINE_MAX_KEPT, len);
            s->linelen = 0;
            free(s->line);
            s->line = NULL;
        } else {
            sse_line(s, p, (size_t)(end - p), (size_t)(end - p));
        }
        p = end + 1;
        if (*end == '\r') {
            if (p == e)
                s->skip_lf = true;
            else if (*p == '\n')
                p++;
        }
    }
}

static void churn_next(struct sub *s);

static void
sub_drop(struct sub *s)
{
    if (s->fd >= 0) {
        if (o.rst) {
            struct linger lg = {1, 0};
            setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg);
        }
        close(s->fd); /* leaves the epoll set by itself */
    }
    s->fd = -1;
    http_reset(&s->h);
    free(s->line);
    s->line = NULL;
    s->linelen = 0;
    s->st = S_CLOSED;
}

/* The connection is gone, or never was of use. */
static void
sub_lost(struct sub *s, const char *why, int err)
{
    bool up = s->st == S_STREAM;
    note_error("subscriber %u %s: %s%s%s status %d", s->index, up ? "lost" : "failed", why,
               err ? ": " : "", err ? strerror(err) : "", s->h.status);
    if (up) {
        g.lost++;
        g.connected--;
    } else {
        g.pending--;
        if (g.churning)
            g.cycles_failed++;
        else
            g.failed++;
    }
    sub_drop(s);
    if (g.churning)
        churn_next(s);
}

static void
sub_up(struct sub *s)
{
    s->st = S_STREAM;
    g.pending--;
    g.connected++;
    hist_add(&g.conn_lat, g.now - s->t_start);
    if (!g.churning)
        return;
    g.cycles++;
    if (o.hold > 0) {
        uint32_t k = (g.hold_head + g.hold_len++) % o.n;
        g.holdq[k].i = s->index;
        g.holdq[k].t = g.now + (uint64_t)(o.hold * 1e9);
        return;
    }
    g.connected--;
    sub_drop(s);
    churn_next(s);
}

/* Bytes from the network. Returns false when the stream is over. */
static bool
sub_feed(struct sub *s, const char *p, const char *e)
{
    const char *b, *be;
    g.bytes += (uint64_t)(e - p);
    g.reads++;
    for (;;) {
        switch (wire_next(&s->h, &p, e, &b, &be)) {
        case HE_MORE:
            return true;
        case HE_HEAD:
            if (s->h.status != 200 || !s->h.sse) {
                sub_lost(s, s->h.status != 200 ? "status" : "not an event stream", 0);
                return false;
            }
            sub_up(s);
            if (s->st != S_STREAM) /* churn closed it already */
                return false;
            break;
        case HE_BODY:
            sse_span(s, b, be);
            break;
        case HE_END:
            sub_lost(s, "end of response", 0);
            return false;
        case HE_ERROR:
            sub_lost(s, "not HTTP", 0);
            return false;
        }
    }
}

/* Starts a connection. Returns false if the unix backlog is full (try later). */
static bool
sub_start(struct sub *s)
{
    const struct url *u = &o.sub[s->index % (uint32_t)o.nsub_urls];
    int fd = socket(u->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s (raise ulimit -n)", strerror(errno));
    if (!u->is_unix && o.src) {
        /* 28k ephemeral ports per source address, and beyond 14k of them (the
         * even ones) the kernel's search gets slow: spread over 127.0.0.2, .3, ... */
        int one = 1;
        struct sockaddr_in a = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(0x7f000002u + s->index % o.src)};
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (bind(fd, (struct sockaddr *)&a, sizeof a))
            die("bind source: %s", strerror(errno));
    }
    if (!u->is_unix && o.delack) {
        /* Start in "ping-pong" mode: acknowledge every second segment or after
         * 40 ms instead of upon every read. */
        int zero = 0;
        setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof zero);
    }
    s->fd = fd;
    s->st = S_CONNECTING;
    s->t_start = mono();
    if (connect(fd, (const struct sockaddr *)&u->addr, u->alen) && errno != EINPROGRESS) {
        int err = errno;
        if (u->is_unix && err == EAGAIN) {
            sub_drop(s);
            s->st = S_NEW;
            return false;
        }
        g.pending++;
        sub_lost(s, "connect", err);
        return true;
    }
    struct epoll_event ev = {.events = EPOLLOUT, .data.u32 = s->index};
    if (epoll_ctl(g.ep, EPOLL_CTL_ADD, fd, &ev))
        die("epoll_ctl: %s", strerror(errno));
    g.pending++;
    return true;
}

/* The TCP connection is up: send the request. */
static void
sub_request(struct sub *s)
{
    const struct url *u = &o.sub[s->index % (uint32_t)o.nsub_urls];
    struct vars v = {.i = s->index, .t = s->index % o.topics};
    char req[16384], *p = req;
    int err = 0;
    socklen_t l = sizeof err;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &l);
    if (err) {
        sub_lost(s, "connect", err);
        return;
    }
    if (o.fastcgi) {
        p = put_fastcgi(p, "GET", u, o.sub_hdr, o.nsub_hdr, &v, NULL, 0, false);
        goto send;
    }
    p = stpcpy(p, "GET ");
    p = expand(p, u->path, &v);
    p = stpcpy(p, " HTTP/1.1\r\n");
    if (!has_header(o.sub_hdr, o.nsub_hdr, "host"))
        p += sprintf(p, "Host: %s\r\n", u->host);
    if (!has_header(o.sub_hdr, o.nsub_hdr, "accept"))
        p = stpcpy(p, "Accept: text/event-stream\r\n");
    for (int i = 0; i < o.nsub_hdr; i++) {
        if ((size_t)(req + sizeof req - p) < tmpl_max(o.sub_hdr[i]) + 8)
            die("request too long");
        p = expand(p, o.sub_hdr[i], &v);
        p = stpcpy(p, "\r\n");
    }
    p = stpcpy(p, "\r\n");
send:;
    ssize_t n = send(s->fd, req, (size_t)(p - req), MSG_NOSIGNAL);
    if (n != p - req) {
        sub_lost(s, "send request", n < 0 ? errno : 0);
        return;
    }
    s->st = S_HEAD;
    struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u32 = s->index};
    epoll_ctl(g.ep, EPOLL_CTL_MOD, s->fd, &ev);
}

/* Edge-triggered, so read until the socket is empty; a read that does not fill
 * the buffer has emptied it (what comes later is a new edge), which saves the
 * read that would say EAGAIN. After a hang-up read on until the end. */
static void
sub_read(struct sub *s, bool hup)
{
    for (;;) {
        ssize_t n = recv(s->fd, rbuf, sizeof rbuf, 0);
        g.now = mono();
        if (n > 0) {
            if (!sub_feed(s, rbuf, rbuf + n) || (n < RBUF && !hup))
                return;
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else {
            if (n == 0 || errno != EAGAIN)
                sub_lost(s, n ? "read" : "closed by server", n ? errno : 0);
            return;
        }
    }
}

/* One epoll_wait and what it brings; tells the publisher how far we are. */
static void
pump(int timeout_ms)
{
    struct epoll_event ev[EVENTS_PER_WAIT];
    uint64_t before = g.received;
    int n = epoll_wait(g.ep, ev, EVENTS_PER_WAIT, timeout_ms);
    for (int k = 0; k < n; k++) {
        struct sub *s = &g.subs[ev[k].data.u32];
        if (s->st == S_CONNECTING)
            sub_request(s);
        else if (s->st == S_HEAD || s->st == S_STREAM)
            sub_read(s, ev[k].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR));
    }
    if (g.received != before) {
        g.t_last = g.now;
        uint64_t u = g.received - g.dup;
        atomic_store(&g.a_received, u);
        uint64_t w = atomic_load(&g.a_wake_at);
        if (w && u >= w && atomic_compare_exchange_strong(&g.a_wake_at, &w, 0)) {
            uint64_t one = 1;
            if (write(g.wakefd, &one, 8) < 0) { /* counter full: it is awake anyway */
            }
        }
    }
}

/* ------------------------------------------------------------------ *
 * What the server and the machine use                                  *
 * ------------------------------------------------------------------ */

static struct {
    int pid[MAX_PIDS];
    int n;
} tree;

/* Fields after the command's ')' of /proc/<pid>/stat; false if it is gone. */
static bool
proc_stat(int pid, char *buf, size_t cap, char **rest)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, buf, cap - 1);
    close(fd);
    if (n <= 0)
        return false;
    buf[n] = 0;
    *rest = strrchr(buf, ')');
    return *rest != NULL;
}

/* The watched pids and all their descendants. */
static void
tree_scan(void)
{
    static struct {
        int pid, ppid;
    } all[32768];
    int n = 0;
    tree.n = 0;
    for (int i = 0; i < o.npids; i++)
        tree.pid[tree.n++] = o.pids[i];
    if (!o.npids)
        return;
    DIR *d = opendir("/proc");
    struct dirent *e;
    while (d && (e = readdir(d)) && n < 32768) {
        char buf[1024], *r;
        int pid = atoi(e->d_name), ppid;
        if (pid > 0 && proc_stat(pid, buf, sizeof buf, &r) && sscanf(r, ") %*c %d", &ppid) == 1) {
            all[n].pid = pid;
            all[n++].ppid = ppid;
        }
    }
    if (d)
        closedir(d);
    for (int i = 0; i < tree.n; i++) /* breadth first; the list grows meanwhile */
        for (int k = 0; k < n; k++) {
            bool known = all[k].ppid != tree.pid[i];
            for (int j = 0; j < tree.n && !known; j++)
                known = tree.pid[j] == all[k].pid;
            if (!known && tree.n < MAX_PIDS)
                tree.pid[tree.n++] = all[k].pid;
        }
}

struct cpu {
    double user, sys; /* seconds */
};

/* The kernel scales utime and stime so that their sum is the scheduler's exact
 * run time; 10 ms resolution, and the user/system split is sampled. */
static struct cpu
tree_cpu(void)
{
    struct cpu c = {0, 0};
    double hz = (double)sysconf(_SC_CLK_TCK);
    for (int i = 0; i < tree.n; i++) {
        char buf[1024], *r;
        unsigned long u, s;
        if (proc_stat(tree.pid[i], buf, sizeof buf, &r) &&
            sscanf(r, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &u, &s) == 2) {
            c.user += (double)u / hz;
            c.sys += (double)s / hz;
        }
    }
    return c;
}

static double
self_cpu(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The line "key:   123 kB" of a /proc file, in bytes. */
static uint64_t
proc_kb(const char *path, const char *key)
{
    FILE *f = fopen(path, "re");
    char l[256];
    uint64_t v = 0;
    size_t k = strlen(key);
    while (f && fgets(l, sizeof l, f))
        if (!strncmp(l, key, k)) {
            v = strtoull(l + k, NULL, 10) * 1024;
            break;
        }
    if (f)
        fclose(f);
    return v;
}

struct mem {
    uint64_t rss, pss;  /* of the server tree */
    uint64_t slab, tcp; /* of the whole machine: kernel slabs, TCP buffers */
};

static struct mem
mem_sample(bool with_pss)
{
    struct mem m = {0, 0, 0, 0};
    char path[64];
    for (int i = 0; i < tree.n; i++) {
        unsigned long pages = 0;
        snprintf(path, sizeof path, "/proc/%d/statm", tree.pid[i]);
        FILE *f = fopen(path, "re");
        if (f) {
            if (fscanf(f, "%*u %lu", &pages) == 1)
                m.rss += (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
            fclose(f);
        }
        if (with_pss) {
            snprintf(path, sizeof path, "/proc/%d/smaps_rollup", tree.pid[i]);
            m.pss += proc_kb(path, "Pss:");
        }
    }
    if (with_pss) {
        m.slab = proc_kb("/proc/meminfo", "Slab:");
        FILE *f = fopen("/proc/net/sockstat", "re");
        char l[256];
        unsigned long pages;
        while (f && fgets(l, sizeof l, f)) {
            char *p = strstr(l, " mem ");
            if (!strncmp(l, "TCP:", 4) && p && sscanf(p, " mem %lu", &pages) == 1)
                m.tcp = (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
        }
        if (f)
            fclose(f);
    }
    return m;
}

struct machine {
    double user, sys, irq, softirq, idle, steal;
};

static struct machine
machine_cpu(void)
{
    struct machine m = {0, 0, 0, 0, 0, 0};
    unsigned long long v[8] = {0};
    double hz = (double)sysconf(_SC_CLK_TCK);
    FILE *f = fopen("/proc/stat", "re");
    if (f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", v, v + 1, v + 2, v + 3, v + 4,
                    v + 5, v + 6, v + 7) == 8) {
        m.user = (double)(v[0] + v[1]) / hz;
        m.sys = (double)v[2] / hz;
        m.idle = (double)(v[3] + v[4]) / hz;
        m.irq = (double)v[5] / hz;
        m.softirq = (double)v[6] / hz;
        m.steal = (double)v[7] / hz;
    }
    if (f)
        fclose(f);
    return m;
}

/* ------------------------------------------------------------------ *
 * Publisher thread                                                     *
 * ------------------------------------------------------------------ */

struct inflight {
    uint64_t t; /* when it was sent */
    uint32_t topic;
};

struct pub {
    int fd;
    bool broken, dirty, blocked; /* dirty: unsent bytes; blocked: waits for EPOLLOUT */
    char *out;
    size_t outlen, outoff, outcap;
    struct inflight *q; /* ring of `depth` unanswered publishes */
    uint32_t head, len;
    struct http h;
};

static struct {
    struct pub c[MAX_PUBCONNS];
    int ep;
    uint32_t depth; /* pipelining per connection */
    uint32_t rr;
    uint64_t sent, ok, failed, reconnects;
    uint32_t inflight;
    uint64_t expect_sent; /* deliveries due for everything sent */
    uint64_t expect_ok;   /* ... for what the server accepted */
    uint64_t forgiven;    /* deliveries given up by the window (see pub_main) */
    uint64_t window_resets;
    uint64_t t0, t_last_sent, t_last_ok, slip_max;
    uint32_t *topic_seq, *topic_subs, max_subs;
    char *payload;
    size_t reqmax;
    struct hist lat;
    char first_error[160];
} pb;

static void
pub_connect(struct pub *c)
{
    int one = 1;
    http_reset(&c->h);
    c->fd = socket(o.pub.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&o.pub.addr, o.pub.alen))
        die("publisher cannot connect: %s", strerror(errno));
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - pb.c)};
    epoll_ctl(pb.ep, EPOLL_CTL_ADD, c->fd, &ev);
    c->outlen = c->outoff = c->head = c->len = 0;
    c->broken = c->dirty = c->blocked = false;
}

/* Whatever was unanswered is counted as failed; it is not sent again. */
static void
pub_reconnect(struct pub *c)
{
    pb.failed += c->len;
    pb.inflight -= c->len;
    pb.reconnects++;
    close(c->fd);
    pub_connect(c);
}

static void
pub_done_one(struct pub *c, uint64_t now)
{
    struct inflight *f = &c->q[c->head];
    c->head = (c->head + 1) % pb.depth;
    c->len--;
    pb.inflight--;
    hist_add(&pb.lat, now - f->t);
    if (c->h.status / 100 == 2) {
        pb.ok++;
        pb.expect_ok += pb.topic_subs[f->topic];
        pb.t_last_ok = now;
    } else {
        pb.failed++;
        if (!pb.first_error[0])
            snprintf(pb.first_error, sizeof pb.first_error, "publish answered %d", c->h.status);
    }
    bool cl = c->h.close;
    http_reset(&c->h);
    c->h.close = cl;
}

static void
pub_read(struct pub *c)
{
    static char buf[65536];
    ssize_t n = recv(c->fd, buf, sizeof buf, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        if (c->len && c->h.st == H_UNTIL_CLOSE)
            pub_done_one(c, mono());
        if (c->len && !pb.first_error[0])
            snprintf(pb.first_error, sizeof pb.first_error, "publish connection lost");
        pub_reconnect(c);
        return;
    }
    uint64_t now = mono();
    const char *p = buf, *e = buf + n, *b, *be;
    for (;;) {
        switch (wire_next(&c->h, &p, e, &b, &be)) {
        case HE_MORE:
            return;
        case HE_HEAD:
        case HE_BODY:
            break;
        case HE_END:
            if (c->len)
                pub_done_one(c, now);
            if (c->h.close) { /* the server will not take more on this one */
                pub_reconnect(c);
                return;
            }
            break;
        case HE_ERROR:
            pub_reconnect(c);
            return;
        }
    }
}

static void
pub_flush(struct pub *c)
{
    while (c->outoff < c->outlen) {
        ssize_t n = send(c->fd, c->out + c->outoff, c->outlen - c->outoff, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EAGAIN) {
                struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT,
                                         .data.u32 = (uint32_t)(c - pb.c)};
                epoll_ctl(pb.ep, EPOLL_CTL_MOD, c->fd, &ev);
                c->blocked = true;
            } else {
                pub_reconnect(c);
            }
            return;
        }
        c->outoff += (size_t)n;
    }
    c->outlen = c->outoff = 0;
    c->dirty = false;
    if (c->blocked) {
        struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)(c - pb.c)};
        epoll_ctl(pb.ep, EPOLL_CTL_MOD, c->fd, &ev);
        c->blocked = false;
    }
}

/* Appends one publish request to the connection's output. */
static void
pub_one(struct pub *c, uint32_t topic, uint64_t now)
{
    static char *body;
    if (!body && !(body = malloc(tmpl_max(o.body))))
        die("out of memory");
    stamp(pb.payload, now, pb.topic_seq[topic]++, topic);
    struct vars v = {
        .i = topic, .t = topic, .seq = pb.sent, .payload = pb.payload, .payload_len = o.payload};
    size_t blen = (size_t)(expand(body, o.body, &v) - body);
    if (c->outcap - c->outlen < pb.reqmax) {
        c->outcap = c->outcap * 2 + pb.reqmax;
        if (!(c->out = realloc(c->out, c->outcap)))
            die("out of memory");
    }
    char *p = c->out + c->outlen;
    if (o.fastcgi) {
        p = put_fastcgi(p, o.method, &o.pub, o.pub_hdr, o.npub_hdr, &v, body, blen, true);
        goto made;
    }
    p = stpcpy(p, o.method);
    *p++ = ' ';
    p = expand(p, o.pub.path, &v);
    p = stpcpy(p, " HTTP/1.1\r\n");
    if (!has_header(o.pub_hdr, o.npub_hdr, "host")) {
        p = stpcpy(p, "Host: ");
        p = stpcpy(p, o.pub.host);
        p = stpcpy(p, "\r\n");
    }
    if (!has_header(o.pub_hdr, o.npub_hdr, "content-type"))
        p = stpcpy(p, "Content-Type: text/plain\r\n");
    for (int i = 0; i < o.npub_hdr; i++) {
        p = expand(p, o.pub_hdr[i], &v);
        p = stpcpy(p, "\r\n");
    }
    p = stpcpy(p, "Content-Length: ");
    p = put_u64(p, blen);
    p = stpcpy(p, "\r\n\r\n");
    p = mempcpy(p, body, blen);
made:
    c->outlen = (size_t)(p - c->out);
    c->dirty = true;
    c->q[(c->head + c->len++) % pb.depth] = (struct inflight){now, topic};
    pb.inflight++;
    pb.sent++;
    pb.expect_sent += pb.topic_subs[topic];
    pb.t_last_sent = now;
}

/* A connection with room for another publish. */
static struct pub *
pub_pick(void)
{
    for (uint32_t k = 0; k < o.pubconns; k++) {
        struct pub *c = &pb.c[pb.rr];
        pb.rr = (pb.rr + 1) % o.pubconns;
        if (c->len < pb.depth)
            return c;
    }
    return NULL;
}

static uint64_t rng = 88172645463325252ull;
static uint64_t
next_random(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng;
}

static void *
pub_main(void *unused)
{
    (void)unused;
    uint64_t end = o.duration > 0 ? pb.t0 + (uint64_t)(o.duration * 1e9) : UINT64_MAX;
    double period = o.rate > 0 ? 1e9 / o.rate : 0;
    uint64_t limit = (uint64_t)o.window * pb.max_subs; /* undelivered deliveries allowed */
    uint64_t seen = 0, t_seen = pb.t0;                 /* last progress of a_received */

    while (!atomic_load(&g.stop)) {
        uint64_t now = mono(), wait = 100 * MS;
        bool over = now >= end || (o.events && pb.sent >= o.events);
        if (over && pb.inflight == 0)
            break;

        /* Send what the rate, the window and K allow. */
        while (!over && pb.inflight < o.inflight) {
            if (period > 0) {
                uint64_t due = pb.t0 + (uint64_t)((double)pb.sent * period);
                if (now < due) {
                    wait = due - now;
                    break;
                }
                if (now - due > pb.slip_max)
                    pb.slip_max = now - due;
            }
            uint32_t topic = o.topics == 1 ? 0
                             : o.random    ? (uint32_t)(next_random() % o.topics)
                                           : (uint32_t)(pb.sent % o.topics);
            if (limit) {
                /* Publish only if at most `limit` deliveries are then outstanding;
                 * otherwise ask the main thread to wake us at that point. */
                uint64_t due = pb.expect_sent + pb.topic_subs[topic] - pb.forgiven;
                uint64_t got = atomic_load(&g.a_received);
                if (got != seen) {
                    seen = got;
                    t_seen = now;
                }
                if (due > limit && got < due - limit && now - t_seen > NS / 2) {
                    /* Nothing for half a second: what is outstanding is lost, or
                     * the window would stay shut for good. */
                    pb.forgiven = pb.expect_sent - got;
                    pb.window_resets++;
                    due = got + pb.topic_subs[topic];
                    t_seen = now;
                }
                if (due > limit && got < due - limit) {
                    atomic_store(&g.a_wake_at, due - limit);
                    if (atomic_load(&g.a_received) < due - limit) {
                        wait = 100 * MS;
                        break;
                    }
                    atomic_store(&g.a_wake_at, 0);
                }
            }
            struct pub *c = pub_pick();
            if (!c)
                break;
            pub_one(c, topic, now);
            now = mono();
            over = now >= end || (o.events && pb.sent >= o.events);
        }
        for (uint32_t k = 0; k < o.pubconns; k++)
            if (pb.c[k].dirty && !pb.c[k].blocked)
                pub_flush(&pb.c[k]);

        struct epoll_event ev[64];
        struct timespec ts = {(time_t)(wait / NS), (long)(wait % NS)};
        int n = epoll_pwait2(pb.ep, ev, 64, &ts, NULL);
        for (int k = 0; k < n; k++) {
            if (ev[k].data.u32 == UINT32_MAX) {
                uint64_t x;
                if (read(g.wakefd, &x, 8) < 0) { /* spurious */
                }
                continue;
            }
            struct pub *c = &pb.c[ev[k].data.u32];
            if (ev[k].events & EPOLLOUT)
                pub_flush(c);
            if (ev[k].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                pub_read(c);
        }
    }
    atomic_store(&g.pub_done, true);
    return NULL;
}

static void
pub_prepare(void)
{
    pb.ep = epoll_create1(EPOLL_CLOEXEC);
    g.wakefd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event ev = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(pb.ep, EPOLL_CTL_ADD, g.wakefd, &ev);
    pb.depth = (o.inflight + o.pubconns - 1) / o.pubconns;
    pb.payload = malloc(o.payload);
    pb.topic_seq = calloc(o.topics, sizeof *pb.topic_seq);
    pb.topic_subs = calloc(o.topics, sizeof *pb.topic_subs);
    if (!pb.payload || !pb.topic_seq || !pb.topic_subs)
        die("out of memory");
    memset(pb.payload, 'x', o.payload);
    pb.max_subs = 0;
    for (uint32_t i = 0; i < o.n; i++)
        if (g.subs[i].st == S_STREAM) {
            uint32_t c = ++pb.topic_subs[i % o.topics];
            if (c > pb.max_subs)
                pb.max_subs = c;
        }
    pb.reqmax = tmpl_max(o.pub.path) + tmpl_max(o.body) + strlen(o.method) + 512;
    for (int i = 0; i < o.npub_hdr; i++)
        pb.reqmax += tmpl_max(o.pub_hdr[i]) + 4;
    for (uint32_t k = 0; k < o.pubconns; k++) {
        if (!(pb.c[k].q = calloc(pb.depth, sizeof *pb.c[k].q)))
            die("out of memory");
        pub_connect(&pb.c[k]);
    }
}

/* ------------------------------------------------------------------ *
 * Phases                                                               *
 * ------------------------------------------------------------------ */

static struct mem m_before, m_idle, m_peak;

static void
peak(struct mem m)
{
    if (m.rss > m_peak.rss)
        m_peak.rss = m.rss;
    if (m.pss > m_peak.pss)
        m_peak.pss = m.pss;
    if (m.slab > m_peak.slab)
        m_peak.slab = m.slab;
    if (m.tcp > m_peak.tcp)
        m_peak.tcp = m.tcp;
}

/* Samples RSS twice a second, PSS (dearer: walks page tables) every two seconds. */
static void
sample_now_and_then(void)
{
    static uint64_t next_rss, next_pss;
    uint64_t now = mono();
    if (now < next_rss)
        return;
    next_rss = now + 500 * MS;
    bool pss = now >= next_pss;
    if (pss)
        next_pss = now + 2 * NS;
    peak(mem_sample(pss));
}

static bool
timed_out(void)
{
    return mono() > g.deadline;
}

static void
run_for(double s)
{
    uint64_t end = mono() + (uint64_t)(s * 1e9), now;
    while ((now = mono()) < end && !timed_out()) {
        uint64_t ms = (end - now) / MS + 1;
        pump(ms > 100 ? 100 : (int)ms);
        sample_now_and_then();
    }
}

/* Connects all subscribers; gives up after 10 s without progress. */
static double
connect_phase(void)
{
    uint64_t t0 = mono(), t_progress = t0, t_done = t0;
    uint32_t last = 0;
    while ((g.started < o.n || g.pending) && !timed_out()) {
        uint64_t now = mono();
        double allowed = o.connect_rate > 0 ? secs(now - t0) * o.connect_rate + 1 : o.n;
        bool full = false;
        while (g.started < o.n && g.started < allowed && g.pending < o.connect_inflight && !full) {
            if (sub_start(&g.subs[g.started]))
                g.started++;
            else
                full = true;
        }
        pump(full || o.connect_rate > 0 ? 1 : 10);
        uint32_t done = g.connected + g.failed;
        if (done != last) {
            last = done;
            t_progress = t_done = mono();
        } else if (mono() - t_progress > 10 * NS) {
            break;
        }
    }
    for (uint32_t i = 0; i < o.n; i++)
        if (g.subs[i].st == S_CONNECTING || g.subs[i].st == S_HEAD)
            sub_lost(&g.subs[i], "no answer", 0);
    return secs(t_done - t0);
}

static double
publish_phase(void)
{
    pthread_t th;
    uint64_t t_progress = mono(), last = 0;
    pb.t0 = mono();
    if (pthread_create(&th, NULL, pub_main, NULL))
        die("no thread");
    for (;;) {
        pump(20);
        if (o.nap)
            nanosleep(&(struct timespec){0, o.nap * 1000l}, NULL);
        sample_now_and_then();
        uint64_t now = mono();
        if (g.received != last) {
            last = g.received;
            t_progress = now;
        }
        if (atomic_load(&g.pub_done)) {
            if (g.received - g.dup >= pb.expect_ok)
                break;
            if (secs(now - (t_progress > pb.t_last_ok ? t_progress : pb.t_last_ok)) > o.drain)
                break;
        }
        if (timed_out() || (g.lost && g.connected == 0 && o.n)) {
            atomic_store(&g.stop, true);
            break;
        }
    }
    atomic_store(&g.stop, true);
    pthread_join(th, NULL);
    uint64_t end = g.t_last > pb.t_last_ok ? g.t_last : pb.t_last_ok;
    return end > pb.t0 ? secs(end - pb.t0) : 0;
}

static void
churn_next(struct sub *s)
{
    s->st = S_NEW; /* churn_phase() restarts it */
}

/* Every slot connects, waits for the response head, holds, closes, and again. */
static double
churn_phase(void)
{
    uint64_t t0 = mono(), end = t0 + (uint64_t)(o.duration * 1e9), now, started = 0;
    uint32_t scan = 0;
    g.holdq = calloc(o.n, sizeof *g.holdq);
    g.churning = true;
    while ((now = mono()) < end && !timed_out()) {
        double allowed = o.connect_rate > 0 ? secs(now - t0) * o.connect_rate + 1 : 1e18;
        for (uint32_t k = 0; k < o.n && g.pending < o.connect_inflight && (double)started < allowed;
             k++) {
            struct sub *s = &g.subs[scan];
            scan = (scan + 1) % o.n;
            if (s->st != S_NEW)
                continue;
            if (!sub_start(s))
                break;
            started++;
        }
        pump(1);
        for (now = mono(); g.hold_len && g.holdq[g.hold_head].t <= now; g.hold_len--) {
            struct sub *s = &g.subs[g.holdq[g.hold_head].i];
            g.hold_head = (g.hold_head + 1) % o.n;
            if (s->st == S_STREAM) {
                g.connected--;
                sub_drop(s);
                churn_next(s);
            }
        }
        sample_now_and_then();
    }
    return secs(mono() - t0);
}

/* ------------------------------------------------------------------ *
 * Self test: every way to cut a stream in two must count the same      *
 * ------------------------------------------------------------------ */

static int
selftest(void)
{
    static const char *eols[] = {"\n", "\r\n", "\r"};
    struct sub s;
    char body[4096], raw[8192], pl[101];
    unsigned tests = 0, bad = 0;
    o.topics = 1;
    memset(pl, 'x', 100);
    pl[100] = 0;
    for (int chunked = 0; chunked < 2; chunked++)
        for (int k = 0; k < 3; k++) {
            const char *nl = eols[k];
            char *p = body;
            p += sprintf(p, ": hello%s%s", nl, nl);
            for (uint32_t q = 0; q < 4; q++) {
                stamp(pl, 1, q == 3 ? 1 : q, 0); /* the fourth repeats the second */
                p += sprintf(p, "id: %u%sevent: e%sdata: %s%s%s", q, nl, nl, pl, nl, nl);
            }
            stamp(pl, 1, 3, 0);
            p += sprintf(p, "data:{\"p\":\"%s\"}%sretry: 10%sid:7%s%s", pl, nl, nl, nl, nl);
            p += sprintf(p, "data: something else%s%sdata: unfinished %s", nl, nl, pl);
            size_t blen = (size_t)(p - body);
            p = raw + sprintf(raw, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n%s\r\n",
                              chunked ? "Transfer-Encoding: chunked\r\n" : "");
            if (chunked) {
                for (size_t at = 0, n; at < blen; at += n) {
                    n = blen - at < 37 ? blen - at : 37;
                    p += sprintf(p, "%zX;ext=1\r\n%.*s\r\n", n, (int)n, body + at);
                }
            } else {
                memcpy(p, body, blen);
                p += blen;
            }
            size_t len = (size_t)(p - raw);
            for (size_t cut = 0; cut <= len; cut++) { /* cut == len: byte by byte */
                memset(&s, 0, sizeof s);
                s.fd = -1;
                s.st = S_HEAD;
                g.received = g.dup = g.ooo = g.other = g.comments = g.with_id = g.misrouted =
                    g.tail_len = 0;
                if (cut < len) {
                    sub_feed(&s, raw, raw + cut);
                    sub_feed(&s, raw + cut, raw + len);
                } else {
                    for (size_t i = 0; i < len; i++)
                        sub_feed(&s, raw + i, raw + i + 1);
                }
                tests++;
                if (g.received != 5 || g.dup != 1 || s.unique != 4 || g.ooo || g.other != 1 ||
                    g.comments != 1 || g.with_id != 5 || g.misrouted || s.top != 4)
                    bad++;
                http_reset(&s.h);
                free(s.line);
            }
        }
    /* order and window */
    memset(&s, 0, sizeof s);
    g.received = g.dup = g.ooo = g.stale = 0;
    static const uint32_t seq[] = {0, 2, 1, 2, 1, 5, 200, 3, 200};
    for (size_t i = 0; i < sizeof seq / sizeof *seq; i++) {
        s.ev_seq = seq[i];
        deliver(&s);
    }
    tests++;
    bad += s.unique != 6 || g.dup != 3 || g.ooo != 2 || g.stale != 1;
    /* histogram: buckets are within 3.2 % */
    for (uint64_t v = 1; v < 1ull << 50; v += v / 7 + 1) {
        struct hist h = {0};
        hist_add(&h, v);
        h.max = UINT64_MAX;
        double r = hist_us(&h, 0.5) * 1e3 / (double)v;
        tests++;
        bad += r < 0.968 || r > 1.032;
    }
    printf("{\"selftest\":{\"cases\":%u,\"failed\":%u}}\n", tests, bad);
    return bad ? 1 : 0;
}

/* ------------------------------------------------------------------ */

static void
usage(void)
{
    fputs(
        "ssebench - load instrument for Server-Sent-Events hubs; prints one line of JSON\n"
        "\n"
        "  -m, --mode M         fanout | sparse | publish | churn | idle (fanout)\n"
        "  -s, --sub URL        http://127.0.0.1:PORT/path?q or unix:/sock:/path; repeatable\n"
        "                       (subscriber i uses URL i mod count). {i}: subscriber, {t}: topic\n"
        "  -H, --header 'K: V'  for the subscribers; may contain {i} {t}; repeatable\n"
        "  -p, --pub URL        where to publish. {i} and {t}: topic, {seq}: global number\n"
        "  -P, --pub-header H   for the publisher; repeatable\n"
        "  -X, --method M       (POST)\n"
        "  -B, --body T         body template with {i} {t} {seq} {payload} ({payload});\n"
        "                       {mixed}: a number that looks random, another one for each {seq}\n"
        "  -n, --subs N         subscribers (100)\n"
        "  -T, --topics T       subscriber i hears topic i mod T (fanout: 1, sparse: N)\n"
        "      --random         publish to random topics instead of round-robin\n"
        "  -e, --events E       stop after E publishes\n"
        "  -d, --duration S     stop publishing / churning / holding after S seconds\n"
        "                       (10 if neither -e nor -d is given)\n"
        "  -r, --rate R         publishes per second; 0: as fast as possible (0)\n"
        "  -k, --inflight K     unanswered publishes at most (2)\n"
        "  -c, --pub-conns C    keep-alive connections (K, at most 64); K > C pipelines\n"
        "  -W, --window W       events not yet delivered everywhere, at most; 0: no limit\n"
        "                       (fanout and sparse without -r: 16, otherwise 0)\n"
        "  -b, --payload B      bytes (100, at least 40)\n"
        "  -R, --connect-rate R connects per second; 0: no limit (0)\n"
        "  -K, --connect-inflight K   unfinished connects at most (128)\n"
        "      --src S          source addresses 127.0.0.2...; (one per 10000 subscribers; churn: "
        "16)\n"
        "  -w, --watch PID,...  server processes to watch, with their descendants\n"
        "      --settle S       pause after connecting, before 'idle' is measured (1)\n"
        "      --drain S        give up this long after the last delivery (3)\n"
        "      --hold S         churn: keep each connection this long (0)\n"
        "      --rst            close with RST (no TIME_WAIT left behind)\n"
        "      --fastcgi        speak FastCGI, one publish at a time on a connection (-c = -k)\n"
        "      --delack         delayed acknowledgements on the subscribers' sockets\n"
        "      --nap US         let the stream reader sleep between rounds: cheaper client,\n"
        "                       several events per read, later time stamps (0)\n"
        "      --timeout S      hard limit for the whole run (120)\n"
        "  -l, --label L        copied to the output\n"
        "      --selftest       check the stream parser and the counters\n",
        stderr);
}

enum {
    O_RANDOM = 256,
    O_SRC,
    O_SETTLE,
    O_DRAIN,
    O_HOLD,
    O_RST,
    O_TIMEOUT,
    O_SELFTEST,
    O_DELACK,
    O_FASTCGI,
    O_NAP
};

static void
options(int argc, char **argv)
{
    static const struct option lo[] = {
        {"mode", 1, 0, 'm'},
        {"sub", 1, 0, 's'},
        {"header", 1, 0, 'H'},
        {"pub", 1, 0, 'p'},
        {"pub-header", 1, 0, 'P'},
        {"method", 1, 0, 'X'},
        {"body", 1, 0, 'B'},
        {"subs", 1, 0, 'n'},
        {"topics", 1, 0, 'T'},
        {"random", 0, 0, O_RANDOM},
        {"events", 1, 0, 'e'},
        {"duration", 1, 0, 'd'},
        {"rate", 1, 0, 'r'},
        {"inflight", 1, 0, 'k'},
        {"pub-conns", 1, 0, 'c'},
        {"window", 1, 0, 'W'},
        {"payload", 1, 0, 'b'},
        {"connect-rate", 1, 0, 'R'},
        {"connect-inflight", 1, 0, 'K'},
        {"src", 1, 0, O_SRC},
        {"watch", 1, 0, 'w'},
        {"settle", 1, 0, O_SETTLE},
        {"drain", 1, 0, O_DRAIN},
        {"hold", 1, 0, O_HOLD},
        {"rst", 0, 0, O_RST},
        {"delack", 0, 0, O_DELACK},
        {"fastcgi", 0, 0, O_FASTCGI},
        {"nap", 1, 0, O_NAP},
        {"timeout", 1, 0, O_TIMEOUT},
        {"label", 1, 0, 'l'},
        {"selftest", 0, 0, O_SELFTEST},
        {"help", 0, 0, 'h'},
        {0},
    };
    int c;
    while ((c = getopt_long(argc, argv, "m:s:H:p:P:X:B:n:T:e:d:r:k:c:W:b:R:K:w:l:h", lo, NULL)) !=
           -1)
        switch (c) {
        case 'm':
            for (c = 0; c < 5 && strcmp(optarg, mode_names[c]); c++) {
            }
            if (c == 5)
                die("unknown mode %s", optarg);
            o.mode = (enum mode)c;
            break;
        case 's':
            if (o.nsub_urls == MAX_URLS)
                die("too many URLs");
            parse_url(optarg, &o.sub[o.nsub_urls++]);
            break;
        case 'H':
            if (o.nsub_hdr == MAX_HEADERS)
                die("too many headers");
            o.sub_hdr[o.nsub_hdr++] = optarg;
            break;
        case 'P':
            if (o.npub_hdr == MAX_HEADERS)
                die("too many headers");
            o.pub_hdr[o.npub_hdr++] = optarg;
            break;
        case 'p':
            parse_url(optarg, &o.pub);
            o.have_pub = true;
            break;
        case 'X':
            o.method = optarg;
            break;
        case 'B':
            o.body = optarg;
            break;
        case 'n':
            o.n = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'T':
            o.topics = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case O_RANDOM:
            o.random = true;
            break;
        case 'e':
            o.events = strtoull(optarg, NULL, 10);
            break;
        case 'd':
            o.duration = atof(optarg);
            break;
        case 'r':
            o.rate = atof(optarg);
            break;
        case 'k':
            o.inflight = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            o.pubconns = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'W':
            o.window = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'b':
            o.payload = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'R':
            o.connect_rate = atof(optarg);
            break;
        case 'K':
            o.connect_inflight = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case O_SRC:
            o.src = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 'w':
            for (char *p = strtok(optarg, ","); p && o.npids < MAX_PIDS; p = strtok(NULL, ","))
                o.pids[o.npids++] = atoi(p);
            break;
        case O_SETTLE:
            o.settle = atof(optarg);
            break;
        case O_DRAIN:
            o.drain = atof(optarg);
            break;
        case O_HOLD:
            o.hold = atof(optarg);
            break;
        case O_RST:
            o.rst = true;
            break;
        case O_DELACK:
            o.delack = true;
            break;
        case O_FASTCGI:
            o.fastcgi = true;
            break;
        case O_NAP:
            o.nap = (uint32_t)strtoul(optarg, NULL, 10) % 1000000;
            break;
        case O_TIMEOUT:
            o.timeout = atof(optarg);
            break;
        case 'l':
            o.label = optarg;
            break;
        case O_SELFTEST:
            exit(selftest());
        case 'h':
            usage();
            exit(0);
        default:
            usage();
            exit(2);
        }
    bool publishes = o.mode == FANOUT || o.mode == SPARSE || o.mode == PUBLISH;
    if (optind != argc)
        die("unexpected argument %s", argv[optind]);
    if (o.n && !o.nsub_urls)
        die("--sub is missing");
    if (publishes && !o.have_pub)
        die("--pub is missing");
    if ((o.mode == CHURN || o.mode == SPARSE) && !o.n)
        die("this mode needs subscribers");
    if (o.payload < STAMP)
        o.payload = STAMP;
    if (!o.topics)
        o.topics = o.mode == SPARSE ? o.n : 1;
    if (!o.events && o.duration <= 0)
        o.duration = 10;
    if (o.mode == CHURN && o.duration <= 0)
        o.duration = 10;
    if (!o.inflight)
        o.inflight = 1;
    if (!o.pubconns)
        o.pubconns = o.inflight < 64 ? o.inflight : 64;
    if (o.pubconns > MAX_PUBCONNS)
        die("at most %d publisher connections", MAX_PUBCONNS);
    if (o.window == UINT32_MAX)
        o.window = (o.mode == FANOUT || o.mode == SPARSE) && o.rate <= 0 ? 16 : 0;
    if (!o.connect_inflight)
        o.connect_inflight = 1;
    if (!o.src)
        o.src = o.mode == CHURN ? 16 : o.n > 10000 ? (o.n + 9999) / 10000 : 0;
}

static void
print_hist(const char *name, const struct hist *h)
{
    printf("\"%s\":{\"n\":%llu,\"mean\":%.1f,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"p999\":%.1f,"
           "\"max\":%.1f},",
           name, (unsigned long long)h->n, h->n ? (double)h->sum / (double)h->n / 1e3 : 0.0,
           hist_us(h, .5), hist_us(h, .9), hist_us(h, .99), hist_us(h, .999), (double)h->max / 1e3);
}

static void
print_mem(const char *name, const struct mem *m)
{
    printf("\"%s\":{\"rss\":%llu,\"pss\":%llu,\"slab\":%llu,\"tcp\":%llu},", name,
           (unsigned long long)m->rss, (unsigned long long)m->pss, (unsigned long long)m->slab,
           (unsigned long long)m->tcp);
}

int
main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOFBF, 65536);
    signal(SIGPIPE, SIG_IGN);
    uint64_t nonce = mono();
    nonce ^= nonce >> 24 ^ (uint64_t)getpid() << 8;
    memcpy(mark, "SB", 2);
    hex_put(mark + 2, nonce, 6);
    options(argc, argv);

    /* Use all the descriptors we may have. */
    struct rlimit rl;
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
    if ((uint64_t)o.n + o.pubconns + 16 > rl.rlim_cur)
        die("%u subscribers need more than the %llu file descriptors allowed", o.n,
            (unsigned long long)rl.rlim_cur);

    g.ep = epoll_create1(EPOLL_CLOEXEC);
    g.subs = calloc(o.n ? o.n : 1, sizeof *g.subs);
    if (!g.subs)
        die("out of memory");
    for (uint32_t i = 0; i < o.n; i++) {
        g.subs[i].index = i;
        g.subs[i].fd = -1;
    }
    g.deadline = mono() + (uint64_t)(o.timeout * 1e9);

    tree_scan();
    m_before = mem_sample(true);
    peak(m_before);
    struct cpu c_conn0 = tree_cpu();

    double connect_s = 0, wall = 0;
    if (o.mode != CHURN) {
        connect_s = connect_phase();
        if (o.n)
            run_for(o.settle);
    }
    uint32_t connected = g.connected;
    tree_scan();
    m_idle = mem_sample(true);
    peak(m_idle);

    /* The measured part. */
    bool publishes = o.mode == FANOUT || o.mode == SPARSE || o.mode == PUBLISH;
    if (publishes)
        pub_prepare();
    struct cpu c0 = tree_cpu();
    struct machine k0 = machine_cpu();
    double own0 = self_cpu();
    uint64_t t_phase = mono();
    if (publishes)
        wall = publish_phase();
    else if (o.mode == CHURN)
        wall = churn_phase();
    else
        run_for(o.duration);
    double phase = secs(mono() - t_phase);
    if (o.mode == IDLE)
        wall = phase;
    struct cpu c1 = tree_cpu();
    struct machine k1 = machine_cpu();
    double own = self_cpu() - own0;
    peak(mem_sample(true));

    uint64_t unique = g.received - g.dup;
    double cpu_user = c1.user - c0.user, cpu_sys = c1.sys - c0.sys, cpu = cpu_user + cpu_sys;
    double conn_cpu = c0.user + c0.sys - c_conn0.user - c_conn0.sys;
    double w = wall > 0 ? wall : 1;
    uint64_t units = o.mode == CHURN ? g.cycles : unique;
    double pub_s = pb.t_last_ok > pb.t0 ? secs(pb.t_last_ok - pb.t0) : 0;

    printf(
        "{\"label\":\"%s\",\"mode\":\"%s\",\"n\":%u,\"topics\":%u,\"payload\":%u,\"inflight\":%u,"
        "\"pub_conns\":%u,\"window\":%u,\"rate\":%.0f,",
        o.label, mode_names[o.mode], o.n, o.topics, o.payload, o.inflight, o.pubconns, o.window,
        o.rate);
    printf("\"connected\":%u,\"connect_failed\":%u,\"connect_s\":%.3f,\"connect_per_s\":%.0f,"
           "\"connect_cpu_us\":%.1f,\"lost\":%llu,",
           connected, g.failed, connect_s, connect_s > 0 ? connected / connect_s : 0,
           connected ? conn_cpu * 1e6 / connected : 0, (unsigned long long)g.lost);
    print_hist("connect_us", &g.conn_lat);
    if (publishes) {
        printf("\"published\":%llu,\"publish_failed\":%llu,\"publish_reconnects\":%llu,\"publish_"
               "per_s\":%.1f,"
               "\"window_resets\":%llu,\"rate_slip_max_us\":%.1f,",
               (unsigned long long)pb.ok, (unsigned long long)pb.failed,
               (unsigned long long)pb.reconnects, pub_s > 0 ? (double)pb.ok / pub_s : 0,
               (unsigned long long)pb.window_resets, (double)pb.slip_max / 1e3);
        print_hist("publish_us", &pb.lat);
        printf("\"expected\":%llu,\"received\":%llu,\"missing\":%lld,\"dup\":%llu,\"out_of_order\":"
               "%llu,"
               "\"stale\":%llu,\"misrouted\":%llu,\"deliveries_per_s\":%.0f,",
               (unsigned long long)pb.expect_ok, (unsigned long long)g.received,
               (long long)(pb.expect_ok - unique), (unsigned long long)g.dup,
               (unsigned long long)g.ooo, (unsigned long long)g.stale,
               (unsigned long long)g.misrouted, (double)unique / w);
        print_hist("delivery_us", &g.lat);
    }
    if (o.mode == CHURN)
        printf("\"cycles\":%llu,\"cycles_failed\":%llu,\"cycles_per_s\":%.0f,",
               (unsigned long long)g.cycles, (unsigned long long)g.cycles_failed,
               (double)g.cycles / w);
    printf("\"with_id\":%llu,\"comments\":%llu,\"other_events\":%llu,\"foreign\":%llu,\"bad_"
           "length\":%llu,"
           "\"bytes\":%llu,\"reads\":%llu,",
           (unsigned long long)g.with_id, (unsigned long long)g.comments,
           (unsigned long long)g.other, (unsigned long long)g.foreign,
           (unsigned long long)g.bad_len, (unsigned long long)g.bytes, (unsigned long long)g.reads);
    printf(
        "\"wall_s\":%.3f,\"phase_s\":%.3f,\"server_procs\":%d,\"server_cpu_s\":%.3f,\"server_user_"
        "s\":%.3f,"
        "\"server_sys_s\":%.3f,\"server_cpu_us_per_unit\":%.3f,\"server_cpu_us_per_publish\":%.2f,",
        wall, phase, tree.n, cpu, cpu_user, cpu_sys, units ? cpu * 1e6 / (double)units : 0,
        pb.ok ? cpu * 1e6 / (double)pb.ok : 0);
    printf("\"client_cpu_s\":%.3f,\"client_cpu_us_per_unit\":%.3f,", own,
           units ? own * 1e6 / (double)units : 0);
    printf("\"machine\":{\"user\":%.2f,\"sys\":%.2f,\"irq\":%.2f,\"softirq\":%.2f,\"steal\":%.2f,"
           "\"idle\":%.2f},",
           k1.user - k0.user, k1.sys - k0.sys, k1.irq - k0.irq, k1.softirq - k0.softirq,
           k1.steal - k0.steal, k1.idle - k0.idle);
    print_mem("mem_before", &m_before);
    print_mem("mem_idle", &m_idle);
    print_mem("mem_peak", &m_peak);
    double per = connected ? connected : 1;
    printf("\"rss_per_sub\":%.0f,\"pss_per_sub\":%.0f,\"kernel_slab_per_sub\":%.0f,\"first_error\":"
           "\"%s%s%s\"}\n",
           connected ? ((double)m_idle.rss - (double)m_before.rss) / per : 0,
           connected ? ((double)m_idle.pss - (double)m_before.pss) / per : 0,
           connected ? ((double)m_idle.slab - (double)m_before.slab) / per : 0, g.first_error,
           g.first_error[0] && pb.first_error[0] ? "; " : "", pb.first_error);
    fflush(stdout);
    for (uint32_t i = 0; i < o.n; i++)
        sub_drop(&g.subs[i]);
    return 0;
}
