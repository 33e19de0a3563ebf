"""Debian's symfony/mercure as it is, publishing straight to the hub and through real fronts."""
import json
import subprocess

import pytest

from conftest import FRONTS, KEY, PATH, ROOT, Stream, front_ready

PUBLIC = f"https://app.example{PATH}"


@pytest.fixture(params=["direct", "apache-http", "apache-module", "caddy-http"])
def symfony(request, start_hub, tmp_path):
    """A function that publishes, and a hub."""
    hub = start_hub("max_request_body_size 3MiB")
    port, front = hub.port, None
    if request.param != "direct":
        begin, name = FRONTS[request.param]
        front, port = begin(tmp_path, hub, name)
        front_ready(front, ("127.0.0.1", port))

    def run(*updates, subscribe=()):
        given = {"url": f"http://127.0.0.1:{port}{PATH}", "public": PUBLIC, "secret": KEY, "updates": updates, "subscribe": subscribe}
        done = subprocess.run(["php", ROOT / "tests/system/symfony.php"], input=json.dumps(given), capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and not done.stderr, done
        return json.loads(done.stdout)

    run.hub, run.port = hub, port
    yield run
    if front:
        front.stop()


def test_what_symfony_publishes_arrives_as_it_is(symfony):
    stream = Stream(("127.0.0.1", symfony.port), "topic=*")
    text = "a\nb \u2028 \0 é 𝄞"
    came = symfony({"topics": ["https://example.com/books/1", "é"], "data": text, "id": "urn:first", "type": "sold", "retry": 900},
                   {"topics": "https://example.com/books/1"}, {"topics": "t", "data": "x", "id": "", "type": "", "retry": 0},
                   {"topics": "t", "data": "y" * (2 << 20)})["came"]
    assert came[0] == "urn:first" and all(one.startswith("urn:uuid:") for one in came[1:])
    assert stream.event() == "event: sold\nretry: 900\nid: urn:first\ndata: a\ndata: b \u2028 \0 é 𝄞"
    assert [stream.event() for _ in range(2)] == [f"id: {came[1]}\ndata: ", f"id: {came[2]}\ndata: x"]
    assert stream.event() == f"id: {came[3]}\ndata: {'y' * (2 << 20)}"
    stream.close()


def test_why_symfony_was_refused_stands_in_its_exception(symfony):
    came = symfony({"topics": "t", "data": "é" * 600_000}, {"topics": "t", "retry": -1}, {"topics": []})["came"]
    for said, reason in zip(came, ("max_request_body_size", "retry", "topic"), strict=True):
        assert said[0] == "Failed to send an update." and reason in said[1], said


def test_the_cookie_of_symfony_brings_private_updates(symfony):
    made = symfony(subscribe=["https://example.com/users/7/{+rest}"])
    assert "; path=/.well-known/mercure; secure; httponly; samesite=strict" in made["cookie"]
    query = "topic=https%3A%2F%2Fexample.com%2Fusers%2F7%2F%7B%2Brest%7D"
    stream = Stream(("127.0.0.1", symfony.port), query, f"Cookie: mercureAuthorization={made['value']}")
    other = Stream(("127.0.0.1", symfony.port), query)
    symfony({"topics": "https://example.com/users/7/orders", "data": "12", "private": True},
            {"topics": "https://example.com/users/7/orders", "data": "13"})
    assert stream.datas(2) == ["12", "13"] and other.datas(1) == ["13"]
    stream.close(), other.close()


def test_hundreds_of_tokens_that_are_used_once_leave_a_subscribers_stream_alone(symfony):
    """Symfony signs one for each publish."""
    stream = Stream(("127.0.0.1", symfony.port), "topic=t")
    assert len(symfony(*[{"topics": "t", "data": str(number)} for number in range(300)])["came"]) == 300
    assert stream.datas(300) == [str(number) for number in range(300)]
    stream.close()
