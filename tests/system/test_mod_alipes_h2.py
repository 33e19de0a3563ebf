"""A site that speaks HTTP/2 and has the hub, behind Apache's module, on a name of its own with HTTP/1.1: no stream holds a thread,
and no browser comes to the hub over the site's connection, whatever their certificates have in common."""
import base64
import hashlib
import subprocess

import pytest

from apache import LINES, Apache
from conftest import (APACHE_MODULES, PATH, ROOT, Client, Stream, Tls, apache_conf, certificate, chromium, free_port, front_apache, front_ready, publish, snippet,
                      token, wait_for)

SITE = """Protocols h2 http/1.1
<VirtualHost 127.0.0.1:{port}>
ServerName www.hub.example
DocumentRoot {folder}/pages
SSLEngine on
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
</VirtualHost>
<VirtualHost 127.0.0.1:{port}>
ServerName hub.example
Protocols {protocols}
SSLEngine on
SSLCertificateFile {cert}
SSLCertificateKeyFile {key}
Include {included}
</VirtualHost>
"""
PAGE = """<!DOCTYPE html><title>site</title><script>
got = [];
source = new EventSource('https://hub.example:' + location.port + '%s?topic=t', {withCredentials: true});
source.onmessage = event => got.push(event.data);
</script>""" % PATH


class Site(Apache):
    """One port, one certificate, two names; `protocols`: what the hub's speaks."""

    def __init__(self, folder, hub, port, protocols):
        self.folder, self.hub, self.port = folder, hub, port
        self.tls = certificate(folder, ("www.hub.example", "hub.example"))
        (folder / "pages").mkdir()
        (folder / "pages/index.html").write_text(PAGE)
        included = snippet(folder, "apache/module-unix.conf", hub)
        conf = apache_conf(folder, port, included, ["dir", "mime", *APACHE_MODULES["module-unix"]], self.tls, more=LINES.format(folder=folder))
        text = conf.read_text().partition("<VirtualHost")[0].replace("Protocols h2 http/1.1\n", "")
        conf.write_text(text + "TypesConfig /etc/mime.types\nDirectoryIndex index.html\n"
                        + SITE.format(port=port, folder=folder, cert=self.tls[0], key=self.tls[1], included=included, protocols=protocols))
        self.front = front_apache(folder, conf)
        self.address = Tls(port)
        front_ready(self.front, self.address)
        self.pid = self.front.process.pid

    def ask(self, host, *words):
        """By curl, over the connection that belongs to the site."""
        done = subprocess.run(["curl", "-sk", "-m", "10", "--http2", "--resolve", f"www.hub.example:{self.port}:127.0.0.1", "-H", f"Host: {host}:{self.port}", *words,
                               "-o", "/dev/null", "-w", "%{http_version} %{http_code}", f"https://www.hub.example:{self.port}{PATH}?topic=t"], capture_output=True, text=True)
        return done.stdout


@pytest.fixture
def begin(start_hub, tmp_path):
    sites = []

    def start(protocols="http/1.1", heartbeat="600s"):
        port = free_port()
        hub = start_hub(f"cors_origins https://www.hub.example:{port}\nheartbeat {heartbeat}")
        sites.append(Site(tmp_path, hub, port, protocols))
        return sites[-1]

    yield start
    for site in sites:
        site.front.stop()


def test_who_asks_for_the_hub_over_the_sites_connection_is_misdirected(begin):
    site = begin()
    auth = f"Authorization: Bearer {token(['*'])}"
    assert site.ask("hub.example", "-I") == "2 421"
    assert site.ask("hub.example") == "2 421"
    assert site.ask("hub.example", "-H", auth, "-d", "topic=t") == "2 421"
    stream = Stream(site.address, "topic=t")
    assert publish(site.address, topic="t", data="x").status == 200 and stream.datas(1) == ["x"]
    site.streams(1)


def test_a_browser_that_thinks_both_names_are_one_server_has_a_stream_all_the_same(begin, tmp_path):
    """Its certificate is one that the browser trusts wholly: over a connection with a doubtful one it asks for nothing else."""
    site = begin()
    key = subprocess.run(["openssl", "x509", "-in", site.tls[0], "-noout", "-pubkey"], capture_output=True, check=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key, capture_output=True, check=True).stdout
    trusts = f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(der).digest()).decode()}"
    with chromium(tmp_path, trusts) as browser:
        browser.get(f"https://www.hub.example:{site.port}/")
        assert browser.execute_script("return performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        wait_for(lambda: browser.execute_script("return source.readyState") == 1, "the stream")
        site.streams(1)
        assert publish(site.hub.socket, topic="t", data="x").status == 200
        wait_for(lambda: browser.execute_script("return got") == ["x"], "the update")
    print(site.statuses())
    assert 421 in site.statuses(), "it did try"
    site.streams(0)


def test_where_the_hubs_name_speaks_http_2_as_well_streams_go_by_threads_as_before(begin):
    site = begin("h2 http/1.1", "1s")
    assert site.ask("hub.example", "-I") == "2 200"
    stream = subprocess.Popen(["curl", "-skN", "--http2", "--resolve", f"hub.example:{site.port}:127.0.0.1", f"https://hub.example:{site.port}{PATH}?topic=t"],
                              stdout=subprocess.PIPE)
    try:
        assert stream.stdout.readline() == b":\n"
        assert site.status()["Streams"] == 0
        assert publish(site.hub.socket, topic="t", data="x", id="urn:1").status == 200
        lines = [stream.stdout.readline() for _ in range(3)]
        assert b"data: x\n" in lines, lines
    finally:
        stream.kill()
        stream.communicate()
