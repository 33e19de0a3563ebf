"""On a machine that has no compiler yet, nothing is compiled before the packages are installed."""
import shutil
import subprocess

import pytest

from conftest import ROOT


@pytest.mark.parametrize("target", ["check", "run", "deb"])
def test_nothing_is_made_before_the_packages_are_there(target, tmp_path):
    for name in ("Makefile", "backend", "tests"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    (tmp_path / "tests/tools/deps.sh").write_text("#!/bin/bash\nsleep 1\nexit 1\n")
    done = subprocess.run(["make", "-C", tmp_path, target], capture_output=True, text=True)
    assert done.returncode == 2
    assert not (tmp_path / "build").exists(), done.stdout
