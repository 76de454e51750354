"""Times and ids on the command line: they are clear, or refused with what to write."""

from datetime import UTC, datetime, timedelta

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st

from sync.cli.arguments import customer_of, instant_of, past_instant_of, window_of

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        ("2024-02-29", datetime(2024, 2, 29, tzinfo=UTC)),
        ("2026-11-01T08:00:00Z", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01t08:00:00z", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        ("2026-11-01T08:00:00+05:45", datetime(2026, 11, 1, 2, 15, tzinfo=UTC)),
        ("2026-11-01 08:00:00.25Z", datetime(2026, 11, 1, 8, 0, 0, 250_000, tzinfo=UTC)),
        ("0001-01-01", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_day_begins_at_midnight_utc_and_a_time_has_a_zone(text, instant):
    assert instant_of(text, "--from") == instant


NO_TIME = [
    *("", " ", "today", "-1", "1767225600", "2026", "2026-11", "2026-W45", "2026-11-1", "26-11-01"),
    *("2026-02-29", "2026-13-01", "2026-00-10", "2026-11-31", "0000-01-01", "10000-01-01"),
    *("2026-11-01T08:00:00", "2026-11-01T08:00Z", "2026-11-01T25:00:00Z", "2026-11-01T08:61:00Z"),
    *("2026-06-30T23:59:60Z", "2016-12-31T23:59:60Z", "2026-11-01T24:00:01Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-11-01T08:00:00+99:99"),
    *(
        "\uff12\uff10\uff12\uff16-11-01",
        "٢٠٢٦-11-01",
        "2026\u221211\u221201",
        " 2026-11-01",
        "2026-11-01\n",
        "01.11.2026",
    ),
    *("11/01/2026", "2026-11-01T08:00:00 Europe/Berlin", "\udcff", "\x1b[2J", "x" * 100_000),
]


@pytest.mark.parametrize("text", NO_TIME)
def test_anything_else_is_refused_with_both_forms_and_not_repeated_at_length(text):
    with pytest.raises(typer.BadParameter, match=r"give a day .* or a time with a zone") as refused:
        instant_of(text, "--from")

    assert refused.value.message.startswith("--from ")
    assert len(refused.value.message) < 150
    assert refused.value.message.isprintable()


@given(st.text() | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:]{8}(Z|[+-][0-9:]{5}))?"))
@example("2026-11-01T08:00:00-23:59")
def test_any_text_is_an_instant_or_refused(text):
    try:
        assert instant_of(text, "--to").utcoffset() == timedelta(0)
    except typer.BadParameter as refused:
        assert refused.message.isprintable()  # noqa: PT017 - nothing has to be refused


@pytest.mark.parametrize(
    ("since", "until", "told"),
    [
        ("2026-11-02", "2026-11-01", "--to is not later than --from"),
        ("2026-11-01", "2026-11-01", "--to is not later than --from"),
        ("2026-11-01T02:00:00+02:00", "2026-11-01", "--to is not later than --from"),
        ("9999-12-31", "2026-11-01", "--to is not later than --from"),
        ("2026-11-01", "9999-12-31", "--to lies in the future; it is 2026-11-23T14:00:00Z now"),
        ("2026-11-01", "2026-11-23T14:05:01Z", "--to lies in the future"),
        ("2026-11-24", "2026-11-25", "--to lies in the future"),
        ("0001-01-01", "2009-12-31", "--to lies before 2010"),
        ("0202-01-01", "0206-01-01", "check the year"),
    ],
)
def test_a_window_that_can_hold_nothing_is_refused(since, until, told):
    with pytest.raises(typer.BadParameter, match=told):
        window_of(since, until, NOW)


def test_a_window_may_begin_with_the_calendar_and_end_a_little_ahead_of_a_slow_clock():
    window = window_of("0001-01-01", "2026-11-23T14:04:59Z", NOW)

    assert window.start == datetime(1, 1, 1, tzinfo=UTC)
    assert window.end == NOW + timedelta(minutes=4, seconds=59)


def test_a_past_instant_may_be_now_but_not_tomorrow():
    assert past_instant_of("2026-11-23T14:00:00Z", "--since", NOW) == NOW
    with pytest.raises(typer.BadParameter, match="--since lies in the future"):
        past_instant_of("2026-11-24", "--since", NOW)


@pytest.mark.parametrize("text", ["", " ", " cust_1", "cust_1\n", "a\0b", "\udcff", "x" * 1_001])
def test_what_no_customer_can_be_called_is_refused(text):
    with pytest.raises(typer.BadParameter, match="the customer's id in Voucherify"):
        customer_of(text)


@pytest.mark.parametrize("text", ["cust_1", "a/b", "..", "ann of york", "żółć", "x" * 1_000])
def test_any_other_text_may_be_an_id(text):
    assert customer_of(text) == text
