/* problem - one document, and the question whether it is wanted. */

#include "request/problem.h"

#include "request/status.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

/* "q=0" and "q=0.000": not wanted (RFC 9110, section 12.4.2). */
static bool
is_refused(struct slice parameters)
{
    struct slice part;
    while (slice_cut(&parameters, ';', &part)) {
        part = slice_trim(part);
        if (!slice_eq_nocase(slice_head(part, 2), SLICE("q=")))
            continue;
        struct slice value = slice_from(part, 2);
        for (size_t i = 0; i < value.len; i++)
            if (value.ptr[i] != '0' && value.ptr[i] != '.')
                return false;
        return true;
    }
    return false;
}

static bool
accepts(struct slice list)
{
    static const struct slice ranges[] = {
        SLICE_INIT("application/problem+json"),
        SLICE_INIT("application/json"),
        SLICE_INIT("application/*"),
        SLICE_INIT("*/*"),
    };
    struct slice item;
    while (slice_cut(&list, ',', &item)) {
        size_t end = slice_index(item, ';');
        struct slice range = slice_trim(slice_head(item, end));
        for (size_t i = 0; i < COUNT_OF(ranges); i++)
            if (slice_eq_nocase(range, ranges[i]) && !is_refused(slice_from(item, end + 1)))
                return true;
    }
    return false;
}

bool
problem_is_accepted(const struct request *r)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("Accept")) && accepts(r->headers[i].value))
            return true;
    return false;
}

struct slice
problem_document(struct arena *arena, unsigned status, struct slice detail)
{
    struct slice title = status_reason(status), kept = SLICE("");
    char sentence[600];
    cJSON *document = cJSON_CreateObject();
    size_t room = slice_head_utf8(detail, sizeof sentence - 1).len;
    if (room)
        memcpy(sentence, detail.ptr, room);
    while (room && sentence[room - 1] == '\n')
        room--;
    sentence[room] = 0;
    cJSON_AddStringToObject(document, "type", "about:blank");
    cJSON_AddStringToObject(document, "title", title.ptr);
    cJSON_AddNumberToObject(document, "status", status);
    cJSON_AddStringToObject(document, "detail", sentence);
    char *text = cJSON_PrintUnformatted(document);
    if (text && !arena_copy(arena, slice_of(text), &kept))
        kept = SLICE("");
    cJSON_free(text);
    cJSON_Delete(document);
    return kept;
}
