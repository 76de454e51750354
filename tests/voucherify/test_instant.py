"""Times as the API writes them, and as its parameters take them."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.voucherify.instant import read_http_date, read_instant, write_instant

ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(
    min_value=datetime(1, 1, 3),  # noqa: DTZ001 - the strategy adds the zone
    max_value=datetime(9999, 12, 29),  # noqa: DTZ001 - the same
    timezones=ZONES,
)


@given(INSTANTS)
def test_an_instant_in_any_zone_is_read_to_the_microsecond(instant):
    assert read_instant(instant.isoformat()) == instant
    assert read_instant(instant.isoformat()).utcoffset() == timedelta(0)


@given(INSTANTS)
def test_writing_rounds_down_by_less_than_a_millisecond(instant):
    written = read_instant(write_instant(instant))

    assert timedelta(0) <= instant - written < timedelta(milliseconds=1)


@given(INSTANTS, INSTANTS)
def test_what_is_written_sorts_as_the_instants_do(one, other):
    if one <= other:
        assert write_instant(one) <= write_instant(other)


@given(st.text() | st.none() | st.floats() | st.binary())
def test_anything_else_is_a_value_error_or_an_instant(value):
    with suppress(ValueError):
        assert read_instant(value).tzinfo is UTC


@pytest.mark.parametrize("digits", range(1, 10))
def test_any_number_of_decimals_is_read(digits):
    text = f"2024-07-29T09:21:20.{'123456789'[:digits]}+00:00"

    micros = int("123456789"[:digits].ljust(6, "0")[:6])
    assert read_instant(text) == datetime(2024, 7, 29, 9, 21, 20, micros, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2024-07-29",
        "2024-07-29T09:21:20",
        "2024-07-29T09:21:20.Z",
        "2024-07-29T09:21:20,5Z",
        "2024-W31-1T09:21:20Z",
        "20240729T092120Z",
        "2024-07-29T09:21:20 Z",
        "2024-07-29T09:21:20Z\n",
        "٢٠٢٤-07-29T09:21:20Z",
        "",
        None,
        1722244880,
    ],
)
def test_a_time_without_a_zone_or_in_another_form_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a time with a zone, such as"):
        read_instant(text)


@pytest.mark.parametrize(
    "text",
    ["2023-02-29T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:00:00-02:00"],
)
def test_what_no_calendar_has_is_refused(text):
    with pytest.raises(ValueError, match="is not a real instant"):
        read_instant(text)


def test_milliseconds_are_written_with_z():
    east = datetime(2024, 7, 29, 11, 21, 20, 221_987, tzinfo=timezone(timedelta(hours=2)))

    assert write_instant(east) == "2024-07-29T09:21:20.221Z"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("Mon, 29 Jul 2024 09:21:20 GMT", datetime(2024, 7, 29, 9, 21, 20, tzinfo=UTC)),
        ("Mon, 29 Jul 2024 11:21:20 +0200", datetime(2024, 7, 29, 9, 21, 20, tzinfo=UTC)),
        ("Mon, 29 Jul 2024 09:21:20 -0000", datetime(2024, 7, 29, 9, 21, 20, tzinfo=UTC)),
    ],
)
def test_a_date_header_is_read_in_utc(text, instant):
    assert read_http_date(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "soon",
        "Mon, 32 Jul 2024 09:21:20 GMT",
        "Fri, 31 Dec 9999 23:59:59 -0500",
        "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
        "Mon, 01 Jan 2024 00:00:00 +99999999999999",
    ],
)
def test_a_date_header_that_cannot_be_read_is_none(text):
    assert read_http_date(text) is None
