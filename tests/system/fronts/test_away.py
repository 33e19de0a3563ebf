"""A real browser whose hub is away for 10 s: pages behind the project's front files go on by themselves, others do not.

Each file in each way that clients come by. What is answered meanwhile, and to others than browsers: test_matrix.py."""
import time
from contextlib import ExitStack

import pytest

from cells import CELLS
from conftest import FRONTS, PATH, Client, Tls, certificate, front_ready, publish, wait_for

AWAY = 10
BARE = [name for name in FRONTS if name in ("caddy-http", "apache-http", "nginx-http", "haproxy-http", "lighttpd-fastcgi")]
H2 = [cell.front.name for cell in CELLS if cell.transport == "h2"]


class Page:
    """A tab that listens, on the origin of its front."""
    LISTENS = ("window.got = []; window.source = new EventSource(arguments[0] + '?topic=a');"
               "source.onmessage = event => got.push(event.data)")

    def __init__(self, browser, url):
        browser.switch_to.new_window("tab")
        self.browser, self.tab = browser, browser.current_window_handle
        browser.get(url + PATH)  # a 400, but of the right origin
        self.protocol = self.run("return performance.getEntriesByType('navigation')[0].nextHopProtocol")
        self.run(self.LISTENS, PATH)

    def run(self, script, *arguments):
        self.browser.switch_to.window(self.tab)
        return self.browser.execute_script(script, *arguments)

    @property
    def seen(self):
        state, got = self.run("return [source.readyState, got]")
        return ("connecting", "open", "closed")[state], got


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
            started.append((server, Tls(ports[name, how]) if how == "tls" else ("127.0.0.1", ports[name, how])))
        for server, address in started:
            front_ready(server, address)
        yield hub, ports


def test_pages_go_on_by_themselves_with_what_they_missed(fronts, browser):
    hub, ports = fronts
    pages = {key: Page(browser, f"https://hub.example:{port}" if key[1] == "tls" else f"http://127.0.0.1:{port}") for key, port in ports.items()}
    for (name, how), page in pages.items():
        assert page.protocol == ("h2" if how == "tls" and name in H2 else "http/1.1"), (name, how)
        wait_for(lambda: page.seen == ("open", []), f"the page behind {name}, {how}")
    publish(hub.socket, topic="a", data="before")
    for key, page in pages.items():
        wait_for(lambda: page.seen == ("open", ["before"]), f"the update behind {key}")
    hub.server.process.kill()
    hub.server.process.wait()
    gone = time.monotonic()
    for name in BARE:
        assert Client(("127.0.0.1", ports[name, "bare"])).get(f"{PATH}?topic=a", "Accept: text/event-stream").status in (502, 503), name
    time.sleep(max(0, gone + AWAY - time.monotonic()))
    hub.start()
    missed = [f"missed {i}" for i in range(3)]
    for data in missed:
        assert publish(hub.socket, topic="a", data=data).status == 200
    for (name, how), page in pages.items():
        if how != "bare":
            wait_for(lambda: page.seen == ("open", ["before", *missed]), f"the page behind {name}, {how}, to go on")
    publish(hub.socket, topic="a", data="after")
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
