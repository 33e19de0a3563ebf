/* settings - the values, which know nothing of where they come from, and two lists: what is worth
 * saying, and what is wrong.
 *
 * Mistakes are gathered and never thrown: whoever has several hears of all of them at once, whether
 * at start, at a reload or from `config check`. Half a configuration is still one that can be freed
 * and judged; what must not be done with it is running it. */

#include "config/settings.h"

#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ENOUGH_ERRORS = 50,
};

static struct setting_place *
find_place(const struct config *c, struct slice name)
{
    for (size_t i = 0; i < c->place_count; i++)
        if (slice_eq(slice_of(c->places[i].directive), name))
            return &c->places[i];
    return NULL;
}

void
settings_place(struct config *c, struct slice name, const char *text, bool is_line)
{
    struct setting_place *p = find_place(c, name);
    if (p == NULL) {
        c->places = xrealloc(c->places, (c->place_count + 1) * sizeof *c->places);
        p = &c->places[c->place_count++];
        *p = (struct setting_place){.directive = xstrndup(name.ptr, name.len)};
    }
    free(p->text);
    p->text = xstrndup(text, strlen(text));
    p->is_line = is_line;
}

const struct setting_place *
settings_place_of(const struct config *c, const char *name)
{
    return find_place(c, slice_of(name));
}

/* --- what there is to say --------------------------------------------------------------------- */

void
settings_say(struct config *c, const char *place, const char *text)
{
    struct error sentence;
    error_set(&sentence, "%s: %s", place, text);
    string_list_add(&c->notes, slice_of(sentence.text));
}

/* "PLACE: NAME" of a directive that stands somewhere, else its name. */
static const char *
write_subject(const struct config *c, const char *name, struct error *ret)
{
    const struct setting_place *p = settings_place_of(c, name);
    error_set(ret, "%s%s%s", p ? p->text : "", p ? ": " : "", name);
    return ret->text;
}

void
settings_note(struct config *c, const char *name, const char *text)
{
    struct error subject;
    settings_say(c, write_subject(c, name, &subject), text);
}

bool
settings_has_enough(const struct config *c)
{
    return c->errors.count > ENOUGH_ERRORS;
}

static void
add_error(struct config *c, const char *text)
{
    if (c->errors.count < ENOUGH_ERRORS)
        string_list_add(&c->errors, slice_of(text));
    else if (c->errors.count == ENOUGH_ERRORS)
        string_list_add(&c->errors, SLICE("there is more that is wrong; mend this first"));
}

void
settings_complain(struct config *c, const char *fmt, ...)
{
    char text[sizeof(struct error)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add_error(c, text);
}

void
settings_refuse(struct config *c, const char *name, const char *fmt, ...)
{
    char text[sizeof(struct error)];
    struct error subject, sentence;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    error_set(&sentence, "%s: %s", write_subject(c, name, &subject), text);
    add_error(c, sentence.text);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void
clear_issuer(struct issuer_setting *s)
{
    free(s->id);
    free(s->place);
    for (size_t i = 0; i < ROLES; i++)
        key_setting_clear(&s->keys[i]);
}

/* What a field of each type owns. */
#define FREE_LIST(field)      string_list_clear(field)
#define FREE_ADDRESSES(field) string_list_clear(field)
#define FREE_ORIGINS(field)   string_list_clear(field)
#define FREE_STRING(field)    free(*(field))
#define FREE_PATH(field)      free(*(field))
#define FREE_KEY(field)       key_setting_clear(field)
#define FREE_URL(field)       key_setting_clear(field)
#define FREE_NUMBER(field)    (void)(field)
#define FREE_DURATION(field)  (void)(field)
#define FREE_SIZE(field)      (void)(field)
#define FREE_FLAG(field)      (void)(field)
#define FREE_CHOICE(field)    (void)(field)

static void
free_fields(struct config *c)
{
#define OPTION(name, type, field, ...)       FREE_##type(&c->field);
#define INNER(block, name, type, field, ...) FREE_##type(&c->field);
#define PART(name, type, field, ...)         FREE_##type(&c->field);
#include "config/options.def"
}

void
settings_free(struct config **ref)
{
    struct config *c = *ref;
    *ref = NULL;
    if (c == NULL)
        return;
    free_fields(c);
    for (size_t i = 0; i < c->issuer_count; i++)
        clear_issuer(&c->issuers[i]);
    free(c->issuers);
    free(c->proxies);
    for (size_t i = 0; i < c->redis_server_count; i++)
        redis_url_clear(&c->redis_servers[i]);
    free(c->redis_servers);
    string_list_clear(&c->sources);
    string_list_clear(&c->notes);
    string_list_clear(&c->errors);
    for (size_t i = 0; i < c->place_count; i++) {
        free(c->places[i].directive);
        free(c->places[i].text);
    }
    free(c->places);
    free(c);
}
