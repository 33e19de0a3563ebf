"""What lists of active subscriptions cost: how long the whole list takes, how long it delays a delivery, and what a
subscription takes in memory. JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py lists [--subscriptions 100000] [--runs 5] [--seconds 5] [--transport log|memory]

A thousand topics a stream. Deliveries are timed from the POST to the event, at some 200 a second, on the one worker
that has everything: once alone, once while the whole list is read over and over (by another process), and once while
readers come who leave after the first bytes. On a busy machine the delay is the machine's; the worker's own is beside it:
how long it ran between a question and its answer. Memory is the hub's own (PSS) with `subscriptions` less the same without,
less the text of ids and entries. Goals: no delivery later than 20 ms, 200 bytes a subscription.
"""
import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlencode

import jwt

ROOT = Path(__file__).resolve().parents[2]
KEY = "0123456789abcdef0123456789abcdef"
HUB = "/.well-known/mercure"
EACH = 1000
TOKEN = jwt.encode({"mercure": {"publish": ["*"], "subscribe": ["*"]}}, KEY, algorithm="HS256")

READER = """
import socket, sys, time
port, request, whole = int(sys.argv[1]), sys.argv[2].encode(), sys.argv[3] == "whole"
while True:
    s = socket.create_connection(("127.0.0.1", port))
    s.sendall(request)
    while s.recv(1 << 20) and whole:
        pass
    s.close()
    if not whole:
        time.sleep(0.01)
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def request(method, target, body=b"", close=True):
    kind = "Content-Type: application/x-www-form-urlencoded\r\n" if body else ""
    return (f"{method} {target} HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer {TOKEN}\r\n{kind}Content-Length: {len(body)}\r\n"
            f"{'Connection: close' + chr(13) + chr(10) if close else ''}\r\n").encode() + body


class Bench:
    def __init__(self, o, folder, on):
        self.port = free_port()
        conf = Path(folder) / f"conf{on:d}"
        history = f"log {{ path {folder}/history{on:d} }}" if o.transport == "log" else "memory"
        conf.write_text(f"listen 127.0.0.1:{self.port}\nworkers 1\nanonymous\ntransport {history}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\n"
                        f"max_streams_per_token 20000\nmax_streams_per_address 20000\nclient_share 1\nmax_index_bytes 1GiB\nmax_request_head 1MiB\n"
                        f"heartbeat 1h\nlog logfmt error\n" + (f"subscriptions {{\n max_bytes {o.subscriptions * 1600}\n}}\n" if on else ""))
        self.process = subprocess.Popen([o.bin, "-c", conf])
        while True:
            try:
                self.connect().close()
                break
            except OSError:
                assert self.process.poll() is None
                time.sleep(0.01)
        self.streams = []

    def connect(self):
        s = socket.create_connection(("127.0.0.1", self.port))
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return s

    def fill(self, count):
        for n in range(count // EACH):
            query = urlencode([("topic", f"https://example.com/rooms/{n * EACH + i:06}") for i in range(EACH)])
            s = self.connect()
            s.sendall(f"GET {HUB}?{query} HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode())
            assert s.recv(4096).startswith(b"HTTP/1.1 200")
            self.streams.append(s)

    def memory(self):
        text = Path(f"/proc/{self.process.pid}/smaps_rollup").read_text()
        return 1024 * int(re.search(r"^Pss:\s+(\d+)", text, re.M).group(1))

    def stop(self):
        for s in self.streams:
            s.close()
        self.process.terminate()
        self.process.wait()


def read_list(bench):
    """Seconds to the first byte and to the last, and the document."""
    s = bench.connect()
    begun = time.perf_counter()
    s.sendall(request("GET", f"{HUB}/subscriptions"))
    parts = [s.recv(1 << 20)]
    first = time.perf_counter() - begun
    while part := s.recv(1 << 20):
        parts.append(part)
    whole = time.perf_counter() - begun
    s.close()
    return first, whole, b"".join(parts).partition(b"\r\n\r\n")[2]


def deliveries(bench, seconds):
    """Milliseconds from each POST to its event."""
    sent, delays = {}, []
    stream = bench.connect()
    stream.sendall(f"GET {HUB}?topic=live HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode())
    assert stream.recv(4096).startswith(b"HTTP/1.1 200")
    publisher = bench.connect()
    stop = threading.Event()

    def listen():
        rest = b""
        while not stop.is_set():
            rest += stream.recv(65536)
            now = time.perf_counter()
            lines = rest.split(b"\n")
            rest = lines.pop()
            for line in lines:
                if line.startswith(b"data: "):
                    delays.append(1000 * (now - sent.pop(line[6:])))

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    until, n = time.perf_counter() + seconds, 0
    while time.perf_counter() < until:
        n += 1
        sent[b"%d" % n] = time.perf_counter()
        publisher.sendall(request("POST", HUB, urlencode({"topic": "live", "data": n}).encode(), close=False))
        while b"urn:uuid" not in publisher.recv(4096):
            pass
        time.sleep(0.005)
    while sent and time.perf_counter() < until + 5:
        time.sleep(0.01)
    stop.set()
    stream.shutdown(socket.SHUT_RDWR)
    delays.sort()
    return {"deliveries": len(delays), "median_ms": statistics.median(delays), "p99_ms": delays[len(delays) * 99 // 100], "longest_ms": delays[-1]}


def busy(bench, seconds):
    """The longest that the worker ran between a question and its answer, in milliseconds of its own: what others do on
    the machine is not in it, unless they keep this program from asking: then the 99 of 100 tell more than the longest."""
    tasks = Path(f"/proc/{bench.process.pid}/task")
    clock = next(t for t in tasks.iterdir() if (t / "comm").read_text().strip() == "worker-0") / "schedstat"
    ran = lambda: int(clock.read_text().split()[0]) / 1e6  # noqa: E731
    probe, found, until = bench.connect(), [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        before = ran()
        probe.sendall(request("GET", "/healthz", close=False))
        assert probe.recv(4096).startswith(b"HTTP/1.1 200")
        found.append(ran() - before)
    found.sort()
    return {"p99_ms": found[len(found) * 99 // 100], "longest_ms": found[-1]}


def both(bench, seconds):
    return {"delivery": deliveries(bench, seconds), "worker": busy(bench, seconds)}


def beside_readers(bench, seconds, how):
    reader = subprocess.Popen([sys.executable, "-c", READER, str(bench.port), request("GET", f"{HUB}/subscriptions").decode(), how])
    try:
        time.sleep(0.3)
        return both(bench, seconds)
    finally:
        reader.kill()
        reader.wait()


def measure(o, folder):
    off = Bench(o, folder, False)
    off.fill(o.subscriptions)
    time.sleep(1)
    base = off.memory()
    off.stop()
    on = Bench(o, folder, True)
    try:
        on.fill(o.subscriptions)
        time.sleep(1)
        memory = on.memory()
        runs = [read_list(on) for _ in range(o.runs)]
        document = runs[-1][2]
        entries = json.loads(document)["subscriptions"]
        assert len(entries) == o.subscriptions
        text = (len(document) + sum(len(e["id"]) for e in entries)) / len(entries)
        each = (memory - base) / o.subscriptions
        return {
            "list": {"bytes": len(document), "first_byte_ms": 1000 * statistics.median(r[0] for r in runs), "whole_ms": 1000 * statistics.median(r[1] for r in runs)},
            "memory": {"each": each, "text": text, "beside": each - text},
            "delay": {"alone": both(on, o.seconds), "readers": beside_readers(on, o.seconds, "whole"),
                      "readers that leave": beside_readers(on, o.seconds, "leave")},
        }
    finally:
        on.stop()


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--subscriptions", type=int, default=100000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--transport", default="log", choices=["log", "memory"])
    parser.add_argument("--bin", default=os.environ.get("ALIPES_BIN", str(ROOT / "build" / "release" / "alipes")))
    o = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(o, folder)
    print(json.dumps({"subscriptions": o.subscriptions, "transport": o.transport, **found}))
    print(f"| {o.subscriptions} subscriptions | | goal |\n|---|---|---|\n"
          f"| whole list, first byte | {found['list']['first_byte_ms']:.1f} ms | |\n| whole list, {found['list']['bytes'] / 1e6:.1f} MB | {found['list']['whole_ms']:.0f} ms | |\n"
          f"| memory each, beside {found['memory']['text']:.0f} B of text | {found['memory']['beside']:.0f} B | 200 |", file=sys.stderr)
    for name, delay in found["delay"].items():
        for what, of in delay.items():
            print(f"| longest delay of a {what}, {name} (p99 {of['p99_ms']:.1f}) | {of['longest_ms']:.1f} ms | 20 |", file=sys.stderr)
