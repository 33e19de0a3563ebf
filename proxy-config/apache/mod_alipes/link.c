/* link - the connection to a hub: made when it is wanted, made again while a stream outlives it.
 *
 *     AWAY -> CONNECTING -> ASKING -> UP       any -> AWAY: link_lost()
 *
 * A hub that is not there refuses at once, and so are those answered who wait for a connection;
 * a socket that systemd holds takes the connection, and they wait for the hub to start. ASKING:
 * GET_VALUES is out. A hub that does not multiplex is left alone, in words; its front file's
 * other way serves then. What stands in the socket when the hub goes is read to its end first.
 *
 * Streams that come back are asked for some at a time, each when an earlier one's head has come,
 * so a hub of any speed is kept busy and never flooded. */

#include "mod_alipes/link.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "gateway/fastcgi/record.h"
#include "mod_alipes/care.h"
#include "mod_alipes/report.h"
#include "mod_alipes/tally.h"

#include <errno.h>
#include <fastcgi.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BACK_OFF_MS = 20,
    BACK_OFF_MAX_MS = 250,
    AT_A_TIME = 256,      /* re-attachments whose head has not come */
    END_TICK_MS = 20,     /* of ends that are spread */
    END_SPREAD_MS = 5000, /* once no hub has come back */
    GRACE_MS = 1000,      /* for what waits for its client, behind the last end */
    INPUT_MAX = 256 * 1024,
    AHEAD = 4,  /* streams whose memory is fetched meanwhile */
    ROUNDS = 8, /* of reading in a turn */
    SOCKET_BYTES = 1 << 20,
    HUB_SILENT_MS = 30000, /* on the network: it is gone */
};

enum link_state {
    LINK_AWAY,
    LINK_CONNECTING,
    LINK_ASKING,
    LINK_UP,
    LINK_USELESS, /* it does not multiplex */
};

struct link {
    struct watched watched;
    struct hub hub;
    int fd; /* owns; -1: none */
    enum link_state state;
    struct line line;
    struct buf in;
    struct list waiting;   /* streams to be asked for */
    struct list returning; /* streams to be asked for again */
    uint64_t lost_ms;      /* when the last connection went; 0: there was none */
    uint64_t retry_ms, back_off_ms;
    uint64_t end_by_ms;   /* 0: nothing is ended */
    uint64_t end_next_ms; /* some more of them */
    enum stream_end end;  /* why */
    bool was_useless;     /* the last time it answered; that is told */
    bool is_closing;      /* for good: takes nothing more */
};

struct link *
link_new(const struct hub *hub, int epoll, unsigned seed)
{
    struct link *l = try_alloc(sizeof *l);
    if (l == NULL)
        return NULL;
    l->watched.kind = WATCHED_LINK;
    l->hub = *hub;
    l->fd = -1;
    l->back_off_ms = BACK_OFF_MS;
    list_init(&l->waiting);
    list_init(&l->returning);
    buf_init(&l->in, INPUT_MAX);
    if (!line_init(&l->line, epoll, seed) || !buf_reserve(&l->in, INPUT_MAX))
        link_free(&l);
    return l;
}

static void
free_all(struct list *streams)
{
    LIST_EACH(node, after, streams)
    {
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        stream_free(&s);
    }
}

void
link_free(struct link **l)
{
    if (*l == NULL)
        return;
    if ((*l)->fd >= 0)
        close((*l)->fd);
    free_all(&(*l)->line.streams);
    free_all(&(*l)->line.closing);
    line_fini(&(*l)->line);
    buf_fini(&(*l)->in);
    free(*l);
    *l = NULL;
}

bool
link_is_to(const struct link *l, const struct hub *h)
{
    return l->hub.length == h->length && memcmp(&l->hub.to, &h->to, sizeof h->to) == 0 &&
           l->hub.reattach_ms == h->reattach_ms;
}

bool
link_is_idle(const struct link *l)
{
    LIST_EACH(node, after, &l->line.streams)
    {
        if (CONTAINER_OF(node, struct stream, node)->state != STREAM_GONE)
            return false;
    }
    return true;
}

/* --- the connection --------------------------------------------------------------------------- */

/* Whoever waits for it goes another way. */
static void
turn_away(struct link *l, enum verdict verdict)
{
    struct list *node;
    while ((node = list_shift(&l->waiting)))
        arrival_answer(CONTAINER_OF(node, struct stream, queue)->arrival, verdict);
}

static void
back_off(struct link *l, uint64_t now)
{
    l->retry_ms = now + l->back_off_ms;
    l->back_off_ms = l->back_off_ms * 2 > BACK_OFF_MAX_MS ? BACK_OFF_MAX_MS : l->back_off_ms * 2;
}

static void
end_all(struct link *l, uint64_t until_ms, enum stream_end why)
{
    if (l->end_by_ms && l->end_by_ms <= until_ms)
        return;
    l->end_by_ms = until_ms;
    l->end_next_ms = 0;
    l->end = why;
}

/* Every stream is still there; whoever can waits for the hub to come back: so many. */
static size_t
lose_streams(struct link *l)
{
    size_t count = 0;
    LIST_EACH(node, after, &l->line.streams)
    {
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        list_unlink(&s->queue);
        if (!care_hub_lost(&l->line, s))
            continue;
        list_append(s->state == STREAM_NEW ? &l->waiting : &l->returning, &s->queue);
        count++;
    }
    return count;
}

static void
disconnect(struct link *l)
{
    watch(l->line.epoll, l->fd, &l->watched, 0);
    close(l->fd);
    l->fd = -1;
    buf_clear(&l->in);
    buf_clear(&l->line.out);
}

static void
link_lost(struct link *l, const char *why)
{
    uint64_t now = clock_mono_ms();
    enum link_state was = l->state;
    disconnect(l);
    l->state = LINK_AWAY;
    l->line.is_up = false;
    back_off(l, now);
    if (was != LINK_UP) {
        turn_away(l, VERDICT_AWAY);
        return;
    }
    l->lost_ms = now;
    tally_add(TALLY_LINKS, -1);
    size_t waiting = lose_streams(l);
    report(REPORT_NOTICE, "the hub at %s is gone (%s), %zu streams wait for it", l->hub.name, why,
           waiting);
}

static void
connected(struct link *l)
{
    l->state = LINK_ASKING;
    wire_add_values(&l->line.out);
}

static void
set_tcp(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof value);
}

/* A host that vanished says nothing. */
static void
tune_tcp(int fd)
{
    set_tcp(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_tcp(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, HUB_SILENT_MS);
    set_tcp(fd, IPPROTO_TCP, TCP_KEEPIDLE, HUB_SILENT_MS / 3000);
    set_tcp(fd, IPPROTO_TCP, TCP_KEEPINTVL, HUB_SILENT_MS / 6000);
    set_tcp(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static void
link_connect(struct link *l)
{
    int size = SOCKET_BYTES;
    l->fd = socket(l->hub.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (l->fd >= 0 && connect(l->fd, (const struct sockaddr *)&l->hub.to, l->hub.length) &&
        errno != EINPROGRESS) {
        close(l->fd);
        l->fd = -1;
    }
    if (l->fd < 0) {
        back_off(l, clock_mono_ms());
        turn_away(l, VERDICT_AWAY);
        return;
    }
    (void)setsockopt(l->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (l->hub.to.ss_family != AF_UNIX)
        tune_tcp(l->fd);
    l->state = LINK_CONNECTING;
    watch(l->line.epoll, l->fd, &l->watched, EPOLLIN | EPOLLOUT);
}

static void
write_out(struct link *l)
{
    struct buf *out = &l->line.out;
    size_t done = 0;
    if (l->fd < 0 || l->state == LINK_CONNECTING)
        return;
    if (out->failed) {
        link_lost(l, "no memory");
        return;
    }
    while (done < out->len) {
        ssize_t sent = send(l->fd, out->ptr + done, out->len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent <= 0)
            break; /* an error is told by reading, behind what was sent before it */
        done += (size_t)sent;
    }
    buf_drop(out, done);
    watch(l->line.epoll, l->fd, &l->watched, out->len ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* --- records ---------------------------------------------------------------------------------- */

static void
be_useless(struct link *l)
{
    if (!l->was_useless)
        report(REPORT_ERROR,
               "the hub at %s does not multiplex (its directive fastcgi_multiplexing): streams are "
               "left to mod_proxy",
               l->hub.name);
    l->was_useless = true;
    l->state = LINK_USELESS;
    turn_away(l, VERDICT_AWAY);
}

static void
on_values(struct link *l, uint16_t id, struct slice content)
{
    struct values v;
    (void)id;
    if (l->state != LINK_ASKING || !wire_values(content, &v)) {
        link_lost(l, "it answers what was not asked");
        return;
    }
    if (!v.multiplexes && !v.multicast) {
        be_useless(l);
        return;
    }
    l->state = LINK_UP;
    l->was_useless = false;
    l->back_off_ms = BACK_OFF_MS;
    l->line.is_up = true;
    l->line.is_multicast = v.multicast;
    l->line.max = v.max_requests ? v.max_requests : LINE_IDS;
    tally_add(TALLY_LINKS, 1);
    if (!l->is_closing)
        l->end_by_ms = 0;
    if (l->lost_ms)
        report(REPORT_NOTICE, "the hub at %s is back", l->hub.name);
}

static void
on_stdout(struct link *l, uint16_t id, struct slice content)
{
    struct stream *s = line_find(&l->line, id);
    if (s && content.len)
        care_reply(&l->line, s, content);
}

static void
on_end(struct link *l, uint16_t id, struct slice content)
{
    struct stream *s = line_find(&l->line, id);
    if (s)
        care_over(&l->line, s, content.len >= 5 && content.ptr[4] != FCGI_REQUEST_COMPLETE);
}

static void
on_multicast(struct link *l, uint16_t id, struct slice content)
{
    struct multicast m;
    struct piece p;
    (void)id;
    if (!wire_multicast(content, &m)) {
        link_lost(l, "it sends what is no record");
        return;
    }
    piece_make(&p, &l->line.frame, m.text);
    for (unsigned i = 0; i < m.count; i++) {
        struct stream *s = line_find(&l->line, wire_id(&m, i));
        if (i + AHEAD < m.count)
            line_fetch(&l->line, wire_id(&m, i + AHEAD));
        if (s)
            care_event(&l->line, s, &m, &p);
    }
}

static void
on_paused(struct link *l, uint16_t id, struct slice content)
{
    struct stream *s = line_find(&l->line, id);
    (void)content;
    if (s)
        care_paused(&l->line, s);
}

static void
on_mark(struct link *l, uint16_t id, struct slice content)
{
    struct place place;
    struct stream *s = line_find(&l->line, id);
    if (!wire_place(content, &place)) {
        link_lost(l, "it sends what is no record");
    } else if (s) {
        care_mark(&l->line, s, &place);
    } else if (id == 0) {
        l->line.mark = place;
        l->line.marks++;
    }
}

typedef void on_record(struct link *, uint16_t id, struct slice content);

/* Of the rest (STDERR, UNKNOWN_TYPE) nothing follows. */
static on_record *const records[] = {
    [FCGI_STDOUT] = on_stdout,
    [FCGI_END_REQUEST] = on_end,
    [FCGI_GET_VALUES_RESULT] = on_values,
    [WIRE_MULTICAST] = on_multicast,
    [WIRE_PAUSED] = on_paused,
    [WIRE_MARK] = on_mark,
};

/* Works off a record of *in. False: there is none, whole. */
static bool
read_record(struct link *l, struct slice *in)
{
    struct record r;
    enum parse parsed = record_read(*in, &r);
    size_t size = RECORD_HEAD + (size_t)r.length + r.padding;
    if (parsed == PARSE_BAD)
        link_lost(l, "it does not speak FastCGI");
    if (parsed != PARSE_OK || in->len < size)
        return false;
    struct slice content = slice_head(slice_from(*in, RECORD_HEAD), r.length);
    *in = slice_from(*in, size);
    if (r.type < COUNT_OF(records) && records[r.type])
        records[r.type](l, r.id, content);
    return l->fd >= 0;
}

/* False: nothing more now. */
static bool
read_in(struct link *l)
{
    struct buf *in = &l->in;
    size_t room = in->cap - in->len;
    ssize_t got = recv(l->fd, in->ptr + in->len, room, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        link_lost(l, got ? strerror(errno) : "closed");
        return false;
    }
    in->len += (size_t)got;
    struct slice rest = buf_slice(in);
    while (read_record(l, &rest))
        continue;
    if (l->fd < 0)
        return false;
    buf_drop(in, in->len - rest.len);
    return (size_t)got == room;
}

void
link_on_hub(struct link *l, uint32_t events)
{
    int rounds = ROUNDS;
    if (l->fd < 0)
        return;
    if (l->state == LINK_CONNECTING && events & EPOLLOUT)
        connected(l);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        while (rounds-- > 0 && read_in(l))
            continue;
}

/* --- streams ---------------------------------------------------------------------------------- */

void
link_open(struct link *l, struct stream *s)
{
    s->link = l;
    list_append(&l->line.streams, &s->node);
    if (l->is_closing) {
        arrival_answer(s->arrival, VERDICT_BUSY);
    } else if (l->state == LINK_USELESS) {
        arrival_answer(s->arrival, VERDICT_AWAY);
    } else {
        list_append(&l->waiting, &s->queue);
        if (l->state == LINK_AWAY)
            link_connect(l);
    }
}

void
link_taken(struct stream *s)
{
    struct link *l = s->link;
    care_taken(&l->line, s);
    if (l->is_closing)
        care_end(&l->line, s, l->end);
}

void
link_left(struct stream *s)
{
    care_leave(&s->link->line, s, STREAM_END_LEFT);
}

void
link_on_client(struct stream *s, uint32_t events)
{
    care_client(&s->link->line, s, events);
}

static void
ask(struct link *l)
{
    struct list *node;
    while ((node = list_shift(&l->waiting)))
        care_ask(&l->line, CONTAINER_OF(node, struct stream, queue));
    if (!l->line.is_multicast) {
        while ((node = list_shift(&l->returning)))
            care_end(&l->line, CONTAINER_OF(node, struct stream, queue), STREAM_END_LOST);
        return;
    }
    while (l->line.returning < AT_A_TIME && (node = list_shift(&l->returning)))
        care_ask_again(&l->line, CONTAINER_OF(node, struct stream, queue));
}

/* --- ends ------------------------------------------------------------------------------------- */

static size_t
count_endable(struct link *l)
{
    size_t count = 0;
    LIST_EACH(node, after, &l->line.streams)
    {
        count += CONTAINER_OF(node, struct stream, node)->state == STREAM_LIVE;
    }
    return count;
}

/* So many now that all have ended when the time is over. */
static void
end_some(struct link *l, uint64_t now)
{
    if (now < l->end_next_ms)
        return;
    size_t live = count_endable(l);
    uint64_t ticks = now < l->end_by_ms ? (l->end_by_ms - now) / END_TICK_MS + 1 : 1;
    size_t some = (live + ticks - 1) / ticks;
    LIST_EACH(node, after, &l->line.streams)
    {
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        bool is_late = l->is_closing && now > l->end_by_ms + GRACE_MS;
        if (s->state == STREAM_LIVE && some > 0) {
            some--;
            care_end(&l->line, s, l->end);
        } else if (is_late && s->state == STREAM_ENDING) {
            care_leave(&l->line, s, l->end);
        } else if (l->is_closing && s->state < STREAM_LIVE) {
            care_end(&l->line, s, l->end);
        }
    }
    l->end_next_ms = now + END_TICK_MS;
    if (!l->is_closing && count_endable(l) == 0)
        l->end_by_ms = 0;
}

void
link_drain(struct link *l, uint64_t until_ms)
{
    l->is_closing = true;
    end_all(l, until_ms, STREAM_END_STOPPED);
    turn_away(l, VERDICT_BUSY);
}

/* --- a turn ----------------------------------------------------------------------------------- */

static bool
wants_hub(const struct link *l)
{
    return !list_is_empty(&l->waiting) || !list_is_empty(&l->returning);
}

static uint64_t
reattach_until(const struct link *l)
{
    return l->state != LINK_UP && !list_is_empty(&l->returning) && !l->end_by_ms
               ? l->lost_ms + l->hub.reattach_ms
               : UINT64_MAX;
}

void
link_turn(struct link *l, uint64_t now)
{
    if (l->state == LINK_AWAY && wants_hub(l) && now >= l->retry_ms && !l->is_closing)
        link_connect(l);
    if (l->line.is_up)
        ask(l);
    if (now >= reattach_until(l))
        end_all(l, now + END_SPREAD_MS, STREAM_END_AWAY);
    if (l->end_by_ms)
        end_some(l, now);
    write_out(l);
    tally_add(TALLY_DELIVERED, l->line.delivered);
    l->line.delivered = 0;
    free_all(&l->line.closing);
}

uint64_t
link_due_ms(const struct link *l)
{
    uint64_t due = reattach_until(l);
    if (l->state == LINK_AWAY && wants_hub(l) && !l->is_closing && l->retry_ms < due)
        due = l->retry_ms;
    if (l->end_by_ms && l->end_next_ms < due)
        due = l->end_next_ms;
    return due;
}
