"""A Laravel application and a page with Echo, by their recorded requests (laravel.py, echo.js), in a real browser through
real fronts with TLS, with nothing set at the hub but what examples/README.md says."""
import json
import time
from urllib.parse import urlencode

import pytest

import laravel
from conftest import FRONTS, PATH, ROOT, Client, Stream, Tls, certificate, free_port, front_ready, wait_for
from laravel import Laravel, encoded, topic_of

ECHO = (ROOT / "tests/system/echo.js").read_text()


class App:
    """The application, its hub, and one front for both."""

    def __init__(self, start_hub, folder, front, seconds, extra=""):
        self.port = free_port()
        self.url = f"https://hub.example:{self.port}{PATH}"
        app = f"https://hub.example:{self.port}"
        self.hub = start_hub(f"transport log {{ path {folder}/history }}\n{laravel.configuration(self.url)}\n{extra}", keys=False)
        self.laravel = Laravel(self.url, seconds)
        begin, name = FRONTS[front]
        # mod_http2 serves a connection ever fewer requests at a time, down to two, when streams are closed before they said
        # anything; Echo does that when it joins a channel.
        http2 = {"http2": False} if front.startswith("apache") else {}
        self.front, _ = begin(folder, self.hub, name, tls=certificate(folder), port=self.port, beside=self.laravel.port, **http2)
        self.front.hub_goes_away = True
        self.site = app
        front_ready(self.front, Tls(self.port))

    def broadcast(self, channels, event, payload, socket=None):
        """By the hub's internal address, as an application does."""
        answers = self.laravel.broadcast(self.hub.socket, channels, event, payload, socket)
        assert set(answers) == {200}, answers

    def whisper(self, user, name, event, payload):
        """By another page's requests."""
        told = {"event": f"client-{event}", "payload": payload, "socket": "another"}
        data = {"channels": [name], **({"data": laravel.encrypt(self.laravel.key_of(name), json.dumps(told))} if "-encrypted-" in name else told)}
        head = [cookie(self, user, name), f"Origin: {self.site}", f"Host: hub.example:{self.port}", "Content-Type: application/x-www-form-urlencoded;charset=UTF-8"]
        client = Client(Tls(self.port))
        body = urlencode({"topic": laravel.whisper_of(name), "data": json.dumps(data), "private": "on"}).encode()
        client.send("\r\n".join([f"POST {PATH} HTTP/1.1", *head, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body)
        status = client.reply("POST").status
        client.close()
        return status

    def stop(self):
        self.front.stop()
        self.laravel.stop()


def cookie(app, user, *names):
    access = laravel.access_token(app.url, app.laravel.rights(names, user), 300, user)
    return f"Cookie: __Secure-mercure_access_token={access}"


class Echo:
    def __init__(self, browser, app, user, hub=PATH):
        self.browser = browser
        browser.get(app.site)
        self.run("document.cookie = `user=${arguments[0]}; Secure; Path=/`", user)
        self.run(f"{ECHO}; window.page = new Page(arguments[0])", hub)

    def run(self, script, *arguments):
        return self.browser.execute_script(script, *arguments)

    def join(self, *names):
        self.run("return page.join(...arguments)", *names)

    def leave(self, name):
        self.run("return page.leave(arguments[0])", name)

    def told(self, channel=None):
        return [what for what in self.run("return page.told") if channel in (None, what[0])]

    def open(self):
        return self.run("return page.isOpen()")

    def listen_for_whispers(self, *names):
        self.run("for (const name of arguments) page.listenForWhispers(name)", *names)

    def whisper(self, name, event, payload):
        return self.run("return page.whisper(...arguments)", name, event, payload)

    def errors(self):
        return self.run("return page.errors")


@pytest.fixture
def begin(start_hub, tmp_path):
    apps = []

    def start(front, seconds=300, extra=""):
        apps.append(App(start_hub, tmp_path, front, seconds, extra))
        return apps[-1]

    yield start
    for app in apps:
        app.stop()


APACHE = ["apache-http", "apache-module"]
BOTH = pytest.mark.parametrize("front", [*APACHE, "caddy-http"])
ALL = ["news", "private-orders.1", "private-encrypted-orders.9"]


@BOTH
def test_public_private_and_encrypted_channels_and_whispers_work(begin, browser, front):
    app = begin(front)
    echo = Echo(browser, app, "1")
    echo.join(*ALL)
    wait_for(echo.open, "the stream")
    app.broadcast(ALL, "Shipped", {"id": 7, "é": "/"})
    wait_for(lambda: sorted(echo.told()) == sorted([name, "Shipped", {"id": 7, "é": "/"}] for name in ALL), "one event for each channel")
    app.broadcast(["news"], "Own", [], echo.run("return page.socket"))  # toOthers
    app.broadcast(["news"], "Last", [])
    wait_for(lambda: echo.told()[-1] == ["news", "Last", []], "the last")
    assert ["news", "Own", []] not in echo.told()

    # A whisper goes by the cookie and the page's own Origin, to who has the channel; others have no right to it.
    guarded = ALL[1:]
    echo.listen_for_whispers(*guarded)
    wait_for(echo.open, "the streams of whispers")
    other = [Stream(Tls(app.port), urlencode({"match": laravel.whisper_of(name)}), cookie(app, "2", name)) for name in guarded]
    for name in guarded:
        assert echo.whisper(name, "typing", {"name": "é"}) == 200
    heard = [json.loads(stream.datas(1)[0]) for stream in other]
    assert (heard[0]["channels"], heard[0]["event"], heard[0]["payload"]) == ([guarded[0]], "client-typing", {"name": "é"})
    assert heard[1].keys() == {"channels", "data"} and json.loads(app.laravel.decrypt(guarded[1], heard[1]["data"]))["payload"] == {"name": "é"}
    for name in guarded:
        assert app.whisper("2", name, "reading", {"page": 7}) == 200
        wait_for(lambda: echo.told()[-1] == [name, "client-reading", {"page": 7}], "the other's whisper")
    assert echo.whisper("private-orders.2", "typing", {}) == 403
    assert echo.run("return fetch(arguments[0], { method: 'POST', body: new URLSearchParams({ topic: page.topic('private-orders.1'), data: 'x' }) }).then(reply => reply.status)", PATH) == 403

    # One that is denied takes its companions along, and leaves the others as they were.
    app.laravel.denied.add("private-secret")
    echo.join("private-secret", "private-companion")
    assert {tuple(what) for what in echo.told()[-2:]} == {("private-secret", "error", "auth 403"), ("private-companion", "error", "auth 403")}
    app.broadcast(["news"], "Still", [])
    wait_for(lambda: echo.told()[-1] == ["news", "Still", []], "the channels that were there")
    assert echo.errors() == []
    for stream in other:
        stream.close()


@BOTH
def test_a_token_of_10_s_is_renewed_and_nothing_is_lost_while_the_hub_restarts(begin, browser, front):
    app = begin(front, seconds=10)
    echo = Echo(browser, app, "1")
    echo.join(*ALL)
    wait_for(echo.open, "the stream")
    sent = []

    def broadcast_until(condition, what, patience):
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, what
            app.broadcast(ALL[len(sent) % 3:][:1], "Number", len(sent))
            sent.append(len(sent))
            time.sleep(0.3)  # so many a second, no condition

    ended = lambda: app.hub.log().count("event=stream_end")
    broadcast_until(lambda: ended() >= 1 and echo.open(), "the first token's end, and the return", 40)
    app.hub.stop()
    app.hub.start()
    before = ended()
    broadcast_until(lambda: ended() >= before + 1 and echo.open(), "the next one's", 60)
    wait_for(lambda: len(echo.told()) >= len(sent), "all of them")
    for name in ALL:  # of an encrypted one the browser decrypts aside
        assert [payload for told, _, payload in echo.told() if told == name] == [number for number in sent if ALL[number % 3] == name]
    assert echo.errors() == [] and app.laravel.asked >= 3 and "event=refused" not in app.hub.log()


def member(app, user, cursor=""):
    """The stream of another page that is in the channel."""
    topic = topic_of("presence-chat.1")
    query = [("match", topic), ("match_urlpattern", f"{PATH}/subscriptions/:match_type/{encoded(topic)}/:subscriber")]
    return Stream(Tls(app.port), urlencode(query + ([("last_event_id", cursor)] if cursor else [])), cookie(app, user, "presence-chat.1"))


def who(user):
    return {"id": user, "name": f"User {user} é"}


class Exact:
    """What a stream tells of exact subscriptions: (active, payload)."""

    def __init__(self, stream):
        self.stream, self.seen = stream, []

    def next(self):
        told = json.loads(self.stream.datas(1)[0])
        if told["match_type"] == "exact":
            self.seen.append((told["active"], told["payload"]))

    def until(self, *wanted):
        while wanted not in self.seen:
            self.next()

    def of(self, payload):
        return [active for active, told in self.seen if told == payload]


@BOTH
def test_a_presence_channel_tells_who_is_here_who_joins_and_who_leaves(begin, browser, front):
    app = begin(front, extra="subscriptions")
    bob = member(app, "2")
    echo = Echo(browser, app, "1")
    echo.join("presence-chat.1")
    wait_for(lambda: echo.told(), "here()")
    assert echo.told()[0][1] == "here"
    assert sorted(echo.told()[0][2], key=str) == [who("1"), who("2")]
    carol = member(app, "3")
    wait_for(lambda: echo.told()[1:] == [["presence-chat.1", "joining", who("3")]], "joining()")
    carol.close()
    wait_for(lambda: echo.told()[2:] == [["presence-chat.1", "leaving", who("3")]], "leaving()")
    bob.close()
    wait_for(lambda: echo.told()[3:] == [["presence-chat.1", "leaving", who("2")]], "leaving()")


@BOTH
def test_nobody_sees_a_member_leave_and_come_who_joins_another_channel(begin, browser, front):
    """Each join closes the stream and opens it anew: to the others, and to the page itself, nothing happens."""
    app = begin(front, extra="subscriptions")
    bob = member(app, "2")
    echo = Echo(browser, app, "1")
    echo.join("presence-chat.1")
    wait_for(lambda: echo.told(), "here()")
    for number in range(5):
        echo.join(f"private-orders.{number}")
        wait_for(echo.open, "the stream")
    carol = member(app, "3")
    wait_for(lambda: echo.told()[1:] == [["presence-chat.1", "joining", who("3")]], "joining()")
    heard = Exact(bob)
    heard.until(True, who("3"))
    count = 0
    for active in heard.of(who("1")):
        count += 1 if active else -1
        assert count > 0, heard.seen  # each new begin stands before the old one's end
    assert len(heard.of(who("1"))) >= 6 and echo.told()[0][1] == "here"
    echo.leave("presence-chat.1")  # and the channel alone; the others go on
    while sum(1 if active else -1 for active in heard.of(who("1"))):
        heard.next()
    wait_for(echo.open, "the stream")
    app.broadcast(["private-orders.0"], "Still", [])
    wait_for(lambda: echo.told()[-1] == ["private-orders.0", "Still", []], "the event")
    carol.close(), bob.close()


@pytest.mark.parametrize("front", APACHE)
def test_a_page_that_was_away_hears_who_came_and_went_meanwhile(begin, browser, front):
    """Echo asks for no collection again: it relies on what is replayed, through a token's end and a restart of the hub."""
    app = begin(front, seconds=10, extra="subscriptions")
    bob = member(app, "2")
    echo = Echo(browser, app, "1")
    echo.join("presence-chat.1")
    wait_for(lambda: echo.told(), "here()")
    app.hub.stop()
    bob.close()  # meanwhile
    app.hub.start()
    wait_for(lambda: ["presence-chat.1", "leaving", who("2")] in echo.told(), "leaving()", 40)
    ended = app.hub.log().count("event=stream_end")
    wait_for(lambda: app.hub.log().count("event=stream_end") > ended and echo.open(), "the token's end, and the return", 40)
    carol = member(app, "3")
    wait_for(lambda: ["presence-chat.1", "joining", who("3")] in echo.told(), "joining()")
    assert [what[1] for what in echo.told()] == ["here", "leaving", "joining"]  # of herself nothing
    assert echo.errors() == []
    carol.close()


@pytest.fixture
def elsewhere(begin, browser, start_hub, tmp_path):
    """A page of an application whose hub is another origin, with these lines; its Echo."""
    fronts = []

    def open_page(lines):
        app = begin("caddy-http", extra="subscriptions")
        folder = tmp_path / "front"
        folder.mkdir()
        tls = certificate(folder)
        start, name = FRONTS["caddy-http"]
        front, port = start(folder, app.hub, name, tls=tls, port=free_port(), beside=app.laravel.port)
        fronts.append(front)
        front_ready(front, Tls(port))
        app.hub.conf.write_text(app.hub.conf.read_text() + lines.format(page=f"https://hub.example:{port}"))
        app.hub.stop()
        app.hub.start()
        hub, app.site = app.url, f"https://hub.example:{port}"
        return app, Echo(browser, app, "1", hub)

    yield open_page
    for front in fronts:
        front.stop()


def test_a_page_of_another_origin_needs_its_name_in_cors_origins_and_for_whispers_in_publish_origins(elsewhere):
    app, echo = elsewhere("cors_origins {page}\npublish_origins {page}\n")
    echo.join("news", "presence-chat.1")
    wait_for(lambda: echo.told(), "here()")
    assert echo.told() == [["presence-chat.1", "here", [who("1")]]]
    app.broadcast(["news"], "Shipped", [])
    wait_for(lambda: echo.told()[-1] == ["news", "Shipped", []], "the event")
    assert echo.whisper("presence-chat.1", "typing", {}) == 200


def test_without_publish_origins_events_come_there_and_whispers_do_not_go(elsewhere):
    app, echo = elsewhere("cors_origins {page}\n")
    echo.join("news", "private-orders.1")
    wait_for(echo.open, "the stream")
    app.broadcast(["news"], "Shipped", [])
    wait_for(lambda: echo.told() == [["news", "Shipped", []]], "the event")
    assert echo.whisper("private-orders.1", "typing", {}) == 400 and "cookie_of_foreign_origin" in app.hub.log()


def test_a_star_in_cors_origins_lets_no_page_of_echos_in(elsewhere):
    """It always sends credentials, for public channels too."""
    app, echo = elsewhere("cors_origins *\n")
    echo.join("news")
    wait_for(lambda: echo.errors() == ["closed for good"], "the browser's refusal")


def test_the_documents_ask_for_the_right_to_them(begin):
    app = begin("apache-http", extra="subscriptions")
    granted = cookie(app, "1", "presence-chat.1")
    path = f"{PATH}/subscriptions/exact/"
    ask = lambda name, *headers: Client(Tls(app.port)).get(path + encoded(topic_of(name)), *headers)
    assert ask("presence-chat.1", granted).status == 200
    assert ask("presence-chat.1").status == 401
    assert ask("presence-chat.2", granted).status == 403
