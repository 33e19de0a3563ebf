/* publish_form - a publish as a form, and the column of the fault table that its token's dialect
 * has.
 *
 * Both dialects refuse what would break the stream's own lines. 1.0 also refuses what nobody can
 * see or what the protocol keeps for itself; in 0.x such updates are in use, and their bytes go out
 * as they came. */

#include "hub/publish_form.h"

#include "request/form.h"
#include "topic/text.h"

static void
take_first(struct slice value, struct slice *field, bool *has)
{
    if (!*has)
        *field = value;
    *has = true;
}

static enum publish_form_fault
read_form(struct arena *arena, struct slice text, enum dialect dialect,
          const struct publish_form_limits *limits, struct publish_form *f)
{
    struct form form = {text};
    struct slice name, value;
    bool failed = false, has_id = false, has_type = false, has_data = false, has_retry = false;
    size_t count = 0, topics_size = 0, room = slice_count(text, '&') + 1;
    if (room > limits->max_topics)
        room = limits->max_topics;
    f->topics = arena_alloc(arena, room * sizeof *f->topics);
    if (f->topics == NULL)
        return PUBLISH_FORM_TOO_LARGE;
    while (form_next(&form, NULL, &name, &value, &failed)) {
        if (++count > limits->max_fields)
            return PUBLISH_FORM_TOO_MANY;
        if (dialect == DIALECT_1_0 && !(slice_is_utf8(name) && slice_is_utf8(value)))
            return PUBLISH_FORM_NOT_UTF8;
        if (slice_eq(name, SLICE("topic"))) {
            if (f->topic_count == limits->max_topics)
                return PUBLISH_FORM_TOO_MANY_TOPICS;
            if ((topics_size += value.len) > limits->max_topics_size)
                return PUBLISH_FORM_TOPICS_TOO_LARGE;
            f->topics[f->topic_count++] = value;
        } else if (slice_eq(name, SLICE("data"))) {
            take_first(value, &f->data, &has_data);
        } else if (slice_eq(name, SLICE("id"))) {
            take_first(value, &f->id, &has_id);
        } else if (slice_eq(name, SLICE("type"))) {
            take_first(value, &f->type, &has_type);
        } else if (slice_eq(name, SLICE("retry"))) {
            take_first(value, &f->retry, &has_retry);
        } else if (slice_eq(name, SLICE("private"))) {
            f->is_private = true;
            f->private_value = value;
        } else if (f->unknown_count++ == 0 || slice_starts(name, SLICE("topic["))) {
            f->unknown = name;
        }
    }
    return failed ? PUBLISH_FORM_TOO_LARGE : PUBLISH_FORM_OK;
}

static bool
has_byte(struct slice s, bool (*bad)(unsigned char))
{
    for (size_t i = 0; i < s.len; i++)
        if (bad((unsigned char)s.ptr[i]))
            return true;
    return false;
}

static bool
is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool
breaks_a_line(unsigned char c)
{
    return c == 0 || c == '\r' || c == '\n';
}

/* What programs send that mean well: PHP's arrays, and curl -d with JSON. */
static enum publish_form_fault
why_no_topic(const struct publish_form *f)
{
    if (slice_starts(f->unknown, SLICE("topic[")))
        return PUBLISH_FORM_TOPIC_IN_BRACKETS;
    struct slice first = slice_trim(f->unknown);
    return slice_starts(first, SLICE("{")) || slice_starts(first, SLICE("["))
               ? PUBLISH_FORM_JSON
               : PUBLISH_FORM_NO_TOPIC;
}

/* An id comes back in the header Last-Event-ID: what that cannot carry is no id. */
static enum publish_form_fault
judge_id(struct slice id, size_t max)
{
    return has_byte(id, is_control)      ? PUBLISH_FORM_BAD_ID
           : slice_trim(id).len < id.len ? PUBLISH_FORM_ID_TRIMMED
           : id.len > max                ? PUBLISH_FORM_ID_TOO_LONG
                                         : PUBLISH_FORM_OK;
}

static enum publish_form_fault
judge(const struct publish_form *f, const struct publish_form_limits *limits)
{
    uint64_t number;
    if (f->topic_count == 0)
        return why_no_topic(f);
    enum publish_form_fault fault = judge_id(f->id, limits->max_id);
    if (fault != PUBLISH_FORM_OK)
        return fault;
    if (has_byte(f->type, breaks_a_line))
        return PUBLISH_FORM_BAD_TYPE;
    if (f->retry.len && !slice_u64(f->retry, UINT64_MAX, &number))
        return PUBLISH_FORM_BAD_RETRY;
    return PUBLISH_FORM_OK;
}

static enum publish_form_fault
judge_1_0(const struct publish_form *f)
{
    for (size_t i = 0; i < f->topic_count; i++) {
        if (text_judge(f->topics[i]) != TEXT_OK)
            return PUBLISH_FORM_TEXT_OF_TOPIC;
        if (slice_eq(f->topics[i], SLICE("*")))
            return PUBLISH_FORM_KEPT_TOPIC;
    }
    if (text_judge(f->id) != TEXT_OK)
        return PUBLISH_FORM_TEXT_OF_ID;
    if (text_judge(f->type) != TEXT_OK)
        return PUBLISH_FORM_TEXT_OF_TYPE;
    if (slice_eq(f->id, SLICE("earliest")) || slice_starts(f->id, SLICE("#")))
        return PUBLISH_FORM_KEPT_ID;
    if (slice_eq(f->type, SLICE("mercure")))
        return PUBLISH_FORM_KEPT_TYPE;
    return PUBLISH_FORM_OK;
}

enum publish_form_fault
publish_form_read(struct arena *arena, struct slice form, enum dialect dialect,
                  const struct publish_form_limits *limits, struct publish_form *ret)
{
    *ret = (struct publish_form){0};
    enum publish_form_fault fault = read_form(arena, form, dialect, limits, ret);
    if (fault == PUBLISH_FORM_OK)
        fault = judge(ret, limits);
    if (fault == PUBLISH_FORM_OK && dialect == DIALECT_1_0)
        fault = judge_1_0(ret);
    while (ret->retry.len && ret->retry.ptr[0] == '0')
        ret->retry = slice_from(ret->retry, 1);
    return fault;
}

unsigned
publish_form_status(enum publish_form_fault fault, enum dialect dialect)
{
    static const bool is_bound[PUBLISH_FORM_KEPT_TOPIC + 1] = {
        [PUBLISH_FORM_TOO_LARGE] = true,       [PUBLISH_FORM_TOO_MANY] = true,
        [PUBLISH_FORM_TOO_MANY_TOPICS] = true, [PUBLISH_FORM_TOPICS_TOO_LARGE] = true,
        [PUBLISH_FORM_ID_TOO_LONG] = true,
    };
    return is_bound[fault] && dialect == DIALECT_1_0 ? 413 : 400;
}

struct slice
publish_form_sentence(enum publish_form_fault fault)
{
    static const char *const sentences[] = {
        [PUBLISH_FORM_OK] = "The form is fine.\n",
        [PUBLISH_FORM_TOO_LARGE] = "The form is too large.\n",
        [PUBLISH_FORM_TOO_MANY] = "The form has more fields than max_form_fields.\n",
        [PUBLISH_FORM_TOO_MANY_TOPICS] =
            "The update has more topics than max_topics_per_publish.\n",
        [PUBLISH_FORM_TOPICS_TOO_LARGE] =
            "The topics are, together, larger than max_topics_size.\n",
        [PUBLISH_FORM_NOT_UTF8] = "The form holds what is not valid UTF-8.\n",
        [PUBLISH_FORM_NO_TOPIC] = "The field topic is missing.\n",
        [PUBLISH_FORM_TOPIC_IN_BRACKETS] =
            "The field topic is missing; topic[...] is there: repeat "
            "topic=... for each topic instead.\n",
        [PUBLISH_FORM_JSON] = "The field topic is missing; the body looks like JSON: send a form, "
                              "topic=...&data=...\n",
        [PUBLISH_FORM_BAD_ID] = "The field id holds a control character.\n",
        [PUBLISH_FORM_ID_TOO_LONG] = "The field id is longer than max_id_length.\n",
        [PUBLISH_FORM_ID_TRIMMED] =
            "The field id begins or ends with a blank, which HTTP takes off.\n",
        [PUBLISH_FORM_BAD_TYPE] = "The field type holds a line break or NUL.\n",
        [PUBLISH_FORM_BAD_RETRY] = "The field retry is not a number of milliseconds.\n",
        [PUBLISH_FORM_TEXT_OF_TOPIC] = "A topic holds a control or invisible format character.\n",
        [PUBLISH_FORM_TEXT_OF_ID] = "The field id holds a control or invisible format character.\n",
        [PUBLISH_FORM_TEXT_OF_TYPE] =
            "The field type holds a control or invisible format character.\n",
        [PUBLISH_FORM_KEPT_ID] = "An id must be neither \"earliest\" nor begin with #.\n",
        [PUBLISH_FORM_KEPT_TYPE] = "The type \"mercure\" is the hub's own.\n",
        [PUBLISH_FORM_KEPT_TOPIC] = "The topic * is no topic: it matches every one.\n",
    };
    return slice_of(sentences[fault]);
}
