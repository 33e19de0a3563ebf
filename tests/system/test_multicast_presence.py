"""Who is there, behind a front that holds its streams while it looks for the hub: nobody is seen to leave and come."""
import signal

import pytest

from conftest import wait_for
from multicast import Front
from presence import API, Watcher, access, collection, dialect, keep, open_stream, person, query, reads  # noqa: F401

ROOM, HALL = "https://example.com/room", "https://example.com/hall"


def hold(front, dialect, *topics, auth):
    return front.open(query(dialect, *topics), headers=[auth])


@pytest.mark.parametrize("how", ["connection", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("sub", [None, "ann"])
def test_a_stream_that_is_asked_for_again_has_neither_left_nor_come(keep, dialect, how, sub):
    hub = keep("hold_back 0s\nhold_back_return 2s")
    front, watcher = Front(hub), Watcher(hub, dialect)
    held = hold(front, dialect, ROOM, HALL, auth=person(dialect, sub=sub, payload={"n": 1}))
    stranger = hold(front, dialect, ROOM, auth=person(dialect, sub="bob"))
    begins = watcher.until_mark()
    there = [one for one in collection(hub, dialect) if one[0] in (ROOM, HALL)]
    assert len(begins) == 3 == len(there)
    del front.streams[stranger.number]  # its client leaves meanwhile
    if how != "connection":
        front.outlive(getattr(signal, how))
        hub.start()
        front.attach_again()
        watcher = Watcher(hub, dialect, **{"last_event_id" if dialect == "1.0" else "lastEventID": watcher.last})
    else:
        front.attach_again()
    assert held.ticket and held.head.startswith(b"Status: 200")
    ours = [one for one in there if one[1] != begins[-1][2]]
    wait_for(lambda: [one for one in collection(hub, dialect) if one[0] in (ROOM, HALL)] == ours, "the end of the one who left")
    told = [one for one in watcher.until_mark() if one[1] in (ROOM, HALL)]
    assert told == [(False, *begins[-1][1:])], "nothing else was told"
    front.abort(held)
    wait_for(lambda: not [one for one in collection(hub, dialect) if one[0] in (ROOM, HALL)], "its end")
    assert sorted(one for one in watcher.until_mark() if one[1] in (ROOM, HALL)) == sorted((False, *one[1:]) for one in begins[:2])


@pytest.mark.parametrize("ticket", ["none", "x" * 53, "the other's", "a bit changed", "twice", "other matchers", "another person"])
def test_a_ticket_that_is_not_the_stream_s_own_begins_another_visit(keep, ticket):
    hub = keep("hold_back 0s\nhold_back_return 60s")
    front = Front(hub)
    held = hold(front, "1.0", ROOM, auth=person("1.0", sub="ann"))
    other = hold(front, "1.0", HALL, auth=person("1.0", sub="bob"))
    (ann,) = [s for m, s in collection(hub, "1.0") if m == ROOM]
    own = held.ticket
    assert own.startswith(ann.removeprefix("urn:uuid:")) and len(own) == 53
    held.ticket = {"the other's": other.ticket, "a bit changed": own[:-1] + ("0" if own[-1] != "0" else "1"), "twice": own,
                   "other matchers": own, "another person": own}.get(ticket, ticket)
    if ticket == "other matchers":
        held.uri = held.uri.replace("room", "kitchen")
    if ticket == "another person":
        held.headers = [person("1.0", sub="eve")]
    front.attach_again()
    assert held.head.startswith(b"Status: 200")
    if ticket == "twice":
        again = Front(hub)
        again.open(query("1.0", ROOM), headers=held.headers, ALIPES_TICKET=own)
        assert [s for m, s in collection(hub, "1.0") if m == ROOM] == [ann]
        again.client.close()
        assert [s for m, s in collection(hub, "1.0") if m == ROOM] == [ann]
        return
    matcher = held.uri.rpartition("=")[2].rpartition("%2F")[2]
    fresh = [s for m, s in collection(hub, "1.0") if m.endswith(matcher) and s != ann]
    assert len(fresh) == 1


def test_a_ticket_says_nothing_on_another_wire(keep):
    hub = keep("hold_back 60s")
    front = Front(hub)
    held = hold(front, "1.0", ROOM, auth=person("1.0", sub="ann"))
    front.client.close()
    wire = open_stream(hub, "1.0", ROOM, auth=person("1.0", sub="ann"), wire="fastcgi", headers=[f"Alipes-Ticket: {held.ticket}"])
    assert b"alipes-ticket" not in wire.headers and "alipes-ticket" not in wire.headers
    wait_for(lambda: len(collection(hub, "1.0")) == 1, "the end of the first, for she is back")
    assert collection(hub, "1.0")[0][1] not in held.ticket
