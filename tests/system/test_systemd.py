"""Units, socket activation and what `make install` puts where, without a running systemd."""
import grp
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BIN, KEY, PATH, ROOT, Client, Server, Stream, free_port, publish, token, wait_for

UNITS = ROOT / "proxy-config/systemd"


def run(*words, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60, **more)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A tree as `make install` makes it for a package; the program is the one under test."""
    root = tmp_path_factory.mktemp("root")
    install(root, "/usr")
    return root


def install(root, prefix):
    # The rules alone: nothing is compiled here (-o: the program is as it is).
    done = run("make", "-C", ROOT, "-o", BIN, "install", f"PROGRAM={BIN}", f"DESTDIR={root}", f"PREFIX={prefix}")
    assert done.returncode == 0, done.stderr


def test_what_is_installed_and_where(installed, tmp_path):
    wanted = ["bin/alipes", "lib/systemd/system/alipes.service", "lib/systemd/system/alipes.socket", "lib/sysusers.d/alipes.conf",
              "lib/tmpfiles.d/alipes.conf", "share/man/man8/alipes.8", "share/man/man5/alipes.conf.5",
              "share/man/man7/alipes-metrics.7", "share/doc/alipes/README.md", "share/doc/alipes/proxy-config/README.md",
              "share/doc/alipes/examples/README.md", "share/doc/alipes/backend/DESIGN.md",
              "share/bash-completion/completions/alipes", "share/alipes/proxy-config/caddy/http-unix.caddyfile",
              "share/alipes/examples/compose/caddy/compose.yaml"]
    assert all((installed / "usr" / name).is_file() for name in wanted)
    assert "ExecStart=/usr/bin/alipes -c /etc/alipes/alipes.conf" in (installed / "usr/lib/systemd/system/alipes.service").read_text()
    install(tmp_path, "/usr/local")
    assert all((tmp_path / "usr/local" / name).is_file() for name in wanted)
    conf = tmp_path / "etc/alipes/alipes.conf"
    conf.write_text("mine")
    install(tmp_path, "/usr/local")
    assert conf.read_text() == "mine"


@pytest.mark.parametrize("example", ["apache", "caddy", "redis"])
def test_the_compose_examples_name_nothing_that_is_not_installed(installed, example):
    folder = installed / "usr/share/alipes/examples/compose" / example
    text = (folder / "compose.yaml").read_text()
    assert "    image: alipes\n" in text and "build: ../../" not in text
    named = re.findall(r"^ +(?:- |build: |context: )(\.[^:\n]*)", text, re.M)
    assert len(named) > 2 and all((folder / name).exists() for name in named), named


def test_the_units_have_no_warning_and_little_exposure(installed, tmp_path):
    for name in ("alipes.service", "alipes.socket"):
        text = (installed / "usr/lib/systemd/system" / name).read_text()
        (tmp_path / name).write_text(text.replace("/usr/bin/alipes", str(BIN)))
        done = run("systemd-analyze", "verify", "--man=no", tmp_path / name)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run("systemd-analyze", "security", "--offline=true", "--threshold=15", tmp_path / "alipes.service")
    assert done.returncode == 0, done.stdout[-300:]
    print(re.search(r"Overall exposure.*", done.stdout).group(0))


def calls_of(word):
    """The system calls that a word of SystemCallFilter= stands for."""
    if not word.startswith("@"):
        return {word}
    lines = run("systemd-analyze", "--no-pager", "syscall-filter", word).stdout.split("\n")
    return set().union(*(calls_of(line.strip()) for line in lines[1:] if line.strip() and not line.strip().startswith("#")))


def allowed(unit):
    found = set()
    for words in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        named = set().union(*map(calls_of, words.lstrip("~").split()))
        found = found - named if words.startswith("~") else found | named
    return found


def test_the_hub_may_give_its_sockets_to_a_group_under_its_own_unit(tmp_path):
    """`unix/…|0660|GROUP`, of a group that the service is in: as the unit's user, in its name space of users, by its system calls."""
    unit = (UNITS / "alipes.service").read_text()
    assert {"chown", "fchownat", "chmod"} <= allowed(unit) and not {"mount", "setuid", "chroot"} & allowed(unit)
    alone = "PrivateUsers=yes" in unit  # then only root and the service's own user and group are there
    tmp_path.chmod(0o777)
    conf = tmp_path / "alipes.conf"
    conf.write_text(f"listen unix/{tmp_path}/a.sock|0600\nmetrics_listen unix/{tmp_path}/m.sock|0660|www-data\ntransport memory\nanonymous\n"
                    f"publisher_jwt {KEY}\n")
    command = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--groups", "www-data"] if os.geteuid() == 0 else []
    command += ["unshare", "--user", "--map-user=65534", "--map-group=65534"] if alone else []
    program = tmp_path / "alipes"  # where nobody may read it
    shutil.copy(BIN, program)
    server = Server([*command, program, "-c", conf], tmp_path / "log")
    wait_for(lambda: "event=ready" in server.log() or server.process.poll() is not None, "the hub")
    assert server.process.poll() is None, server.log()
    metrics = (tmp_path / "m.sock").stat()
    assert (metrics.st_mode & 0o777, grp.getgrgid(metrics.st_gid).gr_name) == (0o660, "www-data")
    assert server.stop() == 0


def test_user_and_folders(installed):
    for tool, more in (("systemd-sysusers", []), ("systemd-tmpfiles", ["--create"])):
        # Debian's own files are not in this root: only ours is read.
        conf = installed / f"usr/lib/{tool.removeprefix('systemd-')}.d/alipes.conf"
        done = run(tool, *more, f"--root={installed}", conf)
        assert done.returncode == 0, done.stderr
    passwd = (installed / "etc/passwd").read_text()
    uid = int(re.search(r"^alipes:x?:(\d+):", passwd, re.M).group(1))
    assert "nologin" in passwd
    for name, mode in (("run/alipes", 0o755), ("var/lib/alipes", 0o750)):
        st = (installed / name).stat()
        assert (st.st_uid, st.st_mode & 0o777) == (uid, mode)


def test_the_default_configuration_is_right_once_there_are_keys(installed, tmp_path):
    conf = tmp_path / "alipes.conf"  # with keys elsewhere: this machine may have a hub in /etc
    conf.write_text((installed / "etc/alipes/alipes.conf").read_text().replace("file:/etc/alipes/", f"file:{tmp_path}/"))
    done = run(BIN, "config", "check", conf)
    assert done.returncode == 1 and f"{tmp_path}/publisher.key" in done.stderr
    for role in ("publisher", "subscriber"):
        (tmp_path / f"{role}.key").write_text(KEY + "\n")
    done = run(BIN, "config", "check", conf)
    assert done.returncode == 0, done.stderr


def test_the_manual_pages(installed):
    pages = {}
    for name in ("man8/alipes.8", "man5/alipes.conf.5", "man7/alipes-metrics.7"):
        done = run("man", "--warnings", "-E", "UTF-8", "-l", installed / "usr/share/man" / name,
                   env={**os.environ, "MANWIDTH": "200", "MAN_KEEP_FORMATTING": "", "MANPAGER": "cat"})
        assert (done.returncode, done.stderr) == (0, "")
        pages[name] = re.sub(r".\x08", "", done.stdout)
        assert "EXAMPLES" in pages[name] and not re.search("@[A-Z]+@", pages[name])
    for line in re.findall("^    alipes (.*?)  ", run(BIN, "--help").stdout, re.M)[2:]:
        assert re.search(f"^ +alipes {line}$", pages["man8/alipes.8"], re.M), line
    for line in run(BIN, "config", "--help").stdout.split("\n")[::2]:
        assert re.sub(r"\s+", " ", line).strip() in re.sub(r"\s+", " ", pages["man5/alipes.conf.5"]), line
    source = "".join((ROOT / "backend/config" / name).read_text() for name in ("config.c", "environment.c"))
    variables = set(re.findall(r'getenv\("(\w+)"\)', source)) | set(re.findall(r'"((?:MERCURE_\w+)|SERVER_NAME)"', source))
    assert {"ALIPES_DEFAULTS", "MERCURE_ALLOW_ANONYMOUS", "SERVER_NAME"} <= variables
    for variable in variables:
        assert variable in pages["man5/alipes.conf.5"], variable
    for bound in re.findall(r"^BOUND\((\w+),", (ROOT / "backend/metrics/metrics.def").read_text(), re.M):
        assert f'bound="{bound}"' in pages["man7/alipes-metrics.7"], bound


def completed(installed, *words):
    script = f"""source {installed}/usr/share/bash-completion/completions/alipes
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _alipes; printf '%s\\n' "${{COMPREPLY[@]}}" """
    return run("bash", "-c", script, "bash", *words).stdout.split()


def test_bash_completes(installed, tmp_path):
    usage = run(BIN, "--help").stdout
    commands = set(re.findall(r"^    alipes ([a-z]+)", usage, re.M))
    assert {"stat", "token", "history", "config"} < commands
    assert sorted(completed(installed, "alipes", "")) == sorted(commands | {"-c", "--version", "--help"})
    assert completed(installed, "alipes", "h") == ["health", "history"]
    assert completed(installed, "alipes", "history", "d") == ["dump"]
    assert completed(installed, "alipes", "config", "ch") == ["check"]
    assert completed(installed, "alipes", "token", "i") == ["inspect"]
    assert completed(installed, "alipes", "health", "") == ["-c", "--help"]
    (tmp_path / "some.conf").touch()
    assert completed(installed, "alipes", "config", "check", f"{tmp_path}/so") == [f"{tmp_path}/some.conf"]
    assert completed(installed, "alipes", "token", "--key-file", f"{tmp_path}/so") == [f"{tmp_path}/some.conf"]
    assert completed(installed, "alipes", "-c", f"{tmp_path}/so") == [f"{tmp_path}/some.conf"]


def write_conf(folder, more=""):
    """`listen` says something else than the socket that is handed over: it must not count."""
    conf = folder / "alipes.conf"
    conf.write_text(f"listen unix/{folder}/unused.sock\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\nanonymous\n"
                    f"heartbeat 1s\ntransport log {{ path {folder}/history }}\n{more}")
    return conf


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_socket_activation(kind, tmp_path):
    port = free_port()
    listen, address = (f"127.0.0.1:{port}", ("127.0.0.1", port)) if kind == "tcp" else (tmp_path / "a.sock", tmp_path / "a.sock")
    server = Server(["systemd-socket-activate", "-l", listen, "-E", f"PATH={os.environ['PATH']}", BIN, "-c", write_conf(tmp_path)],
                    tmp_path / "log")
    wait_for(lambda: "Listening on" in server.log(), "the socket")
    assert "event=ready" not in server.log()  # the first connection begins it, and waits for it
    assert publish(address, topic="a", data="x").status == 200
    stream = Stream(address, "topic=a", "Last-Event-ID: earliest")
    assert stream.datas(1) == ["x"]
    stream.close()
    assert not (tmp_path / "unused.sock").exists()
    assert server.stop() == 0, server.log()


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_readiness_is_notified(kind, tmp_path):
    name = str(tmp_path / "notify") if kind == "path" else f"@alipes-test-{os.getpid()}"
    notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notified.bind(name.replace("@", "\0"))
    notified.settimeout(60)
    server = Server([BIN, "-c", write_conf(tmp_path)], tmp_path / "log", {**os.environ, "NOTIFY_SOCKET": name})
    assert notified.recv(100) == b"READY=1"
    assert Client(tmp_path / "unused.sock").get("/healthz").status == 200
    server.process.send_signal(signal.SIGTERM)
    assert notified.recv(100) == b"STOPPING=1"
    assert server.process.wait(60) == 0


class Supervisor:
    """Holds the socket and begins the hub on it, as systemd does with alipes.socket and alipes.service."""

    def __init__(self, folder):
        self.folder, self.conf, self.path = folder, write_conf(folder), folder / "held.sock"
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.path))
        self.socket.listen(4096)
        self.start()

    def start(self):
        fd = self.socket.fileno()
        command = f'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@" 3<&{fd}'
        self.log_path = self.folder / "log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(["bash", "-c", command, "bash", BIN, "-c", self.conf], pass_fds=[fd], stdout=log, stderr=log)

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(30)


class Prompt(Client):
    """Knows how long it took from its connection to its request: the hub that stops waits for those who have just come, for 200 ms."""

    def __init__(self, address):
        self.began, self.took = time.monotonic(), 0
        super().__init__(address)

    def send(self, data):
        try:
            super().send(data)
        finally:
            self.took = time.monotonic() - self.began


def test_while_the_activated_service_restarts_under_load_no_connect_is_refused(tmp_path):
    hub = Supervisor(tmp_path)
    stop = threading.Event()
    outcomes = {"answered": 0, "busy": 0, "cut": 0, "late": 0, "refused": 0}
    lock = threading.Lock()

    def load():
        while not stop.is_set():
            client = None
            try:
                client = Prompt(hub.path)
                outcome = {200: "answered", 503: "busy"}[publish(client, topic="a", data="x").status]
            except (ConnectionRefusedError, FileNotFoundError):
                outcome = "refused"
            except OSError:
                outcome = "late" if client and client.took > 0.15 else "cut"
            with lock:
                outcomes[outcome] += 1

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            seen = outcomes["answered"]
            wait_for(lambda: outcomes["answered"] > seen + 50, "publishes")
            assert hub.stop() == 0, hub.log_path.read_text()
            time.sleep(0.3)  # away, with connections waiting in the socket
            hub.start()
        seen = outcomes["answered"]
        wait_for(lambda: outcomes["answered"] > seen + 50, "publishes")
    finally:
        stop.set()
        for thread in threads:
            thread.join()
        hub.stop()
    print(outcomes)
    assert outcomes["refused"] == 0
    assert outcomes["cut"] == 0
