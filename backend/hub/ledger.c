/* ledger - a ring of updates that some workers have matched and others have not.
 *
 * Every worker meets the same updates in the same order, so who sees a position that is later than
 * any before opens an entry for it; the others find it; and entries close in the order in which
 * they were opened. What one gets wrong: where there is no room for an entry, the others must not
 * open it after all, for it would never close. A position that is not later than the newest one and
 * has no entry is one that was lost, and counted as that.
 *
 * A worker that is armed later than others stood further on: what was entered up to there is no
 * longer of interest, for it will never be whole. */

#include "hub/ledger.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdlib.h>

enum {
    LOST_ROOM = 512, /* for the line that says what was lost */
};

void
ledger_init(struct ledger *l, unsigned workers)
{
    *l = (struct ledger){.workers = workers, .unarmed = workers};
    l->ring = xalloc(LEDGER_OPEN * sizeof *l->ring);
    buf_init(&l->text, LEDGER_BYTES + LOST_ROOM);
}

static struct ledger_entry *
entry_at(const struct ledger *l, uint32_t number)
{
    return &l->ring[(l->first + number) % LEDGER_OPEN];
}

static void
drop_first(struct ledger *l)
{
    struct ledger_entry *e = entry_at(l, 0);
    l->open_bytes -= e->lines.len;
    buf_fini(&e->head);
    buf_fini(&e->lines);
    l->first++;
    l->count--;
}

void
ledger_fini(struct ledger *l)
{
    while (l->count)
        drop_first(l);
    buf_fini(&l->text);
    free(l->ring);
}

/* --- text ------------------------------------------------------------------------------------- */

static void
say_lost(struct ledger *l)
{
    if (l->lost)
        trace_line(&l->text, "lost",
                   "count=%llu msg=\"so much was left out here: it came faster than it was read\"",
                   (unsigned long long)l->lost);
    if (l->lost)
        buf_add(&l->text, SLICE("\n"));
    l->lost = 0;
}

static void
add_group(struct ledger *l, struct slice group)
{
    struct buf *text = &l->text;
    if (text->len + group.len + LOST_ROOM <= LEDGER_BYTES &&
        buf_reserve(text, group.len + LOST_ROOM)) {
        say_lost(l);
        buf_add(text, group);
        buf_add(text, SLICE("\n"));
    } else {
        text->failed = false;
        l->lost++;
    }
}

void
ledger_say(struct ledger *l, const char *event, struct slice line)
{
    struct buf group;
    buf_init(&group, 2 * TRACE_LINE_BYTES);
    trace_line(&group, event, SLICE_FMT, SLICE_ARG(line));
    add_group(l, buf_slice(&group));
    buf_fini(&group);
}

bool
ledger_has_news(const struct ledger *l)
{
    return l->text.len || l->lost;
}

void
ledger_take(struct ledger *l, struct buf *ret)
{
    say_lost(l);
    *ret = l->text;
    buf_init(&l->text, LEDGER_BYTES + LOST_ROOM);
}

/* --- updates ---------------------------------------------------------------------------------- */

bool
ledger_arm(struct ledger *l, struct position at)
{
    if (position_cmp(at, l->from) > 0)
        l->from = at;
    while (l->count && position_cmp(entry_at(l, 0)->position, l->from) <= 0)
        drop_first(l);
    return --l->unarmed == 0;
}

static const char *const events[] = {
    [UPDATE_PUBLISHED] = "published",
    [UPDATE_BEGIN] = "subscription_begun",
    [UPDATE_END] = "subscription_ended",
};

/* The type that stands in the event, first of all (transport/update.c). */
static struct slice
type_of(const struct update *u)
{
    struct slice name = SLICE("event: "), rest = u->event;
    if (!slice_starts(rest, name))
        return SLICE("");
    rest = slice_from(rest, name.len);
    return slice_head(rest, slice_index(rest, '\n'));
}

static void
write_head(struct buf *head, const struct update *u, struct slice type)
{
    struct words topics = {.len = 0};
    for (uint32_t i = 0; i < u->topic_count && topics.len < sizeof topics.text; i++)
        words_add(&topics, "", u->topics[i].text);
    trace_line(head, events[u->kind], "id=%s topics=%s private=%s type=%s bytes=%zu",
               LOG_SLICE(u->id), LOG_SLICE(words_slice(&topics)), u->is_private ? "true" : "false",
               LOG_SLICE(type), u->event.len);
}

static struct ledger_entry *
open_entry(struct ledger *l, const struct update *u)
{
    l->newest = u->position;
    if (l->count == LEDGER_OPEN) {
        l->lost++;
        return NULL;
    }
    struct ledger_entry *e = entry_at(l, l->count++);
    struct slice type = type_of(u);
    *e = (struct ledger_entry){.position = u->position, .left = l->workers};
    e->hint = type.len == 0 || slice_eq(type, SLICE("message"))
                  ? NULL
                  : "onmessage does not hear an update with a type: addEventListener() with the "
                    "type's name does";
    buf_init(&e->head, TRACE_LINE_BYTES);
    buf_init(&e->lines, LEDGER_BYTES);
    write_head(&e->head, u, type);
    return e;
}

/* NULL: it is not told. */
static struct ledger_entry *
find(struct ledger *l, const struct update *u)
{
    if (position_cmp(u->position, l->from) <= 0)
        return NULL;
    if (position_cmp(u->position, l->newest) > 0)
        return open_entry(l, u);
    for (uint32_t i = 0; i < l->count; i++)
        if (position_cmp(entry_at(l, i)->position, u->position) == 0)
            return entry_at(l, i);
    return NULL;
}

static const char *
hint_of(const struct ledger_entry *e, size_t connected)
{
    if (e->met[TRACE_SENT] + e->met[TRACE_CATCHING_UP])
        return e->hint;
    if (e->met[TRACE_NOT_GRANTED])
        return "nobody gets it: see why below";
    return connected ? "nobody who is connected asks for any of its topics" : "nobody is connected";
}

static void
close_entry(struct ledger *l, struct ledger_entry *e, size_t connected)
{
    const char *hint = hint_of(e, connected);
    struct buf group;
    buf_init(&group, LEDGER_BYTES + 2 * TRACE_LINE_BYTES);
    buf_add(&group, slice_head(buf_slice(&e->head), e->head.len ? e->head.len - 1 : 0));
    buf_addf(&group, " connected=%zu matched=%u catching_up=%u withheld=%u%s%s%s\n", connected,
             e->met[TRACE_SENT], e->met[TRACE_CATCHING_UP], e->met[TRACE_NOT_GRANTED],
             hint ? " msg=\"" : "", hint ? hint : "", hint ? "\"" : "");
    buf_add(&group, buf_slice(&e->lines));
    if (group.failed || e->head.failed)
        l->lost++;
    else
        add_group(l, buf_slice(&group));
    buf_fini(&group);
    while (entry_at(l, 0) != e)
        drop_first(l); /* nobody comes back to what lies before */
    drop_first(l);
}

void
ledger_enter(struct ledger *l, const struct update *u, const struct finding *f, size_t connected)
{
    struct ledger_entry *e = find(l, u);
    if (e == NULL)
        return;
    for (size_t i = 0; i < TRACE_MEETINGS; i++)
        e->met[i] += f->met[i];
    if (l->open_bytes + f->lines.len <= LEDGER_BYTES) {
        size_t before = e->lines.len;
        buf_add(&e->lines, buf_slice(&f->lines));
        l->open_bytes += e->lines.len - before;
    }
    if (--e->left == 0)
        close_entry(l, e, connected);
}
