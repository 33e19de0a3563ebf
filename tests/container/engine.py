"""A Docker engine of this run alone: its own folder, socket and bridge, nothing of the machine's.

One runs at a time (a lock). What it leaves in the kernel, rules of iptables, a bridge and a switch for
forwarding, is taken back when it stops, and so is its folder."""
import fcntl
import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "build/container/bookworm-whole.tar"
FORWARD = Path("/proc/sys/net/ipv4/ip_forward")


def run(*words, check=True, **more):
    done = subprocess.run([str(w) for w in words], capture_output=True, text=True, **more)
    if check and done.returncode:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done


class Engine:
    def __init__(self):
        assert os.geteuid() == 0, "a container engine needs root"
        self.lock = open("/run/lock/alipes-engine", "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.folder = Path(tempfile.mkdtemp(prefix="alipes-engine-"))
        self.bridge = f"alipes{os.getpid() % 100000}"
        self.rules = {tool: run(f"{tool}-save").stdout for tool in ("iptables", "ip6tables")}
        self.forward = FORWARD.read_text()
        self.process = None
        try:
            self.start()
        except BaseException:
            self.stop()
            raise

    def start(self):
        number = os.getpid() % 250 + 1
        run("ip", "link", "add", self.bridge, "type", "bridge")
        run("ip", "address", "add", f"10.213.{number}.1/24", "dev", self.bridge)
        run("ip", "link", "set", self.bridge, "up")
        (self.folder / "daemon.json").write_text(json.dumps(
            {"default-address-pools": [{"base": f"10.{214 + os.getpid() % 20}.0.0/16", "size": 24}]}))
        self.env = {**os.environ, "DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_BUILDKIT": "0",
                    "DOCKER_CONFIG": str(self.folder / "client"), "COMPOSE_DOCKER_CLI_BUILD": "0"}
        self.log = open(self.folder / "engine.log", "w")
        self.process = subprocess.Popen(
            ["dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec", "--pidfile",
             self.folder / "docker.pid", "-H", f"unix://{self.folder}/docker.sock", "--bridge", self.bridge,
             "--group", "root", "--config-file", self.folder / "daemon.json"], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 60
        while self.docker("info", check=False).returncode:
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "engine.log").read_text()[-4000:]
            time.sleep(0.1)

    def docker(self, *words, **more):
        return run("/usr/bin/docker", *words, env=self.env, **more)

    def inspect(self, name, template):
        return self.docker("inspect", "-f", template, name).stdout.strip()

    def import_base(self):
        """Debian's slim image, made of Debian's packages (tests/container/base.sh)."""
        run(ROOT / "tests/container/base.sh", BASE)
        with open(BASE, "rb") as tar:
            subprocess.run(["/usr/bin/docker", "import", "-", "debian:bookworm-slim"], stdin=tar, env=self.env, check=True,
                           stdout=subprocess.DEVNULL)

    def compose(self, folder, *words, env=None, **more):
        return run("/usr/bin/docker-compose", *words, cwd=folder, env={**self.env, **(env or {})}, **more)

    def stop(self):
        if self.process and self.process.poll() is None:
            names = self.docker("ps", "-aq", check=False).stdout.split()
            if names:
                self.docker("rm", "-fv", *names, check=False)
            networks = self.docker("network", "ls", "-q", "--filter", "type=custom", check=False).stdout.split()
            if networks:
                self.docker("network", "rm", *networks, check=False)
            self.process.terminate()
            self.process.wait(60)
        run("ip", "link", "delete", self.bridge, check=False)
        for tool, rules in self.rules.items():
            # Restoring empties only the tables that are named: one that the engine brought is emptied by hand.
            tables = {line[1:] for line in rules.split("\n") if line.startswith("*")}
            now = {line[1:] for line in run(f"{tool}-save", check=False).stdout.split("\n") if line.startswith("*")}
            for table in now - tables:
                run(tool, "-t", table, "-F", check=False)
                run(tool, "-t", table, "-X", check=False)
            run(f"{tool}-restore", input=rules, check=False)
        FORWARD.write_text(self.forward)
        mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().split("\n") if str(self.folder) in line]
        for mount in sorted(mounts, reverse=True):
            run("umount", "-l", mount, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
        self.lock.close()
