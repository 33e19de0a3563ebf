"""What the README says of directives, variables, bounds and counters is what the program says."""
import re
import subprocess

from conftest import BIN, ROOT

README = (ROOT / "README.md").read_text()


def rows(begin, end):
    """The cells of the tables between two texts; without backticks around the first."""
    part = README.split(begin)[1].split(end)[0].replace("\\|", "\0")
    found = re.findall(r"^\| (`.*?) \|$", part, re.M)
    return [[cell.strip().replace("\0", "|") for cell in row.split("|")] for row in found]


def told():
    """Signature of each directive, as `config --help` has it: (default, meaning)."""
    text = subprocess.run([BIN, "config", "--help"], capture_output=True, text=True, check=True).stdout
    lines = text.strip().split("\n")
    found = {}
    for signature, rest in zip(lines[::2], lines[1::2]):
        meaning, default = re.fullmatch(r"(.*?)(?: \(default: (.*)\))?", rest.strip()).groups("")
        found[signature.strip()] = (default, meaning)
    return found


def test_every_directive_stands_in_the_readme_with_its_default():
    written = {name.strip("`"): (default, meaning) for name, default, meaning in rows("## Configuration", "Without `-c`")}
    assert written == told()


def test_every_bound_stands_in_the_readme_with_its_default_and_counter():
    defaults = {signature.split()[0]: default for signature, (default, _) in told().items()}
    metrics = (ROOT / "backend/metrics/metrics.def").read_text()
    counters = set(re.findall(r"^BOUND\((\w+),", metrics, re.M))
    bounds = rows("| bound | default |", "Fixed ones:")
    assert {name.strip("`"): default for name, default, _, _ in bounds} == {
        name: default for name, default in defaults.items()
        if name in counters or name.startswith("max_") or name.endswith("_timeout") or name == "token_cache"}
    for name, _, _, counter in bounds:
        assert set(re.findall(r"`(\w+)`", counter)) <= counters, name
    section = README.split("## Bounds")[1].split("**What it takes.**")[0]
    assert counters <= set(re.findall(r"`(\w+)`", section))


def test_every_variable_stands_in_the_readme():
    source = (ROOT / "backend/config/environment.c").read_text()
    known = set(re.findall(r'"((?:MERCURE_\w+)|SERVER_NAME)"', source))
    section = README.split("Without `-c`")[1].split("**Not there yet**")[0]
    assert known <= set(re.findall(r"`([A-Z_]+)`", section))


def test_the_snippets_in_the_readme_are_those_of_the_files():
    for name in ("caddy/http-unix.caddyfile", "apache/http-unix.conf", "nginx/http-unix.conf"):
        text = (ROOT / "proxy-config" / name).read_text().replace("{$ALIPES_SOCKET:/run/alipes/alipes.sock}", "/run/alipes/alipes.sock")
        for line in text.split("\n"):
            line = line.strip()
            assert line.startswith("#") or line in README, line


def test_the_keys_that_the_readme_makes_are_taken(tmp_path):
    section = README.split("## Keys\n")[1].split("## CORS")[0]
    secret, *pair = [line.strip().split("  ")[0].split("#")[0] for line in re.findall(r"^    openssl .*", section, re.M)]
    (tmp_path / "secret").write_text(subprocess.run(secret, shell=True, capture_output=True, text=True, check=True).stdout)
    for other in (None, *re.findall(r"`(genpkey [^`]+)`", section)):
        make, public = pair
        if other:
            make = f"openssl {other} -out private.pem"
        for command in (make, public):
            subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, check=True)
        algorithm = {None: "ES256"}.get(other) or ("EdDSA" if "ED25519" in other else "PS256")
        (tmp_path / "conf").write_text(f"publisher_jwt file:{tmp_path}/public.pem {algorithm}\nsubscriber_jwt file:{tmp_path}/secret\n"
                                       "transport memory\n")
        done = subprocess.run([BIN, "config", "check", tmp_path / "conf"], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "") and "note:" not in done.stdout, done


def test_the_directives_that_take_a_restart_stand_in_the_readme():
    table = (ROOT / "backend/config/options.def").read_text()
    rows = re.findall(r'^(?:OPTION|INNER|PART)\((?:"(\w+)[^"]*", )?(\w+), .*\bRESTART\b', table, re.M)
    named = {block or name for block, name in rows}
    sentence = README.split("What takes a restart is named")[1].split("\n\n")[0].split("):")[1]
    assert set(re.findall(r"`(\w+)`", sentence)) == named
