"""Whom one run asks: its sources are read, then as many are taken as the plan allows.

The sources only name candidates, and none of them tells an unassignment: each is read in its
customer's activity and validated there.
"""

from datetime import datetime

from sync.errors import LeaveError, ParkError
from sync.jobs import planning
from sync.jobs.listing import CustomerListReader, begin_of_all
from sync.jobs.parts import Parts
from sync.jobs.sources import CustomerSource, batches
from sync.jobs.tally import Tally
from sync.ledger.scheduled import RunProgress
from sync.model.allowance import next_day


class Candidates:
    """One run's candidates.

    Attributes:
        horizon: from when everybody is read; stored by the first run.
        proven: Voucherify answered already, so that the key is known to be accepted.
    """

    horizon: datetime

    def __init__(self, parts: Parts, source: CustomerSource, tally: Tally) -> None:
        self._parts = parts
        self._source = source
        self._tally = tally
        self._turn: planning.Turn | None = None
        self.proven = False
        start = parts.start
        self._reading = RunProgress(
            parts.ledger,
            start.run_id,
            start.started_at,
            due=self._due,
            covered=source.codes,
        )

    def gathered(self) -> RunProgress:
        """Read the sources, and take into the run whom it is to ask.

        Raises:
            LeaveError: nobody is known yet, and the list could not be read.
            ParkError: a call may not be made now, or the run was asked to stop.
        """
        self._list()
        self._set_horizon()
        self._name()
        self._take()
        return self._reading

    def settled(self) -> None:
        """Account for what was spent; say so if not all were asked who are due."""
        parts, turn = self._parts, self._turn
        if turn is None:
            return
        made = parts.meter.count().made
        planning.end(parts.ledger, turn, made, watched=0.0, vanished=0, now=parts.now())
        waiting = self._reading.still_due(listed=self._source.lists)
        if waiting:
            self._tally.waiting(waiting)
            self._tally.stopped(self._not_yet(waiting))

    def _list(self) -> None:
        if self._source.lists:
            listing = CustomerListReader(self._parts, self._reading, self._tally)
            listing.read()
            self.proven |= listing.answered

    def _set_horizon(self) -> None:
        """Take the horizon from the ledger; if nothing has set it yet, a call is made for it."""
        ledger = self._parts.ledger
        horizon = ledger.horizon()
        if horizon is None and self._source.lists:
            msg = "no customer is known yet, so there is nothing to read"
            raise LeaveError(msg)
        if horizon is None:
            server_time = self._parts.lister.first_answer().server_time
            horizon = ledger.set_horizon(begin_of_all(self._parts, server_time))
            self.proven = True
        self.horizon = horizon

    def _name(self) -> None:
        for batch in batches(self._source.ids or ()):
            self._reading.select_named(batch)
            self._parts.watch.listed(len(batch))

    def _take(self) -> None:
        parts, source = self._parts, self._source
        hinted = self._reading.select_hinted()
        self._turn = planning.begin(
            parts.ledger, source, parts.plan_rules, parts.meter, parts.now()
        )
        taken = planning.chosen(parts.ledger, source, self._turn, hinted=hinted)
        self._reading.select_next(taken.holding, taken.others, listed=source.lists)

    def _due(self, holding: int, now: datetime) -> float:
        return self._turn.due(holding, now) if self._turn else now.timestamp()

    def _not_yet(self, waiting: int) -> ParkError:
        left = self._parts.meter.spent().left_today
        msg = (
            f"{waiting} customers are due and could not be asked: the calls that the plan has for "
            "this run are spent. The next runs go on; holdersync plan tells how long that takes"
        )
        return ParkError(
            msg, by="budget", resume_after=None if left else next_day(self._parts.now())
        )
