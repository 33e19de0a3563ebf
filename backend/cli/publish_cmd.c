/* publish_cmd - one update, with what stands on the command line or comes by standard input. */

#include "cli/publish_cmd.h"

#include "cli/plain.h"
#include "cli/visitor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_FORM = 1 << 30
};

/* One line end at the end is not the data's: `echo sold | alipes publish TOPIC -`. */
static bool
read_data(struct buf *data, struct error *err)
{
    char part[65536];
    size_t n;
    if (isatty(STDIN_FILENO))
        fputs("Reading the data from the terminal; Ctrl-D ends it.\n", stderr);
    while ((n = fread(part, 1, sizeof part, stdin)) > 0)
        buf_add(data, SLICE_OF(part, n));
    if (data->failed || ferror(stdin))
        return error_set(err, "the data cannot be read");
    data->len -= data->len && data->ptr[data->len - 1] == '\n';
    return true;
}

/* The last of several words is the data. */
static bool
read_words(const struct call *call, struct string_list *topics, struct buf *data, struct error *err)
{
    size_t count = call->word_count > 1 ? call->word_count - 1 : 1;
    for (size_t i = 0; i < count; i++)
        string_list_add(topics, slice_of(call->words[i]));
    if (count == call->word_count)
        return true;
    if (strcmp(call->words[count], "-") == 0)
        return read_data(data, err);
    buf_add(data, slice_of(call->words[count]));
    return true;
}

static void
add_option(struct buf *form, const struct call *call, const char *option)
{
    const char *value = call_value(call, option);
    if (value)
        visitor_add_field(form, option + 2, slice_of(value));
}

static void
write_form(struct buf *form, const struct call *call, const struct string_list *topics,
           const struct buf *data)
{
    for (size_t i = 0; i < topics->count; i++)
        visitor_add_field(form, "topic", slice_of(topics->items[i]));
    visitor_add_field(form, "data", buf_slice(data));
    add_option(form, call, "--type");
    add_option(form, call, "--id");
    add_option(form, call, "--retry");
    if (call_has(call, "--private"))
        visitor_add_field(form, "private", SLICE("on"));
}

/* The id, as the hub gives it; a terminal gets what it can take. */
static int
print_id(const struct call *call, struct slice id)
{
    if (isatty(STDOUT_FILENO))
        plain_write(stdout, id);
    else
        fwrite(id.ptr, 1, id.len, stdout);
    putchar('\n');
    return fflush(stdout) == 0 ? 0 : call_failed(call, "it is published; its id cannot be written");
}

static int
send(const struct call *call, struct visitor *c, const struct buf *form)
{
    struct error err;
    struct web_reply reply;
    int status = 1;
    if (!web_post(&c->web, buf_slice(form), &reply, &err))
        call_failed(call, "%s%s", err.text,
                    reply.was_sent ? "; it may have been published: again with the same --id is "
                                     "safe"
                                   : "");
    else if (web_reply_id(&reply).len)
        status = print_id(call, web_reply_id(&reply));
    else
        web_complain(call, &c->web, &reply);
    web_reply_fini(&reply);
    return status;
}

int
publish_cmd(const struct call *call)
{
    struct visitor c;
    struct error err;
    struct string_list topics = {0};
    struct buf data, form;
    int status = 2;
    buf_init(&data, MAX_FORM);
    buf_init(&form, MAX_FORM);
    if (visitor_open(&c, call, &err) && read_words(call, &topics, &data, &err) &&
        visitor_sign(&c, ROLE_PUBLISH, &topics, &err)) {
        write_form(&form, call, &topics, &data);
        status = form.failed ? call_failed(call, "it is too large") : send(call, &c, &form);
    } else {
        call_failed(call, "%s", err.text);
    }
    string_list_clear(&topics);
    buf_fini(&data);
    buf_fini(&form);
    visitor_close(&c);
    return status;
}
