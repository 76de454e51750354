"""The list of customers, page by page: what is asked, where it ends, what can't be followed."""

import json
from datetime import UTC, datetime

import pytest

from sync.errors import UnreadableError
from sync.voucherify.customers import CustomerLister


def row(number, **changes):
    return {
        "id": f"cust_{number}",
        "source_id": f"shop-{number}",
        "name": "Ann Smith",
        "email": f"ann{number}@example.com",
        "phone": "+44 1",
        "created_at": "2024-07-01T00:00:00.000Z",
        "object": "customer",
        "metadata": {"shoe": 42},
    } | changes


def rows(count, start=0):
    return [row(number) for number in range(start, start + count)]


def ids(pages):
    return [customer_id for page in pages for customer_id in page.customer_ids]


@pytest.fixture
def lister(project):
    return CustomerLister(project.client)


def sent(project):
    return [request.params for request in project.requests]


def test_the_first_question_is_one_customer(project, lister):
    project.answers({"customers": rows(1), "total": 7, "has_more": True})

    page = lister.first_answer()

    assert sent(project) == [{"limit": "1"}]
    assert page.total == 7
    assert page.server_time == datetime(2024, 8, 1, 12, tzinfo=UTC)


def test_customers_are_listed_oldest_first_while_there_is_more(project, lister):
    project.answers({"customers": rows(100), "has_more": True})
    project.answers({"customers": rows(3, 100), "has_more": False})

    assert ids(lister.pages()) == [f"cust_{number}" for number in range(103)]
    assert sent(project) == [
        {"limit": "100", "page": "1", "order": "created_at"},
        {"limit": "100", "page": "2", "order": "created_at"},
    ]


def test_a_listing_goes_on_a_millisecond_before_the_time_that_it_reached(project, lister):
    project.answers({"customers": rows(2), "has_more": False})
    reached = datetime(2024, 7, 1, 0, 0, 0, 5_700, tzinfo=UTC)

    assert ids(lister.pages(reached)) == ["cust_0", "cust_1"]
    assert sent(project) == [
        {
            "limit": "100",
            "page": "1",
            "order": "created_at",
            "starting_after": "2024-07-01T00:00:00.004Z",
        }
    ]


def test_a_page_tells_up_to_which_creation_time_it_reaches_and_whether_it_is_the_last(
    project, lister
):
    first = [*rows(99), row(99, created_at="2024-07-02T08:00:00.123Z")]
    project.answers({"customers": first, "has_more": True})
    project.answers({"customers": rows(1, 100), "has_more": False})

    told = [(page.reached, page.is_last) for page in lister.pages()]

    assert told == [
        (datetime(2024, 7, 2, 8, 0, 0, 123_000, tzinfo=UTC), False),
        (datetime(2024, 7, 1, tzinfo=UTC), True),
    ]


@pytest.mark.parametrize(
    "last", [[], [row(1, created_at=None)], [row(1, created_at="yesterday")], [5]]
)
def test_a_page_whose_last_row_has_no_time_tells_none(project, lister, last):
    project.answers({"customers": last, "has_more": False})

    (page,) = lister.pages()

    assert (page.reached, page.is_last) == (None, True)


@pytest.mark.parametrize(
    ("created_at", "is_reached"),
    [
        ("2024-08-01T12:00:00.999Z", True),  # the answer's `Date` is 12:00:00 and has no fractions
        ("2024-08-01T12:00:01.000Z", False),
        ("2099-01-01T00:00:00.000Z", False),
    ],
)
def test_a_time_that_has_not_come_is_not_reached(project, lister, created_at, is_reached):
    project.answers({"customers": [row(1, created_at=created_at)], "has_more": False})

    (page,) = lister.pages()

    assert (page.reached is not None) is is_reached


@pytest.mark.parametrize("body", [{}, {"has_more": True}, {"has_more": False}, {"has_more": None}])
def test_a_project_without_customers_is_one_empty_page(project, lister, body):
    project.answers({"customers": [], "total": 0} | body)

    (page,) = lister.pages()

    assert (page.customer_ids, page.total) == ((), 0)


def test_without_has_more_a_short_page_is_the_last(project, lister):
    project.answers({"customers": rows(100)})
    project.answers({"customers": rows(99, 100)})

    assert len(ids(lister.pages())) == 199


def test_without_has_more_a_full_page_may_be_followed_by_an_empty_one(project, lister):
    project.answers({"customers": rows(100)})
    project.answers({"customers": []})

    assert len(ids(lister.pages())) == 100


def test_a_short_page_that_says_there_is_more_is_believed(project, lister):
    project.answers({"customers": rows(2), "has_more": True})
    project.answers({"customers": rows(1, 2), "has_more": False})

    assert len(ids(lister.pages())) == 3


def test_each_page_is_given_before_the_next_is_asked_for(project, lister):
    project.answers({"customers": rows(100), "has_more": True})

    assert len(next(lister.pages()).customer_ids) == 100
    assert len(project.requests) == 1


@pytest.mark.parametrize(
    "unusable",
    [
        {"source_id": "shop-1", "name": "Ann Smith"},
        {"id": None, "phone": "+44 1"},
        {"id": 5},
        {"id": ""},
        {"id": " "},
        {"id": "cust_\x00"},
        {"id": "cust_\ud800"},
        None,
        5,
        ["cust_1"],
    ],
)
def test_a_row_that_cannot_be_asked_for_is_a_dead_letter_beside_the_others(
    project, lister, unusable
):
    project.answers({"customers": [row(1), unusable, row(2)], "has_more": False})

    (page,) = lister.pages()

    (invalid,) = page.invalid
    assert page.customer_ids == ("cust_1", "cust_2")
    assert invalid.reason == (
        "a customer in the list has no usable id, so its activity can't be asked for"
    )
    assert invalid.key.startswith("sha256:")
    assert "Ann" not in invalid.evidence
    assert "+44" not in invalid.evidence


def test_the_dead_letter_of_a_row_keeps_what_names_the_customer(project, lister):
    project.answers({"customers": [row(1, id=None)], "has_more": False})

    (page,) = lister.pages()

    assert json.loads(page.invalid[0].evidence) == {
        "customer": {
            "id": None,
            "source_id": "shop-1",
            "email": "ann1@example.com",
            "created_at": "2024-07-01T00:00:00.000Z",
            "object": "customer",
        }
    }


@pytest.mark.parametrize(
    "body", [[], 5, "null", {}, {"customers": None}, {"customers": {}}, {"data": []}]
)
def test_an_answer_that_is_no_list_of_customers_is_told(project, lister, body):
    project.answers(body)

    with pytest.raises(UnreadableError, match="the list of customers has no field customers"):
        next(lister.pages())


@pytest.mark.parametrize("total", [None, "7", True, 1.5, [7]])
def test_a_total_that_is_no_number_is_not_told(project, lister, total):
    project.answers({"customers": [], "total": total})

    assert next(lister.pages()).total is None


def test_a_page_that_repeats_ends_the_list_loudly(project, lister):
    project.answers({"customers": rows(100), "has_more": True}, times=2)

    with pytest.raises(UnreadableError, match="gives the same page twice"):
        list(lister.pages())
