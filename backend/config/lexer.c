/* lexer - words out of bytes. A word is built in one buffer; what a variable brings in is text of
 * that word, never syntax. */

#include "config/lexer.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_WORD = 65536,
    MAX_NAME = 128
};

void
lexer_init(struct lexer *l, struct slice text)
{
    *l = (struct lexer){.rest = text, .line = 1};
    buf_init(&l->word, MAX_WORD);
}

void
lexer_fini(struct lexer *l)
{
    buf_fini(&l->word);
}

static char
peek(const struct lexer *l)
{
    return l->rest.len ? l->rest.ptr[0] : 0;
}

static void
skip(struct lexer *l, size_t n)
{
    l->rest = slice_from(l->rest, n);
}

static enum lexeme
fail(struct lexer *l, const char *why)
{
    l->error = why;
    return LEX_ERROR;
}

/* {$NAME:default} or {env.NAME} at the start of the rest. False: it is none. */
static bool
take_variable(struct lexer *l)
{
    size_t end = slice_index(l->rest, '}');
    struct slice inside = slice_head(l->rest, end);
    bool dollar = slice_starts(inside, SLICE("{$"));
    if (end == l->rest.len || (!dollar && !slice_starts(inside, SLICE("{env."))))
        return false;
    struct slice name = slice_from(inside, dollar ? 2 : 5), fallback = SLICE("");
    if (dollar) {
        size_t colon = slice_index(name, ':');
        fallback = slice_from(name, colon + 1);
        name = slice_head(name, colon);
    }
    char text[MAX_NAME];
    if (name.len == 0 || name.len >= sizeof text || memchr(name.ptr, 0, name.len))
        return false;
    memcpy(text, name.ptr, name.len);
    text[name.len] = 0;
    const char *value = getenv(text);
    buf_add(&l->word, value ? slice_of(value) : fallback);
    l->was_quoted = true; /* an empty value is still a word */
    skip(l, end + 1);
    return true;
}

static enum lexeme
read_quoted(struct lexer *l, char quote)
{
    unsigned opened = l->line;
    skip(l, 1);
    l->was_quoted = true;
    while (l->rest.len && peek(l) != quote) {
        if (quote == '"' && peek(l) == '\\' && l->rest.len > 1 &&
            (l->rest.ptr[1] == '"' || l->rest.ptr[1] == '\\'))
            skip(l, 1);
        else if (quote == '"' && peek(l) == '{' && take_variable(l))
            continue;
        if (peek(l) == '\n')
            l->line++;
        buf_add_byte(&l->word, peek(l));
        skip(l, 1);
    }
    if (l->rest.len == 0) {
        l->line = opened;
        return fail(l, "a quote is not closed");
    }
    skip(l, 1);
    return LEX_WORD;
}

static bool
ends_word(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == 0;
}

static bool
is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool
stands_alone(const struct lexer *l)
{
    return l->rest.len == 1 || ends_word(l->rest.ptr[1]);
}

/* <<NAME at the end of a line: what follows is the word, up to a line that is NAME, without the
 * blanks that stand before NAME; as Caddy has it. False: it is none. */
static bool
begins_heredoc(const struct lexer *l, struct slice *ret_name)
{
    size_t end = 2;
    if (!slice_starts(l->rest, SLICE("<<")))
        return false;
    while (end < l->rest.len && (is_letter(l->rest.ptr[end]) || l->rest.ptr[end] == '-'))
        end++;
    *ret_name = slice_from(slice_head(l->rest, end), 2);
    struct slice behind = slice_from(l->rest, end);
    return ret_name->len &&
           (slice_starts(behind, SLICE("\n")) || slice_starts(behind, SLICE("\r\n")));
}

/* `line` is a line of the rest: does it close? Then *ret_indent is what stands before the name. */
static bool
closes_heredoc(struct slice line, struct slice name, size_t *ret_indent)
{
    size_t indent = 0;
    while (indent < line.len && (line.ptr[indent] == ' ' || line.ptr[indent] == '\t'))
        indent++;
    *ret_indent = indent;
    struct slice at = slice_from(line, indent);
    return slice_starts(at, name) && (at.len == name.len || ends_word(at.ptr[name.len]));
}

static enum lexeme
read_heredoc(struct lexer *l, struct slice name)
{
    skip(l, slice_index(l->rest, '\n') + 1);
    struct slice rest = l->rest, line;
    size_t indent = 0;
    bool closed = false;
    while (!closed && rest.len) {
        line = slice_head(rest, slice_index(rest, '\n'));
        closed = closes_heredoc(line, name, &indent);
        rest = slice_from(rest, line.len + 1);
    }
    if (!closed)
        return fail(l, "a <<NAME is not closed by a line that is NAME");
    const char *begin = l->rest.ptr;
    l->was_quoted = true;
    for (l->line++;; l->line++) {
        size_t unused, drop = 0;
        line = slice_head(l->rest, slice_index(l->rest, '\n'));
        if (closes_heredoc(line, name, &unused))
            break;
        while (drop < indent && drop < line.len &&
               (line.ptr[drop] == ' ' || line.ptr[drop] == '\t'))
            drop++;
        if (line.ptr != begin)
            buf_add_byte(&l->word, '\n');
        buf_add(&l->word, slice_from(line, drop));
        skip(l, line.len + 1);
    }
    skip(l, indent + name.len);
    return l->word.failed ? fail(l, "a word is longer than 64 KiB") : LEX_WORD;
}

enum lexeme
lexer_next(struct lexer *l)
{
    buf_clear(&l->word);
    l->was_quoted = false;
    while (l->rest.len && (peek(l) == ' ' || peek(l) == '\t' || peek(l) == '\r'))
        skip(l, 1);
    if (l->rest.len && peek(l) == '#')
        skip(l, slice_index(l->rest, '\n'));
    if (l->rest.len == 0)
        return LEX_END;
    if (peek(l) == '\n') {
        skip(l, 1);
        l->line++;
        return LEX_LINE_END;
    }
    if ((peek(l) == '{' || peek(l) == '}') && stands_alone(l)) {
        char brace = peek(l);
        skip(l, 1);
        return brace == '{' ? LEX_OPEN : LEX_CLOSE;
    }
    struct slice name;
    if (begins_heredoc(l, &name))
        return read_heredoc(l, name);
    while (l->rest.len && !ends_word(peek(l))) {
        char c = peek(l);
        if ((c == '"' || c == '`') && l->word.len == 0 && !l->was_quoted) {
            if (read_quoted(l, c) == LEX_ERROR)
                return LEX_ERROR;
        } else if (!(c == '{' && take_variable(l))) {
            buf_add_byte(&l->word, c);
            skip(l, 1);
        }
    }
    if (l->rest.len && peek(l) == 0)
        return fail(l, "a NUL byte");
    return l->word.failed ? fail(l, "a word is longer than 64 KiB") : LEX_WORD;
}
