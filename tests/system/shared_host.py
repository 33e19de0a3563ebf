"""A shared host, and a customer of it: an unprivileged user without a name, with a home folder, a site in it, a pool of php-fpm
as Debian has it, and an Apache that reads the customer's .htaccess and nothing else of the customer's."""
import asyncio
import functools
import os
import random
import re
import shutil
import threading
import time
from pathlib import Path

from conftest import APACHE, BIN, KEY, PATH, ROOT, Client, Front, Server, free_port, wait_for

RECIPES = ROOT / "proxy-config/shared-hosting"
FPM = next(iter(sorted(Path("/usr/sbin").glob("php-fpm[0-9]*"))), "php-fpm")
# What such hosts have loaded; proxy_http only where .htaccess may proxy.
MODULES = ["mpm_event", "authz_core", "dir", "mime", "rewrite", "setenvif", "headers", "filter", "deflate", "proxy", "proxy_fcgi"]


@functools.cache
def free_uid():
    """One that nobody has and that runs nothing."""
    used = {int(line.split(":")[2]) for line in Path("/etc/passwd").read_text().splitlines()}
    while True:
        uid = random.randrange(20000, 60000)
        if uid not in used and not any(int(path.name) for path in Path("/proc").glob("[0-9]*") if owner(path) == uid):
            return uid


def owner(path):
    try:
        return path.stat().st_uid
    except OSError:
        return None


class Customer:
    """Everything that it has is below its home."""

    def __init__(self, folder):
        self.uid, self.home = free_uid(), folder / "home"
        self.alipes, self.site = self.home / "alipes", self.home / "www"
        for path in (self.home, self.alipes, self.site):
            path.mkdir(mode=0o755)
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

    def run(self, command, **options):
        """As a shell of the customer's would: no capability, no group, the limits of such hosts."""
        return ["setpriv", f"--reuid={self.uid}", f"--regid={self.uid}", "--clear-groups", "--bounding-set=-all", "--no-new-privs",
                "env", "-i", f"HOME={self.home}", "PATH=/usr/bin:/bin", *[str(part) for part in command]]


class CustomersHub:
    """The recipe's configuration; `listen`: in place of the socket. It has the interface of conftest's Hub that pages need."""

    def __init__(self, customer, extra="", listen=None):
        self.customer, self.socket, self.port = customer, customer.alipes / "alipes.sock", None
        shutil.copy(BIN, customer.alipes / "alipes")
        self.conf = customer.upload("alipes.conf", customer.alipes / "alipes.conf")
        text = re.sub(r"(publisher|subscriber)_jwt .*", rf"\1_jwt {KEY}", self.conf.read_text()).replace("logfmt info", "logfmt debug")
        if listen:
            self.socket = ("127.0.0.1", listen)
            text = re.sub(r"listen .*", f"listen 127.0.0.1:{listen}", text)
        self.conf.write_text(f"{text}\n{extra}\n")
        self.conf.chmod(0o600)
        customer.own()
        self.path = (re.findall(r"^path (\S+)$", extra, re.M) or [PATH])[0]
        self.start()

    def start(self):
        self.server = Server(self.customer.run([self.customer.alipes / "alipes", "-c", self.conf]), self.customer.home.parent / "hub.out")
        wait_for(lambda: self.server.process.poll() is not None or self.answers(), "the hub")
        assert self.server.process.poll() is None, self.server.log() + self.log()

    def answers(self):
        try:
            return Client(self.socket).get("/healthz").status == 200
        except OSError:
            return False

    def log(self):
        path = self.customer.alipes / "alipes.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        assert self.server.stop() == 0, self.server.log() + self.log()[-3000:]
        assert "event=bug" not in self.log() and "Sanitizer" not in self.server.log(), self.server.log()


def start_fpm(folder, customer, more=""):
    """Debian's pool (www.conf), of this user."""
    conf, where = folder / "fpm.conf", folder / "fpm.sock"
    conf.write_text(f"[global]\npid = {folder}/fpm.pid\nerror_log = {folder}/fpm.log\ndaemonize = no\n"
                    f"[www]\nuser = {customer.uid}\ngroup = {customer.uid}\nlisten = {where}\nlisten.owner = www-data\nlisten.group = www-data\n"
                    "pm = dynamic\npm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n" + more)
    server = Server([FPM, "-F", "-y", conf, "-n"], folder / "fpm.out")
    wait_for(where.exists, "php-fpm")
    return server, where


def start_shared_apache(folder, customer, fpm, port, modules=(), override="All", main="", tls=None, workers=150):
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
MaxRequestWorkers {workers}
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
        self.folder, self.customer, self.port, self.hub, self.front = folder, Customer(folder), free_port(), None, None
        self.address = ("127.0.0.1", self.port)
        self.fpm = self.front = None

    def open(self, more="", **options):
        """`more`: lines of the pool."""
        self.fpm, where = start_fpm(self.folder, self.customer, more)
        (self.customer.site / "page.html").write_text("<!doctype html><title>a page</title>")
        (self.customer.site / "page.php").write_text("<?php echo 'a page of PHP';")
        self.customer.own()
        self.front = start_shared_apache(self.folder, self.customer, where, self.port, **options)
        self.front.hub_goes_away = True
        wait_for(lambda: self.front.process.poll() is not None or self.asks("/page.php") == 200, "the site")
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
        if self.hub and self.hub.server.process.poll() is None:
            self.hub.stop()
        if self.fpm:
            self.fpm.stop()
        if self.front:
            self.front.stop()


class Page:
    """What an EventSource does, as the standard has it: it comes back after each 200 that ended, once the last `retry:` is over,
    with the last id of a whole block; anything else is its end (`closed`). `heard`: (data, id, when)."""

    def __init__(self, address, target, *headers, last=None):
        self.address, self.target, self.headers = address, target, headers
        self.heard, self.id, self.retry, self.statuses, self.answers, self.opened = [], last, 3.0, [], [], []

    @property
    def datas(self):
        return [data for data, _, _ in self.heard]

    async def live(self):
        while True:
            try:
                await self.ask()
            except OSError:
                pass  # a connection that breaks off is an end as any other
            if self.statuses[-1:] not in ([200], []):
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
            self.opened.append(time.monotonic())

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
        for page in self.pages:
            asyncio.run_coroutine_threadsafe(page.live(), self.loop)
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
