/* login - who we are. A password that changes is read anew with each connection. */

#include "transport/redis/login.h"

#include "base/text_file.h"
#include "transport/redis/resp.h"

enum {
    MAX_PASSWORD = 4096
};

static void
add_auth(struct buf *out, const char *user, struct slice password)
{
    resp_begin(out, user ? 3 : 2);
    resp_add(out, SLICE("AUTH"));
    if (user)
        resp_add(out, slice_of(user));
    resp_add(out, password);
}

static struct slice
without_line_end(struct slice s)
{
    if (slice_ends(s, SLICE("\n")))
        s.len--;
    if (slice_ends(s, SLICE("\r")))
        s.len--;
    return s;
}

bool
login_add_auth(struct buf *out, const struct redis_login *l, struct error *err)
{
    struct buf text;
    err->text[0] = '\0';
    if (l->password) {
        add_auth(out, l->user, slice_of(l->password));
        return true;
    }
    if (l->password_file == NULL || !text_file_read(l->password_file, MAX_PASSWORD, &text, err))
        return false;
    add_auth(out, l->user, without_line_end(buf_slice(&text)));
    buf_fini(&text);
    return true;
}

bool
login_add_database(struct buf *out, const struct redis_settings *s)
{
    if (s->db == 0)
        return false;
    resp_begin(out, 2);
    resp_add(out, SLICE("SELECT"));
    resp_add_number(out, s->db);
    return true;
}

void
login_add_name(struct buf *out, const struct redis_settings *s)
{
    resp_begin(out, 3);
    resp_add(out, SLICE("CLIENT"));
    resp_add(out, SLICE("SETNAME"));
    resp_add(out, slice_of(s->client_name));
}
