"""The ledger seen from outside, with plain SQL: what a stranger would find in the file."""

import sqlite3
from datetime import date, datetime
from typing import NamedTuple


class Known(NamedTuple):
    cursor: datetime | None
    asked_at: datetime | None
    listed_at: datetime | None
    hinted_at: datetime | None
    gone_at: datetime | None
    due_at: float
    seen: int
    failures: int


class KnownCode(NamedTuple):
    looked_at: datetime | None
    gone_at: datetime | None


class Found(NamedTuple):
    number: int
    event_id: str
    at: datetime
    email: str | None
    customer_id: str


class Delivery(NamedTuple):
    status: str
    outcome: str | None
    next_attempt_at: datetime | None


class Letter(NamedTuple):
    key: str
    kind: str
    status: str
    customer_id: str | None
    holder_id: str | None
    reason: str


class Budget(NamedTuple):
    cycle_start: date
    used: int
    day: date
    used_before_day: int


class Sight:
    """A connection that only reads; each look is of what is committed."""

    def __init__(self, file):
        self._connection = sqlite3.connect(
            f"{file.as_uri()}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
        )

    def horizon(self):
        rows = self._all("SELECT horizon FROM project")
        return _instant(rows[0][0]) if rows else None

    def customers(self):
        rows = self._all(
            "SELECT customer_id, cursor, asked_at, listed_at, hinted_at, gone_at,"
            " due_at, seen, failures FROM customers"
        )
        return {row[0]: Known(*map(_instant, row[1:6]), *row[6:]) for row in rows}

    def codes(self):
        rows = self._all("SELECT voucher_id, looked_at, gone_at FROM codes")
        return {row[0]: KnownCode(*map(_instant, row[1:])) for row in rows}

    def holders(self):
        """Those who were ever seen at a code, and when each vanished, by the machine's clock."""
        rows = self._all("SELECT holder_id, vanished_at FROM holders")
        return {row[0]: _instant(row[1]) for row in rows}

    def bookmarked(self):
        return {row[0] for row in self._all("SELECT customer_id FROM bookmarks")}

    def count_forgotten(self):
        return self._all("SELECT count(*) FROM forgotten")[0][0]

    def begun_backfills(self):
        """The windows of backfills that were begun and not finished."""
        query = "SELECT window_start, window_end FROM backfills WHERE finished_at IS NULL"
        return {(_instant(start), _instant(end)) for start, end in self._all(query)}

    def found(self):
        rows = self._all(
            "SELECT holder_id, number, event_id, unassigned_at, email, customer_id"
            " FROM unassignments"
        )
        return {row[0]: Found(row[1], row[2], _instant(row[3]), *row[4:]) for row in rows}

    def assignments(self):
        return {
            row[0]: row[1] for row in self._all("SELECT holder_id, customer_id FROM assignments")
        }

    def newer_than(self, unassignment):
        """Assignments that an unassignment must leave alone, as far as the ledger knows."""
        query = "SELECT holder_id, voucher_id, code, assigned_at FROM assignments"
        rows = self._all(f"{query} WHERE customer_id = ?", unassignment.customer_id)
        return [
            holder_id
            for holder_id, voucher_id, code, assigned_at in rows
            if holder_id != unassignment.holder_id
            and (voucher_id == unassignment.voucher_id or code == unassignment.code)
            and _instant(assigned_at) > unassignment.assigned_at
        ]

    def deliveries(self):
        """By destination and holder id."""
        rows = self._all(
            "SELECT destination, holder_id, status, outcome, next_attempt_at FROM deliveries"
        )
        return {(row[0], row[1]): Delivery(row[2], row[3], _instant(row[4])) for row in rows}

    def destinations(self):
        rows = self._all("SELECT destination, after_number, since FROM destinations")
        return {row[0]: (row[1], _instant(row[2])) for row in rows}

    def letters(self):
        rows = self._all(
            "SELECT key, kind, status, customer_id, holder_id, reason FROM dead_letters ORDER BY id"
        )
        return [Letter(*row) for row in rows]

    def count_letters(self):
        """Count all that were ever opened, and those that are open."""
        query = "SELECT count(*), coalesce(sum(status = 'open'), 0) FROM dead_letters"
        return self._all(query)[0]

    def budget(self):
        rows = self._all("SELECT cycle_start, used, day, used_before_day FROM budget")
        if not rows:
            return None
        cycle_start, used, day, before = rows[0]
        return Budget(date.fromisoformat(cycle_start), used, date.fromisoformat(day), before)

    def contents(self):
        """Everything but the calls that were counted."""
        names = self._all("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        return {name: self._all(f"SELECT * FROM {name}") for (name,) in names if name != "budget"}

    def close(self):
        self._connection.close()

    def _all(self, query, *values):
        return self._connection.execute(query, values).fetchall()


def _instant(text):
    return None if text is None else datetime.fromisoformat(text)
