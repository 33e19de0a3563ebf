"""FastCGI 1.0 as a web server speaks it: records out, records in. Only what is needed to say it,
also wrongly."""
import struct
from dataclasses import dataclass

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN = range(1, 12)
MULTICAST, PAUSE, PAUSED, RESUME, MARK = range(32, 37)
MORE, NO_EVENT = 1, 2
ALL, NOWHERE = 0xFFFFFFFF, b"\0" * 16
COMPLETE, CANT_MPX, OVERLOADED, UNKNOWN_ROLE = range(4)


@dataclass(frozen=True)
class Fastcgi:
    """An address whose wire is FastCGI."""

    address: object


def record(kind, number=1, content=b"", padding=0, version=1):
    return struct.pack(">BBHHBB", version, kind, number, len(content), padding, 0) + content + b"\0" * padding


def records(kind, number, content, size=65535, padding=0):
    return b"".join(record(kind, number, content[i:i + size], padding) for i in range(0, len(content), size))


def pair(name, value, wide=False):
    def length(text):
        return struct.pack(">I", len(text) | 0x80000000) if wide or len(text) > 127 else bytes([len(text)])

    name, value = (x.encode() if isinstance(x, str) else x for x in (name, value))
    return length(name) + length(value) + name + value


def begin(number=1, keep=False, role=1):
    return record(BEGIN, number, struct.pack(">HB5x", role, keep))


def params(method, uri, headers=(), **more):
    """CGI's variables, as Apache sends them."""
    found = {"REQUEST_METHOD": method, "REQUEST_URI": uri, "SCRIPT_NAME": "/wrong", "PATH_INFO": "/also/wrong",
             "QUERY_STRING": "wrong=1", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "hub.example"}
    for line in headers:
        name, _, value = line.partition(":")
        name = name.strip().upper().replace("-", "_")
        found[name if name == "CONTENT_TYPE" else "HTTP_" + name] = value.strip(" ")
    found.update(more)
    return b"".join(pair(k, v) for k, v in found.items() if v is not None)


def ask_multicast(*more):
    return record(GET_VALUES, 0, b"".join(pair(n, "") for n in ("FCGI_MULTICAST", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS", *more)))


def resume(number, place, offset=ALL):
    return record(RESUME, number, place + struct.pack(">I", offset))


def multicast(content):
    """Place, flags, ids, bytes."""
    flags, zero, count = struct.unpack(">BBH", content[16:20])
    assert zero == 0 and count and flags in (0, MORE, NO_EVENT) and len(content) >= 20 + 2 * count
    return content[:16], flags, struct.unpack(f">{count}H", content[20:20 + 2 * count]), content[20 + 2 * count:]


def cursor(place):
    """The id of a place."""
    text = place.hex()
    return "urn:uuid:" + "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def request(method, uri, headers=(), body=b"", number=1, keep=False, padding=0, **more):
    return (begin(number, keep) + records(PARAMS, number, params(method, uri, headers, **more), padding=padding)
            + record(PARAMS, number) + records(STDIN, number, body, padding=padding) + record(STDIN, number))


class Records:
    """Takes bytes, gives (kind, number, content)."""

    def __init__(self):
        self.bytes = b""

    def feed(self, data):
        self.bytes += data
        found = []
        while len(self.bytes) >= 8:
            version, kind, number, length, padding = struct.unpack(">BBHHB", self.bytes[:7])
            assert version == 1
            if len(self.bytes) < 8 + length + padding:
                break
            found.append((kind, number, self.bytes[8:8 + length]))
            self.bytes = self.bytes[8 + length + padding:]
        return found
