"""examples/presence in a real browser, behind a real Apache: who is here, who comes, who goes, and what nobody may see."""
import json
from urllib.parse import quote, urlencode

import jwt
import pytest
from selenium.webdriver.common.by import By

from conftest import KEY, PATH, Client, Stream, wait_for
from example_site import FILES, Site, sign_in

ROOM = "https://example.com/room"
WHO = f"{PATH}/subscriptions/{quote(ROOM, safe='')}"


@pytest.fixture(params=FILES)
def begin(request, start_hub, tmp_path):
    sites = []

    def start(seconds=600, directive="subscriptions"):
        sites.append(Site(tmp_path, start_hub(f"transport log {{ path {tmp_path}/history }}\n{directive}"), request.param, seconds))
        return sites[-1]

    yield start
    for site in sites:
        site.stop()


class Guest:
    """Another visitor's page: its stream, and what the page makes of it."""

    def __init__(self, site, name):
        claims = {"mercure": {"subscribe": [ROOM, WHO + "{/subscriber}"], "payload": {"name": name}}, "sub": name}
        head = f"Authorization: Bearer {jwt.encode(claims, KEY, algorithm='HS256')}"
        self.stream = Stream(("127.0.0.1", site.hub.port), urlencode([("topic", ROOM), ("topic", WHO + "{/subscriber}")]), head)

    def hears(self, count):
        """The next so many comings and goings: (name, here or not)."""
        told = [json.loads(data) for data in self.stream.datas(count)]
        return [(one["payload"]["name"], one["active"]) for one in told]

    def leave(self):
        self.stream.close()


class Room:
    def __init__(self, browser, site, name):
        self.browser, self.site = browser, site
        sign_in(browser, f"{site.url}/presence/", name)

    def texts(self, selector):
        return self.browser.execute_script("return [...document.querySelectorAll(arguments[0])].map(one => one.textContent)", selector)

    def here(self):
        return self.texts("#here li > span:last-child")

    def log(self):
        """Oldest first, without the time."""
        return self.browser.execute_script("return [...document.querySelectorAll('#log li')].map(one => one.lastChild.textContent).reverse()")

    def shows(self, here, log):
        wait_for(lambda: (self.here(), self.log()) == (here, log), f"{here}, {log}")

    def watch(self):
        """Every list of members that is drawn from now on."""
        self.browser.execute_script("window.drawn = []; new MutationObserver(() => drawn.push([...document.querySelectorAll('#here li > span:last-child')]"
                                    ".map(one => one.textContent))).observe(document.getElementById('here'), { childList: true })")

    def drawn(self):
        return self.browser.execute_script("return drawn")


def begun(site):
    return site.hub.log().count("event=stream_begin")


def test_who_is_here_who_comes_and_who_goes(begin, browser):
    site = begin()
    grace = Guest(site, "Grace")
    room = Room(browser, site, "Ada")
    room.shows(["Ada (you)", "Grace"], [])
    assert browser.find_element(By.ID, "count").text == "Here now: 2"
    linus = Guest(site, "Łinus <b>")
    room.shows(["Ada (you)", "Grace", "Łinus <b>"], ["Łinus <b> came in"])
    other = Guest(site, "Grace")  # in a second tab: still one
    grace.leave()
    linus.leave()
    room.shows(["Ada (you)", "Grace"], ["Łinus <b> came in", "Łinus <b> left"])
    other.leave()
    room.shows(["Ada (you)"], ["Łinus <b> came in", "Łinus <b> left", "Grace left"])


def test_a_page_to_which_the_hub_tells_nobody_has_its_answer_in_the_console(begin, browser):
    site = begin(directive="")
    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": "console.error = error => { window.told = error.message }"})
    sign_in(browser, f"{site.url}/presence/", "Ada")
    told = wait_for(lambda: browser.execute_script("return window.told"), "what the hub answered")
    assert told.startswith("who is here? 404: ") and "The directive subscriptions is not set" in told
    assert browser.find_element(By.ID, "state").text == "connecting"


def test_a_page_that_is_reloaded_never_leaves_the_room(begin, browser):
    site = begin()
    room = Room(browser, site, "Ada")
    room.shows(["Ada (you)"], [])
    grace = Guest(site, "Grace")
    room.shows(["Ada (you)", "Grace"], ["Grace came in"])
    for _ in range(3):
        browser.refresh()
        room.shows(["Ada (you)", "Grace"], [])
        room.watch()
        assert grace.hears(2) == [("Ada", True), ("Ada", False)]  # the new page comes before the old one goes
        assert all(drawn == ["Ada (you)", "Grace"] for drawn in room.drawn())
    browser.find_element(By.NAME, "leave").click()
    wait_for(lambda: browser.find_elements(By.ID, "name"), "the form")
    assert grace.hears(1) == [("Ada", False)]
    grace.leave()


def test_tokens_that_end_and_a_hub_that_restarts_change_nothing_in_the_room(begin, browser):
    site = begin(seconds=10)
    room = Room(browser, site, "Ada")
    room.shows(["Ada (you)"], [])
    grace = Guest(site, "Grace")
    room.shows(["Ada (you)", "Grace"], ["Grace came in"])
    room.watch()
    wait_for(lambda: begun(site) == 3, "the return after the token's end", 40)
    assert grace.hears(2) == [("Ada", True), ("Ada", False)]
    site.hub.stop()
    grace.leave()  # meanwhile; and somebody comes
    site.hub.start()
    linus = Guest(site, "Linus")
    room.shows(["Ada (you)", "Linus"], ["Grace came in", "Linus came in", "Grace left"])
    assert all("Ada (you)" in drawn for drawn in room.drawn())
    wait_for(lambda: begun(site) >= 6, "the next token's end, and the return", 40)
    linus.leave()
    room.shows(["Ada (you)"], ["Grace came in", "Linus came in", "Grace left", "Linus left"])
    assert all("Ada (you)" in drawn for drawn in room.drawn())
    assert "event=refused" not in site.hub.log()


def test_a_visitor_may_ask_for_this_room_alone(begin, browser):
    site = begin()
    room = Room(browser, site, "Ada")
    room.shows(["Ada (you)"], [])
    ask = "return fetch(arguments[0]).then(reply => reply.status)"
    other = WHO.replace("room", "cellar")
    assert [browser.execute_script(ask, path) for path in (WHO, other, f"{PATH}/subscriptions")] == [200, 401, 401]
    assert Client(("127.0.0.1", site.hub.port)).get(WHO).status == 401
