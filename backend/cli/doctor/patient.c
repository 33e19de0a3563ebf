/* patient - made empty, and put away. */

#include "cli/doctor/patient.h"

#include "cli/mint.h"

#include <openssl/crypto.h>
#include <stdlib.h>

void
patient_init(struct patient *p)
{
    *p = (struct patient){.seen = FRONTS};
    for (size_t role = 0; role < ROLES; role++)
        buf_init(&p->token[role], MINT_MAX);
}

void
patient_fini(struct patient *p)
{
    if (p->has_stream)
        transfer_end(&p->stream);
    for (size_t role = 0; role < ROLES; role++) {
        if (p->token[role].ptr)
            OPENSSL_cleanse(p->token[role].ptr, p->token[role].len);
        buf_fini(&p->token[role]);
    }
    for (size_t kind = 0; p->has_fronts && kind < FRONTS; kind++)
        front_fini(&p->fronts[kind]);
    string_list_clear(&p->sockets);
    config_free(&p->config);
    free(p->hub_url);
}
