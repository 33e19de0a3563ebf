/* problem - one document, and the question whether it is wanted. */

#include "request/problem.h"

#include "request/media.h"
#include "request/status.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

bool
problem_is_accepted(const struct request *r)
{
    return media_wish(r, SLICE("application/problem+json")) == MEDIA_WANTED ||
           media_wish(r, SLICE("application/json")) == MEDIA_WANTED;
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
