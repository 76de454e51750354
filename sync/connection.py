"""What a connection may do to a call: answer too slowly, or break.

A socket's time-out bounds each wait for some bytes. A server that gives a byte now and then never
meets it, and could keep a call busy for hours: in the head, in the body, or in the length of a
chunk. So each read here gets what is left of one time for the whole answer.
"""

import ssl
from collections.abc import Iterator
from http.client import HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from time import monotonic
from typing import Any

from requests import Response, exceptions
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, LocationParseError, NewConnectionError

from sync.errors import HoldersyncError, RetryError, TellUserError, UnavailableError

CHUNK_BYTES = 65_536
NO_PROXY = (exceptions.InvalidURL, exceptions.InvalidSchema, LocationParseError)
UNCONNECTED = (NewConnectionError, ConnectTimeoutError)
CUT_OFF = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)


class AnswersInTime(HTTPAdapter):
    """Sends as requests does; an answer that is not whole in time ends like a read time-out.

    Args:
        seconds: for one answer, counted from when the request was sent.
    """

    def __init__(self, seconds: float) -> None:
        self._pools = _pools(seconds)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as in the base class
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **options: Any) -> PoolManager:  # noqa: ANN401 - as in the base class
        """Make the pools of connections through an HTTP proxy; a SOCKS proxy has its own."""
        manager: PoolManager = super().proxy_manager_for(proxy, **options)
        if isinstance(manager, ProxyManager):
            manager.pool_classes_by_scheme = self._pools
        return manager


def failure_of(error: Exception, *, repeats: bool = True) -> HoldersyncError:
    """Give what follows from an error of the libraries below: try again, or tell the user.

    What does not repeat ends here, unless it can't have been received.
    """
    # A handshake that was cut off is a busy server's or balancer's; what else TLS finds wrong stays
    # wrong. A plain OSError comes from requests, before anything is sent.
    is_tls = isinstance(error, exceptions.SSLError) and not _was_cut_off(error)
    if is_tls or type(error) is OSError:
        return TellUserError(
            "no trusted TLS connection: the server's certificate is not accepted, or the address "
            "does not speak https. For a private CA, REQUESTS_CA_BUNDLE names its file"
        )
    if isinstance(error, NO_PROXY):
        return TellUserError(
            "the proxy of HTTPS_PROXY or ALL_PROXY is none: write http://HOST:PORT"
        )
    msg = f"no whole answer ({type(error).__name__})"
    if repeats or any(isinstance(each, UNCONNECTED) for each in _wrapped(error)):
        return RetryError(msg)
    return UnavailableError(f"{msg}; it may have been received, so it is not sent again")


def body_within(response: Response, largest: int) -> bytes | None:
    """Read the body; None, and no more is read, once it is longer than that."""
    chunks: list[bytes] = []
    size = 0
    while chunk := response.raw.read1(CHUNK_BYTES, decode_content=True):
        chunks.append(chunk)
        size += len(chunk)
        if size > largest:
            return None
    return b"".join(chunks)


def _was_cut_off(error: Exception) -> bool:
    return any(isinstance(each, CUT_OFF) for each in _wrapped(error))


def _wrapped(error: object) -> Iterator[Exception]:
    """Give an error and those inside it: urllib3 wraps another's, and requests wraps urllib3's."""
    while isinstance(error, Exception):
        yield error
        error = getattr(error, "reason", None) or (error.args[0] if error.args else None)


class _Timed(RawIOBase):
    """The bytes of one answer."""

    def __init__(self, sock: socket, seconds: float) -> None:
        self._sock = sock
        self._bytes = sock.makefile("rb", buffering=0)
        self._longest = sock.gettimeout()
        self._end = monotonic() + seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:  # noqa: ANN401 - typeshed's WriteableBuffer
        left = self._end - monotonic()
        if left <= 0:
            msg = "the answer was not whole in time"
            raise TimeoutError(msg)
        self._sock.settimeout(left if self._longest is None else min(self._longest, left))
        return self._bytes.readinto(buffer)

    def close(self) -> None:
        self._bytes.close()
        super().close()


class _Source:
    """What an answer is read from; it has the one method of a socket that http.client needs."""

    def __init__(self, sock: socket, seconds: float) -> None:
        self._sock = sock
        self._seconds = seconds

    def makefile(self, _mode: str) -> BufferedReader:
        return BufferedReader(_Timed(self._sock, self._seconds))


def _pools(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    class Answer(HTTPResponse):
        def __init__(self, sock: socket, *args: Any, **options: Any) -> None:  # noqa: ANN401 - passed on
            super().__init__(_Source(sock, seconds), *args, **options)  # type: ignore[arg-type]

    class Plain(HTTPConnection):
        response_class = Answer

    class Secure(HTTPSConnection):
        response_class = Answer

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
