"""A directive is known in one row of backend/config/options.def, or not at all.

Whatever else names one is held against the rows: the fields of the configuration, the bounds that
are counted, the sentences that begin with a directive's name, and the pages that tell of it.
"""

import re

ROW = re.compile(r'^(OPTION|INNER|SPECIAL|PART|PAST|ACCEPTED|RENAMED|REFUSED)\((?:"([a-z ]+)", )?(\w+)(?:, (\w+), (\w+))?', re.M)
# By its name in the code: settings_refuse(c, "tail", ...), option_find("history", SLICE("max_age")).
NAMED = re.compile(r'\b\w+\((?:c|r|r->config|p->rules->config), "([a-z_0-9]+)"|'
                   r'\boption_find\((?:NULL|"[a-z ]+"), SLICE\("(\w+)"\)|'
                   r'\breading_place\(r, SLICE\("(\w+)"\)|'
                   r'\breading_has_seen\(r, NULL, "(\w+)"\)|'
                   r'\bset_list\(r, "\w+", "(\w+)"\)|'
                   r'\bslice_eq\(d->words\[0\], SLICE\("(\w+)"\)')
WRAPPER = "mercure"  # of a pasted block: the one word that opens a line and is no directive
# Words of these forms are directives wherever a page has them.
TOLD = re.compile(r"\b(max_[a-z_]+[a-z]|(?:head|body|idle|keepalive|reply|linger|write|shutdown|key_wait)_timeout)\b")
PAGES = ("README.md", "backend/DESIGN.md", "backend/cli/alipes.8", "backend/cli/alipes.conf.5", "proxy-config/README.md")


def line_of(text, at):
    return text.count("\n", 0, at) + 1


def rows_of(text):
    """Names of ours, fields that a row sets, and what is odd about the order of rows."""
    names, fields, odd, above = set(), set(), [], None
    for match in ROW.finditer(text):
        kind, _, name, _, field = match.groups()
        if kind in ("PART", "PAST") and name != above:
            odd.append((line_of(text, match.start()), f"{kind}({name}, ...) stands below the row of {above}"))
        if kind in ("OPTION", "INNER", "PART"):
            fields.add(field)
        if kind in ("OPTION", "INNER", "SPECIAL"):
            above = name
            names.add(name)
    return names, fields, odd


def fields_of(header):
    """{name: line} of the members of struct config that directives fill."""
    begin = header.index("/* As directives say")
    part = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m[0]), header[begin:header.index("/* Of issuers")], flags=re.S)
    found, at = {}, line_of(header, begin)
    for statement in part.split(";"):
        declared = re.sub(r"^\s*(?:struct |enum )?\w+\s", "", statement)
        for name in re.findall(r"(\w+)(?:\[\w+\])?\s*(?:,|$)", declared):
            found[name] = at + statement.count("\n")
        at += statement.count("\n")
    return found


def findings(root):
    def read(name):
        return (root / name).read_text(encoding="utf-8")

    table = root / "backend/config/options.def"
    names, fields, odd = rows_of(read("backend/config/options.def"))
    for line, what in odd:
        yield table, line, what
    for name, line in fields_of(read("backend/config/settings.h")).items():
        if name not in fields:
            yield root / "backend/config/settings.h", line, f"struct config has {name}, and no row of options.def sets it"
    metrics = read("backend/metrics/metrics.def")
    for match in re.finditer(r"^BOUND\((\w+),", metrics, re.M):
        if match[1] not in names:
            yield root / "backend/metrics/metrics.def", line_of(metrics, match.start()), f"{match[1]} is counted, and is no row of options.def"
    for path in [root / "backend/main.c", *sorted((root / "backend/config").glob("*.c"))]:
        text = path.read_text(encoding="utf-8")
        for match in NAMED.finditer(text):
            name = next(filter(None, match.groups()))
            if name not in names and name != WRAPPER:
                yield path, line_of(text, match.start()), f"the directive {name} has no row in options.def"
    for page in PAGES:
        if not (root / page).is_file():
            continue
        text = read(page)
        for match in TOLD.finditer(text):
            if match[1] not in names:
                yield root / page, line_of(text, match.start()), f"{match[1]} has no row in options.def"
