"""What the tests of lists of active subscriptions share: hubs that have them, readers who may, and what is read."""
import json
import re

from conftest import Client, token
from presence import access, address, bearer, reads

# Ends are told at once, so that a test may wait for them.
ON = "subscriptions {\n hold_back 0s\n hold_back_return 0s\n}\ncors_origins https://app.example\nmax_streams_per_token 10000\nmax_streams_per_address 10000\n"
ALL = {"0.x": bearer(token(subscribe=["*"])), "1.0": bearer(access(reads()))}


def ask(hub, target, *headers, wire="http", method="GET"):
    client = Client(address(hub, wire))
    reply = client.request(method, target, headers)
    client.close()
    return reply


def read(hub, target, dialect, *headers, **options):
    """A document, as JSON."""
    reply = ask(hub, target, ALL[dialect], *headers, **options)
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == {"0.x": "application/ld+json", "1.0": "application/json"}[dialect]
    text = reply.body.decode()
    assert "\n" not in text and text == json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)  # compact
    return json.loads(text)


def subscribers(hub, target, dialect):
    return [s["subscriber"] for s in read(hub, target, dialect)["subscriptions"]]


def next_page(reply):
    found = re.search(r'<([^>]*)>; rel="next"', reply.headers.get("link", ""))
    return found and found.group(1)


def pages(hub, target, dialect, between=lambda: None, wire="http"):
    while target:
        reply = ask(hub, target, ALL[dialect], wire=wire)
        assert reply.status == 200
        yield json.loads(reply.body), reply
        target = next_page(reply)
        between()
