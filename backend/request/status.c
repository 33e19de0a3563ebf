/* status - what the numbers are called. */

#include "request/status.h"

struct slice
status_reason(unsigned status)
{
    static const struct {
        unsigned status;
        struct slice reason;
    } reasons[] = {
        {200, SLICE_INIT("OK")},
        {204, SLICE_INIT("No Content")},
        {304, SLICE_INIT("Not Modified")},
        {308, SLICE_INIT("Permanent Redirect")},
        {400, SLICE_INIT("Bad Request")},
        {401, SLICE_INIT("Unauthorized")},
        {403, SLICE_INIT("Forbidden")},
        {404, SLICE_INIT("Not Found")},
        {405, SLICE_INIT("Method Not Allowed")},
        {406, SLICE_INIT("Not Acceptable")},
        {408, SLICE_INIT("Request Timeout")},
        {413, SLICE_INIT("Content Too Large")},
        {415, SLICE_INIT("Unsupported Media Type")},
        {417, SLICE_INIT("Expectation Failed")},
        {421, SLICE_INIT("Misdirected Request")},
        {429, SLICE_INIT("Too Many Requests")},
        {431, SLICE_INIT("Request Header Fields Too Large")},
        {501, SLICE_INIT("Not Implemented")},
        {503, SLICE_INIT("Service Unavailable")},
        {505, SLICE_INIT("HTTP Version Not Supported")},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return SLICE("Unknown");
}
