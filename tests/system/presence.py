"""What the tests of active subscriptions share: tokens of people, and streams whose events are begins and ends."""
import json
import re
import signal
import time
from urllib.parse import quote, urlencode

import jwt
import pytest

from conftest import KEY, PATH, PATIENCE, Client, Fastcgi, Stream, publish
from history import LogHub

ISSUER = "https://issuer.example"
RESOURCE = f"https://hub.example{PATH}"
API = f"{PATH}/subscriptions"
KIND = "https://mercure.rocks/authorization-detail"
ISSUED = f"issuer {ISSUER} {{\n publisher {{\n jwt {KEY} HS256\n }}\n subscriber {{\n jwt {KEY} HS256\n }}\n}}\nresource_identifier {RESOURCE}\n"
MARK = "https://example.com/mark"


def enc(text):
    return quote(text, safe="")


def reads(*matches, kind="exact", **more):
    return {"actions": ["subscribe"], "topics": [{"match": m, "match_type": kind} for m in matches or ("*",)], **more}


def access(*details, **claims):
    """A token of 1.0; it names a subject where `sub` does."""
    claims = {"iss": ISSUER, "aud": RESOURCE, "exp": time.time() + 86400, **claims,
              "authorization_details": [{"type": KIND, **d} for d in details]}
    return jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})


def bearer(value):
    return f"Authorization: Bearer {value}"


def person(dialect, sub=None, payload=None, **claims):
    """The header of somebody who may read everything."""
    if sub is not None:
        claims["sub"] = sub
    if dialect == "1.0":
        return bearer(access(reads(**({} if payload is None else {"payload": payload})), **claims))
    return bearer(jwt.encode({"mercure": {"subscribe": ["*"], "payload": payload}, **claims}, KEY, algorithm="HS256"))


def query(dialect, *topics, **more):
    return urlencode([("match" if dialect == "1.0" else "topic", t) for t in topics] + list(more.items()))


def address(hub, wire="http"):
    return Fastcgi(hub.socket) if wire == "fastcgi" else ("127.0.0.1", hub.port)


def open_stream(hub, dialect, *topics, auth=None, wire="http", headers=(), **more):
    stream = Stream(address(hub, wire), query(dialect, *topics, **more), *([auth] if auth else []), *headers)
    assert stream.status == 200, stream.bytes
    return stream


def next_event(stream):
    """As stream.event(), but what never comes is not waited for as long as there are heartbeats."""
    deadline = time.monotonic() + PATIENCE
    while True:
        while stream.text.startswith(b":") and b"\n" in stream.text:
            stream.text = stream.text.partition(b"\n")[2]
        if b"\n\n" in stream.text:
            event, _, stream.text = stream.text.partition(b"\n\n")
            return event.decode()
        assert time.monotonic() < deadline, "waited in vain for an event"
        if not stream.piece():
            raise ConnectionError(f"the stream ended: {stream.text!r}")


def datas(stream, count):
    return [re.search("^data: (.*)$", next_event(stream), re.M).group(1) for _ in range(count)]


class Watcher:
    """Sees every begin and end of a dialect but its own, and MARK."""

    def __init__(self, hub, dialect, wire="http", auth=None, **more):
        self.hub, self.dialect = hub, dialect
        pattern = {"1.0": [("match_urlpattern", f"{API}/:match_type/:match/:subscriber"), ("match", MARK)],
                   "0.x": [("topic", API + "/{topic}/{subscriber}"), ("topic", MARK)]}[dialect]
        self.stream = Stream(address(hub, wire), urlencode(pattern + list(more.items())), auth or person(dialect))
        assert self.stream.status == 200, self.stream.bytes
        self.last = self.own = None
        if dialect == "1.0" and not more:
            self.own = {self.told()["subscriber"] for _ in range(2)}
            assert len(self.own) == 1

    def raw(self):
        event = next_event(self.stream)
        if event.startswith("retry:"):
            raise ConnectionError("the hub has ended it")
        self.last = re.search("^id: (.*)$", event, re.M).group(1)
        return event

    def told(self):
        """The next event, as JSON."""
        return json.loads(re.search("^data: (.*)$", self.raw(), re.M).group(1))

    def until_mark(self):
        """All that was told up to now: (active, its matcher, subscriber) each."""
        mark = f"mark {time.monotonic_ns()}"
        assert publish(("127.0.0.1", self.hub.port), topic=MARK, data=json.dumps(mark), private="on").status == 200
        told = []
        while (one := self.told()) != mark:
            if isinstance(one, str):
                continue  # of somebody before
            told.append((one["active"], one.get("match", one.get("topic")), one["subscriber"]))
        return told

    def wait(self, count):
        """So many of them."""
        told = [self.told() for _ in range(count)]
        return [(one["active"], one.get("match", one.get("topic")), one["subscriber"]) for one in told]

    def close(self):
        self.stream.close()


def collection(hub, dialect):
    """Who is there, as a list says: (matcher, subscriber) each."""
    client = Client(("127.0.0.1", hub.port))
    reply = client.get(API, person(dialect))
    client.close()
    assert reply.status == 200, reply.body
    return [(s.get("match", s.get("topic")), s["subscriber"]) for s in json.loads(reply.body)["subscriptions"]]


def hold_back(hub, was, now, name="hold_back"):
    """Another time from now on, also for whoever has left already: no test waits for what it does not mean."""
    text = hub.conf.read_text()
    assert f"{name} {was}" in text
    hub.conf.write_text(text.replace(f"{name} {was}", f"{name} {now}"))
    hub.server.process.send_signal(signal.SIGHUP)


@pytest.fixture(params=["http", "fastcgi"])
def wire(request):
    return request.param


@pytest.fixture(params=["0.x", "1.0"])
def dialect(request):
    return request.param


@pytest.fixture
def keep(tmp_path):
    """A hub with a history."""
    hubs = []

    def start(block="hold_back 0s\nhold_back_return 0s", extra="", **options):
        hubs.append(LogHub(tmp_path, extra=f"subscriptions {{\n{block}\n}}\n{ISSUED}{extra}", level="debug", **options))
        return hubs[-1]

    yield start
    for hub in hubs:
        if hub.server.process.poll() is None:
            hub.stop()


def history_of(hub, dialect):
    """All that is replayed: (active, its matcher, subscriber) each."""
    watcher = Watcher(hub, dialect, **{"last_event_id" if dialect == "1.0" else "lastEventID": "earliest"})
    told = watcher.until_mark()
    watcher.close()
    return [t for t in told if not t[1].startswith(PATH) and t[1] != MARK]
