"""The written form of each kind of setting."""

from datetime import timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync.model import address
from sync.model.allowance import Rate, Reserve
from sync.settings import urls, values

DAYS, HOURS, MINUTES = 86_400, 3_600, 60
TEN_YEARS = 3_650 * DAYS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", timedelta(seconds=90)),
        ("5m", timedelta(minutes=5)),
        ("1h", timedelta(hours=1)),
        ("30d", timedelta(days=30)),
        ("2w", timedelta(weeks=2)),
        ("PT1H", timedelta(hours=1)),
        ("P30D", timedelta(days=30)),
        ("PT5M", timedelta(minutes=5)),
        ("PT90S", timedelta(seconds=90)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("3650d", timedelta(days=3_650)),
    ],
)
def test_a_duration_is_a_number_with_its_unit_or_iso_8601(text, expected):
    assert values.parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        *("60", "0", "", "1", "-1h", "1.5h", "1 h", "1H", "pt1h", "P", "PT", "P1", "P1DT", "P1W"),
        *("P1M", "P1Y", "T1H", "1h30m", "h", "1y", "1ms", "٣h", "1h\n", "P1D ", "9999999999s"),
    ],
)
def test_any_other_duration_is_refused_with_the_forms_named(text):
    with pytest.raises(ValueError, match="90s, 5m, 1h, 30d, 2w, or as ISO 8601: PT1H, P30D"):
        values.parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0d", "PT0S", "3651d", "999999999w", "P999999999D"])
def test_a_duration_is_above_zero_and_not_longer_than_a_calendar_can_take(text):
    with pytest.raises(ValueError, match="above zero, up to 3650d"):
        values.parse_duration(text)


def test_where_none_is_allowed_zero_is_a_duration():
    assert values.parse_duration("0s", or_none=True) == timedelta(0)
    with pytest.raises(ValueError, match="a duration up to 3650d"):
        values.parse_duration("3651d", or_none=True)


@pytest.mark.parametrize(
    ("unit", "seconds"), [("s", 1), ("m", MINUTES), ("h", HOURS), ("d", DAYS), ("w", 7 * DAYS)]
)
def test_every_short_form_comes_back(unit, seconds):
    for count in (1, TEN_YEARS // seconds):
        assert values.parse_duration(f"{count}{unit}").total_seconds() == count * seconds


@given(st.integers(1, TEN_YEARS))
@settings(max_examples=50, deadline=None)
def test_every_iso_form_comes_back(seconds):
    days, rest = divmod(seconds, DAYS)
    hours, rest = divmod(rest, HOURS)
    minutes, rest = divmod(rest, MINUTES)

    assert values.parse_duration(f"PT{seconds}S").total_seconds() == seconds
    assert values.parse_duration(f"P{days}DT{hours}H{minutes}M{rest}S").total_seconds() == seconds


@pytest.mark.parametrize(
    ("text", "per_second"),
    [("50/min", 50 / 60), ("2/s", 2), ("3000/h", 3000 / 3600), ("0.5/s", 0.5), ("1/h", 1 / 3600)],
)
def test_a_rate_is_calls_per_second_minute_or_hour(text, per_second):
    assert values.parse_rate(text) == Rate(per_second)


@pytest.mark.parametrize(
    "text",
    [
        *("50", "0/s", "0.0/min", "-1/s", "50/m", "50/minute", "50 /min", "1e3/s", "inf/s", "/s"),
        *(".5/s", "50/d", "٣/s", "9999999999/s", "0.99/h", "0.000000001/min"),
    ],
)
def test_any_other_rate_is_refused_with_the_forms_named(text):
    with pytest.raises(ValueError, match="2/s, 50/min or 3000/h"):
        values.parse_rate(text)


@given(st.integers(1, 999_999_999), st.sampled_from([("s", 1), ("min", 60), ("h", 3600)]))
@settings(max_examples=50, deadline=None)
def test_every_rate_comes_back(calls, unit_and_seconds):
    unit, seconds = unit_and_seconds

    assert values.parse_rate(f"{calls}/{unit}").per_second == calls / seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30%", Reserve(share=0.3)),
        ("12.5%", Reserve(share=0.125)),
        ("99.9%", Reserve(share=0.9990000000000001)),
        ("0%", Reserve()),
        ("200", Reserve(calls=200)),
        ("1_000", Reserve(calls=1000)),
        ("0", Reserve()),
    ],
)
def test_a_reserve_is_a_share_or_a_number_of_calls(text, expected):
    assert values.parse_reserve(text) == expected


@pytest.mark.parametrize("text", ["100%", "101%", "-5%", "%", "30 %", "0.3", "1,000", "all"])
def test_a_reserve_that_leaves_no_call_or_is_not_understood_is_refused(text):
    with pytest.raises(ValueError, match="a share below 100%"):
        values.parse_reserve(text)


@pytest.mark.parametrize(("text", "expected"), [("1", 1), ("20000", 20_000), ("20_000", 20_000)])
def test_a_whole_number_is_digits_and_underscores(text, expected):
    assert values.parse_whole(text, least=1, most=1_000_000) == expected


@pytest.mark.parametrize(
    "text",
    ["0", "1000001", "20,000", "20.000", "+5", "-5", "1__0", "_1", "1_", "٣", "9" * 5000],
)
def test_any_other_whole_number_is_refused_with_its_bounds(text):
    with pytest.raises(ValueError, match="from 1 to 1_000_000"):
        values.parse_whole(text, least=1, most=1_000_000)


@pytest.mark.parametrize("text", ["a b", "abc\n", "\x00", "tökn", "", "a\tb", "\udc80"])
def test_what_goes_into_a_header_is_visible_ascii(text):
    assert values.parse_visible("!a-Z~") == "!a-Z~"
    with pytest.raises(ValueError, match="without spaces, line ends"):
        values.parse_visible(text)


@pytest.mark.parametrize("text", ["all", "-", "file:ids.txt", "file:/a b/ids.txt"])
def test_customers_are_all_a_file_or_standard_input(text):
    assert values.parse_customers(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "file:", "file: ", "ALL", "none", "ids.txt", "cust_1"),
        *("file:a\0b", "file:a\nb", "file:a\udcffb"),
    ],
)
def test_customers_of_any_other_form_are_refused(text):
    with pytest.raises(ValueError, match="write all, crm, holders"):
        values.parse_customers(text)


@pytest.mark.parametrize(
    ("text", "sources"),
    [
        ("all,holders,crm,hints", ("all", "holders", "crm", "hints")),
        (" all , holders:codes.txt ", ("all", "holders:codes.txt")),
        ("file:a,b.txt", ("file:a,b.txt",)),
        ("file:a,b.txt,holders:c,d,hints", ("file:a,b.txt", "holders:c,d", "hints")),
        ("-,all", ("-", "all")),
    ],
)
def test_sources_are_a_list_and_a_comma_in_a_path_stays_in_it(text, sources):
    assert values.split_sources(text) == sources


@pytest.mark.parametrize("text", ["all,all", "file:a,-", "holders,holders:x", "all,,holders"])
def test_each_kind_of_source_is_named_once(text):
    with pytest.raises(ValueError, match="several of them with commas between"):
        values.split_sources(text)


def test_the_home_is_absolute_and_a_relative_one_starts_where_we_are(tmp_path, monkeypatch):
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)

    assert values.parse_home("data") == tmp_path / "data"
    assert values.parse_home(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("text", ["missing", "~", "file", "wh?t", "a\x00b", "\udcff", "x" * 5000])
def test_a_home_that_is_no_directory_is_refused(text, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    (tmp_path / "wh?t").mkdir()
    (tmp_path / "\udcff").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="name a directory that exists"):
        values.parse_home(text)


@pytest.mark.parametrize(
    "parse",
    [
        values.parse_duration,
        values.parse_rate,
        values.parse_reserve,
        lambda text: values.parse_whole(text, least=1, most=31),
        values.parse_visible,
        address.parse_base_url,
        address.parse_endpoint,
        urls.parse_database_url,
        values.parse_customers,
    ],
)
@given(
    text=st.text(max_size=30)
    | st.text("0123456789PTDHMSsmhdw%/._:", max_size=12)
    | st.from_regex(r"https?://[a-z0-9\[\]:@/?#%\\.\-]{0,15}", fullmatch=True)
)
@settings(max_examples=60, deadline=None)
@example(text="\udc80")
@example(text="https://[")
@example(text="https://\u2100")
def test_any_text_is_a_value_or_a_plain_refusal_without_the_text(parse, text):
    refusal = refusal_of(parse, text)

    assert refusal is None or refusal.startswith("write ")


def refusal_of(parse, text):
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None
