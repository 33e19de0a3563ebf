"""Who comes, leaves or ends while a worker is in the middle of delivering."""
import select
import signal
import time

import pytest

from conftest import PATH, PATIENCE, SANITIZED, Client, Stream, publish, token, wait_for

OTHER, NEW = "fedcba9876543210fedcba9876543210", "0f1e2d3c4b5a69780f1e2d3c4b5a6978"
CROWD = 200 if SANITIZED else 600
SIZE = 65000  # of an event: to write it to all takes a worker many turns
ISSUER = "issuer https://issuer.example {\n subscriber {\n jwt %s HS256\n }\n}"
AUTH = f"Authorization: Bearer {token(['*'])}"
FORM = "Content-Type: application/x-www-form-urlencoded"


def at(hub):
    return "127.0.0.1", hub.port


def numbers(stream, last):
    """What it hears up to that number."""
    heard = []
    while not heard or heard[-1] != last:
        heard.append(int(stream.datas(1)[0][:4]))
    return heard


def crowd(hub, *headers):
    return [Stream(at(hub), "topic=a", *headers) for _ in range(CROWD)]


def send(hub, number):
    """A publish whose answer nobody waits for."""
    client = Client(at(hub))
    client.ask("POST", PATH, [FORM, AUTH], b"topic=a&data=%04d" % number + b"x" * SIZE)
    return client


def test_streams_that_leave_while_something_is_due_to_them_take_it_along(start_hub):
    """The first to be written to has its event when most of the others are still to have theirs."""
    hub = start_hub("heartbeat 60s\ntail 16MiB", workers=1)
    stay, rounds = crowd(hub), 5
    for number in range(rounds):
        leave = crowd(hub)
        sent = send(hub, number)
        either = select.poll()
        for stream in stay[0], leave[-1]:
            either.register(stream.socket, select.POLLIN)
        heard = [descriptor for descriptor, _ in either.poll(PATIENCE * 1000)]
        for stream in leave if leave[-1].socket.fileno() in heard else reversed(leave):
            stream.close()
        assert sent.reply().status == 200
    for stream in stay:
        assert numbers(stream, rounds - 1) == list(range(rounds))


def test_streams_that_end_while_something_is_due_to_them_lose_nothing(start_hub):
    """Their key is taken out in the middle. Whoever ends has heard all up to some update, and comes back for the rest."""
    hub = start_hub("heartbeat 60s\ntail 16MiB\n" + ISSUER % OTHER, workers=1)
    right = {"type": "https://mercure.rocks/authorization-detail", "actions": ["subscribe"], "topics": [{"match": "*"}]}
    granted = token(key=OTHER, headers={"typ": "at+jwt"}, iss="https://issuer.example", aud="http://hub.example" + PATH,
                    exp=time.time() + 86400, authorization_details=[right])
    stay, end = crowd(hub), crowd(hub, f"Authorization: Bearer {granted}")
    hub.conf.write_text(hub.conf.read_text().replace(OTHER, NEW))
    sent = [send(hub, number) for number in range(5)]
    hub.server.process.send_signal(signal.SIGHUP)
    for client in sent:
        assert client.reply().status == 200
    order = None
    for stream in stay:
        heard = [int(data[:4]) for data in stream.datas(5)]
        order = order or heard
        assert heard == order
    wait_for(lambda: "event=streams_not_kept" in hub.log(), "the sweep")
    for stream in end:
        text = stream.end().decode()
        assert text.count("retry: ") == 1
        heard = [int(line[6:10]) for line in text.splitlines() if line.startswith("data: ")]
        assert heard == order[:len(heard)]


@pytest.mark.parametrize("workers", [2, 4])
def test_who_connects_behind_publishes_does_not_hear_them(start_hub, workers):
    """A worker without streams is not woken for each batch, and has taken what waits before it looks at who has come.
    Only the last batch may be on its way to it still, when its publisher is answered."""
    hub = start_hub("heartbeat 60s", workers=workers)
    count, ahead, client = 200, 10, Client(at(hub))
    body = b"&".join(b"topic=%d" % i for i in range(990)) + b"&topic=a&data="
    for _ in range(5):
        for first in range(0, count, ahead):
            for number in range(first, first + ahead):
                client.ask("POST", PATH, [FORM, AUTH], body + b"%04d" % number)
            for _ in range(ahead):
                assert client.reply().status == 200
        streams = [Stream(at(hub), "topic=a") for _ in range(4 * workers)]
        assert publish(at(hub), topic="a", data="9999").status == 200
        for stream in streams:
            heard = numbers(stream, 9999)
            assert len(heard) <= ahead + 1, heard
            stream.close()
