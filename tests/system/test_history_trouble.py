"""What can go wrong with a disk, and a clock: publishes are refused and never falsely confirmed, live
streams stay, and it goes on by itself once the cause is gone. With a shim in the hub, so not under a
sanitizer."""
import errno
import json
import os
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from conftest import BIN, KEY, PATH, Client, Server, wait_for
from history import Listener, LogHub, Publisher, read_until, restore
from ordeal import Ordeal
from trouble import SmallDisk, Trouble

DAY = 86400 * 1000


@pytest.fixture
def rng():
    seed = int(os.environ.get("HISTORY_SEED", random.randrange(10 ** 6)))
    print(f"HISTORY_SEED={seed}")
    yield random.Random(seed)


@pytest.fixture
def troubled(tmp_path):
    """A hub, and what makes it trouble."""
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = LogHub(tmp_path, "max_bytes 16MiB", extra="heartbeat 1s", env=trouble.env)
    yield hub, trouble
    trouble.set(**dict.fromkeys(trouble.state, 0))
    hub.stop()


def replay(hub):
    """All that is held."""
    with_end = Publisher(hub.socket)
    assert with_end.publish(topic="t", id=(end := f"end{random.random()}"), data="end") == 200
    with_end.close()
    listener = Listener(hub.socket, "topic=t&lastEventID=earliest")
    read_until([listener], lambda: listener.ids[-1:] == [end], "the whole history")
    listener.close()
    return [id for id in listener.ids if not id.startswith("end")]


WRONGS = {
    "no space for a write": dict(write_error=errno.ENOSPC),
    "a write fails": dict(write_error=errno.EIO),
    "a sync fails": dict(sync_error=errno.EIO),
    "read-only": dict(write_error=errno.EROFS, open_error=errno.EROFS),
    "over quota": dict(write_error=errno.EDQUOT, open_error=errno.EDQUOT),
    "no file can be made": dict(sync_error=errno.EIO, open_error=errno.EMFILE),
}


@pytest.mark.parametrize("wrong", WRONGS)
def test_publishes_get_503_and_streams_stay_until_it_is_over(troubled, wrong):
    hub, trouble = troubled
    publisher, live = Publisher(hub.socket), Listener(hub.socket, "topic=t")
    read_until([live], lambda: live.status == 200, "the head")
    answers = {}

    def publish(id):
        answers[id] = publisher.publish(topic="t", id=id, data=id)
        return answers[id]

    for i in range(20):
        assert publish(f"before{i}") == 200
    for turn in range(2):
        trouble.set(**WRONGS[wrong])
        for i in range(15):
            assert publish(f"wrong{turn}-{i}") == 503
            time.sleep(0.01)  # so that it tries again meanwhile
        trouble.set(**dict.fromkeys(WRONGS[wrong], 0))
        wait_for(lambda: publish(f"retried{turn}-{len(answers)}") == 200, "publishes to be stored again")
        for i in range(20):
            assert publish(f"after{turn}-{i}") == 200
    acknowledged = [id for id, status in answers.items() if status == 200]
    read_until([live], lambda: live.ids[-1:] == acknowledged[-1:], "the live stream")
    assert live.ids == acknowledged, "what was not confirmed is shown, or what was is not"
    assert not live.ended
    assert replay(hub) == acknowledged
    said = re.findall(r"event=history_failed .*", hub.log())
    assert said and os.strerror(list(WRONGS[wrong].values())[0]) in said[0], said
    assert str(hub.history) in said[0]
    assert "event=history_recovered" in hub.log()
    hub.kill()
    hub.start()
    held = replay(hub)
    assert [id for id in held if id in acknowledged] == acknowledged
    assert set(held) <= set(answers)
    live.close()
    publisher.close()


def test_with_an_interval_a_failing_sync_ends_what_is_confirmed(tmp_path):
    """What was answered 200 before stays; once the sync of an interval fails, nothing more is confirmed
    until files can be synced again."""
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = LogHub(tmp_path, "max_bytes 16MiB", extra="durability interval 20ms", env=trouble.env)
    publisher, live, answers = Publisher(hub.socket), Listener(hub.socket, "topic=t"), {}
    read_until([live], lambda: live.status == 200, "the head")

    def publish():
        id = f"n{len(answers)}"
        answers[id] = publisher.publish(topic="t", id=id, data="x")
        return answers[id]

    for _ in range(50):
        assert publish() == 200
    for _ in range(3):
        trouble.set(sync_error=errno.EIO)
        wait_for(lambda: publish() == 503, "a refusal")
        for _ in range(10):
            assert publish() == 503
        trouble.set(sync_error=0)
        wait_for(lambda: publish() == 200, "publishes to be stored again")
        for _ in range(10):
            assert publish() == 200
    acknowledged = [id for id, status in answers.items() if status == 200]
    read_until([live], lambda: live.ids[-1:] == acknowledged[-1:], "the live stream")
    assert live.ids == acknowledged
    assert "event=history_sync_failed" in hub.log()
    hub.kill()
    hub.start()
    held = replay(hub)
    assert [id for id in held if id in acknowledged] == acknowledged
    live.close()
    publisher.close()
    hub.stop()


@pytest.mark.parametrize("wrong", [dict(sync_error=errno.EIO), dict(write_error=errno.ENOSPC, open_error=errno.ENOSPC), dict(sync_ms=700)],
                         ids=["syncs fail", "no space", "syncs are slow"])
def test_a_stop_while_the_disk_is_in_trouble_is_orderly(tmp_path, wrong):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = LogHub(tmp_path, "max_bytes 16MiB", extra="shutdown_timeout 5s", env=trouble.env)
    live, stopping, answers = Listener(hub.socket, "topic=t"), [], {}
    read_until([live], lambda: live.status == 200, "the head")
    publisher = Publisher(hub.socket)
    for i in range(20):
        assert publisher.publish(topic="t", id=f"before{i}", data="x") == 200
    publisher.close()

    def publish(number):
        mine = Publisher(hub.socket)
        while not stopping:
            id = f"{number}-{len(answers)}"
            answers[id] = mine.publish(topic="t", id=id, data="x")
            if answers[id] is None:
                break
        mine.close()

    threads = [threading.Thread(target=publish, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    read_until([live], lambda: len(answers) > 20, "publishes")  # who does not read may be behind at the stop
    trouble.set(**wrong)
    read_until([live], lambda: 503 in answers.copy().values() or "sync_ms" in wrong, "the trouble")
    began = time.monotonic()
    hub.stop()
    took = time.monotonic() - began
    stopping.append(True)
    for thread in threads:
        thread.join(10)
    read_until([live], lambda: live.ended, "the end of the stream")
    assert took < 15, took
    acknowledged = {id for id, status in answers.items() if status == 200}
    assert acknowledged <= set(live.ids)
    assert not {id for id, status in answers.items() if status == 503} & set(live.ids)
    trouble.set(**dict.fromkeys(wrong, 0))
    hub.start()
    assert acknowledged <= set(replay(hub))
    hub.stop()


def test_no_worker_waits_for_a_slow_disk(troubled):
    hub, trouble = troubled
    publisher = Publisher(hub.socket)
    for i in range(100):
        assert publisher.publish(topic="t", id=f"n{i}", data=str(i)) == 200
    trouble.hold_syncs()
    answered, slowest = [], 0.0
    thread = threading.Thread(target=lambda: answered.append(publisher.publish(topic="t", id="slow", data="slow")))
    thread.start()
    trouble.one_waits()
    for i in range(20):
        at = time.monotonic()
        listener = Listener(hub.socket, "topic=t", f"Last-Event-ID: n{i}")
        read_until([listener], lambda: listener.ids[-1:] == ["n99"], "the replay")
        assert len(listener.ids) == 99 - i
        listener.close()
        slowest = max(slowest, time.monotonic() - at)
    assert not answered
    trouble.set(syncs=0)
    thread.join(60)
    assert answered == [200]
    print(f"20 replays beside a sync that waits: the slowest took {slowest * 1000:.0f} ms")
    publisher.close()


def test_of_publishes_sent_ahead_none_is_answered_later_than_its_own_commit(troubled):
    """Answers that come in one turn are written together; none is kept back for one that is not decided."""
    hub, trouble = troubled
    publisher = Publisher(hub.socket)
    assert publisher.publish(topic="t", id="before", data="x") == 200
    wait_for(lambda: (hub.history / "prepared").exists(), "the file that comes next")
    trouble.hold_syncs()
    publisher.send([dict(topic="t", id=f"n{i}", data="x") for i in range(3)])
    for i in range(3):
        trouble.let_one_go()
        reply = publisher.client.reply()  # the next is not decided
        assert (reply.status, reply.body) == (200, f"n{i}".encode())
    trouble.set(syncs=0)
    publisher.close()


def test_writes_that_are_cut_short_are_finished(troubled):
    hub, trouble = troubled
    trouble.set(short_write=1)
    publisher = Publisher(hub.socket)
    for i in range(200):
        assert publisher.publish(topic="t", id=f"n{i}", data="x" * (i * 20)) == 200
    publisher.close()
    hub.kill()
    hub.start()
    assert replay(hub) == [f"n{i}" for i in range(200)]


def test_a_file_size_limit_ends_a_segment_and_not_the_hub(tmp_path):
    hub = LogHub(tmp_path, "max_bytes 64MiB", wrap=("prlimit", "--fsize=1500000"))
    publisher, statuses = Publisher(hub.socket), []
    for i in range(400):
        statuses.append(publisher.publish(topic="t", id=f"n{i}", data="x" * 10000))
        if statuses[-1] == 503:
            time.sleep(0.12)
    assert statuses.count(200) > 350 and 503 in statuses, statuses
    assert set(statuses) == {200, 503}
    assert "File too large" in hub.log()
    acknowledged = [f"n{i}" for i, status in enumerate(statuses) if status == 200]
    assert replay(hub) == acknowledged
    hub.kill()
    hub.start()
    assert [id for id in replay(hub) if id in set(acknowledged)] == acknowledged
    publisher.close()
    hub.stop()


def test_little_space_is_not_taken_by_what_is_prepared(tmp_path):
    """Less than a segment is free: that is used for updates, not filled with zeros again and again."""
    disk = SmallDisk(tmp_path / "disk", "24m")
    disk.fill(leave=8 << 20)
    hub = LogHub(tmp_path, "max_bytes 256MiB", history=disk.folder / "history", wrap=disk.wrap)
    try:
        publisher, began, statuses = Publisher(hub.socket), time.monotonic(), []
        while time.monotonic() - began < 1.5:
            if len(statuses) < 10000:  # 3 MiB
                statuses.append(publisher.publish(topic="t", data="x" * 100))
            space = os.statvfs(disk.seen)
            assert space.f_bavail * space.f_frsize > 1 << 20
        assert set(statuses) == {200}, statuses.count(503)
        publisher.close()
    finally:
        hub.stop()
        disk.close()


def test_a_large_update_that_the_disk_has_no_room_for_fails_alone(tmp_path):
    disk = SmallDisk(tmp_path / "disk", "8m")
    hub = LogHub(tmp_path, "max_bytes 16MiB", extra="max_request_body_size 8MiB", history=disk.folder / "history", wrap=disk.wrap)
    try:
        publisher, client = Publisher(hub.socket), Client(hub.socket)
        assert publisher.publish(topic="t", id="first", data="x") == 200
        wait_for(lambda: (disk.seen / "history" / "prepared").exists(), "the file that comes next")
        disk.fill(leave=2 << 20)
        for turn in range(20):
            assert publisher.publish(topic="t", data="x" * 3500000) == 503
            assert publisher.publish(topic="t", id=f"u{turn}", data="x") == 200
            assert client.request("GET", "/healthz").status == 200
        assert "event=history_failed" not in hub.log()
        disk.empty()
        assert publisher.publish(topic="t", id="large", data="x" * 3500000) == 200
        assert replay(hub) == ["first", *(f"u{turn}" for turn in range(20)), "large"]
        publisher.close()
        client.close()
    finally:
        hub.stop()
        disk.close()


def test_a_full_disk_and_then_space_again(tmp_path):
    disk = SmallDisk(tmp_path / "disk", "6m")
    hub = LogHub(tmp_path, "max_bytes 64MiB", history=disk.folder / "history", wrap=disk.wrap, extra="heartbeat 1s")
    try:
        publisher, live = Publisher(hub.socket), Listener(hub.socket, "topic=t")
        read_until([live], lambda: live.status == 200, "the head")
        disk.fill()
        answers, count = {}, 0

        def publish():
            nonlocal count
            count += 1
            answers[f"n{count}"] = publisher.publish(topic="t", id=f"n{count}", data="x" * 20000)
            return answers[f"n{count}"]

        wait_for(lambda: publish() == 503, "the disk to be full")
        for _ in range(20):
            publish()
            time.sleep(0.02)
        assert "No space left" in hub.log()
        disk.empty()
        wait_for(lambda: publish() == 200, "publishes to be stored again")
        for _ in range(20):
            assert publish() == 200
        acknowledged = [id for id, status in answers.items() if status == 200]
        read_until([live], lambda: live.ids[-1:] == acknowledged[-1:], "the live stream")
        assert live.ids == acknowledged and not live.ended
        assert replay(hub) == acknowledged
        live.close()
        publisher.close()
    finally:
        hub.stop()
        disk.close()


# --- the start -------------------------------------------------------------------------------------


def refused(folder, conf, wrap=(), env=None):
    """What a hub that cannot start says."""
    path = folder / "refused.conf"
    path.write_text(f"listen unix/{folder}/refused.sock\npublisher_jwt {KEY}\nanonymous\n{conf}\n")
    server = Server([*wrap, BIN, "-c", path], folder / f"refused{random.random()}.log", env)
    assert server.process.wait(20) == 1, server.log()
    return server.log()


def test_a_second_hub_is_told_the_pid_and_the_path(tmp_path):
    hub = LogHub(tmp_path)
    said = refused(tmp_path, f"transport log {{ \n path {hub.history}\n}}")
    assert f"pid {hub.server.process.pid}" in said and str(hub.history) in said
    assert Publisher(hub.socket).publish(topic="t", data="x") == 200
    hub.kill()
    hub.start()  # the lock went with the process
    hub.stop()


@pytest.mark.parametrize("kind, name", [(0x6969, "NFS"), (0xff534d42, "CIFS"), (0x01021997, "9p"), (0x65735546, "FUSE")])
def test_a_file_system_that_lies_is_refused_and_may_be_allowed(tmp_path, kind, name):
    trouble = Trouble(tmp_path, tmp_path / "history")
    trouble.set(filesystem=kind)
    said = refused(tmp_path, f"transport log {{\n path {tmp_path}/history\n}}", env=trouble.env)
    assert name in said and "unsafe_filesystem" in said and f"{tmp_path}/history" in said
    conf = tmp_path / "allowed.conf"
    conf.write_text(f"listen unix/{tmp_path}/allowed.sock\npublisher_jwt {KEY}\nanonymous\n"
                    f"transport log {{\n path {tmp_path}/history\n unsafe_filesystem\n}}\n")
    server = Server([BIN, "-c", conf], tmp_path / "allowed.log", trouble.env)
    wait_for(lambda: "event=ready" in server.log(), "the hub")
    assert server.stop() == 0


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    history = tmp_path / "history"
    history.mkdir(mode=0o555)
    tmp_path.chmod(0o777)
    conf = f"transport log {{\n path {history}\n}}"
    nobody = ("setpriv", "--reuid=65534", "--clear-groups") if os.geteuid() == 0 else ()
    said = refused(tmp_path, conf, nobody)
    assert str(history) in said and "cannot be written" in said
    for below in ("deeper", "deeper/still"):
        said = refused(tmp_path, conf.replace(str(history), f"{history}/{below}"), nobody)
        assert f"{history}/{below}: cannot be made: Permission denied (as user " in said


def test_a_folder_with_other_files_and_no_history_is_not_begun_in(tmp_path):
    history = tmp_path / "history"
    history.mkdir()
    for name in ("notes.tmp", "report.new", "lock"):
        (history / name).write_text("precious")
    said = refused(tmp_path, f"transport log {{\n path {history}\n}}")
    assert f"{history} holds other files" in said
    assert {path.name: path.read_text() for path in history.iterdir()} == dict.fromkeys(("notes.tmp", "report.new", "lock"), "precious")


def test_a_history_in_place_of_bolt_leaves_its_folder_alone(tmp_path):
    before = {name: f"of {name}" for name in ("mercure.db", "notes.tmp", "report.new", "lock", "prepared", "0.idx")}
    work = tmp_path / "work"
    work.mkdir()
    for name, text in before.items():
        (work / name).write_text(text)
    conf = tmp_path / "conf"
    conf.write_text(f"listen unix/{tmp_path}/s\npublisher_jwt {KEY}\nanonymous\ntransport bolt {{\n path {work}/mercure.db\n}}\n")
    server = Server([BIN, "-c", conf], tmp_path / "log")
    wait_for(lambda: "event=ready" in server.log(), "the hub")
    assert server.stop() == 0 and f"{work}/mercure.db.history" in server.log()
    assert {path.name: path.read_text() for path in work.iterdir() if path.is_file()} == before
    assert list((work / "mercure.db.history").glob("*.log"))


def test_a_read_only_mount_is_named(tmp_path):
    disk = SmallDisk(tmp_path / "disk", "6m")
    (disk.seen / "history").mkdir()
    assert disk.run("mount", "-o", "remount,ro", disk.folder).returncode == 0
    try:
        said = refused(tmp_path, f"transport log {{\n path {disk.folder}/history\n}}", wrap=disk.wrap)
        assert f"{disk.folder}/history" in said
    finally:
        disk.close()


def test_a_history_of_another_version_is_left_alone(tmp_path):
    hub = LogHub(tmp_path)
    assert Publisher(hub.socket).publish(topic="t", data="x") == 200
    hub.stop()
    youngest = max(hub.history.glob("*.log"))
    content = bytearray(youngest.read_bytes())
    content[8] = 99
    crc = crc32c(content[:4092])
    content[4092:4096] = crc.to_bytes(4, "little")
    youngest.write_bytes(content)
    before = {path.name: path.read_bytes() for path in hub.history.iterdir() if path.suffix in (".log", ".idx")}
    said = refused(tmp_path, f"transport log {{\n path {hub.history}\n}}")
    assert "another version" in said and youngest.name in said
    assert before == {path.name: path.read_bytes() for path in hub.history.iterdir() if path.suffix in (".log", ".idx")}


def crc32c(data):
    """Without the inversion at its end, as the store keeps it."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc


# --- reads that fail -------------------------------------------------------------------------------


@pytest.fixture
def held(tmp_path):
    """A hub that has just begun on 400 updates in several files, so that none of it is in memory."""
    trouble = Trouble(tmp_path, tmp_path / "history")
    restore(tmp_path, "max_bytes 16MiB, max_events 1600", [(f"u{i}", "t", "x" * 300) for i in range(400)])
    hub = LogHub(tmp_path, "max_bytes 16MiB, max_events 1600", extra="tail 4KiB", env=trouble.env)
    yield hub, trouble
    trouble.set(**dict.fromkeys(trouble.state, 0))
    hub.stop()
    assert "history_damaged" not in hub.log() and "history_broken" not in hub.log()


def follow(hub, cursor, count):
    """What comes behind a cursor to somebody who comes back as an EventSource does: with the last id."""
    ids, last = [], cursor
    while len(ids) < count:
        listener = Listener(hub.socket, "topic=t", f"Last-Event-ID: {last}")
        read_until([listener], lambda: listener.ended or len(ids) + len(listener.ids) >= count, "updates")
        assert listener.status == 200 and listener.cursor in (None, last)  # never `earliest`
        ids += listener.ids
        last = ids[-1] if ids else cursor
        listener.close()
    return ids


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOMEM, errno.EMFILE])
@pytest.mark.parametrize("what", ["read_error", "look_error"])
def test_reads_that_fail_now_and_then_cost_nobody_anything(held, what, error):
    hub, trouble = held
    for turn, cursor in enumerate([0, 99, 100, 150, 250, 398] * 3):
        trouble.set(**{what: error, "times": turn % 3 + 1})
        assert follow(hub, f"u{cursor}", 399 - cursor) == [f"u{i}" for i in range(cursor + 1, 400)]
    trouble.set(times=0, **{what: 0})
    assert replay(hub) == [f"u{i}" for i in range(400)]


@pytest.mark.parametrize("error", [errno.EIO, errno.EMFILE])
def test_what_cannot_be_looked_up_now_is_asked_again_with_the_same_cursor(held, error):
    hub, trouble = held
    trouble.set(read_error=error, look_error=error)
    for cursor in ("u7", "u200", "nobody knows"):
        client = Client(hub.socket)
        reply = client.request("GET", f"{PATH}?topic=t", [f"Last-Event-ID: {cursor}"])
        assert reply.status == 200 and "last-event-id" not in reply.headers and re.fullmatch(rb"retry: \d+\n: history_unreadable\n\n", reply.body)
        client.close()
    client = Client(hub.socket)
    head = client.request("HEAD", f"{PATH}?topic=t&lastEventID=u7")
    assert head.status == 200 and "last-event-id" not in head.headers  # as GET
    client.close()
    assert Publisher(hub.socket).publish(topic="t", id="u7", data="again") == 200  # publishes do not wait for it
    trouble.set(read_error=0, look_error=0)
    assert follow(hub, "u7", 393) == [*(f"u{i}" for i in range(8, 400)), "u7"]
    assert "event=history_unreadable" in hub.log() and os.strerror(error) in hub.log()


# --- the clock -------------------------------------------------------------------------------------


def test_a_clock_that_jumps_both_ways(tmp_path, rng):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = LogHub(tmp_path, "max_bytes 16MiB, max_age 1h", env=trouble.env)
    try:
        ordeal = Ordeal(hub, hub.socket, rng.randrange(10 ** 6))
        for jump in [DAY, -DAY, 3 * DAY, 0, -3650 * DAY, 3650 * DAY, rng.randrange(-DAY, DAY), 0]:
            before = len(ordeal.acknowledged())
            trouble.set(clock_ms=jump)
            wait_for(lambda: len(ordeal.acknowledged()) > before + 100, "publishes")
            if rng.random() < 0.4 and jump <= 0:
                hub.kill()
                hub.start()
        ordeal.finish()
        print(f"{len(ordeal.acknowledged())} acknowledged")
    finally:
        hub.stop()


def test_a_clock_that_is_ahead_at_the_start_removes_nothing_for_good(tmp_path):
    """What an earlier run left grows old by the clock as it is once it had time to be set."""
    trouble = Trouble(tmp_path, tmp_path / "history")
    now, bounds = int(time.time() * 1000), "max_bytes 16MiB\nmax_age 1h"
    lines = [{"id": f"{minutes} minutes", "time": now - minutes * 60000, "topics": ["t"], "data": "x"} for minutes in range(180, 0, -1)]
    conf = tmp_path / "restore.conf"
    conf.write_text(f"publisher_jwt {KEY}\nanonymous\ntransport log {{\npath {tmp_path}/history\n}}\nhistory {{\n{bounds}\n}}\n")
    subprocess.run([BIN, "history", "restore", "-c", conf], input="\n".join(map(json.dumps, lines)), text=True, check=True)
    trouble.set(clock_ms=3650 * DAY)
    hub = LogHub(tmp_path, "max_bytes 16MiB, max_age 1h", env=trouble.env)
    for turn in range(2):
        time.sleep(1.2)  # the keeper looks once a second
        assert len(replay(hub)) == 180
        hub.kill()
        hub.start()
    trouble.set(clock_ms=0)  # it is set
    assert len(replay(hub)) == 180
    trouble.set(boot_ms=3600 * 1000)  # and an hour is over
    held = wait_for(lambda: (ids := replay(hub)) and len(ids) < 66 and ids, "retention")
    assert held == [f"{minutes} minutes" for minutes in range(len(held), 0, -1)] and len(held) >= 59
    hub.stop()


def test_what_a_clock_says_does_not_age_what_is_held(tmp_path):
    """Within a run age is not told by the wall clock: a jump by years removes nothing."""
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = LogHub(tmp_path, "max_bytes 16MiB, max_age 1h", env=trouble.env)
    publisher = Publisher(hub.socket)
    for jump in (0, 3650 * DAY, -3650 * DAY):
        trouble.set(clock_ms=jump)
        for i in range(300):
            assert publisher.publish(topic="t", id=f"{jump}-{i}", data="x" * 3000) == 200
    time.sleep(1.2)  # the keeper looks once a second
    assert len(replay(hub)) == 900
    publisher.close()
    hub.stop()
