"""A front that speaks multicast (PROTOCOL.md, "The multicast wire"), as simple as one can be: it holds streams for clients
that read at once, finds the next hub where it loses one, and takes nothing of the wire on trust."""
import signal
import socket
import time

import fastcgi as f
from conftest import PATH, Client


class Held:
    """A stream, as its client sees it, and where it stands."""

    def __init__(self, number, uri, headers, more):
        self.number, self.uri, self.headers, self.more = number, uri, headers, more
        self.stdout, self.head, self.body = b"", None, b""
        self.place, self.covered, self.ticket, self.torn = f.NOWHERE, False, None, None
        self.paused = self.asked_pause = self.was_there = self.ended = False
        self.resumes = False  # RESUME was sent with PAUSE
        self.dropped = 0

    def events(self):
        """Whole ones, each by its data."""
        found = []
        for block in self.body.split(b"\n\n")[:-1]:
            lines = block.split(b"\n")
            if any(line.startswith(b"id:") for line in lines) and b"event: alipes" not in lines:
                found.append(b"\n".join(line[6:] for line in lines if line.startswith(b"data: ")).decode())
        return found

    def header(self, name):
        for line in self.head.split(b"\r\n"):
            if line.lower().startswith(name.lower().encode() + b":"):
                return line.partition(b":")[2].strip().decode()
        return None


class Front:
    def __init__(self, hub, unix=True, receive=None):
        self.hub, self.unix, self.receive = hub, unix, receive
        self.streams, self.marks, self.multicasts, self.heartbeats, self.values = {}, 0, 0, 0, b""
        self.connect()

    def connect(self):
        self.client = Client(self.hub.socket if self.unix else ("127.0.0.1", self.hub.port))
        if self.receive:
            self.client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive)
        self.records, self.closed = f.Records(), False
        self.send(f.ask_multicast())
        self.until(lambda: self.marks, "the first mark")

    def send(self, data):
        self.client.send(data)
        return self

    # --- what it asks for

    def _params(self, held):
        more = dict(held.more)
        if held.was_there:
            held.asked_with = held.place
            more.update(HTTP_LAST_EVENT_ID=f.cursor(held.place), ALIPES_TICKET=held.ticket)
        return f.request("GET", held.uri, held.headers, number=held.number, keep=True, **more)

    def open(self, query, number=None, headers=(), wait=True, kind=Held, **more):
        number = number or next(n for n in range(1, 65536) if n not in self.streams)
        held = self.streams[number] = kind(number, PATH + "?" + query, headers, more)
        self.send(self._params(held))
        if wait:
            self.until(lambda: held.head is not None or held.ended, "a head")
        return held

    def abort(self, held):
        self.send(f.record(f.ABORT, held.number))
        self.until(lambda: held.ended, "the end")

    def pause(self, held, wait=True):
        held.asked_pause, held.covered = True, False
        self.send(f.record(f.PAUSE, held.number))
        if wait:
            self.until(lambda: held.paused, "PAUSED")

    def resume(self, held, place=None, offset=f.ALL):
        held.asked_pause = held.paused = False
        self.send(f.resume(held.number, held.place if place is None else place, offset))

    def attach_again(self, hub=None, paused=()):
        """Every stream that has not ended, to the next hub (or the same, on another connection)."""
        self.hub = hub or self.hub
        self.client.close()
        self.marks = 0
        for held in self.streams.values():  # before the next hub's first mark
            held.was_there, held.covered, held.stdout, held.head = True, False, b"", None
            held.asked_pause = held.paused = False
        self.connect()
        for held in list(self.streams.values()):
            self.send(self._params(held))
            if held in paused:
                self.pause(held, wait=False)
        self.until(lambda: all(h.head is not None or h.ended for h in self.streams.values()), "all heads")

    def outlive(self, how=signal.SIGTERM):
        """The hub ends; all that it sent is read, then the front closes, too."""
        self.hub.server.process.send_signal(how)
        self.to_the_end()
        self.client.close()
        self.hub.server.process.wait(60) if how == signal.SIGKILL else self.hub.stop()

    # --- what it is told

    def until(self, condition, what, patience=60):
        end = time.monotonic() + patience
        while not condition():
            assert not self.closed, f"closed while waiting for {what}"
            self.pump(end, what)

    def pump(self, end=None, what="more"):
        self.client.socket.settimeout(max(0.01, (end or time.monotonic() + 60) - time.monotonic()))
        try:
            data = self.client.socket.recv(1 << 20)
        except socket.timeout:
            raise AssertionError(f"waited in vain for {what}")
        except ConnectionResetError:
            data = b""
        self.closed = not data
        for kind, number, content in self.records.feed(data):
            self.take(kind, number, content)

    def to_the_end(self):
        while not self.closed:
            self.pump()

    def take(self, kind, number, content):
        if kind == f.MULTICAST:
            assert number == 0
            place, flags, ids, data = f.multicast(content)
            self.multicasts += flags != f.NO_EVENT
            self.heartbeats += flags == f.NO_EVENT
            assert len(set(ids)) == len(ids)
            for one in ids:
                self.take_event(self.streams[one], place, flags, data)
        elif kind == f.MARK:
            assert len(content) == 16
            self.take_mark(number, content)
        elif kind == f.GET_VALUES_RESULT:
            self.values = content
        else:
            held = self.streams[number]
            {f.STDOUT: self.take_stdout, f.END: self.take_end, f.PAUSED: self.take_paused}[kind](held, content)

    def take_event(self, held, place, flags, data):
        assert not held.paused, "nothing concerns a stream behind PAUSED"
        assert held.torn in (None, place), "something else between the pieces of an event"
        if held.asked_pause:
            held.dropped += 1
            return
        held.body += data
        if flags != f.NO_EVENT:
            held.place = place
            held.torn = place if flags == f.MORE else None
        else:
            assert place == f.NOWHERE

    def take_mark(self, number, place):
        self.marks += number == 0
        told = [self.streams[number]] if number else [h for h in self.streams.values() if h.covered]
        for held in told:
            assert not held.paused and held.torn is None
            if not held.asked_pause:
                held.place, held.covered = place, True

    def take_stdout(self, held, content):
        held.stdout += content
        if held.head is None and b"\r\n\r\n" in held.stdout:
            held.head, _, first = held.stdout.partition(b"\r\n\r\n")
            held.place_at_head = held.place
            held.ticket = held.header("Alipes-Ticket") or held.ticket
            assert not (held.was_there and held.head.startswith(b"Status: 200") and held.header("Alipes-Ticket") and first)
            held.body += first
        elif held.head is not None:
            held.body += content

    def take_end(self, held, content):
        held.ended = True
        del self.streams[held.number]

    def take_paused(self, held, content):
        assert content == b"" and held.asked_pause and not held.paused
        held.paused = not held.resumes
        held.asked_pause = held.paused
