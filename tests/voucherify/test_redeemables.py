"""What a customer holds now, as List Customer's Redeemables tells it."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync.errors import (
    CredentialsRefusedError,
    ParkError,
    PermissionRefusedError,
    RefusedError,
    UnavailableError,
    UnreadableError,
)
from sync.model.unassignment import Assignment
from sync.voucherify.client import Reply
from sync.voucherify.redeemables import MOST_PAGES, HoldingReader

WHO = "cust_p1ufreYbVbwZ1x70nFkH9rF9"
PATH = f"/v1/customers/{WHO}/redeemables"


def row(number=1, **changes):
    """A row as the documentation's example has it, with what is not ours besides."""
    made = {
        "id": f"rh_{number}",
        "created_at": "2024-03-22T17:48:25.91+00:00",
        "redeemable_id": f"v_{number}",
        "redeemable_object": "voucher",
        "customer_id": WHO,
        "holder_role": "REFEREE",
        "campaign_id": "camp_1",
        "campaign_type": "REFERRAL_PROGRAM",
        "voucher_type": "DISCOUNT_VOUCHER",
        "redeemable": {
            "type": "voucher",
            "voucher": {"id": f"v_{number}", "code": f"CODE-{number}", "holder_id": "cust_other"},
            "status": "ACTIVE",
        },
        "something_new": {"deep": []},
    } | changes
    return {name: value for name, value in made.items() if value is not ...}


def listed(*rows, **changes):
    body = {"object": "list", "data_ref": "data", "data": list(rows), "has_more": False} | changes
    return {name: value for name, value in body.items() if value is not ...}


@pytest.fixture
def held(project):
    """Read all that the project answers, with what was raised in the end."""

    def read(*bodies):
        for body in bodies:
            project.answers(body, path=PATH)
        found = []
        try:
            for page in HoldingReader(project.client).pages(WHO):
                found += page
        except UnreadableError as error:
            return found, str(error)
        return found, None

    return read


def ids(found):
    return [each.holder_id for each in found]


def test_a_row_is_an_assignment_with_the_code_of_its_voucher(held):
    found, failure = held(listed(row()))

    assert failure is None
    assert found == [
        Assignment(
            holder_id="rh_1",
            customer_id=WHO,
            voucher_id="v_1",
            code="CODE-1",
            campaign_id="camp_1",
            role="REFEREE",
            assigned_at=datetime(2024, 3, 22, 17, 48, 25, 910_000, tzinfo=UTC),
        )
    ]


def test_one_page_costs_one_call_and_no_filter_is_sent(held, project):
    held(listed(row()))

    assert [each.params for each in project.requests] == [{"limit": "100", "order": "-id"}]


@pytest.mark.parametrize("role", ["OWNER", "REFERRER", "SOMETHING_NEW"])
def test_rows_of_every_role_are_given(held, role):
    found, _ = held(listed(row(1, holder_role=role), row(2)))

    assert [each.role for each in found] == [role, "REFEREE"]


@pytest.mark.parametrize(
    "changes",
    [
        {"campaign_type": None, "campaign_id": None},
        {"redeemable": ...},
        {"redeemable": None},
        {"redeemable": {"type": "voucher", "voucher": None}},
        {"redeemable": {"voucher": {"code": " "}}},
        {"object": "redeemable_holder", "campaign_id": ...},
    ],
)
def test_what_the_documentation_does_not_require_may_be_missing(held, changes):
    found, failure = held(listed(row(1, **changes), row(2)))

    assert (ids(found), failure) == (["rh_1", "rh_2"], None)


@pytest.mark.parametrize("what", ["promotion_tier", "campaign", "something_new"])
def test_what_is_no_voucher_is_passed_over(held, what):
    found, failure = held(listed(row(1, redeemable_object=what, created_at=None), row(2)))

    assert (ids(found), failure) == (["rh_2"], None)


@pytest.mark.parametrize(
    "broken",
    [
        row(1, id=...),
        row(1, id=7),
        row(1, created_at="yesterday"),
        row(1, created_at="2024-03-22T17:48:25"),
        row(1, customer_id="cust_other"),
        row(1, customer_id=None),
        row(1, redeemable_id=" "),
        row(1, redeemable_object=None),
        row(1, holder_role=None),
        row(1, redeemable="voucher"),
        row(1, redeemable={"voucher": {"id": "v_other", "code": "X"}}),
        row(1, redeemable={"voucher": {"code": 5}}),
        "rh_1",
        None,
    ],
)
def test_a_row_that_can_not_be_understood_is_told_and_takes_no_other_away(held, broken):
    found, failure = held(listed(row(2), broken, row(3)))

    assert ids(found) == ["rh_2", "rh_3"]
    assert failure
    assert "CODE" not in failure


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"data": {}, "has_more": False},
        {"data": [row()], "has_more": "no"},
        {"data": [row(1, id=None)], "has_more": True},
    ],
)
def test_a_list_that_can_not_be_followed_is_told(held, body):
    found, failure = held(body)

    assert (found, bool(failure)) == ([], True)


def test_pages_are_followed_by_the_cursor_that_is_named(held, project):
    found, failure = held(
        listed(row(9), row(8), has_more=True, more_starting_after="rh_8"), listed(row(7))
    )

    assert (ids(found), failure) == (["rh_9", "rh_8", "rh_7"], None)
    assert project.requests[1].params["starting_after_id"] == "rh_8"


def test_where_no_cursor_is_named_the_last_row_is_one(held, project):
    found, failure = held(listed(row(9), has_more=True), listed(has_more=True))

    assert (ids(found), failure) == (["rh_9"], None)
    assert project.requests[1].params["starting_after_id"] == "rh_9"


def test_without_has_more_a_short_page_is_the_last_and_a_full_one_is_not(held, project):
    full = [row(number) for number in range(100)]

    found, failure = held(listed(*full, has_more=...), listed(row(200), has_more=...))

    assert (len(found), failure) == (101, None)
    assert project.requests[1].params["starting_after_id"] == "rh_99"


def test_a_page_that_repeats_ends_the_reading_and_what_was_read_stands(held):
    same = listed(row(2), row(1), has_more=True, more_starting_after="rh_1")

    found, failure = held(same, same)

    assert set(ids(found)) == {"rh_2", "rh_1"}
    assert "nothing new" in failure


def test_pages_are_bounded(held):
    found, failure = held(*(listed(row(n), has_more=True) for n in range(MOST_PAGES)))

    assert len(found) == MOST_PAGES
    assert "more than 1000 vouchers" in failure


NOT_FOUND = {"code": 404, "key": "not_found", "request_id": "v-0fa4de30126b92bfb8"}


@pytest.mark.parametrize("about", [{"resource_id": WHO, "resource_type": "customer"}, {}])
def test_a_customer_that_was_deleted_holds_nothing(project, about):
    project.answers(NOT_FOUND | about, status=404, path=PATH)

    assert list(HoldingReader(project.client).pages(WHO)) == [()]


@pytest.mark.parametrize("body", ["<html>", NOT_FOUND | {"resource_type": "campaign"}])
def test_a_404_in_other_words_says_nothing_of_the_customer(project, body):
    project.answers(body, status=404, path=PATH)

    with pytest.raises(RefusedError):
        list(HoldingReader(project.client).pages(WHO))


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, RefusedError),
        (401, CredentialsRefusedError),
        (402, ParkError),
        (403, PermissionRefusedError),
    ],
)
def test_a_refusal_is_raised_as_what_it_is(project, status, error):
    project.answers({"code": status, "key": "any"}, status=status, path=PATH)

    with pytest.raises(error):
        list(HoldingReader(project.client).pages(WHO))


def test_a_key_that_is_not_known_is_told_from_a_role_that_may_not(project):
    project.answers({"code": 401, "key": "unauthorized"}, status=401, path=PATH)

    with pytest.raises(CredentialsRefusedError) as refused:
        list(HoldingReader(project.client).pages(WHO))

    assert not isinstance(refused.value, PermissionRefusedError)


def test_a_body_that_stays_broken_is_unavailable(project):
    project.answers("<html>", path=PATH, times=5)

    with pytest.raises(UnavailableError):
        list(HoldingReader(project.client).pages(WHO))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(WHO),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
rows = st.dictionaries(st.sampled_from(sorted(row())), json_values).map(lambda odd: row(**odd))
bodies = json_values | st.fixed_dictionaries(
    {"data": json_values | st.lists(rows | json_values, max_size=4)},
    optional={"has_more": st.booleans() | json_values, "more_starting_after": json_values},
)


class Answering:
    """A client that gives one body after the other, and the last one for ever."""

    def __init__(self, bodies):
        self._bodies = list(bodies)
        self.calls = 0

    def get(self, _path, _params):
        self.calls += 1
        body = self._bodies.pop(0) if len(self._bodies) > 1 else self._bodies[0]
        return Reply(body, datetime(2024, 8, 1, tzinfo=UTC))


@settings(max_examples=30, deadline=None)
@given(st.lists(bodies, min_size=1, max_size=3))
def test_whatever_comes_is_read_or_told_in_few_calls(several):
    client, found = Answering(several), []
    with suppress(UnreadableError):
        for page in HoldingReader(client).pages(WHO):
            found += page

    assert client.calls <= MOST_PAGES
    assert all(each.customer_id == WHO and each.assigned_at.tzinfo is UTC for each in found)
