"""The sql adapter's table from outside: what the shop's own integration writes, and what is there.

Some rows are frozen by a trigger, as a merchant's own rules might: the database refuses to change
them.
"""

import sqlite3

SCHEMA = """
CREATE TABLE frozen (holder_id TEXT PRIMARY KEY);
CREATE TRIGGER hands_off BEFORE UPDATE ON voucher_assignments
WHEN EXISTS (SELECT 1 FROM frozen WHERE holder_id = NEW.holder_id)
BEGIN SELECT RAISE(ABORT, 'frozen'); END;
"""


class Rows:
    """A connection of the shop's own; each statement is a transaction."""

    def __init__(self, file):
        self._connection = sqlite3.connect(
            file, isolation_level=None, timeout=0, check_same_thread=False
        )

    def believes(self, assignment):
        """The shop's own integration tells the CRM of a new assignment."""
        self._connection.execute(
            "INSERT OR IGNORE INTO voucher_assignments (holder_id, customer_id, voucher_id,"
            " voucher_code, status) VALUES (?, ?, ?, ?, 'assigned')",
            (
                assignment.holder_id,
                assignment.customer.id,
                assignment.voucher.id,
                assignment.voucher.code,
            ),
        )

    def freezes(self, assignment):
        self._connection.execute("INSERT OR IGNORE INTO frozen VALUES (?)", (assignment.holder_id,))

    def thaws(self):
        self._connection.execute("DELETE FROM frozen")

    def all(self):
        """Give `(holder_id, status, unassigned_event_id)` of all rows."""
        return self._connection.execute(
            "SELECT holder_id, status, unassigned_event_id FROM voucher_assignments"
        ).fetchall()

    def close(self):
        self._connection.close()
