/* blame - of the five fronts HAProxy alone says nothing of itself. */

#include "cli/doctor/blame.h"

const char *
blame_name(const struct patient *p)
{
    return p->seen < FRONTS ? front_types[p->seen].name : "the front";
}

void
blame_find(struct patient *p, const struct transfer *reply)
{
    struct slice server = transfer_header(reply, "server", 0);
    for (size_t kind = 0; kind < FRONTS && server.len; kind++) {
        const char *begin = front_types[kind].server;
        if (begin && slice_starts(server, slice_of(begin)))
            p->seen = (enum front_kind)kind;
    }
    if (server.len == 0 && p->has_fronts && p->fronts[FRONT_HAPROXY].paths.count)
        p->seen = FRONT_HAPROXY;
}

/* Where nothing tells: HAProxy's, with its name. */
static const char *
line_of(const struct patient *p, enum symptom s, struct error *made)
{
    if (p->seen < FRONTS)
        return remedy_line(p->seen, s);
    const char *line = remedy_line(FRONT_HAPROXY, s);
    if (line == NULL)
        return NULL;
    error_set(made, "HAProxy: %s; another front: its file in proxy-config", line);
    return made->text;
}

void
blame_bad(const struct patient *p, struct report *r, enum symptom s, const char *detail)
{
    struct error made;
    report_bad(r, line_of(p, s, &made), "%s %s%s", blame_name(p), symptom_cause(s), detail);
}

void
blame_note(const struct patient *p, struct report *r, enum symptom s, const char *detail)
{
    struct error made;
    report_note(r, line_of(p, s, &made), "%s %s%s", blame_name(p), symptom_cause(s), detail);
}
