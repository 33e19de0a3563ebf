"""`alipes history` of a store that hubs share, and the way from a folder into it and back."""
import json
import re
import subprocess

import pytest

from conftest import BIN, KEY, Stream, publish, wait_for
from redis import RedisHub, start_node, start_redis, start_relay  # noqa: F401


def history(word, conf, given=None):
    return subprocess.run([BIN, "history", word, "-c", conf], input=given, capture_output=True, text=True, timeout=120)


@pytest.fixture
def conf_of(tmp_path):
    def write(name, transport, extra=""):
        conf = tmp_path / f"{name}.conf"
        conf.write_text(f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\n{transport}\n{extra}\n")
        return conf
    return write


def without(lines, *names):
    return [{k: v for k, v in json.loads(line).items() if k not in names} for line in lines.splitlines()]


def test_stat_and_dump_tell_what_hubs_share_beside_them(start_redis, start_node):
    server = start_redis()
    hub = start_node(server.unix, history="max_events 1000")
    empty = history("dump", hub.conf)
    assert (empty.returncode, empty.stdout) == (0, "")
    big = "x" * 300000
    for form in ({"data": "a"}, {"data": "b\nc", "type": "t", "retry": 5, "private": "on"}, {"data": big, "id": "urn:mine"}, {"data": "again", "id": "urn:mine"}):
        assert publish(hub.address, topic=["https://example.com/1", "https://example.com/2"], **form).status == 200
    stat = history("stat", hub.conf)
    assert stat.returncode == 0, stat.stderr
    assert "format 1\nstate open\nevents 4\n" in stat.stdout and re.search(r"^bytes 30\d{4}$", stat.stdout, re.M), stat.stdout
    dump = history("dump", hub.conf)
    assert dump.returncode == 0, dump.stderr
    lines = [json.loads(line) for line in dump.stdout.splitlines()]
    assert [line["data"] for line in lines] == ["a", "b\nc", big, "again"]
    assert lines[1]["private"] and lines[1]["type"] == "t" and lines[1]["retry"] == 5
    assert lines[2]["chosen"] and lines[3]["chosen"] and lines[0]["topics"] == ["https://example.com/1", "https://example.com/2"]


def test_what_retention_took_is_not_dumped_and_times_are_those_of_segments(start_redis, start_node):
    server = start_redis()
    hub = start_node(server.unix, history="max_events 64")
    for number in range(200):
        assert publish(hub.address, topic="t", data=str(number)).status == 200
    lines = [json.loads(line) for line in history("dump", hub.conf).stdout.splitlines()]
    held = int(re.search(r"^events (\d+)$", history("stat", hub.conf).stdout, re.M)[1])
    assert [line["data"] for line in lines] == [str(n) for n in range(200 - held, 200)] and 60 <= held <= 68
    times = [line["time"] for line in lines]
    assert times == sorted(times) and len(set(times)) > 4


def test_the_way_into_redis_and_back_keeps_ids_and_cursors(start_redis, tmp_path, conf_of):
    server = start_redis("everysec")
    lines = "".join(json.dumps({"id": f"urn:uuid:{n:08x}-0000-4000-8000-000000000000", "topics": ["t"], "data": f"{n}", "time": 1764036794123 + n}) + "\n"
                    for n in range(1000))
    on_disk = conf_of("disk", f"transport log {{\npath {tmp_path}/one\n}}\nhistory {{\nmax_age 8760h\n}}")
    shared = conf_of("shared", f"transport redis {{\nurl {server.unix}\n}}")
    back = conf_of("back", f"transport log {{\npath {tmp_path}/two\n}}\nhistory {{\nmax_age 8760h\n}}")
    assert history("restore", on_disk, lines).returncode == 0
    first = history("dump", on_disk)
    assert first.stdout.count("\n") == 1000, first.stderr
    restored = history("restore", shared, first.stdout)
    assert restored.returncode == 0 and "restored: 1000 updates" in restored.stderr, restored.stderr
    refused = history("restore", shared, first.stdout)
    assert refused.returncode == 2 and "holds a history already (1000 updates ever): delete its keys, or take another stream" in refused.stderr
    hub = RedisHub(tmp_path / "node", server.unix)
    cursor = "urn:uuid:000003e5-0000-4000-8000-000000000000"
    assert Stream(hub.address, f"topic=t&lastEventID={cursor}").datas(2) == ["998", "999"]
    hub.stop()
    second = history("dump", shared)
    assert without(second.stdout, "time", "position") == without(first.stdout, "time", "position")
    assert history("restore", back, second.stdout).returncode == 0
    assert without(history("dump", back).stdout, "time", "position") == without(first.stdout, "time", "position")


def test_what_cannot_be_looked_at_is_said(start_redis, conf_of, tmp_path):
    server = start_redis()
    conf = conf_of("shared", f"transport redis {{\nurl {server.unix}\n}}")
    assert history("stat", conf).stdout.startswith("empty: no hub has been here")
    assert "redis-check-aof" in history("check", conf).stderr
    bad = history("restore", conf, '{"id": 7}\n')
    assert bad.returncode == 2 and "line 1: " in bad.stderr, bad.stderr
    server.call("HSET", "{alipes}:h", "v", "2")
    newer = history("dump", conf)
    assert newer.returncode == 2
    assert "what is kept there is of format 2, this alipes knows format 1: a newer one wrote it" in newer.stderr, newer.stderr
    server.stop()
    away = history("stat", conf)
    assert away.returncode == 2 and "redis.sock: No such file or directory" in away.stderr or "Connection refused" in away.stderr
