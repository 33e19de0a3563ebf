"""A front at random: clients that stall in the middle of events and go on, leave and come, a hub that stops, is killed, or
loses the connection. Each client has all that its topics got while it was there, in order, once."""
import random
import signal
import threading

import pytest

import fastcgi as f
from conftest import PATH, publish
from multicast import Front, Held

TOPICS = [f"t{i}" for i in range(4)]


class Logged(Held):
    """Remembers where each event began, for its client may have taken less than came."""

    def __init__(self, *parts):
        super().__init__(*parts)
        self.log, self.story = [], []
        self.half = None  # the place and the offset of an event whose rest is still to come

    def ends(self):
        return b"data: the end\n\n" in self.body

    def note(self, place):
        if self.torn is None:
            self.log.append((len(self.body), self.place, place) if self.half is None else self.begun)
        self.half = None


class Model:
    def __init__(self, hub, seed):
        self.hub, self.chance, self.seed = hub, random.Random(seed), seed
        self.front, self.over, self.stalled = Front(hub), [], {}
        inner = self.front.take_event

        def take_event(held, place, flags, data):
            if flags != f.NO_EVENT and data and not held.asked_pause:
                held.note(place)
            inner(held, place, flags, data)

        self.front.take_event = take_event
        self.published, self.stop, self.pause = 0, threading.Event(), threading.Event()
        self.publisher = threading.Thread(target=self.publish_all, daemon=True)

    def publish_all(self):
        chance = random.Random(self.seed + 1)
        while not self.stop.is_set():
            self.pause.wait()
            try:
                size = chance.choice([1, 1, 1, 50, 3000, 70_000])
                publish(self.hub.socket, topic=chance.sample(TOPICS, chance.randint(1, 2)), data=f"n{self.published} " + "x" * size)
            except (OSError, ValueError, AssertionError, IndexError):
                pass  # the hub is away, and it may be there or not
            self.published += 1

    def open(self):
        number = next(n for n in range(1, 65536) if n not in self.front.streams)
        topics = self.chance.sample(TOPICS, self.chance.randint(1, 2))
        held = self.front.streams[number] = Logged(number, PATH + "?" + "&".join(f"topic={t}" for t in topics), (), {})
        held.topics = topics
        self.front.send(self.front._params(held))
        self.front.until(lambda: held.head is not None, "a head")

    def any(self, of):
        return self.chance.choice(sorted(of, key=lambda h: h.number))

    def leave(self):
        running = [h for h in self.front.streams.values() if h not in self.stalled]
        if len(running) > 3:
            held = self.any(running)
            self.front.abort(held)
            self.over.append(held)

    def stall(self):
        """Its client has taken some whole events, and perhaps a part of one."""
        held = self.any(self.front.streams.values())
        if held in self.stalled or held.torn:
            return
        self.front.pause(held, wait=self.chance.random() < 0.5)
        self.stalled[held] = self.cut(held)
        held.story.append(f"stalled at {len(held.events())} events, {self.stalled[held]}")

    def cut(self, held):
        """Back to a moment not long ago. Returns what RESUME says of it."""
        if held.half:
            return held.half
        recent = held.log[-3:]
        if not recent or self.chance.random() < 0.3:
            return held.place, f.ALL
        number = self.chance.randrange(len(recent))
        at, before, place = recent[number]
        end = recent[number + 1][0] if number + 1 < len(recent) else len(held.body)
        taken = self.chance.choice([0, 1, (end - at) // 2, end - at - 1])
        held.body = held.body[:at + taken]
        held.log = [one for one in held.log if one[0] < at]
        held.place = before
        if taken == 0:
            return before, f.ALL
        held.half, held.begun = (place, taken), (at, before, place)
        return held.half

    def go_on(self):
        if not self.stalled:
            return
        held = self.any(self.stalled)
        self.front.until(lambda: held.paused, "PAUSED")
        self.resume(held)

    def resume(self, held):
        place, offset = self.stalled.pop(held)
        self.front.resume(held, place, offset)
        held.story.append(f"resumed at {len(held.events())} events")

    def lose(self, how):
        if how == "connection":
            pass
        else:
            self.pause.clear()
            self.front.outlive(how)
            self.hub.start()
            self.pause.set()
        for held in self.front.streams.values():
            held.story.append(f"{how} at {len(held.events())} events, {held.place}, torn {held.torn}, stalled {held in self.stalled}")
            if held.torn:  # a crash in the middle of an event: its client has a part
                at, before, place = held.log.pop()
                held.half, held.begun, held.place, held.torn = (place, len(held.body) - at), (at, before, place), before, None
            if held.half:
                self.stalled[held] = held.half
        self.front.attach_again(paused=list(self.stalled))
        assert all(h.header("Last-Event-ID") == f.cursor(h.asked_with) for h in self.front.streams.values())

    def run(self, steps):
        self.pause.set()
        self.publisher.start()
        for _ in range(6):
            self.open()
        actions = {self.open: 4, self.leave: 3, self.stall: 10, self.go_on: 9, lambda: self.front.pump(): 20,
                   lambda: self.lose("connection"): 1, lambda: self.lose(signal.SIGTERM): 0.3, lambda: self.lose(signal.SIGKILL): 0.5}
        for _ in range(steps):
            self.chance.choices(list(actions), list(actions.values()))[0]()
        self.stop.set()
        self.publisher.join(60)
        for held in list(self.stalled):
            self.front.until(lambda: held.paused, "PAUSED")
            self.resume(held)

    def judge(self):
        last = publish(self.hub.socket, topic=TOPICS, data="the end").status
        assert last == 200
        for held in self.front.streams.values():
            self.front.until(lambda: held.ends(), f"the end, seed {self.seed}")
        reader = Front(self.hub)
        everything = reader.open("topic=*&lastEventID=earliest", kind=Logged)
        reader.until(lambda: everything.ends(), "all there is")
        order = everything.events()
        per_topic = {}
        for topic in TOPICS:
            one = Front(self.hub)
            held = one.open(f"topic={topic}&lastEventID=earliest", kind=Logged)
            one.until(lambda: held.ends(), "all of a topic")
            per_topic[topic] = set(held.events())
        for held in [*self.over, *self.front.streams.values()]:
            got = held.events()
            due = [data for data in order if any(data in per_topic[topic] for topic in held.topics)]
            if got:
                first = due.index(got[0])
                due = due[first:first + len(got)]
                differs = next((i for i, pair in enumerate(zip(got, due)) if pair[0] != pair[1]), None)
                numbers = [[one.split(" ")[0] for one in all_of[max(0, (differs or 0) - 3):][:8]] for all_of in (got, due)]
                assert got == due, f"seed {self.seed}, {held.uri}, at {differs}: {numbers[0]} instead of {numbers[1]}\n" + "\n".join(held.story)


@pytest.mark.parametrize("seed", range(3))
def test_each_client_has_all_of_its_topics_once_whatever_happens(start_hub, tmp_path, seed):
    hub = start_hub(f"transport log {{\n path {tmp_path}/history\n}}\nhistory {{\n max_bytes 1GiB\n}}\ntail 1MiB\nheartbeat 300ms\nlog logfmt info\nmulticast_backlog 256KiB")
    model = Model(hub, random.randrange(1 << 30) if seed else 7)
    model.run(150)
    model.judge()
