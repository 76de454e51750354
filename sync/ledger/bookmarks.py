"""Bookmarks: where a window that was cut short goes on, per reader and customer."""

from typing import Any

from sqlalchemy import and_, delete
from sqlalchemy.engine import Connection
from sqlalchemy.sql.elements import ColumnElement

from sync.database import insert_into
from sync.ledger.tables import bookmarks
from sync.model.unassignment import CustomerId
from sync.model.window import Bookmark, Window

COLUMNS = (
    bookmarks.c.window_start,
    bookmarks.c.window_end,
    bookmarks.c.after,
    bookmarks.c.server_time,
    bookmarks.c.newest,
)


def of_reader(reader: str, customer_column: ColumnElement[str]) -> ColumnElement[bool]:
    """Give the condition that joins a customer's row to its bookmark."""
    return and_(bookmarks.c.reader == reader, bookmarks.c.customer_id == customer_column)


def bookmark_in(row: Any) -> Bookmark | None:  # noqa: ANN401  # rows are typed by position only
    """Read the bookmark out of a row that has `COLUMNS`, all null if there is none."""
    if row.after is None:
        return None
    window = Window(row.window_start, row.window_end)
    return Bookmark(window, row.after, row.server_time, row.newest)


def save_bookmark(
    connection: Connection, reader: str, customer_id: CustomerId, bookmark: Bookmark
) -> None:
    """Store where to go on, over what was stored before."""
    values = {
        "window_start": bookmark.window.start,
        "window_end": bookmark.window.end,
        "after": bookmark.after,
        "server_time": bookmark.server_time,
        "newest": bookmark.newest,
    }
    statement = insert_into(connection, bookmarks).values(
        reader=reader, customer_id=customer_id, **values
    )
    key = (bookmarks.c.reader, bookmarks.c.customer_id)
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


def drop_bookmark(connection: Connection, reader: str, customer_id: CustomerId) -> None:
    """Forget the bookmark: the window was read to its end, or starts anew."""
    connection.execute(
        delete(bookmarks).where(
            bookmarks.c.reader == reader, bookmarks.c.customer_id == customer_id
        )
    )
