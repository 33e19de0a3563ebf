"""Who is there, told three ways: a driver lets pages come and go in every way there is, on both wires and in both
dialects, and at quiet moments the truth (what it holds open), the lists and what observers have heard must be one.

A page is a connection with matchers of its own and a payload that nobody else has, so that an event tells whose it is;
a `Regular` is a person who opens anew what it closes, and must never be away meanwhile. Observers fold begins and ends:
each begins once and ends once. They come back with their cursors through everything, also through kills of the hub."""
import json
import random
import selectors
import socket
import struct
import time
from collections import Counter
from urllib.parse import quote, urlencode

import jwt

import fastcgi
from conftest import KEY, PATH, Client, token, wait_for
from history import Listener, Publisher, read_until

ISSUER, RESOURCE = "https://issuer.example", f"https://hub.example{PATH}"
API = f"{PATH}/subscriptions"
CONFIG = f"issuer {ISSUER} {{\n publisher {{\n jwt {KEY} HS256\n }}\n subscriber {{\n jwt {KEY} HS256\n }}\n}}\nresource_identifier {RESOURCE}\n"
TOPICS = ["news", "https://example.com/rooms/é 1", "https://example.com/rooms/{id}", "*", ""]
BIG = "https://example.com/big"
DIALECTS = ("0.x", "1.0")
MARKER = "https://example.com/marker"


def settings(rng, hold_back):
    """Of a hub that the model drives."""
    return (f"{CONFIG}subscriptions {{\n hold_back {hold_back}s\n hold_back_return {rng.choice(['100ms', '2s'])}\n}}\nshutdown_timeout 500ms\n"
            f"max_streams_per_token 100000\nmax_update_size 1MiB\ntail {rng.choice(['64KiB', '4MiB'])}")


def access(payload, exp, who=None):
    """A token of 1.0."""
    detail = {"type": "https://mercure.rocks/authorization-detail", "actions": ["subscribe"], "topics": [{"match": "*"}], "payload": payload}
    claims = {"iss": ISSUER, "aud": RESOURCE, "exp": exp, "authorization_details": [detail]}
    return jwt.encode({**claims, "sub": who} if who else claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})


def ticket(dialect, payload, exp, who=None):
    if dialect == "1.0":
        return access(payload, exp, who)
    claims = {"mercure": {"subscribe": ["*"], "payload": payload}, "exp": exp}
    return jwt.encode({**claims, "sub": who} if who else claims, KEY, algorithm="HS256")


READER = {d: f"Authorization: Bearer {ticket(d, None, time.time() + 86400)}" for d in DIALECTS}


def kinds(dialect, topics):
    """What a list says of these matchers: (type, match) each."""
    return {("exact", t) if dialect == "1.0" else (None, t) for t in topics}


class Page:
    """One connection; nothing here waits."""

    def __init__(self, model, rng, payload=None, who=None, **chosen):
        self.model, self.payload, self.who = model, payload or {"page": model.new_number()}, who
        self.dialect = chosen.get("dialect") or rng.choice(DIALECTS)
        self.wire = chosen.get("wire") or rng.choice(["http", "fastcgi"])
        self.topics = chosen.get("topics") or rng.sample(TOPICS, rng.choice([1, 1, 2]))
        self.life = chosen.get("life") or rng.choice(["stays"] * 12 + ["expires", "expires", "slow", "unread"])
        self.is_open = self.is_over = False
        if self.life == "slow":
            self.topics = [BIG]
        exp = time.time() + (rng.random() * 2 + 0.5 if self.life == "expires" else 86400)
        self.connect(ticket(self.dialect, self.payload, exp, who))

    def connect(self, bearer):
        name = "match" if self.dialect == "1.0" else "topic"
        target = f"{PATH}?{urlencode([(name, t) for t in self.topics])}"
        self.bytes, self.records, self.tail = b"", fastcgi.Records(), b""
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(30)
        if self.life == "slow":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        auth = f"Authorization: Bearer {bearer}"
        try:
            self.socket.connect(str(self.model.hub.socket))
            if self.wire == "http":
                self.socket.sendall(f"GET {target} HTTP/1.1\r\nHost: hub.example\r\n{auth}\r\n\r\n".encode())
            else:
                self.socket.sendall(fastcgi.request("GET", target, [auth]))
        except OSError:
            self.over()
            return
        self.socket.setblocking(False)
        if self.life == "unread":
            self.leave("close")
        elif self.life != "slow":
            self.model.selector.register(self.socket, selectors.EVENT_READ, self)

    def __iter__(self):
        """What the truth has of it."""
        return iter((self.dialect, kind, match, json.dumps(self.payload)) for kind, match in kinds(self.dialect, self.topics))

    def read(self):
        try:
            part = self.socket.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        ended = not part
        if self.wire == "fastcgi":
            found = self.records.feed(part)
            part = b"".join(c for k, _, c in found if k == fastcgi.STDOUT)
            ended = ended or any(k == fastcgi.END for k, _, _ in found)
        self.tail = (self.tail + part)[-5:]
        if not self.is_open:
            self.bytes += part
            self.judge_head()
        if ended or self.tail == b"0\r\n\r\n" and self.wire == "http":
            self.over()

    def judge_head(self):
        head, mark, _ = self.bytes.partition(b"\r\n\r\n")
        if not mark:
            return
        if b" 401 " in head[:13] and self.life == "expires":  # too late already
            self.over()
            return
        assert b" 200 " in head[:14] or b"Status: 200" in head, head
        self.bytes, self.is_open = b"", b"text/event-stream" in head and b"content-length" not in head.lower()

    def over(self):
        """The hub ended it, or it left."""
        if self.is_over:
            return
        self.is_open, self.is_over = False, True
        if self.life not in ("slow", "unread") and self.socket.fileno() in self.model.selector.get_map():
            self.model.selector.unregister(self.socket)
        self.socket.close()
        self.model.pages.discard(self)

    def leave(self, how):
        try:
            if how == "half":  # the hub says that it ends, and closes
                self.socket.shutdown(socket.SHUT_WR)
                return
            if how == "abort" and self.wire == "fastcgi":
                self.socket.sendall(fastcgi.record(fastcgi.ABORT))
                return
            if how == "reset":
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        except OSError:
            pass
        self.over()


class Regular:
    """A person with one page, which is opened again as soon as it is closed, the way Echo does."""

    def __init__(self, model, number):
        self.model, self.payload, self.who = model, {"regular": number}, f"person {number}"
        self.dialect, self.wire = DIALECTS[number % 2], ["http", "fastcgi"][number // 2 % 2]
        self.page, self.closed_at, self.is_sure = None, None, False

    def open(self):
        self.page = Page(self.model, self.model.rng, self.payload, self.who, dialect=self.dialect, wire=self.wire, topics=["news"], life="stays")
        self.model.pages.add(self.page)

    def again(self):
        self.closed_at = time.monotonic()
        self.page.leave("close")
        self.open()
        self.model.read_while(lambda: not self.page.is_open and not self.page.is_over, "a regular's page")
        if time.monotonic() - self.closed_at > 0.7 * self.model.hold_back:
            self.is_sure = False  # the machine was too busy


class Observer:
    """Folds what it hears; comes back with its cursor."""

    def __init__(self, model, dialect, known=None, cursor=None):
        self.model, self.dialect, self.cursor, self.last = model, dialect, cursor, None
        self.active, self.ever, self.markers = dict(known or {}), set(known or {}), set()
        self.from_list = known is not None
        self.listener, self.told, self.back_at = None, 0, 0
        self.connect()

    def connect(self):
        pattern = f"{API}/*"  # `:match` would not match the empty topic
        query = [("match_urlpattern", pattern), ("match", MARKER)] if self.dialect == "1.0" else [("topic", f"{API}/{{topic}}/{{subscriber}}"), ("topic", MARKER)]
        headers = [READER[self.dialect]] + ([f"Last-Event-ID: {self.cursor}"] if self.cursor else [])
        self.listener, self.taken = Listener(self.model.hub.socket, urlencode(query), *headers), 0
        read_until([self.listener], lambda: self.listener.status is not None or self.listener.ended, "an observer's head")
        said = self.listener.headers.get("mercure-last-event-id", self.listener.cursor)
        if self.cursor and said != self.cursor and self.listener.status is not None:
            assert self.model.forgets and said == "earliest", f"{self.cursor} was answered {said}, seed {self.model.seed}"
            self.told += 1
            self.start_over()

    def start_over(self):
        """What is gone is gone: as a page does, it asks for the list."""
        self.cursor, self.active = self.model.ask(self.dialect)
        self.ever = set(self.active)
        self.from_list = True

    def read(self):
        self.take()
        if self.listener.ended and time.monotonic() >= self.back_at:
            self.connect()
            self.take()

    def take(self):
        self.listener.read()
        for id, data in self.listener.events[self.taken:]:
            self.cursor = id
            if data.startswith("marker"):
                self.markers.add(data)
            else:
                self.hear(json.loads(data))
        self.taken = len(self.listener.events)

    def fail(self, what, event):
        raise AssertionError(f"{self.dialect}: {what}: {event}, seed {self.model.seed}")

    def hear(self, event):
        """But for observers: in 0.x nobody hears his own begin, and in the next stream he is somebody else."""
        one, key = event["id"], self.model.entry(self.dialect, event)
        if key[3] == "null":
            return
        if event["active"]:
            if one in self.ever:
                # From a list the first events may be of what it had already.
                self.from_list or self.fail("it begins twice", event)
            self.ever.add(one)
            self.active[one] = key
        else:
            if self.active.pop(one, None) != key:
                self.from_list or self.fail("an end that had no begin, or two", event)
            self.model.judge_regular(self, key)

    def fold(self):
        return Counter(key for key in self.active.values() if key[3] != "null")


class Model:
    def __init__(self, hub, seed, pages=40, hold_back=1.0, forgets=False, regulars=4):
        self.hub, self.seed, self.rng, self.hold_back, self.forgets = hub, seed, random.Random(seed), hold_back, forgets
        self.selector, self.pages, self.most, self.count = selectors.DefaultSelector(), set(), pages, 0
        self.did, self.ways, self.marks = Counter(), Counter(), 0
        self.observers = [Observer(self, dialect) for dialect in DIALECTS]
        self.publisher = Publisher(hub.socket)
        self.regulars = [Regular(self, i) for i in range(regulars)]
        for regular in self.regulars:
            regular.open()
        self.read_while(lambda: not all(r.page.is_open for r in self.regulars), "the regulars")
        self.settle_regulars()

    def new_number(self):
        self.count += 1
        return self.count

    # --- what the three say

    def entry(self, dialect, one):
        match = one["match"] if dialect == "1.0" else one["topic"]
        return dialect, one.get("match_type"), match, json.dumps(one.get("payload"))

    def ask(self, dialect):
        """(cursor, {id: entry}) of the whole list."""
        client = Client(self.hub.socket)
        reply = client.get(API, READER[dialect])
        client.close()
        assert reply.status == 200, (reply.status, reply.body)
        found = json.loads(reply.body)
        assert all(one["active"] is True for one in found["subscriptions"])
        active = {one["id"]: self.entry(dialect, one) for one in found["subscriptions"]}
        assert len(active) == len(found["subscriptions"]), "an entry stands twice in a list"
        cursor = found["lastEventID"] if dialect == "0.x" else json.loads(json.dumps(reply.headers["etag"]))[1:-1]
        return cursor, active

    def listed(self, dialect):
        return Counter(key for key in self.ask(dialect)[1].values() if key[3] != "null")

    def truth(self, dialect):
        return Counter(key for page in self.pages for key in page if key[0] == dialect)

    # --- regulars: never seen away

    def judge_regular(self, observer, key):
        payload = json.loads(key[3])
        if not isinstance(payload, dict) or "regular" not in payload:
            return
        regular = self.regulars[payload["regular"]]
        if regular.is_sure and key not in observer.active.values():
            raise AssertionError(f"{key} was seen to leave and was back at once, seed {self.seed}")

    def settle_regulars(self):
        for regular in self.regulars:
            regular.is_sure = regular.page is not None and regular.page.is_open

    # --- what may happen

    def read_once(self, wait=0.0):
        for key, _ in self.selector.select(wait):
            key.data.read()

    def read_while(self, condition, what, patience=60):
        deadline = time.monotonic() + patience
        while condition():
            assert time.monotonic() < deadline, f"waited {patience} s in vain for {what}, seed {self.seed}"
            self.read_once(0.02)

    def come(self):
        for _ in range(self.rng.choice([1, 3, 10]) * max(self.most // 100, 1)):
            if len(self.pages) < self.most:
                page = Page(self, self.rng)
                self.ways[f"{page.dialect} {page.wire} {page.life}"] += 1
                if not page.is_over:
                    self.pages.add(page)

    def go(self):
        theirs = {regular.page for regular in self.regulars}
        mine = sorted((p for p in self.pages if p not in theirs), key=lambda p: p.payload["page"])
        for page in self.rng.sample(mine, min(len(mine), self.rng.choice([1, 3, 10]) * max(self.most // 100, 1))):
            how = self.rng.choice(["close", "close", "reset", "half", "abort"])
            self.ways[how] += 1
            page.leave(how)

    def again(self):
        self.rng.choice(self.regulars).again()

    def flood(self):
        """More than a socket takes, for those who read nothing."""
        for _ in range(3):
            assert self.publisher.publish(topic=BIG, data="x" * 400_000) == 200

    def look(self):
        """Somebody asks for the list, and goes on from there."""
        dialect = self.rng.choice(DIALECTS)
        cursor, active = self.ask(dialect)
        self.observers.append(Observer(self, dialect, active, cursor))
        if len(self.observers) > 8:
            self.observers.pop(2).listener.close()

    def away(self):
        """Somebody's machine sleeps, perhaps for longer than all that it misses is kept."""
        observer = self.rng.choice(self.observers)
        observer.take()
        observer.listener.close()
        observer.back_at = time.monotonic() + self.rng.random() * 3

    def read(self):
        self.read_once()
        for observer in self.observers:
            observer.read()

    def over(self):
        for page in list(self.pages):
            page.over()
        self.publisher.close()

    def back(self):
        for observer in self.observers:
            read_until([observer.listener], lambda who=observer: who.listener.ended, "the end of an observer's stream")
        for regular in self.regulars:
            regular.is_sure = False
        for observer in self.observers:
            observer.read()
        for regular in self.regulars:
            regular.open()

    def kill(self):
        for _ in range(10):
            self.read_once()
        self.hub.server.process.kill()
        self.hub.server.process.wait(30)
        self.over()
        self.hub.start()
        self.back()

    def restart(self):
        self.hub.server.process.terminate()
        self.read_while(lambda: self.hub.server.process.poll() is None, "the stop")
        self.hub.stop()
        self.over()
        self.hub.start()
        self.back()

    # --- quiet: the three are one

    def marker(self):
        self.marks += 1
        text = f"marker {self.marks}"
        assert self.publisher.publish(topic=MARKER, data=text) == 200
        return text

    def differ(self, dialect, one, other):
        return f"{dialect}: only the first {one - other}, only the second {other - one}, seed {self.seed}"

    def quiet(self, patience=60):
        """Everybody who comes is here, and who goes is gone."""
        for page in list(self.pages):
            if page.life == "slow":
                page.over()
        self.read_while(lambda: any(not p.is_open or p.life == "expires" for p in self.pages), "pages that come or go")
        deadline = time.monotonic() + patience
        for dialect in DIALECTS:
            while (listed := self.listed(dialect)) != self.truth(dialect):
                assert time.monotonic() < deadline, "list and truth: " + self.differ(dialect, listed, self.truth(dialect))
                self.read_while(lambda until=time.monotonic() + 0.05: time.monotonic() < until, "")
        for observer in self.observers:  # whoever is told that all is gone hears of nothing before
            observer.back_at = 0
            observer.read()
        marker = self.marker()
        for observer in self.observers:
            deadline = time.monotonic() + patience
            while marker not in observer.markers:
                assert time.monotonic() < deadline, f"an observer never hears {marker}, seed {self.seed}"
                observer.read()
                self.read_once(0.005)
            truth = self.truth(observer.dialect)
            assert observer.fold() == truth, "events and truth: " + self.differ(observer.dialect, observer.fold(), truth)
        self.settle_regulars()
        self.did["quiet"] += 1

    def fill(self, pages):
        """So many are here."""
        while len(self.pages) < pages:
            self.come()
            self.read_once()

    def run_for(self, seconds, **odds):
        actions = {self.come: 30, self.go: 20, self.read: 20, self.again: 15, self.look: 2, self.away: 2, self.flood: 1, self.quiet: 1, self.kill: 0.4, self.restart: 0.4}
        actions = {action: odds.get(action.__name__, weight) for action, weight in actions.items()}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            action = self.rng.choices(list(actions), actions.values())[0]
            action()
            self.did[action.__name__] += 1

    def run(self, seconds):
        self.run_for(seconds)
        self.quiet()
        self.close()

    def close(self):
        """Nobody is left."""
        for observer in self.observers:
            observer.listener.close()
        for page in list(self.pages):
            page.over()
        self.publisher.close()
        wait_for(lambda: not any(self.ask(dialect)[1] for dialect in DIALECTS), "the last end", 120)
        self.selector.close()
