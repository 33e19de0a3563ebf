"""What the documents say is so: directives and bounds, files and functions that they name, examples that are to be pasted."""
import fnmatch
import json
import re
import subprocess

import pytest

from conftest import BIN, KEY, ROOT, certificate

DOCUMENTS = [ROOT / name for name in ("README.md", "proxy-config/README.md", "proxy-config/shared-hosting/README.md", "examples/README.md", "tests/README.md",
                                      "backend/DESIGN.md", "backend/PROTOCOL.md")]


def printed(word):
    return subprocess.run([BIN, "config", word], capture_output=True, text=True, check=True).stdout


def entries():
    """Of each directive, as the manual page has it: (heading, sentences)."""
    found = {}
    for heading, group in re.findall(r"^\.SS (.*)\n((?:(?!\.SS ).*\n)*)", printed("--man"), re.M):
        for signature, text in re.findall(r"^\.TP\n\\fB(.*)\\fR\n((?:(?!\.TP\n).*\n)*)", group, re.M):
            found[signature.replace("\\-", "-")] = (heading, text)
    return found


def counters():
    return set(re.findall(r"^BOUND\((\w+),", (ROOT / "backend/metrics/metrics.def").read_text(), re.M))


def test_every_directive_stands_under_a_heading_with_its_default():
    lines = printed("--help").strip().split("\n")
    told = dict(zip(lines[::2], (line.strip() for line in lines[1::2])))
    written = entries()
    assert set(written) == set(told)
    assert {"Listening", "Keys and tokens", "Limits", "Timeouts", "History", "Log"} <= {heading for heading, _ in written.values()}
    for signature, (_, text) in written.items():
        assert text.replace("\\-", "-").startswith(told[signature] + ".\n"), signature


def test_of_every_bound_is_said_what_happens_past_it_and_that_it_is_counted():
    names = {}
    for signature, (_, text) in entries().items():
        names[re.sub(r"^[\w ]*\{ ", "", signature).split()[0]] = text
    assert counters() <= set(names)
    for name, text in names.items():
        is_bound = name in counters() or name.startswith("max_") or name.endswith("_timeout") or name == "token_cache"
        assert not is_bound or "Past it:" in text or " past it" in text, name
        assert ("\nCounted.\n" in text) == (name in counters()), name


def test_no_directive_is_described_twice():
    lines = printed("--help").strip().split("\n")
    for signature, line in zip(lines[::2], lines[1::2]):
        meaning = re.sub(r" \(default: .*\)$", "", line.strip())
        for document in [*DOCUMENTS, ROOT / "backend/cli/alipes.conf.5"]:
            text = document.read_text()
            assert len(meaning) < 30 or meaning not in text, f"{document.name}: {signature}"
            assert f"| `{signature}` |" not in text, f"{document.name}: {signature}"


def test_a_reload_of_what_takes_a_restart_is_named_in_the_manual_page():
    table = (ROOT / "backend/config/options.def").read_text()
    fixed = set(re.findall(r'^(?:OPTION|INNER|SPECIAL)\((?:"[^"]*", )?(\w+), .*\bRESTART\b.*"\)$', table, re.M))
    said = {re.sub(r"^[\w ]*\{ ", "", signature).split()[0] for signature, (_, text) in entries().items() if "Takes a restart." in text}
    assert said == fixed and "listen" in fixed


def examples(page):
    text = (ROOT / "backend/cli" / page).read_text().replace("\\-", "-")
    return re.findall(r"^\.EX\n(.*?)^\.EE", text, re.M | re.S)


def indented(document, begin):
    text = re.search(rf"\n(    {begin}.*?)\n\n", (ROOT / document).read_text(), re.S).group(1)
    return re.sub("^    ", "", text, flags=re.M)


@pytest.mark.parametrize("which", ["simple", "issuer", "redis", "sentinels", "frameworks"])
def test_the_sample_configurations_are_taken(which, tmp_path, monkeypatch):
    simple, issuer, redis, sentinels, *_ = examples("alipes.conf.5")
    keys = simple.split("\n\n")[0] + "\n"
    text = {"simple": simple, "issuer": issuer, "redis": keys + redis, "sentinels": keys + sentinels,
            "frameworks": indented("examples/README.md", r"issuer https://example.com \{")}[which]
    monkeypatch.setenv("REDIS_PASSWORD", "secret")
    (tmp_path / "redis.password").write_text("secret\n")
    certificate(tmp_path)[0].rename(tmp_path / "redis-ca.pem")
    for role in ("publisher", "subscriber"):
        (tmp_path / f"{role}.key").write_text(KEY + "\n")
    (tmp_path / "auth.jwk").write_text(json.dumps({"kty": "oct", "alg": "HS256", "k": "c2VjcmV0" * 6}))
    conf = tmp_path / "alipes.conf"
    conf.write_text(text.replace("/etc/alipes", str(tmp_path)).replace("/var/lib/alipes", str(tmp_path)).replace("/run/alipes", str(tmp_path)))
    done = subprocess.run([BIN, "config", "check", conf], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ""), done


def test_the_keys_that_the_documents_make_are_taken(tmp_path):
    section = (ROOT / "examples/README.md").read_text().split("## Keys\n")[1].split("## CORS")[0]
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


def anchors(text):
    """As they are made of headings: lower case, no punctuation, hyphens for blanks."""
    outside = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)$", outside, re.M)}


def test_every_link_of_the_documents_leads_somewhere():
    links = 0
    for document in DOCUMENTS:
        for target in re.findall(r"\]\(([^)]+)\)", document.read_text()):
            if target.startswith("https://"):
                continue
            path, _, anchor = target.partition("#")
            file = (document.parent / path).resolve() if path else document
            assert file.is_file(), f"{document.name}: {target}"
            assert not anchor or anchor in anchors(file.read_text()), f"{document.name}: {target}"
            links += 1
    assert links > 20


def test_the_front_files_that_the_documents_name_are_there_and_none_is_quoted_in_full():
    fronts = ROOT / "proxy-config"
    files = [file for wire in ("unix", "tcp") for file in fronts.glob(f"*/*-{wire}.*")]
    folders = "|".join({file.parent.name for file in files})
    named = set()
    for document in DOCUMENTS:
        text = document.read_text()
        for name in re.findall(rf"(?:proxy-config/|`)((?:{folders})/[\w-]+\.[\w.-]+)", text):
            assert (fronts / name).is_file(), f"{document.name}: {name}"
            named.add(name)
    assert {str(file.relative_to(fronts)) for file in files} <= named
    for name in named:
        lines = [line.strip() for line in (fronts / name).read_text().split("\n") if line.strip() and not line.strip().startswith("#")]
        for document in DOCUMENTS:
            text = {line.strip() for line in document.read_text().split("\n")}
            assert len([line for line in lines if line in text]) < len(lines) / 2, f"{document.name} quotes {name}"


def test_the_readme_can_be_read_in_five_minutes():
    assert len((ROOT / "README.md").read_bytes()) <= 14000
    assert (ROOT / "examples/page.png").stat().st_size < 60000


def test_every_function_on_the_way_through_the_files_stands_in_its_file():
    section = (ROOT / "backend/DESIGN.md").read_text().split("## 10. ")[1]
    steps = re.findall(r"^\| `([\w/]+\.c)` \| (.*?) \|", section, re.M)
    assert len(steps) > 25
    for file, functions in steps:
        source = (ROOT / "backend" / file).read_text()
        for name in re.findall(r"`(\w+)`", functions):
            assert re.search(rf"^{name}\(", source, re.M), f"{file} has no {name}()"


def test_every_file_of_system_tests_stands_in_the_table_of_what_is_tested_where():
    named = re.findall(r"`(test_[\w*]+)`", (ROOT / "tests/README.md").read_text())
    files = {file.stem for file in (ROOT / "tests/system").glob("test_*.py")}
    assert not [file for file in files if not any(fnmatch.fnmatch(file, name) for name in named)]
    assert not [name for name in named if not fnmatch.filter(files, name)]
