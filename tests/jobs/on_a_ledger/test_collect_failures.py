"""One customer that can not be read: what is kept, and where the next run goes on."""

import pytest

from sync.errors import FailedError, RefusedError, UnavailableError
from sync.ledger.letters import open_letters
from sync.ledger.tables import bookmarks, customers, unassignments
from sync.model.summary import CustomerCount, EventCount


def places(shop):
    """What was asked for, without the windows."""
    return [(who, after) for who, _, after in shop.voucherify.asked]


def cursors(shop):
    return {row["customer_id"]: row["cursor"] for row in shop.rows(customers)}


def marks(shop):
    return {row["customer_id"]: row["after"] for row in shop.rows(bookmarks)}


@pytest.fixture
def long_history(shop, ended):
    """One customer with five events: three pages."""
    items = [ended(f"rh_{number}", hours=20 - number) for number in range(5)]
    shop.voucherify.happens("cust_1", *items)
    return items


def unavailable():
    return UnavailableError("no whole answer")


def refused(signature="400 bad_request"):
    return RefusedError("Voucherify answered 400", signature=signature)


def test_a_refused_bookmark_starts_the_window_anew_once(shop, long_history):
    shop.voucherify.faults["cust_1"] = [None, unavailable()]
    shop.collect()
    shop.voucherify.asked.clear()
    shop.voucherify.faults["cust_1"] = [refused()]

    collected = shop.collect()

    assert places(shop)[:2] == [("cust_1", "evcus_rh_1"), ("cust_1", None)]
    assert collected.customers == CustomerCount(selected=1, asked=1)
    assert cursors(shop) == {"cust_1": long_history[-1].at}


@pytest.mark.usefixtures("long_history")
def test_a_window_that_is_refused_from_its_start_fails(shop):
    shop.voucherify.faults["cust_1"] = [None, unavailable()]
    shop.collect()
    shop.voucherify.faults["cust_1"] = [refused(), refused()]
    shop.voucherify.asked.clear()

    collected = shop.collect()

    assert places(shop) == [("cust_1", "evcus_rh_1"), ("cust_1", None)]
    assert collected.customers == CustomerCount(selected=1, asked=1, failed=1)
    assert marks(shop) == {}


@pytest.mark.usefixtures("long_history")
def test_a_customer_is_gone_only_if_it_is_gone_from_the_start_of_its_window(shop):
    shop.voucherify.faults["cust_1"] = [None, unavailable()]
    shop.collect()
    shop.voucherify.gone.add("cust_1")
    shop.voucherify.asked.clear()

    collected = shop.collect()

    assert places(shop) == [("cust_1", "evcus_rh_1"), ("cust_1", None)]
    assert collected.customers == CustomerCount(selected=1, asked=1, gone=1)
    assert marks(shop) == {}


@pytest.mark.usefixtures("long_history")
def test_a_place_that_this_run_was_given_and_is_refused_fails_and_is_kept(shop):
    shop.voucherify.faults["cust_1"] = [None, refused()]

    collected = shop.collect()

    assert collected.customers == CustomerCount(selected=1, asked=1, failed=1)
    assert marks(shop) == {"cust_1": "evcus_rh_1"}


def test_a_place_that_comes_back_fails_the_customer_and_keeps_its_findings(shop, ended, page):
    first, second = ended("rh_1", hours=3), ended("rh_2", hours=2)
    shop.voucherify.happens("cust_1", first)
    shop.voucherify.happens("cust_2", ended("rh_9", customer_id="cust_2"))
    there = page(
        findings=(first.finding,), read=1, matched=1, next_after="b", ids=frozenset({first.id})
    )
    back = page(
        findings=(second.finding,), read=1, matched=1, next_after="b", ids=frozenset({second.id})
    )
    shop.voucherify.broken = {("cust_1", None): there, ("cust_1", "b"): back}

    collected = shop.collect()

    assert places(shop).count(("cust_1", "b")) == 1
    assert collected.customers == CustomerCount(selected=2, asked=2, failed=1)
    assert collected.events == EventCount(read=3, matched=3, new=3)
    assert marks(shop) == {"cust_1": "b"}
    assert cursors(shop)["cust_1"] is None


def test_a_circle_of_any_length_ends(shop, page):
    shop.voucherify.happens("cust_1")
    circle = {None: "a", "a": "b", "b": "c", "c": "d", "d": "b"}
    shop.voucherify.broken = {
        ("cust_1", after): page(next_after=following, ids=frozenset({f"on-{after}"}))
        for after, following in circle.items()
    }

    collected = shop.collect()

    assert collected.customers.failed == 1
    assert len(shop.voucherify.asked) < 15


def test_a_page_with_nothing_new_but_more_to_come_fails_the_customer(shop, ended, page):
    first = ended("rh_1")
    shop.voucherify.happens("cust_1", first)
    there = page(next_after="b", ids=frozenset({first.id}), findings=(first.finding,), read=1)
    shop.voucherify.broken = {
        ("cust_1", None): there,
        ("cust_1", "b"): page(next_after="c", ids=frozenset({first.id})),
    }

    collected = shop.collect()

    assert collected.customers == CustomerCount(selected=1, asked=1, failed=1)
    assert collected.events.new == 1
    assert marks(shop) == {"cust_1": "b"}


def test_an_empty_page_with_more_to_come_is_one_customer_asked_and_failed(shop, page):
    shop.voucherify.happens("cust_1")
    shop.voucherify.broken["cust_1", None] = page(next_after="b")

    collected = shop.collect()

    assert collected.customers == CustomerCount(selected=1, asked=1, failed=1)


def test_a_customer_that_is_gone_without_known_assignments_is_recorded(shop):
    shop.voucherify.happens("cust_1")
    shop.voucherify.gone.add("cust_1")

    collected = shop.collect()

    assert collected.customers == CustomerCount(selected=1, asked=1, gone=1)
    assert shop.rows(customers)[0]["gone_at"] == shop.clock()
    assert open_letters(shop.ledger) == []


@pytest.mark.parametrize(("policy", "new", "invalid"), [("dead-letter", 0, 1), ("unassign", 1, 0)])
def test_a_customer_that_is_gone_with_known_assignments_follows_the_policy(
    shop, begun, policy, new, invalid
):
    shop.voucherify.happens("cust_1", begun("rh_1"))
    shop.collect()
    shop.voucherify.gone.add("cust_1")

    collected = shop.collect(on_gone=policy)

    assert (collected.events.new, collected.events.invalid) == (new, invalid)
    derived = [(row["holder_id"], row["unassigned_at"]) for row in shop.rows(unassignments)]
    assert derived == [("rh_1", shop.clock())] * new
    assert [letter.kind for letter in open_letters(shop.ledger)] == ["customer"] * invalid


def test_one_bad_customer_does_not_stop_the_others(shop, ended):
    for number in range(6):
        who = f"cust_{number}"
        shop.voucherify.happens(who, ended(f"rh_{number}", customer_id=who))
    shop.voucherify.faults["cust_2"] = [refused()]
    shop.voucherify.faults["cust_4"] = [unavailable()]

    collected = shop.collect()

    assert collected.stopped_by is None
    assert collected.customers == CustomerCount(selected=6, asked=6, failed=1, left=1)
    assert collected.events.new == 4


@pytest.mark.usefixtures("long_history")
def test_another_failure_than_a_refusal_keeps_a_bookmark(shop):
    shop.voucherify.faults["cust_1"] = [None, unavailable()]
    shop.collect()
    shop.voucherify.faults["cust_1"] = [FailedError("odd", signature="envelope")]

    collected = shop.collect()

    assert collected.customers.failed == 1
    assert marks(shop) == {"cust_1": "evcus_rh_1"}


@pytest.mark.parametrize("failure", [unavailable, refused])
def test_customers_that_can_never_be_read_keep_no_other_from_being_read(shop, failure):
    bad = [f"cust_{number}" for number in range(8)]
    shop.voucherify.activity |= {who: [] for who in [*bad, "zoe"]}
    for who in bad:
        shop.voucherify.faults[who] = [failure() for _ in range(99)]

    for _ in range(3):
        shop.collect()

    assert "zoe" in cursors(shop)
    assert any(who == "zoe" for who, _ in places(shop))


def test_hints_at_customers_that_can_never_be_read_keep_no_other_from_being_read(shop):
    bad = [f"cust_{number}" for number in range(8)]
    shop.voucherify.activity |= {who: [] for who in [*bad, "zoe"]}
    shop.collect()
    with shop.ledger.transaction() as connection:
        theirs = customers.update().where(customers.c.customer_id.in_(bad))
        connection.execute(theirs.values(hinted_at=shop.clock()))
    for who in bad:
        shop.voucherify.faults[who] = [refused() for _ in range(99)]
    shop.collect()
    shop.voucherify.asked.clear()

    shop.collect()

    assert ("zoe", None) in places(shop)
    assert {row["customer_id"] for row in shop.rows(customers) if row["hinted_at"]} == set(bad)
