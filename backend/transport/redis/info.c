/* info - lines of NAME:VALUE, under headings that say nothing. */

#include "transport/redis/info.h"

enum {
    LEAST_VERSION = 7,
    SHOWN = 40, /* of a value that is repeated */
};

struct slice
info_value(struct slice text, struct slice name)
{
    struct slice line;
    while (slice_cut(&text, '\n', &line)) {
        if (!slice_starts(line, name) || line.len == name.len || line.ptr[name.len] != ':')
            continue;
        struct slice value = slice_from(line, name.len + 1);
        return slice_head(value, slice_index(value, '\r'));
    }
    return SLICE("");
}

bool
info_is_master(struct slice text, struct error *err)
{
    struct slice role = slice_head(info_value(text, SLICE("role")), SHOWN);
    return slice_eq(role, SLICE("master")) ||
           error_set(err, "it is not the master: its role is " SLICE_FMT, SLICE_ARG(role));
}

/* Valkey says with which Redis it is compatible. */
bool
info_is_recent(struct slice text, struct error *err)
{
    struct slice said = slice_head(info_value(text, SLICE("redis_version")), SHOWN);
    uint64_t number = 0;
    bool is_number = slice_u64(slice_head(said, slice_index(said, '.')), UINT32_MAX, &number);
    return (is_number && number >= LEAST_VERSION) ||
           error_set(err,
                     "it is of version " SLICE_FMT ": at least Redis %d.0, or Valkey, is needed",
                     SLICE_ARG(said), LEAST_VERSION);
}

/* Where there is no limit, nothing is evicted; what has a time to live, none of ours. */
bool
info_evicts(struct slice text, struct error *err)
{
    struct slice policy = slice_head(info_value(text, SLICE("maxmemory_policy")), SHOWN);
    struct slice limit = info_value(text, SLICE("maxmemory"));
    bool evicts =
        slice_starts(policy, SLICE("allkeys-")) && limit.len && !slice_eq(limit, SLICE("0"));
    if (evicts)
        error_set(err,
                  "maxmemory-policy " SLICE_FMT " lets it forget the whole history when its memory "
                  "is full: set noeviction, or one of volatile-*",
                  SLICE_ARG(policy));
    return evicts;
}
