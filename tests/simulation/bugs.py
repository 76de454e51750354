"""Bugs that tools of this kind have had, planted one at a time: the simulation must find each.

Each replaces one function of the tool from outside. A bug that nobody finds would mean that a rule
is missing, or that what breaks it never happens in these worlds.
"""

from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import and_, null, or_, select, true, update

from sync.errors import CodeGoneError
from sync.jobs.deliver import Deliverer
from sync.jobs.held import HeldLookup
from sync.ledger import budget
from sync.ledger import inbox as inbox_of_ledger
from sync.ledger.backfills import BackfillProgress
from sync.ledger.deliveries import Deliveries
from sync.ledger.lock import FileLocks
from sync.ledger.reading import Progress
from sync.ledger.reconciling import vanished_without_event
from sync.ledger.scheduled import RunProgress
from sync.ledger.tables import deliveries, inbox
from sync.model.delivery import Settlement, Status
from sync.model.event import Gone
from sync.model.outcome import FINAL, Outcome, Result
from sync.model.window import window_to_read
from sync.voucherify.holders import HolderReader


@dataclass(frozen=True, slots=True)
class Bug:
    """One planted bug; `plant` is given pytest's monkeypatch and the tool's surroundings."""

    name: str
    plant: object

    def __str__(self):
        return self.name


def cursor_first(patch, _around):
    """The cursor is committed before what was found."""
    real = Progress.window_read

    def window_read(progress, customer_id, window, findings, *cursor_and_now, **options):
        real(progress, customer_id, window, (), *cursor_and_now, **options)
        return progress.page_read(customer_id, findings, None, cursor_and_now[-1])

    patch.setattr(Progress, "window_read", window_read)


def bookmark_first(patch, _around):
    """The bookmark is committed before its page: after a kill that page is skipped."""
    real = Progress.page_read

    def page_read(progress, customer_id, findings, bookmark, now):
        real(progress, customer_id, (), bookmark, now)
        return real(progress, customer_id, findings, None, now)

    patch.setattr(Progress, "page_read", page_read)


def mark_first(patch, _around):
    """A delivery is marked, the CRM asked, and the mark corrected: right, unless it is killed."""
    real = Deliverer._told

    def told(deliverer, batch):
        queue = deliverer._deliveries
        holder_ids = [each.unassignment.holder_id for each in batch]
        marks = [Settlement(each, Status.DELIVERED, Outcome(Result.REMOVED)) for each in holder_ids]
        queue.settle(marks, deliverer._now())
        try:
            return real(deliverer, batch)
        finally:
            mine = and_(queue._mine(), deliveries.c.holder_id.in_(holder_ids))
            with queue._ledger.transaction() as connection:
                connection.execute(update(deliveries).where(mine).values(status=Status.PENDING))

    patch.setattr(Deliverer, "_told", told)


def newest_ignored(patch, _around):
    """A newer assignment is not looked up."""
    patch.setattr("sync.ledger.deliveries._superseding", lambda: select(null()).scalar_subquery())


def held_now_ignored(patch, _around):
    """Voucherify is asked what is held now, and its answer changes nothing."""
    patch.setattr(HeldLookup, "_told", lambda _lookup, about, _held: about)


def lock_lost(patch, _around):
    """Locks are never taken."""
    patch.setattr(FileLocks, "held", lambda *_: nullcontext())


def quota_off_by_one(patch, _around):
    """A day has one call more than its share."""
    real = budget.left_today
    patch.setattr("sync.ledger.budget.left_today", lambda row, share: real(row, share) + 1)


def lookback_ignored(patch, _around):
    """A read starts at the cursor, so what appears late is not seen."""

    def without(cursor, _lookback, horizon):
        return window_to_read(cursor, timedelta(), horizon)

    patch.setattr("sync.jobs.run.window_to_read", without)


def letter_dropped(patch, _around):
    """What can't be understood is ignored."""
    patch.setattr("sync.ledger.findings._store_event_letter", lambda *_: False)


def retry_is_delivered(patch, _around):
    """A CRM that could not take it counts as one that did."""
    patch.setattr("sync.jobs.deliver.FINAL", FINAL | {Result.RETRY})


def told_in_each_run(patch, _around):
    """What was delivered is due again in the next run."""

    def due(queue, now):
        times = deliveries.c.next_attempt_at
        runs = deliveries.c.run_id
        return and_(
            queue._mine(),
            or_(times.is_(None), times <= now),
            or_(runs.is_(None), runs != queue._run_id),
        )

    patch.setattr(Deliveries, "_due", due)


def destinations_mixed_up(patch, _around):
    """What is marked for one destination is marked for all."""
    patch.setattr(Deliveries, "_mine", lambda _queue: true())


def hint_ignored(patch, _around):
    """An event about somebody else is nobody's business."""
    for progress in (RunProgress, BackfillProgress):
        patch.setattr(progress, "_follow", lambda *_: None)


def cursor_by_local_clock(patch, around):
    """The cursor is the machine's time."""
    patch.setattr("sync.jobs.collect.moved_cursor", lambda *_: around.now())


def deletion_untold(patch, _around):
    """A customer is deleted and nobody hears of what they held."""
    patch.setattr("sync.jobs.collect.what_follows", lambda who, *_: Gone(who))


def forgotten_returns(patch, _around):
    """A person is erased, and comes back with the next read."""
    patch.setattr("sync.ledger.forgotten.remembered", lambda _connection, people: people)
    patch.setattr("sync.ledger.reading.remembered", lambda _connection, people: people)


def half_read_list_believed(patch, _around):
    """A list of holders that does not agree with its own total counts all the same."""
    patch.setattr("sync.jobs.snapshot._require_whole", lambda *_: None)


def vanished_at_first_sight(patch, _around):
    """Whoever is missing once is told to have no event."""

    def at_once(ledger, _lookback):
        return vanished_without_event(ledger, timedelta())

    patch.setattr("sync.jobs.reconcile.vanished_without_event", at_once)


def vanished_unasked(patch, _around):
    """Nobody reads the customer of a holder who vanished."""
    patch.setattr("sync.ledger.looks.take_up", lambda *_, **__: None)


def webhook_dropped(patch, _around):
    """A webhook is marked as taken, and nobody is asked."""
    patch.setattr("sync.ledger.inbox._take", lambda *_: None)


def webhook_lost_while_taken(patch, around):
    """Whatever came until now is marked as taken, also what came since the inbox was read."""
    real = inbox_of_ledger.take_inbox

    def all_of_them(ledger, run_id, now):
        taken = real(ledger, run_id, now)
        around.machine.point("inbox read")
        with ledger.transaction() as connection:
            untaken = inbox.c.taken_at.is_(None)
            connection.execute(update(inbox).where(untaken).values(taken_at=now))
        return taken

    patch.setattr("sync.jobs.candidates.take_inbox", all_of_them)


def filter_trusted(patch, _around):
    """A filter that lets nobody pass is believed."""
    patch.setattr(HolderReader, "_is_doubtful", lambda *_: False)


def code_gone_untold(patch, _around):
    """A code that was deleted writes no letter."""
    patch.setattr("sync.ledger.gone_codes._tell", lambda *_, **__: False)


def late_assignment_untold(patch, _around):
    """An assignment that shows only after its code went is told to nobody."""
    patch.setattr("sync.ledger.reading.tell_gone_codes", lambda *_, **__: 0)


def proxy_deletes_codes(patch, _around):
    """Any 404 about a code is a deletion."""
    patch.setattr(
        "sync.voucherify.holders.code_gone_or",
        lambda error, _: CodeGoneError("gone", signature=error.signature),
    )


BUGS = tuple(
    Bug(plant.__name__, plant)
    for plant in (
        cursor_first,
        bookmark_first,
        mark_first,
        newest_ignored,
        held_now_ignored,
        lock_lost,
        quota_off_by_one,
        lookback_ignored,
        letter_dropped,
        retry_is_delivered,
        told_in_each_run,
        destinations_mixed_up,
        hint_ignored,
        cursor_by_local_clock,
        deletion_untold,
        forgotten_returns,
        half_read_list_believed,
        vanished_at_first_sight,
        vanished_unasked,
        webhook_dropped,
        webhook_lost_while_taken,
        filter_trusted,
        code_gone_untold,
        late_assignment_untold,
        proxy_deletes_codes,
    )
)
