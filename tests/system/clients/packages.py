"""Packages as their registries have them today, in build/clients: what is tested is what a user would install."""
import json
import shutil
import subprocess
import sys

from conftest import ROOT

FOLDER = ROOT / "build/clients"


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done.stdout


def npm(name, *packages):
    """A folder in which these and esbuild are installed, as new as they come."""
    assert shutil.which("npm"), "make check-clients takes node and npm (Debian: nodejs, npm)"
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    run("npm", "install", "--no-audit", "--no-fund", "--prefer-online", *(f"{package}@latest" for package in (*packages, "esbuild")), cwd=folder)
    return folder


def version(folder, package):
    return json.loads((folder / "node_modules" / package / "package.json").read_text())["version"]


def bundle(folder, script):
    """One script for a page."""
    (folder / "entry.js").write_text(script)
    run(folder / "node_modules/.bin/esbuild", "entry.js", "--bundle", "--format=iife", "--outfile=bundle.js", "--loader:.js=jsx",
        "--define:process.env.NODE_ENV=\"production\"", cwd=folder)
    return (folder / "bundle.js").read_text()


def python(name, *packages):
    """The interpreter of an environment in which these are installed."""
    folder = FOLDER / name
    if not (folder / "bin/python").exists():
        run(sys.executable, "-m", "venv", folder)
    run(folder / "bin/python", "-m", "pip", "install", "--quiet", "--upgrade", *packages)
    return folder / "bin/python"


def say(what):
    """Shown by `pytest -s`, as `make check-clients` runs: which version it was."""
    print(f"\n  {what}", end="", flush=True)
