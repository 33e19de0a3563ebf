#!/usr/bin/python3
"""Random pages behind Apache's module, for long, while the hub is killed and stopped and Apache restarts: no page misses or
repeats an event, memory stays flat, no descriptor is left, no child of Apache dies.

    tests/soak/module.py [--seconds 1800] [--peers 30] [--bin build/release/alipes] [--seed N] [--pause 0.05]

mod_alipes.so stands beside --bin. Prints a line a minute and a JSON summary; exits with 1 at the first promise that is broken.
"""
import argparse
import json
import os
import random
import select
import signal
import socket
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--seconds", type=float, default=1800)
OPTIONS.add_argument("--peers", type=int, default=30)
OPTIONS.add_argument("--bin", default="build/release/alipes")
OPTIONS.add_argument("--seed", type=int, default=int(time.time()))
OPTIONS.add_argument("--pause", type=float, default=0.05, help="at most so long between two publishes of one publisher")
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

from apache import Apache  # noqa: E402
from conftest import PATH, Client, Tls, certificate, over_tls, wait_for  # noqa: E402
from history import AUTH, Listener, LogHub, Publisher  # noqa: E402

TOPICS = 6
SIZES = [10] * 10 + [1000] * 6 + [20000] * 2 + [150000]  # some in several records
DID, FAULTS = Counter(), []
STOP = threading.Event()


class Truth:
    """What was taken, and what nobody knows of: a publish that was not answered. Publishers take turns on a topic."""

    def __init__(self):
        self.locks = [threading.Lock() for _ in range(TOPICS)]
        self.last, self.unknown, self.gaps = [0] * TOPICS, [set() for _ in range(TOPICS)], []

    def publish(self, publisher, topic, size):
        with self.locks[topic]:
            number = self.last[topic] + 1
            self.unknown[topic].add(number)
            status = publisher.publish(topic=f"n{topic}", data=f"{number} {'y' * size}", id=f"{topic}-{number}")
            self.last[topic] = number
            if status == 200:
                self.unknown[topic].discard(number)
        return status

    def gap(self, topic, first, upto):
        """Numbers that somebody has not had between two that he had: judged once they are answered."""
        self.gaps += [(topic, number) for number in range(first, upto)]

    def missed(self):
        return [(topic, number) for topic, number in self.gaps if number not in self.unknown[topic]]


class Page:
    """Comes back where it was, as an EventSource does, and watches what it is sent."""

    def __init__(self, where, truth, rng):
        self.where, self.truth, self.rng, self.topic = where, truth, rng, rng.randrange(TOPICS)
        self.cursor, self.number, self.connects = None, None, 0
        self.connect()

    def connect(self):
        cursor = [f"Last-Event-ID: {self.cursor}"] if self.cursor else []
        self.listener, self.asked, self.connects = Listener(self.where, f"topic=n{self.topic}", "Accept: text/event-stream", *cursor), self.cursor, self.connects + 1

    def look(self, most=1 << 30):
        """Reads what is there; whoever was told that something is gone begins anew."""
        listener = self.listener
        listener.read(most)
        if listener.status not in (None, 200):
            raise AssertionError(f"a page was answered {listener.status}")
        if self.asked and listener.status and listener.cursor != self.asked:
            if listener.cursor is not None:  # none: it cannot be served now
                self.number, DID["told of a gap"] = None, DID["told of a gap"] + 1
            self.asked = None
        events, listener.events = listener.events, []
        for id, data in events:
            if not data[:1].isdigit():
                continue
            number = int(data.partition(" ")[0])
            if id != f"{self.topic}-{number}":
                raise AssertionError(f"topic {self.topic}: {id} holds {number}")
            if self.number is not None and number <= self.number:
                raise AssertionError(f"topic {self.topic}: {number} behind {self.number}")
            if self.number is not None:
                self.truth.gap(self.topic, self.number + 1, number)
            self.number, self.cursor = number, id
            DID["events"] += 1
        return not listener.ended

    def wait(self, seconds):
        if not self.listener.ended:
            select.select([self.listener.socket], [], [], seconds)

    def close(self):
        if self.listener.ended:
            return
        if self.rng.random() < 0.3:  # a reset
            self.listener.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.listener.close()


def reader(site, rng):
    page = Page(site.where(rng), site.truth, rng)
    until = time.monotonic() + rng.random() * 20
    while time.monotonic() < until and not STOP.is_set():
        if page.look():
            page.wait(0.5)
        else:
            time.sleep(rng.random() * 0.5)
            page.connect()
            DID["came back"] += 1
    page.close()


def staller(site, rng):
    """Reads nothing for long, then all of it."""
    page = Page(site.where(rng), site.truth, rng)
    for _ in range(rng.randrange(1, 4)):
        STOP.wait(rng.random() * 8)
        until = time.monotonic() + 1
        while time.monotonic() < until:
            if not page.look():
                page.connect()
            page.wait(0.2)
    page.close()


def slow(site, rng):
    page = Page(site.where(rng), site.truth, rng)
    until = time.monotonic() + rng.random() * 15
    while time.monotonic() < until and not STOP.is_set():
        if not page.look(rng.choice([1, 100, 4000])):
            page.connect()
        time.sleep(rng.random() * 0.05)
    page.close()


def leaver(site, rng):
    for _ in range(rng.randrange(1, 20)):
        page = Page(site.where(rng), site.truth, rng)
        if rng.random() < 0.5:
            page.wait(1)
            page.look()
        page.close()


def odd(site, rng):
    """Half-closes, bytes behind the request, a close_notify, a head that never ends."""
    where = site.where(rng)
    tls, address = isinstance(where, Tls), getattr(where, "address", where)
    try:
        s = socket.create_connection(address, 20)
        s = over_tls(s) if tls else s
        s.sendall(f"GET {PATH}?topic=n0 HTTP/1.1\r\nHost: hub.example\r\nAccept: text/event-stream\r\n".encode() + (b"\r\n" if rng.random() < 0.9 else b""))
        if rng.random() < 0.7:
            s.settimeout(2)
            s.recv(1000)
        how = rng.randrange(4)
        if how == 0:
            s.shutdown(socket.SHUT_WR)
        elif how == 1:
            s.sendall(os.urandom(rng.randrange(1, 3000)))
        elif how == 2 and tls:
            s.settimeout(1)
            s = s.unwrap()
        time.sleep(rng.random())
        s.close()
    except OSError:
        pass


def visitor(site, rng):
    """What is no stream: the site's own, a publish by the front, a token that is none."""
    publisher = Publisher(site.where(rng), rng.choice(["Authorization: Bearer x", AUTH]))
    status = publisher.publish(topic="elsewhere", data="z")
    if status not in (200, 401, 502, 503, None):  # 502: the hub was killed under it
        raise AssertionError(f"a publish was answered {status}")
    publisher.close()


def publisher(site, rng):
    by, topic = Publisher(site.hub.socket), rng.randrange(TOPICS)
    for _ in range(rng.randrange(1, 60)):
        site.truth.publish(by, topic, rng.choice(SIZES))
        if STOP.wait(rng.random() * O.pause):
            break
    by.close()


KINDS = {reader: 20, staller: 6, slow: 4, leaver: 4, odd: 4, visitor: 2, publisher: 8}


class Site:
    def __init__(self, folder):
        self.truth, self.folder = Truth(), folder
        self.hub = LogHub(folder, "max_events 3000, max_bytes 64MiB", level="warn", extra="heartbeat 2s\nmax_streams_per_address 100000")
        self.apache = self.begin("plain", None)
        self.over_tls = self.begin("tls", certificate(folder))

    def begin(self, name, tls):
        apache = Apache(self.folder / name, self.hub, "AlipesDrain 1s\n", tls)
        apache.front.hub_goes_away = True
        complaints = apache.front.complaints  # a child that takes its time to end, as a sanitizer makes it, is none
        apache.front.complaints = lambda: [line for line in complaints() if "AH00045" not in line]
        return apache

    def where(self, rng):
        return rng.choice([self.apache, self.apache, self.over_tls]).address

    def trouble(self, rng):
        """The hub goes and comes, now and then Apache."""
        while not STOP.wait(5 + rng.random() * 25):
            how = rng.choice([signal.SIGKILL, signal.SIGTERM])
            self.hub.server.process.send_signal(how)
            self.hub.server.process.wait(60)
            STOP.wait(rng.choice([0, 0, 0.5, 3]))
            self.hub.start()
            DID[how.name] += 1
            if rng.random() < 0.15:
                rng.choice([self.apache, self.over_tls]).front.process.send_signal(signal.SIGUSR1)
                DID["graceful"] += 1

    def takes(self):
        return [apache.takes() for apache in (self.apache, self.over_tls)]


def guarded(what, *arguments):
    try:
        what(*arguments)
    except Exception as fault:  # noqa: BLE001
        FAULTS.append(f"{what.__name__}: {fault!r}")
        STOP.set()
    DID[what.__name__] += 1


def peer(site, seed):
    rng = random.Random(seed)
    while not STOP.is_set():
        guarded(rng.choices(list(KINDS), KINDS.values())[0], site, rng)


def main():
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        site, samples = Site(Path(folder)), []
        print(f"seed {O.seed}, {O.peers} peers, {O.seconds:.0f} s", flush=True)
        threads = [threading.Thread(target=peer, args=(site, O.seed * 1000 + i)) for i in range(O.peers)]
        threads.append(threading.Thread(target=guarded, args=(site.trouble, random.Random(-O.seed))))
        for thread in threads:
            thread.start()
        began = said = time.monotonic()
        while time.monotonic() - began < O.seconds and not STOP.wait(5):
            try:
                samples.append(sum(memory for _, memory in site.takes()))
            except (OSError, AttributeError):  # a child that has just ended
                continue
            if time.monotonic() - said > 60:
                said = time.monotonic()
                missed = site.truth.missed()
                print(f"{said - began:.0f} s: PSS of Apache {samples[-1] >> 10} KiB, {dict(DID)}", flush=True)
                time.sleep(1)  # what is just being answered
                FAULTS.extend(f"missed {gap}" for gap in missed if gap in site.truth.missed())
                if FAULTS:
                    STOP.set()
        STOP.set()
        for thread in threads:
            thread.join(120)
        FAULTS.extend(f"missed {gap}" for gap in site.truth.missed())
        for apache in (site.apache, site.over_tls):
            try:
                wait_for(lambda: apache.status()["Streams"] == 0, "every stream to have ended", 60)
            except (AssertionError, OSError) as fault:
                FAULTS.append(f"{fault}: {apache.status()}")
        left = [descriptors for descriptors, _ in site.takes()]
        third = len(samples) // 3
        early, late = (int(statistics.median(part or [0])) for part in (samples[third:2 * third], samples[2 * third:]))
        # A sanitizer keeps what was freed.
        if O.seconds >= 600 and Path(O.bin).parent.name == "release" and late > early * 1.15 + 2 * 1024 * 1024:
            FAULTS.append(f"memory grew: {early >> 10} KiB in the second third, {late >> 10} KiB in the last (medians)")
        reasons = Counter(site.apache.reasons() + site.over_tls.reasons())
        for stopped in (site.apache, site.over_tls, site.hub):
            guarded(stopped.stop)
        print(json.dumps({"seed": O.seed, "seconds": O.seconds, "did": dict(DID), "published": sum(site.truth.last), "reasons": reasons,
                          "pss_second_third": early, "pss_last_third": late, "descriptors_left": left, "faults": FAULTS[:20]}))
    sys.exit(bool(FAULTS))


main()
