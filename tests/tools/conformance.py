#!/usr/bin/python3
"""What the specifications ask of a hub, and the tests that hold it: tests/conformance/*.tsv.

    section  level  requirement, in words of our own  tests  note

Tests are system/test_x.py::test_name or unit/ROOM/test_x.c::name, with blanks between; or `none: why`. Behind `not yet:`
stand tests, or files of tests, that are to come; one that is there is a finding, so that it moves before these words.
Prints the tables; findings() is for lint.py."""

import pathlib
import re
import sys

COLUMNS = ["section", "level", "requirement", "tests", "note"]
NONE, LATER = "none: ", "not yet: "
LEVELS = ("MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "RECOMMENDED", "REQUIRED")
TEST = {("system", ".py"): r"^def {}\(", ("unit", ".c"): r"^START_TEST\({}\)"}


def missing(tests, name):
    """Why the test that is named is none; empty: it is there."""
    path, _, function = name.partition("::")
    file = tests / path
    kind = path.partition("/")[0]
    if (kind, file.suffix) not in TEST or not function or (kind == "system" and not function.startswith("test_")):
        return f"{name} names no test"
    if not file.is_file():
        return f"tests/{path} is not there"
    if not re.search(TEST[kind, file.suffix].format(re.escape(function)), file.read_text(encoding="utf-8"), re.M):
        return f"tests/{path} has no test {function}"
    return ""


def split(held):
    """Tests, those that are to come, and why there is none."""
    if held.startswith(NONE):
        return [], [], held[len(NONE):].strip()
    now, _, later = held.partition(LATER)
    return now.split(), later.split(), ""


def judge(tests, cells):
    if len(cells) != len(COLUMNS):
        yield f"{len(cells)} columns instead of {len(COLUMNS)}: {', '.join(COLUMNS)}"
        return
    section, level, requirement, held, _ = cells
    now, later, why = split(held)
    if not section or not requirement:
        yield "a row has a section and a requirement"
    if level not in LEVELS:
        yield f"{level!r} is no level: {', '.join(LEVELS)}"
    if not (now or later or why):
        yield "no test, and no `none: why`"
    yield from filter(None, (missing(tests, name) for name in now))
    for name in later:
        if (tests / name).is_file() or not missing(tests, name):
            yield f"{name} is there: it is no longer `not yet`"


def tables(root):
    """(path, [cells of each row]) of each file."""
    for path in sorted((root / "tests/conformance").glob("*.tsv")):
        lines = path.read_text(encoding="utf-8").splitlines()
        yield path, [line.split("\t") for line in lines]


def findings(root):
    tests, count = root / "tests", 0
    for path, rows in tables(root):
        count += 1
        if rows[:1] != [COLUMNS]:
            yield path, 1, f"the first line names the columns: {', '.join(COLUMNS)}"
        seen = set()
        for number, cells in enumerate(rows[1:], 2):
            for sentence in judge(tests, cells):
                yield path, number, sentence
            if tuple(cells[:3]) in seen:
                yield path, number, f"twice: {' '.join(cells[:3])}"
            seen.add(tuple(cells[:3]))
    if count == 0:
        yield tests / "conformance", 1, "there is no table"


def print_table(path, rows):
    held = [split(row[3]) for row in rows]
    print(f"{path.stem}: {len(rows)} requirements, {sum(bool(now and not later) for now, later, _ in held)} held by tests, "
          f"{sum(bool(later) for _, later, _ in held)} not yet, {sum(bool(why) for _, _, why in held)} that no test can hold")
    section = None
    for (name, level, requirement, tests, note), (now, later, _) in zip(rows, held):
        if name != section:
            section = name
            print(f"\n  {section}")
        print(f"    {level:<11} {requirement}")
        lines = [*now, *(f"{LATER}{name}" for name in later)] or [tests]
        for line in lines + [f"({note})"] * bool(note):
            print(f"{'':16}{line}")
    print()


def main():
    root = pathlib.Path(__file__).resolve().parents[2]
    wrong = list(findings(root))
    if not wrong:
        for path, rows in tables(root):
            print_table(path, rows[1:])
    for path, number, what in wrong:
        print(f"{path.relative_to(root)}:{number}: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
