"""proxy-config/shared-hosting, by a user without any right on an Apache whose configuration is not theirs: lines in a .htaccess, a
port that the host brings to the site, and the relay in PHP."""
import itertools
import json
import re
import shutil
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from conftest import BIN, KEY, PATH, ROOT, Client, Stream, free_port, publish, token, wait_for
from shared_host import RECIPES, Customer, CustomersHub, Host, Page, Pages


PREFIX = "/shop/hub"  # of a site in a folder of its host
KINDS = ["htaccess-unix", "htaccess-port", "htaccess-prefix", "backend", "relay", "relay-alone"]
SLASHES = "AllowEncodedSlashes NoDecode"  # which some hosts say, and no .htaccess can
ISSUER = f"issuer https://issuer.example {{\npublisher {{\njwt {KEY}\n}}\nsubscriber {{\njwt {KEY}\n}}\n}}"


def install(host, kind, **changes):
    """Uploads what the README names, and begins the hub; what the host's own configuration says for it is returned."""
    customer, port = host.customer, free_port()
    lines, site = ["forwarded x-forwarded", "publish_origins https://shop.example", "cors_origins https://app.example", "heartbeat 1s", "subscriptions", ISSUER, "log logfmt debug"], customer.site
    if kind == "htaccess-prefix":
        site = customer.site / "shop"
        site.mkdir()
        lines.append(f"path {PREFIX}")
    if kind == "relay-alone":
        lines.append("path /relay.php")
    if kind.startswith("relay"):
        customer.upload("relay.php", site / "relay.php", **changes)
        text = customer.upload("relay.htaccess", site / ".htaccess")
    elif kind != "backend":
        customer.upload("hub-away.php", site / "hub-away.php")
        text = customer.upload(f"{'port' if kind == 'htaccess-port' else 'unix'}.htaccess", site / ".htaccess")
        text.write_text(text.read_text().replace("8123", str(port)))
    if kind == "htaccess-prefix":
        said = text.read_text()
        for old, new in ((r"\.well-known/(mercure|oauth-protected-resource/\.well-known/mercure)", "hub"), ("/hub-away.php", "/shop/hub-away.php"), ("/mercure$#", "/hub$#")):
            assert old in said
            said = said.replace(old, new)
        text.write_text(said)
    host.hub = CustomersHub(customer, "\n".join(lines), port if kind in ("htaccess-port", "backend") else None)
    return {"modules": [] if kind.startswith("relay") else ["proxy_http"],
            "main": f"ProxyPass {PATH} http://127.0.0.1:{port}{PATH}\nProxyPreserveHost On\n" if kind == "backend" else ""}


@pytest.fixture
def hosts(tmp_path):
    """Begins a host of a kind."""
    tmp_path.chmod(0o755)
    with ExitStack() as stack:
        def begin(kind, main="", more="", changes=None, **options):
            folder = tmp_path / str(len(list(tmp_path.iterdir())))  # short: a socket's path has 107 bytes at most
            folder.mkdir()
            host = Host(folder)
            stack.callback(host.close)
            wanted = install(host, kind, **(changes or {}))
            return host.open(more.format(home=host.customer.home), main=f"{main}\n{wanted['main']}", modules=wanted["modules"], **options)
        yield begin


def ask(host, method, rest="", headers=(), body=b""):
    client = Client(host.address)
    reply = client.request(method, host.hub.path + rest, headers, body)
    client.close()
    return reply


FORM = "Content-Type: application/x-www-form-urlencoded"
STREAMS = "Accept: text/event-stream"


def post(host, body, *headers):
    return ask(host, "POST", "", [FORM, *headers], body)


def cookie(*, publish=None, subscribe=None):
    return f"Cookie: other=1; mercureAuthorization={token(publish, subscribe)}"


def heard(host, query, *headers, count=1):
    """What a page that comes once hears; the stream is left as soon as it has it."""
    client = Client(host.address)
    client.ask("GET", f"{host.hub.path}?{query}", [STREAMS, *headers])
    status, head = client.head()
    text = b""
    try:
        while text.count(b"\ndata: ") - text.count(b"\ndata: \n") < count:
            size = int(client.until(b"\r\n"), 16)
            if not size:
                break
            text += client.exactly(size)
            client.exactly(2)
    finally:
        client.close()
    return status, head, re.findall(r"^data: (.+)$", text.decode(), re.M)


@pytest.mark.parametrize("kind", KINDS)
def test_the_hub_is_used_as_behind_any_front(hosts, kind):
    host = hosts(kind, main=SLASHES, changes={"WAIT": 1} if kind.startswith("relay") else {})
    bearer = f"Authorization: Bearer {token(['*'])}"
    first = post(host, b"topic=t&data=1&private=on", bearer)
    assert first.status == 200, (first.status, first.body, host.hub.log()[-1000:])
    assert post(host, b"topic=t&data=2&private=on", cookie(publish=["*"]), "Origin: https://shop.example").status == 200
    assert post(host, b"topic=t&data=3", cookie(publish=["*"]), "Origin: https://evil.example").status == 401
    assert post(host, b"topic=t&data=3").status == 401
    by_query = ask(host, "POST", f"?authorization={token(['*'])}", [FORM], b"topic=t&data=3")
    assert by_query.status == 200
    cursor, all_topics = f"Last-Event-ID: {first.body.decode()}", ["*"]
    for who in (f"Authorization: Bearer {token(subscribe=all_topics)}", cookie(subscribe=all_topics)):
        status, head, datas = heard(host, "topic=t", who, cursor, count=2)
        assert (status, datas, head["last-event-id"]) == (200, ["2", "3"], first.body.decode())
    assert heard(host, "topic=t", cursor)[2] == ["3"]
    for unknown in ("urn:uuid:ffffffff-ffff-8fff-bfff-ffffffffffff", "of another time"):
        client = Client(host.address)
        client.ask("GET", f"{host.hub.path}?topic=t", [STREAMS, f"Last-Event-ID: {unknown}"])
        assert client.head()[1]["last-event-id"] == "earliest"
        client.close()
    refused = ask(host, "GET", "?topic=t", [STREAMS, "Authorization: Bearer x"])
    assert refused.status == 401 and "Bearer" in refused.headers["www-authenticate"]
    preflight = ask(host, "OPTIONS", "", ["Origin: https://app.example", "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization"])
    assert (preflight.status, preflight.headers["access-control-allow-origin"]) == (204, "https://app.example")
    assert "QUERY" in preflight.headers["access-control-allow-methods"] and preflight.headers["access-control-allow-credentials"] == "true"
    asked = ask(host, "HEAD", "?topic=t", [STREAMS])
    assert (asked.status, asked.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    listed = ask(host, "GET", "/subscriptions?topic=t", [f"Authorization: Bearer {token(subscribe=all_topics)}"])
    assert listed.status == 200 and json.loads(listed.body)["type"] == "Subscriptions", listed.body
    topic = "a%2Fb" if kind == "backend" else "a%2Fb%3F%25"
    one = ask(host, "GET", f"/subscriptions/{topic}", [f"Authorization: Bearer {token(subscribe=all_topics)}"])
    assert one.status == 200 and json.loads(one.body)["id"] == f"{host.hub.path}/subscriptions/{topic}", one.body
    query = Client(host.address)
    query.ask("QUERY", host.hub.path, [FORM, STREAMS, cursor], b"match=t")
    assert query.head()[0] == 200
    query.close()
    assert host.asks("/page.php") == 200


def test_the_publisher_of_the_examples_publishes_by_the_socket_of_its_home(hosts):
    host = hosts("relay")
    text = (ROOT / "examples/site/mercure.php").read_text().replace("/run/alipes/alipes.sock", str(host.hub.socket))
    script = host.customer.home / "publish.php"
    script.write_text(f"{text}\necho mercure_publish('t', 'from PHP');")
    done = subprocess.run([*host.customer.run(["env", f"PUBLISHER_KEY={KEY}", "php", script])], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done
    assert heard(host, "topic=t", "Last-Event-ID: earliest")[2] == ["from PHP"]


def exactly_once(host):
    """Through an end of the hub in order, one that is none, and a time in which it is away."""
    datas = []

    def news(count=3):
        for _ in range(count):
            datas.append(f"n{len(datas)}")
            assert post(host, f"topic=t&data={datas[-1]}".encode(), f"Authorization: Bearer {token(['*'])}").status == 200
    news()
    host.hub.say("stop")
    host.hub.start()
    news()
    host.hub.kill()
    for wanted, headers in ((200, [STREAMS, "Origin: https://app.example"]), (503, [])):
        reply = ask(host, "GET", "?topic=t", headers)
        assert reply.status == wanted, (reply.status, reply.body)
        if wanted == 200:
            assert reply.body == b"retry: 3000\n: the hub is away\n\n" and reply.headers["access-control-allow-origin"] == "https://app.example"
    assert post(host, b"topic=t&data=x", f"Authorization: Bearer {token(['*'])}").status == 503
    host.hub.start()
    news()
    return datas


@pytest.mark.parametrize("kind", ["htaccess-port", "relay"])
def test_an_event_source_hears_everything_once_over_ends_of_the_hub(hosts, kind):
    host = hosts(kind, changes={"WAIT": 2, "RETRY": 300} if kind == "relay" else {})
    pages = [Page(host.address, f"{host.hub.path}?topic=t", "Sec-Fetch-Mode: cors", "Cache-Control: no-cache") for _ in range(6)]
    with Pages(pages):
        wait_for(lambda: all(page.id for page in pages), "the pages")
        datas = exactly_once(host)
        for page in pages:
            wait_for(lambda: len(page.heard) >= len(datas), "the updates")
        for page in pages:
            assert page.datas == datas and set(page.statuses) == {200}


WATCH = """window.got = []; window.source = new EventSource(arguments[0] + '?topic=t');
source.onmessage = event => got.push(event.data);"""


def test_a_page_in_a_browser_hears_everything_once_over_ends_of_the_hub(hosts, browser):
    """The standard's own EventSource, that knows nothing of any of it."""
    tabs = {}
    for kind in ("htaccess-unix", "htaccess-prefix", "relay"):
        host = hosts(kind, main="SetOutputFilter DEFLATE" if kind == "relay" else "", changes={"WAIT": 3} if kind == "relay" else {})
        browser.switch_to.new_window("tab")
        browser.get(f"http://127.0.0.1:{host.port}/page.html")
        browser.execute_script(WATCH, host.hub.path)
        tabs[browser.current_window_handle] = host
        # What is published before the first event came is what an id alone has to bring.
        wait_for(lambda: host.hub.log().count("event=stream_begin") > 1 or kind != "relay" and browser.execute_script("return source.readyState") == 1, "a second turn")
    datas = {tab: exactly_once(host) for tab, host in tabs.items()}
    for tab in tabs:
        browser.switch_to.window(tab)
        wait_for(lambda: len(browser.execute_script("return got")) >= len(datas[tab]), "the updates")
        assert browser.execute_script("return got") == datas[tab]


def test_a_page_behind_a_port_of_its_host_comes_back_with_the_lines_of_the_text(hosts, browser):
    """Such a front answers 503, and no file of ours can change that: an EventSource would be deaf from then on."""
    host = hosts("backend")
    lines = re.search(r"^```js\n(.*?)^```", (RECIPES / "README.md").read_text(), re.M | re.S).group(1)
    browser.get(f"http://127.0.0.1:{host.port}/page.html")
    browser.execute_script(f"window.got = []; const show = data => got.push(data);\n{lines}".replace("topic=news", "topic=t").replace("let last", "window.last").replace("const source", "const source = window.source"))
    wait_for(lambda: browser.execute_script("return last"), "the page to know where it is")
    host.hub.kill()
    wait_for(lambda: browser.execute_script("return source.readyState === EventSource.CLOSED"), "it to meet a 503")
    host.hub.start()
    datas = ["first", "second"]
    for data in datas:
        assert publish(host.hub.socket, topic="t", data=data).status == 200
    wait_for(lambda: browser.execute_script("return got") == datas, "the updates")


@pytest.mark.parametrize("kind", ["htaccess-unix", "backend", "relay"])
def test_who_has_left_holds_nothing(hosts, kind):
    """A stream ends at the first heartbeats that its front cannot write; a worker of PHP is free at the latest when it would have
    waited to the end, for Apache collects what PHP says and so learns nothing."""
    host = hosts(kind, changes={"WAIT": 2} if kind == "relay" else {})
    client = Client(host.address)
    client.ask("GET", f"{host.hub.path}?topic=t", [STREAMS])
    wait_for(lambda: "to=LIVE" in host.hub.log(), "the stream")
    client.close()
    wait_for(lambda: "event=stream_end" in host.hub.log(), "its end", 10)


def test_the_line_of_cron_makes_begins_and_leaves_the_hub_where_there_is_no_shell(tmp_path):
    tmp_path.chmod(0o755)
    customer = Customer(tmp_path)
    (customer.home / "bin").mkdir()
    shutil.copy(BIN, customer.home / "bin/alipes")
    (customer.home / "bin/alipes").chmod(0o600)  # as FTP brings it
    customer.own()
    line = re.search(r"^    \* \* \* \* \* (chmod .*)$", (RECIPES / "README.md").read_text(), re.M).group(1)
    try:
        for _ in range(2):
            done = subprocess.run(customer.run(["sh", "-c", line]), cwd="/", capture_output=True, text=True, timeout=60)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert Client(customer.alipes / "alipes.sock").get("/healthz").status == 200
    finally:
        subprocess.run(customer.run([customer.home / "bin/alipes", "stop"]), cwd="/", capture_output=True, timeout=60)


def test_php_begins_the_hub_where_there_is_no_shell_and_comes_back(hosts):
    """The lines of the text, by php-fpm itself: the hub holds nothing of the worker that began it, and outlives it."""
    host = hosts("relay")
    host.hub.say("stop")
    php = re.search(r"`(<\?php passthru.*?)`", (RECIPES / "README.md").read_text()).group(1)
    (host.customer.site / "cron.php").write_text(php.replace("getenv('HOME')", f"'{host.customer.home}'").replace(" --unless-stopped", f" -c {host.customer.alipes}/alipes.conf"))
    assert host.asks("/cron.php") == 200 and host.asks("/cron.php") == 200
    assert "running" in host.hub.say("status")
    host.fpm.stop()
    assert publish(host.hub.socket, topic="t", data="x").status == 200


@pytest.mark.parametrize(("kind", "line"), [("htaccess-unix", "ok   streaming      an event is there"), ("relay", "note subscription   it ends and comes back")])
def test_the_doctor_tells_which_of_them_it_is(hosts, kind, line):
    host = hosts(kind, main=SLASHES, changes={"WAIT": 2} if kind == "relay" else {})
    done = subprocess.run(host.customer.run([host.customer.home / "bin/alipes", "doctor", f"http://127.0.0.1:{host.port}"]), capture_output=True, text=True, timeout=120)
    assert (done.returncode, line in done.stdout) == (0, True), done.stdout


# --- the relay ----------------------------------------------------------------------------------


def ends(client):
    """The whole text of a stream that ends by itself."""
    assert client.head()[0] == 200
    text = b""
    while size := int(client.until(b"\r\n"), 16):
        text += client.exactly(size)
        client.exactly(2)
    client.close()
    return text.decode()


def waiting(host, *headers):
    client = Client(host.address)
    client.ask("GET", f"{PATH}?topic=t", [STREAMS, *headers])
    return client


def test_so_many_wait_and_the_others_are_told_when_to_come(hosts):
    """HELD of them; the others at most ASKS times a second, each in its turn. The site's own pages go on."""
    host = hosts("relay", changes={"HELD": 2, "WAIT": 30, "ASKS": 10})
    held = []
    for n in range(2):
        held.append(waiting(host))
        wait_for(lambda: host.hub.log().count("to=LIVE") == n + 1, "a page that waits")
    turns = [int(re.search(r"^retry: (\d+)$", ends(waiting(host)), re.M).group(1)) for _ in range(12)]
    assert min(turns) >= 990, turns
    begun = time.monotonic()
    several = [waiting(host) for _ in range(30)]
    turns = sorted(int(re.search(r"^retry: (\d+)$", ends(client), re.M).group(1)) for client in several)
    took = time.monotonic() - begun
    assert turns[-1] >= 1000 + 29 * 100 - took * 1000 - 200, turns
    assert host.asks("/page.php") == 200
    assert publish(host.hub.socket, topic="t", data="now").status == 200
    for client in held:
        text = ends(client)
        assert "\ndata: now\n\n" in text and text.endswith("retry: 50\n\n"), text


def test_a_page_that_hears_nothing_is_held_for_its_moment_alone_and_knows_where_it_was(hosts):
    host = hosts("relay", changes={"WAIT": 2})
    begun = time.monotonic()
    text = ends(waiting(host))
    assert 1.9 < time.monotonic() - begun < 10 and text.endswith("retry: 50\n\n")
    assert {path.stat().st_mode & 0o777 for path in host.customer.alipes.glob("relay-*.lock")} == {0o600}
    place = re.search(r"^event: alipes\nid: (urn:uuid:\S+)\ndata: \n\n", text, re.M).group(1)
    assert publish(host.hub.socket, topic="t", data="between").status == 200
    text = ends(waiting(host, f"Last-Event-ID: {place}"))
    assert re.findall(r"^data: (.+)$", text, re.M) == ["between"]


def test_events_that_never_pause_hold_a_worker_no_longer_and_none_is_lost_between_turns(hosts):
    host = hosts("relay", changes={"HELD": 0, "WAIT": 1, "QUIET": 5})
    over, count = threading.Event(), itertools.count()

    def publishes():
        while not over.is_set():
            assert publish(host.hub.socket, topic="t", data=f"{next(count)}").status == 200

    with ThreadPoolExecutor() as pool:
        try:
            busy, heard, last = pool.submit(publishes), [], "earliest"
            for _ in range(4):
                text = ends(waiting(host, f"Last-Event-ID: {last}"))
                assert text.endswith("\n\n") and not busy.done()
                heard += map(int, re.findall(r"^data: (\d+)$", text, re.M))
                last = re.findall(r"^id: (\S+)$", text, re.M)[-1]
        finally:
            over.set()
    busy.result()
    assert heard == list(range(len(heard))) and len(heard) > 10, heard


def test_what_is_large_comes_whole(hosts):
    host = hosts("relay", changes={"WAIT": 2})
    first = publish(host.hub.socket, topic="t", data="0").body.decode()
    large = [str(i) * 300000 for i in range(1, 4)]
    for data in large:
        assert post(host, f"topic=t&data={data}".encode(), f"Authorization: Bearer {token(['*'])}").status == 200
    text = ends(waiting(host, f"Last-Event-ID: {first}"))
    assert re.findall(r"^data: (.+)$", text, re.M) == large and text.endswith("\n\nretry: 50\n\n")


def test_a_body_that_is_too_large_is_said_to_be(hosts):
    host = hosts("relay", more="php_admin_value[post_max_size] = 100K\nphp_admin_flag[log_errors] = off\n", changes={"BODY": 300000})
    bearer = f"Authorization: Bearer {token(['*'])}"
    for size, status in ((90000, 200), (150000, 200), (310000, 413)):  # PHP's own bound is one for forms that it reads itself
        assert post(host, b"topic=t&data=" + b"x" * size, bearer).status == status


def test_the_relay_asks_the_hub_alone_and_passes_what_it_knows(hosts):
    """A target, a host or a header of a client's choice leads nowhere else."""
    host = hosts("relay")
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.settimeout(0.5)
        port = elsewhere.getsockname()[1]
        for target in (f"http://127.0.0.1:{port}{PATH}?topic=t", f"{PATH}/../../../http://127.0.0.1:{port}/"):
            client = Client(host.address)
            client.ask("GET", target, [f"Host: 127.0.0.1:{port}", f"X-Forwarded-Host: 127.0.0.1:{port}"])
            assert client.reply().status in (400, 404)
            client.close()
        with pytest.raises(TimeoutError):
            elsewhere.accept()
    assert publish(host.hub.socket, topic="t", data="x").status == 200
    ends(waiting(host, "X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "Last-Event-ID: earliest"))
    assert 'address="192.0.2.7"' not in host.hub.log() and 'address="127.0.0.1"' in host.hub.log()
    reply = ask(host, "GET", "?topic=t", ["Authorization: Bearer a\tb", "Connection: upgrade", "Upgrade: websocket"])
    assert reply.status in (400, 401) and "upgrade" not in reply.headers
    assert ask(host, "GET", "?nothing", [STREAMS]).status == 400


def test_a_status_stays_what_the_hub_says_whatever_its_headers(hosts):
    """PHP makes a 401 of whatever has WWW-Authenticate, and a 302 of whatever has Location."""
    host = hosts("relay")
    scope = [{"type": "https://mercure.rocks/authorization-detail", "actions": ["publish"], "topics": [{"match": "other"}]}]
    bad = token(headers={"typ": "at+jwt"}, iss="https://issuer.example", aud=f"http://hub.example{PATH}", exp=int(time.time()) + 60, authorization_details=scope)
    reply = post(host, b"topic=t&data=x", f"Authorization: Bearer {bad}")
    assert reply.status == 403 and "insufficient_scope" in reply.headers["www-authenticate"], (reply.status, reply.headers, host.hub.log()[-600:])


def test_a_session_of_the_site_is_not_held(hosts):
    host = hosts("relay", more="php_admin_value[session.auto_start] = 1\nphp_admin_value[session.save_path] = {home}\n", changes={"WAIT": 20})
    session = "Cookie: PHPSESSID=aaaaaaaaaaaaaaaaaaaaaaaaaa"
    client = waiting(host, session)
    wait_for(lambda: "to=LIVE" in host.hub.log(), "the stream")
    begun = time.monotonic()
    assert host.asks("/page.php", session) == 200
    assert time.monotonic() - begun < 10
    client.close()


# Every function of PHP that the files call is one of 7.4; none was removed, or is deprecated, by 8.4.
OF_PHP_7_4 = set("""array_shift explode fclose feof file_get_contents flock flush fmod fopen fpassthru fread function_exists fwrite header header_remove
hrtime http_response_code ignore_user_abort in_array ini_set is_string max microtime min ob_end_clean ob_get_level preg_grep preg_match preg_replace
rewind session_write_close set_time_limit sprintf stream_get_contents stream_set_timeout stream_socket_client strlen strpos strrpos strstr strtolower
strtr substr umask""".split())
TOKENS = r"""$found = ['words' => [], 'calls' => [], 'own' => []];
$tokens = array_values(array_filter(token_get_all(file_get_contents($argv[1])), fn($t) => !is_array($t) || !in_array($t[0], [T_WHITESPACE, T_COMMENT, T_DOC_COMMENT])));
foreach ($tokens as $i => $t) {
    if (!is_array($t)) continue;
    $found['words'][] = token_name($t[0]);
    if ($t[0] === T_STRING && ($tokens[$i + 1] ?? '') === '(')
        $found[is_array($tokens[$i - 1]) && $tokens[$i - 1][0] === T_FUNCTION ? 'own' : 'calls'][] = $t[1];
}
echo json_encode($found);"""


@pytest.mark.parametrize("name", ["relay.php", "hub-away.php"])
def test_the_files_of_php_need_nothing_newer_than_they_say(name):
    """Of the language, too: what came with 8.0 to 8.4 has tokens of its own, or says a type in two words."""
    done = subprocess.run(["php", "-r", TOKENS, RECIPES / name], capture_output=True, text=True, timeout=60)
    found = json.loads(done.stdout)
    assert set(found["calls"]) - set(found["own"]) <= OF_PHP_7_4
    assert not set(found["words"]) & {"T_MATCH", "T_NULLSAFE_OBJECT_OPERATOR", "T_ATTRIBUTE", "T_ENUM", "T_READONLY",
                                      "T_THROW", "T_NEW", "T_NAME_QUALIFIED", "T_NAME_FULLY_QUALIFIED"}
    signatures = re.findall(r"^function \w+\((.*)\)(?:: (\??\w+))?$", (RECIPES / name).read_text(), re.M)
    assert len(signatures) == len(found["own"])
    assert not any("|" in took or "= null" in took or took.endswith(",") or gave in ("mixed", "never", "static", "false", "true", "null") for took, gave in signatures)


def said(host, raw, *, half_close=False):
    """Status and body of what the host answers to these bytes; None: it closes without a word."""
    client = Client(host.address)
    client.send(raw)
    if half_close:
        client.socket.shutdown(socket.SHUT_WR)
    try:
        reply = client.reply()
        return reply.status, reply.body
    except (ConnectionError, ValueError, IndexError):
        return None
    finally:
        client.close()


def query_of(body, *headers, length=None):
    lines = [f"QUERY {PATH} HTTP/1.1", "Host: hub.example", "Connection: close", *headers]
    if length is not False:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def test_a_query_of_hostile_bytes_is_answered_in_words_and_holds_no_worker(hosts):
    """With five workers of PHP: had one been held, or had an answer to one been given to another, the last lines would tell."""
    host = hosts("relay", changes={"WAIT": 1})
    chunked = "Transfer-Encoding: chunked"
    cases = [
        (query_of(b"match=t", FORM, STREAMS), {200}),
        (query_of(b"match=a%00b", FORM, STREAMS), {400}),
        (query_of(b"match=t\0\r\n\r\nGET / HTTP/1.1", FORM, STREAMS), {400}),
        (query_of(b"match=%zz%\xff%", FORM, STREAMS), {400}),
        (query_of(b"\xff\xfe\0" * 1000, FORM, STREAMS), {400}),
        (query_of(b"match=" + b"x" * (1 << 20), FORM, STREAMS), {400}),
        (query_of(b"", FORM, STREAMS), {400}),
        (query_of(b"match=t", "Content-Type: application/json", STREAMS), {415}),
        (query_of(b"match=t", "Content-Type: multipart/form-data; boundary=\"x\xff", STREAMS), {415}),
        (query_of(b"match=t", STREAMS), {400}),
        (query_of(b"7\r\nmatch=t\r\n0\r\n\r\n", FORM, STREAMS, chunked, length=False), {200}),
        (query_of(b"match=t", FORM, STREAMS, length=2), {400}),
        (query_of(b"match=t", FORM, STREAMS, "X-A\xff: 1", "X_B: 2"), {400}),
        (query_of(b"match=t", FORM, STREAMS, "Last-Event-ID: a\x01b"), {400}),
        (query_of(b"match=t", FORM, STREAMS, "Origin: \xff\xfe"), {200}),
        (query_of(b"match=t", FORM, STREAMS, "Content-Length: 7", "Content-Length: 8", length=False), {400}),
        (query_of(b"match=t", FORM, STREAMS, length=-1), {400}),
    ]
    seen = [(raw[:120], said(host, raw), wanted) for raw, wanted in cases]
    wrong = [case for case in seen if case[1] is None or case[1][0] not in case[2] or case[1][0] >= 400 and not case[1][1].strip()]
    assert not wrong, wrong
    bearer = f"Authorization: Bearer {token(['*'])}"
    post_of = f"POST {PATH} HTTP/1.1\r\nHost: hub.example\r\n{FORM}\r\n{bearer}\r\n".encode()
    for half in (b"topic=cut&data=wh", b"topic=cut&data=" + b"x" * 300000):
        for raw in (query_of(half, FORM, STREAMS, length=len(half) + 100), post_of + b"Content-Length: %d\r\n\r\n" % (len(half) + 100) + half,
                    post_of + b"%b\r\n\r\n%x\r\n" % (chunked.encode(), len(half) + 100) + half):
            cut = said(host, raw, half_close=True)
            assert cut is None or cut[0] >= 400, (raw[:60], cut)
    assert post(host, b"topic=cut&data=whole", bearer).status == 200
    assert heard(host, "topic=cut", "Last-Event-ID: earliest")[2] == ["whole"], "half of a publish is none"
    host.front.complaints = lambda: [line for line in type(host.front).complaints(host.front) if "AH01095: prefetch request body failed" not in line]
    for number in range(10):
        mine = post(host, f"topic=t&id=mine{number}".encode(), bearer)
        assert (mine.status, mine.body) == (200, f"mine{number}".encode()), mine.body
    assert host.asks("/page.php") == 200


# --- hosts that have less ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["htaccess-unix", "htaccess-port", "relay"])
def test_a_host_that_does_not_read_the_file_shows_the_site_as_before(hosts, kind):
    host = hosts(kind, override="None")
    assert host.asks("/page.html") == 200 and ask(host, "GET", "?topic=t").status == 404


def test_a_host_without_a_module_shows_the_site_as_before(hosts, monkeypatch):
    monkeypatch.setattr("shared_host.MODULES", ["mpm_event", "authz_core", "dir", "mime", "proxy", "proxy_fcgi"])
    host = hosts("htaccess-unix")
    assert host.asks("/page.html") == 200 and ask(host, "GET", "?topic=t").status == 404


def test_a_host_that_lets_the_file_say_nothing_answers_500_until_it_is_gone(hosts):
    host = hosts("htaccess-unix", override="AuthConfig", ready=500)
    assert host.asks("/page.html") == 500
    (host.customer.site / ".htaccess").unlink()
    assert host.asks("/page.html") == 200
    host.front.complaints = lambda: [line for line in type(host.front).complaints(host.front) if "not allowed here" not in line]
