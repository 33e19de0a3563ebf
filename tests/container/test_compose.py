"""The compose examples as they are, with HTTPS, each in a project of its own."""
import os
import re
import secrets
import signal
import ssl
import subprocess
import tempfile
from contextlib import contextmanager
from urllib.parse import urlencode

import pytest

from conftest import KEYS, Stream, connect, publish, token, trusting, wait_for
from engine import ROOT
from free import free_port


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Made by the command in the example's own file."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "certs").mkdir()
    text = (ROOT / "examples/compose/apache/compose.yaml").read_text()
    command = re.search(r"#     (openssl req .*?)\n#     docker", text, re.S).group(1).replace("\n#", "\n")
    subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
    return folder / "certs"


@contextmanager
def running(engine, example, certificates, **variables):
    folder = ROOT / "examples/compose" / example
    port = free_port()
    env = {"PUBLISHER_KEY": KEYS["publisher"], "SUBSCRIBER_KEY": KEYS["subscriber"], "HTTPS_PORT": f"127.0.0.1:{port}",
           "CERTIFICATES": str(certificates), "COMPOSE_PROJECT_NAME": f"{example}{secrets.token_hex(3)}", **variables}
    try:
        engine.compose(folder, "up", "-d", "--build", env=env)
        yield ("127.0.0.1", port), lambda *words: engine.compose(folder, *words, env=env)
    except AssertionError:
        print(engine.compose(folder, "logs", env=env, check=False).stdout[-6000:])
        raise
    finally:
        engine.compose(folder, "down", "-v", "-t", "3", env=env, check=False)


def answers(where, tls):
    try:
        connection = connect(where, tls)
        connection.request("GET", "/")
        return connection.getresponse().status in (200, 302)  # the site, or in its place the hub's page
    except (OSError, ssl.SSLError):
        return False


def update_and_replay(where, tls, compose):
    """Live, private, and what was missed while the hub's container was made anew."""
    stream = Stream(where, "https://example.com/chat", tls)
    assert stream.status == 200
    status, cursor = publish(where, tls=tls, topic="https://example.com/chat", data="one")
    assert status == 200 and stream.data() == "one"
    mine = Stream(where, "secret", tls, Authorization=f"Bearer {token('subscribe', ['secret'])}")
    assert publish(where, tls=tls, topic="secret", data="private", private="on")[0] == 200
    assert mine.data() == "private"
    assert publish(where, tls=tls, topic="https://example.com/chat", data="two")[0] == 200
    compose("rm", "-sf", "hub")
    compose("up", "-d", "hub")
    hub = compose("ps", "-q", "hub").stdout.strip()
    wait_for(lambda: publish_ok(where, tls), "the hub's return")
    late = Stream(where, "https://example.com/chat", tls, Last_Event_ID=cursor)
    assert late.data() == "two"
    return hub


def publish_ok(where, tls):
    return publish(where, tls=tls, topic="other", data="x")[0] == 200


def test_behind_caddy_with_its_own_certificate_authority(engine, image, certificates):
    with running(engine, "caddy", certificates) as (where, compose):
        tls = trusting()
        wait_for(lambda: answers(where, tls), "Caddy")
        page = connect(where, tls)
        page.request("GET", "/")
        assert page.getresponse().headers["Location"] == "/.well-known/mercure/ui/"
        page = connect(where, tls)
        page.request("GET", "/.well-known/mercure/ui/")
        assert b"<title>alipes" in page.getresponse().read()
        update_and_replay(where, tls, compose)


def test_behind_caddy_with_a_certificate_that_is_mounted(engine, image, certificates):
    with running(engine, "caddy", certificates, TLS="/certs/site.crt /certs/site.key") as (where, _):
        tls = trusting(certificates / "site.crt")
        wait_for(lambda: answers(where, tls), "Caddy")
        assert publish(where, tls=tls, topic="a", data="b")[0] == 200


def test_behind_apache_with_php_on_the_same_origin(engine, image, certificates):
    with running(engine, "apache", certificates) as (where, compose):
        tls = trusting(certificates / "site.crt")
        wait_for(lambda: answers(where, tls), "Apache and PHP")
        stream = Stream(where, "https://example.com/chat", tls)
        page = connect(where, tls)
        page.request("POST", "/", urlencode({"text": "from PHP"}), {"Content-Type": "application/x-www-form-urlencoded"})
        assert page.getresponse().status == 204
        assert stream.data() == "from PHP"
        update_and_replay(where, tls, compose)


STORE = "valkey/valkey:8"
# Where that image cannot be had: Debian's server under Valkey's name. The example is the same, byte for byte.
STAND_IN = """FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends redis-server && rm -rf /var/lib/apt/lists/* \\
    && ln -s /usr/bin/redis-server /usr/local/bin/valkey-server
WORKDIR /data
"""


@pytest.fixture(scope="module")
def store(engine):
    if engine.docker("pull", STORE, check=False).returncode == 0:
        return
    print(f"no {STORE}: Debian's redis-server stands in for it")
    with tempfile.TemporaryDirectory() as folder:
        engine.docker("build", "-t", STORE, "-", input=STAND_IN, cwd=folder)


def kill(engine, compose, service):
    """As a crash: not by the engine, which would take it for a wish. The id of the process that has come in its place."""
    name = compose("ps", "-q", service).stdout.strip()
    before = int(engine.inspect(name, "{{.State.Pid}}"))
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: engine.inspect(name, "{{.State.Running}} {{.State.Pid}}") not in (f"true {before}", "true 0", "false 0"), f"{service} again")


class Page:
    """As an EventSource: it comes back with its cursor for as long as it is answered 200, and nothing else is forgiven."""

    def __init__(self, where, tls, topic):
        self.where, self.tls, self.topic, self.ids, self.told = where, tls, topic, [], []
        self.open()

    def open(self):
        more = {"Last_Event_ID": self.ids[-1]} if self.ids else {}
        self.stream = Stream(self.where, self.topic, self.tls, **more)
        assert self.stream.status == 200

    def read_until(self, data):
        while data not in self.told:
            try:
                line = self.stream.reply.readline()
            except OSError:
                line = b""
            if not line:
                wait_for(lambda: answers(self.where, self.tls), "the front")
                self.open()
            elif line.startswith(b"id: "):
                self.ids.append(line[4:-1].decode())
            elif line.startswith(b"data: "):
                self.told.append(line[6:-1].decode())


def test_two_hubs_on_one_store_and_whatever_is_killed_comes_back(engine, image, store, certificates):
    topic = "https://example.com/chat"
    with running(engine, "redis", certificates, TLS="/certs/site.crt /certs/site.key", STORE_PASSWORD=secrets.token_hex(32)) as (where, compose):
        tls = trusting(certificates / "site.crt")
        wait_for(lambda: answers(where, tls), "Caddy")
        wait_for(lambda: publish_ok(where, tls), "the hubs")
        pages = [Page(where, tls, topic) for _ in range(4)]  # least_conn: two with each hub
        sent = []

        def say():
            data = f"update {len(sent)}"
            wait_for(lambda: publish(where, tls=tls, topic=topic, data=data)[0] == 200, "a publish")
            sent.append(data)
            for page in pages:
                page.read_until(data)

        say()
        for service in ("hub1", "store", "hub2", "store"):
            kill(engine, compose, service)
            say()
        for page in pages:
            assert list(dict.fromkeys(page.told)) == sent
            assert len(set(page.ids)) == len(page.ids)
