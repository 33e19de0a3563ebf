"""The other fronts of proxy-config/: what each does in its own way, and how it is begun, with exactly the project's file.

Their hub is begun as systemd does it: its sockets are there before it is, and stay while it is away (HeldHub). That is what
proxy-config/README.md tells to do behind those that cannot answer an EventSource in the hub's place."""
import os
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cells import AT_ONCE, NOWHERE, TRANSPORTS, Cell, Front as Told
from conftest import AWAY, BIN, FINE, ROOT, Front, Server, free_port, snippet
from history import LogHub

ROOTS_USER = os.geteuid() == 0
CERTIFICATE, PRIVATE = r"/etc/ssl/certs/(hub\.)?example\.com\.pem", r"/etc/ssl/private/(hub\.)?example\.com\.key"
NETWORK = ROOT / "build/fronts"  # where `make check-fronts-network` puts what PyPI has


def own_file(folder, name, hub, tls=None):
    """The project's file, with only the paths of the socket, the TCP port and the certificate changed."""
    path = snippet(folder, name, hub)
    text = path.read_text().replace("127.0.0.1:3000", f"127.0.0.1:{hub.port}").replace("127.0.0.1 parent 3000", f"127.0.0.1 parent {hub.port}")
    if tls:
        text = re.sub(PRIVATE, str(tls[1]), re.sub(CERTIFICATE, str(tls[0]), text))
    path.write_text(text)
    return path


def joined(folder, tls):
    """Certificate and key in one file."""
    pem = folder / "site.pem"
    pem.write_text("".join(path.read_text() for path in tls))
    pem.chmod(0o644)
    return pem


class Both:
    """Two processes that begin and end as one."""

    def __init__(self, *processes):
        self.processes = processes

    def poll(self):
        return next((each.returncode for each in self.processes if each.poll() is not None), None)

    def wait(self, patience):
        return max(each.wait(patience) for each in self.processes)

    def terminate(self):
        for each in self.processes:
            each.terminate()

    def kill(self):
        for each in self.processes:
            each.kill()


def varnish_command(folder, hub, name, *listens):
    conf = folder / "default.vcl"
    conf.write_text(f'vcl 4.1;\nbackend default {{ .host = "127.0.0.1"; .port = "1"; }}\ninclude "{own_file(folder, f"varnish/{name}.vcl", hub)}";\n')
    return ["varnishd", "-F", "-f", conf, "-n", folder / "state", "-s", "default,8m", "-p", "thread_pool_min=500", "-a", *listens]


def start_varnish(folder, hub, name, tls=None):
    port = free_port()
    return Front("varnish", varnish_command(folder, hub, name, f"127.0.0.1:{port}"), folder), port


def start_squid(folder, hub, name, tls=None):
    port = free_port()
    conf = folder / "squid.conf"
    conf.write_text(f"http_port 127.0.0.1:{port} accel defaultsite=hub.example vhost\ninclude {own_file(folder, f'squid/{name}.conf', hub)}\n"
                    f"http_access deny all\npid_filename none\naccess_log none\ncache_log {folder}/error.log\ncoredump_dir {folder}\n"
                    "cache_mem 8 MB\npinger_enable off\nshutdown_lifetime 1 second\n")
    folder.chmod(0o777)  # its own user writes there
    own = folder / f"{name}.conf"
    own.write_text(own.read_text().replace("/usr/local/share/alipes/proxy-config", str(ROOT / "proxy-config")))
    return Front("squid", ["squid", "-N", "-n", f"alipes{port}", "-f", conf], folder), port


def start_trafficserver(folder, hub, name, tls=None):
    port, state = free_port(), folder / "state"
    shutil.copytree("/etc/trafficserver", folder / "etc")
    state.mkdir()
    state.chmod(0o777)
    own = own_file(folder, f"trafficserver/{name}.config", hub)
    rules = shutil.copy(ROOT / "proxy-config/trafficserver/alipes.rules", folder)
    own.write_text(own.read_text().replace("/usr/local/share/alipes/proxy-config/trafficserver/alipes.rules", str(rules)))
    (folder / "etc/remap.config").write_text(f".include {own}\n")
    (folder / "etc/storage.config").write_text("")
    (folder / "etc/records.config").write_text(
        f"CONFIG proxy.config.http.server_ports STRING {port}{':ssl' if tls else ''}:ip-in=127.0.0.1\n"
        "CONFIG proxy.config.diags.output.error STRING E\nCONFIG proxy.config.diags.output.warning STRING E\n"
        "CONFIG proxy.config.diags.output.note STRING\nCONFIG proxy.config.diags.output.status STRING\n"
        "CONFIG proxy.config.admin.user_id STRING trafficserver\n"
        "CONFIG proxy.config.exec_thread.autoconfig INT 0\nCONFIG proxy.config.exec_thread.limit INT 2\n")
    if tls:
        (folder / "etc/ssl_multicert.config").write_text(f"dest_ip=* ssl_cert_name={tls[0]} ssl_key_name={tls[1]}\n")
    (folder / "runroot.yaml").write_text(f"prefix: /usr\nexec_prefix: /usr\nbindir: /usr/bin\nsbindir: /usr/sbin\nlibdir: /usr/lib/trafficserver\n"
                                         f"libexecdir: /usr/lib/trafficserver/modules\nsysconfdir: {folder}/etc\nlocalstatedir: {state}\nruntimedir: {state}\n"
                                         f"logdir: {state}\ncachedir: {state}\ndatadir: {state}\nmandir: /usr/share/man\nincludedir: /usr/include\ninfodir: /usr/share/info\n")
    return Front("trafficserver", ["traffic_server"], folder, {**os.environ, "TS_RUNROOT": str(folder / "runroot.yaml")}), port


def start_nghttpx(folder, hub, name, tls=None):
    port = free_port()
    conf = folder / "nghttpx.conf"
    served = f"frontend=127.0.0.1,{port}\nprivate-key-file={tls[1]}\ncertificate-file={tls[0]}\n" if tls else f"frontend=127.0.0.1,{port};no-tls\n"
    conf.write_text(f"{served}backend=127.0.0.1,1\ninclude={own_file(folder, f'nghttpx/{name}.conf', hub)}\n"
                    f"workers=2\nerrorlog-file={folder}/error.log\naccesslog-file=/dev/null\n")
    return Front("nghttpx", ["nghttpx", f"--conf={conf}"], folder), port


def hitch_conf(folder, hub, port, tls):
    text = own_file(folder, "hitch/http-unix.conf", hub).read_text()
    return (text.replace('host = "*"', 'host = "127.0.0.1"').replace('port = "443"', f'port = "{port}"')
            .replace("/etc/hitch/hub.example.com.pem", str(joined(folder, tls))))


def start_hitch(folder, hub, name, tls=None):
    port, conf = free_port(), folder / "hitch.conf"
    conf.write_text(hitch_conf(folder, hub, port, tls))
    return Front("hitch", ["hitch", f"--config={conf}", "--workers=2", "--quiet"], folder), port


def start_varnish_behind_hitch(folder, hub, name, tls=None):
    """hitch tells Varnish the client's address and that it came over TLS, and has HTTP/2 with it."""
    port, between = free_port(), free_port()
    varnish = varnish_command(folder, hub, name, f"127.0.0.1:{between},PROXY", "-p", "feature=+http2")
    conf = folder / "hitch.conf"
    conf.write_text(hitch_conf(folder, hub, port, tls).replace(f'"{hub.socket}"', f'"[127.0.0.1]:{between}"').replace('"http/1.1"', '"h2,http/1.1"')
                    + "\nwrite-proxy-v2 = on\n")
    front = Front("varnish", varnish, folder)
    front.process = Both(front.process, Server(["hitch", f"--config={conf}", "--workers=2", "--quiet"], front.log_path).process)
    return front, port


def start_stunnel(folder, hub, name, tls=None):
    port, own = free_port(), own_file(folder, f"stunnel/{name}.conf", hub, tls)
    own.write_text("foreground = yes\npid =\ndebug = notice\n" + own.read_text().replace("accept = 443", f"accept = 127.0.0.1:{port}"))
    return Front("stunnel", ["stunnel4", own], folder), port


def start_h2o(folder, hub, name, tls=None):
    port = free_port()
    own = own_file(folder, f"h2o/{name}.yaml", hub)
    served = f", ssl: {{key-file: {tls[1]}, certificate-file: {tls[0]}}}" if tls else ""
    conf = folder / "h2o.conf"
    conf.write_text(f"listen: {{host: 127.0.0.1, port: {port}{served}}}\n{'user: www-data' if ROOTS_USER else ''}\nnum-threads: 2\n"
                    f"error-log: {folder}/error.log\n"
                    f'hosts:\n  "default":\n    paths:\n      <<: !file {own}\n')
    return Front("h2o", ["h2o", "-c", conf], folder), port


def start_traefik(folder, hub, name, tls=None):
    port, away = free_port(), free_port()
    own = own_file(folder, f"traefik/{name}.yaml", hub)
    text = own.read_text().replace("127.0.0.1:3001", f"127.0.0.1:{away}")
    if tls:
        text += f"\ntls:\n  stores:\n    default:\n      defaultCertificate: {{certFile: {tls[0]}, keyFile: {tls[1]}}}\n"
    else:
        text = text.replace("      tls: {}\n", "")
    own.write_text(text)
    conf = folder / "traefik.yaml"
    conf.write_text(f'entryPoints:\n  websecure: {{address: "127.0.0.1:{port}"}}\n  alipes-away: {{address: "127.0.0.1:{away}"}}\n'
                    f"providers: {{file: {{filename: {own}}}}}\nglobal: {{checkNewVersion: false, sendAnonymousUsage: false}}\nlog: {{level: WARN}}\n")
    return Front("traefik", [NETWORK / "bin/traefik", f"--configFile={conf}"], folder), port


def start_envoy(folder, hub, name, tls=None):
    port, own = free_port(), own_file(folder, f"envoy/{name}.yaml", hub, tls)
    text = own.read_text().replace("address: 0.0.0.0, port_value: 443", f"address: 127.0.0.1, port_value: {port}")
    if not tls:
        text = re.sub(r"transport_socket:\n(.*\n)*?( +filters:\n)", r"filters:\n", text)
    own.write_text(text)
    return Front("envoy", [*NETWORK.glob("lib/python3*/site-packages/envoy/_bin/envoy"), "-c", own, "--concurrency", "2", "--log-level", "warning", "--disable-hot-restart"], folder), port


# What they say although all is well, and why. Of a hub that is away in its sockets none complains.
FINE.update({
    "varnish": {r"^(Debug|Info|Error: Manager got SIGTERM|Child launched OK)|\{core\}": "how it begins and stops"},
    "squid": {r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d( kid1)?\| +(?!WARNING|ERROR|FATAL)|^CPU Usage|^Maximum Resident|^Page faults": "how it begins and stops"},
    "trafficserver": {"^NOTE|^Traffic Server|using root directory": "how it begins", "connection throttle too high": "the test's limit of descriptors",
                      "unable to open cache disk": "it has none"},
    "nghttpx": {"NOTICE|Perform immediate shutdown": "how it begins and stops", "ocsp|OCSP": "the certificate is a test's"},
    "hitch": {r"\{core\}": "how it begins and stops"},
    "stunnel": {r"LOG5|LOG3\[ui\]: No trusted certificates found": "how it begins, and connections", "Insecure file permissions": "the key is a test's"},
    "h2o": {r"^\[INFO\]|ready to serve|gracefully shutting down": "how it begins and stops", "(?i)ocsp": "the certificate is a test's"},
    "traefik": {"reject some encoded characters|aliasHeadersStrategy": "advice for other applications"},
    "envoy": {"no configured limit|caught ENVOY_SIGTERM": "how it begins and stops"},
})
for kind in FINE:
    AWAY.setdefault(kind, {})


@dataclass(frozen=True)
class Other(Told):
    """`begin`: starts it. `queries`: QUERY passes. `away`: what who asks for a stream gets of a hub that is away: the answer of the
    other files (COMES_BACK), an end without an answer (ENDS), or this status, which an EventSource does not survive. `own_host`: what of its
    file has it pass the client's Host on, where it would say its own."""
    begin: object = None
    queries: bool = True
    away: object = b""
    own_host: str = ""


COMES_BACK, ENDS = b"retry: 3000\n: the hub is away\n\n", "ends"
DEBIAN = (
    Other("varnish-http", "varnish/http-unix.vcl", (AT_ONCE, NOWHERE, NOWHERE), begin=start_varnish, away=COMES_BACK),
    Other("varnish-hitch", "varnish/http-unix.vcl", (NOWHERE, AT_ONCE, 2), 100, begin=start_varnish_behind_hitch, away=COMES_BACK),
    Other("squid-http", "squid/http-tcp.conf", (AT_ONCE, NOWHERE, NOWHERE), begin=start_squid, away=b"retry: 3000\n: the hub is away (squid/5.7)\n\n"),
    Other("trafficserver-http", "trafficserver/http-tcp.config", (2, AT_ONCE, 1), 100, begin=start_trafficserver, away=502,
          own_host="@pparam=proxy.config.url_remap.pristine_host_hdr=1"),
    Other("nghttpx-http", "nghttpx/http-unix.conf", (AT_ONCE, AT_ONCE, AT_ONCE), 100, begin=start_nghttpx, queries=False, away=502),
    Other("hitch-http", "hitch/http-unix.conf", (NOWHERE, AT_ONCE, NOWHERE), begin=start_hitch, away=ENDS),
    Other("stunnel-http", "stunnel/http-unix.conf", (NOWHERE, AT_ONCE, NOWHERE), begin=start_stunnel, away=ENDS),
    Other("h2o-http", "h2o/http-unix.yaml", (2, 2, AT_ONCE), 100, begin=start_h2o, away=COMES_BACK, own_host="proxy.preserve-host: ON"),
)
PYPI = (
    Other("traefik-http", "traefik/http-tcp.yaml", (AT_ONCE, AT_ONCE, AT_ONCE), 250, begin=start_traefik, away=b""),
    Other("envoy-http", "envoy/http-unix.yaml", (AT_ONCE, AT_ONCE, AT_ONCE), 250, begin=start_envoy, away=COMES_BACK),
)
# `make check-fronts-network` says that these are to be tested.
OTHERS = PYPI if os.environ.get("ALIPES_FRONTS") == "network" else DEBIAN
FRONTS = {other.name: (other.begin, Path(other.file).stem) for other in OTHERS}
CELLS = [Cell(other, transport) for other in OTHERS for transport, left in zip(TRANSPORTS, other.left) if left is not NOWHERE]


class Activated(Server):
    """A process that is given sockets as systemd gives them."""

    def __init__(self, command, log, sockets):
        self.log_path = log
        given = " ".join(f"{number}<&{each.fileno()}" for number, each in enumerate(sockets, 3))
        with open(log, "ab") as out:
            self.process = subprocess.Popen(["bash", "-c", f'LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@" {given}', "bash", *map(str, command)],
                                            pass_fds=[each.fileno() for each in sockets], stdout=out, stderr=out)


class HeldHub(LogHub):
    """Who connects while it is away waits in its sockets."""
    sockets = ()

    def launch(self):
        if not self.sockets:
            self.sockets = [socket.socket(socket.AF_UNIX), socket.socket()]
            for each, address in zip(self.sockets, (str(self.socket), ("127.0.0.1", self.port))):
                each.bind(address)
                each.listen(4096)
            self.socket.chmod(0o666)
        self.server = Activated([BIN, "-c", self.conf], self.folder / "alipes.log", self.sockets)
