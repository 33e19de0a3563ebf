/* roster_path - segments, cut before anything is decoded: a %2F belongs to its segment.
 *
 *     H/subscriptions                                    all
 *     H/subscriptions/{match_type}/{match}[/{subscriber}]   1.0
 *     H/subscriptions/{topic}[/{subscriber}]                0.x
 *
 * The hub itself writes such a path in one way: each segment percent-encoded once, but for RFC
 * 3986's unreserved characters. Others write it in many, so segments are decoded and encoded anew:
 * what is looked up is the hub's own form. */

#include "hub/roster_path.h"

#include "topic/percent.h"

#include <string.h>

#define NAME SLICE("/subscriptions")

enum {
    MAX_SEGMENTS = 3
};

static const struct slice types[] = {SLICE_INIT("exact"), SLICE_INIT("urlpattern")};

bool
roster_path_is(struct slice hub, struct slice path)
{
    struct slice name = NAME, behind = slice_from(path, hub.len + name.len);
    return slice_starts(path, hub) && slice_starts(slice_from(path, hub.len), name) &&
           (behind.len == 0 || behind.ptr[0] == '/');
}

static bool
is_type(struct slice segment)
{
    for (size_t i = 0; i < COUNT_OF(types); i++)
        if (slice_eq(segment, types[i]))
            return true;
    return false;
}

/* `behind` is empty or begins with a slash. False: there are too many, or one is empty. */
static bool
cut(struct slice behind, struct slice segments[MAX_SEGMENTS], size_t *ret_count)
{
    struct slice rest = slice_from(behind, 1);
    *ret_count = 0;
    if (behind.len == 0)
        return true;
    if (slice_ends(behind, SLICE("/")))
        return false;
    while (slice_cut(&rest, '/', &segments[*ret_count])) {
        if (segments[*ret_count].len == 0)
            return false;
        if (++*ret_count == MAX_SEGMENTS)
            return rest.ptr == NULL;
    }
    return true;
}

/* What so many segments are, and in which dialect. */
static struct roster_path
judge(const struct slice *segments, size_t count, const bool speaks[DIALECTS])
{
    struct roster_path p = {.kind = ROSTER_NOWHERE};
    bool typed = count > 1 && is_type(segments[0]);
    if (count == 0) {
        p.kind = ROSTER_ALL;
    } else if (count > 1 && !typed && !speaks[DIALECT_0X]) {
        p.kind = ROSTER_UNKNOWN_TYPE;
    } else if (typed && speaks[DIALECT_1_0]) {
        p.dialect = DIALECT_1_0;
        p.kind = count == 2 ? ROSTER_COLLECTION : ROSTER_ITEM;
    } else if (count < 3 && speaks[DIALECT_0X]) {
        p.dialect = DIALECT_0X;
        p.kind = count == 1 ? ROSTER_COLLECTION : ROSTER_ITEM;
    }
    return p;
}

/* A slash and the segment in the hub's own form, at `out`. Returns the end; NULL: no room. */
static char *
put(struct arena *arena, char *out, struct slice segment, bool plus_is_blank)
{
    struct slice plain = {arena_alloc(arena, segment.len), segment.len};
    if (plain.ptr == NULL)
        return NULL;
    memcpy((char *)plain.ptr, segment.ptr, segment.len);
    *out++ = '/';
    return percent_encode(out, percent_decode_in_place(plain, plus_is_blank), &PERCENT_SEGMENT);
}

struct roster_path
roster_path_read(struct arena *arena, struct slice hub, struct slice path,
                 const bool speaks[DIALECTS])
{
    struct slice segments[MAX_SEGMENTS];
    size_t count;
    if (!cut(slice_from(path, hub.len + NAME.len), segments, &count))
        return (struct roster_path){.kind = ROSTER_NOWHERE};
    struct roster_path p = judge(segments, count, speaks);
    if (p.kind != ROSTER_COLLECTION && p.kind != ROSTER_ITEM)
        return p;
    char *out = arena_alloc(arena, 3 * path.len + hub.len + NAME.len), *end = out;
    if (out) {
        memcpy(out, path.ptr, hub.len + NAME.len);
        end += hub.len + NAME.len;
    }
    for (size_t i = 0; end && i < count; i++)
        end = put(arena, end, segments[i], p.dialect == DIALECT_0X);
    if (end == NULL)
        p.kind = ROSTER_NO_ROOM;
    else
        p.id = SLICE_OF(out, (size_t)(end - out));
    return p;
}
