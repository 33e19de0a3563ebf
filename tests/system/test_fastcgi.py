"""The FastCGI wire itself, spoken record by record."""
import socket
import struct
import subprocess
from urllib.parse import urlencode

import pytest

import fastcgi as f
from conftest import BIN, KEY, PATH, PATIENCE, Client, Stream, publish, token, wait_for

FORM = ["Content-Type: application/x-www-form-urlencoded"]
AUTH = [f"Authorization: Bearer {token(['*'])}"]


HEARTBEAT = b":\n"


class Wire:
    """Records to a hub, records back, without heartbeats, which come whenever they are due."""

    def __init__(self, hub, unix=True):
        self.client = Client(hub.socket if unix else ("127.0.0.1", hub.port))
        self.records, self.found = f.Records(), []

    def send(self, data):
        self.client.send(data)
        return self

    def more(self):
        data = self.client.socket.recv(65536)
        self.found += [found for found in self.records.feed(data) if found[0] != f.STDOUT or found[2] != HEARTBEAT]
        return bool(data)

    def next(self):
        while not self.found:
            assert self.more(), "closed"
        return self.found.pop(0)

    def reply(self, number=1):
        """What STDOUT carried to END_REQUEST, and its two statuses."""
        text = b""
        while True:
            kind, to, content = self.next()
            assert to == number
            if kind == f.END:
                return text, struct.unpack(">IB3x", content)
            assert kind == f.STDOUT
            text += content

    def closed(self):
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        return not self.found


def post(number=1, keep=True, padding=0, headers=(), **form):
    return f.request("POST", PATH, FORM + AUTH + list(headers), urlencode(form, doseq=True).encode(), number, keep, padding)


@pytest.mark.parametrize("unix", [True, False])
def test_a_kept_connection_serves_again_and_another_closes(hub, unix):
    wire = Wire(hub, unix)
    for number in (1, 1, 7, 65535):
        text, statuses = wire.send(post(number, topic="t", id=f"i{number}")).reply(number)
        assert text.startswith(b"Status: 200 OK\r\n") and text.endswith(b"\r\n\r\ni%d" % number)
        assert statuses == (0, f.COMPLETE)
    text, _ = wire.send(post(1, keep=False, topic="t")).reply()
    assert text.startswith(b"Status: 200")
    assert wire.closed()


def test_values_are_told_while_a_request_waits(hub):
    wire = Wire(hub)
    wire.send(post(1, topic="t", id="a") + f.record(f.GET_VALUES, 0, f.pair("FCGI_MPXS_CONNS", "")))
    kinds = [wire.next()[0] for _ in range(4)]
    assert sorted(kinds) == [f.END, f.STDOUT, f.STDOUT, f.GET_VALUES_RESULT]


def test_values_that_are_asked_for_are_told(hub):
    wire = Wire(hub)
    asked = b"".join(f.pair(n, "") for n in ("FCGI_MPXS_CONNS", "FCGI_MAX_REQS", "FCGI_MAX_CONNS", "X"))
    kind, number, content = wire.send(f.record(f.GET_VALUES, 0, asked, padding=5)).next()
    assert (kind, number) == (f.GET_VALUES_RESULT, 0)
    assert f.pair("FCGI_MPXS_CONNS", "0") in content and b"FCGI_MAX_REQS" in content and b"FCGI_MAX_CONNS" in content
    assert b"X\0" not in content
    assert wire.send(f.record(f.GET_VALUES, 0)).next() == (f.GET_VALUES_RESULT, 0, b"")
    assert wire.send(f.record(77, 0, b"abc")).next() == (f.UNKNOWN, 0, b"\x4d" + b"\0" * 7)
    assert wire.send(post(topic="t")).reply()[1] == (0, f.COMPLETE)


@pytest.mark.parametrize("role", [2, 3, 0, 9])
def test_another_role_is_refused(hub, role):
    wire = Wire(hub)
    assert wire.send(f.begin(3, keep=True, role=role)).reply(3) == (b"", (0, f.UNKNOWN_ROLE))
    wire.send(f.record(f.PARAMS, 3, f.params("GET", PATH)) + f.record(f.PARAMS, 3) + f.record(f.STDIN, 3))
    assert wire.send(post(topic="t")).reply()[1] == (0, f.COMPLETE)
    assert Wire(hub).send(f.begin(3, keep=False, role=role)).reply(3)[1] == (0, f.UNKNOWN_ROLE)


@pytest.mark.parametrize("padding", [0, 1, 7, 255])
def test_padding_is_passed_over(hub, padding):
    wire = Wire(hub)
    for _ in range(2):
        assert wire.send(post(padding=padding, topic="t", data="x" * 70000, id="p")).reply()[0].endswith(b"p")


@pytest.mark.parametrize("length", [None, "", "0", "-1", "5", "14"])
def test_a_body_goes_to_the_end_of_its_stream_whatever_its_length_was_said_to_be(hub, length):
    wire = Wire(hub)
    body = f.request("POST", PATH, FORM + AUTH, b"topic=t&id=len", keep=True, CONTENT_LENGTH=length)
    assert wire.send(body).reply()[0].endswith(b"len")


@pytest.mark.parametrize("length", ["15", "99999999999"])
def test_a_body_that_is_shorter_than_announced_is_no_publish(hub, length):
    stream, wire = Stream(hub.socket, "topic=cut"), Wire(hub)
    wire.send(f.request("POST", PATH, FORM + AUTH, b"topic=cut&id=1", keep=True, CONTENT_LENGTH=length))
    text, statuses = wire.reply()
    assert text.startswith(b"Status: 400 ") and b"shorter" in text and statuses == (0, f.COMPLETE)
    assert wire.send(post(topic="cut", id="2")).reply()[0].endswith(b"2")
    assert stream.event().startswith("id: 2\n"), "the cut one was never sent"


def test_a_request_byte_by_byte(hub):
    wire = Wire(hub)
    for byte in post(padding=3, topic="t", id="slow"):
        wire.send(bytes([byte]))
    assert wire.reply()[0].endswith(b"slow")


def test_params_split_anywhere_with_long_lengths(hub):
    content = b"".join(f.pair(n, v, wide=True) for n, v in [
        ("REQUEST_METHOD", "GET"), ("REQUEST_URI", PATH + "?topic=" + "t" * 300), ("HTTP_X", "y" * 200)])
    wire = Wire(hub)
    wire.send(f.begin() + f.records(f.PARAMS, 1, content, size=1) + f.record(f.PARAMS) + f.record(f.STDIN))
    assert wire.next()[2].startswith(b"Status: 200 OK\r\n")


BROKEN = {
    "version": f.record(f.BEGIN, 1, b"\0\1\0\0\0\0\0\0", version=1) + f.record(f.PARAMS, 1, b"", version=2),
    "begin of no request": f.begin(0),
    "begin too short": f.record(f.BEGIN, 1, b"\0\1"),
    "begin twice": f.begin(1) + f.begin(1),
    "body before params": f.begin() + f.record(f.STDIN, 1, b"x"),
    "end of body before params": f.begin() + f.record(f.STDIN, 1),
    "a record of the other direction": f.begin() + f.record(f.STDOUT, 1, b"x"),
    "data": f.begin() + f.record(f.DATA, 1, b"x"),
    "values too long": f.record(f.GET_VALUES, 0, b"x" * 5000),
}


@pytest.mark.parametrize("name", BROKEN)
def test_whoever_breaks_the_protocol_is_closed(hub, name):
    assert Wire(hub).send(BROKEN[name]).closed()
    assert publish(hub.socket, topic="t").status == 200


REFUSED = {
    "pairs cut": (f.pair("REQUEST_METHOD", "GET") + b"\x0b\x10REQ", 400),
    "no uri": (f.pair("REQUEST_METHOD", "GET"), 400),
    "no method": (f.pair("REQUEST_URI", "/"), 400),
    "uri with a blank": (f.params("GET", "/a b"), 400),
    "uri without a path": (f.params("GET", "abc"), 400),
    "a line break in a header": (f.params("GET", PATH, HTTP_X="a\nb"), 400),
    "too many headers": (f.params("GET", PATH, **{f"HTTP_X{i}": "y" for i in range(200)}), 431),
    "too large": (f.params("GET", PATH, HTTP_X="y" * 70000), 431),
    "nothing there": (f.params("GET", "/nothing"), 404),
}


@pytest.mark.parametrize("name", REFUSED)
def test_params_that_make_no_request_are_refused(hub, name):
    params, status = REFUSED[name]
    wire = Wire(hub)
    wire.send(f.begin(keep=True) + f.records(f.PARAMS, 1, params) + f.record(f.PARAMS) + f.record(f.STDIN))
    assert wire.reply()[0].startswith(b"Status: %d " % status)
    assert wire.send(post(topic="t")).reply()[0].startswith(b"Status: 200")


@pytest.mark.parametrize("uri", [PATH + "?topic=a", f"http://else{PATH}?topic=a", f"https://else:8{PATH}?topic=a#x"])
def test_the_uri_alone_routes(hub, uri):
    wire = Wire(hub).send(f.request("HEAD", uri, keep=True))
    assert wire.reply()[0].startswith(b"Status: 200 OK\r\n")


def test_a_second_request_at_the_same_time_is_refused_and_the_first_goes_on(hub):
    wire = Wire(hub)
    wire.send(f.request("GET", PATH + "?topic=mpx", number=1))
    assert wire.next()[2].startswith(b"Status: 200")
    assert wire.send(post(2, topic="t")).reply(2)[1] == (0, f.CANT_MPX)
    publish(hub.socket, topic="mpx", data="still here")
    assert b"data: still here\n" in wire.next()[2]


def test_multiplexed_requests_up_to_the_bound(start_hub):
    hub = start_hub("fastcgi_multiplexing\nmax_requests_per_connection 3")
    wire = Wire(hub)
    assert f.pair("FCGI_MPXS_CONNS", "1") + b"" in wire.send(f.record(f.GET_VALUES, 0, f.pair("FCGI_MPXS_CONNS", ""))).next()[2]
    for number in (1, 2):
        wire.send(f.request("GET", PATH + "?topic=m", number=number, keep=True))
        assert wire.next()[1:2] == (number,)
    for i in range(3):
        assert wire.send(post(3, topic="t", id=f"m{i}")).reply(3)[0].endswith(b"m%d" % i)
    wire.send(f.begin(3, keep=True))
    assert wire.send(f.begin(4, keep=True)).reply(4)[1] == (0, f.OVERLOADED)
    wait_for(lambda: "bound=max_requests_per_connection" in hub.log(), "the log line")
    wire.send(f.record(f.ABORT, 3))
    assert wire.reply(3) == (b"", (0, f.COMPLETE))
    publish(hub.socket, topic="m", data="x" * 200000)
    got = {1: b"", 2: b""}
    while min(map(len, got.values())) < 200000:
        kind, number, content = wire.next()
        assert kind == f.STDOUT
        got[number] += content
    assert all(b"x" * 200000 in text for text in got.values())
    wire.send(f.record(f.ABORT, 1))
    assert wire.reply(1)[1] == (0, f.COMPLETE)
    publish(hub.socket, topic="m", data="for two")
    assert b"for two" in wire.next()[2]


def test_streams_of_a_connection_that_is_read_slowly_take_turns(start_hub):
    hub = start_hub("fastcgi_multiplexing\ntail 64MiB\nheartbeat 60s\nreply_timeout 60s")
    wire = Wire(hub)
    wire.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for number in (1, 2, 3):
        wire.send(f.request("GET", PATH + "?topic=fair", number=number, keep=True))
        assert wire.next()[1] == number
    for _ in range(100):
        assert publish(hub.socket, topic="fair", data="x" * 50000).status == 200
    got = {1: 0, 2: 0, 3: 0}
    while sum(got.values()) < 6_000_000:  # of the 15 MB that wait for the three
        _, number, content = wire.next()
        got[number] += len(content)
    assert min(got.values()) > 1_000_000, got


def test_an_abort_ends_a_stream_and_the_connection_stays(hub):
    wire = Wire(hub)
    before = hub.log().count("event=stream_end")
    wire.send(f.request("GET", PATH + "?topic=a", keep=True))
    assert wire.next()[2].startswith(b"Status: 200")
    assert wire.send(f.record(f.ABORT, 1)).reply()[1] == (0, f.COMPLETE)
    wait_for(lambda: hub.log().count("event=stream_end") > before, "the stream's end")
    assert wire.send(post(topic="t")).reply()[0].startswith(b"Status: 200")
    wire.send(f.begin(keep=True) + f.record(f.PARAMS, 1, f.params("POST", PATH, FORM + AUTH)) + f.record(f.PARAMS))
    assert wire.send(f.record(f.ABORT, 1)).reply() == (b"", (0, f.COMPLETE))
    assert wire.send(f.record(f.STDIN, 1, b"late") + post(topic="t")).reply()[0].startswith(b"Status: 200")


def test_a_large_event_comes_whole(hub):
    stream = Stream(f.Fastcgi(hub.socket), "topic=large")
    data = "".join(chr(97 + i % 26) for i in range(3_000_000))
    publish(hub.socket, topic="large", data=data)
    assert stream.datas(1) == [data]


@pytest.mark.parametrize("keep", [True, False])
def test_an_early_refusal_arrives_whole_while_the_body_still_comes(start_hub, keep):
    hub = start_hub("linger_timeout 1m")
    wire = Wire(hub)
    wire.send(f.begin(keep=keep) + f.record(f.PARAMS, 1, f.params("POST", PATH, FORM)) + f.record(f.PARAMS))
    for _ in range(20):
        wire.send(f.record(f.STDIN, 1, b"x" * 60000))
    wire.send(f.record(f.STDIN))
    assert wire.reply()[0].startswith(b"Status: 401")
    if keep:
        assert wire.send(post(topic="t")).reply()[0].startswith(b"Status: 200")
    else:
        assert wire.closed()


def test_a_body_past_its_bound_is_refused(start_hub):
    hub = start_hub("max_request_body_size 2000")
    wire = Wire(hub)
    assert wire.send(post(topic="t", data="x" * 5000)).reply()[0].startswith(b"Status: 413")
    assert wire.send(post(topic="t", data="x" * 500)).reply()[0].startswith(b"Status: 200")


def test_where_authorization_comes_from(hub):
    def status(**more):
        body = f.request("POST", PATH, FORM, b"topic=t", keep=True, HTTP_AUTHORIZATION=None) if not more else \
            f.request("POST", PATH, FORM, b"topic=t", keep=True, **more)
        return int(Wire(hub).send(body).reply()[0].split()[1])

    good = AUTH[0].partition(": ")[2]
    assert status(HTTP_AUTHORIZATION=good) == 200
    assert status(REDIRECT_HTTP_AUTHORIZATION=good) == 200
    assert status(HTTP_AUTHORIZATION="", REDIRECT_HTTP_AUTHORIZATION=good) == 200
    assert status(HTTP_AUTHORIZATION="Basic x", REDIRECT_HTTP_AUTHORIZATION=good) == 401
    cookie = dict(HTTP_COOKIE=f"mercureAuthorization={token(['*'])}", HTTP_ORIGIN="https://hub.example")
    assert status(**cookie) == 200
    assert status(**cookie, HTTPS="on") == 200
    assert status(**cookie, REQUEST_SCHEME="http") == 401


@pytest.mark.parametrize("auth_type, word", [(None, "CGIPassAuth"), ("Bearer", "pass-header Authorization")])
def test_the_log_says_what_to_do_where_authorization_is_kept_back(start_hub, auth_type, word):
    hub = start_hub()
    Wire(hub).send(f.request("POST", PATH, FORM, b"topic=t", AUTH_TYPE=auth_type)).reply()
    wait_for(lambda: "event=authorization_missing" in hub.log(), "the hint")
    assert word in hub.log()


def test_streams_of_one_address_are_bounded(start_hub):
    hub = start_hub("max_streams_per_address 2")
    get = f.request("GET", PATH + "?topic=a", REMOTE_ADDR="192.0.2.1")
    kept = [Wire(hub).send(get) for _ in range(2)]
    assert all(b"\r\n\r\n:\n" in wire.next()[2] for wire in kept)
    text, _ = Wire(hub).send(get).reply()
    assert text.startswith(b"Status: 200") and b"retry: " in text
    assert b"\r\n\r\n:\n" in Wire(hub).send(get.replace(b"192.0.2.1", b"192.0.2.2")).next()[2]
    wait_for(lambda: "bound=max_streams_per_address" in hub.log(), "the log line")


@pytest.mark.parametrize("told", ["unix:", "unknown", "192.0.2.1, 192.0.2.2"])
def test_what_is_no_address_is_nobodys(start_hub, told):
    """nginx that listens on a Unix socket says `unix:` of everybody: that is not one client."""
    hub = start_hub("max_streams_per_address 2")
    streams = [Wire(hub).send(f.request("GET", PATH + "?topic=a", REMOTE_ADDR=told)) for _ in range(5)]
    assert all(b"\r\n\r\n:\n" in wire.next()[2] for wire in streams)


def test_both_wires_on_one_socket_and_a_stop_that_ends_both_cleanly(start_hub):
    hub = start_hub()
    streams = [Stream(wire, "topic=s") for a in (hub.socket, ("127.0.0.1", hub.port)) for wire in (a, f.Fastcgi(a))]
    publish(f.Fastcgi(hub.socket), topic="s", data="to all")
    assert [s.datas(1) for s in streams] == [["to all"]] * 4
    hub.server.process.terminate()
    for stream in streams:
        assert b"retry: " in stream.end()
        assert stream.ended and (not stream.records or stream.ends == [b"\0" * 8])
    hub.stop()


def test_a_listening_socket_on_descriptor_0_is_served(tmp_path):
    path, conf = tmp_path / "handed.sock", tmp_path / "c"
    conf.write_text(f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(path))
        s.listen(10)
        process = subprocess.Popen([BIN, "-c", conf], stdin=s, stderr=subprocess.PIPE)
    try:
        assert publish(f.Fastcgi(path), topic="t", id="zero").body == b"zero"
        env = {"REQUEST_METHOD": "GET", "REQUEST_URI": "/healthz", "PATH": "/usr/bin"}
        done = subprocess.run(["cgi-fcgi", "-bind", "-connect", path], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=PATIENCE)
        assert b"200 OK" in done.stdout and done.stdout.endswith(b"ok\n"), done
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0, process.stderr.read()
        process.stderr.close()
