/* head - request line and headers, in one pass over complete bytes.
 *
 * First the end is looked for (and every bare CR or LF refused on the way, so that a slow peer is
 * told at once); only a complete head is parsed. Header semantics that frame the body (Host,
 * Content-Length, Transfer-Encoding, Connection, Expect) are judged here, by a table. */

#include "gateway/http/head.h"

#include "base/byteset.h"

#define LOW(c)  BYTESET_LOW(c)
#define HIGH(c) BYTESET_HIGH(c)

/* RFC 9110, tchar. */
static bool
is_token_char(unsigned char c)
{
    static const struct byteset set = {
        BYTESET_DIGITS | LOW('!') | LOW('#') | LOW('$') | LOW('%') | LOW('&') | LOW('\'') |
            LOW('*') | LOW('+') | LOW('-') | LOW('.'),
        BYTESET_LETTERS | HIGH('^') | HIGH('_') | HIGH('`') | HIGH('|') | HIGH('~')};
    return c < 0x80 && byteset_has(&set, c);
}

static bool
is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!is_token_char((unsigned char)s.ptr[i]))
            return false;
    return s.len > 0;
}

/* No control character but tabs. */
static bool
is_field_value(struct slice s)
{
    for (size_t at; (at = slice_index_control(s)) < s.len; s = slice_from(s, at + 1))
        if (s.ptr[at] != '\t')
            return false;
    return true;
}

/* Where the head ends, behind its empty line. PARSE_BAD: a bare CR or LF, or no upper-case letter
 * where a method begins. */
static enum parse
find_end(struct slice in, size_t *scanned, size_t *ret_end)
{
    size_t i = *scanned;
    if (i > 0 && i < in.len && in.ptr[i - 1] == '\r' && in.ptr[i] != '\n')
        return PARSE_BAD;
    while (i < in.len) {
        struct slice rest = slice_from(in, i);
        size_t length = slice_index(rest, '\n'), lf = i + length;
        if (slice_index(slice_head(rest, length), '\r') + 1 < length)
            return PARSE_BAD;
        if (lf == in.len)
            break;
        if (lf == 0 || in.ptr[lf - 1] != '\r')
            return PARSE_BAD;
        if (lf >= 3 && in.ptr[lf - 2] == '\n') {
            *ret_end = lf + 1;
            return PARSE_OK;
        }
        i = lf + 1;
    }
    *scanned = in.len;
    return PARSE_MORE;
}

static bool
is_host(struct slice s)
{
    static const struct byteset set = {
        BYTESET_DIGITS | LOW('-') | LOW('.') | LOW('!') | LOW('$') | LOW('&') | LOW('\'') |
            LOW('(') | LOW(')') | LOW('*') | LOW('+') | LOW(',') | LOW(';') | LOW('=') | LOW('%') |
            LOW(':'),
        BYTESET_LETTERS | HIGH('_') | HIGH('~') | HIGH('[') | HIGH(']')};
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80 || !byteset_has(&set, (unsigned char)s.ptr[i]))
            return false;
    return true;
}

static unsigned
read_target(struct slice target, struct http_head *h, bool *ret_absolute)
{
    for (size_t i = 0; i < target.len; i++) {
        unsigned char c = (unsigned char)target.ptr[i];
        if (c <= 0x20 || c >= 0x7f || c == '#')
            return 400;
    }
    *ret_absolute = false;
    if (slice_eq(target, SLICE("*"))) {
        h->path = target;
        h->query = SLICE("");
        return slice_eq(h->method, SLICE("OPTIONS")) ? 0 : 400;
    }
    size_t scheme = slice_eq_nocase(slice_head(target, 7), SLICE("http://"))    ? 7
                    : slice_eq_nocase(slice_head(target, 8), SLICE("https://")) ? 8
                                                                                : 0;
    if (scheme) {
        struct slice rest = slice_from(target, scheme);
        size_t end = 0;
        while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?')
            end++;
        h->host = slice_head(rest, end);
        target = slice_from(rest, end);
        *ret_absolute = true;
        if (h->host.len == 0 || !is_host(h->host))
            return 400;
        if (target.len == 0 || target.ptr[0] != '/')
            return target.len == 0 ? (h->path = SLICE("/"), h->query = SLICE(""), 0u) : 400;
    }
    if (target.len == 0 || target.ptr[0] != '/')
        return 400;
    size_t mark = slice_index(target, '?');
    h->path = slice_head(target, mark);
    h->query = slice_from(target, mark + 1);
    return 0;
}

static unsigned
read_request_line(struct slice line, struct http_head *h, bool *ret_absolute)
{
    size_t first = slice_index(line, ' ');
    struct slice rest = slice_from(line, first + 1);
    size_t second = slice_index(rest, ' ');
    struct slice version = slice_from(rest, second + 1);
    h->method = slice_head(line, first);
    if (first == line.len || second == rest.len || !is_token(h->method))
        return 400;
    if (slice_eq(version, SLICE("HTTP/1.1")))
        h->minor = 1;
    else if (slice_eq(version, SLICE("HTTP/1.0")))
        h->minor = 0;
    else if (version.len == 8 && slice_starts(version, SLICE("HTTP/")) && version.ptr[5] >= '0' &&
             version.ptr[5] <= '9' && version.ptr[6] == '.' && version.ptr[7] >= '0' &&
             version.ptr[7] <= '9')
        return version.ptr[5] == '1' ? 400 : 505;
    else
        return 400;
    return read_target(slice_head(rest, second), h, ret_absolute);
}

/* What the framing headers said so far. */
struct framing {
    unsigned hosts, lengths, encodings;
    bool absolute, close, keep;
    struct slice host;
};

static unsigned
on_host(struct http_head *h, struct framing *f, struct slice value)
{
    (void)h;
    f->host = value;
    return ++f->hosts > 1 || !is_host(value) ? 400 : 0;
}

static unsigned
on_content_length(struct http_head *h, struct framing *f, struct slice value)
{
    h->has_content_length = true;
    return ++f->lengths > 1 || !slice_u64(value, INT64_MAX, &h->content_length) ? 400 : 0;
}

static unsigned
on_transfer_encoding(struct http_head *h, struct framing *f, struct slice value)
{
    if (++f->encodings > 1 || h->minor == 0)
        return 400;
    h->chunked = slice_eq_nocase(value, SLICE("chunked"));
    return h->chunked ? 0 : 501;
}

static unsigned
on_connection(struct http_head *h, struct framing *f, struct slice value)
{
    struct slice token;
    (void)h;
    while (slice_cut(&value, ',', &token)) {
        token = slice_trim(token);
        f->close |= slice_eq_nocase(token, SLICE("close"));
        f->keep |= slice_eq_nocase(token, SLICE("keep-alive"));
    }
    return 0;
}

static unsigned
on_expect(struct http_head *h, struct framing *f, struct slice value)
{
    (void)f;
    h->expect_continue = slice_eq_nocase(value, SLICE("100-continue"));
    return h->expect_continue ? 0 : 417;
}

static const struct {
    struct slice name;
    unsigned (*judge)(struct http_head *, struct framing *, struct slice value);
} judged[] = {
    {SLICE_INIT("Host"), on_host},
    {SLICE_INIT("Content-Length"), on_content_length},
    {SLICE_INIT("Transfer-Encoding"), on_transfer_encoding},
    {SLICE_INIT("Connection"), on_connection},
    {SLICE_INIT("Expect"), on_expect},
};

static unsigned
read_header(struct slice line, struct http_head *h, struct framing *f, struct header *headers)
{
    size_t colon = slice_index(line, ':');
    struct slice name = slice_head(line, colon), value = slice_trim(slice_from(line, colon + 1));
    if (colon == line.len || !is_token(name) || !is_field_value(value))
        return 400; /* a folded line begins with a blank, so it is no token */
    if (h->header_count == REQUEST_MAX_HEADERS)
        return 431;
    headers[h->header_count++] = (struct header){name, value};
    for (size_t i = 0; i < COUNT_OF(judged); i++)
        if (slice_eq_nocase(name, judged[i].name))
            return judged[i].judge(h, f, value);
    return 0;
}

static unsigned
read_lines(struct slice rest, struct http_head *h, struct header *headers)
{
    struct framing f = {0};
    bool first = true;
    for (;;) {
        size_t end = slice_index(rest, '\r'); /* find_end() saw that an LF follows each */
        struct slice line = slice_head(rest, end);
        rest = slice_from(rest, end + 2);
        if (!first && line.len == 0)
            break;
        unsigned status =
            first ? read_request_line(line, h, &f.absolute) : read_header(line, h, &f, headers);
        if (status)
            return status;
        first = false;
    }
    if ((h->minor == 1 && f.hosts != 1) || (f.encodings && f.lengths))
        return 400;
    if (!f.absolute)
        h->host = f.host;
    h->keep_alive = !f.close && (h->minor == 1 || f.keep);
    if (h->minor == 0)
        h->expect_continue = false;
    return 0;
}

enum parse
http_head_read(struct slice in, size_t *scanned, struct http_head *ret, struct header *headers,
               unsigned *ret_status)
{
    size_t lead = slice_starts(in, SLICE("\r\n")) ? 2 : 0, end = 0;
    *ret_status = 400;
    if (in.len < 2 && slice_starts(SLICE("\r\n"), in))
        return PARSE_MORE;
    if (*scanned < lead)
        *scanned = lead;
    struct slice head = slice_from(in, lead);
    size_t seen = *scanned - lead;
    if (head.len && !is_token_char((unsigned char)head.ptr[0]))
        return PARSE_BAD;
    enum parse found = find_end(head, &seen, &end);
    *scanned = seen + lead;
    if (found != PARSE_OK)
        return found;
    struct http_head h = {0};
    *ret_status = read_lines(slice_head(head, end), &h, headers);
    if (*ret_status)
        return PARSE_BAD;
    h.size = lead + end;
    *ret = h;
    return PARSE_OK;
}
