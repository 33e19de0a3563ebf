"""examples/notifications in a real browser, behind a real Apache that speaks HTTP/1.1: six connections a browser."""
import json
import threading
import time

import pytest

from conftest import publish, token, wait_for
from example_site import FILES, Site, sign_in

TOPIC = "https://example.com/users/Ada/notifications"
WITHOUT_SHARED_WORKER = "delete window.SharedWorker"
TEXTS = "return [...document.querySelectorAll('#list li div')].map(item => item.textContent).reverse()"


@pytest.fixture(params=FILES)
def file(request):
    return request.param


@pytest.fixture
def site(request, start_hub, tmp_path, file):
    """The parameter: how long a token is good."""
    hub = start_hub(f"transport log {{ path {tmp_path}/history }}")
    site = Site(tmp_path, hub, file, getattr(request, "param", 600))
    yield site
    site.stop()


def notify(hub, number):
    text = json.dumps({"from": "Ada", "text": f"n{number}", "time": int(time.time())})
    assert publish(hub.socket, topic=TOPIC, data=text, private="on").status == 200


class Tabs:
    def __init__(self, browser, url, script=None):
        self.browser, self.url, self.script = browser, url, script
        self.prepare()
        sign_in(browser, url, "Ada")
        self.all = [browser.current_window_handle]

    def prepare(self):
        if self.script:
            self.browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": self.script})

    def open(self):
        self.browser.switch_to.new_window("tab")
        self.prepare()
        self.browser.get(self.url)
        self.all.append(self.browser.current_window_handle)

    def run(self, tab, script):
        self.browser.switch_to.window(tab)
        return self.browser.execute_script(script)

    def each(self, script):
        return [self.run(tab, script) for tab in self.all]

    def wait_until_all_listen(self):
        wait_for(lambda: set(self.each("return document.getElementById('state').textContent")) == {"listening"}, "all tabs")


def begun(hub):
    return hub.log().count("event=stream_begin")


@pytest.mark.parametrize("script", [None, WITHOUT_SHARED_WORKER], ids=["shared-worker", "broadcast-channel"])
def test_seven_tabs_have_one_stream_and_the_site_goes_on(site, browser, script):
    tabs = Tabs(browser, f"{site.url}/notifications/", script)
    for _ in range(6):
        tabs.open()
    tabs.wait_until_all_listen()
    assert begun(site.hub) == 1
    notify(site.hub, 1)
    for tab in tabs.all:
        wait_for(lambda: tabs.run(tab, TEXTS) == ["n1"], "the notification")
    tabs.open()  # an eighth, with what came before it
    wait_for(lambda: tabs.run(tabs.all[-1], TEXTS) == ["n1"], "what came before")
    assert begun(site.hub) == 1


@pytest.mark.parametrize("site", [10], indirect=True)
@pytest.mark.parametrize("script", [None, WITHOUT_SHARED_WORKER], ids=["shared-worker", "broadcast-channel"])
def test_nothing_is_lost_while_tokens_end_the_hub_restarts_and_the_first_tab_is_closed(site, browser, script):
    tabs = Tabs(browser, f"{site.url}/notifications/", script)
    tabs.open()
    tabs.open()
    tabs.wait_until_all_listen()
    sent, stop = [], threading.Event()

    def send():
        while not stop.wait(0.7):
            try:
                notify(site.hub, len(sent))
                sent.append(f"n{len(sent)}")
            except OSError:
                continue  # the hub is away

    sender = threading.Thread(target=send)
    sender.start()
    wait_for(lambda: begun(site.hub) >= 2, "the return after the first token's end", 40)
    site.hub.stop()
    site.hub.start()
    tabs.browser.switch_to.window(tabs.all.pop(0))
    tabs.browser.close()  # without a SharedWorker it led
    before = begun(site.hub)
    wait_for(lambda: begun(site.hub) >= before + 2, "a second token's end", 60)
    stop.set()
    sender.join()
    for tab in tabs.all:
        wait_for(lambda: len(tabs.run(tab, TEXTS)) >= min(50, len(sent)), f"all {len(sent)}")
        assert tabs.run(tab, TEXTS)[-50:] == sent[-50:]
    assert "event=refused" not in site.hub.log()  # each renewal came before its token's end


def test_a_tab_that_is_not_looked_at_counts_in_its_title(site, browser):
    tabs = Tabs(browser, f"{site.url}/notifications/")
    tabs.wait_until_all_listen()
    looked_at = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true }); document.dispatchEvent(new Event('visibilitychange'))"
    browser.execute_script(looked_at % "true")
    notify(site.hub, 1), notify(site.hub, 2)
    wait_for(lambda: browser.title == "(2) Notifications", "the count")
    browser.execute_script(looked_at % "false")
    assert browser.title == "Notifications"


def test_who_signs_out_hears_nothing_more_in_any_tab(site, browser):
    tabs = Tabs(browser, f"{site.url}/notifications/")
    tabs.open()
    tabs.wait_until_all_listen()
    tabs.run(tabs.all[1], "document.querySelector('[name=leave]').click()")
    wait_for(lambda: tabs.run(tabs.all[0], "return document.getElementById('state').textContent") == "signed out", "the other tab")
    wait_for(lambda: site.hub.log().count("event=stream_end") == begun(site.hub), "the stream's end")
    wait_for(lambda: tabs.run(tabs.all[1], "return document.getElementById('name') !== null"), "the form")


def test_a_page_sends_to_another_visitor_alone(site, browser):
    tabs = Tabs(browser, f"{site.url}/notifications/")
    tabs.wait_until_all_listen()
    wait = "document.querySelector('#send [name=to]').value = arguments[0]; document.getElementById('text').value = arguments[1]; document.getElementById('send').requestSubmit()"
    for to, text in (("Grace", "for Grace"), ("Ada", "<b>for</b> Ada")):
        browser.execute_script(wait, to, text)
        wait_for(lambda: browser.execute_script("return document.getElementById('text').value") == "", "it to be sent")
    wait_for(lambda: tabs.run(tabs.all[0], TEXTS) == ["<b>for</b> Ada"], "what is Ada's")
    site.hub.stop()
    browser.execute_script(wait, "Ada", "lost")
    wait_for(lambda: "not sent" in browser.execute_script("return document.getElementById('error').textContent"), "the refusal")
    site.hub.start()
