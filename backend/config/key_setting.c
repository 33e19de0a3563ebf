/* key_setting - a key, or where keys come from, and the place that every sentence about it names.
 */

#include "config/key_setting.h"

#include "base/alloc.h"
#include "base/text_file.h"

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
begin(struct key_setting *k, const char *place, const struct slice *algs, size_t count)
{
    key_setting_clear(k);
    k->place = xstrndup(place, strlen(place));
    for (size_t i = 0; i < count; i++)
        string_list_add(&k->algs, algs[i]);
}

/* What file:PATH holds. */
static bool
read_file(struct slice path, struct buf *ret, struct error *err)
{
    char *name = xstrndup(path.ptr, path.len);
    bool ok = text_file_read(name, MAX_KEY_FILE, ret, err);
    free(name);
    return ok;
}

bool
key_setting_set_key(struct key_setting *k, const char *place, bool may_read_files,
                    const struct slice *args, size_t count, struct error *ret_note,
                    struct error *err)
{
    struct slice text = args[0];
    struct buf file = {0};
    struct string key;
    bool is_file = slice_starts(text, SLICE("file:"));
    if (is_file && !may_read_files)
        return error_set(err, "no files are read here");
    if (is_file && !read_file(slice_from(text, 5), &file, err))
        return false;
    if (is_file)
        text = buf_slice(&file);
    bool ok = key_text_read(text, is_file ? KEY_IN_FILE : KEY_IN_PLACE, &key, ret_note, err);
    if (ok) {
        begin(k, place, args + 1, count - 1);
        k->text = key;
    }
    buf_fini(&file);
    return ok;
}

bool
key_setting_set_url(struct key_setting *k, const char *place, const struct slice *args,
                    size_t count, struct error *err)
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
    begin(k, place, args + 1, count - 1);
    k->url = xstrndup(url.ptr, url.len);
    return true;
}
