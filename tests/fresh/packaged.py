"""The package on a machine that is booted: its files, units and keys, and a publisher."""
import subprocess

from conftest import publish, token

SOCKET, CONF = "/run/alipes/alipes.sock", "/etc/alipes/alipes.conf"


MODULE = "./build/libapache2-mod-alipes_*.deb"


def install(machine, package="./build/alipes_*.deb"):
    return machine.run(f"apt-get install -y -q --no-install-recommends {package}")


def lintian(machine):
    """What this machine's lintian says of the packages that were made on that one."""
    packages = sorted(machine.path("/alipes/build").glob("*.deb"))
    assert [package.name.partition("_")[0] for package in packages] == ["alipes", "libapache2-mod-alipes"]
    done = subprocess.run(["lintian", "--allow-root", *packages], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout


def address(machine):
    return machine.path(SOCKET)


def key(machine, role="publisher"):
    return machine.path(f"/etc/alipes/{role}.key").read_text().strip()


def active(machine, *units):
    return machine.tries("systemctl is-active " + " ".join(units or ("alipes.socket", "alipes.service"))).split()


def configure(machine, more, how="restart"):
    path = machine.path(CONF)
    plain = path.read_text()
    path.write_text(plain + "\n" + more + "\n")
    machine.run(f"systemctl {how} alipes")
    return plain


def journal(machine, more=""):
    return machine.run(f"journalctl --sync; journalctl -u alipes -o cat {more}")


def main_pid(machine):
    return int(machine.run("systemctl show -P MainPID alipes"))


def signed(machine, **rights):
    return token(key=key(machine), **rights)


def publishes(machine, data, topic="https://example.com/t", **more):
    return publish(address(machine), signed(machine, publish=["*"]), topic=topic, data=data, **more).status
