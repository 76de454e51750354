"""Tells the CRM what is pending, and stores what it answered.

What becomes of a delivery is decided by `settled`, a function; the ledger stores it. The mark
follows the CRM's answer, so a kill in between repeats a call, and a repeat changes nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sync.crm.adapter import Capability, ClearsByCode, Destination, SizesBatches
from sync.errors import HoldersyncError, ParkError
from sync.jobs.asked import asked
from sync.jobs.held import HeldLookup
from sync.ledger.deliveries import Deliveries, Place
from sync.model.delivery import Delivery, Settlement, Status
from sync.model.outcome import FINAL, Outcome, Result
from sync.model.summary import OutcomeCount

BATCH = 100
DEAD_AFTER = 10
"""Failed attempts, counted in runs in which another delivery succeeded."""
ASK_AGAIN = timedelta(days=1)
"""How often a contact that is missing is looked for."""


@dataclass(frozen=True, slots=True)
class DeliveryRules:
    """What bounds a delivery.

    `at_most` is the brake: more rows that are due are not written without a person's word.
    `not_found_for` is how long a missing contact is looked for.
    """

    at_most: int
    not_found_for: timedelta


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a delivery did; `stopped_by` is what ended it before all was told.

    `unavailable`: the CRM could not take some, or all. `ended`: it took none of a whole batch, so
    this run tells it nothing more. `held_back` counts by campaign what the brake stopped.
    """

    outcomes: OutcomeCount
    new_letters: int = 0
    unavailable: bool = False
    ended: bool = False
    stopped_by: HoldersyncError | None = None
    held_back: Mapping[str, int] | None = None


def settled(
    delivery: Delivery, outcome: Outcome, rules: DeliveryRules, now: datetime
) -> Settlement:
    """Decide what becomes of a delivery by what the CRM answered."""
    holder_id = delivery.unassignment.holder_id
    if outcome.result in FINAL:
        return Settlement(holder_id, Status.DELIVERED, outcome)
    if outcome.result is Result.REJECTED:
        return Settlement(holder_id, Status.DEAD, outcome)
    if outcome.result is Result.CONTACT_NOT_FOUND:
        return _missing(delivery, outcome, rules, now)
    after = None if outcome.after is None else now + outcome.after
    return Settlement(
        holder_id,
        Status.PENDING,
        outcome,
        attempts=delivery.attempts,
        missing_since=delivery.missing_since,
        next_attempt_at=after,
    )


def failed_once_more(delivery: Delivery, settlement: Settlement) -> Settlement:
    """Count a failure that was not the whole CRM's; after ten, a person is needed."""
    attempts = delivery.attempts + 1
    if attempts < DEAD_AFTER:
        return replace(settlement, attempts=attempts)
    reason = f"given up after {attempts} attempts: {settlement.outcome.reason or 'no reason given'}"
    return Settlement(
        settlement.holder_id,
        Status.DEAD,
        replace(settlement.outcome, reason=reason),
        attempts=attempts,
    )


def _missing(
    delivery: Delivery, outcome: Outcome, rules: DeliveryRules, now: datetime
) -> Settlement:
    # A clock that was ahead must not make this longer.
    since = min(delivery.missing_since or now, now)
    holder_id = delivery.unassignment.holder_id
    if now - since >= rules.not_found_for:
        return Settlement(holder_id, Status.DELIVERED, outcome, missing_since=since)
    return Settlement(
        holder_id,
        Status.PENDING,
        outcome,
        attempts=delivery.attempts,
        missing_since=since,
        next_attempt_at=now + ASK_AGAIN,
    )


class Deliverer:
    """One delivery to one destination.

    Args:
        deliveries: what is pending.
        destination: the CRM.
        rules: brake and patience.
        now: the local time, UTC.
        heartbeat: called before each batch; raises to end the delivery.
        executor: makes the destination's calls; None makes them here. It may give up one that does
            not come back, by an error that ends the delivery: that batch stays pending.
        held: asked by a destination that clears by a code alone, in the thread of its calls.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        destination: Destination,
        rules: DeliveryRules,
        *,
        now: Callable[[], datetime],
        heartbeat: Callable[[], None],
        executor: Executor | None = None,
        held: HeldLookup | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._destination = destination
        self._rules = rules
        self._now = now
        self._heartbeat = heartbeat
        self._executor = executor
        self._held = held
        self._results: Counter[Result] = Counter()
        self._new_letters = 0
        self._retried: list[tuple[Delivery, Settlement]] = []
        self._ended = False

    def deliver(self) -> Delivered:
        """Tell the CRM all that is due; ends at the first whole batch that it could not take."""
        self._deliveries.enqueue()
        due_at = self._now()
        by_campaign = self._deliveries.due_by_campaign(due_at)
        if sum(by_campaign.values()) > self._rules.at_most:
            return self._held_back(by_campaign)
        stopped_by: HoldersyncError | None = None
        try:
            self._deliver_all(due_at, self._batch_size(sum(by_campaign.values())))
        except HoldersyncError as error:
            stopped_by = error
        self._count_failures()
        is_ended = self._ended or stopped_by is not None
        return replace(self.so_far(), ended=is_ended, stopped_by=stopped_by)

    def so_far(self) -> Delivered:
        """Tell what was stored until now."""
        return Delivered(self._outcomes(), self._new_letters, unavailable=bool(self._retried))

    def _batch_size(self, due: int) -> int:
        destination = self._destination
        if Capability.SIZES_BATCHES in destination.capabilities and isinstance(
            destination, SizesBatches
        ):
            return max(1, destination.batch_size(due))
        return BATCH

    def _deliver_all(self, due_at: datetime, size: int) -> None:
        behind: Place | None = None
        while batch := self._deliveries.due(due_at, size, behind):
            self._heartbeat()
            outcomes = self._told(batch)
            self._store(batch, outcomes)
            if all(outcome.result is Result.RETRY for outcome in outcomes):
                self._ended = True
                return
            last = batch[-1].unassignment
            behind = Place(last.unassigned_at, last.holder_id)

    def _told(self, batch: Sequence[Delivery]) -> Sequence[Outcome]:
        unassignments = [delivery.unassignment for delivery in batch]

        def ask() -> Sequence[Outcome]:
            self._let_ask()
            return self._destination.unassign(unassignments)

        return asked(
            self._destination.destination,
            ask,
            Outcome,
            len(batch),
            executor=self._executor,
            then="what it was told stays pending",
        )

    def _let_ask(self) -> None:
        destination = self._destination
        may_ask = Capability.CLEARS_BY_CODE in destination.capabilities
        if self._held is not None and may_ask and isinstance(destination, ClearsByCode):
            destination.ask_by(self._held)

    def _store(self, batch: Sequence[Delivery], outcomes: Sequence[Outcome]) -> None:
        now = self._now()
        settlements = [
            settled(delivery, outcome, self._rules, now)
            for delivery, outcome in zip(batch, outcomes, strict=True)
        ]
        newer = self._held.take_newer() if self._held else ()
        self._new_letters += self._deliveries.settle(settlements, now, newer)
        self._results.update(outcome.result for outcome in outcomes)
        self._retried += (
            (delivery, settlement)
            for delivery, settlement in zip(batch, settlements, strict=True)
            if settlement.outcome.result is Result.RETRY
        )

    def _count_failures(self) -> None:
        succeeded = any(self._results[result] for result in FINAL)
        # A CRM that names a time is over its limit: that is no failure of what it did not take.
        failed = [each for each in self._retried if each[1].outcome.after is None]
        if succeeded and failed:
            again = [failed_once_more(*each) for each in failed]
            self._new_letters += self._deliveries.settle(again, self._now())

    def _held_back(self, by_campaign: Mapping[str, int]) -> Delivered:
        count = sum(by_campaign.values())
        msg = (
            f"{count} unassignments are due, more than HOLDERSYNC_MAX_UNASSIGNMENTS "
            f"({self._rules.at_most}); none was written. If this is "
            f"right, say so: holdersync run --allow {count}"
        )
        brake = ParkError(msg, by="brake")
        return Delivered(self._outcomes(), ended=True, stopped_by=brake, held_back=by_campaign)

    def _outcomes(self) -> OutcomeCount:
        counted = {
            result.value: self._results[result] for result in Result if result is not Result.RETRY
        }
        return OutcomeCount(**counted)
