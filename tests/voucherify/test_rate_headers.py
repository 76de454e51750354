"""What the rate headers tell, and that garbage in them tells nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.structures import CaseInsensitiveDict

from sync.transport import Answer, Observed
from sync.voucherify.client import observed

DATE = "Thu, 01 Aug 2024 12:00:00 GMT"
NAMES = [
    *("Date", "Retry-After", "X-Rate-Limit-Limit", "X-Rate-Limit-Remaining"),
    *("X-Rate-Limit-Retry", "X-Rate-Limit-Type"),
]


def seen(status=200, **headers):
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return observed(Answer(status, CaseInsensitiveDict(named), b""))


def test_an_answer_without_rate_headers_tells_nothing():
    assert seen(Date=DATE) == Observed()


def test_limit_remaining_and_the_windows_end_are_told():
    told = seen(
        Date=DATE,
        x_rate_limit_limit="100",
        x_rate_limit_remaining="42",
        x_rate_limit_retry="1722513630",
    )

    assert told == Observed(limit=100, remaining=42, resets_in=30.0)


def test_the_windows_end_is_taken_against_the_servers_clock_only():
    assert seen(X_Rate_Limit_Retry="1722513630").resets_in is None


def test_a_429_leaves_nothing_whatever_it_says():
    told = seen(429, Date=DATE, X_Rate_Limit_Remaining="5", Retry_After="12")

    assert told == Observed(remaining=0, resets_in=12.0, refused=True)


def test_the_end_of_the_cycle_is_no_refusal_by_the_window():
    told = seen(429, Date=DATE, X_Rate_Limit_Type="api_calls_cycle", X_Rate_Limit_Remaining="5")

    assert told == Observed(remaining=5)


def test_the_number_of_seconds_wins_over_the_epoch():
    told = seen(429, Date=DATE, Retry_After="5", X_Rate_Limit_Retry="1722513630")

    assert told.resets_in == 5.0


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        " ",
        "-1",
        "+5",
        "1.5",
        "1e3",
        "ten",
        "5, 5",
        "0x10",
        "٣",
        "²",
        "1_0",
        "9" * 11,
        "9" * 400,
    ],
)
def test_garbage_tells_nothing(garbage):
    told = seen(
        Date=DATE,
        Retry_After=garbage,
        X_Rate_Limit_Limit=garbage,
        X_Rate_Limit_Remaining=garbage,
        X_Rate_Limit_Retry=garbage,
    )

    assert told == Observed()


def test_spaces_around_a_number_do_not_count():
    assert seen(X_Rate_Limit_Limit=" 7 ").limit == 7


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.text() | st.integers().map(str) | st.sampled_from([DATE, "api_calls_cycle"]),
    ),
    st.sampled_from([200, 402, 429, 500]),
)
def test_any_headers_are_read(headers, status):
    told = observed(Answer(status, CaseInsensitiveDict(headers), b""))

    is_of_the_window = headers.get("X-Rate-Limit-Type") != "api_calls_cycle"
    assert told.refused is (status == 429 and is_of_the_window)
    assert all(number is None or number >= 0 for number in (told.limit, told.remaining))
    assert told.resets_in is None or 0 < told.resets_in < 10_000_000_000
