"""Trouble for a hub that runs: a clock that jumps, writes and syncs that fail, a full disk."""
import atexit
import os
import signal
import struct
import subprocess
from pathlib import Path

from conftest import ROOT, wait_for

SHIM = ROOT / "build" / "trouble" / "shim.so"
# As struct trouble in tests/trouble/shim.c.
FIELDS = ["clock_ms", "boot_ms", "filesystem", "write_error", "sync_error", "open_error", "read_error", "look_error", "sync_ms", "short_write",
          "syncs", "times"]
LAYOUT = "<qqqiiiiiiiii"


class Trouble:
    """trouble.env makes the hub listen to trouble.set(write_error=errno.EIO, …)."""

    def __init__(self, folder, history):
        self.path, self.state = folder / "trouble", dict.fromkeys(FIELDS, 0)
        self.path.write_bytes(bytes(struct.calcsize(LAYOUT)))
        self.env = {**os.environ, "LD_PRELOAD": str(SHIM), "TROUBLE": str(self.path), "TROUBLE_FOLDER": str(history)}

    def set(self, **changes):
        self.state.update(changes)
        with open(self.path, "r+b") as file:
            file.write(struct.pack(LAYOUT, *(self.state[name] for name in FIELDS)))

    def hold_syncs(self):
        """Each waits, until one is let go, or all are by set(syncs=0)."""
        self.set(syncs=-1)

    def let_one_go(self):
        """That waits; in vain for who never comes."""
        self.one_waits()
        self.set(syncs=1)

    def one_waits(self):
        wait_for(lambda: struct.unpack(LAYOUT, self.path.read_bytes())[FIELDS.index("syncs")] == -2, "a sync")


class SmallDisk:
    """A small file system that nobody else sees: in a mount namespace, which goes with its process."""

    def __init__(self, folder, size, kind="tmpfs"):
        self.folder = folder
        folder.mkdir()
        unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
        script = f"mount -t tmpfs -o size={size},mode=0777 none '{folder}' && echo there && exec cat"
        self.process = subprocess.Popen([*unshare, "sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.process.kill)
        assert self.process.stdout.readline() == b"there\n", "no file system can be mounted here"

    @property
    def wrap(self):
        """What runs a program where the file system is seen."""
        enter = ["nsenter", f"--target={self.process.pid}", "--mount"]
        return enter if os.geteuid() == 0 else [*enter, "--user", "--preserve-credentials"]

    @property
    def seen(self):
        """Its folder, from here."""
        return Path(f"/proc/{self.process.pid}/root{self.folder}")

    def run(self, *command):
        return subprocess.run([*self.wrap, *command], capture_output=True, text=True)

    def fill(self, leave=0):
        """To the last byte, or but for so many."""
        space = os.statvfs(self.seen)
        left = space.f_bavail * space.f_frsize - leave
        with open(self.seen / "ballast", "ab", buffering=0) as file:
            try:
                while left > 0:
                    left -= file.write(bytes(min(left, 1 << 16)))
                while leave == 0:
                    file.write(bytes(512))
            except OSError:
                pass  # full

    def empty(self):
        (self.seen / "ballast").unlink()

    def close(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)
        self.process.stdin.close()
        self.process.stdout.close()
