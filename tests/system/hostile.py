"""What a hostile request costs others: the processor's time that the hub's one worker takes for it between a probe,
`GET /healthz` on a kept connection, and its answer. What other programs do on the machine is not in it.

A row says how to set the stage, what the hostile peer does, and what is promised. Rows are data: `hostile_hub.ROWS`,
`hostile_wires.ROWS`; test_hostile.py measures them all. A test never fails on a clock: the promise in milliseconds is
judged in *requests*, of which one costs what /healthz costs in the same run with the same program, and with some slack.

    /usr/bin/python3 tests/system/hostile.py [NAME]     the table in milliseconds, of build/release/alipes or ALIPES_BIN
"""
import importlib
import random
import resource
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from conftest import BIN, PATH, SANITIZED, Client, Hub, token, wait_for

FORM = "Content-Type: application/x-www-form-urlencoded"
AUTH = f"Authorization: Bearer {token(['*'])}"
LISTS = ("hostile_hub", "hostile_wires")  # modules with ROWS

REQUEST_US = 5  # of /healthz, release: what turns the promise in milliseconds into requests
SLACK = 20  # of sanitizers and of busy machines: what a row promises is read off the table, by hand


@dataclass
class Row:
    name: str
    request: callable  # (hub, stage): the peer acts, without waiting for what comes of it; what it returns is kept open
    setup: callable = lambda hub: None  # (hub): the stage
    conf: str = ""  # of the hub
    ms: float = 5  # what is promised to others
    seconds: float = 1  # for which the probe asks


class Target(Hub):
    """One worker, and a log that is as quiet as an operator's."""

    def start(self):
        self.conf.write_text(self.conf.read_text().replace("logfmt debug", "logfmt").replace("heartbeat 1s", "heartbeat 15s"))
        super().start()

    @property
    def at(self):
        return "127.0.0.1", self.port


class Probe:
    def __init__(self, hub):
        tasks = Path(f"/proc/{hub.server.process.pid}/task")
        task = next(t for t in tasks.iterdir() if (t / "comm").read_text().strip() == "worker-0")
        self.clock, self.client = task / "schedstat", Client(hub.at)
        self.costs()

    def cpu(self):
        """Seconds that the worker has had a processor."""
        return int(self.clock.read_text().split()[0]) / 1e9

    def costs(self):
        """What the worker did, in seconds, until one more request was answered."""
        before = self.cpu()
        assert self.client.get("/healthz").status == 200
        return self.cpu() - before

    def of_a_request(self, count=300):
        """What one costs where nothing else happens: the middle of many."""
        return sorted(self.costs() for _ in range(count))[count // 2]

    def worst(self, seconds):
        end, worst = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            worst = max(worst, self.costs())
        return worst


def measure(row, hub):
    """(seconds that others waited for at most, seconds that a request costs)"""
    stage = row.setup(hub)
    probe = Probe(hub)
    one = probe.of_a_request()
    kept = row.request(hub, stage)
    worst = probe.worst(row.seconds)
    probe.client.close()
    for client in kept or ():
        client.close()
    return worst, one


def rows():
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    return [row for name in LISTS for row in importlib.import_module(name).ROWS]


# --- what rows are made of ---------------------------------------------------------------------------------------

def publish_many(hub, forms):
    """Bodies, pipelined on one connection."""
    client = Client(hub.at)
    for at in range(0, len(forms), 50):
        for form in forms[at:at + 50]:
            client.ask("POST", PATH, [FORM, AUTH], form)
        for _ in forms[at:at + 50]:
            assert client.reply().status == 200
    client.close()


def send(hub, method, query, *headers, body=b"", host="hub.example", below=""):
    """A request on a connection of its own; nothing is awaited."""
    client = Client(hub.at)
    lines = [f"{method} {PATH}{below}{'?' if query else ''}{query} HTTP/1.1", f"Host: {host}", *headers]
    if method in ("POST", "QUERY"):
        lines.append(f"Content-Length: {len(body)}")
    client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    return client


def streams(hub, queries, *headers, **options):
    """Open event streams: each has its head."""
    opened = [send(hub, "GET", query, *headers, **options) for query in queries]
    for client in opened:
        assert client.head()[0] == 200
    return opened


def topics(names, parameter="topic"):
    return "&".join(f"{parameter}={quote(name, safe='')}" for name in names)


# --- by hand -----------------------------------------------------------------------------------------------------

def main():
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    print(f"{BIN}\n{'request':<70} {'ms':>7} {'bound':>6} {'request us':>10}")
    for row in rows():
        if wanted not in row.name:
            continue
        with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
            hub = Target(Path(folder), row.conf, workers=1)
            try:
                worst, one = measure(row, hub)
                print(f"{row.name:<70} {worst * 1000:7.1f} {row.ms:6.1f} {one * 1e6:6.1f}", flush=True)
            finally:
                hub.server.stop()


if __name__ == "__main__":
    main()
