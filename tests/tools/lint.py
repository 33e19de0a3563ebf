#!/usr/bin/python3
"""What the compiler does not see: format, layers, circles, exports, citations, banned functions, essays,
guards, lists of packages, tests that hold the specifications.

Prints file:line: sentence for each finding and ends with 1 if there was one. The layers are the
rooms of backend/: a folder may include itself and folders of lower rows, never its neighbours.
"""

import pathlib
import re
import subprocess
import sys

import conformance
import directives
import structure

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODULE_ROOT = ROOT / "proxy-config/apache"  # the module for Apache is the folder mod_alipes/ there

ROWS = {
    "base": 1,
    "config": 2, "metrics": 2,
    "loop": 3, "topic": 3,
    "auth": 4, "transport": 4,
    "request": 5,
    "gateway": 6, "hub": 6,
    "cli": 7,
}
TOP = 7  # main.c, routes.c, cli/

BANNED = {
    "strcpy": "use a slice or buf_add()",
    "strcat": "use buf_add()",
    "stpcpy": "use buf_add()",
    "strncpy": "it may leave the NUL out; use buf_add()",
    "strncat": "use buf_add()",
    "sprintf": "use snprintf() or buf_addf()",
    "vsprintf": "use vsnprintf()",
    "gets": "unbounded",
    "strtok": "keeps a hidden global; use slice_cut()",
    "atoi": "hides errors; use slice_u64()",
    "atol": "hides errors; use slice_u64()",
    "atoll": "hides errors; use slice_u64()",
    "system": "no shell",
    "popen": "no shell",
    "alloca": "no bound",
}
# Only where the process itself is the subject.
TOP_ONLY = {
    "exit": "only main.c and cli/ end the process",
    "_exit": "only main.c and cli/ end the process",
    "printf": "only main.c and cli/ print; use log_line()",
    "puts": "only main.c and cli/ print; use log_line()",
    "putchar": "only main.c and cli/ print; use log_line()",
}

# What is still to be mended: how each of structure's sentences begins. One that has gone is told.
KNOWN = (
)

INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')
CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*\(")
NOISE = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def blank(text):
    """The code alone: comments and literals become blanks, lines keep their numbers."""
    return NOISE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def room(path):
    """("gateway/http", 6) for backend/gateway/http/head.c; wires do not know each other."""
    parts = path.relative_to(ROOT / "backend").parts
    if len(parts) == 1:
        return "", TOP
    name = "/".join(parts[:2]) if parts[0] == "gateway" and len(parts) > 2 else parts[0]
    return name, ROWS.get(parts[0])


def included_room(name):
    parts = name.split("/")
    if len(parts) == 1:
        return "", TOP
    if parts[0] == "gateway" and len(parts) > 2:
        return "/".join(parts[:2]), ROWS["gateway"]
    return parts[0], ROWS.get(parts[0])


def may_include(mine, row, other, other_row):
    if other == mine or other_row < row or row == TOP:
        return True
    # What all wires share stands in gateway/ itself.
    return other.startswith(mine + "/") or mine.startswith(other + "/")


def lint_includes(path, text):
    mine, row = room(path)
    if row is None:
        yield 1, f"folder {mine}/ is not in the table of rooms"
        return
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        own, foreign = match.groups()
        if foreign == "ev.h" and mine != "loop":
            yield number, "only loop/ includes <ev.h>"
        if not own:
            continue
        if own.startswith(".") or not (ROOT / "backend" / own).is_file():
            yield number, f'"{own}" is no file of backend/; write "folder/file.h"'
            continue
        other, other_row = included_room(own)
        if other_row is None:
            yield number, f"folder of {own} is not in the table of rooms"
        elif not may_include(mine, row, other, other_row):
            yield number, (f"{mine}/ (row {row}) must not include {own} "
                           f"({other or 'top'}, row {other_row})")


def lint_calls(path, code, row):
    for number, line in enumerate(code.split("\n"), 1):
        for match in CALL.finditer(line):
            name = match.group(1)
            if name in BANNED:
                yield number, f"{name}() is banned: {BANNED[name]}"
            elif name in TOP_ONLY and row != TOP:
                yield number, f"{name}(): {TOP_ONLY[name]}"


def lint_module_includes(path, text):
    """The module for Apache takes of the hub what the Makefile compiles for it, and nothing else."""
    shares = re.search(r"^MODULE_SHARES\s*:= \$\(addprefix backend/,(.*)\)$", (ROOT / "Makefile").read_text(), re.M)[1].split()
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        own = match and match[1]
        if not own or not (ROOT / "backend" / own).is_file():
            continue
        if (ROOT / "backend" / own).with_suffix(".c").is_file() and own[:-1] + "c" not in shares:
            yield number, f"{own} is not among MODULE_SHARES of the Makefile"


def lint_opening(path, text, root):
    if path.suffix == ".c":
        if not text.startswith("/*"):
            yield 1, "a file opens with a comment that says what it is"
        return
    # alloc.h in base/ is guarded by BASE_ALLOC_H, and that is its first line.
    inside = path.relative_to(root)
    want = re.sub(r"\W", "_", str(inside)).upper()
    if not re.match(rf"(?:/\*.*?\*/\s*)?#ifndef {want}\n#define {want}\n", text, re.S):
        yield 1, f"a header opens with #ifndef {want} and #define {want}"


def lint_format(paths):
    """clang-format's complaints, as it prints them."""
    done = subprocess.run(["clang-format", "--dry-run", "-Werror", *map(str, paths)],
                          cwd=ROOT, capture_output=True, text=True)
    for line in done.stderr.split("\n"):
        match = re.match(r"(.+?):(\d+):\d+: error: (.*)", line)
        if match:
            yield pathlib.Path(match.group(1)), int(match.group(2)), match.group(3)
    if done.returncode != 0 and "error:" not in done.stderr:
        yield ROOT / ".clang-format", 1, done.stderr.strip() or "clang-format failed"


def lint_packages():
    """DESIGN's section on dependencies against what links and what installs."""
    def read(name):
        return (ROOT / name).read_text(encoding="utf-8")

    def names(text):
        return set(re.findall(r"`([a-z][a-z0-9.+-]+)`", text))

    section = read("backend/DESIGN.md").split("## 9. Dependencies")[1].split("\n## ")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in section.split("\n") if line.startswith("| ")][1:]
    flags = set(" ".join(re.findall(r"`(-l[^`]+)`", " ".join(row[1] for row in rows))).split())
    to_build = names(" ".join(row[2].split(";")[0] for row in rows))
    to_run = names(" ".join(row[2].split(";")[1] for row in rows))
    tools, module, running, testing, containers = [
        names(re.search(rf"{begin} (.*?)(?:;|\.(?:\s|$))", section, re.S).group(1))
        for begin in ("Building takes", "Apache's module also", "`make run` also", "Testing takes", "Testing the image .*? takes")]

    linked = set(re.search(r"^LDLIBS\s*:= (.*)$", read("Makefile"), re.M).group(1).split())
    layers = [set(part.split()) for part in
              re.findall(r"--no-install-recommends ([^&]*)&&", read("Dockerfile").replace("\\\n", " "))]
    groups = {name: set(words.split()) for name, words in
              re.findall(r"^(\w+)_packages=\((.*?)\)", read("tests/tools/deps.sh"), re.M | re.S)}
    for path, what, wanted, found in (
            ("Makefile", "LDLIBS", flags, linked),
            ("Dockerfile", "what builds", to_build | tools - {"dpkg-dev"}, layers[0]),  # that is for make deb alone
            ("Dockerfile", "what runs", to_run - {"libc6"}, layers[1]),  # it is in every image
            ("tests/tools/deps.sh", "build_packages", to_build | tools, groups["build"]),
            ("tests/tools/deps.sh", "deb_packages", module, groups["deb"]),
            ("tests/tools/deps.sh", "run_packages", running, groups["run"]),
            ("tests/tools/deps.sh", "test_packages", testing, groups["test"]),
            ("tests/tools/deps.sh", "container_packages", containers, groups["container"])):
        if wanted != found:
            yield ROOT / path, 1, f"{what}: DESIGN.md, section 9, names others: {' '.join(sorted(wanted ^ found))}"


def lint_structure(backend, tests):
    met = set()
    for path, number, what in structure.findings(ROOT, backend, tests, blank):
        known = [begin for begin in KNOWN if what.startswith(begin)]
        met.update(known)
        if not known:
            yield path, number, what
    for begin in KNOWN:
        if begin not in met:
            yield ROOT / "tests/tools/lint.py", 1, f"KNOWN has {begin!r}, of which nothing is left"


def sources(folder):
    return sorted(p for p in (ROOT / folder).rglob("*.[ch]") if p.is_file())


def main():
    backend, tests, module = sources("backend"), sources("tests"), sources("proxy-config/apache/mod_alipes")
    findings = list(dict.fromkeys(lint_format(backend + tests + module)))
    for path in backend:
        text = path.read_text(encoding="utf-8")
        for check in (lint_includes(path, text), lint_opening(path, text, ROOT / "backend"),
                      lint_calls(path, blank(text), room(path)[1])):
            findings += [(path, number, what) for number, what in check]
    for path in module:
        text = path.read_text(encoding="utf-8")
        for check in (lint_module_includes(path, text), lint_opening(path, text, MODULE_ROOT),
                      lint_calls(path, blank(text), None)):
            findings += [(path, number, what) for number, what in check]
    findings += structure.findings_of_module(MODULE_ROOT, module, blank)
    for path in tests:
        if path.suffix == ".c" and not path.read_text(encoding="utf-8").startswith("/*"):
            findings.append((path, 1, "a file opens with a comment that says what it is"))
    findings += lint_structure(backend, tests + module)
    findings += lint_packages()
    findings += directives.findings(ROOT)
    findings += conformance.findings(ROOT)
    for path, number, what in sorted(findings, key=lambda f: (str(f[0]), f[1])):
        shown = path.relative_to(ROOT) if path.is_absolute() else path
        print(f"{shown}:{number}: {what}")
    print(f"lint: {len(backend) + len(tests) + len(module)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
