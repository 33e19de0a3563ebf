/* exposure - a secret in a file that is open to all is no secret.
 *
 * What a variable or another file gave is not looked at: a secret stands in the configuration where
 * its bytes do. Files of secrets are not judged: in a container they are open to all, and nobody
 * else is there. */

#include "config/exposure.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool
has_mode(const char *path, mode_t mode)
{
    struct stat st;
    return stat(path, &st) == 0 && (st.st_mode & mode) == mode;
}

/* A folder that others may not enter closes what is in it. */
static bool
is_open_to_all(const char *path)
{
    char *real = realpath(path, NULL), *slash;
    bool open = real && has_mode(real, S_IROTH);
    while (open && (slash = strrchr(real, '/')) != NULL && slash != real) {
        *slash = 0;
        open = has_mode(real, S_IXOTH);
    }
    free(real);
    return open;
}

static bool
is_secret(struct slice key)
{
    bool is_jwk = slice_starts(key, SLICE("{"));
    bool is_pem = slice_starts(key, SLICE("-----BEGIN"));
    if (is_pem)
        return slice_find(key, SLICE("PRIVATE KEY")) < key.len;
    if (is_jwk)
        return slice_find(key, SLICE("\"k\"")) < key.len ||
               slice_find(key, SLICE("\"d\"")) < key.len;
    return key.len > 0;
}

static void
look_at(struct config *c, const struct key_setting keys[ROLES], const char *path, struct slice text)
{
    for (size_t i = 0; i < ROLES; i++) {
        struct slice key = SLICE_OF(keys[i].text.ptr, keys[i].text.len);
        struct error sentence;
        if (!is_secret(key) || slice_find(text, key) == text.len)
            continue;
        error_set(&sentence,
                  "%.200s: everybody on this machine may read the secret in %.200s: "
                  "chmod o-r, or keep it in a file of its own (file:PATH)",
                  keys[i].place, path);
        string_list_add(&c->notes, slice_of(sentence.text));
    }
}

/* A password, or a URL that holds one. */
static void
look_at_password(struct config *c, const char *text, const char *path, struct slice file)
{
    struct slice secret = slice_of(text);
    bool is_url = slice_find(secret, SLICE("://")) < secret.len;
    if (secret.len == 0 || slice_find(file, secret) == file.len ||
        (is_url && slice_index(secret, '@') == secret.len))
        return;
    struct error sentence;
    error_set(&sentence,
              "everybody on this machine may read the password in %.200s: chmod o-r, or keep it in "
              "a file of its own (password_file PATH)",
              path);
    settings_note(c, "transport", sentence.text);
}

void
exposure_note(struct config *c, const char *path, struct slice text)
{
    if (!is_open_to_all(path))
        return;
    look_at(c, c->keys, path, text);
    const char *passwords[] = {c->redis_url, c->redis_password, c->redis_sentinel_password};
    for (size_t i = 0; i < COUNT_OF(passwords); i++)
        look_at_password(c, passwords[i], path, text);
    for (size_t i = 0; i < c->issuer_count; i++)
        look_at(c, c->issuers[i].keys, path, text);
}
