"""A server that stands between a hub and a real one, and now and then answers in its place."""
import hashlib
import socket
import threading

from conftest import ROOT, free_port

SCRIPTS = {hashlib.sha1(path.read_bytes()).hexdigest().encode(): path.stem
           for path in (ROOT / "backend/transport/redis").glob("*.lua")}


class Meddler:
    """`meddle(name, answer)`: the next command of that name (INFO, XREAD, or a script's: publish) is answered with these
    bytes, or with what a function makes of the true answer; None: with nothing, for ever; what ends with CLOSE: and that was
    the last. `seen`: names of all that was asked."""

    CLOSE = b"<close>"

    def __init__(self, to):
        self.to, self.port = to, free_port()
        self.seen, self.lock, self.ends = set(), threading.Lock(), set()
        self.name, self.said, self.done = None, None, threading.Event()
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=64)
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"redis://127.0.0.1:{self.port}"

    def meddle(self, name, answer):
        with self.lock:
            self.done.clear()
            self.name, self.said = name, answer

    def accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            try:
                far = socket.create_connection(self.to)
            except OSError:  # it is tried again
                near.close()
                continue
            with self.lock:
                self.ends |= {near, far}
            threading.Thread(target=self.serve, args=(near, far), daemon=True).start()

    def serve(self, near, far):
        asked, answered = near.makefile("rb"), far.makefile("rb")
        meddles, rule, name = False, None, None
        try:
            while words := command(asked):
                name = name_of(words)
                self.seen.add(name)
                with self.lock:
                    meddles = name == self.name
                    said = rule = self.said if meddles else None
                    if meddles:
                        self.name = None
                if not meddles or callable(said):
                    far.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w) for w in words))
                    truth = answer(answered)
                    said = said(truth) if meddles else truth
                if said:
                    near.sendall(said.removesuffix(self.CLOSE))
                if meddles:
                    self.done.set()
                    meddles = False
                if said and said.endswith(self.CLOSE):
                    break
        except (OSError, ValueError):
            if meddles:  # nobody has heard it
                self.meddle(name, rule)
        self.drop([near, far])

    def drop(self, ends):
        for end in ends:
            with self.lock:
                self.ends.discard(end)
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def reset(self):
        """A new session begins."""
        self.drop(list(self.ends))

    def stop(self):
        self.listener.close()
        self.reset()


def command(asked):
    line = asked.readline()
    return [asked.read(int(asked.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))] if line else None


def name_of(words):
    name = words[0].decode().upper()
    if name == "EVALSHA":
        return SCRIPTS.get(words[1], name)
    if name == "EVAL":
        return SCRIPTS.get(hashlib.sha1(words[1]).hexdigest().encode(), name)
    return name


def answer(answered):
    """A whole one, as it came."""
    line = answered.readline()
    if not line:
        raise ConnectionError("the server has closed")
    size = int(line[1:]) if line[:1] in b"$*" else -1
    if line[:1] == b"$" and size >= 0:
        return line + answered.read(size + 2)
    return line + b"".join(answer(answered) for _ in range(size if line[:1] == b"*" else 0))


def text(*words):
    """An array of strings; numbers are integers, lists arrays, None nothing."""
    def one(word):
        if word is None:
            return b"$-1\r\n"
        if isinstance(word, int):
            return b":%d\r\n" % word
        if isinstance(word, (list, tuple)):
            return text(*word)
        word = word.encode() if isinstance(word, str) else word
        return b"$%d\r\n%s\r\n" % (len(word), word)

    return b"*%d\r\n" % len(words) + b"".join(map(one, words))
