"""A system that the static program was not built on: a root of its own, a user without rights in it, a shell of that user."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
USER = 60123
ENTER = """set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
exec chroot --userspec=$2:$2 --groups=$2 "$1" /usr/bin/env -i HOME=/home/u LOGNAME=u PATH=/home/u/bin:/usr/bin:/bin /bin/sh
"""
# The libraries that it names are of no use to a program with another C library in it.
NSSWITCH = "passwd: sss systemd files\ngroup: sss systemd files\nhosts: mymachines mdns4_minimal [NOTFOUND=return] dns files\n"


def unpack(suite, folder):
    tar = ROOT / f"build/container/{suite}-small.tar"
    subprocess.run([ROOT / "tests/container/base.sh", tar, suite, "small"], check=True)
    subprocess.run(["tar", "-xf", tar, "-C", folder], check=True)
    if not (folder / "bin/sh").exists():  # a link that is made when packages are configured
        (folder / "bin/sh").symlink_to("bash")


def without_glibc(folder):
    """musl and busybox, as Alpine has them, of Debian's packages: no file of the GNU C library."""
    with tempfile.TemporaryDirectory() as packages:
        os.chmod(packages, 0o755)
        subprocess.run(["apt-get", "-qq", "-o", "APT::Sandbox::User=", "download", "busybox-static", "musl"], cwd=packages, check=True)
        for package in Path(packages).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
    for name in ("dev", "etc", "proc", "tmp", "usr/bin"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in ("cat", "env", "grep", "mkdir", "sed", "sh", "sleep"):
        for where in ("bin", "usr/bin"):
            (folder / where / name).symlink_to("/bin/busybox")
    assert not list(folder.rglob("libc.so.6")) and list(folder.rglob("ld-musl-*"))


class Elsewhere:
    def __init__(self, make, program):
        assert os.geteuid() == 0, "mounts need root"
        self.folder = Path(tempfile.mkdtemp(prefix="alipes-static-"))
        self.folder.chmod(0o755)
        make(self.folder)
        (self.folder / "etc/hosts").write_text("127.0.0.1 localhost hub.test\n")
        (self.folder / "etc/nsswitch.conf").write_text(NSSWITCH)
        for name in ("passwd", "group"):
            with open(self.folder / "etc" / name, "a") as text:
                text.write(f"u:x:{USER}:{USER}::/home/u:/bin/sh\n" if name == "passwd" else f"u:x:{USER}:\n")
        self.home = self.folder / "home/u"
        (self.home / "bin").mkdir(parents=True)
        shutil.copy(program, self.home / "bin/alipes")
        for path in (self.home, self.home / "bin"):
            os.chown(path, USER, USER)
        self.shell = Shell(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", ENTER, "enter", self.folder, USER])

    def run(self, command, status=0):
        return self.shell.run(command, status)

    def close(self):
        self.shell.close()
        shutil.rmtree(self.folder)


class Shell:
    """One that stays: what is begun in it goes on."""

    def __init__(self, words, **how):
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        start_new_session=True, **how)

    def run(self, command, status=0):
        """What it prints; it is to end with that status."""
        self.process.stdin.write(f"{command}\ns=$?; echo; echo =end= $s\n")
        self.process.stdin.flush()
        said = []
        for line in self.process.stdout:
            if line.startswith("=end= "):
                found = "".join(said)[:-1]
                assert int(line.split()[1]) == status, f"{command}: {line}{found}"
                return found
            said.append(line)
        raise AssertionError(f"{command}: the shell is gone: {''.join(said)}")

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()
