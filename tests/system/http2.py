"""HTTP/2 as a browser speaks it: one connection over TLS, requests side by side on it, each of which may be reset alone. What a
request has (Exchange, EventStream) is what Client and Stream have."""
import socket
import ssl

from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, DataReceived, RemoteSettingsChanged, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError

from conftest import PATIENCE, Client, Reply, Stream

UNBOUNDED = 1 << 30


class Connection:
    """`most`: how many requests the front takes at once on it, as it says."""

    def __init__(self, port):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_alpn_protocols(["h2", "http/1.1"])
        self.socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port), PATIENCE), server_hostname="hub.example")
        if self.socket.selected_alpn_protocol() != "h2":
            self.socket.close()
            raise ConnectionError("the site speaks no HTTP/2")
        self.h2, self.exchanges, self.ready = H2Connection(H2Configuration(header_encoding="utf-8")), {}, False
        self.h2.initiate_connection()
        self.flush()
        while not self.ready:
            self.pump()

    @property
    def most(self):
        return min(self.h2.remote_settings.max_concurrent_streams, UNBOUNDED)

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def ask(self, exchange, headers, body):
        number = self.h2.get_next_available_stream_id()
        self.exchanges[number] = exchange
        self.h2.send_headers(number, headers, end_stream=not body)
        self.flush()
        while body and not exchange.over:
            size = min(len(body), self.h2.max_outbound_frame_size, self.h2.local_flow_control_window(number))
            if size:
                self.h2.send_data(number, body[:size], end_stream=size == len(body))
                self.flush()
                body = body[size:]
            else:
                self.pump()
        return number

    def pump(self):
        """Reads once, and gives each exchange what is its own."""
        try:
            part = self.socket.recv(65536)
            events = self.h2.receive_data(part) if part else [None]
        except (ConnectionResetError, ssl.SSLError, ProtocolError):
            events = [None]
        for event in events:
            self.take(event)
        if None not in events:
            try:
                self.flush()
            except OSError:
                pass  # what is to be read still is

    def take(self, event):
        exchange = self.exchanges.get(getattr(event, "stream_id", None))
        if event is None:
            self.ready = True
            for each in self.exchanges.values():
                each.over = True
        elif isinstance(event, RemoteSettingsChanged):
            self.ready = True
        elif isinstance(event, DataReceived):
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            exchange.bytes += event.data
        elif isinstance(event, ResponseReceived):
            exchange.answer = event.headers
        elif isinstance(event, (StreamEnded, StreamReset)):
            exchange.over, exchange.was_reset = True, isinstance(event, StreamReset)
        elif isinstance(event, ConnectionTerminated):
            # The library takes it for the end of all. What was asked before it goes on.
            self.h2.state_machine.state = ConnectionState.CLIENT_OPEN
            for number, each in self.exchanges.items():
                each.over = each.over or number > event.last_stream_id

    def reset(self, number):
        self.h2.reset_stream(number, ErrorCodes.CANCEL)
        self.flush()

    def close(self):
        self.socket.close()


class Exchange(Client):
    """One request, on a connection of its own where `address` is a port. `over`: nothing more comes."""

    def __init__(self, address):
        self.alone = isinstance(address, int)
        self.connection = Connection(address) if self.alone else address
        self.records, self.bytes, self.answer, self.over, self.was_reset = None, b"", None, False, False

    def ask(self, method, target, headers=(), body=b"", version="2"):
        fields = [(":method", method), (":scheme", "https"), (":authority", self.host), (":path", target)]
        for name, _, value in (line.partition(":") for line in headers):
            # A browser sends each cookie as a field.
            fields += [(name.lower(), part.strip()) for part in (value.split(";") if name == "Cookie" else [value])]
        if body or method in ("POST", "QUERY"):
            fields.append(("content-length", str(len(body))))
        self.number = self.connection.ask(self, fields, body)

    def more(self):
        size = len(self.bytes)
        while len(self.bytes) == size and not self.over:
            self.connection.pump()
        return len(self.bytes) > size

    def head(self):
        while self.answer is None and not self.over:
            self.connection.pump()
        if self.answer is None:
            raise ConnectionResetError("reset before there was an answer")
        headers = {}
        for name, value in self.answer:
            headers.setdefault(name, []).append(value)
        return int(headers.pop(":status")[0]), {name: ", ".join(values) for name, values in headers.items()}

    def reply(self, method="GET"):
        status, headers = self.head()
        body = self.closed()
        self.bytes = b""
        return Reply(status, headers, body)

    def reset(self):
        """It alone: what else is on its connection goes on."""
        self.connection.reset(self.number)
        self.over = True

    def close(self):
        if self.alone:
            self.connection.close()
        elif not self.over:
            self.reset()


class EventStream(Stream, Exchange):
    """A Stream over HTTP/2."""
