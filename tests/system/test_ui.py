"""The page for people, in a real browser, behind the project's files for Caddy and Apache with TLS: each of its controls. What
the hub sends of it: test_ui_files.py; how well it can be read by everybody: clients/test_ui_accessibility.py; how fast: tests/bench/page.py."""
import functools
import http.server
import json
import re
import subprocess
import threading
import time

import jwt
import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from conftest import KEY, PATH, ROOT, Client, free_port, publish, token, wait_for
from ui_page import ALL, SET, Page, site

FILES = ROOT / "backend/ui"


@pytest.fixture(scope="module", params=["caddy-http", "apache-http", "apache-module"])
def page(request, tmp_path_factory):
    with site(tmp_path_factory.mktemp("ui"), request.param) as each:
        yield each


@pytest.fixture(scope="module")
def caddy(tmp_path_factory):
    with site(tmp_path_factory.mktemp("ui"), "caddy-http") as each:
        yield each


# --- every control --------------------------------------------------------------------------------

def test_every_control_is_used_here():
    mine = (ROOT / "tests/system/test_ui.py").read_text()
    controls = re.findall(r'<(?:input|select|textarea|button)\b[^>]*?\b(?:id|class)="([\w-]+)', (FILES / "index.html").read_text())
    unused = {name for name in controls if not re.search(rf'"[^"\n]*\b{name}\b[^"\n]*"', mine)}
    assert len(controls) > 30 and unused - {"main", "tab-token", "tab-connected", "tab-now"} == set()


def test_it_subscribes_to_several_matchers_and_lets_go(page):
    page.open()
    page.write(page.all("#matchers .value")[0], "https://example.com/a")
    page.press("add-matcher")
    page.write(page.all("#matchers .value")[1], "https://example.com/b/{id}")
    page.press("add-matcher")
    page.write(page.all("#matchers .value")[2], "https://example.com/c")
    page.all("#matchers .remove")[2].click()
    page.connect()
    assert (page.text("attempts"), page.text("last-status")) == ("1", "200")
    for topic in "a", "b/1", "c", "b/2":
        publish(page.hub.socket, topic=f"https://example.com/{topic}", data=topic)
    page.is_kept(3)
    assert page.rows() == [["message", "b/2"], ["message", "b/1"], ["message", "a"]]
    page.press("disconnect")
    page.sees("state", "disconnected")
    wait_for(lambda: "event=stream_end" in page.hub.log(), "its end")
    assert not page("disconnect").is_enabled()
    page.connect()
    publish(page.hub.socket, topic="https://example.com/a", data="again")
    page.is_kept(4)


def test_over_http2_behind_apache_it_does_too(tmp_path):
    with site(tmp_path, "apache-http", http2=True) as page:
        page.open("topic=*&connect&token=" + ALL)
        page.sees("state", "connected")
        page.all("#publish button.main")[0].click()
        page.is_kept(1)
        assert page.browser.execute_script("return performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"


def test_it_begins_where_it_is_told(page):
    first, second, third = (publish(page.hub.socket, topic="from", data=f"{page.url} {i}").body.decode() for i in range(3))
    page.open(f"topic=from&token={ALL}")
    page.choose("from", "earliest")
    page.connect()
    page.sees("cursor", "earliest")
    wait_for(lambda: page.rows()[:1] == [["message", f"{page.url} 2"]], "the last")
    page.press("clear")
    page.choose("from", "id")
    page.write("from-id", first)
    page.connect()
    page.sees("cursor", first)
    page.is_kept(2)
    assert [data for _, data in page.rows()] == [f"{page.url} 2", f"{page.url} 1"]
    page.press("clear")
    page.choose("from", "now")
    page.connect()
    page.sees("cursor", "none")
    assert page.text("event-count") == ""


def test_the_token_goes_by_header_query_or_cookie(page):
    page.open(f"topic=secret&token={ALL}")
    page.tab("token")
    page.press("cookie-set")
    page.sees("cookie-note", "The browser has it")
    page.tab("events")
    for n, by in enumerate(("header", "query", "cookie")):
        page.choose("subscribe-by", by)
        page.choose("publish-by", by if by != "query" else "header")
        page.connect()
        page.write("topics", "secret")
        page.write("data", f"by {by}")
        if not page("private").is_selected():
            page.press("private")
        page.all("#publish button.main")[0].click()
        page.is_kept(n + 1)
        page.sees("answer-status", "200")
    page.choose("subscribe-by", "none")
    page.choose("publish-by", "none")
    page.connect()
    page.all("#publish button.main")[0].click()
    page.sees("answer-status", "401")
    page.sees("answer-sentence", "There is no token")
    page.sees("answer-reason", "no_token")
    publish(page.hub.socket, topic="secret", data="public")
    page.is_kept(4)
    page.tab("token")
    page.press("cookie-drop")
    page.tab("events")
    page.choose("subscribe-by", "cookie")
    page.choose("publish-by", "cookie")
    page.all("#publish button.main")[0].click()
    page.sees("answer-status", "401")


def test_it_publishes_all_that_a_publish_can_say(page):
    page.open("topic=https://example.com/1&connect&token=" + ALL)  # `*` hears who left, too, and a front tells that late
    page.sees("state", "connected")
    page.write("topics", f"https://example.com/1\nurn:{page.url}")
    page.write("data", '{"a":[1,{"b":"ü"}]}')
    page.write("type", "chat")
    page.write("retry", "1234")
    page.write("id", f"urn:mine:{page.url}")
    page.press("private")
    page.all("#publish button.main")[0].click()
    page.sees("answer-id", f"urn:mine:{page.url}")
    page.sees("answer-sentence", "It is published")
    page.is_kept(1)
    page.press("row-0")
    page.sees("event-id", f"urn:mine:{page.url}")
    page.sees("event-type", "chat")
    page.sees("event-asked", "topic=https://example.com/1")
    page.sees("event-hint", 'source.addEventListener("chat", ...)')
    assert page.text("event-data") == '{\n  "a": [\n    1,\n    {\n      "b": "ü"\n    }\n  ]\n}'
    page.write("topics", f"{page.url}{PATH}/subscriptions/x")
    page.all("#publish button.main")[0].click()
    page.sees("answer-status", "403")


def test_a_refused_stream_says_why_and_stays_closed(caddy):
    page = caddy.open("topic=a&token=x.y.z")
    page.press("connect")
    page.sees("state", "closed")
    page.sees("subscribe-problem", "401")
    page.sees("subscribe-problem", "event=refused")
    page.sees("subscribe-problem", "malformed")
    assert page.text("last-status") == "401"


def test_a_hub_that_restarts_is_waited_for_and_nothing_is_missed(tmp_path):
    with site(tmp_path, "caddy-http", SET + f"transport log {{\n path {tmp_path}/history\n}}") as page:
        page.open(f"topic=a&token={ALL}")
        page.connect()
        publish(page.hub.socket, topic="a", data="before")
        page.is_kept(1)
        page.hub.server.process.kill()
        page.hub.server.process.wait()
        page.sees("state", "again in")
        page.hub.start()
        publish(page.hub.socket, topic="a", data="meanwhile")
        page.is_kept(2)
        page.sees("state", "connected")
        assert int(page.text("attempts")) > 1


def test_events_are_filtered_held_cleared_and_exported(caddy):
    page = caddy.open("topic=list&connect&token=" + ALL)
    page.sees("state", "connected")
    for i in range(30):
        publish(page.hub.socket, topic="list", data=json.dumps({"n": i}), **({"type": "odd"} if i % 2 else {}))
    page.is_kept(30)
    page.write("filter", "odd")
    page.is_kept("15 of 30")
    assert page.rows()[0] == ["odd", '{"n": 29}']
    page.press("pause")
    publish(page.hub.socket, topic="list", data="late odd")
    page.is_kept("15 of 31")
    assert page("pause").get_attribute("aria-pressed") == "true" and page.rows()[0] == ["odd", '{"n": 29}']
    page.press("pause")
    page.is_kept("16 of 31")
    page.browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(page.folder)})
    page.press("export")
    saved = page.folder / "events.jsonl"
    lines = wait_for(lambda: saved.exists() and saved.read_text().splitlines(), "the file")
    told = [json.loads(line) for line in lines]
    assert [one["data"] for one in told] == [json.dumps({"n": i}) for i in range(1, 30, 2)] + ["late odd"]
    assert set(told[0]) == {"time", "id", "type", "data"} and told[0]["type"] == "odd" and told[-1]["type"] == "message"
    page.press("clear")
    page.is_kept("")


def test_the_list_is_walked_by_keys(caddy):
    page = caddy.open("topic=keys&connect&token=" + ALL)
    page.sees("state", "connected")
    for i in range(60):
        publish(page.hub.socket, topic="keys", data=f"number {i}")
    page.is_kept(60)
    page("list").send_keys(Keys.ARROW_DOWN)
    page.sees("event-data", "number 59")
    page("list").send_keys(Keys.ARROW_DOWN, Keys.ARROW_DOWN)
    page.sees("event-data", "number 57")
    page("list").send_keys(Keys.END)
    page.sees("event-data", "number 0")
    chosen = wait_for(lambda: page("list").get_attribute("aria-activedescendant"), "the chosen row")
    assert "number 0" in page.text(chosen) and page(chosen).get_attribute("aria-selected") == "true"
    page("list").send_keys(Keys.PAGE_UP)
    page.sees("event-data", "number 10")
    page("list").send_keys(Keys.HOME)
    page.sees("event-data", "number 59")
    publish(page.hub.socket, topic="keys", data="one more")
    page.is_kept(61)
    assert page.text("event-data") == "number 59"


def test_ten_thousand_events_are_held_in_a_few_rows_and_the_oldest_go(caddy):
    page = caddy.open("topic=many&connect&token=" + ALL)
    page.sees("state", "connected")
    client = Client(page.hub.socket)
    for i in range(10600):
        body = f"topic=many&data=number+{i}".encode()
        client.request("POST", PATH, ["Content-Type: application/x-www-form-urlencoded", f"Authorization: Bearer {ALL}"], body)
    wait_for(lambda: page.rows() and page.rows()[0][1] == "number 10599", "the last of them")
    page.is_kept(10000)
    assert len(page.all("#list [role=option]")) < 60
    page("list").send_keys(Keys.END)
    page("list").send_keys(Keys.END)
    page.sees("event-data", "number 600")


def test_tabs_are_walked_by_keys(caddy):
    page = caddy.open()
    page("tab-events").send_keys(Keys.ARROW_RIGHT)
    assert page("token").is_displayed() and not page("events").is_displayed()
    page("tab-token").send_keys(Keys.END)
    assert page("now").is_displayed()
    page("tab-now").send_keys(Keys.ARROW_RIGHT)
    assert page("events").is_displayed() and page("tab-events").get_attribute("aria-selected") == "true"
    page("tab-events").send_keys(Keys.ARROW_LEFT)
    assert page("now").is_displayed()


def test_a_token_is_read_and_asked_about(page):
    page.open("token=")
    page.tab("token")
    page.write("token-subscribe", token(["a"], ["https://example.com/{id}"], exp=int(time.time()) + 7300, sub="ü"))
    for words in "0.x", "HS256", "https://example.com/{id}", "ends in 2 h", '"sub": "ü"':
        page.sees("decoded", words)
    page.press("ask")
    page.sees("verdict-subscribe", "taken")
    page.sees("verdict-publish", "taken")
    page.sees("subscribe-token", "It grants to subscribe: https://example.com/{id}")
    page.write("token-publish", token([], key="k" * 32))
    page.sees("decoded", "Grants to publish\nnothing")
    page.sees("publish-token", "nothing; no end")
    page.press("ask")
    page.sees("verdict-publish", "refused: 401")
    page.sees("verdict-publish", "bad_signature")
    page.write("token-subscribe", token([], ["a"], exp=1000))
    page.sees("decoded", "over since")
    page.press("ask")
    page.sees("verdict-subscribe", "expired")
    page.write("token-subscribe", "nonsense")
    page.sees("decoded", "A token has three parts")
    assert page("cookie-name").get_attribute("value") == "mercureAuthorization"
    page.write("cookie-name", "other")
    page.press("cookie-set")
    page.sees("cookie-note", "The browser has it")
    assert page.browser.get_cookie("other") is not None
    page.press("cookie-drop")
    assert page.browser.get_cookie("other") is None


def nobody_is_there(hub):
    """Of who has left a front may tell late."""
    reply = Client(hub.socket).get(f"{PATH}/subscriptions", f"Authorization: Bearer {ALL}")
    return json.loads(reply.body)["subscriptions"] == []


def test_who_is_connected_is_seen_as_they_come_and_go(page):
    page.browser.get("about:blank")
    wait_for(lambda: nobody_is_there(page.hub), "the pages before to be gone")
    page.open("token=" + token([], ["*"], payload=None))
    page.tab("connected")
    page.press("look")
    page.sees("connected-state", "active")
    before = page.text("subscribers")
    other = f"https://example.com/{time.monotonic()}"
    stream = Client(page.hub.socket)
    stream.ask("GET", f"{PATH}?topic={other}", [f"Authorization: Bearer {token([], ['*'])}"])
    page.sees("subscribers", other)
    stream.close()
    wait_for(lambda: other not in page.text("subscribers"), "who left to be gone")
    assert before == page.text("subscribers")
    page.press("look-away")
    page.sees("connected-state", "not looking")


def test_who_may_not_look_is_told(caddy):
    page = caddy.open("token=" + token([], ["a"]))
    page.tab("connected")
    page.press("look")
    page.sees("connected-problem", "401")
    page.sees("connected-problem", "topic_not_granted")


def test_charts_move_where_the_token_grants_the_metrics(page):
    page.open("topic=chart&connect&token=" + ALL)
    page.sees("state", "connected")
    page.tab("now")
    page.sees("charts", "open ")
    publish(page.hub.socket, topic="chart", data="x")
    publish(page.hub.socket, "bad", topic="chart", data="x")
    page.sees("charts", "malformed")
    drawn = "return [...document.querySelectorAll('#charts canvas')].map(one => one.getContext('2d').getImageData(0, 0, one.width, one.height).data.some(Boolean))"
    wait_for(lambda: page.browser.execute_script(drawn) == [True] * 7, "seven charts")
    page.sees("charts", "99 of 100")
    page.tab("events")
    page.write("hub", page.url + PATH)
    page.tab("token")
    page.write("token-subscribe", token([], ["a"]))
    page.tab("now")
    page.sees("now-problem", "topic_not_granted")


def test_the_metrics_may_come_from_elsewhere_on_the_same_origin(caddy):
    page = caddy.open()
    page.tab("now")
    page.write("metrics", page.url + PATH + "/ui/README.md\n")
    page("tab-now").click()
    page.sees("now-state", "as of")
    page.write("metrics", page.url + PATH + "/subscriptions/nothing/here/at/all\n")
    page("tab-now").click()
    page.sees("now-problem", "404")


def test_it_asks_no_other_hub_and_says_how_one_could(caddy):
    page = caddy.open()
    page.write("hub", f"https://other.example:{free_port()}{PATH}")
    page.press("connect")
    page.sees("forbidden", "may ask its own hub alone")


def test_it_leaves_nothing_in_the_browsers_console(page):
    page.open("topic=a&connect&token=" + ALL)
    page.sees("state", "connected")
    for name in "token", "connected", "now", "events":
        page.tab(name)
    page.sees("state", "connected")
    page.browser.get_log("browser")
    page.browser.refresh()
    page.sees("state", "connected")
    assert page.browser.get_log("browser") == []


# --- the same as code -----------------------------------------------------------------------------

AWKWARD = "it's \"quoted\" \\ $HOME `x` 100% & ü\nsecond line"


def fill(page, language):
    page.open("token=" + ALL)
    page.write("hub", f"http://127.0.0.1:{page.hub.port}{PATH}?for=[1-2]{{a,b}}'$HOME")
    page.write("topics", f"https://example.com/'code\nurn:{language}")
    page.write("data", AWKWARD)
    page.write("type", "chat")
    page.write("id", f"urn:by:{language}:{time.monotonic()}")
    page.write("retry", "900")
    page.press("private")
    page.browser.execute_script("document.getElementById('recipes').open = true")
    Select(page("language")).select_by_visible_text(language)
    return page("recipe").get_attribute("textContent")


HTTP = """<?php
namespace Illuminate\\Support\\Facades;  // as much of Laravel's as the recipe takes, by PHP's own streams
class Http
{
    private function __construct(private string $body, private array $headers) {}
    public static function withBody(string $body, string $type): self { return new self($body, ["Content-Type: $type"]); }
    public function withToken(string $token): self { $this->headers[] = "Authorization: Bearer $token"; return $this; }
    public function post(string $url): self
    {
        $this->body = file_get_contents($url, false, stream_context_create(['http' => ['method' => 'POST', 'content' => $this->body, 'header' => $this->headers]]));
        return $this;
    }
    public function throw(): self { return $this; }
    public function body(): string { return $this->body; }
}
"""
SYMFONY = """require 'Symfony/Component/Mercure/autoload.php';
$hub = new Symfony\\Component\\Mercure\\Hub('{}', new Symfony\\Component\\Mercure\\Jwt\\StaticTokenProvider(getenv('TOKEN')));
"""


def run(page, language, code):
    """The recipe as a user runs it; what it prints."""
    folder, url = page.folder, f"http://127.0.0.1:{page.hub.port}{PATH}"
    script = folder / "recipe"
    if language == "Symfony":
        code = re.sub(r"^(use .*;\n)", lambda m: m[1] + SYMFONY.replace("{}", url), code, flags=re.M) + "echo $id;\n"
    if language == "Laravel":
        (folder / "http.php").write_text(HTTP)
        code = code.replace("$fields =", f"require '{folder}/http.php';\nfunction env($name) {{ return getenv($name); }}\n$fields =", 1) + "echo $id;\n"
    script.write_text(code)
    command = {"curl": ["sh"], "Python": ["python3"]}.get(language, ["php"])
    done = subprocess.run([*command, script], env={"TOKEN": ALL, "PATH": "/usr/bin:/bin", "no_proxy": "*"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("language", ["curl", "PHP", "Symfony", "Laravel", "Python"])
def test_a_recipe_publishes_what_the_form_says(caddy, language):
    code = fill(caddy, language)
    name = caddy("id").get_attribute("value")
    assert run(caddy, language, code).strip() == name
    came_back(caddy, name)


def came_back(page, name):
    page.open("topic=*&token=" + ALL)
    page.choose("from", "earliest")
    page.write("filter", name)  # first: so no other row is there for a moment
    page.connect()
    wait_for(lambda: page.rows(), "the event")
    page.press("row-0")
    assert page.text("event-type") == "chat"
    assert page("event-data").get_attribute("textContent") == AWKWARD


def test_the_recipe_for_javascript_does_so_too_and_is_copied(caddy):
    code = fill(caddy, "JavaScript").replace(f"http://127.0.0.1:{caddy.hub.port}", caddy.url)
    name = caddy("id").get_attribute("value")
    script = f"const done = arguments[1], process = {{ env: {{ TOKEN: arguments[0] }} }}, console = {{ log: done }};\n(async () => {{\n{code}\n}})().catch(e => done(String(e)))"
    assert caddy.browser.execute_async_script(script, ALL) == name
    caddy.browser.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": caddy.url})
    caddy.press("copy")
    caddy.sees("copied", "Copied.")
    assert caddy.browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == caddy("recipe").get_attribute("textContent")
    came_back(caddy, name)


# --- the other dialect, and another origin ---------------------------------------------------------

ISSUER = f"""issuer https://issuer.example {{
 publisher {{
  jwt {KEY}
 }}
 subscriber {{
  jwt {KEY}
 }}
}}
"""


def token_of_1_0(page, topics, actions=("publish", "subscribe")):
    detail = {"type": "https://mercure.rocks/authorization-detail", "actions": actions, "topics": topics, "payload": {"name": "Ada"}}
    claims = {"iss": "https://issuer.example", "aud": page.url + PATH, "exp": 4000000000, "authorization_details": [detail]}
    return jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})


def test_it_speaks_1_0_as_well(tmp_path):
    with site(tmp_path, "caddy-http", ISSUER + SET, keys=False) as page:
        page.open("token=" + token_of_1_0(page, [{"match": "*"}]))
        assert page.all("#matchers .kind")[0].get_attribute("value") == "match", "as the token's dialect has it"
        page.choose(page.all("#matchers .kind")[0], "match")
        page.write(page.all("#matchers .value")[0], "https://example.com/exact")
        page.press("add-matcher")
        page.choose(page.all("#matchers .kind")[1], "match_urlpattern")
        page.write(page.all("#matchers .value")[1], "https://example.com/books/:id")
        page.choose("from", "earliest")
        page.connect()
        page.sees("cursor", "earliest")
        for topic in "exact", "books/1", "books/1/2":
            page.write("topics", f"https://example.com/{topic}")
            page.write("data", topic)
            page.write("id", f"urn:{topic}")
            page.all("#publish button.main")[0].click()
            page.sees("answer-id", f"urn:{topic}")
        page.is_kept(2)
        assert page.rows() == [["message", "books/1"], ["message", "exact"]]
        page.tab("token")
        page.sees("decoded", "1.0")
        page.sees("decoded", "of https://issuer.example")
        page.press("ask")
        page.sees("verdict-subscribe", "taken; what it grants: *")
        page.sees("verdict-publish", "taken")
        wait_for(lambda: page("cookie-name").get_attribute("value") == "__Secure-mercure_access_token", "the cookie's name of 1.0")
        page.press("cookie-set")
        page.sees("cookie-note", "The browser has it")
        page.choose("subscribe-by", "cookie")
        page.connect()
        page.tab("connected")
        page.press("look")
        page.sees("subscribers", "https://example.com/books/:id")
        page.sees("subscribers", '{"name":"Ada"}')
        page.press("look-away")
        page.tab("token")
        page.write("token-subscribe", token_of_1_0(page, [{"match": "https://example.com/:x", "match_type": "urlpattern"}], ["subscribe"]))
        page.sees("decoded", "https://example.com/:x (urlpattern)")
        page.press("ask")
        page.sees("verdict-publish", "refused: 403")


def test_it_finds_its_hub_wherever_that_is(start_hub, browser):
    hub = start_hub("ui\npath /live")
    browser.get(f"http://localhost:{hub.port}/live/ui")
    page = Page(browser, f"http://localhost:{hub.port}")
    assert browser.current_url.endswith("/live/ui/")
    page.connect()
    assert page("hub").get_attribute("value") == page.url + "/live"


def test_as_plain_files_of_another_origin_it_works_with_a_hub_that_allows_it(start_hub, tmp_path, browser):
    port = free_port()
    hub = start_hub(f"cors_origins http://app.example:{port}\nsubscriptions\ndebug")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=FILES)
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as files:
        threading.Thread(target=files.serve_forever, daemon=True).start()
        page = Page(browser, f"http://app.example:{port}")
        browser.get(f"{page.url}/#hub=http://127.0.0.1:{hub.port}{PATH}&topic=a&connect&token={ALL}")
        page.sees("state", "connected")
        page.write("topics", "a")
        page.all("#publish button.main")[0].click()
        page.sees("answer-status", "200")
        page.is_kept(1)
        page.tab("connected")
        page.press("look")
        page.sees("connected-state", "1 active")
        page.tab("token")
        page.write("token-subscribe", "x.y.z")
        page.press("ask")
        page.sees("verdict-publish", "malformed")
        files.shutdown()
