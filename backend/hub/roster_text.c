/* roster_text - JSON and links around what the transport has formatted.
 *
 * In 1.0 the cursor is in the Link header alone; in 0.x in the document. */

#include "hub/roster_text.h"

#include "topic/text.h"

#define CONTEXT "\"@context\":\"https://mercure.rocks/\","

struct slice
roster_text_type(enum dialect dialect)
{
    return dialect == DIALECT_0X ? SLICE("application/ld+json") : SLICE("application/json");
}

static void
add_cursor(struct buf *b, const struct roster_title *t)
{
    buf_add(b, SLICE(",\"lastEventID\":"));
    text_write_json(b, t->cursor); /* of 0.x, where it may be any bytes */
}

void
roster_text_open(struct buf *b, const struct roster_title *t)
{
    bool is_0x = t->dialect == DIALECT_0X;
    buf_add(b, is_0x ? SLICE("{" CONTEXT "\"id\":") : SLICE("{\"id\":"));
    text_write_json(b, t->path);
    buf_add(b, is_0x ? SLICE(",\"type\":\"Subscriptions\"") : SLICE(",\"type\":\"subscriptions\""));
    if (is_0x)
        add_cursor(b, t);
    buf_add(b, SLICE(",\"subscriptions\":["));
}

void
roster_text_item(struct buf *b, const struct roster_title *t, struct slice json)
{
    if (t->dialect == DIALECT_1_0) {
        buf_add(b, json);
        return;
    }
    buf_add(b, SLICE("{" CONTEXT));
    buf_add(b, slice_from(slice_head(json, json.len - 1), 1));
    add_cursor(b, t);
    buf_add_byte(b, '}');
}

/* A quoted-string (RFC 9110, section 5.6.4); control characters stand in no id. */
static void
add_quoted(struct buf *b, struct slice text)
{
    buf_add_byte(b, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '"' || text.ptr[i] == '\\')
            buf_add_byte(b, '\\');
        buf_add_byte(b, text.ptr[i]);
    }
    buf_add_byte(b, '"');
}

void
roster_text_link(struct buf *b, const struct roster_title *t, struct slice hub)
{
    if (t->dialect == DIALECT_0X)
        return;
    buf_addf(b, "<" SLICE_FMT ">; rel=\"mercure\"; last-event-id=", SLICE_ARG(hub));
    add_quoted(b, t->cursor);
    buf_add(b, SLICE("; type=\"mercure\"; content-type=\"application/json\""));
}

void
roster_text_link_next(struct buf *b, const struct roster_title *t, const struct roster_query *q,
                      struct position after)
{
    buf_addf(b, "%s<" SLICE_FMT "?", b->len ? ", " : "", SLICE_ARG(t->path));
    roster_query_add_next(b, q, after);
    buf_add(b, SLICE(">; rel=\"next\""));
}
