"""One scheduled pass: deliver what is pending, read what is new, deliver that."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sync.errors import HoldersyncError, LeaveError
from sync.jobs.collect import Collector
from sync.jobs.deliver import Deliverer
from sync.jobs.enough import NO_STREAK, VOUCHERIFY_DOWN
from sync.jobs.parts import Parts
from sync.jobs.ports import Progress
from sync.jobs.selection import CustomerSource, batches
from sync.jobs.tally import Report, Tally
from sync.ledger.deliveries import Deliveries
from sync.ledger.letters import count_open
from sync.ledger.listing import listing_to_do, read_listing
from sync.ledger.lock import LockTakenError
from sync.ledger.reading import Known, RunProgress
from sync.ledger.runs import finish_run, start_run
from sync.model.summary import CallCounts, Summary, exit_code, result_of
from sync.model.window import Window, window_to_read


def run(parts: Parts, source: CustomerSource) -> Report:
    """Do one pass over the customers of `source`; call it under the run's lock.

    What goes wrong with a customer, an event or a delivery is in the report; only a bug raises.
    """
    tally = Tally()
    with recorded(parts):
        deliver(parts, tally)
        try:
            parts.watch.go_on()
            _collect(parts, source, tally)
        except HoldersyncError as error:
            tally.stopped(error)
        deliver(parts, tally)
        return finished(parts, tally)


def deliver(parts: Parts, tally: Tally) -> None:
    """Tell the CRM what is pending; if another process is at it, leave it to that one.

    Once the delivery of this run has ended, rows are only made pending.
    """
    deliveries = Deliveries(parts.ledger, parts.start.destination, parts.start.run_id)
    if tally.delivery_ended:
        deliveries.enqueue()
        return
    try:
        with parts.deliver_lock():
            deliverer = Deliverer(
                deliveries,
                parts.destination,
                parts.delivery_rules,
                now=parts.now,
                heartbeat=parts.watch.go_on,
            )
            tally.delivered(deliverer.deliver())
    except LockTakenError:
        deliveries.enqueue()


def collector(parts: Parts, progress: Progress, window_of: Callable[[Known], Window]) -> Collector:
    """Put together what reads customers, for a run or a backfill."""
    return Collector(
        parts.reader,
        progress,
        parts.executor,
        parts.collect_rules,
        window_of=window_of,
        now=parts.now,
        watch=parts.watch,
    )


@contextmanager
def recorded(parts: Parts) -> Iterator[None]:
    """Store that the run began, and that it failed if a bug or a lost ledger ends it."""
    start_run(parts.ledger, parts.start)
    try:
        yield
    except BaseException as error:
        ended_by = error if isinstance(error, HoldersyncError) else HoldersyncError
        finish_run(
            parts.ledger,
            parts.start.run_id,
            exit_code=ended_by.exit_code,
            summary="{}",
            finished_at=parts.now(),
        )
        raise


def finished(parts: Parts, tally: Tally) -> Report:
    """Sum up, and store how the run ended."""
    code = exit_code(tally.reasons)
    summary = _summary(parts, tally, code)
    finish_run(
        parts.ledger,
        parts.start.run_id,
        exit_code=code,
        summary=json.dumps(summary.as_json()),
        finished_at=summary.finished_at,
    )
    return Report(summary, code, tuple(tally.problems), tally.new_letters, dict(tally.held_back))


def _collect(parts: Parts, source: CustomerSource, tally: Tally) -> None:
    reading = RunProgress(parts.ledger, parts.start.run_id, parts.start.started_at)
    horizon, proven = _select(parts, source, reading, tally)
    rules = parts.read_rules

    def window_of(known: Known) -> Window:
        return window_to_read(known.cursor, rules.lookback, horizon)

    is_down = source.ids is None and not proven
    tally.collected(
        collector(parts, reading, window_of).collect(
            reading.to_ask(),
            selected=reading.selected(),
            proven=proven,
            streak=VOUCHERIFY_DOWN if is_down else NO_STREAK,
        )
    )


def _select(
    parts: Parts, source: CustomerSource, reading: RunProgress, tally: Tally
) -> tuple[datetime, bool]:
    """Take the source's customers into this run.

    Gives the horizon, stored by the first run, and whether Voucherify answered, so that the key is
    proven.
    """
    if source.ids is None:
        proven = _list(parts, reading, tally)
        horizon = parts.ledger.horizon()
        if horizon is None:
            msg = "no customer is known yet, so there is nothing to read"
            raise LeaveError(msg)
    else:
        horizon, proven = _first_horizon(parts)
        for batch in batches(source.ids):
            reading.select_named(batch)
            parts.watch.listed(len(batch))
    reading.select_known(hinted_only=source.ids is not None)
    return horizon, proven


def _list(parts: Parts, reading: RunProgress, tally: Tally) -> bool:
    """Go on with the list of customers; tell whether Voucherify answered."""
    listing = listing_to_do(read_listing(parts.ledger), parts.now())
    proven = False
    try:
        for page in parts.lister.pages(listing.reached):
            if not proven:
                parts.ledger.set_horizon(page.server_time - parts.read_rules.initial_lookback)
            proven = True
            listing = listing.after(page.reached, parts.now(), is_last=page.is_last)
            stored = reading.select_listed(page.customer_ids, page.invalid, listing)
            tally.dead_lettered(stored.invalid)
            parts.watch.listed(len(page.customer_ids))
            parts.watch.go_on()
    except LeaveError as error:
        # Whoever is known already can still be asked.
        tally.stopped(error)
    return proven


def _first_horizon(parts: Parts) -> tuple[datetime, bool]:
    """Give the horizon, and whether a call had to be made for it."""
    horizon = parts.ledger.horizon()
    if horizon is not None:
        return horizon, False
    server_time = parts.lister.first_answer().server_time
    return parts.ledger.set_horizon(server_time - parts.read_rules.initial_lookback), True


def _summary(parts: Parts, tally: Tally, code: int) -> Summary:
    deliveries = Deliveries(parts.ledger, parts.start.destination, parts.start.run_id)
    count, spent = parts.meter.count(), parts.meter.spent()
    is_parked = result_of(code) == "parked" and tally.parked is not None
    return Summary(
        run_id=parts.start.run_id,
        kind=parts.start.kind,
        result=result_of(code),
        parked_by=tally.parked.by if is_parked and tally.parked else None,
        started_at=parts.start.started_at,
        finished_at=parts.now(),
        destination=parts.start.destination,
        customers=tally.customers,
        calls=CallCounts(
            made=count.made,
            retried=count.retried,
            throttled=count.throttled,
            cycle_used_by_us=spent.used,
            cycle_share_left=spent.left,
        ),
        events=tally.events,
        outcomes=tally.outcomes,
        pending=deliveries.pending(),
        dead_letters=count_open(parts.ledger),
        resume_after=tally.parked.resume_after if tally.parked else None,
    )
