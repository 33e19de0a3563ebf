/* Words of a Redis beside its answers' shape: an error, where it sends us to, what it says of
 * itself; and a URL of one. None of them ends the process, and what is read is within its bounds.
 */

#include "base/alloc.h"
#include "config/redis_url.h"
#include "transport/redis/answer.h"
#include "transport/redis/info.h"
#include "transport/redis/place.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static const struct redis_server server = {NULL, "a", "1"};
    static const struct redis_settings settings = {.servers = &server, .server_count = 1};
    struct slice text = SLICE_OF(bytes, len);
    struct place place;
    struct redis_url url;
    struct error err;
    ENSURE(place_init(&place, &settings, &err));
    if (place_moved(&place, text))
        ENSURE(place.is_moved && place.moved_host[0] && strlen(place.moved_port) <= 5);
    place_fini(&place);
    answer_say(answer_find(text), text, "u", "s", &err);
    info_evicts(text, &err);
    if (!info_is_master(text, &err) || !info_is_recent(text, &err))
        ENSURE(err.text[0]);
    if (redis_url_read(text, "6379", &url, &err))
        ENSURE((url.path != NULL) != (url.host != NULL && url.port != NULL));
    redis_url_clear(&url);
    return 0;
}
