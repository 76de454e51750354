"""One manual pass over a stated window: the same ledger and adapter, and no cursor is moved.

It is resumed where it stopped: the same window and customers again go on, until all were read.
"""

from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from sync.jobs.parts import Parts
from sync.jobs.run import carried_out, collector
from sync.jobs.sources import CustomerSource, batches
from sync.jobs.tally import Report, Tally
from sync.ledger.backfills import Backfill, BackfillProgress, begin, unfinished
from sync.ledger.ledger import Ledger
from sync.ledger.reading import Known
from sync.model.allowance import Rate
from sync.model.window import Window
from sync.voucherify.customers import CustomerLister
from sync.voucherify.listed import PAGE_SIZE


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backfill will cost, at the least; one call more per further 100 events of a customer.

    `lasts` is the time that the calls take at our rate, the budget's days not counted.
    """

    window: Window
    customers: int
    calls: int
    lasts: timedelta
    resumes: bool


def plan(
    lister: CustomerLister,
    ledger: Ledger | None,
    window: Window,
    source: CustomerSource,
    rate: Rate,
) -> Plan:
    """Say beforehand how many calls a backfill takes; costs one call where nobody is known yet."""
    open_one = unfinished(ledger, window, source.label) if ledger else None
    if ledger and open_one and open_one.listed:
        customers = BackfillProgress(ledger, open_one.backfill_id, "").selected()
        calls = customers
    elif source.named is not None:
        customers = len(set(source.named))
        calls = customers
    else:
        customers = lister.first_answer().total or 0
        calls = calls_for_all(customers)
    lasts = timedelta(seconds=calls * rate.interval)
    return Plan(window, customers, calls, lasts, resumes=open_one is not None)


def calls_for_all(customers: int) -> int:
    """Give the calls for listing everybody and asking each once."""
    return customers + max(1, ceil(customers / PAGE_SIZE))


def backfill(
    parts: Parts, window: Window, source: CustomerSource, tally: Tally | None = None
) -> Report:
    """Read a window of everybody in `source` and deliver; call it under the backfill's lock.

    What goes wrong is in the report, as for `run`.
    """
    tally = tally or Tally()
    return carried_out(parts, tally, lambda: _collect(parts, window, source, tally))


def _collect(parts: Parts, window: Window, source: CustomerSource, tally: Tally) -> None:
    started_at = parts.start.started_at
    mine = begin(parts.ledger, parts.start.run_id, window, source.label, started_at)
    reading = BackfillProgress(parts.ledger, mine.backfill_id, parts.start.run_id)
    is_listed_now = not mine.listed and source.named is None
    if not mine.listed:
        _select(parts, source, mine, reading, tally)
    if not is_listed_now:
        parts.watch.planned(reading.selected())

    def window_of(_known: Known) -> Window:
        return window

    selected = reading.selected()
    read = collector(parts, reading, window_of, tally).collect
    tally.collected(read(reading.to_ask(), selected=selected, proven=is_listed_now))
    if reading.selected() == 0:
        reading.finish(parts.now())


def _select(
    parts: Parts, source: CustomerSource, mine: Backfill, reading: BackfillProgress, tally: Tally
) -> None:
    """Take everybody into the backfill; a listing that was cut short goes on."""
    if source.named is not None:
        for batch in batches(source.named):
            reading.select_named(batch)
            parts.watch.listed(len(batch))
    else:
        for number, page in enumerate(parts.lister.pages(mine.reached)):
            if number == 0 and page.total is not None:
                parts.watch.planned(calls_for_all(page.total))
            stored = reading.select_listed(
                page.customer_ids, page.invalid, parts.now(), page.reached
            )
            tally.dead_lettered(stored.invalid)
            parts.watch.listed(len(page.customer_ids))
            parts.watch.go_on()
    reading.all_selected()
