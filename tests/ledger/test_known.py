"""Whether Voucherify ever named a customer, or only a person did."""

from datetime import UTC, datetime, timedelta

import pytest

from sync.ledger.listing import Listing
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import customers
from sync.model.event import Gone, Hint
from sync.model.window import Window
from tests.ledgers import select_everybody

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.fixture
def run(ledger, now):
    return RunProgress(ledger, "run-1", now)


@pytest.fixture
def happens(run, backfill, now, assigned):
    """Let something happen to the customer `a`, by its name."""
    theirs = assigned("rh_1", customer_id="a")
    stories = {
        "nothing": lambda: None,
        "named": lambda: run.select_named(["a"]),
        "another listed": lambda: run.select_listed(["b"], (), LISTING),
        "named for a backfill": lambda: backfill.select_named(["a"]),
        "a page read": lambda: run.page_read("a", (), None, now),
        "listed": lambda: run.select_listed(["a"], (), LISTING),
        "listed for a backfill": lambda: backfill.select_listed(["a"], (), now),
        "hinted at": lambda: run.page_read("b", [Hint("a", "rh_1", now)], None, now),
        "hinted at in a backfill": lambda: backfill.page_read(
            "b", [Hint("a", "rh_1", now)], None, now
        ),
        "held something": lambda: run.page_read("b", [theirs], None, now),
        "gone": lambda: run.gone(Gone("a"), now),
        "read": lambda: (run.select_named(["a"]), run.window_read("a", EVER, (), None, now)),
        "hinted at and read": lambda: (
            run.page_read("b", [Hint("a", "rh_1", now)], None, now),
            run.window_read("a", EVER, (), None, now),
        ),
        "read by a backfill": lambda: (
            backfill.select_named(["a"]),
            backfill.window_read("a", EVER, (), None, now),
        ),
    }
    return lambda what: stories[what]()


@pytest.mark.parametrize(
    "what", ["nothing", "named", "another listed", "named for a backfill", "a page read"]
)
def test_who_was_only_named_by_a_person_is_not_known(run, backfill, happens, what):
    happens(what)

    assert (run.is_known("a"), backfill.is_known("a")) == (False, False)


@pytest.mark.parametrize(
    "what",
    [
        "listed",
        "listed for a backfill",
        "hinted at",
        "hinted at in a backfill",
        "held something",
        "gone",
        "read",
        "hinted at and read",
        "read by a backfill",
    ],
)
def test_who_was_listed_hinted_at_a_holder_or_answered_for_is_known(run, backfill, happens, what):
    happens(what)

    assert (run.is_known("a"), backfill.is_known("a")) == (True, True)


def test_an_id_that_only_a_person_named_is_not_taken_into_later_runs(ledger, run, now):
    run.select_named(["typing-error"])
    run.select_listed(["a"], (), LISTING)

    later = RunProgress(ledger, "run-2", now + timedelta(hours=1))
    select_everybody(later)

    assert [known.customer_id for known in later.to_ask()] == ["a"]
    later.select_named(["typing-error"])
    assert [known.customer_id for known in later.to_ask()] == ["a", "typing-error"]


def test_it_is_stored_when_a_customer_was_listed_last(ledger, run, rows, now):
    run.select_named(["named"])
    run.select_listed(["old", "named"], (), LISTING)
    later = RunProgress(ledger, "run-2", now + timedelta(hours=1))
    later.select_listed(["named"], (), LISTING)

    listed = {row["customer_id"]: row["listed_at"] for row in rows(ledger, customers)}

    assert listed == {"old": now, "named": now + timedelta(hours=1)}
