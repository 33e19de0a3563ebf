"""What the tree promises about itself: no circle inside a room, no export that nobody else calls, no
citation of a section that is not there.

A unit is a .c with its .h; a header without a .c belongs to the one unit that has all the bodies it
declares, as its second door. Inside a folder the units stand in an order: one may include or call
those below it, and nobody below it calls back. An export is a function or object that is not
static; it stands in a header of its own unit, and somebody else uses it: a file of another unit, or
a macro or inline function of that header.
"""

import collections
import re

# Return type on a line of its own, name at the begin of the next: as clang-format leaves it.
DECLARED = re.compile(r"^(?![ \t#}]|typedef|return|static\b|struct \w+ \{)[^;{}#]*?\b(?P<name>[a-z_]\w*)\((?=[^;{]*;)", re.M)
INLINE = re.compile(r"^static inline \w[\w \t*]*\n(?P<name>[a-z_]\w*)\(", re.M)
INLINED = re.compile(r"^#\s*define\b(?:[^\n]*\\\n)*[^\n]*|^\{\n.*?^\}", re.M | re.S)
FUNCTION = re.compile(r"^(?P<type>(?!typedef|return|else|#)[A-Za-z_][\w \t*]*)\n(?P<name>[a-z_]\w*)\((?=[^;]*?\n\{)", re.M)
OBJECT = re.compile(r"^(?P<type>(?:const |_Thread_local )*(?:struct \w+|char|unsigned|int|bool|atomic_\w+|_Atomic \w+) (?:\*? ?const )?\*?)"
                    r"(?P<name>[a-z_]\w*)(?:\[[^\]]*\])*(?: =|;)", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
WORD = re.compile(r"[A-Za-z_]\w*")
CITED = re.compile(r'(DESIGN|PROTOCOL)\.md((?:,|\s|/?\*|#|//|(?:and\s)|section \d+(?:\.\d+)?|"[^"]+")*)')


# What only tests call, because the hub can do no more than they: {name: why}.
FOR_TESTS = {
    "pattern_of_init": "rows of the standard's own tests that no pattern string can be",
}


class Unit:
    def __init__(self, name):
        self.name, self.files = name, []
        self.exports = {}  # name: (path, line)
        self.words, self.includes = set(), {}
        self.declared = {}  # name: (path, line) in a header
        self.inlined = set()  # words of a header's macros and inline functions
        self.inline = {}  # name: (path, line)
        self.counts = collections.Counter()


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def exports_of(path, code):
    if path.suffix != ".c":
        return
    for match in FUNCTION.finditer(code):
        if not match["type"].startswith("static") and "static" not in match["type"].split():
            yield match["name"], line_of(code, match.start("name"))
    for match in OBJECT.finditer(code):
        yield match["name"], line_of(code, match.start("name"))


def merge(into, unit):
    into.files += unit.files
    into.words |= unit.words
    into.includes.update(unit.includes)
    into.declared.update(unit.declared)
    into.inlined |= unit.inlined
    into.inline.update(unit.inline)
    into.counts.update(unit.counts)


def second_doors(units):
    """Headers without a .c go to the unit that has all that they declare."""
    for name, unit in list(units.items()):
        if unit.declared and not any(p.suffix == ".c" for p in unit.files):
            bodies = {other.name for other in units.values()
                      if folder_of(other.name) == folder_of(name) and set(unit.declared) & set(other.exports)}
            if len(bodies) == 1:
                owner = bodies.pop()
                merge(units[owner], units.pop(name))
                for other in units.values():
                    if name in other.includes:
                        other.includes.setdefault(owner, other.includes.pop(name))


def units_of(root, paths, blank):
    """{folder/stem: Unit}, of backend/ alone."""
    units = {}
    for path in paths:
        inside = path.relative_to(root)
        unit = units.setdefault(str(inside.with_suffix("")), Unit(str(inside.with_suffix(""))))
        text = path.read_text(encoding="utf-8")
        code = blank(text)
        unit.files.append(path)
        unit.words |= set(WORD.findall(code))
        unit.counts.update(WORD.findall(code))
        for match in INCLUDE.finditer(text):
            unit.includes[match[1][:-2]] = (path, line_of(text, match.start(1)))
        for name, line in exports_of(path, code):
            unit.exports[name] = (path, line)
        if path.suffix == ".h":
            unit.inlined |= set(WORD.findall("\n".join(INLINED.findall(code))))
            for match in INLINE.finditer(code):
                unit.inline[match["name"]] = (path, line_of(code, match.start("name")))
            for match in DECLARED.finditer(code):
                unit.declared[match["name"]] = (path, line_of(code, match.start("name")))
    second_doors(units)
    return units


def folder_of(name):
    return name.rpartition("/")[0]


def leans_on(unit, units):
    """Units of its own folder that it includes or calls: {name: why}."""
    found = {}
    for other in units.values():
        if other is unit or folder_of(other.name) != folder_of(unit.name):
            continue
        called = sorted(unit.words & set(other.exports))
        if called:
            found[other.name] = f"{called[0]}()"
        elif other.name in unit.includes:
            found[other.name] = "#include"
    return found


def a_circle(edges):
    """A shortest way from a unit back to itself, through each strongly connected part once."""
    left = set(edges)
    while left:
        best = None
        for start in sorted(left):
            ways, queue = {start: None}, [start]
            for at in queue:
                for to in sorted(edges[at]):
                    if to == start:
                        way = [start]
                        node = at
                        while node is not None:
                            way.append(node)
                            node = ways[node]
                        if best is None or len(way) < len(best):
                            best = way[::-1]
                        break
                    if to in left and to not in ways:
                        ways[to] = at
                        queue.append(to)
        if best is None:
            return
        yield best
        left -= set(best)


def circles(units):
    edges = {name: leans_on(unit, units) for name, unit in units.items()}
    for way in a_circle(edges):
        steps = [f"{a} -> {b} ({edges[a][b]})" for a, b in zip(way, way[1:])]
        yield units[way[0]].files[0], 1, f"a circle inside {folder_of(way[0])}/: {', '.join(steps)}"


def unused_inlines(units):
    for unit in units.values():
        for name, (path, line) in sorted(unit.inline.items()):
            if sum(other.counts[name] for other in units.values()) == 1:
                yield path, line, f"{name} is used nowhere in backend/"


def exports(units):
    for unit in units.values():
        for name, (path, line) in sorted(unit.exports.items()):
            used = name in unit.inlined or any(
                name in (other.words - set(other.declared)) | other.inlined
                for other in units.values() if other is not unit)
            if name != "main" and not used and name not in FOR_TESTS:
                yield path, line, f"{name} is exported and used nowhere else in backend/"
            if used and name in FOR_TESTS:
                yield path, line, f"{name} is used, and need not stand in FOR_TESTS"
            for other in units.values():
                if other is not unit and name in other.declared and any(p.suffix == ".c" for p in other.files):
                    yield *other.declared[name], f"{name}() has its body in {unit.name}.c, but is declared here"


def titles(text):
    """Headings, with what stands in brackets behind them or without, and words in bold."""
    found = re.findall(r"^#+ (?:\d+\. )?(.*)$", text, re.M) + re.findall(r"\*\*([^*]+)\*\*", text)
    return {t.strip(" .:") for t in found} | {t.partition(" (")[0] for t in found}


def citations(backend, paths):
    documents = {name: (backend / f"{name}.md").read_text(encoding="utf-8") for name in ("DESIGN", "PROTOCOL")}
    known = {name: titles(text) for name, text in documents.items()}
    sections = {name: set(re.findall(r"^#+ (\d+)\. ", text, re.M)) for name, text in documents.items()}
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for match in CITED.finditer(text):
            document, what = match[1], match[2]
            for number in re.findall(r"section (\d+)", what):
                if number not in sections[document]:
                    yield path, line_of(text, match.start()), f"{document}.md has no section {number}"
            for title in re.findall(r'"([^"]+)"', what):
                title = re.sub(r"\s*\n[\s*#/]*", " ", title)
                if title not in known[document]:
                    yield path, line_of(text, match.start()), f'{document}.md has no section "{title}"'


def findings_of_module(root, paths, blank):
    """The module for Apache: a room of its own."""
    units = units_of(root, paths, blank)
    yield from circles(units)
    yield from exports(units)
    yield from unused_inlines(units)


def findings(root, backend, others, blank):
    """`backend`: its .c and .h; `others`: whatever else may cite the documents."""
    units = units_of(root / "backend", backend, blank)
    yield from circles(units)
    yield from exports(units)
    yield from unused_inlines(units)
    yield from citations(root / "backend", [*backend, *others])
