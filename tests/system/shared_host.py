"""A shared host, and a customer of it: an unprivileged user without a name, with a home folder, a site in it, a pool of php-fpm
as Debian has it, and an Apache that reads the customer's .htaccess and nothing else of the customer's."""
import asyncio
import functools
import os
import random
import re
import shutil
import signal
import subprocess
import threading
import time
from contextlib import ExitStack
from pathlib import Path

from conftest import APACHE, BIN, KEY, PATH, ROOT, Client, Front, Server, free_port, wait_for

RECIPES = ROOT / "proxy-config/shared-hosting"
FPM = next(iter(sorted(Path("/usr/sbin").glob("php-fpm[0-9]*"))), "php-fpm")
# What such hosts have loaded; proxy_http only where .htaccess may proxy.
MODULES = ["mpm_event", "authz_core", "dir", "mime", "rewrite", "setenvif", "headers", "filter", "deflate", "proxy", "proxy_fcgi"]


@functools.cache
def free_uid():
    """One that nobody has and that runs nothing, nor is one of test_daemon's, which are numbers of ports."""
    used = {int(line.split(":")[2]) for line in Path("/etc/passwd").read_text().splitlines()}
    while True:
        uid = random.randrange(32000, 60000)
        if uid not in used and not any(int(path.name) for path in Path("/proc").glob("[0-9]*") if owner(path) == uid):
            return uid


def state_of(pid):
    """As proc(5) has it; None: there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return None


def owner(path):
    try:
        return path.stat().st_uid
    except OSError:
        return None


class Customer:
    """Everything that it has is below its home."""

    def __init__(self, folder):
        self.uid, self.home = free_uid(), folder / "home"
        self.alipes, self.site = self.home / ".alipes", self.home / "www"
        for path in (self.home, self.site):
            path.mkdir()
            path.chmod(0o755)
        self.own()

    def own(self):
        for path in [self.home, *self.home.rglob("*")]:
            os.chown(path, self.uid, self.uid, follow_symlinks=False)

    def upload(self, name, to, **changes):
        """A file of the recipes, with the home folder, and these, as the customer's own."""
        text = (RECIPES / name).read_text().replace("/home/me", str(self.home))
        for old, new in changes.items():
            assert re.search(rf"^const {old} = .*?;", text, re.M), old
            text = re.sub(rf"^const {old} = .*?;", f"const {old} = {new};", text, flags=re.M)
        to.write_text(text)
        self.own()
        return to

    def run(self, command):
        """As the customer's shell would: no capability, no group."""
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--bounding-set=-all", "--no-new-privs",
                "env", "-i", f"HOME={self.home}", "PATH=/usr/bin:/bin", *[str(part) for part in command]]


class CustomersHub:
    """What `alipes init` makes, and `alipes start` begins; `lines`: further ones of its configuration."""

    def __init__(self, customer, lines="", listen=None):
        self.customer, self.socket, self.path = customer, customer.alipes / "alipes.sock", (re.findall(r"^path (\S+)$", lines, re.M) or [PATH])[0]
        (customer.home / "bin").mkdir()
        shutil.copy(BIN, customer.home / "bin/alipes")
        customer.own()
        self.say("init", *(["--listen", f"127.0.0.1:{listen}"] if listen else []))
        if listen:
            self.socket = ("127.0.0.1", listen)
        for key in ("publisher.key", "subscriber.key"):
            (customer.alipes / key).write_text(KEY)
        with open(customer.alipes / "alipes.conf", "a") as conf:
            conf.write(f"anonymous\n{lines}\n")
        self.start()

    def say(self, *words):
        done = subprocess.run(self.customer.run(["bin/alipes", *words]), cwd=self.customer.home, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr + self.log()
        return done.stdout

    def start(self):
        self.say("start")

    def stop(self):
        self.say("stop")
        assert not re.search("event=bug|Sanitizer|runtime error", self.log()), self.log()[-3000:]

    def kill(self):
        """As a host does with what takes too much."""
        pid = int(re.search(r"process (\d+)", self.say("status")).group(1))
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: state_of(pid) in (None, "Z"), "the end")

    def log(self):
        return "".join(path.read_text(errors="replace") for path in self.customer.alipes.glob("alipes.log*"))


def start_fpm(folder, customer, more=""):
    """Debian's pool (www.conf), of this user."""
    conf, where = folder / "fpm.conf", folder / "fpm.sock"
    conf.write_text(f"[global]\npid = {folder}/fpm.pid\nerror_log = {folder}/fpm.log\ndaemonize = no\n"
                    f"[www]\nuser = {customer.uid}\ngroup = {customer.uid}\nlisten = {where}\nlisten.owner = www-data\nlisten.group = www-data\n"
                    "pm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n" + more)
    server = Server([FPM, "-F", "-y", conf], folder / "fpm.out")
    wait_for(where.exists, "php-fpm")
    return server, where


def start_shared_apache(folder, customer, fpm, port, modules=(), override="All", main=""):
    """Its configuration is root's, and the customer may not touch it."""
    names = [*MODULES, *modules]
    loads = "\n".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so" for name in names)
    conf = folder / "shared.conf"
    conf.write_text(f"""ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/apache.pid
Listen 127.0.0.1:{port}
{loads}
User www-data
Group www-data
ServerName hub.example
ErrorLog {folder}/error.log
MaxRequestWorkers 150
DocumentRoot {customer.site}
TypesConfig /etc/mime.types
DirectoryIndex index.html
<Directory />
AllowOverride None
Require all denied
</Directory>
<Directory {customer.site}>
AllowOverride {override}
Require all granted
</Directory>
<FilesMatch "^\\.ht">
Require all denied
</FilesMatch>
<FilesMatch "\\.php$">
SetHandler "proxy:unix:{fpm}|fcgi://localhost"
</FilesMatch>
{main}
""")
    conf.chmod(0o600)
    return Front("apache", [*APACHE, "-f", conf, "-DFOREGROUND"], folder)


class Host:
    """Apache, PHP and the customer; the hub is `hub`."""

    def __init__(self, folder):
        folder.chmod(0o755)
        self.folder, self.customer, self.port = folder, Customer(folder), free_port()
        self.address, self.hub, self.fpm, self.front = ("127.0.0.1", self.port), None, None, None

    def open(self, more="", ready=200, **options):
        """`more`: lines of the pool; `ready`: what a page of the site then is answered."""
        self.fpm, where = start_fpm(self.folder, self.customer, more)
        (self.customer.site / "page.html").write_text("<!doctype html><title>a page</title>")
        (self.customer.site / "page.php").write_text("<?php echo 'a page of PHP';")
        self.customer.own()
        self.front = start_shared_apache(self.folder, self.customer, where, self.port, **options)
        self.front.hub_goes_away = True
        wait_for(lambda: self.front.process.poll() is not None or self.asks("/page.php") == ready, "the site")
        assert self.front.process.poll() is None, self.front.log()
        return self

    def asks(self, target, *headers):
        try:
            client = Client(self.address)
            status = client.get(target, *headers).status
            client.close()
            return status
        except OSError:
            return None

    def close(self):
        with ExitStack() as stack:  # each of them, whatever another says
            for one in (self.front, self.fpm, self.hub):
                if one:
                    stack.callback(one.stop)


class Page:
    """What an EventSource does, as the standard has it: it comes back after each 200 that ended, once the last `retry:` is over,
    with the last id of a whole block; anything else is its end (`closed`). `heard`: (data, id, when)."""

    def __init__(self, address, target, *headers, last=None):
        self.address, self.target, self.headers = address, target, headers
        self.heard, self.id, self.retry, self.statuses, self.answers = [], last, 3.0, [], []

    @property
    def closed(self):
        return self.statuses[-1:] not in ([200], [])

    @property
    def datas(self):
        return [data for data, _, _ in self.heard]

    async def live(self):
        while True:
            try:
                await self.ask()
            except OSError:
                pass  # a connection that breaks off is an end as any other
            if self.closed:
                return
            await asyncio.sleep(self.retry)

    async def ask(self):
        reader, writer = await asyncio.open_connection(*self.address)
        try:
            cursor = [f"Last-Event-ID: {self.id}"] if self.id else []
            lines = [f"GET {self.target} HTTP/1.1", "Host: hub.example", "Connection: close", "Accept: text/event-stream", *cursor, *self.headers]
            writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            self.statuses.append(int(head.split()[1]))
            self.answers.append(head)
            if "content-type: text/event-stream" in head:
                await self.read(reader, "transfer-encoding: chunked" in head)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    async def read(self, reader, chunked):
        text = b""
        while part := await self.piece(reader, chunked):
            text += part
            *blocks, text = text.split(b"\n\n")
            for block in blocks:
                self.take(block.decode())

    @staticmethod
    async def piece(reader, chunked):
        if not chunked:
            return await reader.read(65536)
        size = int(await reader.readuntil(b"\r\n"), 16)
        return (await reader.readexactly(size + 2))[:size]

    def take(self, block):
        fields = dict(re.findall(r"^(\w+): ?(.*)$", block, re.M))
        self.id = fields.get("id", self.id)
        if "retry" in fields:
            self.retry = int(fields["retry"]) / 1000
        if fields.get("data") and fields.get("event", "message") == "message":
            self.heard.append((fields["data"], self.id, time.monotonic()))


class Pages:
    """So many pages, in a thread of their own; `with` ends them."""

    def __init__(self, pages):
        self.pages, self.loop = list(pages), asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def __enter__(self):
        self.thread.start()
        # A loop does not hold its tasks: who keeps nothing of them may lose them.
        self.lives = [asyncio.run_coroutine_threadsafe(page.live(), self.loop) for page in self.pages]
        return self.pages

    def __exit__(self, *_):
        async def end():
            lives = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for life in lives:
                life.cancel()
            await asyncio.gather(*lives, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(60)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
