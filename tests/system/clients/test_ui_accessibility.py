"""The page for people under axe-core as npm has it: each part, wide and narrow, light and dark, empty and with what comes."""
import json
import time

import pytest

from conftest import publish, token, wait_for
from packages import npm, say, version
from ui_page import ALL, site

WIDE, NARROW = (1400, 1000), (360, 800)


@pytest.fixture(scope="module")
def axe():
    folder = npm("axe", "axe-core")
    say(f"axe-core {version(folder, 'axe-core')}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with site(tmp_path_factory.mktemp("ui"), "caddy-http") as each:
        yield each


def findings(page, axe):
    page.browser.execute_script(axe)
    found = page.browser.execute_async_script("axe.run(document).then(arguments[0], error => arguments[0]({violations: [{id: String(error), nodes: []}]}))")
    assert found["violations"] or {"color-contrast", "label", "aria-required-children"} <= {one["id"] for one in found["passes"]}, "it has looked"
    return [(one["id"], one.get("impact"), [node["html"][:160] for node in one["nodes"]]) for one in found["violations"]]


def look(page, size, scheme):
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size is NARROW})
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_nothing_keeps_anybody_from_the_page(page, axe, size, scheme):
    look(page, size, scheme)
    page.open("token=")
    assert findings(page, axe) == [], "empty"
    page.open("topic=axe&connect&token=" + ALL)
    page.sees("state", "connected")
    page.browser.execute_script("document.getElementById('recipes').open = true")
    for i in range(40):
        publish(page.hub.socket, topic="axe", data=json.dumps({"n": i}), type="odd" if i % 2 else "")
    page.is_kept(40)
    page.press("row-1")
    page.all("#publish button.main")[0].click()
    page.sees("answer-status", "200")
    assert findings(page, axe) == [], "events"
    wide = page.browser.execute_script("return document.documentElement.scrollWidth > document.documentElement.clientWidth")
    assert not wide, "nothing is wider than the window"
    page.tab("token")
    page.press("ask")
    page.sees("verdict-publish", "taken")
    assert findings(page, axe) == [], "token"
    page.tab("connected")
    page.press("look")
    page.sees("connected-state", "active")
    assert findings(page, axe) == [], "connected"
    page.tab("now")
    page.sees("charts", "open")
    wait_for(lambda: len(page.all("#charts canvas")) == 7, "the charts")
    assert findings(page, axe) == [], "now"
    page.open("topic=axe&token=" + token([], key="k" * 32, exp=int(time.time()) - 5))
    page.press("connect")
    page.sees("state", "closed")
    page.all("#publish button.main")[0].click()
    page.sees("answer-status", "401")
    assert findings(page, axe) == [], "refused"
