/* url_state - a URL parser under way: the input it reads, and the place it writes to.
 *
 * All that a URL holds, but its host and credentials, is written behind each other into one piece
 * of the arena whose size is known before: what any component encodes was counted when the input
 * was cleaned, and a path grows by one slash.
 *
 * It refuses to know which state follows which: that is url_parse.c and url_path.c. */

#include "topic/url_state.h"

#include "base/ascii.h"
#include "topic/text.h"

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

static bool
is_tab_or_newline(char c)
{
    return c == '\t' || c == '\n' || c == '\r';
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

size_t
url_state_authority_end(const struct url_parser *p)
{
    size_t end = p->at;
    while (end < p->in.len && !url_state_is_slash(p, p->in.ptr[end]) && p->in.ptr[end] != '?' &&
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
    p->url.port = is_default ? SLICE("") : url_state_copy(p, digits);
    return true;
}
