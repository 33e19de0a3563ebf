"""What the tests of the history share: a hub that keeps one, subscribers that are read without
waiting, publishers on kept connections."""
import atexit
import json
import re
import select
import signal
import socket
import ssl
import subprocess
import time
from pathlib import Path
from urllib.parse import urlencode

from conftest import BIN, KEY, PATH, PATIENCE, Client, Hub, Server, Tls, free_port, over_tls, token, wait_for

AUTH = f"Authorization: Bearer {token(['*'])}"
FORM = "Content-Type: application/x-www-form-urlencoded"


class LogHub(Hub):
    def __init__(self, folder, bounds="max_bytes 1MiB", extra="", workers=2, history=None, env=None, level="info", wrap=()):
        folder.chmod(0o755)
        self.folder, self.port, self.socket = folder, free_port(), folder / "alipes.sock"
        self.history, self.conf, self.env, self.wrap = history or folder / "history", folder / "alipes.conf", env, wrap
        bounds = "\n".join(bounds.split(", "))
        self.conf.write_text(
            f"listen 127.0.0.1:{self.port} unix/{self.socket}|0666\nworkers {workers}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\n"
            f"anonymous\ntransport log {{\npath {self.history}\n}}\nhistory {{\n{bounds}\n}}\nlog logfmt {level}\n{extra}\n"
        )
        self.server = None
        self.start()

    def start(self):
        self.launch()
        wait_for(lambda: self.server.process.poll() is not None or self.answers(), "the hub")
        assert self.server.process.poll() is None, self.server.log()[-4000:]

    def launch(self):
        self.server = Server([*self.wrap, BIN, "-c", self.conf], self.folder / "alipes.log", self.env)
        atexit.register(self.server.process.kill)  # nothing stays where a test fails before it stops it

    def kill(self):
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(30)

    def bytes(self):
        """What all files take; one that is renamed meanwhile counts once."""
        sizes = {}
        for path in Path(self.history).iterdir():
            try:
                stat = path.stat()
                sizes[stat.st_ino] = stat.st_size
            except FileNotFoundError:
                pass
        return sum(sizes.values())


def restore(folder, bounds, updates):
    """A history of these, (id, topic, data) each, for a LogHub in this folder that is not there yet."""
    conf, bounds = folder / "restore.conf", "\n".join(bounds.split(", "))
    conf.write_text(f"publisher_jwt {KEY}\nanonymous\ntransport log {{\npath {folder}/history\n}}\nhistory {{\n{bounds}\n}}\n")
    restoring = subprocess.Popen([BIN, "history", "restore", "-c", conf], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for id, topic, data in updates:
        restoring.stdin.write(json.dumps({"id": id, "topics": [topic], "data": data, "chosen": True}) + "\n")
    _, said = restoring.communicate(timeout=600)
    assert restoring.returncode == 0, said


class Publisher:
    """Publishes on one connection, one update after the other."""

    def __init__(self, address, auth=AUTH):
        self.address, self.client, self.auth = address, None, auth

    def publish(self, **form):
        """The status; None: the connection ended before there was one."""
        try:
            self.client = self.client or Client(self.address)
            reply = self.client.request("POST", PATH, [self.auth, FORM], urlencode(form, doseq=True).encode())
        except (OSError, ConnectionError, ValueError, IndexError):
            self.close()
            return None
        if "close" in reply.headers.get("connection", ""):
            self.close()
        return reply.status

    def send(self, forms):
        """All of them on their way at once; collect() has the answers."""
        self.client = self.client or Client(self.address)
        for form in forms:
            self.client.ask("POST", PATH, [self.auth, FORM], urlencode(form, doseq=True).encode())

    def collect(self, count):
        """The statuses of what was sent, in order."""
        return [self.client.reply().status for _ in range(count)]

    def many(self, forms):
        self.send(forms)
        return self.collect(len(forms))

    def close(self):
        if self.client:
            self.client.close()
        self.client = None


class Listener:
    """A subscriber's connection: what has come so far; `whole`: it has ended with its last chunk; `last`: the last block,
    with or without an event. Nothing here waits."""

    def __init__(self, address, query, *headers):
        tls, address = isinstance(address, Tls), getattr(address, "address", address)
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        self.status, self.headers, self.events = None, {}, []
        self.raw, self.text, self.chunked, self.ended, self.whole, self.last = b"", b"", False, False, False, b""
        try:
            self.socket.connect(address if family == socket.AF_INET else str(address))
            self.socket = over_tls(self.socket) if tls else self.socket
            lines = [f"GET {PATH}?{query} HTTP/1.1", "Host: hub.example", *headers]
            self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")
        except OSError:
            self.end()
        else:
            self.socket.setblocking(False)

    def end(self):
        self.ended = True
        self.socket.close()

    close = end

    def read(self, most=1 << 30):
        """Takes what is there. False: there was nothing."""
        any_came = False
        while not self.ended and most > 0:
            try:
                part = self.socket.recv(min(most, 262144))
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except OSError:
                part = b""
            any_came = True
            most -= len(part)
            if part:
                self.take(part)
            else:
                self.end()
        return any_came

    def take(self, part):
        self.raw += part
        if self.status is None:
            head, mark, rest = self.raw.partition(b"\r\n\r\n")
            if not mark:
                return
            lines = head.decode("latin-1").split("\r\n")
            self.status, self.raw = int(lines[0].split()[1]), rest
            self.headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines[1:])}
            self.chunked = "chunked" in self.headers.get("transfer-encoding", "")
        if self.chunked:
            self.unchunk()
        else:
            self.text, self.raw = self.text + self.raw, b""
        *events, self.text = self.text.split(b"\n\n")
        for event in events:
            self.last = event
            fields = dict(re.findall(r"^(\w+): (.*)$", event.decode(), re.M))
            if "data" in fields and "id" in fields:
                self.events.append((fields["id"], fields["data"]))

    def unchunk(self):
        at = 0
        while True:
            end = self.raw.find(b"\r\n", at)
            if end < 0:
                break
            size = int(self.raw[at:end], 16)
            if len(self.raw) < end + 2 + size + 2:
                break
            self.text += self.raw[end + 2:end + 2 + size]
            at = end + 2 + size + 2
            if size == 0:
                self.whole = True
                self.end()
                break
        self.raw = self.raw[at:]

    @property
    def cursor(self):
        """What the reply said of the cursor."""
        return self.headers.get("last-event-id")

    @property
    def ids(self):
        return [id for id, _ in self.events]


def read_until(listeners, condition, what, patience=PATIENCE):
    """Reads all of them until the condition holds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"waited {patience} s in vain for {what}"
        poll, by_fd = select.poll(), {}
        for listener in listeners:
            if not listener.ended:
                by_fd[listener.socket.fileno()] = listener
                poll.register(listener.socket, select.POLLIN)
        for fd, _ in poll.poll(20):
            by_fd[fd].read(1 << 20)
