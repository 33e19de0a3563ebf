"""The contract of a history that several hubs share: one order, replayed by id from any of them, bounded; a store that loses
what it had is given it back, and where that cannot be, streams end and are told."""
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import PATH, Client, Stream, publish, token, wait_for
from redis import start_node, start_redis, start_relay  # noqa: F401

AUTH = f"Authorization: Bearer {token(subscribe=['*'])}"
SOON = "heal 100ms"
HEAD, STREAM = "{alipes}:h", "{alipes}:s"


def put(hub, count, data="x", **form):
    """Ids, in the order of their 200s."""
    replies = [publish(hub.address, topic="t", data=data, **form) for _ in range(count)]
    assert all(r.status == 200 for r in replies), replies
    return [r.body.decode() for r in replies]


def follow(hub, cursor=None):
    stream = Stream(hub.address, "topic=t", AUTH, *([f"Last-Event-ID: {cursor}"] if cursor else []))
    assert stream.status == 200
    return stream


def ids(stream, count):
    return [re.search(r"^id: (.*)$", stream.event(), re.M).group(1) for _ in range(count)]


def until(condition, patience):
    """Whether it came about in that time."""
    try:
        return wait_for(condition, "it", patience)
    except AssertionError:
        return False


def told(stream):
    return stream.headers.get("last-event-id")


def returns(hub, cursor):
    """A client that comes back until its cursor is answered."""
    found = []

    def come():
        stream = follow(hub, cursor)
        if told(stream):
            found.append(stream)
        else:
            stream.end()
        return found

    return wait_for(come, "an answer to the cursor")[0]


def head(redis, field):
    return redis.call("HGET", HEAD, field).decode()


@pytest.fixture
def store(start_redis):
    return start_redis("none")


@pytest.fixture
def node(start_node):
    return lambda where, block=SOON, **options: start_node(getattr(where, "unix", where), block, **options)


def test_every_hub_shows_what_all_publish_in_one_order_and_replays_it_from_any_id(store, node):
    hubs = [node(store) for _ in range(3)]
    streams, published = [follow(hub) for hub in hubs], [[], [], []]
    threads = [threading.Thread(target=lambda i=i: published[i].extend(put(hubs[i], 40))) for i in range(3)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    orders = [ids(stream, 120) for stream in streams]
    assert orders[0] == orders[1] == orders[2]
    assert all([i for i in orders[0] if i in set(some)] == some for some in published), "a publisher's own order"
    for number, hub in enumerate(hubs):
        at = 30 * number + 7
        assert ids(follow(hub, orders[0][at]), 119 - at) == orders[0][at + 1:]
        assert ids(follow(hub, "earliest"), 120) == orders[0]
    assert told(follow(hubs[0], "urn:never")) == "earliest"


def test_the_cursor_of_a_stream_without_events_is_known_on_every_hub_and_after_its_restart(store, node):
    first, second = node(store, extra="stream_cursor all"), node(store, extra="stream_cursor all")
    put(first, 3)
    stream = follow(first)
    stream.text, cursor = b"", re.search(rb"^id: (.*)$", stream.text, re.M).group(1).decode()
    after = put(second, 2)
    assert ids(stream, 2) == after
    for hub in (second, first):
        again = follow(hub, cursor)
        assert told(again) == cursor and ids(again, 2) == after
    first.stop()
    first.start()
    again = follow(first, cursor)
    assert told(again) == cursor and ids(again, 2) == after


def test_private_updates_topics_and_ids_of_any_kind_come_out_as_they_went_in(store, node):
    first, second = node(store), node(store)
    stream, stranger = follow(first), Stream(first.address, "topic=t")
    topics = ["t", "https://example.com/a:b?c=1", "3:x", "ü" * 100]
    form = {"topic": topics, "id": "an id: of mine", "type": "news", "retry": "1500", "data": "one\ntwo\r\n\rü"}
    assert publish(second.address, private="on", **form).body == b"an id: of mine"
    odd = put(second, 1, id="urn:uuid:0193E8F0-1111-7222-8333-444455556666")[0]  # not as the hub spells them
    event = "event: news\nretry: 1500\nid: an id: of mine\ndata: one\ndata: two\ndata: \ndata: ü"
    assert stream.event() == event
    assert ids(stranger, 1) == [odd]
    for topic in topics:
        from urllib.parse import quote
        again = Stream(second.address, f"topic={quote(topic)}", AUTH, "Last-Event-ID: earliest")
        assert again.event() == event


def test_an_id_that_comes_again_counts_where_it_is_held_first_and_only_if_it_was_not_known_before(store, node):
    hub = node(store, history="max_events 32")
    order = [*put(hub, 1, id="again"), *put(hub, 10), *put(hub, 1, id="again"), *put(hub, 5)]
    assert ids(follow(hub, "again"), 16) == order[1:]
    put(hub, 24)
    assert told(follow(hub, "again")) == "earliest", "its first is gone, and the second may have been anybody's"


@pytest.mark.parametrize("bound", ["max_events 32", "max_bytes 1MiB"])
def test_what_is_past_a_bound_goes_and_who_wants_it_is_told(store, node, bound):
    hubs = [node(store, history=bound) for _ in range(2)]
    size = 50000 if "bytes" in bound else 10
    order = [i for number in range(60) for i in put(hubs[number % 2], 1, data="x" * size)]
    held = int(hubs[0].metrics()["alipes_history_events"])
    replayed = follow(hubs[1], "earliest")
    kept = ids(replayed, 1)
    first = order.index(kept[0])
    assert ids(replayed, 59 - first) == order[first + 1:]
    assert (17 if "events" in bound else 10) <= 60 - first <= (32 if "events" in bound else 21)
    assert abs(held - (60 - first)) <= 4
    assert ids(follow(hubs[0], order[first - 1]), 60 - first) == order[first:], "the last that was removed is known"
    assert told(follow(hubs[0], order[first - 2])) == "earliest"
    assert store.call("XLEN", STREAM) <= 40


def test_age_takes_what_nobody_publishes_after(store, node):
    hub = node(store, history="max_age 1s")
    last = put(hub, 5)[-1]
    wait_for(lambda: store.call("XLEN", STREAM) == 0 and hub.metrics()["alipes_history_events"] == 0, "age")
    assert told(follow(hub, last)) == last, "nothing behind it is gone"
    stream = follow(hub, "earliest")
    assert put(hub, 1) == ids(stream, 1)


def test_history_that_no_hub_holds_is_read_in_pieces_over_runs_and_large_updates(start_redis, node):
    redis = start_redis("always")
    hubs, order = [node(redis, f"{SOON}\nhold 0") for _ in range(2)], []
    for _ in range(3):
        order += put(hubs[0], 30, data="x" * 4000) + put(hubs[1], 2, data="y" * 700000) + put(hubs[1], 5)
        redis.kill()
        redis.start()
    order += put(hubs[0], 1)
    assert len({i.split(b"-")[0] for i, _ in redis.call("XRANGE", STREAM, "-", "+")}) == 4
    for hub in hubs:
        assert ids(follow(hub, "earliest"), len(order)) == order
    for at in (0, 29, 30, 31, 36, 37, 66, 67, 110):
        assert ids(follow(hubs[at % 2], order[at]), len(order) - at - 1) == order[at + 1:]


def test_a_publish_whose_answer_is_lost_stands_there_once(store, node, start_relay):
    relay = start_relay(store)
    hub, other = node(relay.url, f"{SOON}\ntimeout 60s"), node(store)
    stream, away = follow(other), follow(hub)
    expected = put(hub, 1)
    while True:
        replies = []
        waiting = threading.Thread(target=lambda: replies.append(publish(hub.address, topic="t", data="lost")))
        relay.hush("answered")
        waiting.start()
        is_there = until(lambda: store.call("XLEN", STREAM) > len(expected), 3)  # else it waits for the answer to what was asked before it
        relay.reset()
        waiting.join()
        assert replies[0].status == 200
        expected.append(replies[0].body.decode())
        if is_there:
            break
    expected += put(other, 1)
    assert ids(stream, len(expected)) == ids(away, len(expected)) == expected, "once, on the same stream"
    assert store.call("XLEN", STREAM) == len(expected)


@pytest.mark.parametrize("lose", [("FLUSHALL",), ("DEL", HEAD), ("DEL", STREAM), ("SET", HEAD, "a string")], ids=lambda words: " ".join(words[:2]))
def test_what_the_store_loses_the_hubs_put_back_and_no_stream_notices(store, node, lose):
    hubs = [node(store, "heal 500ms") for _ in range(2)]
    streams = [follow(hub) for hub in hubs]
    order = put(hubs[0], 5) + put(hubs[1], 5)
    assert [ids(stream, 10) for stream in streams] == [order, order]
    store.call(*lose)
    if lose[0] == "SET":
        store.call("DEL", HEAD)
    more = put(hubs[0], 1) + put(hubs[1], 1)
    assert [ids(stream, 2) for stream in streams] == [more, more]
    assert ids(follow(hubs[1], "earliest"), 12) == order + more
    assert ids(follow(hubs[0], order[3]), 8) == (order + more)[4:]
    assert hubs[0].metrics()["alipes_redis_breaks_total"] == 0


def test_a_key_of_somebody_else_that_is_gone_again_costs_a_moment_and_no_update(store, node):
    hubs = [node(store, "heal 500ms") for _ in range(2)]
    streams = [follow(hub) for hub in hubs]
    order = put(hubs[0], 5)
    store.call("SET", HEAD, "a string")
    wait_for(lambda: all("reason=type" in hub.server.log() for hub in hubs), "it to be seen")
    store.call("DEL", HEAD)
    order += put(hubs[0], 1) + put(hubs[1], 1)
    assert [ids(stream, 7) for stream in streams] == [order, order]
    assert all(re.search(r"event=redis_back after_ms=\d{1,4} ", hub.server.log().rpartition("reason=type")[2]) for hub in hubs), "not half a minute"


def test_who_may_join_and_not_publish_asks_less_and_less_often(store, node):
    hub = node(store, "heal 0s")
    put(hub, 1)
    store.call("ACL", "SETUSER", "default", "-xadd")
    with ThreadPoolExecutor(1) as pool:
        waits = pool.submit(publish, hub.address, topic="t", data="x")
        wait_for(lambda: re.search(r"event=redis_back after_ms=[2-9]\d{3} ", hub.server.log()), "a pause of seconds")
        store.call("ACL", "SETUSER", "default", "+xadd")
        assert waits.result().status in (200, 503)
    wait_for(lambda: publish(hub.address, topic="t", data="x").status == 200, "publishing")
    assert hub.server.log().count("reason=rights") < 6


def test_ground_that_nobody_can_give_back_ends_the_streams_that_stood_on_it_and_they_are_told(store, node):
    hub = node(store, "heal 0s", extra="stream_cursor all")
    stream = follow(hub)
    cursor = put(hub, 3)[-1]
    assert ids(stream, 3)[-1] == cursor
    store.call("FLUSHALL")
    more = put(hub, 1)
    text = stream.end().decode()
    assert "retry:" in text and "\ndata" not in text, "it ends, and hears nothing first"
    place = re.search(r"^id: (.*)$", text, re.M).group(1)
    for lost in (cursor, place):
        again = returns(hub, lost)
        assert told(again) == "earliest"
        assert put(hub, 1) == ids(again, 1)
    assert ids(follow(hub, "earliest"), 3)[:1] == more


def test_a_hub_that_was_away_while_retention_took_all_behind_it_tells_its_streams(store, node, start_relay):
    relay = start_relay(store)
    here, away = node(store, history="max_age 1s"), node(relay.url, f"{SOON}\ntimeout 500ms", history="max_age 1s")
    stream = follow(away)
    seen = put(here, 1)
    assert ids(stream, 1) == seen
    relay.cut()
    put(here, 5)
    wait_for(lambda: store.call("XLEN", STREAM) == 0, "age")
    relay.mend()
    assert "retry:" in stream.end().decode()
    again = returns(away, seen[0])
    assert told(again) == "earliest"
    assert put(here, 1) == ids(again, 1)


def test_while_redis_is_away_streams_stay_publishes_wait_and_cursors_that_are_held_are_answered(store, node):
    hub, patient = node(store, f"{SOON}\ntimeout 1s\npublish_timeout 1s"), node(store, f"{SOON}\npublish_timeout 60s")
    stream = follow(hub)
    order = put(hub, 3)
    assert ids(stream, 3) == order
    store.kill()
    reply = publish(hub.address, topic="t", data="in vain")
    assert reply.status == 503 and int(reply.headers["retry-after"]) > 0
    held = follow(hub, order[0])
    assert ids(held, 2) == order[1:]
    unknown = follow(hub, "urn:never")
    assert not told(unknown) and "retry:" in unknown.end().decode() + unknown.text.decode()
    assert Client(hub.address).get("/healthz").status == 503
    waiting, replies = threading.Thread(target=lambda: replies.append(publish(patient.address, topic="t", data="late"))), []
    waiting.start()
    store.start()
    waiting.join()
    assert replies[0].status == 200
    assert [ids(one, 1) for one in (stream, held)] == [[replies[0].body.decode()]] * 2, "the same streams"
    wait_for(lambda: Client(hub.address).get("/healthz").status == 200, "health")


def test_a_hub_that_starts_before_its_redis_tells_streams_to_come_back_and_is_not_ready(store, node):
    store.kill()
    hub = node(store, f"{SOON}\npublish_timeout 200ms", ready=False)
    wait_for(lambda: "event=ready" in hub.log(), "the hub")
    early = Stream(hub.address, "topic=t")
    assert early.status == 200 and "retry:" in early.end().decode() + early.text.decode()
    assert Client(hub.address).get("/healthz").status == 503
    assert publish(hub.address, topic="t", data="in vain").status == 503
    store.start()
    wait_for(lambda: Client(hub.address).get("/healthz").status == 200, "health")
    stream = follow(hub)
    taken = wait_for(lambda: (reply := publish(hub.address, topic="t", data="x")).status == 200 and reply.body.decode(), "a publish")
    while ids(stream, 1) != [taken]:
        pass  # one that was not answered in 200 ms


def test_with_replicas_a_200_waits_for_them_and_without_one_everybody_sees_it_and_it_is_503(start_redis, node):
    redis = start_redis("none")
    hub = node(redis, f"{SOON}\nreplicas 1\ntimeout 500ms")
    stream = follow(hub)
    assert publish(hub.address, topic="t", data="alone").status == 503
    assert stream.datas(1) == ["alone"]
    copy = start_redis("none", replica_of=redis)
    wait_for(copy.follows, "the replica")
    tried = []
    wait_for(lambda: tried.append(publish(hub.address, topic="t", data="two")) or tried[-1].status == 200, "the replica's answer")
    assert stream.datas(len(tried)) == ["two"] * len(tried)
    assert copy.call("XLEN", STREAM) == 1 + len(tried)


def test_an_update_that_can_never_be_held_is_refused_and_others_go_on(store, node):
    hub = node(store, history="max_bytes 1MiB", extra="max_request_body_size 2MiB\nmax_update_size 256KiB")
    stream = follow(hub)
    assert publish(hub.address, topic="t", data="x" * 600000).status == 413
    assert put(hub, 1) == ids(stream, 1)


def test_what_somebody_else_writes_into_the_stream_ends_streams_and_publishing_goes_on(store, node):
    hubs = [node(store) for _ in range(2)]
    cursor = put(hubs[0], 3)[-1]
    store.call("XADD", STREAM, "*", "somebody", "else")
    more = put(hubs[0], 1) + put(hubs[1], 1)
    for hub in hubs:
        again = returns(hub, cursor)
        assert told(again) == "earliest"
        assert ids(follow(hub, "earliest"), 2) == more


def test_two_sites_on_one_redis_do_not_hear_each_other(store, node):
    one, other = node(store, f"{SOON}\nstream one"), node(store, f"{SOON}\nstream other")
    streams = [follow(one), follow(other)]
    first, second = put(one, 1), put(other, 1)
    assert [ids(stream, 1) for stream in streams] == [first, second]
    assert {key.split(b":")[0] for key in store.call("KEYS", "*")} == {b"{one}", b"{other}"}


def test_nodes_that_have_been_silent_for_as_long_as_the_history_goes_back_are_forgotten(store, node):
    first = node(store, history="max_events 16")
    put(first, 1)
    put(node(store, history="max_events 16"), 40)
    names = [f for f in store.call("HKEYS", HEAD) if f.startswith(b"n:")]
    assert len(names) == 2
    store.call("HSET", HEAD, "rtime", 1)
    node(store)
    assert [f for f in store.call("HKEYS", HEAD) if f.startswith(b"n:")] == names[1:]
    assert put(first, 2)
