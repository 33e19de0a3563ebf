"""What a crash of the machine leaves behind: images of the history's folder, built from what was synced
and a random part of what was not, and opened as the hub does it at its start.

Some of what is published is made to be taken for records of the history, and at some of the images
opens and reads fail for a moment. By hand, many more of the worst:

    CRASH_IMAGES=1000 python3 -m pytest tests/system/test_crash.py -k forgeries -s"""
import contextlib
import errno
import itertools
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import BIN, KEY, ROOT, Server, Stream, publish, wait_for

SHIM = ROOT / "build" / "crash" / "shim.so"
VERIFY = ROOT / "build" / "asan" / "tests" / "crash" / "verify"
IMAGES = int(os.environ.get("CRASH_IMAGES", "430"))  # of each run
PASSING = [errno.EIO, errno.ENOMEM, errno.EMFILE]
PLAIN = bytes(b & 0x7f if b & 0x7f not in (10, 13) else 11 for b in range(256))  # what data may hold as it is


def payload(name):
    """What the update with this id holds; verify.c makes the same. "h" and a sequence: what looks like the
    heads of records from there on, where records begin, over lengths that a file may have."""
    front, size = name.split("-")
    size = int(size)
    if "h" not in front:
        return b"x" * size
    sequence, made = int(front.split("h")[1]), b"B" * (-(56 + len("....t") + len("id: .data: :") + 3 * len(name)) % 8)
    heads = [struct.pack("<I8sIQQIIII8s", (32640, 16384, 64, 32640)[i % 4], b"A" * 8, 0x7f70, sequence + i % 100, 5, 1, 0, 0, 0, b"A" * 8)
             for i in range(size // 56 + 1)]
    return (made + b"".join(heads))[:size].translate(PLAIN)


class Inode:
    def __init__(self):
        self.durable, self.pending = bytearray(), []  # pending: (where in the trace, offset or None, bytes or length)

    def copy(self):
        other = Inode()
        other.durable, other.pending = bytearray(self.durable), list(self.pending)
        return other


def apply(content, offset, data):
    if offset is None:  # cut or extended
        if len(content) > data:
            del content[data:]
        else:
            content.extend(bytes(data - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset:offset + len(data)] = data


class Disk:
    """What is on the disk for sure, and what may be."""

    def __init__(self):
        self.names, self.inodes = {}, {}  # as the process sees them: name -> inode, number -> inode
        self.durable_names, self.pending_names = {}, []

    def change(self, at, operation):
        operation(self.names)
        self.pending_names.append((at, operation))

    def step(self, at, kind, number, a, data):
        if kind == "o":
            name = data.decode()
            if a and name not in self.names:
                inode = Inode()
                self.change(at, lambda names: names.__setitem__(name, inode))
            self.inodes[number] = self.names[name]
        elif kind == "w":
            self.inodes[number].pending.append((at, a, data))
        elif kind == "t":
            self.inodes[number].pending.append((at, None, a))
        elif kind == "s":
            inode = self.inodes[number]
            for where, offset, piece in inode.pending:
                if where <= a:
                    apply(inode.durable, offset, piece)
            inode.pending = [p for p in inode.pending if p[0] > a]
        elif kind == "f":
            # The kernel calls the pages clean: no later sync brings them to the disk.
            inode = self.inodes[number]
            for where, offset, piece in inode.pending:
                if where <= a and random.random() < 0.5:
                    apply(inode.durable, offset, piece)
            inode.pending = [p for p in inode.pending if p[0] > a]
        elif kind == "r":
            old, new = data.decode().split("/")

            def rename(names):
                if old in names:
                    names[new] = names.pop(old)
            self.change(at, rename)
        elif kind == "u":
            self.change(at, lambda names: names.pop(data.decode(), None))
        elif kind == "d":
            for where, operation in self.pending_names:
                if where <= a:
                    operation(self.durable_names)
            self.pending_names = [p for p in self.pending_names if p[0] > a]

    def image(self, folder):
        names = dict(self.durable_names)
        for _, operation in self.pending_names[:random.randint(0, len(self.pending_names))]:
            operation(names)
        for name, inode in names.items():
            content = bytearray(inode.durable)
            for _, offset, piece in inode.pending:
                fate = random.random()
                if fate < 0.4:
                    continue
                if offset is not None and len(piece) > 1 and fate < 0.8:
                    cut = random.randint(0, len(piece))
                    if random.random() < 0.7:
                        piece = piece[:cut]
                    else:
                        offset, piece = offset + cut, piece[cut:]
                apply(content, offset, piece)
            (folder / name).write_bytes(content)


def notes(trace):
    """(offset behind it, kind, file, a, bytes)"""
    at = 0
    while at < len(trace):
        kind, number, a, _, length = struct.unpack_from("<BIQQI", trace, at)
        data = trace[at + 25:at + 25 + length]
        at += 25 + length
        yield at, chr(kind), number, a, data


class Verifier:
    def __init__(self):
        self.process = subprocess.Popen([VERIFY], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL)

    def held(self, folder, one_more, trouble=""):
        self.process.stdin.write(f"{trouble}{'+' if one_more else ''}{folder}\n")
        self.process.stdin.flush()
        words = self.process.stdout.readline().split()
        assert words and words[0] == "held", " ".join(words) or "verify died"
        return [tuple(self.process.stdout.readline().split()) for _ in range(int(words[3]))]

    def stop(self):
        self.process.stdin.close()
        assert self.process.wait(30) == 0


class Run:
    """A hub under the shim, killed now and then if so asked, publishers, and one that hears all."""

    def __init__(self, folder, failures, durability, kills, forgeries, seed):
        self.history, self.trace = folder / "history", folder / "trace"
        self.history.mkdir()
        conf, self.socket = folder / "conf", folder / "s"
        conf.write_text(f"listen unix/{self.socket}\npublisher_jwt {KEY}\nanonymous\ntransport log {{ path {self.history} }}\n"
                        f"history {{ max_bytes 1MiB }}\n{durability}\nworkers 2\ntail 64KiB\n")
        self.env = {**os.environ, "LD_PRELOAD": str(SHIM), "CRASH_FOLDER": str(self.history), "CRASH_TRACE": str(self.trace), **failures}
        self.forgeries = forgeries
        self.command, self.log = [BIN, "-c", conf], folder / "log"
        self.sent, self.acknowledged, self.lock = {}, [], threading.Lock()
        self.start(kills)
        self.heard, self.numbers, self.finished = [], itertools.count(), False
        listener = threading.Thread(target=self.listen, args=(Stream(self.socket, "topic=t"),))
        listener.start()
        with ThreadPoolExecutor(6) as pool:
            done = [pool.submit(self.publish, random.Random(seed * 100 + i)) for i in range(6)]
            while kills:
                assert self.server.process.wait(60) == -signal.SIGKILL
                kills -= 1
                self.start(kills)
            for publisher in done:
                publisher.result()
        wait_for(lambda: {name for _, name in self.acknowledged} <= set(self.heard), "what was acknowledged to be heard")
        self.finished = True
        assert self.server.stop() == 0, self.server.log()
        listener.join(30)
        assert not listener.is_alive()

    def start(self, kills):
        self.log.unlink(missing_ok=True)
        self.begun = len(self.acknowledged)
        death = {"CRASH_DIE": str(random.randint(100, 600))} if kills else {}
        self.server = Server(self.command, self.log, {**self.env, **death})
        wait_for(lambda: "event=ready" in self.server.log(), "the hub")

    def listen(self, stream):
        while True:
            try:
                while True:
                    self.heard += re.findall(r"^id: (.*)$", stream.event(), re.M)
            except (ConnectionError, ValueError):
                pass  # ended or killed: what was cut comes again
            if self.finished:
                return
            stream = self.again()

    def again(self):
        cursor = [f"Last-Event-ID: {self.heard[-1]}"] if self.heard else []

        def connect():
            try:
                return Stream(self.socket, "topic=t", *cursor)
            except OSError:
                return None
        return wait_for(connect, "the hub to come back")

    def publish(self, chance):
        done = 0
        while done < 200:
            # Retention must not overtake the one who hears.
            wait_for(lambda: len(self.acknowledged) - len(self.heard) < 30, "the listener", 60)
            xs = chance.choice([0, 1, 10, 100, 1000, chance.randint(0, 12000), chance.randint(0, 60000) if chance.random() < 0.02 else 5])
            # A publisher may know how far the sequence is.
            guess = ""
            if chance.random() < self.forgeries:
                guess, xs = f"h{len(self.acknowledged) - self.begun + 1}", chance.choice([100, chance.randint(0, 20000), 20000])
            name = f"{next(self.numbers)}{guess}-{xs}"
            try:
                status = publish(self.socket, topic="t", id=name, data=name.encode() + b":" + payload(name)).status
            except (OSError, ValueError):
                status = 503  # killed: not known either
            size = self.trace.stat().st_size
            assert status in (200, 503)
            with self.lock:
                self.sent[name] = status
                if status == 200:
                    self.acknowledged.append((size, name))
            done += status == 200
            if status == 503:
                time.sleep(0.02)  # as a publisher would: the store is tried again after a while


# What fails, durability, how often it is killed; the share of payloads that are forgeries, and of images
# that cannot be read for a moment.
RUNS = {
    "syncs that hold": ({}, "", 0, 0.2, 0.2),
    "syncs that fail": ({"CRASH_FAIL_SYNC": "40"}, "", 0, 0.2, 0.2),
    "writes that fail": ({"CRASH_FAIL_WRITE": "40"}, "", 0, 0.2, 0.2),
    "kills": ({}, "", 3, 0, 0),
    "kills and syncs that fail": ({"CRASH_FAIL_SYNC": "20"}, "", 3, 0.2, 0.2),
    "synced now and then": ({}, "durability interval 50ms", 0, 0.2, 0.2),
    "forgeries, writes that fail and reads that fail": ({"CRASH_FAIL_WRITE": "20"}, "", 1, 0.9, 1),
}


@pytest.mark.parametrize("what", RUNS)
def test_what_a_crash_leaves_behind(what, tmp_path):
    failures, durability, kills, forgeries, failing_reads = RUNS[what]
    seed = int(os.environ.get("CRASH_SEED", random.randrange(10 ** 6)))
    print(f"CRASH_SEED={seed}")
    random.seed(seed)
    run = Run(tmp_path, failures, durability, kills, forgeries, seed)
    order = {name: i for i, name in enumerate(run.heard)}
    assert len(order) == len(run.heard), "an update came twice"
    assert {name for _, name in run.acknowledged} <= set(order)
    assert len(run.acknowledged) == 1200
    assert (len(run.sent) > 1200) == bool(failures or kills)
    trace = run.trace.read_bytes()
    all_notes = list(notes(trace))
    moments = list(range(1, len(all_notes)))
    random.shuffle(moments)
    if forgeries > 0.5:  # first of all those in the middle of a large commit
        moments.sort(key=lambda i: all_notes[i - 1][1] != "w" or len(all_notes[i - 1][4]) < 1000)
    cuts = sorted(moments[:IMAGES])
    disk, at, verifier, most = Disk(), 0, Verifier(), 0
    positions, acknowledged = {}, {name for _, name in run.acknowledged}
    unlinked_before = []
    with tempfile.TemporaryDirectory(dir="/dev/shm", prefix="alipes-crash-") as shm, keeping(shm, tmp_path / "image"):
        for turn, cut in enumerate(cuts):
            for note in all_notes[at:cut]:
                disk.step(*note)
                if note[1] == "u" and note[4].endswith(b".log"):
                    unlinked_before.append(note[4].decode())
            at = cut
            folder = Path(shm) / str(turn)
            folder.mkdir()
            disk.image(folder)
            alive = min((name for name in disk.names if name.endswith(".log")), default=None)
            trouble = ""
            if random.random() < failing_reads:
                first = int(2 ** random.uniform(0, 12))
                trouble = f"!{first},{random.choice((1, 1, 2, 5))},{random.choice(PASSING)}:"
            held = verifier.held(folder, turn % 10 == 0, trouble)
            judge(run, order, held, all_notes[cut - 1][0], durability)
            if turn % 10 and held and not durability:  # else the verifier itself made room
                alive = tuple(int(part, 16) for part in alive[:33].split("-"))
                positions.update(((int(r), int(n)), name) for r, n, name in held)
                first = tuple(int(number) for number in held[0][:2])
                assert not [at for at in positions if alive <= at < first and positions[at] in acknowledged], (alive, first)
            most = max(most, len(held))
            shutil.rmtree(folder)
    verifier.stop()
    assert most > 100 and len(unlinked_before) > 3
    hostile = sum("h" in name for name in run.sent)
    print(f"{what}: {len(cuts)} images of {len(all_notes)} notes, {len(run.acknowledged)} acknowledged ({hostile} forgeries sent), "
          f"at most {most} held: 0 confirmed lost")


@contextlib.contextmanager
def keeping(folder, where):
    """An image that fails is there to be looked at."""
    try:
        yield
    except BaseException:
        shutil.copytree(folder, where)
        raise


def judge(run, order, held, cut, durability):
    names = [name for _, _, name in held]
    # Nothing is invented. (verify has compared each with what its id promises.)
    assert all(name in run.sent or name in order for name in names)
    # One order, without a gap; only at its end there may be what was never confirmed.
    known = [order[name] for name in names if name in order]
    assert known == list(range(known[0], known[0] + len(known))) if known else True
    tail = [name for name in names if name not in order]
    assert names == [name for name in names if name in order] + tail
    assert all(run.sent.get(name) != 200 for name in tail)
    if durability:
        return
    # All that was acknowledged is held, but for what retention took with whole files.
    acknowledged = [order[name] for size, name in run.acknowledged if size <= cut]
    if not acknowledged:
        return
    assert known and known[-1] >= max(acknowledged), (known and known[-1], max(acknowledged))
