"""What the README says of directives, bounds and counters is what the program says."""
import re
import subprocess

from conftest import BIN, ROOT

README = (ROOT / "README.md").read_text()


def test_every_directive_stands_in_the_readme_with_its_default():
    lines = subprocess.run([BIN, "config", "--help"], capture_output=True, text=True, check=True).stdout.strip().split("\n")
    told = {}
    for signature, text in zip(lines[::2], lines[1::2]):
        meaning, default = re.fullmatch(r"(.*?)(?: \(default: (.*)\))?", text.strip()).groups("")
        told[signature.strip()] = (default, meaning)
    rows = re.findall(r"^\| `(.*?)` \| (.*?) \| (.*?) \|$", README.split("## Configuration")[1].split("Accepted,")[0].replace("\\|", "\0"), re.M)
    written = {name.replace("\0", "|"): (default.replace("\0", "|"), text.replace("\0", "|")) for name, default, text in rows}
    assert written == told


def test_every_bound_stands_in_the_readme():
    bounds = README.split("## Bounds")[1].split("## Figures")[0]
    for name in re.findall(r"^BOUND\((\w+),", (ROOT / "backend/metrics/metrics.def").read_text(), re.M):
        assert f"`{name}`" in bounds, name
