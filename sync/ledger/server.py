"""PostgreSQL as the ledger's database: connections, one writer at a time, and locks.

Writers take turns by a lock of the transaction, as they do on SQLite: what was read in a
transaction still holds when it writes. Source: PostgreSQL documentation, "Advisory Locks",
"The pg_locks view" and "Client Connection Defaults" (`lock_timeout`).
"""

import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from hashlib import sha256

from sqlalchemy import Engine, NullPool, create_engine, text
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import PendingRollbackError, SQLAlchemyError

from sync.errors import NotNowError, TellUserError
from sync.ledger.lock import LockName, LockTakenError
from sync.ledger.told import told

BUSY_SECONDS = 30
"""How long a transaction waits for another writer."""
CONNECT_SECONDS = 10
UNANSWERED_SECONDS = 30
"""After so long without an answer the network counts as lost, on our side and on the server's."""

NUMBERS = {"run": 1, "backfill": 2, "deliver": 3, "write": 4}
"""What the server knows the locks by, in a number space of the ledger's own."""

_GONE_AFTER = (
    ("tcp_keepalives_idle", UNANSWERED_SECONDS // 2),
    ("tcp_keepalives_interval", 5),
    ("tcp_keepalives_count", 3),
)


def server_engine(url: URL, *, pooled: bool = True) -> Engine:
    """Make an engine for a ledger on PostgreSQL; no I/O.

    It works through a pooler that gives each transaction another connection: nothing is prepared
    on the server, and nothing but locks outlives a transaction.

    Raises:
        TellUserError: the driver is not installed, or the URL has an option that it doesn't take.
    """
    ours = {
        "application_name": "holdersync",
        "connect_timeout": CONNECT_SECONDS,
        "keepalives_idle": UNANSWERED_SECONDS // 2,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": UNANSWERED_SECONDS * 1000,
        "prepare_threshold": None,
    }
    pool: dict[str, object] = {"pool_pre_ping": True} if pooled else {"poolclass": NullPool}
    try:
        engine = create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args={name: value for name, value in ours.items() if name not in url.query},
            hide_parameters=True,
            **pool,
        )
    except ImportError as error:
        msg = "a ledger on PostgreSQL needs its driver: pip install 'holdersync[postgres]'"
        raise TellUserError(msg) from error
    _require_known_options(engine.url)
    return engine


def _require_known_options(url: URL) -> None:
    from psycopg import ProgrammingError  # noqa: PLC0415  # the driver is an extra
    from psycopg.conninfo import make_conninfo  # noqa: PLC0415

    try:
        make_conninfo("", **{name: str(value) for name, value in url.query.items()})
    except ProgrammingError:
        msg = "HOLDERSYNC_LEDGER_URL has an option that the driver doesn't take: look after the ?"
        raise TellUserError(msg) from None


class ServerLocks:
    """Locks on the ledger's server, all held by one connection, with which they die.

    That connection has to be a direct one: behind a pooler it would be shared.

    Args:
        url: the ledger.
        lock_url: the direct connection; None takes the ledger's.
        where: how to name the ledger to a person.
    """

    def __init__(self, url: URL, lock_url: URL | None, where: str) -> None:
        self._url = url
        self._where = where
        self._engine = server_engine(lock_url or url, pooled=False)
        self._session: Connection | None = None
        self._proof = secrets.randbits(62)
        self._held: set[LockName] = set()

    @contextmanager
    def held(self, name: LockName) -> Iterator[None]:
        """Hold a lock for as long as the block runs.

        Raises:
            LockTakenError: somebody else holds it.
            NotNowError: the server can't be reached.
            TellUserError: the server refuses us, or HOLDERSYNC_LOCK_URL leads to another one.
        """
        with ExitStack() as stack:
            stack.callback(self._close_if_idle)
            with told(self._where):
                self._take(name)
            stack.callback(self._release, name)
            yield

    def before_writing(self, connection: Connection) -> None:
        """Wait for other writers, then prove that the locks of this process still hold.

        Whoever took them over meanwhile can't have written yet: it waits for this transaction.

        Raises:
            NotNowError: the connection that held the locks was lost.
        """
        wait = f"SET LOCAL lock_timeout = '{BUSY_SECONDS}s'"
        turn = f"SELECT pg_advisory_xact_lock({self._space}, {NUMBERS['write']})"
        connection.exec_driver_sql(f"{wait}; {turn}")
        if self._held and not _is_held(connection, self._proof):
            raise _lost(self._where)

    def check(self) -> None:
        """Prove that the locks' connection leads to the ledger's server."""
        with told(self._where):
            try:
                self._connected()
            finally:
                self._close_if_idle()

    @cached_property
    def _space(self) -> int:
        # One database can hold several ledgers, each in a schema of its own.
        engine = server_engine(self._url, pooled=False)
        try:
            with engine.connect() as connection:
                found = connection.execute(text("SELECT current_database(), current_schema()"))
                database, schema = found.one()
        finally:
            engine.dispose()
        if schema is None:
            msg = (
                f"{self._where} has no schema that we may use: give the user one, or a search_path"
            )
            raise TellUserError(msg)
        digest = sha256(f"holdersync {database} {schema}".encode()).digest()
        return int.from_bytes(digest[:4], signed=True)

    def _take(self, name: LockName) -> None:
        session = self._connected()
        try:
            taken = session.exec_driver_sql(
                f"SELECT pg_try_advisory_lock({self._space}, {NUMBERS[name]})"
            )
        except PendingRollbackError:
            raise _lost(self._where) from None
        if not taken.scalar_one():
            raise LockTakenError(name)
        self._held.add(name)

    def _release(self, name: LockName) -> None:
        self._held.discard(name)
        # A lost connection has released it already.
        if self._session is not None:
            with suppress(SQLAlchemyError):
                self._session.exec_driver_sql(
                    f"SELECT pg_advisory_unlock({self._space}, {NUMBERS[name]})"
                )

    def _connected(self) -> Connection:
        if self._session is not None:
            return self._session
        self._session = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        for name, value in _GONE_AFTER:
            self._session.exec_driver_sql(f"SET {name} = {value}")
        self._session.exec_driver_sql(f"SELECT pg_advisory_lock({self._proof})")
        self._require_same_server()
        return self._session

    def _require_same_server(self) -> None:
        engine = server_engine(self._url, pooled=False)
        try:
            with engine.connect() as connection:
                is_seen = _is_held(connection, self._proof)
        finally:
            engine.dispose()
        if not is_seen:
            msg = (
                "HOLDERSYNC_LOCK_URL leads to another server or database than "
                "HOLDERSYNC_LEDGER_URL: it has to be a direct connection to the ledger's own"
            )
            raise TellUserError(msg)

    def _close_if_idle(self) -> None:
        if self._session is not None and not self._held:
            with suppress(SQLAlchemyError):
                self._session.invalidate()
                self._session.close()
            self._session = None


def _is_held(connection: Connection, proof: int) -> bool:
    # A lock on one large number is shown as its two halves. Each database has locks of its own.
    query = text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted "
        "AND objsubid = 1 AND classid::bigint = :high AND objid::bigint = :low "
        "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    halves = {"high": proof >> 32, "low": proof & 0xFFFFFFFF}
    return bool(connection.execute(query, halves).scalar_one())


def _lost(where: str) -> NotNowError:
    return NotNowError(
        f"the locks on the ledger {where} were lost with the connection that held them; nothing "
        "more was written, and the next run goes on from what was stored"
    )
