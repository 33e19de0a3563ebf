"""Lists of active subscriptions: who may read them, what they say, in which order and as of when; over both wires, in
both dialects and beside each other."""
import json
import re
import threading
from urllib.parse import urlencode

import jwt
import pytest

from conftest import KEY, PATH, Hub, Stream, publish, token, wait_for
from presence import API, ISSUED, access, address, bearer, dialect, enc, reads, wire  # noqa: F401
from presence_lists import ALL, ON, ask, pages, read, subscribers

TOPIC = "https://example.com/books/é?a=1"
QUERY = {"0.x": lambda *topics: urlencode([("topic", t) for t in topics]), "1.0": lambda *topics: urlencode([("match", t) for t in topics])}
PREFIX = {"0.x": API, "1.0": f"{API}/exact"}


def new_hub(folder, extra="", **options):
    return Hub(folder, ON + extra, **options)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    hub = new_hub(tmp_path_factory.mktemp("mixed"), ISSUED)
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    hub = new_hub(tmp_path_factory.mktemp("old"))
    yield hub
    hub.stop()


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    hub = new_hub(tmp_path_factory.mktemp("new"), ISSUED, keys=False)
    yield hub
    hub.stop()


def gone(hub, *streams):
    """They are closed, and no list has them any more."""
    for stream in streams:
        stream.close()
    wait_for(lambda: all(read(hub, API, d)["subscriptions"] == [] for d in ("0.x", "1.0") if d in hub.speaks), "the ends")


@pytest.fixture(autouse=True)
def tell_dialects(request):
    for name, speaks in (("mixed", ("0.x", "1.0")), ("old", ("0.x",)), ("new", ("1.0",))):
        if name in request.fixturenames:
            request.getfixturevalue(name).speaks = speaks


def cursor_of(reply):
    return re.search(r'last-event-id="((?:[^"\\]|\\.)*)"', reply.headers["link"]).group(1)


# --- what a list says --------------------------------------------------------------------------


def test_a_list_of_1_0_names_each_matcher_of_each_stream_of_1_0(mixed, wire):
    payload = {"name": "Ann", "n": [1.50, None, True]}
    stream = Stream(address(mixed, wire), urlencode([("match", TOPIC), ("match_urlpattern", "/rooms/:id")]),
                    bearer(access(reads(payload=payload))))
    other = Stream(address(mixed), QUERY["0.x"](TOPIC))
    document = read(mixed, API, "1.0", wire=wire)
    assert list(document) == ["id", "type", "subscriptions"] and document["id"] == API and document["type"] == "subscriptions"
    exact, pattern = document["subscriptions"]
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", exact["subscriber"]) and exact["subscriber"] == pattern["subscriber"]
    for entry, kind, match in ((exact, "exact", TOPIC), (pattern, "urlpattern", "/rooms/:id")):
        assert entry == {"id": f"{API}/{kind}/{enc(match)}/{enc(entry['subscriber'])}", "type": "subscription", "subscriber": entry["subscriber"],
                         "match": match, "match_type": kind, "active": True, "payload": payload}
        for target in (entry["id"].rpartition("/")[0], API):
            assert entry in read(mixed, target, "1.0", wire=wire)["subscriptions"]
        assert read(mixed, entry["id"], "1.0", wire=wire) == entry
    gone(mixed, stream, other)


def test_a_list_of_0_x_is_json_ld_and_says_its_cursor(mixed, wire):
    stream = Stream(address(mixed, wire), QUERY["0.x"](TOPIC, "a b/{id}"), bearer(jwt.encode({"mercure": {"subscribe": ["*"], "payload": True}}, KEY)))
    other = Stream(address(mixed), QUERY["1.0"](TOPIC))
    reply = ask(mixed, API, ALL["0.x"], wire=wire)
    document = read(mixed, API, "0.x", wire=wire)
    assert {k: document[k] for k in document if k != "subscriptions"} == {
        "@context": "https://mercure.rocks/", "id": API, "type": "Subscriptions", "lastEventID": document["lastEventID"]}
    assert reply.headers["etag"] == f'"{document["lastEventID"]}"' and "link" not in reply.headers
    assert [s["topic"] for s in document["subscriptions"]] == [TOPIC, "a b/{id}"]
    for entry in document["subscriptions"]:
        assert entry == {"id": f"{API}/{enc(entry['topic'])}/{enc(entry['subscriber'])}", "type": "Subscription", "subscriber": entry["subscriber"],
                         "topic": entry["topic"], "active": True, "payload": True}
        one = read(mixed, entry["id"], "0.x", wire=wire)
        assert one == {"@context": "https://mercure.rocks/", **entry, "lastEventID": document["lastEventID"]}
    plus = read(mixed, f"{API}/a+b%2f%7Bid%7d", "0.x", wire=wire)
    assert plus["id"] == f"{API}/a+b%2f%7Bid%7d" and plus["subscriptions"] == [document["subscriptions"][1]]
    gone(mixed, stream, other)


def test_a_list_of_nobody_is_empty_and_an_unknown_subscription_is_404(mixed, dialect, wire):
    assert read(mixed, API, dialect, wire=wire)["subscriptions"] == []
    assert read(mixed, f"{PREFIX[dialect]}/{enc('nobody')}", dialect, wire=wire)["subscriptions"] == []
    reply = ask(mixed, f"{PREFIX[dialect]}/{enc('nobody')}/{enc('urn:uuid:1')}", ALL[dialect], "If-None-Match: *", wire=wire)
    assert reply.status == 404 and b"not active" in reply.body


def test_a_subscription_that_has_ended_is_404_and_in_no_list(mixed, dialect):
    stream, stays = Stream(address(mixed), QUERY[dialect](TOPIC)), Stream(address(mixed), QUERY[dialect](TOPIC))
    first, second = read(mixed, API, dialect)["subscriptions"]
    stream.close()
    wait_for(lambda: ask(mixed, first["id"], ALL[dialect]).status == 404, "the end")
    assert read(mixed, API, dialect)["subscriptions"] == [second]
    assert read(mixed, f"{PREFIX[dialect]}/{enc(TOPIC)}", dialect)["subscriptions"] == [second]
    gone(mixed, stays)


@pytest.mark.parametrize("written", ["https:%2F%2Fexample.com%2Fbooks%2F%c3%a9%3fa=1", "%68ttps%3a%2f%2fexample.com%2fbooks%2f%C3%A9%3Fa%3d1"])
def test_a_matcher_is_found_however_its_path_is_encoded_and_granted_as_it_is_written(new, written):
    stream = Stream(address(new), QUERY["1.0"](TOPIC))
    target = f"{API}/exact/{written}"
    document = json.loads(ask(new, target, bearer(access(reads(target)))).body)
    assert document["id"] == target and len(document["subscriptions"]) == 1
    assert ask(new, target, bearer(access(reads(f"{API}/exact/{enc(TOPIC)}")))).status == 403
    gone(new, stream)


def test_a_topic_that_is_no_utf8_is_shown_with_replacements_and_found_by_its_bytes(old):
    stream = Stream(address(old), "topic=%ff%00%22")
    entry, = read(old, f"{API}/%FF%00%22", "0.x")["subscriptions"]
    assert entry["topic"] == '\ufffd\0"' and entry["id"].startswith(f"{API}/%FF%00%22/")
    gone(old, stream)


# --- who may -----------------------------------------------------------------------------------

ROOM = "https://example.com/rooms/1"
ROOM_PATH = f"{API}/exact/{enc(ROOM)}"
ITEM_PATH = f"{ROOM_PATH}/{enc('urn:uuid:1')}"


@pytest.mark.parametrize("grant, target, status", [
    (reads(), API, 200), (reads(API), API, 200), (reads(API), ROOM_PATH, 403), (reads(ROOM_PATH), ROOM_PATH, 200), (reads(ROOM), ROOM_PATH, 403),
    (reads(ROOM_PATH), API, 403), (reads(ROOM_PATH), ITEM_PATH, 403), (reads(f"{API}/:match_type/{enc(ROOM)}{{/:subscriber}}?", kind="urlpattern"), ROOM_PATH, 200),
    (reads(f"{API}/:match_type/{enc(ROOM)}{{/:subscriber}}?", kind="urlpattern"), ITEM_PATH, 404),
    (reads(f"{API}/:match_type/{enc(ROOM)}{{/:subscriber}}?", kind="urlpattern"), f"{API}/exact/{enc(ROOM + '2')}", 403),
    (reads(f"{API}/:match_type/{enc(ROOM)}{{/:subscriber}}?", kind="urlpattern"), API, 403),
    (reads(f"https://hub.example{API}/:t/:m", kind="urlpattern"), ROOM_PATH, 200), (reads(f"https://other.example{API}/:t/:m", kind="urlpattern"), ROOM_PATH, 403),
    (reads(f"{ROOM_PATH}?limit=1"), f"{ROOM_PATH}?limit=1", 403), (reads(ROOM_PATH), f"{ROOM_PATH}?limit=1", 200),
    ({"actions": ["publish"], "topics": [{"match": "*"}]}, API, 403)])
def test_a_token_of_1_0_grants_lists_by_their_raw_path(new, wire, grant, target, status):
    reply = ask(new, target, bearer(access(grant)), "Origin: https://app.example", wire=wire)
    assert reply.status == status, reply.body
    assert reply.headers["access-control-allow-origin"] == "https://app.example" and reply.headers["access-control-allow-credentials"] == "true"
    if status == 403:
        assert 'error="insufficient_scope"' in reply.headers["www-authenticate"]


@pytest.mark.parametrize("selectors, target, status", [
    (["*"], API, 200), ([API], API, 200), ([f"{API}/{enc(ROOM)}"], f"{API}/{enc(ROOM)}", 200), ([f"{API}/{{topic}}"], f"{API}/a", 200),
    ([f"{API}/a{{/subscriber}}"], f"{API}/a", 200), ([f"{API}/a{{/subscriber}}"], f"{API}/a/urn%3Auuid%3A1", 404), ([f"{API}/a{{/subscriber}}"], f"{API}/b", 401),
    ([ROOM], f"{API}/{enc(ROOM)}", 401), ([], API, 401)])
def test_a_token_of_0_x_grants_lists_by_their_raw_path(old, wire, selectors, target, status):
    reply = ask(old, target, bearer(token(subscribe=selectors)), wire=wire)
    assert reply.status == status, reply.body
    assert ("www-authenticate" in reply.headers) == (status == 401)


def test_without_a_token_a_list_is_401_also_where_streams_are_anonymous(mixed, old, wire):
    reply = ask(mixed, ROOM_PATH, "Origin: https://app.example", wire=wire)
    assert reply.status == 401 and "resource_metadata" in reply.headers["www-authenticate"]
    assert reply.headers["access-control-allow-origin"] == "https://app.example"
    assert ask(old, API, wire=wire).status == 401
    assert ask(old, API, bearer(token(subscribe=["*"], key="x" * 32)), wire=wire).status == 401
    assert "would let this subscriber" not in mixed.log() + old.log()  # more than `anonymous` is needed


def test_the_log_says_which_path_was_not_granted(new):
    target = f"{API}/exact/not-granted"

    def said():  # one line a second and reason
        assert ask(new, target, bearer(access(reads("/elsewhere")))).status == 403
        return any(target in line and "topic_not_granted" in line and "/elsewhere" in line and "role=subscribe" in line
                   for line in new.log().split("\n"))

    wait_for(said, "the line")


def test_the_token_may_be_in_a_header_a_cookie_or_the_query(mixed, wire):
    good, bad = {"0.x": token(subscribe=["*"]), "1.0": access(reads())}, token(subscribe=[])
    cookies = {"0.x": f"Cookie: mercureAuthorization={good['0.x']}", "1.0": f"Cookie: __Secure-mercure_access_token={good['1.0']}"}
    for dialect in good:
        assert ask(mixed, API, cookies[dialect], wire=wire).status == 200
        assert ask(mixed, API, cookies[dialect], bearer(bad), wire=wire).status == 401
    both = "; ".join([cookies["0.x"], cookies["1.0"][8:]])
    assert json.loads(ask(mixed, API, both, wire=wire).body)["type"] == "subscriptions"  # the name of 1.0 comes first
    assert json.loads(ask(mixed, f"{API}?authorization={good['0.x']}&limit=5", wire=wire).body)["type"] == "Subscriptions"
    assert ask(mixed, f"{API}?authorization={good['1.0']}", wire=wire).status == 401


def test_token_and_path_may_be_of_different_dialects(mixed):
    streams = [Stream(address(mixed), QUERY[d](TOPIC)) for d in ("0.x", "1.0")]
    for mine, path_of in (("0.x", "1.0"), ("1.0", "0.x")):
        reply = ask(mixed, f"{PREFIX[path_of]}/{enc(TOPIC)}", ALL[mine])
        assert reply.status == 200 and reply.headers["content-type"].startswith({"0.x": "application/ld", "1.0": "application/json"}[path_of])
        assert len(json.loads(reply.body)["subscriptions"]) == 1
        whole = json.loads(ask(mixed, API, ALL[mine]).body)
        assert [("topic" in s) for s in whole["subscriptions"]] == [mine == "0.x"]
    gone(mixed, *streams)


def test_another_host_is_421_and_a_list_is_not_looked_at(start_hub):
    hub = start_hub(ON + "public_urls https://site.example")
    assert ask(hub, API, ALL["0.x"]).status == 421


# --- which paths and methods -------------------------------------------------------------------


@pytest.mark.parametrize("behind, of_mixed, of_old, of_new", [
    ("", 401, 401, 401), ("/", 404, 404, 404), ("//", 404, 404, 404), ("/a", 401, 401, 404), ("/a/", 404, 404, 404), ("/a//b", 404, 404, 404),
    ("/exact", 401, 401, 404), ("/exact/a", 401, 401, 401), ("/urlpattern/a", 401, 401, 401), ("/a/b", 401, 401, 400), ("/Exact/a", 401, 401, 400),
    ("/exact/a/b", 401, 404, 401), ("/a/b/c", 404, 404, 400), ("/exact/a/b/c", 404, 404, 404), ("/%zz", 400, 400, 400), ("/a%2", 400, 400, 400),
    ("x", 404, 404, 404), ("%2Fa/b", 404, 404, 404)])
def test_a_path_has_a_shape_that_tells_its_dialect(mixed, old, new, wire, behind, of_mixed, of_old, of_new):
    assert [ask(hub, API + behind, wire=wire).status for hub in (mixed, old, new)] == [of_mixed, of_old, of_new]


def test_other_methods_are_405_and_preflights_let_a_page_revalidate(mixed, wire):
    for method in ("POST", "PUT", "DELETE", "QUERY"):
        reply = ask(mixed, API, ALL["0.x"], wire=wire, method=method)
        assert reply.status == 405 and reply.headers["allow"] == "GET, HEAD, OPTIONS"
    assert ask(mixed, API, wire=wire, method="OPTIONS").headers["allow"] == "GET, HEAD, OPTIONS"
    preflight = ask(mixed, ROOM_PATH, "Origin: https://app.example", "Access-Control-Request-Method: GET",
                    "Access-Control-Request-Headers: authorization,if-none-match", wire=wire, method="OPTIONS")
    assert preflight.status == 204 and "if-none-match" in preflight.headers["access-control-allow-headers"]
    reply = ask(mixed, API, ALL["1.0"], "Origin: https://app.example", wire=wire)
    assert {"ETag", "Link", "X-Total-Count"} <= set(reply.headers["access-control-expose-headers"].split(", "))


def test_without_the_directive_a_list_is_404_that_names_it(start_hub, wire):
    hub = start_hub(ISSUED)
    for target in (API, f"{API}/exact/a", f"{API}/a/b/c/d"):
        reply = ask(hub, target, ALL["1.0"], wire=wire)
        assert reply.status == 404 and b"directive subscriptions" in reply.body
    metadata = json.loads(ask(hub, f"/.well-known/oauth-protected-resource{PATH}", wire=wire).body)
    assert "mercure_subscriptions" not in metadata


def test_the_metadata_say_that_there_are_lists(new, wire):
    assert json.loads(ask(new, f"/.well-known/oauth-protected-resource{PATH}", wire=wire).body)["mercure_subscriptions"] is True


# --- as of when --------------------------------------------------------------------------------


def test_an_empty_hub_is_as_of_earliest(start_hub, wire):
    hub = start_hub(ON + ISSUED)
    for dialect in ("0.x", "1.0"):
        reply = ask(hub, API, ALL[dialect], wire=wire)
        assert reply.headers["etag"] == '"earliest"'
        assert ask(hub, API, ALL[dialect], 'If-None-Match: "earliest"', wire=wire).status == 304
    assert reply.headers["link"] == f'<{PATH}>; rel="mercure"; last-event-id="earliest"; type="mercure"; content-type="application/json"'
    assert read(hub, API, "0.x", wire=wire)["lastEventID"] == "earliest"


def test_a_list_is_as_of_the_last_update_whatever_that_was(mixed, dialect, wire):
    assert publish(address(mixed), topic="t", data="x", id='last "\\%é one').status == 200
    reply = ask(mixed, API, ALL[dialect], wire=wire)
    assert reply.headers["etag"] == '"last%20%22\\%25Ã©%20one"'
    assert reply.headers["cache-control"] == "private, no-cache" and "Authorization, Cookie" in reply.headers["vary"]
    if dialect == "1.0":
        assert 'last-event-id="last \\"\\\\%Ã© one"' in reply.headers["link"]
    else:
        assert json.loads(reply.body)["lastEventID"] == 'last "\\%é one'
    stream = Stream(address(mixed), QUERY[dialect](TOPIC))
    assert ask(mixed, API, ALL[dialect], wire=wire).headers["etag"].startswith('"urn:uuid:')
    gone(mixed, stream)


def test_who_listens_from_a_lists_cursor_hears_what_came_after_it_and_nothing_before(mixed, dialect):
    room = "https://example.com/rooms/cursor"
    before = Stream(address(mixed), QUERY[dialect](room))
    reply = ask(mixed, f"{PREFIX[dialect]}/{enc(room)}", ALL[dialect])
    listed = [s["subscriber"] for s in json.loads(reply.body)["subscriptions"]]
    cursor = json.loads(reply.body)["lastEventID"] if dialect == "0.x" else cursor_of(reply)
    after = Stream(address(mixed), QUERY[dialect](room))
    before.close()
    wait_for(lambda: len(subscribers(mixed, f"{PREFIX[dialect]}/{enc(room)}", dialect)) == 1, "the end")
    query = (urlencode([("topic", f"{API}/{{topic}}/{{subscriber}}"), ("lastEventID", cursor)]) if dialect == "0.x" else
             urlencode([("match_urlpattern", f"{API}/exact/:match/:subscriber"), ("last_event_id", cursor)]))
    watcher = Stream(address(mixed), query, ALL[dialect])
    heard = [json.loads(re.search(r"^data: (.*)$", watcher.event(), re.M).group(1)) for _ in range(2)]
    assert [(e["active"], e["subscriber"] in listed) for e in heard] == [(True, False), (False, True)]
    gone(mixed, after, watcher)


@pytest.mark.parametrize("condition, of_0x, of_1_0", [
    ('"x"', 200, 200), ("x", 200, 200), ("TAG", 304, 304), ("W/TAG", 304, 304), ('"x", W/TAG', 304, 304), ('"x",TAG,"y"', 304, 304), ("*", 304, 304), ('"*"', 200, 200),
    ("BARE", 304, 200), ("x, BARE", 304, 200), ('"x', 200, 200), ("", 200, 200), ("TAGx", 200, 200)])
def test_a_list_that_the_client_has_is_304(mixed, wire, condition, of_0x, of_1_0):
    publish(address(mixed), topic="t", data="x")
    stream = {d: Stream(address(mixed), QUERY[d](TOPIC)) for d in ("0.x", "1.0")}
    for dialect, status in (("0.x", of_0x), ("1.0", of_1_0)):
        for target in (API, f"{PREFIX[dialect]}/{enc(TOPIC)}", read(mixed, API, dialect)["subscriptions"][0]["id"]):
            tag = ask(mixed, target, ALL[dialect]).headers["etag"]
            for method in ("GET", "HEAD"):
                reply = ask(mixed, target, ALL[dialect], "Origin: https://app.example",
                            "If-None-Match: " + condition.replace("TAG", tag).replace("BARE", tag.strip('"')), wire=wire, method=method)
                assert reply.status == status
                assert reply.headers["etag"] == tag and reply.headers["access-control-allow-origin"] == "https://app.example"
                assert ("link" in reply.headers) == (dialect == "1.0") and reply.headers["cache-control"] == "private, no-cache"
                assert status == 200 or (reply.body == b"" and "content-type" not in reply.headers)
    gone(mixed, *stream.values())


def test_a_list_that_has_changed_is_sent_again(mixed, dialect):
    first = ask(mixed, API, ALL[dialect]).headers["etag"]
    stream = Stream(address(mixed), QUERY[dialect](TOPIC))
    assert ask(mixed, API, ALL[dialect], f"If-None-Match: {first}").status == 200
    gone(mixed, stream)


def test_a_list_that_has_changed_is_sent_again_though_a_publisher_repeats_its_id(mixed, dialect, wire):
    publish(address(mixed), topic="t", data="x", id="again")
    first = ask(mixed, API, ALL[dialect]).headers["etag"]
    stream = Stream(address(mixed), QUERY[dialect](TOPIC))
    publish(address(mixed), topic="t", data="x", id="again")
    for target in (API, f"{PREFIX[dialect]}/{enc(TOPIC)}"):
        reply = ask(mixed, target, ALL[dialect], f"If-None-Match: {first}", wire=wire)
        assert (reply.status, reply.headers["etag"], len(json.loads(reply.body)["subscriptions"])) == (200, first, 1)
    item = read(mixed, API, dialect)["subscriptions"][0]["id"]
    assert ask(mixed, item, ALL[dialect], f"If-None-Match: {first}", wire=wire).status == 304  # it does not change while it is active
    gone(mixed, stream)


def test_head_says_what_get_says_and_counts(mixed, dialect, wire):
    streams = [Stream(address(mixed), QUERY[dialect](TOPIC, f"b{n}")) for n in range(3)]
    for target, count in ((API, "6"), (f"{API}?limit=2", "6"), (f"{PREFIX[dialect]}/{enc(TOPIC)}", "3"), (f"{PREFIX[dialect]}/nobody", "0"),
                          (read(mixed, API, dialect)["subscriptions"][0]["id"], None)):
        told, sent = ask(mixed, target, ALL[dialect], wire=wire, method="HEAD"), ask(mixed, target, ALL[dialect], wire=wire)
        for reply in (told, sent):
            reply.headers.pop("date", None)
        assert (told.status, told.headers, told.body) == (200, sent.headers, b"")
        assert int(told.headers["content-length"]) == len(sent.body) and told.headers.get("x-total-count") == count
    assert ask(mixed, f"{API}/a/b/c", ALL[dialect], wire=wire, method="HEAD").status == 404
    gone(mixed, *streams)


# --- beyond the standard -----------------------------------------------------------------------


def test_pages_together_are_the_whole_list_in_the_order_of_its_begins(mixed, dialect, wire):
    streams = [Stream(address(mixed), QUERY[dialect](f"a{n}", f"b{n}")) for n in range(5)]
    whole = read(mixed, API, dialect)["subscriptions"]
    for size in (1, 3, 9, 10, 11):
        found = list(pages(mixed, f"{API}?limit={size}", dialect, wire=wire))
        assert [s for page, _ in found for s in page["subscriptions"]] == whole
        assert all(len(page["subscriptions"]) == size for page, _ in found[:-1]) and {r.headers["x-total-count"] for _, r in found} == {"10"}
        assert len(found) == -(-10 // size)
        assert all(page["id"] == API for page, _ in found)
    gone(mixed, *streams)


def test_who_ends_or_begins_between_two_pages_is_on_no_page_or_a_later_one(mixed, dialect):
    streams = [Stream(address(mixed), QUERY[dialect]("room")) for _ in range(4)]
    names = subscribers(mixed, API, dialect)

    def change():
        if len(streams) == 4:
            count = len(subscribers(mixed, API, dialect))
            streams[1].close()  # on the page that was read
            streams[2].close()  # on the next one
            streams.append(Stream(address(mixed), QUERY[dialect]("room")))
            wait_for(lambda: len(subscribers(mixed, API, dialect)) == count - 1, "the ends")

    listed = [s["subscriber"] for page, _ in pages(mixed, f"{API}?limit=2", dialect, change) for s in page["subscriptions"]]
    now = subscribers(mixed, API, dialect)
    assert listed == names[:2] + names[3:] + now[-1:] and len(set(listed)) == 4
    gone(mixed, *streams)


def test_topics_in_the_query_leave_those_subscriptions_alone(mixed, dialect, wire):
    odd = "x&y=%+/é"
    streams = [Stream(address(mixed), QUERY[dialect](t)) for t in ("a", odd, "b", "a", "aa")]
    for topics in (["a"], ["a", odd], [odd], ["nobody"], ["a", "a", "b"], ["A"]):
        query = urlencode([("topic", t) for t in topics])
        found = [s.get("topic", s.get("match")) for s in read(mixed, f"{API}?{query}", dialect, wire=wire)["subscriptions"]]
        assert found == [t for t in ("a", odd, "b", "a", "aa") if t in topics]
        paged = list(pages(mixed, f"{API}?limit=1&{query}", dialect, wire=wire))
        assert sum(len(page["subscriptions"]) for page, _ in paged) == len(found) and paged[0][1].headers["x-total-count"] == str(len(found))
    assert read(mixed, f"{PREFIX[dialect]}/b?topic=a", dialect)["subscriptions"] == []
    gone(mixed, *streams)


@pytest.mark.parametrize("query", ["limit=", "limit=0", "limit=-1", "limit=x", "limit=1&limit=1", "after=", "after=1", "after=x-1", "after=1-1&after=1-1",
                                   "limit=99999999999999999999", "after=1-2-3", "&".join(f"topic={n}" for n in range(1001))])
def test_a_bad_parameter_is_400_for_who_may_read_and_not_told_to_others(mixed, dialect, wire, query):
    reply = ask(mixed, f"{API}?{query}", ALL[dialect], wire=wire)
    assert reply.status == 400 and len(reply.body) > 10
    assert ask(mixed, f"{API}?{query}", wire=wire).status == 401


def test_parameters_of_others_are_passed_over(mixed, dialect):
    assert read(mixed, f"{API}?last_event_id=x&Limit=0&_=1&topics=a", dialect)["id"] == API


def test_a_list_and_the_events_from_its_cursor_are_who_is_there_while_many_come_and_go(mixed, dialect):
    room, stop = "https://example.com/rooms/churn", threading.Event()

    def come_and_go():
        while not stop.is_set():
            streams = [Stream(address(mixed), QUERY[dialect](room)) for _ in range(3)]
            for stream in streams:
                stream.close()

    workers = [threading.Thread(target=come_and_go) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        snapshots = [ask(mixed, f"{PREFIX[dialect]}/{enc(room)}", ALL[dialect]) for _ in range(20)]
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    wait_for(lambda: not subscribers(mixed, f"{PREFIX[dialect]}/{enc(room)}", dialect), "the last end")
    publish(address(mixed), topic="done", data="done")
    for reply in snapshots:
        there = {s["subscriber"] for s in json.loads(reply.body)["subscriptions"]}
        cursor = json.loads(reply.body)["lastEventID"] if dialect == "0.x" else cursor_of(reply)
        query = (urlencode([("topic", f"{API}/{enc(room)}/{{subscriber}}"), ("topic", "done"), ("lastEventID", cursor)]) if dialect == "0.x" else
                 urlencode([("match_urlpattern", f"{API}/exact/{enc(room)}/:subscriber"), ("match", "done"), ("last_event_id", cursor)]))
        watcher = Stream(address(mixed), query, ALL[dialect])
        while (text := re.search(r"^data: (.*)$", watcher.event(), re.M).group(1)) != "done":
            event = json.loads(text)
            assert (event["subscriber"] in there) != event["active"]
            (there.add if event["active"] else there.remove)(event["subscriber"])
        watcher.close()
        assert there == set()
    gone(mixed)
