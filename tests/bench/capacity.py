#!/usr/bin/python3
"""What the hub and a front take together: memory of a stream, CPU of a delivery, and how many streams there are before the
site's own pages stop answering. JSON on stdout; as it goes, and in the end, a Markdown table on stderr.

    make capacity CAPACITY_ARGS="[--fronts caddy-http,nginx-http] [--wires plain,tls] [--runs 3] [--figures memory,cpu,site]
                                 [--before OTHER/proxy-config] [--mercure PATH] [--set caddy-http:GOGC=20] [--caddy PATH]"

`direct` is the hub alone; `--mercure` the established hub, a Caddy with its module (`go install` of github.com/dunglas/mercure/caddy's
program), messages not kept, as here. `--before` measures the files of another folder too, in the same run. Rows alternate,
each run has a fresh hub and a fresh front, and a figure is the median of the runs.

memory  bytes (PSS) of a stream, by the difference of two numbers of idle streams, of the front and of the hub
cpu     µs that front and hub run for a delivery (user and system, of all their processes), one event at a time to 1,000 streams
site    streams that were open when /small did not answer within 5 s, or no further one came (at most --most): with the limits
        of Debian's packages and units, and with those raised as proxy-config/README.md says

Fronts take two descriptors a stream: with a hard limit of 20,000 ask for 9,000 at most. As root, for Apache and nginx.
"""
import argparse
import http.client
import json
import os
import re
import resource
import select
import signal
import socket
import ssl
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import sites
from heartbeat import begin, conftest, cpu, family, hub_conf, opened

PATH = "/.well-known/mercure"
# As a browser asks, with a cookie: what a request says is held as long as it lasts.
ASKED = (f"GET {PATH}?topic=a HTTP/1.1\r\nHost: hub.example\r\nConnection: keep-alive\r\nAccept: text/event-stream\r\nCache-Control: no-cache\r\n"
         "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36\r\n"
         "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty\r\nReferer: https://hub.example/page\r\n"
         "Accept-Encoding: gzip, deflate, br, zstd\r\nAccept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef\r\n\r\n").encode()
FIGURES = {"memory": ("front_bytes", "hub_bytes"), "cpu": ("us",), "site": ("debian", "raised")}


@dataclass
class Row:
    front: str
    wire: str = "plain"
    files: Path = sites.ROOT / "proxy-config"
    set: dict = field(default_factory=dict)

    def __str__(self):
        changed = "".join(f" {name}={value}" for name, value in self.set.items())
        return f"{self.front} {self.wire}{changed}{'' if self.files == Row.files else ' before'}"


class Chain:
    """A hub and its front: `address` is where clients come, `publish_to` where publishers do."""

    def __init__(self, stack, row, o, streams):
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True)))
        self.folder.chmod(0o755)
        self.tls = row.wire == "tls" and conftest.certificate(self.folder)
        self.socket, self.port = self.folder / "alipes.sock", conftest.free_port()
        self.address, self.front = ("127.0.0.1", self.port), None
        if row.front == "mercure":
            self.begin_mercure(stack, o)
            return
        self.hub = begin(stack, [o.bin, "-c", hub_conf(self.folder, "1000s")]).pid
        conftest.wait_for(self.socket.exists, "the hub")
        self.publish_to = self.socket
        if row.front == "direct":
            self.address = str(self.socket)
            return
        site = sites.FRONTS[row.front]
        included = conftest.snippet(self.folder, site.file, self, files=row.files)
        command = site.command(self.folder, included, self.port, streams, self.tls)
        self.begin(stack, [o.caddy, *command[1:]] if command[0] == "caddy" else command, 0 if streams else site.limit, row.set)

    def begin(self, stack, command, limit, changed):
        def limited():
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit or sites.HARD, sites.HARD))

        front = begin(stack, command, env={**sites.environment(self.folder), **changed}, preexec_fn=limited)
        conftest.wait_for(lambda: front.poll() is not None or self.answers(), "the front")
        if front.poll() is not None:
            raise SystemExit(f"{command[0]} does not begin")
        self.front = front.pid

    def begin_mercure(self, stack, o):
        served = f" tls {self.tls[0]} {self.tls[1]}\n" if self.tls else ""
        (self.folder / "Caddyfile").write_text(
            f"{{\n admin off\n auto_https off\n}}\n{'https://hub.example' if self.tls else 'http://'}:{self.port} {{\n bind 127.0.0.1\n{served}"
            f" respond /small {sites.SMALL}\n mercure {{\n  publisher_jwt {conftest.KEY}\n  subscriber_jwt {conftest.KEY}\n  anonymous\n  transport local\n  heartbeat 1000s\n }}\n}}\n")
        self.hub, self.publish_to = None, conftest.Tls(self.port) if self.tls else self.address
        self.begin(stack, [o.mercure, "run", "--config", self.folder / "Caddyfile", "--adapter", "caddyfile"], 0, {})

    def connect(self, patience=30):
        s = socket.socket(socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET)
        s.settimeout(patience)
        s.connect(self.address)
        return conftest.over_tls(s) if self.tls else s

    def answers(self):
        """Does the site's own page come within 5 s?"""
        try:
            with self.connect(5) as s:
                s.sendall(b"GET /small HTTP/1.1\r\nHost: hub.example\r\nConnection: close\r\n\r\n")
                reply = http.client.HTTPResponse(s)
                reply.begin()
                return reply.status == 200 and reply.read().decode() == sites.SMALL
        except (OSError, http.client.HTTPException):
            return False

    def family(self):
        return family(self.front) if self.front else []

    def cpu(self):
        return cpu(self.family() + ([self.hub] if self.hub else []))


class Streams:
    """Clients that listen; `heard` is how often what is waited for came, over all of them."""

    def __init__(self, chain):
        self.chain, self.poll, self.all, self.heads, self.events = chain, select.epoll(), {}, 0, 0

    def open(self, count, patience=30):
        """So many more that have asked; what they are answered read() sees."""
        for _ in range(count):
            s = self.chain.connect(patience)
            s.sendall(ASKED)
            s.setblocking(False)
            self.all[s.fileno()] = s
            self.poll.register(s.fileno(), select.EPOLLIN)

    def read(self, until, seconds):
        """Reads until that is so, or for so many seconds without anything to read."""
        while not until():
            ready = self.poll.poll(seconds)
            if not ready:
                return False
            for fd, _ in ready:
                self.take(fd)
        return True

    def take(self, fd):
        """What is there; over TLS that may be more than one record."""
        try:
            while part := self.all[fd].recv(65536):
                self.heads += part.count(b"HTTP/1.1 200")
                self.events += part.count(b"data:")
                if not self.chain.tls:
                    return
        except (BlockingIOError, ssl.SSLWantReadError):
            return
        except OSError:
            pass
        self.poll.unregister(fd)
        self.all.pop(fd).close()

    def close(self):
        for s in self.all.values():
            s.close()


def pss(pids):
    found = 0
    for pid in pids:
        try:
            found += 1024 * int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.M)[1])
        except (OSError, TypeError):
            continue  # it has ended
    return found


def streaming(stack, row, o, streams):
    chain = Chain(stack, row, o, streams)
    clients = Streams(chain)
    stack.callback(clients.close)
    return chain, clients


def fill(clients, count):
    clients.open(count - clients.heads)
    if not clients.read(lambda: clients.heads >= count, 30):
        raise SystemExit(f"{clients.heads} streams of {count}")


def memory(row, o):
    few, many = o.streams
    with ExitStack() as stack:
        chain, clients = streaming(stack, row, o, many)
        found = []
        for count in (few, many):
            fill(clients, count)
            time.sleep(o.settle)  # what a garbage collector does after it
            found.append((pss(chain.family()), pss([chain.hub]) if chain.hub else 0))
    return {name: round((after - before) / (many - few)) for name, before, after in zip(FIGURES["memory"], *found)}


def delivered(row, o):
    with ExitStack() as stack:
        chain, clients = streaming(stack, row, o, o.listeners)
        fill(clients, o.listeners)
        publisher, before = conftest.Client(chain.publish_to), 0
        asked = ("Authorization: Bearer " + conftest.token(publish=["*"]), "Content-Type: application/x-www-form-urlencoded")
        for number in range(-2, o.events):  # the first two warm it up
            if not number:
                before = chain.cpu()
            if publisher.request("POST", PATH, asked, b"topic=a&data=" + b"x" * 100).status != 200:
                raise SystemExit(f"{row}: a publish fails")
            if not clients.read(lambda wanted=(number + 3) * o.listeners: clients.events >= wanted, 30):
                raise SystemExit(f"{row}: {clients.events} deliveries")
        return {"us": round(1e6 * (chain.cpu() - before) / o.events / o.listeners, 2)}


def fits(row, o, streams):
    """How many streams there are when the site stops answering, or when no more of them come."""
    with ExitStack() as stack:
        chain, clients = streaming(stack, row, o, streams)
        while clients.heads < o.most:
            held, wanted = clients.heads, min(o.most, clients.heads + (25 if clients.heads < 1000 else 500))
            try:
                clients.open(wanted - held, 5)
                clients.read(lambda: clients.heads >= wanted, 3)
            except OSError:
                pass  # no more come in
            if not chain.answers():
                return f"{clients.heads}, then nothing"
            if clients.heads == held:
                return f"{held}, then no more streams"
        return f"{o.most} and on"


def site(row, o):
    return {"debian": fits(row, o, 0), "raised": fits(row, o, o.most + 50)}


MEASURES = {"memory": memory, "cpu": delivered, "site": site}


def rows(o):
    """The rows asked for: each front by each wire, as it is, as the other files have it, and with what is set for it."""
    for front in o.fronts:
        for wire in o.wires:
            if front == "direct" and wire == "tls":
                continue
            yield Row(front, wire)
            if front in sites.FRONTS:
                if o.before and (o.before / sites.FRONTS[front].file).read_text() != (Row.files / sites.FRONTS[front].file).read_text():
                    yield Row(front, wire, o.before)
                yield from (Row(front, wire, set=dict(pair.split("=", 1) for pair in changed.split(";")))
                            for name, _, changed in (each.partition(":") for each in o.set) if name == front)


def middle(values):
    return values[0] if isinstance(values[0], str) else statistics.median(values)


def table(found, o):
    names = [f"{figure}.{what}" for figure in o.figures for what in FIGURES[figure]]
    print("\n| row | " + " | ".join(names) + " |\n|---|" + "---|" * len(names), file=sys.stderr)
    for row, values in found.items():
        shown = [values[name] if name in values else "" for name in names]
        print(f"| {row} | " + " | ".join(str(value) for value in shown) + " |", file=sys.stderr)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: text.split(",")  # noqa: E731
    parser.add_argument("--fronts", type=words)
    parser.add_argument("--wires", type=words, default=["plain", "tls"])
    parser.add_argument("--figures", type=words, default=list(FIGURES))
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")], default=[200, 1200])
    parser.add_argument("--settle", type=float, default=2)
    parser.add_argument("--listeners", type=int, default=1000)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--most", type=int, default=5000)
    parser.add_argument("--before", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--mercure")
    parser.add_argument("--caddy", default="caddy")
    parser.add_argument("--bin", default=conftest.BIN)
    o = parser.parse_args(arguments)
    o.fronts = o.fronts or ["direct", *sites.FRONTS, *(["mercure"] if o.mercure else [])]
    resource.setrlimit(resource.RLIMIT_NOFILE, (sites.HARD, sites.HARD))
    asked = list(rows(o))
    runs = {}
    for figure in o.figures:
        for _ in range(1 if figure == "site" else o.runs):
            for row in asked:
                if figure == "site" and row.front == "direct":
                    continue
                one = MEASURES[figure](row, o)
                print(figure, row, one, file=sys.stderr, flush=True)
                for what, value in one.items():
                    runs.setdefault(str(row), {}).setdefault(f"{figure}.{what}", []).append(value)
    found = {row: {name: middle(values) for name, values in figures.items()} for row, figures in runs.items()}
    table(found, o)
    json.dump({row: {"median": found[row], "runs": runs[row]} for row in found}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main(sys.argv[1:])
