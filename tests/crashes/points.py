"""Where a process can be killed, by name: `before` or `after` a piece of work.

Everything is wrapped from outside, in the process that is to be killed: the tool knows nothing of
it. A piece of work is a call to Voucherify, a statement or a commit on one of the two databases, a
lock, or what the adapter was told. Commits are named by the function of the tool that made them,
so a commit that nobody thought of has a name too, and the campaign can ask for it.
"""

import re
import sys
from contextlib import contextmanager
from functools import wraps

from sqlalchemy import Engine, event
from sqlalchemy.engine.default import DefaultDialect

from sync.crm.sql.adapter import SqlAdapter
from sync.ledger import schema
from sync.ledger.lock import FileLocks
from sync.ledger.server import ServerLocks
from sync.voucherify.client import VoucherifyClient

WRITES = re.compile(
    r"\s*(?P<verb>INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|CREATE INDEX|ALTER TABLE)"
    r"\s+(?:IF NOT EXISTS\s+)?\"?(?P<table>\w+)"
)
PLUMBING = frozenset({"transaction", "read_only", "before_writing"})
"""Public functions that commit for somebody else."""
SHORT_VERBS = {"INSERT INTO": "insert", "DELETE FROM": "delete", "UPDATE": "update"}


def install(passes):
    """Let `passes` hear of each point by its name, from whatever thread comes by."""
    _calls(passes)
    _statements(passes)
    _commits(passes)
    _locks(passes)
    _around(passes, SqlAdapter, "unassign", lambda *_: "crm: told")
    _around(passes, SqlAdapter, "restore", lambda *_: "crm: asked to restore")
    _everywhere(
        schema.enable_wal, _surrounded(passes, schema.enable_wal, lambda *_: "ledger: made WAL")
    )


def _calls(passes):
    def name(_client, path, *_):
        return "call: activity" if "activity" in path else "call: listing"

    _around(passes, VoucherifyClient, "get", name)


def _statements(passes):
    @event.listens_for(Engine, "before_cursor_execute")
    def before(_connection, cursor, statement, *_):
        if _statement(statement):
            written.add(id(cursor.connection))

    @event.listens_for(Engine, "after_cursor_execute")
    def after(_connection, _cursor, statement, *_):
        if name := _statement(statement):
            passes(f"after {name}")


written = set()
"""The database connections that have written since their last commit."""


def _statement(statement):
    match = WRITES.match(statement)
    if match is None:
        return None
    verb = SHORT_VERBS.get(match["verb"])
    return f"statement: {verb} {match['table']}" if verb else "statement: schema"


def _commits(passes):
    commit = DefaultDialect.do_commit

    def watched(dialect, connection):
        driver = getattr(connection, "dbapi_connection", connection)
        if id(driver) not in written:
            return commit(dialect, connection)
        written.discard(id(driver))
        name = f"commit: {_who()}"
        passes(f"before {name}")
        commit(dialect, connection)
        passes(f"after {name}")
        return None

    DefaultDialect.do_commit = watched


def _who():
    """Name the tool's public function or method that makes a commit now; a class by its own name.

    Whether a run or a backfill stores a page is told by the object, not by the class that has the
    method.
    """
    frame = sys._getframe(2)
    while frame is not None:
        module, function = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        is_public = not function.startswith(("_", "<")) and function not in PLUMBING
        if module.startswith("sync.") and module != "sync.database" and is_public:
            kind = type(frame.f_locals.get("self"))
            is_ours = kind.__module__.startswith("sync.")
            return f"{kind.__name__}.{function}" if is_ours else frame.f_code.co_qualname
        frame = frame.f_back
    return "somebody"


def _locks(passes):
    for kind in (FileLocks, ServerLocks):
        kind.held = _watched_lock(passes, kind.held)


def _watched_lock(passes, held):
    @contextmanager
    def watched(locks, name):
        passes(f"before lock: {name}")
        with held(locks, name):
            passes(f"after lock: {name}")
            yield
            passes(f"before lock: {name} given back")
        passes(f"after lock: {name} given back")

    return watched


def _around(passes, owner, attribute, name):
    setattr(owner, attribute, _surrounded(passes, getattr(owner, attribute), name))


def _surrounded(passes, function, name):
    @wraps(function)
    def watched(*arguments, **options):
        called = name(*arguments)
        passes(f"before {called}")
        result = function(*arguments, **options)
        passes(f"after {called}")
        return result

    return watched


def _everywhere(function, replacement):
    """Put `replacement` wherever a module of the tool has imported `function`."""
    modules = [module for name, module in sys.modules.items() if name.startswith("sync.")]
    for module in modules:
        for name, value in list(vars(module).items()):
            if value is function:
                setattr(module, name, replacement)
