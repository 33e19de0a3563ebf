/* url_path - the path of a URL, and what may stand behind it: query and fragment.
 *
 * What a reader gets wrong: the path is kept as text, and segments are what stands behind each
 * slash. No encoded segment can hold a slash, so removing the last segment is cutting at the last
 * slash.
 *
 * A drive ("C:") is the first segment of a file: URL's path that no `..` removes. Where `C|` is
 * read, `C:` is written. */

#include "topic/url_path.h"

#include "base/ascii.h"

static bool
fragment_state(struct url_parser *p)
{
    p->url.has_fragment = true;
    p->url.fragment = url_state_encode(p, url_state_rest(p), &PERCENT_FRAGMENT);
    return true;
}

static bool
query_state(struct url_parser *p)
{
    struct slice query = slice_head(url_state_rest(p), slice_index(url_state_rest(p), '#'));
    p->url.has_query = true;
    p->url.query =
        url_state_encode(p, query, p->url.is_special ? &PERCENT_SPECIAL_QUERY : &PERCENT_QUERY);
    p->at += query.len;
    if (url_state_peek(p, 0) < 0)
        return true;
    p->at++;
    return fragment_state(p);
}

bool
url_path_end(struct url_parser *p)
{
    int c = url_state_peek(p, 0);
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
url_path_opaque(struct url_parser *p)
{
    size_t end = find_query_or_fragment(p);
    struct slice path = slice_head(url_state_rest(p), end - p->at);
    /* The last space would be lost when the URL is written and read again. */
    bool ends_in_space = end < p->in.len && slice_ends(path, SLICE(" "));
    path.len -= ends_in_space;
    char *begin = p->out;
    url_state_encode(p, path, &PERCENT_C0);
    if (ends_in_space)
        url_state_copy(p, SLICE("%20"));
    p->url.has_opaque_path = true;
    p->url.path = url_state_written(p, begin);
    p->at = end;
    return url_path_end(p);
}

/* One dot, plain or encoded, at the start of `s`: its length, else 0. */
static size_t
dot(struct slice s)
{
    if (s.len && s.ptr[0] == '.')
        return 1;
    bool is_encoded =
        s.len >= 3 && s.ptr[0] == '%' && s.ptr[1] == '2' && ascii_lower(s.ptr[2]) == 'e';
    return is_encoded ? 3 : 0;
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

bool
url_path_starts_with_drive(struct slice s)
{
    return is_drive_letter(slice_head(s, 2)) &&
           (s.len == 2 || s.ptr[2] == '/' || s.ptr[2] == '\\' || s.ptr[2] == '?' ||
            s.ptr[2] == '#');
}

struct slice
url_path_drive(struct slice path)
{
    bool has_drive = path.len >= 3 && ascii_is_letter(path.ptr[1]) && path.ptr[2] == ':' &&
                     (path.len == 3 || path.ptr[3] == '/');
    return slice_head(path, has_drive ? 3 : 0);
}

static void
shorten(struct url_parser *p)
{
    struct slice path = url_state_written(p, p->path);
    if (p->is_file && path.len == url_path_drive(path).len)
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
        while (end < p->in.len && !url_state_is_slash(p, p->in.ptr[end]) &&
               (p->is_override || (p->in.ptr[end] != '?' && p->in.ptr[end] != '#')))
            end++;
        struct slice segment = slice_head(url_state_rest(p), end - p->at);
        int dots = count_dots(segment);
        more = end < p->in.len && url_state_is_slash(p, p->in.ptr[end]);
        if (dots == 2)
            shorten(p);
        if (dots == 0)
            append_segment(p, segment);
        else if (!more)
            append_segment(p, SLICE(""));
        p->at = end + more;
    }
    p->url.path = url_state_written(p, p->path);
    return url_path_end(p);
}

bool
url_path_start(struct url_parser *p)
{
    int c = url_state_peek(p, 0);
    p->path = p->out;
    p->url.path = url_state_written(p, p->path);
    if (!p->url.is_special && (c < 0 || c == '?' || c == '#'))
        return url_path_end(p);
    url_state_skip_slash(p);
    return path_state(p);
}

bool
url_path_behind(struct url_parser *p, struct slice kept)
{
    p->path = p->out;
    url_state_copy(p, kept);
    return path_state(p);
}

bool
url_path_relative(struct url_parser *p, struct slice base)
{
    int c = url_state_peek(p, 0);
    p->path = p->out;
    p->url.path = url_state_copy(p, base);
    if (c < 0 || c == '?' || c == '#')
        return url_path_end(p);
    shorten(p);
    return path_state(p);
}
