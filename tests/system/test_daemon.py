"""A hub of a user without rights, in the background: begun, ended, begun again by cron, whatever becomes of its user's login, its
pid file and its log; and what low limits do to it."""
import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import termios
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from conftest import BIN, SANITIZED, Client, Stream, free_port, publish, token, wait_for

BROKEN = ("event=bug", "AddressSanitizer", "ThreadSanitizer", "runtime error", "LeakSanitizer")


class Account:
    """A home, its user, whom nobody else is, and the program in bin/."""

    def __init__(self, home):
        self.home, self.folder = home, home / ".alipes"
        self.uid = free_port() if os.geteuid() == 0 else os.geteuid()  # a number that no other test has meanwhile
        (home / "bin").mkdir(parents=True)
        self.program = shutil.copy(BIN, home / "bin/alipes")
        home.chmod(0o711)
        if os.geteuid() == 0:
            for path in (home, home / "bin"):
                os.chown(path, self.uid, self.uid)
        self.conf, self.log_file, self.pid_file = (self.folder / f"alipes.{end}" for end in ("conf", "log", "pid"))
        self.socket = self.folder / "alipes.sock"
        self.env = {"HOME": str(home), "LOGNAME": "u", "PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}  # all that cron sets
        self.env |= {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}

    def popen(self, *words, limits=(), umask=0o077, begin=None, **how):
        def prepare():
            for which, value in limits:
                resource.setrlimit(which, (value, value))
            if begin:
                begin()

        if os.geteuid() == 0:
            how |= {"user": self.uid, "group": self.uid, "extra_groups": []}
        how = {"env": self.env, "cwd": "/", "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **how}
        return subprocess.Popen([str(word) for word in words], umask=umask, preexec_fn=prepare, **how)

    def sh(self, script, **how):
        process = self.popen("sh", "-c", script, **how)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(script, process.returncode, out, err)

    def alipes(self, words, **how):
        return self.sh(f"exec $HOME/bin/alipes {words}", **how)

    def init(self, extra="", port=None):
        assert self.alipes("init" + (f" --listen 127.0.0.1:{port}" if port else "")).returncode == 0
        if extra:
            self.conf.write_text(self.conf.read_text() + extra + "\n")

    def change(self, *pairs):
        text = self.conf.read_text()
        for was, shall in pairs:
            assert was in text
            text = text.replace(was, shall)
        self.conf.write_text(text)

    def start(self, **how):
        done = self.alipes("start", **how)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr
        return self.pid()

    def pid(self):
        """Of the hub that runs; None: there is none."""
        done = self.alipes("status")
        found = re.match(r"running      process (\d+), since ", done.stdout)
        assert (done.returncode == 0) == bool(found), done
        return int(found.group(1)) if found else None

    def log(self):
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def hubs(self):
        """Every process of this user that is a hub."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if (entry / "stat").stat().st_uid == self.uid and (entry / "comm").read_text() == "alipes\n" \
                        and "start" in (entry / "cmdline").read_text():
                    found.append(int(entry.name))
            except OSError:
                continue
        return found

    def kill(self):
        pid = self.pid()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: self.alipes("status").returncode == 3, "the end")
        return pid

    def token(self):
        return token(["*"], ["*"], key=(self.folder / "publisher.key").read_text().strip())

    def publish(self, data, topic="a", **form):
        reply = publish(self.socket, self.token(), topic=topic, data=data, **form)
        assert reply.status == 200, reply.body
        return reply.body.decode()


@pytest.fixture
def account(tmp_path):
    tmp_path.chmod(0o755)
    account = Account(tmp_path / "home")
    yield account
    if account.conf.exists() and account.alipes("status").returncode != 3:
        assert account.alipes("stop").returncode == 0
    assert not any(word in account.log() for word in BROKEN), account.log()[-4000:]


def test_a_user_without_rights_has_a_hub_in_three_commands(account):
    nothing = account.alipes("start")
    assert nothing.returncode == 1 and nothing.stderr == "alipes start: there is no configuration: alipes init makes one\n"
    made = account.alipes("init")
    assert made.returncode == 0 and f"    {account.program} start\n" in made.stdout
    assert f"    * * * * * {account.program} start --unless-stopped\n" in made.stdout
    assert (account.folder.stat().st_mode & 0o777, account.conf.stat().st_mode & 0o777) == (0o711, 0o600)
    assert account.alipes("config check").stdout.endswith(f"{account.conf}: ok\n")
    pid = account.start()
    assert (account.socket.stat().st_mode & 0o777, (account.folder / "metrics.sock").stat().st_mode & 0o777) == (0o666, 0o600)
    assert account.alipes("health").returncode == 0 and account.alipes("publish a hello").stdout.startswith("urn:uuid:")
    assert "hello" in account.alipes("subscribe --from earliest --count 1").stdout
    status = account.alipes("status")
    assert f"listens      unix/{account.socket}|0666\nstreams      0, with room for " in status.stdout
    assert f"log          {account.log_file}\nconfiguration {account.conf}\n" in status.stdout
    assert account.start() == pid and account.hubs() == [pid]
    stopped = account.alipes("stop")
    assert (stopped.returncode, stopped.stdout, account.hubs()) == (0, "stopped\n", [])
    assert "event=stopped" in account.log() and not account.socket.exists()
    assert account.alipes("status").returncode == 3
    assert "the hub does not answer" in (sick := account.alipes("doctor").stdout) and "\n                    -> alipes start\n" in sick, sick
    again = account.alipes("stop")
    assert (again.returncode, again.stdout) == (0, "no hub of this configuration was running\n")


def test_what_init_finds_it_leaves_as_it_is(account):
    account.init()
    before = {path: path.read_bytes() for path in account.folder.iterdir()}
    again = account.alipes("init")
    assert (again.returncode, again.stdout, again.stderr) == (0, f"{account.conf} is there already; nothing was changed\n", "")
    moved = account.alipes("init --listen 127.0.0.1:8123")
    assert (moved.returncode, moved.stderr) == (1, f"alipes init: {account.conf} is there already; write there: listen 127.0.0.1:8123\n")
    account.conf.unlink()
    assert account.alipes("init").returncode == 0
    assert {path: path.read_bytes() for path in account.folder.iterdir()} == before, "the keys are those that there were"
    port = free_port()
    assert account.alipes(f"init other --listen 127.0.0.1:{port}", cwd=account.home).returncode == 0
    other = account.home / "other/alipes.conf"
    assert f"listen 127.0.0.1:{port}\n" in other.read_text() and f"path {account.home}/other/history\n" in other.read_text()


def test_a_folder_that_cannot_be_had_is_said_and_nothing_is_begun(account):
    def fails(words, why, **how):
        done = account.alipes(words, **how)
        assert done.returncode == 1 and why in done.stderr, done.stderr

    deep = account.home / ("d" * 60) / ("e" * 60)
    fails(f"init {deep}", "the path of a Unix socket has 1 to 107 bytes; give it a folder with a shorter path: alipes init FOLDER")
    fails("init 'a b'", "blanks, quotes, braces, # and $ cannot be in it")
    fails("init x --listen 8080", "8080: a port is written :8080")
    nowhere = {name: value for name, value in account.env.items() if name != "HOME"}
    if os.geteuid() == 0:  # else it is a user whom the system knows
        done = account.sh(f"{account.program} init", env=nowhere)
        assert done.returncode == 1 and "there is no home: name a folder (alipes init FOLDER)" in done.stderr
    account.home.chmod(0o511)
    fails("init", f"{account.folder}: Permission denied")
    account.home.chmod(0o711)
    assert sorted(path.name for path in account.home.iterdir()) == ["bin"]


def test_where_no_pid_file_can_be_a_start_says_so_and_another_may_be_named(account):
    account.init()
    account.folder.chmod(0o500)
    refused = account.alipes("start")
    assert refused.returncode == 1 and f"pid_file {account.pid_file}: Permission denied" in refused.stderr
    account.folder.chmod(0o711)
    account.sh("mkdir $HOME/run")
    account.conf.write_text(account.conf.read_text() + f"pid_file {account.home}/run/pid\n")
    pid = account.start()
    assert (account.home / "run/pid").read_text().split() == [str(pid), os.uname().nodename, str(account.conf)] and not account.pid_file.exists()


def test_a_full_disk_leaves_no_half_a_configuration(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    script = (f'mount -t tmpfs -o size=64k none {home}; {BIN} init {home}/a >{home}/said; head -c 1000000 /dev/zero >{home}/full; '
              f'{BIN} init {home}/b; echo "status $?"; ls -A {home}/b; rm {home}/full; {BIN} init {home}/b >/dev/null; echo "status $?"; ls {home}/b')
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    done = subprocess.run([*unshare, "sh", "-c", script], capture_output=True, text=True, timeout=120)
    assert "No space left on device" in done.stderr
    assert done.stdout.split("\n")[:1] == ["status 1"] and "alipes.conf\npublisher.key\nsubscriber.key\n" in done.stdout, done
    assert done.stdout.count("alipes.conf") == 1


def test_it_begins_where_the_standard_streams_are_closed(account):
    account.init()
    assert account.sh("exec $HOME/bin/alipes start 0<&- 1>&-").returncode == 0 and account.alipes("status").returncode == 0
    assert account.alipes("stop").stdout == "stopped\n"


def test_ten_starts_at_once_begin_one_hub(account):
    account.init()
    starts = [account.popen(account.program, "start") for _ in range(10)]
    for start in starts:
        out, err = start.communicate(timeout=120)
        assert (start.returncode, out, err) == (0, "", "")
    assert account.hubs() == [account.pid()]
    assert account.log().count("event=ready") == 1


def test_cron_brings_a_hub_back_that_was_killed_with_its_history_and_streams_go_on(account):
    account.init("anonymous\nheartbeat 1s")
    cron = "$HOME/bin/alipes start --unless-stopped"
    assert account.sh(cron).returncode == 0
    stream = Stream(account.socket, "topic=a")
    first = account.publish("1")
    assert stream.datas(1) == ["1"]
    killed = account.kill()
    with pytest.raises((ConnectionError, ValueError)):
        stream.event()
    assert account.socket.exists() and account.pid_file.exists(), "what a killed hub leaves is in nobody's way"
    back = account.sh(cron)
    assert (back.returncode, back.stdout, back.stderr) == (0, "", "")
    assert account.pid() != killed
    account.publish("2")
    stream = Stream(account.socket, "topic=a", f"Last-Event-ID: {first}")
    assert stream.headers["last-event-id"] == first and stream.datas(1) == ["2"]
    account.publish("3")
    assert stream.datas(1) == ["3"]


def test_what_was_stopped_stays_away_from_cron_until_it_is_started(account):
    account.init()
    assert account.alipes("start --unless-stopped").returncode == 0
    assert account.alipes("stop").returncode == 0
    silent = account.alipes("start --unless-stopped")
    assert (silent.returncode, silent.stdout, silent.stderr, account.hubs()) == (0, "", "", [])
    status = account.alipes("status")
    assert status.returncode == 3 and status.stdout.startswith("not running: it was stopped\n")
    account.start()
    killed = account.kill()
    assert account.alipes("start --unless-stopped").returncode == 0 and account.pid() not in (killed, None)


def test_neither_a_stale_pid_file_nor_another_process_of_that_pid_means_anything(account):
    account.init()
    account.start()
    account.kill()
    other = account.popen("sleep", "1000")
    try:
        account.pid_file.write_text(f"{other.pid}\n{os.uname().nodename}\n")
        assert account.alipes("status").returncode == 3
        assert account.alipes("stop").stdout == "no hub of this configuration was running\n"
        account.pid_file.write_text(f"{other.pid}\n{os.uname().nodename}\n")
        assert account.start() != other.pid
        assert account.alipes("stop").stdout == "stopped\n" and other.poll() is None
        for text in ("", "1\n", "-1\n", "x" * 5000, "stopped\nstopped\n"):
            account.pid_file.write_text(text)
            account.start()
            assert account.alipes("stop").returncode == 0
    finally:
        other.kill()
        other.communicate()


def test_a_hub_of_another_machine_that_shares_the_home_is_not_killed_by_its_number(account):
    account.init()
    pid = account.start()
    written = account.pid_file.read_text()
    assert written == f"{pid}\n{os.uname().nodename}\n{account.conf}\n"
    other = account.popen("sleep", "1000")
    try:
        with account.pid_file.open("r+") as file:  # the same file: its locks stay
            file.write(f"{other.pid}\nelsewhere\n")
            file.truncate()
        refused = account.alipes("stop")
        assert refused.returncode == 1 and f"another machine, elsewhere, as process {other.pid}: stop it there" in refused.stderr
        assert f"running      process {other.pid} on elsewhere, since" in account.alipes("status").stdout
        assert account.alipes("start").returncode == 0 and other.poll() is None and account.hubs() == [pid]
    finally:
        other.kill()
        other.communicate()
        account.pid_file.write_text(written)


def two_with_one_pid_file(account):
    """Of the account's own hub and of another in a folder beside it."""
    account.init(f"pid_file {account.home}/run.pid")
    assert account.alipes(f"init {account.home}/b").returncode == 0
    conf = account.home / "b/alipes.conf"
    conf.write_text(conf.read_text() + f"pid_file {account.home}/run.pid\n")
    return account.home / "run.pid", conf


def test_a_pid_file_that_two_configurations_name_is_of_the_one_whose_hub_has_it(account):
    pid_file, b = two_with_one_pid_file(account)
    pid = account.start()
    held = f"{pid_file} is held by the hub of another configuration, {account.conf}, as process {pid}: each needs a pid_file of its own\n"
    for word in ("start", "start --unless-stopped", "stop"):
        done = account.alipes(f"{word} -c {b}")
        assert (done.returncode, done.stdout, done.stderr) == (1, "", f"alipes {word.split()[0]}: {held}")
    status = account.alipes(f"status -c {b}")
    assert status.returncode == 3 and status.stderr == ""
    assert status.stdout == (f"not running: the hub of another configuration, {account.conf}, has its pid_file, as process {pid}\n"
                             f"log          {b.with_suffix('.log')}\nconfiguration {b}\n")
    assert account.start() == pid and account.hubs() == [pid] and not (b.parent / "alipes.sock").exists()
    account.kill()
    left = pid_file.read_text()
    idle = account.alipes(f"stop -c {b}")
    assert (idle.returncode, idle.stdout) == (0, f"no hub of this configuration was running, and {pid_file} is as that of another, {account.conf}, left it\n")
    assert pid_file.read_text() == left and account.alipes(f"status -c {b}").stdout.startswith("not running\n")
    assert account.alipes("start --unless-stopped").returncode == 0 and account.pid(), "it was not stopped, only its neighbour was"
    assert account.alipes("stop").stdout == "stopped\n"
    assert account.alipes(f"start --unless-stopped -c {b}").returncode == 0, "neither was this one"
    assert account.alipes("stop").returncode == 1 and account.alipes(f"stop -c {b}").stdout == "stopped\n"
    assert account.hubs() == []


def test_a_stop_that_waits_for_another_configurations_hub_does_not_call_it_its_own(account):
    pid_file, b = two_with_one_pid_file(account)
    account.change(("log logfmt", "anonymous\nshutdown_timeout 30s\nreply_timeout 60s\nheartbeat 0s\nlog logfmt"))
    account.start()
    stuck = Stream(account.socket, "topic=a")
    for number in range(20):
        account.publish(f"{number} " + "x" * 200000)
    stop = account.popen(account.program, "stop")
    wait_for(lambda: account.alipes("status").returncode == 4, "the stop to be under way")
    other = account.popen(account.program, "stop", "-c", b)
    for _ in range(5):  # the other stop waits meanwhile
        assert account.alipes(f"status -c {b}").stdout.startswith(f"the hub of another configuration, {account.conf}, begins, or ends\n")
        assert other.poll() is None
    stuck.close()
    assert other.communicate(timeout=60)[0].startswith("no hub of this configuration was running, and ")
    assert stop.communicate(timeout=60)[0] == "stopped\n"
    assert account.alipes("status").stdout.startswith("not running: it was stopped\n")


def test_a_configuration_stays_the_same_by_whatever_path_and_wherever_it_was_moved(account):
    account.init()
    account.conf.write_text(account.conf.read_text() + f"pid_file {account.pid_file}\n")
    pid = account.start()
    moved, linked = account.home / "moved.conf", account.home / "linked.conf"
    linked.symlink_to(account.conf)
    fresh = account.conf.with_suffix(".new")
    fresh.write_text(account.conf.read_text())
    fresh.replace(account.conf)  # as an editor saves it
    for path in (linked, account.conf, "alipes.conf", "../.alipes/alipes.conf"):
        assert f"running      process {pid}, " in account.alipes(f"status -c {path}", cwd=account.folder).stdout
        assert account.alipes(f"start -c {path}", cwd=account.folder).returncode == 0
    account.conf.rename(moved)
    assert f"running      process {pid}, " in account.alipes(f"status -c {moved}").stdout and account.alipes(f"start -c {moved}").returncode == 0
    assert account.hubs() == [pid] and account.alipes(f"stop -c {moved}").stdout == "stopped\n" and account.hubs() == []
    assert account.alipes(f"status -c {moved}").stdout.startswith("not running: it was stopped\n")
    moved.rename(account.conf)
    assert account.alipes("status").stdout.startswith("not running: it was stopped\n")


def test_a_hub_of_an_earlier_version_that_told_no_configuration_is_found_at_an_upgrade(account):
    account.init()
    pid = account.start()
    with account.pid_file.open("r+") as file:  # the same file: its locks stay
        file.write(f"{pid}\n{os.uname().nodename}\n")
        file.truncate()
    assert account.pid() == pid and account.start() == pid
    assert account.alipes("stop").stdout == "stopped\n" and account.hubs() == []
    account.pid_file.write_text("stopped\n")
    assert account.alipes("start --unless-stopped").returncode == 0 and account.hubs() == []


def test_it_survives_the_end_of_the_login(account):
    """A shell on a terminal of its own, which is hung up."""
    account.init()

    def on_terminal():
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever began the tests may have ignored it

    ours, theirs = pty.openpty()
    shell = account.popen("sh", "-c", "$HOME/bin/alipes start; echo begun; sleep 1000", stdin=theirs, stdout=theirs, stderr=theirs,
                          start_new_session=True, begin=on_terminal)
    os.close(theirs)
    said = b""
    while b"begun" not in said:
        said += os.read(ours, 1000)
    pid = account.pid()
    session, terminal = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3:5]
    assert int(session) == pid and terminal == "0"
    os.close(ours)
    assert shell.wait(60) == -signal.SIGHUP
    account.publish("after")
    assert account.pid() == pid and "event=reloaded" not in account.log()


def test_nothing_of_who_began_it_is_held_on_to(account):
    account.init()
    heard, told = os.pipe()
    account.start(pass_fds=[told], begin=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.close(told)
    assert os.read(heard, 1) == b"", "it is closed everywhere"
    os.close(heard)
    pid = account.pid()
    named = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)]
    assert named == ["/dev/null", str(account.log_file), str(account.log_file)]
    os.kill(pid, signal.SIGHUP)
    wait_for(lambda: "event=reloaded" in account.log(), "a reload, though SIGHUP was ignored before")


def test_a_start_that_fails_says_why_and_a_mistake_keeps_nobody_from_stopping(account):
    port = free_port()
    account.init(port=port)
    right = account.conf.read_text()
    account.conf.write_text(right + "lisen :80\n")
    line = len(right.split("\n"))
    failed = account.alipes("start")
    assert failed.returncode == 1 and f"alipes: {account.conf}:{line}: unknown directive lisen; did you mean listen?\n" in failed.stderr
    assert account.alipes("status").returncode == 3
    account.conf.write_text(right)
    other = subprocess.Popen(["python3", "-m", "http.server", "-b", "127.0.0.1", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: not refuses(port), "the other server")
        taken = account.alipes("start")
        assert taken.returncode == 1 and "Address already in use" in taken.stderr and "event=start_failed" in account.log()
    finally:
        other.kill()
        other.wait()
    pid = account.start()
    account.conf.write_text(right + "lisen :80\n")
    assert account.pid() == pid and account.alipes("start").returncode == 0
    assert account.alipes("stop").stdout == "stopped\n"
    gone = account.alipes("status -c none.conf")
    assert gone.returncode == 4 and "none.conf: No such file or directory" in gone.stderr


def test_a_log_that_nobody_reads_is_an_error_and_no_hub_that_stands_still(account):
    account.init()
    account.sh(f"mkfifo {account.log_file}")
    failed = account.alipes("start")
    assert failed.returncode == 1 and f"cannot open {account.log_file}: No such device or address" in failed.stderr, failed.stderr
    account.log_file.unlink()
    pid = account.start()
    account.log_file.unlink()
    account.sh(f"mkfifo {account.log_file}")
    os.kill(pid, signal.SIGUSR1)
    assert account.alipes("stop").stdout == "stopped\n"
    account.log_file.unlink()


def begins_and(account, does):
    """What a start says beside which `does` was done once there was a pid; None: it was over by then."""
    account.pid_file.unlink(missing_ok=True)
    starts = account.popen(account.program, "start")
    pid = wait_for(lambda: account.pid_file.exists() and account.pid_file.read_text().partition("\n")[0], "a pid")
    does(int(pid))
    if starts.wait(60) == 0:
        for hub in account.hubs():
            with suppress(ProcessLookupError):  # it ends by itself just now
                os.kill(hub, signal.SIGKILL)
    wait_for(lambda: not account.hubs(), "its end")
    return starts.stderr.read() if starts.returncode == 1 else None


def test_a_pid_file_that_goes_as_the_hub_begins_leaves_no_hub_that_nobody_finds(account):
    account.init()
    said = wait_for(lambda: begins_and(account, lambda pid: account.pid_file.unlink()), "a start that was met")
    assert said == f"alipes start: {account.pid_file} was removed as the hub began, which was stopped\n"


def test_a_hub_that_is_stopped_as_it_begins_is_no_failure_without_a_word(account):
    account.init()
    said = wait_for(lambda: begins_and(account, lambda pid: os.kill(pid, signal.SIGTERM)), "a start that was met")
    assert re.fullmatch(r"alipes start: the hub was (stopped|killed) as it began.*; its log: \S+\n", said), said


def refuses(port):
    try:
        Client(("127.0.0.1", port)).close()
    except OSError:
        return True


def test_a_start_while_it_is_being_stopped_begins_it_anew(account):
    account.init("anonymous\nshutdown_timeout 30s\nreply_timeout 60s\nheartbeat 0s")
    pid = account.start()
    stuck = Stream(account.socket, "topic=a")
    for number in range(20):
        account.publish(f"{number} " + "x" * 200000)
    stop = account.popen(account.program, "stop")
    wait_for(lambda: account.alipes("status").returncode == 4, "the stop to be under way")
    start = account.popen(account.program, "start")
    for _ in range(5):  # the start waits meanwhile
        status = account.alipes("status")
        assert status.returncode == 4 and "it begins, or ends" in status.stdout and start.poll() is None
    stuck.close()
    assert start.communicate(timeout=60) == ("", "") and start.returncode == 0
    assert stop.wait(60) == 0 and account.hubs() and account.pid() != pid
    stop.communicate()


def test_wherever_it_is_called_from_its_relative_paths_are_meant_from_the_configuration(account):
    folder = account.home / "hub"
    account.sh("mkdir $HOME/hub $HOME/elsewhere")
    conf = folder / "one.conf"
    conf.write_text("listen unix/one.sock|0600\npublisher_jwt aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nsubscriber_jwt bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n"
                    "transport log {\n path kept\n}\npid_file run.pid\n")
    begun = account.alipes("start -c one.conf", cwd=folder)
    assert begun.returncode == 0, begun.stderr
    assert account.alipes("start -c ../hub/one.conf", cwd=account.home / "elsewhere").returncode == 0
    assert sorted(path.name for path in folder.iterdir()) == ["kept", "one.conf", "one.log", "one.sock", "run.pid"]
    assert account.sh("ALIPES_CONFIG=$HOME/hub/one.conf exec $HOME/bin/alipes stop").stdout == "stopped\n"
    assert account.hubs() == []


def logs_of(account):
    """From the oldest on."""
    return sorted(account.folder.glob("alipes.log*"), key=lambda path: int(path.suffix[1:]) if path.suffix != ".log" else 0, reverse=True)


def logged(account):
    """What all of them say; nothing while one is renamed."""
    try:
        return "".join(path.read_text() for path in logs_of(account))
    except FileNotFoundError:
        return ""


def inode(path):
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


def test_a_log_under_load_is_renamed_by_the_hub_itself_and_loses_no_line(account):
    account.init("debug")
    account.change(("workers 1", "workers 4"), ("log_max_size 1MiB", "log_max_size 20KiB"), ("log_files 4", "log_files 100"))
    pid = account.start()

    def some(number):
        return [account.publish(str(number)) for _ in range(100)]

    with ThreadPoolExecutor(4) as pool:
        ids = [one for some_ids in pool.map(some, range(4)) for one in some_ids]
    wait_for(lambda: os.readlink(f"/proc/{pid}/fd/2") == os.readlink(f"/proc/{pid}/fd/1") == str(account.log_file), "the last file")
    assert account.alipes("stop").returncode == 0
    paths = logs_of(account)
    lines = logged(account).splitlines()
    # What is written while the new one is opened counts once more: a file may be some lines smaller than the bound.
    assert len(paths) > 3 and all(path.stat().st_size > 18 * 1024 for path in paths[:-1])
    assert all(re.match(r"time=\S+ level=\w+ event=\w+", line) for line in lines)
    published = [re.search(r'id="?([^ "]+)', line).group(1) for line in lines if "event=published " in line]
    assert sorted(published) == sorted(ids)


def test_so_many_old_logs_are_kept_and_a_reload_changes_how_many(account):
    account.init()
    account.change(("log_files 4", "log_files 2"))
    pid = account.start()

    for count in range(1, 5):
        before = inode(account.log_file)
        os.kill(pid, signal.SIGUSR2)
        wait_for(lambda: inode(account.log_file) not in (None, before) and "event=log_rotated" in account.log(), "a new file")
        assert len(logs_of(account)) == min(count, 2) + 1
    account.change(("log_files 2", "log_files 4"), ("log_max_size 1MiB", "log_max_size 1KiB"))
    os.kill(pid, signal.SIGHUP)
    wait_for(lambda: "event=reloaded" in logged(account), "the reload")
    wait_for(lambda: os.kill(pid, signal.SIGHUP) or len(logs_of(account)) == 5, "four that are old")


def test_a_log_that_cannot_be_renamed_grows_on(account):
    account.init()
    account.sh("mkdir $HOME/logs && touch $HOME/logs/hub.log && chmod 500 $HOME/logs")
    account.change((f"log logfmt info {account.log_file}", f"log logfmt debug {account.home}/logs/hub.log"), ("log_max_size 1MiB", "log_max_size 2KiB"))
    account.start()
    account.log_file = account.home / "logs/hub.log"
    for number in range(50):
        account.publish(str(number))
    wait_for(lambda: "event=log_rotate_failed" in account.log(), "the failure to be said")
    account.publish("last")
    assert account.log().count("event=log_rotate_failed") < 20, "once for each 2 KiB"
    assert [path.name for path in account.log_file.parent.iterdir()] == ["hub.log"]


def test_where_few_threads_are_allowed_there_are_fewer_workers_or_it_is_said(account):
    account.init()
    account.change(("workers 1", "workers 4"))
    account.env["ASAN_OPTIONS"] = account.env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # its search takes a process
    for processes in range(1, 30):
        done = account.popen(account.program, "start", limits=[(resource.RLIMIT_NPROC, processes)])
        out, err = done.communicate(timeout=120)
        if done.returncode == 0:
            break
        assert "threads are needed, and" in err or "no process can be begun" in err or "failed to start" in err.lower(), err
    assert account.alipes("status").returncode == 0 and processes > 2
    assert "event=workers_lowered asked=4 " in account.log() and "event=ready workers=1 " in account.log()
    account.publish("works")


def test_streams_leave_the_last_connections_to_publishes(account):
    account.init("anonymous\nheartbeat 60s")
    account.start(limits=[(resource.RLIMIT_NOFILE, 200)])
    assert "event=descriptors limit=200 reserve=72 connections=128 " in account.log()
    assert "streams      0, with room for 128 connections\n" in account.alipes("status").stdout
    streams = [Stream(account.socket, "topic=a") for _ in range(112)]
    late = Stream(account.socket, "topic=a")
    assert late.status == 200 and re.search(rb"^retry: \d+$", late.text, re.M), "it comes back by itself"
    assert late.end() is not None and late.ended
    late.close()
    account.publish("x")
    assert [stream.datas(1) for stream in streams] == [["x"]] * 112
    assert 'alipes_bounds_met_total{bound="max_connections"} 1' in Client(account.folder / "metrics.sock").get("/metrics").body.decode()
    for stream in streams:
        stream.close()

    def comes_in():
        stream = Stream(account.socket, "topic=a")
        stream.close()
        return b"retry:" not in stream.text
    wait_for(comes_in, "room again")


def test_a_quarter_of_a_gibibyte_is_enough(account):
    """Of address space: stacks and heaps that are only mapped count (ulimit -v), and libraries that are opened late."""
    account.init("anonymous\nheartbeat 60s\nsubscriptions")
    account.change(("workers 1", "workers 8"))
    pid = account.start(limits=[] if SANITIZED else [(resource.RLIMIT_AS, 256 * 1024 * 1024)])
    streams = [Stream(account.socket, "topic=a") for _ in range(300)]
    for number in range(5):
        account.publish(f"{number} " + "x" * 2000000, topic="large")
    account.publish("unicode", topic=["https://b\u00fccher.example/", "a"])
    assert all(stream.datas(1) == ["unicode"] for stream in streams)
    assert account.pid() == pid
    if not SANITIZED:
        size = int(re.search(r"VmPeak:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()).group(1))
        assert size < 200 * 1024
    for stream in streams:
        stream.close()


def test_the_configuration_of_the_home_comes_before_the_packaged_one_and_is_not_roots(account):
    account.init()
    assert account.alipes("config check").stdout.endswith(f"{account.conf}: ok\n")
    named = account.sh("ALIPES_CONFIG=/none/alipes.conf exec $HOME/bin/alipes status")
    assert named.returncode == 4 and "/none/alipes.conf" in named.stderr
    if os.geteuid() == 0:
        roots = subprocess.run([BIN, "config", "check"], env=account.env, capture_output=True, text=True)
        assert str(account.conf) not in roots.stdout + roots.stderr


@pytest.mark.parametrize("word", ["start", "stop"])
def test_root_does_not_do_what_another_users_files_say(account, word):
    account.init()
    pid = account.start()
    done = subprocess.run([BIN, word, "-c", account.conf], capture_output=True, text=True, timeout=60)
    if os.geteuid() == 0:
        assert done.returncode == 1 and f"belongs to another user: be that user (runuser -u NAME -- alipes {word})" in done.stderr
        assert account.pid() == pid
    else:
        assert done.returncode == 0
