#!/usr/bin/python3
"""Thousands of streams held by Apache's module while the hub behind it is killed, stopped and replaced under publishes: none is
closed, and each gets every update once, in order.

    tests/soak/reattach.py [--streams 5000] [--rate 200] [--topics 50] [--rounds kill,stop,upgrade] [--wires plain,tls]
                           [--bin build/release/alipes] [--other BIN] [--settle 3] [--late 0]

`--other` is the build that an upgrade brings (SIGTERM, as a package's does); without it the same. mod_alipes.so stands beside
--bin. Each stream hears one of the topics. Of an update that was not answered with 200 nobody knows whether it was taken, but
either all of its topic get it or none. Clients of TLS are HAProxy's. Prints a JSON summary with a row for each round: how long
until the hub answered, and until all streams were there again (both from the signal on), and the longest that an update was on
its way. Exits with 1 where a promise is broken. As root, for Apache.
"""
import argparse
import json
import multiprocessing
import os
import re
import resource
import select
import signal
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--streams", type=int, default=5000)
OPTIONS.add_argument("--rate", type=float, default=200)
OPTIONS.add_argument("--topics", type=int, default=50)
OPTIONS.add_argument("--rounds", type=lambda text: text.split(","), default=["kill", "stop", "upgrade"])
OPTIONS.add_argument("--wires", type=lambda text: text.split(","), default=["plain", "tls"])
OPTIONS.add_argument("--bin", default="build/release/alipes")
OPTIONS.add_argument("--other")
OPTIONS.add_argument("--settle", type=float, default=3)
OPTIONS.add_argument("--late", type=float, default=0, help="for so long Apache stands still as the hub comes back")
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

import history  # noqa: E402
from apache import Apache  # noqa: E402
from conftest import PATH, Client, Server, certificate, free_port, wait_for  # noqa: E402
from history import LogHub, Publisher  # noqa: E402

CHUNK, DATA = re.compile(rb"\r\n[0-9a-f]+\r\n"), re.compile(rb"data: (\d+) (\d+)\n")
# That all come at once is no matter here.
ENOUGH = "ServerLimit 16\nMaxRequestWorkers 400\nMaxSpareThreads 400\nListenBacklog 4096\n"


def publish(where, rate, topics, over, answers):
    """Until `over`: one number after the other; what was taken, and what nobody knows of."""
    publisher, taken, unknown, number, due = Publisher(where), [], [], 0, time.monotonic()
    while not over.is_set():
        due = max(due + 1 / rate, time.monotonic() - 1)
        time.sleep(max(0, due - time.monotonic()))
        number += 1
        status = publisher.publish(topic=f"t{number % topics}", data=f"{number} {time.monotonic_ns()}")
        (taken if status == 200 else unknown).append(number)
    answers.put((taken, unknown))


class Crowd:
    """Streams that are only read: the numbers that each has had, how long the slowest of late was on its way, who was closed."""

    def __init__(self, where, count, topics):
        self.poll, self.sockets, self.rest, self.had, self.topics = select.epoll(), {}, {}, {}, topics
        self.closed, self.heads, self.slowest = 0, 0, 0
        for number in range(count):
            s = socket.create_connection(where, 60)
            s.sendall(f"GET {PATH}?topic=t{number % topics} HTTP/1.1\r\nHost: hub.example\r\nAccept: text/event-stream\r\n\r\n".encode())
            s.setblocking(False)
            fd = s.fileno()
            self.sockets[fd], self.rest[fd], self.had[fd] = (s, number % topics), b"", []
            self.poll.register(fd, select.EPOLLIN)
            self.read_for(60, lambda: self.heads > number - 100)

    def read(self, patience):
        for fd, _ in self.poll.poll(patience, len(self.sockets)):
            try:
                part = self.sockets[fd][0].recv(65536)
            except OSError:
                part = b""
            if not part:
                self.closed += 1
                self.poll.unregister(fd)
                continue
            self.take(fd, self.rest[fd] + part)

    def take(self, fd, text):
        if not self.had[fd] and text.startswith(b"HTTP/1.1 200") and b"\r\n\r\n" in text:
            self.heads, text = self.heads + 1, text.partition(b"\r\n\r\n")[2]
        if not text.endswith(b"\n"):
            self.rest[fd] = text
            return
        self.rest[fd] = b"" if text.endswith(b"\n\n\r\n") else text
        if self.rest[fd]:
            return
        now = time.monotonic_ns()
        for number, begun in DATA.findall(CHUNK.sub(b"", b"\r\n" + text)):
            self.had[fd].append(int(number))
            self.slowest = max(self.slowest, now - int(begun))

    def read_for(self, seconds, until=lambda: False):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not until():
            self.read(0.05)

    def read_out(self):
        """Until nothing has come for 3 s."""
        last = -1
        while last != sum(map(len, self.had.values())):
            last = sum(map(len, self.had.values()))
            self.read_for(3)

    def judge(self, taken, unknown):
        """What is wrong with what was had, by kind; every stream of a topic is due the same."""
        self.lost = Counter()
        wrong = {"closed": self.closed, "lost": 0, "doubled": 0, "misordered": 0, "apart": 0, "foreign": 0}
        union, dues = [set() for _ in range(self.topics)], [set() for _ in range(self.topics)]
        for number in taken:
            dues[number % self.topics].add(number)
        for fd, (_, topic) in self.sockets.items():
            union[topic].update(self.had[fd])
        for fd, (_, topic) in self.sockets.items():
            had, due, once = self.had[fd], dues[topic], set(self.had[fd])
            wrong["lost"] += len(due - once)
            self.lost.update(due - once)
            wrong["doubled"] += len(had) - len(once)
            wrong["misordered"] += had != sorted(had)
            wrong["apart"] += len(union[topic] - due - once)
            wrong["foreign"] += sum(number % self.topics != topic for number in had)
        return wrong


def held(folder):
    """How many streams the hub has; none: there is no hub."""
    try:
        client = Client(folder / "metrics.sock")
        text = client.get("/metrics").body.decode()
        client.close()
    except OSError:
        return None
    return int(float(re.search(r"^alipes_streams (\S+)", text, re.M).group(1)))


def signal_all(apache, which):
    for pid in apache.children():
        os.kill(pid, which)


def replace(hub, how, crowd, apache):
    """The hub goes and comes: when it answered again, and when it had all streams, in seconds."""
    crowd.slowest, began = 0, time.monotonic()
    hub.server.process.send_signal(signal.SIGKILL if how == "kill" else signal.SIGTERM)
    while hub.server.process.poll() is None:
        crowd.read(0.001)
    ended = time.monotonic() - began
    if how == "upgrade" and O.other:
        history.BIN = Path(O.other)
    if O.late:
        signal_all(apache, signal.SIGSTOP)
        threading.Timer(O.late, signal_all, (apache, signal.SIGCONT)).start()
    hub.launch()
    answered = attached = None
    while attached is None and time.monotonic() - began < 60:
        count = held(hub.folder)
        crowd.read(0.002)
        now = time.monotonic() - began
        answered = answered or (now if count is not None else None)
        attached = now if count == len(crowd.sockets) else None
    crowd.read_for(O.settle)
    return {"how": how, "newest": max((had[-1] for had in crowd.had.values() if had), default=0), "ended_s": round(ended, 3),
            "answered_s": answered and round(answered, 3), "attached_s": attached and round(attached, 3), "longest_delivery_s": round(crowd.slowest / 1e9, 3)}


def relay(stack, folder, port):
    """A client of TLS for the crowd, which speaks none."""
    own, conf = free_port(), folder / "relay.cfg"
    conf.write_text(f"global\n maxconn 9500\ndefaults\n mode tcp\n timeout connect 60s\n timeout client 1d\n timeout server 1d\n"
                    f"frontend f\n bind 127.0.0.1:{own} backlog 4096\n default_backend b\nbackend b\n server s 127.0.0.1:{port} ssl verify none sni str(hub.example)\n")
    server = Server(["/usr/sbin/haproxy", "-db", "-f", conf], folder / "relay.log")
    stack.callback(server.process.kill)
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", own)) == 0, "HAProxy")
    return own


def run(wire):
    with ExitStack() as stack, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        history.BIN = Path(O.bin)
        hub = LogHub(folder, "max_events 1000000, max_bytes 1GiB", level="warn",
                     extra=f"max_streams_per_address 100000\nmetrics_listen unix/{folder}/metrics.sock")
        stack.callback(lambda: hub.server.process.kill())
        apache = Apache(folder / "apache", hub, ENOUGH, certificate(folder) if wire == "tls" else None)
        stack.callback(lambda: apache.front.process.kill())
        apache.front.hub_goes_away = True
        port = apache.address.address[1] if wire == "tls" else apache.address[1]
        crowd = Crowd(("127.0.0.1", relay(stack, folder, port) if wire == "tls" else port), O.streams, O.topics)
        crowd.read_for(60, lambda: held(folder) == O.streams and crowd.heads == O.streams)
        over, answers = multiprocessing.Event(), multiprocessing.Queue()
        publisher = multiprocessing.Process(target=publish, args=(hub.socket, O.rate, O.topics, over, answers), daemon=True)
        publisher.start()
        crowd.read_for(O.settle)
        rounds = []
        for how in O.rounds:
            rounds.append({"wire": wire, "steady_s": round(crowd.slowest / 1e9, 3), **replace(hub, how, crowd, apache)})
            print(json.dumps(rounds[-1]), flush=True)
            crowd.slowest = 0
            crowd.read_for(O.settle)
        over.set()
        taken, unknown = answers.get(timeout=60)
        publisher.join()
        crowd.read_out()
        status = apache.status()
        result = {"wire": wire, "streams": crowd.heads, "taken": len(taken), "unknown": len(unknown), "delivered": sum(map(len, crowd.had.values())),
                  **crowd.judge(taken, unknown), "lost_numbers": crowd.lost.most_common(10), "reattached": status.get("Reattached"), "ended": apache.reasons()[:5]}
        print(json.dumps(result), flush=True)
        apache.front.stop()
        hub.stop()
        return rounds, result


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    runs = [run(wire) for wire in O.wires]
    broken = [r for _, r in runs if r["streams"] < O.streams or any(r[kind] for kind in ("closed", "lost", "doubled", "misordered", "apart", "foreign"))]
    broken += [row for rows, _ in runs for row in rows if row["attached_s"] is None]
    print(json.dumps({"rounds": [row for rows, _ in runs for row in rows], "results": [r for _, r in runs], "broken": broken}))
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
