/* key_look - the keys' strength, as the hub itself warns of it. */

#include "cli/doctor/key_look.h"

#include "auth/key_text.h"
#include "base/dialect.h"

void
key_look(struct report *r, const char *owner, const struct key_setting *k)
{
    struct error why = {""};
    struct slice text = SLICE_OF(k->text.ptr, k->text.len);
    if (k->url)
        report_ok(r, "%s: a JWK set of %s", owner, k->url);
    if (text.len == 0)
        return;
    struct key *key =
        key_read(text, slice_of(k->algs.count ? k->algs.items[0] : NULL), KEY_MAY_CHOOSE, &why);
    if (key == NULL)
        report_bad(r, NULL, "%s: %s", owner, why.text);
    else if (key_warning(key, false, &why))
        report_bad(r, "openssl rand -hex 32 makes one; whoever signs takes the same", "%s: %s",
                   owner, why.text);
    else if (key_kind_of(key) == KEY_SECRET)
        report_ok(r, "%s: a secret of %zu bytes", owner, text.len);
    else
        report_ok(r, "%s: the public half of a pair", owner);
    key_free(&key);
}

void
key_look_same(struct report *r, const struct key_setting *keys)
{
    struct slice publisher = SLICE_OF(keys[ROLE_PUBLISH].text.ptr, keys[ROLE_PUBLISH].text.len);
    struct slice subscriber =
        SLICE_OF(keys[ROLE_SUBSCRIBE].text.ptr, keys[ROLE_SUBSCRIBE].text.len);
    if (publisher.len && slice_eq(publisher, subscriber))
        report_note(r,
                    "two keys, where pages get their tokens from another program than publishers",
                    "publisher and subscriber have one key: who can make a page's cookie can "
                    "publish (Symfony and Laravel want it so)");
}
