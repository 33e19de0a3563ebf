"""Rows of hostile.py: what the wires can do."""
import fastcgi as f
from conftest import PATH, Client
from hostile import AUTH, FORM, SANITIZED, Row, publish_many, send

FEW = 10 if SANITIZED else 1


def ahead(count, data):
    """So many connections that send all of it in one piece and read nothing."""
    def act(hub, stage):
        crowd = [Client(hub.at) for _ in range(count)]
        for client in crowd:
            client.socket.setblocking(False)
            try:
                client.send(data)
            except BlockingIOError:
                pass
        return crowd
    return act



def unknown_cursors(count, tail):
    def act(hub, stage):
        return [send(hub, "HEAD", "topic=a", "Last-Event-ID: nobody") for _ in range(count)]
    return dict(request=act, setup=lambda hub: publish_many(hub, [b"topic=a&data=x"] * (tail // FEW)))


def posts(count, form):
    head = f"POST {PATH} HTTP/1.1\r\nHost:\r\n{FORM}\r\n{AUTH}\r\nContent-Length: {len(form)}\r\n\r\n"
    return (head.encode() + form) * count


def slow_heads(hub, stage):
    return ahead(100, b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 60000)(hub, stage)


ROWS = [
    Row("2,500 requests in one piece, on one connection", ahead(1, b"GET /x HTTP/1.1\r\nHost:\r\n\r\n" * 2500)),
    Row("the same on 50 connections", ahead(50, b"GET /x HTTP/1.1\r\nHost:\r\n\r\n" * 2500)),
    Row("300 publishes in one piece, on 50 connections", ahead(50, posts(300, b"topic=a&data=x"))),
    Row("8,000 management records in one piece, on 50 connections", ahead(50, f.record(f.GET_VALUES, 0) * 8000)),
    Row("8,000 records of no request in one piece, on 50 connections", ahead(50, f.record(f.STDIN, 7) * 8000)),
    Row("8,000 requests that are refused, on 50 connections", ahead(50, f.begin(1, True) + f.begin(2, True) * 4000)),
    Row("200 cursors that nobody knows, 16,000 updates in memory", **unknown_cursors(200, 16000)),
    Row("200 cursors that nobody knows, 200,000 updates in memory", **unknown_cursors(200, 200000), conf="tail 128MiB"),
    Row("100 heads that never end, past max_held_bytes", slow_heads, conf="max_held_bytes 2MiB"),
]
