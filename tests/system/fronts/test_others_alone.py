"""The other fronts that proxy-config/ has a file for, each before a hub of its own that nobody holds a socket for: what the front says
while the hub is away, what pages do of that, and what the hub is told of who asks."""
import re
import socket
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

import ways
from cells import DOCUMENT
from conftest import PATH, Client, Stream, Tls, certificate, free_port, front_ready, publish, token, wait_for
from history import FORM, LogHub
from others import DEBIAN, ENDS, OTHERS
from test_access import ISSUERS, access_token
from test_away import Page

AWAY = 6  # seconds: EventSources come back after 3


class Gone:
    """A hub that was killed: nobody listens at its port, nor at its socket, which is still there."""

    def __init__(self, folder):
        self.port, self.socket = free_port(), folder / "alipes.sock"
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(self.socket))


def begun(folder, hub, other, tls, without=None):
    """A front and its address; over TLS where it has nothing else. `without`: what is left out of its file."""
    folder.mkdir()
    folder.chmod(0o755)
    own = tls if other.left[0] is None else None
    with pytest.MonkeyPatch.context() as patch:
        if without:
            read = Path.read_text
            patch.setattr(Path, "read_text", lambda self, *a, **k: read(self, *a, **k).replace(without, ""))
        server, port = other.begin(folder, hub, Path(other.file).stem, tls=own)
    return server, Tls(port) if own else ("127.0.0.1", port)


def listens(server, address):
    def accepts():
        assert server.process.poll() is None, server.log()
        try:
            Client(address).close()
            return True
        except OSError:
            return False

    wait_for(accepts, server.kind)


def answer(address, method, target, headers, body=b""):
    """Status, type, body and origin of a reply; ENDS: there is none."""
    try:
        reply = Client(address).request(method, target, headers, body)
    except OSError:
        return ENDS
    return reply.status, reply.headers.get("content-type"), reply.body, reply.headers.get("access-control-allow-origin")


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
def test_while_the_hub_is_away_each_front_says_what_its_file_says(tmp_path, other):
    tmp_path.chmod(0o755)
    server, address = begun(tmp_path / "front", Gone(tmp_path), other, certificate(tmp_path))
    try:
        listens(server, address)
        asks = [f"Accept: {ways.EVENTS}", f"Origin: {ways.ORIGIN}"]
        told = (200, f"{ways.EVENTS}; charset=utf-8", other.away, ways.ORIGIN)
        for method, target, head, body in (("GET", f"{PATH}?topic=a", [], b""), ("QUERY", PATH, [FORM], b"topic=a"))[:2 if other.queries else 1]:
            def seen():
                return answer(address, method, target, asks + head, body)

            if isinstance(other.away, bytes):
                wait_for(lambda: seen() == told, f"{told}, not {seen()}", 10)  # Varnish asks for the hub's health each second
            else:
                said = seen()
                assert said == other.away or said[0] == other.away, said
        for accept in ("*/*", f"{ways.EVENTS}, */*;q=0.1"):
            said = answer(address, "POST", PATH, [f"Accept: {accept}", FORM], b"topic=a&data=x")
            assert said == ENDS if other.away == ENDS else said[0] in (502, 503), said
    finally:
        server.process.kill()


# --- what the hub is told of who asks ------------------------------------------------------------------------------------


@pytest.fixture
def behind(start_hub, tmp_path):
    """Begins a hub with these lines and this front before it, its file without this."""
    with ExitStack() as stack:
        def begin(other, lines, without=None):
            hub = start_hub(lines)
            server, address = begun(hub.folder / other.name, hub, other, certificate(tmp_path), without)
            stack.callback(server.process.kill)
            wait_for(lambda: answer(address, "GET", PATH, [])[0] in (400, 421), other.name)
            return hub, address

        yield begin


def told_address(hub, address, *headers):
    """Whose stream this is, to the hub."""
    stream = Stream(address, "match=t", *headers)
    assert stream.status == 200
    try:
        return wait_for(lambda: re.findall(r"event=stream_begin .*?address=\"(\S+)\"", hub.log()), "the line of the stream")[-1]
    finally:
        stream.close()


@pytest.mark.parametrize("other", OTHERS, ids=lambda other: other.name)
def test_what_a_client_says_of_itself_counts_only_where_bytes_are_passed_on(behind, other):
    """So hitch's and stunnel's files say that `forwarded` stays out of the hub's configuration."""
    hub, address = behind(other, f"debug\nforwarded x-forwarded\n{ISSUERS}")
    scheme = "https" if isinstance(address, Tls) else "http"
    lies = ["X-Forwarded-For: 203.0.113.9", f"X-Forwarded-Proto: {'http' if scheme == 'https' else 'https'}"]

    def status(aud):
        return publish(address, access_token(["t"], aud=f"{aud}://hub.example{PATH}"), lies, topic="t", data="x").status

    believed = other.away == ENDS
    assert (told_address(hub, address, *lies) == "203.0.113.9") == believed
    assert status("http" if scheme == "https" else "https") == (200 if believed else 401)
    assert status(scheme) == (401 if believed else 200)


@pytest.mark.parametrize("other", [other for other in DEBIAN if other.own_host], ids=lambda other: other.name)
def test_without_its_line_for_the_host_a_front_says_its_own(behind, other):
    """Then no page may use its cookie, and no host is one of public_urls."""
    cookie = [f"Cookie: mercureAuthorization={token(['*'])}", "Origin: http://hub.example"]
    _, with_line = behind(other, "public_urls http://hub.example")
    _, without = behind(other, "", other.own_host)
    _, elsewhere = behind(other, "public_urls http://hub.example", other.own_host)
    statuses = [publish(address, "", cookie, topic="t", data="x").status for address in (with_line, without, elsewhere)]
    assert statuses == ([200, 400, 400] if other.name == "h2o-http" else [200, 401, 421])  # what h2o says of a Unix socket is no host


def test_on_a_connection_that_varnish_pipes_nothing_but_that_request_reaches_the_hub(behind):
    _, address = behind(DEBIAN[0], "")
    client = Client(address)
    client.ask("GET", PATH)
    client.ask("GET", "/healthz")
    assert client.reply().status == 400 and client.closed() == b""


# --- pages in a browser ------------------------------------------------------------------------------------------------


BEGINS_ANEW = re.search(r"^```js\n( *function listen\(.*?)^```", DOCUMENT.read_text(), re.S | re.M).group(1)


class PageThatBeginsAnew(Page):
    """As proxy-config/README.md has it for a front that answers 502."""
    LISTENS = f"window.got = []; const hub = arguments[0] + '?topic=a', show = data => got.push(data);{BEGINS_ANEW.replace('const source', 'const source = window.source')}listen()"


def test_pages_go_on_by_themselves_with_what_they_missed(tmp_path, browser):
    """But behind a front that answers 502; there those do that begin anew."""
    tmp_path.chmod(0o755)
    tls = certificate(tmp_path)
    (tmp_path / "hub").mkdir()
    hub = LogHub(tmp_path / "hub")
    with ExitStack() as stack:
        stack.callback(hub.stop)
        pages, deaf = {}, {}
        for other in OTHERS:
            server, address = begun(tmp_path / other.name, hub, other, tls)
            stack.callback(server.process.kill)
            front_ready(server, address)
            url = f"https://hub.example:{address.address[1]}" if isinstance(address, Tls) else f"http://127.0.0.1:{address[1]}"
            if isinstance(other.away, int):
                deaf[other.name] = Page(browser, url)
                pages[other.name] = PageThatBeginsAnew(browser, url)
            else:
                pages[other.name] = Page(browser, url)
        every = [*pages.values(), *deaf.values()]
        for page in every:
            wait_for(lambda: page.seen == ("open", []), "a page")
        publish(hub.socket, topic="a", data="before")
        for page in every:
            wait_for(lambda: page.seen == ("open", ["before"]), "the update")
        hub.kill()
        for name, page in deaf.items():
            wait_for(lambda: page.seen == ("closed", ["before"]), f"the page behind {name} to be deaf")
        time.sleep(AWAY)
        hub.start()
        publish(hub.socket, topic="a", data="missed")
        for name, page in pages.items():
            wait_for(lambda: page.seen == ("open", ["before", "missed"]), f"the page behind {name} to go on")
