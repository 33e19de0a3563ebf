"""What each stream must have seen, told by a model: a driver does at random what publishers and
subscribers do, and compares every event with what the model of DESIGN's section 1 allows.

The model is one list, what was committed in its order, as a witness that is never slow hears it. A stream
has the index of the last update it was sent; whatever it is sent next must be the next one in the list
that matches and is allowed. Each update's data holds its number, so that an event tells its index."""
import random
import time

from conftest import token, wait_for
from history import Listener, Publisher, read_until

TOPICS = ["t0", "t1", "t2", "t3"]
HELD = 400  # max_events
SURE = 340  # of them held for sure: retention takes a sixteenth at a time, and two parts may be open
EVERYTHING = f"Authorization: Bearer {token(subscribe=['*'])}"


class Entry:
    def __init__(self, id, number, topics, private):
        self.id, self.number, self.topics, self.private = id, number, topics, private


class Subscriber:
    """Somebody with matchers and rights, connection after connection."""

    def __init__(self, model, rng):
        self.model, self.rng = model, rng
        self.topics = ["*"] if rng.random() < 0.3 else rng.sample(TOPICS, rng.randrange(1, 4))
        rights = rng.choice([None, [], ["*"], rng.sample(TOPICS, 2)])
        self.rights = rights or []
        self.headers = [] if rights is None else [f"Authorization: Bearer {token(subscribe=rights)}"]
        self.listener, self.stalled, self.last_id = None, False, None
        self.history = []

    def gets(self, entry):
        if "*" not in self.topics and not set(self.topics) & set(entry.topics):
            return False
        return not entry.private or "*" in self.rights or bool(set(self.rights) & set(entry.topics))

    def choose_cursor(self):
        log = self.model.log
        kind = self.rng.choice(["none", "mine", "mine", "mine", "known", "known", "edge", "old", "unknown", "earliest", "repeated"])
        if kind == "mine":
            return self.last_id
        if kind == "known" and log:
            return self.rng.choice(log[-SURE:]).id
        if kind == "edge" and len(log) > HELD:  # about where retention is at work, the last removed one too
            return self.rng.choice(log[-HELD - 60:-SURE]).id
        if kind == "old" and log:
            return self.rng.choice(log).id
        if kind == "repeated" and self.model.repeated:
            return self.rng.choice(self.model.repeated[-20:])
        return {"unknown": "nobody's id", "earliest": "earliest"}.get(kind)

    def connect(self):
        cursor = self.choose_cursor()
        query = "&".join(f"topic={topic}" for topic in self.topics)
        headers = list(self.headers)
        if cursor and self.rng.random() < 0.5:
            headers.append(f"Last-Event-ID: {cursor}")
        elif cursor:
            query += f"&lastEventID={cursor.replace(' ', '%20')}"
        self.cursor, self.now = cursor, len(self.model.log)
        self.listener, self.taken, self.judged, self.stalled = Listener(self.model.hub.socket, query, *headers), 0, False, False
        self.at, self.is_earliest, self.is_put_off = None, False, False
        self.history.append(f"connects with {cursor} at {self.now}")

    def fail(self, what):
        raise AssertionError(f"{what}; topics {self.topics}, rights {self.rights}, {self.history[-6:]}, at {self.at}, "
                             f"{len(self.model.log)} published, seed {self.model.seed}")

    def judge_head(self):
        """Where the stream begins, by what the reply says of the cursor."""
        said, model = self.listener.cursor, self.model
        self.judged = True
        if self.listener.status != 200:
            self.fail(f"status {self.listener.status}")
        self.history.append(f"is told {said}")
        model.note("found" if said and said == self.cursor != "earliest" else f"told {said}" if said in (None, "earliest") else "?")
        first = model.first_of(self.cursor) if self.cursor else None
        if self.cursor is not None and said is None and model.stopping:
            self.is_put_off = True  # a hub that stops looks no cursor up: no event, and it comes back with the same
        elif self.cursor is None:
            if said is not None:  # it begins at what its worker has taken
                self.fail(f"no cursor was answered {said}")
        elif self.cursor == "earliest":
            if said != "earliest":
                self.fail(f"earliest was answered {said}")
            self.is_earliest = True
        elif said == self.cursor:
            if first is None:
                self.fail("an id that nobody published was found")
            if self.now - HELD - 2 > first + 64:
                self.fail(f"an id that was removed long ago ({first}) was found")
            self.at = first
        elif said == "earliest":
            if first is not None and first >= len(model.log) - SURE:
                self.fail(f"an id that is held ({first}) was not found")
        else:
            self.fail(f"the cursor was answered {said}")

    def next(self):
        """What it must be sent next, or something before that; None: it begins at an unknown place. Of `earliest`
        that is the first one held when the hub came to it, which is not before it was asked: whatever is certainly
        held now must come."""
        if self.at is not None:
            return self.at + 1
        return max(len(self.model.log) - SURE, 0) if self.is_earliest else None

    def judge(self):
        """Every event that came since."""
        if self.listener.status is not None and not self.judged:
            self.judge_head()
        log = self.model.log
        for id, data in self.listener.events[self.taken:]:
            index = self.model.index_of(int(data.split()[0]))
            if self.is_put_off:
                self.fail(f"{index} came behind no answer to the cursor")
            if index is None or log[index].id != id:
                self.fail(f"{id} {data[:20]} was never committed")
            if not self.gets(log[index]):
                self.fail(f"{index} is not for this stream")
            if self.at is not None and index <= self.at:
                self.fail(f"{index} came after {self.at}: twice, or out of order")
            begin = self.next()
            for skipped in range(index if begin is None else begin, index):
                if self.gets(log[skipped]):
                    self.fail(f"{skipped} was skipped: {index} came instead")
            self.at = index
            self.last_id = id if self.model.first_of(id) == index else None
        self.taken = len(self.listener.events)

    def read(self, most=1 << 30):
        if self.listener.ended:
            return
        self.listener.read(most)
        self.judge()
        if self.listener.ended:
            self.judge_end()

    def judge_end(self):
        """A stream ends when retention overtakes it, or the hub stops; never else."""
        self.history.append("ended")
        if self.model.stopping:
            return
        self.model.note("overtaken")
        at = self.at if self.at is not None else -1
        if at >= len(self.model.log) - SURE and self.judged:
            self.fail("a stream that was not overtaken ended")

    def is_up_to_date(self):
        if self.listener is None or self.listener.ended:
            return True
        if not self.judged:
            return False
        begin = self.next()
        if begin is None:
            return True  # nothing has come yet
        return not any(self.gets(entry) for entry in self.model.log[begin:])

    def leave(self):
        if self.listener:
            self.listener.close()
        self.listener = None


class Model:
    def __init__(self, hub, seed, subscribers=12):
        self.hub, self.seed, self.rng = hub, seed, random.Random(seed)
        self.log, self.numbers, self.firsts, self.repeated = [], {}, {}, []
        self.sent, self.count, self.stopping, self.did = {}, 0, False, {}
        self.publishers = [Publisher(hub.socket) for _ in range(3)]
        self.subscribers = [Subscriber(self, self.rng) for _ in range(subscribers)]
        self.witness = self.listen(None)

    def listen(self, cursor):
        witness = Listener(self.hub.socket, "topic=*", EVERYTHING, *([f"Last-Event-ID: {cursor}"] if cursor else []))
        read_until([witness], lambda: witness.status == 200, "the witness's head")
        assert witness.cursor == cursor
        self.witnessed = 0
        return witness

    def note(self, what):
        self.did[what] = self.did.get(what, 0) + 1

    def first_of(self, id):
        return self.firsts.get(id)

    def index_of(self, number):
        return self.numbers.get(number)

    def hear(self):
        """What the witness heard joins the list."""
        for id, data in self.witness.events[self.witnessed:]:
            number = int(data.split()[0])
            assert number not in self.numbers, f"{number} was committed twice, seed {self.seed}"
            topics, private, sent_id = self.sent[number]
            assert sent_id == id
            self.numbers[number] = len(self.log)
            self.firsts.setdefault(id, len(self.log))
            self.log.append(Entry(id, number, topics, private))
        self.witnessed = len(self.witness.events)

    # --- what may happen ---

    def publish(self, count=None):
        """Several publishers at once, so that commits hold several updates."""
        forms = [[] for _ in self.publishers]
        for _ in range(count or self.rng.choice([1, 3, 10, 40])):
            number = self.count
            self.count += 1
            id = f"id {number}" if self.rng.random() < 0.5 else f"n{number}"
            if self.rng.random() < 0.03 and len(self.log) > 60:
                id = self.rng.choice(self.log[-50:]).id  # held for sure when it comes again
                self.repeated.append(id)
            topics = self.rng.sample(TOPICS, self.rng.choice([1, 1, 1, 2]))
            private = self.rng.random() < 0.3
            self.sent[number] = topics, private, id
            size = self.rng.choice([0, 50, 50, 50, 1000, 2000, 2000, 20000])
            form = dict(topic=topics, id=id, data=f"{number} {'x' * size}")
            self.rng.choice(forms).append({**form, "private": "on"} if private else form)
        for publisher, mine in zip(self.publishers, forms):
            publisher.send(mine)
        for publisher, mine in zip(self.publishers, forms):
            assert publisher.collect(len(mine)) == [200] * len(mine), f"seed {self.seed}"
        read_until([self.witness], lambda: len(self.log) + len(self.witness.events) - self.witnessed == self.count, "the witness")
        self.hear()

    def connect(self):
        someone = self.rng.choice(self.subscribers)
        someone.leave()
        if self.rng.random() < 0.2:
            self.subscribers[self.subscribers.index(someone)] = someone = Subscriber(self, self.rng)
        someone.connect()

    def come_back(self):
        """Everybody whose stream ended."""
        for someone in self.subscribers:
            if someone.listener and someone.listener.ended:
                someone.leave()
                someone.connect()

    def disconnect(self):
        self.rng.choice(self.subscribers).leave()

    def stall(self):
        someone = self.rng.choice(self.subscribers)
        someone.stalled = not someone.stalled

    def flood(self):
        """More than is held, while some read nothing."""
        stalled = self.rng.sample(self.subscribers, 4)
        for someone in stalled:
            someone.stalled = True
        for _ in range(20):
            self.publish(40)
        for someone in stalled:
            someone.stalled = False

    def read(self):
        for someone in self.subscribers:
            if someone.listener and not someone.stalled:
                someone.read(self.rng.choice([1 << 30, 1 << 30, 4096, 300]))

    def settle(self):
        """Whoever is connected and reads gets all there is."""
        reading = [s for s in self.subscribers if s.listener and not s.stalled]
        deadline = time.monotonic() + 30
        while not all(s.is_up_to_date() for s in reading):
            assert time.monotonic() < deadline, f"not up to date: {[s.history[-3:] for s in reading if not s.is_up_to_date()]}, seed {self.seed}"
            for someone in reading:
                someone.read()
            time.sleep(0.001)

    def restart(self):
        self.stopping = True
        last = self.log[-1].id if self.log and self.first_of(self.log[-1].id) == len(self.log) - 1 else None
        kill = self.rng.random() < 0.5
        if kill:
            self.hub.kill()
        else:
            self.hub.stop()
        for someone in self.subscribers:
            if someone.listener:
                wait_for(lambda who=someone: who.read() or who.listener.ended, "the end of a stream")
        for publisher in self.publishers:
            publisher.close()
        self.hub.start()
        self.stopping = False
        self.witness.close()
        self.witness = self.listen(last)

    def run(self, seconds):
        actions = {self.publish: 30, self.read: 30, self.connect: 14, self.come_back: 5, self.disconnect: 4, self.stall: 8,
                   self.settle: 4, self.flood: 0.7, self.restart: 0.4}
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            action = self.rng.choices(list(actions), actions.values())[0]
            if action == self.restart and not self.log:
                continue
            action()
            self.note(action.__name__)
        for someone in self.subscribers:
            someone.stalled = False
        self.settle()
        for someone in self.subscribers:
            someone.leave()
        self.witness.close()
        for publisher in self.publishers:
            publisher.close()
