"""The PHP and the page of examples/README.md, pasted as they stand there, in a real PHP and a real browser."""
import json
import os
import re
import subprocess

import pytest

from conftest import BIN, KEY, PATH, ROOT, Client, Server, Stream, free_port, snippet, token, wait_for

TEXT = (ROOT / "examples/README.md").read_text()
OTHER_KEY = "another secret, of the subscribers, of 46 bytes"
PHP = re.findall(r"^```php\n(.*?)^```", TEXT, re.M | re.S)


def test_the_php_of_the_text_is_the_file_beside_it():
    assert PHP[0] == (ROOT / "examples/site/mercure.php").read_text()


@pytest.fixture
def site(start_hub, tmp_path):
    """A folder with the files, and a hub with a key for each role."""
    hub = start_hub(f'publisher_jwt {KEY}\nsubscriber_jwt "{OTHER_KEY}"', keys=False)
    for name, text in zip(("mercure.php", "publish.php", "cookie.php"), PHP, strict=True):
        (hub.folder / name).write_text(text.replace("/run/alipes/alipes.sock", str(hub.socket)))
    private = re.search(r"^    (mercure_publish\(.*'private'.*)$", TEXT, re.M).group(1)
    (hub.folder / "private.php").write_text(f"<?php\nrequire 'mercure.php';\n{private}\n")
    return hub


ENVIRONMENT = {**os.environ, "PUBLISHER_KEY": KEY, "SUBSCRIBER_KEY": OTHER_KEY}


def php(site, file, env=ENVIRONMENT):
    done = subprocess.run(["php", file], cwd=site.folder, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def php_server(site):
    """What php-fpm is behind a real front."""
    port = free_port()
    server = Server(["php", "-S", f"127.0.0.1:{port}", "-t", site.folder], site.folder / "php.log", ENVIRONMENT)
    wait_for(lambda: "started" in server.log(), "PHP")
    return server, port


def test_php_publishes_and_says_when_it_has_no_key(site):
    stream = Stream(("127.0.0.1", site.port), "topic=https://example.com/books/1")
    php(site, "publish.php")
    assert stream.datas(1) == ['{"status":"sold"}']
    assert php(site, "publish.php", {**os.environ, "PUBLISHER_KEY": ""}) == "no key to publish with"
    stream.close()


def test_the_cookie_goes_to_the_hub_alone_and_brings_private_updates(site):
    server, port = php_server(site)
    said = Client(("127.0.0.1", port)).get("/cookie.php").headers["set-cookie"]
    value, *rest = said.split("; ")
    assert set(rest) == {f"path={PATH}", "secure", "HttpOnly", "SameSite=Strict"}  # no end: see the text
    query = "topic=https%3A%2F%2Fexample.com%2Fusers%2F7%2F%7B%2Brest%7D"
    mine, other = Stream(("127.0.0.1", site.port), query, f"Cookie: {value}"), Stream(("127.0.0.1", site.port), query)
    php(site, "private.php")
    assert mine.datas(1) == ['{"order":12}'] and b"order" not in other.text
    mine.close(), other.close()
    server.stop()


def test_the_lines_that_ask_who_is_there_are_told(start_hub):
    hub = start_hub("subscriptions")
    lines = re.sub("^    ", "", re.search(r"^(    ROOM=.*?)\n\n", TEXT, re.M | re.S).group(1), flags=re.M)
    script = f'alipes() {{ "{BIN}" "$@"; }}\n' + lines.replace("https://example.com", f"http://127.0.0.1:{hub.port}").replace("curl -", "curl -s -")
    here, room = f'Authorization: Bearer {token(subscribe=["*"])}', "topic=https://example.com/room"
    first = Stream(("127.0.0.1", hub.port), room, here)
    env = {**os.environ, "MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    asking = subprocess.Popen(["bash", "-c", script], env=env, stdout=subprocess.PIPE, text=True)
    assert asking.stdout.read(1) == "{"
    listed = json.loads("{" + asking.stdout.readline().removesuffix(":\n"))  # the list, then the stream's first comment
    assert [one["topic"] for one in listed["subscriptions"]] == ["https://example.com/room"]
    second = Stream(("127.0.0.1", hub.port), room, here)
    told = next(json.loads(line[6:]) for line in asking.stdout if line.startswith("data: "))
    assert told["active"] and told["topic"] == "https://example.com/room" and told["subscriber"] != listed["subscriptions"][0]["subscriber"]
    for stream in (first, second):
        stream.close()
    asking.kill()
    asking.wait()


def test_a_page_with_private_updates_outlives_its_cookie_and_misses_nothing(site, browser):
    """Tokens of 2 s, which the page does not renew in time: each time it is told 401, which ends its EventSource.
    The hub has `anonymous`: a page without its cookie would be let in."""
    cookie = site.folder / "cookie.php"
    assert "3600" in cookie.read_text()
    cookie.write_text(cookie.read_text().replace("3600", "2"))
    page = re.search(r"^```html\n(.*?)^```", TEXT, re.M | re.S).group(1)
    assert "5000" in page
    heard = "document.title += ' ' + event.lastEventId"
    (site.folder / "page.html").write_text(f"<!doctype html><title>heard</title>{page.replace('console.log(event.data)', heard).replace('5000', '500')}")
    server, php_port = php_server(site)
    port = free_port()
    conf = site.folder / "Caddyfile"
    conf.write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\nhttp://localhost:{port} {{\n\timport {snippet(site.folder, 'caddy/http-unix.caddyfile', site).name}\n"
                    f"\thandle /cookie.php {{\n\t\treverse_proxy 127.0.0.1:{php_port}\n\t}}\n\troot * {site.folder}\n\tfile_server\n}}\n")
    front = Server(["caddy", "run", "--config", conf, "--adapter", "caddyfile"], site.folder / "caddy.log",
                   {**os.environ, "XDG_DATA_HOME": str(site.folder), "XDG_CONFIG_HOME": str(site.folder)})
    wait_for(lambda: "serving initial configuration" in front.log(), "Caddy")
    browser.get(f"http://localhost:{port}/page.html")
    wait_for(lambda: "event=stream_begin" in site.log(), "the page's stream")
    ids = []

    def refusals():
        return site.log().count("event=refused")

    private = (site.folder / "private.php").read_text()
    while refusals() < 2:
        ids.append(f"n{len(ids)}")
        (site.folder / "private.php").write_text(private.replace("'private' => 'on'", f"'private' => 'on', 'id' => '{ids[-1]}'"))
        php(site, "private.php")
        assert len(ids) < 1000, site.log()[-2000:]
    wait_for(lambda: browser.title.split()[-1:] == ids[-1:], "the last update")
    assert browser.title.split()[1:] == ids
    front.stop(), server.stop()
