"""Where Redis is: one of several addresses, what Sentinels say, what a cluster says; and what a hub may do there."""
import re
import signal

import pytest

from conftest import ROOT, Stream, publish, wait_for
from redis import MASTER, Certificates, Cluster, RedisHub, Watched, start_node, start_redis, start_relay  # noqa: F401


def works(hub, stream=None, data="x"):
    stream = stream or Stream(hub.address, "topic=t")
    assert publish(hub.address, topic="t", data=data).status == 200
    assert stream.datas(1) == [data]
    return stream


# --- addresses --------------------------------------------------------------------------------------------------------


def test_of_several_addresses_the_master_is_taken_and_followed(start_redis, start_node):
    first = start_redis("everysec")
    second = start_redis("everysec", replica_of=first)
    wait_for(second.follows, "the replica")
    hub = start_node("", f"addresses 127.0.0.1:1 127.0.0.1:{second.port} 127.0.0.1:{first.port}\nheal 300ms")
    stream = works(hub)
    assert hub.servers() == [f"127.0.0.1:{first.port}"]
    second.call("REPLICAOF", "NO", "ONE")
    first.call("REPLICAOF", "127.0.0.1", str(second.port))
    works(hub, stream, "y")
    assert hub.servers()[-1] == f"127.0.0.1:{second.port}"


def test_a_balancer_in_between_is_found_out(start_redis, tmp_path):
    """Two servers behind one port, taken in turn."""
    import socket
    import threading
    servers = [start_redis(), start_redis()]
    listener = socket.create_server(("127.0.0.1", 0))

    def pump(source, sink):
        try:
            while part := source.recv(65536):
                sink.sendall(part)
        except OSError:
            pass
        sink.close()

    def accept():
        for number in range(1000):
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = socket.create_connection(servers[number % 2].address)
            for ends in ((near, far), (far, near)):
                threading.Thread(target=pump, args=ends, daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    hub = RedisHub(tmp_path / "node", f"redis://127.0.0.1:{listener.getsockname()[1]}", ready=False)
    assert hub.server.process.wait(60) == 1
    assert "several servers answer at one address, so a balancer stands in between" in hub.log()
    listener.close()


def test_two_sites_on_one_redis_hear_nothing_of_each_other(start_redis, start_node):
    server = start_redis()
    one, other = start_node(server.unix, "stream shop"), start_node(server.unix, "stream news")
    streams = [Stream(hub.address, "topic=t") for hub in (one, other)]
    works(one, streams[0], "of the shop")
    works(other, streams[1], "of the news")
    assert Stream(other.address, "topic=t&lastEventID=earliest").datas(1) == ["of the news"]
    assert {key.split(b"}")[0] for key in server.call("KEYS", "*")} == {b"{shop", b"{news"}


def test_where_redis_is_takes_a_restart_and_a_reload_says_so(start_redis, start_node):
    hub = start_node(start_redis().unix)
    text = hub.conf.read_text()
    hub.conf.write_text(text.replace("transport redis {", "transport redis {\npassword s3cret-word\ntimeout 4s"))
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "event=reload_needs_restart" in hub.log(), "what it says")
    wait_for(lambda: "event=reloaded" in hub.log(), "the reload")
    assert set(re.findall(r"event=reload_needs_restart directive=(\w+)", hub.log())) == {"password", "timeout"}
    assert "s3cret-word" not in hub.log()
    works(hub)


# --- Sentinel ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A master, a replica, three Sentinels: its tests leave a master that all of them name."""
    watched = Watched(tmp_path_factory.mktemp("watched") / "w", "everysec")
    yield watched
    watched.stop()


def sentinels(watched):
    return f"sentinel {MASTER}\naddresses " + " ".join(f"127.0.0.1:{s.port}" for s in watched.sentinels)


def settled(watched):
    """The master that all Sentinels name, once the other one has all that it has: a hub that is new holds nothing older."""
    master = wait_for(watched.now, "a master")
    wait_for(next(s for s in watched.servers if s is not master).follows, "its replica")
    wait_for(lambda: all(s.knows(3, 1) for s in watched.sentinels), "Sentinels that know all")
    return master


def test_sentinels_name_the_master_though_one_of_them_is_dead(watched, tmp_path):
    master = wait_for(watched.now, "a master")
    watched.sentinels[0].kill()
    hub = RedisHub(tmp_path / "node", "", sentinels(watched))
    works(hub)
    assert hub.servers() == [f"127.0.0.1:{master.port}"]
    watched.sentinels[0].start()
    hub.stop()


def test_a_planned_failover_is_followed_at_once(watched, tmp_path):
    master = settled(watched)
    hub = RedisHub(tmp_path / "node", "", sentinels(watched) + "\nheal 300ms\npublish_timeout 60s")
    stream = works(hub)
    watched.fail_over()
    wait_for(lambda: f"127.0.0.1:{master.port}" != hub.servers()[-1], "another server")
    works(hub, stream, "behind it")
    wait_for(watched.now, "one that all name")
    hub.stop()


def test_a_sentinel_that_dies_with_the_master_is_not_missed(watched, tmp_path):
    master = settled(watched)
    hub = RedisHub(tmp_path / "node", "", sentinels(watched) + "\nheal 300ms\npublish_timeout 60s")
    stream = works(hub)
    watched.sentinels[0].kill()  # the one that is asked
    master.pause()  # it closes nothing
    works(hub, stream, "the other has it")
    assert hub.servers()[-1] != f"127.0.0.1:{master.port}"
    assert re.search(r"event=redis_away reason=(sentinel|silent) ", hub.log()), hub.log()
    master.resume()
    watched.sentinels[0].start()
    hub.stop()


def test_what_is_wrong_with_sentinels_is_said(watched, tmp_path):
    hub = RedisHub(tmp_path / "node", "", f"sentinel other\naddresses 127.0.0.1:{watched.sentinels[1].port}", ready=False)
    line = wait_for(lambda: re.search(r"event=redis_away reason=sentinel .*", hub.log()), "what it says")[0]
    assert "it knows no master other" in line, line
    assert "event=redis_back" not in hub.log()
    hub.server.stop()


def test_sentinels_may_want_a_password_of_their_own(watched, tmp_path):
    wait_for(watched.now, "a master")
    asked = watched.sentinels[1]
    only = f"sentinel {MASTER}\naddresses 127.0.0.1:{asked.port}\n"
    asked.call("ACL", "SETUSER", "default", "resetpass", ">s3cret")
    try:
        without = RedisHub(tmp_path / "without", "", only, ready=False)
        line = wait_for(lambda: re.search(r"event=redis_away reason=sentinel .*", without.log()), "what it says")[0]
        assert "NOAUTH Authentication required" in line
        without.server.stop()
        hub = RedisHub(tmp_path / "node", "", only + "sentinel_password s3cret")
        works(hub)
        hub.stop()
        assert "s3cret" not in hub.log()
    finally:
        asked.call("ACL", "SETUSER", "default", "nopass")


# --- cluster ----------------------------------------------------------------------------------------------------------


def test_in_a_cluster_the_one_that_has_the_slot_is_found_and_followed(start_redis, start_node, tmp_path):
    cluster = start_redis("everysec", kind=Cluster)
    owner = cluster.owner("{alipes}:h")
    other = next(s for s in cluster.servers if s is not owner)
    hub = start_node(other.url, "heal 200ms\npublish_timeout 60s")
    stream = works(hub)
    assert hub.servers() == [f"127.0.0.1:{owner.port}"], hub.log()
    # the slot goes to the other one, with what is in it
    slot = owner.call("CLUSTER", "KEYSLOT", "{alipes}:h")
    other.call("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id(owner))
    owner.call("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id(other))
    while keys := owner.call("CLUSTER", "GETKEYSINSLOT", slot, 100):
        owner.call("MIGRATE", "127.0.0.1", other.port, "", 0, 5000, "KEYS", *keys)
    cluster.give("{alipes}:h", other)
    works(hub, stream, "moved")
    assert hub.servers()[-1] == f"127.0.0.1:{other.port}"
    assert re.search(r"event=redis_away reason=moved ", hub.log()), hub.log()
    one = RedisHub(tmp_path / "db", f"{other.url}/1", ready=False)
    assert one.server.process.wait(60) == 1
    assert "ERR SELECT is not allowed in cluster mode (a cluster has database 0 alone)" in one.log()


OF_THE_TEST = {"config|resetstat", "config|set", "psync", "replconf", "ping", "flushall", "script|flush", "acl|log", "auth", "command", "command|docs"}


def the_rights():
    """The line of the manual, as Redis' file of users takes it."""
    manual = (ROOT / "backend/cli/alipes.conf.5").read_text()
    line = re.search(r"^user alipes on (?:.*\\e\n)*.*$", manual, re.M)[0]
    return re.sub(r"\s+", " ", line.replace("\\e", "").replace("\\-", "-"))


# --- rights -----------------------------------------------------------------------------------------------------------


def test_the_rights_that_the_manual_names_are_enough_and_each_is_needed(start_redis, start_node):
    named = the_rights()
    rights = set(re.findall(r"\+(\S+)", named))
    server = start_redis("everysec", conf=named.replace(">PASSWORD", ">s3cret"))
    replica = start_redis(replica_of=server)
    wait_for(replica.follows, "the replica")
    server.call("CONFIG", "RESETSTAT")
    url = f"redis://alipes:s3cret@127.0.0.1:{server.port}/1"
    options = {"history": "max_events 20", "extra": "subscriptions", "heartbeat": "100ms"}
    hub = start_node(url, "heal 100ms\nlease 2s\nreplicas 1", **options)
    stream = Stream(hub.address, "topic=t")
    for number in range(60):
        assert publish(hub.address, topic="t", data=str(number), id=f"urn:chosen:{number % 50}").status == 200
    events = [stream.event() for _ in range(60)]
    server.call("SCRIPT", "FLUSH")
    assert publish(hub.address, topic="t", data="more").status == 200
    more = start_node(url, "heal 100ms\nlease 2s", **options)
    cursor = re.search(r"^id: (.*)$", stream.event(), re.M)[1]
    assert publish(hub.address, topic="t", data="most").status == 200
    assert Stream(more.address, f"topic=t&lastEventID={cursor}").datas(1) == ["most"]
    assert len(events) == 60
    hub.kill()  # who was there is reaped
    assert publish(more.address, topic="t", data="x").status == 200
    server.call("FLUSHALL")  # and put back
    assert publish(more.address, topic="t", data="y").status == 200
    used = set(server.info("commandstats"))
    server.kill()
    server.start()  # another server, as far as a hub knows
    assert publish(more.address, topic="t", data="z").status == 200
    for one in (hub, more):
        assert "reason=rights" not in one.log(), one.log()
    assert server.call("ACL", "LOG") == []
    used = {name.removeprefix("cmdstat_") for name in used | set(server.info("commandstats"))} - OF_THE_TEST
    assert used == rights, f"not named: {sorted(used - rights)}; named in vain: {sorted(rights - used)}"
