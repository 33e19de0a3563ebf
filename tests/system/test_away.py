"""A hub that is away for 10 s: pages behind the project's front files go on by themselves, others do not."""
import time

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from conftest import FRONTS, PATH, Client, publish, wait_for

AWAY = 10


@pytest.fixture
def browser(tmp_path):
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", f"--user-data-dir={tmp_path}/browser"):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield driver
    driver.quit()


class Page:
    """A tab that listens, on the origin of its front."""

    def __init__(self, browser, port, first):
        if not first:
            browser.switch_to.new_window("tab")
        self.browser, self.tab = browser, browser.current_window_handle
        browser.get(f"http://127.0.0.1:{port}{PATH}")  # a 400, but of the right origin
        self.run("window.got = []; window.source = new EventSource(arguments[0] + '?topic=a');"
                 "source.onmessage = event => got.push(event.data)", PATH)

    def run(self, script, *arguments):
        self.browser.switch_to.window(self.tab)
        return self.browser.execute_script(script, *arguments)

    @property
    def state(self):
        return ("connecting", "open", "closed")[self.run("return source.readyState")]

    @property
    def got(self):
        return self.run("return got")


@pytest.fixture
def fronts(start_hub, tmp_path):
    """The hub, and by name the port of each front: the project's files, and these without their last part."""
    hub = start_hub(f"transport log {{ path {tmp_path}/history }}")
    started, ports = [], {}
    for name, (begin, file) in [*FRONTS.items(), *((f"{n} plain", FRONTS[n]) for n in ("caddy-http", "apache-http", "nginx-http", "haproxy-http", "lighttpd-fastcgi"))]:
        folder = tmp_path / name.replace(" ", "-")
        folder.mkdir()
        folder.chmod(0o755)
        server, ports[name] = begin(folder, hub, file, "plain" in name)
        started.append(server)

        def ready():
            assert server.process.poll() is None, server.log()
            try:
                return Client(("127.0.0.1", ports[name])).get(PATH).status == 400
            except OSError:
                return False

        wait_for(ready, name)
    yield hub, ports
    for server in started:
        server.stop()


def test_pages_go_on_by_themselves_with_what_they_missed(fronts, browser):
    hub, ports = fronts
    pages = {name: Page(browser, port, i == 0) for i, (name, port) in enumerate(ports.items())}
    for name, page in pages.items():
        wait_for(lambda: page.state == "open", f"the page behind {name}")
    publish(hub.socket, topic="a", data="before")
    for name, page in pages.items():
        wait_for(lambda: page.got == ["before"], f"the update behind {name}")
    hub.server.process.kill()
    hub.server.process.wait()
    gone = time.monotonic()

    for name, port in ports.items():
        assert publish(("127.0.0.1", port), topic="a", data="x").status == (502 if name in ("caddy-http plain", "nginx-http plain") else 503), name
        stream = Client(("127.0.0.1", port))
        reply = stream.get(f"{PATH}?topic=a", "Accept: text/event-stream", "Origin: https://app.example")
        if "plain" in name:
            assert reply.status in (502, 503), name
        else:
            assert (reply.status, reply.headers["content-type"]) == (200, "text/event-stream; charset=utf-8"), name
            assert reply.body == b"retry: 3000\n\n", name
            assert reply.headers["access-control-allow-origin"] == "https://app.example", name
    time.sleep(max(0, gone + AWAY - time.monotonic()))
    hub.start()
    missed = [f"missed {i}" for i in range(3)]
    for data in missed:
        assert publish(hub.socket, topic="a", data=data).status == 200
    for name, page in pages.items():
        if "plain" not in name:
            wait_for(lambda: page.state == "open" and page.got == ["before", *missed], f"the page behind {name} to go on")
    publish(hub.socket, topic="a", data="after")
    for name, page in pages.items():
        if "plain" in name:  # it can fail
            assert page.state == "closed" and page.got == ["before"], name
        else:
            wait_for(lambda: page.got == ["before", *missed, "after"], f"the page behind {name}")
