"""The cells of the matrix: each front with each of the project's files, in each way that clients come by; and what a front does
there in its own way. proxy-config/README.md has it as a table:

    tests/system/fronts/cells.py            prints it
    tests/system/fronts/cells.py --write    puts it in its place
"""
import sys
from dataclasses import dataclass
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[3] / "proxy-config/README.md"
TRANSPORTS = {"plain": "HTTP/1.1", "tls": "TLS", "h2": "HTTP/2"}
AT_ONCE, NOWHERE = 0, None


@dataclass(frozen=True)
class Front:
    """`name`: as in conftest's FRONTS. `left`: heartbeats after which the hub has heard that a client has left, over each of
    TRANSPORTS; NOWHERE: there is no such cell. `together`: requests at once on one connection of HTTP/2. `stays`, `cut`, `resets`:
    as a Way has them, in some transports."""
    name: str
    file: str
    left: tuple
    together: int = None
    stays: tuple = ()
    cut: int = 0
    resets: tuple = ()


TABLE = (
    Front("caddy-http", "caddy/http-unix.caddyfile", (AT_ONCE, AT_ONCE, AT_ONCE), 250),
    Front("caddy-fastcgi", "caddy/fastcgi-unix.caddyfile", (4, 4, 2), 250),
    Front("apache-http", "apache/http-unix.conf", (2, 2, 1), 6),
    Front("apache-fastcgi", "apache/fastcgi-unix.conf", (2, 2, NOWHERE), cut=5),
    Front("apache-module", "apache/module-unix.conf", (AT_ONCE, AT_ONCE, 1), 6, stays=("plain", "tls")),
    Front("nginx-http", "nginx/http-unix.conf", (AT_ONCE, AT_ONCE, AT_ONCE), 128),
    Front("nginx-fastcgi", "nginx/fastcgi-unix.conf", (AT_ONCE, AT_ONCE, AT_ONCE), 128),
    Front("haproxy-http", "haproxy/http-unix.cfg", (2, 2, 2), 100),
    Front("haproxy-fastcgi", "haproxy/fastcgi-unix.cfg", (2, 2, 2), 100),
    Front("lighttpd-fastcgi", "lighttpd/fastcgi-unix.conf", (1, 1, AT_ONCE), 8, resets=("h2",)),
)


@dataclass(frozen=True)
class Cell:
    front: Front
    transport: str

    def __str__(self):
        return f"{self.front.name}-{self.transport}"

    def way(self):
        """What a Way has of it."""
        front, own = self.front, self.transport
        return {"transport": own, "left": front.left[list(TRANSPORTS).index(own)], "together": front.together, "stays": own in front.stays,
                "cut": front.cut, "resets": own in front.resets}


CELLS = [Cell(front, transport) for front in TABLE for transport, left in zip(TRANSPORTS, front.left) if left is not NOWHERE]


def heartbeats(left):
    return {AT_ONCE: "at once", NOWHERE: "none"}.get(left, f"{left}")


def stream_of_a_killed_hub(front):
    ends = f"ends after {front.cut} s" if front.cut else "ends at once"
    return f"stays; over HTTP/2 {ends}" if front.stays else ends


def table():
    lines = ["| file | heartbeats after which the hub knows that a client has left: HTTP/1.1 | TLS | HTTP/2 | requests at once on a connection of HTTP/2 "
             "| a stream whose hub is killed |", "|---|---|---|---|---|---|"]
    for front in TABLE:
        lines.append(f"| `{front.file}` | {' | '.join(map(heartbeats, front.left))} | {front.together or 'none'} | {stream_of_a_killed_hub(front)} |")
    return "\n".join(lines) + "\n"


def document(text):
    """The document with this table in place of its own."""
    begin = text.index("| file | heartbeats")
    end = text.index("\n\n", begin) + 1
    return text[:begin] + table() + text[end:]


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        DOCUMENT.write_text(document(DOCUMENT.read_text()))
    else:
        print(table(), end="")
