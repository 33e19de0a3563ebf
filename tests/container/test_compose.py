"""The compose examples as they are, with HTTPS, each in a project of its own."""
import re
import secrets
import ssl
import subprocess
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
        return connection.getresponse().status == 200
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
        assert b"A page that listens" in page.getresponse().read()
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
