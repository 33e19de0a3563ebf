/* resp - the language of Redis, version 2. hiredis' redisReader finds where values begin and end
 * (of hiredis nothing else is used: its connections wait, and know no TLS before 1.0); the values
 * are ours, all of one answer in an arena that the next answer empties.
 *
 * What one gets wrong: redisReader asks for memory by what the peer says, and keeps what has come
 * of a string until all of it is there. So an array is compared with its bound before it is laid
 * out, the arena bounds the whole, and what is kept is looked at as it grows. A value that we
 * decline is "out of memory" to the reader, which then reads no further. */

#include "transport/redis/resp.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/library.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>

enum {
    LINE_MAX_BYTES = 65536, /* a status, an error, a length */
    MARGIN = 64,            /* a string's own length, and its end */
};

#define CALLS(X)                                                                                   \
    X(redisReaderCreateWithFunctions) X(redisReaderFree) X(redisReaderFeed) X(redisReaderGetReply)
#define SONAME(version)    SONAME_OF(version)
#define SONAME_OF(version) "libhiredis.so." #version

static struct {
    CALLS(LIBRARY_POINTER)
} lib;
static const struct library_call names[] = {CALLS(LIBRARY_NAME) LIBRARY_END};
static struct library hiredis = LIBRARY_INIT(SONAME(HIREDIS_SONAME), names, &lib);

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;
#else
typedef int element_count;
#endif

#define TOO_LONG     "an answer is too long"
#define OF_VERSION_3 "an answer of version 3 of the protocol"

struct resp_reader {
    redisReader *reader;
    struct arena arena; /* of the answer being read, or read last */
    struct resp_bounds bounds;
    bool is_bad;
    const char *why; /* NULL: the reader says it */
};

bool
resp_prepare(struct error *err)
{
    return library_open(&hiredis, err);
}

/* --- values, as the reader finds them --------------------------------------------------------- */

static const enum resp_kind kinds[] = {
    [REDIS_REPLY_STRING] = RESP_TEXT,
    [REDIS_REPLY_STATUS] = RESP_STATUS,
    [REDIS_REPLY_ERROR] = RESP_ERROR,
};

/* NULL: this is more than the bounds allow. */
static struct resp *
place_of(const redisReadTask *task)
{
    struct resp_reader *r = task->privdata;
    if (task->parent == NULL)
        return arena_alloc(&r->arena, sizeof(struct resp));
    const struct resp *array = task->parent->obj;
    return (struct resp *)&array->items[task->idx];
}

static void *
decline(const redisReadTask *task, const char *why)
{
    struct resp_reader *r = task->privdata;
    r->why = why;
    return NULL;
}

static void *
on_string(const redisReadTask *task, char *bytes, size_t len)
{
    struct resp_reader *r = task->privdata;
    struct resp *v = place_of(task);
    if ((size_t)task->type >= COUNT_OF(kinds))
        return decline(task, OF_VERSION_3);
    if (len > r->bounds.bulk)
        return decline(task, "a string of an answer is too long");
    if (v == NULL || !arena_copy(&r->arena, SLICE_OF(bytes, len), &v->text))
        return decline(task, TOO_LONG);
    v->kind = kinds[task->type];
    return v;
}

static void *
on_array(const redisReadTask *task, element_count count)
{
    struct resp_reader *r = task->privdata;
    struct resp *v = place_of(task);
    if ((size_t)count > r->bounds.items) /* a negative one too */
        return decline(task, "an array of an answer is too long");
    void *items = v ? arena_alloc(&r->arena, (size_t)count * sizeof *v) : NULL;
    if (items == NULL)
        return decline(task, TOO_LONG);
    *v = (struct resp){.kind = RESP_ARRAY, .count = (uint32_t)count, .items = items};
    return v;
}

static void *
on_integer(const redisReadTask *task, long long number)
{
    struct resp *v = place_of(task);
    if (v == NULL)
        return decline(task, TOO_LONG);
    *v = (struct resp){.kind = RESP_INTEGER, .integer = number};
    return v;
}

static void *
on_nil(const redisReadTask *task)
{
    struct resp *v = place_of(task);
    return v ? v : decline(task, TOO_LONG); /* zeroed: RESP_NIL */
}

#if HIREDIS_MAJOR >= 1
static void *
on_double(const redisReadTask *task, double number, char *text, size_t len)
{
    (void)number, (void)text, (void)len;
    return decline(task, OF_VERSION_3);
}

static void *
on_bool(const redisReadTask *task, int is_true)
{
    (void)is_true;
    return decline(task, OF_VERSION_3);
}
#endif

static void
on_free(void *value)
{
    (void)value; /* the arena's */
}

static redisReplyObjectFunctions functions = {
    .createString = on_string,
    .createArray = on_array,
    .createInteger = on_integer,
    .createNil = on_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = on_double,
    .createBool = on_bool,
#endif
    .freeObject = on_free,
};

/* --- reading ---------------------------------------------------------------------------------- */

struct resp_reader *
resp_reader_new(const struct resp_bounds *bounds)
{
    struct resp_reader *r = xalloc(sizeof *r);
    r->bounds = *bounds;
    arena_init(&r->arena, bounds->answer);
    r->reader = lib.redisReaderCreateWithFunctions(&functions);
    if (r->reader)
        r->reader->privdata = r;
    else
        r->is_bad = true;
    return r;
}

void
resp_reader_free(struct resp_reader **r)
{
    if (*r == NULL)
        return;
    if ((*r)->reader)
        lib.redisReaderFree((*r)->reader);
    arena_fini(&(*r)->arena);
    free(*r);
    *r = NULL;
}

void
resp_reader_feed(struct resp_reader *r, struct slice bytes)
{
    if (!r->is_bad && lib.redisReaderFeed(r->reader, bytes.ptr, bytes.len) != REDIS_OK)
        r->is_bad = true;
}

/* What is kept is of one string, or of one line, that is not whole yet. */
static const char *
past_bounds(const struct resp_reader *r)
{
    size_t kept = r->reader->len - r->reader->pos;
    if (kept > r->bounds.bulk + MARGIN)
        return "a string of an answer is too long";
    if (kept <= LINE_MAX_BYTES)
        return NULL;
    struct slice begin = SLICE_OF(r->reader->buf + r->reader->pos, LINE_MAX_BYTES);
    return slice_find(begin, SLICE("\r\n")) < begin.len ? NULL : "a line of an answer is too long";
}

enum parse
resp_reader_next(struct resp_reader *r, const struct resp **ret)
{
    void *value = NULL;
    if (r->is_bad)
        return PARSE_BAD;
    if (r->reader->ridx < 0)
        arena_fini(&r->arena);
    if (lib.redisReaderGetReply(r->reader, &value) != REDIS_OK) {
        r->is_bad = true;
        return PARSE_BAD;
    }
    if (value) {
        *ret = value;
        return PARSE_OK;
    }
    r->why = past_bounds(r);
    r->is_bad = r->why != NULL;
    return r->is_bad ? PARSE_BAD : PARSE_MORE;
}

const char *
resp_reader_error(const struct resp_reader *r)
{
    if (r->why)
        return r->why;
    return r->reader && r->reader->err ? r->reader->errstr : "no memory is left";
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
add_length(struct buf *out, char kind, uint64_t number)
{
    char digits[SLICE_DIGITS];
    buf_add_byte(out, kind);
    buf_add(out, slice_of_number(digits, number, 10));
    buf_add(out, SLICE("\r\n"));
}

void
resp_begin(struct buf *out, size_t words)
{
    add_length(out, '*', words);
}

void
resp_add(struct buf *out, struct slice word)
{
    add_length(out, '$', word.len);
    buf_add(out, word);
    buf_add(out, SLICE("\r\n"));
}

void
resp_add_number(struct buf *out, uint64_t number)
{
    char digits[SLICE_DIGITS];
    resp_add(out, slice_of_number(digits, number, 10));
}
