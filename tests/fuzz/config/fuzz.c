/* The directive language: any bytes give a configuration or a sentence. */

#include "unit/config/text.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct error err;
    struct config *c = config_new();
    c->reading->may_read_files = false;
    if (config_parse(c, SLICE_OF(bytes, len), "fuzz", &err) && !config_judge(c, &err))
        c->anonymous = true;
    config_free(&c);
    return 0;
}
