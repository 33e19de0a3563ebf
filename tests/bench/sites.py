"""A site of each front with the project's own files: as Debian has it, or with the limits raised to so many streams, plain or TLS.

Each answers /small itself, besides the hub. `streams`: how many are to fit, 0 for the limits that Debian's package has; they
say where a site stops answering. `limit` is the soft limit of descriptors that the front's unit has with Debian's systemd.
"""
import os
import resource
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
import conftest  # noqa: E402

HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
SMALL = "x" * 100
WORKERS = "ServerLimit 16\nStartServers 2\nMinSpareThreads 25\nMaxSpareThreads 75\nThreadsPerChild 25\nMaxRequestWorkers 150\n"


def threads(streams):
    """So many threads of Apache that each stream has one."""
    children = streams // 512 + 2
    return (f"ServerLimit {children}\nThreadLimit 512\nThreadsPerChild 512\nStartServers {children}\nMaxRequestWorkers {512 * children}\n"
            f"MinSpareThreads 1\nMaxSpareThreads {512 * children}\n")


def caddy(folder, included, port, streams, tls):
    served = f" tls {tls[0]} {tls[1]}\n" if tls else ""
    (folder / "Caddyfile").write_text(f"{{\n admin off\n auto_https off\n}}\n{'https://hub.example' if tls else 'http://'}:{port} {{\n bind 127.0.0.1\n{served}"
                                      f" respond /small {SMALL}\n import {included}\n}}\n")
    return ["caddy", "run", "--config", folder / "Caddyfile", "--adapter", "caddyfile"]


def apache(folder, included, port, streams, tls):
    file = included.stem
    by_thread = file != "module-unix"
    (folder / "small").write_text(SMALL)
    more = f"DocumentRoot {folder}\n<Directory {folder}>\nRequire all granted\n</Directory>\nListenBacklog 4096\n{threads(streams) if streams and by_thread else WORKERS}"
    conf = conftest.apache_conf(folder, port, included, conftest.APACHE_MODULES[file], tls, http2=False, more=more)
    return [*conftest.APACHE, "-f", conf, "-DFOREGROUND"]


def nginx(folder, included, port, streams, tls):
    shutil.copy("/etc/nginx/fastcgi_params", folder)
    (folder / "small").write_text(SMALL)
    kept = "\n".join(f"{what}_temp_path {folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    served = f" ssl;\nssl_certificate {tls[0]};\nssl_certificate_key {tls[1]}" if tls else " backlog=4096"
    limits = f"worker_rlimit_nofile {min(HARD, 4 * streams)};\n" if streams else ""
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 2;\n{limits}pid {folder}/pid;\nerror_log {folder}/error.log;\nuser www-data;\n"
        f"events {{ worker_connections {3 * streams or 768}; }}\nhttp {{\naccess_log off;\n{kept}\n"
        f"server {{ listen 127.0.0.1:{port}{served};\nroot {folder};\ninclude {included};\n}}\n}}\n")
    return ["/usr/sbin/nginx", "-c", folder / "nginx.conf"]


def haproxy(folder, included, port, streams, tls):
    rules = [line.removeprefix("#     ") for line in included.read_text().split("\n") if line.startswith("#     ")]
    served, limits = "", f"    maxconn {streams + 200}\n" if streams else ""
    if tls:
        (folder / "site.pem").write_text("".join(path.read_text() for path in tls))
        served = f" ssl crt {folder}/site.pem"
    (folder / "haproxy.cfg").write_text(
        f"global\n{limits}defaults\n    mode http\n    timeout connect 5s\n    timeout client 1d\n    timeout server 1d\n"
        f"{limits}frontend site\n    bind 127.0.0.1:{port} backlog 4096{served}\n"
        f"    http-request return status 200 content-type text/plain string {SMALL} if {{ path /small }}\n    " + "\n    ".join(rules) + "\n")
    return ["/usr/sbin/haproxy", "-db", "-f", folder / "haproxy.cfg", "-f", included]


def lighttpd(folder, included, port, streams, tls):
    (folder / "small").write_text(SMALL)
    limits = f"server.max-fds = {min(HARD, 5 * streams // 2 + 500)}\nserver.max-connections = {streams + 200}\n" if streams else ""
    served = f'server.modules += ("mod_openssl")\nssl.engine = "enable"\nssl.pemfile = "{tls[0]}"\nssl.privkey = "{tls[1]}"\n' if tls else ""
    (folder / "lighttpd.conf").write_text(
        f'server.document-root = "{folder}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\nserver.username = "www-data"\n'
        f'server.groupname = "www-data"\n{limits}{served}server.listen-backlog = 4096\nserver.upload-dirs = ("{folder}")\ninclude "{included}"\n')
    return ["/usr/sbin/lighttpd", "-D", "-f", folder / "lighttpd.conf"]


@dataclass
class Site:
    command: object
    file: str
    limit: int = 1024


FRONTS = {
    "caddy-http": Site(caddy, "caddy/http-unix.caddyfile", HARD),
    "caddy-fastcgi": Site(caddy, "caddy/fastcgi-unix.caddyfile", HARD),
    "apache-http": Site(apache, "apache/http-unix.conf", 8192),
    "apache-fastcgi": Site(apache, "apache/fastcgi-unix.conf", 8192),
    "apache-module": Site(apache, "apache/module-unix.conf", 8192),
    "nginx-http": Site(nginx, "nginx/http-unix.conf"),
    "nginx-fastcgi": Site(nginx, "nginx/fastcgi-unix.conf"),
    "haproxy-http": Site(haproxy, "haproxy/http-unix.cfg"),
    "haproxy-fastcgi": Site(haproxy, "haproxy/fastcgi-unix.cfg"),
    "lighttpd-fastcgi": Site(lighttpd, "lighttpd/fastcgi-unix.conf"),
}


def environment(folder):
    return {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
