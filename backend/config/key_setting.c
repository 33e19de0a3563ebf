/* key_setting - a key, or where keys come from, and the place that every sentence about it names.
 */

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

/* What file:PATH holds. */
static bool
read_file(const struct config *c, struct slice path, struct buf *ret, struct error *err)
{
    if (!c->reads_files)
        return error_set(err, "no files are read here");
    char *name = xstrndup(path.ptr, path.len);
    bool ok = config_read_file(name, MAX_KEY_FILE, ret, err);
    free(name);
    return ok;
}

bool
key_setting_set_key(struct key_setting *k, struct config *c, const char *name,
                    const struct slice *args, size_t count, struct error *err)
{
    struct slice text = args[0];
    struct buf file = {0};
    struct string key;
    struct error note;
    bool is_file = slice_starts(text, SLICE("file:"));
    if (is_file && !read_file(c, slice_from(text, 5), &file, err))
        return false;
    if (is_file)
        text = buf_slice(&file);
    bool ok = key_text_read(text, is_file ? KEY_IN_FILE : KEY_IN_PLACE, &key, &note, err);
    if (ok) {
        begin(k, c, name, args + 1, count - 1);
        k->text = key;
        if (note.text[0])
            config_say(c, k->place, note.text);
    }
    buf_fini(&file);
    return ok;
}

bool
key_setting_set_url(struct key_setting *k, struct config *c, const char *name,
                    const struct slice *args, size_t count, struct error *err)
{
    struct slice url = args[0], https = SLICE("https://"), file = SLICE("file:///");
    if (!(slice_starts(url, https) && url.len > https.len) &&
        !(slice_starts(url, file) && url.len > file.len))
        return error_set(err, "expected https://… or file:///…; over plain http anybody on the way "
                              "could put in keys of their own");
    for (size_t i = 0; i < url.len; i++)
        if ((unsigned char)url.ptr[i] <= ' ' || url.ptr[i] == 0x7f)
            return error_set(err, "the URL holds a blank or a control character");
    if (count - 1 > MAX_ALGS)
        return error_set(err, "more than %d algorithms", MAX_ALGS);
    begin(k, c, name, args + 1, count - 1);
    k->url = xstrndup(url.ptr, url.len);
    return true;
}
