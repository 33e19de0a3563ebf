/* What a stream of the module for Apache gives its client, and what it takes for given. */

#include "mod_alipes/stream.h"

#include "unit/guard.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct stream *stream;
static struct buf frame;
static int peer;

static void
begin(bool is_chunked)
{
    int ends[2];
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    peer = ends[1];
    stream = stream_new(is_chunked);
    client_init(&stream->client, ends[0], NULL);
    buf_init(&frame, SIZE_MAX);
}

static void
end(void)
{
    client_close(&stream->client, true);
    stream_free(&stream);
    buf_fini(&frame);
    close(peer);
}

static enum stream_took
give(struct slice bytes)
{
    struct piece p;
    piece_make(&p, &frame, bytes);
    return stream_take(stream, &p);
}

/* All that the client has got by now. */
static void
hear(struct buf *ret)
{
    char bytes[65536];
    ssize_t got;
    while ((got = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        buf_add(ret, SLICE_OF(bytes, (size_t)got));
}

static void
assert_heard(const char *expected)
{
    struct buf heard;
    buf_init(&heard, SIZE_MAX);
    hear(&heard);
    ck_assert(slice_eq(buf_slice(&heard), slice_of(expected)));
    buf_fini(&heard);
}

START_TEST(a_piece_goes_out_in_a_chunk_or_bare)
{
    begin(true);
    ck_assert_int_eq(give(SLICE("data: 0123456789\n\n")), STREAM_TOOK_ALL);
    assert_heard("12\r\ndata: 0123456789\n\n\r\n");
    ck_assert_int_eq(give(SLICE("")), STREAM_TOOK_ALL); /* "0\r\n\r\n" would end it */
    assert_heard("");
    end();
    begin(false);
    ck_assert_int_eq(give(SLICE(":\n")), STREAM_TOOK_ALL);
    assert_heard(":\n");
    end();
}
END_TEST

START_TEST(what_a_full_socket_does_not_take_is_kept_and_goes_out_whole)
{
    struct buf sent, heard;
    char event[30000];
    enum stream_took took = STREAM_TOOK_ALL;
    begin(false);
    buf_init(&sent, SIZE_MAX);
    buf_init(&heard, SIZE_MAX);
    for (int i = 0; took == STREAM_TOOK_ALL; i++) {
        memset(event, 'a' + i % 26, sizeof event);
        buf_add(&sent, SLICE_OF(event, sizeof event));
        took = give(SLICE_OF(event, sizeof event));
    }
    ck_assert_int_eq(took, STREAM_TOOK_PART);
    ck_assert(!stream_is_flushed(stream));
    while (!stream_is_flushed(stream)) {
        hear(&heard);
        ck_assert_int_ne(stream_flush(stream), STREAM_TOOK_LOST);
    }
    hear(&heard);
    ck_assert(slice_eq(buf_slice(&heard), buf_slice(&sent)));
    ck_assert_uint_eq(stream->bytes, sent.len);
    buf_fini(&sent);
    buf_fini(&heard);
    end();
}
END_TEST

START_TEST(without_a_socket_everything_is_kept_up_to_a_record)
{
    static char event[60000];
    begin(true);
    int fd = stream->client.fd;
    stream->client.fd = -1;
    ck_assert_int_eq(give(SLICE_OF(event, sizeof event)), STREAM_TOOK_PART);
    ck_assert_int_eq(give(SLICE_OF(event, sizeof event)), STREAM_TOOK_OVER);
    stream->client.fd = fd;
    end();
}
END_TEST

START_TEST(a_client_that_is_gone_is_lost)
{
    begin(true);
    close(peer);
    peer = open("/dev/null", O_RDONLY);
    ck_assert_int_eq(give(SLICE("x")), STREAM_TOOK_LOST);
    ck_assert_int_eq(client_hear(&stream->client), HEARD_LEFT);
    end();
}
END_TEST

START_TEST(bytes_behind_a_request_are_thrown_away_up_to_a_bound)
{
    static const char bytes[CLIENT_MAY_SAY];
    begin(true);
    ck_assert_int_eq(client_hear(&stream->client), HEARD_NOTHING);
    ck_assert_int_eq(send(peer, bytes, sizeof bytes, 0), sizeof bytes);
    ck_assert_int_eq(client_hear(&stream->client), HEARD_NOTHING);
    ck_assert_int_eq(send(peer, bytes, 1, 0), 1);
    ck_assert_int_eq(client_hear(&stream->client), HEARD_TOO_MUCH);
    end();
}
END_TEST

START_TEST(a_torn_event_is_counted_to_its_end)
{
    const struct place a = {{1}}, b = {{2}};
    begin(true);
    stream_move(stream, &a, 100, true, 1);
    ck_assert(stream_is_torn(stream) && stream->offset == 100);
    stream_move(stream, &a, 50, true, 1);
    ck_assert_uint_eq(stream->offset, 150);
    stream_move(stream, &b, 7, true, 1); /* another event begins */
    ck_assert_uint_eq(stream->offset, 7);
    stream_move(stream, &b, 7, false, 1);
    ck_assert(!stream_is_torn(stream));
    end();
}
END_TEST

START_TEST(last_words_name_a_place_where_there_is_one)
{
    struct buf text;
    const struct place at = {{0xab}};
    begin(true);
    buf_init(&text, 1000);
    stream_farewell(stream, 1234, &text);
    ck_assert(slice_eq(buf_slice(&text), SLICE("retry: 1234\n\n")));
    stream_move(stream, &at, 0, false, 0);
    buf_clear(&text);
    stream_farewell(stream, 7, &text);
    ck_assert(slice_eq(buf_slice(&text),
                       SLICE("retry: 7\nid: urn:uuid:ab000000-0000-0000-0000-000000000000\n\n")));
    stream->is_browser = true;
    buf_clear(&text);
    stream_farewell(stream, 7, &text);
    ck_assert(slice_eq(buf_slice(&text),
                       SLICE("event: alipes\nretry: 7\n"
                             "id: urn:uuid:ab000000-0000-0000-0000-000000000000\ndata: \n\n")));
    buf_fini(&text);
    end();
}
END_TEST

START_TEST(a_ticket_goes_with_the_request_and_the_cursor_does_not)
{
    begin(true);
    buf_add(&stream->params, SLICE("\1\1ab"));
    buf_add(&stream->cursor, SLICE("\1\1cd"));
    stream_keep_ticket(stream, SLICE("t"));
    ck_assert(slice_eq(buf_slice(&stream->params), SLICE("\1\1ab\x0d\1ALIPES_TICKETt")));
    ck_assert_uint_eq(stream->cursor.len, 0);
    end();
}
END_TEST

UNIT_MAIN("stream", a_piece_goes_out_in_a_chunk_or_bare,
          what_a_full_socket_does_not_take_is_kept_and_goes_out_whole,
          without_a_socket_everything_is_kept_up_to_a_record, a_client_that_is_gone_is_lost,
          bytes_behind_a_request_are_thrown_away_up_to_a_bound, a_torn_event_is_counted_to_its_end,
          last_words_name_a_place_where_there_is_one,
          a_ticket_goes_with_the_request_and_the_cursor_does_not)
