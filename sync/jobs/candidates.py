"""Whom one run asks: its sources are read, then as many are taken as the plan allows.

The sources only name candidates, and none of them tells an unassignment: each is read in its
customer's activity and validated there.
"""

from dataclasses import replace
from datetime import datetime

from sync.errors import (
    HoldersyncError,
    LeaveError,
    NotNowError,
    ParkError,
    PermissionRefusedError,
)
from sync.jobs import planning
from sync.jobs.believers import believed, is_due
from sync.jobs.codes import CodeLooks, Looked
from sync.jobs.enough import CODES_DOWN, NO_STREAK, VOUCHERIFY_DOWN, Streak
from sync.jobs.listing import CodeListReader, CustomerListReader, begin_of_all, export_codes
from sync.jobs.parts import Parts
from sync.jobs.reconcile import tell_vanished
from sync.jobs.sources import CustomerSource, batches
from sync.jobs.tally import Tally
from sync.ledger.believed import all_believed, believed_since, store_believed
from sync.ledger.codes import name_codes
from sync.ledger.due_codes import count_due, count_hinted, due
from sync.ledger.inbox import take_inbox
from sync.ledger.probes import do_ids_rise
from sync.ledger.scheduled import RunProgress
from sync.model.allowance import next_day
from sync.model.holding import Code
from sync.model.summary import CodeCount


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
        self._looked: Looked | None = None
        self.proven = False
        start = parts.start
        self._reading = RunProgress(
            parts.ledger,
            start.run_id,
            start.started_at,
            due=self._due,
            covered=source.codes,
            lookback=parts.read_rules.lookback,
        )

    @property
    def streak(self) -> Streak:
        """What the reading of customers begins with, if Voucherify was not to be had until now."""
        if self.proven:
            return NO_STREAK
        if self._source.lists:
            return VOUCHERIFY_DOWN
        return CODES_DOWN if isinstance(self._ended_by, NotNowError) else NO_STREAK

    @property
    def _ended_by(self) -> HoldersyncError | None:
        """What ended the looks at codes alone."""
        return self._looked.ended_by if self._looked else None

    @property
    def _looked_in_vain(self) -> bool:
        """There were looks, and none was answered: a run of one call can't tell more."""
        done = self._looked.codes if self._looked else CodeCount()
        return done.selected > 0 and not done.looked and not done.gone

    def gathered(self) -> RunProgress:
        """Read the sources, and take into the run whom it is to ask.

        Raises:
            LeaveError: nobody is known yet, and the list could not be read.
            ParkError: a call may not be made now, or the run was asked to stop.
        """
        take_inbox(self._parts.ledger, self._parts.start.run_id, self._parts.now())
        self._list()
        self._list_codes()
        self._set_horizon()
        self._name()
        self._believe()
        self._take()
        return self._reading

    def settled(self) -> None:
        """Account for what was spent; say so if not all were asked who are due."""
        if self._turn is None:
            return
        self._pay(self._turn)
        parts = self._parts
        self._tally.dead_lettered(
            tell_vanished(parts.ledger, parts.read_rules.lookback, parts.start.run_id, parts.now())
        )
        customers = self._reading.still_due(listed=self._source.lists)
        self._tally.waiting(customers)
        due_codes = self._still_due_codes()
        if customers or due_codes:
            self._tally.stopped(self._not_yet(customers, due_codes))

    def _pay(self, turn: planning.Turn) -> None:
        """Account for what was spent, and for what the looks saw."""
        codes = self._looked
        planning.end(
            self._parts.ledger,
            turn,
            self._parts.meter.count().made,
            watched=codes.watched if codes else 0.0,
            vanished=codes.codes.vanished if codes else 0,
            now=self._parts.now(),
        )

    def _still_due_codes(self) -> int:
        """Count the codes that were due and got no look, for want of calls and no other reason.

        One that failed, or whose deletion is doubted, is due again later.
        """
        if self._looked is None or self._ended_by is not None or not self._source.codes:
            return 0
        return count_due(self._parts.ledger, self._parts.start.started_at)

    def _list(self) -> None:
        if self._source.lists:
            listing = CustomerListReader(self._parts, self._reading, self._tally)
            listing.read()
            self.proven |= listing.answered

    def _list_codes(self) -> None:
        source, ledger = self._source, self._parts.ledger
        if not source.codes:
            return
        if source.lists_codes:
            try:
                self._read_codes()
            except (LeaveError, PermissionRefusedError) as error:
                # Whoever is known otherwise can still be asked.
                self._tally.stopped(error)
        for batch in batches(source.code_ids or ()):
            named = [Code(each, None, None) for each in batch]
            name_codes(ledger, named, self._parts.now())

    def _read_codes(self) -> None:
        if self._export_codes():
            self.proven = True
            return
        listing = CodeListReader(self._parts, self._tally)
        try:
            listing.read()
        finally:
            self.proven |= listing.answered

    def _export_codes(self) -> bool:
        """Tell whether an export named all codes; where it can't, the list names the same."""
        export = self._parts.codes.export
        try:
            return export is not None and export_codes(self._parts, export)
        except (LeaveError, PermissionRefusedError) as error:
            self._tally.stopped(error)
            return False

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

    def _believe(self) -> None:
        """List the CRM, if it is a source and its day has come; one that is down ends nothing."""
        parts, began = self._parts, self._parts.now()
        if not self._source.crm or not is_due(believed_since(parts.ledger), began):
            return
        unnamed = 0
        try:
            for page in believed(parts.destination, parts.crm_executor):
                unnamed += store_believed(parts.ledger, page, began)
                parts.watch.go_on()
            all_believed(parts.ledger, began)
        except ParkError:
            raise
        except HoldersyncError as error:
            # Whoever is known otherwise can still be asked.
            self._tally.stopped(error)
        if unnamed:
            told = f"{unnamed} records of the CRM name no customer of Voucherify's"
            self._tally.not_known(f"{told}, so nobody can be asked for them")

    def _take(self) -> None:
        parts, source = self._parts, self._source
        self._turn = planning.begin(
            parts.ledger, source, parts.plan_rules, parts.meter, parts.now()
        )
        hinted = self._reading.select_hinted()
        if parts.collect_rules.gone_at_most:
            hinted += self._reading.select_doubted()
        # News of a deleted code is followed whatever the sources are, and so is a person's word
        # about many of them: nothing else would tell.
        said_gone = self._said_gone(self._turn)
        taken = planning.chosen(parts.ledger, source, self._turn, hinted=hinted + said_gone)
        if source.codes or said_gone or parts.codes.rules.gone_at_most:
            before = parts.meter.count().made
            self._look(self._turn, taken.codes, said_gone)
            self._reading.select_hinted()
            if self._ended_by is not None or self._looked_in_vain:
                # Codes that can't be looked at are due for ever: no customer would have a turn.
                hinted += parts.meter.count().made - before
                taken = planning.chosen(
                    parts.ledger, source, self._turn, hinted=hinted, looks=False
                )
        self._reading.select_next(taken.holding, taken.others, listed=source.lists)

    def _said_gone(self, turn: planning.Turn) -> int:
        """Count the codes that are said to be deleted: at most for half the calls of a run."""
        count = count_hinted(self._parts.ledger, self._parts.now())
        return min(count, max(1, turn.allowance // 2))

    def _look(self, turn: planning.Turn, at_most: int, said_gone: int) -> None:
        """Look at codes; what ends more than that is raised once it is accounted for."""
        parts = self._parts
        a_day = planning.calls_a_day(parts.meter.spent(), parts.plan_rules.share, parts.now())
        rules = replace(
            parts.codes.rules, ids_rise=do_ids_rise(parts.ledger), pages_at_most=int(a_day)
        )
        looks = CodeLooks(
            parts.codes.reader,
            parts.ledger,
            parts.start.run_id,
            parts.executor,
            rules,
            shop=turn.shop,
            price=turn.price,
            now=parts.now,
            watch=parts.watch,
        )
        self._tally.begins(lambda: self._tally.looked(looks.so_far()))
        codes = due(
            parts.ledger,
            at_most,
            parts.start.run_id,
            parts.start.started_at,
            doubted=rules.gone_at_most > 0,
            hinted_at_most=said_gone,
        )
        self._looked = looks.look(codes)
        self._tally.looked(self._looked)
        self.proven |= self._looked.codes.looked > 0
        if self._looked.stopped_by is not None:
            self._pay(turn)
            raise self._looked.stopped_by

    def _due(self, holding: int, failures: int, now: datetime) -> float:
        return self._turn.due(holding, failures, now) if self._turn else now.timestamp()

    def _not_yet(self, customers: int, codes: int) -> ParkError:
        left = self._parts.meter.spent().left_today
        tomorrow = next_day(self._parts.now())
        due_codes = "" if self._ended_by else f" and {codes} codes"
        msg = (
            f"{customers} customers{due_codes} are due and could not be asked: the calls that the "
            "plan has for this run are spent. The next runs go on; holdersync plan tells how long "
            "that takes"
        )
        return ParkError(msg, by="budget", resume_after=None if left else tomorrow)
