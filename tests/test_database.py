"""Times as the databases keep them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql, sqlite

from sync.database import UtcDateTime


def test_a_server_is_given_utc():
    east = datetime(2026, 3, 2, 11, tzinfo=timezone(timedelta(hours=2)))

    bound = UtcDateTime().process_bind_param(east, mysql.dialect())

    assert bound == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert bound.utcoffset() == timedelta(0)


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        UtcDateTime().process_bind_param(datetime(2026, 3, 2), sqlite.dialect())  # noqa: DTZ001


@given(
    st.lists(
        st.datetimes(
            min_value=datetime(1, 1, 3),  # noqa: DTZ001
            max_value=datetime(9999, 12, 29),  # noqa: DTZ001
            timezones=st.just(UTC),
        ),
        max_size=5,
    )
)
def test_times_come_back_from_sqlite_as_they_were_and_sort_as_instants(times):
    engine = sa.create_engine("sqlite://")
    table = sa.Table("t", sa.MetaData(), sa.Column("at", UtcDateTime))
    with engine.begin() as connection:
        table.create(connection)
        for each in times:
            connection.execute(sa.insert(table).values(at=each))
        stored = list(connection.execute(sa.select(table.c.at).order_by(table.c.at)).scalars())
    engine.dispose()

    assert stored == sorted(times)
