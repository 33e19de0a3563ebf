"""alipes history: stat, check, dump and restore, beside a hub and without one."""
import json
import os
import re
import resource
import signal
import subprocess
import threading
import time

import pytest

from conftest import BIN, Stream, publish, token, wait_for

MIB = 1024 * 1024


def history(*arguments, data=b"", env=None):
    command = [BIN, "history", *map(str, arguments)]
    return subprocess.run(command, input=data, capture_output=True, timeout=120, env=env)


def dump(folder, status=0):
    done = history("dump", folder)
    assert done.returncode == status, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def stat(folder, status=0):
    done = history("stat", folder)
    assert done.returncode == status, done.stderr
    names = "events|records|bytes|segments|lost segments|runs|in use|removed up to|removed id|last|oldest|youngest|folder"
    return dict(re.match(f"((?:subscriptions )?(?:{names})) (.*)", line).groups() for line in done.stdout.decode().splitlines())


def check(folder):
    done = history("check", folder)
    return done.returncode, done.stdout.decode()


def with_history(folder, more="max_bytes 1MiB"):
    return f"transport log {{\n path {folder}\n}}\nhistory {{\n {more}\n}}"


@pytest.fixture
def start(start_hub):
    def begin(folder, more="max_bytes 1MiB", **options):
        hub = start_hub(with_history(folder, more), **options)
        return hub, ("127.0.0.1", hub.port)

    return begin


def fill(address, count, first=0, size=1000, **form):
    for i in range(first, first + count):
        assert publish(address, topic="t", id=f"e{i}", data=f"{i}:" + "x" * size, **form).status == 200


def replayed(address, *headers, end=b"data: the end\n\n"):
    """The bytes of the events on a stream, up to the one that ends so."""
    stream = Stream(address, "topic=*", *headers)
    while end not in stream.text:
        assert stream.piece(), stream.text
    return stream.headers, stream.text.lstrip(b":\n")


def files(folder, suffix=".log"):
    return sorted(p for p in folder.iterdir() if p.suffix == suffix)


def test_dump_beside_a_hub_gives_all_that_is_committed(start, tmp_path):
    folder = tmp_path / "history"
    hub, address = start(folder, "max_bytes 16MiB")
    acknowledged, stop = [], threading.Event()

    def work():
        while not stop.is_set():
            assert publish(address, topic="t", id=f"e{len(acknowledged)}", data="x" * 3000).status == 200
            acknowledged.append(len(acknowledged))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for round in range(5):
            wait_for(lambda: len(acknowledged) > 100 * (round + 1), "publishes")
            before = len(acknowledged)
            lines = dump(folder)
            assert [line["id"] for line in lines] == [f"e{i}" for i in range(len(lines))]
            assert before <= len(lines) <= len(acknowledged) + 1
            positions = [tuple(map(int, line["position"].split("-"))) for line in lines]
            assert positions == sorted(set(positions))
            times = [line["time"] for line in lines]
            assert times == sorted(times) and abs(times[-1] / 1000 - time.time()) < 60
            status, text = check(folder)
            assert status == 0 and "being written" in text, text
            assert stat(folder)["in use"] == "yes"
    finally:
        stop.set()
        thread.join()


def test_a_dump_beside_retention_has_no_hole(start, tmp_path):
    folder = tmp_path / "history"
    hub, address = start(folder)
    fill(address, 500, size=3000)
    whole, count = 0, 500

    def go_on():
        nonlocal count
        while count < 1000 or whole < 2:
            fill(address, 10, count, 3000)
            count += 10

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    while thread.is_alive():
        stat(folder)
        done = history("dump", folder)
        assert done.returncode == 0 or b"dump again" in done.stderr, done.stderr
        numbers = [int(json.loads(line)["id"][1:]) for line in done.stdout.splitlines()]
        if done.returncode == 0:
            assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
            whole += 1
    thread.join()
    assert whole and numbers[0] > 0


ODD = [
    {"topic": ["t", "https://example.com/ü", b"\xff\x00bytes"], "data": b"\xff\xfe\x00\nraw", "id": "odd"},
    {"topic": "t", "data": "one\r\ntwo\rthree\n\n", "type": "kind", "retry": "18446744073709551615"},
    {"topic": "t", "data": "quotes \" and \\ and \x00 and \x1f and \u2028", "retry": "1", "id": b"\xc3bytes"},
    {"topic": "", "data": "", "private": ""},
    {"topic": "t", "data": "again", "id": "odd"},
    {"topic": "t", "id": "nothing but an id"},
    {"topic": "t", "data": "the end", "id": "last"},
]


def test_what_is_dumped_and_restored_is_the_same(start, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    hub, address = start(old)
    fill(address, 200)
    for form in ODD:
        assert publish(address, **form).status == 200
    everything = [f"Authorization: Bearer {token(subscribe=['*'])}"]
    _, text = replayed(address, *everything, "Last-Event-ID: earliest")
    lines = dump(old)
    assert lines[-7]["topics"] == ["t", "https://example.com/ü", {"base64": "/wBieXRlcw=="}]
    assert lines[-7]["data"] == {"base64": "//4ACnJhdw=="} and lines[-7]["chosen"] is True
    assert (lines[-6]["type"], lines[-6]["retry"]) == ("kind", "18446744073709551615")
    assert lines[-6]["data"] == "one\ntwo\nthree\n\n" and "chosen" not in lines[-6]
    assert lines[-5]["id"] == {"base64": "w2J5dGVz"} and lines[-5]["retry"] == 1
    assert lines[-4]["private"] is True and lines[-4]["topics"] == [""]
    assert lines[-3]["repeated"] is True and "repeated" not in lines[-7]
    whole = history("dump", old).stdout
    hub.stop()
    assert history("dump", "-c", hub.conf).stdout == whole

    done = history("restore", "-c", configuration(new), data=whole)
    assert done.returncode == 0, done.stderr
    assert b"207 updates" in done.stderr and b"keep 207" in done.stderr
    def without_position(lines):
        return [{k: v for k, v in line.items() if k != "position"} for line in lines]
    assert without_position(dump(new)) == without_position(lines)
    assert check(new)[0] == 0

    hub, address = start(new)
    assert replayed(address, *everything, "Last-Event-ID: earliest")[1] == text
    headers, rest = replayed(address, "Last-Event-ID: e150")
    assert headers["last-event-id"] == "e150" and rest.startswith(b"id: e151\n")
    assert b"id: odd\n" in rest and rest.count(b"\n\n") == text.count(b"\n\n") - 152  # but the private one
    headers, rest = replayed(address, "Last-Event-ID: odd")
    assert headers["last-event-id"] == "odd" and rest.startswith(b"event: kind\n")


def test_a_repeated_id_stays_unknown_after_its_first_is_gone(start, tmp_path):
    """Restored or not: a cursor that may mean what was removed is answered as unknown."""
    line = {"id": "twice", "topics": ["t"], "data": "second", "chosen": True, "repeated": True}
    end = {"id": "last", "topics": ["t"], "data": "the end"}
    folder = tmp_path / "history"
    text = "\n".join(map(json.dumps, [line, end]))
    assert history("restore", "-c", configuration(folder), data=text.encode()).returncode == 0
    hub, address = start(folder)
    stream = Stream(address, "topic=t", "Last-Event-ID: twice")
    assert stream.headers["last-event-id"] == "earliest"
    assert replayed(address, "Last-Event-ID: earliest")[1].startswith(b"id: twice\n")


def test_restored_updates_keep_their_time(tmp_path):
    """How they grow old from there on: test_history_trouble.py."""
    now = int(time.time() * 1000)
    lines = [{"id": f"{minutes} minutes", "time": now - minutes * 60000, "topics": ["t"], "data": "x"}
             for minutes in range(180, 0, -1)]
    folder = tmp_path / "history"
    done = history("restore", "-c", configuration(folder, "max_bytes 1MiB\nmax_age 1h"), data="\n".join(map(json.dumps, lines)).encode())
    assert done.returncode == 0
    assert [(line["id"], line["time"]) for line in dump(folder)] == [(line["id"], line["time"]) for line in lines]


def test_what_root_restores_belongs_to_the_owner_of_the_folder(tmp_path):
    """Without root there is no other owner, and nothing is said of one."""
    owner, parent = (65534 if os.geteuid() == 0 else os.geteuid()), tmp_path / "of the hub"
    tmp_path.chmod(0o755)  # the owner is to come that far
    parent.mkdir()
    os.chown(parent, owner, -1)
    for folder in (parent / "history", parent / "deeper" / "history"):
        # A process that gave its rights away is none that the leak sanitizer may look into.
        done = history("restore", folder, data=b'{"id":"a","topics":["t"],"data":"x"}\n', env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
        assert done.returncode == 0, done.stderr
        assert {path.stat().st_uid for path in [folder, *folder.iterdir()]} == {owner}
        assert (b"its files belong to" in done.stderr) == (owner != os.geteuid())
    theirs = tmp_path / "history"  # one that is there already
    theirs.mkdir()
    os.chown(theirs, owner, -1)
    assert history("restore", theirs, data=b"", env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}).returncode == 0
    assert {path.stat().st_uid for path in theirs.iterdir()} == {owner}


def test_restore_refuses_what_it_must(start, tmp_path):
    folder = tmp_path / "history"
    hub, address = start(folder)
    fill(address, 1)
    good = b'{"id":"a","topics":["t"],"data":"x"}\n'
    done = history("restore", folder, data=good)
    assert done.returncode == 2 and f"pid {hub.server.process.pid}".encode() in done.stderr
    hub.stop()
    before = {path: path.read_bytes() for path in folder.iterdir()}
    done = history("restore", folder, data=good)
    assert done.returncode == 2 and b"holds a history already (1 updates)" in done.stderr
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    bad = {
        b"no json": b"no JSON", b'{"id":"a","topics":["t"]}': b'"data" is neither',
        b'{"id":"a\\n","topics":["t"],"data":"x"}': b"control character", b"[]": b"no JSON object",
        b'{"id":"","topics":["t"],"data":"x"}': b'"id" is empty',
        b'{"id":"a","topics":[],"data":"x"}': b'"topics" is no list', b'{"id":"a","topics":"t","data":"x"}': b'"topics" is no list',
        b'{"id":"a","topics":[7],"data":"x"}': b'"topics" is neither', b'{"id":"a","topics":["t"],"data":{"base64":"?"}}': b'"data" is neither',
        b'{"id":"a","topics":["t"],"data":"x","retry":-1}': b'"retry" is no number', b'{"id":"a","topics":["t"],"data":"x","retry":"01"}': b'"retry" is no number',
        b'{"id":"a","topics":["t"],"data":"x","type":"a\\r"}': b'"type" holds', b'{"id":"a","topics":["t"],"data":"x","time":"now"}': b'"time" is no number',
        b'{"id":"a","topics":["t"],"data":"x","private":1}': b'"private" is neither', b'{"id":"a","topics":["t"],"data":"x","dta":1}': b'"dta" is not known',
        b'{"id":"a","id":"a","topics":["t"],"data":"x"}': b"duplicate",
    }
    for number, (line, why) in enumerate(bad.items()):
        other = tmp_path / f"bad{number}"
        done = history("restore", "-c", configuration(other), data=good + line)
        assert done.returncode == 1 and b"line 2: " in done.stderr and why in done.stderr, (line, done.stderr)
        assert b"nothing was restored" not in done.stderr or b"what was begun is removed again" in done.stderr
        assert dump(other) == []
        assert history("restore", other, data=good).returncode == 0  # nothing stands in its way
    assert history("restore", "-c", configuration(tmp_path / "none"), data=b"").returncode == 0
    assert history("restore", "-c", configuration(tmp_path / "none"), data=good + b"\n" + good).returncode == 0  # empty folders may be filled


def test_stat_tells_what_there_is(start, tmp_path):
    folder = tmp_path / "history"
    hub, address = start(folder)
    fill(address, 100)
    told = stat(folder)
    assert (told["events"], told["runs"], told["in use"], told["last"]) == ("100", "1", "yes", "1-100")
    assert told["removed up to"] == "0-0" and int(told["segments"]) > 1
    hub.server.stop()
    told = stat(folder)
    assert told["in use"] == "no" and abs(sum(p.stat().st_size for p in files(folder)) - int(told["bytes"])) < 65536
    hub.start()
    fill(address, 1500, first=100)

    def settled():  # the keeper may be about to make room
        told, lines = stat(folder), dump(folder)
        return stat(folder)["events"] == told["events"] and (told, lines)

    told, lines = wait_for(settled, "the keeper")
    assert told["runs"] == "1" and int(told["events"]) < 1600 and told["last"] == "2-1500"
    gone = 1600 - int(told["events"])
    assert told["removed id"] == f'"e{gone - 1}"' and told["removed up to"] == f"2-{gone - 100}"
    assert [line["id"] for line in lines] == [f"e{i}" for i in range(gone, 1600)]
    assert int(told["bytes"]) <= MIB


def configuration(folder, more="max_bytes 1MiB"):
    """A file for -c: without it, files are of the size that 256 MiB ask for."""
    path = folder.parent / f"{folder.name}.conf"
    path.write_text(f"publisher_jwt {'k' * 32}\nanonymous\n" + with_history(folder, more))
    return path


@pytest.fixture
def stopped(tmp_path):
    """A history of several files that nobody has open."""
    folder = tmp_path / "history"
    lines = [{"id": f"e{i}", "topics": ["t"], "data": f"{i}:" + "x" * 1000} for i in range(300)]
    lines.append({"id": "last", "topics": ["t"], "data": "the end"})
    done = history("restore", "-c", configuration(folder), data="\n".join(map(json.dumps, lines)).encode())
    assert done.returncode == 0, done.stderr
    assert len(files(folder)) > 5 and check(folder)[0] == 0
    return folder


def flip(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def test_a_tear_is_told_and_costs_nothing(start, tmp_path):
    folder = tmp_path / "history"
    hub, address = start(folder)
    fill(address, 20)
    hub.stop()
    before = history("dump", folder).stdout
    path = files(folder)[-1]
    content = path.read_bytes()
    end = (len(content.rstrip(b"\0")) + 7) // 8 * 8
    path.write_bytes(content[:end] + b"half of a record" + content[end + 16:])
    status, text = check(folder)
    assert status == 0 and "torn at byte" in text and "DAMAGED" not in text, text
    assert before and history("dump", folder).stdout == before


def damage(text, number):
    """What check says of each file's damage: (line, why) of the damaged ones."""
    lines = [line for line in text.splitlines() if "DAMAGED" in line and ".log" in line]
    assert len(lines) == number, text
    return lines


def lost(folder):
    lines = dump(folder)
    flags = [line.get("lost", False) for line in lines]
    assert flags == sorted(flags, reverse=True)
    return [line["id"] for line in lines], sum(flags)


def replays_the_rest(start, folder, expected):
    """A hub on it replays, sooner or later, what is not lost, and nothing else."""
    hub, address = start(folder)

    def attempt():
        stream = Stream(address, "topic=t", "Last-Event-ID: earliest")
        while b"data: the end\n\n" not in stream.text:
            if not stream.piece():
                return None  # overtaken by what was found: it begins anew
        return re.findall(rb"^id: (.*)$", stream.text, re.M)

    assert [id.decode() for id in wait_for(attempt, "the replay")] == expected
    return hub.log()


def test_a_damaged_record_is_told_by_file_and_replay_begins_behind_it(start, stopped):
    path = files(stopped)[1]
    flip(path, 20000)
    status, text = check(stopped)
    [line] = damage(text, 1)
    assert status == 1 and path.name in line and "where replay begins" in line
    ids, count = lost(stopped)
    assert len(ids) == 300 and 0 < count < 300  # all but the damaged one
    assert ids[-1] == "last" and f"e{count + 1}" == ids[count]
    told = stat(stopped)
    replays_the_rest(start, stopped, ids[count:])
    assert told["events"] == "301"  # nobody has met the damage yet


@pytest.mark.parametrize("how", ["header", "cut", "missing", "end"])
def test_a_file_that_is_lost_takes_the_older_ones_with_it(start, stopped, how):
    path = files(stopped)[2]
    older = len(files(stopped)[:3])
    if how == "header":
        flip(path, 100)
    elif how == "cut":
        path.write_bytes(path.read_bytes()[:30000])
    elif how == "missing":
        path.unlink()
        older -= 1
    else:  # its last record: nothing good is behind it in its file
        flip(path, len(path.read_bytes()) - 20)
    status, text = check(stopped)
    [line] = damage(text, 1)
    assert status == 1, text
    assert {"header": "header does not check", "cut": "cut, and good up to byte", "missing": "the file before it is missing",
            "end": "but nothing follows"}[how] in line
    assert text.count("before what replay can reach") == older
    done = history("dump", stopped)
    assert done.returncode == (1 if how == "header" else 0), done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    good = [line["id"] for line in lines if not line.get("lost")]
    assert good and len(good) < len(lines)
    if how != "end":  # found when it is read
        assert stat(stopped, status=1)["events"] == str(len(good))
    # What is lost stays out of a restored history, which is whole again.
    new = stopped.parent / "new"
    assert history("restore", "-c", configuration(new), data=done.stdout).returncode == 0
    assert [line["id"] for line in dump(new)] == good and check(new)[0] == 0
    said = replays_the_rest(start, stopped, good)
    assert {"header": "a file is cut, or its header", "cut": "a file is cut", "missing": "a file is missing", "end": "history_damaged"}[how] in said


def test_an_index_that_is_bad_is_no_damage(stopped):
    paths = files(stopped, ".idx")
    flip(paths[0], 90)
    paths[1].unlink()
    status, text = check(stopped)
    assert status == 0 and text.count("its index is to be rebuilt") == 1 and text.count("without an index") == 1, text


def test_memory_does_not_grow_with_the_history(tmp_path):
    is_plain = "release" in str(BIN)  # sanitizers keep what was freed
    folder, size, count = tmp_path / "history", 1000, 40000 if is_plain else 1000
    line = '{"id":"e%d","topics":["t"],"data":"' + "x" * size + '"}'
    with open(tmp_path / "lines", "w") as out:
        out.writelines(line % i + "\n" for i in range(count))

    def limit():
        if is_plain:
            resource.setrlimit(resource.RLIMIT_DATA, (40 * MIB, 40 * MIB))

    def run(command, **files):
        done = subprocess.run([BIN, "history", command, folder], stderr=subprocess.PIPE, preexec_fn=limit, **files)
        assert done.returncode == 0, done.stderr

    with open(tmp_path / "lines") as lines, open(tmp_path / "dump", "w+") as out:
        run("restore", stdin=lines)
        run("dump", stdout=out)
        run("check", stdout=subprocess.DEVNULL)
        out.seek(0)
        assert sum(1 for _ in out) == count
    assert sum(p.stat().st_size for p in files(folder)) > size * count


def test_which_folder(tmp_path):
    folder = tmp_path / "history"
    good = b'{"id":"a","topics":["t"],"data":"x"}\n'
    conf = configuration(folder)
    assert history("restore", "-c", conf, data=good).returncode == 0
    env = {"MERCURE_PUBLISHER_JWT_KEY": "k" * 32, "MERCURE_SUBSCRIBER_JWT_KEY": "k" * 32,
           "MERCURE_EXTRA_DIRECTIVES": f"transport log {{\n path {folder}\n}}"}
    whole = history("dump", folder).stdout
    assert whole and history("dump", "-c", conf).stdout == history("dump", env=env).stdout == whole
    conf.write_text(f"publisher_jwt {'k' * 32}\nanonymous\ntransport memory\n")
    for arguments, why in {("dump", "-c", conf): b"no history on the disk", ("dump", "-c", tmp_path / "no"): b"no: ",
                           ("dump", tmp_path / "no"): b"No such file", (): b"usage", ("dum",): b"usage", ("dump", "-x"): b"usage",
                           ("dump", "a", "b"): b"usage"}.items():
        done = history(*arguments)
        assert done.returncode == 2 and why in done.stderr and not done.stdout, (arguments, done)
    with open("/dev/full", "w") as full:
        done = subprocess.run([BIN, "history", "dump", folder], stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"cannot be written" in done.stderr


def test_begins_and_ends_are_left_alone_where_they_are_off_and_told_apart(start, tmp_path):
    folder = tmp_path / "history"
    hub, address = start(folder)
    fill(address, 3)
    hub.stop()
    assert "history_left_alone" not in hub.server.log()
    beside = folder / "subscriptions"
    done = history("restore", beside, data=b"".join(b'{"id":"b%d","topics":["t"],"data":"d"}\n' % i for i in range(5)))
    assert done.returncode == 0, done.stderr
    before = {path.name: path.read_bytes() for path in beside.iterdir()}
    hub, address = start(folder)
    fill(address, 2, first=3)
    assert hub.server.log().count("event=history_left_alone") == 1
    told = stat(folder)
    assert (told["events"], told["subscriptions records"], told["subscriptions last"]) == ("5", "5", "1-5")
    status, text = check(folder)
    assert status == 0 and "\nsubscriptions/0000000000000001-0000000000000001.log: 5 records, ok" in text, text
    assert [line["id"] for line in dump(folder) if line["id"][0] == "e"] == [f"e{i}" for i in range(5)]
    hub.stop()
    assert {path.name: path.read_bytes() for path in beside.iterdir()} == before


def test_what_began_and_ended_stands_in_a_dump_in_its_place(start, tmp_path):
    folder, other = tmp_path / "history", tmp_path / "other"
    hub, address = start(folder, more="max_bytes 1MiB\n}\nsubscriptions {\n hold_back 0s")
    auth = f"Authorization: Bearer {token(subscribe=['*'])}"
    stream = Stream(address, "topic=t&topic=u", auth)
    fill(address, 1)
    stream.close()
    wait_for(lambda: len(dump(folder)) == 5, "the ends")
    fill(address, 1, first=1)
    lines = dump(folder)
    assert [line.get("subscription", line["id"]) for line in lines] == ["begin", "begin", "e0", "end", "end", "e1"]
    assert {line.get("dialect") for line in lines} == {"0.x", None}
    assert [json.loads(line["data"])["active"] for line in lines if "subscription" in line] == [True, True, False, False]
    told = stat(folder)
    assert (told["events"], told["subscriptions records"], told["last"], told["subscriptions last"]) == ("2", "4", "1-6", "1-5")
    hub.stop()
    restored = history("restore", other, data=history("dump", folder).stdout)
    assert restored.returncode == 0 and b"restored: 2 updates" in restored.stderr, restored.stderr
    assert b"begins and ends of subscriptions were left out" in restored.stderr
    assert [line["id"] for line in dump(other)] == ["e0", "e1"] and not (other / "subscriptions").exists()
    assert check(folder)[0] == check(other)[0] == 0


def lines_of(count):
    return b"".join(b'{"id":"e%d","topics":["t"],"data":"%s"}\n' % (number, b"x" * 1000) for number in range(count))


@pytest.mark.parametrize("ends", ["a bad line", "a signal"])
def test_a_restore_that_does_not_come_to_its_end_leaves_nothing(ends, tmp_path):
    folder = tmp_path / "history"
    done = subprocess.Popen([BIN, "history", "restore", folder], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    done.stdin.write(lines_of(6000))
    done.stdin.flush()  # a pipe holds 64 KiB, a commit is 1 MiB: some are on the disk
    assert files(folder)
    if ends == "a signal":
        done.send_signal(signal.SIGINT)
    else:
        done.stdin.write(b"nonsense\n")
        done.stdin.close()
        done.stdin = None
    said = done.communicate(timeout=60)[1]
    assert done.returncode == 1 and (b"interrupted (signal 2)" if ends == "a signal" else b"line 6001: ") in said
    assert b"nothing was restored: what was begun is removed again" in said and b"restored: " not in said.replace(b"nothing was restored: ", b"")
    assert dump(folder) == [] and history("check", folder).returncode == 0
    assert history("restore", folder, data=lines_of(2)).returncode == 0 and len(dump(folder)) == 2


class Terminal:
    """Standard error is a terminal, and what was said there."""

    def __init__(self, *words, **pipes):
        self.own, other = os.openpty()
        self.process = subprocess.Popen([BIN, "history", *words], stderr=other, **pipes)
        os.close(other)
        os.set_blocking(self.own, False)
        self.text = b""

    def said(self, pattern):
        try:
            self.text += os.read(self.own, 65536)
        except (BlockingIOError, OSError):
            pass
        return re.search(pattern, self.text)


def test_long_work_says_on_a_terminal_how_far_it_is_and_takes_the_line_away(tmp_path):
    folder = tmp_path / "history"
    terminal = Terminal("restore", folder, stdin=subprocess.PIPE)

    def goes_on():
        terminal.process.stdin.write(lines_of(100))
        terminal.process.stdin.flush()
        return terminal.said(rb"\rrestored [1-9][0-9,]* updates\x1b\[K")

    wait_for(goes_on, "how far it is")
    terminal.process.stdin.close()
    assert terminal.process.wait(60) == 0
    assert terminal.said(rb"\r\x1b\[Krestored: \d+ updates")
    lines = lines_of(3000)
    (tmp_path / "lines").write_bytes(lines)
    terminal = Terminal("dump", folder, stdout=subprocess.PIPE)
    held = len(dump(folder))
    wait_for(lambda: terminal.process.stdout.read(4096) and terminal.said(rb"\rdumped [0-9,]+ updates \(\d+%\)\x1b\[K"), "how far the dump is")
    terminal.process.stdout.read()
    assert terminal.process.wait(60) == 0 and held > 0
    assert terminal.said(rb"\r\x1b\[K$")


def test_whoever_restores_from_a_terminal_is_told_that_it_reads_there(tmp_path):
    own, other = os.openpty()
    done = subprocess.Popen([BIN, "history", "restore", tmp_path / "history"], stdin=other, stderr=subprocess.PIPE)
    assert b"Reading updates from the terminal; Ctrl-D ends them." in done.stderr.readline()
    os.write(own, b'{"id":"a","topics":["t"],"data":"x"}\n\x04')
    assert done.wait(60) == 0 and b"restored: 1 updates" in done.stderr.read()
    os.close(own), os.close(other)
    assert len(dump(tmp_path / "history")) == 1


def test_a_dump_may_be_of_some_topics_and_of_late_alone(tmp_path):
    folder, now = tmp_path / "history", int(time.time() * 1000)
    rows = [("https://example.com/books/1", now - 7_200_000), ("https://example.com/films/1", now - 60_000), ("https://example.com/books/2", now - 60_000)]
    lines = "".join(json.dumps({"id": topic[-7:], "topics": ["x", topic], "data": "d", "time": when}) + "\n" for topic, when in rows)
    assert history("restore", folder, data=lines.encode()).returncode == 0
    for words, ids in [((), ["books/1", "films/1", "books/2"]), (("--since", "1h"), ["films/1", "books/2"]),
                       (("--topic", "https://example.com/books/{id}"), ["books/1", "books/2"]), (("--topic", "https://example.com/films/1"), ["films/1"]),
                       (("--topic", "https://example.com/books/{id}", "--since=1h"), ["books/2"]), (("--topic", "*"), ["books/1", "films/1", "books/2"]),
                       (("--topic", "y"), [])]:
        done = history("dump", *words, folder)
        assert done.returncode == 0 and [json.loads(line)["id"] for line in done.stdout.splitlines()] == ids, words
    done = history("dump", "--since", "yesterday", folder)
    assert done.returncode == 2 and b"--since: expected a duration, as in --since 1h" in done.stderr
