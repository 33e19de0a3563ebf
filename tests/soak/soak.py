#!/usr/bin/python3
"""Random peers of all kinds, for long: memory stays flat, no descriptor is left, no stream misses
or repeats an event.

    tests/soak/soak.py [--seconds 1800] [--peers 60] [--bin build/release/alipes] [--seed N]

Prints a line a minute and a JSON summary; exits with 1 at the first promise that is broken.
"""
import argparse
import json
import os
import random
import statistics
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
OPTIONS.add_argument("--peers", type=int, default=60)
OPTIONS.add_argument("--bin", default="build/release/alipes")
OPTIONS.add_argument("--seed", type=int, default=int(time.time()))
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

import fastcgi as f  # noqa: E402
from conftest import PATH, Client, Hub, Stream, publish, token, wait_for  # noqa: E402
from test_misbehaviour import AUTH, FASTCGI, FORM, HTTP, SHORT, act, flood, memory  # noqa: E402

TOPICS = 8
DID, FAULTS = Counter(), []
STOP = threading.Event()


def addresses(hub):
    plain = [hub.socket, ("127.0.0.1", hub.port)]
    return plain + [f.Fastcgi(a) for a in plain]


class Counts:
    """The last number published on each topic; publishers take turns on one, so numbers are in order."""

    def __init__(self):
        self.locks, self.last = [threading.Lock() for _ in range(TOPICS)], [0] * TOPICS


def publisher(hub, counts, rng):
    topic = rng.randrange(TOPICS)
    for _ in range(rng.randrange(1, 40)):
        with counts.locks[topic]:
            number = counts.last[topic] + 1
            text = "y" * rng.choice([0, 10, 100, 1000, 5000])
            reply = publish(rng.choice(addresses(hub)), topic=f"n{topic}", data=f"{number} {text}", id=f"{topic}-{number}")
            if reply.status != 200:
                raise AssertionError(f"a publish got {reply.status}")
            counts.last[topic] = number
        time.sleep(rng.random() * 0.05)


def asking(topic, rng):
    """One of the ways to ask for that topic alone."""
    others = "".join(f"&topic=n{rng.randrange(10 ** 6)}%2F%7B{name}%7D" for name in "xyz"[: rng.randrange(4)])
    return rng.choice([f"topic=n{topic}", f"topic=n{topic}%7B%3Fx%7D", f"topic=n{topic}%7B%3Fx%7D&topic=n{topic}"]) + others


def subscriber(hub, counts, rng):
    """Reads for a while, leaves, comes back with its cursor: every number once, in order."""
    topic, cursor, expected = rng.randrange(TOPICS), None, None
    for _ in range(rng.randrange(1, 5)):
        query = asking(topic, rng) + (f"&lastEventID={cursor}" if cursor else "")
        stream = Stream(rng.choice(addresses(hub)), query)
        if cursor and stream.headers.get("last-event-id") != cursor:
            expected = None  # overtaken by retention: the protocol says so
            DID["cursor_gone"] += 1
        until = time.monotonic() + rng.random() * 5
        stream.socket.settimeout(1)
        while time.monotonic() < until:
            try:
                event = stream.event()
            except TimeoutError:
                continue
            except ConnectionError:
                break
            cursor = event.split("id: ", 1)[1].split("\n")[0]
            number = int(event.split("data: ", 1)[1].split(" ")[0])
            if expected is not None and number != expected:
                raise AssertionError(f"topic {topic}: {number} came, {expected} was due")
            expected = number + 1
            if rng.random() < 0.01:
                time.sleep(rng.random())
        stream.close()


def rough(hub, counts, rng):
    wire, table = rng.choice([("http", HTTP), ("fastcgi", FASTCGI)])
    act(rng.choice([hub.socket, ("127.0.0.1", hub.port)]), table[rng.choice(list(table))][0])


def flooder(hub, counts, rng):
    data = rng.choice([f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode(), f.record(f.GET_VALUES, 0, f.pair("FCGI_MAX_CONNS", ""))])
    flood(hub.socket, data * 50)[0].close()


def sleeper(hub, counts, rng):
    stream = Stream(rng.choice(addresses(hub)), rng.choice(["topic=*", asking(rng.randrange(TOPICS), rng)]))
    time.sleep(rng.random() * 5)
    stream.close()


def guesser(hub, counts, rng):
    status = publish(rng.choice(addresses(hub)), rng.choice(["x", token(["no"]), token(["*"], exp=1)]), topic="n0").status
    if status != 401:
        raise AssertionError(f"a bad token got {status}")


KINDS = {publisher: 10, subscriber: 20, rough: 10, flooder: 1, sleeper: 5, guesser: 2}


def peer(hub, counts, seed):
    rng = random.Random(seed)
    while not STOP.is_set():
        kind = rng.choices(list(KINDS), KINDS.values())[0]
        try:
            kind(hub, counts, rng)
        except Exception as fault:  # noqa: BLE001
            FAULTS.append(f"{kind.__name__}: {fault!r}")
            STOP.set()
        DID[kind.__name__] += 1


def descriptors(hub):
    return len(os.listdir(f"/proc/{hub.server.process.pid}/fd"))


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        hub = Hub(Path(folder), SHORT.replace("tail 1MiB", "tail 4MiB").replace("keepalive_timeout 1s", "keepalive_timeout 5s"))
        hub.conf.write_text(hub.conf.read_text().replace("log logfmt debug", "log logfmt warn"))
        hub.stop()
        hub.start()
        idle, counts, samples = descriptors(hub), Counts(), []
        print(f"seed {O.seed}, {O.peers} peers, {O.seconds:.0f} s", flush=True)
        threads = [threading.Thread(target=peer, args=(hub, counts, O.seed * 1000 + i)) for i in range(O.peers)]
        for thread in threads:
            thread.start()
        began = said = time.monotonic()
        while time.monotonic() - began < O.seconds and not STOP.wait(5):
            samples.append(memory(hub.server.process.pid))
            if time.monotonic() - said > 60:
                said = time.monotonic()
                print(f"{said - began:.0f} s: PSS {samples[-1] >> 10} KiB, {dict(DID)}", flush=True)
        STOP.set()
        for thread in threads:
            thread.join(60)
        try:
            wait_for(lambda: descriptors(hub) <= idle + 2, "every descriptor to be given back", 40)
        except AssertionError as fault:
            FAULTS.append(str(fault))
        left = descriptors(hub) - idle
        third = len(samples) // 3
        early, late = (int(statistics.median(part or [0])) for part in (samples[third:2 * third], samples[2 * third:]))
        if O.seconds >= 300 and late > early * 1.1 + 1024 * 1024:
            FAULTS.append(f"memory grew: {early >> 10} KiB in the second third, {late >> 10} KiB in the last (medians)")
        hub.stop()
        print(json.dumps({"seed": O.seed, "seconds": O.seconds, "did": dict(DID), "published": sum(counts.last),
                          "pss_second_third": early, "pss_last_third": late, "descriptors_left": left, "faults": FAULTS}))
    sys.exit(bool(FAULTS))


main()
