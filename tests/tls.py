"""A private authority, and servers of loopback that show its certificates, or stand as a proxy.

All keys and certificates are made anew for each test run and are good for two days.
"""

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer

import pytest

EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    """A certificate authority that nobody trusts until they are told to; `bundle` is its file."""

    def __init__(self, folder):
        if shutil.which("openssl") is None:
            pytest.skip("no openssl here to make certificates with")
        self._folder = folder
        self.bundle = folder / "authority.pem"
        made = ("-x509", *EC, "-keyout", "authority.key", "-out", self.bundle, "-days", "2")
        signs = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        self._do("req", *made, "-subj", "/CN=A test's authority", *signs)

    def context(self, names="IP:127.0.0.1", days=2):
        """What a server needs to show a certificate for these names; no days: it has expired."""
        key, request, shown, extra = (self._folder / each for each in ("k", "r", "c", "e"))
        extra.write_text(f"subjectAltName={names}\nauthorityKeyIdentifier=keyid\n")
        self._do("req", *EC, "-keyout", key, "-out", request, "-subj", "/CN=a server")
        signed = ("-CA", self.bundle, "-CAkey", "authority.key", "-CAcreateserial")
        days = ("-days", f"{days}")
        self._do("x509", "-req", "-in", request, *signed, *days, "-extfile", extra, "-out", shown)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(shown, key)
        return context

    def _do(self, *command):
        subprocess.run(
            ["openssl", *command], check=True, capture_output=True, cwd=self._folder, timeout=30
        )


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True

    def handle_error(self, _request, _address):
        """Say nothing about clients that hang up; that is what some tests are about."""


class Front:
    """Stands before a server on loopback and writes down what comes over each connection.

    With a `context` it speaks TLS, and what it heard is what came inside of it. `answers`, if there
    are any, is said instead of asking the server behind. As a `tunnel` it is a proxy that connects
    where CONNECT says, after its `greeting`.
    """

    def __init__(self, port_behind=None, *, context=None, answers=None, tunnel=None):
        self.heard = []
        self._port_behind = port_behind
        self._context = context
        self.answers = answers
        self._tunnel = tunnel
        front = self

        class Handler(StreamRequestHandler):
            def handle(self):
                front.attend(self.connection)

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )

    @property
    def text(self):
        return b"".join(self.heard).decode("latin-1")

    def attend(self, connection):
        self.heard.append(b"")
        number = len(self.heard) - 1
        if self._context is not None:
            connection = self._context.wrap_socket(connection, server_side=True)
        with connection:
            first = self._hear(number, connection)
            if self.answers is not None:
                connection.sendall(self.answers)
            elif self._tunnel is not None:
                self._pass_on(number, connection, self._tunnelled(connection, first), b"")
            else:
                behind = socket.create_connection(("127.0.0.1", self._port_behind), timeout=20)
                self._pass_on(number, connection, behind, first)

    def _hear(self, number, connection):
        chunk = connection.recv(65_536)
        self.heard[number] += chunk
        return chunk

    def _tunnelled(self, connection, first):
        host, _, port = first.split(b" ")[1].decode().rpartition(":")
        behind = socket.create_connection((host, int(port)), timeout=20)
        connection.sendall(self._tunnel)
        return behind

    def _pass_on(self, number, connection, behind, first):
        def back():
            with suppress(OSError):
                while chunk := behind.recv(65_536):
                    connection.sendall(chunk)

        answering = threading.Thread(target=back, daemon=True)
        with behind, suppress(OSError):
            behind.sendall(first)
            answering.start()
            while chunk := self._hear(number, connection):
                behind.sendall(chunk)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
