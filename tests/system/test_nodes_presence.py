"""Who is there, on several hubs that share a Redis: one list and one line of events, whichever hub is asked."""
import json
import time

import pytest

from conftest import Client, publish, wait_for
from presence import API, ISSUED, MARK, Watcher, collection, datas, dialect, next_event, open_stream, person  # noqa: F401
from redis import start_node, start_redis, start_relay  # noqa: F401

ROOM = "https://example.com/rooms/1"
SOON = "hold_back 0s\nhold_back_return 0s"
SHORT = "lease 3s\nheal 100ms"


@pytest.fixture
def store(start_redis):
    return start_redis("none")


@pytest.fixture
def node(start_node):
    def start(where, block=SOON, lease="lease 600s\nheal 100ms", **options):
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


def leave(hub, page):
    """The hub has noticed."""
    held = hub.metrics()["alipes_subscriptions_held_back"]
    page.close()
    wait_for(lambda: hub.metrics()["alipes_subscriptions_held_back"] > held, "its departure")


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


def test_a_page_that_reopens_on_another_hub_is_never_seen_leaving(store, node, dialect):
    first, second = node(store, "hold_back 20s"), node(store, "hold_back 20s")
    watcher = Watcher(second, dialect)
    page = come(first, dialect)
    (_, before), = heard(watcher, 1)
    leave(first, page)
    page = come(second, dialect)
    (begun, after), (ended, gone) = heard(watcher, 2)
    assert begun and not ended and gone == before != after
    assert there(first, dialect) == there(second, dialect) == [after]
    stranger = come(second, dialect, who="another")
    heard(watcher, 1)
    leave(second, stranger)
    leave(second, page)
    page = come(first, dialect)
    (begun, third), (ended, gone) = heard(watcher, 2)
    assert begun and not ended and gone == after  # and the stranger's is still held back
    assert len(there(first, dialect)) == 2 and there(first, dialect)[1] == third


def test_what_a_stop_leaves_is_taken_back_on_another_hub_or_ends_after_a_while_each_once(store, node, dialect="1.0"):
    hubs = [node(store, "hold_back 0s\nhold_back_return 2s", lease="lease 600s\nheal 100ms") for _ in range(3)]
    watchers = [Watcher(hub, dialect) for hub in hubs[1:]]
    pages = [come(hubs[0], dialect, who=f"person {i}") for i in range(6)]
    begun = [who for _, who in heard(watchers[0], 6)]
    hubs[0].stop()
    back = [come(hubs[1 + i % 2], dialect, who=f"person {i}") for i in range(3)]
    assert len(there(hubs[1], dialect)) >= 6
    told = heard(watchers[0], 3 + 6)
    assert told == heard(watchers[1], 6 + 3 + 6)[6:]
    ends = [who for active, who in told if not active]
    assert sorted(ends) == sorted(begun)
    assert set(ends[:3]) == set(begun[:3])  # theirs at once, before the time of the others was over
    assert there(hubs[1], dialect) == there(hubs[2], dialect) == [who for active, who in told if active]
    del pages, back


def test_what_a_killed_hub_leaves_ends_after_the_lease_each_once(store, node, dialect="1.0"):
    hubs = [node(store, lease=SHORT) for _ in range(3)]
    watchers = [Watcher(hub, dialect) for hub in hubs[1:]]
    pages = [come(hubs[0], dialect, who=f"person {i}") for i in range(40)]
    begun = [who for _, who in heard(watchers[0], 40)]
    here = come(hubs[1], dialect, who="here")
    (_, stays), = heard(watchers[0], 1)
    hubs[0].kill()
    killed = time.monotonic()
    back = come(hubs[2], dialect, who="person 7")
    told = heard(watchers[0], 41)
    assert time.monotonic() - killed > 1  # the beat before may be a third of the lease back, and more where the machine is busy
    assert told == heard(watchers[1], 41 + 41)[41:]
    assert sorted(who for active, who in told if not active) == sorted(begun)
    assert there(hubs[1], dialect) == there(hubs[2], dialect) == [stays, told[0][1]]
    del pages, here, back


def test_what_all_hubs_leave_as_they_stop_the_next_start_takes(store, node, dialect="1.0"):
    first, second = [node(store, "hold_back 0s\nhold_back_return 6s") for _ in range(2)]
    watcher = Watcher(first, dialect)
    pages = [come(first, dialect, who="one"), come(second, dialect, who="two")]
    begun = [who for _, who in heard(watcher, 2)]
    cursor = watcher.last
    second.stop()
    first.stop()
    first.start()
    pages.append(come(first, dialect, who="two"))
    assert len(there(first, dialect)) == 3
    watcher = Watcher(first, dialect, **{"last_event_id" if dialect == "1.0" else "lastEventID": cursor})
    told = heard(watcher, 3)
    assert told[0][0] and told[1:] == [(False, begun[1]), (False, begun[0])]
    assert there(first, dialect) == [told[0][1]]
    del pages


def test_a_hub_that_was_only_cut_off_keeps_its_streams_and_begins_again_what_others_have_ended(store, node, start_relay, dialect="1.0"):
    relay = start_relay(store)
    cut_off, other = node(relay, lease=SHORT), node(store, lease=SHORT)
    watcher = Watcher(other, dialect)
    pages = [come(cut_off, dialect, who=f"person {i}") for i in range(3)]
    begun = [who for _, who in heard(watcher, 3)]
    relay.cut()
    assert {who for _, who in heard(watcher, 3)} == set(begun)
    assert there(other, dialect) == [] and there(cut_off, dialect) == begun
    pages[1].close()  # its end is on its way when the hub is back
    relay.mend()
    told = heard(watcher, 2)
    assert sorted(told) == sorted((True, who) for who in (begun[0], begun[2])) or told + heard(watcher, 2)
    wait_for(lambda: there(cut_off, dialect) == there(other, dialect) and sorted(there(other, dialect)) == sorted([begun[0], begun[2]]), "agreement")
    for page in (pages[0], pages[2]):
        publish(other.address, topic=ROOM, data="still here")
        assert datas(page, 1) == ["still here"]
        page.close()
    wait_for(lambda: there(other, dialect) == there(cut_off, dialect) == [], "the ends")


@pytest.mark.parametrize("loss", ["restart", "FLUSHALL", "roll", "head"])
def test_who_is_there_survives_what_the_store_loses(store, node, loss, dialect="1.0"):
    hubs = [node(store, "hold_back 0s\nhold_back_return 0s", lease="lease 600s\nheal 300ms") for _ in range(2)]
    watcher = Watcher(hubs[1], dialect)
    pages = [come(hubs[i % 2], dialect, who=f"person {i}") for i in range(5)]
    begun = [who for _, who in heard(watcher, 5)]
    if loss == "restart":
        store.kill()
        store.start()
    elif loss == "FLUSHALL":
        store.call("FLUSHALL")
    else:
        store.call("DEL", "{alipes}:r" if loss == "roll" else "{alipes}:h")
    wait_for(lambda: store.call("HLEN", "{alipes}:r") == 5 + 2, "all that was there")  # the watcher has two
    wait_for(lambda: publish(hubs[0].address, topic=ROOM, data="after").status == 200, "the store")
    assert [datas(page, 1) for page in pages] == [["after"]] * 5
    late = node(store)
    assert there(hubs[0], dialect) == there(hubs[1], dialect) == there(late, dialect) == begun
    pages[0].close()
    assert heard(watcher, 1) == [(False, begun[0])]
    assert there(late, dialect) == there(hubs[1], dialect) == begun[1:]


def test_a_begin_that_retention_has_taken_is_still_active_everywhere(store, node, dialect="1.0"):
    first = node(store, history="max_events 16")
    page = come(first, dialect)
    who, = there(first, dialect)
    for i in range(100):
        assert publish(first.address, topic="other", data=str(i)).status == 200
    assert store.call("XLEN", "{alipes}:s") < 40
    second = node(store, history="max_events 16")
    assert there(second, dialect) == there(first, dialect) == [who]
    watcher = Watcher(second, dialect)
    page.close()
    assert heard(watcher, 1) == [(False, who)]


def test_lists_while_the_store_is_away_are_as_of_before_and_503_where_nothing_is_known(store, node, start_relay, dialect="1.0"):
    relay = start_relay(store)
    hub = node(relay, lease="heal 100ms\npublish_timeout 500ms")
    page = come(hub, dialect)
    who, = there(hub, dialect)
    relay.cut()
    assert there(hub, dialect) == [who]
    late = node(relay, ready=False)
    wait_for(lambda: "event=ready" in late.log(), "the hub")
    client = Client(late.address)
    reply = client.get(API, person(dialect))
    assert (reply.status, reply.headers["retry-after"].isdigit()) == (503, True)
    relay.mend()
    wait_for(lambda: Client(late.address).get(API, person(dialect)).status == 200, "the store")
    assert there(late, dialect) == [who]
    page.close()


def test_an_end_that_the_store_has_lost_for_good_is_written_again(start_redis, node, dialect="1.0"):
    store = start_redis("always")
    hub = node(store, lease="lease 600s\nheal 0s")
    page, stays = come(hub, dialect, who="leaves"), come(hub, dialect, who="stays")
    gone, _ = there(hub, dialect)
    size = store.appended().stat().st_size
    page.close()
    wait_for(lambda: len(there(hub, dialect)) == 1, "its end")
    store.kill()
    with open(store.appended(), "r+b") as file:
        file.truncate(size)
    store.start()
    assert stays.end().endswith(b"\n\n")  # it stood on what is lost
    stays = come(hub, dialect, who="stays")
    late = node(store, lease="heal 0s")
    wait_for(lambda: len(there(late, dialect)) == 1 == len(there(hub, dialect)), "the end of what was lost")
    assert there(late, dialect) == there(hub, dialect) != [gone]
    stays.close()
