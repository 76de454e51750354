"""The list of referral codes, page by page; what it shares with customers is tested there."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import UnreadableError
from sync.model.holding import Code
from sync.voucherify.client import Reply
from sync.voucherify.vouchers import CodeLister

PATH = "/v1/vouchers"
FILTER = {"[filters][is_referral_code][conditions][$is]": "true"}
SERVER_TIME = datetime(2024, 8, 1, 12, tzinfo=UTC)


def row(number, **changes):
    made = {
        "id": f"v_{number}",
        "code": f"CODE-{number}",
        "campaign": "Friends",
        "campaign_id": "camp_1",
        "holder_id": "cust_owner",
        "is_referral_code": True,
        "created_at": "2024-07-01T00:00:00.000Z",
        "object": "voucher",
    } | changes
    return {name: value for name, value in made.items() if value is not ...}


def rows(count, start=0):
    return [row(number) for number in range(start, start + count)]


def listed(*rows, **changes):
    return {"object": "list", "data_ref": "vouchers", "vouchers": list(rows), "total": 7} | changes


def ids(pages):
    return [each.voucher_id for page in pages for each in page.codes]


@pytest.fixture
def pages(project):
    """Read all pages that the project answers."""

    def read(*bodies, reached=None):
        for body in bodies:
            project.answers(body, path=PATH)
        return list(CodeLister(project.client).pages(reached))

    return read


def test_a_row_is_a_code_with_its_campaign(pages):
    (page,) = pages(listed(row(1)))

    assert page.codes == (Code("v_1", "CODE-1", "camp_1"),)
    assert (page.server_time, page.total, page.invalid_rows) == (SERVER_TIME, 7, 0)
    assert (page.reached, page.is_last) == (datetime(2024, 7, 1, tzinfo=UTC), True)


def test_only_referral_codes_are_asked_for_oldest_first(pages, project):
    found = pages(listed(*rows(100)), listed(*rows(3, 100)))

    assert ids(found) == [f"v_{number}" for number in range(103)]
    asked = {"limit": "100", "order": "created_at"} | FILTER
    assert [each.params for each in project.requests] == [
        asked | {"page": "1"},
        asked | {"page": "2"},
    ]


def test_a_listing_goes_on_a_millisecond_before_the_time_that_it_reached(pages, project):
    pages(listed(row(1)), reached=datetime(2024, 7, 1, 0, 0, 0, 5_700, tzinfo=UTC))

    (asked,) = project.requests
    assert asked.params["created_at[after]"] == "2024-07-01T00:00:00.004Z"
    assert FILTER.items() <= asked.params.items()


def test_rows_that_say_they_are_no_referral_codes_are_left_out(pages):
    (page,) = pages(
        listed(
            row(1),
            row(2, is_referral_code=False),
            row(3, is_referral_code=None),
            row(4, is_referral_code=...),
            {"is_referral_code": False},
        )
    )

    assert ids([page]) == ["v_1", "v_3", "v_4"]
    assert page.invalid_rows == 0


def test_a_page_without_any_referral_code_is_not_the_end(pages):
    others = [row(number, is_referral_code=False) for number in range(100)]

    assert ids(pages(listed(*others), listed(row(100)))) == ["v_100"]


@pytest.mark.parametrize(
    "unusable", [row(1, id=...), row(1, id=None), row(1, id=5), row(1, id=" "), None, 5, ["v_1"]]
)
def test_a_row_that_can_not_be_asked_for_is_counted_beside_the_others(pages, unusable):
    (page,) = pages(listed(row(2), unusable, row(3)))

    assert ids([page]) == ["v_2", "v_3"]
    assert page.invalid_rows == 1


@pytest.mark.parametrize("blank", [None, ..., "", " ", 5, "x\x00", []])
def test_what_is_no_text_of_a_code_or_campaign_is_not_known(pages, blank):
    (page,) = pages(listed(row(1, code=blank, campaign_id=blank)))

    assert page.codes == (Code("v_1", None, None),)


@pytest.mark.parametrize("body", [[], 5, "null", {}, {"vouchers": None}, {"customers": []}])
def test_an_answer_that_is_no_list_of_vouchers_is_told(pages, body):
    with pytest.raises(UnreadableError, match="the list of referral codes has no field vouchers"):
        pages(body)


def test_a_page_that_repeats_ends_the_list_loudly(pages):
    with pytest.raises(UnreadableError, match="gives the same page twice"):
        pages(listed(*rows(100)), listed(*rows(100)))


def test_more_codes_at_one_instant_than_pages_reach_are_told_with_the_way_out(pages):
    with pytest.raises(UnreadableError) as too_many:
        pages(
            *(listed(*rows(100, 100 * number)) for number in range(2 * 99)),
        )

    assert str(too_many.value) == (
        "more referral codes than can be listed (9900) were created at 2024-07-01T00:00:00.000Z; "
        "give those codes by HOLDERSYNC_CUSTOMERS=holders:PATH"
    )


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
odd_rows = st.dictionaries(st.sampled_from(sorted(row(1))), json_values).map(
    lambda odd: row(1, **odd)
)
bodies = json_values | st.fixed_dictionaries(
    {"vouchers": st.lists(odd_rows | json_values, max_size=4) | json_values},
    optional={"has_more": st.booleans() | json_values, "total": json_values},
)


class Answering:
    """A client that gives one body after the other, and an empty list behind them."""

    def __init__(self, bodies):
        self._bodies = [*bodies, {"vouchers": []}]

    def get(self, _path, _params):
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        return Reply(body, SERVER_TIME)


@settings(max_examples=60, deadline=None)
@given(st.lists(bodies, min_size=1, max_size=3))
def test_whatever_comes_each_row_is_a_code_or_counted_or_of_another_kind(several):
    read = iter(several)
    try:
        for page in CodeLister(Answering(several)).pages():
            came = next(read, {"vouchers": []})["vouchers"]
            others = sum(
                isinstance(each, dict) and each.get("is_referral_code") is False for each in came
            )
            assert len(page.codes) + page.invalid_rows + others == len(came)
    except UnreadableError:
        pass
