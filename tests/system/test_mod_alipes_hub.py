"""Apache's module while the hub behind it is killed, stopped, updated, away: no page notices, or it comes back in order."""
import json
import re
import signal
import subprocess
import threading
import time

import pytest

from apache import AWAY, Apache, Page, look_until, news, open_pages, running  # noqa: F401
from conftest import BIN, PATH, Client, Hub, Stream, certificate, publish, token, wait_for
from history import LogHub, Publisher
from presence import Watcher, person

COUNT = 30 if "release" not in str(BIN) else 100


class Load(threading.Thread):
    """Publishes without a pause; of what is not answered nobody knows whether it was taken, until the hub's own history says so."""

    def __init__(self, hub, size=0):
        super().__init__(daemon=True)
        self.hub, self.size, self.over, self.taken = hub, size, threading.Event(), 0
        self.start()

    def run(self):
        publisher, number = Publisher(self.hub.socket), 0
        while not self.over.wait(0.005):
            number += 1
            self.taken += publisher.publish(topic=f"t{number % 3}", id=f"urn:{number}", data=f"{number}{'x' * self.size}") == 200
        publisher.close()

    def goes_on(self, count=40):
        seen = self.taken
        wait_for(lambda: self.taken >= seen + count, "publishes")

    def end(self):
        """The ids of all that was taken, in order."""
        self.over.set()
        self.join()
        said = subprocess.run([BIN, "history", "dump", "-c", self.hub.conf], capture_output=True, text=True, check=True).stdout
        return [json.loads(line)["id"] for line in said.splitlines()]


def heard_all(pages, ids):
    """Each of them once, in order, on the connection that it began with."""
    look_until(pages, lambda: all(len(page.events) >= len(ids) for page in pages), "all updates")
    for page in pages:
        assert [id for id, _ in page.events] == ids and page.connects == 1


def ends(hub, how):
    hub.server.process.send_signal(how)
    hub.server.process.wait(30)


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "stopped"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_of_a_hub_that_is_replaced_under_load_no_page_notices_anything(running, tls, how):
    apache = running(tls=tls)
    apache.front.hub_goes_away = True  # of what is published meanwhile
    pages = open_pages(COUNT // 2 if tls else COUNT, apache.address, "topic=t0&topic=t1&topic=t2")
    load = Load(apache.hub)
    for turn in range(3):
        load.goes_on()
        ends(apache.hub, how)
        apache.hub.start()
        wait_for(lambda: apache.status()["Reattached"] == (turn + 1) * len(pages), "all streams")
    load.goes_on()
    heard_all(pages, load.end())
    assert apache.reasons() == []


def test_who_hears_another_topic_or_stalls_meanwhile_misses_nothing_either(running):
    """Of one topic nothing came for long: its streams go on behind what others had. And who stalls goes on where it stood."""
    apache = running()
    quiet = open_pages(5, apache.address, "topic=quiet")
    pages = open_pages(5, apache.address, "topic=t0&topic=t1&topic=t2")
    stalls = Page(apache.address, "topic=t0&topic=t1&topic=t2&topic=last")
    load = Load(apache.hub, 8000)
    wait_for(lambda: apache.status()["Paused"] >= 1, "one that stalls")
    for _ in range(2):
        load.goes_on()
        ends(apache.hub, signal.SIGKILL)
        apache.hub.start()
    load.goes_on()
    ids = load.end()
    heard_all(pages, ids)
    heard_all([stalls], ids)
    for other in quiet:
        other.look()
    datas = news(apache.hub, 2, topic="quiet")
    look_until(quiet, lambda: all(len(page.events) == 2 for page in quiet), "what is quiet")
    assert all([data for _, data in page.events] == datas and page.connects == 1 for page in quiet)


def test_a_hub_that_stays_away_ends_streams_in_order_and_they_come_back(running):
    apache = running("AlipesReattach 1s\nAlipesDrain 1s\n")
    apache.front.hub_goes_away = True
    pages = open_pages(20, apache.address, "topic=t")
    before = news(apache.hub, 2)
    look_until(pages, lambda: all(len(page.events) == 2 for page in pages), "the news, without which a page has no cursor")
    ends(apache.hub, signal.SIGKILL)
    wait_for(lambda: [page.listener.read() for page in pages] and all(page.listener.ended for page in pages), "their ends")
    assert all(page.listener.whole and b"retry: " in page.listener.last for page in pages), pages[0].listener.last
    wait_for(lambda: apache.reasons() == ["away"] * 20 and apache.status()["Streams"] == 0, "their lines")
    apache.hub.start()
    after = news(apache.hub, 2)
    look_until(pages, lambda: all([data for _, data in page.events] == before + after for page in pages), "what they missed")


def test_a_stream_that_begins_while_the_hub_is_away_is_told_to_come_back(running):
    apache = running()
    apache.front.hub_goes_away = True
    ends(apache.hub, signal.SIGKILL)
    for method, status in ("GET", 200), ("POST", 503):
        client = Client(apache.address)
        reply = client.request(method, f"{PATH}?topic=t", ["Accept: text/event-stream", "Origin: https://app.example"])
        assert reply.status == status, method
        if status == 200:
            assert (reply.headers["content-type"], reply.body) == ("text/event-stream; charset=utf-8", AWAY)
            assert reply.headers["access-control-allow-origin"] == "https://app.example"
        client.close()
    apache.hub.start()
    wait_for(lambda: apache.status()["Links"] >= 1 or Stream(apache.address, "topic=t").close(), "the hub")
    stream = Stream(apache.address, "topic=t")
    assert news(apache.hub, 2) == stream.datas(2)


def test_an_apache_that_begins_before_its_hub_needs_no_help(tmp_path):
    tmp_path.chmod(0o755)
    hub = LogHub(tmp_path, bounds="max_events 1000")
    apache = Apache(tmp_path / "apache", hub, ready=False)
    apache.front.hub_goes_away = True
    ends(hub, signal.SIGTERM)
    wait_for(apache.answers, "Apache")
    hub.start()
    pages = open_pages(3, apache.address, "topic=t")
    datas = news(hub, 2)
    look_until(pages, lambda: all([data for _, data in page.events] == datas for page in pages), "the news")
    apache.stop()
    hub.stop()


def test_a_stream_whose_token_has_ended_meanwhile_ends_in_order_and_learns_it_when_it_comes_back(running):
    apache = running()
    until = int(time.time()) + 4
    stays = open_pages(2, apache.address, "topic=t")
    auth = f"Authorization: Bearer {token(subscribe=['*'], exp=until)}"
    page, = open_pages(1, apache.address, "topic=t", auth)
    ends(apache.hub, signal.SIGKILL)
    wait_for(lambda: time.time() > until + 1, "the token's end")
    apache.hub.start()
    wait_for(lambda: page.listener.read() or page.listener.ended, "its end")
    assert page.listener.whole and b"retry: " in page.listener.last
    assert Client(apache.address).get(f"{PATH}?topic=t", auth).status == 401
    datas = news(apache.hub, 2)
    look_until(stays, lambda: all([data for _, data in other.events] == datas for other in stays), "the others' news")
    wait_for(lambda: apache.reasons() == ["refused"], "its line")
    assert all(other.connects == 1 for other in stays)


def test_a_hub_that_has_forgotten_everything_ends_streams_which_learn_it_when_they_come_back(tmp_path):
    """`transport memory`: what was published between the last that they heard and the end of the old hub is lost, and they are told so."""
    tmp_path.chmod(0o755)
    hub = Hub(tmp_path)
    apache = Apache(tmp_path / "apache", hub)
    apache.front.hub_goes_away = True
    page, = open_pages(1, apache.address, "topic=t")
    before = news(hub, 2)
    look_until([page], lambda: len(page.events) == 2, "the news")
    hub.server.process.kill()
    hub.server.process.wait()
    hub.start()
    look_until([page], lambda: page.connects == 2 and page.open, "its return")
    assert page.listener.cursor == "earliest" and page.cuts == 0
    after = news(hub, 2)
    look_until([page], lambda: [data for _, data in page.events] == before + after, "the news")
    page.close()
    apache.stop()
    hub.stop()


def test_who_is_there_stays_there_while_the_hub_is_replaced_and_who_leaves_meanwhile_is_gone(running):
    """No begin and no end is told of a stream that was attached again; and the end at once of one that has left."""
    apache = running(extra="subscriptions {\nhold_back 0s\n}\n")
    watcher = Watcher(apache.hub, "0.x")
    pages = [Page(apache.address, f"topic=room{n}", person("0.x", f"visitor {n}")) for n in range(6)]
    look_until(pages, lambda: all(page.open for page in pages), "the streams")
    begun = watcher.wait(6)
    assert [active for active, _, _ in begun] == [True] * 6
    last = watcher.last
    pages[0].close()
    assert [told[:2] for told in watcher.wait(1)] == [(False, "room0")]
    watcher.close()
    ends(apache.hub, signal.SIGKILL)
    apache.hub.start()
    wait_for(lambda: apache.status()["Reattached"] == 5, "the streams")
    ends(apache.hub, signal.SIGTERM)
    pages[1].close()
    wait_for(lambda: apache.status()["Streams"] == 4, "the one that has left")
    apache.hub.start()
    wait_for(lambda: apache.status()["Reattached"] == 9, "the others")
    watcher = Watcher(apache.hub, "0.x", lastEventID=last)
    told = [(active, room) for active, room, _ in watcher.until_mark() if room.startswith("room")]
    wait_for(lambda: told.extend((active, room) for active, room, _ in watcher.until_mark() if room.startswith("room")) or len(told) >= 2, "the end")
    assert told == [(False, "room0"), (False, "room1")], told
    for page in pages[2:]:
        page.look()
        assert page.connects == 1
        page.close()
    wait_for(lambda: told.extend((active, room) for active, room, _ in watcher.until_mark() if room.startswith("room")) or len(told) >= 6, "the ends")
    watcher.close()
