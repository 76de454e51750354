"""A proxy on loopback between the tool and the playground: it counts, and it does one wrong thing.

It reads whole requests and whole answers, so that a fault can strike one named kind of call and
leave all others as they are. What it sends is bytes of its own making: nothing between a fault and
the tool's socket puts it right again.
"""

import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import parse_qs, urlsplit

LIST_FIRST = "first page of List Customers"
LIST_FURTHER = "further page of List Customers"
ACTIVITY_FIRST = "first page of an activity"
ACTIVITY_FURTHER = "further page of an activity"
CALLS = (LIST_FIRST, LIST_FURTHER, ACTIVITY_FIRST, ACTIVITY_FURTHER)

RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def kind_of(target):
    """Name the kind of a call by its path and query."""
    path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
    if path == "/v1/customers":
        return LIST_FIRST if query.get("page", ["1"]) == ["1"] else LIST_FURTHER
    return ACTIVITY_FURTHER if "starting_after_id" in query else ACTIVITY_FIRST


@dataclass
class Call:
    """One request as it came in; times are seconds on the monotonic clock."""

    target: str
    headers: dict
    began: float
    ended: float | None = None
    struck: bool = False

    @property
    def kind(self):
        return kind_of(self.target)

    @property
    def path(self):
        return urlsplit(self.target).path

    @property
    def query(self):
        return {name: values[0] for name, values in parse_qs(urlsplit(self.target).query).items()}


@dataclass(frozen=True)
class Answer:
    """A whole answer of the playground; a fault makes another one of it, or none."""

    status: int
    headers: dict
    body: bytes

    def head(self, length=None):
        headers = self.headers | {"Content-Length": len(self.body) if length is None else length}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"HTTP/1.1 {self.status} Told\r\n{lines}\r\n".encode("latin-1")


class GoneError(Exception):
    """The tool has hung up, or the proxy comes to its end."""


class Client:
    """The tool's end of one connection, for a fault to do as it likes."""

    def __init__(self, connection, over, port_elsewhere):
        self._connection = connection
        self._over = over
        self.port_elsewhere = port_elsewhere

    def send(self, data):
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise GoneError from error

    def answer(self, answer):
        self.send(answer.head() + answer.body)

    def drip(self, data, seconds):
        for byte in data:
            self.send(bytes([byte]))
            if self._over.wait(seconds):
                raise GoneError

    def hold(self):
        """Say nothing until the other side hangs up."""
        self._connection.settimeout(0.02)
        while not self._over.is_set():
            try:
                self._connection.recv(1)
                break
            except TimeoutError:
                continue
            except OSError:
                break
        raise GoneError

    def hang_up(self):
        raise GoneError

    def reset(self):
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        raise GoneError


class _Handler(StreamRequestHandler):
    """One connection of the tool, with one of its own to the playground."""

    disable_nagle_algorithm = True

    def handle(self):
        proxy = self.server.proxy
        upstream = HTTPConnection("127.0.0.1", proxy.port_behind, timeout=60)
        client = Client(self.connection, proxy.over, proxy.port_elsewhere)
        try:
            while (call := self._next_call()) is not None:
                proxy.log.append(call)
                try:
                    proxy.serve(call, upstream, client)
                finally:
                    call.ended = proxy.clock()
        except (GoneError, OSError):
            pass
        finally:
            upstream.close()

    def _next_call(self):
        line = self.rfile.readline()
        if not line.endswith(b"\n"):
            return None
        began = self.server.proxy.clock()
        headers = {}
        while (header := self.rfile.readline().strip()) != b"":
            name, _, value = header.decode("latin-1").partition(":")
            headers[name] = value.strip()
        return Call(line.decode("latin-1").split(" ")[1], headers, began)


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def shutdown_request(self, request):
        lingers = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(RESET_ON_CLOSE))
        if lingers == RESET_ON_CLOSE:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, _request, _address):
        raise  # noqa: PLE0704 - called while an exception is handled; ours, so no test may pass


class Proxy:
    """Passes every call on to the playground, and lets `strike` answer instead.

    `strike` is called with the call, the playground's answer, and the tool's end of the connection;
    it gives the answer to send, or None if it has dealt with the connection itself. It is called by
    many threads. `log` has the calls in the order in which they came; `clock` gives their times.
    """

    def __init__(self, clock=time.monotonic):
        self.clock = clock
        self.log = []
        self.port_behind = 0
        self.over = threading.Event()
        self.strike = pass_on
        self._elsewhere = socket.create_server(("127.0.0.1", 0))
        self._elsewhere.setblocking(False)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stand_before(self, playground):
        """Pass on to this playground what comes over new connections from now on."""
        self.port_behind = int(playground.base_url.rpartition(":")[2])

    @property
    def port_elsewhere(self):
        """Another host, which nobody has any reason to visit."""
        return self._elsewhere.getsockname()[1]

    def somebody_went_elsewhere(self):
        try:
            visitor, _ = self._elsewhere.accept()
        except BlockingIOError:
            return False
        visitor.close()
        return True

    def serve(self, call, upstream, client):
        upstream.request("GET", call.target, headers=call.headers)
        with upstream.getresponse() as response:
            headers = dict(response.getheaders())
            whole = Answer(response.status, headers, response.read())
        answer = self.strike(call, whole, client)
        if answer is not None:
            client.answer(answer)

    def let_go(self):
        """Hang up on whoever is held, so that nothing waits for this proxy any longer."""
        self.over.set()

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.let_go()
        self._server.shutdown()
        self._server.server_close()
        self._elsewhere.close()
        self._thread.join()


def pass_on(_call, answer, _client):
    """No fault."""
    return answer


@dataclass
class Strike:
    """Lets a fault strike the calls of one kind: all of them, or the first one only.

    A fault is given the call, the answer, the tool's end, and the answer to the call before of the
    same list.
    """

    fault: object
    kind: str
    once: bool
    strikes: int = 0
    before: dict = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, call, answer, client):
        with self.lock:
            before = self.before.get(call.path)
            self.before[call.path] = answer
            hit = call.kind == self.kind and not (self.once and self.strikes)
            self.strikes += hit
        if not hit:
            return answer
        call.struck = True
        return self.fault(call, answer, client, before)
