"""A front on a machine that is booted, by the lines of the READMEs, and the main job done through it."""
import re

from fresh import ROOT
from packaged import key, signed
from conftest import Client, Stream, free_port, publish, token, wait_for

README = (ROOT / "README.md").read_text()
FRONTS = (ROOT / "proxy-config/README.md").read_text()
CERTIFICATE = ("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=example.com -keyout "
               "/etc/ssl/private/example.com.key -out /etc/ssl/certs/example.com.pem 2>/dev/null")


def lines_of(text):
    return re.sub("^    ", "", text, flags=re.M)


def through(machine, front, outlives=False):
    """A page and a publisher behind a front, and the page again after a restart of the hub, which its stream may outlive."""
    hears = f"Authorization: Bearer {token(key=key(machine, 'subscriber'), subscribe=['*'])}"
    wait_for(lambda: connects(front), "the front")
    stream = Stream(front, "topic=*", hears, "Accept: text/event-stream")
    assert stream.status == 200
    assert publish(front, signed(machine, publish=["*"]), topic="https://example.com/books/1", data="x", id="front-1").status == 200
    assert stream.datas(1) == ["x"]
    machine.run("systemctl restart alipes")
    if not outlives:
        stream.end()
    assert publish(front, signed(machine, publish=["*"]), topic="https://example.com/books/1", data="y").status == 200
    if not outlives:
        stream = Stream(front, "topic=*", hears, "Accept: text/event-stream", "Last-Event-ID: front-1")
    assert stream.datas(1) == ["y"]
    stream.close()
    assert Client(front).get("/hello.html").body == b"hello\n"  # the site is still there


def connects(address):
    try:
        Client(address).close()
        return True
    except OSError:
        return False


def without_starting(machine, packages):
    """Debian starts the servers that it installs, on ports that are this machine's."""
    policy = "/usr/sbin/policy-rc.d"
    machine.run(f"printf '#!/bin/sh\\nexit 101\\n' >{policy} && chmod 755 {policy} && "
                f"apt-get install -y -q --no-install-recommends {packages} && rm {policy} && "
                "mkdir -p /var/www/html && echo hello >/var/www/html/hello.html")


def in_apache(machine, site, modules):
    """Its port, with this site alone."""
    port = free_port()
    without_starting(machine, "apache2")
    machine.path("/etc/apache2/ports.conf").write_text(f"Listen {port}\n")
    machine.path("/etc/apache2/sites-available/example.conf").write_text(site.replace("*:443", f"*:{port}"))
    machine.run(f"{CERTIFICATE} && {modules} && a2dissite -q 000-default && a2ensite example && systemctl restart apache2")
    return port


def site_of_the_readme():
    """The lines of the site, and the command that comes before it."""
    site = lines_of(re.search(r"\n(    <VirtualHost \*:443>\n.*?    </VirtualHost>\n)", README, re.S).group(1))
    return site, re.search(r"`(a2enmod [a-z0-9_ ]+)`", README).group(1)
