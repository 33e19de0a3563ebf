"""Real redis-servers in a test's folder, the hubs on them, and a wire between the two that can be cut.

Every server listens on a Unix socket of its folder and on a loopback port; nothing is shared with another test. What a
test asks of a server itself goes over `call()`, which is a client of thirty lines: tests of a transport should not
believe the library that the transport uses."""
import atexit
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from conftest import BIN, KEY, Client, Hub, Server, free_port, wait_for

MASTER = "alipes-test"  # as Sentinels call it


class Refused(Exception):
    """What begins with a minus sign."""


class Wire:
    """One connection that speaks RESP2. Numbers are int, strings bytes, nothing None."""

    def __init__(self, address, patience=10):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family)
        self.socket.settimeout(patience)
        self.socket.connect(address if family == socket.AF_INET else str(address))
        self.bytes = self.socket.makefile("rb")

    def send(self, *words):
        words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
        self.socket.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))

    def answer(self):
        line = self.bytes.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("the server has closed")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise Refused(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            return None if rest == b"-1" else self.bytes.read(int(rest) + 2)[:-2]
        if kind == b"*":
            return None if rest == b"-1" else [self.answer() for _ in range(int(rest))]
        return rest

    def call(self, *words):
        self.send(*words)
        return self.answer()

    def close(self):
        self.bytes.close()
        self.socket.close()


class Redis:
    """A server. `persist`: "none", "everysec" or "always", as appendfsync; `conf`: further lines of redis.conf."""

    def __init__(self, folder, persist="none", conf="", replica_of=None, tls=None, password=None, port=None):
        folder.mkdir(exist_ok=True)
        self.folder, self.port, self.socket = folder, port or free_port(), folder / "redis.sock"
        self.address, self.password, self.tls = ("127.0.0.1", self.port), password, tls
        self.tls_port = free_port() if tls else None
        lines = [f"port {self.port}", "bind 127.0.0.1", f"unixsocket {self.socket}", "unixsocketperm 777", f"dir {folder}",
                 "daemonize no", 'save ""', "repl-diskless-sync-delay 0", f"appendonly {'no' if persist == 'none' else 'yes'}",
                 *([f"appendfsync {persist}"] if persist != "none" else []),
                 *([f"replicaof 127.0.0.1 {replica_of.port}"] if replica_of else []),
                 *([f"requirepass {password}", f"masterauth {password}"] if password else []),
                 *([f"tls-port {self.tls_port}", f"tls-cert-file {tls.cert}", f"tls-key-file {tls.key}", f"tls-ca-cert-file {tls.ca}",
                    f"tls-auth-clients {'yes' if tls.ask_clients else 'no'}"] if tls else [])]
        self.conf = folder / "redis.conf"
        self.conf.write_text("\n".join(lines) + f"\n{conf}\n")
        self.server, self.wire = None, None
        self.start()

    @property
    def unix(self):
        """Its URL over the Unix socket."""
        return f"unix://{self.socket}"

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    @property
    def tls_url(self):
        return f"rediss://localhost:{self.tls_port}"

    def command(self):
        return ["redis-server", self.conf]

    def start(self):
        self.server = Server(self.command(), self.folder / "redis.log")
        atexit.register(self.server.process.kill)
        wait_for(lambda: self.server.process.poll() is not None or self.answers(), "the redis-server")
        assert self.server.process.poll() is None, self.server.log()[-4000:]

    def answers(self):
        """It is there, and has loaded all that it had kept."""
        try:
            self.call("PING")
        except (OSError, Refused):
            return False
        return True

    def call(self, *words):
        """On a connection that is kept, and made anew where the server was away."""
        if self.wire is None:
            self.wire = Wire(self.address)
            if self.password:
                self.wire.call("AUTH", self.password)
        try:
            return self.wire.call(*words)
        except OSError:
            self.forget()
            raise

    def forget(self):
        if self.wire:
            self.wire.close()
        self.wire = None

    def info(self, section="all"):
        """A Sentinel that promotes a server ends all that were connected to it: then once more."""
        try:
            text = self.call("INFO", section).decode()
        except OSError:
            text = self.call("INFO", section).decode()
        return dict(line.split(":", 1) for line in text.split("\r\n") if ":" in line)

    def stop(self, how=signal.SIGTERM):
        self.forget()
        if self.server.process.poll() is None:
            self.server.process.send_signal(signal.SIGCONT)
        return self.server.stop(how)

    def kill(self):
        """As if the program had crashed: what the kernel has been given is kept."""
        self.stop(signal.SIGKILL)

    def pause(self):
        """It says nothing more and closes nothing, until resume()."""
        self.server.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.server.process.send_signal(signal.SIGCONT)

    def lose_everything(self):
        """While it is down: its folder is as new."""
        shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        (self.folder / "dump.rdb").unlink(missing_ok=True)

    def appended(self):
        """The file that what is new is added to, to be cut where a crash of the machine would have left it."""
        return max((self.folder / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)

    def follows(self):
        """As a replica: it has all that its master had."""
        return self.info("replication").get("master_link_status") == "up"

    def role(self):
        return self.info("replication")["role"]


class Sentinel(Redis):
    """One of several that watch a master. Its configuration is its own to rewrite."""

    def __init__(self, folder, master, quorum=2, down_after=1000):
        self.quorum, self.master, self.down_after = quorum, master, down_after
        folder.mkdir()
        self.folder, self.port, self.socket, self.password, self.wire = folder, free_port(), folder / "redis.sock", None, None
        self.address = ("127.0.0.1", self.port)
        self.conf = folder / "sentinel.conf"
        self.conf.write_text(f"port {self.port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor {MASTER} 127.0.0.1 {master.port} {quorum}\n"
                             f"sentinel down-after-milliseconds {MASTER} {down_after}\nsentinel failover-timeout {MASTER} 6000\n")
        self.start()

    def command(self):
        return ["redis-server", self.conf, "--sentinel"]

    def knows(self, sentinels, replicas):
        said = self.call("SENTINEL", "MASTER", MASTER)
        said = {said[i].decode(): said[i + 1].decode() for i in range(0, len(said), 2)}
        return said["num-other-sentinels"] == str(sentinels - 1) and said["num-slaves"] == str(replicas) and said["flags"] == "master"

    def master_port(self):
        return int(self.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])


class Watched:
    """A master, a replica and three Sentinels that have found one another."""

    def __init__(self, folder, persist="none", down_after=1000, conf=""):
        folder.mkdir(exist_ok=True)
        self.master = Redis(folder / "master", persist, conf)
        self.replica = Redis(folder / "replica", persist, conf, replica_of=self.master)
        self.servers = [self.master, self.replica]
        wait_for(self.replica.follows, "the replica")
        self.sentinels = [Sentinel(folder / f"sentinel{i}", self.master, down_after=down_after) for i in range(3)]
        for one in self.sentinels:
            wait_for(lambda: one.knows(3, 1), "Sentinels that know one another")

    def now(self):
        """The server that the Sentinels name."""
        ports = {one.master_port() for one in self.sentinels if one.answers()}
        return next((s for s in self.servers if ports == {s.port}), None)

    def fail_over(self):
        """A planned one; the Sentinels choose. Returns at once."""
        self.sentinels[0].call("SENTINEL", "FAILOVER", MASTER)

    def stop(self):
        for one in [*self.sentinels, *self.servers]:
            one.kill()


class Cluster:
    """Two masters that have half of the slots each."""

    def __init__(self, folder, persist="none"):
        folder.mkdir(exist_ok=True)
        conf = "cluster-enabled yes\ncluster-port {}\ncluster-node-timeout 2000"
        self.buses = [free_port(), free_port()]
        self.servers = [Redis(folder / f"node{i}", persist, conf.format(bus)) for i, bus in enumerate(self.buses)]
        first, second = self.servers
        first.call("CLUSTER", "ADDSLOTSRANGE", 0, 8191)
        second.call("CLUSTER", "ADDSLOTSRANGE", 8192, 16383)
        second.call("CLUSTER", "SET-CONFIG-EPOCH", 2)
        first.call("CLUSTER", "MEET", "127.0.0.1", second.port, self.buses[1])
        for one in self.servers:
            wait_for(lambda: b"cluster_state:ok" in one.call("CLUSTER", "INFO"), "the cluster")

    def id(self, server):
        return server.call("CLUSTER", "MYID").decode()

    def owner(self, key):
        """Whose slot it is in."""
        slot = self.servers[0].call("CLUSTER", "KEYSLOT", key)
        for first, last, (_, port, *_), *_ in self.servers[0].call("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(s for s in self.servers if s.port == port)

    def give(self, key, to):
        """Its slot is another's from now on; keys there must have been moved or be lost."""
        slot = self.servers[0].call("CLUSTER", "KEYSLOT", key)
        for one in [to, *(s for s in self.servers if s is not to)]:
            one.call("CLUSTER", "SETSLOT", slot, "NODE", self.id(to))

    def stop(self):
        for one in self.servers:
            one.kill()


class Certificates:
    """An authority, a server's certificate for localhost and 127.0.0.1, and a client's."""

    def __init__(self, folder, name="DNS:localhost,IP:127.0.0.1", days=2, ask_clients=False):
        folder.mkdir(exist_ok=True)
        self.folder, self.ask_clients = folder, ask_clients
        self.ca, ca_key = folder / "ca.pem", folder / "ca.key"
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.run("req", "-x509", *curve, "-keyout", ca_key, "-out", self.ca, "-subj", "/CN=test authority", "-days", "2")
        for who, extension in (("server", f"subjectAltName={name}"), ("client", "extendedKeyUsage=clientAuth")):
            asked, ext = folder / f"{who}.csr", folder / f"{who}.ext"
            ext.write_text(extension + "\n")
            self.run("req", *curve, "-keyout", folder / f"{who}.key", "-out", asked, "-subj", f"/CN={who}")
            self.run("x509", "-req", "-in", asked, "-CA", self.ca, "-CAkey", ca_key, "-CAcreateserial", "-out", folder / f"{who}.pem",
                     "-extfile", ext, "-days", str(days))
        self.cert, self.key = folder / "server.pem", folder / "server.key"
        self.client_cert, self.client_key = folder / "client.pem", folder / "client.key"

    @staticmethod
    def run(*words):
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class Relay:
    """A port that leads to another. `cut()`: every connection ends and none is taken; `hush()`: nothing more is passed on
    in one direction or both, and nothing is closed; `mend()`: all is well again."""

    def __init__(self, to):
        self.to, self.port = to, free_port()
        self.open = {"asked": threading.Event(), "answered": threading.Event()}
        self.lock, self.ends, self.listener = threading.Lock(), set(), None
        self.mend()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def mend(self):
        for gate in self.open.values():
            gate.set()
        if self.listener is None:
            self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
            threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.to)
            except OSError:
                near.close()
                continue
            with self.lock:
                if listener is not self.listener:  # it was cut meanwhile
                    near.close(), far.close()
                    return
                self.ends |= {near, far}
            for source, sink, gate in ((near, far, "asked"), (far, near, "answered")):
                threading.Thread(target=self.pump, args=(source, sink, self.open[gate]), daemon=True).start()

    def pump(self, source, sink, gate):
        try:
            while part := source.recv(65536):
                gate.wait()
                sink.sendall(part)
        except OSError:
            pass
        self.drop([source, sink])

    def drop(self, ends):
        with self.lock:
            for end in ends:
                if end in self.ends:
                    self.ends.discard(end)
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass
                    end.close()

    def hush(self, *directions):
        """What is asked, what is answered, or (without a word) both."""
        for name in directions or self.open:
            self.open[name].clear()

    def reset(self):
        """Every connection ends; new ones are taken. What was held back by hush() is lost."""
        self.drop(list(self.ends))
        for gate in self.open.values():
            gate.set()

    def cut(self):
        with self.lock:
            listener, self.listener = self.listener, None
        if listener:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        self.reset()

    def stop(self):
        self.cut()


class RedisHub(Hub):
    """A hub on a store. `url` is a server's, a relay's, or what a test writes; `block`: further lines of `transport redis`;
    `program`: another build of the hub."""

    def __init__(self, folder, url, block="", extra="", workers=1, level="info", history="", env=None, ready=True, program=BIN, heartbeat="1s"):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        self.folder, self.port, self.socket, self.metrics_port = folder, free_port(), folder / "alipes.sock", free_port()
        self.conf, self.env, self.program = folder / "alipes.conf", env, program
        history = "\n".join(history.split(", "))
        self.conf.write_text(
            f"listen 127.0.0.1:{self.port} unix/{self.socket}|0666\nworkers {workers}\npublisher_jwt {KEY} HS256\nsubscriber_jwt {KEY}\n"
            + f"anonymous\ntransport redis {{\n{f'url {url}' if url else ''}\n{block}\n}}\n"
            + (f"history {{\n{history}\n}}\n" if history else "") + f"heartbeat {heartbeat}\nmetrics_listen 127.0.0.1:{self.metrics_port}\nlog logfmt {level}\n{extra}\n")
        self.server = None
        if ready:
            self.start()
        else:
            self.launch()

    def launch(self):
        self.server = Server([self.program, "-c", self.conf], self.folder / "alipes.log", self.env)
        atexit.register(self.server.process.kill)

    def start(self):
        self.launch()
        wait_for(lambda: self.server.process.poll() is not None or self.answers(), "the hub")
        assert self.server.process.poll() is None, self.log()[-4000:]

    @property
    def address(self):
        return ("127.0.0.1", self.port)

    def metrics(self):
        """The counters, by name with labels."""
        client = Client(("127.0.0.1", self.metrics_port))
        reply = client.get("/metrics")
        client.close()
        rows = [line.rsplit(" ", 1) for line in reply.body.decode().split("\n") if line and not line.startswith("#")]
        return {name: float(value) for name, value in rows}

    def servers(self):
        """Those that it came to, in order."""
        return re.findall(r'event=redis_back .*server="([^"]*)"', self.log())

    def kill(self):
        self.pause_ended()
        self.server.stop(signal.SIGKILL)

    def pause(self):
        self.server.process.send_signal(signal.SIGSTOP)

    def pause_ended(self):
        if self.server.process.poll() is None:
            self.server.process.send_signal(signal.SIGCONT)

    resume = pause_ended


@pytest.fixture
def start_redis(tmp_path):
    """start_redis("everysec", …): a server; kind=Watched, Cluster: several."""
    started = []

    def start(*args, kind=Redis, name=None, **options):
        started.append(kind(tmp_path / (name or f"redis{len(started)}"), *args, **options))
        return started[-1]

    yield start
    for one in reversed(started):
        one.stop()


@pytest.fixture
def start_relay():
    started = []

    def start(to):
        started.append(Relay(to.address))
        return started[-1]

    yield start
    for one in started:
        one.stop()


@pytest.fixture
def start_node(tmp_path, start_redis, start_relay):
    """start_node(url, …): one more hub. They end before their stores do."""
    hubs = []

    def start(url, block="", **options):
        hubs.append(RedisHub(tmp_path / f"node{len(hubs)}", url, block, **options))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.resume()
        if hub.server.process.poll() is None:
            hub.stop()
