"""A hub that is killed and started again under load: what must hold for every publisher and every
stream, whatever happens in between."""
import random
import re
import threading
import time

from conftest import wait_for
from history import Listener, Publisher, read_until


class Writer(threading.Thread):
    """Publishes one update after the other, each once; remembers what each was answered."""

    def __init__(self, ordeal, number):
        super().__init__()
        self.ordeal, self.number, self.answers = ordeal, number, {}
        self.rng = random.Random(ordeal.seed * 1000 + number)

    def run(self):
        publisher, count = Publisher(self.ordeal.front), 0
        while not self.ordeal.stopping:
            id = f"{self.number}-{count}"
            count += 1
            data = f"{id} {'x' * self.rng.choice([0, 10, 200, 2000])}"
            status = publisher.publish(topic="t", id=id, data=data)
            self.answers[id] = status
            if status != 200:
                time.sleep(0.005)
            elif self.ordeal.pause:
                time.sleep(self.ordeal.pause)
        publisher.close()


class Reader:
    """Comes back with its cursor whenever its connection ends, as an EventSource does."""

    def __init__(self, ordeal):
        self.ordeal, self.ids, self.connections, self.faults = ordeal, [], 0, []
        self.listener, self.taken, self.cursor, self.judged, self.wait_until = None, 0, None, False, 0
        self.connect()

    def connect(self):
        self.cursor = self.ids[-1] if self.ids else None
        headers = [f"Last-Event-ID: {self.cursor}"] if self.cursor else []
        self.listener, self.taken, self.judged = Listener(self.ordeal.front, "topic=t", *headers), 0, False

    def turn(self):
        """Takes what came; comes back where that is due."""
        now = time.monotonic()
        if self.listener is None:
            if now >= self.wait_until:
                self.connect()
            return
        self.listener.read()
        if self.listener.status == 200 and not self.judged:
            self.judged, self.connections = True, self.connections + 1
            # A stream that cannot be served now has no cursor header, and ends.
            if self.cursor and self.listener.cursor not in (self.cursor, None):
                self.faults.append(f"cursor {self.cursor} was answered {self.listener.cursor}")
        if self.listener.status not in (200, None):
            self.listener.close()  # the front says that nobody is there
        self.ids += self.listener.ids[self.taken:]
        self.taken = len(self.listener.events)
        if self.listener.ended:
            self.listener, self.wait_until = None, now + random.random() * 0.02


class Ordeal:
    def __init__(self, hub, front, seed, writers=3, readers=4, pause=0.0):
        self.hub, self.front, self.seed, self.pause = hub, front, seed, pause
        self.stopping, self.reading = False, True
        self.readers = [Reader(self) for _ in range(readers)]
        listeners = [r.listener for r in self.readers]
        read_until(listeners, lambda: all(listener.status == 200 for listener in listeners), "the heads")
        self.marks, marker = ["begin"], Publisher(hub.socket)  # who has no cursor yet could not come back
        assert marker.publish(topic="t", id="begin", data="x") == 200
        read_until(listeners, lambda: all(listener.ids == ["begin"] for listener in listeners), "the first update")
        marker.close()
        self.writers = [Writer(self, i) for i in range(writers)]
        self.pump = threading.Thread(target=self.read)
        for thread in [*self.writers, self.pump]:
            thread.start()

    def read(self):
        while self.reading:
            for reader in self.readers:
                reader.turn()
            time.sleep(0.002)

    def acknowledged(self):
        return {id for writer in self.writers for id, status in writer.answers.copy().items() if status == 200}

    def answers(self):
        return {id: status for writer in self.writers for id, status in writer.answers.copy().items()}

    def finish(self, lost_to_retention=False):
        """Ends it and judges. What was published, in order."""
        self.stopping = True
        for writer in self.writers:
            writer.join(60)
            assert not writer.is_alive()
        answers, acknowledged = self.answers(), self.acknowledged()
        marks, marker = self.marks, Publisher(self.hub.socket)

        def mark():
            marks.append(f"end {len(marks)}")
            return marker.publish(topic="t", id=marks[-1], data="x") == 200

        wait_for(mark, "the last update to be stored")
        whole = Listener(self.hub.socket, "topic=t&lastEventID=earliest")
        read_until([whole], lambda: whole.ids[-1:] == marks[-1:], "the whole history", 60)
        deadline = time.monotonic() + 60
        while not all(reader.ids[-1:] == marks[-1:] for reader in self.readers):
            assert time.monotonic() < deadline, f"a stream did not hear the end: {[r.ids[-3:] for r in self.readers]}"
            time.sleep(0.01)
        self.reading = False
        self.pump.join(60)
        for reader in self.readers:
            reader.listener.close()
        order = whole.ids
        place = {id: i for i, id in enumerate(order)}
        assert len(place) == len(order), "an update stands in the history twice"
        assert set(order) - set(marks) <= set(answers), "something was invented"
        if not lost_to_retention:
            assert acknowledged <= set(order), f"lost: {sorted(acknowledged - set(order))[:5]}"
        for writer in self.writers:
            mine = [int(id.split("-")[1]) for id in order if re.fullmatch(rf"{writer.number}-\d+", id)]
            assert mine == sorted(mine), "two updates of one publisher changed places"
        for reader in self.readers:
            assert not reader.faults, reader.faults
            self.judge(reader.ids, order, place, acknowledged, lost_to_retention)
        whole.close()
        marker.close()
        return order

    @staticmethod
    def judge(ids, order, place, acknowledged, lost_to_retention):
        assert len(set(ids)) == len(ids), "an update came twice"
        held = [id for id in ids if id in place]
        assert lost_to_retention or held == ids, "something was shown that is not there any more"
        first = place[held[0]]
        assert held == order[first:first + len(held)], "a stream's order is not the one of the history, or it has a gap"
        assert lost_to_retention or acknowledged <= set(ids), "a stream missed what was acknowledged"
