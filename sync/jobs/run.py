"""One scheduled pass: deliver what is pending, read what is new, deliver that."""

import json
from collections.abc import Callable
from contextlib import suppress

from sync.errors import HoldersyncError
from sync.jobs.candidates import Candidates
from sync.jobs.collect import Collector
from sync.jobs.deliver import Deliverer
from sync.jobs.parts import Parts
from sync.jobs.sources import CustomerSource
from sync.jobs.tally import Figures, Report, Tally
from sync.ledger.deliveries import Deliveries
from sync.ledger.letters import count_open
from sync.ledger.lock import LockTakenError
from sync.ledger.reading import Known, Progress
from sync.ledger.runs import finish_run, start_run
from sync.model.summary import CallCounts, Summary, result_of
from sync.model.window import Window, window_to_read


def run(parts: Parts, source: CustomerSource, tally: Tally | None = None) -> Report:
    """Do one pass over the customers of `source`; call it under the run's lock.

    What goes wrong is in the report, a ledger that is lost too; only a bug raises. `tally` is for
    whoever has to know at any time what was done until then.
    """
    tally = tally or Tally()
    return carried_out(parts, tally, lambda: _collect(parts, source, tally))


def carried_out(parts: Parts, tally: Tally, collect: Callable[[], None]) -> Report:
    """Deliver what is pending, read by `collect`, deliver that; store that it began and its end.

    A stop that was asked for before the end is told even if nothing was left to do.
    """
    try:
        start_run(parts.ledger, parts.start)
        deliver(parts, tally)
        try:
            parts.watch.go_on()
            _require_key(parts)
            collect()
        except HoldersyncError as error:
            tally.stopped(error)
            tally.reading_ended = True
        deliver(parts, tally)
        parts.watch.go_on()
    except HoldersyncError as error:
        tally.cut_short(error)
    except BaseException:
        tally.cut_short(HoldersyncError())
        with suppress(Exception):
            finished(parts, tally)
        raise
    return finished(parts, tally)


def deliver(parts: Parts, tally: Tally) -> None:
    """Tell the CRM what is pending; if another process is at it, leave it to that one.

    Once the delivery of this run has ended, rows are only made pending.
    """
    deliveries = Deliveries(parts.ledger, parts.start.destination, parts.start.run_id)
    if tally.delivery_ended:
        deliveries.enqueue()
        return
    if parts.held and tally.reading_ended:
        parts.held.leave()
    try:
        with parts.deliver_lock():
            deliverer = Deliverer(
                deliveries,
                parts.destination,
                parts.delivery_rules,
                now=parts.now,
                heartbeat=parts.watch.go_on,
                executor=parts.crm_executor,
                held=parts.held,
            )
            tally.begins(lambda: tally.delivered(deliverer.so_far()))
            tally.delivered(deliverer.deliver())
    except LockTakenError:
        deliveries.enqueue()


def _require_key(parts: Parts) -> None:
    """Ask no more, if the key was refused while the CRM was told."""
    if parts.held and parts.held.refused:
        raise parts.held.refused


def collector(
    parts: Parts, progress: Progress, window_of: Callable[[Known], Window], tally: Tally
) -> Collector:
    """Put together what reads customers, for a run or a backfill."""
    made = Collector(
        parts.reader,
        progress,
        parts.executor,
        parts.collect_rules,
        window_of=window_of,
        now=parts.now,
        watch=parts.watch,
    )
    tally.begins(lambda: tally.collected(made.so_far()))
    return made


def finished(parts: Parts, tally: Tally) -> Report:
    """Sum up, and store how the run ended; a ledger that is lost is one more reason."""
    tally.figures = _figures(parts)
    if parts.held:
        tally.not_known(parts.held.problem)
    summary = known(parts, tally)
    try:
        finish_run(
            parts.ledger,
            parts.start.run_id,
            exit_code=tally.exit_code,
            summary=json.dumps(summary.as_json()),
            finished_at=summary.finished_at,
        )
    except HoldersyncError as error:
        tally.stopped(error)
        summary = known(parts, tally)
    return tally.report(summary)


def _collect(parts: Parts, source: CustomerSource, tally: Tally) -> None:
    candidates = Candidates(parts, source, tally)
    reading = candidates.gathered()
    horizon = candidates.horizon

    def window_of(known: Known) -> Window:
        cursor, hinted_at = known.cursor, known.hinted_at
        if cursor and hinted_at and hinted_at >= horizon:
            cursor = min(cursor, hinted_at)
        return window_to_read(cursor, parts.read_rules.lookback, horizon)

    tally.collected(
        collector(parts, reading, window_of, tally).collect(
            reading.to_ask(),
            selected=reading.selected(),
            proven=candidates.proven,
            streak=candidates.streak,
        )
    )
    candidates.settled()


def known(parts: Parts, tally: Tally) -> Summary:
    """Sum up what is known now; asks nobody, so that it may be called at any time."""
    code, parked = tally.exit_code, tally.parked
    count, figures = parts.meter.count(), tally.figures
    spent = figures.spent
    is_parked = result_of(code) == "parked" and parked is not None
    return Summary(
        run_id=parts.start.run_id,
        kind=parts.start.kind,
        result=result_of(code),
        parked_by=parked.by if is_parked and parked else None,
        started_at=parts.start.started_at,
        finished_at=parts.now(),
        destination=parts.start.destination,
        customers=tally.customers,
        codes=tally.codes,
        calls=CallCounts(
            made=count.made,
            retried=count.retried,
            throttled=count.throttled,
            cycle_used_by_us=spent.used if spent else None,
            cycle_share_left=spent.left if spent else None,
        ),
        events=tally.events,
        outcomes=tally.outcomes,
        pending=figures.pending,
        dead_letters=figures.dead_letters,
        resume_after=parked.resume_after if parked else None,
    )


def _figures(parts: Parts) -> Figures:
    deliveries = Deliveries(parts.ledger, parts.start.destination, parts.start.run_id)
    try:
        return Figures(parts.meter.spent(), deliveries.pending(), count_open(parts.ledger))
    except HoldersyncError:
        return Figures()
