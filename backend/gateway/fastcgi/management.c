/* management - GET_VALUES has its answer, every other type is unknown. */

#include "gateway/fastcgi/management.h"

#include "base/alloc.h"
#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/record.h"

#include <fastcgi.h>
#include <stdio.h>

struct value {
    struct slice name;
    size_t value;
};

static bool
is_asked(struct slice asked, struct slice wanted)
{
    struct slice name, value;
    while (record_pair(&asked, &name, &value) == PARSE_OK)
        if (slice_eq(name, wanted))
            return true;
    return false;
}

bool
management_asks_multicast(struct slice content)
{
    return is_asked(content, SLICE(MULTICAST_VALUE));
}

static void
add_values(struct buf *out, struct slice asked, const struct value *values, size_t count)
{
    char text[SLICE_DIGITS];
    size_t opened = record_open(out), before = out->len;
    for (size_t i = 0; i < count; i++)
        if (is_asked(asked, values[i].name))
            record_add_pair(out, values[i].name, slice_of_number(text, values[i].value, 10));
    bool any = out->len > before;
    record_close(out, opened, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID);
    if (!any)
        record_add_empty(out, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID);
}

void
management_answer(struct buf *out, uint8_t type, struct slice content, size_t max_conns,
                  size_t max_reqs, bool multiplexes)
{
    const struct value values[] = {
        {SLICE(FCGI_MAX_CONNS), max_conns},
        {SLICE(FCGI_MAX_REQS), max_reqs},
        {SLICE(FCGI_MPXS_CONNS), multiplexes},
        {SLICE(MULTICAST_VALUE), 1},
    };
    if (type == FCGI_GET_VALUES)
        add_values(out, content, values, COUNT_OF(values));
    else
        record_add_unknown(out, type);
}
