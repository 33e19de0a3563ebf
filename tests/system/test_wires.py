"""What both wires do with requests that are sent ahead, with bodies nobody asked for, with replies that nobody reads, and
at the end of a stream."""
import os
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcgi as f
from conftest import BIN, KEY, PATH, Client, Server, Stream, publish, token, wait_for

FORM = "Content-Type: application/x-www-form-urlencoded"
AUTH = f"Authorization: Bearer {token(['*'])}"
POST = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{FORM}\r\n{AUTH}\r\n"


# A sanitizer on a busy machine takes longer than peers are given.
PATIENT = "head_timeout 10m\nreply_timeout 10m\nbody_timeout 10m\nidle_timeout 10m\nkeepalive_timeout 10m\n"


# What is beyond 32 MiB is tried without a sanitizer of threads, which takes a minute for it.
LARGE = 4 if "tsan" in str(BIN) else 34


def tcp(hub):
    return "127.0.0.1", hub.port


def wires(hub):
    return hub.socket, f.Fastcgi(hub.socket)


# --- sent ahead ----------------------------------------------------------------------------------------------------

def test_requests_sent_ahead_of_a_half_close_are_all_answered_in_order(hub):
    client = Client(tcp(hub))
    body = b"topic=ahead&id=%d"
    client.send(b"".join(f"{POST}Content-Length: {len(body % i)}\r\n\r\n".encode() + body % i for i in range(500))
                + b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\nGET / HT")
    client.socket.shutdown(socket.SHUT_WR)
    assert [client.reply().body for _ in range(500)] == [b"%d" % i for i in range(500)]
    assert client.reply().status == 404
    assert client.closed() == b"", "half a request, and the end"


@pytest.mark.parametrize("ahead", [
    b"GET /nothing HTTP/1.1\r\nHost:\r\n\r\n" * 1600,
    f.record(f.GET_VALUES, 0) * 8000,
    (f.begin(1, keep=True) + f.begin(2, keep=True) * 3000),
], ids=["requests", "values", "begins"])
def test_everything_sent_ahead_is_answered_and_others_are_heard_meanwhile(start_hub, ahead):
    hub = start_hub(PATIENT)
    crowd = [Client(tcp(hub)) for _ in range(8)]
    for client in crowd:
        client.send(ahead)
    stream = Stream(tcp(hub), "topic=meanwhile")
    assert publish(hub.socket, topic="meanwhile", data="x").status == 200
    assert stream.datas(1) == ["x"]
    answers = {b"GET": (b"HTTP/1.1 404", 1600), f.record(f.GET_VALUES, 0)[:3]: (f.record(f.GET_VALUES_RESULT, 0), 8000),
               f.begin(1)[:3]: (f.record(f.END, 2, b"\0\0\0\0\1\0\0\0"), 3000)}
    answer, count = answers[ahead[:3]]
    for client in crowd:
        came, seen = b"", 0
        while seen < count:
            part = client.socket.recv(1 << 20)
            assert part, f"ended behind {seen}"
            came += part
            seen += came.count(answer)
            came = came[came.rfind(answer) + len(answer):] if answer in came else came
        client.close()


# --- a wire's own refusals -----------------------------------------------------------------------------------------

CUT = (f.begin(1) + f.records(f.PARAMS, 1, f.params("POST", PATH, (FORM, AUTH), CONTENT_LENGTH="50"))
       + f.record(f.PARAMS, 1) + f.record(f.STDIN, 1, b"topic=a"))
REFUSALS = {
    "no head at all": ("http", b"G\x01T / HTTP/1.1\r\n\r\n", 400),
    "a head that is too large": ("http", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 70000, 431),
    "half a head": ("http", b"GET / HTT", 408),
    "a transfer coding": ("http", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    "chunks that are none": ("http", f"{POST}Transfer-Encoding: chunked\r\n\r\nxyz\r\n".encode(), 400),
    "half a body": ("http", f"{POST}Content-Length: 50\r\n\r\ntopic=a".encode(), 408),
    "params of nothing": ("fastcgi", f.begin(1) + f.record(f.PARAMS, 1), 400),
    "params that are too large": ("fastcgi", f.begin(1) + f.record(f.PARAMS, 1, f.pair("X", "x" * 60000)) * 2, 431),
    "half the params": ("fastcgi", f.begin(1), 408),
    "STDIN that is cut": ("fastcgi", CUT + f.record(f.STDIN, 1), 400),
    "half of STDIN": ("fastcgi", CUT, 408),
}


@pytest.mark.parametrize("asked", REFUSALS)
def test_a_wires_own_refusal_is_plain_text_that_nobody_keeps(start_hub, asked):
    wire, data, status = REFUSALS[asked]
    hub = start_hub("head_timeout 1s\nbody_timeout 1s" if status == 408 else "")
    client = Client(tcp(hub) if wire == "http" else f.Fastcgi(hub.socket))
    client.send(data)
    reply = client.reply()
    assert (reply.status, reply.headers["content-type"], reply.headers["cache-control"]) == \
        (status, "text/plain; charset=utf-8", "no-store"), reply.headers
    assert reply.body.endswith(b"\n") and int(reply.headers["content-length"]) == len(reply.body)


# --- states ----------------------------------------------------------------------------------------------------

def test_every_move_of_a_connection_is_in_the_trace(start_hub):
    hub = start_hub("debug")
    for wire in wires(hub):
        client = Client(wire)
        assert client.request("POST", PATH, [AUTH, FORM], b"topic=a").status == 200
        client.close()
    for event, begin in (("http", "IDLE HEAD"), ("fastcgi", "NEW PARAMS")):
        wait_for(lambda: f"event={event}_state" in hub.log(), "the trace")
        moves = re.findall(rf"event={event}_state conn=(\d+) from=(\w+) to=(\w+)", hub.log())
        states = f"{begin} BODY WAITING WAITING REPLYING".split()
        conn = next(c for c, came, to in moves if to == "BODY")
        assert [(a, b) for c, a, b in moves if c == conn][:5] == list(zip(states, states[1:]))


# --- bodies --------------------------------------------------------------------------------------------------------

def test_a_subscription_with_a_body_is_told_so(hub):
    for wire, asked in zip(wires(hub), (f"GET {PATH}?topic=a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc".encode(),
                                        f.request("GET", f"{PATH}?topic=a", (), b"abc", CONTENT_LENGTH="3"))):
        client = Client(wire)
        client.send(asked)
        status, headers = client.head()
        assert status == 400 and b"no body" in client.exactly(int(headers["content-length"]))


@pytest.mark.parametrize("query", ["topic=empty", "topic=empty&lastEventID=nobody"])
def test_a_subscription_whose_announced_body_is_empty_is_served(hub, query):
    client = Client(tcp(hub))
    client.send(f"GET {PATH}?{query} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
    client.send(b"0\r\n\r\n")
    assert client.head()[0] == 200
    publish(hub.socket, topic="empty", data="x")
    client.until(b"data: x\n")


def test_a_body_that_is_announced_as_too_large_is_not_invited(start_hub):
    hub = start_hub("max_request_body_size 1MiB")
    client = Client(tcp(hub))
    client.send(f"{POST}Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n".encode())
    assert client.head()[0] == 413
    client = Client(tcp(hub))
    client.send(f"{POST}Expect: 100-continue\r\nContent-Length: 1048576\r\n\r\n".encode())
    assert client.head()[0] == 100


def test_a_body_of_any_size_that_is_allowed_is_taken_however_it_is_encoded(start_hub):
    hub = start_hub(PATIENT + "max_request_body_size 64MiB\nmax_pending_bytes 1GiB")
    for wire, data in zip(wires(hub), (b"%41+", b"+%41")):
        client = Client(wire)
        client.socket.settimeout(120)
        reply = client.request("POST", PATH, [FORM, AUTH], b"topic=a&data=" + data + b"x" * (LARGE << 20))
        assert reply.status == 200, reply.body


# --- replies and ends ----------------------------------------------------------------------------------------------

def test_a_head_request_says_no_length_of_a_stream(hub):
    for wire in wires(hub):
        for query in ("topic=a", "topic=a&lastEventID=nobody"):
            reply = Client(wire).request("HEAD", f"{PATH}?{query}")
            assert reply.status == 200 and "content-length" not in reply.headers
    client = Client(tcp(hub))
    for _ in range(2):
        assert client.request("HEAD", f"{PATH}?topic=a").headers.get("connection") is None, "it is kept"
    assert client.request("HEAD", "/healthz").headers["content-length"] == "3"


def test_http_closes_behind_the_end_of_a_stream_and_says_so_in_its_head(start_hub):
    """Clients that read to the end of the connection come back only then."""
    hub = start_hub("write_timeout 1s")
    stream = Stream(tcp(hub), "topic=a")
    assert stream.headers["connection"] == "close" and stream.chunked
    assert b"retry: " in stream.end()
    assert stream.closed() == b""
    hub = start_hub("max_streams 1")
    stream, busy = Stream(tcp(hub), "topic=a"), Client(tcp(hub))
    reply = busy.request("GET", f"{PATH}?topic=a")
    assert reply.body.startswith(b"retry: ") and reply.headers["connection"] == "close"
    assert busy.closed() == b""
    stream.close()


def test_fastcgi_keeps_the_connection_behind_a_stream_where_it_is_to_be_kept(start_hub):
    hub = start_hub("write_timeout 1s")
    client = Client(hub.socket)
    client.send(f.request("GET", PATH + "?topic=a", keep=True))
    records, came = f.Records(), []
    while not any(kind == f.END for kind, _, _ in came):
        came += records.feed(client.socket.recv(65536))
    client.send(f.request("HEAD", "/healthz", keep=True))
    came = []
    while not came:
        came = records.feed(client.socket.recv(65536))
    assert came[0][2].startswith(b"Status: 200") and b"onnection" not in came[0][2]


# --- what peers that do not go on hold -----------------------------------------------------------------------------

def test_records_that_ask_for_answers_wait_while_nobody_reads(hub):
    taken = []
    for record in (f.record(f.GET_VALUES, 0), f.record(99, 0), f.begin(0x101, keep=True, role=2)):
        client, sent = Client(hub.socket), 0
        client.socket.setblocking(False)
        quiet = time.monotonic() + 0.5
        while time.monotonic() < quiet and sent < 64 << 20:
            try:
                sent += client.socket.send(record * 8192)
                quiet = time.monotonic() + 0.5
            except BlockingIOError:
                time.sleep(0.01)
        taken.append(sent)
        client.close()
    assert max(taken) < 4 << 20, taken


def test_updates_that_readers_are_in_the_middle_of_are_bounded_and_the_oldest_is_cut(start_hub):
    hub = start_hub("max_held_bytes 20MiB\ntail 1MiB\nreply_timeout 60s\nheartbeat 60s", workers=1)
    stuck = []
    for i in range(8):
        stuck.append(Stream(tcp(hub), f"topic=t{i}"))
        assert publish(hub.socket, topic=f"t{i}", data="x" * 5_000_000).status == 200
    wait_for(lambda: "bound=max_held_bytes" in hub.log(), "the first to be cut")

    def is_whole(stream):
        try:
            return stream.datas(1) == ["x" * 5_000_000]
        except ConnectionError:
            return False

    whole = [is_whole(stream) for stream in stuck]
    assert whole == [False] * 4 + [True] * 4, whole


@pytest.mark.parametrize("wire", ["http", "fastcgi", "fastcgi-kept"])
def test_whose_socket_is_full_just_where_an_update_ends_is_cut_too(start_hub, wire):
    """A Unix socket takes updates of a size whole or not at all, so nothing of them waits in the hub."""
    hub = start_hub("reply_timeout 1s\nheartbeat 0s\nanonymous")
    if wire == "http":
        stuck = Stream(hub.socket, "topic=t")
    else:
        stuck = Client(hub.socket)
        stuck.send(f.request("GET", PATH + "?topic=t", keep=wire == "fastcgi-kept"))
        assert stuck.socket.recv(1)
    over = threading.Event()

    def publishes():
        while not over.is_set():
            assert publish(hub.socket, topic="t", data="x" * 20000).status == 200

    with ThreadPoolExecutor(1) as pool:
        publishing = pool.submit(publishes)
        try:
            wait_for(lambda: "bound=reply_timeout" in hub.log(), "the cut, publishes or not")
        finally:
            over.set()
        publishing.result()
    stuck.close()


def test_one_update_counts_once_however_many_readers_are_in_the_middle_of_it(start_hub):
    hub = start_hub("max_held_bytes 20MiB\nreply_timeout 60s\nheartbeat 60s")
    stuck = [Stream(tcp(hub), "topic=one") for _ in range(20)]
    assert publish(hub.socket, topic="one", data="x" * 5_000_000).status == 200
    assert all(stream.datas(1) == ["x" * 5_000_000] for stream in stuck)
    assert "bound=max_held_bytes" not in hub.log()


def test_input_that_waits_is_bounded_and_the_oldest_is_cut(start_hub):
    hub = start_hub("max_held_bytes 1MiB\nhead_timeout 60s", workers=1)
    halves = []
    for _ in range(40):
        halves.append(Client(tcp(hub)))
        halves[-1].send(b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 50000)
    wait_for(lambda: "bound=max_held_bytes" in hub.log(), "the first to be cut")
    assert halves[0].closed() == b""
    halves[-1].send(b"\r\n\r\n")
    assert halves[-1].reply().status == 404
    assert publish(hub.socket, topic="t").status == 200


def test_a_tcp_stream_is_watched_by_keep_alive_also_without_heartbeats(start_hub):
    hub = start_hub("heartbeat 0s")
    stream = Stream(tcp(hub), "topic=a")
    ports = f":{hub.port:04X} ", f":{stream.socket.getsockname()[1]:04X} "

    def timer():
        """Which one runs of the hub's side, and for how long yet: that of the head's last bytes until they are acknowledged."""
        with open("/proc/net/tcp") as table:
            return next(line for line in table if re.search(rf"{ports[0]}\w+{ports[1]}", line)).split()[5].split(":")

    wait_for(lambda: timer()[0] == "02", "the timer of keep-alive")
    assert int(timer()[1], 16) <= 60 * os.sysconf("SC_CLK_TCK"), timer()


# --- one Unix socket, several starters -----------------------------------------------------------------------------

def starters(tmp_path, path, count):
    servers = []
    for i in range(count):
        conf = tmp_path / f"conf{i}"
        conf.write_text(f"listen unix/{path}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\nworkers 1\n")
        servers.append(Server([BIN, "-c", conf], tmp_path / f"log{i}"))
    return servers


def test_of_hubs_that_start_at_once_on_a_stale_socket_one_wins(tmp_path):
    path = tmp_path / "s"
    for _ in range(5):
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        servers = starters(tmp_path, path, 4)
        wait_for(lambda: sum(server.process.poll() is not None for server in servers) == 3, "three to give up")
        winner = next(server for server in servers if server.process.poll() is None)
        wait_for(lambda: "event=ready" in winner.log(), "the one that won")
        assert publish(path, topic="t").status == 200
        assert all("another process listens there" in server.log() for server in servers if server is not winner)
        assert winner.stop() == 0 and not path.exists()
        for i in range(4):
            (tmp_path / f"log{i}").unlink()


def test_a_hub_behind_a_full_queue_is_found_alive_at_once(tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(str(path))
        busy.listen(0)
        waiting = []
        with pytest.raises(BlockingIOError):
            while True:
                waiting.append(socket.socket(socket.AF_UNIX))
                waiting[-1].setblocking(False)
                waiting[-1].connect(str(path))
        server, = starters(tmp_path, path, 1)
        assert server.process.wait(60) == 1
        assert "another process listens there" in server.log()
        for one in waiting:
            one.close()
    assert path.exists()


def test_a_hub_that_stops_leaves_the_socket_of_another_in_place(tmp_path):
    path = tmp_path / "s"
    first, = starters(tmp_path, path, 1)
    wait_for(lambda: path.exists() and "event=ready" in first.log(), "the hub")
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        assert first.stop() == 0
        assert path.exists()
