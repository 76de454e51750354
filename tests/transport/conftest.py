"""What the tests of the transport share: a clock that waiting moves, a pacer, a loopback server."""

import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random

import pytest

from sync.model.patience import Patience
from sync.transport import Transport


class FakePacer:
    """Gives a slot every `interval` seconds on a clock that `wait` moves; notes what it is told.

    `starts` answers `start` instead, one after the other: a number, or an error to raise.
    """

    def __init__(self, interval=0.0):
        self.now = 0.0
        self.interval = interval
        self.next_slot = 0.0
        self.starts = []
        self.ends = []
        self.reserved = 0
        self.waits = []
        self._lock = threading.Lock()

    def wait(self, seconds):
        with self._lock:
            self.waits.append(seconds)
            self.now += seconds

    def reserve(self):
        with self._lock:
            self.reserved += 1
            slot = max(self.next_slot, self.now)
            self.next_slot = slot + self.interval
            return slot

    def start(self, slot):
        with self._lock:
            if self.starts:
                answer = self.starts.pop(0)
                if isinstance(answer, Exception):
                    raise answer
                return answer
            return max(0.0, slot - self.now)

    def end(self, *, started):
        with self._lock:
            self.ends.append(started)

    def observe(self, seen):
        pass

    def refuse_cycle(self):
        return None


class Pinned(Random):
    """Jitter that is always the same."""

    def random(self):
        return 0.5


def accept(answer):
    """Judge every answer as good."""
    return answer


@pytest.fixture
def pacer():
    return FakePacer()


@pytest.fixture
def judge():
    return accept


@pytest.fixture
def transport(pacer):
    """Make a transport on the fake clock; each field of its patience can be named."""
    made = []

    def make(*, needs_body=True, **patience):
        made.append(
            Transport(
                headers={"X-App-Token": "secret"},
                pacer=pacer,
                patience=replace(Patience(connect=2.0, read=2.0, answer=5.0), **patience),
                wait=pacer.wait,
                random=Pinned(),
                clock=lambda: pacer.now,
                needs_body=needs_body,
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


class QuietServer(ThreadingHTTPServer):
    """Says nothing about clients that hang up; some tests do."""

    def handle_error(self, _request, _client_address):
        """Leave the connection closed."""


class Loopback:
    """A real server on the loopback; `reply` writes the raw bytes of each answer.

    `requests` are the request lines and headers as they came, `connections` how many were opened.
    """

    def __init__(self, reply):
        self.requests = []
        self.connections = 0
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                loopback.connections += 1

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def do_GET(self):
                loopback.requests.append((self.requestline, dict(self.headers)))
                if reply(self.wfile, len(loopback.requests)) == "close":
                    self.close_connection = True

            def log_message(self, *_arguments):
                pass

        self._server = QuietServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def loopback():
    """Start servers; all are stopped in the end."""
    started = []

    def start(reply):
        started.append(Loopback(reply))
        return started[-1]

    yield start
    for each in started:
        each.stop()


@pytest.fixture(scope="session")
def http():
    """Write an answer as bytes: `http(b"body", "Name: value", …)`."""

    def write(body=b"", *headers, status="200 OK", length=None):
        told = [f"Content-Length: {len(body) if length is None else length}"]
        if any(name.lower().startswith(("transfer-encoding", "connection")) for name in headers):
            told = []
        lines = "\r\n".join([f"HTTP/1.1 {status}", *told, *headers])
        return lines.encode() + b"\r\n\r\n" + body

    return write
