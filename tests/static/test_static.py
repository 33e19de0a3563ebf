"""The static programs do the hub's main job where they were not built: in roots of other systems, as a user without rights, and
that for 64-bit ARM under qemu. Where a system cannot be had its place is taken by one that asks for no less: Debian 10 (C library
2.28) by Ubuntu 18.04 (2.27), Alpine by a root of its C library, musl, and its tools, busybox, without any file of the GNU C library."""
import functools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from elsewhere import ROOT, USER, Elsewhere, Shell, unpack, without_glibc

sys.path.insert(0, str(ROOT / "tests/system"))
from conftest import Client, Stream, free_port, publish, token, wait_for  # noqa: E402
from test_keys import Key, KeyServer  # noqa: E402

PROGRAM, ARM64 = ROOT / "build/static/alipes", ROOT / "build/static-arm64/alipes"
SYSTEMS = {
    "Debian 11": "bullseye", "Debian 12": "bookworm", "Debian 13": "trixie",
    "Ubuntu 18.04": "bionic", "Ubuntu 20.04": "focal", "Ubuntu 22.04": "jammy", "Ubuntu 24.04": "noble",
    "musl and busybox": None,
}
STREAMS = 400


@pytest.fixture(scope="module", params=SYSTEMS)
def system(request):
    suite = SYSTEMS[request.param]
    made = Elsewhere(functools.partial(unpack, suite) if suite else without_glibc, PROGRAM)
    yield made
    made.close()


@pytest.fixture
def hub(system):
    """One in the background, as `alipes init` makes it."""
    system.run(f"rm -rf $HOME/.alipes; alipes init --listen 127.0.0.1:{free_port()}")
    conf = system.home / ".alipes/alipes.conf"
    system.address = ("127.0.0.1", int(re.search(r"^listen 127.0.0.1:(\d+)$", conf.read_text(), re.M).group(1)))
    conf.write_text(conf.read_text() + "\nanonymous\n")
    assert system.run("alipes start") == ""
    yield system
    system.run("alipes stop")


def key(system):
    return (system.home / ".alipes/publisher.key").read_text().strip()


def signed(system):
    return token(["*"], ["*"], key=key(system))


def pss(system):
    pid = int(re.search(r"process (\d+)", system.run("alipes status")).group(1))
    return int(re.search(r"^Pss:\s+(\d+) kB", system.run(f"cat /proc/{pid}/smaps_rollup"), re.M).group(1))


def test_it_says_that_it_is_the_static_program(system):
    assert system.run("alipes --version") == f"alipes {version()} (static)\n"


def version():
    return re.search('^#define VERSION "(.*)"', (ROOT / "backend/base/version.h").read_text(), re.M).group(1)


def test_a_user_without_rights_publishes_hears_it_at_once_and_finds_it_after_a_restart(hub):
    assert hub.run("alipes config check").endswith("alipes.conf: ok\n")
    assert hub.run("alipes start") == "", "one that runs is left alone"
    assert Client(hub.address).get("/healthz").status == 200
    assert hub.run("alipes health") == "ok\n"
    stream = Stream(hub.address, "topic=live")
    assert hub.run("alipes publish live hello").startswith("urn:uuid:")
    assert stream.datas(1) == ["hello"]
    made = hub.run("alipes token --publish '*'").strip()
    assert publish(hub.address, made, topic="live", data="again").status == 200
    assert stream.datas(1) == ["again"]
    stream.close()
    hub.run("alipes stop && alipes start")
    stream = Stream(hub.address, "topic=live&lastEventID=earliest")
    assert stream.datas(2) == ["hello", "again"]
    stream.close()
    assert "hello" in hub.run("alipes subscribe --from earliest --count 1")


def test_what_is_opened_when_needed_elsewhere_is_in_it(hub, tmp_path):
    """libcurl with OpenSSL, ICU, hiredis."""
    signs, conf = Key("k"), hub.home / ".alipes/alipes.conf"
    plain = conf.read_text()
    server = KeyServer(tmp_path, [signs])
    try:
        (hub.home / "ca.pem").write_text((tmp_path / "ca.pem").read_text())
        conf.write_text(plain + f"\npublic_urls http://hub.example\n{server.conf().replace(str(tmp_path), '/home/u')}\n")
        hub.run("alipes stop && alipes start")
        wait_for(lambda: publish(hub.address, signs.token(), topic="t", data="x").status == 200, "the set of keys")
        stream = Stream(hub.address, "match=ol%C3%A9&match_urlpattern=https://b%C3%BCcher.example/:id")
        assert stream.status == 200
        for topic in ("ol\u00e9", "https://xn--bcher-kva.example/1"):
            assert publish(hub.address, signs.token(), topic=topic, data=topic).status == 200
        assert stream.datas(2) == ["ol\u00e9", "https://xn--bcher-kva.example/1"]
        stream.close()
    finally:
        server.stop()
        conf.write_text(plain)
    said = hub.run("alipes publish --url https://hub.test:1/.well-known/mercure --token $HOME/.alipes/publisher.key t x", status=1)
    assert "hub.test" in said and "onnect" in said, said  # its name was found
    (hub.home / "redis.conf").write_text("listen unix//home/u/r.sock\nanonymous\ntransport redis {\nurl redis://hub.test:1\n}\n")
    assert "redis.conf: ok" in hub.run("alipes config check $HOME/redis.conf")


def test_names_of_users_and_groups_are_those_of_the_files(hub):
    """Whatever /etc/nsswitch.conf names: libraries of another C library would end in a crash."""
    (hub.home / "groups.conf").write_text("listen unix//home/u/g.sock|0660|u\nanonymous\ntransport memory\n")
    assert "groups.conf: ok" in hub.run("alipes config check $HOME/groups.conf")
    (hub.home / "groups.conf").write_text("listen unix//home/u/g.sock|0660|nobody-has-it\nanonymous\ntransport memory\n")
    assert "nobody-has-it" in hub.run("alipes config check $HOME/groups.conf", status=1)


def test_it_is_small_and_a_stream_costs_what_it_costs_elsewhere(hub):
    idle = pss(hub)
    streams = [Stream(hub.address, "topic=t") for _ in range(STREAMS)]
    each = (pss(hub) - idle) / STREAMS
    size = PROGRAM.stat().st_size
    print(f"size {size / 2**20:.1f} MiB, idle {idle} KiB (Pss), a stream {each:.2f} KiB")
    for stream in streams:
        stream.close()
    assert size < 10 * 2**20 and idle < 6144 and each < 2


@pytest.fixture
def qemu(tmp_path):
    """A shell of that user in which `alipes` is the program for 64-bit ARM."""
    home = Path(subprocess.run(["mktemp", "-d", "/tmp/alipes-arm64-XXXXXX"], check=True, capture_output=True, text=True).stdout.strip())
    subprocess.run(["cp", ARM64, home / "alipes"], check=True)
    os.chown(home, USER, USER)
    shell = Shell(["sh"], user=USER, group=USER, extra_groups=[], cwd=home, env={"HOME": str(home), "PATH": "/usr/bin:/bin"})
    shell.home = home
    shell.run(f"alipes() {{ qemu-aarch64-static {home}/alipes \"$@\"; }}")
    yield shell
    shell.run('kill $! && wait $!')
    shell.close()
    subprocess.run(["rm", "-r", home], check=True)


def test_that_for_64_bit_arm_does_the_same_under_qemu(qemu):
    assert qemu.run("alipes --version") == f"alipes {version()} (static)\n"
    port = free_port()
    qemu.run(f"alipes init --listen 127.0.0.1:{port}")
    conf = qemu.home / ".alipes/alipes.conf"
    conf.write_text(conf.read_text() + "\nanonymous\n")
    address = ("127.0.0.1", port)

    def begin():
        qemu.run(f"qemu-aarch64-static {qemu.home}/alipes -c {conf} 2>>log &")
        wait_for(lambda: answers(address), "the hub")

    begin()
    stream = Stream(address, "topic=live&match=ol%C3%A9")
    made = qemu.run("alipes token --publish '*'").strip()
    assert publish(address, made, topic="live", data="hello").status == 200
    assert stream.datas(1) == ["hello"]
    stream.close()
    qemu.run("kill $! && wait $!")
    begin()
    stream = Stream(address, "topic=live&lastEventID=earliest")
    assert stream.datas(1) == ["hello"]
    stream.close()


def answers(address):
    try:
        return Client(address).get("/healthz").status == 200
    except OSError:
        return False
