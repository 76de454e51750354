"""The sockets: HTTP/1.1 on loopback, one thread for each connection, nothing decided here.

Contract: quiet (nothing is printed), no Nagle delay, and `stop` ends within a second whatever
the clients do: their connections are shut from our side. What to answer is asked of `Respond`.
"""

import contextlib
import socket
import struct
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any

from sync.playground.api import Request
from sync.playground.desk import Reply

_HOST = "127.0.0.1"
_STOP_WITHIN = 1.0
_POLL = 0.02
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


Respond = Callable[[Request], Reply]


class LoopbackServer(ThreadingHTTPServer):
    """A server that remembers its connections, so that it can end them."""

    request_queue_size = 128
    daemon_threads = True

    def __init__(self, port: int, respond: Respond) -> None:
        self.respond = respond
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__((_HOST, port), _Handler)
        self._thread = threading.Thread(target=self._serve, name="playground", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on, also when 0 was asked for."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """End every connection and close every socket."""
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        with self._changed:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            self._changed.wait_for(lambda: not self._connections, timeout=_STOP_WITHIN)
        self.server_close()

    def server_bind(self) -> None:
        """Bind without asking a name server who we are, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = _HOST, self.port

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Remember the connection, then serve it in a thread."""
        with self._changed:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        """Say goodbye, unless the connection is to be reset: a reset says nothing."""
        lingers = request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE))
        if lingers == _RESET_ON_CLOSE:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def close_request(self, request: Any) -> None:  # noqa: ANN401 - as in the base class
        """Close the connection and forget it."""
        super().close_request(request)
        with self._changed:
            self._connections.discard(request)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as in the base class
        """Keep quiet about clients that went away; anything else is a bug and is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    def _serve(self) -> None:
        self.serve_forever(poll_interval=_POLL)


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other from a connection and writes what `Respond` says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    server: LoopbackServer

    def _handle(self) -> None:
        body = self._body()
        path, _, query = self.path.partition("?")
        request = Request(
            method=self.command,
            path=path,
            query=query,
            app_id=self.headers.get("X-App-Id"),
            app_token=self.headers.get("X-App-Token"),
            host=self.headers.get("Host", ""),
            body=body,
        )
        reply = self.server.respond(request)
        if reply.delay:
            self.server.stopping.wait(reply.delay)
        self._send(reply)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _handle  # noqa: N815 - the names that http.server looks for

    def _body(self) -> bytes:
        """Read the body, so that the connection can go on; one of no known length ends it."""
        length = self.headers.get("Content-Length", "0")
        if length.isdecimal() and "Transfer-Encoding" not in self.headers:
            return self.rfile.read(int(length))
        self.close_connection = True
        return b""

    def _send(self, reply: Reply) -> None:
        if reply.ending in {"close", "reset"}:
            self.close_connection = True
            if reply.ending == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.ending == "cut" or self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        whole = self.command != "HEAD"
        end = len(reply.body) // 2 if reply.ending == "cut" else len(reply.body)
        self.wfile.write(reply.body[: end if whole else 0])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
        """Say nothing: stdout and stderr belong to whoever runs the playground."""
