"""Events about others than who was asked: the others are asked too, once, in the same reading."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from sync.errors import ParkError, RefusedError, UnavailableError
from sync.ledger.letters import open_letters
from sync.ledger.tables import customers, unassignments
from sync.model.event import Hint
from sync.model.summary import CustomerCount


@pytest.fixture(scope="session")
def hint(item):
    """Make the event that an assignment of another customer ended."""

    def hint(who, holder=None, hours=24):
        happened = item(f"evcus_hint_{who}_{hours}", hours=hours)
        return replace(happened, finding=Hint(who, holder or f"rh_of_{who}", happened.at))

    return hint


@pytest.fixture
def shops_ids(shop, ended, hint):
    """Twelve ids of the shop's own; each one's event is told under the customer's real id."""
    ids = [f"shop-{number:02}" for number in range(12)]
    for each in ids:
        real = each.replace("shop", "cust")
        shop.voucherify.happens(each, hint(real))
        shop.voucherify.happens(real, ended(f"rh_of_{real}", customer_id=real))
    return ids


def asked(shop):
    return [who for who, _, after in shop.voucherify.asked if after is None]


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("in_line", [1, 4, 30])
def test_who_is_hinted_at_is_asked_in_the_same_reading(shop, shops_ids, in_line, proven):
    collected = shop.collect(named=shops_ids, only_named=True, in_line=in_line, proven=proven)

    assert collected.customers == CustomerCount(selected=24, asked=24)
    assert asked(shop)[:12] == shops_ids
    assert sorted(row["holder_id"] for row in shop.rows(unassignments)) == [
        f"rh_of_cust-{number:02}" for number in range(12)
    ]


def test_who_is_hinted_at_is_asked_in_the_same_reading_by_threads_too(shop, shops_ids):
    with ThreadPoolExecutor(3) as threads:
        shop.executor = threads
        collected = shop.collect(named=shops_ids, only_named=True, in_line=5)

    assert collected.customers == CustomerCount(selected=24, asked=24)
    assert len(shop.rows(unassignments)) == 12


def test_who_is_hinted_at_and_among_those_who_are_asked_anyway_is_asked_once(shop, hint):
    shop.voucherify.happens("cust_1", hint("cust_3"))
    shop.voucherify.happens("cust_2")
    shop.voucherify.happens("cust_3")

    collected = shop.collect(in_line=1)

    assert asked(shop) == ["cust_1", "cust_2", "cust_3"]
    assert collected.customers == CustomerCount(selected=3, asked=3)


def test_who_was_read_before_the_hint_came_is_asked_first_the_next_time(shop, hint):
    for who in ("cust_1", "cust_2", "cust_3"):
        shop.voucherify.happens(who)
    shop.voucherify.happens("cust_3", hint("cust_2"))

    for _ in range(2):
        collected = shop.collect(in_line=1)
        assert collected.customers == CustomerCount(selected=3, asked=3)

    assert asked(shop) == ["cust_1", "cust_2", "cust_3", "cust_2", "cust_1", "cust_3"]


def test_customers_who_hint_at_one_another_end(shop, hint):
    shop.voucherify.happens("cust_1", hint("cust_2"))
    shop.voucherify.happens("cust_2", hint("cust_1"))

    collected = shop.collect()

    assert asked(shop) == ["cust_1", "cust_2"]
    assert collected.customers == CustomerCount(selected=2, asked=2)


@pytest.mark.parametrize(
    ("error", "count"),
    [
        (UnavailableError("no whole answer"), {"left": 1}),
        (RefusedError("Voucherify answered 400", signature="400 x"), {"failed": 1}),
    ],
)
def test_who_could_not_be_read_is_not_asked_again_for_a_hint(shop, hint, error, count):
    shop.voucherify.happens("cust_1")
    shop.voucherify.happens("cust_2", hint("cust_1"))
    shop.voucherify.faults["cust_1"] = [error]

    collected = shop.collect(in_line=1)

    assert asked(shop) == ["cust_1", "cust_2"]
    assert collected.customers == CustomerCount(selected=2, asked=2, **count)


def test_who_was_hinted_at_and_is_gone_is_counted_once(shop, hint):
    shop.voucherify.happens("cust_1")
    shop.voucherify.happens("cust_2", hint("cust_1"))
    shop.voucherify.gone.add("cust_1")

    collected = shop.collect(in_line=1)

    assert collected.customers == CustomerCount(selected=2, asked=2, gone=1)


def test_who_was_only_hinted_at_and_is_gone_is_recorded_as_gone(shop, hint):
    shop.voucherify.happens("cust_1", hint("cust_9"))
    shop.voucherify.gone.add("cust_9")

    collected = shop.collect()

    assert collected.customers == CustomerCount(selected=2, asked=2, gone=1)
    assert [row["gone_at"] is not None for row in shop.rows(customers)] == [False, True]
    (letter,) = open_letters(shop.ledger)
    assert letter.customer_id == "cust_9"
    assert "deleted in Voucherify after news that rh_of_cust_9 ended" in letter.reason


def test_a_hint_is_not_followed_once_something_ended_the_reading(shop, hint):
    shop.voucherify.happens("cust_1", hint("cust_9"))
    shop.voucherify.happens("cust_2")
    shop.voucherify.faults["cust_2"] = [ParkError("used up", by="budget")]

    collected = shop.collect(in_line=1)

    assert asked(shop) == ["cust_1", "cust_2"]
    assert collected.stopped_by.by == "budget"


ANYBODY = st.sampled_from([f"cust_{number}" for number in range(6)])


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    hints=st.lists(st.tuples(ANYBODY, ANYBODY), max_size=16, unique=True),
    named=st.lists(ANYBODY, min_size=1, unique=True),
    failing=st.sets(ANYBODY, max_size=2),
    in_line=st.integers(1, 4),
)
def test_whoever_hints_at_whom_all_are_asked_and_the_reading_ends(shop_in, hint, **about):
    with TemporaryDirectory() as folder:
        shop = shop_in(Path(folder))
        with closing(shop.ledger):
            check(shop, hint, **about)


def check(shop, hint, *, hints, named, failing, in_line):
    for who, other in hints:
        if who != other:
            shop.voucherify.happens(who, hint(other, f"rh_{who}_{other}"))
    for who in failing:
        shop.voucherify.faults[who] = [UnavailableError("no whole answer")] * 99

    collected = shop.collect(named=named, only_named=True, in_line=in_line)

    reached, to_do = set(), list(named)
    while to_do:
        who = to_do.pop()
        if who not in reached:
            reached.add(who)
            to_do += [] if who in failing else [other for one, other in hints if one == who]
    left = len(reached & failing)
    assert collected.stopped_by is None
    assert sorted(asked(shop)) == sorted(reached)
    assert collected.customers == CustomerCount(len(reached), len(reached), left=left)
