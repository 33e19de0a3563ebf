/* head - of a reply's head, what decides how its body goes out.
 *
 * Apache itself reads the whole of it once more for the client (util_script); here stands what
 * the thread that owns the stream must know before. */

#include "mod_alipes/head.h"

static bool
starts_nocase(struct slice s, struct slice prefix)
{
    return slice_eq_nocase(slice_head(s, prefix.len), prefix);
}

static bool
take_status(struct slice value, struct head *h)
{
    uint64_t number;
    if (!slice_u64(slice_head(value, slice_index(value, ' ')), 999, &number) || number < 100)
        return false;
    h->status = (unsigned)number;
    return true;
}

static bool
take_line(struct slice line, struct head *h)
{
    if (slice_ends(line, SLICE("\r")))
        line.len--;
    size_t colon = slice_index(line, ':');
    struct slice name = slice_head(line, colon), value = slice_trim(slice_from(line, colon + 1));
    if (slice_eq_nocase(name, SLICE("Status")))
        return take_status(value, h);
    if (slice_eq_nocase(name, SLICE("Content-Type")))
        h->is_stream = starts_nocase(value, SLICE("text/event-stream"));
    else if (slice_eq_nocase(name, SLICE("Alipes-Ticket")))
        h->ticket = value;
    else if (slice_eq_nocase(name, SLICE("Last-Event-ID")) ||
             slice_eq_nocase(name, SLICE("Mercure-Last-Event-ID")))
        h->granted = value;
    return true;
}

enum parse
head_read(struct slice in, struct head *ret)
{
    size_t end = slice_find(in, SLICE("\r\n\r\n"));
    if (end == in.len)
        return PARSE_MORE;
    *ret = (struct head){.size = end + 4, .status = 200};
    struct slice lines = slice_head(in, end), line;
    while (slice_cut(&lines, '\n', &line))
        if (!take_line(line, ret))
            return PARSE_BAD;
    ret->is_stream = ret->is_stream && ret->status == 200;
    return PARSE_OK;
}
