"""URL Patterns against a browser's own: the same patterns, bases and topics are asked of Chromium's
URLPattern and of build/asan/tests/urlpattern/ask, which links ours. Where they differ, one of the
rules below must say why: each is a place where Chromium departs from the standard, or where ours
refuses what it cannot translate, and says so."""
import json
import os
import re
import subprocess
from collections import Counter

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from conftest import ROOT
from urlpattern_pairs import Pairs

ASK = ROOT / "build/asan/tests/urlpattern/ask"
SEED = int(os.environ.get("URLPATTERN_SEED", "1"))
ROWS = int(os.environ.get("URLPATTERN_ROWS", "4000"))

JUDGE = r"""
const answers = [];
for (const [pattern, base, ...topics] of arguments[0]) {
    const bases = base === null ? [] : [base];
    let made, text = "+";
    try { made = new URLPattern(pattern, ...bases) } catch (error) { answers.push("-" + error.message); continue }
    for (const topic of topics) {
        let url;
        try { url = new URL(topic, ...bases) } catch { text += "u"; continue }
        text += made.test(topic, ...bases) ? "y" : "n";
    }
    answers.push(text);
}
return answers;
"""

SPECIAL = re.compile(r"(https?|wss?|ftp|file):", re.I)


def is_special(topic, base):
    has_scheme = re.match(r"[a-z][a-z0-9+.-]*:", topic, re.I)
    return bool(SPECIAL.match(topic if has_scheme else base or ""))


# Whether there is such a pattern: (why, does it apply to this pattern and base, and these two answers).
PATTERN_RULES = [
    ("ours: cannot be translated to PCRE2, and says so (a lookbehind of no fixed length; a back reference that "
     "may see an earlier round)",
     lambda p, b, ours, theirs: "cannot be translated" in ours),
    ("Chromium takes a hostname's text that begins with `/` for the empty string; the standard's host parser fails",
     lambda p, b, ours, theirs: "the hostname `/" in ours and theirs[0] == "+"),
    ("Chromium refuses a text within a pathname whose `..` leaves it; the standard's parser goes no higher",
     lambda p, b, ours, theirs: "Invalid pathname" in theirs and ".." in p.replace("%2e", ".")),
    ("Chromium has standard schemes of its own (chrome, filesystem, …), which a protocol with a group may match",
     lambda p, b, ours, theirs: re.match(r"[^:/]*[*:({]", p) and not re.match(r"(https?|wss?|ftp|file)://", p)),
]
# Whether a topic is a URL, and matches: (why, does it apply to this pattern, base, topic and these two answers).
TOPIC_RULES = [
    ("ours: the steps of one match are bounded",
     lambda p, b, t, both: both[0] == "L"),
    ("Chromium: so are its own",
     lambda p, b, t, both: both == "yn" and re.search(r"\*\*|:\w+[*+]", p)),
    ("Chromium's URL parser: a blank in a host, a `%` in an IPv6 address",
     lambda p, b, t, both: "u" in both and (" " in t or re.search(r"\[[^]]*%", t))),
    ("Chromium's URL parser: file URLs with an empty or an odd host, and localhost, which the standard drops",
     lambda p, b, t, both: (t if ":" in t else b or "").startswith("file:")),
    ("Chromium's URLPattern takes a topic's port 0 for none",
     lambda p, b, t, both: re.search(r":0+([/?#\\]|$)", t)),
    ("Chromium's URL parser encodes `'` in every query, the standard only in those of special schemes",
     lambda p, b, t, both: "'" in p and not is_special(t, b)),
    ("Chromium's URL parser encodes `|` and `^` in paths of all schemes, its URLPattern in special ones alone",
     lambda p, b, t, both: both == "yn" and re.search(r"[|^\\]", t) and not is_special(t, b)),
    ("Chromium drops a `?` with which the text of a search begins, also an escaped one",
     lambda p, b, t, both: re.search(r"\\\?|\?\{", p)),
    ("Chromium drops a `#` with which the text of a hash begins",
     lambda p, b, t, both: both == "yn" and "#" in p.partition("#")[2]),
    ("Chromium takes an empty pattern with a base whose path is opaque for a wildcard",
     lambda p, b, t, both: both == "ny" and p == ""),
    ("Chromium keeps a `#` within a `{ }` of an opaque path; the standard's parser leaves the path there",
     lambda p, b, t, both: re.search(r"\{[^}]*#", p) and not is_special(t, b)),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = webdriver.ChromeOptions()
    for flag in ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.binary_location = "/usr/bin/chromium"
    driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    yield driver
    driver.quit()


def ask(rows):
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run([ASK], input=lines, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answers = done.stdout.split("\n")[:-1]
    assert len(answers) == len(rows)
    return answers


def differences(rows, ours, theirs):
    """(pattern, base, topic or None, our answer, theirs) for each."""
    for (pattern, base, *topics), mine, other in zip(rows, ours, theirs):
        if mine[0] != other[0]:
            yield pattern, base, None, mine, other
        elif mine[0] == "+":
            yield from ((pattern, base, *two) for two in zip(topics, mine[1:], other[1:]) if two[1] != two[2])


def reason(pattern, base, topic, mine, other):
    for why, applies in PATTERN_RULES if topic is None else TOPIC_RULES:
        if topic is None and applies(pattern, base, mine, other):
            return why
        if topic is not None and applies(pattern, base, topic, mine + other):
            return why
    return None


def compare(browser, rows, what):
    ours, theirs = ask(rows), browser.execute_script(JUDGE, rows)
    reasons, unexplained = Counter(), []
    for difference in differences(rows, ours, theirs):
        why = reason(*difference)
        reasons[why] += 1
        if why is None:
            unexplained.append(difference)
    answers = Counter("".join(answer[1:] for answer in theirs if answer[0] == "+"))
    valid = sum(answer[0] == "+" for answer in theirs)
    print(f"seed {SEED}: {len(rows)} {what} ({valid} valid), {answers['y'] + answers['n']} pairs ({answers['y']} match)")
    for why, count in reasons.most_common():
        print(f"{count:5} differ: {why}")
    assert not unexplained, unexplained[:20]
    assert valid > len(rows) / 3 and answers["y"] > len(rows) / 6, "the generator makes too little that matters"
    assert sum(reasons.values()) < 0.02 * sum(map(len, rows)), "the rules explain away too much"


def test_every_pattern_is_to_us_what_it_is_to_the_browser(browser):
    compare(browser, list(Pairs(SEED).rows(ROWS)), "patterns")


def test_every_regular_expression_is_to_us_what_it_is_to_the_browser(browser):
    compare(browser, list(Pairs(SEED).dense_rows(ROWS // 2)), "expressions")


def test_properties_are_the_browser_s(browser):
    table = (ROOT / "backend/topic/regex_property.c").read_text()
    names = {name for line in re.findall(r'"( [^"\\]+ |[A-Z][^"\\]+ )"', table) for name in line.split()}
    wrong = {"Latin", "latin", "lu", "Hrkt", "Block", "Other_Alphabetic", "Composition_Exclusion", "InCB", "Is_L", "Any_"}
    topics = [f"https://e.com/#{c}" for c in "AZakSsz059_-$(~^+&.@!"]
    said = [*names, *wrong, *(f"{key}={name}" for name in sorted(names | wrong)
                              for key in ("Script", "scx", "gc"))]
    rows = [[f"https://e.com/#([{n}\\p{{{name}}}])", None, *topics] for name in said for n in ("", "^")]
    ours, theirs = ask(rows), browser.execute_script(JUDGE, rows)
    assert len(names) > 500
    assert [row[0] for row, a, b in zip(rows, ours, theirs) if a != b and a[0] + b[0] != "--"] == []
    print(f"{len(names)} names, {sum(answer[0] == '+' for answer in ours)} of {len(rows)} expressions valid")
