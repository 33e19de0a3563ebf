"""Lists of active subscriptions that are longer than a socket takes ahead: readers that are slow, that leave, that wait for
their turn; reloads and stops meanwhile. Over both wires."""
import json
from urllib.parse import urlencode

import pytest

from conftest import PATH, Client, Stream, publish, wait_for
from presence import API, address, wire  # noqa: F401
from presence_lists import ALL, ON, ask, pages, subscribers

WIDTH = 900


def crowd(hub, streams=4, each=1000, width=WIDTH):
    """Many subscriptions of 0.x by a few streams: together more than a socket takes ahead."""
    made = []
    for n in range(streams):
        stream = Client(address(hub))
        stream.ask("GET", f"{PATH}?" + urlencode([("topic", f"{n}.{i:03}." + "x" * width) for i in range(each)]))
        assert stream.head()[0] == 200
        made.append(stream)
    return made


@pytest.fixture
def crowded(start_hub):
    return start_hub(ON + "max_request_head 1MiB\n", workers=1)


def test_a_long_list_arrives_whole_under_its_length(crowded, wire):
    made = crowd(crowded)
    reply = ask(crowded, API, ALL["0.x"], wire=wire)
    document = json.loads(reply.body)
    assert int(reply.headers["content-length"]) == len(reply.body) > 1000000
    assert [s["topic"] for s in document["subscriptions"]] == [f"{n}.{i:03}." + "x" * WIDTH for n in range(4) for i in range(1000)]
    assert ask(crowded, API, ALL["0.x"], wire=wire, method="HEAD").headers["content-length"] == reply.headers["content-length"]
    some = [s for page, _ in pages(crowded, f"{API}?limit=1500", "0.x", wire=wire) for s in page["subscriptions"]]
    assert some == document["subscriptions"]
    for stream in made:
        stream.close()


def slow(hub, wire="http", method="GET"):
    """A client that has asked for a list and has read nothing of it yet."""
    client = Client(address(hub, wire))
    client.ask(method, API, [ALL["0.x"]])
    return client


def listed(hub, count=1):
    """The hub has said so often that it has a list together."""
    return wait_for(lambda: hub.log().count("event=listed") >= count, "a list")


def test_a_slow_reader_gets_the_list_of_its_moment_and_delays_nobody(crowded, wire):
    made = crowd(crowded)
    seen = Stream(address(crowded), "topic=live")
    client = slow(crowded, wire)
    listed(crowded)
    for stream in made[1:]:
        stream.close()
    for n in range(50):
        publish(address(crowded), topic="live", data=str(n))
        assert seen.datas(1) == [str(n)]
    wait_for(lambda: len(subscribers(crowded, API, "0.x")) == 1001, "the ends")
    reply = client.reply()
    assert len(json.loads(reply.body)["subscriptions"]) == 4001
    client.close()
    made[0].close()
    seen.close()


def test_a_reader_that_leaves_midway_gives_its_place_back(start_hub, wire):
    hub = start_hub(ON + "max_request_head 1MiB\nmax_subscription_lists 1\n", workers=1)
    made = crowd(hub)
    for n in range(5):
        client = slow(hub, wire)
        listed(hub, n + 1)
        client.close()
        wait_for(lambda: ask(hub, API + "?topic=none", ALL["0.x"]).status == 200, "the place")
    for stream in made:
        stream.close()


def test_past_the_bound_a_long_list_waits_for_its_turn_and_a_short_one_does_not(start_hub, wire):
    hub = start_hub(ON + "max_request_head 1MiB\nmax_subscription_lists 1\n", workers=1)
    made = crowd(hub)
    first = slow(hub, wire)
    listed(hub)
    second, third = slow(hub, wire), slow(hub, wire, "HEAD")
    assert ask(hub, f"{API}/nobody", ALL["0.x"], wire=wire).status == 200
    made.pop().close()
    wait_for(lambda: hub.log().count("event=stream_end") == 1, "the end of a stream")
    assert hub.log().count("event=listed") == 2  # the first, and that of nobody
    assert len(json.loads(first.reply().body)["subscriptions"]) == 4000
    wait_for(lambda: hub.log().count("event=listed") >= 3, "the second list")
    second.reply()
    assert third.reply("HEAD").headers["x-total-count"] in ("3000", "4000")  # its end may not have been committed
    for client in (first, second, third, *made):
        client.close()


def test_who_waits_for_a_turn_in_vain_is_told_503(start_hub, wire):
    hub = start_hub(ON + "max_request_head 1MiB\nmax_subscription_lists 1\nsubscription_list_timeout 3s\n", workers=1)
    made = crowd(hub)
    clients = [slow(hub, wire)]
    listed(hub)
    clients += [slow(hub, wire) for _ in range(5)]
    heads = [client.head() for client in clients[1:]]  # one of them was let in when the first was cut
    refused = [(client, headers) for client, (status, headers) in zip(clients[1:], heads) if status == 503]
    assert refused and all(headers["retry-after"] == "2" for _, headers in refused)
    assert refused[0][0].until(b"(max_subscription_lists)") == b"Too many long lists are under way at the moment "
    assert "bound=max_subscription_lists" in hub.log()
    for client in (*clients, *made):
        client.close()


def test_slow_readers_together_hold_no_more_than_max_held_bytes(start_hub, wire):
    hub = start_hub(ON + "max_request_head 128KiB\nmax_held_bytes 1MiB\n", workers=1)
    made = crowd(hub, streams=40, each=100)
    assert "bound=" not in hub.log()
    clients = [slow(hub, wire)]
    listed(hub)
    clients += [slow(hub, wire) for _ in range(20)]
    wait_for(lambda: "bound=max_held_bytes" in hub.log(), "the bound's line")
    with pytest.raises((ConnectionError, AssertionError)):
        clients[0].reply()
    for client in (*clients, *made):
        client.close()


def test_a_list_that_is_not_read_in_its_time_is_cut_and_seen_to_be_short(start_hub, wire):
    hub = start_hub(ON + "max_request_head 1MiB\nsubscription_list_timeout 3s\n", workers=1)
    made = crowd(hub)
    client = slow(hub, wire)
    wait_for(lambda: "bound=subscription_list_timeout" in hub.log(), "the bound's line")
    with pytest.raises((ConnectionError, AssertionError)):
        client.reply()
    client.close()
    # Where the machine is busy, this one may meet the same bound.
    wait_for(lambda: ask(hub, f"{API}?topic=none", ALL["0.x"], wire=wire).status == 200, "a list in its time")
    for stream in made:
        stream.close()


def test_a_list_under_way_is_brought_to_its_end_by_a_hub_that_reloads_or_stops(start_hub, wire):
    hub = start_hub(ON + "max_request_head 1MiB\nshutdown_timeout 20s\n", workers=1)
    made = crowd(hub)
    first, second = slow(hub, wire), slow(hub, wire)
    listed(hub, 2)
    hub.server.process.send_signal(1)
    wait_for(lambda: "event=reloaded" in hub.log(), "the reload")
    assert len(json.loads(first.reply().body)["subscriptions"]) == 4000
    hub.server.process.terminate()
    wait_for(lambda: "event=stopping" in hub.log(), "the stop")
    assert len(json.loads(second.reply().body)["subscriptions"]) == 4000
    for client in (first, second, *made):
        client.close()
    hub.stop()


def test_requests_sent_behind_a_long_list_are_answered_behind_it(crowded):
    made = crowd(crowded)
    client = Client(address(crowded))
    for target in (API, "/healthz", f"{API}/nobody"):
        client.ask("GET", target, [ALL["0.x"]])
    assert len(json.loads(client.reply().body)["subscriptions"]) == 4000
    assert client.reply().status == 200
    assert json.loads(client.reply().body)["subscriptions"] == []
    for stream in made:
        stream.close()
