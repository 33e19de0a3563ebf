"""A sanitizer under a program that was built without one, for a module of it that was built with one (Apache's).

Both work: the sanitizer's library comes first (LD_PRELOAD) and sees every lock, thread and allocation of the whole program,
and what the module itself reads and writes. What Apache reads and writes it does not see, and so finds no fault with it, but
for what stands in the two files beside this one."""
import os
import subprocess
from pathlib import Path

SUPPRESSED = Path(__file__).parent
# Of each variant: libraries, the variable of its options, and what Apache does on purpose.
SANITIZERS = {"asan": (("libasan.so", "libubsan.so"), "LSAN_OPTIONS", "apache_leaks.supp"),
              "tsan": (("libtsan.so",), "TSAN_OPTIONS", "apache_races.supp")}


def preloaded(module):
    """The words that go before the program's name; `module` lies in the folder of its variant."""
    if module.parent.name not in SANITIZERS:
        return []
    libraries, variable, suppressed = SANITIZERS[module.parent.name]
    paths = [subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True).stdout.strip() for name in libraries]
    options = f"{os.environ.get(variable, '')}:suppressions={SUPPRESSED / suppressed}:print_suppressions=0"
    return ["env", f"LD_PRELOAD={' '.join(paths)}", f"{variable}={options}"]
