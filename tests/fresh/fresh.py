"""A new Debian or Ubuntu in a folder: its own files, mounts and processes, this machine's network."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))  # its clients
ENTER = r"""set -e
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777 shm "$1/dev/shm"
mount -t tmpfs -o mode=755 run "$1/run"
cd "$1"
pivot_root . . # not chroot alone: what enters this file system's namespace shall find this root
umount -l .
exec /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 $3 bash -c "cd /alipes && $2
exit \$?"
"""


class Debian:
    def __init__(self, suite="bookworm", kind="whole"):
        assert os.geteuid() == 0, "mounts need root"
        base = ROOT / "build/container" / f"{suite}-{kind}.tar"
        subprocess.run([ROOT / "tests/container/base.sh", base, suite, kind], check=True)
        self.folder = Path(tempfile.mkdtemp(prefix="alipes-fresh-"))
        self.folder.chmod(0o755)
        subprocess.run(["tar", "-xf", base, "-C", self.folder], check=True)
        shutil.copy("/etc/resolv.conf", self.folder / "etc/resolv.conf")
        (self.folder / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost\n")  # what Debian's installer writes
        (self.folder / "alipes").mkdir()
        names = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True,
                               capture_output=True).stdout
        tar = subprocess.Popen(["tar", "-c", "--null", "-T", "-"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        out = subprocess.Popen(["tar", "-x", "-C", self.folder / "alipes"], stdin=tar.stdout)
        tar.stdin.write(names)
        tar.stdin.close()
        assert tar.wait() == 0 and out.wait() == 0

    def begin(self, command, variables="", **more):
        """Whatever it leaves running goes with it: it is the first process of its own."""
        words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", ENTER, "enter", self.folder, command, variables]
        return subprocess.Popen([str(w) for w in words], start_new_session=True, text=True, **more)

    def run(self, command, check=True):
        process = self.begin(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        out, _ = process.communicate()
        assert not check or process.returncode == 0, f"{command}: {process.returncode}\n{out[-8000:]}"
        return out

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
