"""Many streams that come back together: all of them get all of it, in order."""
import selectors
import signal
import socket
import time

from conftest import PATH, PATIENCE, publish

STREAMS = 200  # more than a worker may have reads under way
EVENTS = 300  # one piece


def test_streams_that_wait_for_a_read_all_get_one(start_hub, tmp_path):
    hub = start_hub(f"transport log {{\n path {tmp_path}/history\n}}\ntail 4KiB", workers=1)
    address = ("127.0.0.1", hub.port)
    for i in range(EVENTS):
        assert publish(address, topic="t", id=f"e{i}", data=f"{i} ").status == 200
    watch = selectors.DefaultSelector()
    got = {}
    hub.server.process.send_signal(signal.SIGSTOP)  # so that it finds all of them at once
    for _ in range(STREAMS):
        s = socket.create_connection(address)
        s.sendall(f"GET {PATH}?topic=t HTTP/1.1\r\nHost: h\r\nLast-Event-ID: e0\r\n\r\n".encode())
        got[s] = b""
        watch.register(s, selectors.EVENT_READ)
    hub.server.process.send_signal(signal.SIGCONT)
    left = set(got)
    deadline = time.monotonic() + PATIENCE
    while left:
        assert time.monotonic() < deadline, f"{len(left)} of {STREAMS} streams get nothing any more"
        for key, _ in watch.select(1):
            s = key.fileobj
            got[s] += s.recv(1 << 20)
            if f"data: {EVENTS - 1} ".encode() in got[s][-4096:]:
                left.discard(s)
                watch.unregister(s)
    for text in got.values():
        ids = [line for line in text.replace(b"\r", b"").split(b"\n") if line.startswith(b"id: ")]
        assert ids == [f"id: e{i}".encode() for i in range(1, EVENTS)]
    for s in got:
        s.close()
