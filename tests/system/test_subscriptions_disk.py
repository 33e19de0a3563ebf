"""Who leaves while the disk is in trouble is there until the end can be kept, and then ends once, whatever was tried
before and whether or not the hub is killed meanwhile."""
import errno
import json
import re
import threading
import time

import pytest

from conftest import PATH, Client, Stream, publish, token, wait_for
from history import LogHub
from trouble import Trouble

API = f"{PATH}/subscriptions"
ALL = f"Authorization: Bearer {token(subscribe=['*'], exp=time.time() + 86400)}"
EVENTS = f"topic=last&topic={API}/%7Btopic%7D/%7Bsubscriber%7D"


@pytest.fixture(params=["", "subscriptions"], ids=["both", "second"])
def troubled(tmp_path, request):
    """Trouble for the whole history, or for the store of begins and ends alone."""
    trouble = Trouble(tmp_path, tmp_path / "history" / request.param)
    hub = LogHub(tmp_path, extra="subscriptions {\n hold_back 0s\n hold_back_return 0s\n}\nheartbeat 1s", env=trouble.env, workers=1)
    yield hub, trouble
    trouble.set(sync_error=0, write_error=0, times=0)
    hub.stop()


def topics(hub):
    client = Client(hub.socket)
    found = json.loads(client.get(API, ALL).body)
    client.close()
    return found["lastEventID"], {one["topic"] for one in found["subscriptions"]}


def told_since(hub, cursor):
    """What somebody who was there at that cursor hears of `page`."""
    back = Stream(hub.socket, EVENTS, ALL, f"Last-Event-ID: {cursor}")
    assert back.headers["last-event-id"] == cursor
    wait_for(lambda: publish(hub.socket, topic="last").status == 200, "a publish")
    datas = []
    while "" not in datas:
        datas += re.findall("^data: (.*)$", back.event(), re.M)
    back.close()
    events = [json.loads(data) for data in datas if data]
    return [event["active"] for event in events if event["topic"] == "page"]


@pytest.mark.parametrize("wrong", [{"sync_error": errno.EIO}, {"write_error": errno.ENOSPC}], ids=["sync", "write"])
def test_an_end_waits_for_the_disk_and_comes_once(troubled, wrong):
    hub, trouble = troubled
    page = Stream(hub.socket, "topic=page", ALL)
    cursor, there = topics(hub)
    assert there == {"page"}
    trouble.set(**wrong)
    page.close()
    wait_for(lambda: "history_failed" in hub.log(), "the first try")
    assert topics(hub) == (cursor, {"page"})
    late = Stream(hub.socket, "topic=late", ALL)  # EventSource comes back
    assert late.status == 200 and b"retry:" in late.text
    trouble.set(sync_error=0, write_error=0)
    wait_for(lambda: not topics(hub)[1], "the end")
    assert told_since(hub, cursor) == [False]


@pytest.mark.parametrize("times", [0, 1])
def test_an_end_that_was_tried_and_failed_is_told_once_after_a_kill_to_whoever_heard_something_later(troubled, times):
    hub, trouble = troubled
    page = Stream(hub.socket, "topic=page", ALL)
    cursor = topics(hub)[0]
    trouble.set(sync_error=errno.EIO, times=times)
    page.close()
    wait_for(lambda: "history_failed" in hub.log(), "the first try")
    published = publish(hub.socket, topic="something")
    if published.status == 200:
        observer = Stream(hub.socket, f"topic=something&{EVENTS}", ALL, f"Last-Event-ID: {cursor}")
        event = observer.event()
        while "id: " + published.body.decode() not in event:
            if '"topic":"page"' in event:
                break  # told already, by the second try
            event = observer.event()
        else:
            cursor = published.body.decode()
        observer.close()
    hub.kill()
    trouble.set(sync_error=0, times=0)
    hub.start()
    wait_for(lambda: not topics(hub)[1], "the end")
    assert told_since(hub, cursor) == [False]


def test_a_site_publishes_on_where_begins_have_no_file_to_go_to(tmp_path):
    trouble = Trouble(tmp_path, tmp_path / "history" / "subscriptions")
    hub = LogHub(tmp_path, extra="subscriptions {\n max_bytes 1MiB\n hold_back 0s\n}\nheartbeat 1s", env=trouble.env, workers=2)
    trouble.set(open_error=errno.EMFILE)
    stop, statuses = threading.Event(), []

    def join():
        while not stop.is_set():
            Stream(hub.socket, f"topic={'x' * 3000}", ALL).close()

    pages = [threading.Thread(target=join) for _ in range(4)]
    for page in pages:
        page.start()
    wait_for(lambda: "history_failed" in hub.log(), "a begin that found no file")
    statuses = [publish(hub.socket, topic="news").status for _ in range(200)]
    stop.set()
    for page in pages:
        page.join()
    assert set(statuses) == {200}
    trouble.set(open_error=0)
    wait_for(lambda: not topics(hub)[1], "the last end")
    hub.stop()
