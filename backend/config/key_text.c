/* key_text - keys as people paste them.
 *
 * A secret has no form, so whatever slips into it (a quote that compose keeps, a line end of a
 * Windows editor, the name of a variable that nothing filled in) becomes the key, and every token
 * is refused, or worse: whoever knows the text can sign. So what can only be a slip is taken off
 * where it is sure, said where it may be meant, and refused where it cannot be a key. */

#include "config/key_text.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <string.h>

enum {
    PEM_LINE = 64,
};

static bool
is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || is_line_end(c);
}

static struct slice
trim(struct slice s, bool (*is_off)(char))
{
    while (s.len && is_off(s.ptr[0]))
        s = slice_from(s, 1);
    while (s.len && is_off(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

static bool
is_in_quotes(struct slice s)
{
    return s.len > 1 && (s.ptr[0] == '"' || s.ptr[0] == '\'') && s.ptr[s.len - 1] == s.ptr[0];
}

/* --- PEM -------------------------------------------------------------------------------------- */

/* A line end written out, backslash and n or r. */
static bool
is_written_out(struct slice s, size_t i)
{
    return s.ptr[i] == '\\' && i + 1 < s.len && (s.ptr[i + 1] == 'n' || s.ptr[i + 1] == 'r');
}

static void
write_as_it_is(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.len; i++) {
        bool written_out = is_written_out(s, i);
        buf_add_byte(out, written_out ? '\n' : s.ptr[i]);
        i += written_out;
    }
}

/* What stands between BEGIN and END, in lines. False: it is not base64 alone (old headers). */
static bool
write_body(struct slice s, struct buf *out)
{
    size_t column = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (is_written_out(s, i)) {
            i++;
            continue;
        }
        if (is_blank(c))
            continue;
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              (c && strchr("+/=", c))))
            return false;
        if (column++ % PEM_LINE == 0)
            buf_add_byte(out, '\n');
        buf_add_byte(out, c);
    }
    buf_add_byte(out, '\n');
    return true;
}

/* The end of -----BEGIN LABEL----- or -----END LABEL-----; 0: it has none. */
static size_t
end_of_marker(struct slice s)
{
    size_t dashes = slice_find(slice_from(s, 5), SLICE("-----"));
    return dashes + 10 > s.len ? 0 : dashes + 10;
}

/* Blocks one after another, each with the line ends that a field of a panel or an editor lost. */
static void
write_pem(struct slice s, struct buf *out)
{
    for (;;) {
        s = slice_from(s, slice_find(s, SLICE("-----BEGIN")));
        size_t head = end_of_marker(s), foot = slice_find(s, SLICE("-----END"));
        size_t tail = end_of_marker(slice_from(s, foot)), before = out->len;
        if (s.len == 0 || head == 0 || foot < head || tail == 0)
            break;
        buf_add(out, slice_head(s, head));
        if (!write_body(SLICE_OF(s.ptr + head, foot - head), out)) {
            out->len = before;
            write_as_it_is(slice_head(s, foot), out);
        }
        buf_add(out, SLICE_OF(s.ptr + foot, tail));
        buf_add_byte(out, '\n');
        s = slice_from(s, foot + tail);
    }
    write_as_it_is(s, out);
    while (out->len && is_line_end(out->ptr[out->len - 1]))
        out->len--;
}

/* --- what is no key --------------------------------------------------------------------------- */

/* What a text begins with that something else should have replaced; `end`: and ends with. */
static const struct {
    struct slice begin, end;
    const char *what;
} slips[] = {
    {SLICE_INIT("${"), SLICE_INIT(""), "a placeholder"},
    {SLICE_INIT("{$"), SLICE_INIT(""), "a placeholder"},
    {SLICE_INIT("{env."), SLICE_INIT(""), "a placeholder"},
    {SLICE_INIT("{file."), SLICE_INIT(""), "a placeholder"},
    {SLICE_INIT("{vault."), SLICE_INIT(""), "a placeholder"},
    {SLICE_INIT("{{"), SLICE_INIT("}}"), "a placeholder"},
    {SLICE_INIT("{%"), SLICE_INIT("%}"), "a placeholder"},
    {SLICE_INIT("<%"), SLICE_INIT("%>"), "a placeholder"},
    {SLICE_INIT("#{"), SLICE_INIT("}"), "a placeholder"},
    {SLICE_INIT("%env("), SLICE_INIT(")%"), "a placeholder"},
    {SLICE_INIT("env("), SLICE_INIT(")"), "a placeholder"},
    {SLICE_INIT("$("), SLICE_INIT(")"), "a command"},
    {SLICE_INIT("`"), SLICE_INIT("`"), "a command"},
    {SLICE_INIT("cat "), SLICE_INIT(""), "a command"},
    {SLICE_INIT("echo "), SLICE_INIT(""), "a command"},
    {SLICE_INIT("base64 "), SLICE_INIT(""), "a command"},
    {SLICE_INIT("openssl "), SLICE_INIT(""), "a command"},
};

/* [from, end) holds what names of variables hold. */
static bool
is_name(struct slice s, bool upper_alone)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool fine = (c >= 'A' && c <= 'Z') || c == '_' || (i && c >= '0' && c <= '9') ||
                    (!upper_alone && c >= 'a' && c <= 'z');
        if (!fine)
            return false;
    }
    return s.len >= 3;
}

/* $NAME or %NAME% alone. */
static bool
is_bare_name(struct slice s)
{
    if (s.len < 4)
        return false;
    return (s.ptr[0] == '$' && is_name(slice_from(s, 1), true)) ||
           (s.ptr[0] == '%' && s.ptr[s.len - 1] == '%' &&
            is_name(SLICE_OF(s.ptr + 1, s.len - 2), false));
}

/* Base64 may begin with a slash: a path is known by where it leads or by how it ends. */
static bool
is_path(struct slice s)
{
    static const struct slice folders[] = {
        SLICE_INIT("/run/"),  SLICE_INIT("/etc/"),     SLICE_INIT("/var/"),   SLICE_INIT("/home/"),
        SLICE_INIT("/root/"), SLICE_INIT("/secrets/"), SLICE_INIT("/config/")};
    static const struct slice endings[] = {SLICE_INIT(".pem"), SLICE_INIT(".key"),
                                           SLICE_INIT(".pub"), SLICE_INIT(".crt"),
                                           SLICE_INIT(".cer"), SLICE_INIT(".jwk")};
    bool found = false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == '+' || s.ptr[i] == '=')
            return false;
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        found |= slice_starts(s, folders[i]);
    for (size_t i = 0; i < COUNT_OF(endings); i++)
        found |= slice_ends(s, endings[i]);
    return found;
}

static const char *
find_slip(struct slice s)
{
    for (size_t i = 0; i < COUNT_OF(slips); i++)
        if (s.len > slips[i].begin.len && slice_starts(s, slips[i].begin) &&
            slice_ends(s, slips[i].end))
            return slips[i].what;
    return is_bare_name(s) ? "a placeholder" : is_path(s) ? "a path" : NULL;
}

static bool
refuse(const char *what, struct error *err)
{
    static const struct {
        const char *what, *instead;
    } help[] = {
        {"a placeholder", "nothing put a value in its place; in this language it is {env.NAME}"},
        {"a command", "nothing runs it here; file:PATH takes the key from a file"},
        {"a path", "file:PATH takes the key from a file"},
    };
    for (size_t i = 0; i < COUNT_OF(help); i++)
        if (strcmp(help[i].what, what) == 0)
            return error_set(err, "this looks like %s, and not like a key: %s", what,
                             help[i].instead);
    return false;
}

/* --- all of it -------------------------------------------------------------------------------- */

static bool
has_control(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
            return true;
    return false;
}

/* What may be meant, but mostly is not. */
static void
note_oddities(struct slice s, bool taken_off, struct error *note)
{
    if (is_in_quotes(s))
        error_set(note, "the key is wrapped in quotes, and they are part of it (compose keeps them "
                        "in - NAME='…'): whoever signs needs them too");
    else if (s.len && (is_blank(s.ptr[0]) || is_blank(s.ptr[s.len - 1])))
        error_set(note, "the key begins or ends with a blank, which is part of it: whoever signs "
                        "needs it too");
    else if (has_control(s))
        error_set(note, "the key holds a line end or another control character, which is part of "
                        "it");
    else if (taken_off)
        error_set(note, "line ends (or a byte order mark) around the key were taken off: whoever "
                        "signs must be without them too");
}

bool
key_text_read(struct slice raw, enum key_source_kind kind, struct string *ret,
              struct error *ret_note, struct error *err)
{
    struct slice mark = SLICE("\xef\xbb\xbf"), s = raw;
    struct buf out;
    ret_note->text[0] = 0;
    if (slice_starts(s, SLICE("\xff\xfe")) || slice_starts(s, SLICE("\xfe\xff")))
        return error_set(err, "the key is written in UTF-16, as by Windows; save it as UTF-8");
    if (slice_starts(s, mark))
        s = slice_from(s, mark.len);
    s = trim(s, is_line_end);
    size_t usual = kind == KEY_IN_FILE && slice_ends(raw, SLICE("\n"));
    bool taken_off = raw.len - s.len > usual;
    struct slice bare = trim(s, is_blank), inner = bare;
    if (is_in_quotes(bare))
        inner = trim(SLICE_OF(bare.ptr + 1, bare.len - 2), is_blank);
    if (inner.len == 0)
        return error_set(err, "the key is empty; was a variable not set?");
    bool is_pem = slice_starts(inner, SLICE("-----BEGIN"));
    bool is_json = inner.ptr[0] == '{' && inner.ptr[inner.len - 1] == '}' &&
                   slice_index(inner, '"') < inner.len;
    const char *slip = is_pem || is_json ? NULL : find_slip(inner);
    if (slip)
        return refuse(slip, err);
    buf_init(&out, 2 * raw.len + 64);
    if (is_pem)
        write_pem(inner, &out);
    else
        buf_add(&out, is_json ? inner : s);
    ENSURE(!out.failed);
    if (!is_pem && !is_json)
        note_oddities(s, taken_off, ret_note);
    *ret = (struct string){xstrndup(out.ptr ? out.ptr : "", out.len), out.len};
    buf_fini(&out);
    return true;
}
