"""A sanitizer under a program that was built without one, for a module of it that was built with one (Apache's).

Both work: the sanitizer's library comes first (LD_PRELOAD) and sees every lock, thread and allocation of the whole program,
and what the module itself reads and writes. What Apache reads and writes it does not see, and so finds no fault with it; of its
allocations some are no leaks (apache_leaks.supp), its atomics have to be shown (tests/apache/atomics.c), and that its children
end inside a handler of a signal (mod_mpm_event) is its own affair."""
import os
import subprocess
from pathlib import Path


def library(name):
    return subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip()


def options(variable, suppressed):
    return f"{variable}={os.environ.get(variable, '')}:suppressions={Path(__file__).with_name(suppressed)}:print_suppressions=0"


def preloaded(module):
    """The words that go before the program's name; `module` lies in the folder of its variant."""
    variant = module.parent.name
    if variant == "asan":
        return ["env", f"LD_PRELOAD={library('libasan.so')} {library('libubsan.so')}", options("LSAN_OPTIONS", "apache_leaks.supp")]
    if variant == "tsan":
        return ["env", f"LD_PRELOAD={library('libtsan.so')} {module.with_name('atomics.so')}", options("TSAN_OPTIONS", "apache_races.supp") + ":report_signal_unsafe=0"]
    return []
