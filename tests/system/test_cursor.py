"""A stream tells where it begins and ends, so that a client that has heard no event misses nothing until it is back."""
import re
import selectors
import socket
import time

import jwt
import pytest
from selenium.webdriver.common.by import By

from conftest import KEY, PATH, PATIENCE, Client, Stream, publish, token, wait_for
from history import FORM, LogHub

AUTH = f"Authorization: Bearer {token(['*'])}"
BROWSER = ["Sec-Fetch-Mode: cors", "Cache-Control: no-cache"]
ISSUER, AUD = "https://issuer.example", "https://hub.example/.well-known/mercure"
ISSUERS = f"resource_identifier {AUD}\nissuer {ISSUER} {{\npublisher {{\njwt {KEY} HS256\n}}\nsubscriber {{\njwt {KEY} HS256\n}}\n}}"
ID = r"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


@pytest.fixture
def at(hub):
    return "127.0.0.1", hub.port


def token_1_0(exp):
    details = [{"type": "https://mercure.rocks/authorization-detail", "actions": ["subscribe"], "topics": [{"match": "*"}]}]
    claims = {"iss": ISSUER, "aud": AUD, "sub": "1", "client_id": ISSUER, "exp": exp, "authorization_details": details}
    return jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})


class Page:
    """What an EventSource does, from the HTML standard; `firefox`: but for an id in a block without data, which it drops.
    Over HTTP/1.0, whose bytes are the stream's."""

    def __init__(self, number, port, is_1_0, kind):
        self.number, self.port, self.is_1_0, self.kind = number, port, is_1_0, kind
        self.cursor, self.retry, self.datas, self.socket, self.back_at = "", 3.0, [], None, None

    def open(self, exp):
        self.socket, self.bytes, self.back_at = socket.create_connection(("127.0.0.1", self.port)), b"", None
        credential = token_1_0(exp) if self.is_1_0 else token(subscribe=["*"], exp=exp)
        lines = [f"GET {PATH}?{'match' if self.is_1_0 else 'topic'}=quiet/{self.number} HTTP/1.0", "Host: hub.example",
                 f"Authorization: Bearer {credential}", *(BROWSER if self.kind else [])]
        if self.cursor:
            lines.append(f"Last-Event-ID: {self.cursor}")
        self.socket.sendall("\r\n".join(lines).encode() + b"\r\n\r\n")

    def read(self):
        """False: the stream has ended."""
        part = self.socket.recv(65536)
        self.bytes += part
        if b"\r\n\r\n" in self.bytes and self.bytes.startswith(b"HTTP/"):
            assert self.bytes.startswith(b"HTTP/1.1 200 "), self.bytes
            self.bytes = self.bytes.partition(b"\r\n\r\n")[2]
        while not self.bytes.startswith(b"HTTP/") and b"\n\n" in self.bytes:
            block, _, self.bytes = self.bytes.partition(b"\n\n")
            self.take(block.decode().split("\n"))
        return bool(part)

    def take(self, lines):
        fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
        self.retry = int(fields.get("retry", self.retry * 1000)) / 1000
        if "id" in fields and (self.kind != "firefox" or "data" in fields):
            self.cursor = fields["id"]
        if "data" in fields and "event" not in fields:
            self.datas.append(fields["data"])


def publish_to(client, topic, data, private=True):
    client.ask("POST", PATH, [AUTH, FORM], f"topic={topic}&data={data}{'&private=on' if private else ''}".encode())
    assert client.reply().status == 200


def come_back(port, count):
    """Pages that have heard nothing when their tokens end; each is published to while it is away, and comes back when it was told
    to. Returns the pages."""
    watch, publisher = selectors.DefaultSelector(), Client(("127.0.0.1", port))
    kinds = (None, "chromium", "firefox")
    pages = [Page(n, port, n % 2 == 1, kinds[n % 3]) for n in range(count)]
    later, back = time.time() + 600, 0
    for page in pages:
        page.open(time.time() + 4)
        watch.register(page.socket, selectors.EVENT_READ, page)
    deadline, last_sent = time.monotonic() + 60, False
    while not all(page.datas[-1:] == ["last"] for page in pages):
        assert time.monotonic() < deadline, "they do not come back"
        for key, _ in watch.select(0.05):
            page = key.data
            if page.read():
                continue
            watch.unregister(page.socket)
            page.socket.close()
            publish_to(publisher, f"quiet/{page.number}", "missed")
            page.back_at = time.monotonic() + page.retry
        for page in pages:
            if page.back_at and time.monotonic() >= page.back_at:
                page.open(later)
                watch.register(page.socket, selectors.EVENT_READ, page)
                back += 1
        if back == count and not last_sent:
            last_sent = True
            for page in pages:
                publish_to(publisher, f"quiet/{page.number}", "last")
    for page in pages:
        page.socket.close()
    return pages


@pytest.mark.parametrize("extra", ["", "\nsubscriptions"])
def test_quiet_streams_lose_nothing_over_a_thousand_token_ends(start_hub, extra):
    hub = start_hub(ISSUERS + extra)
    pages = come_back(hub.port, 1000)
    lost = [(page.number, page.kind, page.datas) for page in pages if page.datas != ["missed", "last"]]
    assert not lost, (len(lost), lost[:5])


def test_without_it_they_lose_what_came_meanwhile(start_hub):
    hub = start_hub(ISSUERS + "\nstream_cursor off")
    assert [page.datas for page in come_back(hub.port, 30)] == [["last"]] * 30


def test_who_hears_what(start_hub):
    def texts(choice, *headers):
        return Stream(("127.0.0.1", hubs[choice].port), "topic=a", *headers).end().decode()

    hubs = {choice: start_hub(f"write_timeout 1s\nstream_cursor {choice}") for choice in ("browsers", "all", "off")}
    begin, end = rf":\nevent: alipes\nid: {ID}\ndata: \n\n(:\n)*", rf"event: alipes\nretry: \d+\nid: {ID}\ndata: \n\n"
    plain = rf"retry: \d+\nid: {ID}\n\n"
    assert re.fullmatch(begin + end, texts("browsers", *BROWSER))
    for headers in ([], [BROWSER[0]], [BROWSER[1]], [BROWSER[0], "Cache-Control: no-store"]):
        assert re.fullmatch(rf":\n(:\n)*{plain}", texts("browsers", *headers)), headers
    assert re.fullmatch(rf":\nid: {ID}\n\n(:\n)*{plain}", texts("all"))
    assert re.fullmatch(begin + end, texts("all", *BROWSER))
    assert re.fullmatch(r":\n(:\n)*retry: \d+\n\n", texts("off", *BROWSER))


def begin(at, *headers, query="topic=quiet"):
    """The cursor that a stream of a browser has as it begins; b"": none."""
    stream = Stream(at, query, *BROWSER, *headers)
    found = re.findall(rb"^id: (.*)$", stream.text, re.M)
    stream.close()
    return found[0] if found else b""


def after(at, cursor, count, query="topic=quiet"):
    stream = Stream(at, query, f"Last-Event-ID: {cursor.decode()}")
    assert stream.headers["last-event-id"].encode() == cursor
    return stream.datas(count)


def test_every_stream_but_one_from_the_earliest_says_where_it_begins(hub, at):
    publish(at, topic="other", data="x", id="known")
    wait_for(lambda: Stream(at, "topic=other&lastEventID=earliest").datas(1), "the first")
    cursors = [begin(at), begin(at, "Last-Event-ID: nobody"), begin(at, "Last-Event-ID: known"), begin(at, query="topic=quiet&lastEventID=")]
    publish(at, topic="quiet", data="news")
    for cursor in cursors:
        assert re.fullmatch(ID, cursor.decode()) and after(at, cursor, 1) == ["news"]
    assert begin(at, "Last-Event-ID: earliest") == b""
    assert Client(at).request("HEAD", f"{PATH}?topic=quiet", BROWSER).body == b""


def test_of_an_empty_history_all_that_follows_comes(start_hub, tmp_path):
    for hub in (start_hub(), LogHub(tmp_path)):
        at = "127.0.0.1", hub.port
        cursor = begin(at)
        for i in range(3):
            publish(at, topic="quiet", data=i)
        assert after(at, cursor, 3) == ["0", "1", "2"]
        hub.stop()


def test_it_says_nothing_of_what_others_publish(start_hub):
    """Neither an id of theirs nor how many there are; and one that comes again and again leads nowhere else."""
    hub = start_hub(workers=1)  # of several, one may not have heard of the publish before yet
    at = "127.0.0.1", hub.port
    cursors = []
    for i in range(20):
        publish(at, topic="quiet", data=i, id="again", private="on")
        cursors.append(begin(at))
    assert len(set(cursors)) == 20 and not any(b"again" in c for c in cursors)
    same = sum(a == b for one, other in zip(cursors, cursors[1:]) for a, b in zip(one, other))
    assert same < 19 * 22, "neighbours do not look alike"
    publish(at, topic="quiet", data="news")
    assert after(at, cursors[-1], 1) == ["news"]


def test_it_lives_through_a_restart_and_a_kill_of_the_hub(tmp_path):
    hub = LogHub(tmp_path, workers=1)  # of several, one may not have heard of the publish before yet
    at = "127.0.0.1", hub.port
    cursors = [begin(at)]
    publish(at, topic="quiet", data=0)
    for i, end in enumerate((hub.stop, hub.kill, hub.stop)):
        cursors.append(begin(at))
        end()
        hub.start()
        publish(at, topic="quiet", data=i + 1)
    for i, cursor in enumerate(cursors):
        assert after(at, cursor, 4 - i) == [str(n) for n in range(i, 4)]
    hub.stop()


def test_one_that_retention_has_passed_or_another_history_made_is_unknown(start_hub, tmp_path):
    hub = LogHub(tmp_path)
    at = "127.0.0.1", hub.port
    old = begin(at)
    other = begin(("127.0.0.1", start_hub().port))
    for i in range(40):
        publish(at, topic="big", data="x" * 60000)
    for cursor in (old, other):
        stream = Stream(at, "topic=quiet", f"Last-Event-ID: {cursor.decode()}")
        assert stream.headers["last-event-id"] == "earliest"
    new = begin(at)
    publish(at, topic="quiet", data="news")
    assert after(at, new, 1) == ["news"]
    hub.stop()


def test_a_stream_that_was_quiet_for_long_ends_with_a_cursor_of_then(start_hub):
    """The ring of `transport memory` has turned over since it began."""
    hub = start_hub("tail 64KiB")
    at = "127.0.0.1", hub.port
    stream = Stream(at, "topic=quiet", f"Authorization: Bearer {token(subscribe=['*'], exp=time.time() + 3)}", *BROWSER)
    first = re.search(rb"^id: (.*)$", stream.text, re.M).group(1)
    for i in range(20):
        publish(at, topic="big", data="x" * 9000)
    last = re.findall(rb"^id: (.*)$", stream.end(), re.M)[-1]
    publish(at, topic="quiet", data="news")
    assert Stream(at, "topic=quiet", f"Last-Event-ID: {first.decode()}").headers["last-event-id"] == "earliest"
    assert after(at, last, 1) == ["news"]


def test_what_was_sent_before_the_end_does_not_come_again(start_hub):
    hub = start_hub("write_timeout 1s")
    at = "127.0.0.1", hub.port
    stream = Stream(at, "topic=quiet")
    for i in range(5):
        publish(at, topic="quiet", data=i)
    text = stream.end().decode()
    heard, last = re.findall(r"^data: (\d)$", text, re.M), re.findall(r"^id: (.*)$", text, re.M)[-1]
    publish(at, topic="quiet", data="news")
    missed = [str(i) for i in range(len(heard), 5)]  # on a machine that took a second for them
    assert after(at, last.encode(), len(missed) + 1) == [*missed, "news"]


def test_a_page_that_heard_nothing_misses_nothing_when_the_hub_is_killed(tmp_path, browser):  # noqa: F811
    (tmp_path / "hub").mkdir()
    hub = LogHub(tmp_path / "hub", extra="cors_origins *")
    at = "127.0.0.1", hub.port
    browser.get(f"http://127.0.0.1:{hub.port}/healthz")
    browser.execute_script(f"""
        document.body.innerHTML = '<p id=log></p>';
        const say = (text) => {{ document.getElementById('log').textContent += text + ' '; }};
        const source = new EventSource('{PATH}?topic=quiet');
        source.onopen = () => say('open');
        source.onmessage = (event) => say('message:' + event.data);""")
    heard = lambda: browser.find_element(By.ID, "log").text.split()  # noqa: E731
    wait_for(lambda: heard() == ["open"], "the stream")
    hub.kill()
    hub.start()
    publish(at, topic="quiet", data="missed")
    wait_for(lambda: heard()[1:], "the return", PATIENCE)
    wait_for(lambda: heard() == ["open", "open", "message:missed"], "what was missed")
    hub.stop()
