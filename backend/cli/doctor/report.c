/* report - findings, in the order of the checks.
 *
 * A line for a person begins with the verdict and the check; what is to be done stands under it.
 * Whatever comes from outside (a reply's headers, files) is shown as far as it can be printed. */

#include "cli/doctor/report.h"

#include "base/alloc.h"
#include "cli/plain.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

struct report {
    FILE *out;
    cJSON *findings; /* owns; NULL: lines */
    const char *check;
    size_t count[VERDICTS];
    bool has_terminal;
};

static const struct {
    const char *word, *shown;
} verdicts[VERDICTS] = {
    [VERDICT_OK] = {"ok", "ok  "},
    [VERDICT_NOTE] = {"note", "note"},
    [VERDICT_BAD] = {"bad", "BAD "},
    [VERDICT_SKIPPED] = {"skipped", "-   "},
};

struct report *
report_new(FILE *out, bool as_json)
{
    struct report *r = xalloc(sizeof *r);
    r->out = out;
    r->findings = as_json ? cJSON_CreateArray() : NULL;
    r->has_terminal = isatty(STDERR_FILENO) == 1;
    return r;
}

void
report_free(struct report **ref)
{
    struct report *r = *ref;
    *ref = NULL;
    if (r)
        cJSON_Delete(r->findings);
    free(r);
}

static void
wipe(const struct report *r)
{
    if (r->has_terminal)
        fputs("\r\x1b[K", stderr);
}

void
report_begin(struct report *r, const char *check)
{
    r->check = check;
    report_waits(r, "looked at");
}

void
report_waits(struct report *r, const char *fmt, ...)
{
    va_list args;
    if (!r->has_terminal)
        return;
    wipe(r);
    fprintf(stderr, "     %-14s ", r->check);
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputs(" ...", stderr);
}

/* What can be printed of it, also in JSON, which is UTF-8. Caller frees. */
static char *
plain_of(const char *text)
{
    char *plain = NULL;
    size_t len;
    FILE *into = open_memstream(&plain, &len);
    ENSURE(into != NULL);
    plain_write(into, slice_of(text));
    fclose(into);
    return plain;
}

static void
add_json(struct report *r, enum verdict verdict, const char *add, const char *said)
{
    cJSON *finding = cJSON_CreateObject();
    cJSON_AddStringToObject(finding, "check", r->check);
    cJSON_AddStringToObject(finding, "verdict", verdicts[verdict].word);
    cJSON_AddStringToObject(finding, "said", said);
    if (add)
        cJSON_AddStringToObject(finding, "add", add);
    cJSON_AddItemToArray(r->findings, finding);
}

static void
print_line(struct report *r, enum verdict verdict, const char *add, const char *said)
{
    wipe(r);
    fprintf(r->out, "%s %-14s %s\n", verdicts[verdict].shown, r->check, said);
    if (add)
        fprintf(r->out, "     %-14s -> %s\n", "", add);
    fflush(r->out);
}

static void
find(struct report *r, enum verdict verdict, const char *add, const char *fmt, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, fmt, args);
    char *said = plain_of(text), *line = add ? plain_of(add) : NULL;
    r->count[verdict]++;
    if (r->findings)
        add_json(r, verdict, line, said);
    else
        print_line(r, verdict, line, said);
    free(said);
    free(line);
}

#define FIND(verdict, add)                                                                         \
    va_list args;                                                                                  \
    va_start(args, fmt);                                                                           \
    find(r, verdict, add, fmt, args);                                                              \
    va_end(args)

void
report_ok(struct report *r, const char *fmt, ...)
{
    FIND(VERDICT_OK, NULL);
}

void
report_skip(struct report *r, const char *fmt, ...)
{
    FIND(VERDICT_SKIPPED, NULL);
}

void
report_note(struct report *r, const char *add, const char *fmt, ...)
{
    FIND(VERDICT_NOTE, add);
}

void
report_bad(struct report *r, const char *add, const char *fmt, ...)
{
    FIND(VERDICT_BAD, add);
}

static void
print_json(struct report *r)
{
    cJSON *all = cJSON_CreateObject();
    for (size_t i = 0; i < VERDICTS; i++)
        cJSON_AddNumberToObject(all, verdicts[i].word, (double)r->count[i]);
    cJSON_AddItemToObject(all, "findings", r->findings);
    r->findings = NULL;
    char *text = cJSON_Print(all);
    fprintf(r->out, "%s\n", text ? text : "");
    free(text);
    cJSON_Delete(all);
}

size_t
report_end(struct report *r)
{
    size_t bad = r->count[VERDICT_BAD], notes = r->count[VERDICT_NOTE];
    wipe(r);
    if (r->findings)
        print_json(r);
    else if (bad + notes == 0)
        fputs("All is well.\n", r->out);
    else
        fprintf(r->out, "%zu bad, %zu to note.\n", bad, notes);
    return bad;
}
