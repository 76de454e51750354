"""Who holds a code now, as List Member's Holders tells it."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import (
    CodeGoneError,
    CredentialsRefusedError,
    ParkError,
    PermissionRefusedError,
    RefusedError,
    UnavailableError,
    UnreadableError,
)
from sync.model.holding import HoldersPage
from sync.model.unassignment import Assignment
from sync.voucherify.client import Reply
from sync.voucherify.holders import HolderReader

CODE = "v_YdDGS5yBnLCp79vfPbHhkoRrqPwkgyiy"
PATH = f"/v1/referrals/members/{CODE}/holders"
ROLE = "filters[holder_role][conditions][$is][0]"
SERVER_TIME = datetime(2024, 8, 1, 12, tzinfo=UTC)


def row(number=1, **changes):
    """A row as the documentation's example has it, with what is not ours besides."""
    made = {
        "id": f"rh_{number}",
        "created_at": "2024-07-14T10:29:19.542Z",
        "redeemable_id": CODE,
        "redeemable_object": "voucher",
        "campaign_id": "camp_1",
        "campaign_type": "REFERRAL_PROGRAM",
        "voucher_type": "DISCOUNT_VOUCHER",
        "customer_id": f"cust_{number}",
        "holder_role": "REFEREE",
        "object": "redeemable_holder",
        "metadata": {"influencer_code": True},
    } | changes
    return {name: value for name, value in made.items() if value is not ...}


def listed(*rows, **changes):
    body = {
        "object": "list",
        "data_ref": "data",
        "data": list(rows),
        "total": len(rows),
        "has_more": False,
    } | changes
    return {name: value for name, value in body.items() if value is not ...}


@pytest.fixture
def page(project):
    """Read the page that the project answers; so many times, if the filter is doubted."""

    def read(body, after=None, times=1):
        project.answers(body, path=PATH, times=times)
        return HolderReader(project.client).page(CODE, after)

    return read


def ids(page):
    return [each.holder_id for each in page.assignments]


def test_a_row_is_an_assignment_whose_code_is_not_told(page):
    assert page(listed(row(), total=7)) == HoldersPage(
        server_time=SERVER_TIME,
        assignments=(
            Assignment(
                holder_id="rh_1",
                customer_id="cust_1",
                voucher_id=CODE,
                code=None,
                campaign_id="camp_1",
                role="REFEREE",
                assigned_at=datetime(2024, 7, 14, 10, 29, 19, 542_000, tzinfo=UTC),
            ),
        ),
        rows=1,
        total=7,
        newest="rh_1",
        next_after=None,
    )


def test_the_newest_friends_are_asked_for_first(page, project):
    page(listed(row()))
    page(listed(), after="rh_7")

    asked = {"limit": "100", "order": "-id", ROLE: "REFEREE"}
    assert [each.params for each in project.requests] == [
        asked,
        asked | {"starting_after_id": "rh_7"},
    ]


@pytest.mark.parametrize("role", ["OWNER", "REFERRER", "SOMETHING_NEW"])
def test_rows_of_other_roles_are_counted_and_not_given(page, role):
    found = page(listed(row(9, holder_role=role, campaign_type=None), row(8)))

    assert (ids(found), found.rows, found.total) == (["rh_8"], 2, 2)
    assert found.newest == "rh_9"


def test_a_code_that_nobody_holds_has_no_newest(page):
    found = page(listed(), times=2)

    assert (found.assignments, found.newest, found.next_after) == ((), None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"campaign_id": None, "campaign_type": None},
        {"campaign_id": ...},
        {"object": ...},
        {"metadata": None},
        {"publication_id": None},
        {"created_at": "2024-07-14T10:29:19.54+00:00"},
    ],
)
def test_what_the_examples_leave_out_may_be_missing(page, changes):
    assert ids(page(listed(row(1, **changes), row(2)))) == ["rh_1", "rh_2"]


@pytest.mark.parametrize(
    "broken",
    [
        row(1, id=...),
        row(1, id=7),
        row(1, id=" "),
        row(1, id="rh_\x00"),
        row(1, created_at="yesterday"),
        row(1, created_at="2024-07-14T10:29:19"),
        row(1, customer_id=None),
        row(1, redeemable_id=...),
        row(1, redeemable_id="v_other"),
        row(1, redeemable_id="v_other", holder_role="REFERRER"),
        row(1, redeemable_object="promotion_tier"),
        row(1, holder_role=None),
        row(1, campaign_id=5),
        row(2),
        "rh_1",
        None,
    ],
)
def test_one_row_that_can_not_be_relied_on_makes_the_page_unreadable(page, broken):
    with pytest.raises(UnreadableError) as failure:
        page(listed(row(2), broken, row(3)))

    assert failure.value.signature == "holders"
    assert "cust_" not in str(failure.value)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        "null",
        {"data": [], "has_more": False},
        {"data": [], "total": 0},
        {"data": {}, "total": 0, "has_more": False},
        {"data": None, "total": 0, "has_more": False},
        *[listed(row(), total=total) for total in (None, "1", True, 1.0, -1, 10**10)],
        *[listed(row(), has_more=told) for told in (None, "no", 0)],
    ],
)
def test_a_list_without_rows_total_or_an_end_is_unreadable(page, body):
    with pytest.raises(UnreadableError):
        page(body)


def test_the_next_page_is_the_one_that_is_named(page):
    found = page(listed(row(9), row(8), total=3, has_more=True, more_starting_after="rh_88"))

    assert found.next_after == "rh_88"


@pytest.mark.parametrize("named", [{}, {"more_starting_after": None}])
def test_where_no_page_is_named_it_begins_behind_the_last_row(page, named):
    assert page(listed(row(9), row(8), total=3, has_more=True, **named)).next_after == "rh_8"


@pytest.mark.parametrize("named", ["", " ", 5, ["rh_8"], "rh_\ud800"])
def test_a_way_on_that_can_not_be_taken_is_told(page, named):
    with pytest.raises(UnreadableError, match="no way to the next"):
        page(listed(row(9), total=3, has_more=True, more_starting_after=named))


def test_a_way_on_that_leads_back_is_told(page):
    with pytest.raises(UnreadableError, match="back to this one"):
        page(listed(row(7), total=9, has_more=True, more_starting_after="rh_8"), after="rh_8")


def test_a_last_page_that_names_a_way_on_is_the_last(page):
    assert page(listed(row(9), more_starting_after="rh_9")).next_after is None


def test_an_empty_page_is_the_last_whatever_it_says(page):
    end = listed(total=2, has_more=True, more_starting_after="rh_1")

    assert page(end, after="rh_8").next_after is None
    assert page(end, times=2).next_after is None


def test_two_rows_of_two_are_all_though_there_be_more(page):
    told = listed(row(9), row(8), has_more=True, more_starting_after="rh_8")

    assert page(told).next_after is None


def test_a_full_first_page_goes_on_though_its_total_be_no_more(page):
    told = listed(*[row(number) for number in range(100)], has_more=True)

    assert page(told).next_after == "rh_99"


def test_a_short_page_behind_the_first_goes_on_while_it_says_so(page):
    told = listed(row(2), row(1), has_more=True)

    assert page(told, after="rh_3").next_after == "rh_1"


NOT_FOUND = {"code": 404, "key": "not_found", "request_id": "v-0fa4de30126b92bfb8"}


@pytest.mark.parametrize(
    "about",
    [
        {"resource_id": CODE, "resource_type": "voucher"},
        {"resource_id": CODE, "resource_type": "something_new"},
        {"resource_type": "voucher"},
        {"resource_type": "member"},
        {"key": "resource_not_found"},
        {},
    ],
)
def test_a_code_that_was_deleted_is_gone(project, about):
    project.answers(NOT_FOUND | about, status=404, path=PATH)

    with pytest.raises(CodeGoneError, match=CODE):
        HolderReader(project.client).page(CODE, None)


@pytest.mark.parametrize(
    "body",
    [
        "<html>",
        "",
        NOT_FOUND | {"key": None},
        NOT_FOUND | {"key": "campaign_not_found"},
        NOT_FOUND | {"resource_type": "project"},
        NOT_FOUND | {"resource_type": "voucher", "resource_id": "v_other"},
        NOT_FOUND | {"resource_type": "customer", "resource_id": "cust_1"},
    ],
)
def test_a_404_in_other_words_says_nothing_of_the_code(project, body):
    project.answers(body, status=404, path=PATH)

    with pytest.raises(RefusedError) as refused:
        HolderReader(project.client).page(CODE, None)

    assert not isinstance(refused.value, CodeGoneError)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, CredentialsRefusedError),
        (402, ParkError),
        (403, PermissionRefusedError),
        (409, RefusedError),
    ],
)
def test_a_refusal_is_raised_as_what_it_is(project, status, error):
    project.answers({"code": status, "key": "any"}, status=status, path=PATH)

    with pytest.raises(error):
        HolderReader(project.client).page(CODE, None)


def test_a_body_that_stays_broken_is_unavailable(project):
    project.answers("<html>", path=PATH, times=5)

    with pytest.raises(UnavailableError):
        HolderReader(project.client).page(CODE, None)


BAD = {"code": 400, "key": "invalid_query_params"}


def test_a_filter_that_is_refused_is_sent_no_more(project):
    reader = HolderReader(project.client)
    project.answers(BAD, status=400, path=PATH)
    project.answers(listed(row(2), row(1, holder_role="REFERRER")), path=PATH, times=2)

    found = [reader.page(CODE, None), reader.page(CODE, None)]

    assert [(ids(each), each.total) for each in found] == [(["rh_2"], 2)] * 2
    assert [ROLE in each.params for each in project.requests] == [True, False, False]


def test_a_request_that_is_bad_without_the_filter_too_does_not_give_up_the_filter(project):
    reader = HolderReader(project.client)
    project.answers(BAD, status=400, path=PATH, times=2)
    with pytest.raises(RefusedError, match="400 invalid_query_params"):
        reader.page(CODE, None)
    project.answers(listed(row()), path=PATH)

    reader.page(CODE, None)

    assert [ROLE in each.params for each in project.requests] == [True, False, True]


def test_a_place_to_go_on_that_is_refused_says_nothing_of_the_filter(project):
    project.answers(BAD, status=400, path=PATH)

    with pytest.raises(RefusedError):
        HolderReader(project.client).page(CODE, "rh_deleted")

    assert len(project.requests) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(CODE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
rows = st.dictionaries(st.sampled_from(sorted(row())), json_values).map(lambda odd: row(**odd))
bodies = json_values | st.fixed_dictionaries(
    {"data": st.lists(rows, max_size=3) | json_values, "total": st.integers(0, 4) | json_values},
    optional={"has_more": st.booleans() | json_values, "more_starting_after": json_values},
)


class Answering:
    """A client that gives one body to every call."""

    def __init__(self, body):
        self.body = body

    def get(self, _path, _params):
        return Reply(self.body, SERVER_TIME)


@settings(max_examples=60, deadline=None)
@given(bodies, st.none() | st.just("rh_5"))
def test_whatever_comes_is_a_page_of_this_code_or_told(body, after):
    with suppress(UnreadableError):
        found = HolderReader(Answering(body)).page(CODE, after)

        assert found.rows == len(body["data"])
        assert found.total == body["total"]
        assert len(found.assignments) <= found.rows
        assert all(each.voucher_id == CODE for each in found.assignments)
        assert found.next_after is None or found.next_after != after
        assert found.next_after is None or body["has_more"] is True


def test_a_404_behind_the_first_page_says_nothing_of_the_code(project):
    project.answers(NOT_FOUND, status=404, path=PATH)

    with pytest.raises(RefusedError) as refused:
        HolderReader(project.client).page(CODE, "rh_9")

    assert not isinstance(refused.value, CodeGoneError)


def test_a_filter_that_lets_nobody_pass_is_held_against_the_list_without_it(project):
    project.answers(listed(), path=PATH)
    project.answers(listed(row()), path=PATH)
    project.answers(listed(row()), path=PATH)
    reader = HolderReader(project.client)

    assert [ids(reader.page(CODE, None)) for _ in range(2)] == [["rh_1"], ["rh_1"]]
    assert [ROLE in each.params for each in project.requests] == [True, False, False]


def test_a_code_that_no_friend_holds_is_asked_for_twice_until_the_filter_let_somebody_pass(project):
    for body in (listed(), listed(row(holder_role="OWNER")), listed(row()), listed()):
        project.answers(body, path=PATH)
    reader = HolderReader(project.client)

    assert [ids(reader.page(CODE, None)) for _ in range(3)] == [[], ["rh_1"], []]
    assert [ROLE in each.params for each in project.requests] == [True, False, True, True]
