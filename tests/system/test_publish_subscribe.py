"""`alipes publish` and `alipes subscribe`: a person at a terminal, who has the hub's configuration, or the URL of any hub and
a token; in both dialects."""

import json
import os
import queue
import socket
import subprocess
import threading
import time
from contextlib import suppress

import pytest
from conftest import BIN, KEY, PATH, Front, Hub, certificate, free_port, token, wait_for

ISSUER = "https://issuer.example"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("MERCURE_", "ALIPES_CONFIG"))}
OF_1_0 = (f"issuer {ISSUER} {{\n\tpublisher {{\n\t\tjwt {KEY} HS256\n\t}}\n\tsubscriber {{\n\t\tjwt {KEY} HS256\n\t}}\n}}\n")


def alipes(*words, text="", status=0):
    done = subprocess.run([BIN, *map(str, words)], input=text, capture_output=True, text=True, timeout=60, env=CLEAN)
    assert done.returncode == status, (words, done.stdout, done.stderr)
    return done


class Listener:
    """`alipes subscribe --json`, and what it printed."""

    def __init__(self, *words):
        self.process = subprocess.Popen([BIN, "subscribe", "--json", *map(str, words)], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=CLEAN)
        self.events, self.said = queue.Queue(), queue.Queue()
        for pipe, lines in ((self.process.stdout, self.events), (self.process.stderr, self.said)):
            threading.Thread(target=lambda pipe=pipe, lines=lines: [lines.put(line) for line in pipe], daemon=True).start()

    def event(self):
        return json.loads(self.events.get(timeout=60))

    def end(self):
        self.process.terminate()
        self.process.wait(60)


@pytest.fixture(scope="module", params=["0.x", "1.0", "1.0 by request"])
def hub(request, tmp_path_factory):
    """The last one has no public URL: the token is for the URL of the request."""
    if request.param == "0.x":
        hub = Hub(tmp_path_factory.mktemp("cli"))
    else:
        more = f"resource_identifier https://hub.example{PATH}\n" if request.param == "1.0" else ""
        hub = Hub(tmp_path_factory.mktemp("cli"), OF_1_0 + more, keys=False)
    hub.dialect = request.param[:3]
    yield hub
    hub.stop()


def listening(hub, *words):
    """One that surely hears: it has heard what was published for it."""
    listener = Listener("-c", hub.conf, *words)
    marks = []

    def heard():
        marks.append(alipes("publish", "-c", hub.conf, "t", "mark").stdout.strip())
        time.sleep(0.1)
        return not listener.events.empty()

    wait_for(heard, "the listener")
    while listener.event()["id"] != marks[-1]:
        continue
    return listener


def test_what_is_published_is_heard(hub):
    listener = listening(hub)
    made = alipes("publish", "-c", hub.conf, "t", "hello")
    assert made.stdout.startswith("urn:uuid:") and not made.stderr
    event = listener.event()
    assert event == {"time": event["time"], "id": made.stdout.strip(), "data": "hello"}
    assert abs(event["time"] / 1000 - time.time()) < 60
    assert alipes("publish", "-c", hub.conf, "--private", "--type", "chat", "--id", f"mine-{hub.dialect}", "--retry=250", "t", "u", "-",
                  text="é\nb\n").stdout == f"mine-{hub.dialect}\n"
    event = listener.event()
    assert (event["id"], event["type"], event["data"]) == (f"mine-{hub.dialect}", "chat", "é\nb")
    assert alipes("publish", "-c", hub.conf, "t").stdout.strip() == listener.event()["id"]
    listener.end()


def test_a_topic_is_heard_alone_and_with_it_what_is_private(hub):
    pattern = "https://example.com/books/{id}" if hub.dialect == "0.x" else "urlpattern:https://example.com/books/:id"
    listener = listening(hub, "t", pattern)
    for topic in ("https://example.com/films/1", "https://example.com/books/1"):
        alipes("publish", "-c", hub.conf, "--private", topic, topic)
    assert listener.event()["data"] == "https://example.com/books/1"
    listener.end()


def test_events_are_a_line_each_and_nothing_of_them_reaches_the_terminal_as_it_is(hub):
    first = alipes("publish", "-c", hub.conf, "lines", "a").stdout.strip()
    alipes("publish", "-c", hub.conf, "--type", "x", "lines", "b\x1b[2J\nc")
    done = alipes("subscribe", "-c", hub.conf, "--from", first, "--count", 1, "lines")
    clock, id, line = done.stdout.split(" ", 2)
    assert line == "[x] b\\x1b[2J\\x0ac\n" and id.startswith("urn:uuid:") and len(clock) == 8
    assert not done.stderr
    done = alipes("subscribe", "-c", hub.conf, "--from", "earliest", "--count", 2, "--json", "lines")
    assert [json.loads(line)["data"] for line in done.stdout.splitlines()] == ["a", "b\x1b[2J\nc"]


def test_an_unknown_cursor_is_told(hub):
    listener = Listener("-c", hub.conf, "--from", "urn:nobody", "t")
    assert "does not know that id" in listener.said.get(timeout=60)
    listener.end()


def test_a_hub_that_restarts_is_found_again_and_nothing_is_missed(tmp_path):
    hub = Hub(tmp_path)
    hub.stop()
    hub.conf.write_text(hub.conf.read_text().replace("transport memory", f"transport log {{\n\tpath {tmp_path}/history\n}}"))
    hub.start()
    listener = listening(hub)
    for number in range(3):
        hub.stop()
        hub.start()
        alipes("publish", "-c", hub.conf, "t", str(number))
        assert listener.event()["data"] == str(number)
    listener.end()
    hub.stop()


def test_a_stream_that_ends_with_its_token_comes_back_with_the_next_one(tmp_path):
    hub = Hub(tmp_path)
    (tmp_path / "token").write_text(f"Authorization: Bearer {token(subscribe=['*'], exp=int(time.time()) + 4)}\n")
    listener = Listener("-c", hub.conf, "--token", tmp_path / "token", "--from", "earliest")
    alipes("publish", "-c", hub.conf, "--private", "t", "1")
    assert listener.event()["data"] == "1"
    (tmp_path / "token").write_text(token(subscribe=["*"]))
    wait_for(lambda: "event=stream_end" in hub.log(), "the token's end")
    alipes("publish", "-c", hub.conf, "--private", "t", "2")
    assert listener.event()["data"] == "2"
    listener.end()
    hub.stop()


def test_another_hub_is_asked_by_its_url_over_tls(tmp_path):
    hub = Hub(tmp_path)
    cert = certificate(tmp_path, ("localhost",))
    port = free_port()
    conf = tmp_path / "Caddyfile"
    conf.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\nhttps://localhost:{port} {{\n\tbind 127.0.0.1\n\ttls {cert[0]} {cert[1]}\n"
                    f"\treverse_proxy unix/{hub.socket} {{\n\t\tflush_interval -1\n\t}}\n}}\n")
    home = {name: str(tmp_path) for name in ("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME")}
    front = Front("caddy", ["caddy", "run", "--config", conf, "--adapter", "caddyfile"], tmp_path, {**os.environ, **home})
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "the front")
    url = f"https://localhost:{port}{PATH}"
    (tmp_path / "publisher").write_text(token(publish=["*"]))
    (tmp_path / "subscriber").write_text(token(subscribe=["*"]))
    made = alipes("publish", "--url", url, "--ca", cert[0], "--token", tmp_path / "publisher", "--private", "t", "x").stdout
    heard = alipes("subscribe", "--url", url, "--ca", cert[0], "--token", tmp_path / "subscriber", "--from", "earliest", "--json", "--count", 1)
    assert json.loads(heard.stdout)["id"] == made.strip()
    failed = alipes("publish", "--url", url, "--token", tmp_path / "publisher", "t", "x", status=1)
    assert "certificate" in failed.stderr and "may have been published" not in failed.stderr
    assert alipes("publish", "-c", hub.conf, "--url", url, "--ca", cert[0], "t", "signed here").stdout.startswith("urn:uuid:")
    front.stop()
    hub.stop()


def test_every_error_is_said_in_words(tmp_path):
    hub = Hub(tmp_path, f"listen 127.0.0.1:{(port := free_port())}")
    url = f"http://127.0.0.1:{port}{PATH}"
    (tmp_path / "other").write_text(token(publish=["other"]))
    (tmp_path / "wrong").write_text(token(subscribe=["*"], key="w" * 32))
    (tmp_path / "broken").write_text("no token\nat all\n")
    conf = ("-c", hub.conf)
    for words, status, said in [
        (("publish", *conf, "--anonymous", "t", "x"), 1, "answered 401: There is no token"),
        (("publish", *conf, "--token", tmp_path / "other", "t", "x"), 1, "alipes token inspect says"),
        (("publish", *conf, "--token", tmp_path / "broken", "t", "x"), 2, "there is no token in it"),
        (("publish", *conf, "--token", tmp_path / "none", "t", "x"), 2, "cannot read"),
        (("publish", *conf, "--token", token(publish=["*"]), "t", "x"), 2, "a token on a command line"),
        (("publish", *conf, "--token", "a", "--anonymous", "t", "x"), 2, "exclude each other"),
        (("publish", *conf, "--retry", "soon", "t", "x"), 1, "answered 400: "),
        (("publish", *conf), 2, "TOPIC… is missing"),
        (("publish", *conf, "--url", url + "/x", "t", "x"), 1, "is this the hub's URL?"),
        (("publish", *conf, "--url", "hub.example", "t", "x"), 2, "expected the URL of a hub"),
        (("publish", *conf, "--url", url + "?topic=x", "t", "x"), 2, "neither ? nor #"),
        (("publish", *conf, "--url", f"http://127.0.0.1:{free_port()}/", "t", "x"), 1, "Connection refused; does the hub run?"),
        (("publish", "--url", url, "t", "x"), 2, "without a configuration say --token FILE or --anonymous"),
        (("subscribe", *conf, "--token", tmp_path / "wrong", "--count", "1"), 1, "answered 401: The token is not accepted"),
        (("subscribe", *conf, "--count", "0"), 2, "--count: expected a number from 1 on"),
        (("subscribe", *conf, "--from", ""), 2, "--from: expected an id, or earliest"),
        (("subscribe", "--url", f"http://127.0.0.1:{free_port()}/", "--anonymous"), 1, "Connection refused; does the hub run?"),
        (("subscribe", "-c", tmp_path / "none"), 2, "none: No such file"),
    ]:
        done = alipes(*words, status=status)
        assert said in done.stderr and not done.stdout, (words, done.stderr)
        assert done.stderr.startswith(f"alipes {words[0]}: ")
    hub.stop()
    assert "Connection refused; does the hub run?" in alipes("publish", "-c", hub.conf, "t", "x", status=1).stderr


def test_a_redirection_is_told_and_the_token_goes_nowhere(tmp_path):
    server = socket.create_server(("127.0.0.1", 0))
    (tmp_path / "token").write_text(token(publish=["*"]))
    asked = subprocess.Popen([BIN, "publish", "--url", f"http://127.0.0.1:{server.getsockname()[1]}{PATH}", "--token", tmp_path / "token", "t", "x"],
                             stderr=subprocess.PIPE, text=True, env=CLEAN)
    peer, _ = server.accept()
    peer.recv(65536)
    peer.sendall(b"HTTP/1.1 301 Moved\r\nLocation: https://hub.example/\x1b[2J\r\nContent-Length: 7\r\nConnection: close\r\n\r\n<html>\n")
    _, said = asked.communicate(timeout=60)
    assert asked.returncode == 1 and "answered 301, and names https://hub.example/\\x1b[2J\n" in said and "--url" in said
    server.close()


def test_output_that_cannot_be_written_is_no_success(start_hub):
    hub = start_hub()
    for words in ("publish", "t", "x"), ("token", "--publish", "t"), ("doctor", "--root", "/nowhere"), ("config", "check"):
        with open("/dev/full", "w") as full:
            conf = (hub.conf,) if words[0] == "config" else ("-c", hub.conf)
            done = subprocess.run([BIN, *words, *map(str, conf)], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=CLEAN)
        assert done.returncode == 1 and "written" in done.stderr, (words, done.stderr)


class Site:
    """Answers every request with the same bytes, and counts them."""

    def __init__(self, said):
        self.socket, self.said, self.asked = socket.create_server(("127.0.0.1", 0)), said, []
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            with peer, suppress(ConnectionError):  # who has read enough leaves
                peer.recv(65536)
                self.asked.append(time.monotonic())
                peer.sendall(self.said)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


@pytest.mark.parametrize("head, body", [("Content-Type: text/html", "<html>It works</html>\n"), ("Content-Type: text/html; charset=utf-8", "welcome"),
                                        ("Content-Type: text/plain", "urn:x\x1b[2J\n"), ("Content-Type: text/plain", "urn:x\nand more\n"),
                                        ("Content-Type: text/plain", "\n"), ("X-Nothing: 1", "")])
def test_a_site_that_answers_200_is_no_hub(head, body):
    with Site(f"HTTP/1.1 200 OK\r\n{head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()) as site:
        for words in ("publish", "--anonymous", "--url", site.url, "t", "x"), ("subscribe", "--anonymous", "--url", site.url, "t"):
            done = alipes(*words, status=1)
            assert not done.stdout and "answered 200" in done.stderr and "is this the hub's URL?" in done.stderr and "\x1b" not in done.stderr
        assert len(site.asked) == 2, "and neither comes back"


def test_a_page_without_an_end_is_left():
    with Site(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + b"y" * (4 << 20)) as site:
        assert "is this the hub's URL?" in alipes("subscribe", "--anonymous", "--url", site.url, "t", status=1).stderr


def test_a_publish_elsewhere_prints_the_id_with_or_without_a_line_end():
    for body in "mine", "mine\n":
        with Site(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()) as site:
            assert alipes("publish", "--anonymous", "--url", site.url, "t", "x").stdout == "mine\n"


def test_a_hub_that_says_to_come_back_at_once_is_not_flooded():
    with Site(b"HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream ; charset=utf-8\r\nConnection: close\r\n\r\nretry: 0\ndata: x\n\n") as site:
        alipes("subscribe", "--anonymous", "--url", site.url, "--count", "4", "t")
        assert len(site.asked) == 4 and site.asked[3] - site.asked[0] > 0.29, "100 ms between two, at least"


def test_a_token_over_plain_http_to_another_machine_is_told_of(tmp_path):
    (tmp_path / "token").write_text(token(publish=["*"]))
    for host, words, noted in (("0.0.0.0", ("--token", tmp_path / "token"), True), ("127.0.0.1", ("--token", tmp_path / "token"), False), ("0.0.0.0", ("--anonymous",), False)):
        said = alipes("publish", "--url", f"http://{host}:{free_port()}/", *words, "t", "x", status=1).stderr
        assert ("note: the token goes over plain HTTP" in said) == noted and "Connection refused" in said
