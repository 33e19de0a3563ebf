#!/usr/bin/python3
"""What a heartbeat costs: CPU of the hub and of each front while its streams say nothing else.
JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py heartbeat [--streams 10000] [--seconds 60] [--every 15s,4s] [--fronts nginx-http,…]

One hub and one front at a time; the streams stay, and the hub is told the next heartbeat by SIGHUP.
CPU time, so that others on the machine disturb little. `direct-…` is the hub without a front. Most fronts take two descriptors
a stream in one process: with a hard limit of 20,000 ask for 9,500. As root, for Apache and nginx.
"""
import argparse
import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import sites
from sites import ROOT, conftest

TICK = os.sysconf("SC_CLK_TCK")
PATH = "/.well-known/mercure?topic=a"


FRONTS = {"direct-http": None, **sites.FRONTS}


def cpu(pids):
    """Seconds that these processes, threads and children that ended included, have run."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:13]))
    return total / TICK


def family(pid):
    children = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(int(stat.parent.name))
        except OSError:
            continue
    found = [pid]
    for each in found:
        found += children.get(each, [])
    return found


class Streams:
    """Many clients that listen; a thread reads and counts the bytes."""

    def __init__(self, where, count):
        self.poll, self.sockets, self.bytes, self.ended = select.epoll(), {}, 0, 0
        threading.Thread(target=self.read, daemon=True).start()
        for _ in range(count):
            s = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET)
            s.settimeout(30)
            s.connect(where)
            s.sendall(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n".encode())
            self.sockets[s.fileno()] = s
            self.poll.register(s.fileno(), select.EPOLLIN)

    def read(self):
        while True:
            for fd, _ in self.poll.poll(1):
                part = os.read(fd, 65536)
                self.bytes += len(part)
                if not part:
                    self.poll.unregister(fd)
                    self.ended += 1

    def close(self):
        for s in self.sockets.values():
            s.close()


def hub_conf(folder, every):
    text = (f"listen unix/{folder}/alipes.sock|0666\npublisher_jwt {conftest.KEY}\nanonymous\ntransport memory\n"
            f"max_streams_per_address 100000\nlog logfmt error\nmetrics_listen unix/{folder}/metrics.sock\nheartbeat {every}\n")
    (folder / "alipes.conf").write_text(text)
    return folder / "alipes.conf"


def opened(folder):
    text = conftest.Client(folder / "metrics.sock").get("/metrics").body.decode()
    return int(float(next(line for line in text.split("\n") if line.startswith("alipes_streams ")).split()[1]))


class Place:
    """What snippet() asks of a hub."""

    def __init__(self, folder):
        self.socket = folder / "alipes.sock"


def begin(stack, command, **more):
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)
    stack.callback(end, process)
    return process


def end(process):
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def begin_front(stack, name, folder, hub, streams):
    """Its pid, and where it listens; without a front none, and the hub's socket."""
    if not FRONTS[name]:
        return None, str(hub.socket)
    site, port = FRONTS[name], conftest.free_port()
    front = begin(stack, site.command(folder, conftest.snippet(folder, site.file, hub), port, streams, None), env=sites.environment(folder))
    conftest.wait_for(lambda: answers(("127.0.0.1", port)), name)
    return front.pid, ("127.0.0.1", port)


def settle(folder, streams):
    """How many streams the hub has, once it has all, or no more come."""
    held, deadline = 0, time.monotonic() + 20
    while held < streams and time.monotonic() < deadline:
        held = opened(folder)
        time.sleep(0.1)
    return held


def window(hub, front, streams, seconds):
    """CPU of the hub and of the front in percent of a core, and bytes a second at the clients."""
    pids = family(front) if front else []
    before, began = (cpu([hub]), cpu(pids), streams.bytes), time.monotonic()
    time.sleep(seconds)
    after, took = (cpu([hub]), cpu(pids), streams.bytes), time.monotonic() - began
    hub_cpu, front_cpu, got = ((b - a) / took for a, b in zip(before, after))
    return {"hub_cpu_percent": round(100 * hub_cpu, 3), "front_cpu_percent": round(100 * front_cpu, 3), "client_bytes_per_s": round(got)}


def measure(name, o):
    rows = []
    with ExitStack() as stack, tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True) as kept:
        folder = Path(kept)
        folder.chmod(0o755)
        hub = begin(stack, [o.bin, "-c", hub_conf(folder, o.every[0])])
        conftest.wait_for((folder / "alipes.sock").exists, "the hub")
        front, where = begin_front(stack, name, folder, Place(folder), o.streams)
        streams = Streams(where, o.streams)
        stack.callback(streams.close)
        held = settle(folder, o.streams)
        for every in o.every:
            hub_conf(folder, every)
            hub.send_signal(signal.SIGHUP)
            time.sleep(3)  # the first round after a change is not the usual one
            found = window(hub.pid, front, streams, o.seconds)
            rows.append({"front": name, "streams": held, "ended": streams.ended, "heartbeat": every, "seconds": o.seconds, **found})
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def answers(where):
    with socket.socket() as s:
        return s.connect_ex(where) == 0


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=int, default=10000)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--every", type=lambda text: text.split(","), default=["15s", "4s"])
    parser.add_argument("--fronts", type=lambda text: text.split(","), default=list(FRONTS))
    parser.add_argument("--bin", default=ROOT / "build/release/alipes")
    o = parser.parse_args(arguments)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = [row for name in o.fronts for row in measure(name, o)]
    json.dump(rows, sys.stdout, indent=1)
    print("\n| front | streams | heartbeat | CPU of the hub | of the front |\n|---|---|---|---|---|", file=sys.stderr)
    for row in rows:
        print("| {front} | {streams} | {heartbeat} | {hub_cpu_percent} % | {front_cpu_percent} % |".format(**row), file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1:])
