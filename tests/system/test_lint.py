"""`make lint` refuses what the tree promises not to have: each fault is put into a copy of it."""
import shutil
import subprocess

import pytest

from conftest import ROOT

NEEDED = (".clang-format", "Makefile", "README.md", "Dockerfile", "backend", "tests/conformance", "tests/system", "tests/tools", "tests/unit")


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """What lint reads, and nothing else."""
    copy = tmp_path_factory.mktemp("tree")
    for name in NEEDED:
        (copy / name).parent.mkdir(exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, copy / name)
    return copy


def lint(tree):
    done = subprocess.run(["/usr/bin/python3", "tests/tools/lint.py"], cwd=tree, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def header(name, includes, declares):
    guard = name.upper().replace("/", "_").replace(".", "_")
    lines = "".join(f'#include "{i}"\n' for i in includes)
    return f"#ifndef {guard}\n#define {guard}\n\n{lines}{lines and chr(10)}{declares}\n\n#endif\n"


def unit(name, uses, body):
    """{path: text} of a file with one function, and of its header."""
    prefix = name.rpartition("/")[2]
    lines = "".join(f'#include "{i}"\n' for i in [f"{name}.h", *uses])
    lines = lines.replace("\n", "\n\n", 1) if uses else lines
    return {f"{name}.h": header(f"{name}.h", [], f"int {prefix}_go(int);"),
            f"{name}.c": f"/* {prefix} - a unit. */\n\n{lines}\nint\n{prefix}_go(int n)\n{{\n    return {body};\n}}\n"}


# Each a fault, the files that have it, and what lint says.
FAULTS = {
    "a circle of calls inside a folder": (
        unit("topic/aa", ["topic/bb.h"], "bb_go(n)") | unit("topic/bb", ["topic/aa.h"], "aa_go(n)"),
        "a circle inside topic/: topic/aa -> topic/bb (bb_go()), topic/bb -> topic/aa (aa_go())"),
    "a circle of includes inside a folder": (
        {"loop/aa.h": header("loop/aa.h", ["loop/bb.h"], "struct aa;"),
         "loop/bb.h": header("loop/bb.h", ["loop/aa.h"], "struct bb;")},
        "a circle inside loop/: loop/aa -> loop/bb (#include), loop/bb -> loop/aa (#include)"),
    "an include that goes up": (
        {"base/aa.h": header("base/aa.h", ["topic/url.h"], "struct aa;")},
        "base/ (row 1) must not include topic/url.h (topic, row 3)"),
    "an include of a neighbour": (
        {"loop/aa.h": header("loop/aa.h", ["topic/url.h"], "struct aa;")},
        "loop/ (row 3) must not include topic/url.h (topic, row 3)"),
    "a section of the design that is not there": (
        {"base/aa.h": header("base/aa.h", [], "/* DESIGN.md, section 99. */\nstruct aa;")},
        "DESIGN.md has no section 99"),
    "a title of the protocol that is not there": (
        {"base/aa.h": header("base/aa.h", [], '/* As told (PROTOCOL.md, "Publish" and "No\n * where"). */\nstruct aa;')},
        'PROTOCOL.md has no section "No where"'),
    "an export that nobody uses": (
        unit("base/aa", [], "n"), "aa_go is exported and used nowhere else in backend/"),
    "an export that only its own header declares a second time": (
        unit("base/aa", [], "n") | {"base/bb.h": header("base/bb.h", [], "int aa_go(int);"),
                                    "base/bb.c": '/* bb - a unit. */\n\n#include "base/bb.h"\n'},
        "aa_go is exported and used nowhere else in backend/"),
    "an inline function that nobody uses": (
        {"base/aa.h": header("base/aa.h", [], "static inline int\naa_go(int n)\n{\n    return n;\n}")},
        "aa_go is used nowhere in backend/"),
    "a function that another file's header declares": (
        {"base/aa.c": '/* aa - a unit. */\n\n#include "base/bb.h"\n\nint\naa_go(int n)\n{\n    return n;\n}\n',
         "base/bb.h": header("base/bb.h", [], "int aa_go(int);\nint bb_go(int);"),
         "base/bb.c": '/* bb - a unit. */\n\n#include "base/bb.h"\n\nint\nbb_go(int n)\n{\n    return n;\n}\n'},
        "aa_go() has its body in base/aa.c, but is declared here"),
}


def test_the_tree_as_it_is_has_no_finding(tree):
    code, said = lint(tree)
    assert code == 0 and ", 0 findings" in said, said


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_where_it_is(tree, fault):
    files, sentence = FAULTS[fault]
    paths = {tree / "backend" / name: text for name, text in files.items()}
    assert not any(path.exists() for path in paths)
    for path, text in paths.items():
        path.write_text(text)
    try:
        code, said = lint(tree)
    finally:
        for path in paths:
            path.unlink()
    assert code == 1
    found = [line for line in said.splitlines() if line.endswith(sentence)]
    assert found and found[0].partition(":")[0].removeprefix("backend/") in files, said


def test_a_macro_or_an_inline_function_of_its_header_uses_an_export(tree):
    files = unit("base/aa", [], "n")
    files["base/aa.h"] = header("base/aa.h", [], "int aa_go(int);\n#define AA_TWICE(n) aa_go((n) + (n))")
    files["base/aa.h"] = files["base/aa.h"].replace("int);\n#define", "int);\n\n#define")
    paths = {tree / "backend" / name: text for name, text in files.items()}
    for path, text in paths.items():
        path.write_text(text)
    try:
        code, said = lint(tree)
    finally:
        for path in paths:
            path.unlink()
    assert code == 0, said


# Each a file, what is written there instead of what, and what lint says.
NAMELESS = {
    "a bound that is counted": (
        "metrics/metrics.def", "BOUND(max_streams,", "BOUND(max_stream,", "max_stream is counted, and is no row of options.def"),
    "a field of the configuration": (
        "config/settings.h", "    uint64_t workers,", "    uint64_t walkers, workers,", "struct config has walkers, and no row of options.def sets it"),
    "a sentence that begins with its name": (
        "config/judge.c", 'settings_refuse(c, "healthz"', 'settings_refuse(c, "health"', "the directive health has no row in options.def"),
    "a page that tells of it": (
        "DESIGN.md", "`max_pending_bytes`", "`max_pending_byte`", "max_pending_byte has no row in options.def"),
    "a row that is gone": (
        "config/options.def", "OPTION(client_share,", "REFUSED(client_share,", "client_share is counted, and is no row of options.def"),
}


@pytest.mark.parametrize("what", NAMELESS)
def test_a_directive_without_a_row_is_found(tree, what):
    name, right, wrong, sentence = NAMELESS[what]
    path = tree / "backend" / name
    text = path.read_text()
    assert right in text
    path.write_text(text.replace(right, wrong, 1))
    try:
        code, said = lint(tree)
    finally:
        path.write_text(text)
    assert code == 1 and sentence in said, said


# Rows of a table of the specifications, and what is said of each; None: nothing.
ROWS = [
    ("4\tMUST\tA\tsystem/test_lint.py::test_the_tree_as_it_is_has_no_finding unit/base/test_buf.c::an_empty_buffer_owns_nothing\t", None),
    ("4\tMUST NOT\tA\tnone: so\tnote", None),
    ("4\tSHOULD\tA\tnot yet: system/test_to_come.py system/test_lint.py::test_to_come\t", None),
    ("4\tMUST\tB\tsystem/test_lint.py::test_nothing\t", "tests/system/test_lint.py has no test test_nothing"),
    ("4\tMUST\tC\tunit/base/test_slice.c::nothing\t", "tests/unit/base/test_slice.c has no test nothing"),
    ("4\tMUST\tD\tunit/base/test_buf.c::an_empty_buffer_owns_nothing system/test_buf.py::test_a\t", "tests/system/test_buf.py is not there"),
    ("4\tMUST\tE\tunit/base/test_buf.c::an_empty_buffer\t", "tests/unit/base/test_buf.c has no test an_empty_buffer"),
    ("4\tMUST\tF\tsystem/test_lint.py::lint\t", "system/test_lint.py::lint names no test"),
    ("4\tMUST\tG\ttools/lint.py::main\t", "tools/lint.py::main names no test"),
    ("4\tMUST\tH\t\t", "no test, and no `none: why`"),
    ("4\tMUST\tI\tnone: \t", "no test, and no `none: why`"),
    ("4\tMUST\tJ\tnot yet: system/test_lint.py::test_the_tree_as_it_is_has_no_finding\t",
     "system/test_lint.py::test_the_tree_as_it_is_has_no_finding is there: it is no longer `not yet`"),
    ("4\tMUST\tK\tnot yet: system/test_lint.py\t", "system/test_lint.py is there: it is no longer `not yet`"),
    ("4\tMAY\tL\tnone: so\t", "'MAY' is no level: MUST, MUST NOT, SHOULD, SHOULD NOT, RECOMMENDED, REQUIRED"),
    ("4\tMUST\tM\tnone: so", "4 columns instead of 5: section, level, requirement, tests, note"),
    ("\tMUST\tN\tnone: so\t", "a row has a section and a requirement"),
    ("4\tMUST\tA\tnone: so\t", "twice: 4 MUST A"),
]


def test_a_row_of_the_specifications_without_its_test_is_found(tree):
    path = tree / "tests/conformance/mercure-2.0.tsv"
    path.write_text("section\tlevel\trequirement\ttests\tnote\n" + "".join(f"{row}\n" for row, _ in ROWS))
    try:
        code, said = lint(tree)
    finally:
        path.unlink()
    lines = [line for line in said.splitlines() if line.startswith("tests/conformance/")]
    assert code == 1 and lines == [f"tests/conformance/mercure-2.0.tsv:{number}: {sentence}"
                                   for number, (_, sentence) in enumerate(ROWS, 2) if sentence]


def test_make_conformance_prints_every_row_and_counts_them(tree):
    done = subprocess.run(["/usr/bin/python3", "tests/tools/conformance.py"], cwd=tree, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    for path in (tree / "tests/conformance").glob("*.tsv"):
        rows = [line.split("\t") for line in path.read_text().splitlines()[1:]]
        assert f"{path.stem}: {len(rows)} requirements, " in done.stdout
        for _, level, requirement, tests, note in rows:
            assert f"    {level:<11} {requirement}\n" in done.stdout
