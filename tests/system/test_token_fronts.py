"""The tokens of the table through real Apache and Caddy, over both wires: by header, cookie and query. And a front that
loses the header: the log names the line to add."""
from urllib.parse import quote, urlencode

import pytest

import conftest
import tokens
from conftest import FRONTS, PATH, Client, Hub, free_port, start_apache, wait_for

COOKIES = {"0.x": "mercureAuthorization", "1.0": "__Secure-mercure_access_token"}
ORIGIN = "https://ok.example"


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub")
    folder.chmod(0o755)
    hub = Hub(folder, tokens.configuration(tokens.BOTH, folder) + f"\npublish_origins {ORIGIN}\n", keys=False)
    yield hub
    hub.stop()


def rows():
    """What a front lets through: no header of more than 8,190 bytes."""
    return [row for row in tokens.table() if row.hub == tokens.BOTH and len(row.token) < 7000]


def is_1_0(row):
    return "at+jwt" in tokens.typ_of(row.token).lower()


def ask(client, row, target, *headers):
    if row.role == tokens.SUBSCRIBE:
        client.ask("GET", f"{target}{'&' if '?' in target else '?'}topic=a", headers)
        status, found = client.head()
        client.close()
        return status, found.get("x-alipes-reason", "")
    body = urlencode({"topic": row.topic, "data": "x"}).encode()
    reply = client.request("POST", target, [*headers, "Content-Type: application/x-www-form-urlencoded"], body)
    client.close()
    return reply.status, reply.headers.get("x-alipes-reason", "")


@pytest.mark.parametrize("front", list(FRONTS), indirect=True)
@pytest.mark.parametrize("where", ["header", "cookie", "query"])
def test_every_token_of_the_table_through_a_front(front, where):
    wrong = []
    for row in rows():
        if where == "header":
            found = ask(Client(front), row, PATH, f"Authorization: Bearer {row.token}")
        elif where == "cookie":
            name = COOKIES["1.0" if is_1_0(row) else "0.x"]
            found = ask(Client(front), row, PATH, f"Cookie: a=b; {name}={row.token}", f"Origin: {ORIGIN}")
        elif is_1_0(row):
            continue
        else:
            found = ask(Client(front), row, f"{PATH}?authorization={quote(row.token, safe='')}")
        if found != (row.status, row.reason):
            wrong.append((row.name, found, (row.status, row.reason)))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("front", list(FRONTS), indirect=True)
def test_an_access_token_in_the_query_is_refused(front):
    row = next(row for row in tokens.table() if row.name == "a good one of 1.0")
    status, reason = ask(Client(front), row, f"{PATH}?authorization={row.token}")
    assert status == 401 and reason == "authorization_parameter_not_allowed"


def lose_authorization(monkeypatch, folder, hub):
    """Apache over FastCGI with the project's snippet, less CGIPassAuth."""
    whole = conftest.snippet

    def without(*arguments):
        path = whole(*arguments)
        path.write_text(path.read_text().replace("CGIPassAuth On", "CGIPassAuth Off"))
        return path

    monkeypatch.setattr(conftest, "snippet", without)
    return start_apache(folder, hub, "fastcgi-unix")


def test_a_front_that_loses_authorization_is_named_with_the_line_to_add(hub, tmp_path, monkeypatch):
    tmp_path.chmod(0o755)
    server, port = lose_authorization(monkeypatch, tmp_path, hub)
    row = next(row for row in tokens.table() if row.name == "a good one of 0.x")

    def answer():
        try:
            return ask(Client(("127.0.0.1", port)), row, PATH, f"Authorization: Bearer {row.token}")
        except OSError:
            return None

    assert wait_for(answer, "Apache") == (401, "no_token")
    wait_for(lambda: answer() and "event=authorization_missing" in hub.log() and "CGIPassAuth On" in hub.log(), "the line")
    server.stop()


HAPROXY = """
defaults
  mode http
  option http-no-delay
  timeout connect 5s
  timeout client 60s
  timeout server 60s
fcgi-app hub
  docroot /var/www
  path-info ^(/\\.well-known/mercure)(/.*)?$
{passing}
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  use-fcgi-app hub
  server s unix@{socket} proto fcgi
"""


@pytest.mark.parametrize("passing", [False, True])
def test_haproxy_needs_pass_header(hub, tmp_path, passing):
    tmp_path.chmod(0o755)
    port = free_port()
    conf = tmp_path / "haproxy.cfg"
    conf.write_text(HAPROXY.format(port=port, socket=hub.socket, passing="  pass-header Authorization" if passing else ""))
    server = conftest.Front("haproxy", ["haproxy", "-db", "-f", conf], tmp_path)
    row = next(row for row in tokens.table() if row.name == "a good one of 0.x")

    def answer():
        assert server.process.poll() is None, server.log()
        try:
            return ask(Client(("127.0.0.1", port)), row, PATH, f"Authorization: Bearer {row.token}")
        except OSError:
            return None

    assert wait_for(answer, "HAProxy") == ((200, "") if passing else (401, "no_token"))
    if not passing:
        wait_for(lambda: answer() and "in HAProxy's fcgi-app add: pass-header Authorization" in hub.log(), "the line")
    server.stop()
