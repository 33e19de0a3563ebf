/* listeners - sockets handed over come before `listen`; metrics have their own. */

#include "listeners.h"

#include <stdio.h>
#include <string.h>

static bool
open_listener(struct listeners *ls, const char *address, struct error *err)
{
    if (ls->count == LISTENERS_MAX)
        return error_set(err, "at most %d addresses to listen on", LISTENERS_MAX);
    if ((ls->all[ls->count] = listener_open(address, err)) == NULL)
        return false;
    ls->count++;
    return true;
}

/* What `name` lists. The line or the variable is named where it can be but one. */
static bool
open_listed(struct listeners *ls, const struct config *c, const char *name,
            const struct string_list *list, struct error *err)
{
    const struct setting_place *place = settings_place_of(c, name);
    bool is_sure = place && (list->count == 1 || !place->is_line);
    for (size_t i = 0; i < list->count; i++) {
        struct error why;
        if (!open_listener(ls, list->items[i], &why))
            return error_set(err, "%.150s%s%.350s", is_sure ? place->text : "", is_sure ? ": " : "",
                             why.text);
    }
    return true;
}

bool
listeners_open(struct listeners *ls, const struct config *c, struct error *err)
{
    char address[32];
    int inherited[LISTENERS_MAX];
    size_t count = listener_inherited(inherited, LISTENERS_MAX);
    for (size_t i = 0; i < count; i++) {
        snprintf(address, sizeof address, "fd/%d", inherited[i]);
        if (!open_listener(ls, address, err))
            return false;
    }
    /* Whoever handed sockets over decided where the hub listens. */
    if (count == 0 && !open_listed(ls, c, "listen", &c->listen, err))
        return false;
    ls->hub_count = ls->count;
    return open_listed(ls, c, "metrics_listen", &c->metrics_listen, err);
}

void
listeners_close(struct listeners *ls)
{
    for (size_t i = 0; i < ls->count; i++)
        listener_close(&ls->all[i]);
}
