/* words - a bounded list as text. More than the log prints is kept, so that it sees the cut. */

#include "base/words.h"

#include <string.h>

static void
append(struct words *w, struct slice s)
{
    size_t room = sizeof w->text - w->len;
    size_t len = s.len < room ? s.len : room;
    if (len)
        memcpy(w->text + w->len, s.ptr, len);
    w->len += len;
}

void
words_add(struct words *w, const char *prefix, struct slice s)
{
    if (w->len)
        append(w, SLICE(" "));
    append(w, slice_of(prefix));
    append(w, s);
}

struct slice
words_slice(const struct words *w)
{
    return SLICE_OF(w->text, w->len);
}
