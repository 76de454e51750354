"""What a ledger holds, in figures."""

from contextlib import closing
from datetime import UTC, datetime, timedelta

from sync.ledger.deliveries import Deliveries
from sync.ledger.destinations import admit
from sync.ledger.listing import Listing
from sync.ledger.opening import create_or_open
from sync.ledger.overview import Overview, overview
from sync.ledger.scheduled import RunProgress
from sync.model.delivery import Settlement, Status
from sync.model.event import Gone
from sync.model.outcome import Outcome, Result
from sync.model.window import Window

LISTING = Listing(datetime(2026, 3, 10, tzinfo=UTC))
EVER = Window(datetime(2020, 1, 1, tzinfo=UTC))


def test_a_ledger_of_nothing_holds_nothing(url):
    with closing(create_or_open(url)) as ledger:
        assert overview(ledger) == Overview(None, None, 0, 0, 0, None, 0, {}, 0)


def test_everything_is_counted(ledger, unassigned, invalid, now):
    ledger.set_horizon(now)
    admit(ledger, "sql-1", now)
    reading = RunProgress(ledger, "run-1", now)
    reading.select_listed(["a", "b", "c"], (), LISTING)
    reading.window_read("a", EVER, [unassigned("rh_1"), unassigned("rh_2"), invalid()], now, now)
    reading.gone(Gone("c"), now)
    queue = Deliveries(ledger, "sql-1", "run-1")
    queue.enqueue()
    queue.settle([Settlement("rh_1", Status.DELIVERED, Outcome(Result.REMOVED))], now)

    assert overview(ledger) == Overview(
        base_url="https://api.example",
        horizon=now,
        customers=2,
        never_asked=1,
        gone=1,
        read_since=None,
        unassignments=2,
        deliveries={"sql-1": {"delivered": 1, "pending": 1}},
        dead_letters=1,
    )


def test_everybody_is_read_up_to_the_oldest_asking(ledger, now):
    reading = RunProgress(ledger, "run-1", now)
    reading.select_listed(["a", "b"], (), LISTING)
    for hours, who in enumerate("ab"):
        reading.window_read(who, EVER, (), None, now + timedelta(hours=hours))

    assert overview(ledger).read_since == now


def test_each_destination_has_figures_of_its_own(ledger, unassigned, now):
    reading = RunProgress(ledger, "run-1", now)
    for name in ("sql-1", "sql-2"):
        admit(ledger, name, now)
    reading.select_listed(["a"], (), LISTING)
    reading.window_read("a", EVER, [unassigned("rh_1")], now, now)
    for name in ("sql-1", "sql-2"):
        Deliveries(ledger, name, "run-1").enqueue()
    done = Settlement("rh_1", Status.DELIVERED, Outcome(Result.REMOVED))
    Deliveries(ledger, "sql-2", "run-1").settle([done], now)

    assert overview(ledger).deliveries == {"sql-1": {"pending": 1}, "sql-2": {"delivered": 1}}
