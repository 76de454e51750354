"""One page of a customer's activity: what is asked, what a page gives, what is no page at all."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sync.errors import CustomerGoneError, RefusedError, UnavailableError, UnreadableError
from sync.model.event import Hint, Invalid, Unassigned
from sync.model.window import Window
from sync.voucherify.activity import ActivityReader

FRIEND = "cust_B4WY60nNA1HcAnJj6lnW57a7"
PATH = f"/v1/customers/{FRIEND}/activity"
SINCE_JULY = Window(datetime(2024, 7, 1, tzinfo=UTC))
GONE = {"key": "not_found", "resource_id": FRIEND, "resource_type": "customer"}


def page_of(*items, **changes):
    return {"object": "list", "data_ref": "data", "data": list(items), "has_more": False} | changes


@pytest.fixture
def fetch(project):
    def fetch(window=SINCE_JULY, after=None, *, lenient=False):
        return ActivityReader(project.client, lenient=lenient).fetch(FRIEND, window, after)

    return fetch


def sent(project):
    return project.http.calls[0].request.params


def test_the_oldest_hundred_are_asked_for_from_just_before_the_window(project, fetch):
    project.answers(page_of(), path=PATH)

    fetch()

    assert sent(project) == {
        "limit": "100",
        "order": "created_at",
        "start_date": "2024-06-30T23:59:59.999Z",
    }


def test_a_later_page_is_asked_for_behind_an_event(project, fetch):
    project.answers(page_of(), path=PATH)

    fetch(after="evcus_9")

    assert sent(project)["starting_after_id"] == "evcus_9"


def test_the_end_of_a_window_is_asked_for_with_a_margin(project, fetch):
    east = timezone(timedelta(hours=2))
    window = Window(SINCE_JULY.start, datetime(2024, 8, 1, 12, 0, 0, 123_456, tzinfo=east))
    project.answers(page_of(), path=PATH)

    fetch(window)

    assert sent(project)["end_date"] == "2024-08-01T10:00:00.124Z"


def test_the_type_is_never_a_parameter(project, fetch):
    project.answers(page_of(), path=PATH)

    fetch(Window(SINCE_JULY.start, SINCE_JULY.start + timedelta(1)), after="evcus_9")

    names = {"limit", "order", "start_date", "end_date", "starting_after_id"}
    assert set(sent(project)) == names


def test_a_window_may_start_with_the_calendar(project, fetch):
    project.answers(page_of(), path=PATH)

    fetch(Window(datetime.min.replace(tzinfo=UTC)))

    assert sent(project)["start_date"] == "0001-01-01T00:00:00.000Z"


def test_a_page_gives_what_was_found_and_how_far_it_reaches(project, fetch, event):
    project.answers(
        page_of(
            event(id="evcus_1", created_at="2024-08-01T09:00:00Z", type="customer.updated"),
            event(id="evcus_2", created_at="2024-08-01T10:00:00Z"),
            event(id="evcus_3", created_at="2024-08-01T10:30:00Z", holder=None),
            event(id="evcus_4", holder__customer_id="cust_2", customer__id="cust_2"),
            event(id="evcus_5", created_at="2024-08-01T11:00:00Z", type="customer.updated"),
            event(id=5, created_at=None, type="customer.updated"),
            has_more=True,
            more_starting_after="evcus_5",
        ),
        path=PATH,
    )

    page = fetch()

    assert [type(each) for each in page.findings] == [Unassigned, Invalid, Hint]
    assert (page.read, page.matched) == (6, 3)
    assert page.newest == datetime(2024, 8, 1, 11, tzinfo=UTC)
    assert page.server_time == datetime(2024, 8, 1, 12, tzinfo=UTC)
    assert page.next_after == "evcus_5"
    assert page.ids == {f"evcus_{number}" for number in range(1, 6)}


def test_an_empty_page_is_an_end(project, fetch):
    project.answers(page_of(), path=PATH)

    page = fetch()

    assert (page.findings, page.read, page.matched) == ((), 0, 0)
    assert (page.newest, page.next_after, page.ids) == (None, None, frozenset())


def test_the_window_is_kept_on_our_side_at_both_ends(project, fetch, event):
    window = Window(datetime(2024, 7, 30, tzinfo=UTC), datetime(2024, 7, 31, tzinfo=UTC))
    times = {
        "evcus_1": "2024-07-29T23:59:59.999Z",
        "evcus_2": "2024-07-30T00:00:00.000Z",
        "evcus_3": "2024-07-30T23:59:59.999Z",
        "evcus_4": "2024-07-31T00:00:00.000Z",
    }
    items = [event(id=own_id, created_at=time) for own_id, time in times.items()]
    project.answers(page_of(*items), path=PATH)

    page = fetch(window)

    found = [each.unassignment.event_id for each in page.findings]
    assert found == ["evcus_2", "evcus_3"]
    assert (page.read, page.matched) == (4, 2)


def test_lenient_is_passed_on(project, fetch, event):
    project.answers(page_of(event(customer=None)), path=PATH, times=2)

    assert isinstance(fetch().findings[0], Invalid)
    assert isinstance(fetch(lenient=True).findings[0], Unassigned)


def test_a_cursor_on_the_last_page_is_not_followed(project, fetch):
    project.answers(page_of(more_starting_after="evcus_1"), path=PATH)

    assert fetch().next_after is None


@pytest.mark.parametrize("cursor", [..., None, "", " ", 5, ["evcus_1"], "evcus_\ud800", "a\x00"])
def test_more_pages_without_a_usable_cursor_fail_the_customer(project, fetch, cursor):
    body = page_of(has_more=True, more_starting_after=cursor if cursor is not ... else None)
    if cursor is ...:
        del body["more_starting_after"]
    project.answers(body, path=PATH)

    with pytest.raises(UnreadableError, match="has more pages but names no way") as no:
        fetch()

    assert no.value.signature == "envelope"
    assert FRIEND not in str(no.value)  # an id that a person gave may be somebody's name


@pytest.mark.parametrize(
    "body",
    [
        [],
        "text",
        5,
        "null",
        {},
        {"data": [], "has_more": None},
        {"data": []},
        {"data": {}, "has_more": False},
        {"data": None, "has_more": False},
        {"data": [], "has_more": "false"},
        {"data": [], "has_more": 0},
    ],
)
def test_an_envelope_that_is_not_the_documented_one_fails_the_customer(project, fetch, body):
    project.answers('"text"' if body == "text" else body, path=PATH)

    with pytest.raises(UnreadableError, match="is not a list with data and has_more") as broken:
        fetch()

    assert broken.value.signature == "envelope"
    assert FRIEND not in str(broken.value)


@pytest.mark.parametrize(
    "body",
    [
        GONE,
        GONE | {"key": "resource_not_found"},
        {"key": "not_found"},
        {"key": "not_found", "resource_type": "customer"},
    ],
)
def test_a_404_in_voucherifys_words_says_that_the_customer_is_gone(project, fetch, body):
    project.answers(body, status=404, path=PATH)

    with pytest.raises(CustomerGoneError, match=f"customer {FRIEND} is no longer in Voucherify"):
        fetch()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, "<html>nginx</html>"),
        (404, {"message": "no route"}),
        (404, {"key": "no_such_route"}),
        (404, GONE | {"resource_id": "cust_other"}),
        (404, GONE | {"resource_type": "project", "resource_id": "proj_1"}),
        (404, GONE | {"resource_type": "event", "resource_id": "evcus_1"}),
        (410, GONE),
        (400, GONE),
    ],
)
def test_any_other_refusal_leaves_the_customer_where_it_is(project, fetch, status, body):
    project.answers(body, status=status, path=PATH)

    with pytest.raises(RefusedError) as refused:
        fetch()

    assert not isinstance(refused.value, CustomerGoneError)
    assert refused.value.signature.startswith(f"{status} ")


def test_a_customer_that_cannot_be_read_now_is_left(project, fetch):
    project.answers("", status=500, path=PATH, times=5)

    with pytest.raises(UnavailableError):
        fetch()
