"""Ids leave with an update and come back in a header, through clients and fronts that do to it what they do."""
from urllib.parse import quote, quote_from_bytes

import pytest

import fastcgi
from conftest import PATH, Client, Fastcgi, Stream, publish, token
from test_access import ISSUERS, access_token

LONGEST = 1024


def replayed(address, topic, *headers, query=""):
    """The cursor of the answer, as bytes, and the first event behind it."""
    stream = Stream(address, f"topic={topic}{query}", *headers)
    cursor = stream.headers["last-event-id"].encode("latin-1")
    return cursor, stream.datas(1) if cursor != b"earliest" else None


IDS = {
    "longest": "x" * LONGEST,
    "longest of two bytes": "\u00e9" * (LONGEST // 2),
    "colons and quotes": ":\"a\":, ;=\\'",
    "blanks inside": "a  b",
    "emoji": "\U0001f600",
    "a blank of another kind": "\u00a0x\u00a0",
}


@pytest.mark.parametrize("name", IDS)
def test_an_id_comes_back_through_every_front(front, name):
    topic, id = f"ids/{name}".replace(" ", "-"), IDS[name]
    for data in ("seen", "missed"):
        reply = publish(front, topic=topic, data=data, **({"id": id} if data == "seen" else {}))
        assert reply.status == 200
        assert data == "missed" or reply.body == id.encode()
    assert replayed(front, topic, f"Last-Event-ID: {id}") == (id.encode(), ["missed"])
    assert replayed(front, topic, query=f"&lastEventID={quote(id, safe='')}") == (id.encode(), ["missed"])


@pytest.mark.parametrize("dialect", ["0.x", "1.0"])
@pytest.mark.parametrize("id, word", [("x" * (LONGEST + 1), b"max_id_length"), ("x ", b"blank"), (" x", b"blank"), (" ", b"blank"), ("x\t", b"control")])
def test_an_id_that_would_not_come_back_is_refused_in_words(start_hub, dialect, id, word):
    hub = start_hub(ISSUERS)
    auth = token(["*"]) if dialect == "0.x" else access_token(["*"])
    reply = publish(hub.socket, auth, topic="t", id=id)
    too_long = word == b"max_id_length"
    assert reply.status == (413 if too_long and dialect == "1.0" else 400) and word in reply.body, reply.body
    assert ("bound=max_id_length" in hub.log()) == too_long


def test_the_bound_of_ids_is_a_directive(start_hub):
    hub = start_hub("max_id_length 64")
    assert publish(hub.socket, topic="t", id="x" * 64).status == 200
    assert publish(hub.socket, topic="t", id="x" * 65).status == 400


@pytest.mark.parametrize("transport", ["memory", "log"])
@pytest.mark.parametrize("wire", ["http", "fastcgi"])
def test_a_cursor_of_latin_1_is_what_it_stood_for(start_hub, tmp_path, transport, wire):
    """So five clients send an id that is not ASCII: as the bytes of Latin-1."""
    hub = start_hub("" if transport == "memory" else f"transport log {{ path {tmp_path}/history }}", workers=1)
    at = Fastcgi(hub.socket) if wire == "fastcgi" else hub.socket
    for id in ("\u00e91", "plain", "1\u00ff"):
        assert publish(hub.socket, topic="t", id=id, data=f"as {id}").status == 200
    def ask(method, raw, in_query=False):
        client = Client(at)
        target = f"{PATH}?topic=t" + (f"&lastEventID={quote_from_bytes(raw)}" if in_query else "")
        lines = [] if in_query else [b"Last-Event-ID: " + raw]
        send(client, method, target, lines)
        return client, client.head()

    for raw in (b"\xe91", "\u00e91".encode()):
        for in_query in (False, True):
            client, (status, headers) = ask("GET", raw, in_query)
            assert status == 200 and headers["last-event-id"].encode("latin-1") == raw, "as it was asked for"
            assert b"data: as plain\n" in client.until(b"data: as 1")
            client.close()
            assert ask("HEAD", raw, in_query)[1][1]["last-event-id"].encode("latin-1") == raw
    for unknown in (b"\xe92", b"\xe9", b"\xc3"):
        for method in ("GET", "HEAD"):
            assert ask(method, unknown)[1][1]["last-event-id"] == "earliest"


def test_an_id_of_any_bytes_is_found_as_it_is(start_hub):
    """Publishers of 0.x may have them: the bytes count before what they would be as Latin-1."""
    hub = start_hub(workers=1)
    body = b"topic=t&data=%s&id=%s"
    form = ["Content-Type: application/x-www-form-urlencoded", f"Authorization: Bearer {token(['*'])}"]
    for data, id in ((b"1", b"%E91"), (b"2", b"%C3%A91"), (b"3", b"last")):
        assert Client(hub.socket).request("POST", PATH, form, body % (data, id)).status == 200
    client = Client(hub.socket)
    send(client, "GET", f"{PATH}?topic=t", [b"Last-Event-ID: \xe91"])
    client.head()
    assert b"data: 2\n" in client.until(b"data: 3")


def send(client, method, target, lines):
    """Headers of any bytes."""
    if client.records:
        params = fastcgi.params(method, target) + b"".join(
            fastcgi.pair("HTTP_" + name.decode().upper().replace("-", "_"), value.strip()) for name, _, value in (x.partition(b":") for x in lines))
        client.send(fastcgi.begin() + fastcgi.records(fastcgi.PARAMS, 1, params) + fastcgi.record(fastcgi.PARAMS) + fastcgi.record(fastcgi.STDIN))
    else:
        client.send(b"\r\n".join([f"{method} {target} HTTP/1.1".encode(), b"Host: hub.example", *lines]) + b"\r\n\r\n")
