/* From CGI's variables to a request. */

#include "gateway/fastcgi/params.h"

#include "gateway/fastcgi/record.h"
#include "unit/guard.h"

static struct request request;
static struct arena arena;
static struct buf params;

/* Names and values in turn, to NULL. */
static unsigned
read_params(const char *const *pairs)
{
    buf_fini(&params);
    arena_fini(&arena);
    buf_init(&params, 65536);
    arena_init(&arena, 65536);
    for (size_t i = 0; pairs[i]; i += 2)
        record_add_pair(&params, slice_of(pairs[i]), slice_of(pairs[i + 1]));
    request = (struct request){0};
    return params_read(&params, &arena, &request);
}

static bool
has_header(const char *name, const char *value)
{
    struct slice found;
    return request_header(&request, slice_of(name), &found) && slice_eq(found, slice_of(value));
}

START_TEST(the_uri_alone_gives_path_and_query)
{
    static const struct {
        const char *uri, *path, *query;
        unsigned status;
    } rows[] = {
        {"/a%2Fb?c=d?e", "/a%2Fb", "c=d?e", 0},
        {"/", "/", "", 0},
        {"/a?", "/a", "", 0},
        {"http://h/a?b", "/a", "b", 0},
        {"https://h:1/a#f", "/a", "", 0},
        {"http://h", "/", "", 0},
        {"/a?u=http://x/y", "/a", "u=http://x/y", 0},
        {"*", "*", "", 0},
        {"a/b", "", "", 400},
        {"/a b", "", "", 400},
        {"", "", "", 400},
        {"/a\x7f", "", "", 400},
        {"?x", "", "", 400},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned status = read_params(
            (const char *const[]){"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/no", "PATH_INFO", "/no",
                                  "QUERY_STRING", "no", "REQUEST_URI", rows[i].uri, NULL});
        ck_assert_msg(status == rows[i].status, "row %zu: %u", i, status);
        if (status == 0) {
            ck_assert_msg(slice_eq(request.path, slice_of(rows[i].path)), "row %zu", i);
            ck_assert_msg(slice_eq(request.query, slice_of(rows[i].query)), "row %zu", i);
        }
    }
}
END_TEST

START_TEST(headers_and_where_the_token_is)
{
    ck_assert_uint_eq(read_params((const char *const[]){"REQUEST_METHOD",
                                                        "POST",
                                                        "REQUEST_URI",
                                                        "/",
                                                        "HTTP_LAST_EVENT_ID",
                                                        "7",
                                                        "CONTENT_TYPE",
                                                        "a/b",
                                                        "HTTP_HOST",
                                                        "h:8",
                                                        "HTTP_AUTHORIZATION",
                                                        "",
                                                        "REDIRECT_HTTP_AUTHORIZATION",
                                                        "Bearer x",
                                                        "HTTPS",
                                                        "on",
                                                        "REQUEST_SCHEME",
                                                        "http",
                                                        "REMOTE_ADDR",
                                                        "192.0.2.1",
                                                        NULL}),
                      0);
    ck_assert(has_header("last-event-id", "7") && has_header("Content-Type", "a/b"));
    ck_assert(has_header("Authorization", "Bearer x"));
    ck_assert_uint_eq(request_header_count(&request, SLICE("Authorization")), 1);
    ck_assert(slice_eq(request.host, SLICE("h:8")) && slice_eq(request.scheme, SLICE("https")));
    ck_assert(slice_eq(request.address, SLICE("192.0.2.1")));
    ck_assert_uint_eq(read_params((const char *const[]){"REQUEST_METHOD", "GET", "REQUEST_URI", "/",
                                                        "HTTP_AUTHORIZATION", "A",
                                                        "REDIRECT_HTTP_AUTHORIZATION", "B", NULL}),
                      0);
    ck_assert(has_header("Authorization", "A"));
    ck_assert_uint_eq(request.scheme.len, 0);
    ck_assert_uint_eq(request.host.len, 0);
}
END_TEST

START_TEST(what_makes_no_request_is_refused)
{
    ck_assert_uint_eq(read_params((const char *const[]){"REQUEST_URI", "/", NULL}), 400);
    ck_assert_uint_eq(
        read_params((const char *const[]){"REQUEST_METHOD", "G T", "REQUEST_URI", "/", NULL}), 400);
    ck_assert_uint_eq(read_params((const char *const[]){"REQUEST_METHOD", "GET", "REQUEST_URI", "/",
                                                        "HTTP_X", "a\nb", NULL}),
                      400);
    buf_add(&params, SLICE("\5"));
    request = (struct request){0};
    ck_assert_uint_eq(params_read(&params, &arena, &request), 400);
    const char *many[2 * (REQUEST_MAX_HEADERS + 2) + 1] = {"REQUEST_METHOD", "GET", "REQUEST_URI",
                                                           "/"};
    for (size_t i = 4; i + 2 < sizeof many / sizeof many[0]; i += 2) {
        many[i] = "HTTP_X";
        many[i + 1] = "y";
    }
    ck_assert_uint_eq(read_params(many), 431);
}
END_TEST

START_TEST(a_token_that_the_front_kept_shows)
{
    read_params((const char *const[]){"AUTH_TYPE", "bearer", NULL});
    ck_assert(params_show_stripped_token(&params));
    read_params((const char *const[]){"AUTH_TYPE", "Basic", NULL});
    ck_assert(!params_show_stripped_token(&params));
    buf_fini(&params);
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("gateway/fastcgi/params", the_uri_alone_gives_path_and_query,
          headers_and_where_the_token_is, what_makes_no_request_is_refused,
          a_token_that_the_front_kept_shows)
