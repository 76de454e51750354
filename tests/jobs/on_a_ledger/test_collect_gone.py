"""Customers that Voucherify says it doesn't have: deleted, or never there, or too many at once."""

import pytest

from sync.errors import CustomerGoneError, ParkError, RefusedError
from sync.ledger.letters import open_letters
from sync.ledger.tables import customers, unassignments
from sync.model.summary import CustomerCount, EventCount


@pytest.fixture
def people(shop):
    """Make so many customers; those who stay come first."""

    def people(*, stay, gone):
        ids = [f"cust_{number:02}" for number in range(stay + gone)]
        for who in ids:
            shop.voucherify.happens(who)
        shop.voucherify.gone.update(ids[stay:])
        return ids

    return people


def recorded(shop):
    return [row["customer_id"] for row in shop.rows(customers) if row["gone_at"] is not None]


def test_who_was_never_known_failed_and_is_not_recorded_as_gone(shop):
    shop.voucherify.happens("cust_1")
    shop.voucherify.gone.add("cust_typo")

    collected = shop.collect(named=["cust_typo"])

    assert collected.customers == CustomerCount(selected=2, asked=2, failed=1)
    (failure,) = collected.failures
    assert failure == (
        "customer cust_typo was not read: Voucherify never knew it: see where this id comes from"
    )
    assert collected.events == EventCount()
    assert recorded(shop) == []
    assert open_letters(shop.ledger) == []


def test_of_what_voucherify_never_knew_nothing_is_kept(shop):
    """It may be anything that somebody took for an id, an e-mail address for example."""
    shop.voucherify.happens("cust_1")
    shop.voucherify.gone.add("ann@example.com")

    shop.collect(named=["ann@example.com"])

    assert [row["customer_id"] for row in shop.rows(customers)] == ["cust_1"]


def test_who_was_never_known_is_failed_each_time(shop):
    shop.voucherify.gone.add("typing-error")

    counts = [shop.collect(named=["typing-error"]).customers for _ in range(2)]

    assert counts == [CustomerCount(selected=1, asked=1, failed=1)] * 2


def test_who_was_named_and_read_once_is_known(shop):
    shop.collect(named=["cust_1"])
    shop.voucherify.gone.add("cust_1")

    assert shop.collect(named=["cust_1"]).customers.gone == 1
    assert recorded(shop) == ["cust_1"]


def test_many_who_were_never_known_do_not_end_the_reading(shop):
    named = [f"typing-error-{number}" for number in range(12)]
    shop.voucherify.gone.update(named)
    shop.voucherify.happens("zoe")

    collected = shop.collect(named=named)

    assert collected.stopped_by is None
    assert collected.customers == CustomerCount(selected=13, asked=13, failed=12)
    assert len(collected.failures) == 5


def test_who_was_never_known_neither_lengthens_nor_ends_a_row_of_failures(shop):
    ids = [f"cust_{number}" for number in range(6)]
    for who in ids:
        shop.voucherify.happens(who)
        shop.voucherify.faults[who] = [RefusedError("Voucherify answered 400", signature="400 x")]
    named = [f"{who}-error" for who in ids]
    shop.voucherify.gone.update(named)

    collected = shop.collect(named=named, in_line=1)

    assert collected.stopped_by.exit_code == 70
    refused = [who for who, _, _ in shop.voucherify.asked if who in ids]
    assert refused == ids[:5]


def test_deletions_are_recorded_when_everybody_was_asked(shop, people):
    people(stay=3, gone=2)
    shop.voucherify.gone.add("cust_00")
    recorded_by_then = []
    shop.watch.read = lambda *_: recorded_by_then.append(len(recorded(shop)))

    collected = shop.collect(in_line=1)

    assert recorded_by_then == [0] * 5
    assert collected.customers == CustomerCount(selected=5, asked=5, gone=3)
    assert recorded(shop) == ["cust_00", "cust_03", "cust_04"]


def test_deletions_are_recorded_although_something_ended_the_reading(shop, people):
    people(stay=3, gone=2)
    shop.voucherify.gone.add("cust_00")
    shop.voucherify.faults["cust_02"] = [ParkError("used up", by="budget")]

    collected = shop.collect(in_line=1)

    assert collected.stopped_by.by == "budget"
    assert collected.customers == CustomerCount(selected=5, asked=2, gone=1, left=3)
    assert recorded(shop) == ["cust_00"]


@pytest.mark.parametrize(
    ("gone", "stay", "at_most", "believed"),
    [
        (1, 0, 0, True),
        (4, 0, 0, True),
        (5, 0, 0, False),
        (5, 4, 0, False),
        (5, 5, 0, True),
        (6, 5, 0, False),
        (6, 5, 5, False),
        (6, 5, 6, True),
        (6, 0, 99, True),
    ],
)
def test_five_or_more_and_more_than_were_read_are_not_believed_without_a_person_s_word(
    *, shop, people, gone, stay, at_most, believed
):
    ids = people(stay=stay, gone=gone)

    collected = shop.collect(gone_at_most=at_most)

    counted = {"gone": gone} if believed else {"left": gone}
    assert collected.customers == CustomerCount(selected=gone + stay, asked=gone + stay, **counted)
    assert recorded(shop) == (ids[stay:] if believed else [])
    assert (collected.doubted is None) is believed


def test_where_nobody_at_all_is_found_not_everybody_is_asked(shop, people):
    """As behind the address of another project, where every call would be for nothing."""
    people(stay=0, gone=70)

    collected = shop.collect(in_line=1)

    assert collected.customers == CustomerCount(selected=70, asked=50, left=70)
    assert collected.stopped_by.by == collected.doubted.by == "brake"
    assert recorded(shop) == []
    assert shop.collect(gone_at_most=70).customers.gone == 70


def test_deletions_that_are_not_believed_park_by_the_brake_and_change_nothing(shop, begun):
    ids = [f"cust_{number}" for number in range(6)]
    for who in ids:
        shop.voucherify.happens(who, begun(f"rh_{who}", customer_id=who))
    shop.collect()
    before = shop.rows(customers), shop.rows(unassignments)
    shop.voucherify.gone.update(ids)
    shop.bound(on_gone="unassign")

    collected = shop.collect()

    assert (collected.doubted.by, collected.doubted.exit_code) == ("brake", 75)
    assert str(collected.doubted) == (
        "6 customers, more than were found, are said to be deleted; none of that was stored. "
        "If it is right, say so: --allow 6"
    )
    assert collected.events == EventCount()
    assert open_letters(shop.ledger) == []
    known, found = shop.rows(customers), shop.rows(unassignments)
    asked_later = dict.fromkeys(("selected_by", "due_at", "failures", "doubted"))
    assert [row | asked_later for row in known] == [row | asked_later for row in before[0]]
    assert found == before[1]

    assert shop.collect(gone_at_most=6).events == EventCount(new=6)
    assert recorded(shop) == ids


def test_what_ended_the_reading_is_told_beside_the_brake(shop, people):
    people(stay=1, gone=6)
    shop.voucherify.gone.add("cust_00")
    shop.voucherify.happens("zoe")
    stop = ParkError("used up", by="cycle")
    shop.voucherify.faults["zoe"] = [stop]

    collected = shop.collect(in_line=1)

    assert collected.stopped_by is stop
    assert collected.doubted.by == "brake"
    assert recorded(shop) == []
    assert collected.customers == CustomerCount(selected=8, asked=7, left=8)


def test_a_deleted_customer_proves_the_key(shop, people):
    people(stay=3, gone=0)
    shop.collect()
    shop.voucherify.gone.add("cust_00")
    asked_by_then = []
    shop.watch.read = lambda *_: asked_by_then.append(len(shop.voucherify.asked))
    shop.voucherify.asked.clear()

    shop.collect(proven=False)

    assert asked_by_then == [1, 3]


def test_a_deletion_that_is_told_for_a_place_only_is_none(shop, ended):
    shop.voucherify.happens("cust_1", *(ended(f"rh_{n}", hours=9 - n) for n in range(3)))
    gone = CustomerGoneError("no longer in Voucherify", signature="404 not_found")
    shop.voucherify.faults["cust_1"] = [None, gone]

    collected = shop.collect()

    assert collected.customers == CustomerCount(selected=1, asked=1, gone=1)


@pytest.mark.parametrize("given", ["Ann Lee", "+49 170 1234567", "ann@example.com", "\x1b[31mred"])
def test_what_a_person_gave_as_an_id_is_not_repeated(shop, given):
    shop.voucherify.gone.add(given)

    collected = shop.collect(named=[given])

    assert given not in collected.failures[0]
    assert "sha256:" in collected.failures[0]
