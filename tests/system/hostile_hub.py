"""Rows of hostile.py: what topics, matchers and rights can do."""
from itertools import product
from string import ascii_lowercase, digits

from conftest import KEY, token
from hostile import FORM, AUTH, SANITIZED, Row, publish_many, send, streams, topics

FEW = 10 if SANITIZED else 1
NAMES = ["".join(pair) for pair in product(ascii_lowercase + digits, repeat=2) if "".join(pair) != "aa"][:1000]
EARLIEST = "Last-Event-ID: earliest"
ISSUER = f"issuer https://issuer.example {{\n subscriber {{\n jwt {KEY} HS256\n }}\n}}"
PUBLISH = (FORM, AUTH)


def history(form, count):
    return lambda hub: publish_many(hub, [form] * (count // FEW))


def replays(count, query):
    return lambda hub, stage: [send(hub, "GET", query, EARLIEST) for _ in range(count)]


def of_rights(hub):
    """Streams of many tokens, none of which may get what will come."""
    return [client for i in range(1000 // FEW) for client in streams(
        hub, ["topic=*"],
        "Authorization: Bearer " + token(subscribe=[f"https://example.com/users/{i}/{{kind{k}}}/{{id}}" for k in range(5)]))]


def private(hub, stage):
    form = b"private=on&data=x" + b"".join(b"&topic=https://example.com/users/x%d/a/b" % i for i in range(1000))
    return [send(hub, "POST", "", *PUBLISH, body=form), *stage]


ROWS = [
    Row("a replay of 16,000 updates by 1,000 exact topics", replays(1, topics(NAMES)), history(b"topic=aa&data=x", 16000)),
    Row("a replay of 160 updates of 1,000 topics by 1,000 exact topics", replays(1, topics(NAMES)),
        history(b"topic=aa&" * 1000 + b"data=x", 160)),
    Row("ten of these", replays(10, topics(NAMES)), history(b"topic=aa&" * 1000 + b"data=x", 160)),
    Row("a private update of 1,000 topics for 1,000 tokens", private, of_rights),
]
