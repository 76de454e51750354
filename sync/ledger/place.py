"""Where a ledger is: an SQLite file, or a database on a server."""

from pathlib import Path

from sqlalchemy.engine import URL


def is_file(url: URL) -> bool:
    """Tell whether the ledger is an SQLite file, and not on a server."""
    return url.get_backend_name() == "sqlite"


def ledger_file(url: URL) -> Path:
    """Give the path of an SQLite ledger."""
    return Path(url.database or "")


def place_of(url: URL) -> str:
    """Name the ledger for a person: its file, or its server and database.

    Neither user nor password nor options are in it.
    """
    if is_file(url):
        return str(ledger_file(url))
    plain = URL.create("postgresql", host=url.host, port=url.port, database=url.database)
    return plain.render_as_string()
