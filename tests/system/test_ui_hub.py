"""The page for people and a hub that errs or means it ill: what is shown stays what came, and the page goes on."""
import base64
import http.server
import json
import threading
import time
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from conftest import ROOT, free_port, wait_for
from ui_page import Page

DEEP = "[" * 100000 + "]" * 100000
TOKEN = jwt.encode({"mercure": {"subscribe": ["*"]}}, "k" * 32, algorithm="HS256")


class Answers(http.server.SimpleHTTPRequestHandler):
    """The page's files below /hub/ui/, and at /hub what the test says."""

    def __init__(self, *args, **more):
        super().__init__(*args, directory=ROOT / "backend", **more)

    def log_message(self, *args):
        pass

    def answer(self, kind, text):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        path = urlsplit(self.path).path
        if path in self.server.metrics:
            self.answer("application/openmetrics-text", self.server.metrics[path])
        elif path.startswith("/hub/ui/") and not path.endswith("/metrics"):
            self.path = path[len("/hub"):]
            super().do_GET()
        elif path == "/hub/subscriptions":
            self.answer("application/ld+json", self.server.list)
        elif path == "/hub":
            self.server.asked.append((time.monotonic(), self.headers.get("Last-Event-ID")))
            self.answer("text/event-stream", self.server.streams.pop(0) if self.server.streams else "")
        else:
            self.send_error(404)

    def do_POST(self):
        self.server.published.append(parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        self.answer("text/plain", "urn:1")


@pytest.fixture
def page(browser):
    with http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Answers) as server:
        server.streams, server.asked, server.published, server.list, server.metrics = [], [], [], "{}", {}
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = Page(browser, f"http://hub.example:{server.server_address[1]}")
        page.server = server
        yield page
        server.shutdown()


def shown(page, data):
    """What the chosen event shows of that data."""
    page.server.streams = ["data: " + data.replace("\n", "\ndata: ") + "\n\nretry: 600000\n\n"]
    page.open("topic=*&connect", "/hub")
    page.is_kept(1)
    page.press("row-0")
    return page("event-data").get_attribute("textContent")


def test_an_event_that_was_cut_off_never_came_and_is_asked_for_again(page):
    page.server.streams = ["retry: 10\nid: one\ndata: 1\n\nid: two\nevent: half\ndata: cut o", "id: two\ndata: whole\n\n: cut", "retry: 600000\nda", ""]
    page.open("topic=*&connect", "/hub")
    page.is_kept(2)
    assert page.rows() == [["message", "whole"], ["message", "1"]]
    page.sees("state", "again in 600 s")
    assert [cursor for _, cursor in page.server.asked] == [None, "one", "two"]


def test_a_hub_cannot_have_the_page_come_back_without_a_pause(page):
    page.server.streams = ["retry: 99999999999\ndata: x\n\n"]
    page.open("topic=*&connect", "/hub")
    page.sees("state", "again in 2147483.647 s")
    time.sleep(1)  # nothing is to be seen of what does not happen
    assert len(page.server.asked) == 1 and page.text("attempts") == "1"


@pytest.mark.parametrize("data, text", [
    ('{"n":12345678901234567890,"x":1.0,"x":2}', '{\n  "n": 12345678901234567890,\n  "x": 1.0,\n  "x": 2\n}'),
    ('[ "a, b: {c}\\"" , { } ,[ ]]', '[\n  "a, b: {c}\\"",\n  {},\n  []\n]'),
    ('{"a":', '{"a":'), ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"), ("[1]\nmore", "[1]\nmore"),
])
def test_data_is_shown_as_it_came(page, data, text):
    assert shown(page, data) == text


def test_what_is_nested_deeply_takes_no_more_room_than_that(page):
    text = shown(page, DEEP)
    assert text.replace("\n", "").replace(" ", "") == DEEP and len(text) < 10000000


def test_what_is_no_subscription_is_passed_over(page):
    page.server.list = '{"@context": "x", "subscriptions": [], "lastEventID": "a"}'
    told = '{"type":"Subscription","id":"s","topic":"the one","subscriber":"me","active":true}'
    page.server.streams = [f"retry: 600000\ndata: null\n\ndata: 1\n\ndata: {{\n\ndata: {told}\n\n"]
    page.open(path="/hub")
    page.tab("connected")
    page.press("look")
    page.sees("subscribers", "the one")


def test_what_is_no_url_of_a_hub_is_not_asked_and_the_one_before_is_shown(page):
    page.open("hub=http://[", "/hub")
    assert page("hub").get_attribute("value") == page.url + "/hub"
    page.write("hub", "https://[")
    assert f"curl '{page.url}/hub'" in page("recipe").get_attribute("textContent")
    page.all("#publish button.main")[0].click()
    page.sees("answer-status", "200")
    assert len(page.server.published) == 1 and page("hub").get_attribute("value") == page.url + "/hub"
    page.tab("now")
    page.write("metrics", "https://[\n")
    page.sees("now-problem", "No answer")


def test_what_one_hub_counts_is_not_compared_with_what_another_does(page):
    page.server.metrics = {"/hub/ui/metrics": "alipes_publishes_total 1\n", "/other": "alipes_publishes_total 1000000\n"}
    page.open(path="/hub")
    page.tab("now")
    page.sees("charts", "publishes 0/s")
    page.browser.execute_script("seen = []; new MutationObserver(() => seen.push(document.querySelectorAll('#charts output')[1].textContent))"
                                ".observe(document.getElementById('charts'), { childList: true, subtree: true })")
    page.write("metrics", page.url + "/other\n")
    seen = wait_for(lambda: (all_of_it := page.browser.execute_script("return seen")).count("publishes 0/s") > 10 and "publishes -" in all_of_it and all_of_it, "rates of the other")
    assert set(seen) == {"publishes -", "publishes 0/s"}


DETAIL = {"type": "https://mercure.rocks/authorization-detail", "actions": ["subscribe"], "topics": [{"match": "a"}]}


@pytest.mark.parametrize("header, claims, words", [
    ({}, {"exp": "x"}, "exp is no date, so the hub refuses it"), ({}, {"exp": {"toString": 1}}, "exp is no date"), ({}, {"nbf": []}, "nbf is no date"),
    ({}, {"exp": "4000000000"}, "ends in"), ({}, {"exp": 1e300}, "beyond any calendar"), ({}, {"exp": None}, "no end"),
    ({}, {"mercure": "x"}, "so the hub refuses it"), ({}, None, "so the hub refuses it"), ({}, {"mercure": {"subscribe": "x"}}, "no list, so the hub refuses it"),
    ({"typ": "at+jwt"}, {"authorization_details": {}}, "so the hub refuses it"),
    ({"typ": "at+jwt"}, {"authorization_details": [DETAIL | {"topics": "x"}]}, "so the hub refuses it"),
    ({"typ": "at+jwt"}, {"authorization_details": [DETAIL | {"actions": "subscribe"}]}, "so the hub refuses it"),
    ({"typ": "at+jwt"}, {"authorization_details": [DETAIL]}, "Grants to subscribe\na"),
])
def test_a_token_that_is_made_wrongly_is_called_so(page, header, claims, words):
    parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims))
    page.open("token=" + ".".join([*parts, "x"]), "/hub")
    page.tab("token")
    page.sees("decoded", words)


def test_neither_a_link_nor_a_token_gives_the_cookie_another_domain(page):
    for fragment in f"hub=/hub;domain=hub.example&token={TOKEN}", f"token={TOKEN};domain=hub.example":
        page.open(fragment, "/hub")
        page.tab("token")
        page.press("cookie-set")
        wait_for(lambda: page.text("cookie-note"), "what became of it")
        kept = page.browser.execute_cdp_cmd("Network.getAllCookies", {})["cookies"]
        assert all(cookie["domain"] == "hub.example" for cookie in kept), kept
