"""SIGHUP: what changes while streams go on, and that nothing else does."""
import base64
import json
import resource
import selectors
import signal
import socket
import threading
import time
from urllib.parse import urlencode

import pytest

from conftest import KEY, PATH, Client, Fastcgi, Stream, publish, token, wait_for
from test_access import ISSUERS, access_token

NEW = "another-key-another-key-another-k"


def reload(hub, conf=None, word="event=reloaded"):
    if conf is not None:
        hub.conf.write_text(conf)
    before = hub.log().count(word)
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: hub.log().count(word) > before, word)


def address(hub, wire="http"):
    return Fastcgi(("127.0.0.1", hub.port)) if wire == "fastcgi" else ("127.0.0.1", hub.port)


def test_keys_and_origins_follow_the_file(start_hub):
    hub = start_hub("cors_origins https://a.example\nmax_matchers 5")
    text = hub.conf.read_text()
    new = token(["*"], key=NEW)
    assert publish(address(hub), new, topic="t").status == 401
    reload(hub, text.replace(f"publisher_jwt {KEY}", f"publisher_jwt {NEW}").replace("a.example", "b.example").replace("max_matchers 5", "max_matchers 1"))
    assert publish(address(hub), new, topic="t").status == 200
    assert publish(address(hub), topic="t").status == 401
    reply = Client(address(hub)).request("HEAD", PATH + "?topic=a", ["Origin: https://b.example"])
    assert reply.headers["access-control-allow-origin"] == "https://b.example"
    assert Client(address(hub)).get(PATH + "?topic=a&topic=b").status == 400


@pytest.mark.parametrize("wire", ["http", "fastcgi"])
def test_streams_whose_grant_no_longer_verifies_end_within_a_second(start_hub, wire):
    hub = start_hub()
    text = hub.conf.read_text()
    old, new = token(subscribe=["*"]), token(subscribe=["*"], key=NEW)

    def stream(auth=None):
        return Stream(address(hub, wire), "topic=t", *([f"Authorization: Bearer {auth}"] if auth else []))

    streams = [stream(old), stream()]
    reload(hub, text)
    publish(address(hub), topic="t", data="one", private="on")
    publish(address(hub), topic="t", data="two")
    assert streams[0].datas(2) == ["one", "two"] and streams[1].datas(1) == ["two"], "nothing changed, nothing ends"
    began = time.monotonic()
    reload(hub, text.replace(f"subscriber_jwt {KEY}", f"subscriber_jwt {NEW}"))
    assert b"retry: " in streams[0].end()
    assert time.monotonic() - began < 3
    streams.append(stream(new))
    publish(address(hub), topic="t", data="three")
    assert streams[1].datas(1) == ["three"] and streams[2].datas(1) == ["three"]
    reload(hub, hub.conf.read_text().replace("anonymous\n", ""))
    assert b"retry: " in streams[1].end(), "without anonymous, who has no token may not stay"
    publish(address(hub), topic="t", data="four", private="on")
    assert streams[2].datas(1) == ["four"]


def test_a_bad_file_changes_nothing_and_says_why(start_hub):
    hub = start_hub()
    text = hub.conf.read_text()
    stream = Stream(address(hub), "topic=t", f"Authorization: Bearer {token(subscribe=['*'])}")
    line = len(text.split("\n"))
    for bad, word in [("heartbeet 1s\n", "heartbeat"), ("publisher_jwt file:/nowhere\n", "/nowhere"), ('publisher_jwt ""\n', "empty"),
                      ("publisher_jwt abc RS256\n", "RS256"), ("issuer x {\n", "closed")]:
        failed = hub.log().count("event=reload_failed")
        reload(hub, text + bad, "event=reload_failed")
        said = hub.log().split("event=reload_failed")[failed + 1].split("\n")[0]
        assert f"{hub.conf}:" in said and word in said, said
        if "{" not in bad:
            assert f"{hub.conf}:{line}:" in said, said
    hub.conf.unlink()
    reload(hub, None, "event=reload_failed")
    publish(address(hub), topic="t", data="x", private="on")
    assert stream.datas(1) == ["x"]
    reload(hub, text)
    assert publish(address(hub), topic="t").status == 200


def test_what_takes_a_restart_is_named_and_stays_as_it_is(start_hub):
    hub = start_hub()
    text = hub.conf.read_text()
    reload(hub, text.replace("workers 2", "workers 3").replace("transport memory", f"transport log {{ path {hub.folder}/elsewhere }}")
           .replace(f"127.0.0.1:{hub.port}", "127.0.0.1:1") + "path /elsewhere\nheartbeat 2s\n")
    named = [part.split()[0] for part in hub.log().split("event=reload_needs_restart directive=")[1:]]
    assert set(named) == {"listen", "path", "transport", "workers"}, named
    assert publish(address(hub), topic="t").status == 200


def test_what_an_update_may_be_stays_with_the_history_that_holds_it(start_hub, tmp_path):
    """Its bound follows max_bytes, which takes a restart: an update that the running history cannot hold is
    refused by itself as before, and nobody else with it."""
    hub = start_hub(f"transport log {{\n path {tmp_path}/h\n}}\nhistory {{\n max_bytes 1MiB\n}}\nmax_request_body_size 4MiB")
    text, big = hub.conf.read_text(), "x" * 700000
    assert publish(address(hub), topic="t", data=big).status == 413
    reload(hub, text.replace("max_bytes 1MiB", "max_bytes 1GiB"))
    assert "event=reload_needs_restart directive=max_bytes" in hub.log()
    for _ in range(5):
        assert publish(address(hub), topic="t", data=big).status == 413
        assert publish(address(hub), topic="t", data="small").status == 200
    assert publish(address(hub), topic="t", id="i" * 250000, data="x").status in (400, 413)
    assert publish(address(hub), topic="t", data="x" * 250000).status == 200
    assert "history_failed" not in hub.log()
    reload(hub, text.replace("max_bytes 1MiB", "max_bytes 1GiB") + "max_update_size 1MiB\n", "event=reload_failed")
    assert "max_update_size: at most a quarter" in hub.log()


def test_a_heartbeat_that_changes_reaches_streams_that_are_open(start_hub):
    hub = start_hub("heartbeat 1h")
    stream = Stream(address(hub), "topic=t")
    reload(hub, hub.conf.read_text().replace("heartbeat 1h", "heartbeat 200ms"))
    while stream.text.count(b":\n") < 4:
        assert stream.piece()


def test_a_key_in_a_file_is_read_anew(start_hub, tmp_path):
    key = tmp_path / "key"
    key.write_text(KEY + "\n")
    hub = start_hub(f"publisher_jwt file:{key}")
    assert publish(address(hub), topic="t").status == 200
    key.write_text(NEW + "\n")
    reload(hub)
    assert publish(address(hub), topic="t").status == 401
    assert publish(address(hub), token(["*"], key=NEW), topic="t").status == 200


class Readers:
    """Many streams on one thread: counts the updates of each, and what ended."""

    def __init__(self, hub, count, auth):
        self.selector, self.seen, self.ended, self.stop = selectors.DefaultSelector(), {}, 0, False
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", hub.port))
            s.sendall(f"GET {PATH}?topic=t HTTP/1.1\r\nHost: hub.example\r\nAuthorization: Bearer {auth}\r\n\r\n".encode())
            s.setblocking(False)
            self.selector.register(s, selectors.EVENT_READ)
            self.seen[s] = bytearray()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop:
            for key, _ in self.selector.select(0.1):
                try:
                    part = key.fileobj.recv(65536)
                except OSError:
                    part = b""
                self.seen[key.fileobj] += part
                if not part:
                    self.ended += 1
                    self.selector.unregister(key.fileobj)

    def heads(self):
        return sum(b"text/event-stream" in b for b in self.seen.values())

    def close(self):
        self.stop = True
        self.thread.join()
        for s in self.seen:
            s.close()


def test_a_thousand_streams_and_a_hundred_publishes_a_second_do_not_notice_a_rotation(start_hub, tmp_path):
    """Keys in a set: old alone, old and new, new alone; each step is a SIGHUP."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    path = tmp_path / "keys.json"
    secrets = {kid: kid.encode() * 32 for kid in ("a", "b")}

    def write(*kids):
        keys = [{"kty": "oct", "alg": "HS256", "kid": kid, "k": base64.urlsafe_b64encode(secrets[kid]).rstrip(b"=").decode()} for kid in kids]
        path.with_suffix(".new").write_text(json.dumps({"keys": keys}))
        path.with_suffix(".new").rename(path)

    def made(kid, **rights):
        return token(key=secrets[kid], headers={"kid": kid}, **rights)

    write("a")
    hub = start_hub(f"publisher_jwks_url file://{path} HS256\nsubscriber_jwks_url file://{path} HS256\nmax_streams_per_token 100000", keys=False)
    readers = Readers(hub, 1000, made("a", subscribe=["*"]))
    try:
        wait_for(lambda: readers.heads() == 1000, "the streams")
        publisher = Client(("127.0.0.1", hub.port))
        refused, sent, kid = [], 0, "a"
        began = time.monotonic()
        while sent < 400:  # 4 s at 100 a second
            if sent == 100:
                write("a", "b")
            if sent % 40 == 0:
                hub.server.process.send_signal(signal.SIGHUP)
            if sent == 200:
                kid = "b"
            form = urlencode({"topic": "t", "data": f"n{sent}."}).encode()
            reply = publisher.request("POST", PATH, ["Content-Type: application/x-www-form-urlencoded",
                                                     f"Authorization: Bearer {made(kid, publish=['*'])}"], form)
            if reply.status != 200:
                refused.append((sent, reply.status))
            sent += 1
            time.sleep(max(0, began + sent / 100 - time.monotonic()))
        assert not refused, refused[:5]
        wait_for(lambda: all(b"n399." in b for b in readers.seen.values()), "the last update everywhere")
        for b in readers.seen.values():
            assert b.count(b"data: n") == 400
        assert readers.ended == 0
        assert hub.log().count("event=reloaded") >= 5
        # The old key is taken out: its streams end, and nothing else.
        write("b")
        kept = Stream(("127.0.0.1", hub.port), "topic=t", f"Authorization: Bearer {made('b', subscribe=['*'])}")
        ended = time.monotonic()
        hub.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: all(b"retry: " in b for b in readers.seen.values()), "the end of the old key's streams")
        assert time.monotonic() - ended < 5
        assert publish(("127.0.0.1", hub.port), made("b", publish=["*"]), topic="t", data="after").status == 200
        assert kept.datas(1) == ["after"]
    finally:
        readers.close()


def test_a_set_in_a_file_counts_only_with_a_configuration_that_is_right(start_hub, tmp_path):
    path = tmp_path / "keys.json"

    def write(secret):
        key = {"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(secret.encode()).rstrip(b"=").decode()}
        path.write_text(json.dumps({"keys": [key]}))

    write(KEY)
    hub = start_hub(f"publisher_jwks_url file://{path} HS256\nsubscriber_jwt {KEY}", keys=False)
    text = hub.conf.read_text()
    write(NEW)
    reload(hub, text + "heartbeet 1s\n", "event=reload_failed")
    reload(hub, text + "publisher_jwt x XS1\nsubscriber_jwt x XS1\n", "event=reload_failed")
    assert publish(address(hub), topic="t").status == 200
    reload(hub, text)
    assert publish(address(hub), topic="t").status == 401
    assert publish(address(hub), token(["*"], key=NEW), topic="t").status == 200
    path.write_text("{")
    reload(hub, text, "event=reload_failed")
    assert publish(address(hub), token(["*"], key=NEW), topic="t").status == 200


def test_debug_can_be_turned_on_and_off(start_hub):
    hub = start_hub("log logfmt info")
    text = hub.conf.read_text()
    refused = lambda: Client(address(hub)).request("POST", PATH).headers  # noqa: E731
    assert "x-alipes-reason" not in refused() and "level=debug" not in hub.log()
    reload(hub, text + "debug\n")
    assert refused()["x-alipes-reason"] == "no_token"
    Stream(address(hub), "topic=t").close()
    wait_for(lambda: "level=debug" in hub.log(), "a talkative log")
    reload(hub, text)
    assert "x-alipes-reason" not in refused()


def test_streams_by_an_audience_that_the_hub_no_longer_has_end(start_hub):
    """A token of 1.0 names the hub as public_urls have it; of another URL it would be refused today."""
    hub = start_hub(ISSUERS + "public_urls http://hub.example http://other.example")
    text = hub.conf.read_text()

    def stream(*headers):
        return Stream(address(hub), "match=t", *headers)

    modern = f"Authorization: Bearer {access_token(subscribe=['*'])}"  # aud: http://hub.example…
    streams = [stream(modern), stream(f"Authorization: Bearer {token(subscribe=['*'])}"), stream()]
    kept = text.replace(" http://other.example", f"{PATH} https://new.example")
    reload(hub, kept)
    publish(address(hub), topic="t", data="one")
    assert [s.datas(1) for s in streams] == [["one"]] * 3, "the same URL, in other words"
    reload(hub, kept.replace(f"http://hub.example{PATH}", f"https://hub.example{PATH}"))
    assert b"retry: " in streams[0].end()
    publish(address(hub), topic="t", data="two")
    assert [s.datas(1) for s in streams[1:]] == [["two"]] * 2, "tokens of 0.x name no hub"
    assert Client(address(hub)).request("GET", PATH + "?match=t", [modern]).status == 401


def test_an_audience_of_the_request_is_kept_while_requests_say_it(start_hub):
    hub = start_hub(ISSUERS)
    text = hub.conf.read_text()
    modern = f"Authorization: Bearer {access_token(subscribe=['*'])}"
    stream = Stream(address(hub), "match=t", modern)
    reload(hub, text + "heartbeat 2s\n")
    publish(address(hub), topic="t", data="one")
    assert stream.datas(1) == ["one"]
    reload(hub, text + "public_urls http://hub.example\n")
    publish(address(hub), topic="t", data="two")
    assert stream.datas(1) == ["two"], "it is what the configuration says now"
    reload(hub, text + "resource_identifier https://id.example\n")
    assert b"retry: " in stream.end()
    told = Stream(address(hub), "match=t", f"Authorization: Bearer {access_token(subscribe=['*'], aud='https://id.example')}")
    reload(hub, text)
    assert b"retry: " in told.end(), "what requests say is not that"
