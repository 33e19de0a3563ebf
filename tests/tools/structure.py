"""What the tree promises about itself: no circle inside a room, no export that nobody else calls, no
citation of a section that is not there.

A unit is a .c with its .h. Inside a folder the units stand in an order: one may include or call
those below it, and nobody below it calls back. An export is a function or object that is not
static; it stands in the header of its own unit.
"""

import re

# Return type on a line of its own, name at the begin of the next: as clang-format leaves it.
FUNCTION = re.compile(r"^(?P<type>(?!typedef|return|else|#)[A-Za-z_][\w \t*]*)\n(?P<name>[a-z_]\w*)\((?=[^;]*?\n\{)", re.M)
OBJECT = re.compile(r"^(?P<type>(?:const |_Thread_local )*(?:struct \w+|char|unsigned|int|bool|atomic_\w+|_Atomic \w+) (?:\*? ?const )?\*?)"
                    r"(?P<name>[a-z_]\w*)(?:\[[^\]]*\])*(?: =|;)", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
WORD = re.compile(r"[A-Za-z_]\w*")
CITED = re.compile(r'(DESIGN|PROTOCOL)\.md((?:,|\s|/?\*|#|//|(?:and\s)|section \d+(?:\.\d+)?|"[^"]+")*)')


class Unit:
    def __init__(self, name):
        self.name, self.files = name, []
        self.exports = {}  # name: (path, line)
        self.words, self.includes = set(), {}


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
        for match in INCLUDE.finditer(text):
            unit.includes[match[1][:-2]] = (path, line_of(text, match.start(1)))
        for name, line in exports_of(path, code):
            unit.exports[name] = (path, line)
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


def unused_exports(units):
    for unit in units.values():
        for name, (path, line) in sorted(unit.exports.items()):
            if name == "main":
                continue
            if not any(name in other.words for other in units.values() if other is not unit):
                yield path, line, f"{name} is exported and used nowhere else in backend/"


def titles(text):
    """Headings and the bold words that open a paragraph or stand for one."""
    return {t.strip(" .:") for t in re.findall(r"^#+ (?:\d+\. )?(.*)$", text, re.M)} | \
           {t.strip(" .:") for t in re.findall(r"\*\*([^*]+)\*\*", text)}


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


def findings(root, backend, others, blank):
    """`backend`: its .c and .h; `others`: whatever else may cite the documents."""
    units = units_of(root / "backend", backend, blank)
    yield from circles(units)
    yield from unused_exports(units)
    yield from citations(root / "backend", [*backend, *others])
