"""npm's laravel-echo, whatever its version: with its own Mercure connector where it has one, else with the recorded requests."""
import json
import time
from urllib.parse import urlencode

import pytest

import laravel
from conftest import PATH, ROOT, Stream, Tls, wait_for
from packages import bundle, npm, say, version
from test_laravel import ALL, App, Echo, begin, cookie, member, who  # noqa: F401

PRESENCE = "presence-chat.1"


@pytest.fixture(scope="session")
def script():
    folder = npm("laravel-echo", "laravel-echo")
    recorded = (ROOT / "tests/system/echo.js").read_text()
    made = bundle(folder, (ROOT / "tests/system/clients/echo_driver.js").read_text())
    return version(folder, "laravel-echo"), f"{recorded}; window.RecordedPage = Page; {made}"


class Npm(Echo):
    def __init__(self, browser, app, user, script):
        self.browser = browser
        browser.get(app.site)
        self.run("document.cookie = `user=${arguments[0]}; Secure; Path=/`", user)
        self.run(f"{script[1]}; drive(arguments[0])", PATH)
        with_its_own = self.run("return page.real")
        say(f"laravel-echo {script[0]}, {'its own Mercure connector' if with_its_own else 'which has no Mercure connector: the requests as recorded'}")

    def join(self, *names):
        self.run("page.join(...arguments)", *names)

    def told(self, channel=None):
        """An error is said each time that the stream ends, also where the browser comes back."""
        return [what for what in super().told(channel) if what[1] != "error"]


def begun(app):
    return app.hub.log().count("event=stream_begin")


BOTH = pytest.mark.parametrize("front", ["apache-http", "apache-module", "caddy-http"])


@BOTH
def test_channels_of_each_kind_and_whispers(begin, browser, script, front):  # noqa: F811
    app = begin(front, extra="subscriptions")
    echo = Npm(browser, app, "1", script)
    echo.join(*ALL, PRESENCE)
    wait_for(lambda: any(what[1] == "here" for what in echo.told()), "here()")
    assert [what for what in echo.told() if what[1] == "here"] == [[PRESENCE, "here", [who("1")]]]
    app.broadcast(ALL, "Shipped", {"id": 7})
    wait_for(lambda: sorted(what[0] for what in echo.told() if what[1] == "Shipped") == sorted(ALL), "one event for each channel")
    app.broadcast(["news"], "Own", [], echo.run("return page.echo.socketId()"))  # toOthers
    app.broadcast(["news"], "Last", [])
    wait_for(lambda: ["news", "Last", []] in echo.told(), "the last")
    assert not [what for what in echo.told() if what[1] == "Own"]

    carol = member(app, "3")
    wait_for(lambda: [PRESENCE, "joining", who("3")] in echo.told(), "joining()")
    carol.close()
    wait_for(lambda: [PRESENCE, "leaving", who("3")] in echo.told(), "leaving()")

    for name in [*ALL[1:], PRESENCE]:
        other = Stream(Tls(app.port), urlencode({"match": laravel.whisper_of(name)}), cookie(app, "2", name))
        echo.run("page.whisper(...arguments)", name, "typing", {"name": "é"})
        data = json.loads(other.datas(1)[0])
        told = json.loads(app.laravel.decrypt(name, data["data"])) if "-encrypted-" in name else data
        assert (data["channels"], told["event"], told["payload"]) == ([name], "client-typing", {"name": "é"})
        other.close()
        assert app.whisper("2", name, "reading", {"page": 7}) == 200
        wait_for(lambda: [name, "client-reading", {"page": 7}] in echo.told(), "the other's whisper")


@BOTH
def test_tokens_of_10_s_and_a_restart_lose_nothing(begin, browser, script, front):  # noqa: F811
    app = begin(front, seconds=10)
    echo = Npm(browser, app, "1", script)
    echo.join("private-orders.1")
    wait_for(lambda: begun(app) >= 1, "the stream")
    sent, ended = [], lambda: app.hub.log().count("event=stream_end")

    def broadcast_until(condition, what, patience):
        deadline = time.monotonic() + patience
        while not condition():
            assert time.monotonic() < deadline, what
            app.broadcast(["private-orders.1"], "Number", len(sent))
            sent.append(len(sent))
            time.sleep(0.3)  # so many a second, no condition

    broadcast_until(lambda: ended() >= 2 and begun(app) > ended(), "the first token's end, and the return", 40)
    app.hub.stop()
    app.hub.start()
    before = ended()
    broadcast_until(lambda: ended() > before and begun(app) > ended(), "the next one's", 60)
    wait_for(lambda: [payload for _, event, payload in echo.told() if event == "Number"] == sent, "all of them")
