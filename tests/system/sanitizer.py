"""A sanitizer under a program that was built without one, for a module of it that was built with one (Apache's).

Both work: the sanitizer's library comes first (LD_PRELOAD) and sees every lock, thread and allocation of the whole program,
and what the module itself reads and writes. What Apache reads and writes it does not see, and so finds no fault with it; what of
its allocations is no leak stands in leaks.supp."""
import os
import subprocess
from pathlib import Path

LIBRARIES = {"asan": ("libasan.so", "libubsan.so"), "tsan": ("libtsan.so",)}
LEAKS = Path(__file__).with_name("leaks.supp")


def preloaded(module):
    """The words that go before the program's name; `module` lies in the folder of its variant."""
    libraries = LIBRARIES.get(module.parent.name)
    if not libraries:
        return []
    paths = [subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip() for name in libraries]
    options = os.environ.get("ASAN_OPTIONS", "detect_leaks=1") + ":fast_unwind_on_malloc=0"  # else a leak in OpenSSL has no caller
    return ["env", f"LD_PRELOAD={' '.join(paths)}", f"LSAN_OPTIONS=suppressions={LEAKS}:print_suppressions=0", f"ASAN_OPTIONS={options}"]
