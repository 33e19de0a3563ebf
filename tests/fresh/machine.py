"""A new Debian that has been booted: systemd is its first process, with cgroups of its own."""
import os
import subprocess
from pathlib import Path

from fresh import Debian
from conftest import wait_for

PATIENCE = 60  # for a machine to boot
BOOT = r"""set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for name in null zero full random urandom tty; do
    touch "dev/$name"
    mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
hostname fresh
pivot_root . .
umount -l .
exec env -i container=alipes PATH=/usr/sbin:/usr/bin LANG=C.UTF-8 /lib/systemd/systemd --system systemd.unit=multi-user.target
"""


def unified():
    """Where this machine has cgroup2."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, folder, kind = line.split()[:3]
        if kind == "cgroup2":
            return Path(folder)
    raise AssertionError("no cgroup2 is mounted, and systemd needs one")


class Machine(Debian):
    def __init__(self, suite="bookworm"):
        super().__init__(suite)
        super().run("apt-get update -q && apt-get install -y -q --no-install-recommends git make systemd systemd-sysv dbus curl openssl")
        (self.folder / "etc/systemd/system/systemd-modules-load.service").symlink_to("/dev/null")  # the kernel is this machine's
        self.group = unified() / self.folder.name
        self.group.mkdir()
        self.outer = subprocess.Popen(
            ["bash", "-c", 'echo 0 >"$0" && exec "$@"', str(self.group / "cgroup.procs"),
             "unshare", "--mount", "--pid", "--cgroup", "--uts", "--ipc", "--fork", "--kill-child", "--propagation", "private", "bash", "-c", BOOT,
             "boot", str(self.folder)], start_new_session=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            self.pid = wait_for(lambda: self.outer_child(), "its first process", PATIENCE)
            wait_for(lambda: self.tries("systemctl is-system-running --wait") == "running", "systemd", PATIENCE)
        except AssertionError:  # nothing is left of one that does not boot
            print(hasattr(self, "pid") and self.tries("systemctl --failed --no-pager; journalctl -b -p warning --no-pager | tail -n 20"))
            self.close()
            raise

    def outer_child(self):
        assert self.outer.poll() is None, "systemd did not begin"
        children = Path(f"/proc/{self.outer.pid}/task/{self.outer.pid}/children").read_text().split()
        return children and Path(f"/proc/{children[0]}/comm").read_text() == "systemd\n" and int(children[0])

    def run(self, command, check=True):
        words = ["nsenter", "-t", self.pid, "-a", "env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME=/root", "LANG=C.UTF-8",
                 "DEBIAN_FRONTEND=noninteractive", "bash", "-c", f"cd /alipes && {command}"]
        done = subprocess.run([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout[-8000:]}"
        return done.stdout

    def tries(self, command):
        return self.run(command, check=False).strip()

    def path(self, name):
        """A file of it, as seen from here: also those in its /run and /tmp."""
        return Path(f"/proc/{self.pid}/root") / name.lstrip("/")

    def close(self):
        if self.outer.poll() is None:
            self.outer.kill()  # its first process goes with it, and so do all others
            self.outer.wait()
        for folder, _, _ in os.walk(self.group, topdown=False):
            wait_for(lambda: self.gone(folder), f"an empty {folder}")
        super().close()

    @staticmethod
    def gone(folder):
        try:
            os.rmdir(folder)
        except OSError:
            return False
        return True
