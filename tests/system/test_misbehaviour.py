"""Peers that misbehave, on both wires: each gets the status or the close that is due to it, memory
stays within its bound, and another stream goes on meanwhile. The delays that the other stream saw
are printed (-s), not judged by the clock."""
import os
import re
import resource
import socket
import struct
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import fastcgi as f
from conftest import BIN, KEY, PATH, PATIENCE, SANITIZED, Client, Hub, Server, Stream, publish, token, wait_for

SHORT = ("head_timeout 1s\nbody_timeout 1s\nidle_timeout 1s\nkeepalive_timeout 1s\nreply_timeout 1s\nlinger_timeout 1s\n"
         "max_request_head 4KiB\nmax_request_body_size 1MiB\ntail 1MiB")
# For peers whose due does not come from the clock: on a busy machine they stand still for longer than that.
PATIENT = re.sub(r"((?:head|body|idle|keepalive)_timeout) 1s", r"\1 1m", SHORT)
AUTH = f"Authorization: Bearer {token(['*'])}"
FORM = "Content-Type: application/x-www-form-urlencoded"


def memory(pid):
    """Bytes of PSS."""
    with open(f"/proc/{pid}/smaps_rollup") as text:
        return int(re.search(r"^Pss:\s+(\d+) kB", text.read(), re.M).group(1)) * 1024


class Witness:
    """Publishes every 20 ms and hears it on another stream: the longest it had to wait."""

    def __init__(self, hub):
        self.hub, self.worst, self.heard, self.stopped = hub, 0.0, 0, False
        self.stream = Stream(hub.socket, "topic=witness")
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stopped:
            began = time.monotonic()
            number = str(self.heard)
            assert publish(self.hub.socket, topic="witness", data=number).status == 200  # on a connection that has no time to be ended
            assert self.stream.datas(1) == [number]
            self.worst = max(self.worst, time.monotonic() - began)
            self.heard += 1
            time.sleep(0.02)

    def stop(self, what):
        wait_for(lambda: self.heard > 3 or not self.thread.is_alive(), "what the witness hears")
        self.stopped = True
        self.thread.join(30)
        print(f"{what}: {self.heard} events, the longest wait {self.worst * 1000:.1f} ms")
        assert self.heard > 3
        self.stream.close()


# A script is what a peer does: bytes, seconds to wait, HALF (it sends no more), RESET (and goes).
HALF, RESET = object(), object()
GET = f"GET {PATH}?topic=m HTTP/1.1\r\nHost: a\r\n"
POST = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{AUTH}\r\n{FORM}\r\n"


def dribble(data, count=40, pause=0.05):
    steps = []
    for i in range(count):
        steps += [data[i:i + 1] or b"x", pause]
    return steps


HTTP = {
    "says nothing": ([], b""),
    "a head that stops": ([b"GET / HT"], 408),
    "a head a byte at a time": (dribble(GET.encode()), 408),
    "a head without end": ([GET.encode(), b"X: y\r\n" * 1000], 431),
    "a body that stops": ([f"{POST}Content-Length: 100\r\n\r\ntopic".encode()], 408),
    "a body a byte at a time": ([f"{POST}Content-Length: 100\r\n\r\n".encode(), *dribble(b"topic=a")], 408),
    "a chunk that stops": ([f"{POST}Transfer-Encoding: chunked\r\n\r\n5\r\nto".encode()], 408),
    "a body without end": ([f"{POST}Transfer-Encoding: chunked\r\n\r\n".encode(), b"10000\r\n" + b"x" * 65536 + b"\r\n",
                            *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 30], 413),
    "silent after a reply": ([b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"], 200),
    "half a head, then no more": ([b"GET / HT", HALF], b""),
    "half a body, then no more": ([f"{POST}Content-Length: 100\r\n\r\ntopic".encode(), HALF], b""),
    "a stream, then no more": ([f"{GET}\r\n".encode(), 0.2, HALF], 200),
    "a stream, then a byte": ([f"{GET}\r\n".encode(), 0.2, b"x"], 200),
    "a publish, then no more": ([f"{POST}Content-Length: 7\r\n\r\ntopic=m".encode(), HALF], 200),
    "reset at once": ([RESET], None),
    "reset in a head": ([b"GET / HT", RESET], None),
    "reset in a body": ([f"{POST}Content-Length: 100\r\n\r\ntopic".encode(), RESET], None),
    "reset behind a publish": ([f"{POST}Content-Length: 7\r\n\r\ntopic=m".encode(), RESET], None),
    "reset in a stream": ([f"{GET}\r\n".encode(), 0.2, RESET], None),
}

FPOST = f.record(f.PARAMS, 1, f.params("POST", PATH, [AUTH, FORM])) + f.record(f.PARAMS)
FGET = f.request("GET", PATH + "?topic=m")
FASTCGI = {
    "half a record": ([f.begin()[:5]], b""),
    "begins and stops": ([f.begin()], 408),
    "params that stop": ([f.begin() + f.record(f.PARAMS, 1, b"\x0e\x04REQ")], 408),
    "params a byte at a time": ([f.begin(), *[s for b in range(30) for s in (f.record(f.PARAMS, 1, b"\1"), 0.05)]], 408),
    "params without end": ([f.begin(), *[f.record(f.PARAMS, 1, f.pair("X", "y" * 100))] * 60], 431),
    "a name of 64 KiB": ([f.begin() + f.records(f.PARAMS, 1, f.pair("X" * 65536, "y"))], 431),
    "a name longer than all": ([f.begin() + f.record(f.PARAMS, 1, b"\xff\xff\xff\xff\xff\xff\xff\xff") + f.record(f.PARAMS)], 400),
    "a body that stops": ([f.begin() + FPOST + f.record(f.STDIN, 1, b"topic")], 408),
    "a body a record at a time": ([f.begin() + FPOST, *[s for _ in range(30) for s in (f.record(f.STDIN, 1, b"t"), 0.05)]], 408),
    "a body without end": ([f.begin() + FPOST, *[f.record(f.STDIN, 1, b"x" * 60000)] * 30], 413),
    "no more in params": ([f.begin(), HALF], b""),
    "no more in a body": ([f.begin() + FPOST, HALF], b""),
    "a stream, then no more": ([FGET, 0.2, HALF], 200),
    "a stream, then a body": ([FGET, f.record(f.STDIN, 1, b"x" * 1000), 0.2, HALF], 200),
    "a body behind an abort": ([f.begin() + FPOST + f.record(f.ABORT), *[f.record(f.STDIN, 1, b"x" * 60000)] * 30], b"END"),
    "records behind the end": ([f.request("HEAD", PATH + "?topic=m"), *[f.record(f.PARAMS, 1, b"x" * 60000)] * 30], 200),
    "reset in params": ([f.begin(), RESET], None),
    "reset in a body": ([f.begin() + FPOST, RESET], None),
    "reset behind a publish": ([f.request("POST", PATH, [AUTH, FORM], b"topic=m"), RESET], None),
    "reset in a stream": ([FGET, 0.2, RESET], None),
}


def act(address, script):
    """Does what the script says; then reads to the end. What came, and whether it ended."""
    client, came = Client(address), b""
    try:
        for step in script:
            if step is RESET:
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
                return None
            if step is HALF:
                client.socket.shutdown(socket.SHUT_WR)
            elif isinstance(step, float):
                time.sleep(step)
            else:
                client.send(step)
    except (BrokenPipeError, ConnectionResetError):
        pass
    came = client.closed()
    client.close()
    return came


def is_timed(name, expected):
    return expected == 408 or name in ("says nothing", "silent after a reply", "half a record")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """All of them at once, beside a witness: once those that a time-out ends, once the others."""
    found = {}
    for timed in (True, False):
        folder = tmp_path_factory.mktemp("rough")
        for parent in [folder, *folder.parents][:3]:
            parent.chmod(0o755)
        hub = Hub(folder, SHORT if timed else PATIENT)
        try:
            found |= misbehave(hub, timed)
        finally:
            hub.stop()
    return found


def misbehave(hub, timed):
    witness = Witness(hub)
    before = memory(hub.server.process.pid)
    with ThreadPoolExecutor(100) as pool:
        found = {(wire, name, unix): pool.submit(act, hub.socket if unix else ("127.0.0.1", hub.port), script)
                 for wire, table in (("http", HTTP), ("fastcgi", FASTCGI)) for name, (script, expected) in table.items()
                 for unix in (True, False) if is_timed(name, expected) == timed}
        found = {key: future.result(PATIENCE) for key, future in found.items()}
    witness.stop("misbehaviour")
    grown = memory(hub.server.process.pid) - before
    print(f"PSS grew by {grown / 1024:.0f} KiB")
    assert SANITIZED or grown < 16 * 1024 * 1024
    wait_for(lambda: len(os.listdir(f"/proc/{hub.server.process.pid}/fd")) < 30, "no descriptor that is left")
    return found


@pytest.mark.parametrize("unix", [True, False])
@pytest.mark.parametrize("wire, name", [("http", n) for n in HTTP] + [("fastcgi", n) for n in FASTCGI])
def test_a_peer_that_misbehaves_gets_what_is_due(outcomes, wire, name, unix):
    came, expected = outcomes[wire, name, unix], (HTTP if wire == "http" else FASTCGI)[name][1]
    if wire == "fastcgi" and came:
        found = f.Records().feed(came)
        status = b"".join(content for kind, _, content in found if kind == f.STDOUT)[8:11]
        status = status or b"END" if found[-1][0] == f.END else status
    else:
        status = came and came[9:12]
    assert status == (expected if not isinstance(expected, int) else str(expected).encode()), came


def flood(address, data, patience=0.3):
    """Sends and never reads, until the hub takes no more or closes; how much it took."""
    client, taken = Client(address), 0
    client.socket.settimeout(patience)
    try:
        while taken < 200 * 1024 * 1024:
            taken += client.socket.send(data)
    except OSError:
        pass
    return client, taken


@pytest.mark.parametrize("name, data", [
    ("publishes", f"{POST}Content-Length: 7\r\n\r\ntopic=m".encode() * 100),
    ("refusals", f"GET {PATH} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 100),
    ("values", f.record(f.GET_VALUES, 0, f.pair("FCGI_MAX_CONNS", "") + f.pair("FCGI_MAX_REQS", "")) * 100),
    ("unknown records", f.record(99, 0) * 100),
])
def test_a_flood_whose_answers_nobody_reads_is_bounded_and_cut(start_hub, name, data):
    hub = start_hub(SHORT)
    before = memory(hub.server.process.pid)
    client, taken = flood(hub.socket, data)
    grown = memory(hub.server.process.pid) - before
    print(f"{name}: took {taken / 1024:.0f} KiB, PSS grew by {grown / 1024:.0f} KiB")
    assert taken < 64 * 1024 * 1024
    assert SANITIZED or grown < 16 * 1024 * 1024
    client.socket.settimeout(PATIENCE)
    client.closed()
    assert publish(hub.socket, topic="t").status == 200


@pytest.mark.parametrize("fastcgi", [False, True])
def test_readers_that_pause_crawl_or_stop(start_hub, fastcgi):
    hub = start_hub(PATIENT)
    at = f.Fastcgi(hub.socket) if fastcgi else hub.socket
    witness = Witness(hub)
    pausing, crawling, stopped = (Stream(at, "topic=r") for _ in range(3))
    text = "x" * 5000
    for i in range(300):
        assert publish(hub.socket, topic="r", data=f"{i} {text}").status == 200
        if i % 10 == 0:
            crawling.socket.recv(1)
    wait_for(lambda: "bound=reply_timeout" in hub.log() or "event=stream_overtaken" in hub.log(), "somebody to be cut")
    got = []
    try:
        while len(got) < 300:
            got += pausing.datas(1)
    except (ConnectionError, AttributeError):
        pass
    assert got == [f"{i} {text}" for i in range(len(got))] and got
    for stream in (crawling, stopped):
        stream.close()
    witness.stop(f"slow readers, {'FastCGI' if fastcgi else 'HTTP'}")


def test_connections_that_say_nothing_cost_little_and_go(start_hub):
    hub = start_hub(SHORT.replace("idle_timeout 1s", "idle_timeout 5s"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    witness, before, count = Witness(hub), memory(hub.server.process.pid), 3000
    silent = [Client(hub.socket) for _ in range(count)]
    last = publish(hub.socket, topic="t").status
    grown = (memory(hub.server.process.pid) - before) / count
    print(f"{count} silent connections: {grown:.0f} bytes each")
    assert last == 200 and (SANITIZED or grown < 2048)
    for client in silent:
        assert client.closed() == b""
        client.close()
    witness.stop("silent connections")
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_descriptors_that_run_out_end_nothing(tmp_path):
    socket_path, conf = tmp_path / "s", tmp_path / "c"
    conf.write_text(f"listen unix/{socket_path}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\nanonymous\ntransport memory\n"
                    "heartbeat 1s\nworkers 2\n")
    limited = ["prlimit", "--nofile=120:120", str(BIN), "-c", conf]
    hub = Server(limited, tmp_path / "log")
    hub.socket = socket_path
    wait_for(lambda: "event=ready" in hub.log(), "the hub")
    room = int(re.search(r"connections=(\d+)", hub.log()).group(1))
    assert 0 < room < 120
    witness = Witness(hub)
    held = [Client(socket_path) for _ in range(200)]
    time.sleep(0.3)
    assert len(os.listdir(f"/proc/{hub.process.pid}/fd")) <= 120
    for client in held:
        client.close()

    def has_place():
        try:
            return publish(socket_path, topic="t").status == 200
        except OSError:
            return False

    wait_for(has_place, "a place")
    witness.stop("descriptors that run out")
    assert hub.stop() == 0


def test_memory_with_stalled_streams_stays_below_the_formula(start_hub):
    """proxy-config/README.md, "What it takes": a connection 1 KiB, the tail twice, and what each stalled stream has begun."""
    stalled, reading, size, tail = 100, 100, 10000, 1024 * 1024
    hub = start_hub(PATIENT.replace("reply_timeout 1s", "reply_timeout 60s"))
    pid = hub.server.process.pid
    before = memory(pid)
    readers = [Stream(("127.0.0.1", hub.port), "topic=s") for _ in range(reading)]
    for _ in range(stalled):
        readers.append(Stream(("127.0.0.1", hub.port), "topic=s"))
    stuck, readers = readers[reading:], readers[:reading]

    def read(stream):
        return stream.datas(200)

    with ThreadPoolExecutor(reading) as pool:
        heard = [pool.submit(read, stream) for stream in readers]
        for i in range(200):
            assert publish(hub.socket, topic="s", data=f"{i} " + "x" * size).status == 200
        expected = [f"{i} " + "x" * size for i in range(200)]
        assert all(one.result(60) == expected for one in heard)
    grown = memory(pid) - before
    formula = (stalled + reading) * 1024 + 2 * tail + stalled * (size + 500) + 4 * 1024 * 1024
    with open("/proc/net/sockstat") as text:
        kernel = int(re.search(r"TCP:.* mem (\d+)", text.read()).group(1)) * 4096
    print(f"{stalled} stalled of {stalled + reading}: PSS grew by {grown / 1024:.0f} KiB of {formula / 1024:.0f}, "
          f"TCP memory of the machine {kernel / 1024:.0f} KiB")
    assert SANITIZED or grown < formula
    for stream in stuck:
        stream.close()
