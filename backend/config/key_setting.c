/* key_setting - keys as people paste them: a PEM may come with its line ends written out as \n,
 * and a file with one more at its end. */

#include "config/key_setting.h"

#include "base/alloc.h"
#include "config/config.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_KEY_FILE = 65536,
    MAX_ALGS = 16,
};

void
key_setting_clear(struct key_setting *k)
{
    free(k->text.ptr);
    free(k->url);
    free(k->place);
    string_list_clear(&k->algs);
    *k = (struct key_setting){0};
}

bool
key_setting_is_empty(const struct key_setting *k)
{
    return k->text.len == 0 && k->url == NULL;
}

static void
begin(struct key_setting *k, const struct config *c, const char *name, const struct slice *algs,
      size_t count)
{
    struct error place;
    key_setting_clear(k);
    if (c->reading_line)
        error_set(&place, "%s:%u: %s", c->reading_file, c->reading_line, name);
    else
        error_set(&place, "%s", c->reading_file ? c->reading_file : name);
    k->place = xstrndup(place.text, strlen(place.text));
    for (size_t i = 0; i < count; i++)
        string_list_add(&k->algs, algs[i]);
}

/* The two bytes \ and n of a PEM in one line become one line end. */
static struct string
with_line_ends(struct slice text)
{
    char *out = xstrndup(text.ptr, text.len);
    size_t n = 0;
    bool is_pem = slice_starts(text, SLICE("-----BEGIN"));
    for (size_t i = 0; i < text.len; i++) {
        bool written_out =
            is_pem && text.ptr[i] == '\\' && i + 1 < text.len && text.ptr[i + 1] == 'n';
        out[n++] = written_out ? '\n' : text.ptr[i];
        i += written_out;
    }
    out[n] = 0;
    return (struct string){out, n};
}

bool
key_setting_set_key(struct key_setting *k, const struct config *c, const char *name,
                    const struct slice *args, size_t count, struct error *err)
{
    struct slice text = args[0];
    struct buf file = {0};
    if (slice_starts(text, SLICE("file:"))) {
        if (!c->reads_files)
            return error_set(err, "%s: no files are read here", name);
        char *path = xstrndup(text.ptr + 5, text.len - 5);
        struct error why;
        bool ok = config_read_file(path, MAX_KEY_FILE, &file, &why);
        free(path);
        if (!ok)
            return error_set(err, "%s: %.400s", name, why.text);
        text = buf_slice(&file);
        if (text.len && text.ptr[text.len - 1] == '\n')
            text.len--;
    }
    bool ok = text.len || error_set(err, "%s: the key is empty", name);
    if (ok) {
        begin(k, c, name, args + 1, count - 1);
        k->text = with_line_ends(text);
    }
    buf_fini(&file);
    return ok;
}

bool
key_setting_set_url(struct key_setting *k, const struct config *c, const char *name,
                    const struct slice *args, size_t count, struct error *err)
{
    struct slice url = args[0], https = SLICE("https://"), file = SLICE("file:///");
    if (!(slice_starts(url, https) && url.len > https.len) &&
        !(slice_starts(url, file) && url.len > file.len))
        return error_set(err,
                         "%s: expected https://… or file:///…; over plain http anybody on the "
                         "way could put in keys of their own",
                         name);
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
            return error_set(err, "%s: the URL holds a blank or a control character", name);
    if (count - 1 > MAX_ALGS)
        return error_set(err, "%s: more than %d algorithms", name, MAX_ALGS);
    begin(k, c, name, args + 1, count - 1);
    k->url = xstrndup(url.ptr, url.len);
    return true;
}
