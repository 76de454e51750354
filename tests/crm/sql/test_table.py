"""The table as other databases would make it, and the statements that prove rights."""

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.schema import CreateTable

from sync.crm.sql.table import try_rights, voucher_assignments


@pytest.mark.parametrize(
    ("dialect", "column"),
    [
        (postgresql.dialect(), "unassigned_at TIMESTAMP WITH TIME ZONE"),
        (mysql.dialect(), "unassigned_at DATETIME(6)"),
    ],
)
def test_a_server_keeps_the_fraction_of_a_second(dialect, column):
    assert column in str(CreateTable(voucher_assignments).compile(dialect=dialect))


def test_proving_the_rights_changes_nothing(table):
    table.fill("rh_1")
    before = table.rows()

    with table.engine.begin() as connection:
        try_rights(connection)

    assert table.rows() == before


def test_missing_rights_are_found(table):
    table.fill("rh_1")

    with table.engine.connect() as connection:
        connection.execute(sa.text("PRAGMA query_only = 1"))
        with pytest.raises(sa.exc.OperationalError):
            try_rights(connection)
