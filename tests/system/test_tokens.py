"""Every token of the table (tokens.py) over both wires, and what PyJWT and libjwt think of them."""
import ctypes
import re
import time
from urllib.parse import urlencode

import jwt
import pytest

import tokens
from conftest import PATH, Client, Hub, wait_for
from fastcgi import Fastcgi

# Where PyJWT differs, knowingly: it takes padding, and bits of base64url that do not count; it refuses b64 without crit.
PYJWT_DIFFERS = {"padding", "bits that do not count", "header, fine: b64 alone"}
OF_FORM = {"malformed", "alg_is_not_the_keys", "bad_signature"}


@pytest.fixture(scope="module", params=[tokens.OLD, tokens.NEW, tokens.BOTH])
def hub_of_table(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    folder.chmod(0o755)
    hub = Hub(folder, tokens.configuration(request.param, folder), keys=False)
    yield request.param, hub
    hub.stop()


def ask(address, row):
    client = Client(address)
    auth = f"Authorization: Bearer {row.token}"
    if row.role == tokens.SUBSCRIBE:
        client.ask("GET", f"{PATH}?{'match' if row.hub == tokens.NEW else 'topic'}=a", [auth])
        status, headers = client.head()
        client.close()
        return status, headers.get("x-alipes-reason", "")
    body = urlencode({"topic": row.topic, "data": "x"}).encode()
    reply = client.request("POST", PATH, [auth, "Content-Type: application/x-www-form-urlencoded"], body)
    client.close()
    return reply.status, reply.headers.get("x-alipes-reason", "")


@pytest.mark.parametrize("wire", ["http", "fastcgi"])
def test_every_token_of_the_table(hub_of_table, wire):
    name, hub = hub_of_table
    address = ("127.0.0.1", hub.port) if wire == "http" else Fastcgi(hub.socket)
    rows = [row for row in tokens.table() if row.hub == name]
    assert len(rows) > 4
    wrong = []
    for row in rows:
        for when in ("cold", "again"):
            found = ask(address, row)
            if found != (row.status, row.reason):
                wrong.append((row.name, when, found, (row.status, row.reason)))
    assert not wrong, "\n".join(map(str, wrong))


def test_no_token_of_the_table_is_in_the_log(hub_of_table):
    name, hub = hub_of_table
    text = hub.log()
    for row in tokens.table():
        for part in row.token.split("."):
            assert len(part) < 30 or part not in text, row.name


def test_the_bounds_of_tokens_are_told(hub_of_table):
    """The table has met them: 1,001 selectors, 101 entries and 101 matchers."""
    name, hub = hub_of_table
    for row in tokens.table():
        if row.hub == name and row.reason.startswith("too_many"):
            bound = "max_token_selectors" if row.reason == "too_many_selectors" else "max_authorization_details"
            ask(("127.0.0.1", hub.port), row)
            assert f"bound={bound} " in hub.log()


def test_the_log_says_what_is_needed_in_one_line(hub_of_table):
    name, hub = hub_of_table
    if name == tokens.OLD:
        row = next(r for r in tokens.table() if r.name == "0.x alone: at+jwt")
        line = "status=401 reason=no_issuer_is_configured dialect=1.0 role=publish"
    else:
        row = next(r for r in tokens.table() if r.name == "1.0 aud a list of others")
        line = 'reason=aud dialect=1.0 role=publish iss="https://hs256.example" alg="HS256" ' \
            f'expected_aud="{tokens.AUD}" received_aud="a b"'
    # At most once a second a reason is logged: another row may have used this one up.
    wait_for(lambda: ask(("127.0.0.1", hub.port), row) and line in hub.log(), "the line")


def test_the_same_reason_is_logged_at_most_once_a_second_with_a_count(hub_of_table):
    name, hub = hub_of_table
    row = next(r for r in tokens.table() if r.hub == name and r.reason == "malformed") if name != tokens.BOTH else \
        next(r for r in tokens.table() if r.name == "one part")
    before = len(re.findall("reason=malformed", hub.log()))
    begun = time.monotonic()

    def counted():
        ask(("127.0.0.1", hub.port), row)
        return re.search(r"reason=malformed .*suppressed=[1-9]", hub.log())

    wait_for(counted, "a line with a count")
    lines = len(re.findall("reason=malformed", hub.log())) - before
    assert lines <= time.monotonic() - begun + 2


def test_the_table_is_large_and_has_both_kinds():
    rows = tokens.table()
    good = [row for row in rows if not row.reason]
    assert len(rows) >= 300 and len(good) >= 80
    assert {row.hub for row in rows} == {tokens.OLD, tokens.NEW, tokens.BOTH}


def pyjwt(row):
    name, alg = row.verifier
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False, "verify_iss": False}
    verifier = tokens.key(name).verifier
    return jwt.decode(row.token, verifier, algorithms=[alg], options=options)


def test_pyjwt_agrees():
    """Where the hub accepts, PyJWT finds the signature good; where form or signature are bad, so does PyJWT. (What a set
    refuses for its kid, PyJWT, which is given one key, cannot know.)"""
    good = bad = 0
    for row in tokens.table():
        if not row.verifier or row.name in PYJWT_DIFFERS:
            continue
        if not row.reason:
            good += bool(pyjwt(row))
        elif row.reason in OF_FORM and not row.name.startswith("set"):
            with pytest.raises(jwt.PyJWTError):
                pyjwt(row)
            bad += 1
    assert good >= 80 and bad >= 60


class Libjwt:
    def __init__(self):
        self.library = ctypes.CDLL("libjwt.so.0")

    def accepts(self, row):
        name, alg = row.verifier
        verifier = tokens.key(name).verifier
        found = ctypes.c_void_p()
        status = self.library.jwt_decode(ctypes.byref(found), row.token.encode(), verifier, len(verifier))
        good = status == 0
        if good:
            self.library.jwt_free(found)
        return good


LIBJWT_READS_NO_LARGE_NUMBERS = {"0.x exp: 2^64", "0.x exp: 40 digits"}


def test_libjwt_agrees_where_it_can():
    """HS, RS and ES of 0.x: libjwt 1.10 refuses typ at+jwt and other typ's, knows neither PS* nor EdDSA."""
    library, good, bad = Libjwt(), 0, 0
    for row in tokens.table():
        if not row.verifier or row.verifier[1][:2] not in ("HS", "RS", "ES") or "1.0" in row.name or row.name.startswith("set"):
            continue
        if row.reason == "bad_signature" and "DER" not in row.name:
            assert not library.accepts(row), row.name
            bad += 1
        elif not row.reason and row.name not in LIBJWT_READS_NO_LARGE_NUMBERS and row.token.startswith((tokens.b64(b'{"alg":"HS256","typ":"JWT"}'), tokens.b64(b'{"alg":"RS256"}'))):
            assert library.accepts(row), row.name
            good += 1
    assert good >= 20 and bad >= 10
