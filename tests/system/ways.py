"""How clients come to a site that has the hub behind it (Way), and what must work whichever way they come: functions of a Way,
each of which says in a few words what it has seen.

A Way is of any front: Way(hub, port, "h2") is enough to run AT_ONCE over. The hub is one of LogHub with HUB."""
import itertools
import json
import threading
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from math import ceil

from conftest import PATH, Client, Query, Stream, Tls, publish, token, wait_for
from history import FORM
from http2 import Connection, EventStream, Exchange
from presence import API, ISSUED, bearer, datas, enc, next_event, query

HEARTBEAT = 4  # seconds: the hub's own, which is what a front must get by with
PROMPT = 3  # at once, on a machine that does other things
HUB = f"subscriptions {{\n hold_back 0s\n hold_back_return 0s\n}}\npublish_origins http://hub.example https://hub.example\n{ISSUED}"
CROWD = 200
IDLE = 90
AWAY = b"retry: 3000\n: the hub is away\n\n"
EVENTS = "text/event-stream"
ORIGIN = "https://app.example"
numbers = itertools.count()


class H2Query(Query, Exchange):
    """A stream over HTTP/2 asked for by QUERY."""


@dataclass(frozen=True)
class Way:
    """`transport`: plain (HTTP/1.1), tls (the same over TLS) or h2 (HTTP/2 over TLS). What a front may do in its own way: `left`:
    heartbeats after which the hub has heard that a client has left; 0: it hears at once. `together`: requests that are served at
    once on one connection of HTTP/2; None: as many as it says. `stays`: a stream does while its hub is restarted or killed.
    `cut`: seconds after which a stream has ended whose hub was killed. `resets`: what brings a body, while the hub is away, in place
    of an answer."""
    hub: object
    port: int
    transport: str = "plain"
    left: int = 0
    together: int = None
    stays: bool = False
    cut: int = 0
    resets: bool = False

    @property
    def address(self):
        return {"plain": ("127.0.0.1", self.port), "tls": Tls(self.port), "h2": self.port}[self.transport]

    @property
    def origin(self):
        return f"http{'s' if self.transport != 'plain' else ''}://hub.example"

    def client(self, address=None):
        return (Exchange if self.transport == "h2" else Client)(address or self.address)

    def stream(self, query, *headers, address=None):
        return (EventStream if self.transport == "h2" else Stream)(address or self.address, query, f"Accept: {EVENTS}", *headers)

    def query(self, body, *headers):
        return (H2Query if self.transport == "h2" else Query)(self.address, "", body, FORM, *headers)

    def publish(self, auth=None, headers=(), **form):
        return publish(self.client(), auth, headers, **form)

    def crowd(self, query, count):
        """So many streams at once, on how many connections, and these where several are on one."""
        if self.transport != "h2":
            return [self.stream(query) for _ in range(count)], count, []
        connections = [Connection(self.port)]
        each = self.together or connections[0].most
        assert each <= connections[0].most
        connections += [Connection(self.port) for _ in range(ceil(count / each) - 1)]
        return [self.stream(query, address=connections[n // each]) for n in range(count)], len(connections), connections


def new_topic():
    """Never the same; %2F in it is no slash."""
    return f"https://example.com/a%2Fb/{next(numbers)}?é"


def seconds(since):
    return time.monotonic() - since


# --- what is over in a moment ----------------------------------------------------------------------------------------


def an_event_is_there_at_once(way):
    """What is held back for more to come (200 ms) never is, on however busy a machine."""
    topic, took = new_topic(), []
    with closing(way.stream(query("1.0", topic))) as stream:
        assert stream.status == 200
        assert way.publish(topic=topic, data="through the front").status == 200
        assert datas(stream, 1) == ["through the front"]
        while len(took) < 3 or min(took) > 0.15 and len(took) < 50:
            began = time.monotonic()
            assert publish(way.hub.socket, topic=topic, data="x").status == 200
            assert datas(stream, 1) == ["x"]
            took.append(seconds(began))
    assert min(took) < 0.15, took
    return f"{min(took) * 1000:.0f} ms"


def private_updates_go_to_whom_they_are_granted(way):
    """The cookie comes in two fields over HTTP/2, as from a browser."""
    topic, said = new_topic(), way.publish("", topic="x")
    assert said.status == 401 and "www-authenticate" in said.headers
    mine = token(["*"], [topic])
    cookie = f"Cookie: a=b; mercureAuthorization={mine}"
    with ExitStack() as stack:
        heads = {"header": [bearer(mine)], "cookie": [cookie], "nobody": []}
        streams = {who: stack.enter_context(closing(way.stream(query("0.x", topic), *head))) for who, head in heads.items()}
        assert way.publish(topic=topic, data="by header", private="on").status == 200
        assert way.publish("", [cookie, f"Origin: {way.origin}"], topic=topic, data="by cookie", private="on").status == 200
        assert way.publish(topic=topic, data="to all").status == 200
        for who, stream in streams.items():
            assert datas(stream, 1 if who == "nobody" else 3) == ["by header", "by cookie", "to all"][2 if who == "nobody" else 0:], who
    return "header, cookie"


def a_cursor_brings_what_was_missed(way):
    topic = new_topic()
    ids = [way.publish(topic=topic, data=number).body.decode() for number in range(4)]
    for asks, head in ((query("1.0", topic), [f"Last-Event-ID: {ids[1]}"]), (query("1.0", topic, last_event_id=ids[1]), []),
                       (query("0.x", topic, lastEventID=ids[1]), [])):
        with closing(way.stream(asks, *head)) as stream:
            assert ids[1] in (stream.headers.get("last-event-id"), stream.headers.get("mercure-last-event-id")), (asks, stream.headers)
            assert datas(stream, 2) == ["2", "3"], asks
    return "header, query"


def what_is_encoded_stays_so(way):
    """In the query, and in a path: that of a list of who is there."""
    topic = new_topic()
    other = topic.replace("%2F", "/")
    with closing(way.stream(query("0.x", topic))) as stream, closing(way.stream(query("0.x", other))) as elsewhere:
        for one in (topic, other):
            assert way.publish(topic=one, data=one).status == 200
            reply = way.client().get(f"{API}/{enc(one)}", bearer(token(subscribe=["*"])))
            assert reply.status == 200, (reply.status, reply.body)
            assert [each["topic"] for each in json.loads(reply.body)["subscriptions"]] == [one]
        assert datas(stream, 1) == [topic] and datas(elsewhere, 1) == [other]
    return "query, path"


def a_query_brings_its_body(way):
    """Caddy 2.6 closes when the answer begins before it has seen the body's end: then a client asks again, as after any end."""
    topic = new_topic()
    for tries in range(1, 11):
        stream = way.query(f"match={enc(topic)}".encode())
        assert stream.status == 200, stream.status
        assert way.publish(topic=topic, data="x").status == 200
        try:
            assert datas(stream, 1) == ["x"]
            break
        except ConnectionError:
            continue
        finally:
            stream.close()
    else:
        raise AssertionError("no stream lasts")
    assert way.client().request("QUERY", PATH, ["Content-Type: application/json"], b"{}").status == 415
    return "yes" if tries == 1 else f"at attempt {tries}"


def of_who_leaves_the_hub_hears(way):
    """By closing the connection, and over HTTP/2 by a reset of the stream alone as well."""
    took = []
    with ExitStack() as stack:
        watched, connection = [], Connection(way.port) if way.transport == "h2" else None
        for address in [way.address, *([connection] if connection else [])]:
            topic = new_topic()
            watch = stack.enter_context(closing(Stream(way.hub.socket, query("0.x", f"{API}/{enc(topic)}/{{subscriber}}"), bearer(token(subscribe=["*"])))))
            watched.append((watch, way.stream(query("0.x", topic), address=address)))
            assert json.loads(datas(watch, 1)[0])["active"]
        began = time.monotonic()
        for _, stream in watched:
            stream.close()
        for watch, _ in watched:
            assert not json.loads(datas(watch, 1)[0])["active"]
            took.append(seconds(began))
        if connection:
            connection.close()
    most = way.left * HEARTBEAT + PROMPT
    assert max(took) < most, f"{took} s, of at most {most}"
    return " / ".join(f"{each:.1f} s" for each in took)


def a_crowd_hears_the_last_event(way):
    topic = new_topic()
    streams, connections, shared = way.crowd(query("1.0", topic), CROWD)
    try:
        assert all(stream.status == 200 for stream in streams)
        began, events = time.monotonic(), [str(number) for number in range(3)]
        for data in events:
            assert publish(way.hub.socket, topic=topic, data=data).status == 200
        for stream in streams:
            assert datas(stream, 3) == events
        took = seconds(began)
    finally:
        for each in shared or streams:
            each.close()
    return f"{CROWD} on {connections}, {took * 1000:.0f} ms"


AT_ONCE = (an_event_is_there_at_once, private_updates_go_to_whom_they_are_granted, a_cursor_brings_what_was_missed, what_is_encoded_stays_so,
           a_query_brings_its_body, of_who_leaves_the_hub_hears, a_crowd_hears_the_last_event)


# --- what takes its time ---------------------------------------------------------------------------------------------


def a_silent_stream_lives_by_heartbeats(way):
    """Nothing else comes over its connection."""
    topic = new_topic()
    with closing(way.stream(query("1.0", topic))) as stream:
        began = time.monotonic()
        while seconds(began) < IDLE:
            assert stream.piece(), f"it ended after {seconds(began):.0f} s"
        beats = stream.text.count(b":\n")
        assert beats >= IDLE / HEARTBEAT - 3, beats
        assert way.publish(topic=topic, data="x").status == 200
        assert datas(stream, 1) == ["x"]
    return f"{beats} heartbeats"


class EventSource(threading.Thread):
    """What a page has: it comes back where it was after a 200 that ended or was cut, after as long as it was told, and never after
    another answer. It is over when it has heard `last`. `lost`: when streams of its ended before. `told`: to come back, so often."""

    def __init__(self, way, topic, last):
        super().__init__(daemon=True)
        self.way, self.topic, self.last = way, topic, last
        self.got, self.cursor, self.retry, self.deaf, self.open, self.lost, self.told = [], None, 3, None, False, [], 0
        self.start()

    @property
    def over(self):
        return self.deaf or self.last in self.got

    def run(self):
        while not self.over:
            try:
                with closing(self.way.stream(query("1.0", self.topic), *([f"Last-Event-ID: {self.cursor}"] if self.cursor else []))) as stream:
                    self.listen(stream)
            except (OSError, ValueError):  # ValueError: the end, in place of a chunk's size
                pass
            if not self.over:
                time.sleep(self.retry)

    def listen(self, stream):
        self.deaf = stream.status if stream.status != 200 else None
        self.told += stream.text.startswith(b"retry:")
        self.open = not self.deaf and not stream.text.startswith(b"retry:")
        try:
            while not self.over:
                self.take(dict(line.partition(": ")[::2] for line in next_event(stream).split("\n")))
        finally:
            if self.open and not self.over:
                self.lost.append(time.monotonic())
            self.open = False

    def take(self, fields):
        self.cursor = fields.get("id", self.cursor)
        self.retry = int(fields.get("retry", self.retry * 1000)) / 1000
        if "data" in fields:
            self.got.append(fields["data"])

    def heard(self, datas):
        """Waits until it has, each once and in order."""
        wait_for(lambda: self.deaf or len(self.got) >= len(datas), f"a page that has {self.got} to hear {datas}")
        assert not self.deaf, f"the page got {self.deaf}, and is deaf"
        assert self.got == datas


def pages_listen(pages):
    wait_for(lambda: all(page.open for page in pages), "the streams of pages")


def pages_were_told_to_come_back(pages):
    wait_for(lambda: all(page.told or page.deaf for page in pages), "pages to ask while the hub is away")


def pages_have_heard(way, pages, datas, stopped, started):
    """Of a hub that was stopped or killed and started at these times."""
    for page in pages:
        page.heard(datas)
    took, lost = seconds(started), [when - stopped for page in pages for when in page.lost if when > stopped]
    if way.stays:
        assert not lost, lost
        return f"stay, go on after {took:.1f} s"
    assert len(lost) >= len(pages) and min(lost) >= 0 and sorted(lost)[len(pages) - 1] < way.cut + PROMPT, lost
    return f"end after {max(lost):.1f} s, back after {took:.1f} s"


def who_asks_while_the_hub_is_away_is_told_to_come_back(way):
    """A publish is never answered 200, whatever it accepts."""
    for accept in ("*/*", f"{EVENTS}, */*;q=0.1"):
        try:
            assert way.publish(headers=[f"Accept: {accept}"], topic="a", data="x").status == 503, accept
        except ConnectionResetError:
            assert way.resets
    for method, target, head, body in (("GET", f"{PATH}?topic=a", [], b""), ("QUERY", PATH, [FORM], b"topic=a"))[:1 if way.resets else 2]:
        reply = way.client().request(method, target, [f"Accept: {EVENTS}", f"Origin: {ORIGIN}", *head], body)
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, f"{EVENTS}; charset=utf-8", AWAY), (method, reply.status, reply.headers, reply.body)
        assert reply.headers["access-control-allow-origin"] == ORIGIN, method
    return "200 and retry, 503" + (", a body is reset" if way.resets else "")
