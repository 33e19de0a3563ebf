"""What Redis answers when all is not well: at the start, and later. Each sentence is held against the server's own."""
import re
import socket
import socketserver
import threading
import time

import pytest

from conftest import Client, Stream, publish, token, wait_for
from test_redis_places import the_rights
from redis import Certificates, Cluster, Redis, Refused, RedisHub, start_node, start_redis, start_relay  # noqa: F401


def refuses(folder, url, block=""):
    """Why a hub does not start there."""
    hub = RedisHub(folder, url, block, ready=False)
    try:
        assert hub.server.process.wait(60) == 1, hub.log()
        said = re.findall(r'event=start_failed msg="(.*)"$', hub.log(), re.M)
        assert len(said) == 1, hub.log()
        return said[0]
    finally:
        hub.server.stop()


ACL = "user hub on >s3cret-of-hub resetkeys ~{alipes}:* resetchannels -@all "


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    server = Redis(tmp_path_factory.mktemp("answers") / "redis", conf=f"{ACL} +info +select")
    yield server
    server.stop()


WRONG = [
    ("?db=99", "", "greeting: ERR DB index is out of range"),
    ("", "password s3cret", "greeting: ERR AUTH <password> called without any password configured for the default user. "
     "Are you sure your configuration is correct? (it wants no password: take it out, or give it one (requirepass))"),
    ("", "username hub\npassword s3cret-but-wrong", "greeting: WRONGPASS invalid username-password pair or user is disabled. (username or password is wrong)"),
    ("", "username hub\npassword s3cret-of-hub\nstream other", "joining: NOPERM this user has no permissions to run the 'eval' command"),
]


@pytest.mark.parametrize("database, block, words", WRONG, ids=["database", "no password", "wrong password", "rights"])
def test_a_hub_that_redis_will_never_let_in_does_not_start_and_says_why(tmp_path, shared, database, block, words):
    said = refuses(tmp_path / "node", shared.unix + database, block)
    assert words in said, said
    assert "s3cret" not in said


def test_a_missing_right_is_said_with_the_line_to_copy(tmp_path, shared):
    said = refuses(tmp_path / "node", shared.unix, "username hub\npassword s3cret-of-hub")
    line = re.search(r"all that it needs: (ACL SETUSER .*)\)", said)[1]
    assert set(line.split()[3:]) == set(the_rights().split()) - {"user", "alipes", "on", ">PASSWORD", "+wait"}
    shared.call(*line.split())
    hub = RedisHub(tmp_path / "mended", shared.unix, "username hub\npassword s3cret-of-hub")
    assert publish(hub.address, topic="t", data="x").status == 200
    hub.stop()


def test_a_server_with_a_password_says_so_to_who_has_none(tmp_path, start_redis):
    server = start_redis(password="s3cret")
    said = refuses(tmp_path / "a", server.unix)
    assert "NOAUTH Authentication required. (it wants a password: password, or password_file)" in said, said
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    hubs = [RedisHub(tmp_path / "b", server.unix, f"password_file {secret}"),
            RedisHub(tmp_path / "c", server.unix, "password {env.REDIS_SECRET}", env={"REDIS_SECRET": "s3cret"}),
            RedisHub(tmp_path / "d", f"redis://:s3cret@127.0.0.1:{server.port}")]
    for hub in hubs:
        assert publish(hub.address, topic="t", data="x").status == 200
        hub.stop()
        assert "s3cret" not in hub.log()


@pytest.mark.parametrize("setup, words", [
    (("SET", "{alipes}:h", "x"), "WRONGTYPE Operation against a key holding the wrong kind of value (somebody else uses keys of that name"),
    (("HSET", "{alipes}:h", "v", "2"), "FORMAT 2 (what is kept there was written by a newer alipes: update this one, or take another stream)"),
], ids=["type", "format"])
def test_keys_of_others_and_of_a_newer_hub_are_left_alone(tmp_path, start_redis, setup, words):
    server = start_redis()
    server.call(*setup)
    said = refuses(tmp_path / "node", server.unix)
    assert words in said, said
    assert server.call("DBSIZE") == 1


class Old(socketserver.StreamRequestHandler):
    """A Redis of version 6, as far as a hub asks."""

    def handle(self):
        while line := self.rfile.readline():
            words = []
            for _ in range(int(line[1:])):
                words.append(self.rfile.read(int(self.rfile.readline()[1:]) + 2)[:-2].upper())
            text = b"# Server\r\nredis_version:6.2.14\r\nrun_id:0123456789012345678901234567890123456789\r\n# Replication\r\nrole:master\r\n"
            self.wfile.write(b"$%d\r\n%s\r\n" % (len(text), text) if words[0] == b"INFO" else b"+OK\r\n")


def test_a_server_that_is_too_old_is_refused_by_its_version(tmp_path):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Old) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        said = refuses(tmp_path / "node", f"redis://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
    assert "it is of version 6.2.14: at least Redis 7.0, or Valkey, is needed" in said, said


def test_what_may_be_evicted_is_warned_of(start_redis, start_node):
    server = start_redis(conf="maxmemory 100mb\nmaxmemory-policy allkeys-lru")
    hub = start_node(server.unix)
    assert "event=redis_evicts" in hub.log() and "maxmemory-policy allkeys-lru lets it forget the whole history" in hub.log()
    assert "some 86 MiB of its memory" in hub.log(), "what it needs is said at the start"
    server.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert "redis_evicts" not in start_node(server.unix).log()


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_tls_goes_to_the_right_server_alone(tmp_path, start_redis):
    good = Certificates(tmp_path / "good", name="DNS:localhost", ask_clients=True)
    server = start_redis(tls=good)
    own = f"cert {good.client_cert}\nkey {good.client_key}"
    hub = RedisHub(tmp_path / "hub", server.tls_url, f"tls {{\nca {good.ca}\n{own}\n}}")
    stream = Stream(hub.address, "topic=t")
    assert publish(hub.address, topic="t", data="x" * 1000000).status == 200
    assert len(stream.event()) > 1000000
    hub.stop()
    other = Certificates(tmp_path / "other")
    url = server.tls_url
    rows = [
        (url, f"tls {{\nca {other.ca}\n{own}\n}}", "its certificate is not to be trusted: "),
        (url, f"tls {{\n{own}\n}}", "its certificate is not to be trusted: "),
        (url, f"tls {{\nca {good.ca}\nname elsewhere.example\n{own}\n}}", "its certificate is not to be trusted: hostname mismatch"),
        (url.replace("localhost", "127.0.0.1"), f"tls {{\nca {good.ca}\n{own}\n}}", "not to be trusted: IP address mismatch"),
        (url, f"tls {{\nca {good.ca}\n}}", "TLS: "),
    ]
    for number, (where, block, words) in enumerate(rows):
        said = refuses(tmp_path / f"node{number}", where, block)
        assert words in said, said
    assert "transport redis: tls: key" in refuses(tmp_path / "key", url, f"tls {{\nca {good.ca}\ncert {good.client_cert}\nkey {good.key}\n}}")


def test_a_certificate_that_has_expired_is_none(tmp_path, start_redis):
    old = Certificates(tmp_path / "old", days=0)
    server = start_redis(tls=old)
    time.sleep(1.1)  # its time is over: it was for this second alone
    said = refuses(tmp_path / "node", server.tls_url, f"tls {{\nca {old.ca}\n}}")
    assert "its certificate is not to be trusted: certificate has expired" in said, said
    hub = RedisHub(tmp_path / "insecure", server.tls_url, "tls {\ninsecure\n}")
    assert publish(hub.address, topic="t", data="x").status == 200
    assert "whoever is on the way can read and change everything" in hub.log()
    hub.stop()


# --- later ------------------------------------------------------------------------------------------------------------


def counted(hub, name):
    return hub.metrics().get(name, 0)


def full(server):
    server.call("CONFIG", "SET", "maxmemory", "1")


def unwritable(server):
    (server.folder / "dump.rdb").mkdir()
    server.call("CONFIG", "SET", "save", "3600 1")
    server.call("BGSAVE")
    wait_for(lambda: server.info("persistence")["rdb_last_bgsave_status"] == "err", "a failed save")


def alone(server):
    server.call("CONFIG", "SET", "min-replicas-to-write", "1")


def mend(server):
    for name, value in (("maxmemory", "0"), ("save", ""), ("min-replicas-to-write", "0")):
        server.call("CONFIG", "SET", name, value)


@pytest.mark.parametrize("spoil, error, words", [
    (full, "memory", "OOM command not allowed when used memory > 'maxmemory'"),
    (unwritable, "disk", "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk."),
    (alone, "replicas", "NOREPLICAS Not enough good replicas to write."),
], ids=["memory", "disk", "replicas"])
def test_what_redis_does_not_take_is_503_at_once_and_streams_stay(start_redis, start_node, spoil, error, words):
    server = start_redis()
    hub = start_node(server.unix)
    stream = Stream(hub.address, "topic=t")
    assert publish(hub.address, topic="t", data="1").status == 200
    spoil(server)
    reply = publish(hub.address, topic="t", data="2")
    assert reply.status == 503 and int(reply.headers["retry-after"]) >= 1, reply
    line = re.search(r"event=redis_refuses .*", hub.log())[0]
    assert f"error={error}" in line and words in line, line
    assert counted(hub, f'alipes_redis_refused_total{{error="{error}"}}') == 1
    assert counted(hub, "alipes_redis_up") == 1
    mend(server)
    assert publish(hub.address, topic="t", data="3").status == 200
    assert stream.datas(2) == ["1", "3"], "what was refused is not there"
    assert "redis_away" not in hub.log()


class Later(threading.Thread):
    """A publish that waits."""

    def __init__(self, hub, **form):
        super().__init__(daemon=True)
        self.hub, self.form, self.reply = hub, form, None
        self.start()

    def run(self):
        self.reply = publish(self.hub.address, **self.form)

    def status(self):
        self.join(60)
        return self.reply.status


def busy(server):
    server.call("CONFIG", "SET", "busy-reply-threshold", "50")
    wire = socket.create_connection(server.address)
    wire.sendall(b"*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n")
    time.sleep(0.1)
    return lambda: (server.call("SCRIPT", "KILL"), wire.close())


def demoted(server):
    server.call("REPLICAOF", "127.0.0.1", "1")
    return lambda: server.call("REPLICAOF", "NO", "ONE")


def paused(server):
    server.call("CLIENT", "PAUSE", "60000", "WRITE")
    return lambda: server.call("CLIENT", "UNPAUSE")


def gone(server):
    server.kill()
    return server.start


@pytest.mark.parametrize("spoil, reason", [(busy, "busy"), (demoted, "role"), (gone, "closed"), (paused, None)],
                         ids=["busy", "demoted", "gone", "paused"])
def test_while_redis_cannot_be_used_publishes_wait_and_streams_stay(start_redis, start_node, spoil, reason):
    server = start_redis("everysec")
    hub = start_node(server.unix, "timeout 2s\npublish_timeout 40s")
    stream = Stream(hub.address, "topic=t")
    assert publish(hub.address, topic="t", data="1").status == 200
    repair = spoil(server)
    later = Later(hub, topic="t", data="2")
    if reason:
        wait_for(lambda: "event=redis_away" in hub.log(), "the hub to notice")
        assert re.search(rf"event=redis_away reason=({reason}|silent|refused) ", hub.log()), hub.log()
        wait_for(lambda: counted(hub, "alipes_redis_up") == 0, "that it is counted")
    comments = stream.comments
    repair()
    assert later.status() == 200
    assert stream.datas(2) == ["1", "2"] and stream.comments >= comments
    assert publish(hub.address, topic="t", data="3").status == 200
    assert stream.datas(1) == ["3"]
    assert counted(hub, "alipes_redis_breaks_total") == 0


def test_a_publish_that_waits_in_vain_gets_503_and_health_says_so(start_redis, start_node):
    server = start_redis()
    hub = start_node(server.unix, "publish_timeout 500ms\ntimeout 300ms")
    stream = Stream(hub.address, "topic=t")
    wait_for(lambda: publish(hub.address, topic="t", data="1").status == 200, "a publish in its time")
    before = counted(hub, bound := 'alipes_bounds_met_total{bound="publish_timeout"}')
    server.kill()
    reply = publish(hub.address, topic="t", data="2")
    assert reply.status == 503 and "retry-after" in reply.headers
    assert counted(hub, bound) == before + 1
    wait_for(lambda: Client(hub.address).get("/healthz").status == 503, "that health is not well")
    server.start()
    wait_for(lambda: Client(hub.address).get("/healthz").status == 200, "that health is well")
    wait_for(lambda: publish(hub.address, topic="t", data="3").status == 200, "a publish in its time")
    assert stream.datas(1) == ["1"]


def test_scripts_that_were_forgotten_are_told_again(start_redis, start_node):
    server = start_redis()
    hub = start_node(server.unix)
    for number in range(3):
        assert publish(hub.address, topic="t", data=str(number)).status == 200
        server.call("SCRIPT", "FLUSH")
    assert "redis_away" not in hub.log()


def test_too_many_clients_are_said(start_redis, start_node):
    server = start_redis(conf="maxclients 3")
    hub = start_node(server.unix, ready=False)
    server.call("PING")
    wait_for(lambda: "reason=clients" in hub.log(), "what it says")
    assert "ERR max number of clients reached (each hub has three connections" in hub.log()
    server.call("CONFIG", "SET", "maxclients", "100")
    wait_for(lambda: "event=redis_back" in hub.log(), "the hub")
