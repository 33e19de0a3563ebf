/* pattern_program - text and wildcards, matched in bounded time.
 *
 * A program is a few steps, one behind the other:
 *
 *     TEXT      text
 *     OPTIONAL  text, or nothing                  {ab}?
 *     ANY_OF    text, as often as it is there     {ab}*
 *     SEGMENT   what holds no delimiter, at least one byte (or none: `:a*`)
 *     ALL       anything
 *     LIST      prefix segment (suffix prefix segment)… suffix, once or repeated, needed or not
 *
 * Nothing here backtracks. Where a program is, is a *set* of places in the subject, and a step
 * turns one set into the next in one pass over the subject. As long as the set is a single place,
 * which is so from the start to the first wildcard that could end in several, no set is built:
 * what people write (a `:id`, a `*` at the end) never leaves this path.
 *
 * A subject is ASCII, since it is a component of a URL; a byte is a character. */

#include "topic/pattern_program.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum op {
    OP_TEXT,
    OP_OPTIONAL,
    OP_ANY_OF,
    OP_SEGMENT,
    OP_ALL,
    OP_LIST,
};

enum {
    MAY_BE_EMPTY = 1, /* OP_SEGMENT: no byte will do; OP_LIST: so will nothing at all */
    REPEATS = 2,      /* OP_LIST */
    WIDE = 4,         /* OP_LIST: anything in the place of segments */

    SMALL = 2048,        /* bytes of a subject whose sets fit on the stack */
    PLACES_PER_STEP = 4, /* ten nanoseconds of them */
};

/* One step, as it lies in the program: this head (unaligned), then its texts. */
struct step {
    uint8_t op, flags;
    char delimiter;
    uint32_t first_len, second_len;
    struct slice first, second;
};

static void
write_step(struct buf *out, enum op op, unsigned flags, char delimiter, struct slice first,
           struct slice second)
{
    uint32_t lengths[2] = {(uint32_t)first.len, (uint32_t)second.len};
    bool texts = op != OP_SEGMENT && op != OP_ALL;
    buf_add(out, SLICE_OF(((const char[]){(char)op, (char)flags, delimiter}), 3));
    if (texts)
        buf_add(out, SLICE_OF((const char *)lengths, op == OP_LIST ? 8 : 4));
    buf_add(out, first);
    buf_add(out, second);
}

static bool
read_step(struct slice *program, struct step *s)
{
    if (program->len == 0)
        return false;
    *s = (struct step){
        (uint8_t)program->ptr[0], (uint8_t)program->ptr[1], program->ptr[2], 0, 0, {0}, {0}};
    *program = slice_from(*program, 3);
    if (s->op != OP_SEGMENT && s->op != OP_ALL) {
        size_t head = s->op == OP_LIST ? 8 : 4;
        memcpy(&s->first_len, program->ptr, 4);
        if (s->op == OP_LIST)
            memcpy(&s->second_len, program->ptr + 4, 4);
        *program = slice_from(*program, head);
    }
    s->first = slice_head(*program, s->first_len);
    *program = slice_from(*program, s->first_len);
    s->second = slice_head(*program, s->second_len);
    *program = slice_from(*program, s->second_len);
    return true;
}

/* --- writing ------------------------------------------------------------------------------- */

struct writer {
    struct buf *out;
    struct buf text; /* not yet written: neighbours become one step */
};

static void
flush_text(struct writer *w)
{
    if (w->text.len)
        write_step(w->out, OP_TEXT, 0, 0, buf_slice(&w->text), SLICE(""));
    buf_clear(&w->text);
}

static void
write_text_part(struct writer *w, const struct pattern_part *part)
{
    if (part->modifier == MODIFIER_NONE) {
        buf_add(&w->text, part->value);
        return;
    }
    if (part->value.len == 0)
        return;
    if (part->modifier == MODIFIER_ONE_OR_MORE)
        buf_add(&w->text, part->value);
    flush_text(w);
    write_step(w->out, part->modifier == MODIFIER_OPTIONAL ? OP_OPTIONAL : OP_ANY_OF, 0, 0,
               part->value, SLICE(""));
}

/* A wildcard without modifier, or one that repeating makes no wider, except that it may then be
 * missing. */
static void
write_plain(struct writer *w, const struct pattern_part *part, char delimiter)
{
    bool may_be_empty =
        part->modifier == MODIFIER_OPTIONAL || part->modifier == MODIFIER_ZERO_OR_MORE;
    buf_add(&w->text, part->prefix);
    flush_text(w);
    if (part->type == PART_FULL_WILDCARD)
        write_step(w->out, OP_ALL, 0, 0, SLICE(""), SLICE(""));
    else
        write_step(w->out, OP_SEGMENT, may_be_empty ? MAY_BE_EMPTY : 0, delimiter, SLICE(""),
                   SLICE(""));
    buf_add(&w->text, part->suffix);
}

void
pattern_program_write(const struct pattern_parts *parts, char delimiter, struct buf *out)
{
    struct writer w = {.out = out};
    buf_init(&w.text, out->max);
    for (size_t i = 0; i < parts->count; i++) {
        const struct pattern_part *part = &parts->at[i];
        unsigned flags = 0;
        if (part->type == PART_FIXED_TEXT) {
            write_text_part(&w, part);
            continue;
        }
        bool wide = part->type == PART_FULL_WILDCARD;
        if (part->modifier == MODIFIER_NONE || part->prefix.len + part->suffix.len == 0 ||
            (wide && part->modifier == MODIFIER_ONE_OR_MORE)) {
            write_plain(&w, part, delimiter);
            continue;
        }
        if (part->modifier != MODIFIER_ONE_OR_MORE)
            flags |= MAY_BE_EMPTY;
        if (part->modifier != MODIFIER_OPTIONAL)
            flags |= REPEATS;
        flush_text(&w);
        write_step(out, OP_LIST, flags | (wide ? WIDE : 0), delimiter, part->prefix, part->suffix);
    }
    flush_text(&w);
    if (w.text.failed)
        out->failed = true;
    buf_fini(&w.text);
}

bool
pattern_program_write_text(const struct pattern_parts *parts, struct buf *out)
{
    for (size_t i = 0; i < parts->count; i++)
        if (parts->at[i].type != PART_FIXED_TEXT || parts->at[i].modifier != MODIFIER_NONE)
            return false;
    for (size_t i = 0; i < parts->count; i++)
        buf_add(out, parts->at[i].value);
    return true;
}

/* --- matching, one place ------------------------------------------------------------------- */

enum next {
    NEXT_STEP,
    NEXT_YES,
    NEXT_NO,
    NEXT_SET, /* this step may end in several places */
};

/* The text that must come next, after which `*ret_last` says whether the program ends. */
static bool
next_is_text(struct slice program, struct slice *ret_text, bool *ret_last)
{
    struct step s;
    if (!read_step(&program, &s) || s.op != OP_TEXT)
        return false;
    *ret_text = s.first;
    *ret_last = program.len == 0;
    return true;
}

static enum next
one_segment(const struct step *s, struct slice program, struct slice rest, size_t *at)
{
    struct slice text;
    bool last;
    size_t end = s->delimiter ? slice_index(rest, s->delimiter) : rest.len;
    if (end == 0 && !(s->flags & MAY_BE_EMPTY))
        return NEXT_NO;
    if (program.len == 0)
        return end == rest.len ? NEXT_YES : NEXT_NO;
    if (!s->delimiter || !next_is_text(program, &text, &last) || text.ptr[0] != s->delimiter)
        return NEXT_SET;
    *at += end;
    return NEXT_STEP;
}

static enum next
one_place(const struct step *s, struct slice program, struct slice subject, size_t *at)
{
    struct slice text, rest = slice_from(subject, *at);
    bool last;
    switch (s->op) {
    case OP_TEXT:
        if (!slice_starts(rest, s->first))
            return NEXT_NO;
        *at += s->first.len;
        return NEXT_STEP;
    case OP_ALL:
        if (program.len == 0)
            return NEXT_YES;
        if (next_is_text(program, &text, &last) && last)
            return slice_ends(rest, text) ? NEXT_YES : NEXT_NO;
        return NEXT_SET;
    case OP_SEGMENT:
        return one_segment(s, program, rest, at);
    case OP_LIST:
        return NEXT_SET;
    default:
        return slice_starts(rest, s->first) ? NEXT_SET : NEXT_STEP;
    }
}

/* --- matching, a set of places --------------------------------------------------------------- */

struct sets {
    struct slice subject;
    unsigned char *now, *then, *inner; /* [subject.len + 1]; then and inner are zero */
    size_t lowest, highest;            /* in `now` */
    bool solid;                        /* so are all between them */
    uint64_t places;                   /* looked at, not yet paid */
    uint64_t *steps;
};

static bool
found(struct sets *s, size_t at, struct slice text)
{
    s->places += 1 + text.len / 16;
    return text.len == 0 || (text.len <= s->subject.len - at && s->subject.ptr[at] == text.ptr[0] &&
                             memcmp(s->subject.ptr + at, text.ptr, text.len) == 0);
}

/* Behind a wildcard: each place where the text is. */
static void
find_text(struct sets *s, struct slice text)
{
    const char *from = s->subject.ptr + s->lowest, *end = s->subject.ptr + s->subject.len;
    s->places += (s->subject.len - s->lowest) / 8;
    while ((from = memmem(from, (size_t)(end - from), text.ptr, text.len))) {
        s->then[(size_t)(from - s->subject.ptr) + text.len] = 1;
        s->places += 6 + text.len / 16; /* a call */
        from++;
    }
}

static void
set_text(struct sets *s, const struct step *step)
{
    bool keeps = step->op != OP_TEXT, grows = step->op == OP_ANY_OF;
    for (size_t p = s->lowest; p <= s->highest || (grows && p <= s->subject.len); p++) {
        if (!s->now[p] && !(grows && s->then[p]))
            continue;
        if (keeps)
            s->then[p] = 1;
        if (found(s, p, step->first))
            s->then[p + step->first.len] = 1;
    }
}

/* From each place up to the next delimiter. A place at a delimiter leads nowhere. */
static void
set_segment(struct sets *s, const struct step *step)
{
    const char *subject = s->subject.ptr;
    size_t size = s->subject.len, p = s->lowest;
    while (p < size) {
        const unsigned char *place = memchr(s->now + p, 1, size - p);
        if (place == NULL)
            break;
        p = (size_t)(place - s->now);
        const char *end = step->delimiter ? memchr(subject + p, step->delimiter, size - p) : NULL;
        size_t upto = end ? (size_t)(end - subject) : size;
        memset(s->then + p + 1, 1, upto - p);
        p = upto + (upto == p);
    }
    if (step->flags & MAY_BE_EMPTY)
        for (p = s->lowest; p <= s->highest; p++)
            s->then[p] |= s->now[p];
}

/* `inner` holds where a prefix has ended. What stands right of p is decided when p is, since
 * prefix and suffix together are not empty. */
static void
set_list(struct sets *s, const struct step *step)
{
    struct slice prefix = step->first, suffix = step->second;
    bool inside = false;
    for (size_t p = s->lowest; p <= s->subject.len; p++) {
        if (s->now[p] && found(s, p, prefix))
            s->inner[p + prefix.len] = 1;
        if (s->now[p] && (step->flags & MAY_BE_EMPTY))
            s->then[p] = 1;
        if (step->flags & WIDE)
            inside = inside || s->inner[p];
        if (inside && found(s, p, suffix)) {
            s->then[p + suffix.len] = 1;
            if ((step->flags & REPEATS) && found(s, p + suffix.len, prefix))
                s->inner[p + suffix.len + prefix.len] = 1;
        }
        inside = inside || s->inner[p];
        if (p < s->subject.len && step->delimiter && !(step->flags & WIDE) &&
            s->subject.ptr[p] == step->delimiter)
            inside = false;
    }
    memset(s->inner, 0, s->subject.len + 1);
}

/* Makes `then` the set. False: it is empty. */
static bool
turn(struct sets *s)
{
    unsigned char *old = s->now;
    unsigned char *first = memchr(s->then + s->lowest, 1, s->subject.len + 1 - s->lowest);
    memset(old + s->lowest, 0, s->highest + 1 - s->lowest);
    s->now = s->then;
    s->then = old;
    if (first == NULL)
        return false;
    unsigned char *last = memrchr(first, 1, (size_t)(s->now + s->subject.len + 1 - first));
    s->lowest = (size_t)(first - s->now);
    s->highest = (size_t)(last - s->now);
    return true;
}

static enum next
many_places(struct sets *s, const struct step *step, struct slice program)
{
    bool solid = s->solid && s->highest == s->subject.len && step->op == OP_TEXT;
    bool fast = step->op == OP_ALL || step->op == OP_SEGMENT || solid;
    s->places += fast ? 0 : s->subject.len - s->lowest;
    if (!match_spend(s->steps, s->places / PLACES_PER_STEP + 1))
        return NEXT_SET;
    s->places = (s->subject.len - s->lowest) / 16;
    s->solid = step->op == OP_ALL;
    if (solid) {
        find_text(s, step->first);
        return turn(s) ? NEXT_STEP : NEXT_NO;
    }
    switch (step->op) {
    case OP_ALL:
        if (program.len == 0)
            return NEXT_YES;
        memset(s->then + s->lowest, 1, s->subject.len + 1 - s->lowest);
        break;
    case OP_SEGMENT:
        set_segment(s, step);
        break;
    case OP_LIST:
        set_list(s, step);
        break;
    default:
        set_text(s, step);
    }
    return turn(s) ? NEXT_STEP : NEXT_NO;
}

/* `first` is the step at which the place is no longer one; `room` is zero. */
static enum match
match_sets(struct slice program, struct step first, struct slice subject, size_t at,
           unsigned char *room, uint64_t *steps)
{
    struct step step = first;
    struct sets s = {
        .subject = subject,
        .now = room,
        .then = room + subject.len + 1,
        .inner = room + 2 * (subject.len + 1),
        .lowest = at,
        .highest = at,
        .steps = steps,
    };
    s.now[at] = 1;
    do {
        enum next next = NEXT_SET;
        if (s.lowest == s.highest) {
            size_t to = s.lowest;
            next = one_place(&step, program, subject, &to);
            if (next == NEXT_STEP) {
                s.now[s.lowest] = 0;
                s.now[to] = 1;
                s.lowest = s.highest = to;
            }
        }
        if (next == NEXT_SET)
            next = many_places(&s, &step, program);
        if (next != NEXT_STEP)
            return next == NEXT_YES ? MATCH_YES : next == NEXT_NO ? MATCH_NO : MATCH_LIMIT;
    } while (read_step(&program, &step));
    return s.now[subject.len] ? MATCH_YES : MATCH_NO;
}

enum match
pattern_program_match(struct slice program, struct slice subject, uint64_t *steps)
{
    struct step step;
    size_t at = 0;
    if (!match_spend(steps, 1 + subject.len / 64))
        return MATCH_LIMIT;
    while (read_step(&program, &step)) {
        enum next next = one_place(&step, program, subject, &at);
        if (next == NEXT_SET) {
            unsigned char small[3 * (SMALL + 1)];
            size_t size = 3 * (subject.len + 1);
            if (subject.len <= SMALL) {
                memset(small, 0, size);
                return match_sets(program, step, subject, at, small, steps);
            }
            unsigned char *room = try_alloc(size);
            if (room == NULL)
                return MATCH_LIMIT;
            enum match match = match_sets(program, step, subject, at, room, steps);
            free(room);
            return match;
        }
        if (next != NEXT_STEP)
            return next == NEXT_YES ? MATCH_YES : MATCH_NO;
    }
    return at == subject.len ? MATCH_YES : MATCH_NO;
}
