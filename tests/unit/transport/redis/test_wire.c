/* A connection never waits, and says in words what became of it.
 *
 * Threads meet here. */

#include "transport/redis/wire.h"

#include "base/alloc.h"

#include <arpa/inet.h>
#include <check.h>
#include <dirent.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listener;
static char port[8];
static struct wire_settings settings;

static void
setup(void)
{
    struct error err;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    ck_assert(resp_prepare(&err));
    listener = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(listener, 8), 0);
    getsockname(listener, (struct sockaddr *)&at, &len);
    snprintf(port, sizeof port, "%u", ntohs(at.sin_port));
    settings = (struct wire_settings){
        .host = "127.0.0.1", .port = port, .bounds = {1000, 100000, 100}, .max_out = 1 << 20};
}

static void
teardown(void)
{
    if (listener >= 0)
        close(listener);
}

/* Until it is as it shall be. */
static void
turn_until(struct wire *w, enum wire_state state)
{
    while (wire_work(w) != state) {
        struct pollfd p = wire_poll(w);
        ck_assert_msg(wire_state(w) != WIRE_FAILED, "%s", wire_error(w));
        ck_assert_int_eq(poll(&p, 1, 30000), 1);
    }
}

static const struct resp *
await_answer(struct wire *w)
{
    const struct resp *r;
    while ((r = wire_answer(w)) == NULL && wire_work(w) == WIRE_OPEN) {
        struct pollfd p = wire_poll(w);
        ck_assert_int_eq(poll(&p, 1, 30000), 1);
    }
    return r;
}

static void
say(int fd, const char *text)
{
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

START_TEST(what_was_to_be_sent_before_it_is_open_is_sent_then)
{
    struct wire *w = wire_open(&settings);
    char got[64] = "";
    resp_begin(wire_out(w), 1);
    resp_add(wire_out(w), SLICE("PING"));
    turn_until(w, WIRE_OPEN);
    int peer = accept(listener, NULL, NULL);
    ck_assert_int_eq(read(peer, got, sizeof got - 1), 14);
    ck_assert_str_eq(got, "*1\r\n$4\r\nPING\r\n");
    ck_assert_int_eq(wire_poll(w).events, POLLIN);
    say(peer, "+PONG\r\n");
    ck_assert(slice_eq(await_answer(w)->text, SLICE("PONG")));
    ck_assert_ptr_null(wire_answer(w));
    close(peer);
    wire_close(&w);
}
END_TEST

START_TEST(more_than_the_socket_takes_goes_in_pieces)
{
    struct wire *w;
    static char much[900000];
    size_t got = 0;
    settings.max_out = 1 << 20;
    w = wire_open(&settings);
    turn_until(w, WIRE_OPEN);
    int peer = accept(listener, NULL, NULL);
    memset(much, 'x', sizeof much);
    buf_add(wire_out(w), SLICE_OF(much, sizeof much));
    while (got < sizeof much) {
        char bytes[50000];
        ck_assert_int_eq(wire_work(w), WIRE_OPEN);
        ssize_t n = recv(peer, bytes, sizeof bytes, MSG_DONTWAIT);
        got += n > 0 ? (size_t)n : 0;
    }
    wire_work(w);
    ck_assert_int_eq(wire_poll(w).events, POLLIN);
    close(peer);
    wire_close(&w);
}
END_TEST

START_TEST(past_its_bound_nothing_of_it_is_sent)
{
    settings.max_out = 100;
    struct wire *w = wire_open(&settings);
    char got[10];
    turn_until(w, WIRE_OPEN);
    int peer = accept(listener, NULL, NULL);
    for (int i = 0; i < 20; i++)
        resp_add(wire_out(w), SLICE("PING"));
    ck_assert_int_eq(wire_work(w), WIRE_FAILED);
    ck_assert_int_eq(wire_end(w), WIRE_MISBEHAVED);
    wire_close(&w);
    ck_assert_int_eq(read(peer, got, sizeof got), 0);
    close(peer);
}
END_TEST

START_TEST(what_redis_says_before_it_closes_is_heard)
{
    struct wire *w = wire_open(&settings);
    turn_until(w, WIRE_OPEN);
    int peer = accept(listener, NULL, NULL);
    say(peer, "-ERR max number of clients reached\r\n");
    shutdown(peer, SHUT_WR);
    ck_assert(slice_eq(await_answer(w)->text, SLICE("ERR max number of clients reached")));
    ck_assert_ptr_null(await_answer(w));
    ck_assert_int_eq(wire_end(w), WIRE_CLOSED);
    ck_assert_ptr_nonnull(strstr(wire_error(w), ": it closed the connection"));
    ck_assert_int_eq(wire_poll(w).fd, -1);
    close(peer);
    wire_close(&w);
}
END_TEST

START_TEST(who_is_no_redis_is_left)
{
    struct wire *w = wire_open(&settings);
    turn_until(w, WIRE_OPEN);
    int peer = accept(listener, NULL, NULL);
    say(peer, "HTTP/1.1 400 Bad Request\r\n");
    ck_assert_ptr_null(await_answer(w));
    ck_assert_int_eq(wire_end(w), WIRE_MISBEHAVED);
    close(peer);
    wire_close(&w);
}
END_TEST

static void
expect_failure(enum wire_end end, const char *text)
{
    struct wire *w = wire_open(&settings);
    while (wire_work(w) != WIRE_FAILED) {
        struct pollfd p = wire_poll(w);
        ck_assert_int_eq(poll(&p, 1, 60000), 1);
    }
    ck_assert_int_eq(wire_end(w), end);
    ck_assert_msg(strstr(wire_error(w), text) != NULL, "%s", wire_error(w));
    wire_close(&w);
}

START_TEST(nobody_there_is_told)
{
    close(listener);
    listener = -1;
    expect_failure(WIRE_REFUSED, "Connection refused");
    settings.path = "/nowhere/redis.sock";
    expect_failure(WIRE_REFUSED, "/nowhere/redis.sock: No such file or directory");
}
END_TEST

START_TEST(a_name_that_cannot_be_is_told)
{
    settings.host = "no..name";
    expect_failure(WIRE_UNRESOLVED, "no..name:");
}
END_TEST

/* localhost may be ::1 first, where nobody listens. */
START_TEST(each_address_of_a_name_is_tried_whoever_is_first)
{
    settings.host = "localhost";
    for (settings.turn = 0; settings.turn < 3; settings.turn++) {
        struct wire *w = wire_open(&settings);
        turn_until(w, WIRE_OPEN);
        struct wire *beside = wire_open_beside(w);
        turn_until(beside, WIRE_OPEN);
        wire_close(&beside);
        wire_close(&w);
    }
}
END_TEST

static unsigned
threads(void)
{
    unsigned found = 0;
    DIR *tasks = opendir("/proc/self/task");
    ck_assert_ptr_nonnull(tasks);
    for (const struct dirent *d; (d = readdir(tasks));)
        found += d->d_name[0] != '.';
    closedir(tasks);
    return found;
}

START_TEST(whoever_is_tired_of_waiting_for_a_name_goes)
{
#ifdef __SANITIZE_THREAD__
    unsigned before = threads() + 1; /* one of the sanitizer's comes with the first */
#else
    unsigned before = threads();
#endif
    settings.host = "localhost";
    for (int i = 0; i < 20; i++) {
        struct wire *w = wire_open(&settings);
        ck_assert_int_eq(wire_state(w), WIRE_RESOLVING);
        wire_close(&w);
        ck_assert_ptr_null(w);
    }
    while (threads() > before) /* what was left behind ends by itself */
        usleep(1000);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("wire");
    TCase *t = tcase_create("wire");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, what_was_to_be_sent_before_it_is_open_is_sent_then);
    tcase_add_test(t, more_than_the_socket_takes_goes_in_pieces);
    tcase_add_test(t, past_its_bound_nothing_of_it_is_sent);
    tcase_add_test(t, what_redis_says_before_it_closes_is_heard);
    tcase_add_test(t, who_is_no_redis_is_left);
    tcase_add_test(t, nobody_there_is_told);
    tcase_add_test(t, a_name_that_cannot_be_is_told);
    tcase_add_test(t, each_address_of_a_name_is_tried_whoever_is_first);
    tcase_add_test(t, whoever_is_tired_of_waiting_for_a_name_goes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
