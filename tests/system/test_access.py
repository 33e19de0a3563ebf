"""Where a request came from, and what the hub says when it refuses: over both wires."""
import json
import time

import jwt
import pytest

import fastcgi
from conftest import KEY, PATH, Client, Fastcgi, Hub, Stream, token, wait_for

WIRES = ["http", "fastcgi"]


def ask(hub, wire, method, target, headers=(), body=b"", host="hub.example", **params):
    """One request with any host; on FastCGI with further params."""
    address = ("127.0.0.1", hub.port)
    if wire == "fastcgi":
        client = Client(Fastcgi(address))
        client.send(fastcgi.request(method, target, headers, body, HTTP_HOST=host, **params))
    else:
        client = Client(address)
        lines = [f"{method} {target} HTTP/1.1", *([f"Host: {host}"] if host is not None else []), *headers]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
    reply = client.reply(method)
    client.close()
    return reply


def post(hub, wire, headers, **more):
    return ask(hub, wire, "POST", PATH, ["Content-Type: application/x-www-form-urlencoded", *headers], b"topic=t&data=x", **more)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("plain"), "cors_origins https://app.example")
    yield hub
    hub.stop()


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("method, target, status", [
    ("GET", PATH, 400), ("POST", PATH, 401), ("GET", "/nothing", 404), ("DELETE", PATH, 405), ("GET", PATH + "?topic=a&authorization=x", 401)])
def test_errors_are_problem_details_where_these_are_accepted(plain, wire, method, target, status):
    cors = "Origin: https://app.example"
    told = ask(plain, wire, method, target, ["Accept: text/html;q=0.5, application/problem+json", cors])
    assert told.status == status and told.headers["content-type"] == "application/problem+json"
    document = json.loads(told.body)
    assert document["status"] == status and document["type"] == "about:blank" and document["title"] and document["detail"].endswith(".")
    text = ask(plain, wire, method, target, ["Accept: text/html", cors])
    assert text.status == status and text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.body.decode() == document["detail"] + "\n"
    for reply in (told, text):
        assert reply.headers["cache-control"] == "no-store"
        assert reply.headers["access-control-allow-origin"] == "https://app.example"
        assert "WWW-Authenticate" in reply.headers["access-control-expose-headers"]
        assert ("www-authenticate" in reply.headers) == (status == 401)


@pytest.mark.parametrize("wire", WIRES)
def test_another_host_is_misdirected(start_hub, wire):
    hub = start_hub(f"public_urls https://hub.example https://other.example:8443{PATH}")
    assert ask(hub, wire, "HEAD", PATH + "?topic=a").status == 200
    assert ask(hub, wire, "HEAD", PATH + "?topic=a", host="HUB.example:443").status == 200
    assert ask(hub, wire, "HEAD", PATH + "?topic=a", host="other.example:8443").status == 200
    for host in ("evil.example", "hub.example:80", "other.example", "hub.example.evil", "hub.example@evil"):
        assert ask(hub, wire, "HEAD", PATH + "?topic=a", host=host).status in (421, 400), host
    assert ask(hub, wire, "POST", PATH, host="evil.example").status == 421
    assert ask(hub, wire, "GET", "/healthz", host="evil.example").status == 200
    # The scheme is the one that is said there, whatever the wire says.
    cookie = f"Cookie: mercureAuthorization={token(['*'])}"
    assert post(hub, wire, [cookie, "Origin: https://hub.example"], REQUEST_SCHEME="http").status == 200
    assert post(hub, wire, [cookie, "Origin: http://hub.example"], REQUEST_SCHEME="http").status == 401


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("lines, named", [
    ("public_urls https://app.example", f"https://app.example{PATH}"),
    (f"public_urls https://app.example{PATH}", f"https://app.example{PATH}"),
    ("public_urls https://app.example\nresource_identifier https://elsewhere.example/hub", "https://elsewhere.example/hub")])
def test_who_comes_by_an_internal_url_is_told_the_way_out(start_hub, wire, lines, named):
    """An application and its pages get 421 for a host that is none of public_urls: body and log name the other line."""
    hub = start_hub(lines)
    for method in ("POST", "GET", "HEAD"):
        reply = ask(hub, wire, method, PATH + "?topic=a", host="hub.internal:3000")
        assert reply.status == 421
        assert method == "HEAD" or b"resource_identifier" in reply.body and b"public_urls" in reply.body
    line = next(line for line in hub.log().split("\n") if "event=misdirected" in line)
    assert 'level=warn' in line and 'host="hub.internal:3000"' in line and f"resource_identifier {named} instead of public_urls" in line


@pytest.mark.parametrize("name, header", [("x-forwarded", "X-Forwarded-Proto: {}"), ("forwarded", "Forwarded: for=1.2.3.4;proto={}")])
def test_the_front_tells_the_scheme_where_it_is_believed(start_hub, name, header):
    cookie = f"Cookie: mercureAuthorization={token(['*'])}"

    def status(hub, wire, scheme, origin, **params):
        return post(hub, wire, [cookie, f"Origin: {origin}://hub.example", header.format(scheme)], **params).status

    believing = start_hub(f"forwarded {name}")
    assert status(believing, "http", "https", "https") == 200
    assert status(believing, "http", "https", "http") == 401
    assert status(believing, "http", "http", "https") == 401
    assert post(believing, "http", [cookie, "Origin: https://hub.example",
                                    header.format("http"), header.format("https")]).status == 200, "the last header counts"
    # On FastCGI the params tell, and such headers are the client's own.
    assert status(believing, "fastcgi", "https", "http", REQUEST_SCHEME="http") == 200
    assert status(believing, "fastcgi", "https", "https", REQUEST_SCHEME="http") == 401
    assert status(believing, "fastcgi", "http", "https", HTTPS="on") == 200
    for extra in ("", f"forwarded {name}\ntrusted_proxies 10.0.0.0/8"):
        assert status(start_hub(extra), "http", "https", "http") == 200, "nothing is believed: any scheme is its own"


def test_streams_of_an_address_are_bounded_where_it_is_known(start_hub):
    hub = start_hub("forwarded x-forwarded\nmax_streams_per_address 2")
    address = ("127.0.0.1", hub.port)

    def stream(*headers):
        return Stream(address, "topic=a", *headers)

    held = [stream("X-Forwarded-For: 6.6.6.6, 192.0.2.1") for _ in range(2)]
    assert b"retry: " in stream("X-Forwarded-For: 192.0.2.1").text
    held += [stream("X-Forwarded-For: 192.0.2.1, 192.0.2.2"), stream(), stream(), stream()]
    assert all(b"retry: " not in s.text for s in held)
    unbelieving = start_hub("max_streams_per_address 2")
    held = [Stream(("127.0.0.1", unbelieving.port), "topic=a", "X-Forwarded-For: 192.0.2.1") for _ in range(4)]
    assert all(b"retry: " not in s.text for s in held)


@pytest.mark.parametrize("wire", WIRES)
def test_an_own_origin_is_scheme_host_and_port(plain, wire):
    cookie = f"Cookie: mercureAuthorization={token(['*'])}"
    for origin, host, status in [
            ("http://hub.example", "hub.example", 200), ("http://HUB.example:80", "hub.example", 200),
            ("http://hub.example", "hub.example:80", 200), ("http://hub.example:8080", "hub.example", 401),
            ("http://hub.example:8080", "hub.example:8080", 200), ("null", "hub.example", 401),
            ("http://hub.example.evil", "hub.example", 401), ("http://evil/hub.example", "hub.example", 401),
            ("hub.example", "hub.example", 401)]:
        assert post(plain, wire, [cookie, f"Origin: {origin}"], host=host).status == status, (origin, host)
    # An empty Origin counts as absent: the Referer decides.
    assert post(plain, wire, [cookie, "Origin: ", "Referer: http://hub.example/page?x"]).status == 200
    assert post(plain, wire, [cookie, "Origin: ", "Referer: http://evil.example/http://hub.example"]).status == 401
    assert post(plain, wire, [cookie]).status == 401


# --- refusals of protocol 1.0, and the metadata ------------------------------------------------------

ISSUER = "https://auth.example"
ISSUERS = f"issuer {ISSUER} {{\n authorization_server\n publisher {{\n jwt {KEY} HS256\n }}\n subscriber {{\n jwt {KEY}\n }}\n}}\n"
METADATA = "/.well-known/oauth-protected-resource" + PATH


def access_token(publish=(), subscribe=(), aud=f"http://hub.example{PATH}", typ="at+jwt", **claims):
    details = [{"type": "https://mercure.rocks/authorization-detail", "actions": [action], "topics": [{"match": topic} for topic in topics]}
               for action, topics in (("publish", publish), ("subscribe", subscribe)) if topics]
    claims = {"iss": ISSUER, "aud": aud, "exp": time.time() + 3600, "authorization_details": details, **claims}
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, KEY, algorithm="HS256", headers={"typ": typ})


@pytest.fixture(scope="module", params=["1.0", "mixed"])
def modern(request, tmp_path_factory):
    """A hub of protocol 1.0 alone, and one of both."""
    hub = Hub(tmp_path_factory.mktemp("modern"), ISSUERS + "debug", keys=request.param == "mixed")
    hub.is_mixed = request.param == "mixed"
    yield hub
    hub.stop()


def challenge(reply):
    return reply.headers["www-authenticate"]


@pytest.mark.parametrize("wire", WIRES)
def test_refusals_of_1_0_are_those_of_rfc_6750(modern, wire):
    url = f'resource_metadata="http://hub.example{METADATA}"'
    bearer = "Authorization: Bearer "

    def said(headers, **more):
        reply = post(modern, wire, headers, **more)
        assert reply.headers["cache-control"] == "no-store"
        return reply.status, challenge(reply), reply.headers["x-alipes-reason"]

    assert said([]) == (401, f"Bearer {url}", "no_token")
    invalid = f'Bearer error="invalid_token", {url}'
    assert said([bearer + "x.y.z"])[:2] == (401, invalid)
    assert said([bearer + access_token(["t"], exp=1)]) == (401, invalid, "expired")
    assert said([bearer + access_token(["t"], exp=None)]) == (401, invalid, "no_exp")
    assert said([bearer + access_token(["t"], iss="https://else.example")]) == (401, invalid, "unknown_issuer")
    assert said([bearer + access_token(["t"], aud="https://hub.example" + PATH)]) == (401, invalid, "aud")
    scope = f'Bearer error="insufficient_scope", {url}'
    assert said([bearer + access_token()]) == (403, scope, "grants_no_topic")
    assert said([bearer + access_token(["else"])]) == (403, scope, "topic_not_granted")
    request = f'Bearer error="invalid_request", {url}'
    if wire == "http":
        assert said([bearer + "a", bearer + "a"]) == (400, request, "malformed_authorization_header")
    assert said(["Authorization: Basic YTpi"]) == (400, request, "malformed_authorization_header")
    cookie = f"Cookie: __Secure-mercure_access_token={access_token(['t'])}"
    assert said([cookie, "Origin: https://evil.example"]) == (400, request, "cookie_of_foreign_origin")
    assert post(modern, wire, [cookie, "Origin: http://hub.example"]).status == 200
    assert post(modern, wire, [bearer + access_token(["t"])]).status == 200
    # The resource follows the host that is asked.
    assert post(modern, wire, [], host="Other.example:8080").headers["www-authenticate"] == \
        f'Bearer resource_metadata="http://other.example:8080{METADATA}"'
    old = [bearer + token(["t"])]
    if modern.is_mixed:
        assert post(modern, wire, old).status == 200
        assert said([bearer + token(["t"], exp=1)]) == (401, "Bearer", "expired")
    else:
        assert said(old) == (401, invalid, "dialect_is_off")
    assert post(modern, wire, [bearer + access_token(["t"])], host="evil.example").headers["x-alipes-reason"] == "aud"
    line = wait_for(lambda: [x for x in modern.log().split("\n") if "reason=aud" in x], "the log line")[0]
    for word in ("dialect=1.0", "role=publish", f'iss="{ISSUER}"', "conn=", "expected_aud=", "received_aud="):
        assert word in line


@pytest.mark.parametrize("wire", WIRES)
def test_where_a_token_of_1_0_may_be(modern, wire):
    good, old = access_token(subscribe=["t"]), token(subscribe=["t"])

    def status(query, *cookies):
        headers = [f"Cookie: {c}" for c in cookies]
        return ask(modern, wire, "HEAD", f"{PATH}?{query}", headers).status

    new_name, old_name = "__Secure-mercure_access_token=", "mercureAuthorization="
    assert status("match=t", new_name + good) == 200
    assert status("match=t", new_name + "bad") == 401
    assert status("match=t", f'a=b;{new_name}"{good}"; {new_name}bad') == 200
    assert status("match=t", "x=y", new_name + good) == 200
    assert status("match=t", new_name) == 401
    if modern.is_mixed:
        assert status("topic=t", f"{new_name}bad; {old_name}{old}") == 200
        assert status("match=t", f"{new_name}bad; {old_name}{old}") == 401
        assert status("match=t", f"{new_name}{good}; {old_name}bad") == 200
        assert status("topic=t", f"{new_name}{good}; {old_name}bad") == 401
        assert status("topic=t", new_name + good) == 200
        assert status("match=t", old_name + old) == 200
        assert status(f"topic=t&authorization={old}", new_name + "bad") == 200
        assert status(f"topic=t&authorization={good}", new_name + good) == 401
        assert status(f"match=t&authorization={old}") == 401
        assert status(f"topic=t&authorization={old}&authorization={old}") == 401
        query = ask(modern, wire, "QUERY", f"{PATH}?authorization={old}", ["Content-Type: application/x-www-form-urlencoded"], b"match=t")
        assert query.status == 401
    else:
        assert status("match=t", f"{old_name}bad") == 200, "a cookie of the other dialect is none"
        assert status("match=t&authorization=bad") == 200, "nor is the parameter"


@pytest.mark.parametrize("wire", WIRES)
def test_the_metadata_follow_the_request(modern, plain, wire):
    reply = ask(modern, wire, "GET", METADATA, ["Origin: https://app.example"])
    assert reply.status == 200 and reply.headers["content-type"] == "application/json"
    assert json.loads(reply.body) == {
        "resource": f"http://hub.example{PATH}", "bearer_methods_supported": ["header"], "authorization_servers": [ISSUER],
        "authorization_details_types_supported": ["https://mercure.rocks/authorization-detail"],
        "mercure_cookie": "__Secure-mercure_access_token"}
    assert json.loads(ask(modern, wire, "GET", METADATA, host="Other.example:8080").body)["resource"] == f"http://other.example:8080{PATH}"
    assert ask(modern, wire, "HEAD", METADATA).status == 200
    assert ask(modern, wire, "POST", METADATA).status == 405
    assert ask(modern, wire, "GET", "/.well-known/oauth-protected-resource").status == 404
    assert ask(modern, wire, "GET", METADATA + "/x").status == 404
    assert ask(plain, wire, "GET", METADATA).status == 404
    if wire == "fastcgi":
        assert json.loads(ask(modern, wire, "GET", METADATA, REQUEST_SCHEME="https").body)["resource"] == f"https://hub.example{PATH}"


@pytest.mark.parametrize("wire", WIRES)
def test_a_resource_identifier_is_the_audience_whatever_the_host(start_hub, wire):
    hub = start_hub(f"{ISSUERS.replace(' authorization_server', '')}resource_identifier https://id.example/hub\ncookie_name c", keys=False)
    bearer = "Authorization: Bearer "
    assert post(hub, wire, [bearer + access_token(["t"], aud=["x", "https://id.example/hub"])], host="any.example").status == 200
    assert post(hub, wire, [bearer + access_token(["t"])]).status == 401
    assert challenge(post(hub, wire, [])) == f'Bearer resource_metadata="https://id.example{METADATA}"'
    document = json.loads(ask(hub, wire, "GET", METADATA).body)
    assert document["resource"] == "https://id.example/hub" and document["mercure_cookie"] == "c" and "authorization_servers" not in document


def test_a_role_without_a_key_is_refused_for_its_issuer(start_hub):
    hub = start_hub(f"issuer {ISSUER} {{ subscriber {{ jwt {KEY} }} }}\ndebug", keys=False)
    reply = post(hub, "http", ["Authorization: Bearer " + access_token(["t"])])
    assert (reply.status, reply.headers["x-alipes-reason"]) == (401, "no_key_for_this_role")


def seconds_behind_its_token(address, query, make, leeway=0):
    """A stream of a token that is made with its exp has ended; None: the machine stood still until the token had."""
    exp = time.time() + 1.5
    stream = Stream(address, query, f"Authorization: Bearer {make(exp)}")
    if stream.status == 401 and time.time() > exp + leeway:
        return None
    assert stream.status == 200 and b"retry: " in stream.end()
    return time.time() - exp - leeway


def ends_with_its_token(*of_a_stream):
    """Never before it; and within a second, on a machine that does not stand still for once."""
    def in_time():
        behind = seconds_behind_its_token(*of_a_stream)
        assert behind is None or behind > -0.2
        return behind is not None and behind < 1

    wait_for(in_time, "a stream that ends when its token does")


def test_a_stream_ends_when_its_token_does_leeway_included(start_hub):
    for leeway in (0, 2):
        hub = start_hub(f"leeway {leeway}s")
        ends_with_its_token(("127.0.0.1", hub.port), "topic=t", lambda exp: token(subscribe=["*"], exp=exp), leeway)
