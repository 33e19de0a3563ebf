"""A Laravel application as the hub and its pages see one: how its broadcaster publishes, and what it answers Echo with.

Request by request as the real ones were recorded (framework 13's Mercure driver, Echo's connector)."""
import base64
import http.server
import json
import os
import threading
import time
from urllib.parse import quote

import jwt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from conftest import PATH, publish

SECRET = "one secret of the application's, of 46 bytes.."
PREFIX = "https://laravel.alt/echo/"
DETAIL = "https://mercure.rocks/authorization-detail"


def encoded(text):
    return quote(text, safe="")


def topic_of(name):
    return f"{PREFIX}channel/{encoded(name)}"


def whisper_of(name):
    return f"{PREFIX}whisper/{encoded(name)}"


def guarded(name):
    return name.startswith(("private-", "presence-"))


def configuration(url, app="https://app.example"):
    """What examples/README.md says that a Laravel application needs."""
    return f"""issuer {app} {{
    publisher {{ jwt "{SECRET}" HS256 }}
    subscriber {{ jwt "{SECRET}" HS256 }}
}}
resource_identifier {url}"""


def detail(actions, exact, patterns=(), **more):
    topics = [{"match": text} for text in exact] + [{"match": text, "match_type": "urlpattern"} for text in patterns]
    return {"type": DETAIL, "actions": actions, "topics": topics, **more}


def access_token(url, details, seconds, subject="1", app="https://app.example"):
    now = int(time.time())
    claims = {"iss": app, "aud": url, "sub": subject, "client_id": app, "iat": now, "jti": os.urandom(8).hex(), "exp": now + seconds, "authorization_details": details}
    return jwt.encode(claims, SECRET, algorithm="HS256", headers={"typ": "at+jwt"})


def base64url(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unbase64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encrypt(key, text):
    """A compact JWE, `dir` and A256GCM."""
    head, iv = base64url(b'{"alg":"dir","enc":"A256GCM"}'), os.urandom(12)
    sealed = AESGCM(key).encrypt(iv, text.encode(), head.encode())
    return ".".join([head, "", base64url(iv), base64url(sealed[:-16]), base64url(sealed[-16:])])


class Laravel:
    """`url`: the hub's, as browsers know it; `seconds`: how long a visitor's token is good."""

    def __init__(self, url, seconds=300):
        self.url, self.seconds, self.keys, self.denied, self.asked = url, seconds, {}, set(), 0
        self.publisher = access_token(url, [detail(["publish"], ["*"])], 3600)
        laravel = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                names = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["channel_names"]
                user = dict(part.strip().split("=", 1) for part in self.headers["Cookie"].split(";"))["user"]
                laravel.answer(self, names, user)

            def do_GET(self):
                self.give(200, b"<!doctype html><meta charset=utf-8><title>app</title>", "text/html")

            def give(self, status, body, kind="application/json", *headers):
                self.send_response(status)
                for name, value in (("Content-Type", kind), ("Content-Length", str(len(body))), *headers):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def key_of(self, name):
        return self.keys.setdefault(name, os.urandom(32))

    def decrypt(self, name, jwe):
        head, _, iv, text, tag = jwe.split(".")
        return AESGCM(self.key_of(name)).decrypt(unbase64url(iv), unbase64url(text) + unbase64url(tag), head.encode())

    def answer(self, handler, names, user):
        """/broadcasting/auth: one denied channel takes its companions along."""
        self.asked += 1
        if self.denied & set(names):
            return handler.give(403, b'{"message":"This action is unauthorized."}')
        listed = [{"name": name, **({"jwk": {"kty": "oct", "k": base64url(self.key_of(name))}} if "-encrypted-" in name else {})} for name in names]
        document = {"channel_names": listed, "expires_in": self.seconds, "topic_prefix": PREFIX, "client_events": True}
        cookie = (f"__Secure-mercure_access_token={access_token(self.url, self.rights(names, user), self.seconds, user)}; "
                  f"Path={PATH}; Max-Age={self.seconds}; Secure; HttpOnly; SameSite=Strict")
        handler.give(200, json.dumps(document).encode(), "application/json", ("Set-Cookie", cookie))

    def rights(self, names, user):
        details = [detail(["subscribe"], [topic_of(name) for name in names if name.startswith("private-")])]
        for name in names:
            if name.startswith("presence-"):
                events = f"{PATH}/subscriptions/:match_type/{encoded(topic_of(name))}{{/:subscriber}}?"
                details.append(detail(["subscribe"], [topic_of(name)], [events], payload={"id": user, "name": f"User {user} é"}))
        details.append(detail(["subscribe", "publish"], [whisper_of(name) for name in names if guarded(name)]))
        return [one for one in details if one["topics"]]

    def broadcast(self, address, channels, event, payload, socket=None):
        """One POST for all public channels, one for each of the others."""
        head = ["Accept: */*", "Accept-Encoding: gzip", "User-Agent: Symfony HttpClient/Curl"]

        def send(names, data, **form):
            return publish(address, self.publisher, head, topic=[topic_of(name) for name in names], data=json.dumps(data), **form).status

        whole = {"event": event, "payload": payload, **({"socket": socket} if socket else {})}
        public = [name for name in channels if not guarded(name)]
        answers = [send(public, {"channels": public, **whole})] if public else []
        for name in filter(guarded, channels):
            data = {"data": encrypt(self.key_of(name), json.dumps(whole))} if "-encrypted-" in name else whole
            answers.append(send([name], {"channels": [name], **data}, private="on"))
        return answers
