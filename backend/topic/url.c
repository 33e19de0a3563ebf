/* url - the basic URL parser of the WHATWG URL standard, section 4.4.
 *
 * The standard is a machine that sees one code point at a time; here each of its states is a
 * function of the same name that takes the run of bytes for which the machine would stay, and
 * calls the state that follows. Only ASCII ends a run, so the bytes of UTF-8 need no decoding.
 *
 * All that a URL holds, but its host and credentials, is written behind each other into one piece
 * of the arena whose size is known before: what any component encodes was counted when the input
 * was cleaned, and a path grows by one slash.
 *
 * What a reader gets wrong: the path is kept as text, and segments are what stands behind each
 * slash. No encoded segment can hold a slash, so removing the last segment is cutting at the last
 * slash. */

#include "topic/url_state.h"

#include "base/alloc.h"
#include "base/ascii.h"
#include "topic/host.h"
#include "topic/percent.h"
#include "topic/text.h"

#include <string.h>

static const struct {
    struct slice scheme;
    unsigned port; /* 0: none */
} special[] = {
    {SLICE_INIT("https"), 443}, {SLICE_INIT("http"), 80}, {SLICE_INIT("wss"), 443},
    {SLICE_INIT("ws"), 80},     {SLICE_INIT("ftp"), 21},  {SLICE_INIT("file"), 0},
};

/* Its row, or COUNT_OF(special). */
static size_t
find_special(struct slice scheme)
{
    size_t i = 0;
    while (i < COUNT_OF(special) && !slice_eq(scheme, special[i].scheme))
        i++;
    return i;
}

/* --- the input -------------------------------------------------------------------------------- */

static bool
is_tab_or_newline(char c)
{
    return c == '\t' || c == '\n' || c == '\r';
}

static struct slice
trim_c0_and_space(struct slice s)
{
    while (s.len && (unsigned char)s.ptr[0] <= 0x20)
        s = slice_from(s, 1);
    while (s.len && (unsigned char)s.ptr[s.len - 1] <= 0x20)
        s.len--;
    return s;
}

/* What path, query, fragment or opaque path encode, and beyond ASCII everything. */
static const struct byteset encodable = {
    BYTESET_C0 | BYTESET_LOW(' ') | BYTESET_LOW('"') | BYTESET_LOW('#') | BYTESET_LOW('\'') |
        BYTESET_LOW('<') | BYTESET_LOW('>') | BYTESET_LOW('?'),
    BYTESET_HIGH('^') | BYTESET_HIGH('`') | BYTESET_HIGH('{') | BYTESET_HIGH('}') |
        BYTESET_HIGH(0x7F),
};

/* Takes `in`, well-formed and without tabs and newlines. What is so already is borrowed. */
static bool
clean(struct url_parser *p, struct slice in)
{
    size_t dropped = 0;
    bool is_ascii = true;
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.ptr[i];
        if (byteset_has(&encodable, c)) {
            dropped += is_tab_or_newline((char)c);
            is_ascii &= c < 0x80;
            p->encodable++;
        }
    }
    if (!is_ascii) {
        size_t before = in.len;
        if (!text_scalars(p->arena, in, &in))
            return false;
        p->encodable += in.len - before;
    }
    if (dropped) {
        char *out = arena_alloc(p->arena, in.len);
        size_t n = 0;
        if (out == NULL)
            return false;
        for (size_t i = 0; i < in.len; i++)
            if (!is_tab_or_newline(in.ptr[i]))
                out[n++] = in.ptr[i];
        in = SLICE_OF(out, n);
    }
    p->in = in;
    return true;
}

/* The byte `ahead` of where we are, or -1. */
static int
peek(const struct url_parser *p, size_t ahead)
{
    size_t at = p->at + ahead;
    return at < p->in.len ? (unsigned char)p->in.ptr[at] : -1;
}

static struct slice
rest(const struct url_parser *p)
{
    return slice_from(p->in, p->at);
}

/* A slash, or what counts as one in a special URL. */
static bool
is_slash(const struct url_parser *p, int c)
{
    return c == '/' || (c == '\\' && p->url.is_special);
}

/* --- the output ------------------------------------------------------------------------------- */

static struct slice
written(const struct url_parser *p, const char *begin)
{
    return SLICE_OF(begin, (size_t)(p->out - begin));
}

struct slice
url_state_encode(struct url_parser *p, struct slice s, const struct byteset *set)
{
    char *begin = p->out;
    p->out = percent_encode(p->out, s, set);
    return written(p, begin);
}

static struct slice
copy(struct url_parser *p, struct slice s)
{
    char *begin = p->out;
    if (s.len)
        memcpy(p->out, s.ptr, s.len);
    p->out += s.len;
    return written(p, begin);
}

bool
url_state_encode_userinfo(struct arena *arena, struct slice s, struct slice *ret)
{
    char *out = arena_alloc(arena, s.len * 3);
    if (out == NULL)
        return false;
    *ret = SLICE_OF(out, (size_t)(percent_encode(out, s, &PERCENT_USERINFO) - out));
    return true;
}

/* What all of `base` takes, and what `in` may take at most. */
static bool
make_room(struct url_parser *p)
{
    size_t room = p->in.len + p->encodable * 2 + 8;
    const struct url *b = p->base;
    if (b)
        room += b->scheme.len + b->username.len + b->password.len + b->host.len + b->port.len +
                b->path.len + b->query.len;
    p->out = arena_alloc(p->arena, room);
    p->end = p->out + room;
    return p->out != NULL;
}

bool
url_state_begin(struct url_parser *p, struct slice in)
{
    return clean(p, in) && make_room(p);
}

void
url_state_set_scheme(struct url_parser *p, struct slice scheme)
{
    size_t row = find_special(scheme);
    p->url.is_special = row < COUNT_OF(special);
    p->url.scheme = p->url.is_special ? special[row].scheme : scheme;
    p->is_file = slice_eq(p->url.scheme, SLICE("file"));
}

static void
copy_host(struct url_parser *p)
{
    p->url.host = copy(p, p->base->host);
    p->url.has_host = p->base->has_host;
}

static void
copy_authority(struct url_parser *p)
{
    p->url.username = copy(p, p->base->username);
    p->url.password = copy(p, p->base->password);
    p->url.port = copy(p, p->base->port);
    copy_host(p);
}

static void
copy_query(struct url_parser *p)
{
    p->url.query = copy(p, p->base->query);
    p->url.has_query = p->base->has_query;
}

/* --- from the end to the beginning: each state calls those that may follow ------------------- */

static bool
fragment_state(struct url_parser *p)
{
    p->url.has_fragment = true;
    p->url.fragment = url_state_encode(p, rest(p), &PERCENT_FRAGMENT);
    return true;
}

static bool
query_state(struct url_parser *p)
{
    struct slice query = slice_head(rest(p), slice_index(rest(p), '#'));
    p->url.has_query = true;
    p->url.query =
        url_state_encode(p, query, p->url.is_special ? &PERCENT_SPECIAL_QUERY : &PERCENT_QUERY);
    p->at += query.len;
    if (peek(p, 0) < 0)
        return true;
    p->at++;
    return fragment_state(p);
}

/* At the end, or at a `?` or `#`. */
static bool
after_path(struct url_parser *p)
{
    int c = peek(p, 0);
    p->at++;
    return c < 0 || (c == '?' ? query_state(p) : fragment_state(p));
}

/* Where [at, …) meets the first `?` or `#`, or ends. */
static size_t
find_query_or_fragment(const struct url_parser *p)
{
    size_t end = p->at;
    while (end < p->in.len && p->in.ptr[end] != '?' && p->in.ptr[end] != '#')
        end++;
    return end;
}

bool
url_state_opaque_path(struct url_parser *p)
{
    size_t end = find_query_or_fragment(p);
    struct slice path = slice_head(rest(p), end - p->at);
    /* The last space would be lost when the URL is written and read again. */
    bool ends_in_space = end < p->in.len && slice_ends(path, SLICE(" "));
    path.len -= ends_in_space;
    char *begin = p->out;
    url_state_encode(p, path, &PERCENT_C0);
    if (ends_in_space)
        copy(p, SLICE("%20"));
    p->url.has_opaque_path = true;
    p->url.path = written(p, begin);
    p->at = end;
    return after_path(p);
}

/* One dot, plain or encoded, at the start of `s`: its length, else 0. */
static size_t
dot(struct slice s)
{
    if (slice_starts(s, SLICE(".")))
        return 1;
    return s.len >= 3 && slice_eq_nocase(slice_head(s, 3), SLICE("%2e")) ? 3 : 0;
}

/* 1, 2: a single-dot, a double-dot segment; else 0. */
static int
count_dots(struct slice segment)
{
    size_t first = dot(segment);
    if (first == 0 || first == segment.len)
        return first > 0;
    size_t second = dot(slice_from(segment, first));
    return second && first + second == segment.len ? 2 : 0;
}

static bool
is_drive_letter(struct slice s)
{
    return s.len == 2 && ascii_is_letter(s.ptr[0]) && (s.ptr[1] == ':' || s.ptr[1] == '|');
}

static bool
starts_with_drive_letter(struct slice s)
{
    return is_drive_letter(slice_head(s, 2)) &&
           (s.len == 2 || s.ptr[2] == '/' || s.ptr[2] == '\\' || s.ptr[2] == '?' ||
            s.ptr[2] == '#');
}

/* "/C:" at the start of a serialised path, as its whole first segment. */
static bool
begins_with_normalised_drive(struct slice path)
{
    return path.len >= 3 && ascii_is_letter(path.ptr[1]) && path.ptr[2] == ':' &&
           (path.len == 3 || path.ptr[3] == '/');
}

static void
shorten(struct url_parser *p)
{
    struct slice path = written(p, p->path);
    if (p->is_file && path.len == 3 && begins_with_normalised_drive(path))
        return;
    while (p->out > p->path)
        if (*--p->out == '/')
            break;
}

static void
append_segment(struct url_parser *p, struct slice segment)
{
    char *begin = p->out;
    *p->out++ = '/';
    url_state_encode(p, segment, &PERCENT_PATH);
    if (p->is_file && begin == p->path && is_drive_letter(segment))
        begin[2] = ':';
}

/* Adds to the path that stands from p->path on. */
static bool
path_state(struct url_parser *p)
{
    for (bool more = true; more;) {
        size_t end = p->at;
        while (end < p->in.len && !is_slash(p, p->in.ptr[end]) &&
               (p->is_override || (p->in.ptr[end] != '?' && p->in.ptr[end] != '#')))
            end++;
        struct slice segment = slice_head(rest(p), end - p->at);
        int dots = count_dots(segment);
        more = end < p->in.len && is_slash(p, p->in.ptr[end]);
        if (dots == 2)
            shorten(p);
        if (dots == 0)
            append_segment(p, segment);
        else if (!more)
            append_segment(p, SLICE(""));
        p->at = end + more;
    }
    p->url.path = written(p, p->path);
    return after_path(p);
}

bool
url_state_path_start(struct url_parser *p)
{
    int c = peek(p, 0);
    p->path = p->out;
    p->url.path = written(p, p->path);
    if (!p->url.is_special && (c < 0 || c == '?' || c == '#'))
        return after_path(p);
    if (is_slash(p, c))
        p->at++;
    return path_state(p);
}

bool
url_state_port(struct url_parser *p, struct slice digits)
{
    unsigned value = 0;
    if (digits.len == 0)
        return true;
    for (size_t i = 0; i < digits.len; i++) {
        value = value * 10 + (unsigned)(digits.ptr[i] - '0');
        if (value > 65535)
            return false;
    }
    while (digits.len > 1 && digits.ptr[0] == '0')
        digits = slice_from(digits, 1);
    size_t row = find_special(p->url.scheme);
    bool is_default = row < COUNT_OF(special) && special[row].port == value && value;
    p->url.port = is_default ? SLICE("") : copy(p, digits);
    return true;
}

/* The authority ends at `end`. */
static bool
port_state(struct url_parser *p, size_t end)
{
    struct slice digits = slice_head(rest(p), end - p->at);
    for (size_t i = 0; i < digits.len; i++)
        if (!ascii_is_digit(digits.ptr[i]))
            return false;
    p->at = end;
    return url_state_port(p, digits) && url_state_path_start(p);
}

size_t
url_state_authority_end(const struct url_parser *p)
{
    size_t end = p->at;
    while (end < p->in.len && !is_slash(p, p->in.ptr[end]) && p->in.ptr[end] != '?' &&
           p->in.ptr[end] != '#')
        end++;
    return end;
}

size_t
url_state_find_port(struct slice authority)
{
    bool inside = false;
    for (size_t i = 0; i < authority.len; i++) {
        char c = authority.ptr[i];
        if (c == '[')
            inside = true;
        else if (c == ']')
            inside = false;
        else if (c == ':' && !inside)
            return i;
    }
    return authority.len;
}

static bool
host_state(struct url_parser *p, size_t end)
{
    struct slice authority = slice_head(rest(p), end - p->at);
    size_t colon = url_state_find_port(authority);
    struct slice host = slice_head(authority, colon);
    bool has_port = colon < authority.len;
    if (host.len == 0 && (p->url.is_special || has_port))
        return false;
    if (!host_parse(p->arena, host, !p->url.is_special, &p->url.host))
        return false;
    p->url.has_host = true;
    p->at += has_port ? colon + 1 : colon;
    return port_state(p, end);
}

static bool
authority_state(struct url_parser *p)
{
    size_t end = url_state_authority_end(p), last_at = end;
    while (last_at > p->at && p->in.ptr[last_at - 1] != '@')
        last_at--;
    if (last_at > p->at) {
        struct slice credentials = slice_head(rest(p), last_at - 1 - p->at);
        size_t colon = slice_index(credentials, ':');
        if (!url_state_encode_userinfo(p->arena, slice_head(credentials, colon),
                                       &p->url.username) ||
            !url_state_encode_userinfo(p->arena, slice_from(credentials, colon + 1),
                                       &p->url.password))
            return false;
        p->at = last_at;
        if (last_at == end)
            return false;
    }
    return host_state(p, end);
}

static bool
special_authority_ignore_slashes_state(struct url_parser *p)
{
    while (is_slash(p, peek(p, 0)))
        p->at++;
    return authority_state(p);
}

static bool
special_authority_slashes_state(struct url_parser *p)
{
    /* With or without its two slashes, what follows is the same. */
    return special_authority_ignore_slashes_state(p);
}

static bool
relative_slash_state(struct url_parser *p)
{
    int c = peek(p, 0);
    if (p->url.is_special && is_slash(p, c))
        return special_authority_ignore_slashes_state(p);
    if (c == '/') {
        p->at++;
        return authority_state(p);
    }
    copy_authority(p);
    p->path = p->out;
    return path_state(p);
}

/* The base's path and query, or what stands instead: shared by two states. */
static bool
relative_path(struct url_parser *p, bool keep_drive)
{
    int c = peek(p, 0);
    if (c < 0 || c == '#')
        copy_query(p);
    p->path = p->out;
    if (!keep_drive)
        copy(p, p->base->path);
    p->url.path = written(p, p->path);
    if (c < 0 || c == '?' || c == '#')
        return after_path(p);
    if (!keep_drive)
        shorten(p);
    return path_state(p);
}

static bool
relative_state(struct url_parser *p)
{
    url_state_set_scheme(p, copy(p, p->base->scheme));
    if (is_slash(p, peek(p, 0))) {
        p->at++;
        return relative_slash_state(p);
    }
    copy_authority(p);
    return relative_path(p, false);
}

static bool
file_host_state(struct url_parser *p)
{
    size_t end = url_state_authority_end(p);
    struct slice host = slice_head(rest(p), end - p->at);
    if (is_drive_letter(host)) {
        p->path = p->out;
        return path_state(p);
    }
    if (host.len && !host_parse(p->arena, host, false, &p->url.host))
        return false;
    if (slice_eq(p->url.host, SLICE("localhost")))
        p->url.host = SLICE("");
    p->at = end;
    return url_state_path_start(p);
}

static bool
file_slash_state(struct url_parser *p, const struct url *base)
{
    if (is_slash(p, peek(p, 0))) {
        p->at++;
        return file_host_state(p);
    }
    if (base)
        copy_host(p);
    p->path = p->out;
    if (base && !starts_with_drive_letter(rest(p)) && begins_with_normalised_drive(base->path))
        copy(p, slice_head(base->path, 3));
    return path_state(p);
}

static bool
file_state(struct url_parser *p)
{
    const struct url *base = p->base && slice_eq(p->base->scheme, SLICE("file")) ? p->base : NULL;
    url_state_set_scheme(p, SLICE("file"));
    p->url.has_host = true;
    p->url.host = SLICE("");
    if (is_slash(p, peek(p, 0))) {
        p->at++;
        return file_slash_state(p, base);
    }
    if (base) {
        copy_host(p);
        return relative_path(p, starts_with_drive_letter(rest(p)));
    }
    p->path = p->out;
    return path_state(p);
}

static bool
path_or_authority_state(struct url_parser *p)
{
    if (peek(p, 0) == '/') {
        p->at++;
        return authority_state(p);
    }
    p->path = p->out;
    return path_state(p);
}

static bool
special_relative_or_authority_state(struct url_parser *p)
{
    if (peek(p, 0) == '/' && peek(p, 1) == '/')
        return special_authority_ignore_slashes_state(p);
    return relative_state(p);
}

static bool
no_scheme_state(struct url_parser *p)
{
    const struct url *base = p->base;
    if (base == NULL)
        return false;
    if (!base->has_opaque_path)
        return slice_eq(base->scheme, SLICE("file")) ? file_state(p) : relative_state(p);
    if (peek(p, 0) != '#')
        return false;
    url_state_set_scheme(p, copy(p, base->scheme));
    p->url.has_opaque_path = true;
    p->url.path = copy(p, base->path);
    copy_query(p);
    p->at++;
    return fragment_state(p);
}

/* The scheme is read, and the colon behind it. */
static bool
after_scheme(struct url_parser *p)
{
    if (p->is_file)
        return file_state(p);
    if (p->url.is_special)
        return p->base && slice_eq(p->base->scheme, p->url.scheme)
                   ? special_relative_or_authority_state(p)
                   : special_authority_slashes_state(p);
    if (peek(p, 0) != '/')
        return url_state_opaque_path(p);
    p->at++;
    return path_or_authority_state(p);
}

static bool
scheme_start_state(struct url_parser *p)
{
    size_t len = 0;
    if (ascii_is_letter(peek(p, 0)))
        while (ascii_is_alnum(peek(p, len)) || peek(p, len) == '+' || peek(p, len) == '-' ||
               peek(p, len) == '.')
            len++;
    if (len == 0 || peek(p, len) != ':')
        return no_scheme_state(p);
    char *scheme = p->out;
    for (size_t i = 0; i < len; i++)
        scheme[i] = ascii_lower(p->in.ptr[i]);
    p->out += len;
    url_state_set_scheme(p, SLICE_OF(scheme, len));
    p->at += len + 1;
    return after_scheme(p);
}

bool
url_parse(struct arena *arena, struct slice input, const struct url *base, struct url *ret)
{
    struct url_parser p = {.arena = arena, .base = base};
    if (!url_state_begin(&p, trim_c0_and_space(input)) || !scheme_start_state(&p))
        return false;
    ENSURE(p.out <= p.end);
    *ret = p.url;
    return true;
}
