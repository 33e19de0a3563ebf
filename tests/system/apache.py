"""What the tests of Apache's module share: an Apache with it, and pages that listen through it."""
import os
import re
import signal
import time
from pathlib import Path

import pytest

from conftest import Client, Tls, certificate, front_ready, start_apache, wait_for
from history import Listener, LogHub, Publisher

STATUS = "/server-status"
AWAY = b"retry: 3000\n: the hub is away\n\n"
LINES = """LoadModule status_module /usr/lib/apache2/modules/mod_status.so
LoadModule reqtimeout_module /usr/lib/apache2/modules/mod_reqtimeout.so
RequestReadTimeout header=20-40,minrate=500
Timeout 5
CustomLog {folder}/access.log "%>s %m %U"
AlipesLog {folder}/alipes.log
<Location /server-status>
SetHandler server-status
</Location>
"""
# A line of AlipesLog.
ENDED = re.compile(r'^(?P<host>\S+) - - \[(?P<begun>[^]]+)\] "GET (?P<uri>\S+) HTTP/1\.1" (?P<status>\d+) (?P<bytes>\d+) "(?P<referer>.*)" "(?P<agent>.*)" '
                   r"(?P<seconds>[\d.]+) (?P<reason>\w+)$")


class Apache:
    """`more`: further lines of its configuration."""

    def __init__(self, folder, hub, more="", tls=None, ready=True, **options):
        folder.mkdir()
        folder.chmod(0o755)
        self.folder, self.hub = folder, hub
        self.front, port = start_apache(folder, hub, "module-unix", tls=tls, more=LINES.format(folder=folder) + more, **options)
        self.address = Tls(port) if tls else ("127.0.0.1", port)
        if ready:
            front_ready(self.front, self.address)
        self.pid = self.front.process.pid

    def children(self):
        found = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {int(pid) for pid in found}

    def graceful(self):
        """Whoever has taken over is another one; who was there goes on until its streams have ended."""
        before = self.children()
        self.front.process.send_signal(signal.SIGUSR1)
        wait_for(lambda: self.children() - before and self.answers(), "new children")
        return before

    def answers(self):
        try:
            client = Client(self.address)
            client.get(STATUS)
            client.close()
            return True
        except (OSError, ConnectionError):
            return False

    def status(self):
        """The module's lines of mod_status."""
        client = Client(self.address)
        text = client.get(f"{STATUS}?auto").body.decode()
        client.close()
        return {name: int(value) for name, value in re.findall(r"^Alipes(\w+): (\d+)$", text, re.M)}

    def streams(self, count):
        wait_for(lambda: self.status().get("Streams") == count, f"{count} streams")

    def statuses(self):
        """Of each request, as the access log has it."""
        path = self.folder / "access.log"
        return [int(line.split()[0]) for line in path.read_text().splitlines()] if path.exists() else []

    def ends(self):
        """Of each stream that has ended, the fields of its line."""
        path = self.folder / "alipes.log"
        rows = [ENDED.match(line) or line for line in path.read_text().splitlines()] if path.exists() else []
        assert not [row for row in rows if isinstance(row, str)], rows
        return [row.groupdict() for row in rows]

    def reasons(self):
        return [end["reason"] for end in self.ends()]

    def takes(self):
        """Descriptors and bytes of memory of all children."""
        descriptors = memory = 0
        for pid in self.children():
            descriptors += len(os.listdir(f"/proc/{pid}/fd"))
            text = Path(f"/proc/{pid}/smaps_rollup").read_text()
            memory += int(re.search(r"^Pss: +(\d+) kB", text, re.M).group(1)) * 1024
        return descriptors, memory

    def stop(self):
        self.front.stop()
        assert self.front.hub_goes_away or max(self.statuses(), default=0) < 500, self.statuses()


class Page:
    """What an EventSource does: it comes back where it was after an end, and never after anything but a 200. `cuts`: ends
    that were none in order."""

    def __init__(self, address, query, *headers):
        self.address, self.query, self.headers, self.before, self.connects = address, query, headers, [], 0
        self.cursor, self.cuts = None, 0
        self.connect()

    def connect(self):
        self.connects += 1
        cursor = [f"Last-Event-ID: {self.cursor}"] if self.cursor else []
        self.listener = Listener(self.address, self.query, "Accept: text/event-stream", *self.headers, *cursor)

    def look(self):
        """Reads what is there, and comes back where it has ended."""
        self.listener.read()
        if self.listener.events:
            self.cursor = self.listener.events[-1][0]
        if self.listener.ended:
            assert self.listener.status in (None, 200), self.listener.status
            # A child that ends its streams sends who came too late away with a short reply.
            self.cuts += not self.listener.whole and "content-length" not in self.listener.headers
            self.before += self.listener.events
            self.connect()

    @property
    def events(self):
        return self.before + self.listener.events

    @property
    def open(self):
        return self.listener.status == 200 and not self.listener.ended

    def close(self):
        self.listener.close()


def open_pages(count, address, query, *headers):
    pages = [Page(address, query, *headers) for _ in range(count)]
    look_until(pages, lambda: all(page.open for page in pages), "the streams")
    return pages


def look_until(pages, condition, what):
    def looked():
        for page in pages:
            page.look()
        return condition()

    wait_for(looked, what)


def news(hub, count, topic="t", size=0):
    """Publishes so many; their datas."""
    publisher, datas = Publisher(hub.socket), [f"{time.monotonic_ns()}{'x' * size}" for _ in range(count)]
    assert all(publisher.publish(topic=topic, data=data) == 200 for data in datas)
    publisher.close()
    return datas


@pytest.fixture
def running(tmp_path):
    """Begins a hub with a history, in which no heartbeat is due before a test is long over, and an Apache before it."""
    begun = []
    tmp_path.chmod(0o755)

    def start(more="", extra="", tls=False, **options):
        hub = LogHub(tmp_path, bounds="max_events 100000", extra=f"heartbeat 600s\n{extra}", level="debug")
        begun.append(hub)
        begun.append(Apache(tmp_path / "apache", hub, more, certificate(tmp_path) if tls else None, **options))
        return begun[-1]

    yield start
    for each in reversed(begun):
        each.stop()
