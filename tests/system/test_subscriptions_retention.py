"""Begins and ends have a retention of their own, beside that of what is published: who was away for longer than the one
is told, and still gets what the other holds; what lasts is never forgotten, and takes no more than its bound."""
import json
import re
import time
from pathlib import Path

import jwt
import pytest

from conftest import KEY, PATH, Client, Stream, publish, token, wait_for
from history import LogHub
from presence import next_event

API = f"{PATH}/subscriptions"
ALL = f"Authorization: Bearer {token(subscribe=['*'], exp=time.time() + 86400)}"
EVENTS = f"topic={API}/%7Btopic%7D/%7Bsubscriber%7D".replace("/.", "%2F.")


def new_hub(folder, more="", **bounds):
    inner = "\n ".join(f"{k} {v}" for k, v in bounds.items())
    return LogHub(folder, extra=f"subscriptions {{\n {inner}\n}}\nmax_streams_per_token 100000\nheartbeat 1s\n{more}", workers=1)


def listed(hub):
    client = Client(hub.socket)
    found = json.loads(client.get(API, ALL).body)
    client.close()
    return found["lastEventID"], {one["topic"] for one in found["subscriptions"]}


def names(hub):
    return {path.name for path in Path(hub.history, "subscriptions").glob("*.log")}


def rounds(hub, count):
    """So often everything of the second store was written anew."""
    for _ in range(count):
        before = names(hub)
        wait_for(lambda: not before & names(hub), "the next round of what lasts", 60)


def test_the_newest_cursor_stands_however_long_the_same_pages_stay(tmp_path):
    hub = new_hub(tmp_path, max_age="1s")
    page = Stream(hub.socket, "topic=stays", ALL)
    assert publish(hub.socket, topic="something").status == 200
    rounds(hub, 2)
    cursor, topics = listed(hub)
    assert topics == {"stays"}
    back = Stream(hub.socket, f"topic=something&{EVENTS}", ALL, f"Last-Event-ID: {cursor}")
    assert back.headers["last-event-id"] == cursor
    page.close()
    hub.stop()


def test_the_newest_cursor_stands_over_a_restart_when_its_end_is_removed_and_others_stay(tmp_path):
    hub = new_hub(tmp_path, max_age="1s", hold_back="0s", hold_back_return="600s")
    assert publish(hub.socket, topic="something").status == 200
    page, guest = (Stream(hub.socket, f"topic={topic}", ALL) for topic in ("stays", "goes"))
    guest.close()
    wait_for(lambda: listed(hub)[1] == {"stays"}, "the guest's end")
    rounds(hub, 2)
    cursor, _ = listed(hub)
    hub.stop()
    hub.start()
    assert listed(hub) == (cursor, {"stays"})
    back = Stream(hub.socket, f"topic=something&{EVENTS}", ALL, f"Last-Event-ID: {cursor}")
    assert back.headers["last-event-id"] == cursor
    page.close()
    hub.stop()


def test_what_was_published_behind_a_removed_end_is_replayed_after_a_restart(tmp_path):
    hub = new_hub(tmp_path, max_age="1s", hold_back="0s", hold_back_return="600s")
    page, guest = (Stream(hub.socket, f"topic={topic}", ALL) for topic in ("stays", "goes"))
    guest.close()
    wait_for(lambda: listed(hub)[1] == {"stays"}, "the guest's end")
    cursor, _ = listed(hub)
    assert publish(hub.socket, topic="something", data="behind").status == 200
    rounds(hub, 2)
    hub.stop()
    hub.start()
    back = Stream(hub.socket, f"topic=something&{EVENTS}", ALL, f"Last-Event-ID: {cursor}")
    assert "behind" in next_event(back)
    page.close()
    hub.stop()


@pytest.mark.parametrize("how", ["kill", "restart"])
def test_what_lasts_longer_than_max_age_is_known_after_a_start_and_ends_once(tmp_path, how):
    hub = new_hub(tmp_path, max_age="1s", hold_back_return="300ms")
    page = Stream(hub.socket, "topic=stays", ALL)
    rounds(hub, 2)
    cursor, _ = listed(hub)
    if how == "kill":
        hub.kill()
        hub.start()
    else:
        hub.stop()
        hub.start()
    wait_for(lambda: not listed(hub)[1], "the end")
    back = Stream(hub.socket, f"topic=last&{EVENTS}", ALL, f"Last-Event-ID: {cursor}")
    assert publish(hub.socket, topic="last").status == 200
    events = []
    while not events or events[-1] != "":
        events += re.findall("^data: (.*)$", back.event(), re.M)
    events = [json.loads(event) for event in events[:-1]]
    assert [e["active"] for e in events if e["topic"] == "stays"] == [False]
    page.close()
    hub.stop()


def test_who_was_away_for_longer_than_begins_and_ends_are_kept_is_told_and_gets_what_was_published(tmp_path):
    hub = new_hub(tmp_path, max_age="1s", hold_back="0s")
    first = publish(hub.socket, topic="news", data="0").body.decode()
    page = Stream(hub.socket, "topic=stays", ALL)
    Stream(hub.socket, "topic=comes-and-goes", ALL).close()
    wait_for(lambda: listed(hub)[1] == {"stays"}, "its end")
    rounds(hub, 2)
    assert publish(hub.socket, topic="news", data="1").status == 200
    back = Stream(hub.socket, f"topic=news&{EVENTS}", ALL, f"Last-Event-ID: {first}")
    assert back.headers["last-event-id"] == "earliest"
    while "data: 1" not in back.event():
        pass
    assert publish(hub.socket, topic="news", data="2").status == 200
    while "data: 2" not in back.event():
        pass
    # Who could get none of them has missed nothing.
    plain = Stream(hub.socket, "topic=news", f"Last-Event-ID: {first}")
    assert plain.headers["last-event-id"] == first
    assert plain.datas(2) == ["1", "2"]
    page.close()
    hub.stop()


def fill(hub):
    """Pages until three are told to come back; those that are there."""
    padding, pages, refused = "x" * 2000, [], 0
    while refused < 3:
        page = Stream(hub.socket, f"topic={padding}{len(pages)}", ALL)
        refused += b"retry" in page.text
        pages.append(page)
    return pages, len(listed(hub)[1])


def test_a_store_that_is_full_of_large_ones_takes_every_end(tmp_path):
    hub = new_hub(tmp_path, max_bytes="1MiB", hold_back="0s", more="max_request_head 64KiB")
    for size, length in ((12000, 5000), (12000, 1), (6000, 3000)):  # few of them fill a file, and leave much of it
        claims = {"mercure": {"subscribe": ["*"], "payload": "p" * size}, "exp": time.time() + 86400}
        auth = f"Authorization: Bearer {jwt.encode(claims, KEY, algorithm='HS256')}"
        pages = [Stream(hub.socket, f"topic={n}{'x' * length}", auth) for n in range(100)]
        assert 0 < len(listed(hub)[1]) < 100 and not re.search("history_failed|history_unwritable", hub.log())
        for page in pages:
            page.close()
        wait_for(lambda: not listed(hub)[1], "the ends")
    assert "history_failed" not in hub.log()
    hub.stop()


def test_a_store_that_is_full_of_who_is_there_takes_every_end_and_refuses_no_publish(tmp_path):
    hub = new_hub(tmp_path, max_bytes="1MiB", hold_back="0s")
    pages, there = fill(hub)
    assert there > 30
    for number in range(600):
        pages[number % len(pages)].close()
        if number % 20 == 0:
            assert publish(hub.socket, topic="news").status == 200
        pages[number % len(pages)] = Stream(hub.socket, f"topic={'x' * 2000}{number}", ALL)
    for page in pages:
        page.close()
    wait_for(lambda: not listed(hub)[1], "the last end")
    size = sum(path.stat().st_size for path in Path(hub.history, "subscriptions").iterdir())
    assert size <= 1 << 20
    assert fill(hub)[1] == there
    assert "history_failed" not in hub.log()
    hub.stop()
