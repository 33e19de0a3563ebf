/* reading - the place of which every sentence begins with, and a source's own memory: which
 * directives it has given already. It ends with the judgement; what the hub runs with has none. */

#include "config/reading.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct config_reading *
reading_new(struct config *c)
{
    struct config_reading *r = xalloc(sizeof *r);
    r->config = c;
    r->may_read_files = true;
    return r;
}

void
reading_free(struct config_reading **ref)
{
    struct config_reading *r = *ref;
    *ref = NULL;
    if (r == NULL)
        return;
    string_list_clear(&r->seen);
    string_list_clear(&r->trusted_issuers);
    free(r->compatibility);
    free(r);
}

/* --- what a source has given ------------------------------------------------------------------ */

void
reading_yield(struct config_reading *r)
{
    string_list_clear(&r->seen);
}

static struct slice
write_key(const char *block, const char *name, struct error *ret)
{
    error_set(ret, "%s/%s", block ? block : "", name);
    return slice_of(ret->text);
}

bool
reading_has_seen(const struct config_reading *r, const char *block, const char *name)
{
    struct error key;
    return string_list_has(&r->seen, write_key(block, name, &key));
}

bool
reading_sees(struct config_reading *r, const char *block, const char *name)
{
    struct error key;
    bool again = reading_has_seen(r, block, name);
    if (!again)
        string_list_add(&r->seen, write_key(block, name, &key));
    return again;
}

/* --- where ------------------------------------------------------------------------------------ */

static const char *
write_place(const struct config_reading *r, struct error *ret)
{
    if (r->line)
        error_set(ret, "%.300s:%u", r->file, r->line);
    else
        error_set(ret, "%.300s", r->file);
    return ret->text;
}

void
reading_place(struct config_reading *r, struct slice name)
{
    struct error place;
    if (r->file)
        settings_place(r->config, name, write_place(r, &place), r->line != 0);
}

void
reading_complain(struct config_reading *r, const char *text)
{
    struct error place;
    settings_complain(r->config, "%s: %s", write_place(r, &place), text);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* How every sentence about the key begins. A variable's name says it all. */
static const char *
write_subject(const struct config_reading *r, const char *name, struct error *ret)
{
    struct error place;
    if (r->file == NULL)
        return name;
    write_place(r, &place);
    error_set(ret, "%s%s%s", place.text, r->line ? ": " : "", r->line ? name : "");
    return ret->text;
}

bool
reading_set_key(struct config_reading *r, struct key_setting *k, const char *name,
                const struct slice *args, size_t count, struct error *err)
{
    struct error subject, note;
    if (!key_setting_set_key(k, write_subject(r, name, &subject), r->may_read_files, args, count,
                             &note, err))
        return false;
    if (note.text[0])
        settings_say(r->config, k->place, note.text);
    return true;
}

bool
reading_set_url(struct config_reading *r, struct key_setting *k, const char *name,
                const struct slice *args, size_t count, struct error *err)
{
    struct error subject;
    return key_setting_set_url(k, write_subject(r, name, &subject), args, count, err);
}
