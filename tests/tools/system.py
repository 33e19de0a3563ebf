"""Runs the system tests with one program: system.py VARIANT PYTEST...

Nothing in them is a matter of time, but some play with time-outs of the hub, a front or a browser, and a machine that stands
still for seconds breaks their play. So what fails beside others is run once more when all runs are over, alone, and counts if
it fails again; both are told. That is for single tests, and for none that saw a fault that is one whenever it is seen once."""
import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

MOST = 4
FAULTS = re.compile(r"event=bug|\w+Sanitizer|runtime error:|assert -(?:6|7|8|11) == 0|worker '\w+' crashed")


def run(command, log):
    with open(log, "w") as out:
        return subprocess.run(command, stdout=out, stderr=subprocess.STDOUT).returncode


def excused(log, failed):
    """Those that may try again: their ids."""
    return [] if len(failed) > MOST or FAULTS.search(log.read_text(errors="replace")) else failed


def main():
    variant, command = sys.argv[1], sys.argv[2:]
    folder = Path("build") / variant
    log, cache = folder / "system.log", (folder / "system.cache").absolute()
    shutil.rmtree(cache, ignore_errors=True)
    command += ["-o", f"cache_dir={cache}"]
    with open("build/system.lock", "w") as beside:  # shared by those that run, taken whole by who wants to be alone
        fcntl.flock(beside, fcntl.LOCK_SH)
        status = run(command, log)
        again = []
        if status == 1:
            failed = cache / "v/cache/lastfailed"
            again = excused(log, list(json.loads(failed.read_text())) if failed.exists() else [])
        if again:
            fcntl.flock(beside, fcntl.LOCK_UN)
            fcntl.flock(beside, fcntl.LOCK_EX)
            alone = folder / "system-alone.log"
            status = run([*command, "-n", "0", "--last-failed"], alone)
    text = log.read_text(errors="replace")
    if status:
        print(text)
        if again:
            print(f"== system tests, {variant}, alone\n{alone.read_text(errors='replace')}")
        return status
    print(f"== system tests, {variant}\n{text[max(text.rfind('= slowest '), 0):].partition('=== short')[0]}")
    if again:
        print("Failed beside others and passed alone:", *again, sep="\n   ")
        print(*("   | " + line[:300] for line in text.splitlines() if line.startswith("E  ")), sep="\n")
    print(text.splitlines()[-1])
    return 0


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[2])
    sys.exit(main())
