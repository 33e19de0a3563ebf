"""The table of tokens: good and bad, each algorithm, each rule, of both dialects. Each row says what
the hub must answer; test_tokens.py asks the hub over both wires, test_inspect.py asks `alipes token
inspect`, and PyJWT and libjwt give a second opinion.

Signatures are made here with the cryptography package, byte by byte where a row needs it."""
import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

AUD = "https://hub.example/.well-known/mercure"
DETAIL = "https://mercure.rocks/authorization-detail"
PUBLISH, SUBSCRIBE = "publish", "subscribe"
TOPIC = "https://example.com/a"

KEYS = Path(__file__).resolve().parents[1] / "data" / "keys"

# Hubs of the table, by the dialects that they speak.
OLD, NEW, BOTH = "0.x alone", "1.0 alone", "both"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Secret:
    def __init__(self, secret):
        self.secret = secret
        self.setting = secret.decode()
        self.verifier = secret

    def jwk(self):
        return {"kty": "oct", "k": b64(self.secret)}


class Pair:
    def __init__(self, private):
        self.private = private
        self.verifier = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.pem = private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        self.setting = self.verifier.decode().strip().replace("\n", "\\n")

    def jwk(self):
        public = self.private.public_key()
        if isinstance(public, ed25519.Ed25519PublicKey):
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw)}
        numbers = public.public_numbers()
        if isinstance(public, rsa.RSAPublicKey):
            size = (numbers.n.bit_length() + 7) // 8
            return {"kty": "RSA", "n": b64(numbers.n.to_bytes(size, "big")), "e": b64(numbers.e.to_bytes(3, "big"))}
        size = (public.curve.key_size + 7) // 8
        return {"kty": "EC", "crv": f"P-{public.curve.key_size}", "x": b64(numbers.x.to_bytes(size, "big")),
                "y": b64(numbers.y.to_bytes(size, "big"))}


@lru_cache(None)
def key(name):
    """The keys of the table, made once; `name` may end in a number for a second one of the kind."""
    kind = name.rstrip("0123456789") if name.startswith(("secret", "rsa", "ed")) else name.split("/")[0]
    if kind == "secret":
        return Secret(hashlib.sha512(name.encode()).hexdigest()[:64].encode())
    if kind == "rsa":
        # Making one takes a third of a second.
        return Pair(serialization.load_pem_private_key((KEYS / f"{name}.pem").read_bytes(), None))
    if kind == "ed":
        return Pair(ed25519.Ed25519PrivateKey.generate())
    return Pair(ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}[kind]))


DIGESTS = {"256": (hashes.SHA256(), hashlib.sha256), "384": (hashes.SHA384(), hashlib.sha384),
           "512": (hashes.SHA512(), hashlib.sha512)}
SIZES = {"ES256": 32, "ES384": 48, "ES512": 66}
KINDS = {"HS256": "secret", "HS384": "secret", "HS512": "secret", "RS256": "rsa", "RS384": "rsa", "RS512": "rsa",
         "PS256": "rsa", "PS384": "rsa", "PS512": "rsa", "ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed"}


def signature(alg, signer, text):
    if alg == "EdDSA":
        return signer.private.sign(text)
    digest, plain = DIGESTS[alg[2:]]
    if alg.startswith("HS"):
        return hmac.new(signer.secret, text, plain).digest()
    if alg.startswith("RS"):
        return signer.private.sign(text, padding.PKCS1v15(), digest)
    if alg.startswith("PS"):
        return signer.private.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
    r, s = decode_dss_signature(signer.private.sign(text, ec.ECDSA(digest)))
    return r.to_bytes(SIZES[alg], "big") + s.to_bytes(SIZES[alg], "big")


def text_of(part):
    return part if isinstance(part, bytes) else part.encode() if isinstance(part, str) else \
        json.dumps(part, separators=(",", ":")).encode()


def sign(header, claims, signer, alg=None):
    """Header and claims: a dict, or the JSON text itself."""
    alg = alg or header["alg"]
    text = f"{b64(text_of(header))}.{b64(text_of(claims))}"
    return f"{text}.{b64(signature(alg, signer, text.encode()))}"


def typ_of(token):
    """The typ of a token's header; empty where it cannot be read."""
    try:
        head = token.split(".")[0]
        return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4))).get("typ", ""))
    except (ValueError, AttributeError):
        return ""


@dataclass
class Row:
    name: str
    token: str
    hub: str = BOTH
    role: str = PUBLISH
    reason: str = ""  # what the log says; empty: accepted
    status: int = 0  # 0: follows from the reason
    topic: str = TOPIC
    verifier: tuple = ()  # (key, algorithm) that the hub has for it, for the second opinions
    inspect: str = None  # inspect's reason where it differs: it knows no topic

    def __post_init__(self):
        self.status = self.status or (401 if self.reason else 200)


NOW = int(time.time())
HOUR = 3600


def old(**claims):
    """Claims of 0.x that grant everything, with changes; None takes one away."""
    made = {"mercure": {"publish": ["*"], "subscribe": ["*"]}, **claims}
    return {k: v for k, v in made.items() if v is not None}


def detail(**changes):
    made = {"type": DETAIL, "actions": ["publish", "subscribe"], "topics": [{"match": "*"}], **changes}
    return {k: v for k, v in made.items() if v is not None}


def new(**claims):
    made = {"iss": "https://hs256.example", "aud": AUD, "exp": NOW + HOUR, "authorization_details": [detail()], **claims}
    return {k: v for k, v in made.items() if v is not None}


S0 = "secret1"  # 0.x publishers of BOTH and OLD
R0 = "rsa1"  # 0.x subscribers of BOTH, RS256
E0 = "p256/0"  # 0.x subscribers of OLD, ES256


def issuer_of(alg):
    return f"https://{alg.lower()}.example"


def issuer_key(alg):
    return {"secret": "secret2", "rsa": "rsa2", "p256": "p256/1", "p384": "p384/1", "p521": "p521/1", "ed": "ed1"}[KINDS[alg]]


SET_KEYS = {"one": ("rsa3", "RS256"), "two": ("p256/2", "ES256"), "three": ("ed2", "EdDSA"), "any": ("rsa4", None),
            "hmac": ("secret4", "HS256")}


def write_set(folder):
    """A JWK set with several kids, and two keys that must be passed over."""
    keys = [{**key(name).jwk(), "kid": kid, **({"alg": alg} if alg else {})} for kid, (name, alg) in SET_KEYS.items()]
    keys += [{"kty": "future", "kid": "future"}, {**key("rsa9").jwk(), "kid": "crypt", "use": "enc"}]
    path = folder / "set.json"
    path.write_text(json.dumps({"keys": keys}))
    path.chmod(0o644)
    return path


def configuration(hub, folder):
    """What the hub of that name has beside the fixture's own lines."""
    lines = [f"resource_identifier {AUD}", "debug"]
    if hub != NEW:
        lines += [f"publisher_jwt {key(S0).setting} HS256"]
        lines += [f'subscriber_jwt "{key(R0).setting}" RS256' if hub == BOTH else f'subscriber_jwt "{key(E0).setting}" ES256']
    if hub != OLD:
        for alg in KINDS:
            lines += [f"issuer {issuer_of(alg)} {{", f' publisher {{ jwt "{key(issuer_key(alg)).setting}" {alg} }}',
                      f' subscriber {{ jwt "{key(issuer_key(alg)).setting}" {alg} }}', "}"]
        lines += ["issuer https://set.example {", f" publisher {{ jwks_uri file://{write_set(folder)} }}", "}"]
        lines += ["issuer https://set-es.example {", f" publisher {{ jwks_uri file://{write_set(folder)} ES256 }}", "}"]
    if hub == BOTH:  # one key for both dialects
        lines += ["issuer https://same.example {", f" publisher {{ jwt {key(S0).setting} HS256 }}", "}"]
    return "\n".join(lines)


OLD_HS = (S0, "HS256")
H0 = {"alg": "HS256", "typ": "JWT"}
H1 = {"alg": "HS256", "typ": "at+jwt"}


def mangled(token, how):
    head, claims, mac = token.split(".")
    return how(head, claims, mac)


def rows_of_form():
    """What is no JWS at all, or one with a header that must not pass."""
    good = sign(H0, old(), key(S0))
    good1 = sign(H1, new(), key("secret2"))

    def form(name, token, reason, verifier=OLD_HS, **more):
        return Row(name, token, reason=reason, verifier=verifier, **more)

    yield Row("a good one of 0.x", good, verifier=OLD_HS)
    yield Row("a good one of 1.0", good1, verifier=("secret2", "HS256"))
    for name, token in {
        "one part": "abc", "two parts": ".".join(good.split(".")[:2]), "four parts": good + ".abc",
        "padding": mangled(good, lambda h, c, s: f"{h}.{c}.{s}="),
        "a blank inside": good[:20] + "+" + good[21:],
        "the other alphabet": mangled(good, lambda h, c, s: f"{h}.{c}.{s[:-1]}/"),
        "bits that do not count": mangled(good, lambda h, c, s: f"{h}.{c}.{s[:-1]}" + {"A": "B", "E": "F", "I": "J", "M": "N", "Q": "R",
                                          "U": "V", "Y": "Z", "c": "d", "g": "h", "k": "l", "o": "p", "s": "t", "w": "x", "0": "1",
                                          "4": "5", "8": "9"}[s[-1]]),
        "a length that cannot be": mangled(good, lambda h, c, s: f"{h}.{c}.{s}AA"),
        "a blank behind it": good + "%20",
    }.items():
        yield form(name, token, "malformed")
    yield form("empty parts", "..", "bad_header")
    yield form("text behind it", good + "AAAAA", "bad_signature")
    yield form("no signature", mangled(good, lambda h, c, s: f"{h}.{c}."), "bad_signature")
    yield form("a cut signature", mangled(good, lambda h, c, s: f"{h}.{c}.{b64(base64.urlsafe_b64decode(s + '=')[:-1])}"), "bad_signature")
    yield form("a longer signature", mangled(good, lambda h, c, s: f"{h}.{c}.{b64(base64.urlsafe_b64decode(s + '=') + bytes(1))}"),
               "bad_signature")
    yield form("another's signature", sign(H0, old(), key("secret3")), "bad_signature")
    yield form("other claims under it", mangled(good, lambda h, c, s: f"{h}.{b64(text_of(old(x=1)))}.{s}"), "bad_signature")
    yield form("another header over it", mangled(good, lambda h, c, s: f"{b64(text_of({**H0, 'x': 1}))}.{c}.{s}"), "bad_signature")
    yield form("larger than a token can be", sign(H0, old(x="y" * 13000), key(S0)), "too_large")
    yield form("as large as a token can be", sign(H0, old(x="y" * 12100), key(S0)), "")
    headers = {
        "no alg": ({"typ": "JWT"}, "bad_header"), "alg null": ({"alg": None}, "bad_header"), "alg a number": ({"alg": 256}, "bad_header"),
        "alg none": ({"alg": "none"}, "alg_is_not_the_keys"), "alg None": ({"alg": "None"}, "alg_is_not_the_keys"),
        "alg hs256": ({"alg": "hs256"}, "alg_is_not_the_keys"), "alg empty": ({"alg": ""}, "alg_is_not_the_keys"),
        "alg HS384": ({"alg": "HS384"}, "alg_is_not_the_keys"), "alg HS512": ({"alg": "HS512"}, "alg_is_not_the_keys"),
        "alg RS256": ({"alg": "RS256"}, "alg_is_not_the_keys"), "alg ES256": ({"alg": "ES256"}, "alg_is_not_the_keys"),
        "alg EdDSA": ({"alg": "EdDSA"}, "alg_is_not_the_keys"), "alg with a blank": ({"alg": "HS256 "}, "alg_is_not_the_keys"),
        "kid a number": ({"alg": "HS256", "kid": 1}, "bad_header"), "crit": ({"alg": "HS256", "crit": ["exp"]}, "crit"),
        "crit empty": ({"alg": "HS256", "crit": []}, "crit"), "crit null": ({"alg": "HS256", "crit": None}, "crit"),
        "crit b64": ({"alg": "HS256", "crit": ["b64"], "b64": False}, "crit"),
        "a list": ([1], "bad_header"), "a string": ('"HS256"', "bad_header"), "nothing": ("", "bad_header"),
        "alg twice": ('{"alg":"HS256","alg":"HS256"}', "bad_header"), "alg twice, none last": ('{"alg":"HS256","alg":"none"}', "bad_header"),
        "typ twice": ('{"alg":"HS256","typ":"JWT","typ":"at+jwt"}', "bad_header"),
        "NUL in alg": ('{"alg":"HS256\\u0000"}', "bad_header"), "NUL in a name": ('{"alg":"HS256","a\\u0000b":1}', "bad_header"),
        "text behind it": ('{"alg":"HS256"}x', "bad_header"), "two of them": ('{"alg":"HS256"}{}', "bad_header"),
        "a comma too many": ('{"alg":"HS256",}', "bad_header"), "single quotes": ("{'alg':'HS256'}", "bad_header"),
        "a BOM": (b"\xef\xbb\xbf" + b'{"alg":"HS256"}', "bad_header"), "bad UTF-8": (b'{"alg":"HS256","x":"\xff"}', "bad_header"),
        "a lone surrogate": ('{"alg":"HS256","x":"\\ud800"}', "bad_header"),
        "very deep": ('{"alg":"HS256","x":' + "[" * 4000 + "]" * 4000 + "}", "bad_header"),
    }
    for name, (header, reason) in headers.items():
        yield form(f"header: {name}", sign(header, old(), key(S0), "HS256"), reason)
    for name, header in {"blanks": ' {"alg" : "HS256" } \n', "no typ": {"alg": "HS256"}, "typ JOSE": {"alg": "HS256", "typ": "JOSE"},
                         "typ a number": {"alg": "HS256", "typ": 7}, "kid where the key has none": {"alg": "HS256", "kid": "x"},
                         "jwk of another": {"alg": "HS256", "jwk": key("secret3").jwk()},
                         "jku and x5u": {"alg": "HS256", "jku": "https://evil.example/", "x5u": "https://evil.example/"},
                         "an escaped alg": '{"\\u0061lg":"HS\\u0032\\u0035\\u0036"}', "b64 alone": {"alg": "HS256", "b64": False}}.items():
        yield form(f"header, fine: {name}", sign(header, old(), key(S0), "HS256"), "")
    claims = {
        "a list": "[]", "a string": '"x"', "nothing": "", "a number": "1", "cut": '{"mercure":', "text behind it": "{} x",
        "exp twice": f'{{"exp":{NOW + HOUR},"exp":1}}', "mercure twice": '{"mercure":{},"mercure":{"publish":["*"]}}',
        "deep twice": '{"mercure":{"publish":[],"publish":["*"]}}', "NUL in a topic": '{"mercure":{"publish":["a\\u0000"]}}',
        "NUL in a name": '{"mercure\\u0000":{}}', "bad UTF-8": b'{"x":"\xc3\x28"}', "NaN": '{"exp":NaN}', "Infinity": '{"exp":Infinity}',
        "a number out of range": '{"exp":1e400}', "very deep": '{"x":' + "[" * 4000 + "]" * 4000 + "}", "a leading zero": '{"exp":01}',
        "a hex number": '{"exp":0x7fffffff}', "a plus": '{"exp":+1}',
    }
    for name, text in claims.items():
        yield form(f"claims: {name}", sign(H0, text, key(S0)), "bad_claims")


def rows_of_0x():
    def row(name, claims, reason="", **more):
        return Row(f"0.x {name}", sign(H0, claims, key(S0)), reason=reason, verifier=OLD_HS, **more)

    later, before = NOW + HOUR, NOW - HOUR
    for name, exp in {"an integer": later, "a fraction": later + 0.5, "an exponent": float(later), "a string": str(later),
                      "a string with a fraction": f"{later}.25", "2^53 + 1": 2**53 + 1, "2^64": 2**64, "40 digits": 10**40}.items():
        yield row(f"exp: {name}", old(exp=exp))
    yield Row("0.x exp: written with an exponent", sign(H0, '{"exp":9.9e9,"mercure":{"publish":["*"]}}', key(S0)), verifier=OLD_HS)
    yield Row("0.x exp null", sign(H0, '{"exp":null,"nbf":null,"mercure":{"publish":["*"]}}', key(S0)), verifier=OLD_HS)
    for name, exp in {"past": before, "past, with a fraction": before + 0.9, "0": 0, "negative": -1, "negative fraction": -1e18,
                      "past, as a string": str(before)}.items():
        yield row(f"exp: {name}", old(exp=exp), "expired")
    for name, date in {"a word": "soon", "an empty string": "", "true": True, "a list": [later], "hex": hex(later), "a blank": f" {later}",
                       "infinite": "inf", "beyond all": "1e999"}.items():
        yield row(f"exp: {name}", old(exp=date), "bad_date")
    yield row("nbf past", old(nbf=before))
    yield row("nbf negative", old(nbf=-5))
    yield row("nbf a fraction", old(nbf=NOW - 0.5))
    yield row("nbf to come", old(nbf=later), "not_yet_valid")
    yield row("nbf to come, as a string", old(nbf=str(later)), "not_yet_valid")
    yield row("nbf a word", old(nbf="x"), "bad_date")
    yield row("aud, iss, iat are not looked at", old(aud=["x"], iss=7, iat="?", jti={}))
    for name, claim in {"a list": [], "a string": "*", "true": True, "publish a string": {"publish": "*"}, "publish an object": {"publish": {}},
                        "a number inside": {"publish": ["*", 1]}, "null inside": {"publish": ["*", None]},
                        "subscribe wrong": {"publish": ["*"], "subscribe": "*"}}.items():
        yield row(f"mercure: {name}", old(mercure=claim), "bad_mercure_claim")
    yield row("mercure: payload of any kind", old(mercure={"publish": ["*"], "payload": [1, "x", None, {"y": 2.5}]}))
    yield row("mercure: members that nobody knows", old(mercure={"publish": ["*"], "admin": True}))
    yield row("no mercure claim", old(mercure=None), "grants_no_topic", inspect="")
    yield row("mercure null", '{"mercure":null}', "grants_no_topic", inspect="")
    yield row("publish null", old(mercure={"publish": None}), "grants_no_topic", inspect="")
    yield row("publish empty", old(mercure={"publish": []}), "grants_no_topic", inspect="")
    yield row("the long name", old(mercure=None, **{"https://mercure.rocks/": {"publish": ["*"]}}))
    yield row("the long name wins", old(mercure={"publish": ["*"]}, **{"https://mercure.rocks/": {"publish": ["x"]}}), "topic_not_granted",
              inspect="")
    yield row("the long name null", old(**{"https://mercure.rocks/": None}))
    yield row("the long name wrong", old(**{"https://mercure.rocks/": []}), "bad_mercure_claim")
    yield row("the topic itself", old(mercure={"publish": [TOPIC]}))
    yield row("a template", old(mercure={"publish": ["https://example.com/{id}"]}))
    yield row("a template as a string", old(mercure={"publish": ["https://example.com/{id}"]}), topic="https://example.com/{id}")
    yield row("a template that does not match", old(mercure={"publish": ["https://example.com/b/{id}"]}), "topic_not_granted", inspect="")
    yield row("an invalid template is a string", old(mercure={"publish": ["https://example.com/{"]}), topic="https://example.com/{")
    yield row("another topic", old(mercure={"publish": ["https://example.com/b"]}), "topic_not_granted", inspect="")
    yield row("a beginning is not enough", old(mercure={"publish": ["https://example.com/"]}), "topic_not_granted", inspect="")
    yield row("a thousand selectors", old(mercure={"publish": [str(i) for i in range(999)] + [TOPIC]}))
    yield row("a thousand and one", old(mercure={"publish": [str(i) for i in range(1001)]}), "too_many_selectors")
    yield row("an empty topic", old(mercure={"publish": [""]}), topic="")
    # Subscribers have a key of their own.
    yield Row("0.x subscriber, RS256", sign({"alg": "RS256"}, old(), key(R0)), role=SUBSCRIBE, verifier=(R0, "RS256"))
    yield Row("0.x subscriber without rights", sign({"alg": "RS256"}, old(mercure=None), key(R0)), role=SUBSCRIBE, verifier=(R0, "RS256"))
    yield Row("0.x the publisher's key is not the subscriber's", sign(H0, old(), key(S0)), role=SUBSCRIBE, reason="alg_is_not_the_keys",
              verifier=(R0, "RS256"))
    yield Row("0.x the public key as a secret", sign(H0, old(), Secret(key(R0).verifier)), role=SUBSCRIBE, reason="alg_is_not_the_keys",
              verifier=(R0, "RS256"))
    yield Row("0.x RS256 by another", sign({"alg": "RS256"}, old(), key("rsa9")), role=SUBSCRIBE, reason="bad_signature",
              verifier=(R0, "RS256"))
    yield Row("0.x PS256 where RS256 is configured", sign({"alg": "PS256"}, old(), key(R0)), role=SUBSCRIBE,
              reason="alg_is_not_the_keys", verifier=(R0, "RS256"))
    yield Row("0.x PS256 called RS256", sign({"alg": "RS256"}, old(), key(R0), "PS256"), role=SUBSCRIBE, reason="bad_signature",
              verifier=(R0, "RS256"))
    es = sign({"alg": "ES256"}, old(), key(E0))
    yield Row("0.x subscriber, ES256", es, hub=OLD, role=SUBSCRIBE, verifier=(E0, "ES256"))
    text = es.rpartition(".")[0]
    raw = base64.urlsafe_b64decode(es.rpartition(".")[2] + "==")
    der = key(E0).private.sign(text.encode(), ec.ECDSA(hashes.SHA256()))
    for name, made in {"in DER": der, "a byte short": raw[:-1], "a byte long": raw + b"\0", "halves of 48": raw[:32].rjust(48, b"\0") + raw[32:].rjust(48, b"\0"),
                       "zeros": bytes(64), "swapped": raw[32:] + raw[:32], "r of 0": bytes(32) + raw[32:], "empty": b""}.items():
        yield Row(f"0.x ES256, signature {name}", f"{text}.{b64(made)}", hub=OLD, role=SUBSCRIBE, reason="bad_signature",
                  verifier=(E0, "ES256"))
    yield Row("0.x ES256 by P-384", sign({"alg": "ES256"}, old(), key("p384/9"), "ES384"), hub=OLD, role=SUBSCRIBE,
              reason="bad_signature", verifier=(E0, "ES256"))


def rows_of_1_0():
    def row(name, claims, reason="", header=H1, **more):
        return Row(f"1.0 {name}", sign(header, claims, key("secret2")), reason=reason, verifier=("secret2", "HS256"), **more)

    for alg in KINDS:
        name = issuer_key(alg)
        claims = new(iss=issuer_of(alg))
        yield Row(f"1.0 {alg}", sign({"alg": alg, "typ": "at+jwt"}, claims, key(name)), verifier=(name, alg))
        token = sign({"alg": alg, "typ": "at+jwt"}, claims, key(name))
        flipped = bytearray(base64.urlsafe_b64decode(token.rpartition(".")[2] + "=="))
        flipped[len(flipped) // 2] ^= 1
        yield Row(f"1.0 {alg}, one bit", f"{token.rpartition('.')[0]}.{b64(bytes(flipped))}", reason="bad_signature", verifier=(name, alg))
        yield Row(f"1.0 {alg}, by another", sign({"alg": alg, "typ": "at+jwt"}, claims, key({"secret": "secret5", "rsa": "rsa9", "ed": "ed9"}.get(
            KINDS[alg], KINDS[alg] + "/9"))), reason="bad_signature", verifier=(name, alg))
        yield Row(f"1.0 {alg}, another issuer's key", sign({"alg": alg, "typ": "at+jwt"}, new(iss=issuer_of("HS384" if alg == "HS256" else "HS256")),
                                                            key(name)), reason="alg_is_not_the_keys")
    # Its own key, or where it is, comes along with the token.
    for name, brought in {"jwk": key("rsa9").jwk(), "jku": "https://evil.example/set", "x5u": "https://evil.example/chain",
                          "x5c": [b64(key("rsa9").verifier)]}.items():
        yield Row(f"1.0 by the key of its {name}", sign({"alg": "RS256", "typ": "at+jwt", name: brought}, new(iss=issuer_of("RS256")), key("rsa9")),
                  reason="bad_signature", verifier=(issuer_key("RS256"), "RS256"))
    unsigned = f"{b64(text_of({'alg': 'none', 'typ': 'at+jwt'}))}.{b64(text_of(new()))}."
    yield Row("1.0 alg none", unsigned, reason="alg_is_not_the_keys")
    yield Row("1.0 the public key as a secret", sign(H1, new(iss=issuer_of("RS256")), Secret(key(issuer_key("RS256")).verifier)),
              reason="alg_is_not_the_keys")
    for typ in ("AT+JWT", "application/at+jwt", "Application/At+Jwt"):
        yield row(f"typ {typ}", new(), header={"alg": "HS256", "typ": typ})
    yield row("crit", new(), "crit", header={**H1, "crit": ["x"]})
    for name, change, reason in (
            ("no iss", {"iss": None}, "iss_missing_or_no_string"), ("iss a list", {"iss": ["https://hs256.example"]}, "iss_missing_or_no_string"),
            ("an issuer that nobody knows", {"iss": "https://evil.example"}, "unknown_issuer"),
            ("an issuer with a slash more", {"iss": "https://hs256.example/"}, "unknown_issuer"),
            ("an issuer in capitals", {"iss": "HTTPS://HS256.EXAMPLE"}, "unknown_issuer"),
            ("iss empty", {"iss": ""}, "unknown_issuer"),
            ("no exp", {"exp": None}, "no_exp"), ("exp past", {"exp": NOW - HOUR}, "expired"), ("exp a string", {"exp": str(NOW + HOUR)}, "bad_date"),
            ("exp true", {"exp": True}, "bad_date"), ("nbf to come", {"nbf": NOW + HOUR}, "not_yet_valid"), ("nbf a string", {"nbf": "0"}, "bad_date"),
            ("no aud", {"aud": None}, "aud"), ("aud of another hub", {"aud": "https://other.example/.well-known/mercure"}, "aud"),
            ("aud with a slash more", {"aud": AUD + "/"}, "aud"), ("aud in capitals", {"aud": AUD.upper()}, "aud"), ("aud empty", {"aud": ""}, "aud"),
            ("aud an empty list", {"aud": []}, "aud"), ("aud a list of others", {"aud": ["a", "b"]}, "aud"), ("aud a number", {"aud": 1}, "aud"),
            ("aud a list with a number", {"aud": [AUD, 1]}, "aud"), ("aud an object", {"aud": {AUD: AUD}}, "aud"),
            ("aud the origin alone", {"aud": "https://hub.example"}, "aud")):
        yield row(name, new(**change), reason)
    yield row("exp null", '{"iss":"https://hs256.example","aud":"%s","exp":null}' % AUD, "bad_date")
    yield row("aud twice", '{"iss":"https://hs256.example","aud":"x","aud":"%s","exp":9e9}' % AUD, "bad_claims")
    yield row("aud in a list", new(aud=["x", AUD]))
    yield row("exp a fraction", new(exp=NOW + HOUR + 0.25))
    yield row("exp beyond 2^53", new(exp=2**60))
    yield row("nbf past", new(nbf=NOW - 1.5))
    yield row("sub, client_id, jti, iat are not looked at", new(sub=1, client_id=None, jti=[], iat="x"))
    nothing = {"reason": "grants_no_topic", "status": 403, "inspect": ""}
    yield row("no authorization_details", new(authorization_details=None), **nothing)
    yield row("authorization_details null", '{"iss":"https://hs256.example","aud":"%s","exp":9e9,"authorization_details":null}' % AUD, **nothing)
    yield row("authorization_details empty", new(authorization_details=[]), **nothing)
    yield row("the mercure claim is nothing here", new(authorization_details=None, mercure={"publish": ["*"]}), **nothing)
    yield row("details of other types alone", new(authorization_details=[{"type": "payment", "actions": 1}, {}, {"type": 5}]), **nothing)
    yield row("the type in capitals is another", new(authorization_details=[detail(type=DETAIL.upper())]), **nothing)
    yield row("actions that nobody knows", new(authorization_details=[detail(actions=["fly"])]), **nothing)
    yield row("actions in capitals", new(authorization_details=[detail(actions=["PUBLISH"])]), **nothing)
    yield row("subscribe alone", new(authorization_details=[detail(actions=["subscribe"])]), **nothing)
    yield row("unknown actions beside known ones", new(authorization_details=[detail(actions=["fly", "publish"])]))
    for name, details in {
        "an object": {}, "a string": "x", "a number inside": [1], "null inside": [detail(), None],
        "no actions": [detail(actions=None)], "actions empty": [detail(actions=[])], "actions a string": [detail(actions="publish")],
        "actions with a number": [detail(actions=["publish", 1])], "no topics": [detail(topics=None)], "topics empty": [detail(topics=[])],
        "topics a string": [detail(topics="*")], "topics strings": [detail(topics=["*"])], "topics with null": [detail(topics=[{"match": "*"}, None])],
        "no match": [detail(topics=[{}])], "match empty": [detail(topics=[{"match": ""}])], "match a number": [detail(topics=[{"match": 1}])],
        "match null": [detail(topics=[{"match": None}])], "match_type template": [detail(topics=[{"match": "a", "match_type": "template"}])],
        "match_type Exact": [detail(topics=[{"match": "a", "match_type": "Exact"}])], "match_type a number": [detail(topics=[{"match": "a", "match_type": 1}])],
        "a good one before a bad one": [detail(), detail(actions=[])], "a bad one before a good one": [detail(topics=[]), detail()],
    }.items():
        yield row(f"authorization_details: {name}", new(authorization_details=details), "bad_authorization_details")
    yield row("an ill-formed pattern", new(authorization_details=[detail(topics=[{"match": "https://example.com/(", "match_type": "urlpattern"}])]),
              "bad_matcher")
    for name, details in {
        "match_type null": [detail(topics=[{"match": TOPIC, "match_type": None}])], "match_type empty": [detail(topics=[{"match": TOPIC, "match_type": ""}])],
        "match_type exact": [detail(topics=[{"match": TOPIC, "match_type": "exact"}])],
        "match_type urlpattern": [detail(topics=[{"match": "https://example.com/:id", "match_type": "urlpattern"}])],
        "a relative pattern": [detail(topics=[{"match": "/books/*", "match_type": "urlpattern"}, {"match": TOPIC}])],
        "a pattern for all": [detail(topics=[{"match": "*", "match_type": "urlpattern"}])],
        "members that nobody knows": [detail(topics=[{"match": "*", "x": 1}], locations=[])], "payload null": [detail(payload=None)],
        "payload a string": [detail(payload="x")], "payload a list": [detail(payload=[1])], "payload an object": [detail(payload={"a": {"b": 1}})],
        "beside other types": [{"type": "payment"}, detail(), {"x": 1}], "a hundred entries": [detail()] * 100,
        "a hundred matchers": [detail(topics=[{"match": str(i)} for i in range(99)] + [{"match": TOPIC}])],
    }.items():
        yield row(f"authorization_details, fine: {name}", new(authorization_details=details))
    yield row("a hundred and one entries", new(authorization_details=[{"type": "x"}] * 101), "too_many_authorization_details")
    yield row("a hundred and one matchers", new(authorization_details=[detail(topics=[{"match": "a"}] * 50), detail(topics=[{"match": "a"}] * 51)]),
              "too_many_authorization_details")
    no = {"reason": "topic_not_granted", "status": 403, "inspect": ""}
    yield row("another topic", new(authorization_details=[detail(topics=[{"match": TOPIC + "b"}])]), **no)
    yield row("templates are strings here", new(authorization_details=[detail(topics=[{"match": "https://example.com/{id}"}])]), **no)
    yield row("a pattern that does not match", new(authorization_details=[detail(topics=[{"match": "https://example.com/b/:id", "match_type": "urlpattern"}])]),
              **no)
    yield row("a relative pattern that matches", new(authorization_details=[detail(topics=[{"match": "/books/:id", "match_type": "urlpattern"}])]),
              topic="https://hub.example/books/1")
    yield row("subscriber without rights", new(authorization_details=None), role=SUBSCRIBE)


def rows_of_sets():
    def row(name, kid, signer, alg, reason="", iss="https://set.example", **more):
        header = {"alg": alg, "typ": "at+jwt", **({"kid": kid} if kid is not None else {})}
        return Row(f"set: {name}", sign(header, new(iss=iss), key(signer)), reason=reason, verifier=(signer, alg), **more)

    yield row("the key of the kid", "one", "rsa3", "RS256")
    yield row("another one", "two", "p256/2", "ES256")
    yield row("EdDSA", "three", "ed2", "EdDSA")
    yield row("without alg in the JWK", "any", "rsa4", "PS512")
    yield row("without kid", None, "p256/2", "ES256")
    yield row("without kid, the second of two", None, "rsa4", "RS256")
    yield row("a kid that is not there", "four", "rsa3", "RS256", "unknown_kid")
    yield row("an empty kid", "", "rsa3", "RS256", "unknown_kid")
    yield row("the kid of another key", "any", "rsa3", "RS256", "bad_signature")
    yield row("the kid of another algorithm's key", "two", "rsa3", "RS256", "alg_is_not_the_keys")
    yield row("another algorithm than the JWK's", "one", "rsa3", "PS256", "alg_is_not_the_keys")
    yield row("a secret in a set that asked for none", "hmac", "secret4", "HS256", "alg_is_not_the_keys")
    yield row("a key for encryption", "crypt", "rsa9", "RS256", "unknown_kid")
    yield row("an algorithm that was not named", "one", "rsa3", "RS256", "alg_is_not_the_keys", iss="https://set-es.example")
    yield row("the one that was named", "two", "p256/2", "ES256", iss="https://set-es.example")
    yield row("a role without a key", "one", "rsa3", "RS256", "no_key_for_this_role", role=SUBSCRIBE)


def rows_of_dialects():
    """Which dialect judges: `typ` alone, also where one key serves both."""
    same0, same1 = sign(H0, old(), key(S0)), sign(H1, new(iss="https://same.example"), key(S0))
    yield Row("one key, 0.x", same0, verifier=OLD_HS)
    yield Row("one key, 1.0", same1, verifier=OLD_HS)
    both = {**new(iss="https://same.example"), **old()}
    yield Row("one key, at+jwt with 0.x claims alone", sign(H1, old(), key(S0)), reason="iss_missing_or_no_string", verifier=OLD_HS)
    yield Row("one key, JWT with 1.0 claims alone", sign(H0, new(iss="https://same.example"), key(S0)), reason="grants_no_topic", verifier=OLD_HS,
              inspect="")
    yield Row("one key, at+jwt with both, aud wrong", sign(H1, {**both, "aud": "x"}, key(S0)), reason="aud", verifier=OLD_HS)
    yield Row("one key, JWT with both, aud wrong", sign(H0, {**both, "aud": "x"}, key(S0)), verifier=OLD_HS)
    yield Row("one key, JWT, exp as a string", sign(H0, {**both, "exp": str(NOW + HOUR)}, key(S0)), verifier=OLD_HS)
    yield Row("one key, at+jwt, exp as a string", sign(H1, {**both, "exp": str(NOW + HOUR)}, key(S0)), reason="bad_date", verifier=OLD_HS)
    yield Row("at+jwt by the 0.x key, another issuer's name", sign(H1, new(), key(S0)), reason="bad_signature", verifier=("secret2", "HS256"))
    yield Row("JWT by an issuer's key", sign(H0, old(), key("secret2")), reason="bad_signature", verifier=OLD_HS)
    yield Row("0.x alone: JWT", same0, hub=OLD, verifier=OLD_HS)
    yield Row("0.x alone: at+jwt", sign(H1, {**both}, key(S0)), hub=OLD, reason="no_issuer_is_configured", verifier=OLD_HS)
    yield Row("0.x alone: application/at+jwt", sign({"alg": "HS256", "typ": "application/at+jwt"}, both, key(S0)), hub=OLD,
              reason="no_issuer_is_configured", verifier=OLD_HS)
    yield Row("0.x alone: malformed", "x.y.z", hub=OLD, reason="malformed", verifier=OLD_HS)
    yield Row("0.x alone: expired", sign(H0, old(exp=1), key(S0)), hub=OLD, reason="expired", verifier=OLD_HS)
    yield Row("1.0 alone: at+jwt", sign(H1, new(), key("secret2")), hub=NEW, verifier=("secret2", "HS256"))
    yield Row("1.0 alone: JWT", sign(H0, {**new(), **old()}, key("secret2")), hub=NEW, reason="dialect_is_off", verifier=("secret2", "HS256"))
    yield Row("1.0 alone: no typ", sign({"alg": "HS256"}, {**new(), **old()}, key("secret2")), hub=NEW, reason="dialect_is_off",
              verifier=("secret2", "HS256"))
    yield Row("1.0 alone: malformed", "x.y.z", hub=NEW, reason="malformed", verifier=("secret2", "HS256"))
    yield Row("1.0 alone: subscriber", sign(H1, new(), key("secret2")), hub=NEW, role=SUBSCRIBE, verifier=("secret2", "HS256"))


@lru_cache(None)
def table():
    rows = [*rows_of_form(), *rows_of_0x(), *rows_of_1_0(), *rows_of_sets(), *rows_of_dialects()]
    assert len({row.name for row in rows}) == len(rows)
    return rows
