#!/usr/bin/python3
"""The table of usual mistakes in proxy-config/README.md, written from tests/data/mistakes/table.tsv.

    tests/tools/mistakes.py            prints it
    tests/tools/mistakes.py --write    puts it in its place
"""
import collections
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "proxy-config/README.md"
HEADING = "\n## What names which mistake\n"
Row = collections.namedtuple("Row", "key mistake who words")
COMMANDS = {"doctor": "`alipes doctor`", "config check": "`alipes config check`", "token inspect": "`alipes token inspect`", "log": "the log"}


def rows():
    lines = (ROOT / "tests/data/mistakes/table.tsv").read_text(encoding="utf-8").splitlines()
    return [Row(*line.split("\t")) for line in lines if line and not line.startswith("#")]


def table():
    lines = ["| mistake | what names it | and says |", "|---|---|---|"]
    for row in rows():
        lines.append(f"| {row.mistake} | {COMMANDS[row.who]} | {row.words} |".replace("|GROUP", "\\|GROUP"))
    return "\n".join(lines) + "\n"


def section(text):
    """(before the table, the table, behind it) of the document."""
    head, heading, rest = text.partition(HEADING)
    begin = rest.index("| mistake |")
    end = rest.find("\n\n", begin)
    end = len(rest) if end < 0 else end + 1
    return head + heading + rest[:begin], rest[begin:end], rest[end:]


def main():
    if sys.argv[1:] != ["--write"]:
        print(table(), end="")
        return
    before, _, behind = section(DOCUMENT.read_text(encoding="utf-8"))
    DOCUMENT.write_text(before + table() + behind, encoding="utf-8")


if __name__ == "__main__":
    main()
