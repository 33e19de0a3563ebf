"""A hub that is away for 10 s: pages behind the project's front files go on by themselves, others do not.

Each file in plain HTTP/1.1, over TLS with HTTP/1.1, and over TLS with HTTP/2 where its front has that."""
import subprocess
import time
from contextlib import ExitStack

import pytest

from conftest import FRONTS, PATH, Client, Stream, Tls, certificate, front_ready, publish, token, wait_for

AWAY = 10
ANSWER = b"retry: 3000\n: the hub is away\n\n"
BARE = [name for name in FRONTS if name in ("caddy-http", "apache-http", "nginx-http", "haproxy-http", "lighttpd-fastcgi")]
WITHOUT_H2 = ["apache-fastcgi"]  # that file refuses mod_http2
ORIGIN = "https://app.example"


class Page:
    """A tab that listens, on the origin of its front."""

    def __init__(self, browser, url):
        browser.switch_to.new_window("tab")
        self.browser, self.tab = browser, browser.current_window_handle
        browser.get(url + PATH)  # a 400, but of the right origin
        self.protocol = self.run("return performance.getEntriesByType('navigation')[0].nextHopProtocol")
        self.run("window.got = []; window.source = new EventSource(arguments[0] + '?topic=a');"
                 "source.onmessage = event => got.push(event.data)", PATH)

    def run(self, script, *arguments):
        self.browser.switch_to.window(self.tab)
        return self.browser.execute_script(script, *arguments)

    @property
    def seen(self):
        state, got = self.run("return [source.readyState, got]")
        return ("connecting", "open", "closed")[state], got


class Reader:
    """What an EventSource does, over TLS with HTTP/1.1: it comes back where it was after a 200 that ended."""

    def __init__(self, address):
        self.address, self.got, self.last = address, [], None
        self.connect()

    def connect(self):
        self.stream = Stream(self.address, "topic=a", "Accept: text/event-stream", *([f"Last-Event-ID: {self.last}"] if self.last else []))
        assert self.stream.status == 200

    def event(self):
        fields = dict(line.partition(": ")[::2] for line in self.stream.event().split("\n"))
        if "data" in fields:
            self.last = fields["id"]
            self.got.append(fields["data"])

    def until_cut(self):
        try:
            while True:
                self.event()
        except (OSError, ValueError):  # ValueError: the end, in place of a chunk's size
            self.stream.close()


@pytest.fixture
def fronts(start_hub, tmp_path):
    """The hub, and by name, and whether over TLS, the port of each front: the project's files, and these without their last part."""
    hub = start_hub(f"transport log {{ path {tmp_path}/history }}")
    tls = certificate(tmp_path)
    wanted = [(name, how) for name in FRONTS for how in ("plain", "tls")] + [(name, "bare") for name in BARE]
    started, ports = [], {}
    with ExitStack() as stack:
        for name, how in wanted:
            folder = tmp_path / f"{name}-{how}"
            folder.mkdir()
            folder.chmod(0o755)
            begin, file = FRONTS[name]
            server, ports[name, how] = begin(folder, hub, file, how == "bare", tls if how == "tls" else None)
            server.hub_goes_away = True
            stack.callback(server.stop)
            started.append((server, where(ports, name, how)))
        for server, address in started:
            front_ready(server, address)
        yield hub, ports


def where(ports, name, how):
    return Tls(ports[name, how]) if how == "tls" else ("127.0.0.1", ports[name, how])


def over_h2(port, method, accept):
    """Status, content type and body, by curl. The status is 0 where a front that has not read the body resets the stream at once."""
    body = [] if method == "GET" else ["-d", "topic=a&data=x"]
    done = subprocess.run(["curl", "-sk", "--http2", "--resolve", f"hub.example:{port}:127.0.0.1", "-X", method, *body, "-H", f"Accept: {accept}",
                           "-H", f"Authorization: Bearer {token(['*'])}", "-w", "\n%{http_version} %{http_code} %{content_type}",
                           f"https://hub.example:{port}{PATH}{'?topic=a' if method == 'GET' else ''}"], capture_output=True, timeout=20)
    text, _, said = done.stdout.rpartition(b"\n")
    version, status, kind = said.decode().split(" ", 2)
    assert (done.returncode, version) == (0, "2") or (done.returncode, status) == (92, "000"), done
    return int(status), kind, text


def ask_while_away(ports, name, how):
    """A publish is never answered 200, whatever it accepts; who asks for a stream is told to come back."""
    address, streams = where(ports, name, how), "text/event-stream"
    refused = 502 if how == "bare" and name in ("caddy-http", "nginx-http") else 503
    for accept in ("*/*", f"{streams}, */*;q=0.1"):
        assert publish(address, headers=[f"Accept: {accept}"], topic="a", data="x").status == refused, (name, how, accept)
    for method, body in (("GET", b""), ("QUERY", b"topic=a")):
        target = f"{PATH}?topic=a" if method == "GET" else PATH
        reply = Client(address).request(method, target, [f"Accept: {streams}", f"Origin: {ORIGIN}"], body)
        if how == "bare":
            assert reply.status in (502, 503), (name, method)
            continue
        assert (reply.status, reply.headers["content-type"], reply.body) == (200, f"{streams}; charset=utf-8", ANSWER), (name, how, method)
        assert reply.headers["access-control-allow-origin"] == ORIGIN, (name, how)
    if how == "tls" and name not in WITHOUT_H2:
        assert over_h2(ports[name, how], "GET", streams) == (200, f"{streams}; charset=utf-8", ANSWER), name
        assert over_h2(ports[name, how], "POST", streams)[0] in (503, 0), name


def test_pages_go_on_by_themselves_with_what_they_missed(fronts, browser):
    hub, ports = fronts
    pages = {key: Page(browser, f"https://hub.example:{port}" if key[1] == "tls" else f"http://127.0.0.1:{port}") for key, port in ports.items()}
    readers = [Reader(where(ports, name, how)) for name, how in ports if how == "tls"]
    for (name, how), page in pages.items():
        assert page.protocol == ("h2" if how == "tls" and name not in WITHOUT_H2 else "http/1.1"), (name, how)
        wait_for(lambda: page.seen == ("open", []), f"the page behind {name}, {how}")
    publish(hub.socket, topic="a", data="before")
    for key, page in pages.items():
        wait_for(lambda: page.seen == ("open", ["before"]), f"the update behind {key}")
    hub.server.process.kill()
    hub.server.process.wait()
    gone = time.monotonic()
    for reader in readers:
        reader.until_cut()
        assert reader.got == ["before"]
    for name, how in ports:
        ask_while_away(ports, name, how)
    time.sleep(max(0, gone + AWAY - time.monotonic()))
    hub.start()
    missed = [f"missed {i}" for i in range(3)]
    for data in missed:
        assert publish(hub.socket, topic="a", data=data).status == 200
    for (name, how), page in pages.items():
        if how != "bare":
            wait_for(lambda: page.seen == ("open", ["before", *missed]), f"the page behind {name}, {how}, to go on")
    publish(hub.socket, topic="a", data="after")
    for reader in readers:
        reader.connect()
        for _ in range(4):
            reader.event()
        assert reader.got == ["before", *missed, "after"]
        reader.stream.close()
    for (name, how), page in pages.items():
        if how == "bare":  # it can fail
            assert page.seen == ("closed", ["before"]), name
        else:
            wait_for(lambda: page.seen == ("open", ["before", *missed, "after"]), f"the page behind {name}, {how}")


@pytest.mark.parametrize("name", ["apache-http", "nginx-http"])
def test_more_tabs_than_http_1_1_has_connections(start_hub, tmp_path, browser, name):
    """Over HTTP/2 they share one, also behind Apache, which begins with six requests at a time and more when these have ended."""
    hub = start_hub()
    begin, file = FRONTS[name]
    server, port = begin(tmp_path, hub, file, tls=certificate(tmp_path))
    try:
        front_ready(server, Tls(port))
        pages = [Page(browser, f"https://hub.example:{port}") for _ in range(10)]
        for page in pages:
            wait_for(lambda: page.seen == ("open", []), "a tab")
        publish(hub.socket, topic="a", data="x")
        for page in pages:
            wait_for(lambda: page.seen == ("open", ["x"]), "the update")
            assert page.protocol == "h2"
    finally:
        server.stop()
