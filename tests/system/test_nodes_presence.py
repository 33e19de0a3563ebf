"""Who is there, on several hubs that share a Redis: one list and one line of events, whichever hub is asked."""
import json
import time

import pytest

from conftest import Client, publish, wait_for
from presence import API, ISSUED, MARK, Watcher, collection, datas, dialect, next_event, open_stream, person  # noqa: F401
from redis import start_node, start_redis, start_relay  # noqa: F401

ROOM = "https://example.com/rooms/1"
SOON = "hold_back 0s\nhold_back_return 0s"


@pytest.fixture
def store(start_redis):
    return start_redis("none")


@pytest.fixture
def node(start_node):
    def start(where, block=SOON, lease="lease 3s\nheal 100ms", **options):
        options.setdefault("level", "debug")
        return start_node(getattr(where, "unix", None) or where.url, lease, extra=f"subscriptions {{\n{block}\n}}\n{ISSUED}", **options)

    return start


def there(hub, dialect):
    """Who is in the room, in order."""
    return [who for what, who in collection(hub, dialect) if what == ROOM]


def come(hub, dialect, who="somebody", **more):
    stream = open_stream(hub, dialect, ROOM, auth=person(dialect, sub=who), **more)
    return stream


def heard(watcher, count):
    """So many begins and ends of the room: (active, subscriber) each."""
    told = []
    while len(told) < count:
        one = watcher.told()
        if isinstance(one, dict) and one.get("match", one.get("topic")) == ROOM:
            told.append((one["active"], one["subscriber"]))
    return told


def test_begins_and_ends_are_told_on_every_hub_in_one_order_and_lists_agree_at_once(store, node, dialect):
    hubs = [node(store) for _ in range(3)]
    watchers = [Watcher(hub, dialect) for hub in hubs]
    for watcher in watchers:
        watcher.until_mark()
    pages = []
    for i in range(9):
        pages.append(come(hubs[i % 3], dialect, who=f"person {i}"))
        lists = [there(hub, dialect) for hub in hubs]
        assert len(lists[0]) == i + 1 and lists[1:] == lists[:1] * 2
    for page in pages[::2]:
        page.close()
    told = [heard(w, 9 + 5) for w in watchers]
    assert told[0] == told[1] == told[2]
    begun, ended = [who for active, who in told[0] if active], [who for active, who in told[0] if not active]
    assert len(set(begun)) == 9 and sorted(ended) == sorted(begun[::2])
    for hub in hubs:
        assert there(hub, dialect) == begun[1::2]
