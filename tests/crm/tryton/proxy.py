"""A proxy on loopback before a CRM: it passes calls on, or does what breaks on the way.

The proxy of `tests/faults` knows the calls of Voucherify; this one passes on any POST, and sees in
its body what is called.
"""

import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Proxy:
    """Passes on to a port; `strike` may answer instead.

    `strike` is called with a call, which has a method and params, and with a function that passes
    it on and gives status and body. It gives status, body and maybe headers to answer with, or None
    to hang up. `calls` are the methods called, in order.
    """

    def __init__(self, port):
        self.port = port
        self.calls = []
        self._strike = passed_on
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        serve = self._server.serve_forever
        self._thread = threading.Thread(target=serve, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def striking(self, strike):
        self._strike = strike
        try:
            yield
        finally:
            self._strike = passed_on

    def answer_to(self, path, headers, body):
        call = json.loads(body)
        self.calls.append(call["method"])
        return self._strike(call, lambda: self._passed(path, headers, body))

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _passed(self, path, headers, body):
        upstream = HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            upstream.request("POST", path, body, headers)
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        wanted = ("Authorization", "Content-Type")
        headers = {name: self.headers[name] for name in wanted if name in self.headers}
        try:
            told = self.server.proxy.answer_to(self.path, headers, body)
            if told is not None:
                self._answer(*told)
        except OSError:
            pass
        self.close_connection = True

    def _answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def passed_on(_call, passed):
    """No fault."""
    return passed()
