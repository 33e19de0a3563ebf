/* token_cmd - makes tokens for people: for a first try, for a publisher's configuration.
 *
 * The key is the hub's own configuration's, the environment's or a file's: neither a secret nor a
 * token ever stands on a command line, where everybody on the machine reads it. What is made is
 * judged by nobody here; `alipes token inspect` does that. */

#include "cli/token_cmd.h"

#include "auth/key_text.h"
#include "base/text_file.h"
#include "cli/help.h"
#include "cli/mint.h"
#include "config/config.h"
#include "config/value.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    EXP_STANDARD_MS = 3600000,
};

static bool
take_options(struct mint *w, const struct call *call, struct error *err)
{
    w->issuer = call_value(call, "--issuer");
    w->audience = call_value(call, "--audience");
    w->alg = call_value(call, "--alg");
    w->payload = call_value(call, "--payload");
    w->dialect = call_value(call, "--dialect");
    call_values(call, "--publish", &w->publish);
    call_values(call, "--subscribe", &w->subscribe);
    const char *exp = call_value(call, "--exp");
    w->exp_ms = EXP_STANDARD_MS;
    if (exp && (!value_duration(slice_of(exp), &w->exp_ms) || w->exp_ms == 0))
        return error_set(err, "--exp: expected a duration, as in --exp 1h");
    if (w->dialect && strcmp(w->dialect, "0") != 0 && strcmp(w->dialect, "1") != 0)
        return error_set(err, "--dialect: expected 0 or 1");
    if (w->publish.count + w->subscribe.count == 0)
        return error_set(err, "nothing to grant: say --publish or --subscribe");
    return true;
}

/* As the hub reads `file:FILE`, so that both have the same key. */
static bool
read_key_file(const char *path, struct buf *key, struct error *err)
{
    struct buf raw;
    struct string text;
    struct error note, why;
    if (!text_file_read_pipe(path, KEY_TEXT_MAX, &raw, err))
        return false;
    bool ok = key_text_read(buf_slice(&raw), KEY_IN_FILE, &text, &note, &why);
    if (ok && note.text[0])
        fprintf(stderr, "alipes token: note: %s: %s\n", path, note.text);
    if (ok) {
        buf_add(key, SLICE_OF(text.ptr, text.len));
        OPENSSL_cleanse(text.ptr, text.len);
        free(text.ptr);
    }
    if (raw.ptr)
        OPENSSL_cleanse(raw.ptr, raw.len);
    buf_fini(&raw);
    return ok ? true : error_set(err, "%.200s: %.300s", path, why.text);
}

int
token_cmd(const struct call *call)
{
    struct mint w = {0};
    struct config *c = NULL;
    struct error err = {""};
    struct buf key, out;
    const char *conf = call_value(call, "-c"), *key_file = call_value(call, "--key-file");
    buf_init(&key, KEY_TEXT_MAX);
    buf_init(&out, MINT_MAX);
    bool right = take_options(&w, call, &err), ok = right;
    ok = ok && (key_file && conf == NULL ? true : config_load(conf, &c, &err)) &&
         (!key_file || read_key_file(key_file, &key, &err));
    ok = ok && mint_token(&w, c, buf_slice(&key), &out, &err);
    if (ok)
        printf("%.*s\n", (int)out.len, out.ptr);
    else
        call_failed(call, "%s", err.text);
    if (!right)
        help_usage(stderr, call->command);
    if (key.ptr)
        OPENSSL_cleanse(key.ptr, key.len);
    buf_fini(&key);
    buf_fini(&out);
    mint_fini(&w);
    config_free(&c);
    return ok ? 0 : right ? 1 : 2;
}
