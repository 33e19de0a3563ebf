"""A hub, real fronts, and the raw clients that the scenarios use. Everything on free loopback ports
and in a temporary folder; whatever a test starts is stopped by its pid."""
import fcntl
import functools
import os
import random
import re
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import jwt
import pytest

import fastcgi
import sanitizer
from fastcgi import Fastcgi

ROOT = Path(__file__).resolve().parents[2]
BIN = ROOT / os.environ.get("ALIPES_BIN", "build/release/alipes")
SANITIZED = BIN.parent.name != "release"
KEY = "0123456789abcdef0123456789abcdef"
PATH = "/.well-known/mercure"
PATIENCE = 60
LONGEST = 400  # seconds


PORTS = Path(tempfile.gettempdir()) / f"alipes-ports-{os.getuid()}"
claims = []


def free_port():
    """Below the range from which the kernel takes ports for clients, and claimed until this process ends: what runs beside it
    gets another."""
    PORTS.mkdir(exist_ok=True)
    while True:
        port = random.randrange(10000, 32000)
        claim = open(PORTS / str(port), "w")
        with socket.socket() as s:
            try:
                fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
                s.bind(("127.0.0.1", port))
            except OSError:
                claim.close()
                continue
        claims.append(claim)
        return port


def wait_for(condition, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    raise AssertionError(f"waited {patience} s in vain for {what}")


def token(publish=None, subscribe=None, key=KEY, headers=None, **claims):
    rights = {}
    if publish is not None:
        rights["publish"] = publish
    if subscribe is not None:
        rights["subscribe"] = subscribe
    return jwt.encode({"mercure": rights, **claims}, key, algorithm="HS256", headers=headers)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """A folder of this run alone that a front's own user can enter: pytest's default is shared between
    runs, and each that starts closes it to all others."""
    if config.option.basetemp is None:
        folder = Path(tempfile.mkdtemp(prefix="alipes-"))
        folder.chmod(0o755)
        config.option.basetemp = str(folder / "run")


def pytest_collection_modifyitems(config, items):
    """A front sends to one build of the hub what it sends to another: under a sanitizer one of each wire, and the module, stand for all."""
    others = set(FRONTS) - {"caddy-fastcgi", "nginx-http", "apache-module"} if SANITIZED else ()
    left_out = [item for item in items if hasattr(item, "callspec") and any(name in others for name in map(str, item.callspec.params.values()))]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test that waits for what never comes fails, and does not hold up the others for ever."""

    def stands_still(*_):
        raise AssertionError(f"it is not over after {LONGEST} s")

    signal.signal(signal.SIGALRM, stands_still)
    signal.alarm(LONGEST)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session", autouse=True)
def open_folder(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    folder.chmod(0o755)
    if folder.name.startswith("popen-"):  # one of several that run side by side
        folder.parent.chmod(0o755)


def pytest_sessionfinish(session, exitstatus):
    folder = Path(session.config.option.basetemp)
    if exitstatus == 0 and folder.name == "run" and folder.parent.name.startswith("alipes-"):
        shutil.rmtree(folder.parent, ignore_errors=True)


class Server:
    """Something with a log and a pid."""

    def __init__(self, command, log, env=None):
        self.log_path = log
        with open(log, "ab") as out:
            self.process = subprocess.Popen([str(c) for c in command], stderr=out, stdout=out, env=env)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(PATIENCE)


class Hub:
    def __init__(self, folder, extra="", workers=2, keys=True):
        folder.chmod(0o755)
        self.folder, self.port, self.socket = folder, free_port(), folder / "alipes.sock"
        self.conf = folder / "alipes.conf"
        self.conf.write_text(
            f"listen 127.0.0.1:{self.port} unix/{self.socket}|0666\nworkers {workers}\n"
            + (f"publisher_jwt {KEY} HS256\nsubscriber_jwt {KEY}\n" if keys else "") + "anonymous\ntransport memory\n"
            f"heartbeat 1s\nlog logfmt debug\n{extra}\n"
        )
        self.server = None
        self.start()

    def start(self):
        self.server = Server([BIN, "-c", self.conf], self.folder / "alipes.log")
        wait_for(lambda: self.server.process.poll() is not None or self.answers(), "the hub")
        assert self.server.process.poll() is None, self.server.log()

    def answers(self):
        try:
            return Client(("127.0.0.1", self.port)).get("/healthz").status == 200
        except OSError:
            return False

    def log(self):
        return self.server.log()

    def stop(self):
        status = self.server.stop()
        text = self.log()
        for word in ("event=bug", "AddressSanitizer", "ThreadSanitizer", "runtime error", "LeakSanitizer"):
            assert word not in text, text[-4000:]
        assert status == 0, text[-4000:]


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body


class Tls:
    """Where a front speaks TLS."""

    def __init__(self, port):
        self.address = ("127.0.0.1", port)


@functools.cache
def tls_context():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # the default one reads all of this machine's authorities
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


def over_tls(connected):
    return tls_context().wrap_socket(connected, server_hostname="hub.example")


class Client:
    """One connection, bytes as they are; on a FastCGI address what STDOUT carries."""
    host = "hub.example"

    def __init__(self, address):
        self.records = fastcgi.Records() if isinstance(address, Fastcgi) else None
        self.ends = []  # contents of END_REQUEST records
        tls, address = isinstance(address, Tls), getattr(address, "address", address)
        family = socket.AF_UNIX if isinstance(address, (str, Path)) else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(address) if family == socket.AF_UNIX else address)
        if tls:
            self.socket = over_tls(self.socket)
        self.bytes = b""

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        part = self.socket.recv(65536)
        if not self.records:
            self.bytes += part
            return bool(part)
        found = self.records.feed(part)
        for kind, _, content in found:
            if kind == fastcgi.STDOUT:
                self.bytes += content
            elif kind == fastcgi.END:
                self.ends.append(content)
        return bool(part) and not any(kind == fastcgi.END for kind, _, _ in found)

    def ask(self, method, target, headers=(), body=b"", version="1.1"):
        if self.records:
            self.send(fastcgi.request(method, target, headers, body))
            return
        lines = [f"{method} {target} HTTP/{version}", f"Host: {self.host}", *headers]
        if body or method in ("POST", "QUERY"):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def until(self, mark):
        while mark not in self.bytes:
            if not self.more() and mark not in self.bytes:
                raise ConnectionError(f"ended before {mark!r}: {self.bytes[-300:]!r}")
        head, _, self.bytes = self.bytes.partition(mark)
        return head

    def exactly(self, size):
        while len(self.bytes) < size:
            if not self.more() and len(self.bytes) < size:
                raise ConnectionError("ended early")
        taken, self.bytes = self.bytes[:size], self.bytes[size:]
        return taken

    def head(self):
        lines = self.until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        headers = {}
        for line in lines if self.records else lines[1:]:
            name, _, value = line.partition(":")
            headers.setdefault(name.lower(), []).append(value.strip(" "))
        status = headers.pop("status")[0] if self.records else lines[0].split()[1]
        return int(status.split()[0]), {k: ", ".join(v) for k, v in headers.items()}

    def reply(self, method="GET"):
        status, headers = self.head()
        if status == 100:
            status, headers = self.head()
        body = b""
        if method != "HEAD" and status not in (204, 304):
            if "chunked" in headers.get("transfer-encoding", ""):
                while size := int(self.until(b"\r\n"), 16):
                    body += self.exactly(size)
                    self.exactly(2)
                self.until(b"\r\n")
            elif "content-length" in headers:
                body = self.exactly(int(headers["content-length"]))
            else:
                while self.more():
                    pass
                body, self.bytes = self.bytes, b""
        return Reply(status, headers, body)

    def request(self, method, target, headers=(), body=b""):
        self.ask(method, target, headers, body)
        return self.reply(method)

    def get(self, target, *headers):
        return self.request("GET", target, headers)

    def closed(self):
        """Reads to the end; what came."""
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        return self.bytes

    def close(self):
        self.socket.close()


class Operator(Client):
    """Somebody on the hub's own machine, who calls it by that name."""
    host = "localhost"


class Stream(Client):
    """An event stream: events one after another; comments are counted, and `cursor` is the id of the last block
    that has one, as an EventSource would send it."""

    def __init__(self, address, query, *headers, version="1.1"):
        super().__init__(address)
        self.ask("GET", f"{PATH}?{query}", headers, version=version)
        self.begin()

    def begin(self):
        self.status, self.headers = self.head()
        self.chunked = "chunked" in self.headers.get("transfer-encoding", "")
        self.text, self.comments, self.ended, self.cursor = b"", 0, False, None
        if self.status == 200 and "text/event-stream" in self.headers["content-type"]:
            if "content-length" in self.headers:
                self.text, self.ended = self.exactly(int(self.headers["content-length"])), True
            else:
                self.piece()

    def piece(self):
        if self.ended:
            return False
        if not self.chunked:
            if not self.bytes and not self.more() and not self.bytes:
                self.ended = True
                return False
            self.text, self.bytes = self.text + self.bytes, b""
            return True
        size = int(self.until(b"\r\n"), 16)
        self.text += self.exactly(size)
        self.exactly(2)
        self.ended = size == 0
        return size > 0

    def event(self):
        """The next event, raw; comments before it, and an id alone, are noted and dropped."""
        while True:
            while self.text.startswith(b":"):
                line, mark, rest = self.text.partition(b"\n")
                if not mark:
                    break
                self.comments, self.text = self.comments + 1, rest
            if b"\n\n" in self.text and not self.text.startswith(b":"):
                event, _, self.text = self.text.partition(b"\n\n")
                self.cursor = (re.findall(rb"^id: (.*)$", event, re.M) or [self.cursor])[-1]
                if not re.fullmatch(rb"id: .*", event):
                    return event.decode()
            if not self.piece():
                raise ConnectionError(f"the stream ended: {self.text!r}")

    def datas(self, count):
        return [re.search(r"^data: (.*)$", self.event(), re.M).group(1) for _ in range(count)]

    def end(self):
        """Reads to the clean end; the last text."""
        while self.piece():
            pass
        return self.text


class Query(Stream):
    """A stream asked for by QUERY."""

    def __init__(self, address, query, body, *headers):
        super(Stream, self).__init__(address)
        self.ask("QUERY", f"{PATH}{query}", headers, body)
        self.begin()


def publish(address, auth=None, headers=(), **form):
    """`address`: or a client that has not asked yet."""
    from urllib.parse import urlencode

    client = address if isinstance(address, Client) else Client(address)
    lines = [*headers, "Content-Type: application/x-www-form-urlencoded"]
    if auth != "":
        lines.append(f"Authorization: Bearer {auth or token(['*'])}")
    reply = client.request("POST", PATH, lines, urlencode(form, doseq=True).encode())
    client.close()
    return reply


@pytest.fixture
def start_hub(tmp_path):
    hubs = []

    def start(extra="", **options):
        folder = tmp_path / f"hub{len(hubs)}"
        folder.mkdir()
        tmp_path.chmod(0o755)
        hubs.append(Hub(folder, extra, **options))
        return hubs[-1]

    yield start
    for hub in hubs:
        if hub.server.process.poll() is None:
            hub.stop()


@pytest.fixture
def measured(start_hub, tmp_path):
    """A hub whose figures can be asked for: at `hub.metrics`, and at metrics.sock of the test's folder."""
    def start(extra="", **options):
        port = free_port()
        hub = start_hub(f"metrics_listen 127.0.0.1:{port} unix/{tmp_path}/metrics.sock|0600\n{extra}", **options)
        hub.metrics = ("127.0.0.1", port)
        return hub
    return start


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(folder, "cors_origins https://app.example https://*.wild.example\npublish_origins https://ok.example")
    yield hub
    hub.stop()


@contextmanager
def chromium(folder, trusts="--ignore-certificate-errors", traces=None):
    """`trusts`: the flag that has it take a test's certificates. `traces`: categories of events that its log `performance` has."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
                 "--disable-background-networking", "--disable-component-update", "--window-size=900,700", trusts,
                 "--host-resolver-rules=MAP *.example 127.0.0.1", f"--user-data-dir={folder}/browser"):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    if traces:
        options.set_capability("goog:loggingPrefs", {"performance": "ALL"})
        options.add_experimental_option("perfLoggingPrefs", {"traceCategories": traces, "enableNetwork": False, "enablePage": False})
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def browser(tmp_path):
    with chromium(tmp_path) as driver:
        yield driver


# What fronts say in their logs although all is well, and what they may say in a test whose hub goes away; and why.
FINE = {
    "apache": {
        r":notice\]": "how it begins and stops",
        "AH01882:": "Debian has built it with a newer OpenSSL than is there",
        r"\(9\)Bad file descriptor: AH0309[0-9]:.*apr_pollset_add failure": "it stops while connections linger",
        "AH00045:": "a child takes longer to stop than it likes; one that it has to kill it tells by another number",
    },
    "caddy": {
        '"level":"info"': "how it begins and stops",
        r'"error":"[^"]*(use of closed network connection|context canceled)"|"msg":"aborting with incomplete response': "a client has left, or it stops",
        r'"msg":"(exiting; byeee|stapling OCSP|automatic HTTPS is|admin endpoint)': "the Caddyfile and the certificate are a test's",
    },
    "nginx": {r"/favicon.ico": "a browser asks the site for it"},
    "haproxy": {},
    "lighttpd": {"server (started|stopped)|graceful shutdown": "how it begins and stops"},
}
AWAY = {
    "apache": {r"AH0(0898|0957|1079|1114|2454|1067|1075|1102|1110|1084|1097):": "the hub does not answer, or has cut a reply"},
    "caddy": {r'"msg":"(dial unix|EOF|reading from backend)': "the hub does not answer, or has cut a reply"},
    "nginx": {r"connect\(\) to unix:|prematurely closed|recv\(\) failed": "the hub does not answer, or has cut a reply"},
    "haproxy": {},
    "lighttpd": {r"gw_backend\.c|mod_fastcgi\.c": "the hub does not answer, or has cut a reply"},
}


class Front(Server):
    """A front with one of the project's files. What it complains of fails the test that stops it."""

    def __init__(self, kind, command, folder, env=None):
        super().__init__(command, folder / f"{kind}.log", env)
        self.kind, self.errors, self.hub_goes_away = kind, folder / "error.log", False

    def lines(self):
        """Each line of its logs, and why it is fine; None: it is not."""
        text = self.log() + (self.errors.read_text(errors="replace") if self.errors.exists() else "")
        fine = {**FINE[self.kind], **(AWAY[self.kind] if self.hub_goes_away else {})}
        return [(line, next((why for what, why in fine.items() if re.search(what, line)), None)) for line in text.split("\n") if line]

    def complaints(self):
        return [line for line, why in self.lines() if not why]

    def stop(self, how=signal.SIGTERM):
        status = super().stop(how)
        assert not self.complaints(), "\n".join(self.complaints())
        return status


def front_ready(server, address):
    def answers():
        assert server.process.poll() is None, server.log()
        try:
            return Client(address).get(PATH).status == 400
        except OSError:
            return False

    wait_for(answers, server.kind)


def certificate(folder, names=("hub.example",)):
    """A key and a certificate for these names that every front's user can read."""
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", cert,
                    "-subj", "/CN=hub.example", "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names), "-addext", "basicConstraints=critical,CA:FALSE", "-days", "2"], check=True, capture_output=True)
    key.chmod(0o644)
    return cert, key


INCLUDED = "/usr/local/share/alipes/proxy-config/apache/http-unix.conf"  # by the module's file


def snippet(folder, name, hub, bare=False, files=ROOT / "proxy-config"):
    """The project's own file, with only the socket changed; `bare`: without what it does for a hub that is away."""
    text = (files / name).read_text().replace("/run/alipes/alipes.sock", str(hub.socket))
    if INCLUDED in text:
        text = text.replace(INCLUDED, str(snippet(folder, "apache/http-unix.conf", hub, bare, files)))
    if bare:
        text = text.split("\n# While the hub is away")[0].replace("error_page 502 504 = @alipes_away;", "")
    for away in ("apache/hub-away.asis", "haproxy/hub-away.http", "lighttpd/hub-away.cgi"):
        shutil.copy(ROOT / "proxy-config" / away, folder)
        text = text.replace(f"/usr/local/share/alipes/proxy-config/{away}", str(folder / Path(away).name))
    path = folder / Path(name).name
    path.write_text(text)
    return path


def start_caddy(folder, hub, name, bare=False, tls=None, port=None, beside=None):
    """`beside`: where all else of the site is served, a port."""
    port = port or free_port()
    included = snippet(folder, f"caddy/{name}.caddyfile", hub, bare)
    if beside:
        included.write_text(f"{included.read_text()}\nreverse_proxy 127.0.0.1:{beside}\n")
    conf = folder / "Caddyfile"
    served = f"\ttls {tls[0]} {tls[1]}\n" if tls else ""
    conf.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{'https://hub.example' if tls else 'http://'}:{port} {{\n\tbind 127.0.0.1\n{served}\timport {included.name}\n}}\n")
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    return Front("caddy", ["caddy", "run", "--config", conf, "--adapter", "caddyfile"], folder, env), port


# What each of the project's files for Apache says that it needs, and what Debian's has loaded anyway.
APACHE_MODULES = {"http-unix": ["proxy", "proxy_http", "asis", "headers"], "fastcgi-unix": ["proxy", "proxy_fcgi", "asis", "headers"],
                  "module-unix": ["proxy", "alipes", "proxy_http", "asis", "headers"]}
# The module is that of the variant, and so is the sanitizer under it, which a program that was built without must be given.
MODULE = BIN.parent / "mod_alipes.so"
APACHE = [*sanitizer.preloaded(MODULE), "/usr/sbin/apache2"]


def apache_conf(folder, port, included, modules, tls=None, http2=True, mpm="event", more=""):
    """`more`: lines of the server itself."""
    names = [f"mpm_{mpm}", "authz_core", "alias", *modules, *(["socache_shmcb", "ssl"] if tls else [])]
    if tls and http2 and "proxy_fcgi" not in modules:
        names.append("http2")
    loads = "\n".join(f"LoadModule {n}_module {MODULE if n == 'alipes' else f'/usr/lib/apache2/modules/mod_{n}.so'}" for n in names)
    user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
    served = ""
    if tls:
        served = f"SSLEngine on\nSSLCertificateFile {tls[0]}\nSSLCertificateKeyFile {tls[1]}\n"
        loads += f"\nSSLSessionCache shmcb:{folder}/sessions(65536)" + ("\nProtocols h2 http/1.1" if "http2" in names else "")
    conf = folder / "apache.conf"
    conf.write_text(
        f"ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/apache.pid\nListen 127.0.0.1:{port}\n{loads}\n{user}"
        f"ServerName hub.example\nErrorLog {folder}/error.log\nMaxRequestWorkers 150\n{more}\n"
        f"<VirtualHost 127.0.0.1:{port}>\nServerName hub.example\n{served}Include {included}\n</VirtualHost>\n"
    )
    return conf


def start_apache(folder, hub, name, bare=False, tls=None, port=None, beside=None, http2=True, mpm="event", more=""):
    port = port or free_port()
    included = snippet(folder, f"apache/{name}.conf", hub, bare)
    if beside:
        included.write_text(f"{included.read_text()}\nProxyPass / http://127.0.0.1:{beside}/\n")
    return front_apache(folder, apache_conf(folder, port, included, APACHE_MODULES[name], tls, http2, mpm, more)), port


def front_apache(folder, conf):
    return Front("apache", [*APACHE, "-f", conf, "-DFOREGROUND"], folder)


def start_nginx(folder, hub, name, bare=False, tls=None):
    port, served = free_port(), f" ssl http2;\nssl_certificate {tls[0]};\nssl_certificate_key {tls[1]}" if tls else ""
    included = snippet(folder, f"nginx/{name}.conf", hub, bare)
    shutil.copy("/etc/nginx/fastcgi_params", folder)
    conf = folder / "nginx.conf"
    kept = "\n".join(f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    conf.write_text(
        f"daemon off;\nworker_processes 2;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n{'user www-data;' if os.geteuid() == 0 else ''}\n"
        f"events {{ worker_connections 2000; }}\nhttp {{\naccess_log off;\n{kept}\n"
        f"server {{ listen 127.0.0.1:{port}{served};\ninclude {included};\n}}\n}}\n"
    )
    return Front("nginx", ["/usr/sbin/nginx", "-c", conf], folder), port


def start_haproxy(folder, hub, name, bare=False, tls=None):
    port, served = free_port(), ""
    if tls:
        (folder / "site.pem").write_text("".join(path.read_text() for path in tls))
        served = f" ssl crt {folder}/site.pem alpn h2,http/1.1"
    included = snippet(folder, f"haproxy/{name}.cfg", hub, bare)
    rules = [line.removeprefix("#     ") for line in included.read_text().split("\n") if line.startswith("#     ")]
    conf = folder / "haproxy.cfg"
    conf.write_text("global\n    log stderr format raw daemon warning\ndefaults\n    mode http\n    log global\n    timeout connect 5s\n"
                    "    timeout client 30s\n    timeout server 30s\n"
                    f"frontend site\n    bind 127.0.0.1:{port}{served}\n    " + "\n    ".join(rules) + "\n")
    return Front("haproxy", ["/usr/sbin/haproxy", "-db", "-f", conf, "-f", included], folder), port


def start_lighttpd(folder, hub, name, bare=False, tls=None):
    port, served = free_port(), ""
    included = snippet(folder, f"lighttpd/{name}.conf", hub, bare)
    user = 'server.username = "www-data"\nserver.groupname = "www-data"\n' if os.geteuid() == 0 else ""
    if tls:
        served = f'server.modules += ("mod_openssl")\nssl.engine = "enable"\nssl.pemfile = "{tls[0]}"\nssl.privkey = "{tls[1]}"\n'
    uploads = folder / "uploads"
    uploads.mkdir()
    uploads.chmod(0o777)
    conf = folder / "lighttpd.conf"
    conf.write_text(f'server.document-root = "{folder}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\n{user}{served}'
                    f'server.upload-dirs = ("{uploads}")\ninclude "{included}"\n')
    return Front("lighttpd", ["/usr/sbin/lighttpd", "-D", "-f", conf], folder), port


FRONTS = {
    "caddy-http": (start_caddy, "http-unix"),
    "caddy-fastcgi": (start_caddy, "fastcgi-unix"),
    "apache-http": (start_apache, "http-unix"),
    "apache-fastcgi": (start_apache, "fastcgi-unix"),
    "apache-module": (start_apache, "module-unix"),
    "nginx-http": (start_nginx, "http-unix"),
    "nginx-fastcgi": (start_nginx, "fastcgi-unix"),
    "haproxy-http": (start_haproxy, "http-unix"),
    "haproxy-fastcgi": (start_haproxy, "fastcgi-unix"),
    "lighttpd-fastcgi": (start_lighttpd, "fastcgi-unix"),
}


@pytest.fixture(scope="module", params=["http-tcp", "http-unix", "fastcgi-tcp", "fastcgi-unix", *FRONTS])
def front(request, hub, tmp_path_factory):
    """Where a client goes: directly, or through a real front with the project's own snippet."""
    direct = {"tcp": ("127.0.0.1", hub.port), "unix": hub.socket}
    wire, _, socket_kind = request.param.partition("-")
    if request.param not in FRONTS:
        yield Fastcgi(direct[socket_kind]) if wire == "fastcgi" else direct[socket_kind]
    else:
        folder = tmp_path_factory.mktemp(request.param)
        folder.chmod(0o755)
        begin, name = FRONTS[request.param]
        server, port = begin(folder, hub, name)
        front_ready(server, ("127.0.0.1", port))
        yield ("127.0.0.1", port)
        server.stop()
