"""The units under a real systemd, which is the first process of a new Debian: the package, what the hub
does under all of its hardening, restarts, mistakes in the configuration, and what is left when it goes."""
import contextlib
import json
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from fresh import ROOT, Debian
from machine import Machine
from behind import CERTIFICATE, FRONTS, README, connects, in_apache, lines_of, site_of_the_readme, through, without_starting
from packaged import CONF, MODULE, SOCKET, active, address, configure, install, journal, key, lintian, main_pid, publishes, signed

from conftest import PATH, Client, Stream, Tls, free_port, publish, token, wait_for
from fastcgi import Fastcgi
from test_keys import ISSUER, Key, KeyServer



@pytest.fixture(scope="module")
def machine():
    made = Machine()
    try:
        made.manual = set(made.run("apt-mark showmanual").split())
        sizes = made.run("dpkg-query -W -f '${Installed-Size}\\n'").split()
        made.count, made.size = len(sizes), sum(map(int, sizes))
        made.run("make deb")
        yield made
    finally:
        made.close()


@pytest.fixture
def hub(machine):
    """Installed from the package, with the configuration that it brings."""
    install(machine)
    yield machine
    machine.run("apt-get purge -y -q alipes && systemctl reset-failed; dpkg --purge libapache2-mod-alipes 2>&1")  # which went with it


def test_the_package_runs_at_once(hub):
    assert "apt install ./build/alipes_*.deb" in README
    assert active(hub) == ["active", "active"]
    assert hub.tries("systemctl is-enabled alipes.socket alipes.service").split() == ["enabled", "enabled"]
    shown = dict(line.split("=", 1) for line in hub.run("systemctl show -p Type,User,NRestarts,LimitNOFILE,SubState alipes").split())
    assert (shown["Type"], shown["User"], shown["NRestarts"], shown["SubState"]) == ("notify", "alipes", "0", "running")
    assert publishes(hub, "x") == 200
    assert hub.run(f"alipes health -c {CONF}") == "ok\n"
    assert hub.run(f"alipes stat -c {CONF}").startswith("hub         alipes ") and "connections accepted" in hub.run("alipes stat --all")
    assert hub.run("alipes streams").startswith("ADDRESS")
    owner = hub.path(SOCKET).stat()
    assert owner.st_mode & 0o777 == 0o660 and f":{owner.st_gid}:" in hub.path("/etc/group").read_text().split("www-data")[1].split("\n")[0]
    modes = hub.run("stat -c '%A %U:%G %n' /etc/alipes/*.key /var/lib/alipes")
    assert modes.count("-rw-r----- root:alipes /etc/alipes/") == 2 and "drwxr-x--- alipes:alipes /var/lib/alipes" in modes
    keys = {key(hub, role) for role in ("publisher", "subscriber")}
    assert len(keys) == 2 and all(re.fullmatch("[0-9a-f]{64}", found) for found in keys)
    level = float(re.search(r"exposure level for alipes.service: ([0-9.]+)", hub.run("systemd-analyze security alipes --no-pager")).group(1))
    print("exposure", level)
    assert level <= 1.5


def test_the_package_says_what_it_is_and_lintian_finds_no_error(machine):
    shown = machine.run("dpkg-deb -f build/alipes_*.deb")
    fields = dict(re.findall(r"^([A-Z][\w-]+): (.*)$", shown, re.M))
    assert int(fields["Installed-Size"]) > 500 and "localhost" not in fields["Maintainer"] and "@" not in fields["Depends"]
    for library in ("libc6 (>= 2.", "libev4 (", "libjwt0 (", "libcurl4,", "libicu72,", "ca-certificates"):
        assert library in fields["Depends"]
    told = machine.run("make deb DEBFULLNAME='A. Packager' DEBEMAIL=packages@example.com DEB_HOMEPAGE=https://example.com/hub >/dev/null 2>&1 && "
                       "dpkg-deb -f build/alipes_*.deb")
    assert "Maintainer: A. Packager <packages@example.com>\nInstalled-Size" in told and "\nHomepage: https://example.com/hub\n" in told
    machine.run("make deb")
    assert lintian(machine) == ""


def test_making_packages_takes_what_is_written_and_no_server_browser_or_second_compiler(machine):
    lists = (ROOT / "tests/tools/deps.sh").read_text()
    wanted = {name for which in ("build", "deb") for name in re.search(rf"^{which}_packages=\((.*?)\)", lists, re.M | re.S).group(1).split()}
    have = machine.run("dpkg-query -W -f '${Package}\\n'").split()
    assert wanted <= set(machine.run("apt-mark showmanual").split()) <= wanted | machine.manual
    size = sum(map(int, machine.run("dpkg-query -W -f '${Installed-Size}\\n'").split())) - machine.size
    print(f"make deb installed {len(have) - machine.count} packages, {size // 1024} MiB")
    assert size < 450 * 1024
    assert not [name for name in have if re.match("apache2-bin|caddy|nginx|haproxy|lighttpd|redis|php|chromium|firefox|node|clang|llvm|python3-pytest", name)]


def test_anybody_makes_the_package_in_any_folder_and_under_any_umask(machine):
    """The headers are there, so nothing is installed and nobody need be root; of a folder it takes neither .git nor a name without a space."""
    listing = "for each in build/*.deb; do dpkg-deb -c $each | awk '{ $3 = $4 = $5 = \"\"; print }'; dpkg-deb -e $each /tmp/e; stat -c '%a %n' /tmp/e/*; rm -r /tmp/e; done"
    machine.run("useradd -m somebody && cp -a . '/home/somebody/a hub' && chown -R somebody: '/home/somebody/a hub'")
    for umask in ("077", "002"):
        machine.run(f"""su - somebody -c 'cd "a hub" && umask {umask} && chmod -R go= . && make deb'""")
        assert machine.run(f"cd '/home/somebody/a hub' && {listing}") == machine.run(listing)
    machine.run("userdel -r somebody 2>&1")


def test_everything_works_under_its_hardening(hub, tmp_path):
    folder = tmp_path / "keys"
    folder.mkdir()
    one = Key("one")
    keys = KeyServer(folder, [one])
    port = free_port()
    hub.path("/etc/alipes/ca.pem").write_text((folder / "ca.pem").read_text())
    url = f"https://127.0.0.1:{keys.port}/jwks"
    try:
        configure(hub, f"anonymous\npublic_urls http://hub.example\nmetrics_listen 127.0.0.1:{port}\njwks_ca /etc/alipes/ca.pem\n"
                       f"issuer {ISSUER} {{\n publisher {{ jwks_uri {url} }}\n subscriber {{ jwks_uri {url} }}\n}}")
        auth = [f"Authorization: Bearer {one.token()}"]
        # A key set over TLS, a URL Pattern with a regular expression, a domain that is not ASCII.
        stream = Stream(address(hub), "match_urlpattern=https://b%C3%BCcher.example/:id(%5Cd%2B)", *auth)
        assert stream.status == 200 and keys.asked == 1
        assert publishes(hub, "x", "https://xn--bcher-kva.example/7") == 200
        assert stream.datas(1) == ["x"]
        over = Stream(Fastcgi(address(hub)), "topic=t", version="1.0")
        assert over.status == 200
        assert publish(Fastcgi(address(hub)), signed(hub, publish=["*"]), topic="t", data="y").status == 200
        assert over.datas(1) == ["y"]
        reply = Client(("127.0.0.1", port)).get("/metrics")
        assert reply.status == 200 and b"alipes_publishes_total 2" in reply.body
        for each in (stream, over):
            each.close()
    finally:
        keys.stop()
    assert "level=error" not in journal(hub) and "level=warn" not in journal(hub)


def test_a_group_of_a_socket_that_the_hub_makes_itself(hub):
    folder = hub.path("/etc/systemd/system/alipes.service.d")
    folder.mkdir()
    (folder / "group.conf").write_text("[Service]\nSupplementaryGroups=www-data\n")
    try:
        hub.run("systemctl daemon-reload")
        configure(hub, "metrics_listen unix//run/alipes/group.sock|0660|www-data")
        assert hub.run("stat -c '%a %U:%G' /run/alipes/group.sock") == "660 alipes:www-data\n"
    finally:
        hub.run("rm -r /etc/systemd/system/alipes.service.d && systemctl daemon-reload")


@contextlib.contextmanager
def publishing(machine, published):
    """Meanwhile: one number after the other, no faster than what nobody reads yet has room."""
    stop = threading.Event()

    def publishes_on():
        while not stop.wait(0.1):
            assert publishes(machine, str(len(published))) == 200
            published.append(str(len(published)))

    with ThreadPoolExecutor() as pool:
        running = pool.submit(publishes_on)
        try:
            wait_for(lambda: published or running.done(), "the first")
            yield
        finally:
            stop.set()
        running.result()


def test_behind_apache_by_the_lines_of_the_readme(hub):
    """With the module: streams outlive restarts and an upgrade of the hub, and end in order for one of the module's own."""
    assert f" {MODULE}\n" in README
    without_starting(hub, f"apache2 {MODULE}")
    port = in_apache(hub, *site_of_the_readme())
    through(hub, Tls(port), outlives=True)
    hears = f"Authorization: Bearer {token(key=key(hub, 'subscriber'), subscribe=['*'])}"
    streams = [Stream(Tls(port), "topic=*", hears, "Accept: text/event-stream") for _ in range(1000)]
    before, published = main_pid(hub), []
    with publishing(hub, published):
        install(hub, newer(hub, 1))
    assert main_pid(hub) != before and publishes(hub, "upgraded") == 200
    assert all(stream.datas(len(published) + 1) == [*published, "upgraded"] for stream in streams)
    site = hub.path("/etc/apache2/sites-available/example.conf")
    right = site.read_text()
    site.write_text(right + "\nNonsense yes\n")
    said = hub.run(f"dpkg -i {newer(hub, 1, 'libapache2-mod-alipes')} && dpkg --audit")
    assert "Nonsense" in said, said
    site.write_text(right)
    assert publishes(hub, "in spite of it") == 200
    assert all(stream.datas(1) == ["in spite of it"] for stream in streams)
    install(hub, newer(hub, 2, "libapache2-mod-alipes"))
    assert all(b"retry: " in stream.end() for stream in streams)
    stream = Stream(Tls(port), "topic=*", hears)
    assert publishes(hub, "by the newer one") == 200 and stream.datas(1) == ["by the newer one"]
    stream.close()
    hub.run("systemctl stop apache2")
    assert hub.run("wc -l </var/log/apache2/alipes.log").strip() == "1002"


def commands(text, begin):
    """The indented block behind that sentence, a command a line."""
    block = re.search(rf"{re.escape(begin)}.*?\n\n((?:    [^\n]+\n)+)", text, re.S).group(1)
    found = lines_of(block).splitlines()
    assert len(found) <= 5, found
    return found


def first_event(machine):
    """Debian's Apache and the packages, then what README says; its port. (Debian's is this machine's own.)"""
    port = free_port()
    without_starting(machine, f"apache2 {MODULE}")
    site = "/etc/apache2/sites-available/000-default.conf"
    machine.run(f"echo 'Listen {port}' >/etc/apache2/ports.conf && a2ensite -q 000-default && if [ -e {site}.new ]; then cp {site}.new {site}; "
                f"else cp {site} {site}.new; fi && sed -i 's/\\*:80>/*:{port}>/' {site}")
    *before, listens, publishes_ = (line.replace("//localhost/", f"//localhost:{port}/") for line in commands(README, "**A first event**"))
    machine.run("; ".join(["set -e", *before]))
    # A person is slower than a stream; here the update may come before it, so it is published until it is heard.
    heard = machine.run(f">/tmp/heard; {listens.removesuffix(' &')} >/tmp/heard 2>&1 & until grep -q hello /tmp/heard || ! kill -0 $!; do {publishes_} >/dev/null; "
                        "sleep 0.1; done; wait; cat /tmp/heard")
    assert "hello" in heard, heard
    return port


def test_a_first_event_takes_five_commands_and_the_doctor_finds_nothing_bad(hub):
    port = first_event(hub)
    said = hub.run(f"alipes doctor http://localhost:{port}; echo status $?")
    assert "status 0" in said and "Apache: nothing is missing" in said and "BAD" not in said, said
    hub.run("a2dissite -q 000-default && systemctl stop apache2")
    away = hub.tries(f"alipes doctor http://localhost:{port}")
    assert "BAD  address" in away and "journalctl" not in away, away


def test_private_updates_in_php_take_five_commands_more(hub):
    port = first_event(hub)
    version = hub.run("apt-cache depends php-fpm | grep -o '[0-9.]*' | head -1").strip()
    install_, *rest = (line.replace("8.2", version) for line in commands((ROOT / "examples/README.md").read_text(), "### Private updates in five commands"))
    without_starting(hub, install_.removeprefix("apt install "))
    hub.run("; ".join(["set -e", *rest]))
    site = ("127.0.0.1", port)
    wait_for(lambda: connects(site), "Apache")
    cookies = {name: sign_in(site, name) for name in ("ann", "bob")}
    streams = {name: Stream(site, f"topic=https%3A%2F%2Fexample.com%2Fusers%2F{name}%2Fnotifications", f"Cookie: {cookie}", "Accept: text/event-stream")
               for name, (_, cookie) in cookies.items()}
    for to in ("bob", "ann"):
        assert form(site, "/notifications/send.php", f"to={to}&text=for-{to}", f"Cookie: {cookies['ann'][0]}").status == 204
    for name, stream in streams.items():
        assert f"for-{name}" in stream.datas(1)[0]
        stream.close()
    assert hub.run("stat -c %a /etc/php/*/fpm/pool.d/zz-alipes.conf").strip() == "600"
    hub.run("a2dissite -q 000-default && systemctl stop apache2 'php*-fpm' && rm /etc/php/*/fpm/pool.d/zz-alipes.conf")


def form(site, path, body, *headers):
    return Client(site).request("POST", path, ["Content-Type: application/x-www-form-urlencoded", *headers], body.encode())


def sign_in(site, name):
    """The cookies of the site's session, and of the hub."""
    session = form(site, "/notifications/", f"name={name}").headers["set-cookie"].split("PHPSESSID=")[-1].split(";")[0]
    given = Client(site).get("/site/cookie.php", f"Cookie: PHPSESSID={session}").headers["set-cookie"]
    return f"PHPSESSID={session}", re.search(r"mercureAuthorization=[^;]+", given).group(0)


def test_the_module_goes_and_apache_stays(hub):
    without_starting(hub, f"apache2 {MODULE}")
    in_apache(hub, *site_of_the_readme())
    assert "alipes: this needs a2enmod alipes" in hub.tries("a2dismod -q alipes && apachectl configtest")
    hub.run("a2enmod -q alipes && a2dissite -q example && systemctl restart apache2 && apt-get remove -y -q libapache2-mod-alipes && apachectl configtest")
    assert hub.tries("systemctl is-active apache2; a2query -m alipes").startswith("active")
    without_starting(hub, MODULE)
    assert "conflict" in hub.tries("a2dismod -q mpm_event alipes; a2enmod -q mpm_prefork; a2enmod alipes")
    hub.run("a2dismod -q mpm_prefork && a2enmod -q mpm_event && apt-get purge -y -q libapache2-mod-alipes && systemctl restart apache2 && systemctl stop apache2")
    assert hub.run("find /etc/apache2 /var/lib/apache2 /var/log/apache2 /usr/lib/apache2 -name '*alipes*'") == ""


def test_behind_apache_without_the_module(hub):
    text = (ROOT / "proxy-config/apache/http-unix.conf").read_text()
    needs = " ".join(re.findall(r"^# (?:Needs|Wants): a2enmod ([a-z0-9_ ]+)", text, re.M))
    site = site_of_the_readme()[0].replace("module-unix", "http-unix").replace("    SSLEngine", "    Protocols h2 http/1.1\n    SSLEngine")
    through(hub, Tls(in_apache(hub, site, f"a2enmod {needs}")))
    hub.run("systemctl stop apache2")


def test_behind_nginx_by_the_lines_of_the_readme(hub):
    port = free_port()
    site = lines_of(re.search(r"\n(    server \{\n        listen 443 ssl http2;\n.*?\n    \}\n)", FRONTS, re.S).group(1))
    without_starting(hub, "nginx")
    hub.path("/etc/nginx/sites-enabled/example").write_text(site.replace("listen 443 ", f"listen {port} "))
    hub.run(f"{CERTIFICATE} && rm /etc/nginx/sites-enabled/default && systemctl restart nginx")
    through(hub, Tls(port))
    hub.run("systemctl stop nginx")


def test_behind_haproxy_by_the_lines_of_the_readme(hub):
    port = free_port()
    options = re.search(r'^    (EXTRAOPTS=".*")$', FRONTS, re.M).group(1)
    rules = re.search(r"\n(    acl alipes path_beg.*?)\n\n", FRONTS, re.S).group(1)
    drop_in, restart = re.search(r"\n(    \[Socket\]\n    ListenStream=.*?)\n\nand then `(.*?)`", FRONTS, re.S).groups()
    without_starting(hub, "haproxy")
    with hub.path("/etc/haproxy/haproxy.cfg").open("a") as conf:  # Debian's, with its chroot
        conf.write(f"\nfrontend site\n    bind 127.0.0.1:{port}\n{rules}\n    http-request return status 200 content-type text/plain "
                   'lf-string "hello\\n" if { path /hello.html }\n')
    hub.path("/etc/default/haproxy").write_text(options + "\n")
    edit_socket(hub, drop_in)
    hub.run(f"systemctl daemon-reload && {restart}")
    through(hub, ("127.0.0.1", port))
    hub.run("systemctl stop haproxy && rm -r /etc/systemd/system/alipes.socket.d /var/lib/haproxy/run")


def test_behind_lighttpd_by_the_line_of_the_readme(hub):
    port = free_port()
    link = re.search(r"^    (ln -s .*lighttpd.*)$", FRONTS, re.M).group(1)
    without_starting(hub, "lighttpd")
    hub.run(f"sed -i 's/^server.port .*/server.port = {port}/' /etc/lighttpd/lighttpd.conf && {link} && systemctl restart lighttpd")
    through(hub, ("127.0.0.1", port))
    hub.run("systemctl stop lighttpd && rm /etc/lighttpd/conf-enabled/90-alipes.conf")


def edit_socket(machine, drop_in):
    """What `systemctl edit` does."""
    folder = machine.path("/etc/systemd/system/alipes.socket.d")
    folder.mkdir()
    (folder / "override.conf").write_text(lines_of(drop_in) + "\n")


def test_behind_caddy_by_the_lines_of_the_readme(hub):
    port = free_port()
    site = lines_of(re.search(r"\n(    example.com \{\n.*?\n    \}\n)", README, re.S).group(1))
    drop_in, restart = re.search(r"`systemctl edit alipes.socket`,\n\n(    \[Socket\]\n.*?)\n\nand then `(.*?)`", README, re.S).groups()
    without_starting(hub, "caddy")
    edit_socket(hub, drop_in)
    hub.run(f"systemctl daemon-reload && {restart}")
    wait_for(lambda: active(hub) == ["active", "active"], "the hub behind its new socket")
    hub.path("/etc/caddy/Caddyfile").write_text("{\n\tadmin off\n}\n" + site.replace("example.com", f"http://:{port}"))
    hub.run("systemctl restart caddy")
    through(hub, ("127.0.0.1", port))
    hub.run("systemctl stop caddy && rm -r /etc/systemd/system/alipes.socket.d")


def test_what_was_published_outlives_restarts_and_kills(hub):
    assert publishes(hub, "1", id="one") == 200
    hub.run("systemctl restart alipes")
    assert publishes(hub, "2") == 200
    old = main_pid(hub)
    hub.run(f"kill -9 {old}")
    assert publishes(hub, "3") == 200  # waits in the socket until the hub is there again
    assert main_pid(hub) != old
    stream = Stream(address(hub), "topic=*&lastEventID=one", f"Authorization: Bearer {token(key=key(hub, 'subscriber'), subscribe=['*'])}")
    assert stream.datas(2) == ["2", "3"]
    stream.close()


def newer(machine, version, package="alipes"):
    """A package like the one that is there, and newer."""
    machine.run(f"rm -rf /tmp/newer && dpkg-deb -R build/{package}_*.deb /tmp/newer && sed -i 's/^Version: .*/&+{version}/' /tmp/newer/DEBIAN/control && "
                "dpkg-deb -b /tmp/newer /tmp/newer.deb")
    return "/tmp/newer.deb"


def test_restarts_and_upgrades_under_load_refuse_nothing(hub):
    """Of each publish answered 200 the update is in the history, whatever happened meanwhile."""
    stop, lock, outcomes, confirmed = threading.Event(), threading.Lock(), {}, set()
    auth = signed(hub, publish=["*"])

    def load(thread):
        number = 0
        while not stop.is_set():
            number += 1
            name = f"{thread}-{number}"
            try:
                outcome = publish(address(hub), auth, topic="load", data=name).status
            except (ConnectionRefusedError, FileNotFoundError):
                outcome = "refused"
            except OSError:
                outcome = "cut"
            with lock:
                outcomes[outcome] = outcomes.get(outcome, 0) + 1
                if outcome == 200:
                    confirmed.add(name)

    def goes_on():
        seen = len(confirmed)
        wait_for(lambda: len(confirmed) > seen + 50, f"publishes: {outcomes}")

    threads = [threading.Thread(target=load, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(3):
            goes_on()
            hub.run("systemctl restart alipes")
        goes_on()
        before = main_pid(hub)
        install(hub, newer(hub, 1))
        assert main_pid(hub) != before and "+1" in hub.run("dpkg-query -W alipes")
        goes_on()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    print(outcomes)
    assert "refused" not in outcomes and "cut" not in outcomes
    kept = {json.loads(line)["data"] for line in hub.run(f"alipes history dump -c {CONF}").splitlines()}
    assert confirmed <= kept


def test_a_mistake_in_the_configuration_is_said_and_recovered_from(hub):
    pid, path = main_pid(hub), hub.path(CONF)
    plain = path.read_text()
    path.write_text(plain + "\nnonsense yes\n")
    line = plain.count("\n") + 2
    assert "failed" in hub.tries("systemctl reload alipes"), "a reload says so itself"
    assert (main_pid(hub), publishes(hub, "x")) == (pid, 200), "and changes nothing"
    assert f"{CONF}:{line}: unknown directive nonsense" in hub.run("systemctl status alipes --no-pager")
    assert "failed" in hub.tries("systemctl restart alipes")
    wait_for(lambda: int(hub.run("systemctl show -P NRestarts alipes")) > 6, "more tries than systemd's usual limit")
    assert active(hub) == ["active", "activating"], "the socket stays"
    assert f"{CONF}:{line}: unknown directive nonsense" in journal(hub, "-p err")
    heard = []
    waits = threading.Thread(target=lambda: heard.append(publishes(hub, "y")))
    waits.start()
    path.write_text(plain)  # and nothing else has to be done
    waits.join()
    assert heard == [200] and active(hub) == ["active", "active"]


def test_an_upgrade_over_a_configuration_that_is_wrong_goes_through_and_says_so(hub):
    path = hub.path(CONF)
    plain = path.read_text()
    path.write_text(plain + "\nnonsense yes\n")
    said = hub.run(f"dpkg -i {newer(hub, 1)}")
    assert "the hub cannot begin" in said and "journalctl -u alipes -p err" in said
    assert hub.run("dpkg-query -W -f '${Status} ${Version}' alipes").startswith("install ok installed ")
    hub.run("apt-get install -y -q && dpkg --audit")
    assert f"{CONF}:{plain.count(chr(10)) + 2}: unknown directive nonsense" in hub.run("journalctl -u alipes -p err -o cat")
    hub.run("apt-get remove -y -q alipes")
    assert active(hub) == ["inactive", "inactive"]
    install(hub)
    path.write_text(plain)
    assert publishes(hub, "x") == 200 and active(hub) == ["active", "active"]


def test_an_upgrade_that_is_killed_goes_on_later_and_one_can_go_back(hub):
    policy, deb = hub.path("/usr/sbin/policy-rc.d"), newer(hub, 1)  # a script of ours asks it before it starts a unit
    policy.write_text("#!/bin/sh\nkill -9 $(pidof dpkg)\n")
    policy.chmod(0o755)
    hub.tries(f"dpkg -i {deb}")
    policy.unlink()
    assert "half-configured" in hub.run("dpkg-query -W -f '${Status}' alipes") and hub.run("dpkg --audit") != ""
    assert publishes(hub, "x") == 200
    hub.run("dpkg --configure -a")
    assert hub.run("dpkg --audit") == "" and "+1" in hub.run("dpkg-query -W alipes")
    assert active(hub) == ["active", "active"] and publishes(hub, "y") == 200
    before = main_pid(hub)
    hub.run("apt-get install -y -q --allow-downgrades ./build/alipes_*.deb")
    assert main_pid(hub) != before and publishes(hub, "z") == 200


def test_an_upgrade_keeps_the_administrators_configuration_beside_a_new_one(hub):
    hub.run(f"echo '# mine' >>{CONF}")
    newer(hub, 1)
    hub.run(f"echo '# theirs' >>/tmp/newer{CONF} && dpkg-deb -b /tmp/newer /tmp/newer.deb")
    hub.run("apt-get install -y -q -o Dpkg::Options::=--force-confold /tmp/newer.deb")
    assert hub.path(CONF).read_text().endswith("# mine\n") and publishes(hub, "x") == 200


def test_a_machine_without_systemd_takes_the_package(machine):
    """A container: nothing is started, and everything is there to start it."""
    said = Debian.run(machine, f"""set -e
        apt-get install -y -q --no-install-recommends ./build/alipes_*.deb
        alipes -c {CONF} & hub=$!
        until alipes health -c {CONF} >/dev/null 2>&1; do sleep 0.1; done
        alipes publish greetings hello
        kill $hub
        wait $hub
        apt-get purge -y -q alipes
        dpkg --audit
        ls /etc/alipes 2>&1 || true""")
    assert "event=stopped" in said and said.endswith("ls: cannot access '/etc/alipes': No such file or directory\n"), said


def test_the_history_is_moved_by_the_lines_of_the_manual(hub):
    page = (ROOT / "backend/cli/alipes.8").read_text().replace("\\-", "-")
    block = re.search(r"^\.EX\n(systemctl stop alipes.socket alipes.service\n.*?)^\.EE", page, re.M | re.S).group(1)
    assert publishes(hub, "1", id="one") == 200 and publishes(hub, "2") == 200
    lines = block.strip().split("\n")
    for number, line in enumerate(lines):
        hub.run(line)
        if number < len(lines) - 1:  # a page that comes back meanwhile begins nothing
            with pytest.raises(OSError):
                Client(address(hub))
    assert active(hub) == ["active", "active"]
    assert publishes(hub, "3") == 200
    hub.run("systemctl restart alipes")
    hears = f"Authorization: Bearer {token(key=key(hub, 'subscriber'), subscribe=['*'])}"
    stream = Stream(address(hub), "topic=*&lastEventID=one", hears)
    assert stream.datas(2) == ["2", "3"]
    stream.close()
    assert hub.run("find /var/lib/alipes ! -user alipes") == ""


def test_reload_takes_new_keys_and_priorities_reach_the_journal(hub):
    old = signed(hub, publish=["*"])
    hub.run("openssl rand -hex 32 | install -m 640 -g alipes /dev/stdin /etc/alipes/publisher.key && systemctl reload alipes")
    wait_for(lambda: publishes(hub, "x") == 200, "the new key")
    assert publish(address(hub), old, topic="t", data="x").status == 401
    levels = {"3": "error", "4": "warn", "6": "info"}
    hub.run("systemctl stop alipes.service")
    records = [json.loads(line) for line in journal(hub, "-o json -t alipes").splitlines()]
    assert any("event=stopped" in r["MESSAGE"] for r in records)
    for record in records:
        word = re.match("level=([a-z]+) ", record["MESSAGE"])
        said = word[1] if word else "info" if record["MESSAGE"].endswith(": ok") else "error"
        assert said == levels[record["PRIORITY"]], record


def test_a_stopped_hub_is_begun_by_its_socket_and_a_signal_opens_the_log_anew(hub):
    configure(hub, "log json info /var/lib/alipes/hub.log")
    hub.run("systemctl stop alipes.service 2>/dev/null")
    assert active(hub) == ["active", "inactive"]
    assert publishes(hub, "x") == 200
    assert active(hub) == ["active", "active"]
    hub.run("mv /var/lib/alipes/hub.log /var/lib/alipes/hub.log.1 && systemctl kill -s USR1 alipes.service")
    log = hub.path("/var/lib/alipes/hub.log")
    wait_for(lambda: log.exists() and "log_reopened" in log.read_text(), "a new log")


def test_removed_and_installed_again_it_runs_again_and_purged_it_is_gone(machine):
    install(machine)
    assert publishes(machine, "x", id="kept") == 200
    machine.run("apt-get remove -y -q alipes")
    assert active(machine) == ["inactive", "inactive"] and not machine.path(SOCKET).exists()
    install(machine)
    assert active(machine) == ["active", "active"]
    assert '"id":"kept"' in machine.run(f"alipes history dump -c {CONF}")
    machine.run("systemctl disable --now alipes.socket alipes.service 2>/dev/null && apt-get install -y -q --reinstall ./build/alipes_*.deb")
    assert active(machine) == ["inactive", "inactive"], "who has disabled it need not do so again"
    machine.run("apt-get purge -y -q alipes")
    left = machine.run("find / -xdev -path /alipes -prune -o -path /proc -prune -o -path /var/lib/apt -prune -o -name '*alipes*' -print").split()
    assert left in ([], ["/alipes"]), left
    assert "alipes" not in machine.run("cat /proc/[0-9]*/comm").split()


def test_make_install_as_it_is_written(machine):
    block = re.search(r"\n    make deps-build && make all && make install\n.*?\n    systemctl enable --now alipes.socket alipes.service\n", README, re.S).group(0)
    machine.path("/alipes/lines").write_text(re.sub(r"^    ", "", block, flags=re.M))
    machine.run("bash -e lines")
    assert active(machine) == ["active", "active"]
    assert publishes(machine, "x") == 200
    machine.run(f"alipes stat -c {CONF} && systemctl stop alipes.service alipes.socket")
