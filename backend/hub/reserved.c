/* reserved - is a topic one of the hub's own?
 *
 * A topic is a string, and subscribers compare strings; but whoever publishes under the hub's path
 * could pass off an event as the hub's, in any of the spellings that a URL parser takes for the
 * same. So the topic is resolved as a browser would, against the hub's URL, and its path compared.
 * The host does not matter: the hub may have several. */

#include "hub/reserved.h"

#include "base/ascii.h"
#include "topic/url_parse.h"

enum {
    ROOM = 16 << 20 /* what the longest topic (max_topics_size) can take, whatever it holds */
};

/* Where hubs are: 0.x reserves it whatever the hub's own path is. */
static const struct slice well_known = SLICE_INIT("/.well-known/mercure");

static bool
is_unreserved(int c)
{
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

/* %XX of what needs no encoding (RFC 3986, section 6.2.2.2) becomes the character. */
static bool
decode_unreserved(struct arena *arena, struct slice path, struct slice *ret)
{
    if (slice_index(path, '%') == path.len) {
        *ret = path;
        return true;
    }
    char *out = arena_alloc(arena, path.len);
    size_t n = 0;
    if (out == NULL)
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '%' && path.len - i > 2) {
            int high = ascii_hex(path.ptr[i + 1]), low = ascii_hex(path.ptr[i + 2]);
            if (high >= 0 && low >= 0 && is_unreserved(high << 4 | low)) {
                c = (char)(high << 4 | low);
                i += 2;
            }
        }
        out[n++] = c;
    }
    *ret = SLICE_OF(out, n);
    return true;
}

static bool
contains(struct slice s, struct slice needle)
{
    return s.len >= needle.len && slice_find(s, needle) < s.len;
}

static bool
resolves_to_hub(struct arena *arena, const struct url *hub, enum dialect dialect,
                struct slice topic)
{
    struct url url;
    struct slice own, path;
    if (!url_parse(arena, topic, hub, &url))
        return false; /* not a URL */
    if (!decode_unreserved(arena, hub->path, &own) || !decode_unreserved(arena, url.path, &path))
        return true;
    if (!slice_starts(path, own))
        return false;
    return path.len == own.len ? dialect == DIALECT_1_0 : path.ptr[own.len] == '/';
}

bool
reserved_holds(const struct url *hub, enum dialect dialect, struct slice topic)
{
    struct arena arena;
    if (dialect == DIALECT_0X && (contains(topic, well_known) || contains(topic, hub->path)))
        return true;
    arena_init(&arena, hub->path.len * 3 + ROOM);
    bool holds = resolves_to_hub(&arena, hub, dialect, topic);
    arena_fini(&arena);
    return holds;
}

/* What stands before the first `:` reads as a scheme, and `//` follows. */
static bool
is_absolute(struct slice topic)
{
    size_t colon = slice_index(topic, ':');
    for (size_t i = 0; i < colon; i++)
        if (!is_unreserved(topic.ptr[i]) && topic.ptr[i] != '+')
            return false;
    return slice_starts(slice_from(topic, colon), SLICE("://"));
}

/* Nothing that a URL parser rewrites: unreserved characters and slashes, no segment of dots. */
static bool
is_plain(struct slice s)
{
    struct slice segment;
    for (size_t i = 0; i < s.len; i++)
        if (!is_unreserved(s.ptr[i]) && s.ptr[i] != '/')
            return false;
    while (slice_cut(&s, '/', &segment))
        if (slice_eq(segment, SLICE(".")) || slice_eq(segment, SLICE("..")))
            return false;
    return true;
}

/* A plain topic without a host goes behind the last slash of the hub's path as it is; an empty one
 * is the hub itself. */
static bool
goes_on_as_hub(struct slice path, struct slice topic)
{
    size_t last = path.len;
    while (last && path.ptr[last - 1] != '/')
        last--;
    return topic.len == 0 || slice_starts(topic, slice_from(path, last));
}

/* A topic of plain characters has its path spelt out: then the path holds the hub's only where the
 * topic does, or begins it. The first segment is enough, and dots are none: segments that are
 * removed cannot add one. */
bool
reserved_is_possible(struct slice path, struct slice topic)
{
    struct slice first = slice_from(path, 1);
    first.len = slice_index(first, '/');
    bool is_named = contains(topic, first) || contains(topic, well_known);
    if (is_named || (is_plain(path) && is_plain(topic)))
        return is_named || goes_on_as_hub(path, topic);
    if (first.len == 0 || slice_index(first, '%') < first.len || !is_absolute(topic))
        return true;
    for (size_t i = 0; i < topic.len; i++)
        if ((unsigned char)topic.ptr[i] < 0x20 || topic.ptr[i] == '%')
            return true;
    return false;
}
