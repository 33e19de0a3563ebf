/* refusal - plain text, and nobody may keep it: as every other error (request/reply.h). */

#include "gateway/refusal.h"

#include "request/answered.h"
#include "request/status.h"

#include <stdio.h>

const struct reply *
refusal_make(struct refusal *f, const struct exchange *ex, unsigned status, struct slice sentence)
{
    static const struct header headers[] = {
        {SLICE_INIT("Content-Type"), SLICE_INIT("text/plain; charset=utf-8")},
        {SLICE_INIT("Cache-Control"), SLICE_INIT("no-store")},
    };
    f->reply = (struct reply){.status = status, .header_count = COUNT_OF(headers)};
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        f->reply.headers[i] = headers[i];
    int n = snprintf(f->text, sizeof f->text, SLICE_FMT "\n", SLICE_ARG(status_reason(status)));
    f->reply.body = sentence.len ? sentence : SLICE_OF(f->text, (size_t)n);
    answered_log(ex, status, "wire", f->reply.body);
    return &f->reply;
}
