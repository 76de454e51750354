"""A relay on loopback before a database server: it can be down, or lose what a commit answers."""

import select
import socket
import threading
from contextlib import contextmanager, suppress

DOWN, LOSES_COMMITS = "down", "loses commits"
WRITES = (b"UPDATE ", b"INSERT ", b"DELETE ")


class Relay:
    """Passes bytes on, both ways, until told otherwise; closed by `close`."""

    def __init__(self, host, port):
        self._there = (host, port)
        self._trouble = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @contextmanager
    def in_trouble(self, trouble):
        self._trouble = trouble
        try:
            yield
        finally:
            self._trouble = None

    def close(self):
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(timeout=10)

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client):
        with client, suppress(OSError):
            if self._trouble == DOWN:
                return
            with socket.create_connection(self._there) as server:
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                has_written = is_lost = False
                while True:
                    ready, _, _ = select.select([client, server], [], [])
                    for end in ready:
                        data = end.recv(65_536)
                        if not data or (end is server and is_lost):
                            return
                        (server if end is client else client).sendall(data)
                        if end is client:
                            is_commit = b"COMMIT" in data and self._trouble == LOSES_COMMITS
                            is_lost |= is_commit and has_written
                            has_written |= any(verb in data for verb in WRITES)
