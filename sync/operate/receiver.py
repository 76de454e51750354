"""Receives webhooks: checked, stored, and only then answered with 200.

Deliveries that wait together are stored in one transaction (group commit), so that hundreds a
second need few commits. What can't be stored at once is answered with 503, and Voucherify sends it
again. Nothing of a refused delivery is kept or logged but why it was refused.

Only `holdersync serve` imports this module, and with it Starlette and uvicorn (the extra `serve`).
"""

import asyncio
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from sync.errors import HoldersyncError
from sync.model.received import Received
from sync.voucherify.webhook import SIGNATURE, MalformedError, is_signed, read_webhook

PATH = "/webhooks/voucherify"
LARGEST = 64 * 1024
"""Bytes of a body; the vendor's own example has three thousand."""
PATIENCE = 0.8
"""Seconds until a delivery that could not be stored is sent back; Voucherify waits for ten."""
BODY_PATIENCE = 5
"""Seconds until a body has to be there."""
HEAD_PATIENCE = 5
"""Seconds until a connection has to have sent a whole head, or all of a body that was refused."""
MOST_WAITING = 2_000
FILES_OF_OURS = 96
"""Open files that are not left to connections: the ledger's, standard streams, and connections that
are accepted and not looked at yet."""
ACCEPTED_AT_ONCE = 8
"""Connections that asyncio accepts in one go; it takes some goes until it looks at the first."""
BACKLOG = 2_048
"""Connections that the system keeps for us until they are accepted."""
GRACE = 5
"""Seconds for what is under way when the receiver is asked to stop."""

Store = Callable[[Sequence[Received | None]], None]
log = structlog.get_logger(__name__)


class BusyError(Exception):
    """It can't be stored now; it is to be sent again."""


class Inbox:
    """Stores deliveries, as many as wait in one transaction, in one thread.

    Args:
        store: stores some, all or none; called in a thread of its own, always the same.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._thread = ThreadPoolExecutor(1, "inbox")
        self._waiting: list[tuple[Received | None, asyncio.Future[None]]] = []
        self._news = asyncio.Event()
        self._is_closing = False

    async def put(self, received: Received | None) -> None:
        """Come back once it is stored.

        Raises:
            BusyError: it is not known to be stored.
        """
        if self._is_closing or len(self._waiting) >= MOST_WAITING:
            raise BusyError
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((received, stored))
        self._news.set()
        try:
            # Shielded: what is under way is stored, whoever still waits for it.
            await asyncio.wait_for(asyncio.shield(stored), PATIENCE)
        except (TimeoutError, HoldersyncError) as error:
            raise BusyError from error

    async def write(self) -> None:
        """Store what comes, until it is closed and nothing waits any more."""
        loop = asyncio.get_running_loop()
        while not (self._is_closing and not self._waiting):
            await self._news.wait()
            self._news.clear()
            batch, self._waiting = self._waiting, []
            if batch:
                told = [received for received, _ in batch]
                try:
                    await loop.run_in_executor(self._thread, self._store, told)
                except Exception as error:  # noqa: BLE001 - whoever waits is told, and it goes on
                    _settle(batch, error)
                else:
                    _settle(batch, None)

    def close(self) -> None:
        """Take nothing any more; `write` ends with what waits."""
        self._is_closing = True
        self._news.set()


class Receiver:
    """Answers the receiver's requests.

    Args:
        inbox: stores what is accepted.
        is_ready: tells whether something could be stored; called in a thread.
        secrets: any of them may have signed a delivery.
        now: the local time, UTC.
    """

    def __init__(
        self,
        inbox: Inbox,
        is_ready: Callable[[], bool],
        secrets: Sequence[str],
        now: Callable[[], datetime],
    ) -> None:
        self._inbox = inbox
        self._is_ready = is_ready
        self._secrets = secrets
        self._now = now

    async def receive(self, request: Request) -> Response:
        """Accept a delivery: 200 once it is stored, 503 if it can't be now, else a refusal.

        An event that tells us nothing is answered with 200 even if nothing can be stored.
        """
        try:
            async with asyncio.timeout(BODY_PATIENCE):
                body = await _body(request)
        except TimeoutError:
            return _refused(408, "slower than may be")
        if body is None:
            return _refused(413, "larger than may be")
        if not is_signed(body, request.headers.get(SIGNATURE), self._secrets):
            return _refused(401, "not signed with the project's secret")
        try:
            received = read_webhook(body, self._now())
        except MalformedError as error:
            return _refused(400, str(error))
        try:
            await self._inbox.put(received)
        except BusyError:
            # What tells us nothing is only counted: to send it again would be of no use.
            if received is not None:
                return PlainTextResponse("not now, send it again\n", 503, {"Retry-After": "60"})
        return PlainTextResponse("stored\n" if received else "nothing to do\n")

    async def health(self, _request: Request) -> Response:
        """Tell that the process lives."""
        return PlainTextResponse("alive\n")

    async def readiness(self, _request: Request) -> Response:
        """Tell whether a delivery could be stored."""
        if await asyncio.to_thread(self._is_ready):
            return PlainTextResponse("ready\n")
        return PlainTextResponse("the ledger can't be written\n", 503)


def application(
    store: Store, is_ready: Callable[[], bool], secrets: Sequence[str], now: Callable[[], datetime]
) -> Starlette:
    """Give the receiver as an ASGI application; see `Inbox` and `Receiver`."""
    inbox = Inbox(store)
    receiver = Receiver(inbox, is_ready, secrets, now)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        writing = asyncio.create_task(inbox.write())
        yield
        inbox.close()
        await writing

    routes = [
        Route(PATH, receiver.receive, methods=["POST"]),
        Route("/healthz", receiver.health),
        Route("/readyz", receiver.readiness),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def listen(host: str, port: int) -> socket.socket:
    """Give a socket that listens; port 0 takes any free one.

    Raises:
        OSError: it can't be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sends small answers at once (TCP_NODELAY): 40 ms less each.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError:
        listening.close()
        raise
    return listening


def serve(app: Starlette, listening: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT; then answer what is under way, and come back."""
    config = uvicorn.Config(
        app,
        http=_Connection,
        backlog=ACCEPTED_AT_ONCE,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        timeout_graceful_shutdown=GRACE,
    )
    asyncio.run(_Server(config).until_told(listening))


class _Connection(H11Protocol):
    """A connection that is not waited for without end, and one of a number that can be served.

    uvicorn gives a head all the time it takes, so that whoever connects and says nothing keeps a
    file open; when there are no more, asyncio accepts nobody and logs thousands of errors a second.
    """

    _ending: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close it at once where there are too many; else give it its time for a head."""
        super().connection_made(transport)
        if len(self.connections) > _most_connections():
            transport.close()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the watch, too."""
        super().connection_lost(exc)
        self._unwatch()

    def data_received(self, data: bytes) -> None:
        """Watch while what comes makes no request yet."""
        super().data_received(data)
        if self._is_idle:
            self._watch()
        else:
            self._unwatch()

    @property
    def _is_idle(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _watch(self) -> None:
        if self._ending is None:
            self._ending = self.loop.call_later(HEAD_PATIENCE, self._end)

    def _unwatch(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None

    def _end(self) -> None:
        self._ending = None
        if self._is_idle:
            self.transport.close()


def _most_connections() -> int:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MOST_WAITING
    return max(1, min(MOST_WAITING, files - FILES_OF_OURS))


class _Server(uvicorn.Server):
    """A server that ends in order on a signal: uvicorn's own raises it once more in the end."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to `until_told`."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Let the system keep more connections than are accepted at once: for both, one number."""
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)

    async def until_told(self, listening: socket.socket) -> None:
        """Serve until a signal comes."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, self._end)
        await self.serve(sockets=[listening])

    def _end(self) -> None:
        self.should_exit = True


async def _body(request: Request) -> bytes | None:
    """Read a body up to what it may have; None if it is larger."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > LARGEST:
                return None
    except ClientDisconnect:
        return b""
    return bytes(body)


def _settle(
    batch: Sequence[tuple[Received | None, asyncio.Future[None]]], error: Exception | None
) -> None:
    if error is not None:
        log.warning("webhooks could not be stored", number=len(batch), error=type(error).__name__)
    for _, stored in batch:
        if stored.done():
            continue
        if error is None:
            stored.set_result(None)
        else:
            stored.set_exception(error if isinstance(error, HoldersyncError) else BusyError())
            stored.exception()  # whoever waited may be gone: it is no mistake of ours


def _refused(status: int, why: str) -> Response:
    log.warning("a webhook was refused", status=status, why=why)
    return PlainTextResponse(f"{why}\n", status)
