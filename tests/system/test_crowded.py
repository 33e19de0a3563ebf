"""A hub whose descriptors are all but used, while five times as many streams as it has room for are asked for over and over, by
clients and fronts that keep their sockets as long as they may: publishes come through."""
import asyncio
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

import fastcgi
from conftest import FRONTS, PATH, Client, Fastcgi, Front, front_ready, publish, token, wait_for

CONNECTIONS, STREAMS = 16, 14  # of which the last are for publishes
# Whatever waits for one of these is not over before its publisher has lost patience.
LONG = f"max_connections {CONNECTIONS}\nlinger_timeout 60s\nkeepalive_timeout 300s\nidle_timeout 300s\nheartbeat 60s\n"
AUTH = f"Authorization: Bearer {token(['*'])}"


class Crowd:
    """Each asks for a stream, again once it was turned away: on its connection where that is `kept`, else on a new one, and the old
    one is not closed before the hub has closed it."""

    def __init__(self, address, wire, kept):
        self.address, self.wire, self.kept, self.turned_away, self.ended = address, wire, kept, 0, 0

    async def connect(self):
        if isinstance(self.address, tuple):
            return await asyncio.open_connection(*self.address)
        return await asyncio.open_unix_connection(str(self.address))

    def question(self):
        if self.wire == "http":
            return f"GET {PATH}?topic=t HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode()
        return fastcgi.request("GET", f"{PATH}?topic=t", keep=self.kept)

    async def one(self):
        while True:
            reader, writer = await self.connect()
            writer.write(self.question())
            while text := await reader.read(65536):
                if b"retry:" not in text:
                    continue
                self.turned_away += 1
                await asyncio.sleep(0.2)
                if self.kept:
                    writer.write(self.question())
            self.ended += 1
            writer.close()

    async def patiently(self):
        while True:
            try:
                await self.one()
            except OSError:
                pass  # a question that met the end of its connection
            await asyncio.sleep(0.2)

    @contextmanager
    def __call__(self, count):
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        lives = [asyncio.run_coroutine_threadsafe(self.patiently(), loop) for _ in range(count)]
        try:
            yield
        finally:
            for life in lives:
                life.cancel()
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.1), loop).result(60)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


@pytest.mark.parametrize(("wire", "kept"), [("http", False), ("fastcgi", False), ("fastcgi", True)])
def test_publishes_come_through_where_streams_are_asked_for_over_and_over(start_hub, wire, kept):
    hub = start_hub(LONG, workers=1)
    crowd = Crowd(hub.socket, wire, kept)
    with crowd(5 * CONNECTIONS):
        wait_for(lambda: hub.log().count("event=stream_begin") == STREAMS, "the streams")
        for _ in range(20):
            before = crowd.turned_away
            assert publish(hub.socket, topic="t", data="x").status == 200
            wait_for(lambda: crowd.turned_away > before + 5, "more who are turned away")
    assert crowd.ended >= 100


@pytest.mark.parametrize("name", ["nginx-fastcgi", "caddy-fastcgi", "lighttpd-fastcgi"])
def test_publishes_come_through_beside_a_front_whose_pages_want_more_streams_than_there_are(start_hub, tmp_path, name):
    """nginx with 64 connections that it keeps."""
    hub = start_hub(LONG.replace("linger_timeout 60s", "linger_timeout 2s"), workers=1)
    begin, snippet = FRONTS[name]
    front, port = begin(tmp_path, hub, snippet)
    if name.startswith("nginx"):
        front.stop()
        conf = tmp_path / "nginx.conf"
        conf.write_text(conf.read_text().replace("http {", f"http {{ upstream hub {{ server unix:{hub.socket}; keepalive 64; }} fastcgi_keep_conn on;"))
        included = tmp_path / f"{snippet}.conf"
        text = included.read_text()
        assert f"fastcgi_pass unix:{hub.socket};" in text
        included.write_text(text.replace(f"unix:{hub.socket}", "hub"))
        front = Front("nginx", ["/usr/sbin/nginx", "-c", tmp_path / "nginx.conf"], tmp_path)
    address = ("127.0.0.1", port)
    try:
        front_ready(front, address)
        crowd = Crowd(address, "http", True)
        with crowd(5 * CONNECTIONS):
            wait_for(lambda: hub.log().count("event=stream_begin") >= STREAMS, "the streams")
            for _ in range(10):
                before = crowd.turned_away
                assert publish(hub.socket, topic="t", data="x").status == 200
                wait_for(lambda: crowd.turned_away > before, "more who are turned away")
    finally:
        front.process.kill()  # streams last for longer than it is patient with them
        front.process.wait(30)


def test_a_front_that_keeps_connections_leaves_the_last_of_them_to_others(start_hub):
    hub = start_hub(LONG, workers=1)
    pool = [Client(hub.socket) for _ in range(CONNECTIONS - 1)]
    for client in pool:
        client.ask("POST", PATH, [AUTH, "Content-Type: application/x-www-form-urlencoded"], b"topic=t&data=x")
    replies = [client.reply() for client in pool]
    assert [reply.status for reply in replies] == [200] * len(pool)
    assert sum(reply.headers.get("connection") == "close" for reply in replies) >= 1, "of the last ones none is kept"
    for client in pool:
        client.close()
    wait_for(lambda: Client(hub.socket).get("/healthz").headers.get("connection") != "close", "room to keep one again")


def test_what_a_front_sends_ahead_on_its_kept_connection_is_answered_among_the_last_connections_too(start_hub):
    """A publish that is committed is said to be: nothing of its answer is lost to a close."""
    hub = start_hub(LONG + "fastcgi_multiplexing\n", workers=1)
    pool = [Client(hub.socket) for _ in range(CONNECTIONS - 2)]
    assert all(client.get("/healthz").status == 200 for client in pool[:1])
    front = Client(("127.0.0.1", hub.port))
    front.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2304)
    count = 3000
    asked = [AUTH, "Content-Type: application/x-www-form-urlencoded"]

    def sends():
        for number in range(1, count + 1):
            front.send(fastcgi.request("POST", PATH, asked, b"topic=t&data=x", number=number, keep=True))

    records, said = fastcgi.Records(), []
    with ThreadPoolExecutor(1) as pool_of_one:
        sending = pool_of_one.submit(sends)
        while sum(kind == fastcgi.END for kind, _, _ in said) < count:
            said += records.feed(front.socket.recv(500))
        sending.result()
    assert sum(kind == fastcgi.STDOUT and b"Status: 200" in content for kind, _, content in said) == count
    front.close()
    for client in pool:
        client.close()


def connections(hub):
    return int(re.search(r"^alipes_connections (\d+)", Client(hub.metrics).get("/metrics").body.decode(), re.M).group(1))


def test_a_stream_that_is_turned_away_is_closed_behind_its_last_byte(measured):
    """It was read whole, so nothing that still comes is of use to anybody, and its place is another's."""
    hub = measured(LONG + "max_streams 1\n", workers=1)
    first = Client(hub.socket)
    first.ask("GET", f"{PATH}?topic=t")
    assert first.head()[0] == 200
    for address in (hub.socket, ("127.0.0.1", hub.port)):
        late = Client(address)
        reply = late.get(f"{PATH}?topic=t")
        assert reply.status == 200 and re.search(rb"^retry: \d+$", reply.body, re.M) and reply.headers["connection"] == "close"
        assert late.closed() == b""
        wait_for(lambda: connections(hub) == 1, "its descriptor to be free, although its client has not closed")
        late.close()
    kept = Client(Fastcgi(hub.socket))
    kept.send(fastcgi.request("GET", f"{PATH}?topic=t", keep=True))
    assert b"retry:" in kept.reply().body
    kept.send(fastcgi.request("GET", f"{PATH}?topic=t", keep=True))
    assert b"retry:" in kept.reply().body, "where there is room a kept connection is kept"
