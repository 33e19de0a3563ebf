"""Hubs that share a store, publishers and streams on each of them while things go wrong, and afterwards what each must have
seen: the order that the store has kept, whole and once, from where the stream began or was told that it begins anew."""
import random
import re
import select
import threading
import time

from conftest import Client, PATH, wait_for
from history import AUTH, FORM, Listener, Publisher
from urllib.parse import urlencode

BROWSER = ("Sec-Fetch-Mode: cors", "Cache-Control: no-cache")
PAUSE = 0.05  # a client waits so long before it comes back; `retry:` would have it wait longer
AGAIN = 16  # it was sent in another run before, may have been shown there, and is no cursor


class Reader:
    """One that comes back with its cursor, to the hub that `where` names. A part of what it heard begins where it was told
    that it does: without a cursor, or where the reply names another."""

    def __init__(self, where, headers=()):
        self.where, self.headers = where, list(headers)
        self.parts, self.ends, self.refused, self.last, self.asked = [], 0, [], None, None
        self.told, self.next, self.connection, self.hub = [], 0, None, None
        self.leaves, self.story = False, []  # each cursor, what was said of it, and how much was heard by then

    def connect(self):
        self.hub, self.asked = self.where(), self.last
        lines = [*self.headers, *([f"Last-Event-ID: {self.asked}"] if self.asked else [])]
        self.connection = Listener(self.hub.address, "topic=t", *lines)
        self.connection.take = lambda part: self.take(part)
        self.is_begun, self.leaves = False, False

    def take(self, part):
        c = self.connection
        c.raw += part
        if c.status is None:
            head, mark, rest = c.raw.partition(b"\r\n\r\n")
            if not mark:
                return
            lines = head.decode("latin-1").split("\r\n")
            c.status, c.raw = int(lines[0].split()[1]), rest
            c.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
        if "chunked" in c.headers.get("transfer-encoding", ""):
            c.unchunk()
        else:
            c.text, c.raw = c.text + c.raw, b""
        *blocks, c.text = c.text.split(b"\n\n")
        for block in blocks:
            self.block(dict(re.findall(r"^(\w+): ?(.*)$", block.decode(), re.M)))

    def begin(self):
        """It is a stream: does it go on, or was it told? (Who cannot be served now gets a 200 as well, and its end.)"""
        self.is_begun = True
        self.story.append((self.asked, self.connection.headers.get("last-event-id"), sum(map(len, self.parts))))
        if not self.parts or self.asked is None or self.connection.headers.get("last-event-id") != self.asked:
            if self.asked and self.parts:
                self.told += self.parts[-1][-1:]
            self.parts.append([])

    def block(self, fields):
        if "data" in fields and fields.get("event") != "alipes":
            if not self.is_begun:
                self.begin()
            self.parts[-1].append(fields["data"])
        if "id" in fields:
            self.last = fields["id"]

    def ended(self, now):
        c = self.connection
        if c.status not in (None, 200):
            self.refused.append(c.status)
        self.ends += c.status == 200 and self.is_begun and not self.leaves
        self.connection, self.next = None, now + PAUSE

    def leave(self):
        """As a page that is closed, and opened again."""
        if self.connection:
            self.leaves = True
            self.connection.end()

    def has(self, data):
        return bool(self.parts) and data in self.parts[-1][-2000:]


class Ordeal:
    def __init__(self, hubs, pause=0.004, publishers=1, seed=None):
        self.hubs, self.pause = hubs, pause
        self.rng = random.Random(seed)
        self.answers, self.longest, self.asked, self.lock = {}, 0, 0, threading.Lock()
        self.over, self.silent = threading.Event(), False
        self.readers = [Reader(lambda hub=hub: hub, headers) for hub in hubs for headers in ((), BROWSER)]
        self.readers += [Reader(lambda: self.rng.choice(self.hubs), headers) for headers in ((), BROWSER)]
        self.wanderers, self.wander = self.readers[-2:], True
        self.fault, self.lost = None, set()
        self.threads = [threading.Thread(target=self.guard, args=(self.read,), daemon=True)]
        self.threads += [threading.Thread(target=self.guard, args=(self.publish, hub, f"{i}.{k}"), daemon=True)
                         for i, hub in enumerate(hubs) for k in range(publishers)]
        for thread in self.threads:
            thread.start()
        self.settle()

    def guard(self, what, *args):
        try:
            what(*args)
        except BaseException as fault:  # noqa: BLE001
            self.fault = fault
            raise

    # --- what goes on meanwhile

    def publish(self, hub, name):
        publisher, n = Publisher(hub.address), 0
        while not self.over.is_set():
            if self.silent:
                time.sleep(0.01)
                continue
            data, n, began = f"{name}.{n}", n + 1, time.monotonic()
            with self.lock:
                self.asked += 1
            status = publisher.publish(topic="t", data=data)
            with self.lock:
                self.answers[data] = status
                self.longest = max(self.longest, time.monotonic() - began)
                self.asked -= 1
            time.sleep(self.pause if status == 200 else 0.02)
        publisher.close()

    def read(self):
        leave = time.monotonic()
        while not self.over.is_set():
            now, by_fd, poll = time.monotonic(), {}, select.poll()
            if now > leave and self.wander:
                leave = now + 0.2
                self.rng.choice(self.wanderers).leave()
            for reader in self.readers:
                c = reader.connection
                if c and c.ended:
                    reader.ended(now)
                elif c and "last-event-id" in c.headers and not reader.is_begun:
                    reader.begin()
                if reader.connection is None and now >= reader.next:
                    reader.connect()
                if reader.connection and not reader.connection.ended:
                    by_fd[reader.connection.socket.fileno()] = reader
                    poll.register(reader.connection.socket, select.POLLIN)
            for fd, _ in poll.poll(10):
                by_fd[fd].connection.read(1 << 20)

    # --- what a test asks

    def acknowledged(self):
        with self.lock:
            return {data for data, status in self.answers.items() if status == 200}

    def goes_on(self, count=30, hub=""):
        """Publishes are acknowledged again, so many in all, or by that hub."""
        def so_far():
            return sum(data.startswith(str(hub)) for data in self.acknowledged())

        before = so_far()
        self.wait(lambda: so_far() >= before + count, "publishes")

    def wait(self, condition, what):
        wait_for(lambda: self.fault or condition(), what)
        if self.fault:
            raise self.fault

    def settle(self):
        """Every stream hears what every hub publishes now; again where one has begun anew behind it."""
        for i, hub in enumerate(self.hubs):
            marks = []

            def all_have_one():
                if not marks or time.monotonic() > marks[-1][1] + 2:
                    data = f"mark.{i}.{self.rng.getrandbits(60):x}"
                    if self.publish_mark(hub, data):
                        marks.append((data, time.monotonic()))
                return any(all(r.has(data) for r in self.readers) for data, _ in marks)

            self.wait(all_have_one, f"what hub {i} publishes on every stream")

    def publish_mark(self, hub, data):
        try:
            client = Client(hub.address)
            status = client.request("POST", PATH, [AUTH, FORM], urlencode({"topic": "t", "data": data}).encode()).status
            client.close()
        except (OSError, ConnectionError, ValueError, IndexError):
            status = None
        with self.lock:
            self.answers[data] = status
        return status == 200

    def finish(self, server):
        """Nobody publishes or leaves any more; all have heard the last."""
        self.silent, self.wander = True, False
        self.wait(lambda: self.asked == 0, "the last answers")
        self.settle()
        self.over.set()
        for thread in self.threads:
            thread.join(60)
        for reader in self.readers:
            if reader.connection:
                reader.connection.end()
        return self.judge(line_of(server))

    # --- afterwards

    def judge(self, line):
        """What each has seen, against the order that is kept. Returns figures."""
        again = {data for data, flags in line if flags & AGAIN}
        line = [data for data, _ in line]
        place = {data: i for i, data in enumerate(line)}
        assert len(place) == len(line), "an update is twice in the order"
        for reader in self.readers:
            assert not reader.refused, f"a stream was refused: {reader.refused}"
            for part in reader.parts:
                try:
                    self.judge_part(part, place, part is reader.parts[-1])
                except AssertionError as wrong:
                    raise AssertionError(f"{wrong}; {reader.story[-8:]}, parts of {[len(one) for one in reader.parts]}") from None
        self.lost = lost = self.acknowledged() - place.keys() - {data for r in self.readers for part in r.parts for data in older(part, place)}
        return {"published": len(self.answers), "not": len(self.answers) - len(self.acknowledged()), "kept": len(line),
                "lost": len(lost), "ended": sum(r.ends for r in self.readers), "told": sum(data not in again for r in self.readers for data in r.told),
                "longest": round(self.longest, 2)}

    @staticmethod
    def judge_part(part, place, is_last):
        """Each once, the next always the next; what is not kept stands at the end, and then its stream was told; or at the
        beginning, where a store that was emptied has only what a hub held."""
        assert len(set(part)) == len(part), "an update came twice to a stream that was not told"
        part = part[len(older(part, place)):]
        kept = [data for data in part if data in place]
        assert kept == part[:len(kept)], f"behind what was lost came {kept[-3:]}: {[d for d in part if d not in place][:3]} were not told as gone"
        assert not is_last or kept == part, f"{part[len(kept):][:5]} are lost, and their streams were not told"
        at = [place[data] for data in kept]
        gap = next((i for i, (a, b) in enumerate(zip(at, at[1:])) if b != a + 1), None)
        assert gap is None, f"between {kept[gap]} and {kept[gap + 1]} something is missing or out of order"


def older(part, place):
    """What a stream heard before all that is kept; none of it, if it heard nothing that is."""
    first = next((i for i, data in enumerate(part) if data in place), 0)
    return part[:first] if part and min(place.values()) == place.get(part[first], -1) else []


def line_of(server, stream="alipes"):
    """(data, flags) of all that is kept, in order."""
    entries = server.call("XRANGE", "{%s}:s" % stream, "-", "+")
    fields = [dict(zip(f[::2], f[1::2])) for _, f in entries]
    return [(re.search(rb"^data: (.*)$", f[b"e"], re.M).group(1).decode(), int(f[b"f"])) for f in fields]
